//! The final check: compares the service's lists with what the writes should have left. It verifies writes whose
//! answers contain nothing, such as those of tags and deletions.

use std::collections::BTreeMap;

use crate::model::address::FunctionAddress;
use crate::model::field::{Field, FieldSet};
use crate::model::mark;
use crate::model::seal;
use crate::model::state::{DesiredFunction, LiveFunction};
use crate::model::text::StackName;
use crate::plan::change::{Change, Step, Writes};
use crate::plan::existing::{ExistingStep, TagWrite};
use crate::plan::forget::ForgetStep;
use crate::remote::{self, Expected};

use super::error::Error;
use super::step::Written;

pub(super) type Listed = BTreeMap<FunctionAddress, LiveFunction>;

pub(super) fn verify(change: &Change<'_>, written: &Written, listed: &Listed) -> Result<(), Error> {
    let found = listed.get(&change.address.function);
    let problem = match (&change.step, found) {
        // The writes of a trigger were read back, and the tag changes with every trigger.
        (Step::DeleteFunction { .. } | Step::DeletePolicy { .. }, None) | (Step::Trigger(_), Some(_)) => None,
        (Step::DeleteFunction { .. }, Some(_)) => Some("it is still listed".to_owned()),
        (_, None) => Some("it is not listed".to_owned()),
        (Step::CreateFunction { desired, tags }, Some(live)) => {
            left(tags, written, live).or_else(|| configuration(desired, FieldSet::default(), live, FieldSet::default()))
        }
        (Step::Existing(ExistingStep { tags, .. }), Some(live)) => {
            if written.unmarked.is_some() {
                None
            } else {
                existing_tags(tags, live)
            }
        }
        (Step::Forget(ForgetStep { seen: _, removed, released }), Some(live)) => {
            still_there(live, removed.keys().map(String::as_str)).or_else(|| released_tag(live, released.as_ref()))
        }
        (Step::UpdateFunction { desired, live: seen, writes }, Some(live)) => {
            updated(writes, written, live).or_else(|| reconfigured(desired, seen, writes, live))
        }
        (Step::PutPolicy { mark, .. } | Step::MarkPolicy { mark, .. }, Some(live)) => {
            policy_mark(live, mark.as_deref())
        }
        (Step::DeletePolicy { .. }, Some(_)) if change.address.qualifier.is_some() => None,
        (Step::DeletePolicy { .. }, Some(live)) => policy_mark(live, None),
    };
    let what = || format!("{} {}", change.action.verb(), change.address);
    problem.map_or(Ok(()), |problem| Err(remote::Error::NotApplied { what: what(), problem }.into()))
}

/// A secrets mark without its time, for a function that seems to have changed although only this apply wrote to it. The
/// service then also counts writes of tags or of the policy as changes, so times cannot be compared.
pub(super) fn without_time(change: &Change<'_>, listed: &Listed) -> Option<(FunctionAddress, String)> {
    let found = listed.get(&change.address.function)?;
    let marked = found.marks.get(mark::SECRETS)?;
    let is_modified = |live: &LiveFunction| live.is_modified_since_secrets() == Some(true);
    let before = match &change.step {
        Step::CreateFunction { .. } | Step::DeleteFunction { .. } => None,
        // Its secrets are not this stack's.
        Step::Existing(_) | Step::Trigger(_) | Step::Forget(_) => return None,
        Step::UpdateFunction { live, .. } | Step::DeletePolicy { live, .. } | Step::MarkPolicy { live, .. } => {
            Some(*live)
        }
        Step::PutPolicy { live, .. } => *live,
    };
    let was_known = before.is_some_and(|live| live.marks.get(mark::SECRETS) == Some(marked) && is_modified(live));
    (is_modified(found) && !was_known).then(|| (found.address.clone(), seal::with_modified(marked, None)))
}

/// The tags and the code that an update wrote.
fn updated(writes: &Writes, written: &Written, live: &LiveFunction) -> Option<String> {
    let kept = still_there(live, writes.remove_tags.keys().map(String::as_str));
    kept.or_else(|| left(&writes.set_tags, written, live))
}

/// Parts of the configuration that the update did not write may differ, because a plan can be partial.
fn reconfigured(
    desired: &DesiredFunction,
    seen: &LiveFunction,
    writes: &Writes,
    live: &LiveFunction,
) -> Option<String> {
    let mut besides = desired.function.left_alone(seen.unseen, writes.returned);
    besides.insert(Field::Tags);
    if !writes.secrets {
        besides.insert(Field::Secrets);
    }
    let is_written = writes.configuration || writes.secrets;
    is_written.then(|| configuration(desired, writes.returned, live, besides)).flatten()
}

/// What is wrong with the tags that were set, or with the code.
fn left(tags: &BTreeMap<String, String>, written: &Written, live: &LiveFunction) -> Option<String> {
    let Written { digest, marks, unmarked: _ } = written;
    let planned = tags.iter().filter(|(key, _)| !marks.contains_key(*key));
    let mut wanted = planned.chain(marks).map(|(key, value)| (key.as_str(), value.as_str()));
    if let Some((key, _)) = wanted.find(|(key, value)| tag(live, key) != Some(value)) {
        return Some(format!("tag {key} does not have the value that was sent"));
    }
    let is_other = digest.as_ref().is_some_and(|digest| *digest != live.code.digest);
    is_other.then(|| "its code differs from the uploaded code".into())
}

/// A list does not contain all fields. Those that it lacks were read after the write.
fn configuration(
    desired: &DesiredFunction,
    returned: FieldSet,
    live: &LiveFunction,
    besides: FieldSet,
) -> Option<String> {
    let expected = Expected { function: &desired.function, returned, besides: besides.union(live.unseen) };
    let path = remote::unapplied(&expected, live)?;
    Some(format!("{path} differs from the value that was sent"))
}

fn policy_mark(live: &LiveFunction, wanted: Option<&str>) -> Option<String> {
    (live.marks.get(mark::ASYNC) != wanted).then(|| format!("tag {} differs from the value that was sent", mark::ASYNC))
}

/// What is wrong with the tags that remember a policy.
fn existing_tags(tags: &TagWrite, live: &LiveFunction) -> Option<String> {
    let differs = |key: &str, wanted: &str| {
        (tag(live, key) != Some(wanted)).then(|| format!("tag {key} does not have the value that was sent"))
    };
    match tags {
        TagWrite::Nothing => None,
        // The rest of the hand-over removes these.
        TagWrite::Set { applied, hand_over: Some(_), .. } if mark::is_unwritten(applied) => None,
        TagWrite::Set { owner, applied, hand_over: _ } => {
            differs(mark::POLICY, owner.as_str()).or_else(|| differs(mark::ASYNC, applied))
        }
        TagWrite::Remove { released } => {
            still_there(live, mark::OF_EXISTING).or_else(|| released_tag(live, released.as_ref()))
        }
    }
}

fn still_there<'k>(live: &LiveFunction, removed: impl IntoIterator<Item = &'k str>) -> Option<String> {
    let kept = removed.into_iter().find(|key| tag(live, key).is_some());
    kept.map(|key| format!("tag {key} is still there"))
}

fn released_tag(live: &LiveFunction, wanted: Option<&StackName>) -> Option<String> {
    let missing = wanted.filter(|stack| tag(live, mark::RELEASED) != Some(stack.as_str()));
    missing.map(|_| format!("tag {} does not have the value that was sent", mark::RELEASED))
}

fn tag<'a>(live: &'a LiveFunction, key: &str) -> Option<&'a str> {
    let of_others = || live.configuration.entries(Field::Tags).find(|(other, _)| *other == key);
    live.marks.get(key).or_else(|| of_others().map(|(_, value)| value))
}
