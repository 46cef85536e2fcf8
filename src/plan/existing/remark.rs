//! What there is to say about functions that something else deploys.

use std::collections::BTreeSet;

use crate::diagnostic::Diagnostic;
use crate::model::address::FunctionAddress;
use crate::model::existing::{DeclaredPolicy, ExistingFunction};
use crate::model::field::Field;
use crate::model::state::{DesiredState, LiveFunction, LiveState, Ownership};
use crate::model::trigger::Trigger;
use crate::plan::change::FieldChange;
use crate::rules::quota;

/// The code of the finding that a function with `existing: true` does not exist.
pub const MISSING: &str = "existing-missing";

/// The code of the finding that another stack deploys a function with `existing: true`.
pub const OWNED_AS_A_WHOLE: &str = "policy-of-another-stack";

pub(super) fn missing(address: &FunctionAddress) -> Diagnostic {
    let message =
        format!("function {address} does not exist, but `existing: true` means that something else deploys it");
    Diagnostic::error(MISSING, message).help("deploy it first, or correct `name` and `package`")
}

pub(super) fn owned_as_a_whole(address: &FunctionAddress, stack: &str) -> Diagnostic {
    let message = format!("function {address} belongs to stack \"{stack}\", and so does its policy");
    let help =
        format!("declare the policy in stack \"{stack}\", or let that stack give the function up with `fgctl forget`");
    Diagnostic::error(OWNED_AS_A_WHOLE, message).help(help)
}

pub(super) fn owned_by_another(address: &FunctionAddress, stack: &str) -> Diagnostic {
    let message = format!("the policy of function {address} belongs to stack \"{stack}\"");
    Diagnostic::error("owned-by-another-stack", message)
        .help("declare it in only one stack, or use --take-over to make it this stack's")
}

pub(super) fn unowned(address: &FunctionAddress, fields: &[FieldChange]) -> Diagnostic {
    let names: BTreeSet<&str> = fields.iter().map(|field| field.path.field.key()).collect();
    let names = names.into_iter().collect::<Vec<_>>().join(", ");
    let message = format!("function {address} has a policy that belongs to no stack and differs in {names}");
    Diagnostic::error("not-owned", message).help(
        "change the manifest to match the live policy, or use --adopt to make the policy this stack's and change it",
    )
}

pub(super) fn not_declared(address: &FunctionAddress) -> Diagnostic {
    let message = format!("function {address} has a policy that belongs to no stack, but the manifest declares none");
    Diagnostic::error("not-owned", message).help("use --adopt to delete the policy, or leave out `async` to keep it")
}

/// An import sets tags, and nothing else.
pub(super) fn not_claimable(address: &FunctionAddress) -> Diagnostic {
    let message =
        format!("the policy of function {address} cannot be imported, because no tags can be set on the function");
    Diagnostic::error("no-room-for-tags", message)
        .help("a function can have 20 tags, and the service must allow fgctl to read and set them; `fgctl apply` works without them")
}

/// What a plan cannot determine or do, with the functions concerned.
pub(in crate::plan) fn remarks<'a>(
    desired: &'a DesiredState,
    live: &'a LiveState,
) -> Vec<(&'a FunctionAddress, Diagnostic)> {
    let declared = desired.existing.values();
    let found = declared.filter_map(|entry| Some((entry, live.functions.get(&entry.address)?)));
    let of_one = found.flat_map(|(entry, found)| {
        let all = [
            kept(desired, entry, found),
            left(desired, entry, found),
            full(desired, entry, found),
            full_for_triggers(desired, entry, found),
            left_triggers(desired, entry, found),
            no_agency(entry, found),
        ];
        all.into_iter().flatten().map(|finding| (&entry.address, finding))
    });
    let unreadable = live.unreadable_tags.as_ref().zip(desired.existing.values().next());
    unreadable.map(|(error, first)| (&first.address, unreadable_tags(error))).into_iter().chain(of_one).collect()
}

/// What is unknown without the tags that remember a policy.
const UNKNOWN: &str = "it cannot tell whether the manifest or the live policy changed, needs --adopt to change a policy, and \
                       keeps a policy whose entry is removed";

fn unreadable_tags(error: &str) -> Diagnostic {
    let message = format!("the service forbids fgctl to read tags, so fgctl sets none: {UNKNOWN} ({error})");
    Diagnostic::warning("tags-unreadable", message)
        .help("allow the tag actions in IAM, or use --no-ownership, which compares the manifest only with live")
}

/// Others may have set so many tags that there is no room for fgctl's.
fn full(desired: &DesiredState, entry: &ExistingFunction, live: &LiveFunction) -> Option<Diagnostic> {
    let is_tracked = desired.ownership == Ownership::Tags && entry.policy().is_some();
    if !is_tracked || super::room(&desired.stack, live).is_some() {
        return None;
    }
    let (address, most) = (&entry.address, quota::TAGS);
    let count = live.tag_keys().count();
    let message = format!("function {address} has {count} of {most} tags, so fgctl cannot mark its policy: {UNKNOWN}");
    Some(
        Diagnostic::warning("no-room-for-tags", message).help("remove tags that are not needed").at(entry.spot.clone()),
    )
}

/// The same for the tag that records triggers.
fn full_for_triggers(desired: &DesiredState, entry: &ExistingFunction, live: &LiveFunction) -> Option<Diagnostic> {
    let is_tracked = desired.ownership == Ownership::Tags && !entry.triggers.is_empty();
    if !is_tracked || super::has_room_for_triggers(desired, live) {
        return None;
    }
    let (address, count, most) = (&entry.address, live.tag_keys().count(), quota::TAGS);
    let message = format!(
        "function {address} has {count} of {most} tags, so fgctl cannot record its triggers: it needs --adopt to change a \
         trigger, and keeps a trigger whose entry is removed"
    );
    let finding = Diagnostic::warning("no-room-for-tags", message).help("remove tags that are not needed");
    Some(finding.at(entry.spot.clone()))
}

/// A destroy deletes only what tags say is the stack's.
fn left_triggers(desired: &DesiredState, entry: &ExistingFunction, live: &LiveFunction) -> Option<Diagnostic> {
    if entry.destroyed_triggers.is_empty() {
        return None;
    }
    let mark = live.trigger_mark();
    let is_of_others = mark.is_some() && !desired.owns_triggers(live);
    if desired.ownership == Ownership::Unowned || is_of_others {
        return None;
    }
    let is_recorded = |trigger: &Trigger| mark.as_ref().is_some_and(|mark| mark.entry(&trigger.identity()).is_some());
    let is_live = |trigger: &Trigger| live.triggers.iter().flatten().any(|live| trigger.is(live));
    let left = entry.destroyed_triggers.values().filter(|trigger| is_live(trigger) && !is_recorded(trigger));
    let left: Vec<String> = left.map(|trigger| format!("`{}`", trigger.key)).collect();
    let message = format!(
        "no tag shows that these triggers of function {} belong to this stack, so they stay: {}",
        entry.address,
        left.join(", ")
    );
    let help = "delete them by hand; to let fgctl delete them, first make room for its tag and run `fgctl apply`";
    (!left.is_empty()).then(|| Diagnostic::warning("trigger-kept", message).help(help).at(entry.spot.clone()))
}

/// Without ownership, nothing is deleted.
fn kept(desired: &DesiredState, entry: &ExistingFunction, live: &LiveFunction) -> Option<Diagnostic> {
    let is_kept = desired.ownership == Ownership::Unowned && matches!(entry.policy, DeclaredPolicy::Absent);
    live.policy.as_ref().filter(|_| is_kept)?;
    let message = format!("the manifest declares no policy for function {}, but its live policy stays", entry.address);
    let help = "--no-ownership deletes nothing: delete the policy by hand";
    Some(Diagnostic::warning("policy-kept", message).help(help).at(entry.spot.clone()))
}

/// A destroy deletes only what tags say is the stack's.
fn left(desired: &DesiredState, entry: &ExistingFunction, live: &LiveFunction) -> Option<Diagnostic> {
    let is_owned = live.stack().is_some() || live.policy_stack().is_some();
    let is_left = desired.ownership == Ownership::Tags && matches!(entry.policy, DeclaredPolicy::Destroyed);
    live.policy.as_ref().filter(|_| is_left && !is_owned)?;
    let message =
        format!("no tag shows that the policy of function {} belongs to this stack, so it stays", entry.address);
    let help = "delete the policy by hand, or apply `async: null` with --adopt before you destroy the stack";
    Some(Diagnostic::warning("policy-kept", message).help(help).at(entry.spot.clone()))
}

/// The manifest does not declare an agency here; live tells.
fn no_agency(entry: &ExistingFunction, live: &LiveFunction) -> Option<Diagnostic> {
    let (policy, spots) = entry.policy()?;
    let is_known = !live.unseen.contains(Field::Agency);
    if policy.targets().next().is_none() || live.configuration.has(Field::Agency) || !is_known {
        return None;
    }
    let message = format!("the policy has targets, but function {} has no agency to reach them", entry.address);
    let help = "whatever deploys the function has to set an IAM agency that may use the targets' services";
    Some(Diagnostic::warning("missing-agency", message).help(help).at(spots.used.clone().of_key()))
}
