//! Whose a policy is, which side moved, and what a plan does about it. No plan here touches a function.

use super::*;
use crate::model::field::Field;
use crate::model::function::LiveConfiguration;
use crate::plan::change::Shown;
use crate::plan::tests::{
    address, after_apply, applied, described, errors, everything_allowed, existing, live_function, live_policy,
    nothing_live, notifies, policy, remove_tag, stack, wanted, with_existing,
};
use crate::plan::{Planned, forget, import, plan};

pub(super) const NONE: Permissions =
    Permissions { adopt: false, take_over: false, allow_deletes: None, destroy: false, allow_secret_loss: false };
const ADOPT: Permissions = Permissions { adopt: true, ..NONE };
const TAKE_OVER: Permissions = Permissions { take_over: true, ..NONE };

pub(super) fn present(retries: u32) -> DeclaredPolicy {
    DeclaredPolicy::Present(Box::new(policy(retries, None)))
}

/// A stack with one entry, for the function `one`.
pub(super) fn entry(policy: DeclaredPolicy) -> DesiredState {
    with_existing(stack([]), [existing("one", policy)])
}

/// A function that something else deploys, with this many retries if it has a policy.
pub(super) fn theirs(retries: Option<u32>) -> LiveState {
    let mut live = nothing_live();
    let mut one = live_function(&address("one"));
    one.configuration.set(Field::Memory, 512);
    one.configuration.set(Field::Agency, "theirs");
    one.configuration.set_entry(Field::Tags, "team", "theirs");
    one.policy = retries.map(live_with);
    live.functions.insert(address("one"), one);
    live
}

pub(super) fn live_with(retries: u32) -> LivePolicy {
    LivePolicy { max_retries: retries, on_success: None, ..live_policy("nobody") }
}

pub(super) fn one(live: &mut LiveState) -> &mut LiveFunction {
    live.functions.get_mut(&address("one")).unwrap()
}

/// What is live after this stack has applied this many retries.
pub(super) fn ours(retries: u32) -> LiveState {
    let (desired, live) = (entry(present(retries)), theirs(None));
    applied(&plan(&desired, &live, NONE).plan, &live)
}

pub(super) fn tags(live: &LiveState) -> Vec<&str> {
    live.functions[&address("one")].marks.iter().map(|(key, _)| key).collect()
}

pub(super) fn codes(planned: &Planned<'_>) -> Vec<&'static str> {
    planned.diagnostics.iter().map(|found| found.code).collect()
}

type Case<'a> = (DeclaredPolicy, LiveState, Permissions, Result<&'a str, &'a str>);

/// What is declared, what is live, what is allowed, and the change or the error.
#[test]
fn whose_a_policy_is_and_which_side_moved() {
    let owned_by = |owner: &str, retries| {
        let mut live = ours(retries);
        one(&mut live).marks.set(mark::POLICY, owner);
        live
    };
    let changed = |retries| {
        let mut live = ours(1);
        one(&mut live).policy = Some(live_with(retries));
        live
    };
    let deleted = || {
        let mut live = ours(1);
        one(&mut live).policy = None;
        live
    };
    let unmarked = || {
        let mut live = changed(2);
        remove_tag(one(&mut live), mark::ASYNC);
        live
    };
    let stripped = |retries| {
        let mut live = changed(retries);
        for key in mark::OF_EXISTING {
            remove_tag(one(&mut live), key);
        }
        live
    };
    let whole = |owner: &str| {
        let mut live = theirs(Some(2));
        one(&mut live).marks.set(mark::STACK, owner);
        live
    };
    let to = "async_policy:default/one";
    let table: Vec<Case<'_>> = vec![
        (present(1), theirs(None), NONE, Ok("create: declared but not live")),
        (present(1), theirs(Some(1)), NONE, Ok("adopt: live matches the manifest, and it is unowned")),
        (present(1), theirs(Some(2)), NONE, Err("not-owned")),
        (present(1), theirs(Some(2)), TAKE_OVER, Err("not-owned")),
        (present(1), theirs(Some(2)), ADOPT, Ok("adopt: it is unowned; --adopt makes it this stack's")),
        (present(1), ours(1), NONE, Ok("")),
        (present(2), ours(1), NONE, Ok("update: policy: the manifest changed")),
        (present(1), changed(2), NONE, Ok("update: policy: live was changed by someone else")),
        (present(3), changed(2), NONE, Ok("update: policy: both the manifest and live changed")),
        // A tag alone may be a copy. What it names is not a reason to change or delete a policy.
        (present(1), unmarked(), NONE, Err("not-owned")),
        (DeclaredPolicy::Unmanaged, unmarked(), NONE, Ok("")),
        (DeclaredPolicy::Destroyed, unmarked(), NONE, Ok("")),
        (present(1), deleted(), NONE, Ok("create: policy: live was changed by someone else")),
        (present(2), deleted(), NONE, Ok("create: policy: both the manifest and live changed")),
        (present(1), stripped(1), NONE, Ok("adopt: live matches the manifest, and it is unowned")),
        (present(1), stripped(2), NONE, Err("not-owned")),
        (present(1), owned_by("other", 1), ADOPT, Err("owned-by-another-stack")),
        (
            present(1),
            owned_by("other", 1),
            TAKE_OVER,
            Ok("adopt: it belongs to stack \"other\"; --take-over makes it this stack's"),
        ),
        (present(1), whole("other"), everything_allowed(), Err(OWNED_AS_A_WHOLE)),
        (DeclaredPolicy::Unmanaged, whole("other"), NONE, Ok("")),
        (DeclaredPolicy::Unmanaged, theirs(Some(2)), NONE, Ok("")),
        (DeclaredPolicy::Unmanaged, ours(1), NONE, Ok("delete: the manifest no longer declares one")),
        (
            DeclaredPolicy::Unmanaged,
            changed(2),
            NONE,
            Ok("delete: the manifest no longer declares one, and someone else changed live"),
        ),
        (
            DeclaredPolicy::Unmanaged,
            deleted(),
            NONE,
            Ok("record: live matches the manifest; only fgctl's mark is out of date"),
        ),
        (DeclaredPolicy::Absent, theirs(None), NONE, Ok("")),
        (DeclaredPolicy::Absent, theirs(Some(1)), NONE, Err("not-owned")),
        (DeclaredPolicy::Absent, theirs(Some(1)), ADOPT, Ok("delete: it is unowned; --adopt makes it this stack's")),
        (DeclaredPolicy::Absent, ours(1), NONE, Ok("delete: the manifest no longer declares one")),
    ];
    for (index, (declared, live, permissions, expected)) in table.into_iter().enumerate() {
        let desired = entry(declared);
        let planned = plan(&desired, &live, permissions);
        match expected {
            Err(code) => assert_eq!(errors(&planned), [code], "row {index}"),
            Ok(change) => {
                let change = change.replacen(':', &format!(" {to}:"), 1);
                let expected: Vec<String> = if change.is_empty() { Vec::new() } else { vec![change] };
                assert_eq!(described(&planned), expected, "row {index}");
                assert_eq!(errors(&planned), Vec::<&str>::new(), "row {index}");
                let after = applied(&planned.plan, &live);
                let again = plan(&desired, &after, NONE);
                assert_eq!((described(&again), errors(&again)), (Vec::new(), Vec::new()), "row {index}");
                let function = |live: &LiveState| {
                    let live = &live.functions[&address("one")];
                    (live.configuration.clone(), live.code.clone(), live.secret_names.clone())
                };
                assert_eq!(function(&after), function(&live), "row {index}: the function stays as it is");
            }
        }
    }
}

#[test]
fn a_missing_function_is_an_error_at_its_entry() {
    let (desired, live) = (entry(present(1)), nothing_live());
    let planned = plan(&desired, &live, Permissions { destroy: false, ..everything_allowed() });
    assert_eq!(errors(&planned), [MISSING]);
    assert_eq!(planned.diagnostics[0].spot.as_ref().unwrap().pointer, "/functions/one");
    assert_eq!(described(&planned), Vec::<String>::new());
}

#[test]
fn an_entry_that_goes_takes_its_policy_along_and_leaves_the_function() {
    let live = ours(1);
    let others = stack([wanted("two")]);
    for (desired, permissions, reason) in [
        (&others, NONE, "the manifest no longer declares one"),
        (&stack([]), Permissions { destroy: true, ..NONE }, "everything that this stack owns is destroyed"),
    ] {
        let planned = plan(desired, &live, permissions);
        assert_eq!(errors(&planned), Vec::<&str>::new());
        assert_eq!(described(&planned)[0], format!("delete async_policy:default/one: {reason}"));
        let after = applied(&planned.plan, &live);
        let left = &after.functions[&address("one")];
        assert_eq!((left.policy.as_ref(), tags(&after)), (None, Vec::new()));
        assert_eq!(left.configuration, live.functions[&address("one")].configuration);
    }
    // Somebody else's policy stays, and so does one that nobody marked.
    let other = theirs(Some(1));
    assert_eq!(plan(&others, &other, NONE).plan.changes.len(), 1, "only `two` is created");
    assert_eq!(errors(&plan(&stack([]), &live, NONE)), ["emptied-manifest"]);
}

/// A destroy finds the entry before the function was handed over.
#[test]
fn an_existing_function_is_never_deleted_even_if_the_stack_owns_all_of_it() {
    let mut whole = wanted("one");
    whole.function.policy = Some(policy(1, None));
    let live = after_apply(&stack([whole]));
    let desired = entry(DeclaredPolicy::Unmanaged);
    for permissions in [NONE, everything_allowed()] {
        let planned = plan(&desired, &live, permissions);
        let actions: Vec<String> =
            planned.plan.changes.iter().map(|it| format!("{} {}", it.action.verb(), it.address)).collect();
        assert_eq!(actions, ["forget function:default/one", "delete async_policy:default/one"]);
        let after = applied(&planned.plan, &live);
        assert_eq!((after.functions[&address("one")].policy.clone(), tags(&after)), (None, vec![mark::RELEASED]));
    }
}

#[test]
fn a_whole_function_takes_an_existing_one_as_any_unowned_function() {
    let live = ours(1);
    let mut whole = wanted("one");
    whole.function.policy = Some(policy(1, None));
    let desired = stack([whole]);
    let mut live = live;
    one(&mut live).configuration = LiveConfiguration::clone(&desired.functions[&address("one")].function.configuration);
    one(&mut live).code.contents = Some(desired.functions[&address("one")].code.hash());
    let planned = plan(&desired, &live, NONE);
    assert_eq!(errors(&planned), Vec::<&str>::new());
    let after = applied(&planned.plan, &live);
    assert!(!tags(&after).contains(&mark::POLICY), "{:?}", tags(&after));
    assert_eq!(described(&plan(&desired, &after, NONE)), Vec::<String>::new());
    // A different one needs a word, and another stack's policy needs another one.
    one(&mut live).configuration.set(Field::Memory, 1024);
    assert_eq!(errors(&plan(&desired, &live, NONE)), ["not-owned"]);
    one(&mut live).marks.set(mark::POLICY, "other");
    assert_eq!(errors(&plan(&desired, &live, ADOPT)), ["owned-by-another-stack"]);
    assert_eq!(errors(&plan(&desired, &live, TAKE_OVER)), Vec::<&str>::new());
}

/// Tags that have no room are not written, and the plan says what is unknown then.
#[test]
fn full_tags_are_no_obstacle() {
    let mut live = theirs(None);
    let full = (0..19).map(|index| (format!("t{index}"), String::new()));
    one(&mut live).configuration.set_entries(Field::Tags, full);
    let desired = entry(present(1));
    let planned = plan(&desired, &live, NONE);
    assert_eq!((errors(&planned), codes(&planned)), (Vec::new(), vec!["no-room-for-tags"]));
    let after = applied(&planned.plan, &live);
    assert_eq!(tags(&after), Vec::<&str>::new());
    assert_eq!(described(&plan(&desired, &after, NONE)), Vec::<String>::new());
    let changed = entry(present(2));
    assert_eq!(errors(&plan(&changed, &after, NONE)), ["not-owned"]);
    let planned = plan(&changed, &after, ADOPT);
    let after = applied(&planned.plan, &after);
    assert_eq!(described(&plan(&changed, &after, NONE)), Vec::<String>::new());
    // The entry goes, and nothing tells whose the policy is.
    assert_eq!(plan(&stack([]), &after, NONE).plan.changes.len(), 0);
}

#[test]
fn tags_that_cannot_be_read_are_no_obstacle() {
    let mut live = theirs(Some(1));
    live.unreadable_tags = Some("403".into());
    // It looks like an interrupted create of this stack, as everything without tags may.
    let mut two = after_apply(&stack([wanted("two")])).functions[&address("two")].clone();
    two.marks = crate::plan::tests::marks_of(&two.address);
    live.functions.insert(address("two"), two);
    let unknown = |policy| entry(policy).with_unknown_ownership();
    let desired = unknown(present(1));
    let planned = plan(&desired, &live, NONE);
    assert_eq!((described(&planned), codes(&planned)), (Vec::new(), vec!["tags-unreadable"]));
    let desired = unknown(present(2));
    assert_eq!(errors(&plan(&desired, &live, NONE)), ["not-owned"]);
    let planned = plan(&desired, &live, ADOPT);
    let Step::Existing(ExistingStep { tags, .. }) = &planned.plan.changes[0].step else { panic!("a policy") };
    assert_eq!(*tags, TagWrite::Nothing);
    assert_eq!(plan(&unknown(DeclaredPolicy::Absent), &live, ADOPT).plan.count(Action::Delete), 1);
}

#[test]
fn without_ownership_two_sides_are_compared_and_nothing_is_deleted() {
    let live = theirs(Some(2));
    let desired = entry(present(1)).without_ownership();
    let planned = plan(&desired, &live, NONE);
    let Step::Existing(ExistingStep { tags, .. }) = &planned.plan.changes[0].step else { panic!("a policy") };
    assert_eq!((*tags == TagWrite::Nothing, errors(&planned)), (true, Vec::new()));
    let desired = entry(DeclaredPolicy::Absent).without_ownership();
    let planned = plan(&desired, &live, NONE);
    assert_eq!((described(&planned), codes(&planned)), (Vec::new(), vec!["policy-kept"]));
}

/// Tags that were copied along with the function belong to the original.
#[test]
fn a_copy_of_a_function_is_left_alone() {
    let mut live = ours(1);
    let mut copy = live.functions[&address("one")].clone();
    copy.address = address("copy");
    let kept = copy.marks.iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
    copy.marks = mark::split(&crate::plan::tests::urn_of(&copy.address), kept).0;
    live.functions.insert(address("copy"), copy);
    let desired = entry(present(1));
    assert_eq!(described(&plan(&desired, &live, NONE)), Vec::<String>::new());
}

/// A policy of an entry takes part in the order, in cycles and in the check of targets.
#[test]
fn an_entry_takes_part_in_the_event_graph() {
    let live = theirs(None);
    let with = |policy, whole| with_existing(stack([whole]), [existing("one", policy)]);
    let to = |name: &str| DeclaredPolicy::Present(Box::new(notifies(name)));
    let desired = with(to("two"), wanted("two"));
    let planned = plan(&desired, &live, NONE);
    assert_eq!(planned.plan.changes[0].waits_for, [Address::function(&address("two"))]);
    let desired = with(to("two"), crate::plan::tests::notifying("two", "one"));
    assert_eq!(errors(&plan(&desired, &live, NONE)), ["cycle"]);
    let desired = with(to("nobody"), wanted("two"));
    assert_eq!(errors(&plan(&desired, &live, NONE)), ["target-missing"]);
    // Nothing that such a policy notifies is deleted before the policy changes.
    let desired = with(to("two"), wanted("two"));
    let live = applied(&plan(&desired, &live, NONE).plan, &live);
    let without = with_existing(stack([wanted("three")]), [existing("one", present(1))]);
    let planned = plan(&without, &live, NONE);
    let deletion = planned.plan.changes.iter().find(|change| change.deletes_function()).unwrap();
    assert_eq!(deletion.waits_for, [Address::async_policy(&address("one"))]);
}

#[test]
fn an_import_takes_only_the_ownership_of_a_policy() {
    let functions = BTreeSet::from([Address::function(&address("one"))]);
    let desired = entry(present(1));
    for (live, expected) in [(theirs(Some(2)), 1), (theirs(Some(1)), 1), (ours(1), 0)] {
        let planned = import::import(&desired, &live, &functions);
        assert_eq!(planned.plan.changes.len(), expected);
        let after = applied(&planned.plan, &live);
        assert_eq!(after.functions[&address("one")].policy, live.functions[&address("one")].policy);
        assert_eq!(errors(&plan(&desired, &after, NONE)), Vec::<&str>::new(), "it is this stack's now");
    }
    // The next apply changes it. Until then, fgctl has not written it, so it does not delete it either.
    let live = theirs(Some(2));
    let after = applied(&import::import(&desired, &live, &functions).plan, &live);
    let unknown = "update async_policy:default/one: policy: live differs, and no mark shows which side changed";
    assert_eq!(described(&plan(&desired, &after, NONE)), [unknown]);
    let stays = "forget async_policy:default/one: only fgctl's tags are removed; the policy then belongs to no stack";
    let destroys = Permissions { destroy: true, ..NONE };
    for (desired, permissions) in [
        (stack([wanted("two")]), NONE),
        (stack([]), destroys),
        (entry(DeclaredPolicy::Unmanaged), NONE),
        (entry(DeclaredPolicy::Destroyed), destroys),
    ] {
        let planned = plan(&desired, &after, permissions);
        assert_eq!((described(&planned)[0].as_str(), errors(&planned)), (stays, Vec::new()));
        let left = applied(&planned.plan, &after);
        assert_eq!((tags(&left), &left.functions[&address("one")].policy), (Vec::new(), &Some(live_with(2))));
    }
}

#[test]
fn a_function_without_an_agency_cannot_notify() {
    let mut live = theirs(None);
    let desired =
        with_existing(stack([wanted("two")]), [existing("one", DeclaredPolicy::Present(Box::new(notifies("two"))))]);
    assert_eq!(codes(&plan(&desired, &live, NONE)), Vec::<&str>::new());
    one(&mut live).configuration.set(Field::Agency, serde_json::Value::Null);
    assert_eq!(codes(&plan(&desired, &live, NONE)), ["missing-agency"]);
    one(&mut live).unseen.insert(Field::Agency);
    assert_eq!(codes(&plan(&desired, &live, NONE)), Vec::<&str>::new());
}

#[test]
fn every_field_of_a_policy_is_shown() {
    let (desired, live) = (entry(present(1)), theirs(Some(3)));
    let planned = plan(&desired, &live, ADOPT);
    let [field] = planned.plan.changes[0].fields.as_slice() else { panic!("one field") };
    assert_eq!((&field.before, &field.after), (&Shown::Value(3.into()), &Shown::Value(1.into())));
}

#[test]
fn a_policy_is_forgotten_and_stays() {
    let live = ours(1);
    let functions = BTreeSet::from([Address::function(&address("one"))]);
    let desired = entry(present(1));
    let planned = forget::forget(&desired, &live, &functions);
    assert_eq!(codes(&planned), ["still-declared"]);
    let after = applied(&planned.plan, &live);
    assert_eq!(tags(&after), Vec::<&str>::new());
    assert_eq!(after.functions[&address("one")].policy, live.functions[&address("one")].policy);
    assert_eq!(plan(&stack([]), &after, NONE).plan.changes.len(), 0);
}
