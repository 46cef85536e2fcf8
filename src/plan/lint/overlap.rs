//! OBS triggers of which one object raises events twice. Those with equal filters are errors of the manifest.

use serde_json::Value;
use std::collections::BTreeMap;

use crate::diagnostic::Diagnostic;
use crate::model::trigger::{Source, Trigger, member};
use crate::rules::trigger::share_events;

use super::Declared;

/// An OBS trigger with the key of its function.
#[derive(Clone, Copy)]
struct Listener<'a> {
    key: &'a str,
    trigger: &'a Trigger,
    bucket: &'a str,
    prefix: &'a str,
    suffix: &'a str,
}

/// The triggers by their bucket and prefix.
type Listeners<'a> = BTreeMap<(&'a str, &'a str), Vec<Listener<'a>>>;

/// One finding for each trigger. Looks up each start of its prefix, so that many triggers on one bucket cost nothing.
pub(super) fn overlapping(declared: &Declared<'_>) -> Vec<Diagnostic> {
    let mut all = Listeners::new();
    let mut found = Vec::new();
    for holder in declared.holders() {
        for trigger in holder.triggers.values() {
            if let Source::Obs { bucket, prefix, suffix, .. } = trigger.listening().source {
                let listener = Listener { key: holder.key, trigger, bucket, prefix, suffix };
                all.entry((bucket, prefix)).or_default().push(listener);
            }
        }
    }
    for (of_prefix, listener) in all.values().flat_map(|listeners| listeners.iter().enumerate()) {
        let Listener { bucket, prefix, .. } = *listener;
        let starts = prefix.char_indices().map(|(end, _)| &prefix[..end]);
        let wider = starts.filter_map(|start| all.get(&(bucket, start))).flatten();
        let before = all.get(&(bucket, prefix)).into_iter().flatten().take(of_prefix);
        let other = wider.chain(before).find(|other| meets(listener, other));
        found.extend(other.map(|other| finding(listener, other)));
    }
    found
}

/// Whether an object with both prefixes can raise an event of both.
fn meets(one: &Listener<'_>, other: &Listener<'_>) -> bool {
    let (one_suffix, other_suffix) = (one.suffix, other.suffix);
    (one_suffix.ends_with(other_suffix) || other_suffix.ends_with(one_suffix))
        && share_events(&events(one.trigger), &events(other.trigger))
}

fn events(trigger: &Trigger) -> Vec<&str> {
    let events = member(&trigger.data, "events").and_then(Value::as_array).into_iter().flatten();
    events.filter_map(Value::as_str).collect()
}

fn finding(one: &Listener<'_>, other: &Listener<'_>) -> Diagnostic {
    let name = |listener: &Listener<'_>| format!("`{}` of `{}`", listener.trigger.key, listener.key);
    let message = format!(
        "an object in bucket `{}` can raise events of the triggers {} and {}: OBS may refuse the second trigger, or one \
         object starts two runs",
        one.bucket,
        name(one),
        name(other)
    );
    let help = "give the triggers different events, or prefixes and suffixes that no object can have both";
    let finding = Diagnostic::warning("overlapping-obs-triggers", message).at(one.trigger.spot.clone());
    finding.related("the other trigger is declared here", other.trigger.spot.clone()).help(help)
}
