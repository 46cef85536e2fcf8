//! What a plan consists of. Nothing here decides anything.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt;

use crate::model::address::{Address, Kind};
use crate::model::async_policy::{AsyncPolicy, LivePolicy};
use crate::model::field::{Field, Path};
use crate::model::mark;
use crate::model::state::{DesiredFunction, LiveFunction};
use crate::model::text::StackName;
use crate::model::urn::Scope;

/// A plan that can be carried out.
pub type Plan<'a> = PlanOf<'a, Step<'a>>;
pub type Change<'a> = ChangeOf<Step<'a>>;
/// A change as a file keeps it: all that there is to show of it, and nothing to do it with.
pub type Recorded = ChangeOf<()>;

/// All changes, in the order of their addresses. What needs nothing is not in it.
#[derive(Debug, Clone)]
pub struct PlanOf<'a, S> {
    pub stack: &'a StackName,
    /// Where the functions are.
    pub scope: Scope,
    pub changes: Vec<ChangeOf<S>>,
    /// What would change too, or cannot, and was not selected. Without any, the plan is the whole one.
    pub left_out: Vec<Address>,
    /// Whether the project gets a log for statuses of asynchronous invocations, because a policy here needs it.
    pub enables_status_log: bool,
}

/// One thing that changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Change")]
pub struct ChangeOf<S> {
    pub address: Address,
    pub action: Action,
    pub reason: Reason,
    pub fields: Vec<FieldChange>,
    /// Changes that have to be done before this one starts.
    pub waits_for: Vec<Address>,
    #[serde(skip)]
    pub step: S,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    Create,
    Update,
    Delete,
    /// Becomes this stack's.
    Adopt,
    /// Live is as desired; only fgctl's own note of that is refreshed.
    Record,
}

/// What to do, with all that is needed to do it: nothing is left to decide later.
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
        live: &'a LiveFunction,
    },
    PutPolicy {
        desired: &'a AsyncPolicy,
        live: Option<&'a LiveFunction>,
        /// `None` where nobody keeps marks.
        mark: Option<String>,
    },
    DeletePolicy {
        live: &'a LiveFunction,
        policy: &'a LivePolicy,
    },
    /// The policy is as desired; its mark is not. `None` takes the mark away.
    MarkPolicy {
        live: &'a LiveFunction,
        mark: Option<String>,
    },
}

/// Which writes an update of a function consists of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct Writes {
    pub configuration: bool,
    pub secrets: bool,
    /// Code is uploaded, and its mark follows from the answer.
    pub code: bool,
    /// Tags to set, fgctl's marks among them.
    pub set_tags: BTreeMap<String, String>,
    /// Tags to take away, with the values that they have.
    pub remove_tags: BTreeMap<String, String>,
    /// A configuration write may lose secrets whose values are not known here.
    pub may_lose_secrets: bool,
}

/// One field, before and after.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FieldChange {
    pub path: Path,
    pub before: Shown,
    pub after: Shown,
}

/// A value as reports may show it; in JSON, what they may not show is `{"sensitive": true}`.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema)]
#[schemars(with = "Value")]
pub enum Shown {
    Value(Value),
    Sensitive,
}

/// Parts of a function of which each remembers what was applied last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Facet {
    Config,
    Secrets,
    Code,
    Async,
    Protection,
}

/// Which side moved since the last apply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The manifest.
    Pending,
    /// Live.
    Drift,
    /// Both.
    Conflict,
    /// Nobody knows: the mark is gone, or is none that fgctl makes.
    Unmarked,
    /// Nobody can read whether it differs, and live changed since it was applied.
    Suspected,
}

/// Why something changes. It explains and never steers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Never applied, or deleted by someone: nothing live tells.
    Missing,
    /// It was applied, and is gone.
    Deleted,
    Differs(Vec<(Facet, Cause)>),
    Undeclared,
    /// An interrupted create left it, and the manifest no longer has it.
    Unfinished,
    Destroyed,
    /// A live policy that the manifest does not have.
    PolicyNotDeclared(Cause),
    AdoptEqual,
    /// An interrupted create of this stack left it.
    AdoptUnfinished,
    AdoptDifferent,
    /// It becomes this stack's, and differs until the next apply.
    Imported,
    TakeOver {
        from: String,
    },
    StaleMark,
}

impl<S> ChangeOf<S> {
    pub fn new(address: Address, action: Action, reason: Reason, step: S) -> Self {
        Self { address, action, reason, fields: Vec::new(), waits_for: Vec::new(), step }
    }

    pub fn with_fields(self, fields: Vec<FieldChange>) -> Self {
        Self { fields, ..self }
    }

    /// The change as a file keeps it.
    pub fn recorded(&self) -> Recorded {
        let Self { address, action, reason, fields, waits_for, step: _ } = self;
        Recorded {
            address: address.clone(),
            action: *action,
            reason: reason.clone(),
            fields: fields.clone(),
            waits_for: waits_for.clone(),
            step: (),
        }
    }

    /// Whether a function goes away.
    pub fn deletes_function(&self) -> bool {
        self.action == Action::Delete && self.address.kind == Kind::Function
    }
}

impl Facet {
    /// The facet that a field belongs to.
    pub fn of(path: &Path) -> Self {
        match path.field {
            Field::Secrets => Self::Secrets,
            Field::Code => Self::Code,
            Field::Protect => Self::Protection,
            Field::Async
            | Field::MaxRetries
            | Field::MaxValidityPeriod
            | Field::OnSuccess
            | Field::OnFailure
            | Field::StatusLog => Self::Async,
            Field::Runtime
            | Field::Handler
            | Field::Memory
            | Field::Timeout
            | Field::Description
            | Field::Agency
            | Field::Initializer
            | Field::Environment
            | Field::Tags => Self::Config,
        }
    }

    /// The facet that a tag belongs to; `None` for the one that says who owns the function.
    pub fn of_tag(key: &str) -> Option<Self> {
        match key {
            mark::STACK => None,
            mark::SECRETS => Some(Self::Secrets),
            mark::CODE => Some(Self::Code),
            mark::PROTECT => Some(Self::Protection),
            mark::ASYNC => Some(Self::Async),
            // Its mark, and everybody's tags, which it counts.
            _ => Some(Self::Config),
        }
    }

    /// The tag that remembers what was applied last.
    pub const fn tag(self) -> &'static str {
        match self {
            Self::Config => mark::CONFIG,
            Self::Secrets => mark::SECRETS,
            Self::Code => mark::CODE,
            Self::Async => mark::ASYNC,
            Self::Protection => mark::PROTECT,
        }
    }

    pub const fn name(self) -> &'static str {
        match self {
            Self::Config => "configuration",
            Self::Secrets => "secrets",
            Self::Code => "code",
            Self::Async => "policy",
            Self::Protection => "protection",
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
            Self::Unmarked => "live differs, and no mark tells which side moved",
            Self::Suspected => {
                "the configuration changed since the apply; secrets may have changed, because their values cannot be read back"
            }
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("declared and not live"),
            Self::Deleted => f.write_str("someone deleted it: a policy as it was applied still names it"),
            Self::Differs(facets) => {
                for (index, (facet, cause)) in facets.iter().enumerate() {
                    let separator = if index == 0 { "" } else { "; " };
                    write!(f, "{separator}{}: {}", facet.name(), cause.explanation(*facet))?;
                }
                Ok(())
            }
            Self::Undeclared => f.write_str("this stack owns it and no longer declares it"),
            Self::Unfinished => {
                f.write_str("an apply of this stack created it and was interrupted, and it is no longer declared")
            }
            Self::Destroyed => f.write_str("everything that this stack owns is destroyed"),
            Self::PolicyNotDeclared(cause) => {
                let cause = match cause {
                    Cause::Pending => "the manifest no longer has one",
                    Cause::Drift | Cause::Suspected => "the manifest has none, someone else made it",
                    Cause::Unmarked => "the manifest has none, and its mark does not tell who made it",
                    Cause::Conflict => "the manifest no longer has one, and live was changed by someone else",
                };
                f.write_str(cause)
            }
            Self::AdoptEqual => f.write_str("live matches the manifest, and no stack owns it yet"),
            Self::AdoptUnfinished => {
                f.write_str("an apply of this stack created it and was interrupted before its tags were set")
            }
            Self::AdoptDifferent => f.write_str("live belongs to no stack; --adopt takes it"),
            Self::Imported => f.write_str("live becomes this stack's as it is; the next apply changes what differs"),
            Self::TakeOver { from } => write!(f, "live belongs to stack \"{from}\"; --take-over takes it"),
            Self::StaleMark => f.write_str("live matches the manifest; only fgctl's mark is out of date"),
        }
    }
}

impl Action {
    pub const ALL: [Self; 5] = [Self::Create, Self::Update, Self::Delete, Self::Adopt, Self::Record];

    pub const fn verb(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::Adopt => "adopt",
            Self::Record => "record",
        }
    }
}

impl Serialize for Shown {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Value(value) => value.serialize(serializer),
            Self::Sensitive => json!({ "sensitive": true }).serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Shown {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        // No field has a value of this form.
        Ok(if value == json!({ "sensitive": true }) { Self::Sensitive } else { Self::Value(value) })
    }
}

impl<S> PlanOf<'_, S> {
    pub fn count(&self, action: Action) -> usize {
        self.changes.iter().filter(|change| change.action == action).count()
    }
}
