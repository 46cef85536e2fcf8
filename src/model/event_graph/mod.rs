//! The graph of events before and after a plan: which functions notify which, directly or through a bucket, a topic, a
//! stream, a queue, a log or an audit record whose events a trigger listens to. The write order, the checks for cycles and
//! missing targets, and the drawing all use this graph.
//!
//! It is built from policies and triggers alone, without plans, manifests or the service. Its nodes are functions, versions
//! and aliases, and the places between them.

mod components;
mod listeners;
mod place;

use std::borrow::Cow;
use std::collections::HashMap;

use crate::diagnostic::Spot;

use super::address::{FunctionAddress, Qualifier};
use super::async_policy::{Outcome, PolicySpots};
use super::target::Target;
use super::text::TriggerKey;
use super::trigger::Source;
use super::trigger::source::Match;

use listeners::Listeners;
pub use place::Place;

/// The targets of a policy, in the order of [`Outcome::ALL`].
pub type Targets<'a> = [Option<&'a Target>; 2];

/// A policy as input of the graph. Every function has one for its `latest`, even without targets.
#[derive(Debug)]
pub struct Policy<'a> {
    pub function: &'a FunctionAddress,
    pub qualifier: Option<&'a Qualifier>,
    /// The function's name in messages.
    pub name: Cow<'a, str>,
    pub before: Side<'a>,
    pub after: Side<'a>,
    /// Its positions in a manifest; `None` if it is only live.
    pub spots: Option<&'a PolicySpots>,
}

/// Where the events of a policy's function go before or after the plan. The default is a function that does not exist.
#[derive(Debug, Clone, Copy, Default)]
pub struct Side<'a> {
    pub targets: Targets<'a>,
    /// The id of the log stream that the function writes to, if it is known.
    pub log_stream: Option<&'a str>,
    /// Whether the project's log contains the statuses of its asynchronous invocations.
    pub has_status_log: bool,
    /// Whether the function exists.
    pub is_there: bool,
}

/// A trigger as input of the graph.
#[derive(Debug)]
pub struct Trigger<'a> {
    pub function: &'a FunctionAddress,
    pub key: &'a TriggerKey,
    /// The service's name for its type.
    pub code: &'a str,
    /// Its id in the service; `None` if it is not live.
    pub id: Option<&'a str>,
    pub before: Option<Listening<'a>>,
    pub after: Option<Listening<'a>>,
    /// Its position in a manifest; `None` if it is only live.
    pub spot: Option<&'a Spot>,
}

/// What a trigger listens to, and what it starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listening<'a> {
    pub source: Source<'a>,
    pub qualifier: Option<&'a Qualifier>,
    pub is_enabled: bool,
}

#[derive(Debug)]
pub struct EventGraph<'a> {
    pub nodes: Vec<Node<'a>>,
    pub edges: Vec<Edge<'a>>,
    functions: Functions<'a>,
    places: HashMap<Place<'a>, usize>,
}

type Functions<'a> = HashMap<(&'a FunctionAddress, Option<&'a Qualifier>), usize>;

#[derive(Debug)]
pub struct Node<'a> {
    pub what: What<'a>,
    /// The name in messages.
    pub name: String,
    /// The edges that an event may follow from here: for a function, those of its own policy, and those of policies that can
    /// become its own.
    out: Vec<usize>,
}

/// What a node stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What<'a> {
    /// A function's `latest`, a version of it, or an alias.
    Function {
        function: &'a FunctionAddress,
        qualifier: Option<&'a Qualifier>,
    },
    Place(Place<'a>),
}

/// A way that an event can take.
#[derive(Debug)]
pub struct Edge<'a> {
    /// The node that it starts from. For a notification, the policy belongs to this node.
    pub holder: usize,
    pub link: Link<'a>,
    /// Its position in a manifest; `None` if it is only live.
    pub spot: Option<&'a Spot>,
    pub lifetime: Lifetime<'a>,
    /// Whether every event takes it, or only some do.
    pub certainty: Match,
}

/// What makes an edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link<'a> {
    /// One outcome of a policy.
    Notification(Outcome),
    /// Each run writes to the function's log, or its statuses to the project's.
    Log,
    /// Cloud Trace Service may record each run.
    Record,
    Trigger {
        key: &'a TriggerKey,
        code: &'a str,
        id: Option<&'a str>,
    },
}

/// When an edge exists: before the plan, after it, or both.
#[derive(Debug, Clone, Copy)]
pub enum Lifetime<'a> {
    Kept(End<'a>),
    Added(End<'a>),
    Changed { before: End<'a>, after: End<'a> },
    Removed(End<'a>),
}

/// The end of an edge.
#[derive(Debug, Clone, Copy)]
pub struct End<'a> {
    pub node: usize,
    /// The target of a notification.
    pub target: Option<&'a Target>,
}

impl<'a> Side<'a> {
    /// The places that each run reaches without a notification.
    fn reached_by_runs(&self) -> [Option<Place<'a>>; 3] {
        let log = self.log_stream.map(Place::Log);
        [log, self.has_status_log.then_some(Place::StatusLog), self.is_there.then_some(Place::Runs)]
    }
}

impl<'a> Lifetime<'a> {
    fn of(before: Option<End<'a>>, after: Option<End<'a>>) -> Option<Self> {
        match (before, after) {
            (None, None) => None,
            (None, Some(after)) => Some(Self::Added(after)),
            (Some(before), None) => Some(Self::Removed(before)),
            (Some(before), Some(after)) if before.is(&after) => Some(Self::Kept(after)),
            (Some(before), Some(after)) => Some(Self::Changed { before, after }),
        }
    }

    pub const fn before(self) -> Option<End<'a>> {
        match self {
            Self::Kept(end) | Self::Removed(end) | Self::Changed { before: end, .. } => Some(end),
            Self::Added(_) => None,
        }
    }

    pub const fn after(self) -> Option<End<'a>> {
        match self {
            Self::Kept(end) | Self::Added(end) | Self::Changed { after: end, .. } => Some(end),
            Self::Removed(_) => None,
        }
    }

    /// Whether the edge leads to its end only after the plan.
    pub const fn is_new(self) -> bool {
        matches!(self, Self::Added(_) | Self::Changed { .. })
    }
}

impl End<'_> {
    /// A version without its own policy and the function itself are one node, but not the same end.
    fn is(&self, other: &Self) -> bool {
        let qualifier = |end: &Self| end.target.and_then(Target::qualifier).cloned();
        self.node == other.node && qualifier(self) == qualifier(other)
    }
}

impl<'a> Node<'a> {
    /// The function, unless the node is a place.
    pub const fn function(&self) -> Option<&'a FunctionAddress> {
        match self.what {
            What::Function { function, .. } => Some(function),
            What::Place(_) => None,
        }
    }

    pub const fn qualifier(&self) -> Option<&'a Qualifier> {
        match self.what {
            What::Function { qualifier, .. } => qualifier,
            What::Place(_) => None,
        }
    }
}

impl<'a> EventGraph<'a> {
    /// A version may follow its own policy. An alias may follow the policy of any version, because it can be pointed at
    /// another version at any time. Both may follow the policy of `latest`, because the next version is published with
    /// it.
    pub fn new(policies: &[Policy<'a>], triggers: &[Trigger<'a>]) -> Self {
        let mut graph =
            Self { nodes: Vec::new(), edges: Vec::new(), functions: HashMap::new(), places: HashMap::new() };
        for policy in policies {
            graph.add_function(policy.function, policy.qualifier, &policy.name);
        }
        let published = graph.published();
        for (holder, policy) in policies.iter().enumerate() {
            graph.add_notifications(holder, policy, &published);
        }
        graph.add_triggers(policies, triggers, &published);
        let inherited: Vec<(usize, Vec<usize>)> =
            graph.nodes.iter().enumerate().filter_map(|(node, _)| graph.inherited(node, &published)).collect();
        for (node, edges) in inherited {
            graph.nodes[node].out.extend(edges);
        }
        graph
    }

    /// The node of a function's `latest`, or of a version or alias with its own policy.
    pub fn node(&self, function: &FunctionAddress, qualifier: Option<&Qualifier>) -> Option<usize> {
        self.functions.get(&(function, qualifier)).copied()
    }

    /// The edges that an event may follow from this node.
    pub fn out(&self, node: usize) -> impl Iterator<Item = &Edge<'a>> {
        self.nodes[node].out.iter().map(|edge| &self.edges[*edge])
    }

    fn add_function(&mut self, function: &'a FunctionAddress, qualifier: Option<&'a Qualifier>, name: &str) -> usize {
        let name = qualifier.map_or_else(|| name.to_owned(), |qualifier| format!("{name}:{qualifier}"));
        self.functions.insert((function, qualifier), self.nodes.len());
        self.nodes.push(Node { what: What::Function { function, qualifier }, name, out: Vec::new() });
        self.nodes.len() - 1
    }

    fn place(&mut self, place: Place<'a>) -> usize {
        *self.places.entry(place).or_insert_with(|| {
            self.nodes.push(Node { what: What::Place(place), name: place.to_string(), out: Vec::new() });
            self.nodes.len() - 1
        })
    }

    fn add_edge(&mut self, edge: Edge<'a>) {
        self.nodes[edge.holder].out.push(self.edges.len());
        self.edges.push(edge);
    }

    /// For each function, the versions and aliases with their own policy.
    fn published(&self) -> Published<'a> {
        let mut published = Published::new();
        for (index, node) in self.nodes.iter().enumerate() {
            if let What::Function { function, qualifier: Some(_) } = node.what {
                published.entry(function).or_default().push(index);
            }
        }
        published
    }

    fn add_notifications(&mut self, holder: usize, policy: &Policy<'a>, published: &Published<'a>) {
        let spots = |spots: &'a PolicySpots| {
            [&spots.on_success, &spots.on_failure].map(|spot| spot.as_ref().unwrap_or(&spots.used))
        };
        let spots = policy.spots.map(spots);
        for (side, outcome) in Outcome::ALL.into_iter().enumerate() {
            let before = policy.before.targets[side].and_then(|target| self.end(target, published));
            let after = policy.after.targets[side].and_then(|target| self.end(target, published));
            let Some(lifetime) = Lifetime::of(before, after) else { continue };
            let (link, spot) = (Link::Notification(outcome), spots.map(|spots| spots[side]));
            self.add_edge(Edge { holder, link, spot, lifetime, certainty: Match::Certain });
        }
    }

    fn end(&mut self, target: &'a Target, published: &Published<'a>) -> Option<End<'a>> {
        let node = match target.function() {
            Some(function) => self.started(function, target.qualifier(), published)?,
            None => self.place(Place::of(target)?),
        };
        Some(End { node, target: Some(target) })
    }

    /// The function itself stands for a version without its own policy, and for an alias if no version has one.
    fn started(
        &mut self,
        function: &'a FunctionAddress,
        qualifier: Option<&'a Qualifier>,
        published: &Published<'a>,
    ) -> Option<usize> {
        let latest = self.node(function, None)?;
        let known = self.node(function, qualifier);
        Some(match qualifier {
            Some(alias @ Qualifier::Alias(_)) if known.is_none() && published.contains_key(function) => {
                let name = self.nodes[latest].name.clone();
                self.add_function(function, Some(alias), &name)
            }
            _ => known.unwrap_or(latest),
        })
    }

    /// Edges to the places that each run of a function reaches, if a trigger listens there.
    fn add_runs(&mut self, holder: usize, policy: &Policy<'a>, listeners: &Listeners<'_, 'a>) {
        let [before, after] = [&policy.before, &policy.after].map(Side::reached_by_runs);
        for (before, after) in before.into_iter().zip(after) {
            let [before, after] = [before, after].map(|place| {
                let place = place.filter(|place| listeners.hear(*place))?;
                Some(End { node: self.place(place), target: None })
            });
            let Some(lifetime) = Lifetime::of(before, after) else { continue };
            let end = lifetime.after().or(lifetime.before()).map(|end| self.nodes[end.node].what);
            let (link, certainty) = match end {
                Some(What::Place(Place::Runs)) => (Link::Record, Match::Possible),
                _ => (Link::Log, Match::Certain),
            };
            self.add_edge(Edge { holder, link, spot: None, lifetime, certainty });
        }
    }

    /// An edge from each place whose events a trigger listens to. A trigger with no such place gets one of its own.
    fn add_triggers(&mut self, policies: &[Policy<'a>], triggers: &[Trigger<'a>], published: &Published<'a>) {
        let listeners = Listeners::of(triggers);
        for (holder, policy) in policies.iter().enumerate().filter(|_| listeners.hear_runs()) {
            self.add_runs(holder, policy, &listeners);
        }
        let places: Vec<(Place<'a>, usize)> = self.places.iter().map(|(place, node)| (*place, *node)).collect();
        let mut raised = vec![false; listeners.count()];
        let mut found: Vec<(usize, usize, Match)> = Vec::new();
        for (place, node) in places {
            for (listener, certainty) in listeners.raised_by(place) {
                raised[listener] = true;
                found.push((node, listener, certainty));
            }
        }
        for listener in raised.iter().enumerate().filter(|(_, raised)| !**raised).map(|(listener, _)| listener) {
            let node = self.place(listeners.own_place(listener));
            found.push((node, listener, Match::Certain));
        }
        found.sort_unstable_by_key(|(node, listener, _)| (*listener, *node));
        for (holder, listener, certainty) in found {
            let (trigger, listening) = listeners.get(listener);
            let Some(node) = self.started(trigger.function, listening.qualifier, published) else { continue };
            let end = End { node, target: None };
            let Some(lifetime) = listeners.lifetime(listener, end) else { continue };
            let certainty = if listening.is_enabled { certainty } else { Match::Possible };
            let link = Link::Trigger { key: trigger.key, code: trigger.code, id: trigger.id };
            let spot = trigger.spot.filter(|_| lifetime.after().is_some());
            self.add_edge(Edge { holder, link, spot, lifetime, certainty });
        }
    }

    /// The edges that a version or an alias may follow besides those of its own policy.
    fn inherited(&self, node: usize, published: &Published<'a>) -> Option<(usize, Vec<usize>)> {
        let What::Function { function, qualifier } = self.nodes[node].what else { return None };
        let versions = match qualifier? {
            Qualifier::Alias(_) => published.get(function).map_or(&[][..], Vec::as_slice),
            Qualifier::Version(_) => &[],
        };
        let others = versions.iter().copied().filter(|version| *version != node).chain(self.node(function, None));
        Some((node, others.flat_map(|other| self.nodes[other].out.iter().copied()).collect()))
    }
}

/// For each function, the nodes of its versions and aliases with their own policy.
type Published<'a> = HashMap<&'a FunctionAddress, Vec<usize>>;
