//! A plan in a file: what it was decided from, as hashes, and what it does, as reports show it.
//!
//! Nothing in a file is carried out. An apply decides again, and goes on only where that gives the same plan from the same
//! grounds. What a file says it was allowed to do counts only as far as the command line of the apply allows it too. So a
//! file needs no trust, and there is no second way to decide.

mod document;
mod fingerprint;
#[cfg(test)]
mod tests;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;

use crate::model::address::Address;
use crate::model::field::{Field, Path};
use crate::model::secret::Salt;
use crate::model::state::{DesiredState, LiveState, Ownership};
use crate::model::text::StackName;
use crate::model::urn::Scope;

use super::Permissions;
use super::change::{ChangeOf, Plan, PlanOf, Recorded};
use super::selection::Selection;

pub use document::{FORMAT_VERSION, Unreadable, parse, schema, text};
pub use fingerprint::Fingerprints;

/// A plan, all that it was decided from, and where it may be applied. It has no value of a secret, no code, and nothing
/// of live as it is but the fields that change, as a report would show them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SavedPlan {
    /// The fgctl that planned.
    pub fgctl_version: String,
    pub stack: StackName,
    pub origin: Origin,
    /// Digests of what the manifests declare, with variables put in: by address and field.
    pub manifests: Fingerprints,
    /// Digests of what was live: by address and field, fgctl's own tags among them.
    pub live: Fingerprints,
    pub changes: Vec<Recorded>,
    /// What would change too, and was not selected.
    pub left_out: Vec<Address>,
    /// Whether the project gets a log for statuses of asynchronous invocations.
    #[serde(default)]
    pub enables_status_log: bool,
}

/// Where and how a plan was made, so that it can be made again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Origin {
    pub place: Place,
    pub files: Files,
    pub options: Options,
    /// What secrets and live environments are hashed with.
    pub salt: Salt,
}

/// Where functions live.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// A URL, or `local` for an embedded server, which listens at another port each time.
    pub endpoint: String,
    pub region: String,
    pub project_id: String,
}

/// Where the manifests were, as absolute paths, or `-` for standard input; values of variables are not kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Files {
    pub manifests: Vec<PathBuf>,
    pub root: Option<PathBuf>,
    pub variables: Vec<PathBuf>,
}

/// What was asked for, apart from the manifests.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Options {
    pub permissions: Permissions,
    pub ownership: Ownership,
    pub selection: Selection,
}

/// A plan for something else.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the plan was made for {what} \"{planned}\", and this is {what} \"{here}\"")]
pub struct Elsewhere {
    what: &'static str,
    planned: String,
    here: String,
}

/// One thing that is no longer as planned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    pub address: Address,
    pub side: Side,
    pub what: What,
}

/// Where something moved since the plan was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// What is declared, or a secret, or code.
    Manifests,
    Live,
    /// Neither, and yet this fgctl plans it differently.
    Plan,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    Appeared,
    Gone,
    Fields(BTreeSet<Path>),
}

impl SavedPlan {
    /// Puts together what a file keeps of a plan.
    pub fn new(desired: &DesiredState, live: &LiveState, plan: &Plan<'_>, origin: Origin) -> Self {
        let Plan { stack, scope: _, changes, left_out, enables_status_log } = plan;
        Self {
            fgctl_version: env!("CARGO_PKG_VERSION").to_owned(),
            stack: (*stack).clone(),
            manifests: fingerprint::manifests(desired, &live.scope),
            live: fingerprint::live(desired, live, &origin.salt),
            origin,
            changes: changes.iter().map(ChangeOf::recorded).collect(),
            left_out: left_out.clone(),
            enables_status_log: *enables_status_log,
        }
    }

    /// The plan, to be shown.
    pub fn plan(&self) -> PlanOf<'_, ()> {
        PlanOf {
            stack: &self.stack,
            scope: self.scope(),
            changes: self.changes.clone(),
            left_out: self.left_out.clone(),
            enables_status_log: self.enables_status_log,
        }
    }

    /// Where the functions are.
    pub fn scope(&self) -> Scope {
        let Place { endpoint: _, region, project_id } = &self.origin.place;
        Scope { region: region.clone(), project_id: project_id.clone() }
    }

    /// A plan is for one place and one stack.
    pub fn is_for(&self, here: &Place, stack: &StackName) -> Result<(), Elsewhere> {
        let Place { endpoint, region, project_id } = &self.origin.place;
        let pairs = [
            ("endpoint", endpoint, &here.endpoint),
            ("region", region, &here.region),
            ("project", project_id, &here.project_id),
            ("stack", &self.stack.to_string(), &stack.to_string()),
        ];
        match pairs.into_iter().find(|(_, planned, here)| planned != here) {
            None => Ok(()),
            Some((what, planned, here)) => Err(Elsewhere { what, planned: planned.clone(), here: here.clone() }),
        }
    }

    /// What is no longer as planned, from the same plan made again; nothing means that it may be applied.
    pub fn moved(&self, now: &Self) -> Vec<Moved> {
        let mut moved = fingerprint::differences(Side::Manifests, &self.manifests, &now.manifests);
        moved.extend(fingerprint::differences(Side::Live, &self.live, &now.live));
        if moved.is_empty() && self.changes != now.changes {
            moved = planned_differently(&self.changes, &now.changes);
        }
        moved.sort_by(|one, other| (&one.address, one.side).cmp(&(&other.address, other.side)));
        moved
    }

    /// Whether all that the plan wanted is there now, so that it was probably applied before.
    pub fn is_done(&self, now: &Self) -> bool {
        !self.changes.is_empty() && now.changes.is_empty() && self.manifests == now.manifests
    }
}

/// The same grounds and another plan: another version of fgctl decides otherwise.
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
                    Side::Manifests if fields.iter().any(|path| path.field == Field::Secrets) => {
                        write!(f, "the manifests, or values of secrets, changed {names}")
                    }
                    Side::Manifests => write!(f, "the manifests changed {names}"),
                    Side::Live => write!(f, "live changed {names}"),
                    Side::Plan => write!(f, "this fgctl plans {names} differently"),
                }
            }
        }
    }
}
