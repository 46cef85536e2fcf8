//! Chains of notifications: a function is notified, directly or by a trigger on what its notification writes, its own end
//! notifies the next function, and so on. Chains are limited, because the service accepts policies and triggers that form a
//! cycle.

use rusqlite::Connection;

pub use crate::rules::trigger::HOPS as MOST_HOPS;
use crate::rules::urn::{FunctionUrn, LATEST};

use super::super::acceptance::Cause;
use super::super::store::invocation;
use super::super::store::{Stored, notification};
use super::place;

/// Why an invocation may not lead to another one, if it may not. `last` is where the chain would go from here: the
/// notified place, if a trigger is involved, and the function.
pub(crate) fn refusal(connection: &Connection, cause: Cause, last: &[String]) -> Stored<Option<String>> {
    if cause.hops < MOST_HOPS {
        return Ok(None);
    }
    let walk = walk(connection, cause, last)?;
    Ok(Some(format!(
        "a chain of notifications ends after {MOST_HOPS} hops, and this would be one more: {walk}. If these functions form a \
         cycle, remove one of its targets or triggers"
    )))
}

/// A reason with the chain that led to it, if there is one.
pub(crate) fn told(connection: &Connection, cause: Option<Cause>, last: &[String], reason: String) -> Stored<String> {
    match cause.filter(|cause| cause.hops > 0) {
        Some(cause) => Ok(format!("{reason}, in the chain {}", walk(connection, cause, last)?)),
        None => Ok(reason),
    }
}

/// The chain, from the first function on record to `last`.
pub(crate) fn walk(connection: &Connection, cause: Cause, last: &[String]) -> Stored<String> {
    let mut walk: Vec<String> = last.iter().rev().cloned().collect();
    let mut next = Some(cause.invocation);
    for step in 0..=cause.hops.min(MOST_HOPS) {
        let Some(id) = next else { break };
        let Some((urn, parent)) = invocation::origin(connection, id)? else { break };
        if step > 0 {
            walk.extend(notification::find(connection, id)?.and_then(|told| place(&told.destination)));
        }
        walk.push(short(&urn));
        next = parent;
    }
    walk.reverse();
    Ok(walk.join(" → "))
}

/// A URN without the prefix that all URNs of the project share, and without `latest`.
pub(crate) fn short(urn: &str) -> String {
    let Some(FunctionUrn { region: _, project_id: _, package, name, qualifier }) = FunctionUrn::parse(urn) else {
        return urn.to_owned();
    };
    let qualifier = qualifier.map(|qualifier| qualifier.to_string()).filter(|qualifier| qualifier != LATEST);
    qualifier.map_or_else(|| format!("{package}/{name}"), |qualifier| format!("{package}/{name}:{qualifier}"))
}
