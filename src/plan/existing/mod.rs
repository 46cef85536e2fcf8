//! Functions that something else deploys: what a plan does about their policies. The functions themselves stay as they are.

#[cfg(test)]
mod hand_over_tests;
mod remark;
mod step;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use crate::diagnostic::Diagnostic;
use crate::model::address::Address;
use crate::model::async_policy::{AsyncPolicy, LivePolicy};
use crate::model::existing::{DeclaredPolicy, ExistingFunction};
use crate::model::mark;
use crate::model::state::{DesiredState, LiveFunction, LiveState, Ownership};
use crate::model::text::StackName;
use crate::model::urn::{FunctionUrn, Scope};
use crate::rules::quota;

use super::Permissions;
use super::change::{Action, Cause, Change, Facet, Reason, Step};
use super::diff::{self, field_changes, gone, made};
use super::forget;

pub(super) use remark::remarks;
pub use remark::{MISSING, OWNED_AS_A_WHOLE};
pub use step::{ExistingStep, HandOver, PolicyWrite, Seen, TagWrite};

/// Whose a policy is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Owner<'a> {
    Us,
    OtherStack(&'a str),
    /// No stack's, as far as the tags tell.
    Unknown,
    /// Tags do not count.
    Untracked,
}

/// One declared function, its live self, and whose the policy is.
struct Case<'a> {
    stack: &'a StackName,
    entry: &'a ExistingFunction,
    live: &'a LiveFunction,
    scope: &'a Scope,
    owner: Owner<'a>,
    /// Whether its tags were read.
    reads_tags: bool,
}

/// The changes that make the policy of a live function as declared. A function that this stack owned as a whole is handed
/// over.
pub(super) fn changes<'a>(
    desired: &'a DesiredState,
    entry: &'a ExistingFunction,
    live: &'a LiveState,
    permissions: Permissions,
) -> Result<Vec<Change<'a>>, Box<Diagnostic>> {
    let at = |finding: Diagnostic| Box::new(finding.at(entry.spot.clone()));
    let Some(found) = live.functions.get(&entry.address) else {
        // Without the function, there is no policy to delete either.
        return if permissions.destroy { Ok(Vec::new()) } else { Err(at(remark::missing(&entry.address))) };
    };
    let case = Case::new(desired, entry, found, &live.scope);
    if let Some(stack) = case.owner_of_whole().filter(|_| entry.manages_policy()) {
        return Err(at(remark::owned_as_a_whole(&entry.address, stack)));
    }
    let change = match (&entry.policy, &found.policy) {
        (DeclaredPolicy::Present(declared), None) => Some(case.created(&declared.0)),
        (DeclaredPolicy::Present(declared), Some(before)) => case.compared(&declared.0, before),
        (DeclaredPolicy::Absent, Some(before)) => case.deleted(before),
        (DeclaredPolicy::Unmanaged | DeclaredPolicy::Destroyed, Some(before)) => {
            if case.is_applied() {
                case.deleted(before)
            } else {
                case.released()
            }
        }
        (DeclaredPolicy::Absent | DeclaredPolicy::Unmanaged | DeclaredPolicy::Destroyed, None) => case.unmarked(),
    };
    let change = change.map(|change| case.permitted(change, permissions)).transpose().map_err(at)?;
    let is_ours = desired.ownership == Ownership::Tags && found.is_owned_by(&desired.stack);
    let handed_over = is_ours.then(|| forget::handed_over(&desired.stack, found, change.as_ref(), Reason::HandedOver));
    Ok(handed_over.into_iter().chain(change).collect())
}

/// What makes a policy this stack's and changes nothing else. The differences are shown.
pub(super) fn claim<'a>(
    desired: &'a DesiredState,
    entry: &'a ExistingFunction,
    live: &'a LiveState,
) -> Result<Vec<Change<'a>>, Box<Diagnostic>> {
    let changes = changes(desired, entry, live, Permissions { adopt: true, ..Permissions::default() })?;
    let is_unowned = |found: &&LiveFunction| found.stack().is_none() && found.policy_stack().is_none();
    let Some(found) = live.functions.get(&entry.address).filter(is_unowned) else { return Ok(Vec::new()) };
    if entry.policy().is_some() && (desired.ownership != Ownership::Tags || room(&desired.stack, found).is_none()) {
        return Err(Box::new(remark::not_claimable(&entry.address).at(entry.spot.clone())));
    }
    // An import writes only tags.
    let claimed = |change: Change<'a>| match change.step {
        Step::Existing(ExistingStep { seen, tags: TagWrite::Set { owner, applied, hand_over: _ }, .. }) => {
            let is_equal = change.fields.is_empty();
            let unwritten = || mark::of_unwritten_policy(&FunctionUrn::new(&live.scope, &entry.address, None));
            let applied = if is_equal { applied } else { unwritten() };
            let tags = TagWrite::Set { owner, applied, hand_over: None };
            let step = Step::Existing(ExistingStep { seen, policy: PolicyWrite::Keep, tags });
            let reason = if is_equal { change.reason } else { Reason::PolicyImported };
            Some(Change { action: Action::Adopt, reason, step, ..change })
        }
        _ => None,
    };
    Ok(changes.into_iter().filter_map(claimed).collect())
}

/// The deletion of a policy that this stack owns and no longer declares. One that it has never written stays.
pub(super) fn undeclared<'a>(
    stack: &StackName,
    found: &'a LiveFunction,
    scope: &Scope,
    permissions: Permissions,
) -> Change<'a> {
    let tags = last_tags(stack, found, scope);
    let address = Address::async_policy(&found.address);
    let seen = seen(found);
    let step = |policy| Step::Existing(ExistingStep { seen, policy, tags });
    match found.policy.as_ref().filter(|_| is_written(found)) {
        None if found.policy.is_some() => {
            Change::new(address, Action::Forget, Reason::PolicyForgotten, step(PolicyWrite::Keep))
        }
        None => Change::new(address, Action::Record, Reason::StaleMark, step(PolicyWrite::Keep)),
        Some(policy) => {
            let reason = if permissions.destroy {
                Reason::Destroyed
            } else {
                Reason::PolicyNotDeclared(diff::deletion_cause(found.marks.get(mark::ASYNC), policy, scope))
            };
            let fields = gone(&policy.all_fields(scope));
            Change::new(address, Action::Delete, reason, step(PolicyWrite::Delete)).with_fields(fields)
        }
    }
}

/// Completes the hand-over of a function that the manifest no longer declares. Then nothing of it is this stack's.
pub(super) fn half_handed_over<'a>(
    stack: &StackName,
    found: &'a LiveFunction,
    scope: &Scope,
    permissions: Permissions,
) -> Vec<Change<'a>> {
    let is_ours = found.marks.get(mark::POLICY) == Some(stack.as_str());
    let policy = is_ours.then(|| undeclared(stack, found, scope, permissions));
    let function = forget::handed_over(stack, found, policy.as_ref(), Reason::HandOverContinued);
    std::iter::once(function).chain(policy).collect()
}

/// Whether fgctl wrote the policy that the tags remember.
fn is_written(live: &LiveFunction) -> bool {
    live.marks.get(mark::ASYNC).is_some_and(|marked| !mark::is_unwritten(marked))
}

/// fgctl's tags that have to go before there is room for the tags that remember a policy; `None` if there is no room. A
/// hand-over removes most of fgctl's tags.
fn room(stack: &StackName, live: &LiveFunction) -> Option<Vec<String>> {
    let is_kept = |key: &str| key == mark::STACK || key == mark::RELEASED || mark::OF_EXISTING.contains(&key);
    let goes = |key: &&str| live.is_owned_by(stack) && key.starts_with(mark::PREFIX) && !is_kept(key);
    let fits = |keys: BTreeSet<&str>| keys.len() <= quota::TAGS;
    if fits(live.tag_keys().chain(mark::OF_EXISTING).collect()) {
        return Some(Vec::new());
    }
    fits(live.tag_keys().filter(|key| !goes(key)).chain(mark::OF_EXISTING).collect())
        .then(|| live.tag_keys().filter(goes).map(str::to_owned).collect())
}

/// Whether there is room for the tag that records triggers, beside those that remember a declared policy.
pub(super) fn has_room_for_triggers(desired: &DesiredState, live: &LiveFunction) -> bool {
    let declares = desired.existing.get(&live.address).is_some_and(|entry| entry.policy().is_some());
    let policy = Some(mark::OF_EXISTING).filter(|_| declares && room(&desired.stack, live).is_some());
    let keys: BTreeSet<&str> = live.tag_keys().chain([mark::TRIGGERS]).chain(policy.into_iter().flatten()).collect();
    keys.len() <= quota::TAGS
}

/// Sets the tags that remember a policy, if there is room for them.
fn set_tags(stack: &StackName, live: &LiveFunction, applied: String) -> TagWrite {
    let Some(removed_first) = room(stack, live) else { return TagWrite::Nothing };
    let hand_over = live.is_owned_by(stack).then(|| HandOver { owner: stack.clone(), removed_first });
    TagWrite::Set { owner: stack.clone(), applied, hand_over }
}

/// The tags of a policy that is no longer this stack's. If the stack owns the function too, its hand-over removes them, and
/// until then they show that it has begun.
fn last_tags(stack: &StackName, live: &LiveFunction, scope: &Scope) -> TagWrite {
    if live.is_owned_by(stack) {
        return set_tags(stack, live, mark::of_unwritten_policy(&FunctionUrn::new(scope, &live.address, None)));
    }
    let is_needed = live.looks_created_without(&BTreeSet::from(mark::OF_EXISTING), stack);
    TagWrite::Remove { released: is_needed.then(|| stack.clone()) }
}

fn seen(live: &LiveFunction) -> Seen<'_> {
    Seen { policy: live.policy.as_ref(), marks: &live.marks }
}

impl<'a> Case<'a> {
    fn new(desired: &'a DesiredState, entry: &'a ExistingFunction, live: &'a LiveFunction, scope: &'a Scope) -> Self {
        let stack = &desired.stack;
        let owner = match live.stack().or_else(|| live.policy_stack()) {
            _ if desired.ownership == Ownership::Unowned => Owner::Untracked,
            _ if desired.ownership == Ownership::Unknown => Owner::Unknown,
            Some(owner) if owner == stack.as_str() => Owner::Us,
            Some(other) => Owner::OtherStack(other),
            None => Owner::Unknown,
        };
        Self { stack, entry, live, scope, owner, reads_tags: desired.ownership == Ownership::Tags }
    }

    /// Another stack that owns the function itself.
    fn owner_of_whole(&self) -> Option<&'a str> {
        match self.owner {
            Owner::OtherStack(stack) => self.live.stack().filter(|owner| *owner == stack),
            Owner::Us | Owner::Unknown | Owner::Untracked => None,
        }
    }

    /// What was applied last, if it is known.
    fn marked(&self) -> Option<&'a str> {
        self.live.marks.get(mark::ASYNC).filter(|marked| self.owner == Owner::Us && !mark::is_unwritten(marked))
    }

    /// Whether this stack has written the live policy.
    fn is_applied(&self) -> bool {
        self.marked().is_some()
    }

    fn mark(&self, policy: &AsyncPolicy) -> String {
        mark::of_policy(&policy.fields(self.scope), &FunctionUrn::new(self.scope, &self.entry.address, None))
    }

    fn change(&self, action: Action, reason: Reason, step: ExistingStep<'a>) -> Change<'a> {
        Change::new(Address::async_policy(&self.entry.address), action, reason, Step::Existing(step))
    }

    fn step(&self, policy: PolicyWrite<'a>, tags: TagWrite) -> ExistingStep<'a> {
        ExistingStep { seen: seen(self.live), policy, tags }
    }

    fn put(&self, policy: &'a AsyncPolicy) -> ExistingStep<'a> {
        self.step(PolicyWrite::Put(policy), self.set_tags(policy))
    }

    fn set_tags(&self, policy: &AsyncPolicy) -> TagWrite {
        if self.reads_tags { set_tags(self.stack, self.live, self.mark(policy)) } else { TagWrite::Nothing }
    }

    fn last_tags(&self) -> TagWrite {
        if self.reads_tags { last_tags(self.stack, self.live, self.scope) } else { TagWrite::Nothing }
    }

    fn created(&self, policy: &'a AsyncPolicy) -> Change<'a> {
        let after = policy.fields(self.scope);
        let reason = match self.marked() {
            None => Reason::Missing,
            Some(marked) => Reason::Differs(vec![(
                Facet::Async,
                diff::cause(Some(mark::fields_part(marked)), &mark::of_fields(&after), |_| false),
            )]),
        };
        self.change(Action::Create, reason, self.put(policy)).with_fields(made(&after))
    }

    fn compared(&self, policy: &'a AsyncPolicy, before: &'a LivePolicy) -> Option<Change<'a>> {
        let after = policy.fields(self.scope);
        let differing = (!before.says_the_same_as(policy)).then(|| before.fields_managed_by(policy, self.scope));
        if let Some(found) = differing.filter(|found| *found != after) {
            let is_live = |marked: &str| before.is_marked(marked, self.scope);
            let marked = self.marked().map(mark::fields_part);
            let cause = diff::cause(marked, &mark::of_fields(&after), is_live);
            let reason = Reason::Differs(vec![(Facet::Async, cause)]);
            let change = self.change(Action::Update, reason, self.put(policy));
            return Some(change.with_fields(field_changes(&found, &after)));
        }
        let is_marked = self.live.policy_stack() == Some(self.stack.as_str())
            && self.live.marks.get(mark::ASYNC) == Some(&self.mark(policy));
        let tags = self.set_tags(policy);
        let reason = if self.live.is_owned_by(self.stack) { Reason::HandedOver } else { Reason::StaleMark };
        (tags != TagWrite::Nothing && !is_marked)
            .then(|| self.change(Action::Record, reason, self.step(PolicyWrite::Keep, tags)))
    }

    /// Without tags, nothing is deleted.
    fn deleted(&self, before: &'a LivePolicy) -> Option<Change<'a>> {
        let cause = match self.owner {
            Owner::Untracked => return None,
            Owner::Us => diff::deletion_cause(self.marked(), before, self.scope),
            Owner::OtherStack(_) | Owner::Unknown => Cause::Unmarked,
        };
        let reason = match self.entry.policy {
            DeclaredPolicy::Destroyed => Reason::Destroyed,
            DeclaredPolicy::Unmanaged | DeclaredPolicy::Absent | DeclaredPolicy::Present(_) => {
                Reason::PolicyNotDeclared(cause)
            }
        };
        let change = self.change(Action::Delete, reason, self.step(PolicyWrite::Delete, self.last_tags()));
        Some(change.with_fields(gone(&before.all_fields(self.scope))))
    }

    /// There is no policy, and none is declared: only tags can be left.
    fn unmarked(&self) -> Option<Change<'a>> {
        let is_needed = self.owner == Owner::Us && self.live.policy_stack().is_some();
        is_needed.then(|| self.change(Action::Record, Reason::StaleMark, self.without_tags()))
    }

    /// The live policy is this stack's, but the stack has never written it.
    fn released(&self) -> Option<Change<'a>> {
        let is_needed = self.owner == Owner::Us && self.live.policy_stack().is_some();
        is_needed.then(|| self.change(Action::Forget, Reason::PolicyForgotten, self.without_tags()))
    }

    fn without_tags(&self) -> ExistingStep<'a> {
        self.step(PolicyWrite::Keep, self.last_tags())
    }

    /// The same change, if this stack may make it. What was not this stack's becomes its own.
    fn permitted(&self, change: Change<'a>, permissions: Permissions) -> Result<Change<'a>, Diagnostic> {
        let is_new = change.action == Action::Create;
        let reason = match self.owner {
            Owner::Us | Owner::Untracked => return Ok(change),
            Owner::OtherStack(from) if permissions.take_over => Reason::TakeOver { from: from.to_owned() },
            Owner::OtherStack(stack) => return Err(remark::owned_by_another(&self.entry.address, stack)),
            Owner::Unknown if is_new => return Ok(change),
            Owner::Unknown if change.fields.is_empty() => Reason::AdoptEqual,
            Owner::Unknown if permissions.adopt => Reason::AdoptDifferent,
            Owner::Unknown if change.action == Action::Delete => return Err(remark::not_declared(&self.entry.address)),
            Owner::Unknown => return Err(remark::unowned(&self.entry.address, &change.fields)),
        };
        let action = if change.action == Action::Update || change.action == Action::Record {
            Action::Adopt
        } else {
            change.action
        };
        Ok(Change { action, reason, ..change })
    }
}
