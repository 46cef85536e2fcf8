//! How far one event goes in the worst case: a walk along the event graph.

use std::collections::BTreeMap;

use crate::model::address::{FunctionAddress, Qualifier};
use crate::model::async_policy::{AsyncPolicy, LivePolicy};
use crate::model::event_graph::{EventGraph, Link, What};
use crate::model::field::Field;
use crate::model::state::{DesiredState, LiveState};
use crate::rules::number::{DEFAULT_MAX_RETRIES, DEFAULT_TIMEOUT_SECONDS, DEFAULT_VALIDITY_SECONDS};

use super::super::change::Change;
use super::{Reach, Side};

type Switches<'a> = BTreeMap<&'a FunctionAddress, Option<&'a AsyncPolicy>>;

/// The policies of functions after the changes that switch them.
fn switches<'a>(changes: &'a [Change<'a>]) -> Switches<'a> {
    let of_latest = changes.iter().filter(|change| change.address.qualifier.is_none());
    of_latest.filter_map(|change| Some((&change.address.function, change.step.policy_after()?))).collect()
}

/// What one invocation of a node costs at most.
pub(super) struct Costs<'a> {
    desired: &'a DesiredState,
    live: &'a LiveState,
    switches: Switches<'a>,
}

/// Attempts, and seconds until the last of them ends.
#[derive(Debug, Clone, Copy)]
struct Cost {
    attempts: u64,
    seconds: u64,
}

impl<'a> Costs<'a> {
    pub(super) fn new(desired: &'a DesiredState, live: &'a LiveState, changes: &'a [Change<'_>]) -> Self {
        Self { desired, live, switches: switches(changes) }
    }

    /// The service starts attempts until the validity ends, and the last one can take as long as the timeout.
    fn of(&self, what: What<'_>, side: Side) -> Option<Cost> {
        let What::Function { function, qualifier } = what else { return None };
        let found = self.live.functions.get(function);
        let limits = self.limits(function, qualifier, side);
        let retries = limits.iter().map(|(retries, _)| *retries).max().unwrap_or(DEFAULT_MAX_RETRIES);
        let validity = limits.iter().map(|(_, validity)| *validity).max().unwrap_or(DEFAULT_VALIDITY_SECONDS);
        let declared = self
            .desired
            .functions
            .get(function)
            .filter(|wanted| side == Side::After && !wanted.function.ignore.contains(&Field::Timeout));
        let declared = declared.map(|wanted| wanted.function.configuration.value(Field::Timeout));
        let timeout = declared.or_else(|| found.map(|found| found.configuration.value(Field::Timeout)));
        let timeout = timeout.and_then(|timeout| timeout.as_u64()).unwrap_or(u64::from(DEFAULT_TIMEOUT_SECONDS));
        Some(Cost { attempts: u64::from(retries) + 1, seconds: u64::from(validity).saturating_add(timeout) })
    }

    /// The retries and validity periods of the policies that can apply. An alias can be pointed at any version, and the next
    /// version is published with the policy of `latest`.
    fn limits(&self, function: &FunctionAddress, qualifier: Option<&Qualifier>, side: Side) -> Vec<(u32, u32)> {
        let found = self.live.functions.get(function);
        let of_live = |live: &LivePolicy| (live.max_retries, live.max_validity_period);
        let of_declared = |policy: &AsyncPolicy| (policy.max_retries.get(), policy.max_validity_period.get());
        let latest = match self.switches.get(function).filter(|_| side == Side::After) {
            Some(policy) => policy.map(of_declared),
            None => found.and_then(|found| found.policy.as_ref()).map(of_live),
        };
        let latest = latest.unwrap_or((DEFAULT_MAX_RETRIES, DEFAULT_VALIDITY_SECONDS));
        let published = || found.into_iter().flat_map(|found| &found.published);
        match qualifier {
            None => vec![latest],
            Some(Qualifier::Alias(_)) => published().map(|(_, policy)| of_live(policy)).chain([latest]).collect(),
            Some(version) => match published().find(|(own, _)| *own == version) {
                Some((_, policy)) => vec![of_live(policy)],
                None => vec![latest],
            },
        }
    }
}

/// Computes the reach of nodes, each once. It uses an explicit stack, so a chain of functions can have any length.
pub(super) struct Walk<'g, 'a> {
    graph: &'g EventGraph<'a>,
    costs: &'g Costs<'g>,
    side: Side,
    states: Vec<State>,
}

#[derive(Debug, Clone, Copy)]
enum State {
    New,
    /// The walk has passed it, and is behind it now.
    Open,
    Done(Reach),
}

impl<'g, 'a> Walk<'g, 'a> {
    pub(super) fn new(graph: &'g EventGraph<'a>, costs: &'g Costs<'g>, side: Side) -> Self {
        Self { graph, costs, side, states: vec![State::New; graph.nodes.len()] }
    }

    pub(super) fn reach(&mut self, start: usize) -> Reach {
        let mut stack = vec![start];
        while let Some(node) = stack.last().copied() {
            match self.states[node] {
                State::New => {
                    self.states[node] = State::Open;
                    let next = self.next(node).map(|(next, _)| next);
                    stack.extend(next.filter(|next| matches!(self.states[*next], State::New)).collect::<Vec<_>>());
                }
                State::Open => {
                    self.states[node] = State::Done(self.sum(node));
                    stack.pop();
                }
                State::Done(_) => drop(stack.pop()),
            }
        }
        match self.states[start] {
            State::Done(reach) => reach,
            State::New | State::Open => Reach::Endless,
        }
    }

    fn next(&self, node: usize) -> impl Iterator<Item = (usize, Link<'a>)> {
        self.graph.out(node).filter_map(|edge| Some((self.side.end(edge.lifetime)?.node, edge.link)))
    }

    /// The reach of a node whose successors are done. One that is still open comes before this node.
    fn sum(&self, node: usize) -> Reach {
        let own = self.costs.of(self.graph.nodes[node].what, self.side);
        let (mut notified, mut started, mut longest) = (0_u64, 0_u64, 0);
        for (next, link) in self.next(node) {
            let State::Done(Reach::Ends { executions, seconds }) = self.states[next] else { return Reach::Endless };
            match link {
                // An invocation has only one outcome.
                Link::Notification(_) => notified = notified.max(executions),
                // Every attempt writes to the log.
                Link::Log | Link::Record => {
                    let attempts = own.map_or(1, |own| own.attempts);
                    started = started.saturating_add(executions.saturating_mul(attempts));
                }
                Link::Trigger { .. } => started = started.saturating_add(executions),
            }
            longest = longest.max(seconds);
        }
        let own = own.unwrap_or(Cost { attempts: 0, seconds: 0 });
        let executions = own.attempts.saturating_add(notified).saturating_add(started);
        Reach::Ends { executions, seconds: own.seconds.saturating_add(longest) }
    }
}
