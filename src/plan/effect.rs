//! What a plan changes for events: how often functions run for one event, how long that takes, and who is notified.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

use crate::model::address::{FunctionAddress, Kind};
use crate::model::async_policy::{AsyncPolicy, LivePolicy, Outcome};
use crate::model::event_graph::{Edge, End, EventGraph, Lifetime, Link, What};
use crate::model::field::Field;
use crate::model::state::{DesiredState, LiveState};
use crate::model::target::Target;
use crate::rules::number::{DEFAULT_MAX_RETRIES, DEFAULT_TIMEOUT_SECONDS, DEFAULT_VALIDITY_SECONDS};

use super::change::{Action, Change};

/// The effects of a plan on the events of one function whose policy or triggers change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Effect {
    pub function: FunctionAddress,
    /// `None` if the function does not exist on this side of the plan.
    pub before: Option<Reach>,
    pub after: Option<Reach>,
    pub notices: Vec<Notice>,
}

/// How far one event goes in the worst case: every attempt that a policy permits fails or ends as late as it can, and each
/// notification starts the next function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Reach {
    Ends {
        executions: u64,
        seconds: u64,
    },
    /// The event comes back to a function that it has passed.
    Endless,
}

/// An outcome that is notified to another target than before. The names are those of messages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Notice {
    pub outcome: Outcome,
    pub before: Option<String>,
    pub after: Option<String>,
}

/// The effects of these changes, sorted by function. `graph` must be the graph of these changes.
pub(super) fn effects(
    desired: &DesiredState,
    live: &LiveState,
    changes: &[Change<'_>],
    graph: &EventGraph<'_>,
) -> Vec<Effect> {
    let mut concerned: BTreeSet<&FunctionAddress> =
        changes.iter().filter(|change| concerns_events(change)).map(|change| &change.address.function).collect();
    concerned.extend(writers(graph));
    if concerned.is_empty() {
        return Vec::new();
    }
    let costs = Costs { desired, live, switches: switches(changes) };
    let [mut before, mut after] = [Side::Before, Side::After].map(|side| Walk::new(graph, &costs, side));
    let deleted = changes.iter().filter(|change| change.deletes_function());
    let deleted: BTreeSet<&FunctionAddress> = deleted.map(|change| &change.address.function).collect();
    let effect = |function: &FunctionAddress| {
        let node = graph.node(function, None)?;
        let goes = deleted.contains(function);
        Some(Effect {
            function: function.clone(),
            before: live.functions.contains_key(function).then(|| before.reach(node)),
            after: (!goes).then(|| after.reach(node)),
            notices: notices(graph, node),
        })
    };
    concerned.into_iter().filter_map(effect).collect()
}

/// The functions that notify a place whose events start other functions than before.
fn writers<'a>(graph: &EventGraph<'a>) -> impl Iterator<Item = &'a FunctionAddress> {
    let changed =
        |edge: &&Edge<'_>| matches!(edge.link, Link::Trigger { .. }) && !matches!(edge.lifetime, Lifetime::Kept(_));
    let places: BTreeSet<usize> = graph.edges.iter().filter(changed).map(|edge| edge.holder).collect();
    let leads_there = move |edge: &&Edge<'_>| {
        let ends = [edge.lifetime.before(), edge.lifetime.after()];
        ends.into_iter().flatten().any(|end| places.contains(&end.node))
    };
    graph.edges.iter().filter(leads_there).filter_map(|edge| graph.nodes[edge.holder].function())
}

fn concerns_events(change: &Change<'_>) -> bool {
    let is_written = !matches!(change.action, Action::Record | Action::Forget);
    change.step.policy_after().is_some() || (change.address.kind == Kind::Trigger && is_written)
}

type Switches<'a> = BTreeMap<&'a FunctionAddress, Option<&'a AsyncPolicy>>;

fn switches<'a>(changes: &'a [Change<'a>]) -> Switches<'a> {
    let of_latest = changes.iter().filter(|change| change.address.qualifier.is_none());
    of_latest.filter_map(|change| Some((&change.address.function, change.step.policy_after()?))).collect()
}

fn notices(graph: &EventGraph<'_>, node: usize) -> Vec<Notice> {
    // A version without its own policy has no node of its own.
    let name = |end: End<'_>| {
        let node = &graph.nodes[end.node];
        let qualifier = end.target.and_then(Target::qualifier).filter(|_| node.qualifier().is_none());
        qualifier.map_or_else(|| node.name.clone(), |qualifier| format!("{}:{qualifier}", node.name))
    };
    let notice = |lifetime: Lifetime<'_>, link: Link<'_>| {
        let (Link::Notification(outcome), false) = (link, matches!(lifetime, Lifetime::Kept(_))) else { return None };
        Some(Notice { outcome, before: lifetime.before().map(name), after: lifetime.after().map(name) })
    };
    graph.out(node).filter(|edge| edge.holder == node).filter_map(|edge| notice(edge.lifetime, edge.link)).collect()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Before,
    After,
}

/// What one invocation of a node costs at most.
struct Costs<'a> {
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

impl Costs<'_> {
    /// The service starts attempts until the validity ends, and the last one can take as long as the timeout.
    fn of(&self, what: What<'_>, side: Side) -> Option<Cost> {
        let What::Function { function, qualifier } = what else { return None };
        let found = self.live.functions.get(function);
        let live = found.and_then(|found| match qualifier {
            None => found.policy.as_ref(),
            Some(qualifier) => found.published.get(qualifier),
        });
        let as_live = |live: &LivePolicy| (live.max_retries, live.max_validity_period);
        let as_declared = |policy: &AsyncPolicy| (policy.max_retries.get(), policy.max_validity_period.get());
        let switched = self.switches.get(function).filter(|_| side == Side::After && qualifier.is_none());
        let policy = match switched {
            Some(policy) => policy.map(as_declared),
            None => live.map(as_live),
        };
        let (retries, validity) = policy.unwrap_or((DEFAULT_MAX_RETRIES, DEFAULT_VALIDITY_SECONDS));
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
}

/// Computes the reach of nodes, each once. It uses an explicit stack, so a chain of functions can have any length.
struct Walk<'g, 'a> {
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
    fn new(graph: &'g EventGraph<'a>, costs: &'g Costs<'g>, side: Side) -> Self {
        Self { graph, costs, side, states: vec![State::New; graph.nodes.len()] }
    }

    fn reach(&mut self, start: usize) -> Reach {
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
        self.graph.out(node).filter_map(|edge| {
            let end = match self.side {
                Side::Before => edge.lifetime.before(),
                Side::After => edge.lifetime.after(),
            };
            Some((end?.node, edge.link))
        })
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
                Link::Log => {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::tests::{after_apply, notifying, policy, stack, wanted};
    use crate::plan::{Permissions, plan};

    fn of(before: &DesiredState, after: &DesiredState) -> Vec<Effect> {
        plan(after, &after_apply(before), Permissions::default()).plan.effects
    }

    const fn ends(executions: u64, seconds: u64) -> Reach {
        Reach::Ends { executions, seconds }
    }

    #[test]
    fn retries_and_lives_add_up_along_the_chain() {
        let mut a = notifying("a", "b");
        a.function.policy = Some(policy(3, Some("b")));
        let before = stack([wanted("a"), notifying("b", "c"), wanted("c")]);
        let effects = of(&before, &stack([a, notifying("b", "c"), wanted("c")]));
        let [effect] = effects.as_slice() else { panic!("{effects:?}") };
        // One life is an hour and 3 seconds. `c` has no policy, so the service's default applies.
        assert_eq!((effect.before, effect.after), (Some(ends(2, 3603)), Some(ends(4 + 2 + 2, 3 * 3603))));
        let notice = Notice { outcome: Outcome::Success, before: None, after: Some("b".into()) };
        assert_eq!(effect.notices, [notice]);
    }

    #[test]
    fn a_policy_that_goes_notifies_no_longer() {
        let effects = of(&stack([notifying("a", "b"), wanted("b")]), &stack([wanted("a"), wanted("b")]));
        let notice = Notice { outcome: Outcome::Success, before: Some("b".into()), after: None };
        assert_eq!(effects[0].notices, [notice]);
        assert_eq!((effects[0].before, effects[0].after), (Some(ends(4, 7206)), Some(ends(2, 3603))));
    }

    #[test]
    fn a_cycle_is_endless_and_other_changes_have_no_effect() {
        let cycle = stack([notifying("a", "b"), notifying("b", "a")]);
        let effects = of(&stack([notifying("a", "b"), wanted("b")]), &cycle);
        assert_eq!((effects[0].before, effects[0].after), (Some(ends(2, 3603)), Some(Reach::Endless)));
        let mut other = wanted("b");
        other.function.protect = Some(true);
        assert_eq!(of(&stack([wanted("b")]), &stack([other])), Vec::new());
    }
}
