//! Plans again as if the values of some secrets were not set. A pull request needs no secrets of functions this way: the
//! plan is saved without them, and the apply, which has them, checks the plan as it was made.

use secrecy::SecretString;
use std::collections::{BTreeMap, BTreeSet};

use crate::manifest::Manifest;
use crate::model::function::Function;
use crate::model::secret::{self, Salt, Secret};
use crate::model::state::{DesiredState, LiveState};
use crate::model::trigger::Triggers;
use crate::plan::Planned;
use crate::plan::mask;
use crate::plan::saved::{Options, SavedPlan};
use crate::redaction::Redaction;

use super::reconcile::{Prepared, seal_secrets};

/// The inputs of a plan, as far as they differ from those of this command.
pub(super) struct WithoutValues {
    pub(super) desired: DesiredState,
    /// Without these values, which the plan could not hide.
    pub(super) redaction: Redaction,
}

/// The secrets of a manifest.
#[derive(Debug, Clone, Default)]
pub(super) struct Declared {
    /// The variables that are not set.
    pub(super) unset: BTreeSet<String>,
    /// The values of the others, and of those that an overlay removes: they are hidden too.
    set: BTreeMap<String, SecretString>,
}

impl Declared {
    pub(super) fn of(manifest: &Manifest, set: BTreeMap<String, SecretString>) -> Self {
        let unset = secret::unset(manifest.secrets());
        Self { unset: unset.map(|secret| secret.variable.clone()).collect(), set }
    }

    pub(super) fn values(&self) -> impl Iterator<Item = SecretString> {
        self.set.values().cloned()
    }

    fn values_except(&self, unset: &BTreeSet<String>) -> impl Iterator<Item = SecretString> {
        self.set.iter().filter(|(variable, _)| !unset.contains(*variable)).map(|(_, value)| value.clone())
    }
}

impl WithoutValues {
    /// `None` if all values were set when the plan was made. `credentials` are hidden in any case.
    pub(super) fn of(
        saved: &SavedPlan,
        desired: &DesiredState,
        secrets: &Declared,
        credentials: &Redaction,
    ) -> Option<Self> {
        let unset = &saved.origin.unset;
        if unset.is_empty() {
            return None;
        }
        let mut desired = desired.clone();
        for secret in secrets_of(&mut desired).filter(|secret| unset.contains(&secret.variable)) {
            secret.value = None;
        }
        Some(Self { desired, redaction: credentials.and(secrets.values_except(unset)) })
    }

    pub(super) fn seal(&mut self, live: &LiveState, salt: Salt) {
        seal_secrets(&mut self.desired, live, salt);
    }

    /// The plan without the values.
    pub(super) fn plan<'a>(&'a self, prepared: &'a Prepared, options: &Options) -> Planned<'a> {
        let mut planned = prepared.plan_for(&self.desired, options);
        mask::hide(&mut planned, &self.redaction);
        planned
    }
}

/// The secrets of functions and of all triggers.
fn secrets_of(desired: &mut DesiredState) -> impl Iterator<Item = &mut Secret> {
    let DesiredState { functions, existing, .. } = desired;
    let of_functions = functions.values_mut().flat_map(|wanted| {
        let Function { secrets, triggers, .. } = &mut wanted.function;
        secrets.values_mut().chain(secrets_of_triggers(triggers))
    });
    of_functions.chain(existing.values_mut().flat_map(|entry| secrets_of_triggers(&mut entry.triggers)))
}

fn secrets_of_triggers(triggers: &mut Triggers) -> impl Iterator<Item = &mut Secret> {
    triggers.values_mut().flat_map(|trigger| trigger.secrets.values_mut())
}
