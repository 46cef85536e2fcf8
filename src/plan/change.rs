//! The parts of a plan. This module makes no decisions.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

use crate::model::address::{Address, Kind};
use crate::model::async_policy::{AsyncPolicy, LivePolicy};
use crate::model::field::{FieldSet, Path};
use crate::model::state::{DesiredFunction, LiveFunction, Undeclared};
use crate::model::text::StackName;
use crate::model::urn::Scope;

use super::effect::Effect;
use super::existing::ExistingStep;
use super::forget::ForgetStep;
use super::trigger_step::TriggerStep;

pub use super::shown::Shown;
pub use crate::model::row::Facet;

use super::tag_room::Removal;

/// A plan that can be applied.
pub type Plan<'a> = PlanOf<'a, Step<'a>>;
pub type Change<'a> = ChangeOf<Step<'a>>;
/// A change in a saved plan. It contains everything that reports show, but not the step itself.
pub type Recorded = ChangeOf<()>;

/// All changes, sorted by address. Resources without changes are not included.
#[derive(Debug, Clone)]
pub struct PlanOf<'a, S> {
    pub stack: &'a StackName,
    /// The region and project of the functions.
    pub scope: Scope,
    pub changes: Vec<ChangeOf<S>>,
    /// Resources that would also change, or cannot, but were not selected. Empty for a complete plan.
    pub left_out: Vec<Address>,
    /// Whether the apply enables the project's log for statuses of asynchronous invocations, because a policy here
    /// needs it.
    pub enables_status_log: bool,
    /// What changes for events.
    pub effects: Vec<Effect>,
}

/// The change of one resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Change")]
pub struct ChangeOf<S> {
    pub address: Address,
    pub action: Action,
    pub reason: Reason,
    pub fields: Vec<FieldChange>,
    /// Changes that must be done before this one starts.
    pub waits_for: Vec<Address>,
    /// Those of them that only take their turn, because both write the same tag: this one starts even if they fail.
    #[serde(skip)]
    pub turns: Vec<Address>,
    #[serde(skip)]
    pub step: S,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    Create,
    Update,
    /// It is deleted and created again, because the service cannot change it.
    Replace,
    Delete,
    /// The function becomes this stack's.
    Adopt,
    /// Live matches the manifest; only fgctl's mark is updated.
    Record,
    /// The stack gives it up: fgctl's tags go, and everything else stays.
    Forget,
}

/// The operation, with everything that it needs, so that the apply makes no further decisions.
#[derive(Debug, Clone)]
pub enum Step<'a> {
    CreateFunction {
        desired: &'a DesiredFunction,
        tags: BTreeMap<String, String>,
    },
    UpdateFunction {
        desired: &'a DesiredFunction,
        live: &'a LiveFunction,
        writes: Writes,
    },
    DeleteFunction {
        undeclared: Undeclared<'a>,
    },
    PutPolicy {
        desired: &'a AsyncPolicy,
        live: Option<&'a LiveFunction>,
        /// `None` without ownership, because there are no marks then.
        mark: Option<String>,
    },
    DeletePolicy {
        live: &'a LiveFunction,
        policy: &'a LivePolicy,
    },
    /// The policy matches the manifest, but its mark does not. `None` removes the mark.
    MarkPolicy {
        live: &'a LiveFunction,
        mark: Option<String>,
    },
    /// The policy of a function that something else deploys.
    Existing(ExistingStep<'a>),
    Trigger(Box<TriggerStep<'a>>),
    Forget(ForgetStep<'a>),
}

/// The writes that make up an update of a function.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "they are independent facts")]
pub struct Writes {
    pub configuration: bool,
    pub secrets: bool,
    /// Code is uploaded. Its mark follows from the answer.
    pub code: bool,
    /// The number of instances has a request of its own.
    pub max_instances: bool,
    /// The instances that are kept ready have a request of their own.
    pub reserved: bool,
    /// Fields that the manifest no longer declares, and that return to their defaults.
    pub returned: FieldSet,
    /// Tags to set, including fgctl's marks.
    pub set_tags: BTreeMap<String, String>,
    /// Tags to remove, with their current values.
    pub remove_tags: BTreeMap<String, String>,
    pub removal: Removal,
    /// The configuration write may lose secrets whose values are not known here.
    pub may_lose_secrets: bool,
}

/// One field before and after the change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FieldChange {
    pub path: Path,
    pub before: Shown,
    pub after: Shown,
}

/// The text for code in reports if only its digest is known.
pub const OTHER_CODE: &str = "other code";

/// Which side changed since the last apply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The manifest changed.
    Pending,
    /// Live changed.
    Drift,
    /// Both changed.
    Conflict,
    /// Unknown: the mark is missing or not written by fgctl.
    Unmarked,
    /// Live changed since the apply, and the values cannot be read back to compare them.
    Suspected,
}

/// Why something changes. It only explains the change; no decision depends on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Never applied, or deleted by someone; live state does not show which.
    Missing,
    /// It was applied, and someone deleted it.
    Deleted,
    Differs(Vec<(Facet, Cause)>),
    Undeclared,
    /// An interrupted create left it, and the manifest no longer declares it.
    Unfinished,
    Destroyed,
    /// A live policy that the manifest does not declare.
    PolicyNotDeclared(Cause),
    AdoptEqual,
    /// An interrupted create of this stack left it.
    AdoptUnfinished,
    AdoptDifferent,
    /// It becomes this stack's, and keeps its differences until the next apply.
    Imported,
    /// The same, for a policy whose function something else deploys.
    PolicyImported,
    /// The same, for a trigger.
    TriggerImported,
    TakeOver {
        from: String,
    },
    StaleMark,
    /// The manifest declares it with `existing: true`, and this stack owns all of it.
    HandedOver,
    /// Such a hand-over was interrupted, and the manifest no longer declares the function.
    HandOverContinued,
    /// The service cannot change it, so it is deleted and created again.
    Replaced {
        because: Box<Reason>,
        /// What is lost in between.
        missed: String,
    },
    /// Another stack applied triggers to the function.
    TriggersTakenOver,
    /// The user gives it up.
    Forgotten,
    /// The same for a policy whose function something else deploys, or the stack has never written it.
    PolicyForgotten,
    /// The same for a trigger.
    TriggerForgotten,
}

impl<S> ChangeOf<S> {
    pub fn new(address: Address, action: Action, reason: Reason, step: S) -> Self {
        Self { address, action, reason, fields: Vec::new(), waits_for: Vec::new(), turns: Vec::new(), step }
    }

    pub fn with_fields(self, fields: Vec<FieldChange>) -> Self {
        Self { fields, ..self }
    }

    /// The change as a saved plan stores it.
    pub fn recorded(&self) -> Recorded {
        let Self { address, action, reason, fields, waits_for, turns: _, step: _ } = self;
        Recorded {
            address: address.clone(),
            action: *action,
            reason: reason.clone(),
            fields: fields.clone(),
            waits_for: waits_for.clone(),
            turns: Vec::new(),
            step: (),
        }
    }

    /// Whether the change deletes a function.
    pub fn deletes_function(&self) -> bool {
        self.action == Action::Delete && self.address.kind == Kind::Function
    }
}

impl Reason {
    /// The reason itself, without how the change is made.
    pub fn cause(&self) -> &Self {
        match self {
            Self::Replaced { because, missed: _ } => because.cause(),
            other => other,
        }
    }
}

impl Cause {
    pub const fn explanation(self, facet: Facet) -> &'static str {
        match self {
            Self::Pending if matches!(facet, Facet::Secrets) => "the manifest or a value changed",
            Self::Pending => "the manifest changed",
            Self::Drift => "live was changed by someone else",
            Self::Conflict => "both the manifest and live changed",
            Self::Unmarked => "live differs, and no mark shows which side changed",
            Self::Suspected => {
                "the configuration changed since the apply; secrets may have changed, because their values cannot be read back"
            }
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("declared but not live"),
            Self::Deleted => f.write_str("someone deleted it: an applied policy still names it"),
            Self::Differs(facets) => {
                for (index, (facet, cause)) in facets.iter().enumerate() {
                    let separator = if index == 0 { "" } else { "; " };
                    write!(f, "{separator}{}: {}", facet.name(), cause.explanation(*facet))?;
                }
                Ok(())
            }
            Self::Undeclared => f.write_str("owned by this stack, but no longer declared"),
            Self::Unfinished => {
                f.write_str("an interrupted apply of this stack created it, and it is no longer declared")
            }
            Self::Destroyed => f.write_str("everything that this stack owns is destroyed"),
            Self::PolicyNotDeclared(cause) => {
                let cause = match cause {
                    Cause::Pending => "the manifest no longer declares one",
                    Cause::Drift | Cause::Suspected => "the manifest declares none; someone else created it",
                    Cause::Unmarked => "the manifest declares none, and its mark does not show who created it",
                    Cause::Conflict => "the manifest no longer declares one, and someone else changed live",
                };
                f.write_str(cause)
            }
            Self::AdoptEqual => f.write_str("live matches the manifest, and it is unowned"),
            Self::AdoptUnfinished => {
                f.write_str("an apply of this stack created it, but was interrupted before it set the tags")
            }
            Self::AdoptDifferent => f.write_str("it is unowned; --adopt makes it this stack's"),
            Self::Imported => {
                f.write_str("the function becomes this stack's; the next apply makes the changes")
            }
            Self::PolicyImported => {
                f.write_str("the policy becomes this stack's; the next apply makes the changes")
            }
            Self::TriggerImported => {
                f.write_str("the trigger becomes this stack's; the next apply makes the changes")
            }
            Self::TakeOver { from } => {
                write!(f, "it belongs to stack \"{from}\"; --take-over makes it this stack's")
            }
            Self::Replaced { because, missed } => {
                write!(f, "{because}; the service cannot change this, so the trigger is deleted and created again: {missed}")
            }
            Self::TriggersTakenOver => {
                f.write_str("another stack applied triggers to this function; --take-over makes them this stack's")
            }
            Self::HandedOver => {
                f.write_str("the manifest declares it with `existing: true`: this stack keeps only the policy")
            }
            Self::HandOverContinued => f.write_str(
                "it is no longer declared, but its hand-over to `existing: true` had begun: the function stays, and it becomes unowned",
            ),
            Self::Forgotten => {
                f.write_str("only fgctl's tags are removed; the function then belongs to no stack")
            }
            Self::PolicyForgotten => {
                f.write_str("only fgctl's tags are removed; the policy then belongs to no stack")
            }
            Self::TriggerForgotten => {
                f.write_str("only fgctl's tag changes; the trigger then belongs to no stack")
            }
            Self::StaleMark => f.write_str("live matches the manifest; only fgctl's mark is out of date"),
        }
    }
}

impl Action {
    pub const ALL: [Self; 7] =
        [Self::Create, Self::Update, Self::Replace, Self::Delete, Self::Adopt, Self::Record, Self::Forget];

    pub const fn verb(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Replace => "replace",
            Self::Delete => "delete",
            Self::Adopt => "adopt",
            Self::Record => "record",
            Self::Forget => "forget",
        }
    }

    /// What has happened to a resource afterwards.
    pub const fn participle(self) -> &'static str {
        match self {
            Self::Create => "created",
            Self::Update => "updated",
            Self::Replace => "replaced",
            Self::Delete => "deleted",
            Self::Adopt => "adopted",
            Self::Record => "recorded",
            Self::Forget => "forgotten",
        }
    }

    /// Whether something live is lost.
    pub const fn deletes(self) -> bool {
        matches!(self, Self::Delete | Self::Replace)
    }
}

impl<S> PlanOf<'_, S> {
    pub fn count(&self, action: Action) -> usize {
        self.changes.iter().filter(|change| change.action == action).count()
    }
}
