//! Finds live policies that a manifest could not declare without errors. The export ignores them.

use std::collections::{BTreeMap, BTreeSet};

use crate::manifest::write::Declaration;
use crate::model::address::{FunctionAddress, Qualifier};
use crate::model::async_policy::LivePolicy;
use crate::model::state::LiveFunction;
use crate::model::target::Target;
use crate::model::urn::Scope;
use crate::plan::{cycle, events};
use crate::remote::{self, Remote};

/// Finds policies that are part of cycles, and targets that do not exist.
pub(super) async fn find(
    remote: &Remote,
    functions: &BTreeMap<FunctionAddress, LiveFunction>,
    declarations: &mut [Declaration],
    mut qualifiers: BTreeMap<FunctionAddress, BTreeSet<Qualifier>>,
) -> Result<(), remote::Error> {
    let targets = |declaration: &Declaration| -> Vec<Target> {
        declaration.live.policy.iter().flat_map(LivePolicy::targets).cloned().collect()
    };
    let notified: Vec<Target> = declarations.iter().flat_map(targets).collect();
    let read = declarations.iter().map(|one| (one.live.address.clone(), one.live.clone()));
    let declared: BTreeSet<FunctionAddress> = declarations.iter().map(|one| one.live.address.clone()).collect();
    let mut live: BTreeMap<FunctionAddress, LiveFunction> = functions.clone().into_iter().chain(read).collect();
    remote.read_behind(&mut live, &declared, &notified).await?;
    for function in qualified(notified.iter(), remote.scope()) {
        if functions.contains_key(&function) && !qualifiers.contains_key(&function) {
            let (function, found) = remote.qualifiers_of(function).await?;
            qualifiers.insert(function, found);
        }
    }
    let graph = events::live(&live);
    let cyclic = cycle::members(&graph);
    for declaration in declarations.iter_mut().filter(|declaration| declaration.live.policy.is_some()) {
        let address = &declaration.live.address;
        let in_cycle = cyclic.contains(address).then(|| "its functions notify each other in a cycle".to_owned());
        let missing = || targets(declaration).iter().find_map(|one| missing_target(one, remote.scope(), &qualifiers));
        declaration.policy_obstacle = in_cycle.or_else(missing);
    }
    Ok(())
}

/// The functions of this project that are named with a version or an alias.
fn qualified<'a>(targets: impl Iterator<Item = &'a Target>, scope: &Scope) -> BTreeSet<FunctionAddress> {
    let urns = targets.filter_map(|target| target.urn(scope));
    urns.filter(|urn| urn.scope == *scope && urn.qualifier.is_some()).map(|urn| urn.function).collect()
}

fn missing_target(
    target: &Target,
    scope: &Scope,
    qualifiers: &BTreeMap<FunctionAddress, BTreeSet<Qualifier>>,
) -> Option<String> {
    let urn = target.urn(scope).filter(|urn| urn.scope == *scope)?;
    let qualifier = urn.qualifier?;
    let exists = qualifiers.get(&urn.function).is_some_and(|known| known.contains(&qualifier));
    (!exists).then(|| format!("it names {qualifier} of function {}, which does not exist", urn.function))
}
