//! Protection, and limits on deletions.

use std::collections::BTreeMap;

use super::comparison::with_old_marks;
use super::{address, after_apply, applied, described, errors, remove_tag, stack, wanted};
use crate::diagnostic::Spot;
use crate::model::mark;
use crate::model::state::{DesiredState, LiveFunction};
use crate::plan::change::{Cause, Facet, Reason};
use crate::plan::{Permissions, plan};

/// The applied protection, a change by hand, the declared protection, and the expected cause or findings.
type Protected<'a> = (Option<bool>, &'a dyn Fn(&mut LiveFunction), Option<bool>, Result<Cause, &'a [&'a str]>);

/// Protection in the manifest, tags that someone set or removed by hand, and the resulting plan.
#[test]
fn protection_by_hand_is_kept() {
    let set = |found: &mut LiveFunction| found.marks.set(mark::PROTECT, "true");
    let clear = |found: &mut LiveFunction| remove_tag(found, mark::PROTECT);
    let nothing = |_: &mut LiveFunction| {};
    let table: [Protected<'_>; 8] = [
        (None, &set, None, Err(&["protected-by-hand"])),
        (None, &set, Some(false), Err(&["protected-by-hand"])),
        (Some(false), &set, Some(false), Err(&["protected-by-hand"])),
        (None, &nothing, Some(true), Ok(Cause::Pending)),
        (Some(true), &clear, Some(true), Ok(Cause::Drift)),
        (Some(true), &nothing, None, Ok(Cause::Pending)),
        (Some(true), &nothing, Some(false), Ok(Cause::Pending)),
        (Some(true), &nothing, Some(true), Err(&[])),
    ];
    for (index, (before, hand, after, expected)) in table.into_iter().enumerate() {
        let protecting = |protect| {
            let mut one = wanted("one");
            one.function.protect = protect;
            stack([one])
        };
        let mut live = after_apply(&protecting(before));
        hand(live.functions.get_mut(&address("one")).unwrap());
        let desired = protecting(after);
        let planned = plan(&desired, &live, Permissions::default());
        let said: Vec<_> = planned.diagnostics.iter().map(|found| found.code).collect();
        let reasons: Vec<_> = planned.plan.changes.iter().map(|change| change.reason.clone()).collect();
        let (cause, remarks) = (expected.ok(), expected.err().unwrap_or_default());
        let differs = |cause| Reason::Differs(vec![(Facet::Protection, cause)]);
        assert_eq!((reasons, said.as_slice()), (cause.map(differs).into_iter().collect(), remarks), "row {index}");
        let live = applied(&planned.plan, &live);
        assert_eq!(described(&plan(&desired, &live, Permissions::default())), Vec::<String>::new(), "row {index}");
        let stays = after == Some(true) || !remarks.is_empty();
        assert_eq!(live.functions[&address("one")].marks.is_protected(), stays, "row {index}");
        if stays {
            let without = stack([wanted("two")]);
            assert_eq!(errors(&plan(&without, &live, Permissions::default())), ["protected"], "row {index}");
        }
    }
}

/// Someone or an earlier version may have set the tag, so only an explicit `protect: false` removes it.
#[test]
fn an_old_protection_is_removed_only_explicitly() {
    let mut one = wanted("one");
    one.function.protect = Some(true);
    let live = with_old_marks(&after_apply(&stack([one.clone()])));
    for (protect, changes) in [(None, 0), (Some(false), 1), (Some(true), 0)] {
        one.function.protect = protect;
        let desired = stack([one.clone()]);
        let planned = plan(&desired, &live, Permissions::default());
        assert_eq!(planned.plan.changes.len(), changes, "{protect:?}");
        let after = applied(&planned.plan, &live);
        assert_eq!(after.functions[&address("one")].marks.is_protected(), changes == 0, "{protect:?}");
        assert_eq!(described(&plan(&desired, &after, Permissions::default())), Vec::<String>::new(), "{protect:?}");
    }
}

#[test]
fn guards_stop_unexpected_deletions() {
    let names: Vec<String> = (0..20).map(|index| format!("f{index}")).collect();
    let all = stack(names.iter().map(|name| wanted(name)));
    let live = after_apply(&all);
    let keep = |count: usize| stack(names.iter().take(count).map(|name| wanted(name)));
    let allow = |count| Permissions { allow_deletes: Some(count), ..Permissions::default() };
    assert_eq!(errors(&plan(&keep(15), &live, Permissions::default())), Vec::<&str>::new());
    assert_eq!(errors(&plan(&keep(14), &live, Permissions::default())), ["too-many-deletions"]);
    assert_eq!(errors(&plan(&keep(14), &live, allow(5))), ["too-many-deletions"]);
    assert_eq!(errors(&plan(&keep(14), &live, allow(6))), Vec::<&str>::new());
    // An explicit number is a limit, even where no permission would be needed.
    assert_eq!(errors(&plan(&keep(18), &live, allow(1))), ["too-many-deletions"]);
    assert_eq!(errors(&plan(&keep(19), &live, allow(0))), ["too-many-deletions"]);
    assert_eq!(errors(&plan(&stack([]), &live, allow(20))), ["emptied-manifest"]);
    let destroy = Permissions { destroy: true, ..Permissions::default() };
    assert_eq!(errors(&plan(&stack([]), &live, destroy)), Vec::<&str>::new());
}

#[test]
fn deleting_a_third_of_ten_functions_is_refused() {
    let names: Vec<String> = (0..10).map(|index| format!("f{index}")).collect();
    let live = after_apply(&stack(names.iter().map(|name| wanted(name))));
    let keep = |count: usize| stack(names.iter().take(count).map(|name| wanted(name)));
    assert_eq!(errors(&plan(&keep(7), &live, Permissions::default())), Vec::<&str>::new());
    assert_eq!(errors(&plan(&keep(6), &live, Permissions::default())), ["too-many-deletions"]);
}

#[test]
fn protection_outlives_its_declaration_and_is_cleared_explicitly() {
    let mut protected = wanted("one");
    protected.function.protect = Some(true);
    let live = after_apply(&stack([protected, wanted("two")]));
    assert_eq!(errors(&plan(&stack([wanted("two")]), &live, Permissions::default())), ["protected"]);
    let destroy = Permissions { destroy: true, ..Permissions::default() };
    assert_eq!(errors(&plan(&stack([]), &live, destroy)), ["protected"]);
    // If the tag is lost, the manifest still protects the function.
    let live = after_apply(&stack([wanted("one"), wanted("two")]));
    let protecting = DesiredState { protected: BTreeMap::from([(address("one"), Spot::value(0, ""))]), ..stack([]) };
    assert_eq!(errors(&plan(&protecting, &live, destroy)), ["protected"]);
    let cleared = stack([wanted("one"), wanted("two")]);
    let live = applied(&plan(&cleared, &live, Permissions::default()).plan, &live);
    assert_eq!(errors(&plan(&stack([wanted("two")]), &live, Permissions::default())), Vec::<&str>::new());
}
