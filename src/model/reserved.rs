//! `scaling.reserved`: the instances that are kept ready, always, by schedule or by load.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use std::collections::BTreeSet;

use super::number::{Load, ReservedCount};
use super::row::{FieldType, Wrong};
use super::text::{Cron, ScalingName, Time};

/// Instances of `latest` that are kept ready.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Reserved {
    /// How many instances are ready at all times: 0 to 1,000.
    count: ReservedCount,
    /// Whether they have no CPU while they handle no request, which costs less. Default: false.
    #[serde(default)]
    #[schemars(extend("default" = false))]
    idle_mode: bool,
    /// Times at which more instances are kept ready.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "sorted")]
    schedules: Vec<Schedule>,
    /// Rules that keep more instances ready while the load is high. The service offers this on request, and the agency
    /// needs to read the monitoring service, AOM.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "sorted")]
    loads: Vec<LoadRule>,
}

/// A time at which more instances are kept ready.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// The name of the schedule. Example: `mornings`.
    name: ScalingName,
    /// When it starts: a cron expression with 6 or 7 fields, in UTC. Example: `0 0 8 * * ?`.
    cron: Cron,
    /// How many instances are then ready: at least `count` of `reserved`, at most 1,000.
    count: ReservedCount,
    /// When the schedule begins, in UTC. Required. Example: `2026-01-01T00:00:00Z`.
    start_time: Time,
    /// When it ends, in UTC. Required. Example: `2026-12-31T00:00:00Z`.
    expired_time: Time,
}

/// A rule that keeps more instances ready while the load is high.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LoadRule {
    /// The name of the rule. Example: `busy`.
    name: ScalingName,
    /// The load at which the rule applies, in percent of the concurrent requests that the instances can handle: 1 to 99.
    threshold: Load,
    /// How many instances are ready at least: 0 to 1,000.
    min: ReservedCount,
}

/// The service keeps rules in no order.
fn sorted<'de, T: Deserialize<'de> + Ord, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    let mut rules = Vec::<T>::deserialize(deserializer)?;
    rules.sort();
    Ok(rules)
}

impl FieldType for Reserved {
    fn check(&self) -> Result<(), Wrong> {
        let Self { count, idle_mode: _, schedules, loads } = self;
        let wrong = |member, message: String| Err(Wrong { member: Some(member), message });
        if count.get() == 0 && schedules.is_empty() && loads.is_empty() {
            return wrong(
                "count",
                "is 0, so no instances are kept ready: remove `reserved`, or add `schedules`".to_owned(),
            );
        }
        let names: Vec<&ScalingName> =
            schedules.iter().map(|one| &one.name).chain(loads.iter().map(|one| &one.name)).collect();
        let mut seen = BTreeSet::new();
        if let Some(name) = names.into_iter().find(|name| !seen.insert(*name)) {
            return wrong("schedules", format!("has two rules with the name `{name}`"));
        }
        for Schedule { name, cron: _, count: more, start_time, expired_time } in schedules {
            let instant = |time: &Time| time.as_str().parse::<jiff::Timestamp>();
            match (instant(start_time), instant(expired_time)) {
                _ if more < count => {
                    return wrong(
                        "schedules",
                        format!(
                            "has the schedule `{name}` with count {}, but `reserved.count` is {}",
                            more.get(),
                            count.get()
                        ),
                    );
                }
                (Ok(start), Ok(end)) if start < end => {}
                (Ok(_), Ok(_)) => {
                    return wrong(
                        "schedules",
                        format!("has the schedule `{name}`, whose `expired_time` is not after its `start_time`"),
                    );
                }
                _ => return wrong("schedules", format!("has the schedule `{name}` with a date that does not exist")),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, from_value, json};

    fn schedule(name: &str, count: u32, times: [&str; 2]) -> Value {
        json!({ "name": name, "cron": "0 0 8 * * ?", "count": count, "start_time": times[0], "expired_time": times[1] })
    }

    const YEAR: [&str; 2] = ["2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z"];

    #[test]
    fn what_reserves_nothing_or_contradicts_itself_is_refused() {
        for (value, expected) in [
            (json!({ "count": 2 }), None),
            (json!({ "count": 0, "schedules": [schedule("a", 2, YEAR)] }), None),
            (json!({ "count": 0 }), Some("is 0")),
            (json!({ "count": 3, "schedules": [schedule("a", 2, YEAR)] }), Some("`reserved.count` is 3")),
            (
                json!({ "count": 1, "schedules": [schedule("a", 2, [YEAR[1], YEAR[0]])] }),
                Some("not after its `start_time`"),
            ),
            (
                json!({ "count": 1, "schedules": [schedule("a", 2, [YEAR[0], "2026-02-30T00:00:00Z"])] }),
                Some("does not exist"),
            ),
            (
                json!({ "count": 1, "schedules": [schedule("a", 2, YEAR)], "loads": [{ "name": "a", "threshold": 50, "min": 3 }] }),
                Some("two rules"),
            ),
        ] {
            let reserved: Reserved = from_value(value.clone()).expect("a reservation");
            let refused = reserved.check().err().map(|wrong| wrong.message);
            assert_eq!(refused.is_some(), expected.is_some(), "{value}: {refused:?}");
            assert!(refused.unwrap_or_default().contains(expected.unwrap_or_default()), "{value}");
        }
    }

    #[test]
    fn the_order_of_schedules_means_nothing() {
        let of = |names: [&str; 2]| -> Reserved {
            from_value(json!({ "count": 0, "schedules": names.map(|name| schedule(name, 2, YEAR)) }))
                .expect("a reservation")
        };
        assert_eq!(of(["a", "b"]), of(["b", "a"]));
    }
}
