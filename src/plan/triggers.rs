//! The changes of triggers as parts of a whole plan.

use std::collections::BTreeSet;

use crate::diagnostic::Diagnostic;
use crate::model::address::{Address, FunctionAddress, Qualifier};
use crate::model::existing::Holder;
use crate::model::mark;
use crate::model::secret;
use crate::model::state::{DesiredState, LiveFunction, LiveState};
use crate::model::text::TriggerKey;
use crate::model::trigger::Trigger;

use super::change::{Change, Step};
use super::part::is_undeclared;
use super::trigger_diff::{self, Case, Which};
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
    address: &'a FunctionAddress,
    live: Permitted<'a>,
) -> Result<(), Box<Diagnostic>> {
    let Permitted { live, permissions } = live;
    let is_missing = desired.existing.contains_key(address) && !live.functions.contains_key(address);
    if is_missing || !has_any(desired, live, address) {
        return Ok(());
    }
    let case = Case::new(desired, live, address, permissions);
    let created = changes.iter().find(|change| matches!(change.step, Step::CreateFunction { .. }));
    let case = match created {
        None => case,
        Some(change) => case.created_with(change.reason.clone()),
    };
    changes.extend(case.changes()?);
    Ok(())
}

/// Whether a manifest declares triggers of a function, or its tag records some. Otherwise, no plan changes any.
fn has_any(desired: &DesiredState, live: &LiveState, function: &FunctionAddress) -> bool {
    desired.holder(function).is_some_and(|holder| !holder.triggers.is_empty())
        || live.functions.get(function).is_some_and(has_record)
}

fn has_record(live: &LiveFunction) -> bool {
    live.marks.get(mark::TRIGGERS).is_some()
}

/// The triggers that this stack applied to functions that it no longer declares and that stay.
pub(super) fn undeclared_triggers<'a>(
    desired: &'a DesiredState,
    live: &'a LiveState,
    permissions: Permissions,
) -> impl Iterator<Item = Change<'a>> {
    let goes: BTreeSet<&FunctionAddress> = live.undeclared(desired).map(|found| &found.live().address).collect();
    let stays = move |found: &&LiveFunction| !desired.declares(&found.address) && !goes.contains(&found.address);
    let marked = live.functions.values().filter(|found| has_record(found)).filter(stays);
    marked.flat_map(move |found| {
        let case = Case::new(desired, live, &found.address, permissions);
        case.changes().unwrap_or_default()
    })
}

/// The keys of the triggers of a function that a plan can change. The triggers of a function that it deletes go with the
/// function.
pub(super) fn keys(desired: &DesiredState, live: &LiveState, function: &FunctionAddress) -> BTreeSet<TriggerKey> {
    if is_undeclared(desired, live, function) || !has_any(desired, live, function) {
        return BTreeSet::new();
    }
    case(desired, live, function).keys()
}

/// The triggers of a function as the manifests declare them and as they are live.
fn case<'a>(desired: &'a DesiredState, live: &'a LiveState, function: &'a FunctionAddress) -> Case<'a> {
    Case::new(desired, live, function, Permissions::default())
}

/// What makes declared triggers of a function this stack's: those that are named, or all if the function is.
pub(super) fn claims<'a>(
    desired: &'a DesiredState,
    live: &'a LiveState,
    function: &'a FunctionAddress,
    addresses: &BTreeSet<Address>,
) -> Result<Vec<Change<'a>>, Box<Diagnostic>> {
    case(desired, live, function).claims(&Which::of(function, addresses))
}

/// What gives triggers of a function up: those that are named, or all if the function is.
pub(super) fn given_up<'a>(
    desired: &'a DesiredState,
    live: &'a LiveState,
    function: &'a FunctionAddress,
    addresses: &BTreeSet<Address>,
) -> Vec<Change<'a>> {
    case(desired, live, function).given_up(&Which::of(function, addresses))
}

/// Declared triggers of versions or aliases that do not exist.
pub(super) fn without_version(desired: &DesiredState, live: &LiveState, holder: &Holder<'_>) -> Vec<Diagnostic> {
    if desired.existing.contains_key(holder.address) && !live.functions.contains_key(holder.address) {
        return Vec::new();
    }
    let missing = |trigger: &Trigger| {
        let qualifier =
            trigger.qualifier.as_ref().filter(|qualifier| !live.has_qualifier(holder.address, qualifier))?;
        Some(version_missing(live, holder.address, qualifier).at(trigger.spot.clone()))
    };
    holder.triggers.values().filter_map(missing).collect()
}

fn version_missing(live: &LiveState, function: &FunctionAddress, qualifier: &Qualifier) -> Diagnostic {
    let (kind, name) = (qualifier.kind(), qualifier.name());
    let known = live.qualifiers.get(function).into_iter().flatten().filter(|known| known.kind() == kind);
    let known: Vec<String> = known.map(|known| format!("`{}`", known.name())).collect();
    let help = match (live.functions.contains_key(function), known.is_empty()) {
        (false, _) => "a new function has only its latest code: apply without this trigger first".to_owned(),
        (true, true) => format!("publish the {kind} first; manifests do not publish versions and aliases"),
        (true, false) => format!("publish the {kind} first, or use one that exists: {}", known.join(", ")),
    };
    let message = format!("function {function} has no {kind} `{name}` for this trigger to start");
    Diagnostic::error("version-missing", message).help(help)
}

/// What a plan leaves alone or cannot compare, with the functions.
pub(super) fn remarks<'a>(
    desired: &'a DesiredState,
    live: &'a LiveState,
    changes: &[Change<'_>],
    permissions: Permissions,
) -> impl Iterator<Item = (&'a FunctionAddress, Diagnostic)> {
    let is_sent = |change: &&Change<'_>| change.step.trigger().is_some_and(|step| step.write.sent().is_some());
    let sent: BTreeSet<Address> = changes.iter().filter(is_sent).map(|change| change.address.clone()).collect();
    let is_read =
        |address: &&FunctionAddress| live.functions.get(*address).is_some_and(|found| found.triggers.is_some());
    desired.holders().map(|holder| holder.address).filter(is_read).flat_map(move |address| {
        let case = Case::new(desired, live, address, permissions);
        trigger_diff::remarks(&case, &sent).into_iter().map(move |finding| (address, finding))
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
    for secret in secret::unset(trigger.secrets.values()) {
        missing.entry(&secret.variable).or_default().push((holder.address, &secret.spot));
    }
}
