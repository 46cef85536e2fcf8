//! The property that plan and schedule guarantee together: no intermediate state of an apply has a cycle, or a target
//! without its function, that was not there before. The test applies random plans to a model of the live state, in any
//! order that the schedule permits, with random failures.

mod case;
mod moment;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use crate::model::state::LiveState;
use crate::plan::change::Plan;
use crate::plan::plan_selected;
use crate::plan::tests::{apply_step, described, everything_allowed};

use super::schedule::Schedule;
use super::{executor, ride};
use case::{Case, any_case};
use moment::Before;

const CASES: u32 = 1_000;

/// Shapes that cases can contain. The test requires each of them to occur, because otherwise it would prove less than
/// it seems to.
const SHAPES: [&str; 24] = [
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
];
const REFUSALS: [&str; 3] = ["cycle", "still-notified", "target-missing"];

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
    let (mut under_way, mut ended) = (Vec::new(), 0);
    loop {
        under_way.extend(std::iter::from_fn(|| schedule.next()));
        if under_way.is_empty() {
            break;
        }
        let index: usize = under_way.swap_remove(choices.below(under_way.len()));
        let change = &plan.changes[index];
        let end = end(choices);
        if end != End::Failed {
            apply_step(change, &mut now);
            before.allows(&now, &change.address)?;
        }
        ended += 1;
        if end == End::Done {
            schedule.succeeded(index);
        } else {
            ended += schedule.failed(index).len();
        }
    }
    prop_assert_eq!(schedule.abandon(), Vec::new(), "changes wait for each other");
    prop_assert_eq!(ended, plan.changes.len());
    Ok(now)
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
    let now = carry_out(&planned.plan, &live, &mut choices, |choices| match choices.below(8) {
        0 => {
            count("a write fails");
            End::Failed
        }
        1 => {
            count("a write is done but reported as failed");
            End::DoneAndFailed
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
