//! Findings about functions that a plan leaves alone although some of their data names its stack.

use crate::diagnostic::Diagnostic;
use crate::model::address::FunctionAddress;
use crate::model::mark;
use crate::model::state::{DesiredState, LiveFunction, LiveState, Ownership};
use crate::model::text::StackName;

use super::protection::{self, Protection};

/// How a live function is not what is declared.
#[derive(Debug, Clone, Copy)]
pub(super) struct Differences<'a> {
    /// The fields that are known to differ.
    pub(super) names: &'a str,
    /// Whether declared secrets are live. The service does not return their values.
    pub(super) has_secrets: bool,
}

/// A declared but unowned function would change, or may do so.
pub(super) fn unowned(stack: &StackName, live: &LiveFunction, differences: Differences<'_>) -> Diagnostic {
    let Differences { names, has_secrets } = differences;
    let address = &live.address;
    let history = if live.marks.are_copied() {
        "carries tags that were copied from another function"
    } else if live.is_untagged_create_of(stack) {
        &format!("was created by stack \"{stack}\", has changed since, has lost its tags")
    } else {
        "exists, is unowned"
    };
    let differs = if names.is_empty() { String::new() } else { format!(" and differs in {names}") };
    let (unknown, help) = if has_secrets {
        (
            ", and fgctl cannot compare the values of its secrets",
            "use --adopt to make the function this stack's and to set everything that the manifest declares; to leave its \
             secrets alone, use `ignore: [secrets]`",
        )
    } else {
        ("", "change the manifest to match live, or use --adopt to make the function this stack's and change it")
    };
    Diagnostic::error("not-owned", format!("function {address} {history}{differs}{unknown}")).help(help)
}

/// One remark for each function that is left alone for a reason that is not obvious.
pub(super) fn remarks<'a>(desired: &DesiredState, live: &'a LiveState) -> Vec<(&'a FunctionAddress, Diagnostic)> {
    if desired.ownership != Ownership::Tags {
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
            format!("function {address} carries the tags of another function of this stack, so it is left alone");
        let help = "a copy does not belong to the stack: remove its fgctl.* tags, or declare it";
        return Some(Diagnostic::warning("copied-tags", message).help(help));
    }
    let names_us = live.marks.iter().any(|(key, owner)| key == mark::POLICY && owner == desired.stack.as_str());
    if names_us && !desired.owns(live) && !desired.owns_policy(live) && !desired.declares(address) {
        let (policy, mark) = (mark::POLICY, mark::ASYNC);
        let message = format!(
            "function {address} has the tag {policy} of this stack, but no tag {mark} that belongs to it, so its policy is left alone"
        );
        let help = format!("someone may have copied or removed tags: remove the tag {policy}, or declare the policy");
        return Some(Diagnostic::warning("left-tag", message).help(help));
    }
    let is_left_over = live.is_untagged_create_of(&desired.stack) && !desired.owns(live);
    is_left_over.then(|| {
        let message = format!(
            "this stack created function {address}, which has no tags and has changed since, so it is left alone"
        );
        Diagnostic::warning("left-over", message).help("declare it and apply with --adopt, or delete it by hand")
    })
}

fn protected_by_hand(address: &FunctionAddress) -> Diagnostic {
    let tag = mark::PROTECT;
    let message = format!("function {address} has the tag {tag}, which no apply of this stack set, so it is kept");
    let help = format!("declare `protect: true` to keep the protection, or remove the tag {tag} by hand");
    Diagnostic::warning("protected-by-hand", message).help(help)
}
