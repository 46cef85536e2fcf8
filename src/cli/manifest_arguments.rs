//! The flags of all commands that read manifests.

use clap::ValueHint;
use clap_complete::ArgValueCompleter;
use secrecy::SecretString;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::diagnostic::Diagnostic;
use crate::diagnostic::explanation;
use crate::manifest::environments::Environment;
use crate::manifest::{self, Inputs, Lints, Loaded, Manifest, Sources};
use crate::plan::saved::Files;
use crate::plan::{cycle, events, lint};
use crate::redaction::Redaction;

use super::completion;
use super::environment_arguments::EnvironmentArguments;
use super::failure::{Outdated, Refused};
use super::flag_value::FlagError;
use super::streams;
use super::{help, here};

#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = help::MANIFEST)]
pub(super) struct ManifestArguments {
    #[command(flatten)]
    environment: EnvironmentArguments,
    /// Read this manifest file, or the *.yaml and *.yml files of this directory
    ///
    /// `-` stands for standard input. You can repeat this option: all files together form one manifest, and an overlay
    /// changes the files before it. In a directory, fgctl leaves out overlays. Default: the files of the environment; or the
    /// paths in `FGCTL_FILE`, which are separated as in `PATH`; or the current directory.
    #[arg(short = 'f', long = "file", value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Set a variable of the manifest
    ///
    /// The value replaces `${var.NAME}`. It takes precedence over the environment variable `FGCTL_VAR_` followed by the name, over
    /// --var-file and over the manifest. You can repeat this option.
    #[arg(long = "var", value_name = "NAME=VALUE", value_parser = name_and_value, add = ArgValueCompleter::new(completion::variables))]
    variables: Vec<(String, String)>,
    /// Read values of variables from a YAML or JSON file
    ///
    /// You can repeat this option: a later file takes precedence over an earlier one.
    #[arg(long = "var-file", value_name = "FILE", hide_short_help = true)]
    variable_files: Vec<PathBuf>,
    /// The directory that code paths must stay in
    ///
    /// Default: the directory of the manifest file that contains the path.
    #[arg(long, value_name = "DIR", hide_short_help = true, value_hint = ValueHint::DirPath)]
    root: Option<PathBuf>,
}

/// The variable with the paths of manifests, for commands without -f.
const FILE_VARIABLE: &str = "FGCTL_FILE";

fn name_and_value(text: &str) -> Result<(String, String), FlagError> {
    let (name, value) = text.split_once('=').filter(|(name, _)| !name.is_empty()).ok_or(FlagError::NoValue)?;
    Ok((name.to_owned(), value.to_owned()))
}

/// The paths in the variable. Pipelines set variables that have no value.
fn paths_of(variable: &OsStr) -> Vec<PathBuf> {
    std::env::split_paths(variable).filter(|path| !path.as_os_str().is_empty()).collect()
}

fn is_standard_input(path: &Path) -> bool {
    path.as_os_str() == "-"
}

pub(super) fn absolute(path: &Path) -> io::Result<PathBuf> {
    if is_standard_input(path) {
        return Ok(path.to_owned());
    }
    // Removes `.` components, so that equal paths compare equal.
    Ok(std::path::absolute(path)?.components().collect())
}

/// A relative path if it is shorter, because findings name files as users write them.
pub(super) fn as_seen_from_here(path: &Path) -> PathBuf {
    let here = std::env::current_dir().ok();
    match here.as_ref().and_then(|here| path.strip_prefix(here).ok()) {
        None => path.to_owned(),
        Some(inside) if inside.as_os_str().is_empty() => PathBuf::from("."),
        Some(inside) => inside.to_owned(),
    }
}

fn lints(manifest: &Manifest) -> Vec<Diagnostic> {
    let Manifest { functions, existing, code, .. } = manifest;
    let share_code = |one: &_, other: &_| code.is_shared(one, other);
    lint::findings(&lint::Declared { functions, existing, share_code: &share_code })
}

/// Comes before anything about the manifests is shown.
fn hide(secrets: &BTreeMap<String, SecretString>) {
    streams::hide(&Redaction::of(secrets.values().cloned()));
}

/// Manifests that were checked without the network.
#[derive(Default)]
pub(super) struct Checked {
    /// The environment of `--env`.
    pub(super) environment: Option<Environment>,
    pub(super) sources: Sources,
    /// Not located yet.
    pub(super) diagnostics: Vec<Diagnostic>,
    /// `None` if there are errors.
    pub(super) manifest: Option<Manifest>,
    /// With errors, what could be resolved.
    pub(super) partial: Option<Manifest>,
    /// The values of all variables that secrets name, even if there are errors. They are hidden already.
    pub(super) secrets: BTreeMap<String, SecretString>,
}

impl Checked {
    /// For commands that are not about what the manifests declare.
    pub(super) fn without_lints(mut self) -> Self {
        remove_lints(&mut self.diagnostics);
        self
    }
}

/// Leaves the findings that are not about declarations that may be intended.
pub(super) fn remove_lints(diagnostics: &mut Vec<Diagnostic>) {
    diagnostics.retain(|found| !explanation::is_lint(found.code) && found.code != manifest::UNUSED_IGNORE);
}

impl ManifestArguments {
    /// The environment of `--env`. An environment that names its files cannot be combined with others. An error hides the
    /// secrets of the manifests.
    pub(super) fn select(&self) -> Result<Option<Environment>, Refused> {
        self.selected().inspect_err(|_| self.hide_likely_secrets())
    }

    fn selected(&self) -> Result<Option<Environment>, Refused> {
        self.environment.select().and_then(|selected| match &selected {
            Some(environment) if !environment.files.is_empty() && !self.paths.is_empty() => {
                Err(Refused { diagnostics: environment.names_files() })
            }
            _ => Ok(selected),
        })
    }

    /// Hides the secrets of the manifests that are probably meant, because the environment that names them is wrong.
    fn hide_likely_secrets(&self) {
        let given = self.given();
        let paths = if given.is_empty() { vec![self.environment.directory()] } else { given };
        if !paths.iter().any(|path| is_standard_input(path)) {
            hide(&self.load_from(&paths, None).secrets);
        }
    }

    /// Findings about the environments file if no environment is selected. Manifests that the user names do not depend on
    /// an environments file that happens to be in the current directory.
    fn check_environments(&self) -> Vec<Diagnostic> {
        let is_independent = !self.given().is_empty() && self.environment.given_file().is_none();
        if self.environment.is_used() || is_independent { Vec::new() } else { self.environment.check() }
    }

    /// Reads the files that the flags and the environment name, hides their secrets, and reports all findings that need no
    /// network.
    pub(super) fn check(&self) -> Checked {
        self.environment.name().into_iter().for_each(|name| here::learn(here::of_name(name)));
        match self.select() {
            Ok(environment) => self.check_and_hide(environment),
            Err(Refused { diagnostics }) => Checked { diagnostics, ..Checked::default() },
        }
    }

    /// Like [`Self::check`], but also checks an environments file if no environment is selected.
    pub(super) fn check_all(&self) -> Checked {
        let mut checked = if self.environment.is_used() { self.check() } else { self.check_and_hide(None) };
        checked.diagnostics.extend(self.check_environments());
        checked
    }

    fn check_and_hide(&self, environment: Option<Environment>) -> Checked {
        let checked = self.check_in(environment);
        hide(&checked.secrets);
        checked
    }

    pub(super) fn check_in(&self, environment: Option<Environment>) -> Checked {
        let loaded = self.load(environment.as_ref());
        let cycles = cycle::cycles(&events::declared(loaded.holders()), |_| true);
        let Loaded { sources, mut diagnostics, manifest, partial, secrets, variables: _ } = loaded;
        diagnostics.extend(cycles);
        let is_valid = !diagnostics.iter().any(Diagnostic::is_error);
        diagnostics.extend(manifest.iter().filter(|_| is_valid).flat_map(lints));
        sources.ignore(&mut diagnostics, if is_valid { Lints::Complete } else { Lints::Incomplete });
        let valid = !diagnostics.iter().any(Diagnostic::is_error);
        let (manifest, partial) = if valid { (manifest, None) } else { (None, manifest.or(partial)) };
        if let Some(environment) = &environment {
            here::learn(environment.into());
        }
        manifest.iter().chain(&partial).for_each(|manifest| here::learn(manifest.into()));
        Checked { environment, sources, diagnostics, manifest, partial, secrets }
    }

    /// Reads the files for a shell that completes a command line, and hides their secrets. The shell uses standard input
    /// itself, so a manifest from there is not read.
    pub(super) fn load_for_shell(&self) -> Option<Loaded> {
        let environment = self.select().ok()?;
        if self.paths(environment.as_ref()).iter().any(|path| is_standard_input(path)) {
            return None;
        }
        let loaded = self.load(environment.as_ref());
        hide(&loaded.secrets);
        Some(loaded)
    }

    /// The paths of -f, or those of the variable. A plan's own paths take precedence over the variable.
    fn given(&self) -> Vec<PathBuf> {
        let variable = || std::env::var_os(FILE_VARIABLE).unwrap_or_default();
        if self.paths.is_empty() { paths_of(&variable()) } else { self.paths.clone() }
    }

    fn paths(&self, selected: Option<&Environment>) -> Vec<PathBuf> {
        match (self.given(), selected) {
            (_, Some(environment)) if !environment.files.is_empty() => environment.files.clone(),
            (given, _) if !given.is_empty() => given,
            (_, Some(environment)) => vec![environment.directory()],
            (_, None) => vec![PathBuf::from(".")],
        }
    }

    /// The file that findings without a place are about: the first file of the manifest, or the environments file if that is
    /// wrong.
    pub(super) fn first_file(&self) -> Option<String> {
        // `validate` accepts an environments file without an environment.
        let selected = if self.environment.is_used() { self.selected() } else { Ok(None) };
        let Ok(selected) = selected else {
            return Some(self.environment.file().display().to_string());
        };
        let path = self.paths(selected.as_ref()).into_iter().next()?;
        if !path.is_dir() {
            return (!is_standard_input(&path)).then(|| path.display().to_string());
        }
        let files = manifest::manifests_of(&path, &self.not_manifests(selected.as_ref())).ok()?;
        files.first().map(|file| file.display().to_string())
    }

    /// The paths for a saved plan. They are absolute, because the plan can be applied from another directory. What the
    /// environment names is read from its file again.
    pub(super) fn files(&self, selected: Option<&Environment>) -> io::Result<Files> {
        let Self { environment, paths: _, root, variables: _, variable_files } = self;
        let manifests = match selected {
            None => self.paths(None),
            Some(environment) if environment.files.is_empty() => self.given(),
            Some(_) => Vec::new(),
        };
        let all = |paths: &[PathBuf]| paths.iter().map(|path| absolute(path)).collect::<io::Result<Vec<_>>>();
        Ok(Files {
            environment: environment.saved()?,
            manifests: all(&manifests)?,
            root: root.as_deref().map(absolute).transpose()?,
            variables: all(variable_files)?,
        })
    }

    /// These arguments, with those of a saved plan as defaults.
    pub(super) fn or(&self, saved: &Files) -> Self {
        let Files { environment: selected, manifests, root, variables } = saved;
        let Self { environment, paths, root: own_root, variables: values, variable_files } = self.clone();
        let all = |paths: &[PathBuf]| paths.iter().map(|path| as_seen_from_here(path)).collect();
        Self {
            environment: environment.or(selected.as_ref()),
            paths: if paths.is_empty() { all(manifests) } else { paths },
            root: own_root.or_else(|| root.as_deref().map(as_seen_from_here)),
            variables: values,
            variable_files: if variable_files.is_empty() { all(variables) } else { variable_files },
        }
    }

    /// Refuses another environment than that of a saved plan.
    pub(super) fn expect_environment_of(&self, saved: &Files) -> anyhow::Result<()> {
        self.environment.expect(saved.environment.as_ref())
    }

    /// What happened to the files of a saved plan, if a file that only the plan names does not exist. It may also be in
    /// another place, for example in another checkout.
    pub(super) fn outdated(&self, saved: &Files) -> Option<Outdated> {
        let Self { environment, paths, root, variables: _, variable_files } = self;
        let is_missing = |path: &Path| !is_standard_input(path) && !path.exists();
        let selected = saved.environment.as_ref().map(|selected| selected.file.as_path());
        let environments = selected.filter(|_| environment.given_file().is_none()).map(|path| (path, "--environments"));
        let manifests = saved.manifests.iter().filter(|_| paths.is_empty()).map(|path| (path.as_path(), "-f"));
        let roots = saved.root.iter().filter(|_| root.is_none()).map(|path| (path.as_path(), "--root"));
        let variables = saved.variables.iter().filter(|_| variable_files.is_empty());
        let variables = variables.map(|path| (path.as_path(), "--var-file"));
        let mut all = environments.into_iter().chain(manifests).chain(roots).chain(variables);
        let Some((path, flag)) = all.find(|(path, _)| is_missing(path)) else {
            return environment.outdated(saved.environment.as_ref());
        };
        let reason = format!("it was made from {}, which does not exist", as_seen_from_here(path).display());
        Some(Outdated {
            reason,
            help: format!("plan again; or if the files have moved, give their new path with {flag}"),
        })
    }

    /// The environments file in use and the variable files that it names, which may lie beside the manifests.
    fn not_manifests(&self, selected: Option<&Environment>) -> Vec<PathBuf> {
        let named = selected.into_iter().flat_map(|environment| environment.not_manifests.clone());
        named.chain(self.environment.given_file().map(Path::to_owned)).collect()
    }

    fn load(&self, selected: Option<&Environment>) -> Loaded {
        self.load_from(&self.paths(selected), selected)
    }

    /// Loads manifests from files, this process's environment and its standard input.
    fn load_from(&self, paths: &[PathBuf], selected: Option<&Environment>) -> Loaded {
        let Self { environment: _, paths: _, root, variables, variable_files } = self;
        // Values of flags take precedence over those of the environment.
        let of_environment = selected.into_iter().flat_map(|environment| &environment.variable_files);
        let variable_files: Vec<PathBuf> = of_environment.chain(variable_files).cloned().collect();
        manifest::load(&Inputs {
            paths,
            root: root.as_deref(),
            selected,
            not_manifests: &self.not_manifests(selected),
            variables,
            variable_files: &variable_files,
            environment: &|name| std::env::var(name).ok(),
            standard_input: &|limit| {
                let mut bytes = Vec::new();
                io::stdin().lock().take(limit).read_to_end(&mut bytes)?;
                Ok(bytes)
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variable_names_paths_and_no_empty_ones() {
        let joined = std::env::join_paths(["one", "", "two/fgctl.yaml"]).expect("paths without a separator");
        assert_eq!(paths_of(&joined), [PathBuf::from("one"), PathBuf::from("two/fgctl.yaml")]);
        assert_eq!(paths_of(OsStr::new("")), Vec::<PathBuf>::new());
    }
}
