//! Checks that the tags that a plan sets fit on a function, and decides the order in which they are written.

use std::collections::{BTreeMap, BTreeSet};

use crate::diagnostic::Diagnostic;
use crate::model::address::FunctionAddress;
use crate::model::mark;
use crate::model::state::{DesiredState, LiveFunction, LiveState};
use crate::rules::quota;

use super::change::{Change, Step, Writes};

/// The code of the finding that a function would have too many tags.
pub const TOO_MANY_TAGS: &str = "too-many-tags";

/// When an update removes tags.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Removal {
    /// At the end, so that an interrupted update loses nothing.
    #[default]
    Last,
    /// Before the ownership tag is set, because there is no room for it yet.
    First,
}

/// Decides when each update removes tags, and reports functions that would have too many tags.
pub(super) fn arrange(desired: &DesiredState, live: &LiveState, changes: &mut [Change<'_>]) -> Vec<Diagnostic> {
    for change in changes.iter_mut() {
        if let Step::UpdateFunction { live, writes, .. } = &mut change.step {
            writes.removal = removal(live, writes);
        }
    }
    too_many(desired, live, changes)
}

fn removal(live: &LiveFunction, writes: &Writes) -> Removal {
    let is_full = live.tag_keys().count() >= quota::TAGS;
    if is_full && writes.set_tags.contains_key(mark::STACK) { Removal::First } else { Removal::Last }
}

/// Other tools may have set so many tags that there is no room for ours. The update would then fail halfway.
fn too_many(desired: &DesiredState, live: &LiveState, changes: &[Change<'_>]) -> Vec<Diagnostic> {
    let mut after: BTreeMap<&FunctionAddress, BTreeSet<&str>> = BTreeMap::new();
    for change in changes {
        let address = &change.address.function;
        let Some(found) = live.functions.get(address) else { continue };
        let keys = after.entry(address).or_insert_with(|| found.tag_keys().collect());
        match &change.step {
            Step::UpdateFunction { writes: Writes { set_tags, remove_tags, code, .. }, .. } => {
                keys.retain(|key| !remove_tags.contains_key(*key));
                keys.extend(set_tags.keys().map(String::as_str));
                keys.extend(code.then_some(mark::CODE));
            }
            Step::PutPolicy { mark: Some(_), .. } | Step::MarkPolicy { mark: Some(_), .. } => {
                keys.insert(mark::ASYNC);
            }
            Step::DeletePolicy { .. } | Step::MarkPolicy { mark: None, .. } => {
                keys.remove(mark::ASYNC);
            }
            Step::Trigger(step) if step.mark.as_ref().is_some_and(|edit| edit.set.is_some()) => {
                keys.insert(mark::TRIGGERS);
            }
            // Policies of functions that something else deploys are marked only if there is room.
            Step::PutPolicy { mark: None, .. }
            | Step::CreateFunction { .. }
            | Step::DeleteFunction { .. }
            | Step::Existing(_)
            | Step::Trigger(_)
            | Step::Forget(_) => {}
        }
    }
    let over = after.into_iter().filter(|(_, keys)| keys.len() > quota::TAGS);
    over.map(|(address, keys)| too_many_tags(desired, address, keys.len())).collect()
}

fn too_many_tags(desired: &DesiredState, address: &FunctionAddress, count: usize) -> Diagnostic {
    let message = format!("function {address} would have {count} tags, but the limit is {}", quota::TAGS);
    Diagnostic::error(TOO_MANY_TAGS, message)
        .help("remove tags that are not needed, or use --no-ownership, which needs none")
        .at_any(desired.functions.get(address).map(|wanted| &wanted.function.spot))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::address::Address;
    use crate::model::field::Field;
    use crate::model::text::{TagKey, TagValue};
    use crate::plan::import;
    use crate::plan::plan;
    use crate::plan::tests::{address, after_apply, everything_allowed, marks_of, stack, wanted};

    /// An unowned function with this many tags, some of which the manifest declares.
    fn unowned(tags: usize, declared: usize) -> (DesiredState, LiveState) {
        let mut one = wanted("one");
        let kept = (0..declared).map(|n| (TagKey::new(format!("t{n}")).unwrap(), TagValue::new("x").unwrap()));
        one.function.configuration.set_tags(kept.collect());
        let desired = stack([one]);
        let mut live = after_apply(&desired);
        let found = live.functions.get_mut(&address("one")).unwrap();
        (0..tags).for_each(|n| found.configuration.set_entry(Field::Tags, &format!("t{n}"), "x"));
        found.marks = marks_of(&found.address);
        (desired, live)
    }

    #[test]
    fn tags_are_removed_first_only_if_the_function_is_full() {
        for (tags, declared, expected) in [(20, 17, Removal::First), (19, 17, Removal::Last), (20, 0, Removal::First)] {
            let (desired, live) = unowned(tags, declared);
            let planned = plan(&desired, &live, everything_allowed());
            let Step::UpdateFunction { writes, .. } = &planned.plan.changes[0].step else { panic!("an update") };
            assert_eq!(writes.removal, expected, "{tags} tags, {declared} declared");
            assert_eq!(planned.diagnostics.len(), 0, "{:?}", planned.diagnostics);
        }
    }

    #[test]
    fn an_import_into_a_full_function_is_refused() {
        for (tags, expected) in [(19, None), (20, Some(TOO_MANY_TAGS))] {
            let (desired, live) = unowned(tags, 0);
            let functions = BTreeSet::from([Address::function(&address("one"))]);
            let planned = import::import(&desired, &live, &functions);
            assert_eq!(planned.diagnostics.first().map(|found| found.code), expected, "{tags} tags");
        }
    }
}
