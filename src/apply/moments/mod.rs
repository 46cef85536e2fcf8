//! The property that plan and schedule guarantee together: no intermediate state of an apply has a cycle, or a target
//! without its function, that was not there before. A trigger starts its function only after the function's policy has
//! switched, and one that can exist only once is created after the one that goes. The test applies random plans to a model
//! of the live state, in any order that the schedule permits, with random failures.

mod case;
mod moment;
mod trigger;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use crate::model::address::Address;
use crate::model::mark;
use crate::model::state::LiveState;
use crate::plan::change::{Change, Plan, Step};
use crate::plan::plan_selected;
use crate::plan::tests::{apply_step, described, everything_allowed, remove_tag};
use crate::plan::trigger_step::TriggerWrite;

use super::schedule::Schedule;
use super::{executor, ride};
use case::{Case, any_case};
use moment::Before;

const CASES: u32 = 1_000;

/// Shapes that cases can contain. The test requires each of them to occur, because otherwise it would prove less than
/// it seems to.
const SHAPES: [&str; 38] = [
    "a version is named",
    "an alias is named",
    "a version has a policy of its own",
    "an alias has a policy of its own",
    "a mark is lost",
    "a mark is stale",
    "a change only writes a mark",
    "a policy of a function that something else deploys switches",
    "such a policy is named",
    "such a policy is deleted",
    "a function is handed over",
    "a policy is ignored",
    "another stack's policy is named",
    "an unowned function's policy is named",
    "a function is deleted",
    "a version's policy is deleted",
    "without ownership",
    "a policy is kept without ownership",
    "a cycle is live before",
    "a target is missing before",
    "a part of a plan",
    "a policy waits for another",
    "a write fails",
    "a write is done but reported as failed",
    "a write is half done",
    "a trigger is created",
    "a trigger is updated",
    "a trigger is replaced",
    "a trigger is deleted",
    "a trigger is adopted",
    "a trigger of a version or an alias changes",
    "a trigger of a function that something else deploys changes",
    "a function with triggers is deleted",
    "a trigger waits for one of another function",
    "a trigger waits for a function that is deleted",
    "a trigger waits for a policy of another function",
    "a policy waits for a trigger of another function",
    "events may run in a cycle",
];
const REFUSALS: [&str; 4] = ["cycle", "still-notified", "target-missing", "trigger-order"];

/// Determines the order, and which writes fail.
struct Choices<'a>(std::iter::Cycle<std::slice::Iter<'a, u8>>);

impl Choices<'_> {
    fn below(&mut self, count: usize) -> usize {
        usize::from(self.0.next().copied().unwrap_or_default()) % count
    }
}

/// The result of the change that ends next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Done,
    Failed,
    /// What comes before the last request was done: the tag is set, and a trigger that is replaced is deleted.
    Half,
    /// Done, but the sender received an error, or could not make the writes that follow.
    DoneAndFailed,
}

/// Applies a plan. Started changes end in any order.
fn carry_out(
    plan: &Plan<'_>,
    live: &LiveState,
    choices: &mut Choices<'_>,
    mut end: impl FnMut(&mut Choices<'_>) -> End,
) -> Result<LiveState, TestCaseError> {
    let (_, waits) = ride::riding(&plan.changes, &executor::waits(&plan.changes));
    let mut schedule = Schedule::new(waits, executor::turns(&plan.changes));
    let (before, mut now) = (Before::of(live), live.clone());
    let (mut under_way, mut ended) = (Vec::new(), BTreeSet::new());
    loop {
        under_way.extend(std::iter::from_fn(|| schedule.next()));
        if under_way.is_empty() {
            break;
        }
        let index: usize = under_way.swap_remove(choices.below(under_way.len()));
        let change = &plan.changes[index];
        let end = end(choices);
        ended.insert(index);
        let open = plan.changes.iter().enumerate().filter(|(other, _)| !ended.contains(other));
        takes_its_turn(change, &open.map(|(_, change)| change).collect::<Vec<_>>())?;
        match end {
            End::Failed => {}
            End::Half => apply_half(change, &mut now),
            End::Done | End::DoneAndFailed => apply_step(change, &mut now),
        }
        before.allows(&now, &change.address)?;
        if end == End::Done {
            schedule.succeeded(index);
        } else {
            ended.extend(schedule.failed(index).into_iter().map(|(skipped, _)| skipped));
        }
    }
    prop_assert_eq!(schedule.abandon(), Vec::new(), "changes wait for each other");
    prop_assert_eq!(ended.len(), plan.changes.len());
    Ok(now)
}

/// A trigger starts its function after the function's policy has switched, and not beside another one that goes.
fn takes_its_turn(change: &Change<'_>, open: &[&Change<'_>]) -> Result<(), TestCaseError> {
    let Step::Trigger(step) = &change.step else { return Ok(()) };
    let Some(sent) = step.write.sent() else { return Ok(()) };
    let policy = Address::async_policy(&change.address.function);
    let is_open = open.iter().any(|other| other.address == policy && other.step.policy_after().is_some());
    prop_assert!(!is_open, "{} before {policy}", change.address);
    let goes = |other: &&&Change<'_>| match &other.step {
        Step::Trigger(step) => {
            step.write.deletes()
                && step.seen.is_some_and(|seen| {
                    seen.code == "OBS"
                        && sent.code.as_str() == "OBS"
                        && seen.data.get("prefix") == sent.data.get("prefix")
                        && seen.data.get("suffix") == sent.data.get("suffix")
                })
        }
        _ => false,
    };
    let other = open.iter().find(goes).map(|other| &other.address);
    prop_assert_eq!(other, None, "{} before the one that it follows", change.address);
    Ok(())
}

/// A change that is interrupted before its last request.
fn apply_half(change: &Change<'_>, live: &mut LiveState) {
    let Step::Trigger(step) = &change.step else { return };
    let creates = matches!(step.write, TriggerWrite::Create(_) | TriggerWrite::Replace(_));
    let Some(found) = live.functions.get_mut(&change.address.function).filter(|_| creates) else { return };
    if let Some(edit) = &step.mark {
        let tag = edit.before(found.marks.get(mark::TRIGGERS));
        remove_tag(found, mark::TRIGGERS);
        if let Some(tag) = tag {
            found.marks.set(mark::TRIGGERS, tag);
        }
    }
    if let (true, Some(seen), Some(triggers)) = (step.write.deletes(), step.seen, &mut found.triggers) {
        triggers.retain(|trigger| trigger.id != seen.id);
    }
}

type Counts = RefCell<BTreeMap<String, usize>>;

fn holds(case: &Case, counts: &Counts) -> Result<(), TestCaseError> {
    let count = |shape: &str| *counts.borrow_mut().entry(shape.to_owned()).or_default() += 1;
    let (desired, live, selection) = (case.desired(), case.live(), case.selection());
    let planned = plan_selected(&desired, &live, everything_allowed(), &selection);
    let errors: BTreeSet<&str> =
        planned.diagnostics.iter().filter(|found| found.is_error()).map(|found| found.code).collect();
    for code in &errors {
        count(code);
    }
    if !errors.is_empty() {
        return Ok(());
    }
    case::shapes(case, &live, &planned).into_iter().for_each(count);
    let mut choices = Choices(case.choices.iter().cycle());
    let now = carry_out(&planned.plan, &live, &mut choices, |choices| match choices.below(9) {
        0 => {
            count("a write fails");
            End::Failed
        }
        1 => {
            count("a write is done but reported as failed");
            End::DoneAndFailed
        }
        2 => {
            count("a write is half done");
            End::Half
        }
        _ => End::Done,
    })?;
    // Another run continues from this state.
    let again = plan_selected(&desired, &now, everything_allowed(), &selection);
    let errors: Vec<_> = again.diagnostics.iter().filter(|found| found.is_error()).collect();
    prop_assert!(errors.is_empty(), "{errors:?}");
    let end = carry_out(&again.plan, &now, &mut choices, |_| End::Done)?;
    let left = plan_selected(&desired, &end, everything_allowed(), &selection);
    prop_assert_eq!(described(&left), Vec::<String>::new());
    Ok(())
}

/// A failing case is saved with its seed below `proptest-regressions`, and tried first from then on.
#[test]
fn no_intermediate_state_has_a_new_cycle_or_missing_target() {
    let counts = Counts::default();
    let config = Config { source_file: Some(file!()), test_name: Some(module_path!()), ..Config::with_cases(CASES) };
    let mut runner = TestRunner::new(config);
    if let Err(error) = runner.run(&any_case(), |case| holds(&case, &counts)) {
        panic!("{error}\n{runner}");
    }
    let counts = counts.into_inner();
    for shape in SHAPES.into_iter().chain(REFUSALS) {
        assert!(counts.contains_key(shape), "no case contained this: {shape}; {counts:#?}");
    }
}
