//! The parts of a function that a plan can change, by their addresses: what a selection can name.

use std::collections::BTreeSet;

use crate::model::address::{Address, FunctionAddress};
use crate::model::state::{DesiredState, LiveState};

use super::triggers;

/// The addresses of a function, its policies and its triggers. A plan changes policies of versions and aliases only together
/// with their function.
pub fn parts(desired: &DesiredState, live: &LiveState, function: &FunctionAddress) -> BTreeSet<Address> {
    let found = live.functions.get(function);
    let published = found.into_iter().flat_map(|found| found.published.keys());
    let published = published.map(|qualifier| Address::published_policy(function, qualifier));
    let triggers = triggers::keys(desired, live, function).into_iter().map(|key| Address::trigger(function, &key));
    [Address::function(function), Address::async_policy(function)]
        .into_iter()
        .chain(published)
        .chain(triggers)
        .collect()
}

/// Whether a plan deletes a function, together with its triggers.
pub fn is_undeclared(desired: &DesiredState, live: &LiveState, function: &FunctionAddress) -> bool {
    live.undeclared(desired).any(|undeclared| undeclared.live().address == *function)
}
