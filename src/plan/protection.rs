//! Compares declared with live protection, and determines who protected a function.
//!
//! Protection is a tag, which people can set too. An apply removes only protection that an apply has set.

use crate::model::function::Function;
use crate::model::mark;
use crate::model::state::{DesiredState, LiveFunction};

use super::change::Cause;

/// What a plan does with the protection of a live function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protection {
    AsDeclared,
    Set(Cause),
    Clear(Cause),
    /// Someone else protected it, so it stays protected.
    ByHand,
}

pub(super) fn of(desired: &DesiredState, function: &Function, live: &LiveFunction) -> Protection {
    let was_applied = live.marks.was_protected();
    match (function.is_protected(), live.marks.is_protected()) {
        (true, true) | (false, false) => Protection::AsDeclared,
        (true, false) => Protection::Set(match was_applied {
            Some(true) => Cause::Drift,
            Some(false) => Cause::Pending,
            None => Cause::Unmarked,
        }),
        (false, true) if !desired.owns(live) => Protection::ByHand,
        (false, true) => match (was_applied, function.protect) {
            (Some(true), _) => Protection::Clear(Cause::Pending),
            // An earlier version or a person may have set the tag, so only an explicit `protect: false` removes it.
            (None, Some(false)) if live.marks.get(mark::CONFIG).is_some() => Protection::Clear(Cause::Pending),
            (Some(false) | None, _) => Protection::ByHand,
        },
    }
}

impl Protection {
    /// Which side changed the protection, if it changes.
    pub(super) const fn cause(self) -> Option<Cause> {
        match self {
            Self::Set(cause) | Self::Clear(cause) => Some(cause),
            Self::AsDeclared | Self::ByHand => None,
        }
    }
}
