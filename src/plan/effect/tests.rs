//! What plans change for events.

use super::*;
use crate::model::async_policy::{AsyncPolicy, LiveTarget};
use crate::model::state::DesiredFunction;
use crate::model::trigger::Trigger;
use crate::plan::tests::{
    address, after_apply, applied, everything_allowed, live_function, notifying, objects, on_objects, policy, publish,
    qualifier_named, stack, started_by, wanted,
};
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
    let notice = Notice { outcome: Outcome::Success, before: None, after: Some("default/b".into()) };
    assert_eq!(effect.notices, [notice]);
}

#[test]
fn a_policy_that_goes_notifies_no_longer() {
    let effects = of(&stack([notifying("a", "b"), wanted("b")]), &stack([wanted("a"), wanted("b")]));
    let notice = Notice { outcome: Outcome::Success, before: Some("default/b".into()), after: None };
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

/// A function that writes objects with this prefix if it fails.
fn writing(name: &str, prefix: &str) -> DesiredFunction {
    let (one, spots) = policy(1, None);
    let mut function = wanted(name);
    function.function.policy = Some((AsyncPolicy { on_failure: Some(objects(prefix)), ..one }, spots));
    function
}

/// The same function, started by objects with this prefix.
fn started(function: DesiredFunction, prefix: &str, qualifier: Option<&str>) -> DesiredFunction {
    started_by(Trigger { qualifier: qualifier.map(qualifier_named), ..on_objects(prefix) }, function)
}

/// What the effect on a function is: executions before and after, and the functions that its outcomes start.
fn effect(effects: &[Effect], function: &str) -> Option<(Option<u64>, Option<u64>, Vec<String>)> {
    let found = effects.iter().find(|effect| effect.function == function)?;
    let executions = |reach: Option<Reach>| match reach? {
        Reach::Ends { executions, seconds: _ } => Some(executions),
        Reach::Endless => None,
    };
    let start = |start: &Start| {
        let sign = if start.is_new { '+' } else { '-' };
        format!("{sign} {} {} {}", start.outcome.name(), start.through, start.function)
    };
    Some((executions(found.before), executions(found.after), found.starts.iter().map(start).collect()))
}

/// Neither `a` nor its policy changes: only a trigger on the bucket that it writes to comes or goes.
#[test]
fn a_trigger_on_a_bucket_has_an_effect_on_those_who_write_to_it() {
    let functions = |trigger: Option<&str>| {
        let listening = match trigger {
            Some(prefix) => started(wanted("b"), prefix, None),
            None => wanted("b"),
        };
        stack([writing("a", "in/"), writing("other", "out/"), listening])
    };
    let found = of(&functions(None), &functions(Some("in/")));
    let starts = |sign: &str| vec![format!("{sign} failure obs://results/in/ default/b")];
    assert_eq!(effect(&found, "default/a"), Some((Some(2), Some(4), starts("+"))));
    assert_eq!(effect(&found, "default/b"), Some((Some(2), Some(2), Vec::new())));
    assert_eq!(effect(&found, "default/other"), None, "it writes to another place");
    let found = of(&functions(Some("in/")), &functions(None));
    assert_eq!(effect(&found, "default/a"), Some((Some(4), Some(2), starts("-"))));
    let notices = found.iter().flat_map(|effect| &effect.notices).collect::<Vec<_>>();
    assert_eq!(notices, Vec::<&Notice>::new(), "the objects are written all the same");
    // The trigger moves to the objects of another function.
    let found = of(&functions(Some("in/")), &functions(Some("out/")));
    assert_eq!(effect(&found, "default/a"), Some((Some(4), Some(2), starts("-"))));
    let other = vec!["+ failure obs://results/out/ default/b".to_owned()];
    assert_eq!(effect(&found, "default/other"), Some((Some(2), Some(4), other)));
}

/// The function goes, and its trigger with it.
#[test]
fn a_listener_that_is_deleted_has_an_effect_on_those_who_write_to_its_bucket() {
    let before = stack([writing("a", "in/"), started(wanted("b"), "in/", None)]);
    let found = plan(&stack([writing("a", "in/")]), &after_apply(&before), everything_allowed()).plan.effects;
    let starts = vec!["- failure obs://results/in/ default/b".to_owned()];
    assert_eq!(effect(&found, "default/a"), Some((Some(4), Some(2), starts)));
}

/// The version has a policy of its own, so its events take another way than those of `latest`.
#[test]
fn versions_and_aliases_have_effects_of_their_own() {
    let listening = |qualifier| stack([writing("a", "in/"), started(wanted("b"), "in/", qualifier), wanted("c")]);
    let mut live = after_apply(&listening(None));
    publish(&mut live, "b", "v1", "c");
    live.functions.get_mut(&address("b")).unwrap().published.values_mut().for_each(|policy| policy.max_retries = 3);
    let found = plan(&listening(Some("v1")), &live, Permissions::default()).plan.effects;
    let starts =
        vec!["+ failure obs://results/in/ default/b:v1".to_owned(), "- failure obs://results/in/ default/b".to_owned()];
    let (before, after, mut found_starts) = effect(&found, "default/a").unwrap();
    found_starts.sort();
    assert_eq!((before, after, found_starts), (Some(4), Some(2 + 4 + 2), starts));
    assert!(effect(&found, "default/b:v1").is_some(), "{found:?}");
    // The writer is a version.
    let mut live = after_apply(&stack([wanted("a"), wanted("b")]));
    publish(&mut live, "a", "v1", "b");
    let written = LiveTarget { target: objects("in/"), param: String::new() };
    let found = live.functions.get_mut(&address("a")).unwrap();
    found.published.values_mut().for_each(|policy| policy.on_failure = Some(written.clone()));
    live.outside.insert(address("a"));
    let found =
        plan(&stack([wanted("a"), started(wanted("b"), "in/", None)]), &live, Permissions::default()).plan.effects;
    let starts = vec!["+ failure obs://results/in/ default/b".to_owned()];
    assert_eq!(effect(&found, "default/a:v1").map(|(_, _, starts)| starts), Some(starts));
    assert_eq!(effect(&found, "default/a"), None, "its latest code notifies nothing");
}

/// The alias that was notified and the one that is are names of targets.
#[test]
fn a_target_by_alias_is_named_with_it() {
    let mut live = after_apply(&stack([notifying("a", "b"), wanted("b")]));
    live.qualifiers.insert(address("b"), ["!prod", "v1"].into_iter().map(qualifier_named).collect());
    let notices = |desired: &DesiredState, live: &LiveState| -> Vec<Notice> {
        plan(desired, live, Permissions::default()).plan.effects.into_iter().flat_map(|effect| effect.notices).collect()
    };
    let notice = |before: Option<&str>, after: Option<&str>| Notice {
        outcome: Outcome::Success,
        before: before.map(str::to_owned),
        after: after.map(str::to_owned),
    };
    let by_alias = stack([notifying("a", "b:!prod"), wanted("b")]);
    assert_eq!(notices(&by_alias, &live), [notice(Some("default/b"), Some("default/b:!prod"))]);
    let mut live = applied(&plan(&by_alias, &live, Permissions::default()).plan, &live);
    assert_eq!(notices(&stack([wanted("a"), wanted("b")]), &live), [notice(Some("default/b:!prod"), None)]);
    // The alias can be pointed at a version with a policy of its own.
    publish(&mut live, "b", "v1", "c");
    live.functions.insert(address("c"), live_function(&address("c")));
    assert_eq!(notices(&stack([wanted("a"), wanted("b")]), &live), [notice(Some("default/b:!prod"), None)]);
}

/// `v1` has 4 attempts and notifies `c`, `latest` has 2 and notifies nothing.
#[test]
fn an_alias_costs_as_much_as_any_of_its_versions() {
    let mut live = after_apply(&stack([wanted("a"), wanted("b"), wanted("c")]));
    publish(&mut live, "b", "v1", "c");
    let b = live.functions.get_mut(&address("b")).unwrap();
    b.published.values_mut().for_each(|policy| policy.max_retries = 3);
    live.qualifiers.get_mut(&address("b")).unwrap().insert(qualifier_named("!prod"));
    let executions = |named: &str| {
        let desired = stack([notifying("a", named), wanted("b"), wanted("c")]);
        effect(&plan(&desired, &live, Permissions::default()).plan.effects, "default/a").and_then(|(_, after, _)| after)
    };
    assert_eq!(["b", "b:v1", "b:!prod"].map(executions), [Some(4), Some(2 + 4 + 2), Some(2 + 4 + 2)]);
}
