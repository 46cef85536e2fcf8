//! `policies`, and policies written at a function's `async`.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::diagnostic::{Diagnostic, Spot};
use crate::model::async_policy::{AsyncPolicy, PolicySpots};
use crate::model::field::Field;
use crate::model::number::{MaxRetries, Validity};
use crate::model::period::{OutOfRange, Period};
use crate::model::target::Target;
use crate::rules::number;

use super::names::{NamedPolicy, Names};
use super::notation::{Origin, Reference, Setting};
use super::target::TargetEntry;

/// How a function runs asynchronously: retries, validity, and the targets to notify.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PolicyEntry {
    /// Retries after a failed attempt: 0 to 3. Default: 1, which means at most two attempts.
    #[schemars(extend("default" = number::DEFAULT_MAX_RETRIES))]
    max_retries: Option<MaxRetries>,
    /// How long a request stays valid after it arrives: 1 to 86,400 seconds, or text such as `90s`, `15m` or `24h`. Attempts
    /// can start only during this time. Default: 3600 (one hour).
    #[schemars(extend("default" = number::DEFAULT_VALIDITY_SECONDS))]
    max_validity_period: Option<ValidityPeriod>,
    /// The target to notify when an invocation succeeded: a name from `targets`, or a target written here. Default:
    /// none.
    #[serde(default)]
    on_success: Setting<Reference<TargetEntry>>,
    /// The target to notify when an invocation failed after its last retry: a name from `targets`, or a target written
    /// here. Default: none.
    #[serde(default)]
    on_failure: Setting<Reference<TargetEntry>>,
    /// If true, the service records the statuses of invocations, so that they can be listed. Default: the live setting,
    /// which fgctl keeps.
    status_log: Option<bool>,
}

type ValidityPeriod =
    Period<{ number::VALIDITY_SECONDS.least }, { number::VALIDITY_SECONDS.most }, { number::DEFAULT_VALIDITY_SECONDS }>;

impl PolicyEntry {
    /// The declared policy. Invalid parts have been reported, and are left out.
    pub(super) fn resolve(&self, spot: &Spot, names: &Names, diagnostics: &mut Vec<Diagnostic>) -> NamedPolicy {
        let Self { max_retries, max_validity_period, on_success, on_failure, status_log } = self;
        let mut target = |field: &str, reference: &Setting<Reference<TargetEntry>>| {
            let (reference, spot) = (reference.value()?, spot.child(field));
            let (target, written) = target(reference, &spot, names, diagnostics)?;
            Some((target, (spot, written)))
        };
        let (on_success, success_spots) = target("on_success", on_success).unzip();
        let (on_failure, failure_spots) = target("on_failure", on_failure).unzip();
        let (success_spot, success_written) = success_spots.unzip();
        let (failure_spot, failure_written) = failure_spots.unzip();
        let spots = PolicySpots {
            used: spot.clone(),
            on_success: success_spot,
            on_failure: failure_spot,
            targets: [success_written, failure_written],
            max_retries: max_retries.map(|_| spot.child(Field::MaxRetries.key())),
            max_validity_period: max_validity_period.as_ref().map(|_| spot.child(Field::MaxValidityPeriod.key())),
        };
        let policy = AsyncPolicy {
            max_retries: max_retries.unwrap_or(MaxRetries::constant::<{ number::DEFAULT_MAX_RETRIES }>()),
            max_validity_period: max_validity_period
                .as_ref()
                .and_then(|period| seconds(period, &spot.child(Field::MaxValidityPeriod.key()), diagnostics))
                .and_then(|seconds| Validity::new(seconds).ok())
                .unwrap_or(Validity::constant::<{ number::DEFAULT_VALIDITY_SECONDS }>()),
            on_success,
            on_failure,
            status_log: *status_log,
        };
        NamedPolicy { policy, spots }
    }
}

/// The policy of a function: its own, or that of `defaults`.
pub(super) fn of_function(
    own: &Setting<Reference<PolicyEntry>>,
    spot: &Spot,
    names: &Names,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<((AsyncPolicy, PolicySpots), Origin)> {
    match own {
        Setting::Cleared => None,
        Setting::Inherited => {
            let (policy, spot) = names.default_policy.as_ref()?;
            Some((policy.clone().used_at(spot.clone()), Origin::Default))
        }
        Setting::Set(reference) => {
            let spot = spot.child(Field::Async.key());
            let policy = of_reference(reference, &spot, names, diagnostics)?;
            Some((policy.used_at(spot), Origin::Own))
        }
    }
}

pub(super) fn of_reference(
    reference: &Reference<PolicyEntry>,
    spot: &Spot,
    names: &Names,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<NamedPolicy> {
    match reference {
        Reference::Name(name) => names.policy(name, spot, diagnostics).cloned(),
        Reference::Inline(entry) => Some(entry.resolve(spot, names, diagnostics)),
    }
}

/// A target, and where it is written.
fn target(
    reference: &Reference<TargetEntry>,
    spot: &Spot,
    names: &Names,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<(Target, Spot)> {
    match reference {
        Reference::Name(name) => names.target(name, spot, diagnostics),
        Reference::Inline(entry) => Some((entry.target(spot, names, diagnostics)?, spot.clone())),
    }
}

/// The seconds of a policy's validity, if they are in range.
fn seconds(period: &ValidityPeriod, spot: &Spot, diagnostics: &mut Vec<Diagnostic>) -> Option<u32> {
    let refuse = |wrong: OutOfRange| {
        let message = format!("`{}` {wrong}", Field::MaxValidityPeriod.key());
        diagnostics.push(Diagnostic::error("out-of-range", message).at(spot.clone()));
    };
    period.within().map_err(refuse).ok()
}
