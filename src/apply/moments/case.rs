//! Random small projects and manifests, with everything that makes the order of changes difficult.

use proptest::prelude::*;
use std::collections::BTreeSet;

use crate::model::address::{Address, Kind, Qualifier};
use crate::model::async_policy::{AsyncPolicy, LivePolicy, LiveTarget, PolicySpots};
use crate::model::existing::{DeclaredPolicy, ExistingFunction};
use crate::model::field::{Field, Fields};
use crate::model::mark;
use crate::model::state::{DesiredState, LiveFunction, LiveState, Ownership};
use crate::model::target::Target;
use crate::model::trigger::Triggers;
use crate::plan::Planned;
use crate::plan::change::{Action, Change, Step};
use crate::plan::selection::Selection;
use crate::plan::tests::{
    NAMES, address, existing, live_function, marks_of, nothing_live, policy, qualifier_named, remove_tag, scope, stack,
    target, urn_of, wanted, with_existing,
};

use super::moment::Moment;
use super::trigger::{self, PLACES, Taken};

pub(super) const QUALIFIERS: [&str; 3] = ["v1", "v2", "!prod"];

/// The owner of a live function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Owner {
    Us,
    OtherStack,
    Unowned,
    /// Something else deploys it, and a stack owns its policy.
    OurPolicy,
    OthersPolicy,
}

#[derive(Debug, Clone, Copy)]
enum Mark {
    Right,
    Lost,
    Stale,
}

/// A target by numbers: a function, and a qualifier if the second number is small; or a place if the first one is large.
type Aim = Option<(usize, usize)>;

/// The first number of a place.
const FIRST_PLACE: usize = NAMES.len() * 2;

/// One function of a project, live and declared.
#[derive(Debug, Clone)]
struct Sketch {
    live: Option<(Owner, Mark)>,
    live_policy: Option<[Aim; 2]>,
    published: [Option<Aim>; 3],
    declared: Option<Declared>,
    /// The declaration has `existing: true`.
    is_existing: bool,
    live_triggers: trigger::Live,
    triggers: trigger::Declared,
}

#[derive(Debug, Clone)]
enum Declared {
    Policy(Option<[Aim; 2]>),
    /// The declaration matches live.
    Same,
    Ignored,
}

#[derive(Debug, Clone)]
pub(super) struct Case {
    sketches: Vec<Sketch>,
    ownership: Ownership,
    excluded: Option<usize>,
    targeted: Option<usize>,
    /// Determines the order of the apply, and which writes fail.
    pub(super) choices: Vec<u8>,
}

fn any_aim() -> impl Strategy<Value = Aim> {
    proptest::option::weighted(0.6, (1..FIRST_PLACE + PLACES * 2, 0..8_usize))
}

fn any_sketch() -> impl Strategy<Value = Sketch> {
    let owner = prop_oneof![
        6 => Just(Owner::Us),
        2 => Just(Owner::OtherStack),
        2 => Just(Owner::Unowned),
        2 => Just(Owner::OurPolicy),
        1 => Just(Owner::OthersPolicy),
    ];
    let mark = prop_oneof![3 => Just(Mark::Right), 1 => Just(Mark::Lost), 1 => Just(Mark::Stale)];
    let live = proptest::option::weighted(0.85, (owner, mark));
    let live_policy = proptest::option::weighted(0.7, [any_aim(), any_aim()]);
    let published = || proptest::option::weighted(0.25, any_aim());
    let declared = prop_oneof![
        4 => proptest::option::weighted(0.7, [any_aim(), any_aim()]).prop_map(Declared::Policy),
        3 => Just(Declared::Same),
        1 => Just(Declared::Ignored),
    ];
    let declared = proptest::option::weighted(0.6, declared);
    let published = [published(), published(), published()];
    let triggers = (trigger::any_live(), trigger::any_declared());
    let sketch = (live, live_policy, published, declared, proptest::bool::weighted(0.3), triggers);
    sketch.prop_map(|(live, live_policy, published, declared, is_existing, (live_triggers, triggers))| {
        // A function that is missing, or that another stack deploys, only refuses the plan.
        let is_existing = is_existing && live.is_some_and(|(owner, _)| owner != Owner::OtherStack);
        Sketch { live, live_policy, published, declared, is_existing, live_triggers, triggers }
    })
}

pub(super) fn any_case() -> impl Strategy<Value = Case> {
    let sketches = proptest::collection::vec(any_sketch(), NAMES.len());
    let ownership = prop_oneof![4 => Just(Ownership::Tags), 1 => Just(Ownership::Unowned)];
    let part = || proptest::option::weighted(0.15, 0..NAMES.len());
    let choices = proptest::collection::vec(any::<u8>(), 40);
    (sketches, ownership, part(), part(), choices).prop_map(|(sketches, ownership, excluded, targeted, choices)| Case {
        sketches,
        ownership,
        excluded,
        targeted,
        choices,
    })
}

/// The target that a function aims at. Half of the targets are later functions, so that there are not too many cycles.
fn aimed(from: usize, aim: Aim) -> Option<Target> {
    let (distance, qualifier) = aim?;
    if distance >= FIRST_PLACE {
        return Some(trigger::place(distance - FIRST_PLACE));
    }
    let to = if distance < NAMES.len() { (from + distance).min(NAMES.len()) } else { distance - NAMES.len() };
    // The number after the last function stands for a target of another kind.
    let Some(name) = NAMES.get(to) else { return Some(bucket()) };
    Some(match QUALIFIERS.get(qualifier) {
        Some(qualifier) => target(&format!("{name}:{qualifier}")),
        None => target(name),
    })
}

fn bucket() -> Target {
    Target::Foreign { destination: "OBS".into(), param: "{}".into() }
}

fn declared_policy(from: usize, aims: [Aim; 2]) -> (AsyncPolicy, PolicySpots) {
    let (policy, spots) = policy(1, None);
    let [on_success, on_failure] = aims.map(|aim| aimed(from, aim));
    (AsyncPolicy { on_success, on_failure, ..policy }, spots)
}

fn live_policy(from: usize, aims: [Aim; 2]) -> LivePolicy {
    let side = |aim| aimed(from, aim).map(|target| LiveTarget { target, param: String::new() });
    let [on_success, on_failure] = aims.map(side);
    LivePolicy {
        max_retries: 1,
        max_validity_period: 3600,
        on_success,
        on_failure,
        status_log: None,
        others: serde_json::Map::new(),
    }
}

fn present(index: usize, aims: Option<[Aim; 2]>) -> DeclaredPolicy {
    let policy = aims.map(|aims| DeclaredPolicy::Present(Box::new(declared_policy(index, aims))));
    policy.unwrap_or(DeclaredPolicy::Absent)
}

impl Case {
    pub(super) fn live(&self) -> LiveState {
        let (mut live, mut taken) = (nothing_live(), Taken::new());
        for (index, sketch) in self.sketches.iter().enumerate() {
            let Some((owner, mark)) = sketch.live else { continue };
            let mut found = live_function(&address(NAMES[index]));
            found.configuration.set(Field::Runtime, "Python3.9");
            found.policy = sketch.live_policy.map(|aims| live_policy(index, aims));
            let published = QUALIFIERS.iter().zip(sketch.published);
            let published =
                published.filter_map(|(qualifier, aim)| Some((*qualifier, live_policy(index, [aim?, None]))));
            found.published = published.map(|(qualifier, policy)| (qualifier_named(qualifier), policy)).collect();
            set_marks(&mut found, owner, mark);
            let stack = if matches!(owner, Owner::OtherStack | Owner::OthersPolicy) { "other" } else { "orders" };
            trigger::set_live(&mut found, &sketch.live_triggers, stack, &mut taken);
            if self.ownership == Ownership::Unowned {
                found.marks = marks_of(&found.address);
            }
            live.qualifiers.insert(found.address.clone(), QUALIFIERS.into_iter().map(qualifier_named).collect());
            live.functions.insert(found.address.clone(), found);
        }
        live.outside = live.functions.keys().cloned().collect();
        live
    }

    pub(super) fn desired(&self) -> DesiredState {
        let declared = |is_existing: bool| {
            let sketches = self.sketches.iter().enumerate();
            sketches.filter(move |(_, sketch)| sketch.is_existing == is_existing)
        };
        let triggers = self.triggers();
        let of_others = declared(true).filter_map(|(index, sketch)| {
            let policy = match sketch.declared.as_ref()? {
                Declared::Policy(aims) => present(index, *aims),
                Declared::Same => present(index, sketch.live_policy),
                Declared::Ignored => DeclaredPolicy::Unmanaged,
            };
            Some(ExistingFunction { triggers: triggers[index].clone(), ..existing(NAMES[index], policy) })
        });
        let whole = declared(false).filter_map(|(index, sketch)| {
            let mut function = wanted(NAMES[index]);
            let aims = match sketch.declared.as_ref()? {
                Declared::Policy(aims) => *aims,
                Declared::Same => sketch.live_policy,
                Declared::Ignored => {
                    function.function.ignore = BTreeSet::from([Field::Async]);
                    None
                }
            };
            function.function.policy = aims.map(|aims| declared_policy(index, aims));
            function.function.triggers.clone_from(&triggers[index]);
            Some(function)
        });
        let desired = with_existing(stack(whole), of_others);
        if self.ownership == Ownership::Unowned { desired.without_ownership() } else { desired }
    }

    /// The declared triggers of each function.
    fn triggers(&self) -> Vec<Triggers> {
        let (count, mut taken) = (self.sketches.len(), Taken::new());
        let of_function = |(index, sketch): (usize, &Sketch)| {
            let next = &self.sketches[(index + 1) % count];
            let live = [&sketch.live_triggers, &next.live_triggers];
            let is_declared = sketch.declared.is_some();
            if is_declared { trigger::declared(&sketch.triggers, live, &mut taken) } else { Triggers::new() }
        };
        self.sketches.iter().enumerate().map(of_function).collect()
    }

    pub(super) fn selection(&self) -> Selection {
        let triggers = self.triggers();
        let all = |index: usize| {
            let address = address(NAMES[index]);
            let of_triggers = triggers[index].keys().map(|key| Address::trigger(&address, key)).collect::<Vec<_>>();
            of_triggers.into_iter().chain([Address::function(&address), Address::async_policy(&address)])
        };
        Selection {
            targets: self.targeted.into_iter().flat_map(all).collect(),
            excluded: self.excluded.into_iter().flat_map(all).collect(),
            only: None,
        }
    }
}

fn set_marks(found: &mut LiveFunction, owner: Owner, mark: Mark) {
    match owner {
        Owner::Us => found.marks.set(mark::STACK, "orders"),
        Owner::OtherStack => found.marks.set(mark::STACK, "other"),
        Owner::OurPolicy => found.marks.set(mark::POLICY, "orders"),
        Owner::OthersPolicy => found.marks.set(mark::POLICY, "other"),
        Owner::Unowned => {}
    }
    let is_of_policy = matches!(owner, Owner::OurPolicy | Owner::OthersPolicy);
    match (mark, &found.policy) {
        (Mark::Right, Some(policy)) if is_of_policy => {
            let fields = policy.all_fields(&scope());
            found.marks.set(mark::ASYNC, mark::of_policy(&fields, &urn_of(&found.address)));
        }
        (Mark::Right, Some(policy)) => found.marks.set(mark::ASYNC, mark::of_fields(&policy.all_fields(&scope()))),
        (Mark::Stale, _) if is_of_policy => {
            found.marks.set(mark::ASYNC, mark::of_policy(&Fields::new(), &urn_of(&found.address)));
        }
        (Mark::Stale, _) => found.marks.set(mark::ASYNC, mark::of_fields(&Fields::new())),
        (Mark::Right | Mark::Lost, _) => remove_tag(found, mark::ASYNC),
    }
}

/// The shapes that this case contains.
pub(super) fn shapes(case: &Case, live: &LiveState, planned: &Planned<'_>) -> Vec<&'static str> {
    let changes = &planned.plan.changes;
    let puts = || changes.iter().filter_map(|change| Some((change, change.step.policy_after()??)));
    let named = || puts().flat_map(|(_, desired)| desired.targets());
    let qualified = |is: fn(&Qualifier) -> bool| named().filter_map(Target::qualifier).any(is);
    let published = |is: fn(&Qualifier) -> bool| live.functions.values().flat_map(|live| live.published.keys()).any(is);
    let is_version = |qualifier: &Qualifier| matches!(qualifier, Qualifier::Version(_));
    let is_alias = |qualifier: &Qualifier| matches!(qualifier, Qualifier::Alias(_));
    let named_policy_of = |owner: Option<&str>| {
        let stays = |found: &&LiveFunction| !changes.iter().any(|change| change.address.function == found.address);
        let found = named().filter_map(|target| live.functions.get(target.function()?));
        found.filter(stays).any(|found| found.policy.is_some() && found.stack() == owner)
    };
    let before = Moment::of(live, false);
    let owned = case.sketches.iter().filter_map(|sketch| sketch.live).filter(|(owner, _)| *owner == Owner::Us);
    let marks: Vec<Mark> = owned.map(|(_, mark)| mark).collect();
    let tags = case.ownership == Ownership::Tags;
    let shapes = [
        ("a version is named", qualified(is_version)),
        ("an alias is named", qualified(is_alias)),
        ("a version has a policy of its own", published(is_version)),
        ("an alias has a policy of its own", published(is_alias)),
        ("a mark is lost", tags && marks.iter().any(|mark| matches!(mark, Mark::Lost))),
        ("a mark is stale", tags && marks.iter().any(|mark| matches!(mark, Mark::Stale))),
        ("a change only writes a mark", changes.iter().any(|it| matches!(it.step, Step::MarkPolicy { .. }))),
        (
            "a policy of a function that something else deploys switches",
            puts().any(|(change, _)| matches!(change.step, Step::Existing(_))),
        ),
        (
            "such a policy is named",
            named().filter_map(Target::function).any(|named| case.desired().existing.contains_key(named)),
        ),
        (
            "such a policy is deleted",
            changes.iter().any(|it| matches!(it.step, Step::Existing(_)) && it.action == Action::Delete),
        ),
        ("a function is handed over", changes.iter().any(|it| matches!(it.step, Step::Forget(_)))),
        ("a policy is ignored", case.sketches.iter().any(|it| matches!(it.declared, Some(Declared::Ignored)))),
        ("another stack's policy is named", named_policy_of(Some("other"))),
        ("an unowned function's policy is named", tags && named_policy_of(None)),
        ("a function is deleted", changes.iter().any(Change::deletes_function)),
        (
            "a version's policy is deleted",
            changes.iter().any(|it| it.action == Action::Delete && it.address.qualifier.is_some()),
        ),
        ("without ownership", !tags),
        ("a policy is kept without ownership", planned.diagnostics.iter().any(|it| it.code == "policy-kept")),
        ("a cycle is live before", before.has_cycle()),
        ("a target is missing before", !before.missing.is_empty()),
        ("a part of a plan", !planned.plan.left_out.is_empty()),
        (
            "a policy waits for another",
            puts().any(|(change, _)| change.waits_for.iter().any(|it| it.kind == Kind::AsyncPolicy)),
        ),
    ];
    let of_policies = shapes.into_iter().filter(|(_, is_there)| *is_there).map(|(shape, _)| shape);
    of_policies.chain(trigger_shapes(case, live, planned)).collect()
}

/// The same for triggers.
fn trigger_shapes(case: &Case, live: &LiveState, planned: &Planned<'_>) -> Vec<&'static str> {
    let changes = &planned.plan.changes;
    let desired = case.desired();
    let steps = || changes.iter().filter_map(|change| Some((change, change.step.trigger()?)));
    let waits = |change: &Change<'_>, kind: Kind| {
        change.waits_for.iter().any(|it| it.kind == kind && it.function != change.address.function)
    };
    let is_deleted_with_function = |change: &Change<'_>| {
        let found = live.functions.get(&change.address.function).and_then(|found| found.triggers.as_ref());
        change.deletes_function() && found.is_some_and(|triggers| !triggers.is_empty())
    };
    let done = |action: Action| steps().any(|(change, _)| change.action == action);
    let shapes = [
        ("a trigger is created", done(Action::Create)),
        ("a trigger is updated", done(Action::Update)),
        ("a trigger is replaced", done(Action::Replace)),
        ("a trigger is deleted", done(Action::Delete)),
        ("a trigger is adopted", done(Action::Adopt)),
        (
            "a trigger of a version or an alias changes",
            steps().any(|(_, step)| step.seen.is_some_and(|it| it.qualifier.is_some())),
        ),
        (
            "a trigger of a function that something else deploys changes",
            steps().any(|(change, _)| desired.existing.contains_key(&change.address.function)),
        ),
        ("a function with triggers is deleted", changes.iter().any(is_deleted_with_function)),
        (
            "a trigger waits for one of another function",
            steps().any(|(change, step)| step.write.sent().is_some() && waits(change, Kind::Trigger)),
        ),
        ("a trigger waits for a function that is deleted", steps().any(|(change, _)| waits(change, Kind::Function))),
        (
            "a trigger waits for a policy of another function",
            steps().any(|(change, _)| waits(change, Kind::AsyncPolicy)),
        ),
        (
            "a policy waits for a trigger of another function",
            changes.iter().any(|change| change.step.policy_after().is_some() && waits(change, Kind::Trigger)),
        ),
        ("events may run in a cycle", planned.diagnostics.iter().any(|it| it.code == "possible-cycle")),
    ];
    shapes.into_iter().filter(|(_, is_there)| *is_there).map(|(shape, _)| shape).collect()
}
