//! Whether the code contains the handler's file, judging by file names.

use std::collections::BTreeSet;
use std::io::Cursor;
use zip::ZipArchive;

use crate::model::field::Field;
use crate::model::function::LiveConfiguration;
use crate::model::text::Handler;
use crate::rules::runtime::{BOOTSTRAP, Language};

/// The file that the code lacks.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct MissingHandler {
    /// The file that should contain the handler: "`index.py`".
    pub(super) expected: String,
    /// Whether the function certainly cannot start. Otherwise the handler may exist in a form that file names do not
    /// show.
    pub(super) certain: bool,
}

/// Returns `None` if the handler's file exists, or if file names cannot show it.
pub(super) fn missing(runtime: &str, handler: &str, files: &BTreeSet<&str>) -> Option<MissingHandler> {
    match Language::of(runtime) {
        Language::Python => {
            let file = handler.rsplit_once('.')?.0;
            // A dotted path is a package. A module can be compiled, and a package can be a directory.
            let dotted = file.replace('.', "/");
            let found = [file, dotted.as_str()].iter().any(|module| {
                let modules = ["py", "pyc"].map(|extension| format!("{module}.{extension}"));
                let package = format!("{module}/__init__.py");
                modules.iter().chain([&package]).any(|name| files.contains(name.as_str()))
                    || has_compiled_module(files, module)
            });
            (!found).then(|| certainly(format!("{file}.py")))
        }
        Language::NodeJs => source(handler, &[".js", ".mjs", ".cjs", ".node", "/index.js", "/package.json"], files),
        Language::Php => source(handler, &[".php"], files),
        Language::Custom => (!files.contains(BOOTSTRAP)).then(|| certainly(BOOTSTRAP.to_owned())),
        Language::Java => {
            let class = handler.rsplit_once('.')?.0.replace('.', "/") + ".class";
            let found = files.contains(class.as_str()) || any_ends(files, ".jar");
            (!found).then(|| perhaps(format!("{class}` or a file `*.jar")))
        }
        Language::Go => {
            let program = handler.split('.').next()?;
            let plugin = format!("{program}.so");
            let found = files.contains(handler) || files.contains(program) || files.contains(plugin.as_str());
            (!found).then(|| perhaps(handler.to_owned()))
        }
        Language::CSharp => {
            let assembly = format!("{}.dll", handler.split("::").next()?);
            let found = files.iter().any(|file| file.rsplit('/').next() == Some(assembly.as_str()));
            (!found).then(|| perhaps(assembly))
        }
        Language::Unknown => None,
    }
}

/// The only file of the code that could be meant instead, with a handler that names it.
pub(super) fn likely<'a>(expected: &str, handler: &str, files: &BTreeSet<&'a str>) -> Option<(&'a str, String)> {
    let (_, extension) = expected.rsplit_once('.')?;
    let (_, function) = handler.rsplit_once('.')?;
    let stem = |file: &&'a str| file.rsplit_once('.').filter(|(_, found)| *found == extension).map(|(stem, _)| stem);
    let mut found = files.iter().filter_map(|file| Some((*file, stem(file)?)));
    match (found.next(), found.next()) {
        (Some((file, stem)), None) => Some((file, format!("{stem}.{function}"))),
        _ => None,
    }
}

/// The functions that inline code defines, if it defines some but does not mention the handler's.
pub(super) fn other_functions<'a>(runtime: &str, handler: &str, text: &'a str) -> Option<Vec<&'a str>> {
    let (_, function) = handler.rsplit_once('.')?;
    let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
    if text.split(|c| !is_word(c)).any(|word| word == function) || text.contains("import *") {
        return None;
    }
    let beginnings: &[&str] = match Language::of(runtime) {
        Language::Python => &["def ", "async def "],
        Language::NodeJs => &["exports.", "module.exports."],
        Language::Php => &["function "],
        _ => return None,
    };
    let defined = |line: &'a str| {
        let rest = beginnings.iter().find_map(|beginning| line.strip_prefix(beginning))?;
        rest.split(|c| !is_word(c)).next().filter(|name| !name.is_empty())
    };
    let defined: Vec<&str> = text.lines().filter_map(defined).collect();
    (!defined.is_empty()).then_some(defined)
}

/// Why a manifest that declares a live function's handler would be refused, if its archive lacks the handler's file.
pub fn handler_obstacle(live: &LiveConfiguration, archive: &[u8]) -> Option<String> {
    let (runtime, handler) = (live.text(Field::Runtime), live.text(Field::Handler));
    Handler::new(handler).ok()?;
    let archive = ZipArchive::new(Cursor::new(archive)).ok()?;
    let names = archive.file_names().collect::<Result<BTreeSet<_>, _>>().ok()?;
    let files = names.iter().map(AsRef::as_ref).collect();
    let MissingHandler { expected, certain } = missing(runtime, handler, &files)?;
    certain.then(|| format!("its code has no file `{expected}`"))
}

/// Checks a handler `path/file.function` of a language with source files.
fn source(handler: &str, endings: &[&str], files: &BTreeSet<&str>) -> Option<MissingHandler> {
    let file = handler.rsplit_once('.')?.0;
    let found = endings.iter().any(|ending| files.contains(format!("{file}{ending}").as_str()));
    (!found).then(|| certainly(format!("{file}{}", endings[0])))
}

/// Whether there is an extension module. Its name includes the Python version: `index.cpython-39-x86_64-linux-gnu.so`.
fn has_compiled_module(files: &BTreeSet<&str>, module: &str) -> bool {
    files.iter().any(|file| {
        file.strip_prefix(module).is_some_and(|rest| rest.starts_with('.') && rest.split('.').next_back() == Some("so"))
    })
}

fn any_ends(files: &BTreeSet<&str>, ending: &str) -> bool {
    files.iter().any(|file| file.ends_with(ending))
}

const fn certainly(expected: String) -> MissingHandler {
    MissingHandler { expected, certain: true }
}

const fn perhaps(expected: String) -> MissingHandler {
    MissingHandler { expected, certain: false }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inline_code_without_the_handlers_function_is_recognized() {
        let python = "def handler(event, context):\n  pass\n";
        for (runtime, handler, text, expected) in [
            ("Python3.9", "index.handler", python, None),
            ("Python3.9", "index.nope", python, Some(vec!["handler"])),
            ("Python3.9", "index.nope", "from x import nope\ndef handler(): pass\n", None),
            ("Python3.9", "index.nope", "from x import *\ndef handler(): pass\n", None),
            ("Python3.9", "index.nope", "x", None),
            ("Node.js18.15", "index.nope", "exports.handler = 1", Some(vec!["handler"])),
            ("Node.js18.15", "index.handler", "exports.handler = 1", None),
            ("PHP7.3", "index.nope", "<?php\nfunction handler($e) {}", Some(vec!["handler"])),
            ("Custom", "index.nope", python, None),
        ] {
            assert_eq!(other_functions(runtime, handler, text), expected, "{runtime} {handler} {text}");
        }
    }

    #[test]
    fn each_runtime_looks_for_its_own_files() {
        // `Some(true)`: certainly missing. `Some(false)`: possibly missing.
        for (runtime, handler, files, expected) in [
            ("Python3.9", "index.handler", &["index.py"][..], None),
            ("Python3.9", "index.handler", &["index.pyc"], None),
            ("Python3.9", "index.handler", &["index/__init__.py"], None),
            ("Python3.9", "index.handler", &["index.cpython-39-x86_64-linux-gnu.so"], None),
            ("Python3.9", "pkg/mod.handler", &["pkg/mod.py"], None),
            ("Python3.9", "pkg.mod.handler", &["pkg/mod.py"], None),
            ("Python3.9", "index.handler", &["src/index.py"], Some(true)),
            ("Python3.9", "index.handler", &["Index.py"], Some(true)),
            ("Node.js18.15", "index.handler", &["index.mjs"], None),
            ("Node.js18.15", "src/index.handler", &["src/index.cjs"], None),
            ("Node.js18.15", "index.handler", &["index.ts"], Some(true)),
            ("PHP8.3", "index.handler", &["index.php"], None),
            ("PHP8.3", "index.handler", &["index.py"], Some(true)),
            ("Custom", "anything", &["bootstrap"], None),
            ("http", "-", &["bin/bootstrap"], Some(true)),
            ("Java11", "com.acme.Main.run", &["app.jar"], None),
            ("Java11", "com.acme.Main.run", &["com/acme/Main.class"], None),
            ("Java11", "com.acme.Main.run", &["README"], Some(false)),
            ("Go1.x", "handler", &["handler"], None),
            ("Go1.x", "main.Handler", &["main.so"], None),
            ("Go1.x", "handler", &["main"], Some(false)),
            ("C#(.NET Core 6.0)", "app::ns.Program::Run", &["app.dll"], None),
            ("C#(.NET Core 6.0)", "app::ns.Program::Run", &["lib.dll"], Some(false)),
            ("Cangjie1.0", "x", &["y"], None),
            ("Custom Image", "-", &[], None),
            ("Python3.9", "handler", &["index.py"], None),
        ] {
            let files = files.iter().copied().collect();
            let found = missing(runtime, handler, &files).map(|missing| missing.certain);
            assert_eq!(found, expected, "{runtime} {handler} {files:?}");
        }
    }
}
