//! Compares declared with live triggers: only members that the manifest declares, and only if live has them.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

use crate::rules::trigger::{Need, Shape, by_code};

use super::mark;
use super::{LiveTrigger, Trigger, member, value};

/// How many changed members are tried when the mark may have been made without them.
const TRIED: usize = 6;

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

    /// Whether a mark says that the live values were applied. The manifest of that apply may have lacked some members, or
    /// a status.
    pub fn is_marked(&self, live: &LiveTrigger, marked: &str) -> bool {
        let difference = self.difference(live);
        let live_data = value::in_milliseconds(live.data.clone());
        let declared = value::members(&value::in_milliseconds(self.data.clone()));
        let found = |wire: &String, wanted: &Value| member(&live_data, wire).unwrap_or(wanted).clone();
        let all: BTreeMap<String, Value> =
            declared.iter().map(|(wire, wanted)| (wire.clone(), found(wire, wanted))).collect();
        let differing: Vec<&String> = difference.members.iter().take(TRIED).collect();
        (0..1_u32 << differing.len()).any(|left_out| {
            let mut members = all.clone();
            let left_out = differing.iter().enumerate().filter(|(index, _)| left_out & (1 << index) != 0);
            left_out.for_each(|(_, wire)| drop(members.remove(*wire)));
            [live.is_active, None].into_iter().any(|enabled| mark::applied(enabled, &members) == marked)
        })
    }
}

/// The members of a trigger by their names in a manifest, as reports show them.
pub fn shown(code: &str, data: &super::EventData) -> BTreeMap<String, Value> {
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
mod tests {
    use super::*;
    use crate::diagnostic::Spot;
    use crate::model::text::{TriggerKey, TriggerTypeCode};
    use serde_json::json;

    fn timer(schedule: &str, enabled: Option<bool>) -> Trigger {
        let data = json!({ "name": "a", "schedule_type": "Rate", "schedule": schedule });
        Trigger {
            key: TriggerKey::new("a").expect("a key"),
            spot: Spot::value(0, ""),
            code: TriggerTypeCode::new("TIMER").expect("a code"),
            qualifier: None,
            data: data.as_object().cloned().unwrap_or_default(),
            secrets: BTreeMap::new(),
            enabled,
        }
    }

    fn live(trigger: &Trigger) -> LiveTrigger {
        LiveTrigger {
            key: trigger.key.clone(),
            id: "1".to_owned(),
            code: trigger.code.to_string(),
            qualifier: None,
            data: trigger.data.clone(),
            is_active: trigger.enabled,
            modified: String::new(),
        }
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
    fn a_mark_shows_whether_live_is_as_applied() {
        let (before, after) = (timer("5m", Some(true)), timer("1h", Some(true)));
        assert!(after.is_marked(&live(&before), &before.applied()));
        assert!(!after.is_marked(&live(&timer("2m", Some(true))), &before.applied()));
        assert!(timer("5m", Some(true)).is_marked(&live(&timer("5m", Some(true))), &timer("5m", None).applied()));
    }
}
