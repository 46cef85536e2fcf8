//! Finds live policies that a manifest could not declare without errors. The export ignores them.

use std::collections::{BTreeMap, BTreeSet};

use crate::manifest::write::Declaration;
use crate::model::address::FunctionAddress;
use crate::model::async_policy::LivePolicy;
use crate::model::state::LiveFunction;
use crate::model::target::Target;
use crate::plan::export::{Qualifiers, named_by_qualifier, policies_left_out};
use crate::remote::{self, Remote};

/// Reads what the policies reach, and sets the obstacles of declarations.
pub(super) async fn find(
    remote: &Remote,
    functions: &BTreeMap<FunctionAddress, LiveFunction>,
    declarations: &mut [Declaration],
    mut qualifiers: Qualifiers,
) -> Result<(), remote::Error> {
    let policies = declarations.iter().filter_map(|one| one.live.policy.as_ref());
    let notified: Vec<Target> = policies.flat_map(LivePolicy::targets).cloned().collect();
    let read = declarations.iter().map(|one| (one.live.address.clone(), one.live.clone()));
    let declared: BTreeSet<FunctionAddress> = declarations.iter().map(|one| one.live.address.clone()).collect();
    let mut live: BTreeMap<FunctionAddress, LiveFunction> = functions.clone().into_iter().chain(read).collect();
    remote.read_behind(&mut live, &declared, &notified).await?;
    for function in named_by_qualifier(notified.iter(), remote.scope()) {
        if functions.contains_key(&function) && !qualifiers.contains_key(&function) {
            let (function, found) = remote.qualifiers_of(function).await?;
            qualifiers.insert(function, found);
        }
    }
    let mut obstacles = policies_left_out(&declared, &live, remote.scope(), &qualifiers);
    for declaration in declarations {
        declaration.policy_obstacle = obstacles.remove(&declaration.live.address);
    }
    Ok(())
}
