//! The code of all functions of a manifest: inspects, reads and packs it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::diagnostic::{Diagnostic, Spot};
use crate::model::address::FunctionAddress;
use crate::model::code::Code;
use crate::model::field::Field;
use crate::model::function::Function;
use crate::rules::entry_name;

use super::bundle;
use super::bundle_error::BundleError;
use super::code::CodeSource;
use super::handler_file::{self, MissingHandler};
use super::left_out::IGNORE_FILE;
use super::listing::{self, Listing};

/// The number of files that a warning about secrets names.
const NAMED: usize = 3;

/// Where the code of each function comes from.
#[derive(Debug, Clone)]
pub struct CodeSources(BTreeMap<FunctionAddress, Declared>);

/// One function's code.
#[derive(Debug, Clone)]
pub(super) struct Declared {
    pub(super) source: CodeSource,
    /// Where to report that the code lacks the handler's file.
    pub(super) handler_spot: Spot,
}

impl CodeSources {
    pub(super) fn new(declared: BTreeMap<FunctionAddress, Declared>) -> Self {
        Self(declared)
    }

    /// Whether two functions share their code, judging by the manifests alone.
    pub fn is_shared(&self, one: &FunctionAddress, other: &FunctionAddress) -> bool {
        let [one, other] = [one, other].map(|function| self.0.get(function).map(|declared| &declared.source));
        one.zip(other).is_some_and(|(one, other)| one.is_shared_with(other))
    }

    /// The function whose packed directory has this file, or will have it once it exists.
    pub(super) fn packing(&self, file: &Path) -> Option<&FunctionAddress> {
        let mut all = self.0.iter();
        all.find(|(_, declared)| listing::would_pack(&declared.source, file)).map(|(function, _)| function)
    }

    /// Checks names and kinds of the files without reading all of them.
    pub fn inspect(&self, functions: &[Function]) -> Vec<Diagnostic> {
        self.listed(functions, check)
    }

    /// Like [`Self::inspect`], for functions with errors: their handler and runtime may not be the declared ones.
    pub fn inspect_files(&self, functions: &[Function]) -> Vec<Diagnostic> {
        self.listed(functions, |_, _, _| Vec::new())
    }

    fn listed(
        &self,
        functions: &[Function],
        check: impl Fn(&Function, &Declared, &Listing) -> Vec<Diagnostic>,
    ) -> Vec<Diagnostic> {
        let (mut known, mut diagnostics) = (BTreeMap::new(), Vec::new());
        for function in functions {
            let Some(declared) = self.0.get(&function.address) else { continue };
            let shared = declared.source.shared();
            if let Some(listing) = shared.and_then(|shared| known.get(&shared)) {
                diagnostics.extend(check(function, declared, listing));
                continue;
            }
            match bundle::list(&declared.source) {
                Ok(listing) => {
                    diagnostics.extend(check(function, declared, &listing));
                    known.extend(shared.map(|shared| (shared, listing)));
                }
                // A build may create the file after `validate` checks the manifest.
                Err(error @ BundleError::NoArchive(_)) => {
                    let missing = Diagnostic::warning("missing-archive", error.to_string());
                    diagnostics.push(at_code(missing, &declared.source).help("build it before plan and apply"));
                }
                Err(error) => diagnostics.push(unusable(function, &declared.source, &error)),
            }
        }
        diagnostics
    }

    /// Reads the code of every function, as far as its hash requires. Code that several functions share is read once.
    /// Returns `None` if diagnostics report a problem.
    pub fn read(
        &self,
        functions: &[Function],
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Option<BTreeMap<FunctionAddress, Code>> {
        let mut known: BTreeMap<(&Path, &str), (Code, Listing)> = BTreeMap::new();
        let (mut all, mut found) = (BTreeMap::new(), Vec::new());
        for function in functions {
            let Some(declared) = self.0.get(&function.address) else { continue };
            let shared = declared.source.shared();
            if let Some((code, listing)) = shared.and_then(|shared| known.get(&shared)) {
                found.extend(check(function, declared, listing));
                all.insert(function.address.clone(), code.clone());
                continue;
            }
            match bundle::read(&declared.source) {
                Ok((code, listing)) => {
                    found.extend(check(function, declared, &listing));
                    all.insert(function.address.clone(), code.clone());
                    known.extend(shared.map(|shared| (shared, (code, listing))));
                }
                Err(error) => found.push(unusable(function, &declared.source, &error)),
            }
        }
        let usable = !found.iter().any(Diagnostic::is_error);
        diagnostics.append(&mut found);
        usable.then_some(all)
    }

    /// Packs the archive to upload for a function. `None` for code that the service fetches itself, and for a function
    /// that is not declared.
    pub fn archive(&self, function: &FunctionAddress) -> Result<Option<Vec<u8>>, BundleError> {
        self.0.get(function).map_or(Ok(None), |declared| bundle::archive(&declared.source))
    }
}

impl CodeSource {
    /// What equal code has in common: the path and the last part of its place, which says how the path is meant, as a
    /// directory, a zip or a jar.
    fn shared(&self) -> Option<(&Path, &str)> {
        let code = self.path()?;
        Some((code.path.as_path(), code.spot.pointer.rsplit('/').next().unwrap_or_default()))
    }
}

/// Problems of files that can be packed. Inline code was already checked with the manifest.
fn check(function: &Function, declared: &Declared, listing: &Listing) -> Vec<Diagnostic> {
    let Declared { source, handler_spot } = declared;
    if source.path().is_none() || function.ignore.contains(&Field::Code) {
        return Vec::new();
    }
    let secrets = secrets(source, &listing.secrets).map(|warning| at_code(warning, source));
    let is_live_handler = [Field::Handler, Field::Runtime].iter().any(|field| function.ignore.contains(field));
    let handlers = if is_live_handler { Vec::new() } else { handlers(function, listing) };
    secrets.into_iter().chain(handlers.into_iter().map(|finding| finding.at(handler_spot.clone()))).collect()
}

/// Checks the handler and the initializer. A file that both lack is reported once.
fn handlers(function: &Function, listing: &Listing) -> Vec<Diagnostic> {
    let configuration = &function.configuration;
    let (runtime, handler) = (configuration.text(Field::Runtime), configuration.text(Field::Handler));
    let initializer = configuration.get(Field::Initializer).and_then(|hook| hook.get("handler")?.as_str());
    let files: BTreeSet<&str> = listing.files.keys().map(String::as_str).collect();
    let initializer = initializer.filter(|_| !function.ignore.contains(&Field::Initializer));
    // A live function may have an initializer that does not load, and its export must still be valid.
    let named = [Some(("handler", handler, true)), initializer.map(|initializer| ("initializer", initializer, false))];
    let mut missing = BTreeMap::new();
    for (what, handler, is_required) in named.into_iter().flatten() {
        let found = handler_file::missing(runtime, handler, &files);
        let Some(MissingHandler { expected, certain }) = found else { continue };
        let message = format!("the code has no file `{expected}`, which {runtime} needs for the {what} `{handler}`");
        let finding = if certain && is_required { Diagnostic::error } else { Diagnostic::warning };
        let help = handler_file::likely(&expected, handler, &files)
            .map(|(file, handler)| format!("the code has `{file}`; for that file, write `{what}: {handler}`"));
        missing.entry(expected).or_insert_with(|| Diagnostic { help, ..finding("handler-not-in-code", message) });
    }
    missing.into_values().collect()
}

fn secrets(source: &CodeSource, files: &[String]) -> Option<Diagnostic> {
    let named: Vec<String> = files.iter().take(NAMED).map(|file| format!("`{}`", entry_name::shown(file))).collect();
    let first = files.first()?;
    let others = files.len() - named.len();
    let others = if others > 0 { format!(" and {others} more") } else { String::new() };
    let message = format!("the code contains files that look like secrets: {}{others}", named.join(", "));
    let leave_out = match source {
        CodeSource::Zip(_) | CodeSource::Jar(_) => "build the archive without them".to_owned(),
        _ => format!("list them in {IGNORE_FILE} to leave them out"),
    };
    let help = format!("{leave_out}; or add `!{first}` to {IGNORE_FILE} to include that file without a warning");
    Some(Diagnostic::warning("secret-in-code", message).help(help))
}

/// Ignored code is needed only to create the function, and a create without code is refused separately.
fn unusable(function: &Function, source: &CodeSource, error: &BundleError) -> Diagnostic {
    let finding = if function.ignore.contains(&Field::Code) { Diagnostic::warning } else { Diagnostic::error };
    Diagnostic { help: error.help(), ..at_code(finding("unusable-code", error.to_string()), source) }
}

fn at_code(diagnostic: Diagnostic, source: &CodeSource) -> Diagnostic {
    diagnostic.at_any(source.path().map(|path| &path.spot))
}
