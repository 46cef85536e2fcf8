//! Fields that are newer than the first release.

use std::collections::BTreeSet;

use super::{address, after_apply, applied, described, stack, wanted};
use crate::diagnostic::Spot;
use crate::model::field::Field;
use crate::model::mark;
use crate::model::state::{DesiredState, LiveState};
use crate::plan::{Permissions, plan};

/// Declares the agency of the running code, or omits it. This field is newer than the first release.
fn with_execution_agency(agency: Option<&str>) -> DesiredState {
    let mut one = wanted("one");
    if let Some(agency) = agency {
        one.function.configuration.declare(Field::ExecutionAgency, agency.into()).unwrap();
        one.function.later.insert(Field::ExecutionAgency, Spot::value(0, "/functions/one/execution_agency"));
    }
    stack([one])
}

fn execution_agency(live: &mut LiveState, agency: &str) {
    live.functions.get_mut(&address("one")).unwrap().configuration.set(Field::ExecutionAgency, agency);
}

/// What a plan does, and the agency that the function has afterwards.
fn settled(desired: &DesiredState, live: &LiveState) -> (Vec<String>, LiveState, String) {
    let planned = plan(desired, live, Permissions::default());
    let after = applied(&planned.plan, live);
    assert_eq!(described(&plan(desired, &after, Permissions::default())), Vec::<String>::new());
    let agency = after.functions[&address("one")].configuration.text(Field::ExecutionAgency).to_owned();
    (described(&planned), after, agency)
}

#[test]
fn a_later_field_is_managed_once_it_is_declared() {
    let (undeclared, declared) = (with_execution_agency(None), with_execution_agency(Some("ours")));
    let mut live = after_apply(&undeclared);
    execution_agency(&mut live, "theirs");
    let (changes, _, agency) = settled(&undeclared, &live);
    assert_eq!((changes, agency.as_str()), (Vec::new(), "theirs"), "an upgrade plans nothing");
    let mut more_memory = undeclared.clone();
    let one = more_memory.functions.get_mut(&address("one")).unwrap();
    one.function.configuration.declare(Field::Memory, 256.into()).unwrap();
    let (_, _, agency) = settled(&more_memory, &live);
    assert_eq!(agency, "theirs", "a write of another field keeps it");
    let (changes, after, agency) = settled(&declared, &live);
    assert_eq!(changes, ["update function:default/one: configuration: the manifest changed"]);
    assert_eq!(agency, "ours");
    let mut drifted = after.clone();
    execution_agency(&mut drifted, "theirs");
    let (changes, _, agency) = settled(&declared, &drifted);
    assert_eq!(changes, ["update function:default/one: configuration: live was changed by someone else"]);
    assert_eq!(agency, "ours");
    let (changes, after, agency) = settled(&undeclared, &after);
    assert_eq!(changes, ["update function:default/one: configuration: the manifest changed"]);
    assert_eq!(agency, "", "it was applied before, so it returns to its default");
    let mut set_again = after.clone();
    execution_agency(&mut set_again, "theirs");
    assert_eq!(settled(&undeclared, &set_again).2, "theirs", "from then on it belongs to others");
}

/// A field that is declared with its default is recorded too.
#[test]
fn declaring_what_is_live_only_records_that() {
    let mut live = after_apply(&with_execution_agency(None));
    execution_agency(&mut live, "ours");
    let (changes, _, _) = settled(&with_execution_agency(Some("ours")), &live);
    assert_eq!(changes, ["record function:default/one: live matches the manifest; only fgctl's mark is out of date"]);
}

#[test]
fn a_later_field_that_another_stack_applied_is_not_reset() {
    let mut live = after_apply(&with_execution_agency(Some("theirs")));
    live.functions.get_mut(&address("one")).unwrap().marks.set(mark::STACK, "another");
    let desired = with_execution_agency(None);
    let planned = plan(&desired, &live, Permissions { take_over: true, ..Permissions::default() });
    let after = applied(&planned.plan, &live);
    assert_eq!(after.functions[&address("one")].configuration.text(Field::ExecutionAgency), "theirs");
    assert_eq!(described(&plan(&desired, &after, Permissions::default())), Vec::<String>::new());
}

#[test]
fn a_later_field_that_is_ignored_is_left_alone() {
    let live = after_apply(&with_execution_agency(Some("ours")));
    let mut desired = with_execution_agency(None);
    let one = desired.functions.get_mut(&address("one")).unwrap();
    one.function.ignore = BTreeSet::from([Field::ExecutionAgency]);
    let (changes, _, agency) = settled(&desired, &live);
    assert_eq!(changes, ["record function:default/one: live matches the manifest; only fgctl's mark is out of date"]);
    assert_eq!(agency, "ours");
}
