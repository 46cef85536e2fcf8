//! `--env`: selects an environment, which gives manifests, variables, the stack, and the place to connect to.

use clap::builder::NonEmptyStringValueParser;
use clap_complete::ArgValueCompleter;
use std::path::{Path, PathBuf};

use crate::diagnostic::Diagnostic;
use crate::manifest::directory_of;
use crate::manifest::environments::{self, Environment, FILE_NAME};
use crate::plan::saved::Selected;

use super::completion;
use super::failure::{Outdated, Refused, advised};
use super::help;
use super::manifest_arguments::{absolute, as_seen_from_here};

#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = help::MANIFEST)]
pub(super) struct EnvironmentArguments {
    /// Select an environment, such as `prod`
    ///
    /// The environments file sets the environment's manifests, variable files, stack, region and project. fgctl refuses
    /// to connect to any other region or project. Default: the environment in `FGCTL_ENV`, or none.
    #[arg(long = "env", value_name = "NAME", env = "FGCTL_ENV", hide_env = true, add = ArgValueCompleter::new(completion::environments), value_parser = NonEmptyStringValueParser::new())]
    environment: Option<String>,
    /// The environments file
    ///
    /// Default: `fgctl.environments.yaml` in the current directory.
    #[arg(long = "environments", value_name = "FILE", hide_short_help = true)]
    environments_file: Option<PathBuf>,
}

impl EnvironmentArguments {
    /// The name of the environment.
    pub(super) fn name(&self) -> Option<&str> {
        self.environment.as_deref()
    }

    pub(super) fn is_used(&self) -> bool {
        self.name().is_some()
    }

    pub(super) fn file(&self) -> &Path {
        self.environments_file.as_deref().unwrap_or(Path::new(FILE_NAME))
    }

    /// The directory of the environments file.
    pub(super) fn directory(&self) -> PathBuf {
        directory_of(self.file()).to_owned()
    }

    /// The environment, with the places of the findings if it cannot be used. A file that no environment is selected from
    /// would have no effect, so it is an error.
    pub(super) fn select(&self) -> Result<Option<Environment>, Refused> {
        let selected = match (self.name(), self.given_file()) {
            (None, None) => return Ok(None),
            (None, Some(file)) => Err(environments::none_selected(file)),
            (Some(name), _) => environments::select(self.file(), name),
        };
        selected.map(Some).map_err(|diagnostics| Refused { diagnostics })
    }

    /// The names of all environments, for a shell.
    pub(super) fn names(&self) -> Vec<String> {
        environments::names(self.file())
    }

    /// The file that a flag names.
    pub(super) fn given_file(&self) -> Option<&Path> {
        self.environments_file.as_deref()
    }

    /// Checks the file, if a flag names it or the current directory contains it.
    pub(super) fn check(&self) -> Vec<Diagnostic> {
        let is_there = self.given_file().is_some() || self.file().exists();
        if is_there { environments::check(self.file()) } else { Vec::new() }
    }

    /// What a saved plan keeps.
    pub(super) fn saved(&self) -> std::io::Result<Option<Selected>> {
        let selected = |name: &str| Ok(Selected { name: name.to_owned(), file: absolute(self.file())? });
        self.name().map(selected).transpose()
    }

    /// These arguments, with those of a saved plan as defaults.
    pub(super) fn or(&self, saved: Option<&Selected>) -> Self {
        let Some(Selected { name, file }) = saved else { return self.clone() };
        Self {
            environment: Some(name.clone()),
            environments_file: self.environments_file.clone().or_else(|| Some(as_seen_from_here(file))),
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

    /// What happened to the environment of a saved plan, if the file that the plan names no longer describes it.
    pub(super) fn outdated(&self, saved: Option<&Selected>) -> Option<Outdated> {
        let Selected { name, file: _ } = saved.filter(|_| self.given_file().is_none())?;
        let Refused { diagnostics } = self.or(saved).select().err()?;
        let found = diagnostics.first().filter(|found| ["unknown-environment", "unreadable"].contains(&found.code))?;
        let file = found.place.as_ref().map(|place| format!(" in {}", place.file)).unwrap_or_default();
        let reason = match found.code {
            "unknown-environment" => format!("the environment `{name}`{file} no longer exists"),
            _ => format!("{}, but the environment `{name}` names it{file}", found.message),
        };
        let help = found.help.iter().filter(|_| found.code == "unknown-environment").map(|help| format!("; {help}"));
        Some(Outdated { reason, help: format!("plan again{}", help.collect::<String>()) })
    }
}
