//! How a function runs asynchronously: retries, validity, and who is told of the end.

use crate::diagnostic::Spot;

use super::number::{MaxRetries, Validity};
use super::target::Target;

/// A policy as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AsyncPolicy {
    pub max_retries: MaxRetries,
    pub max_validity_period: Validity,
    pub on_success: Option<Target>,
    pub on_failure: Option<Target>,
}

/// Where the manifest says what a policy says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicySpots {
    /// The function's `async`.
    pub used: Spot,
    /// The values of `on_success` and `on_failure`, wherever the policy is written out.
    pub on_success: Option<Spot>,
    pub on_failure: Option<Spot>,
}

/// A policy as the service has it; numbers may be outside of what it accepts today.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LivePolicy {
    pub max_retries: u32,
    /// Seconds.
    pub max_validity_period: u32,
    pub on_success: Option<Target>,
    pub on_failure: Option<Target>,
    /// Whether the service records statuses of invocations; not managed yet, and sent back as it was.
    pub status_log: Option<bool>,
}

/// The two ends that can be notified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    Success,
    Failure,
}

impl Outcome {
    pub const fn key(self) -> &'static str {
        match self {
            Self::Success => "on_success",
            Self::Failure => "on_failure",
        }
    }
}
