//! Rules for fields of a function that are objects, lists or structured text, and rules for several fields together.

use serde_json::{Map, Value, json};

use crate::rules::field::{DOMAIN_NAME, HEARTBEAT, IMAGE, LOG_TAG, PEERING_CIDR};
use crate::rules::number;
use crate::rules::quota;

use super::super::failure::{Failure, Outcome};
use super::super::store::function::FunctionSettings;
use super::function_field::{Violation, obeys, object, require};

/// `{image, command, args, working_dir, uid, gid}`. An image that is not enabled does not count.
pub(super) fn image(value: &Value) -> Result<(), Violation> {
    object(value)?;
    let is_off = value.get("enabled") == Some(&Value::Bool(false));
    if is_off { Ok(()) } else { obeys(value.get("image").unwrap_or(&Value::Null), &IMAGE) }
}

pub(super) fn network(value: &Value) -> Result<(), Violation> {
    let has = |name: &str| value.get(name).and_then(Value::as_str).is_some_and(|id| !id.is_empty());
    require(has("vpc_id") && has("subnet_id"), "needs vpc_id and subnet_id")
}

pub(super) fn network_controller(value: &Value) -> Result<(), Violation> {
    object(value)?;
    let is_id = |vpc: &Value| vpc.get("vpc_id").and_then(Value::as_str).is_some_and(|id| !id.is_empty());
    let is_list = |list: &Value| list.as_array().is_some_and(|vpcs| vpcs.iter().all(is_id));
    let is_flag = value.get("disable_public_network").is_none_or(|flag| flag.is_boolean() || flag.is_null());
    let vpcs = value.get("trigger_access_vpcs").is_none_or(|list| list.is_null() || is_list(list));
    require(
        is_flag && vpcs,
        "needs a truth value in disable_public_network, and objects with vpc_id in trigger_access_vpcs",
    )
}

pub(super) fn peering(value: &Value) -> Result<(), Violation> {
    obeys(value, &PEERING_CIDR)
}

pub(super) fn domain_names(value: &Value) -> Result<(), Violation> {
    let zones = value.as_str().and_then(|text| serde_json::from_str::<Vec<Map<String, Value>>>(text).ok());
    let text = |zone: &Map<String, Value>, name: &str, accepts: &dyn Fn(&str) -> bool| {
        zone.get(name).and_then(Value::as_str).is_some_and(accepts)
    };
    let is_zone = |zone: &Map<String, Value>| {
        text(zone, "id", &|id| !id.is_empty()) && text(zone, "domain_name", &|name| DOMAIN_NAME.accepts(name))
    };
    let message = "must be a JSON list inside a string, of objects with id and a domain_name that ends with a dot";
    require(zones.is_some_and(|zones| zones.iter().all(is_zone)), message)
}

pub(super) fn mounts(value: &Value) -> Result<(), Violation> {
    object(value)?;
    let mounts = value.get("func_mounts").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    require(mounts.len() <= quota::MOUNTS, "has more than 5 mounts")?;
    let kinds = ["sfs", "sfsTurbo", "ecs"];
    let is_mount = |mount: &Value| {
        let text = |name: &str| mount.get(name).and_then(Value::as_str).unwrap_or_default();
        kinds.contains(&text("mount_type"))
            && !text("mount_resource").is_empty()
            && text("local_mount_path").starts_with('/')
    };
    require(mounts.iter().all(is_mount), "has a mount without a type, a resource or a local path that begins with /")?;
    let owner = |name: &str| value.get("mount_user").and_then(|user| user.get(name));
    require(
        ["user_id", "user_group_id"].into_iter().filter_map(owner).all(is_owner),
        "has an owner that is not -1, or 1 to 65534 without 1000 and 1002",
    )
}

/// Some clients send numbers as text.
fn is_owner(value: &Value) -> bool {
    let number = value.as_str().map_or_else(|| value.as_i64(), |text| text.parse().ok());
    number.is_some_and(|number| {
        number == number::DEFAULT_MOUNT_OWNER
            || number::MOUNT_OWNERS.contains(number) && !number::TAKEN_MOUNT_OWNERS.contains(&number)
    })
}

pub(super) fn log_tags(value: &Value) -> Result<(), Violation> {
    let tags = value.as_object().ok_or(Violation::Other("must be an object"))?;
    require(tags.len() <= quota::LOG_TAGS, "has more than 10 tags")?;
    tags.iter().try_for_each(|(key, value)| obeys(&key.as_str().into(), &LOG_TAG).and_then(|()| obeys(value, &LOG_TAG)))
}

pub(super) fn heartbeat(value: &Value) -> Result<(), Violation> {
    obeys(value, &HEARTBEAT)
}

/// Refuses fields that need another one.
pub(super) fn agree(settings: &FunctionSettings) -> Outcome<()> {
    let has = |name: &str| settings.contains_key(name);
    let has_agency = has("xrole") || has("app_xrole");
    let is_image = settings.get("custom_image").is_some_and(|image| image.get("enabled") != Some(&Value::Bool(false)));
    for (field, code) in [("func_vpc", "FSS.1020"), ("mount_config", "FSS.1040")] {
        if has(field) && !has_agency {
            return Err(Failure::refused(code, format!("{field} needs xrole, an agency that may use it")));
        }
    }
    if is_image && !has_agency {
        return Err(Failure::refused("FSS.1034", "custom_image needs xrole, an agency that may read the image"));
    }
    Ok(())
}

/// Like the service, binds a new log group and stream to a function that collects logs and names none. A function that does
/// not collect logs has none.
pub(super) fn bind_log(settings: &mut FunctionSettings, function: &str, [group, stream]: [String; 2]) {
    if settings.get("enable_lts_log") != Some(&Value::Bool(true)) {
        settings.remove("log_config");
    } else if !settings.contains_key("log_config") {
        let short = |id: &str| id.chars().take(8).collect::<String>();
        let log = json!({
            "group_id": group, "group_name": format!("functiongraph.log.group.{}", short(&group)),
            "stream_id": stream, "stream_name": format!("{function}-{}", short(&stream)),
        });
        settings.insert("log_config".to_owned(), log);
    }
}
