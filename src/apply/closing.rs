//! The last look: whether what the service lists is what the writes should have left. This is where writes whose
//! answers say nothing (tags, deletions) are checked.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::address::FunctionAddress;
use crate::model::mark;
use crate::model::state::{DesiredFunction, LiveFunction};
use crate::plan::change::{Change, Step};
use crate::remote;

use super::error::Error;
use super::step::Written;

type Listed = BTreeMap<FunctionAddress, LiveFunction>;

pub(super) fn verify(change: &Change<'_>, written: &Written, listed: &Listed) -> Result<(), Error> {
    let found = listed.get(&change.address.function);
    let problem = match (&change.step, found) {
        (Step::DeleteFunction { .. } | Step::DeletePolicy { .. }, None) => None,
        (Step::DeleteFunction { .. }, Some(_)) => Some("it is still listed".to_owned()),
        (_, None) => Some("it is not listed".to_owned()),
        (Step::CreateFunction { desired, tags: set }, Some(live)) => {
            tags(set.iter(), written, live).or_else(|| configuration(desired, live))
        }
        (Step::UpdateFunction { desired, writes, .. }, Some(live)) => {
            let kept = writes.remove_tags.keys().find(|key| tag(live, key).is_some());
            kept.map(|key| format!("tag {key} is still there"))
                .or_else(|| tags(writes.set_tags.iter(), written, live))
                // What was not written may differ: an import only sets tags.
                .or_else(|| if writes.configuration || writes.secrets { configuration(desired, live) } else { None })
        }
        (Step::PutPolicy { mark, .. }, Some(live)) => policy_mark(live, Some(mark)),
        (Step::MarkPolicy { mark, .. }, Some(live)) => policy_mark(live, mark.as_deref()),
        (Step::DeletePolicy { .. }, Some(live)) => policy_mark(live, None),
    };
    let what = || format!("{} {}", change.action.verb(), change.address);
    problem.map_or(Ok(()), |problem| Err(remote::Error::NotApplied { what: what(), problem }.into()))
}

fn tags<'a>(
    mut tags: impl Iterator<Item = (&'a String, &'a String)>,
    written: &Written,
    live: &LiveFunction,
) -> Option<String> {
    if let Some((key, _)) = tags.find(|(key, value)| tag(live, key) != Some(value.as_str())) {
        return Some(format!("tag {key} does not have the value that was sent"));
    }
    let Written { digest, code_mark } = written;
    if code_mark.as_deref().is_some_and(|mark| live.marks.get(mark::CODE) != Some(mark)) {
        return Some(format!("tag {} does not have the value that was sent", mark::CODE));
    }
    if digest.as_ref().is_some_and(|digest| *digest != live.code.digest) {
        return Some("its code is not what was uploaded".into());
    }
    None
}

fn configuration(desired: &DesiredFunction, live: &LiveFunction) -> Option<String> {
    let path = remote::unapplied(&desired.function, live, &BTreeSet::new())?;
    Some(format!("{path} is not what was sent"))
}

fn policy_mark(live: &LiveFunction, wanted: Option<&str>) -> Option<String> {
    (live.marks.get(mark::ASYNC) != wanted).then(|| format!("tag {} is not what was sent", mark::ASYNC))
}

fn tag<'a>(live: &'a LiveFunction, key: &str) -> Option<&'a str> {
    live.marks.get(key).or_else(|| live.configuration.tags.get(key).map(String::as_str))
}
