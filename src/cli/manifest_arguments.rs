//! The flags of every command that reads manifests.

use std::io::{self, Read};
use std::path::PathBuf;

use crate::diagnostic::Diagnostic;
use crate::manifest::{self, Loaded, Manifest, Request, Sources};
use crate::plan::graph::{self, Notified, Published};
use crate::plan::saved::Files;

#[derive(Debug, Clone, clap::Args)]
pub(super) struct ManifestArguments {
    /// A manifest: a file, a directory (its *.yaml and *.yml files), or `-` for standard input. Repeatable; without any,
    /// the current directory
    #[arg(short = 'f', long = "file", value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// The directory that code paths stay in, instead of their manifest's own
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
    /// A variable's value, for `${var.NAME}`. Repeatable; wins over `FGCTL_VAR_NAME` and files
    #[arg(long = "var", value_name = "NAME=VALUE", value_parser = name_and_value)]
    variables: Vec<(String, String)>,
    /// A YAML or JSON file with variables' values. Repeatable; a later one wins
    #[arg(long = "var-file", value_name = "FILE")]
    variable_files: Vec<PathBuf>,
}

fn name_and_value(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("it reads NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

/// Manifests, judged without the network.
pub(super) struct Checked {
    pub(super) sources: Sources,
    /// Not located yet.
    pub(super) diagnostics: Vec<Diagnostic>,
    /// `None` where there are errors.
    pub(super) manifest: Option<Manifest>,
}

impl ManifestArguments {
    /// Reads what the flags name, and finds all that can be said about it offline.
    pub(super) fn check(&self) -> Checked {
        let loaded = self.load();
        let circles = graph::circles(&loaded.functions(), &Notified::new(), &Published::new());
        let Loaded { sources, mut diagnostics, manifest, .. } = loaded;
        diagnostics.extend(circles);
        let valid = !diagnostics.iter().any(Diagnostic::is_error);
        Checked { sources, diagnostics, manifest: manifest.filter(|_| valid) }
    }

    /// What a saved plan remembers of them.
    pub(super) fn files(&self) -> Files {
        let Self { paths, root, variables: _, variable_files } = self;
        Files { manifests: paths.clone(), root: root.clone(), variables: variable_files.clone() }
    }

    /// The same, with what a saved plan remembers for what is not given.
    pub(super) fn or(&self, saved: &Files) -> Self {
        let Files { manifests, root, variables } = saved;
        let Self { paths, root: own_root, variables: values, variable_files } = self.clone();
        Self {
            paths: if paths.is_empty() { manifests.clone() } else { paths },
            root: own_root.or_else(|| root.clone()),
            variables: values,
            variable_files: if variable_files.is_empty() { variables.clone() } else { variable_files },
        }
    }

    /// From files, this process's environment and its standard input.
    fn load(&self) -> Loaded {
        let Self { paths, root, variables, variable_files } = self;
        let here = [PathBuf::from(".")];
        manifest::load(&Request {
            paths: if paths.is_empty() { &here } else { paths },
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
