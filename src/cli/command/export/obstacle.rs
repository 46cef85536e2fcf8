//! Finds live policies that a manifest could not declare without errors. The export leaves them as they are.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::address::FunctionAddress;
use crate::model::async_policy::LivePolicy;
use crate::model::state::LiveFunction;
use crate::model::target::Target;
use crate::plan::export::{Qualifiers, named_by_qualifier, policies_left_out};
use crate::remote::{self, Remote};

/// Reads what the policies of these functions reach, and returns why some cannot be declared.
pub(super) async fn find<'a>(
    remote: &Remote,
    functions: &BTreeMap<FunctionAddress, LiveFunction>,
    declared: impl Iterator<Item = &'a LiveFunction>,
    mut qualifiers: Qualifiers,
) -> Result<BTreeMap<FunctionAddress, String>, remote::Error> {
    let read: BTreeMap<FunctionAddress, LiveFunction> =
        declared.map(|live| (live.address.clone(), live.clone())).collect();
    let policies = read.values().filter_map(|live| live.policy.as_ref());
    let notified: Vec<Target> = policies.flat_map(LivePolicy::targets).cloned().collect();
    let declared: BTreeSet<FunctionAddress> = read.keys().cloned().collect();
    let mut live: BTreeMap<FunctionAddress, LiveFunction> = functions.clone().into_iter().chain(read).collect();
    remote.read_behind(&mut live, &declared, &notified).await?;
    for function in named_by_qualifier(notified.iter(), remote.scope()) {
        if functions.contains_key(&function) && !qualifiers.contains_key(&function) {
            let (function, found) = remote.qualifiers_of(function).await?;
            qualifiers.insert(function, found);
        }
    }
    Ok(policies_left_out(&declared, &live, remote.scope(), &qualifiers))
}
