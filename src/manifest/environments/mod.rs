//! `fgctl.environments.yaml`: what each environment of a project consists of. `--env` selects one of them.
//!
//! The file cannot set endpoints or credentials: someone who can change the repository must not be able to choose where
//! credentials are sent. A region only selects one of the vendor's known endpoints.

mod check;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use crate::diagnostic::{Diagnostic, Spot};
use crate::model::text::{ProjectId, RegionName, StackName};

use super::file::FormatVersion;
use super::location::{Comparison, Location};
use super::nearest::{nearest, quoted};
use super::source::{self, Found, Role, Source, Sources, directory_of};

pub use super::source::ENVIRONMENTS_FILE as FILE_NAME;
pub use check::published;

/// The environments of a project: the manifests and variables of each, and where they belong.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "fgctl environments", rename = "Environments")]
struct File {
    /// The version of this format: 1.
    #[expect(dead_code, reason = "only the schema checks it, because there is one version")]
    version: FormatVersion,
    /// The environments by name; `--env` or `FGCTL_ENV` selects one.
    environments: BTreeMap<String, Option<Entry>>,
}

/// One environment. Paths are relative to this file.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Entry {
    /// The manifests, directories and overlays, in order; an overlay changes what comes before it. Default: the directory of
    /// this file, without its overlays. Example: `[orders.yaml, prod.yaml]`.
    #[schemars(length(min = 1))]
    files: Option<Vec<String>>,
    /// Files with values of variables; a later file takes precedence, and `--var-file` takes precedence over all of them.
    /// Example: `[prod.vars.yaml]`.
    var_files: Option<Vec<String>>,
    /// The stack of this environment, instead of the one that the manifests name. Example: `orders-prod`.
    stack: Option<StackName>,
    /// The region of this environment. fgctl connects to it, and refuses a connection to any other. `--local` ignores it.
    /// Example: `eu-de`.
    region: Option<RegionName>,
    /// The id of the project of this environment, used and checked like `region`. Example:
    /// `0123456789abcdef0123456789abcdef`.
    project: Option<ProjectId>,
}

/// The selected environment, with paths as seen from the current directory.
#[derive(Debug, Clone)]
pub struct Environment {
    pub name: String,
    /// The file that describes it.
    pub path: PathBuf,
    /// Empty if the environment names none.
    pub files: Vec<PathBuf>,
    pub variable_files: Vec<PathBuf>,
    /// The file itself, and the variable files of all environments, which may lie beside the manifests.
    pub not_manifests: Vec<PathBuf>,
    pub region: Option<RegionName>,
    pub project: Option<ProjectId>,
    pub(super) stack: Option<StackName>,
    source: Source,
}

impl Environment {
    pub fn stack(&self) -> Option<&StackName> {
        self.stack.as_ref()
    }

    /// The directory that stands for the manifests if the environment names none.
    pub fn directory(&self) -> PathBuf {
        directory_of(&self.path).to_owned()
    }

    /// Adds the file that describes the environment, so that findings can point into it.
    pub(super) fn add_to(&self, sources: &mut Sources) -> usize {
        sources.add(self.source.clone())
    }

    /// The place of a field in the file.
    pub(super) fn spot(&self, source: usize, field: &str) -> Spot {
        Spot::value(source, "/environments").child(&self.name).child(field)
    }

    /// The place that names a directory, if the environment does.
    pub(super) fn entry_of(&self, source: usize, directory: &Path) -> Option<Spot> {
        if self.files.is_empty() {
            let entry = Spot::key(source, "/environments").child(&self.name);
            return (directory == self.directory()).then_some(entry);
        }
        let index = self.files.iter().position(|file| file == directory)?;
        Some(self.spot(source, "files").child(&index.to_string()))
    }

    pub(super) fn location(&self, source: usize) -> Location {
        Location {
            region: self.region.clone().map(|region| (region, self.spot(source, "region"))),
            project: self.project.clone().map(|project| (project, self.spot(source, "project"))),
        }
    }

    /// An error for each part of the place that the environment sets and the connection contradicts. `None` is not known
    /// yet.
    pub fn mismatches(&self, region: Option<&str>, project: Option<&str>) -> Vec<Diagnostic> {
        let subject = format!("the environment `{}`", self.name);
        let comparison = Comparison { subject: &subject, region, project, help: Some(MISMATCH) };
        self.located(|source| self.location(source).compared(&comparison))
    }

    /// The error for files that are given in addition to those of the environment.
    pub fn names_files(&self) -> Vec<Diagnostic> {
        let message =
            format!("-f cannot be combined with the environment `{}`, because it names its own files", self.name);
        let help = "leave out -f; or remove `files` from the environment, so that -f names them";
        let found = Diagnostic::error("environment-conflict", message).help(help);
        self.located(|source| vec![found.at(self.spot(source, "files").of_key())])
    }

    fn located(&self, find: impl FnOnce(usize) -> Vec<Diagnostic>) -> Vec<Diagnostic> {
        let mut sources = Sources::default();
        let mut found = find(self.add_to(&mut sources));
        sources.locate(&mut found);
        found
    }
}

const MISMATCH: &str = "with --env, the environment gives the region and the project: leave out the flag or variable that sets \
                        another one; `fgctl whoami` shows where each value comes from";

/// Selects an environment. The findings have their places.
pub fn select(path: &Path, name: &str) -> Result<Environment, Vec<Diagnostic>> {
    read(path, |file| {
        let Some(entry) = file.environments.get(name) else {
            return Err(vec![unknown(name, &file.environments).at(Spot::key(0, "/environments"))]);
        };
        let environment = environment(path, name, entry, file);
        let missing = missing_files(&environment);
        if missing.is_empty() { Ok(environment) } else { Err(missing) }
    })
}

/// The error for a file that is named although no environment is selected, or the errors in it.
pub fn none_selected(path: &Path) -> Vec<Diagnostic> {
    let found = read(path, |file| {
        let message = "--environments names this file, but no environment is selected";
        let known: Vec<&str> = file.environments.keys().map(String::as_str).collect();
        let names = if known.is_empty() { String::new() } else { format!("one of {} ", quoted(&known)) };
        let help = format!("select {names}with --env or FGCTL_ENV, or leave out --environments");
        let found = Diagnostic::error("no-environment", message).help(help);
        Err::<(), _>(vec![found.at(Spot::key(0, "/environments"))])
    });
    found.err().unwrap_or_default()
}

/// Checks all environments of a file. The findings have their places.
pub fn check(path: &Path) -> Vec<Diagnostic> {
    let checked = read(path, |file| {
        let entry = |(name, entry): (&String, &Entry)| environment(path, name, entry, file);
        let missing: Vec<Diagnostic> =
            file.environments.iter().map(entry).flat_map(|one| missing_files(&one)).collect();
        if missing.is_empty() { Ok(()) } else { Err(missing) }
    });
    checked.err().unwrap_or_default()
}

/// The names of all environments; none if the file cannot be used.
pub fn names(path: &Path) -> Vec<String> {
    read(path, |file| Ok(file.environments.keys().cloned().collect())).unwrap_or_default()
}

/// A file that follows the schema.
struct Described {
    source: Source,
    environments: BTreeMap<String, Entry>,
}

/// Reads a file, and locates the findings about it.
fn read<T>(path: &Path, judge: impl FnOnce(&Described) -> Result<T, Vec<Diagnostic>>) -> Result<T, Vec<Diagnostic>> {
    let found = Found::without_code(path, Role::Environments);
    let source = source::read(&found, &|_| Err(io::ErrorKind::Unsupported.into())).map_err(|error| vec![*error])?;
    let mut sources = Sources::default();
    let index = sources.add(source.clone());
    let mut diagnostics = Vec::new();
    let document = sources.document(index, &mut diagnostics).filter(|_| diagnostics.is_empty());
    let environments = document.and_then(|document| described(document.value, &mut diagnostics));
    let judged = match environments {
        Some(environments) => judge(&Described { source, environments }),
        None => Err(diagnostics),
    };
    judged.map_err(|mut found| {
        sources.locate(&mut found);
        found
    })
}

fn described(value: Value, diagnostics: &mut Vec<Diagnostic>) -> Option<BTreeMap<String, Entry>> {
    diagnostics.extend(check::findings(&value));
    let file = File::deserialize(value).ok().filter(|_| diagnostics.is_empty())?;
    Some(file.environments.into_iter().map(|(name, entry)| (name, entry.unwrap_or_default())).collect())
}

fn environment(path: &Path, name: &str, entry: &Entry, file: &Described) -> Environment {
    let Entry { files, var_files, stack, region, project } = entry;
    let directory = path.parent().unwrap_or(Path::new(""));
    let paths = |paths: &Option<Vec<String>>| -> Vec<PathBuf> {
        paths.iter().flatten().map(|path| directory.join(path)).collect()
    };
    Environment {
        name: name.to_owned(),
        path: path.to_owned(),
        files: paths(files),
        variable_files: paths(var_files),
        not_manifests: std::iter::once(path.to_owned())
            .chain(file.environments.values().flat_map(|entry| paths(&entry.var_files)))
            .collect(),
        region: region.clone(),
        project: project.clone(),
        stack: stack.clone(),
        source: file.source.clone(),
    }
}

fn unknown(name: &str, environments: &BTreeMap<String, Entry>) -> Diagnostic {
    let known: Vec<&str> = environments.keys().map(String::as_str).collect();
    let meant = nearest(name, known.iter().copied()).map(|meant| format!("did you mean `{meant}`? "));
    let help = match &known[..] {
        [] => "declare it here".to_owned(),
        known => format!("{}the environments are {}", meant.unwrap_or_default(), quoted(known)),
    };
    Diagnostic::error("unknown-environment", format!("there is no environment `{name}`")).help(help)
}

/// The errors about paths that do not exist, at the place that names them.
fn missing_files(environment: &Environment) -> Vec<Diagnostic> {
    let Environment { files, variable_files, .. } = environment;
    let of = |field: &'static str, paths: &[PathBuf], role: Role| -> Vec<Diagnostic> {
        let missing = paths.iter().enumerate().filter(|(_, path)| !path.exists());
        let finding = |(index, path): (usize, &PathBuf)| {
            let spot = environment.spot(0, field).child(&index.to_string());
            source::missing(path, role, "paths are relative to this file").at(spot)
        };
        missing.map(finding).collect()
    };
    [of("files", files, Role::Manifest), of("var_files", variable_files, Role::Variables)].concat()
}

#[cfg(test)]
mod tests;
