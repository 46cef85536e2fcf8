//! What a step does to a policy or a trigger, no matter who deploys the function.

use crate::model::async_policy::{AsyncPolicy, LivePolicy};

use super::change::Step;
use super::existing::ExistingStep;
use super::trigger_step::TriggerStep;

impl<'a> Step<'a> {
    /// The step of a trigger's change.
    pub const fn trigger(&self) -> Option<&TriggerStep<'a>> {
        match self {
            Self::Trigger(step) => Some(step),
            _ => None,
        }
    }

    /// The policy afterwards, if this changes it: `Some(None)` is no policy.
    pub const fn policy_after(&self) -> Option<Option<&'a AsyncPolicy>> {
        match self {
            Self::PutPolicy { desired, .. } => Some(Some(*desired)),
            Self::DeletePolicy { .. } => Some(None),
            Self::Existing(ExistingStep { policy, .. }) => policy.after(),
            Self::CreateFunction { .. }
            | Self::UpdateFunction { .. }
            | Self::DeleteFunction { .. }
            | Self::MarkPolicy { .. }
            | Self::Trigger(_)
            | Self::Forget(_) => None,
        }
    }

    /// The live policy that this changes, as the plan saw it.
    pub fn policy_before(&self) -> Option<&'a LivePolicy> {
        match self {
            Self::PutPolicy { live, .. } => live.and_then(|live| live.policy.as_ref()),
            Self::DeletePolicy { policy, .. } => Some(policy),
            Self::Existing(ExistingStep { seen, .. }) => seen.policy,
            Self::CreateFunction { .. }
            | Self::UpdateFunction { .. }
            | Self::DeleteFunction { .. }
            | Self::MarkPolicy { .. }
            | Self::Trigger(_)
            | Self::Forget(_) => None,
        }
    }
}
