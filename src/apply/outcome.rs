//! The results of an apply.

use crate::model::address::Address;
use crate::plan::change::Change;

use super::error::Error;

/// The result of one change.
#[derive(Debug)]
pub enum Status {
    Done,
    Failed(Error),
    Skipped(Because),
}

/// Why a change was skipped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Because {
    /// It waits for this change, which failed or was skipped.
    Of(Address),
    Interrupted,
}

/// What happens to a change during an apply.
#[derive(Debug, Clone, Copy)]
pub enum Event<'a> {
    Started(&'a Change<'a>),
    /// A change that is skipped ends without a start.
    Ended(&'a Change<'a>, &'a Status),
}

/// The result of every change, in plan order.
#[derive(Debug)]
pub struct Report {
    pub statuses: Vec<Status>,
    /// Policies that were written although the service forbids the tags that remember them, with its words.
    pub unmarked: Vec<(Address, Error)>,
    /// Why the final check of live state was not possible.
    pub unverified: Option<Error>,
    /// Whether the apply was interrupted, even if no changes were left to skip.
    pub interrupted: bool,
}

impl Report {
    pub fn is_complete(&self) -> bool {
        !self.interrupted
            && self.unverified.is_none()
            && self.statuses.iter().all(|status| matches!(status, Status::Done))
    }
}
