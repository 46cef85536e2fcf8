//! Which cycles are found, and what the messages say.

use super::*;
use crate::diagnostic::Spot;
use crate::model::address::Qualifier;
use crate::model::existing::Holder;
use crate::model::function::Function;
use crate::model::state::{DesiredState, LiveState};
use crate::plan::tests::{
    add_outside, address, after_apply, live_policy, marks_of, nothing_live, notifies, notifying, publish,
    qualifier_named, stack, target, wanted,
};
use crate::plan::{Permissions, events, plan};

pub(super) fn function(name: &str, on_success: Option<&str>, on_failure: Option<&str>) -> Function {
    let mut function = wanted(name).function;
    let (mut policy, mut spots) = notifies(name);
    let spot = |outcome: &str| Spot::value(0, format!("/functions/{name}/async/{outcome}"));
    (policy.on_success, policy.on_failure) = (on_success.map(target), on_failure.map(target));
    (spots.on_success, spots.on_failure) = (Some(spot("on_success")), Some(spot("on_failure")));
    function.policy = Some((policy, spots));
    function
}

pub(super) fn found(functions: &[Function]) -> Vec<Diagnostic> {
    cycles(&events::declared(functions.iter().map(Holder::from)), |_| true)
}

fn walks(found: &[Diagnostic]) -> Vec<&str> {
    found.iter().map(|found| found.message.rsplit(": ").next().unwrap_or_default()).collect()
}

#[test]
fn cycles_are_found_and_other_graphs_are_not_reported() {
    type Case<'a> = (&'a [(&'a str, Option<&'a str>, Option<&'a str>)], &'a [&'a str]);
    let cases: [Case<'_>; 9] = [
        (&[("a", Some("a"), None)], &["a → a"]),
        (&[("a", Some("a:v1"), None)], &["a → a"]),
        (&[("a", Some("b"), None), ("b", Some("a"), None)], &["a → b → a"]),
        (&[("a", Some("b"), None), ("b", None, Some("a:!prod"))], &["a → b → a"]),
        (&[("a", Some("b"), Some("c")), ("b", Some("d"), None), ("c", Some("d"), None), ("d", None, None)], &[]),
        (&[("a", Some("c"), None), ("b", Some("c"), None), ("c", None, None)], &[]),
        (&[("a", Some("b"), None), ("b", Some("c"), Some("a")), ("c", Some("a"), None)], &["a → b → a"]),
        (&[("a", Some("b"), Some("a")), ("b", Some("a"), None)], &["a → a", "a → b → a"]),
        (
            &[("a", Some("b"), None), ("b", Some("a"), None), ("c", Some("d"), None), ("d", Some("c"), None)],
            &["a → b → a", "c → d → c"],
        ),
    ];
    for (edges, expected) in cases {
        let functions: Vec<_> =
            edges.iter().map(|(name, success, failure)| function(name, *success, *failure)).collect();
        assert_eq!(walks(&found(&functions)), expected, "{edges:?}");
    }
}

#[test]
fn the_finding_points_to_the_closing_edge_and_lists_the_others() {
    let found = found(&[function("a", Some("b"), None), function("b", None, Some("a"))]);
    assert_eq!(found[0].spot.as_ref().unwrap().pointer, "/functions/b/async/on_failure");
    assert_eq!(found[0].related[0].message, "`a` notifies `b` on success");
}

#[test]
fn a_long_cycle_is_found_and_shown_shortened() {
    let names: Vec<String> = (0..10_000).map(|index| format!("f{index}")).collect();
    let next = |index: usize| Some(names[(index + 1) % names.len()].as_str());
    let functions: Vec<_> = names.iter().enumerate().map(|(index, name)| function(name, next(index), None)).collect();
    let found = found(&functions);
    assert_eq!(walks(&found).len(), 1);
    assert!(walks(&found)[0].contains("… 9991 more …"), "{}", walks(&found)[0]);
}

/// The code and path of each finding about a plan.
pub(super) fn planned(desired: &DesiredState, live: &LiveState) -> Vec<String> {
    let diagnostics = plan(desired, live, Permissions::default()).diagnostics;
    diagnostics.iter().map(|found| format!("{} {}", found.code, walks(std::slice::from_ref(found))[0])).collect()
}

#[test]
fn a_cycle_through_undeclared_functions_is_found() {
    let mut live = after_apply(&stack([wanted("a")]));
    add_outside(&mut live, "b", Some("a"));
    let desired = stack([notifying("a", "b")]);
    assert_eq!(planned(&desired, &live), ["cycle a → default/b → a"]);
    let found = plan(&desired, &live, Permissions::default()).diagnostics;
    let help = found[0].help.as_deref().unwrap();
    assert!(help.ends_with("the policy of `default/b` is live, and this plan keeps it"), "{help}");
}

/// `v1` of `b` was published before `b` lost its policy, and still notifies `a`.
#[test]
fn a_cycle_through_a_published_version_is_found() {
    let mut live = after_apply(&stack([wanted("a"), wanted("b")]));
    publish(&mut live, "b", "v1", "a");
    let known = ["v2", "!prod"].map(qualifier_named);
    live.qualifiers.get_mut(&address("b")).unwrap().extend::<[Qualifier; 2]>(known);
    let planned = |named: &str| planned(&stack([notifying("a", named), wanted("b")]), &live);
    assert_eq!(planned("b:v1"), ["cycle a → b:v1 → a"]);
    assert_eq!(planned("b:!prod"), ["cycle a → b:!prod → a"]);
    assert_eq!(planned("b:v2"), Vec::<String>::new(), "it has no policy");
    assert_eq!(planned("b"), Vec::<String>::new(), "the latest code has no declared policy");
}

/// `c` notifies a function outside the stack, which notifies `a:v1`, which notifies `c`.
#[test]
fn a_cycle_back_into_the_stack_through_a_version_is_found() {
    let mut live = after_apply(&stack([wanted("a"), wanted("c")]));
    publish(&mut live, "a", "v1", "c");
    add_outside(&mut live, "theirs", Some("a:v1"));
    assert_eq!(
        planned(&stack([wanted("a"), notifying("c", "theirs")]), &live),
        ["cycle c → default/theirs → a:v1 → c"]
    );
}

/// Without ownership, a policy that is not declared stays live.
#[test]
fn a_cycle_through_a_policy_that_is_kept_is_found() {
    let mut live = after_apply(&stack([wanted("a"), notifying("b", "a")]));
    let desired = stack([notifying("a", "b"), wanted("b")]);
    assert_eq!(planned(&desired, &live), Vec::<String>::new());
    let desired = desired.without_ownership();
    live.functions.values_mut().for_each(|live| live.marks = marks_of(&live.address));
    let codes: Vec<_> = plan(&desired, &live, Permissions::default()).diagnostics;
    assert_eq!(codes.iter().map(|found| found.code).collect::<Vec<_>>(), ["policy-kept", "cycle"]);
}

#[test]
fn an_undeclared_cycle_is_a_warning_if_the_stack_reaches_it() {
    let mut live = after_apply(&stack([wanted("a")]));
    add_outside(&mut live, "b", Some("c"));
    add_outside(&mut live, "c", Some("b"));
    let desired = stack([notifying("a", "b")]);
    assert_eq!(planned(&desired, &live), ["cycle-outside default/b → default/c → default/b"]);
    live.outside.clear();
    assert_eq!(planned(&desired, &live), Vec::<String>::new());
}

/// `theirs` and `a:v1` notify each other regardless of this plan. `a` would lead into the cycle too, and so would
/// its next version.
#[test]
fn a_declared_edge_on_a_cycle_that_is_already_live_is_an_error() {
    let mut live = after_apply(&stack([wanted("a")]));
    publish(&mut live, "a", "v1", "theirs");
    add_outside(&mut live, "theirs", Some("a:v1"));
    assert_eq!(planned(&stack([wanted("a")]), &live), ["cycle-outside a:v1 → default/theirs → a:v1"]);
    let declared = stack([notifying("a", "theirs")]);
    assert_eq!(planned(&declared, &live), ["cycle a:v1 → default/theirs → a:v1"]);
}

#[test]
fn a_deleted_function_does_not_close_a_cycle() {
    let mut live = after_apply(&stack([notifying("a", "b"), notifying("b", "c"), wanted("c")]));
    let desired = stack([wanted("a"), notifying("c", "a")]);
    assert_eq!(planned(&desired, &live), Vec::<String>::new());
    // It belongs to another stack, so it is kept.
    live.functions.get_mut(&address("b")).unwrap().marks.set(crate::model::mark::STACK, "other");
    let desired = stack([notifying("a", "b"), notifying("c", "a")]);
    assert_eq!(planned(&desired, &live), ["cycle c → a → default/b → c"]);
}

#[test]
fn members_of_live_cycles_are_listed() {
    let mut live = nothing_live();
    for (name, notified) in [("a", Some("b:v1")), ("b", None), ("c", Some("c")), ("d", Some("a"))] {
        add_outside(&mut live, name, notified);
    }
    publish(&mut live, "b", "v1", "a");
    let graph = events::live(&live.functions);
    let names: Vec<String> = members(&graph).into_iter().map(ToString::to_string).collect();
    assert_eq!(names, ["default/a", "default/b", "default/c"]);
    assert_eq!(live_policy("a").targets().count(), 1);
}
