//! How a function runs asynchronously: retries, validity, and the targets to notify.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::diagnostic::Spot;

use super::event_graph::Targets;
use super::field::{Field, Fields, FieldsBuilder};
use super::mark;
use super::number::{MaxRetries, Validity};
use super::target::Target;
use super::urn::Scope;

/// A desired policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AsyncPolicy {
    pub max_retries: MaxRetries,
    pub max_validity_period: Validity,
    pub on_success: Option<Target>,
    pub on_failure: Option<Target>,
    /// Whether the service records statuses of invocations. `None` leaves the setting unmanaged.
    pub status_log: Option<bool>,
}

/// The positions of a policy in the manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicySpots {
    /// The function's `async`.
    pub used: Spot,
    /// The values of `on_success` and `on_failure`, where the policy itself is written.
    pub on_success: Option<Spot>,
    pub on_failure: Option<Spot>,
    /// Where the targets themselves are written, in the order of [`Outcome::ALL`]: the same for all uses of a named one.
    pub targets: [Option<Spot>; 2],
    /// The values of the numbers that the policy sets.
    pub max_retries: Option<Spot>,
    pub max_validity_period: Option<Spot>,
}

/// A live policy. Its numbers may be outside the ranges that the service accepts today.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LivePolicy {
    pub max_retries: u32,
    /// Seconds.
    pub max_validity_period: u32,
    pub on_success: Option<LiveTarget>,
    pub on_failure: Option<LiveTarget>,
    /// Whether the service records statuses of invocations.
    pub status_log: Option<bool>,
    /// Fields that this format does not support. They are sent back with each write.
    pub others: Map<String, Value>,
}

impl AsyncPolicy {
    /// Whether this policy enables the recording of statuses.
    pub fn starts_to_record(&self, live: Option<&LivePolicy>) -> bool {
        self.status_log == Some(true) && live.and_then(|live| live.status_log) != Some(true)
    }

    /// The targets that it notifies.
    pub fn targets(&self) -> impl Iterator<Item = &Target> {
        self.by_outcome().into_iter().flatten()
    }

    pub fn by_outcome(&self) -> Targets<'_> {
        [&self.on_success, &self.on_failure].map(Option::as_ref)
    }

    /// The fields whose value is not the default.
    pub fn fields(&self, scope: &Scope) -> Fields {
        let Self { max_retries, max_validity_period, on_success, on_failure, status_log } = self;
        let (max_retries, max_validity_period) = (max_retries.get(), max_validity_period.get());
        let targets = [on_success, on_failure].map(Option::as_ref);
        Values { max_retries, max_validity_period, targets, status_log: *status_log }.fields(scope)
    }
}

impl LivePolicy {
    /// The fields whose value is not the default, limited to those that `desired` manages.
    pub fn fields_managed_by(&self, desired: &AsyncPolicy, scope: &Scope) -> Fields {
        self.fields(scope, desired.status_log.and(self.status_log))
    }

    /// All fields whose value is not the default.
    pub fn all_fields(&self, scope: &Scope) -> Fields {
        self.fields(scope, self.status_log)
    }

    /// Whether it is written like a desired policy. Even if not, the two can be equivalent.
    pub fn says_the_same_as(&self, desired: &AsyncPolicy) -> bool {
        let AsyncPolicy { max_retries, max_validity_period, on_success, on_failure, status_log } = desired;
        let same_target = |live: &Option<LiveTarget>, desired| live.as_ref().map(|live| &live.target) == desired;
        (self.max_retries, self.max_validity_period) == (max_retries.get(), max_validity_period.get())
            && same_target(&self.on_success, on_success.as_ref())
            && same_target(&self.on_failure, on_failure.as_ref())
            && status_log.is_none_or(|wanted| self.status_log == Some(wanted))
    }

    /// Whether nothing changed since this was read. Lists of versions do not contain the status log.
    pub fn is_still(&self, now: &Self) -> bool {
        let status_log = self.status_log.and(now.status_log);
        *self == Self { status_log, ..now.clone() }
    }

    /// Whether it matches the mark of the last apply, regardless of which fields that managed.
    pub fn is_marked(&self, mark: &str, scope: &Scope) -> bool {
        [self.status_log, None]
            .into_iter()
            .any(|managed| mark::of_fields(&self.fields(scope, managed)) == mark::fields_part(mark))
    }

    fn fields(&self, scope: &Scope, status_log: Option<bool>) -> Fields {
        let Self { max_retries, max_validity_period, on_success: _, on_failure: _, status_log: _, others: _ } = *self;
        Values { max_retries, max_validity_period, targets: self.by_outcome(), status_log }.fields(scope)
    }

    /// The targets that it notifies.
    pub fn targets(&self) -> impl Iterator<Item = &Target> {
        self.by_outcome().into_iter().flatten()
    }

    pub fn by_outcome(&self) -> Targets<'_> {
        [&self.on_success, &self.on_failure].map(|side| side.as_ref().map(|live| &live.target))
    }
}

/// What a desired policy and a live one have in common.
struct Values<'a> {
    max_retries: u32,
    max_validity_period: u32,
    targets: Targets<'a>,
    status_log: Option<bool>,
}

impl Values<'_> {
    fn fields(self, scope: &Scope) -> Fields {
        let Self { max_retries, max_validity_period, targets, status_log } = self;
        let [on_success, on_failure] =
            targets.map(|target| target.map_or(Value::Null, |target| target.to_value(scope)));
        FieldsBuilder::default()
            .set(Field::MaxRetries, max_retries)
            .set(Field::MaxValidityPeriod, max_validity_period)
            .set(Field::OnSuccess, on_success)
            .set(Field::OnFailure, on_failure)
            .set(Field::StatusLog, status_log.unwrap_or_default())
            .build()
    }
}

/// A live target with its parameters as they are stored. They can contain more than the format supports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveTarget {
    pub target: Target,
    pub param: String,
}

/// The two outcomes that can be notified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Success,
    Failure,
}

impl Outcome {
    pub const ALL: [Self; 2] = [Self::Success, Self::Failure];

    /// The outcome's name in messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failure => "failure",
        }
    }

    pub const fn key(self) -> &'static str {
        match self {
            Self::Success => "on_success",
            Self::Failure => "on_failure",
        }
    }
}
