//! Gives functions, policies and triggers up: fgctl's tags go, and everything else stays.

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
use super::{MissingSecrets, Planned, events, order, triggers};

/// The tags of fgctl that go from a function, with the values that they have. It holds no function, so nothing that carries
/// it out can write anything else.
#[derive(Debug, Clone)]
pub struct ForgetStep<'a> {
    pub seen: &'a Marks,
    pub removed: BTreeMap<String, String>,
    /// The stack, if the function would otherwise look like its interrupted create.
    pub released: Option<StackName>,
}

/// Decides how this stack gives functions up, no matter whether the manifests declare them. The address of a function stands
/// for all that the stack owns of it.
pub fn forget<'a>(desired: &'a DesiredState, live: &'a LiveState, addresses: &BTreeSet<Address>) -> Planned<'a> {
    let (mut changes, mut diagnostics) = (Vec::new(), Vec::new());
    let functions: BTreeSet<&FunctionAddress> = addresses.iter().map(|address| &address.function).collect();
    for found in functions.iter().filter_map(|function| live.functions.get(*function)) {
        match given_up(desired, live, found, addresses) {
            Ok(of_function) => {
                diagnostics.extend(still_declared(desired, &of_function));
                changes.extend(of_function);
            }
            Err(finding) => diagnostics.push(*finding),
        }
    }
    let graph = events::graph(desired, live, &changes);
    order::set_waits(&mut changes, &graph);
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

/// The changes of one function, which may belong to no stack.
fn given_up<'a>(
    desired: &'a DesiredState,
    live: &'a LiveState,
    found: &'a LiveFunction,
    addresses: &BTreeSet<Address>,
) -> Result<Vec<Change<'a>>, Box<Diagnostic>> {
    let (stack, address) = (&desired.stack, &found.address);
    let (function, policy) = (Address::function(address), Address::async_policy(address));
    let is_whole = addresses.contains(&function);
    if desired.owns(found) && is_whole {
        return Ok(vec![of_function(found, forgotten(stack, found, Keeps::Nothing), Reason::Forgotten)]);
    }
    if desired.owns(found) && addresses.contains(&policy) {
        return Err(Box::new(not_alone(address)));
    }
    let mut changes = Vec::new();
    if desired.owns_policy(found) && (is_whole || addresses.contains(&policy)) {
        let mut step = forgotten(stack, found, Keeps::Nothing);
        // The triggers have changes of their own.
        step.removed.remove(mark::TRIGGERS);
        changes.push(change(policy, Reason::PolicyForgotten, step));
    }
    changes.extend(triggers::given_up(desired, live, address, addresses));
    match owner(desired, found) {
        Some(owner) if changes.is_empty() => Err(Box::new(of_another_stack(stack, address, owner))),
        _ => Ok(changes),
    }
}

/// Another stack.
#[derive(Clone, Copy)]
enum Owner<'a> {
    Named(&'a str),
    /// A tag of triggers does not contain the stack's name.
    Unnamed,
}

/// The stack that owns something of a function, if it is another one.
fn owner<'a>(desired: &DesiredState, found: &'a LiveFunction) -> Option<Owner<'a>> {
    let other = found.stack().or_else(|| found.policy_stack()).filter(|owner| *owner != desired.stack.as_str());
    let has_triggers = found.trigger_mark().is_some() && !desired.owns_triggers(found);
    other.map(Owner::Named).or(has_triggers.then_some(Owner::Unnamed))
}

fn of_another_stack(stack: &StackName, address: &FunctionAddress, owner: Owner<'_>) -> Diagnostic {
    let (what, by) = match owner {
        Owner::Named(owner) => {
            (format!("function {address} belongs to stack \"{owner}\""), format!("stack \"{owner}\""))
        }
        Owner::Unnamed => {
            (format!("the triggers of function {address} belong to another stack"), "that stack".to_owned())
        }
    };
    let message = format!("{what}, so stack \"{stack}\" cannot forget it");
    Diagnostic::error("owned-by-another-stack", message).help(format!("forget it with a manifest of {by}"))
}

/// A policy was named that a stack owns together with its function.
pub(super) fn not_alone(address: &FunctionAddress) -> Diagnostic {
    let message = format!("a stack owns the policy of function {address} only together with the function");
    Diagnostic::error("policy-of-own-function", message).help(format!("name the function instead: function:{address}"))
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
    let is_kept = |key: &str| match key {
        mark::RELEASED => true,
        // Another stack may own triggers of this function.
        mark::TRIGGERS => !live.records_triggers_of(stack),
        _ => keeps == Keeps::Policy && mark::OF_EXISTING.contains(&key),
    };
    let marks = live.marks.iter().filter(|(key, _)| !is_kept(key));
    let removed: BTreeMap<String, String> = marks.map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
    let is_needed =
        keeps == Keeps::Nothing && live.looks_created_without(&removed.keys().map(String::as_str).collect(), stack);
    ForgetStep { seen: &live.marks, removed, released: is_needed.then(|| stack.clone()) }
}

/// The next apply would take it again.
fn still_declared(desired: &DesiredState, changes: &[Change<'_>]) -> Option<Diagnostic> {
    let is_declared = |address: &Address| {
        let holder = desired.holder(&address.function)?;
        match &address.trigger {
            Some(key) => holder.triggers.get(key).map(|trigger| ("trigger", address.to_string(), &trigger.spot)),
            None => Some(("function", format!("function {}", address.function), holder.spot)),
        }
    };
    // One remark is enough for a function with its triggers.
    let (kind, what, spot) = changes.iter().find_map(|change| is_declared(&change.address))?;
    let message = format!("the manifest still declares {what}, so the next apply would take it again");
    let help = format!("after this, remove the entry; that does not delete a {kind} that the stack has forgotten");
    Some(Diagnostic::warning("still-declared", message).help(help).at(spot.clone()))
}
