//! Compares declared with live triggers: only members that the manifest declares. If live lacks a member, only a mark can tell
//! whether it was applied, because the service does not return every member.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

use crate::rules::trigger::other::optional_members;
use crate::rules::trigger::{Need, Shape, by_code, is_secret};

use super::{Entry, EventData, LiveTrigger, Trigger, member, value};

/// The differences of a live trigger from the declared one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Difference {
    /// The wire names of members with other values.
    pub members: BTreeSet<String>,
    pub status: bool,
}

impl Difference {
    pub fn is_empty(&self) -> bool {
        self.members.is_empty() && !self.status
    }
}

impl Trigger {
    /// The differences of a live trigger from this one.
    pub fn difference(&self, live: &LiveTrigger) -> Difference {
        let live_data = value::in_milliseconds(live.data.clone());
        let declared = value::members(&value::in_milliseconds(self.data.clone()));
        let differs = |(wire, wanted): &(&String, &Value)| {
            member(&live_data, wire).is_some_and(|found| !value::is_same(wanted, found))
        };
        let members = declared.iter().filter(differs).map(|(wire, _)| wire.clone()).collect();
        let status = self.enabled.zip(live.is_active).is_some_and(|(wanted, found)| wanted != found);
        Difference { members, status }
    }

    /// Whether the service can make these changes to a live trigger.
    pub fn can_change_to(&self, difference: &Difference) -> bool {
        let can_change = |wire: &String| {
            self.known().and_then(|known| known.field(wire)).is_some_and(|field| field.can_change)
                || wire == value::POLLING_UNIT
        };
        difference.members.iter().all(can_change)
    }

    /// Whether an entry says that the live values were applied.
    pub fn is_marked(&self, live: &LiveTrigger, entry: &Entry) -> bool {
        let code = self.code.as_str();
        let live_data = value::in_milliseconds(live.data.clone());
        let mut members = value::members(&value::in_milliseconds(self.data.clone()));
        let applied: BTreeSet<&str> = entry.optional(code).collect();
        let was_optional: BTreeSet<&str> = optional_members(code).filter(|wire| !applied.contains(wire)).collect();
        members.retain(|wire, _| !was_optional.contains(wire.as_str()));
        for (wire, value) in &mut members {
            if let Some(found) = member(&live_data, wire) {
                value.clone_from(found);
            }
        }
        for wire in applied.into_iter().filter(|wire| !is_secret(wire)) {
            match member(&live_data, wire) {
                Some(found) => drop(members.insert(wire.to_owned(), found.clone())),
                // The service does not return every member, so only the others can tell.
                None if !members.contains_key(wire) => return self.difference(live).is_empty(),
                None => {}
            }
        }
        // The manifest of that apply may have lacked a status.
        [live.is_active, None].into_iter().any(|enabled| entry.has_applied(enabled, &members))
    }

    /// The optional members that were applied and are no longer declared. Those that have the value that the service uses
    /// anyway need no change.
    pub fn removed(&self, live: &LiveTrigger, entry: &Entry) -> BTreeSet<&'static str> {
        let declared = value::members(&self.data);
        let is_declared = |wire: &str| declared.contains_key(wire) || self.secrets.contains_key(wire);
        let is_absent = |wire: &str| self.has_default(&live.data, wire);
        entry.optional(self.code.as_str()).filter(|wire| !is_declared(wire) && !is_absent(wire)).collect()
    }

    /// The declared members that live lacks, if the entry does not say that they were applied.
    pub fn unsent_members(&self, live: &LiveTrigger, entry: Option<&Entry>) -> BTreeSet<String> {
        let declared = value::members(&value::in_milliseconds(self.data.clone()));
        let live_data = value::in_milliseconds(live.data.clone());
        let is_unsent = |wire: &&String| member(&live_data, wire).is_none() && !self.has_default(&self.data, wire);
        let unsent: BTreeSet<String> = declared.keys().filter(is_unsent).cloned().collect();
        let is_applied = |enabled| entry.is_some_and(|entry| entry.has_applied(enabled, &declared));
        // Usually, live has all of them.
        if unsent.is_empty() || [Some(true), Some(false), None].into_iter().any(is_applied) {
            return BTreeSet::new();
        }
        unsent
    }

    /// Whether a member has the value that the service uses without it.
    fn has_default(&self, data: &EventData, wire: &str) -> bool {
        let field = self.known().and_then(|known| known.field(wire));
        let absent = field.and_then(|field| Some((field, value::default_value(&field.shape, field.absent?))));
        absent.is_some_and(|(field, absent)| value::written(data, field) == Some(absent))
    }

    /// The secrets that have to be sent, because their values are not those that were sent last. Without an entry, it is not
    /// known which values live has.
    pub fn unsent_secrets(&self, entry: Option<&Entry>) -> BTreeSet<&str> {
        let is_sent = |entry: &Entry| self.sealed.is_none() || entry.secrets() == self.sealed.as_deref();
        let names = self.secrets.keys().filter(|_| !entry.is_some_and(is_sent));
        names.map(String::as_str).collect()
    }
}

/// The members of a trigger by their names in a manifest, as reports show them.
pub fn shown(code: &str, data: &EventData) -> BTreeMap<String, Value> {
    let Some(known) = by_code(code) else { return value::members(data) };
    let fields = known.fields.iter().filter(|field| !matches!(field.need, Need::Fixed(_)));
    let value = |field: &crate::rules::trigger::TriggerField| {
        let raw = || match field.shape {
            Shape::Schedule(_) => None,
            _ => member(data, field.wire).cloned(),
        };
        value::written(data, field).or_else(raw)
    };
    fields.filter_map(|field| Some((field.key.to_owned(), value(field)?))).collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::diagnostic::Spot;
    use crate::model::secret::Secret;
    use crate::model::text::{TriggerKey, TriggerTypeCode};
    use serde_json::json;

    /// An enabled trigger.
    pub(crate) fn trigger(code: &str, data: &Value) -> Trigger {
        Trigger {
            key: TriggerKey::new("a").expect("a key"),
            spot: Spot::value(0, ""),
            code: TriggerTypeCode::new(code).expect("a code"),
            qualifier: None,
            data: data.as_object().cloned().unwrap_or_default(),
            secrets: BTreeMap::new(),
            sealed: None,
            enabled: Some(true),
        }
    }

    /// A trigger as it was created.
    pub(crate) fn live(trigger: &Trigger) -> LiveTrigger {
        LiveTrigger {
            key: trigger.key.clone(),
            id: "1".to_owned(),
            code: trigger.code.to_string(),
            qualifier: None,
            data: trigger.data.clone(),
            secrets: trigger.secrets.keys().cloned().collect(),
            is_active: trigger.enabled,
            created: String::new(),
            modified: String::new(),
        }
    }

    fn timer(schedule: &str, enabled: Option<bool>) -> Trigger {
        let data = json!({ "name": "a", "schedule_type": "Rate", "schedule": schedule });
        Trigger { enabled, ..trigger("TIMER", &data) }
    }

    fn kafka(more: &Value) -> Trigger {
        let mut data = json!({ "instance_id": "i", "topic_ids": ["t"] });
        data.as_object_mut().expect("an object").extend(more.as_object().cloned().unwrap_or_default());
        trigger("KAFKA", &data)
    }

    #[test]
    fn only_declared_members_that_live_has_are_compared() {
        let wanted = timer("5m", Some(true));
        let mut found = live(&wanted);
        assert!(wanted.difference(&found).is_empty());
        found.data.insert("sync_execution".to_owned(), json!(false));
        assert!(wanted.difference(&found).is_empty());
        found.data.remove("schedule");
        assert!(wanted.difference(&found).is_empty());
        found.data.insert("schedule".to_owned(), json!("1h"));
        found.is_active = Some(false);
        let difference = wanted.difference(&found);
        assert_eq!((difference.members.len(), difference.status), (1, true));
    }

    #[test]
    fn an_entry_shows_whether_live_is_as_applied() {
        let (before, after) = (timer("5m", Some(true)), timer("1h", Some(true)));
        assert!(after.is_marked(&live(&before), &before.entry()));
        assert!(!after.is_marked(&live(&timer("2m", Some(true))), &before.entry()));
        assert!(before.is_marked(&live(&before), &timer("5m", None).entry()));
        let (with_user, without) = (kafka(&json!({ "kafka_user": "u" })), kafka(&json!({})));
        assert!(without.is_marked(&live(&with_user), &with_user.entry()));
        assert!(with_user.is_marked(&live(&with_user), &without.entry()));
        assert!(!without.is_marked(&live(&kafka(&json!({ "kafka_user": "v" }))), &with_user.entry()));
    }

    #[test]
    fn optional_members_that_were_applied_are_removed_unless_they_have_the_services_value() {
        for (applied, live_data, expected) in [
            (json!({ "kafka_user": "u" }), json!({ "kafka_user": "u" }), vec!["kafka_user"]),
            (json!({ "kafka_user": "u" }), json!({}), vec!["kafka_user"]),
            (json!({ "kafka_ssl_enable": true }), json!({ "kafka_ssl_enable": true }), vec!["kafka_ssl_enable"]),
            (json!({ "kafka_ssl_enable": false }), json!({ "kafka_ssl_enable": "false" }), vec![]),
            (json!({}), json!({ "kafka_user": "u" }), vec![]),
        ] {
            let removed = kafka(&json!({})).removed(&live(&kafka(&live_data)), &kafka(&applied).entry());
            assert_eq!(removed.into_iter().collect::<Vec<_>>(), expected, "{applied} {live_data}");
        }
    }

    #[test]
    fn secrets_are_sent_unless_the_same_values_were() {
        let with = |sealed: Option<&str>| {
            let mut one = kafka(&json!({}));
            one.secrets.insert(
                "kafka_password".into(),
                Secret { variable: "V".into(), value: None, spot: Spot::value(0, "") },
            );
            Trigger { sealed: sealed.map(str::to_owned), ..one }
        };
        let unsent = |sealed: Option<&str>, entry: Option<&Entry>| with(sealed).unsent_secrets(entry).len();
        let applied = with(Some("abcd")).entry();
        assert_eq!(unsent(Some("abcd"), Some(&applied)), 0);
        assert_eq!(unsent(Some("efgh"), Some(&applied)), 1);
        assert_eq!(unsent(Some("abcd"), Some(&applied.clone().with_secrets(None))), 1);
        assert_eq!(unsent(None, Some(&applied)), 0);
        assert_eq!(unsent(None, None), 1);
        assert_eq!(kafka(&json!({})).removed(&live(&with(None)), &applied).len(), 1);
    }
}
