//! What came of each change.

use crate::model::address::Address;

use super::error::Error;

/// How one change ended.
#[derive(Debug)]
pub enum Status {
    Done,
    Failed(Error),
    Skipped(Because),
}

/// Why a change was not tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Because {
    /// It waits for this one, which failed or was itself skipped.
    Of(Address),
    Interrupted,
}

/// The end of every change, in the order of the plan.
#[derive(Debug)]
pub struct Report {
    pub statuses: Vec<Status>,
    /// Why the last look at live state could not be taken, if it could not.
    pub unverified: Option<Error>,
    /// Whether it was asked to stop, even if nothing was left to skip.
    pub interrupted: bool,
}

impl Report {
    pub fn is_complete(&self) -> bool {
        !self.interrupted
            && self.unverified.is_none()
            && self.statuses.iter().all(|status| matches!(status, Status::Done))
    }
}
