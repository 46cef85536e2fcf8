//! What a new trigger takes over from the one that it replaces: what only live has.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

use crate::rules::trigger::other::{has_identity, other, status_of};
use crate::rules::trigger::{StatusRule, described_by};

use super::{Entry, EventData, LiveTrigger, Trigger, identity_members, value};

/// The members and the status that a replacement keeps.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Carried {
    pub data: EventData,
    /// `None` leaves the status to the manifest or the type.
    pub enabled: Option<bool>,
}

impl LiveTrigger {
    /// The members that a create can send, by their wire names. Answers also contain members of the service's own.
    pub fn writable(&self) -> BTreeMap<String, Value> {
        let mut members = value::members(&self.data);
        if let Some(known) = self.known() {
            let is_field = |wire: &str| known.field(wire).is_some();
            let is_companion = |wire: &str| [value::SCHEDULE_TYPE, value::POLLING_UNIT].contains(&wire);
            members.retain(|wire, _| is_field(wire) || is_companion(wire));
        } else if let Some(known) = other(&self.code) {
            let is_member = |wire: &str| known.required.iter().chain(known.optional).any(|known| *known == wire);
            members.retain(|wire, _| is_member(wire));
        }
        // The service gives its own id as the name to a trigger that has none.
        members.retain(|_, value| value.as_str() != Some(&self.id));
        members
    }

    /// The same as `event_data`.
    pub fn writable_data(&self) -> EventData {
        let mut data = EventData::new();
        for (wire, value) in self.writable() {
            value::insert(&mut data, &wire, value);
        }
        data
    }
}

impl Trigger {
    /// What this trigger takes over from a live one that it replaces. `entry` says what the manifest declared before: that
    /// does not stay.
    pub fn carried(&self, old: &LiveTrigger, entry: Option<&Entry>) -> Carried {
        let code = self.code.as_str();
        let can_be_disabled = status_of(code).is_none_or(StatusRule::can_be_disabled);
        let enabled = old.is_active.filter(|_| self.enabled.is_none() && can_be_disabled);
        let mut data = EventData::new();
        // Of an unknown type, it is not known which members are the service's own.
        if code == old.code && has_identity(code) {
            let declared = value::members(&self.data);
            let identity = identity_members(code, &self.data);
            let removed: BTreeSet<&str> = entry.into_iter().flat_map(|entry| entry.optional(code)).collect();
            let found = old.writable();
            let is_described = |wire: &str| described_by(wire).is_some_and(|of| declared.get(of) != found.get(of));
            for (wire, value) in &found {
                let wire = wire.as_str();
                let stays = !declared.contains_key(wire) && !identity.contains(&wire) && !removed.contains(wire);
                if stays && !is_described(wire) {
                    value::insert(&mut data, wire, value.clone());
                }
            }
        }
        Carried { data, enabled }
    }

    /// This trigger with what it takes over.
    #[must_use]
    pub fn with(&self, carried: &Carried) -> Self {
        let Carried { data, enabled } = carried;
        let mut trigger = self.clone();
        for (wire, value) in value::members(data) {
            value::insert(&mut trigger.data, &wire, value);
        }
        trigger.enabled = trigger.enabled.or(*enabled);
        trigger
    }

    /// The secrets of a live trigger that a replacement loses: the service does not return them, and this trigger does not
    /// have them. Those that the manifest declared before are removed on purpose.
    pub fn lost_secrets<'l>(&self, old: &'l LiveTrigger, entry: Option<&Entry>) -> Vec<&'l str> {
        let removed: BTreeSet<&str> = entry.into_iter().flat_map(|entry| entry.optional(&old.code)).collect();
        let is_lost = |wire: &&str| !self.secrets.contains_key(*wire) && !removed.contains(wire);
        let secrets = old.secrets.iter().filter(|_| self.code.as_str() == old.code);
        secrets.map(String::as_str).filter(is_lost).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Spot;
    use crate::model::trigger::compare::tests::{live, trigger};
    use serde_json::json;

    fn kafka(more: &Value) -> Trigger {
        let mut data = json!({ "instance_id": "i", "topic_ids": ["t"], "batch_size": 100 });
        data.as_object_mut().expect("an object").extend(more.as_object().cloned().unwrap_or_default());
        Trigger { enabled: None, ..trigger("KAFKA", &data) }
    }

    #[test]
    fn only_what_no_manifest_declared_is_kept() {
        let mut old = live(&kafka(&json!({ "kafka_user": "u", "kafka_ssl_enable": true, "of_the_service": 1 })));
        old.is_active = Some(true);
        let wanted = kafka(&json!({ "batch_size": 5 }));
        let all = wanted.carried(&old, None);
        assert_eq!(Value::from(all.data.clone()), json!({ "kafka_user": "u", "kafka_ssl_enable": true }));
        assert_eq!(all.enabled, Some(true));
        let merged = wanted.with(&all);
        assert_eq!((&merged.data["batch_size"], merged.enabled), (&json!(5), Some(true)));
        let removed = kafka(&json!({ "kafka_user": "u" })).entry();
        assert_eq!(Value::from(wanted.carried(&old, Some(&removed)).data), json!({ "kafka_ssl_enable": true }));
        let disabled = Trigger { enabled: Some(false), ..wanted.clone() };
        assert_eq!(disabled.carried(&old, None).enabled, None);
        let other_type = trigger("SMN", &json!({ "topic_urn": "u" }));
        assert_eq!(Trigger { enabled: None, ..other_type }.carried(&old, None), Carried::default());
    }

    #[test]
    fn a_name_that_the_service_chose_and_a_domain_of_another_group_do_not_stay() {
        let mut old = live(&trigger("OBS", &json!({ "bucket": "in", "events": ["a"], "name": "id-1" })));
        old.id = "id-1".into();
        assert_eq!(
            trigger("OBS", &json!({ "bucket": "in", "events": ["b"] })).carried(&old, None).data,
            EventData::new()
        );
        let api = |group: &str| json!({ "group_id": group, "path": "/", "req_method": "ANY", "env_id": "e" });
        let mut old = live(&trigger("APIG", &api("g")));
        old.data.extend([("sl_domain".to_owned(), json!("d")), ("env_name".to_owned(), json!("n"))]);
        let kept = |group: &str| Value::from(trigger("APIG", &api(group)).carried(&old, None).data);
        assert_eq!(kept("g"), json!({ "sl_domain": "d", "env_name": "n" }));
        assert_eq!(kept("h"), json!({ "env_name": "n" }));
    }

    #[test]
    fn secrets_of_others_are_lost_and_removed_ones_are_not() {
        let mut old = live(&kafka(&json!({})));
        old.secrets.insert("kafka_password".into());
        let wanted = kafka(&json!({}));
        assert_eq!(wanted.lost_secrets(&old, None), ["kafka_password"]);
        let secret = crate::model::secret::Secret { variable: "V".into(), value: None, spot: Spot::value(0, "") };
        let mut with_password = wanted.clone();
        with_password.secrets.insert("kafka_password".into(), secret);
        assert_eq!(with_password.lost_secrets(&old, None), Vec::<&str>::new());
        assert_eq!(wanted.lost_secrets(&old, Some(&with_password.entry())), Vec::<&str>::new());
    }
}
