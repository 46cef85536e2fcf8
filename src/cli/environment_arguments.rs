//! `--env`: selects an environment, which gives manifests, variables, the stack, and the place to connect to.

use clap_complete::ArgValueCompleter;
use std::path::{Path, PathBuf};

use crate::diagnostic::Diagnostic;
use crate::manifest::environments::{self, Environment, FILE_NAME};
use crate::plan::saved::Selected;

use super::completion;
use super::failure::{Refused, advised};
use super::help;
use super::manifest_arguments::absolute;

#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = help::MANIFEST)]
pub(super) struct EnvironmentArguments {
    /// Select an environment, such as `prod`
    ///
    /// The environments file names its manifests, variable files, stack, region and project. A connection to another region
    /// or project is refused. Default: the environment in `FGCTL_ENV`, or none.
    #[arg(long = "env", value_name = "NAME", env = "FGCTL_ENV", hide_env = true, add = ArgValueCompleter::new(completion::environments))]
    environment: Option<String>,
    /// The environments file
    ///
    /// Default: `fgctl.environments.yaml` in the current directory.
    #[arg(long = "environments", value_name = "FILE", hide_short_help = true)]
    environments_file: Option<PathBuf>,
}

impl EnvironmentArguments {
    /// The name of the environment. An empty variable counts as unset.
    fn name(&self) -> Option<&str> {
        self.environment.as_deref().filter(|name| !name.is_empty())
    }

    pub(super) fn is_used(&self) -> bool {
        self.name().is_some()
    }

    fn file(&self) -> &Path {
        self.environments_file.as_deref().unwrap_or(Path::new(FILE_NAME))
    }

    /// The environment, with the places of the findings if it cannot be used.
    pub(super) fn select(&self) -> Result<Option<Environment>, Refused> {
        let select = |name| environments::select(self.file(), name).map_err(|diagnostics| Refused { diagnostics });
        self.name().map(select).transpose()
    }

    /// The names of all environments, for a shell.
    pub(super) fn names(&self) -> Vec<String> {
        environments::names(self.file())
    }

    /// Whether a flag names the file.
    pub(super) fn has_file(&self) -> bool {
        self.environments_file.is_some()
    }

    /// Checks the file, if a flag names it or the current directory contains it.
    pub(super) fn check(&self) -> Vec<Diagnostic> {
        let is_there = self.has_file() || self.file().exists();
        if is_there { environments::check(self.file()) } else { Vec::new() }
    }

    /// What a saved plan keeps.
    pub(super) fn saved(&self) -> std::io::Result<Option<Selected>> {
        let selected = |name: &str| Ok(Selected { name: name.to_owned(), file: absolute(self.file())? });
        self.name().map(selected).transpose()
    }

    /// These arguments, with those of a saved plan as defaults.
    pub(super) fn or(&self, saved: Option<&Selected>, seen: impl Fn(&Path) -> PathBuf) -> Self {
        let Some(Selected { name, file }) = saved else { return self.clone() };
        Self {
            environment: Some(name.clone()),
            environments_file: self.environments_file.clone().or_else(|| Some(seen(file))),
        }
    }

    /// Refuses another environment than that of a saved plan.
    pub(super) fn expect(&self, saved: Option<&Selected>) -> anyhow::Result<()> {
        let planned = saved.map(|saved| saved.name.as_str());
        let (message, help) = match (self.name(), planned) {
            (None, _) => return Ok(()),
            (Some(here), Some(planned)) if here == planned => return Ok(()),
            (Some(here), Some(planned)) => (
                format!("the plan was made for the environment \"{planned}\", but this is the environment \"{here}\""),
                format!("give --env {planned}, or plan again"),
            ),
            (Some(here), None) => (
                format!("the plan was made without an environment, but this is the environment \"{here}\""),
                "leave out --env and unset FGCTL_ENV, or plan again".to_owned(),
            ),
        };
        Err(advised(message, help))
    }

    /// The path of the file, if a saved plan needs it.
    pub(super) fn needed_file(&self) -> Option<&Path> {
        self.name().map(|_| self.file())
    }
}
