//! What a plan can do to a function that something else deploys.
//!
//! A step here holds a policy and the tags that remember it. It holds no function, neither a declared nor a live one, so
//! nothing that carries it out can create, configure, upload or delete one.

use crate::model::async_policy::{AsyncPolicy, LivePolicy};
use crate::model::mark::Marks;
use crate::model::text::StackName;

/// A write to the policy of a function that something else deploys, and to the tags that remember it.
#[derive(Debug, Clone)]
pub struct ExistingStep<'a> {
    pub seen: Seen<'a>,
    pub policy: PolicyWrite<'a>,
    pub tags: TagWrite,
}

/// What the plan saw of the function.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    pub policy: Option<&'a LivePolicy>,
    pub marks: &'a Marks,
}

#[derive(Debug, Clone, Copy)]
pub enum PolicyWrite<'a> {
    Put(&'a AsyncPolicy),
    Delete,
    Keep,
}

/// What happens to the tags that remember the policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TagWrite {
    /// They cannot be kept on this function.
    Nothing,
    Set {
        owner: StackName,
        /// The mark of what is applied.
        applied: String,
        /// If the stack owns all of the function and hands it over.
        hand_over: Option<HandOver>,
    },
    Remove {
        /// The stack, if the function would otherwise look like its interrupted create.
        released: Option<StackName>,
    },
}

/// How a hand-over begins: before anything else is written, a tag says that the stack keeps only the policy. If the
/// hand-over is interrupted, that tag shows that the function must not be deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandOver {
    pub owner: StackName,
    /// fgctl's tags that make room for that tag. The hand-over removes them in any case.
    pub removed_first: Vec<String>,
}

impl<'a> PolicyWrite<'a> {
    /// The policy afterwards, if this changes it: `Some(None)` is no policy.
    pub const fn after(self) -> Option<Option<&'a AsyncPolicy>> {
        match self {
            Self::Put(policy) => Some(Some(policy)),
            Self::Delete => Some(None),
            Self::Keep => None,
        }
    }
}
