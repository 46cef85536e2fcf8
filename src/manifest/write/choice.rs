//! Chooses the triggers of an entry. A manifest would refuse some live triggers, so they are left out with the reason.

use std::collections::BTreeSet;

use crate::diagnostic::Spot;
use crate::model::address::FunctionAddress;
use crate::model::secret::Secret;
use crate::model::text::{TriggerKey, TriggerTypeCode};
use crate::model::trigger::key::free_key;
use crate::model::trigger::mark::has_room_for;
use crate::model::trigger::{LiveTrigger, Trigger, has_identity_of};
use crate::rules::trigger::other::{other, polls, uniqueness_of};
use crate::rules::trigger::{POLLING_TRIGGERS, REMEMBERED_TRIGGERS, Uniqueness, is_secret};

use super::trigger::{self, Entry, Inexpressible};

/// The triggers of one entry.
#[derive(Default)]
pub(super) struct Chosen {
    /// In the order of the live triggers.
    pub(super) entries: Vec<(TriggerKey, Entry)>,
    pub(super) left_out: Vec<(LiveTrigger, Inexpressible)>,
}

/// The triggers that the whole manifest declares so far.
#[derive(Default)]
pub(super) struct Declared<'a>(Vec<(&'a FunctionAddress, &'a LiveTrigger)>);

impl<'a> Declared<'a> {
    /// Chooses the triggers of a function, first come, first served. `key` is the function's key.
    pub(super) fn choose(&mut self, function: &'a FunctionAddress, triggers: &'a [LiveTrigger], key: &str) -> Chosen {
        let (mut chosen, mut taken, mut own) = (Chosen::default(), BTreeSet::new(), Vec::new());
        for live in triggers {
            let name =
                if taken.contains(&live.key) { free_key(&live.code, &live.id, &taken) } else { live.key.clone() };
            let obstacle = obstacle(live, &own).or_else(|| self.elsewhere(live));
            match obstacle.map_or_else(|| trigger::entry(live, name.as_str(), key), Err) {
                Ok(entry) => {
                    chosen.entries.push((name.clone(), entry));
                    taken.insert(name);
                    own.push(live);
                }
                Err(why) => chosen.left_out.push((live.clone(), why)),
            }
        }
        let unique = own.into_iter().filter(|live| uniqueness_of(&live.code) == Uniqueness::Project);
        self.0.extend(unique.map(|live| (function, live)));
        chosen
    }

    /// The service has some triggers only once in a project.
    fn elsewhere(&self, live: &LiveTrigger) -> Option<Inexpressible> {
        let (function, _) = self.0.iter().find(|(_, other)| is_same(live, other))?;
        Some(Inexpressible::Elsewhere((*function).clone()))
    }
}

/// Why a manifest would refuse a trigger beside others of its function.
fn obstacle(live: &LiveTrigger, own: &[&LiveTrigger]) -> Option<Inexpressible> {
    let is_polling = |other: &&&LiveTrigger| polls(&other.code) && other.qualifier == live.qualifier;
    let is_second = |other: &&&LiveTrigger| {
        is_same(live, other) && (other.qualifier == live.qualifier || uniqueness_of(&live.code) == Uniqueness::Project)
    };
    if let Some(other) = own.iter().find(is_second) {
        return Some(Inexpressible::Second(other.key.clone()));
    }
    let recorded: Vec<Trigger> = own.iter().copied().chain([live]).filter_map(recorded).collect();
    if own.len() >= REMEMBERED_TRIGGERS || !has_room_for(&recorded) {
        return Some(Inexpressible::NoRoom);
    }
    (polls(&live.code) && own.iter().filter(is_polling).count() >= POLLING_TRIGGERS)
        .then_some(Inexpressible::TooManyPolling)
}

/// A live trigger as the tag would record it.
fn recorded(live: &LiveTrigger) -> Option<Trigger> {
    let required =
        other(&live.code).map_or(&[][..], |known| known.required).iter().copied().filter(|wire| is_secret(wire));
    let secrets = required.map(str::to_owned).chain(live.secrets.iter().cloned());
    let secret = |wire| (wire, Secret { variable: String::new(), value: None, spot: Spot::value(0, "") });
    Some(Trigger {
        key: live.key.clone(),
        spot: Spot::value(0, ""),
        code: TriggerTypeCode::new(live.code.as_str()).ok()?,
        qualifier: live.qualifier.clone(),
        data: live.data.clone(),
        secrets: secrets.map(secret).collect(),
        sealed: None,
        enabled: None,
    })
}

/// Of a type that is unknown here, the members of one may be some of the other's.
fn is_same(one: &LiveTrigger, other: &LiveTrigger) -> bool {
    one.code == other.code
        && (has_identity_of(&one.code, &one.data, &other.data) || has_identity_of(&one.code, &other.data, &one.data))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::trigger::compare::tests::{live, trigger};
    use serde_json::{Value, json};

    fn address(name: &str) -> FunctionAddress {
        name.parse().expect("an address")
    }

    fn made(code: &str, id: usize, data: &Value) -> LiveTrigger {
        LiveTrigger { id: id.to_string(), is_active: None, ..live(&trigger(code, data)) }
    }

    /// Why triggers of a function are left out.
    fn left_out(triggers: &[LiveTrigger]) -> Vec<String> {
        let function = address("a");
        let Chosen { entries, left_out } = Declared::default().choose(&function, triggers, "a");
        assert_eq!(entries.len() + left_out.len(), triggers.len());
        left_out.into_iter().map(|(_, why)| why.to_string()).collect()
    }

    #[test]
    fn what_a_manifest_would_refuse_is_left_out_with_the_reason() {
        let topics = |more: Value| {
            (0..19).map(move |id| {
                let mut data = json!({ "topic_urn": format!("urn:smn:r:p:t{id}") });
                data.as_object_mut().expect("an object").extend(more.as_object().cloned().unwrap_or_default());
                made("SMN", id, &data)
            })
        };
        let found = left_out(&topics(json!({})).collect::<Vec<_>>());
        assert!(found.len() == 1 && found[0].contains("no room"), "{found:?}");
        let kafka = |id: usize| made("OPENSOURCEKAFKA", id, &json!({ "topic_ids": [format!("t{id}")] }));
        let found = left_out(&(0..11).map(kafka).collect::<Vec<_>>());
        assert!(found.len() == 1 && found[0].contains("at most 10"), "{found:?}");
        let twice = [0, 1].map(|id| made("NEW", id, &json!({ "a": 1 })));
        assert_eq!(left_out(&twice), ["it is the same trigger to the service as `a`"]);
        let wider = [made("NEW", 0, &json!({ "a": 1, "b": 2 })), made("NEW", 1, &json!({ "a": 1 }))];
        assert_eq!(left_out(&wider).len(), 1, "the members of one are some of the other's");
        for (code, data) in [
            ("TIMER", json!({ "name": "a", "schedule_type": "Cron", "schedule": "0 0 2 30 2 ?" })),
            ("OBS", json!({ "bucket": "incoming", "events": [] })),
            ("OBS", json!({ "bucket": "incoming", "events": ["s3:ObjectCreated:Put", "s3:ObjectCreated:Put"] })),
            ("OBS", json!({ "bucket": "incoming", "events": ["s3:ObjectCreated:*", "s3:ObjectCreated:Put"] })),
            ("OBS", json!({ "bucket": "incoming", "events": ["s3:ObjectCreated:*"], "prefix": "x".repeat(2000) })),
            ("NEW", json!({ "a": { "env": "HOME" } })),
            ("DMS", json!({ "queue_id": null, "consumer_group_id": "c" })),
        ] {
            assert_eq!(left_out(&[made(code, 0, &data)]).len(), 1, "{code} {data}");
        }
    }

    #[test]
    fn what_a_project_has_only_once_is_declared_once() {
        let (one, other) = (address("a"), address("b"));
        let rule = [made("OBS", 0, &json!({ "bucket": "incoming", "events": ["s3:ObjectCreated:*"] }))];
        let mut declared = Declared::default();
        assert_eq!(declared.choose(&one, &rule, "a").entries.len(), 1);
        let chosen = declared.choose(&other, &rule, "b");
        let found: Vec<String> = chosen.left_out.iter().map(|(_, why)| why.to_string()).collect();
        assert_eq!(found, ["function default/a has the same trigger, and the service allows only one in a project"]);
    }
}
