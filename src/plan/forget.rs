//! Gives functions up: fgctl's tags go, and everything else stays.

use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

use crate::diagnostic::Diagnostic;
use crate::model::address::{Address, FunctionAddress};
use crate::model::field::{Field, Path};
use crate::model::mark::{self, Marks};
use crate::model::state::{DesiredState, LiveFunction, LiveState};
use crate::model::text::StackName;

use super::change::{Action, Change, FieldChange, Plan, Reason, Shown, Step};
use super::existing::{ExistingStep, TagWrite};
use super::flow::Flow;
use super::{MissingSecrets, Planned};

/// The tags of fgctl that go from a function, with the values that they have. It holds no function, so nothing that carries
/// it out can write anything else.
#[derive(Debug, Clone)]
pub struct ForgetStep<'a> {
    pub seen: &'a Marks,
    pub removed: BTreeMap<String, String>,
    /// The stack, if the function would otherwise look like its interrupted create.
    pub released: Option<StackName>,
}

/// Decides how this stack gives functions up, no matter whether the manifests declare them.
pub fn forget<'a>(
    desired: &'a DesiredState,
    live: &'a LiveState,
    functions: &'a BTreeSet<FunctionAddress>,
) -> Planned<'a> {
    let (mut changes, mut diagnostics) = (Vec::new(), Vec::new());
    for address in functions {
        match live.functions.get(address).map(|found| given_up(desired, found)).transpose().map(Option::flatten) {
            Ok(Some(change)) => {
                changes.push(change);
                diagnostics.extend(still_declared(desired, address));
            }
            Ok(None) => {}
            Err(finding) => diagnostics.push(*finding),
        }
    }
    let plan = Plan {
        stack: &desired.stack,
        scope: live.scope.clone(),
        changes,
        left_out: Vec::new(),
        enables_status_log: false,
        effects: Vec::new(),
    };
    Planned { plan, diagnostics, missing_secrets: MissingSecrets::new(), flow: Flow::default() }
}

/// The whole function becomes no stack's. Its policy stays this stack's if another change writes it and marks it.
pub(super) fn handed_over<'a>(
    stack: &StackName,
    live: &'a LiveFunction,
    policy: Option<&Change<'a>>,
    reason: Reason,
) -> Change<'a> {
    let is_others = live.marks.get(mark::POLICY).is_some_and(|owner| owner != stack.as_str());
    let marked = policy.and_then(|change| match &change.step {
        Step::Existing(ExistingStep { tags: TagWrite::Set { owner, applied, .. }, .. }) => Some((owner, applied)),
        _ => None,
    });
    let mut step = match marked {
        Some((_, applied)) if !mark::is_unwritten(applied) => forgotten(stack, live, Keeps::Policy),
        None if is_others => forgotten(stack, live, Keeps::Policy),
        None => forgotten(stack, live, Keeps::Nothing),
        // Until now, these tags show that the hand-over has begun.
        Some((owner, applied)) => {
            let mut step = forgotten(stack, live, Keeps::Nothing);
            for (key, value) in [(mark::POLICY, owner.as_str()), (mark::ASYNC, applied)] {
                step.removed.entry(key.to_owned()).or_insert_with(|| value.to_owned());
            }
            step
        }
    };
    // The triggers have changes of their own.
    step.removed.remove(mark::TRIGGERS);
    of_function(live, step, reason)
}

fn of_function<'a>(live: &LiveFunction, step: ForgetStep<'a>, reason: Reason) -> Change<'a> {
    change(Address::function(&live.address), reason, step)
}

/// Shows the tags that change.
fn change(address: Address, reason: Reason, step: ForgetStep<'_>) -> Change<'_> {
    let tag = |key: &str, before: Value, after: Value| {
        // A hash of secrets is not for reports.
        let before = if key == mark::SECRETS { Shown::Sensitive } else { Shown::Value(before) };
        FieldChange { path: Path::entry(Field::Tags, key), before, after: Shown::Value(after) }
    };
    let removed = step.removed.iter().map(|(key, value)| tag(key, json!(value), Value::Null));
    let released = step.released.iter().map(|stack| tag(mark::RELEASED, Value::Null, json!(stack)));
    let fields = removed.chain(released).collect();
    Change::new(address, Action::Forget, reason, Step::Forget(step)).with_fields(fields)
}

/// `None` if the function belongs to no stack.
fn given_up<'a>(desired: &DesiredState, found: &'a LiveFunction) -> Result<Option<Change<'a>>, Box<Diagnostic>> {
    let (stack, address) = (&desired.stack, &found.address);
    let step = || forgotten(stack, found, Keeps::Nothing);
    match found.stack().or_else(|| found.policy_stack()) {
        _ if desired.owns(found) => Ok(Some(of_function(found, step(), Reason::Forgotten))),
        _ if desired.owns_policy(found) => {
            Ok(Some(change(Address::async_policy(address), Reason::PolicyForgotten, step())))
        }
        Some(other) => {
            let message =
                format!("function {address} belongs to stack \"{other}\", so stack \"{stack}\" cannot forget it");
            let help = format!("forget it with a manifest of stack \"{other}\"");
            Err(Box::new(Diagnostic::error("owned-by-another-stack", message).help(help)))
        }
        None => Ok(None),
    }
}

/// What of a function stays a stack's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Keeps {
    Nothing,
    Policy,
}

/// The tags of fgctl that go, and one that stays if the function would look like an interrupted create of this stack
/// without it.
fn forgotten<'a>(stack: &StackName, live: &'a LiveFunction, keeps: Keeps) -> ForgetStep<'a> {
    let is_kept = |key: &str| key == mark::RELEASED || keeps == Keeps::Policy && mark::OF_EXISTING.contains(&key);
    let marks = live.marks.iter().filter(|(key, _)| !is_kept(key));
    let removed: BTreeMap<String, String> = marks.map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
    let is_needed =
        keeps == Keeps::Nothing && live.looks_created_without(&removed.keys().map(String::as_str).collect(), stack);
    ForgetStep { seen: &live.marks, removed, released: is_needed.then(|| stack.clone()) }
}

/// The next apply would take the function again.
fn still_declared(desired: &DesiredState, address: &FunctionAddress) -> Option<Diagnostic> {
    let holder = desired.holder(address)?;
    let message = format!("the manifest still declares function {address}, so the next apply would take it again");
    let help = "after this, remove the entry; that does not delete a function that the stack has forgotten";
    Some(Diagnostic::warning("still-declared", message).help(help).at(holder.spot.clone()))
}
