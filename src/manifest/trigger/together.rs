//! Findings that concern several triggers, of one function or of several.

use std::collections::BTreeMap;

use crate::diagnostic::{Diagnostic, Spot};
use crate::model::address::Qualifier;
use crate::model::existing::Holder;
use crate::model::trigger::mark::{has_room_for, identity};
use crate::model::trigger::{Trigger, Triggers};
use crate::rules::trigger::other::{other, polls, uniqueness_of};
use crate::rules::trigger::{CTS_TRIGGERS, POLLING_TRIGGERS, REMEMBERED_TRIGGERS, Uniqueness, by_code};

use super::super::nearest::listed;
use super::super::source::Sources;
use super::super::together::in_order;
use super::EVENT_DATA;

/// The triggers of one function.
pub(super) fn check(triggers: &Triggers, section: &Spot, sources: &Sources, diagnostics: &mut Vec<Diagnostic>) {
    refuse_duplicates(triggers, sources, diagnostics);
    let over_limit = |message: String| {
        let keys = triggers.values().map(|trigger| trigger.spot.clone());
        Diagnostic::error("over-limit", message).at(sources.latest(section.clone().of_key(), keys))
    };
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
fn refuse_duplicates(triggers: &Triggers, sources: &Sources, diagnostics: &mut Vec<Diagnostic>) {
    let mut seen: Vec<&Trigger> = Vec::new();
    for trigger in triggers.values() {
        if let Some(first) = seen.iter().find(|first| first.has_identity_of(trigger)) {
            let message = format!("`{}` and `{}` are the same trigger to the service", first.key, trigger.key);
            let help = match identity_fields(trigger) {
                fields if fields.is_empty() => "remove one of them".to_owned(),
                fields => format!("remove one of them, or change {}", fields.join(" or ")),
            };
            diagnostics.push(twice(first, trigger, message, sources).help(help));
        }
        seen.push(trigger);
    }
}

fn twice(first: &Trigger, second: &Trigger, message: String, sources: &Sources) -> Diagnostic {
    let [first, second] =
        [first, second].map(|trigger| sources.latest(trigger.spot.clone(), places_of_identity(trigger)));
    let (first, second) = in_order(&first, &second, sources);
    Diagnostic::error("duplicate-trigger", message).at(second.clone()).related("first declared here", first.clone())
}

/// The places of the fields that tell a trigger apart, and of its version and alias.
fn places_of_identity(trigger: &Trigger) -> Vec<Spot> {
    let code = trigger.code.as_str();
    let known = by_code(code).map(|known| trigger.spot.child(known.key));
    let data = known.unwrap_or_else(|| trigger.spot.child(EVENT_DATA));
    let of_data = identity_names(code).into_iter().map(|name| data.child(name));
    let qualifiers = ["version", "alias"].map(|name| trigger.spot.child(name));
    of_data.chain(qualifiers).collect()
}

/// The fields that tell triggers of this type apart, in quotes.
fn identity_fields(trigger: &Trigger) -> Vec<String> {
    identity_names(trigger.code.as_str()).into_iter().map(|name| format!("`{name}`")).collect()
}

fn identity_names(code: &str) -> Vec<&'static str> {
    match (by_code(code), other(code)) {
        (Some(known), _) => {
            known.fields.iter().filter(|field| known.identity.contains(&field.wire)).map(|field| field.key).collect()
        }
        (None, Some(known)) => known.identity.to_vec(),
        (None, None) => Vec::new(),
    }
}

/// A trigger with its function.
#[derive(Clone, Copy)]
struct Held<'a> {
    holder: Holder<'a>,
    trigger: &'a Trigger,
}

/// The triggers of all functions of the manifests: the service has some of them only once in a project.
pub(in super::super) fn check_all<'a>(
    holders: impl Iterator<Item = Holder<'a>>,
    sources: &Sources,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let held = holders.flat_map(|holder| holder.triggers.values().map(move |trigger| Held { holder, trigger }));
    let (mut seen, mut cts) = (BTreeMap::<String, Vec<Held<'_>>>::new(), 0);
    for held in held {
        let Held { holder, trigger } = held;
        let code = trigger.code.as_str();
        if code == "CTS" {
            cts += 1;
            diagnostics.extend((cts == CTS_TRIGGERS + 1).then(|| too_many_cts(trigger)));
        }
        if uniqueness_of(code) == Uniqueness::Version {
            continue;
        }
        // The hash is short, so what it finds is compared.
        let alike = seen.entry(identity(code, None, &trigger.data)).or_default();
        let is_elsewhere =
            |first: &Held<'_>| holder.address != first.holder.address || trigger.qualifier != first.trigger.qualifier;
        let first = alike.iter().find(|first| first.trigger.excludes(trigger)).copied();
        diagnostics.extend(first.filter(is_elsewhere).map(|first| shared(first, held, sources)));
        if first.is_none() {
            alike.push(held);
        }
    }
}

fn too_many_cts(trigger: &Trigger) -> Diagnostic {
    let message = format!("the manifest has more than {CTS_TRIGGERS} `cts` triggers, which is the limit of a project");
    let finding = Diagnostic::error("over-limit", message).at(trigger.spot.clone());
    finding.help("one trigger can have up to 100 operations: merge some of them")
}

fn shared(first: Held<'_>, second: Held<'_>, sources: &Sources) -> Diagnostic {
    let name = |held: Held<'_>| format!("`{}` of `{}`", held.trigger.key, held.holder.key);
    let fields = identity_fields(second.trigger);
    let message = format!(
        "the triggers {} and {} have the same {}; the service allows only one such trigger in a project",
        name(first),
        name(second),
        listed(&fields)
    );
    let help = format!("remove one of them, or change {}", fields.join(" or "));
    twice(first.trigger, second.trigger, message, sources).help(help)
}
