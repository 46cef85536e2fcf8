//! `code`: where a function's code comes from. These checks do not read files.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use std::path::{Component, Path, PathBuf};

use crate::diagnostic::{Diagnostic, Spot};
use crate::model::code::ObsObject;
use crate::model::text::{ImageAddress, ObsUrl};
use crate::rules::runtime::Language;

use super::nearest::similar_runtimes;
use super::source::Sources;

/// Where a function's code comes from: exactly one of dir, zip, jar, inline and obs.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("oneOf" = KINDS.map(|kind| json!({ "type": "object", "required": [kind] }))))]
pub(super) struct CodeEntry {
    /// A directory to pack, relative to this file. It is packed with everything in it except `.git`, `.hg`, `.svn`,
    /// `__pycache__`, `.DS_Store`, `Thumbs.db`, `*.pyc`, the data directory of `--local`, saved plans, and the files
    /// that `.fgctlignore` excludes. At most 50 MB packed. Example: `functions/intake`.
    dir: Option<String>,
    /// A zip archive to upload unchanged, relative to this file. At most 50 MB. Example: `build/settle.zip`.
    zip: Option<String>,
    /// A Java archive to upload unchanged, relative to this file. For Java. At most 50 MB. Example: `build/settle.jar`.
    jar: Option<String>,
    /// The text of the only source file, for Python, Node.js and PHP. The handler determines the file's name.
    pub(super) inline: Option<String>,
    /// An object in OBS that the service fetches; fgctl does not detect changes to its content. Example:
    /// `https://code.obs.eu-de.otc.t-systems.com/settle.zip`.
    obs: Option<ObsUrl>,
    /// For `obs`: any text, such as a version or a digest of the object. If it changes, the code is deployed again.
    /// Example: `1.4.2`.
    version: Option<String>,
}

const KINDS: [&str; 5] = ["dir", "zip", "jar", "inline", "obs"];

/// The location of a declared function's code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CodeSource {
    Directory(CodePath),
    Zip(CodePath),
    Jar(CodePath),
    /// A single file: its path in the archive, and its text.
    Inline {
        file: String,
        text: String,
    },
    Obs(ObsObject),
    /// A container image.
    Image(ImageAddress),
}

/// A path that stays inside `root`, judging by its text alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodePath {
    pub path: PathBuf,
    pub root: PathBuf,
    /// The path's position in the manifest.
    pub spot: Spot,
}

impl CodeSource {
    /// Whether it is shared code. Two equal texts are copies: one of them can change alone.
    pub(super) fn is_shared_with(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Inline { .. }, _) => false,
            (Self::Directory(one), Self::Directory(other))
            | (Self::Zip(one), Self::Zip(other))
            | (Self::Jar(one), Self::Jar(other)) => one.path == other.path,
            (Self::Obs(_) | Self::Image(_) | Self::Directory(_) | Self::Zip(_) | Self::Jar(_), _) => self == other,
        }
    }

    /// The file or directory, if there is one.
    pub(super) fn path(&self) -> Option<&CodePath> {
        match self {
            Self::Directory(path) | Self::Zip(path) | Self::Jar(path) => Some(path),
            Self::Inline { .. } | Self::Obs(_) | Self::Image(_) => None,
        }
    }
}

impl CodeEntry {
    /// The declared code; `None` if a diagnostic reports a problem.
    pub(super) fn source(
        &self,
        runtime_and_handler: Option<(&str, &str)>,
        sources: &Sources,
        spot: &Spot,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Option<CodeSource> {
        let Self { dir, zip, jar, inline, obs, version } = self;
        if version.is_some() && obs.is_none() {
            let finding = Diagnostic::error("version-without-obs", "`version` is for code in OBS")
                .at(spot.child("version").of_key())
                .help("remove it; fgctl compares the content of other code");
            diagnostics.push(finding);
        }
        let result = match (dir, zip, jar, inline, obs) {
            (Some(dir), None, None, None, None) => inside(dir, sources, spot.child("dir")).map(CodeSource::Directory),
            (None, Some(zip), None, None, None) => inside(zip, sources, spot.child("zip")).map(CodeSource::Zip),
            (None, None, Some(jar), None, None) => {
                let runtime = runtime_and_handler.map_or("", |(runtime, _)| runtime);
                refuse_jar(runtime, &spot.child("jar"))
                    .and_then(|()| inside(jar, sources, spot.child("jar")))
                    .map(CodeSource::Jar)
            }
            (None, None, None, Some(text), None) => {
                // If the runtime or the handler is missing, that is reported elsewhere.
                let (runtime, handler) = runtime_and_handler?;
                file_name(runtime, handler)
                    .map(|file| CodeSource::Inline { file, text: text.clone() })
                    .map_err(|error| Box::new(error.at(spot.child("inline"))))
            }
            (None, None, None, None, Some(url)) => {
                Ok(CodeSource::Obs(ObsObject { url: url.clone(), version: version.clone() }))
            }
            _ => {
                let message = "`code` needs exactly one of `dir`, `zip`, `jar`, `inline` and `obs`";
                Err(Box::new(Diagnostic::error("invalid-value", message).at(spot.clone())))
            }
        };
        result.map_err(|error| diagnostics.push(*error)).ok()
    }
}

/// A path in the file that contains it, which can be an overlay.
pub(super) fn inside(text: &str, sources: &Sources, spot: Spot) -> Result<CodePath, Box<Diagnostic>> {
    let path = Path::new(text);
    let refuse = |message: String| {
        let help = "a code path is relative to its manifest file, and must stay in the directory of that file, or in --root if you give it";
        Err(Box::new(Diagnostic::error("code-outside", message).at(spot.clone()).help(help)))
    };
    if text.is_empty() {
        return refuse("the code path is empty".into());
    }
    if path.is_absolute() {
        return refuse(format!("the code path `{text}` is absolute"));
    }
    let file = sources.file_of(&spot);
    let joined = file.directory.join(path);
    if !normal(&joined).starts_with(normal(&file.root)) {
        return refuse(format!("the code path `{text}` leads out of the directory `{}`", file.root.display()));
    }
    Ok(CodePath { path: joined, root: file.root.clone(), spot })
}

/// An absolute path without `.` and `..`. This changes only the text; symbolic links are checked when the code is read.
pub fn normal(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let mut normal = PathBuf::new();
    for component in absolute.components() {
        match component {
            Component::ParentDir => {
                normal.pop();
            }
            Component::CurDir => {}
            other => normal.push(other),
        }
    }
    normal
}

fn refuse_jar(runtime: &str, spot: &Spot) -> Result<(), Box<Diagnostic>> {
    if runtime.is_empty() || Language::of(runtime) == Language::Java {
        return Ok(());
    }
    let message = format!("a Java archive does not run on {runtime}");
    let help = "set `runtime` to a version of Java, or use `dir` or `zip`";
    Err(Box::new(Diagnostic::error("jar-runtime", message).at(spot.clone()).help(help)))
}

/// The file that the handler names: in Python, `index.handler` is in `index.py`.
fn file_name(runtime: &str, handler: &str) -> Result<String, Box<Diagnostic>> {
    let refuse = |message: String, help: String| Err(Box::new(Diagnostic::error("invalid-value", message).help(help)));
    let other = || "use `dir` or `zip` instead".to_owned();
    let Some(extension) = Language::of(runtime).source_extension() else {
        let message = format!("inline code needs Python, Node.js or PHP, but the runtime is `{runtime}`");
        return refuse(message, similar_runtimes(runtime).unwrap_or_else(other));
    };
    let plain = |path: &str| path.split('/').all(|part| !matches!(part, "" | "." | "..")) && !path.contains('\\');
    match handler.rsplit_once('.') {
        Some((path, _)) if plain(path) => Ok(format!("{path}.{extension}")),
        None => {
            let help = format!("write `handler: index.{handler}`; the code is then in `index.{extension}`");
            refuse(format!("the handler `{handler}` does not name a file for the inline code"), help)
        }
        Some(_) => refuse(format!("the handler `{handler}` does not name a file for the inline code"), other()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::source::Source;
    use super::*;

    fn sources() -> Sources {
        let mut sources = Sources::default();
        let text = String::new();
        sources.add(Source { name: "stack/a.yaml".into(), directory: "stack".into(), root: "stack".into(), text });
        sources
    }

    #[test]
    fn code_paths_stay_inside_the_root() {
        for (path, fine) in [
            ("functions/a", true),
            ("./a/../b", true),
            (".", true),
            ("..", false),
            ("../stack/a", true),
            ("../stackother", false),
            ("a/../../b", false),
            ("/etc", false),
            ("", false),
        ] {
            assert_eq!(inside(path, &sources(), Spot::value(0, "")).is_ok(), fine, "{path}");
        }
    }

    #[test]
    fn inline_code_is_put_into_the_handlers_file() {
        for (runtime, handler, file) in [
            ("Python3.9", "index.handler", Some("index.py")),
            ("Node.js18.15", "src/index.handler", Some("src/index.js")),
            ("PHP7.3", "index.handler", Some("index.php")),
            ("Java11", "com.Main.run", None),
            ("Python3.9", "bootstrap", None),
            ("Python3.9", "../index.handler", None),
            ("Python3.9", "/index.handler", None),
        ] {
            assert_eq!(file_name(runtime, handler).ok().as_deref(), file, "{runtime} {handler}");
        }
    }
}
