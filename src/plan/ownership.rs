//! What there is to say about functions that a plan leaves alone although something on them names its stack.

use crate::diagnostic::Diagnostic;
use crate::model::address::FunctionAddress;
use crate::model::mark;
use crate::model::state::{DesiredState, LiveFunction, LiveState, Ownership};
use crate::model::text::StackName;

use super::protection::{self, Protection};

/// A declared function that belongs to no stack would be changed.
pub(super) fn unowned(stack: &StackName, live: &LiveFunction, differences: &str) -> Diagnostic {
    let address = &live.address;
    let history = if live.marks.are_copied() {
        "carries tags that were copied from another function".to_owned()
    } else if live.is_untagged_create_of(stack) {
        format!("was created by stack \"{stack}\" and was changed since, has lost its tags")
    } else {
        "exists, belongs to no stack".to_owned()
    };
    Diagnostic::error("not-owned", format!("function {address} {history} and differs in {differences}"))
        .help("make the manifest say what is live, or give --adopt to take the function and change it")
}

/// One remark for each function that stays as it is for a reason that nobody would guess.
pub(super) fn remarks<'a>(desired: &DesiredState, live: &'a LiveState) -> Vec<(&'a FunctionAddress, Diagnostic)> {
    if desired.ownership == Ownership::Nobody {
        return Vec::new();
    }
    let remark = |found: &'a LiveFunction| Some((&found.address, remark(desired, found)?));
    live.functions.values().filter_map(remark).collect()
}

fn remark(desired: &DesiredState, live: &LiveFunction) -> Option<Diagnostic> {
    let address = &live.address;
    if let Some(wanted) = desired.functions.get(address) {
        let is_by_hand = protection::of(desired, &wanted.function, live) == Protection::ByHand;
        return is_by_hand.then(|| protected_by_hand(address).at(wanted.function.spot.clone()));
    }
    let copied_stack = live.marks.iter().find(|(key, _)| *key == mark::STACK).filter(|_| live.marks.are_copied());
    if copied_stack.is_some_and(|(_, stack)| stack == desired.stack.as_str()) {
        let message =
            format!("function {address} carries the tags of another function of this stack: it is left alone");
        let help = "a copy does not belong to the stack: take its fgctl.* tags away, or declare it";
        return Some(Diagnostic::warning("copied-tags", message).help(help));
    }
    let is_left_over = live.is_untagged_create_of(&desired.stack) && !desired.owns(live);
    is_left_over.then(|| {
        let message =
            format!("this stack created function {address}, which has no tags and was changed since: it is left alone");
        Diagnostic::warning("left-over", message).help("declare it and apply with --adopt, or delete it by hand")
    })
}

fn protected_by_hand(address: &FunctionAddress) -> Diagnostic {
    let tag = mark::PROTECT;
    let message = format!("function {address} has the tag {tag}, which no apply of this stack has set: it stays");
    let help = format!("declare `protect: true` to keep the protection, or take the tag {tag} away by hand");
    Diagnostic::warning("protected-by-hand", message).help(help)
}
