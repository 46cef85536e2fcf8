//! The changes of triggers as parts of a whole plan.

use std::collections::BTreeSet;

use crate::diagnostic::Diagnostic;
use crate::model::address::{Address, FunctionAddress};
use crate::model::existing::Holder;
use crate::model::mark;
use crate::model::state::{DesiredState, LiveFunction, LiveState};
use crate::model::trigger::Triggers;

use super::change::{Change, Step};
use super::trigger_diff::{self, Case, Of};
use super::{MissingSecrets, Permissions};

/// What is live, and what the user permits.
#[derive(Clone, Copy)]
pub(super) struct Permitted<'a> {
    pub(super) live: &'a LiveState,
    pub(super) permissions: Permissions,
}

/// Adds the changes of a function's triggers. Each of them records itself, so a trigger that is not created is not recorded.
pub(super) fn with_triggers<'a>(
    changes: &mut Vec<Change<'a>>,
    desired: &'a DesiredState,
    holder: Option<Holder<'a>>,
    live: Permitted<'a>,
) -> Result<(), Box<Diagnostic>> {
    let Permitted { live, permissions } = live;
    let Some(holder) = holder else { return Ok(()) };
    let found = live.functions.get(holder.address);
    if desired.existing.contains_key(holder.address) && found.is_none() {
        return Ok(());
    }
    let case = Case::new(
        desired,
        Of { address: holder.address, declared: holder.triggers, live: found },
        &live.scope,
        permissions,
    );
    let created = changes.iter().find(|change| matches!(change.step, Step::CreateFunction { .. }));
    let case = match created {
        None => case,
        Some(change) => case.created_with(change.reason.clone()),
    };
    changes.extend(case.changes()?);
    Ok(())
}

/// The triggers that this stack applied to functions that it no longer declares and that stay.
pub(super) fn undeclared_triggers<'a>(
    desired: &'a DesiredState,
    live: &'a LiveState,
    permissions: Permissions,
) -> impl Iterator<Item = Change<'a>> {
    let goes: BTreeSet<&FunctionAddress> = live.undeclared(desired).map(|found| &found.live().address).collect();
    let stays = move |found: &&LiveFunction| !desired.declares(&found.address) && !goes.contains(&found.address);
    let marked = live.functions.values().filter(|found| found.marks.get(mark::TRIGGERS).is_some()).filter(stays);
    marked.flat_map(move |found| {
        let case = Case::new(
            desired,
            Of { address: &found.address, declared: &NO_TRIGGERS, live: Some(found) },
            &live.scope,
            permissions,
        );
        case.changes().unwrap_or_default()
    })
}

static NO_TRIGGERS: Triggers = Triggers::new();

/// What a plan leaves alone or cannot compare, with the functions.
pub(super) fn remarks<'a>(
    desired: &'a DesiredState,
    live: &'a LiveState,
    changes: &[Change<'_>],
    permissions: Permissions,
) -> impl Iterator<Item = (&'a FunctionAddress, Diagnostic)> {
    let is_sent = |change: &&Change<'_>| matches!(&change.step, Step::Trigger(step) if step.write.sent().is_some());
    let sent: BTreeSet<Address> = changes.iter().filter(is_sent).map(|change| change.address.clone()).collect();
    let read = |holder: Holder<'a>| Some((holder, live.functions.get(holder.address)?));
    let found = desired.holders().filter_map(read).filter(|(_, found)| found.triggers.is_some());
    found.flat_map(move |(holder, found)| {
        let of = Of { address: holder.address, declared: holder.triggers, live: Some(found) };
        let case = Case::new(desired, of, &live.scope, permissions);
        trigger_diff::remarks(&case, &sent).into_iter().map(move |finding| (holder.address, finding))
    })
}

/// Every write of a trigger sends all of its members.
pub(super) fn add_secrets_of_trigger<'a>(
    desired: &'a DesiredState,
    change: &Change<'a>,
    missing: &mut MissingSecrets<'a>,
) {
    let Step::Trigger(step) = &change.step else { return };
    let (Some(trigger), Some(holder)) = (step.write.sent(), desired.holder(&change.address.function)) else { return };
    let unset = trigger.secrets.values().filter(|secret| secret.value.is_none());
    for secret in unset {
        missing.entry(&secret.variable).or_default().push((holder.address, &trigger.spot));
    }
}
