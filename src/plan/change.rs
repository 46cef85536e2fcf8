//! What a plan consists of. Nothing here decides anything.

use serde::{Serialize, Serializer};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt;

use crate::model::address::{Address, Kind};
use crate::model::async_policy::{AsyncPolicy, LivePolicy};
use crate::model::field::Path;
use crate::model::state::{DesiredFunction, LiveFunction};
use crate::model::text::StackName;

/// All changes, in the order of their addresses. What needs nothing is not in it.
#[derive(Debug, Clone)]
pub struct Plan<'a> {
    pub stack: &'a StackName,
    pub changes: Vec<Change<'a>>,
}

/// One thing that changes.
#[derive(Debug, Clone)]
pub struct Change<'a> {
    pub address: Address,
    pub action: Action,
    pub reason: Reason,
    pub fields: Vec<FieldChange>,
    /// Changes that have to be done before this one starts.
    pub waits_for: Vec<Address>,
    pub step: Step<'a>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
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
        mark: String,
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
pub struct Writes {
    pub configuration: bool,
    pub secrets: bool,
    /// Code is uploaded, and its mark follows from the answer.
    pub code: bool,
    /// Tags to set, fgctl's marks among them.
    pub set_tags: BTreeMap<String, String>,
    /// Tags to take away, with the values that they have.
    pub remove_tags: BTreeMap<String, String>,
}

/// One field, before and after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldChange {
    pub path: Path,
    pub before: Shown,
    pub after: Shown,
}

/// A value as reports may show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shown {
    Value(Value),
    Sensitive,
}

/// Parts of a function of which each remembers what was applied last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Facet {
    Config,
    Secrets,
    Code,
    Async,
    Protection,
}

/// Which side moved since the last apply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cause {
    /// The manifest.
    Pending,
    /// Live.
    Drift,
    /// Both.
    Conflict,
    /// Nobody knows: the mark is gone.
    Unmarked,
}

/// Why something changes. It explains and never steers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    Missing,
    Differs(Vec<(Facet, Cause)>),
    Undeclared,
    Destroyed,
    /// A live policy that the manifest does not have.
    PolicyNotDeclared(Cause),
    AdoptEqual,
    /// An interrupted create would have left it so.
    AdoptUnfinished,
    AdoptDifferent,
    /// It becomes this stack's, and differs until the next apply.
    Imported,
    TakeOver {
        from: String,
    },
    StaleMark,
}

impl<'a> Change<'a> {
    pub fn new(address: Address, action: Action, reason: Reason, step: Step<'a>) -> Self {
        Self { address, action, reason, fields: Vec::new(), waits_for: Vec::new(), step }
    }

    pub fn with_fields(self, fields: Vec<FieldChange>) -> Self {
        Self { fields, ..self }
    }
}

impl Facet {
    const fn name(self) -> &'static str {
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
    const fn explanation(self) -> &'static str {
        match self {
            Self::Pending => "the manifest changed",
            Self::Drift => "live was changed by someone else",
            Self::Conflict => "both the manifest and live changed",
            Self::Unmarked => "live differs, and no mark tells which side moved",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("declared and not live"),
            Self::Differs(facets) => {
                for (index, (facet, cause)) in facets.iter().enumerate() {
                    let separator = if index == 0 { "" } else { "; " };
                    write!(f, "{separator}{}: {}", facet.name(), cause.explanation())?;
                }
                Ok(())
            }
            Self::Undeclared => f.write_str("this stack owns it and no longer declares it"),
            Self::Destroyed => f.write_str("everything that this stack owns is destroyed"),
            Self::PolicyNotDeclared(cause) => {
                let cause = match cause {
                    Cause::Pending => "the manifest no longer has one",
                    Cause::Drift | Cause::Unmarked => "the manifest has none, someone else made it",
                    Cause::Conflict => "the manifest no longer has one, and live was changed by someone else",
                };
                f.write_str(cause)
            }
            Self::AdoptEqual => f.write_str("live is as declared and belongs to no stack yet"),
            Self::AdoptUnfinished => {
                f.write_str("live is as declared, but for what a create does last, and belongs to no stack yet")
            }
            Self::AdoptDifferent => f.write_str("live belongs to no stack; --adopt takes it"),
            Self::Imported => f.write_str("live becomes this stack's as it is; the next apply changes what differs"),
            Self::TakeOver { from } => write!(f, "live belongs to stack \"{from}\"; --take-over takes it"),
            Self::StaleMark => f.write_str("live is as declared; only fgctl's mark of it is out of date"),
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

impl Plan<'_> {
    pub fn count(&self, action: Action) -> usize {
        self.changes.iter().filter(|change| change.action == action).count()
    }

    /// Functions that go away.
    pub fn deleted_functions(&self) -> usize {
        let is_one = |change: &&Change<'_>| change.action == Action::Delete && change.address.kind == Kind::Function;
        self.changes.iter().filter(is_one).count()
    }
}
