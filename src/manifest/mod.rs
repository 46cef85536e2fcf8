//! The manifest: YAML files in, validated functions out.
//!
//! From text to model: events of the YAML parser, a generic value, variables put in, judged by the JSON Schema, typed
//! entries, functions with names looked up and defaults filled in. All findings of a run are reported together, each at
//! its place. Nothing here knows the cloud, prints, or reads the environment other than through the request.

mod bundle;
mod code;
mod code_sources;
mod explain;
mod file;
mod form;
mod function;
mod handler_file;
mod hint;
mod json_schema;
mod judge;
mod left_out;
mod listing;
mod location;
mod names;
mod nearest;
mod policy;
mod regular_file;
mod resolve;
mod secret_file;
mod source;
mod target;
mod unpack;
mod variables;
pub mod write;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use crate::diagnostic::{Diagnostic, Spot};
use crate::model::function::Function;
use crate::model::text::StackName;

pub use bundle::BundleError;
pub use code::{CodePath, CodeSource};
pub use code_sources::CodeSources;
pub use handler_file::handler_obstacle;
pub use json_schema::published as published_schema;
pub use location::Location;
pub use nearest::suggestion;
pub use regular_file::open_regular;
pub use source::Sources;
pub use unpack::{UnpackError, Unpacked, unpack};

use code_sources::Declared;
use file::Files;
use function::DefaultsEntry;
use names::Names;
use resolve::Context;
use source::{Document, Found};
use variables::{Substituted, Uses, Variables};

/// What to read, and where variables and secrets come from.
pub struct Request<'a> {
    /// Files, directories, or `-`.
    pub paths: &'a [PathBuf],
    /// What code paths stay in, instead of their manifest's directory.
    pub root: Option<&'a Path>,
    /// `--var`, in order; a later one wins.
    pub variables: &'a [(String, String)],
    /// `--var-file`, in order; a later one wins.
    pub variable_files: &'a [PathBuf],
    /// The process environment: `FGCTL_VAR_…`, and the variables that secrets name.
    pub environment: &'a dyn Fn(&str) -> Option<String>,
    /// Standard input, at most so many bytes of it.
    pub standard_input: &'a dyn Fn(u64) -> io::Result<Vec<u8>>,
}

/// What a request gave. The diagnostics have spots; [`Sources::locate`] gives them places.
#[derive(Debug)]
pub struct Loaded {
    pub sources: Sources,
    pub diagnostics: Vec<Diagnostic>,
    /// `None` where there are errors.
    pub manifest: Option<Manifest>,
    /// What could be resolved in spite of errors.
    partial: Vec<Function>,
}

impl Loaded {
    /// The functions to look for cycles among: with errors, those that could be resolved, so that all is said at once.
    pub fn functions(&self) -> Vec<&Function> {
        self.manifest.as_ref().map_or(&self.partial, |manifest| &manifest.functions).iter().collect()
    }
}

/// A stack's functions, as its manifests declare them.
#[derive(Debug, Clone)]
pub struct Manifest {
    pub stack: StackName,
    pub location: Location,
    /// In the order of their keys.
    pub functions: Vec<Function>,
    /// Policies and targets that are declared by name, used or not: for summaries.
    pub named_policies: usize,
    pub named_targets: usize,
    pub code: CodeSources,
}

/// Reads, judges and resolves everything that a request names.
pub fn load(request: &Request) -> Loaded {
    let mut sources = Sources::default();
    let mut diagnostics = Vec::new();
    let found = source::find(request.paths, request.variable_files, &mut diagnostics);
    let all_found = diagnostics.is_empty();
    let documents = std::thread::scope(|threads| {
        // Making it takes as long as reading a hundred functions.
        // Where there is no other thread to be had, this one makes it.
        let _ = std::thread::Builder::new().spawn_scoped(threads, json_schema::validator);
        read(&found, request, &mut sources, &mut diagnostics)
    });
    let all_read = all_found && documents.len() == found.len();
    let declared = Variables::declared(&documents, !all_read, &mut diagnostics);
    let variables = variables(request, declared, &mut sources, &mut diagnostics);
    let (files, names, uses) = judge(documents, &variables, &sources, &mut diagnostics);
    let resolved = match files {
        // With a file that could not be read, what it declares would seem to be missing.
        Some(files) if all_read => resolve(files, names, request, &sources, &mut diagnostics),
        _ => None,
    };
    for (source, uses) in &uses {
        variables.name_origins(*source, uses, &mut diagnostics);
    }
    let valid = !diagnostics.iter().any(Diagnostic::is_error);
    let (manifest, partial) = match resolved {
        Some(manifest) if valid => (Some(manifest), Vec::new()),
        Some(manifest) => (None, manifest.functions),
        None => (None, Vec::new()),
    };
    Loaded { sources, diagnostics, manifest, partial }
}

/// The files that could be read, by their sources.
type Documents = Vec<(usize, Document)>;

fn read(found: &[Found], request: &Request, sources: &mut Sources, diagnostics: &mut Vec<Diagnostic>) -> Documents {
    found.iter().filter_map(|found| read_file(found, request, sources, diagnostics)).collect()
}

/// `None` once a diagnostic says why there is nothing to read.
fn read_file(
    found: &Found,
    request: &Request,
    sources: &mut Sources,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<(usize, Document)> {
    let mut source = source::read(found, request.standard_input).map_err(|error| diagnostics.push(*error)).ok()?;
    if let Some(root) = request.root {
        root.clone_into(&mut source.root);
    }
    let index = sources.add(source);
    Some((index, sources.document(index, diagnostics)?))
}

/// Puts variables in, and reads each file by the schema. `None` where a file is wrong as a whole.
fn judge(
    documents: Documents,
    variables: &Variables,
    sources: &Sources,
    diagnostics: &mut Vec<Diagnostic>,
) -> (Option<Files>, Names, Vec<(usize, Uses)>) {
    let (mut files, mut names, mut whole) = (Files::default(), Names::default(), true);
    let mut all_uses = Vec::new();
    // One by one, so that each file's value is gone before the next is read.
    for (source, Document { mut value, .. }) in documents {
        let mut substituted = Substituted::default();
        if sources.get(source).text.contains("${") {
            substituted = variables.substitute(source, &mut value, diagnostics);
        }
        let Substituted { mut failed, typed, uses } = substituted;
        all_uses.push((source, uses));
        judge::type_texts(&mut value, typed);
        match judge::judge(source, value, &mut failed, diagnostics) {
            Some(file) => files.add(source, file, diagnostics),
            None => whole = false,
        }
        names.refused.append(&mut failed);
    }
    (whole.then_some(files), names, all_uses)
}

/// The values of variables: declared, then from files, the environment and arguments.
fn variables(
    request: &Request,
    mut variables: Variables,
    sources: &mut Sources,
    diagnostics: &mut Vec<Diagnostic>,
) -> Variables {
    let mut all_given = true;
    for path in request.variable_files {
        let found = Found::variables(path);
        let read = read_file(&found, request, sources, diagnostics);
        all_given &= read.is_some_and(|(source, document)| variables.take_file(source, &document, diagnostics));
    }
    variables.take_environment(request.environment);
    variables.take_arguments(request.variables, diagnostics);
    // A file that could not be read may have had what seems to be missing.
    if all_given {
        variables.check(diagnostics);
    }
    variables
}

/// Functions from entries: names first, so that everything can refer to everything.
fn resolve(
    files: Files,
    mut names: Names,
    request: &Request,
    sources: &Sources,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Manifest> {
    let none = DefaultsEntry::default();
    let defaults = files.defaults.as_ref().map_or(&none, |(defaults, _)| defaults);
    declare(&files, defaults, &mut names, diagnostics);
    let mut functions = Vec::with_capacity(files.functions.len());
    let mut code = BTreeMap::new();
    // Each entry goes as its function comes: together they would be the most memory of a run.
    for (key, (entry, spot)) in files.functions {
        let context = Context {
            defaults,
            defaults_spot: files.defaults.as_ref().map(|(_, spot)| spot),
            names: &names,
            environment: request.environment,
            source: sources.get(spot.source),
        };
        if let Some((function, source)) = resolve::function(key, &entry, &spot, &context, diagnostics) {
            // A handler that `defaults` give is not what is wrong where one function lacks its file.
            let handler = if entry.handler.value().is_some() { "handler" } else { "code" };
            let declared = source.map(|source| Declared { source, handler_spot: spot.child(handler) });
            code.extend(declared.map(|declared| (function.address.clone(), declared)));
            functions.push(function);
        }
    }
    // Without a stack there is an error by now, and only cycles are still looked for.
    let (stack, _) = files.stack.or_else(|| Some((StackName::new("none").ok()?, Spot::value(0, ""))))?;
    let (named_policies, named_targets) = (files.policies.len(), files.targets.len());
    let (location, code) = (files.location, CodeSources::new(code));
    Some(Manifest { stack, location, functions, named_policies, named_targets, code })
}

/// Fills `names`: functions, then targets, which name functions, then policies, which name targets.
fn declare(files: &Files, defaults: &DefaultsEntry, names: &mut Names, diagnostics: &mut Vec<Diagnostic>) {
    let address = |(key, (entry, _)): (&String, &(_, _))| (key.clone(), resolve::address(key, entry, defaults));
    names.functions = files.functions.iter().map(address).collect();
    let declared = names.functions.values().zip(files.functions.values());
    let declared = declared.filter_map(|(address, (_, spot))| Some((address.as_ref()?, spot)));
    resolve::refuse_duplicates(declared, diagnostics);
    let mut targets = BTreeMap::new();
    for (name, (entry, spot)) in &files.targets {
        targets.insert(name.clone(), entry.target(spot, names, diagnostics));
    }
    names.targets = targets;
    let mut policies = BTreeMap::new();
    for (name, (entry, spot)) in &files.policies {
        policies.insert(name.clone(), Some(entry.resolve(spot, names, diagnostics)));
    }
    names.policies = policies;
}

#[cfg(test)]
mod tests;
