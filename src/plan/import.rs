//! Plans that only make functions this stack's. An import is the only part of an adoption that a later plan cannot
//! undo, so it also shows what the next plan would change.

use std::collections::{BTreeMap, BTreeSet};

use crate::diagnostic::Diagnostic;
use crate::model::address::{Address, FunctionAddress, Kind};
use crate::model::field::{Field, Path};
use crate::model::mark;
use crate::model::state::{DesiredFunction, DesiredState, LiveFunction, LiveState};

use super::change::{Action, Change, FieldChange, Plan, Reason, Step, Writes};
use super::flow::Flow;
use super::{
    MissingSecrets, Planned, adopted, diff, events, existing, forget, order, owned_by_another, tag_room, triggers,
};

/// Decides how declared functions, policies and triggers become the stack's. The address of a function stands for all of it.
/// What the stack already owns needs no change.
pub fn import<'a>(desired: &'a DesiredState, live: &'a LiveState, addresses: &BTreeSet<Address>) -> Planned<'a> {
    let (mut changes, mut diagnostics) = (Vec::new(), Vec::new());
    let functions: BTreeSet<&FunctionAddress> = addresses.iter().map(|address| &address.function).collect();
    for holder in functions.into_iter().filter_map(|function| desired.holder(function)) {
        let taken = of_function(desired, live, holder.address, addresses);
        let claims = || triggers::claims(desired, live, holder.address, addresses);
        match taken.and_then(|taken| Ok(taken.into_iter().chain(claims()?).collect::<Vec<_>>())) {
            Ok(taken) => changes.extend(taken),
            Err(refused) if refused.spot.is_some() => diagnostics.push(*refused),
            Err(refused) => diagnostics.push(refused.at(holder.spot.clone())),
        }
    }
    let graph = events::graph(desired, live, &changes);
    order::set_waits(&mut changes, &graph);
    diagnostics.extend(tag_room::arrange(desired, live, &mut changes));
    let (stack, scope) = (&desired.stack, live.scope.clone());
    let plan = Plan { stack, scope, changes, left_out: Vec::new(), enables_status_log: false, effects: Vec::new() };
    // An import writes only tags, so it needs no secrets.
    Planned { plan, diagnostics, missing_secrets: MissingSecrets::new(), flow: Flow::default() }
}

/// The function and its policy, as far as they are named.
fn of_function<'a>(
    desired: &'a DesiredState,
    live: &'a LiveState,
    function: &FunctionAddress,
    addresses: &BTreeSet<Address>,
) -> Result<Vec<Change<'a>>, Box<Diagnostic>> {
    let is_whole = addresses.contains(&Address::function(function));
    let names_policy = addresses.contains(&Address::async_policy(function));
    match (desired.functions.get(function), desired.existing.get(function)) {
        (Some(wanted), _) if is_whole => take(desired, wanted, live),
        (Some(_), _) if names_policy => Err(Box::new(forget::not_alone(function))),
        (_, Some(entry)) if is_whole || names_policy => existing::claim(desired, entry, live),
        _ => Ok(Vec::new()),
    }
}

fn take<'a>(
    desired: &'a DesiredState,
    wanted: &'a DesiredFunction,
    live: &'a LiveState,
) -> Result<Vec<Change<'a>>, Box<Diagnostic>> {
    let address = &wanted.function.address;
    let Some(found) = live.functions.get(address) else {
        let problem = format!("function {address} is not live, so there is nothing to import");
        return Err(Box::new(Diagnostic::error("not-live", problem).help("`fgctl apply` creates it")));
    };
    match found.stack().or_else(|| found.policy_stack().filter(|stack| *stack != desired.stack.as_str())) {
        Some(stack) if stack == desired.stack.as_str() => return Ok(Vec::new()),
        Some(stack) => return Err(Box::new(owned_by_another(found, stack))),
        None => {}
    }
    let changes = diff::changes(desired, wanted, found, &live.scope)?;
    if changes.iter().all(|change| change.fields.is_empty()) {
        return Ok(adopted(changes, &Reason::AdoptEqual));
    }
    Ok(vec![claim(desired, wanted, found, changes)])
}

/// Sets only the tag of ownership. Without the other marks, a later plan says that it is unknown which side changed.
fn claim<'a>(
    desired: &DesiredState,
    wanted: &'a DesiredFunction,
    live: &'a LiveFunction,
    changes: Vec<Change<'a>>,
) -> Change<'a> {
    let set_tags = BTreeMap::from([(mark::STACK.to_owned(), desired.stack.to_string())]);
    // Tags that were copied from another function would again mark this one as a copy. The others say that this stack does
    // not own the whole function.
    let is_stale = |key: &str| match key {
        mark::POLICY | mark::RELEASED => true,
        mark::STACK | mark::PROTECT => false,
        _ => live.marks.are_copied(),
    };
    let stale = live.marks.iter().filter(|(key, _)| is_stale(key));
    let remove_tags = stale.map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
    let writes = Writes { set_tags, remove_tags, ..Writes::default() };
    let step = Step::UpdateFunction { desired: wanted, live, writes };
    let fields = changes.into_iter().flat_map(|Change { address, fields, .. }| {
        fields.into_iter().map(move |field| if address.kind == Kind::AsyncPolicy { of_policy(field) } else { field })
    });
    Change::new(Address::function(&live.address), Action::Adopt, Reason::Imported, step).with_fields(fields.collect())
}

/// A policy's field as part of its function, below `async`.
fn of_policy(change: FieldChange) -> FieldChange {
    FieldChange { path: Path::entry(Field::Async, change.path.field.key()), ..change }
}
