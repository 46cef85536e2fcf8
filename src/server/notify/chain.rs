//! Chains of notifications: a function is notified, its own end notifies the next function, and so on. Chains are
//! limited, because the service accepts policies that form a cycle.

use rusqlite::Connection;

use crate::rules::urn::{FunctionUrn, LATEST};
use crate::wire::async_policy::FunctionParam;

use super::super::store::Stored;
use super::super::store::invocation::{self, Invocation};

/// The longest chain of notifications to functions that a request may start.
pub const MOST_HOPS: u32 = 16;

/// Why an invocation may not notify another function, if it may not.
pub(super) fn refusal(connection: &Connection, invocation: &Invocation, param: &str) -> Stored<Option<String>> {
    if invocation.hops < MOST_HOPS {
        return Ok(None);
    }
    let walk = walk(connection, invocation, param)?.join(" → ");
    Ok(Some(format!(
        "a chain of notifications ends after {MOST_HOPS} hops, and this would be one more: {walk}. If the policies of \
         these functions form a cycle, remove one of its targets"
    )))
}

/// The functions of the chain, from the first one on record to the one that is not notified.
fn walk(connection: &Connection, invocation: &Invocation, param: &str) -> Stored<Vec<String>> {
    let target = serde_json::from_str(param).map_or_else(|_| param.to_owned(), |FunctionParam { func_urn }| func_urn);
    let mut walk = vec![short(&target), short(&invocation.function_urn)];
    let mut parent = invocation.parent;
    for _ in 0..invocation.hops.min(MOST_HOPS) {
        let Some((urn, next)) = parent.map(|id| invocation::origin(connection, id)).transpose()?.flatten() else {
            break;
        };
        walk.push(short(&urn));
        parent = next;
    }
    walk.reverse();
    Ok(walk)
}

/// A URN without the prefix that all URNs of the project share, and without `latest`.
fn short(urn: &str) -> String {
    let Some(FunctionUrn { region: _, project_id: _, package, name, qualifier }) = FunctionUrn::parse(urn) else {
        return urn.to_owned();
    };
    let qualifier = qualifier.map(|qualifier| qualifier.to_string()).filter(|qualifier| qualifier != LATEST);
    qualifier.map_or_else(|| format!("{package}/{name}"), |qualifier| format!("{package}/{name}:{qualifier}"))
}
