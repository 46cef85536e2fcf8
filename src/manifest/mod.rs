//! Reads YAML files and returns validated functions.
//!
//! The steps: events of the YAML parser, a generic value, variables substituted, the JSON Schema checked, typed
//! entries, and functions with names looked up and defaults filled in. All findings are reported together, each at its
//! place. Nothing here accesses the cloud or prints; the environment comes from the inputs.

mod agreement;
mod bundle;
mod bundle_error;
mod check;
mod code;
mod code_sources;
mod declared;
mod entry;
pub mod environments;
mod existing;
mod explain;
mod field;
mod file;
mod foreign;
mod function;
mod handler_file;
mod hint;
mod json_schema;
mod left_out;
mod listing;
mod location;
mod names;
mod nearest;
mod notation;
pub mod overlay;
mod package;
mod policy;
mod quantity;
mod regular_file;
mod resolve;
mod secret_file;
mod shared;
mod source;
mod target;
mod together;
mod trigger;
mod unpack;
mod variables;
pub mod write;

use secrecy::SecretString;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use crate::diagnostic::{Diagnostic, Spot};
use crate::model::address::FunctionAddress;
use crate::model::existing::{ExistingFunction, Holder};
use crate::model::field::Field;
use crate::model::function::Function;
use crate::model::secret::Secret;
use crate::model::text::StackName;

pub use bundle_error::BundleError;
pub use code::{CodePath, CodeSource, normal};
pub use code_sources::CodeSources;
pub use handler_file::handler_obstacle;
pub use json_schema::published as published_schema;
pub use location::Location;
pub use nearest::{listed, nearest, suggestion};
pub use package::Packages;
pub use regular_file::open_regular;
pub use source::{Lints, STANDARD_INPUT, Sources, UNUSED_IGNORE, directory_of, is_yaml, manifests_of};
pub use unpack::{UnpackError, Unpacked, keep_jar, unpack};

use check::Checked;
use code_sources::Declared;
use declared::DeclaredFields;
use entry::Entry;
use environments::Environment;
use file::Files;
use function::DefaultsEntry;
use names::Names;
use resolve::Context;
use source::{Document, Found, Lack, Order, Role, no_manifest};
use variables::{Substituted, Uses, Variables};

/// What to read, and the sources of variables and secrets.
pub struct Inputs<'a> {
    /// Files, directories, or `-`.
    pub paths: &'a [PathBuf],
    /// The directory that code paths must stay in, instead of their manifest's directory.
    pub root: Option<&'a Path>,
    /// The environment of `--env`. Its files are among those that are named here.
    pub selected: Option<&'a Environment>,
    /// YAML files that may lie beside the manifests, but are not manifests.
    pub not_manifests: &'a [PathBuf],
    /// `--var`, in order; a later one takes precedence.
    pub variables: &'a [(String, String)],
    /// `--var-file`, in order; a later one takes precedence.
    pub variable_files: &'a [PathBuf],
    /// The process environment: `FGCTL_VAR_…`, and the variables that secrets name.
    pub environment: &'a dyn Fn(&str) -> Option<String>,
    /// Standard input, up to the given number of bytes.
    pub standard_input: &'a dyn Fn(u64) -> io::Result<Vec<u8>>,
}

/// The result of a load. The diagnostics have spots; [`Sources::locate`] turns them into positions.
#[derive(Debug)]
pub struct Loaded {
    pub sources: Sources,
    pub diagnostics: Vec<Diagnostic>,
    /// `None` if there are errors.
    pub manifest: Option<Manifest>,
    /// What could be resolved despite errors.
    pub partial: Option<Manifest>,
    /// The values of all variables that secrets name in any file, even in one with errors, or if an overlay removes the secret.
    pub secrets: BTreeMap<String, SecretString>,
    /// The names of the declared variables.
    pub variables: Vec<String>,
}

impl Loaded {
    /// The functions to search for cycles. With errors, these are the ones that could be resolved, so that cycles are
    /// reported together with the errors.
    pub fn holders(&self) -> impl Iterator<Item = Holder<'_>> {
        self.manifest.iter().chain(&self.partial).flat_map(Manifest::holders)
    }
}

/// The functions of a stack as its manifests declare them.
#[derive(Debug, Clone)]
pub struct Manifest {
    pub stack: StackName,
    pub location: Location,
    /// Sorted by key.
    pub functions: Vec<Function>,
    /// Functions that something else deploys, sorted by key.
    pub existing: Vec<ExistingFunction>,
    /// The number of named policies and targets, used or not, for summaries.
    pub named_policies: usize,
    pub named_targets: usize,
    pub code: CodeSources,
    pub packages: Packages,
}

impl Manifest {
    /// Every declared function, no matter who deploys it.
    pub fn holders(&self) -> impl Iterator<Item = Holder<'_>> {
        self.functions.iter().map(Holder::from).chain(self.existing.iter().map(Holder::from))
    }

    /// A function into which a file at this path is packed, or will be once it exists.
    pub fn packing(&self, file: &Path) -> Option<&FunctionAddress> {
        let file = listing::resolved(file);
        self.code.packing(&file).or_else(|| self.packages.packing(&file))
    }

    /// The secrets of functions and of triggers.
    pub fn secrets(&self) -> impl Iterator<Item = &Secret> {
        let of_functions = self.functions.iter().flat_map(|function| function.secrets.values());
        let triggers = self.holders().flat_map(|holder| holder.triggers.values());
        of_functions.chain(triggers.flat_map(|trigger| trigger.secrets.values()))
    }
}

/// Reads, checks and resolves everything that the inputs name.
pub fn load(inputs: &Inputs) -> Loaded {
    let mut sources = Sources::default();
    let mut diagnostics = Vec::new();
    let selected = inputs.selected.map(|environment| (environment, environment.add_to(&mut sources)));
    let entry_of =
        |directory: &Path| selected.and_then(|(environment, source)| environment.entry_of(source, directory));
    let others = [inputs.variable_files, inputs.not_manifests].concat();
    let found = source::find(inputs.paths, &others, &entry_of, &mut diagnostics);
    let all_found = diagnostics.is_empty();
    let (documents, all_read, empty) = std::thread::scope(|threads| {
        // Building the validator takes as long as reading a hundred functions. If no thread is available, this thread
        // builds it.
        let _ = std::thread::Builder::new().spawn_scoped(threads, json_schema::validator);
        read(&found, inputs, &mut sources, &mut diagnostics)
    });
    diagnostics
        .extend(empty.iter().map(|directory| no_manifest(directory, Lack::OnlyOverlays, entry_of(directory).as_ref())));
    let all_read = all_found && all_read;
    let documents = overlay::apply(documents, !all_read, &mut sources, &mut diagnostics);
    let declared = Variables::declared(&documents, !all_read, &mut diagnostics);
    let variables = variables(inputs, declared, &mut sources, &mut diagnostics);
    let secrets = secrets(&sources, &variables, inputs.environment);
    let (mut files, uses) = check_files(documents, &variables, &sources, &mut diagnostics);
    if let (Some(files), Some((environment, source))) = (&mut files, selected) {
        files.select(environment, source, &mut diagnostics);
    }
    let resolved = match files {
        // Names from an unreadable file would seem to be missing.
        Some(files) if all_read => resolve(files, inputs, &sources, &mut diagnostics),
        _ => None,
    };
    for (source, uses) in &uses {
        variables.name_origins(*source, uses, &mut diagnostics);
    }
    let valid = !diagnostics.iter().any(Diagnostic::is_error);
    let (manifest, partial) = if valid { (resolved, None) } else { (None, resolved) };
    Loaded { sources, diagnostics, manifest, partial, secrets, variables: variables.into_names() }
}

/// The files that could be read, with the index of their source.
type Documents = Vec<(usize, Document)>;

/// The files, whether all of them could be read, and the directories that contain only overlays. Overlays that are not
/// named themselves are left out. An overlay that is named again is there again, because it changes what the files before it
/// declare.
fn read<'f>(
    order: &'f Order,
    inputs: &Inputs,
    sources: &mut Sources,
    diagnostics: &mut Vec<Diagnostic>,
) -> (Documents, bool, Vec<&'f Path>) {
    let Order { files, positions } = order;
    let (mut documents, mut all_read, mut left_out) = (Documents::new(), true, BTreeMap::<_, Vec<&Found>>::new());
    // Overlays by their positions, as indices of `documents`.
    let mut overlays = BTreeMap::<usize, usize>::new();
    let mut next = 0;
    for &position in positions {
        if position < next {
            let again = overlays.get(&position).map(|index| documents[*index].clone());
            documents.extend(again);
            continue;
        }
        next = position + 1;
        let found = &files[position];
        let before = diagnostics.len();
        match (read_file(found, inputs, sources, diagnostics), found.directory()) {
            (Some((_, document)), Some(directory)) if overlay::is_overlay(&document.value) => {
                sources.remove_last();
                diagnostics.truncate(before);
                left_out.entry(directory).or_default().push(found);
            }
            (Some((source, document)), _) => {
                overlays.extend(overlay::is_overlay(&document.value).then_some((position, documents.len())));
                documents.push((source, document));
            }
            (None, _) => all_read = false,
        }
    }
    let is_empty = |(directory, left_out): &(&Path, Vec<&Found>)| {
        files.iter().filter(|found| found.is_in(directory)).count() == left_out.len()
    };
    let empty = left_out.into_iter().filter(is_empty).map(|(directory, _)| directory).collect();
    (documents, all_read, empty)
}

/// Returns `None` if a diagnostic reports a problem.
fn read_file(
    found: &Found,
    inputs: &Inputs,
    sources: &mut Sources,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<(usize, Document)> {
    let mut source = source::read(found, inputs.standard_input).map_err(|error| diagnostics.push(*error)).ok()?;
    if let Some(root) = inputs.root {
        root.clone_into(&mut source.root);
    }
    let index = sources.add(source);
    Some((index, sources.document(index, diagnostics)?))
}

/// Substitutes variables and checks each file against the schema. `None` if a whole file is wrong.
fn check_files(
    documents: Documents,
    variables: &Variables,
    sources: &Sources,
    diagnostics: &mut Vec<Diagnostic>,
) -> (Option<Files>, Vec<(usize, Uses)>) {
    let (mut files, mut whole) = (Files::default(), true);
    let mut all_uses = Vec::new();
    // Drops each file's value before the next one is read.
    for (source, Document { mut value, .. }) in documents {
        let mut substituted = Substituted::default();
        if sources.mention(source, "${") {
            substituted = variables.substitute(source, &mut value, diagnostics);
        }
        let Substituted { mut failed, typed, uses } = substituted;
        all_uses.push((source, uses));
        check::type_texts(&mut value, typed);
        match check::check(Checked { source, sources }, value, &mut failed, diagnostics) {
            Some(file) => files.add(source, file, diagnostics),
            None => whole = false,
        }
        files.refused.append(&mut failed);
    }
    (whole.then_some(files), all_uses)
}

/// The values of variables: from declarations, then files, the environment and arguments.
fn variables(
    inputs: &Inputs,
    mut variables: Variables,
    sources: &mut Sources,
    diagnostics: &mut Vec<Diagnostic>,
) -> Variables {
    let mut all_given = true;
    for path in inputs.variable_files {
        let found = Found::without_code(path, Role::Variables);
        let read = read_file(&found, inputs, sources, diagnostics);
        all_given &= read.is_some_and(|(source, document)| variables.take_file(source, &document, diagnostics));
    }
    variables.take_environment(inputs.environment);
    variables.take_arguments(inputs.variables, diagnostics);
    // A file that could not be read may contain the missing values.
    if all_given {
        variables.check(diagnostics);
    }
    variables
}

/// The values of the variables that secrets name, if they are set. Nothing else about the manifest has to be right.
fn secrets(
    sources: &Sources,
    variables: &Variables,
    environment: &dyn Fn(&str) -> Option<String>,
) -> BTreeMap<String, SecretString> {
    let names = variables.in_texts(sources.secret_variables());
    names.into_iter().filter_map(|name| Some((name.clone(), Secret::value_in(environment, &name)?))).collect()
}

/// Builds functions from entries. Names come first, so that declarations can refer to each other in any order.
fn resolve(
    mut files: Files,
    inputs: &Inputs,
    sources: &Sources,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Manifest> {
    let refused = std::mem::take(&mut files.refused);
    let mut names = Names { refused, changed: sources.changed_entries(), ..Names::default() };
    names.declare(&files, sources, diagnostics);
    let none = DefaultsEntry::default();
    let defaults = files.defaults.as_ref().map_or(&none, |(defaults, _)| defaults);
    let defaults_spot = files.defaults.as_ref().map(|(_, spot)| spot);
    let inherited = defaults_spot.map(|spot| DeclaredFields::default().overlaid(&defaults.fields, spot));
    let inherited = inherited.unwrap_or_default();
    let (mut functions, mut existing) = (Vec::with_capacity(files.functions.len()), Vec::new());
    let (mut code, mut packages) = (BTreeMap::new(), Packages::default());
    // Drops each entry as soon as its function is built. All entries together would use most of the memory.
    for (key, (entry, spot)) in files.functions {
        let context = Context {
            defaults,
            defaults_spot,
            inherited: &inherited,
            names: &names,
            environment: inputs.environment,
            spot: &spot,
            sources,
        };
        let entry = match entry {
            Entry::Whole(entry) => entry,
            Entry::Existing(entry) => {
                existing.extend(existing::function(key, &entry, &context, diagnostics));
                continue;
            }
        };
        if let Some((function, source, of_function)) = resolve::function(key, &entry, &context, diagnostics) {
            packages.add(function.address.clone(), of_function);
            // If `defaults` give the handler and one function lacks the file, report it at the function's code.
            let handler = if entry.settings.fields.get(Field::Handler).value().is_some() { "handler" } else { "code" };
            let declared = source.map(|source| Declared { source, handler_spot: spot.child(handler) });
            code.extend(declared.map(|declared| (function.address.clone(), declared)));
            functions.push(function);
        }
    }
    together::refuse_secrets_in_names(&functions, files.stack.as_ref(), diagnostics);
    let holders = functions.iter().map(Holder::from).chain(existing.iter().map(Holder::from));
    trigger::together::check_all(holders, sources, diagnostics);
    // A missing stack has already been reported. The rest only looks for cycles.
    let (stack, _) = files.stack.or_else(|| Some((StackName::new("none").ok()?, Spot::value(0, ""))))?;
    let (named_policies, named_targets) = (files.policies.len(), files.targets.len());
    let (location, code) = (files.location, CodeSources::new(code));
    Some(Manifest { stack, location, functions, existing, named_policies, named_targets, code, packages })
}

#[cfg(test)]
mod tests;
