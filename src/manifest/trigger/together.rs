//! Findings that concern several triggers of one function.

use std::collections::BTreeMap;

use crate::diagnostic::{Diagnostic, Spot};
use crate::model::address::Qualifier;
use crate::model::trigger::mark::has_room_for;
use crate::model::trigger::{Trigger, Triggers};
use crate::rules::trigger::other::polls;
use crate::rules::trigger::{POLLING_TRIGGERS, REMEMBERED_TRIGGERS};

pub(super) fn check(triggers: &Triggers, section: &Spot, diagnostics: &mut Vec<Diagnostic>) {
    refuse_duplicates(triggers, diagnostics);
    let over_limit = |message: String| Diagnostic::error("over-limit", message).at(section.clone().of_key());
    let mut polling: BTreeMap<Option<&Qualifier>, usize> = BTreeMap::new();
    for trigger in triggers.values().filter(|trigger| polls(trigger.code.as_str())) {
        *polling.entry(trigger.qualifier.as_ref()).or_default() += 1;
    }
    if let Some(count) = polling.into_values().find(|count| *count > POLLING_TRIGGERS) {
        let message = format!(
            "`triggers` has {count} triggers for which the service asks for new events; the limit is {POLLING_TRIGGERS} for each \
             version"
        );
        let help = "these are timers, and triggers of DIS, LTS, Kafka and DDS; move some to another function";
        diagnostics.push(over_limit(message).help(help));
    }
    if triggers.len() > REMEMBERED_TRIGGERS {
        let message = format!(
            "`triggers` has {} entries; the limit is {REMEMBERED_TRIGGERS}, because a tag records how they were applied",
            triggers.len()
        );
        diagnostics.push(over_limit(message).help("move some of them to another function"));
    } else if !has_room_for(triggers.values()) {
        let message = format!(
            "`triggers` has {} entries, but the tag that records how they were applied has no room for all of them",
            triggers.len()
        );
        let help = "triggers with optional fields or secrets need more room; move some of them to another function";
        diagnostics.push(over_limit(message).help(help));
    }
}

/// The service would refuse the second one, or fgctl could not tell the two apart.
fn refuse_duplicates(triggers: &Triggers, diagnostics: &mut Vec<Diagnostic>) {
    let mut seen: Vec<&Trigger> = Vec::new();
    for trigger in triggers.values() {
        if let Some(first) = seen.iter().find(|first| first.has_identity_of(trigger)) {
            let message = format!("`{}` and `{}` are the same trigger to the service", first.key, trigger.key);
            let differ = trigger.known().map(|known| {
                let fields = known.fields.iter().filter(|field| known.identity.contains(&field.wire));
                fields.map(|field| format!("`{}`", field.key)).collect::<Vec<_>>()
            });
            let help = match differ {
                Some(fields) => format!("remove one of them, or change {}", fields.join(" or ")),
                None => "remove one of them".to_owned(),
            };
            let finding = Diagnostic::error("duplicate-trigger", message).at(trigger.spot.clone());
            diagnostics.push(finding.related("first declared here", first.spot.clone()).help(help));
        }
        seen.push(trigger);
    }
}
