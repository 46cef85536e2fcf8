//! Reads and writes the instances that are kept ready for `latest`. They have calls of their own.

use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

use crate::model::address::FunctionAddress;
use crate::model::field::Field;
use crate::model::function::Function;
use crate::model::state::{DesiredState, LiveFunction};
use crate::rules::urn::LATEST;
use crate::wire::reserved_instance::{ReservedInstanceConfig, ReservedInstanceConfigs, UpdateReservedInstances};
use crate::wire::routes::Operation;

use super::read_live::{Functions, PAGES};
use super::update::Sent;
use super::{Error, Remote, record};

/// The name under which a reservation is added to what GET config returned.
const ADDED_AS: &str = "reservedinstances";

impl Remote {
    /// Adds the reservations of the functions whose manifest declares them, with one list for all of them.
    pub(super) async fn add_reservations(
        &self,
        functions: &mut Functions,
        desired: &DesiredState,
    ) -> Result<(), Error> {
        let is_needed = |live: &LiveFunction| {
            let wanted = desired.functions.get(&live.address);
            wanted.is_some_and(|wanted| wanted.function.needs(Field::Reserved, desired.applied(live)))
        };
        if !functions.values().any(is_needed) {
            return Ok(());
        }
        let mut reservations = self.reservations(None).await?;
        for (address, live) in functions.iter_mut().filter(|(_, live)| is_needed(live)) {
            live.see(Field::Reserved, reservations.remove(address).unwrap_or_default());
        }
        Ok(())
    }

    /// The reservation of one function; null if it has none.
    pub async fn read_reservation(&self, address: &FunctionAddress) -> Result<Value, Error> {
        let urn = self.urn(address);
        Ok(self.reservations(Some(&urn)).await?.remove(address).unwrap_or_default())
    }

    /// Adds the reservation to a record, if the function needs it.
    pub(super) async fn show_reservation(
        &self,
        function: &Function,
        record: &mut Map<String, Value>,
    ) -> Result<(), Error> {
        if function.later.contains_key(&Field::Reserved) {
            record.insert(ADDED_AS.to_owned(), self.read_reservation(&function.address).await?);
        }
        Ok(())
    }

    /// Replaces the reservation.
    pub async fn update_reservation(&self, function: &Function, sent: &mut Sent) -> Result<(), Error> {
        let body = written(&function.configuration.value(Field::Reserved));
        let urn = format!("{}:{LATEST}", self.urn(&function.address));
        self.client.update_reserved_instances(&urn, &body).await?;
        sent.reserved = true;
        Ok(())
    }

    /// The reservations of `latest`, in the manifest's form.
    async fn reservations(&self, function: Option<&str>) -> Result<BTreeMap<FunctionAddress, Value>, Error> {
        let (mut found, mut marker) = (BTreeMap::new(), 0);
        for _ in 0..PAGES {
            let page = self.client.list_reserved_instance_configs(function, marker).await?;
            let ReservedInstanceConfigs { reserved_instances, page_info, count } = page;
            let length = reserved_instances.len() as u64;
            found.extend(reserved_instances.iter().filter_map(read));
            if length == 0 || page_info.next_marker <= marker || page_info.next_marker >= count {
                return Ok(found);
            }
            marker = page_info.next_marker;
        }
        Err(Error::contradiction(self.request(Operation::ListReservedInstanceConfigs, &[]), "its pages do not end"))
    }
}

/// The names of rules in the manifest and in the service.
const SCHEDULES: (&str, &str) = ("schedules", "cron_configs");
const LOADS: (&str, &str) = ("loads", "metric_configs");
/// Times, which the service has as seconds since 1970.
const TIMES: [&str; 2] = ["start_time", "expired_time"];

fn read(config: &ReservedInstanceConfig) -> Option<(FunctionAddress, Value)> {
    let ReservedInstanceConfig { function_urn, qualifier_type, qualifier_name, min_count, idle_mode, tactics_config } =
        config;
    if qualifier_type != "version" || qualifier_name != LATEST {
        return None;
    }
    let mut value = json!({ "count": min_count, "idle_mode": idle_mode });
    for (ours, theirs) in [SCHEDULES, LOADS] {
        let rules = tactics_config.as_ref().and_then(|tactics| tactics.get(theirs)?.as_array());
        if let Some(rules) = rules.filter(|rules| !rules.is_empty()) {
            value[ours] = rules.iter().map(read_rule).collect();
        }
    }
    let reserves_nothing = *min_count == 0 && value.as_object().is_some_and(|members| members.len() == 2);
    let address = record::address_of_urn(function_urn)?;
    Some((address, if reserves_nothing { Value::Null } else { value }))
}

fn read_rule(rule: &Value) -> Value {
    let mut rule = rule.clone();
    if let Some(members) = rule.as_object_mut() {
        // The service has only one type of load.
        members.remove("type");
        for time in TIMES {
            if let Some(seconds) = members.get(time).and_then(Value::as_i64)
                && let Ok(instant) = jiff::Timestamp::from_second(seconds)
            {
                members.insert(time.to_owned(), instant.to_string().into());
            }
        }
    }
    rule
}

fn written(value: &Value) -> UpdateReservedInstances {
    let rules = |(ours, theirs): (&str, &str)| {
        let rules = value.get(ours)?.as_array()?.iter().map(|rule| written_rule(ours, rule)).collect::<Vec<_>>();
        Some((theirs.to_owned(), Value::from(rules)))
    };
    let tactics: Map<String, Value> = [SCHEDULES, LOADS].into_iter().filter_map(rules).collect();
    UpdateReservedInstances {
        count: value.get("count").and_then(Value::as_i64).unwrap_or_default(),
        idle_mode: Some(value.get("idle_mode") == Some(&Value::Bool(true))),
        tactics_config: (!tactics.is_empty()).then(|| tactics.into()),
    }
}

fn written_rule(kind: &str, rule: &Value) -> Value {
    let mut rule = rule.clone();
    if let Some(members) = rule.as_object_mut() {
        if kind == LOADS.0 {
            members.insert("type".to_owned(), "Concurrency".into());
        }
        for time in TIMES {
            let instant = members.get(time).and_then(|time| time.as_str()?.parse::<jiff::Timestamp>().ok());
            if let Some(instant) = instant {
                members.insert(time.to_owned(), instant.as_second().into());
            }
        }
    }
    rule
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(qualifier: (&str, &str), body: UpdateReservedInstances) -> ReservedInstanceConfig {
        ReservedInstanceConfig {
            function_urn: "urn:fss:eu-de:p:function:default:one:latest".to_owned(),
            qualifier_type: qualifier.0.to_owned(),
            qualifier_name: qualifier.1.to_owned(),
            min_count: body.count,
            idle_mode: body.idle_mode.unwrap_or_default(),
            tactics_config: body.tactics_config,
        }
    }

    #[test]
    fn what_is_written_is_read_as_the_same_value() {
        let value = json!({
            "count": 2, "idle_mode": true,
            "schedules": [{ "name": "a", "cron": "0 0 8 * * ?", "count": 5, "start_time": "2026-01-01T00:00:00Z", "expired_time": "2027-01-01T00:00:00Z" }],
            "loads": [{ "name": "b", "threshold": 50, "min": 3 }],
        });
        let body = written(&value);
        let tactics = body.tactics_config.clone().expect("rules");
        assert_eq!(tactics["cron_configs"][0]["start_time"], 1_767_225_600);
        assert_eq!(tactics["metric_configs"][0]["type"], "Concurrency");
        assert_eq!(read(&config(("version", "latest"), body.clone())).map(|(_, found)| found), Some(value));
        assert_eq!(read(&config(("version", "v1"), body.clone())), None);
        assert_eq!(read(&config(("alias", "latest"), body)), None);
        let nothing = written(&Value::Null);
        assert_eq!((nothing.count, nothing.idle_mode, &nothing.tactics_config), (0, Some(false), &None));
        assert_eq!(read(&config(("version", "latest"), nothing)).map(|(_, found)| found), Some(Value::Null));
    }
}
