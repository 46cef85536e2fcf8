//! Decides which changes wait for which, so that no intermediate state has a cycle or a missing target.
//!
//! - A policy waits until the functions that it names exist, and until the policies behind it have switched. So no edge
//!   ever leads from a switched policy to one that has not switched yet, and no cycle can close half-way. Waits follow
//!   edges of the new graph, so they form a cycle only if that graph has one. Functions on a cycle do not wait for each
//!   other: the plan does not close a cycle that certainly runs, and no order avoids one that may run.
//! - The same holds for a trigger: it is created after the policies behind its function have switched, and a policy that would
//!   raise its events waits until a trigger that goes is deleted.
//! - A function is deleted only after every policy that names it has changed or been deleted.
//! - A trigger that the service has only once in a project is created after the one that it replaces elsewhere is gone.
//! - Changes of one function run one after the other, because each of them sets tags on it. Its triggers share a tag, so they
//!   take turns; a turn does not depend on how the one before ended.

mod level;
mod stuck;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod trigger_tests;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use crate::model::address::{Address, FunctionAddress, Kind};
use crate::model::event_graph::{Edge, EventGraph, Lifetime, Link, Place, What};
use crate::model::text::TriggerKey;
use crate::model::trigger::LiveTrigger;
use crate::model::trigger::mark::identity;
use crate::model::trigger::source::Match;
use crate::rules::trigger::Uniqueness;
use crate::rules::trigger::other::uniqueness_of;

use super::change::{Action, Change, Step};
use super::cycle::is_certain;
use super::trigger_step::TriggerStep;

use level::Level;
pub(super) use stuck::stuck;

/// The planned changes, as far as waits depend on them.
struct Order<'g, 'a> {
    graph: &'g EventGraph<'a>,
    actions: BTreeMap<Address, Action>,
    /// The nodes whose policies switch. A change that only writes a mark does not switch a policy.
    switching: HashSet<usize>,
    /// The edges that each trigger has only after the plan.
    started: BTreeMap<(&'a FunctionAddress, &'a TriggerKey), Vec<&'g Edge<'a>>>,
    /// The changes after which a place no longer starts a function.
    going: HashMap<usize, Vec<Going>>,
    /// The changes after which a trigger that the service has only once in a project is gone, by its identity.
    freed: BTreeMap<String, Vec<Address>>,
}

struct Going {
    by: Address,
    certainty: Match,
}

/// `graph` must be the graph of these changes.
pub(super) fn set_waits(changes: &mut [Change<'_>], graph: &EventGraph<'_>) {
    if changes.is_empty() {
        return;
    }
    let order = Order::new(changes, graph);
    let levels = order.levels();
    let namers = order.namers();
    for change in changes {
        let mut waits = match (&change.step, change.step.policy_after()) {
            (_, Some(Some(_))) => order.policy_waits(&change.address.function, &levels),
            (Step::DeleteFunction { undeclared }, _) => {
                namers.get(&undeclared.live().address).cloned().unwrap_or_default()
            }
            (Step::UpdateFunction { .. }, _) => order.log_waits(&change.address.function, &levels),
            (Step::Trigger(step), _) => order.trigger_waits(&change.address, step, &levels),
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

impl<'g, 'a> Order<'g, 'a> {
    fn new(changes: &[Change<'_>], graph: &'g EventGraph<'a>) -> Self {
        let switches = |change: &&Change<'_>| change.step.policy_after().is_some();
        let node = |change: &Change<'_>| graph.node(&change.address.function, change.address.qualifier.as_ref());
        let order = Self {
            graph,
            actions: changes.iter().map(|change| (change.address.clone(), change.action)).collect(),
            switching: changes.iter().filter(switches).filter_map(node).collect(),
            started: started_anew(graph),
            going: HashMap::new(),
            freed: freed(changes),
        };
        let going = order.going(changes);
        Self { going, ..order }
    }

    /// First the edges that events certainly take, then all of them if they differ.
    fn levels(&self) -> Vec<Level> {
        let certain: fn(&Edge<'_>) -> bool = is_certain;
        let all: fn(&Edge<'_>) -> bool = |_| true;
        let has_doubts = !self.graph.edges.iter().all(certain);
        let levels = std::iter::once((certain, Match::Certain)).chain(has_doubts.then_some((all, Match::Possible)));
        levels.map(|(follows, least)| Level::new(self, follows, least)).collect()
    }

    /// The changes after which each place no longer starts a function. A function that is deleted starts nothing once its
    /// policies are gone.
    fn going(&self, changes: &[Change<'_>]) -> HashMap<usize, Vec<Going>> {
        let seen = changes.iter().filter_map(|change| {
            Some(((&change.address.function, change.step.trigger()?.seen?.id.as_str()), &change.address))
        });
        let changing: HashMap<(&FunctionAddress, &str), &Address> = seen.collect();
        let mut stays: HashMap<(usize, usize, &str), Match> = HashMap::new();
        let ids = |edge: &Edge<'a>| if let Link::Trigger { id, .. } = edge.link { id } else { None };
        for edge in &self.graph.edges {
            let (Some(id), Some(end)) = (ids(edge), edge.lifetime.after()) else { continue };
            let certainty = stays.entry((edge.holder, end.node, id)).or_insert(edge.certainty);
            *certainty = edge.certainty.max(*certainty);
        }
        let mut going: HashMap<usize, Vec<Going>> = HashMap::new();
        for edge in &self.graph.edges {
            let (Some(id), Some(end), None) = (ids(edge), edge.lifetime.before(), edge.lifetime.after()) else {
                continue;
            };
            let Some(function) = self.graph.nodes[end.node].function() else { continue };
            if stays.get(&(edge.holder, end.node, id)).is_some_and(|stays| *stays >= edge.certainty) {
                continue;
            }
            let by = match changing.get(&(function, id)) {
                Some(address) => vec![(*address).clone()],
                None => self.policies(function).collect(),
            };
            let certainty = edge.certainty;
            going.entry(edge.holder).or_default().extend(by.into_iter().map(|by| Going { by, certainty }));
        }
        going
    }

    /// The policies of a function that change.
    fn policies(&self, function: &FunctionAddress) -> impl Iterator<Item = Address> {
        self.of_function(function).filter(|own| own.kind == Kind::AsyncPolicy).cloned()
    }

    /// What changes at a function.
    fn of_function(&self, function: &FunctionAddress) -> impl Iterator<Item = &Address> {
        let from = self.actions.range(Address::function(function)..).map(|(own, _)| own);
        from.take_while(move |own| own.function == *function)
    }

    /// The other changes of the same function that must come first: the policies if the function is deleted or given up,
    /// otherwise the function.
    fn own_waits(&self, address: &Address) -> Vec<Address> {
        let is_deleted =
            matches!(self.actions.get(&Address::function(&address.function)), Some(Action::Delete | Action::Forget));
        let is_first = |own: &&Address| (own.kind == Kind::Function) != is_deleted;
        let are_last = (address.kind == Kind::Function) == is_deleted;
        self.of_function(&address.function).filter(|own| are_last && is_first(own)).cloned().collect()
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
        let is_before = |other: &&Address| turn(other).is_some_and(|turn| (turn, *other) < (own, address));
        self.of_function(&address.function).filter(is_before).cloned().collect()
    }

    /// The new functions that a policy names, and whatever has to change behind it.
    fn policy_waits(&self, function: &FunctionAddress, levels: &[Level]) -> BTreeSet<Address> {
        let Some(holder) = self.graph.node(function, None) else { return BTreeSet::new() };
        let ends = self.graph.out(holder).filter_map(|edge| edge.lifetime.after());
        let named = ends.filter_map(|end| self.graph.nodes[end.node].function()).map(Address::function);
        let new = named.filter(|named| self.actions.get(named) == Some(&Action::Create));
        let behind = levels.iter().flat_map(|level| level.behind_policy(self, holder));
        new.chain(behind).collect()
    }

    /// A trigger starts its function only after the policies behind it have switched, and after another one that it follows
    /// is gone.
    fn trigger_waits(&self, address: &Address, step: &TriggerStep<'_>, levels: &[Level]) -> BTreeSet<Address> {
        let started = address.trigger.as_ref().and_then(|key| self.started.get(&(&address.function, key)));
        let edges = started.map(Vec::as_slice).unwrap_or_default();
        let behind = levels.iter().flat_map(|level| level.behind_edges(self, edges));
        let place = step.write.sent().map(|sent| identity(sent.code.as_str(), None, &sent.data));
        let before = place.and_then(|place| self.freed.get(&place)).into_iter().flatten().cloned();
        behind.chain(before).collect()
    }

    /// A function writes to another log only after the policies behind that log have switched.
    fn log_waits(&self, function: &FunctionAddress, levels: &[Level]) -> BTreeSet<Address> {
        let Some(node) = self.graph.node(function, None) else { return BTreeSet::new() };
        let new: Vec<&Edge<'_>> =
            self.graph.out(node).filter(|edge| self.is_log(edge) && edge.lifetime.is_new()).collect();
        levels.iter().flat_map(|level| level.behind_edges(self, &new)).collect()
    }

    /// Whether an update of the function changes this edge.
    fn is_log(&self, edge: &Edge<'_>) -> bool {
        let is_log = |end: usize| matches!(self.graph.nodes[end].what, What::Place(Place::Log(_)));
        edge.link == Link::Log && edge.lifetime.after().or(edge.lifetime.before()).is_some_and(|end| is_log(end.node))
    }

    /// The changes after which no event leaves this node on an old way.
    fn pending(&self, node: usize, least: Match) -> BTreeSet<Address> {
        let Some(function) = self.graph.nodes[node].function() else {
            let going = self.going.get(&node).into_iter().flatten().filter(|going| going.certainty >= least);
            return going.map(|going| going.by.clone()).collect();
        };
        let Some(latest) = self.graph.node(function, None) else { return BTreeSet::new() };
        let mut pending = BTreeSet::new();
        if self.switching.contains(&latest) {
            pending.insert(Address::async_policy(function));
        }
        let leaves = |edge: &&Edge<'_>| self.is_log(edge) && edge.lifetime.before().is_some() && !is_kept(edge);
        let update = Address::function(function);
        let is_updated = matches!(self.actions.get(&update), Some(Action::Update | Action::Adopt));
        if is_updated && self.graph.out(latest).any(|edge| leaves(&edge)) {
            pending.insert(update);
        }
        pending
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

const fn is_kept(edge: &Edge<'_>) -> bool {
    matches!(edge.lifetime, Lifetime::Kept(_))
}

/// The edges that triggers have only after the plan.
fn started_anew<'g, 'a>(
    graph: &'g EventGraph<'a>,
) -> BTreeMap<(&'a FunctionAddress, &'a TriggerKey), Vec<&'g Edge<'a>>> {
    let mut started: BTreeMap<_, Vec<&Edge<'a>>> = BTreeMap::new();
    for edge in graph.edges.iter().filter(|edge| edge.lifetime.is_new()) {
        let (Link::Trigger { key, .. }, Some(end)) = (edge.link, edge.lifetime.after()) else { continue };
        let Some(function) = graph.nodes[end.node].function() else { continue };
        started.entry((function, key)).or_default().push(edge);
    }
    started
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
