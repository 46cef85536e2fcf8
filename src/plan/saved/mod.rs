//! A saved plan: hashes of its inputs, and its changes as reports show them.
//!
//! An apply does not execute the file. It plans again, and continues only if the same inputs give the same plan. A
//! permission in the file counts only if the command line of the apply gives it too. So the file needs no trust, and
//! decisions are made in only one place.

mod document;
mod fingerprint;
#[cfg(test)]
mod tests;
mod warning;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;

use crate::diagnostic::Diagnostic;
use crate::model::address::Address;
use crate::model::field::{Field, Path};
use crate::model::secret::Salt;
use crate::model::state::{DesiredState, LiveState, Ownership};
use crate::model::text::StackName;
use crate::model::urn::Scope;
use crate::redaction::Redaction;
use crate::rules::trigger::is_secret;

use super::Permissions;
use super::change::{ChangeOf, Plan, PlanOf, Recorded};
use super::effect::Effect;
use super::flow::Flow;
use super::selection::Selection;

pub use document::{FORMAT_VERSION, Unreadable, parse, schema, text};
pub use fingerprint::Fingerprints;
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

/// One difference to the saved plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    pub address: Address,
    pub side: Side,
    pub what: What,
}

/// Which input changed since the plan was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// The manifests, secrets or code.
    Manifests,
    Live,
    /// Neither input, but this fgctl makes another plan from them.
    Plan,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    Appeared,
    Gone,
    Fields(BTreeSet<Path>),
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
        let mut moved = fingerprint::differences(Side::Manifests, &self.manifests, &now.manifests);
        moved.extend(fingerprint::differences(Side::Live, &self.live, &now.live));
        if moved.is_empty() && self.changes != now.changes {
            moved = planned_differently(&self.changes, &now.changes);
        }
        moved.sort_by(|one, other| (&one.address, one.side).cmp(&(&other.address, other.side)));
        moved
    }

    /// Whether everything that the plan wanted is already live, so it was probably applied before.
    pub fn is_done(&self, now: &Self) -> bool {
        !self.changes.is_empty() && now.changes.is_empty() && self.manifests == now.manifests
    }
}

/// Finds changes that differ although the inputs are the same, because another version of fgctl decides differently.
fn planned_differently(before: &[Recorded], now: &[Recorded]) -> Vec<Moved> {
    let only_in = |one: &[Recorded], other: &[Recorded], what: What| -> Vec<Moved> {
        let missing = one.iter().filter(|change| !other.iter().any(|known| known.address == change.address));
        missing.map(|change| Moved { address: change.address.clone(), side: Side::Plan, what: what.clone() }).collect()
    };
    let in_both = before.iter().filter_map(|change| {
        let other = now.iter().find(|other| other.address == change.address && *other != change)?;
        let differ = |one: &Recorded, other: &Recorded| -> BTreeSet<Path> {
            let fields = one.fields.iter().filter(|field| !other.fields.contains(field));
            fields.map(|field| field.path.clone()).collect()
        };
        let fields = differ(change, other).union(&differ(other, change)).cloned().collect();
        Some(Moved { address: change.address.clone(), side: Side::Plan, what: What::Fields(fields) })
    });
    [only_in(before, now, What::Gone), only_in(now, before, What::Appeared), in_both.collect()].concat()
}

fn is_about_secrets(path: &Path) -> bool {
    let is_of_trigger = || path.field == Field::Triggers && path.key.as_deref().is_some_and(is_secret);
    path.field == Field::Secrets || is_of_trigger()
}

impl fmt::Display for Moved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { address, side, what } = self;
        write!(f, "{address}: ")?;
        match (what, side) {
            (What::Appeared, Side::Manifests) => f.write_str("the manifests declare it now"),
            (What::Gone, Side::Manifests) => f.write_str("the manifests no longer declare it"),
            (What::Appeared, Side::Live) => f.write_str("it is live now"),
            (What::Gone, Side::Live) => f.write_str("it is no longer live"),
            (What::Appeared, Side::Plan) => f.write_str("this fgctl would change it too"),
            (What::Gone, Side::Plan) => f.write_str("this fgctl would not change it"),
            (What::Fields(fields), side) => {
                let names: Vec<String> = fields.iter().map(ToString::to_string).collect();
                let names = if names.is_empty() { "the change".to_owned() } else { names.join(", ") };
                match side {
                    Side::Manifests if fields.iter().any(is_about_secrets) => {
                        write!(f, "the manifests or values of secrets changed: {names}")
                    }
                    Side::Manifests => write!(f, "the manifests changed: {names}"),
                    Side::Live => write!(f, "live changed: {names}"),
                    Side::Plan => write!(f, "this fgctl plans {names} differently"),
                }
            }
        }
    }
}
