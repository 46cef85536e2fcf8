//! A saved plan: hashes of its inputs, and its changes as reports show them.
//!
//! An apply does not execute the file. It plans again, and continues only if the same inputs give the same plan. A
//! permission in the file counts only if the command line of the apply gives it too. So the file needs no trust, and
//! decisions are made in only one place.

mod document;
mod fingerprint;
mod moved;
#[cfg(test)]
mod moved_tests;
#[cfg(test)]
mod tests;
mod warning;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::diagnostic::Diagnostic;
use crate::model::address::Address;
use crate::model::secret::Salt;
use crate::model::state::{DesiredState, LiveState, Ownership};
use crate::model::text::StackName;
use crate::model::urn::Scope;
use crate::redaction::Redaction;

use super::Permissions;
use super::change::{ChangeOf, Plan, PlanOf, Recorded};
use super::effect::Effect;
use super::flow::Flow;
use super::selection::Selection;

pub use document::{FORMAT_VERSION, Unreadable, parse, schema, text};
pub use fingerprint::Fingerprints;
pub use moved::{Moved, Side, What};
pub use warning::Warning;

/// A plan with hashes of all its inputs, and the project where it may be applied. It contains no secret values, no code,
/// and no live values except for changed fields as reports show them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SavedPlan {
    /// The version of fgctl that made the plan.
    pub fgctl_version: String,
    pub stack: StackName,
    pub origin: Origin,
    /// Digests of what the manifests declare, after variables are substituted, by address and field.
    pub manifests: Fingerprints,
    /// Digests of what was live, including fgctl's own tags, by address and field.
    pub live: Fingerprints,
    pub changes: Vec<Recorded>,
    /// Changes that were not selected.
    pub left_out: Vec<Address>,
    /// Whether the apply enables the project's log for statuses of asynchronous invocations.
    #[serde(default)]
    pub enables_status_log: bool,
    /// The triggers and notifications that change, for a drawing.
    #[serde(default)]
    pub flow: Flow,
    /// What changes for events.
    #[serde(default)]
    pub effects: Vec<Effect>,
    /// The findings that did not forbid the plan.
    #[serde(default)]
    pub warnings: Vec<Warning>,
}

/// Where and how the plan was made, so that it can be made again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Origin {
    #[serde(rename = "place")]
    pub project: Project,
    pub files: Files,
    pub options: Options,
    /// The salt for hashes of secrets and live environments.
    pub salt: Salt,
    /// The variables of secrets that were not set. It is unknown whether an apply changes their values.
    #[serde(default)]
    pub unset: BTreeSet<String>,
}

/// The project that contains the functions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Project {
    /// A URL, or `local` for an embedded server, whose port changes with each start.
    pub endpoint: String,
    pub region: String,
    pub project_id: String,
}

/// The paths of the manifests, as absolute paths, or `-` for standard input. Values of variables are not stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Files {
    /// The environment of `--env`; left out without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<Selected>,
    /// Empty if the environment names them.
    pub manifests: Vec<PathBuf>,
    pub root: Option<PathBuf>,
    pub variables: Vec<PathBuf>,
}

/// An environment, and the absolute path of the file that describes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Selected {
    pub name: String,
    pub file: PathBuf,
}

/// The options of the command, apart from the manifests.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Options {
    pub permissions: Permissions,
    pub ownership: Ownership,
    pub selection: Selection,
}

/// A plan that was made for another project.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the plan was made for the {what} \"{planned}\", but this is the {what} \"{here}\"")]
pub struct Elsewhere {
    what: &'static str,
    planned: String,
    here: String,
}

impl SavedPlan {
    /// Creates the saved form of a plan.
    pub fn new(desired: &DesiredState, live: &LiveState, plan: &Plan<'_>, origin: Origin) -> Self {
        let Plan { stack, scope: _, changes, left_out, enables_status_log, effects } = plan;
        Self {
            fgctl_version: env!("CARGO_PKG_VERSION").to_owned(),
            stack: (*stack).clone(),
            manifests: fingerprint::manifests(desired, &live.scope, &origin.salt),
            live: fingerprint::live(desired, live, &origin.salt),
            origin,
            changes: changes.iter().map(ChangeOf::recorded).collect(),
            left_out: left_out.clone(),
            enables_status_log: *enables_status_log,
            flow: Flow::default(),
            effects: effects.clone(),
            warnings: Vec::new(),
        }
    }

    /// Removes secrets that are also names of entries. Equal plans stay equal, and different plans stay different.
    #[must_use]
    pub fn hiding(mut self, secrets: &Redaction) -> Self {
        self.manifests = fingerprint::hiding(self.manifests, secrets);
        self.live = fingerprint::hiding(self.live, secrets);
        self
    }

    /// The plan for display.
    pub fn plan(&self) -> PlanOf<'_, ()> {
        PlanOf {
            stack: &self.stack,
            scope: self.scope(),
            changes: self.changes.clone(),
            left_out: self.left_out.clone(),
            enables_status_log: self.enables_status_log,
            effects: self.effects.clone(),
        }
    }

    /// The warnings for display.
    pub fn diagnostics(&self) -> Vec<Diagnostic> {
        self.warnings.iter().map(Diagnostic::from).collect()
    }

    /// The region and project of the functions.
    pub fn scope(&self) -> Scope {
        let Project { endpoint: _, region, project_id } = &self.origin.project;
        Scope { region: region.clone(), project_id: project_id.clone() }
    }

    /// Checks that the plan was made for this project.
    pub fn is_for(&self, here: &Project) -> Result<(), Elsewhere> {
        let Project { endpoint, region, project_id } = &self.origin.project;
        let pairs = [
            ("endpoint", endpoint, &here.endpoint),
            ("region", region, &here.region),
            ("project", project_id, &here.project_id),
        ];
        match pairs.into_iter().find(|(_, planned, here)| planned != here) {
            None => Ok(()),
            Some((what, planned, here)) => Err(Elsewhere { what, planned: planned.clone(), here: here.clone() }),
        }
    }

    /// The differences between this plan and the same plan made again. Empty if it may be applied.
    pub fn moved(&self, now: &Self) -> Vec<Moved> {
        moved::between(self, now)
    }

    /// Whether everything that the plan wanted is already live, so it was probably applied before.
    pub fn is_done(&self, now: &Self) -> bool {
        !self.changes.is_empty() && now.changes.is_empty() && self.manifests == now.manifests
    }
}
