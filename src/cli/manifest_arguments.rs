//! The flags of all commands that read manifests.

use secrecy::SecretString;
use std::ffi::OsStr;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::diagnostic::Diagnostic;
use crate::diagnostic::explanation;
use crate::manifest::{self, Inputs, Lints, Loaded, Manifest, Sources};
use crate::plan::saved::Files;
use crate::plan::{cycle, events, lint};
use crate::redaction::Redaction;

use super::failure::advised;
use super::flag_value::FlagError;
use super::help;
use super::streams;

#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = help::MANIFEST)]
pub(super) struct ManifestArguments {
    /// Read this manifest file, or the *.yaml and *.yml files of this directory
    ///
    /// `-` stands for standard input. You can repeat this option: all files together form one manifest. Default: the paths
    /// in `FGCTL_FILE`, which are separated as in `PATH`; if it is not set, the current directory.
    #[arg(short = 'f', long = "file", value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Set a variable of the manifest
    ///
    /// The value replaces `${var.NAME}`. It takes precedence over the environment variable `FGCTL_VAR_NAME`, over
    /// --var-file and over the manifest. You can repeat this option.
    #[arg(long = "var", value_name = "NAME=VALUE", value_parser = name_and_value)]
    variables: Vec<(String, String)>,
    /// Read values of variables from a YAML or JSON file
    ///
    /// You can repeat this option: a later file takes precedence over an earlier one.
    #[arg(long = "var-file", value_name = "FILE", hide_short_help = true)]
    variable_files: Vec<PathBuf>,
    /// The directory that code paths must stay in
    ///
    /// Default: the directory of the manifest file that contains the path.
    #[arg(long, value_name = "DIR", hide_short_help = true)]
    root: Option<PathBuf>,
}

/// The variable with the paths of manifests, for commands without -f.
const FILE_VARIABLE: &str = "FGCTL_FILE";

fn name_and_value(text: &str) -> Result<(String, String), FlagError> {
    let (name, value) = text.split_once('=').ok_or(FlagError::NoValue)?;
    Ok((name.to_owned(), value.to_owned()))
}

/// The paths in the variable, or the current directory if it names none: pipelines set variables that have no value.
fn paths_of(variable: &OsStr) -> Vec<PathBuf> {
    let named: Vec<PathBuf> = std::env::split_paths(variable).filter(|path| !path.as_os_str().is_empty()).collect();
    if named.is_empty() { vec![PathBuf::from(".")] } else { named }
}

fn is_standard_input(path: &Path) -> bool {
    path.as_os_str() == "-"
}

fn absolute(path: &Path) -> io::Result<PathBuf> {
    if is_standard_input(path) {
        return Ok(path.to_owned());
    }
    // Removes `.` components, so that equal paths compare equal.
    Ok(std::path::absolute(path)?.components().collect())
}

/// A relative path if it is shorter, because findings name files as users write them.
fn as_seen_from_here(path: &Path) -> PathBuf {
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

/// The values of all secrets that are set.
fn secrets(loaded: &Loaded) -> Vec<SecretString> {
    let secrets = loaded.functions().flat_map(|function| function.secrets.values());
    let triggers = loaded.holders().flat_map(|holder| holder.triggers.values());
    let secrets = secrets.chain(triggers.flat_map(|trigger| trigger.secrets.values()));
    secrets.filter_map(|secret| secret.value.clone()).collect()
}

/// Manifests that were checked without the network.
pub(super) struct Checked {
    pub(super) sources: Sources,
    /// Not located yet.
    pub(super) diagnostics: Vec<Diagnostic>,
    /// `None` if there are errors.
    pub(super) manifest: Option<Manifest>,
    /// With errors, what could be resolved.
    pub(super) partial: Option<Manifest>,
    /// The values of all secrets that are set, even if there are errors.
    pub(super) secrets: Vec<SecretString>,
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
    /// Reads the files that the flags name, and reports all findings that need no network.
    pub(super) fn check(&self) -> Checked {
        let loaded = self.load();
        let cycles = cycle::cycles(&events::declared(loaded.holders()), |_| true);
        let secrets = secrets(&loaded);
        let Loaded { sources, mut diagnostics, manifest, partial } = loaded;
        diagnostics.extend(cycles);
        let is_valid = !diagnostics.iter().any(Diagnostic::is_error);
        diagnostics.extend(manifest.iter().filter(|_| is_valid).flat_map(lints));
        sources.ignore(&mut diagnostics, if is_valid { Lints::Complete } else { Lints::Incomplete });
        let valid = !diagnostics.iter().any(Diagnostic::is_error);
        let (manifest, partial) = if valid { (manifest, None) } else { (None, manifest.or(partial)) };
        Checked { sources, diagnostics, manifest, partial, secrets }
    }

    /// Reads the files for a shell that completes a command line, and hides their secrets. The shell uses standard input
    /// itself, so a manifest from there is not read.
    pub(super) fn load_for_shell(&self) -> Option<Loaded> {
        if self.paths().iter().any(|path| is_standard_input(path)) {
            return None;
        }
        let loaded = self.load();
        streams::hide(&Redaction::of(secrets(&loaded)));
        Some(loaded)
    }

    /// The paths of -f, or those of the variable. A plan's own paths take precedence over the variable.
    fn paths(&self) -> Vec<PathBuf> {
        let variable = || std::env::var_os(FILE_VARIABLE).unwrap_or_default();
        if self.paths.is_empty() { paths_of(&variable()) } else { self.paths.clone() }
    }

    /// The paths for a saved plan. They are absolute, because the plan can be applied from another directory.
    pub(super) fn files(&self) -> io::Result<Files> {
        let Self { paths: _, root, variables: _, variable_files } = self;
        let all = |paths: &[PathBuf]| paths.iter().map(|path| absolute(path)).collect::<io::Result<Vec<_>>>();
        Ok(Files {
            manifests: all(&self.paths())?,
            root: root.as_deref().map(absolute).transpose()?,
            variables: all(variable_files)?,
        })
    }

    /// These arguments, with those of a saved plan as defaults.
    pub(super) fn or(&self, saved: &Files) -> Self {
        let Files { manifests, root, variables } = saved;
        let Self { paths, root: own_root, variables: values, variable_files } = self.clone();
        let all = |paths: &[PathBuf]| paths.iter().map(|path| as_seen_from_here(path)).collect();
        Self {
            paths: if paths.is_empty() { all(manifests) } else { paths },
            root: own_root.or_else(|| root.as_deref().map(as_seen_from_here)),
            variables: values,
            variable_files: if variable_files.is_empty() { all(variables) } else { variable_files },
        }
    }

    /// Fails if a file of a saved plan does not exist at its path, for example in another checkout.
    pub(super) fn expect_files_of(&self, plan: &Path) -> anyhow::Result<()> {
        let Self { paths, root, variables: _, variable_files } = self;
        let manifests = paths.iter().map(|path| (path, "-f"));
        let others = root.iter().map(|path| (path, "--root"));
        let all = manifests.chain(others).chain(variable_files.iter().map(|path| (path, "--var-file")));
        match all.into_iter().find(|(path, _)| !is_standard_input(path) && !path.exists()) {
            None => Ok(()),
            Some((path, flag)) => {
                let message =
                    format!("the plan {} was made from {}, which does not exist", plan.display(), path.display());
                Err(advised(message, format!("if the files have moved, give their new path with {flag}")))
            }
        }
    }

    /// Loads manifests from files, this process's environment and its standard input.
    fn load(&self) -> Loaded {
        let Self { paths: _, root, variables, variable_files } = self;
        manifest::load(&Inputs {
            paths: &self.paths(),
            root: root.as_deref(),
            variables,
            variable_files,
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
    fn the_variable_names_paths_or_the_current_directory() {
        let joined = std::env::join_paths(["one", "", "two/fgctl.yaml"]).expect("paths without a separator");
        assert_eq!(paths_of(&joined), [PathBuf::from("one"), PathBuf::from("two/fgctl.yaml")]);
        assert_eq!(paths_of(OsStr::new("")), [PathBuf::from(".")]);
    }
}
