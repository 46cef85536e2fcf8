//! Decides which changes wait for which, so that no intermediate state has a cycle or a missing target.
//!
//! - A policy waits until the functions that it names exist, and until the policies behind it have switched. So no edge
//!   ever leads from a switched policy to one that has not switched yet, and no cycle can close half-way. Waits follow
//!   edges of the new graph, so they form a cycle only if that graph has one, and then the plan is refused.
//! - The same holds for a trigger: it is created after the policies behind its function have switched, and a policy that would
//!   raise its events waits until a trigger that goes is deleted.
//! - A function is deleted only after every policy that names it has changed or been deleted.
//! - A trigger that the service has only once in a project is created after the one that it replaces elsewhere is gone.
//! - Changes of one function run one after the other, because each of them sets tags on it. Its triggers share a tag, so they
//!   take turns; a turn does not depend on how the one before ended.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use crate::diagnostic::Diagnostic;
use crate::model::address::{Address, FunctionAddress, Kind};
use crate::model::event_graph::{Edge, EventGraph, Lifetime, Link};
use crate::model::text::TriggerKey;
use crate::model::trigger::LiveTrigger;
use crate::model::trigger::mark::identity;
use crate::rules::trigger::Uniqueness;
use crate::rules::trigger::other::uniqueness_of;

use super::change::{Action, Change, Step};
use super::trigger_step::TriggerStep;

/// The planned changes, as far as waits depend on them.
struct Order<'g, 'a> {
    graph: &'g EventGraph<'a>,
    actions: BTreeMap<Address, Action>,
    /// The nodes whose policies switch. A change that only writes a mark does not switch a policy.
    switching: HashSet<usize>,
    /// The nodes that each trigger starts only after the plan.
    started: BTreeMap<(&'a FunctionAddress, &'a TriggerKey), Vec<usize>>,
    /// The changes after which a trigger that the service has only once in a project is gone.
    freed: BTreeMap<String, Vec<Address>>,
}

/// `graph` must be the graph of these changes.
pub(super) fn set_waits(changes: &mut [Change<'_>], graph: &EventGraph<'_>) {
    let switches = |change: &&Change<'_>| change.step.policy_after().is_some();
    let node = |change: &Change<'_>| graph.node(&change.address.function, change.address.qualifier.as_ref());
    let order = Order {
        graph,
        actions: changes.iter().map(|change| (change.address.clone(), change.action)).collect(),
        switching: changes.iter().filter(switches).filter_map(node).collect(),
        started: started_anew(graph),
        freed: freed(changes),
    };
    let namers = order.namers();
    for change in changes {
        let mut waits = match (&change.step, change.step.policy_after()) {
            (_, Some(Some(_))) => order.policy_waits(&change.address.function),
            (Step::DeleteFunction { undeclared }, _) => {
                namers.get(&undeclared.live().address).cloned().unwrap_or_default()
            }
            (Step::Trigger(step), _) => order.trigger_waits(&change.address, step),
            (_, Some(None) | None) => BTreeSet::new(),
        };
        waits.extend(order.own_waits(&change.address));
        let turns = order.turns(&change.address).into_iter().filter(|turn| !waits.contains(turn));
        change.turns = turns.collect();
        waits.extend(change.turns.iter().cloned());
        waits.remove(&change.address);
        change.waits_for = waits.into_iter().collect();
    }
}

/// The changes that remove each trigger that the service has only once in a project, by its identity.
fn freed(changes: &[Change<'_>]) -> BTreeMap<String, Vec<Address>> {
    let mut freed: BTreeMap<String, Vec<Address>> = BTreeMap::new();
    for change in changes {
        let gone: Vec<&LiveTrigger> = match &change.step {
            Step::Trigger(step) => step.seen.into_iter().filter(|_| step.write.deletes()).collect(),
            Step::DeleteFunction { undeclared } => undeclared.live().triggers.iter().flatten().collect(),
            _ => Vec::new(),
        };
        for live in gone.into_iter().filter(|live| uniqueness_of(&live.code) == Uniqueness::Project) {
            freed.entry(identity(&live.code, None, &live.data)).or_default().push(change.address.clone());
        }
    }
    freed
}

/// The nodes that triggers start only after the plan.
fn started_anew<'a>(graph: &EventGraph<'a>) -> BTreeMap<(&'a FunctionAddress, &'a TriggerKey), Vec<usize>> {
    let mut started: BTreeMap<_, Vec<usize>> = BTreeMap::new();
    for edge in graph.edges.iter().filter(|edge| edge.lifetime.is_new()) {
        let (Link::Trigger { key, .. }, Some(end)) = (edge.link, edge.lifetime.after()) else { continue };
        let Some(function) = graph.nodes[end.node].function() else { continue };
        started.entry((function, key)).or_default().push(end.node);
    }
    started
}

/// Changes that wait for each other, which no order can carry out: a trigger is replaced, its old form would be started by a
/// new policy, and its new form has to wait for that policy. Or two triggers change places.
pub(super) fn stuck(changes: &[Change<'_>]) -> Option<Diagnostic> {
    let indices: BTreeMap<&Address, usize> = changes.iter().map(|it| &it.address).zip(0..).collect();
    let waits = |change: &Change<'_>| change.waits_for.iter().filter_map(|wait| indices.get(wait).copied()).collect();
    let waits: Vec<Vec<usize>> = changes.iter().map(waits).collect();
    let mut left: Vec<usize> = waits.iter().map(Vec::len).collect();
    let mut waiting = vec![Vec::new(); changes.len()];
    for (index, waits) in waits.iter().enumerate() {
        for wait in waits {
            waiting[*wait].push(index);
        }
    }
    let mut ready: Vec<usize> = (0..changes.len()).filter(|index| left[*index] == 0).collect();
    while let Some(done) = ready.pop() {
        for index in &waiting[done] {
            left[*index] -= 1;
            if left[*index] == 0 {
                ready.push(*index);
            }
        }
    }
    let is_stuck = |(index, change): &(usize, &Change<'_>)| left[*index] > 0 && change.address.kind == Kind::Trigger;
    let (_, change) = changes.iter().enumerate().find(is_stuck)?;
    let message = format!(
        "{} cannot be replaced in one apply: it and other changes would have to wait for each other",
        change.address
    );
    let help = "first apply without this trigger, then declare it again";
    Some(Diagnostic::error("trigger-order", message).help(help))
}

impl Order<'_, '_> {
    /// The other changes of the same function that must come first: the policies if the function is deleted or given up,
    /// otherwise the function.
    fn own_waits(&self, address: &Address) -> Vec<Address> {
        let function = Address::function(&address.function);
        let is_deleted = matches!(self.actions.get(&function), Some(Action::Delete | Action::Forget));
        let of_function = self.actions.range(&function..).map(|(own, _)| own);
        let of_function = of_function.take_while(|own| own.function == address.function);
        let is_first = |own: &&Address| (own.kind == Kind::Function) != is_deleted;
        let are_last = (address.kind == Kind::Function) == is_deleted;
        of_function.filter(|own| are_last && is_first(own)).cloned().collect()
    }

    /// The triggers of a function change one after the other, because they share a tag: first those that go, then the policy,
    /// then the others.
    fn turns(&self, address: &Address) -> Vec<Address> {
        let turn = |of: &Address| match of.kind {
            Kind::Trigger if self.actions.get(of) == Some(&Action::Delete) => Some(0),
            Kind::AsyncPolicy if of.qualifier.is_none() => Some(1),
            Kind::Trigger => Some(2),
            Kind::AsyncPolicy | Kind::Function => None,
        };
        let Some(own) = turn(address) else { return Vec::new() };
        let of_function = self.actions.range(&Address::function(&address.function)..).map(|(other, _)| other);
        let of_function = of_function.take_while(|other| other.function == address.function);
        let is_before = |other: &&Address| turn(other).is_some_and(|turn| (turn, *other) < (own, address));
        of_function.filter(is_before).cloned().collect()
    }

    /// The new functions that a policy names, and the next switching policies behind policies that stay. Those policies
    /// wait for the ones further behind.
    fn policy_waits(&self, function: &FunctionAddress) -> BTreeSet<Address> {
        let Some(holder) = self.graph.node(function, None) else { return BTreeSet::new() };
        let front: Vec<usize> = self.after(holder, true).collect();
        let named = front.iter().filter_map(|node| self.graph.nodes[*node].function()).map(Address::function);
        let mut waits: BTreeSet<Address> =
            named.filter(|named| self.actions.get(named) == Some(&Action::Create)).collect();
        waits.extend(self.waits_behind(front));
        waits
    }

    /// A trigger starts its function only after the policies behind it have switched. It is created after the trigger that has
    /// its place is gone.
    fn trigger_waits(&self, address: &Address, step: &TriggerStep<'_>) -> BTreeSet<Address> {
        let started = address.trigger.as_ref().and_then(|key| self.started.get(&(&address.function, key)));
        let mut waits = self.waits_behind(started.cloned().unwrap_or_default());
        let place = step.write.sent().map(|sent| identity(sent.code.as_str(), None, &sent.data));
        waits.extend(place.and_then(|place| self.freed.get(&place)).into_iter().flatten().cloned());
        waits
    }

    /// The next switching policies behind these nodes, and the triggers there that go.
    fn waits_behind(&self, mut front: Vec<usize>) -> BTreeSet<Address> {
        let mut waits = BTreeSet::new();
        let mut seen: HashSet<usize> = front.iter().copied().collect();
        while let Some(node) = front.pop() {
            match self.graph.nodes[node].function() {
                None => waits.extend(self.triggers_that_go(node)),
                Some(function) => {
                    if self.graph.node(function, None).is_some_and(|latest| self.switching.contains(&latest)) {
                        waits.insert(Address::async_policy(function));
                    }
                }
            }
            front.extend(self.after(node, false).filter(|next| seen.insert(*next)));
        }
        waits
    }

    /// The ends of a node's edges after the plan, except those of policies that switch: these wait themselves.
    fn after(&self, node: usize, own: bool) -> impl Iterator<Item = usize> {
        let edges = self.graph.out(node).filter(move |edge| own || !self.switching.contains(&edge.holder));
        edges.filter_map(|edge| Some(edge.lifetime.after()?.node))
    }

    /// The changes after which a place no longer starts a function.
    fn triggers_that_go(&self, place: usize) -> impl Iterator<Item = Address> {
        let address = |edge: &Edge<'_>| match (edge.link, edge.lifetime) {
            (Link::Trigger { key, .. }, Lifetime::Removed(end)) => {
                Some(Address::trigger(self.graph.nodes[end.node].function()?, key))
            }
            _ => None,
        };
        self.graph.out(place).filter_map(address).filter(|address| self.actions.contains_key(address))
    }

    /// For each function, the switching policies that currently name it.
    fn namers(&self) -> BTreeMap<&FunctionAddress, BTreeSet<Address>> {
        let mut namers: BTreeMap<&FunctionAddress, BTreeSet<Address>> = BTreeMap::new();
        for edge in self.graph.edges.iter().filter(|edge| self.switching.contains(&edge.holder)) {
            let Some(named) = edge.lifetime.before() else { continue };
            let holder = &self.graph.nodes[edge.holder];
            let (Some(function), Some(named)) = (holder.function(), self.graph.nodes[named.node].function()) else {
                continue;
            };
            let policy = Address { qualifier: holder.qualifier().cloned(), ..Address::async_policy(function) };
            namers.entry(named).or_default().insert(policy);
        }
        namers
    }
}

#[cfg(test)]
mod tests {
    use crate::model::mark;
    use crate::model::state::LiveState;
    use crate::plan::tests::{
        address, after_apply, errors, everything_allowed, nothing_live, notifying, publish, remove_tag, stack, waits,
        wanted,
    };
    use crate::plan::{Permissions, plan};

    fn lose_mark(live: &mut LiveState, name: &str) {
        remove_tag(live.functions.get_mut(&address(name)).unwrap(), mark::ASYNC);
    }

    #[test]
    fn a_policy_waits_for_one_that_switches_behind_one_that_stays() {
        let live = after_apply(&stack([wanted("a"), notifying("b", "c"), notifying("c", "a")]));
        let desired = stack([notifying("a", "b"), notifying("b", "c"), wanted("c")]);
        let planned = plan(&desired, &live, Permissions::default());
        assert_eq!(waits(&planned), ["async_policy:default/a: async_policy:default/c", "async_policy:default/c: "]);
    }

    /// The policy of `a` matches the manifest but lacks its mark. `b` must wait for the policies behind it.
    #[test]
    fn a_policy_waits_for_one_that_switches_behind_one_that_is_only_marked() {
        let mut live = after_apply(&stack([notifying("a", "c"), wanted("b"), notifying("c", "b")]));
        lose_mark(&mut live, "a");
        let desired = stack([notifying("a", "c"), notifying("b", "a"), wanted("c")]);
        let planned = plan(&desired, &live, Permissions::default());
        assert_eq!(
            waits(&planned),
            ["async_policy:default/a: ", "async_policy:default/b: async_policy:default/c", "async_policy:default/c: "]
        );
    }

    /// `mid:v1` was published when `mid` still notified `z`.
    #[test]
    fn a_policy_waits_for_one_that_switches_behind_a_published_version() {
        let mut live = after_apply(&stack([wanted("a"), wanted("mid"), notifying("z", "a")]));
        publish(&mut live, "mid", "v1", "z");
        let desired = |named: &str| stack([notifying("a", named), wanted("mid"), wanted("z")]);
        let expected = ["async_policy:default/a: async_policy:default/z", "async_policy:default/z: "];
        assert_eq!(waits(&plan(&desired("mid:v1"), &live, Permissions::default())), expected);
        // An alias can be pointed at that version at any time.
        live.qualifiers.get_mut(&address("mid")).unwrap().insert(crate::plan::tests::qualifier_named("!prod"));
        assert_eq!(waits(&plan(&desired("mid:!prod"), &live, Permissions::default())), expected);
        let expected = ["async_policy:default/a: ", "async_policy:default/z: "];
        assert_eq!(waits(&plan(&desired("mid"), &live, Permissions::default())), expected);
    }

    #[test]
    fn a_function_is_deleted_after_every_policy_that_named_it() {
        let live = after_apply(&stack([notifying("a", "c"), notifying("b", "c"), wanted("c")]));
        let desired = stack([wanted("a")]);
        let planned = plan(&desired, &live, everything_allowed());
        assert_eq!(
            waits(&planned),
            [
                "async_policy:default/a: ",
                "function:default/b: async_policy:default/b",
                "async_policy:default/b: ",
                "function:default/c: async_policy:default/a async_policy:default/b",
            ]
        );
    }

    /// If versions of two functions notify each other, neither function can be deleted before the versions' policies
    /// are.
    #[test]
    fn policies_of_versions_are_deleted_before_the_functions_that_they_name() {
        let mut live = after_apply(&stack([wanted("a"), wanted("b")]));
        publish(&mut live, "a", "v1", "b");
        publish(&mut live, "b", "!prod", "a:v1");
        let desired = stack([]);
        let planned = plan(&desired, &live, everything_allowed());
        assert_eq!(errors(&planned), Vec::<&str>::new());
        assert_eq!(
            waits(&planned),
            [
                "function:default/a: async_policy:default/a:v1 async_policy:default/b:!prod",
                "async_policy:default/a:v1: ",
                "function:default/b: async_policy:default/a:v1 async_policy:default/b:!prod",
                "async_policy:default/b:!prod: ",
            ]
        );
    }

    /// Without ownership, `b` and `d` keep their policies, and the new graph has a cycle. With ownership, the policies
    /// are deleted first.
    #[test]
    fn two_changes_never_wait_for_each_other() {
        let live = after_apply(&stack([wanted("a"), notifying("b", "c"), wanted("c"), notifying("d", "a")]));
        let desired = stack([notifying("a", "b"), wanted("b"), notifying("c", "d"), wanted("d")]);
        let planned = plan(&desired, &live, Permissions::default());
        assert_eq!(
            waits(&planned),
            [
                "async_policy:default/a: async_policy:default/b",
                "async_policy:default/b: ",
                "async_policy:default/c: async_policy:default/d",
                "async_policy:default/d: ",
            ]
        );
        let desired = desired.without_ownership();
        assert_eq!(errors(&plan(&desired, &live, Permissions::default())), ["cycle"]);
    }

    #[test]
    fn a_new_policy_waits_for_the_functions_that_it_names() {
        let live = nothing_live();
        let desired = stack([notifying("a", "b"), wanted("b")]);
        let planned = plan(&desired, &live, Permissions::default());
        assert_eq!(waits(&planned)[1], "async_policy:default/a: function:default/a function:default/b");
    }
}
