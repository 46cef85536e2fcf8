//! Types of fields that are neither plain text nor a range of numbers. What the service keeps in no order is sorted, so
//! that equal values compare as equal.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use crate::rules::number;
use crate::rules::quota;

use super::row::{FieldType, Wrong};
use super::text::{AbsolutePath, DomainName, Id, LogTag, SharePath};

/// A whole number that is not within the values of its type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{value} is not valid: it must be {expectation}")]
pub struct NoSuchNumber {
    pub value: i64,
    pub expectation: String,
}

/// A whole number with a rule that is not only a range: the rule, the same as a schema, and in words.
macro_rules! number {
    ($(#[$meta:meta])* $name:ident, $accepts:expr, $schema:expr, $expectation:expr) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(try_from = "i64", into = "i64")]
        pub struct $name(i64);

        impl TryFrom<i64> for $name {
            type Error = NoSuchNumber;

            fn try_from(value: i64) -> Result<Self, NoSuchNumber> {
                let accepts: fn(i64) -> bool = $accepts;
                if accepts(value) { Ok(Self(value)) } else { Err(NoSuchNumber { value, expectation: $expectation }) }
            }
        }

        impl From<$name> for i64 {
            fn from(number: $name) -> i64 {
                number.0
            }
        }

        impl FieldType for $name {}

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn inline_schema() -> bool {
                true
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                let mut schema: Schema = $schema;
                schema.insert("type".into(), "integer".into());
                schema.insert("errorMessage".into(), format!("it must be {}", $expectation).into());
                schema
            }
        }
    };
}

number!(
    /// Instances of a function at once.
    Instances,
    |value| matches!(value, number::UNLIMITED_INSTANCES | number::DISABLED_INSTANCES) || number::INSTANCES.contains(value),
    json_schema!({ "minimum": number::UNLIMITED_INSTANCES, "maximum": number::INSTANCES.most }),
    format!("a whole number from -1 to {}: -1 is unlimited, 0 disables the function", number::INSTANCES.most)
);
number!(
    /// MB of temporary storage.
    EphemeralStorage,
    |value| number::EPHEMERAL_STORAGE_MB.iter().any(|size| value == i64::from(*size)),
    json_schema!({ "enum": number::EPHEMERAL_STORAGE_MB }),
    number::EPHEMERAL_STORAGE_MB.map(|size| size.to_string()).join(" or ")
);
number!(
    /// MB of GPU memory.
    GpuMemory,
    |value| number::GPU_MEMORY_MB.contains(value) && value % i64::from(number::GPU_MEMORY_STEP_MB) == 0,
    json_schema!({
        "minimum": number::GPU_MEMORY_MB.least,
        "maximum": number::GPU_MEMORY_MB.most,
        "multipleOf": number::GPU_MEMORY_STEP_MB,
    }),
    format!("a multiple of {} up to {}", number::GPU_MEMORY_STEP_MB, number::GPU_MEMORY_MB.most)
);
number!(
    /// The user or group that owns mounted files.
    MountOwner,
    |value| {
        value == number::DEFAULT_MOUNT_OWNER
            || number::MOUNT_OWNERS.contains(value) && !number::TAKEN_MOUNT_OWNERS.contains(&value)
    },
    json_schema!({
        "minimum": number::DEFAULT_MOUNT_OWNER,
        "maximum": number::MOUNT_OWNERS.most,
        "not": { "enum": [0, number::TAKEN_MOUNT_OWNERS[0], number::TAKEN_MOUNT_OWNERS[1]] },
    }),
    format!("-1, or a whole number from 1 to {} except 1000 and 1002", number::MOUNT_OWNERS.most)
);

impl FieldType for bool {}

/// Ids without an order, at most `MOST`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Ids<const MOST: usize>(BTreeSet<Id>);

pub type Networks = Ids<50>;

impl<const MOST: usize> FieldType for Ids<MOST> {
    fn check(&self) -> Result<(), Wrong> {
        Wrong::unless_at_most(MOST, self.0.len())
    }
}

impl<const MOST: usize> JsonSchema for Ids<MOST> {
    fn schema_name() -> Cow<'static, str> {
        format!("Ids{MOST}").into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let message = format!("it must be a list of at most {MOST} different ids");
        let items = Id::json_schema(generator);
        json_schema!({
            "type": "array", "items": items, "uniqueItems": true, "maxItems": MOST, "errorMessage": message,
        })
    }
}

/// Tags on a function's log.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LogTags(BTreeMap<LogTag, LogTag>);

impl FieldType for LogTags {
    fn check(&self) -> Result<(), Wrong> {
        Wrong::unless_at_most(quota::LOG_TAGS, self.0.len())
    }
}

impl JsonSchema for LogTags {
    fn schema_name() -> Cow<'static, str> {
        "LogTags".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let (names, values) = (LogTag::json_schema(generator), LogTag::json_schema(generator));
        let message = format!("it must be a mapping with at most {} log tags", quota::LOG_TAGS);
        json_schema!({
            "type": "object", "propertyNames": names, "additionalProperties": values,
            "maxProperties": quota::LOG_TAGS, "errorMessage": message,
        })
    }
}

/// The kinds of storage that a function can mount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("errorMessage" = "it must be sfs, sfsTurbo or ecs"))]
pub enum MountType {
    Sfs,
    SfsTurbo,
    Ecs,
}

/// A directory of another system that instances of the function see as one of their own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Mount {
    // First, because mounts are sorted by it.
    /// The directory in the instance. Example: `/mnt/orders`.
    local_path: AbsolutePath,
    /// The kind of the file system: `sfs`, `sfsTurbo`, or `ecs` for a shared directory of a server.
    r#type: MountType,
    /// The id of the file system or of the server.
    resource: Id,
    /// The directory that is mounted. Example: `192.168.0.1:/`.
    share_path: SharePath,
}

/// Mounts, sorted by their local paths.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(from = "Vec<Mount>")]
pub struct Mounts(Vec<Mount>);

impl From<Vec<Mount>> for Mounts {
    fn from(mut mounts: Vec<Mount>) -> Self {
        mounts.sort();
        Self(mounts)
    }
}

impl FieldType for Mounts {
    fn check(&self) -> Result<(), Wrong> {
        Wrong::unless_at_most(quota::MOUNTS, self.0.len())?;
        let twice = self.0.windows(2).find(|pair| pair[0].local_path == pair[1].local_path);
        twice.map_or(Ok(()), |pair| {
            Err(Wrong { member: None, message: format!("has two mounts at {}", pair[0].local_path) })
        })
    }
}

impl JsonSchema for Mounts {
    fn schema_name() -> Cow<'static, str> {
        "Mounts".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let items = Mount::json_schema(generator);
        let message = format!("it must be a list of at most {} mounts", quota::MOUNTS);
        json_schema!({ "type": "array", "items": items, "maxItems": quota::MOUNTS, "errorMessage": message })
    }
}

/// A private zone of the DNS service.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PrivateZone {
    /// The zone's id.
    id: Id,
    /// The zone's name, with a dot at its end. Example: `orders.example.com.`.
    domain_name: DomainName,
}

/// Private zones, sorted by their ids.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(from = "Vec<PrivateZone>")]
pub struct PrivateZones(Vec<PrivateZone>);

impl From<Vec<PrivateZone>> for PrivateZones {
    fn from(mut zones: Vec<PrivateZone>) -> Self {
        zones.sort();
        zones.dedup();
        Self(zones)
    }
}

impl FieldType for PrivateZones {}

impl JsonSchema for PrivateZones {
    fn schema_name() -> Cow<'static, str> {
        "PrivateZones".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let items = PrivateZone::json_schema(generator);
        json_schema!({ "type": "array", "items": items, "errorMessage": "it must be a list of zones" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, from_value, json, to_value};

    fn accepts<T: FieldType>(value: i64) -> bool {
        from_value::<T>(json!(value)).is_ok()
    }

    #[test]
    fn numbers_at_their_edges() {
        let instances = [-2, -1, 0, 1, 1000, 1001].map(accepts::<Instances>);
        assert_eq!(instances, [false, true, true, true, true, false]);
        assert_eq!([511, 512, 10_240].map(accepts::<EphemeralStorage>), [false, true, true]);
        let gpu = [0, 1023, 1024, 1025, 24_576].map(accepts::<GpuMemory>);
        assert_eq!(gpu, [false, false, true, false, true]);
        let owners = [-2, -1, 0, 1, 999, 1000, 1002, 65_534, 65_535].map(accepts::<MountOwner>);
        assert_eq!(owners, [false, true, false, true, true, false, false, true, false]);
    }

    fn canonical<T: FieldType>(value: Value) -> Value {
        to_value(from_value::<T>(value).expect("a value of the type")).expect("JSON")
    }

    #[test]
    fn what_has_no_order_is_sorted() {
        assert_eq!(canonical::<Networks>(json!(["b", "a", "b"])), json!(["a", "b"]));
        let mount =
            |path: &str| json!({ "local_path": path, "type": "sfsTurbo", "resource": "r", "share_path": "h:/" });
        assert_eq!(canonical::<Mounts>(json!([mount("/b"), mount("/a")])), json!([mount("/a"), mount("/b")]));
        let zone = |id: &str| json!({ "id": id, "domain_name": "x." });
        assert_eq!(canonical::<PrivateZones>(json!([zone("b"), zone("a")])), json!([zone("a"), zone("b")]));
    }

    #[test]
    fn lists_are_not_longer_than_the_service_allows() {
        let checked = |(networks, tags): (usize, usize)| {
            let texts = |count: usize| (0..count).map(|number| format!("t{number}"));
            let networks: Networks = from_value(json!(texts(networks).collect::<Vec<_>>())).expect("ids");
            let tags = texts(tags).map(|text| (text, json!("a"))).collect::<serde_json::Map<_, _>>();
            let tags: LogTags = from_value(Value::Object(tags)).expect("tags");
            [networks.check(), tags.check()].map(|found| found.map_err(|wrong| wrong.message))
        };
        assert_eq!(checked((50, 10)), [Ok(()), Ok(())]);
        let too_many =
            |count: usize, most: usize| Err::<(), _>(format!("has {count} items; at most {most} are allowed"));
        assert_eq!(checked((51, 11)), [too_many(51, 50), too_many(11, 10)]);
    }

    #[test]
    fn two_mounts_have_two_paths() {
        let mount = json!({ "local_path": "/a", "type": "sfs", "resource": "r", "share_path": "/" });
        let mounts: Mounts = from_value(json!([mount, mount])).expect("mounts");
        assert_eq!(mounts.check().map_err(|wrong| wrong.message), Err("has two mounts at /a".to_owned()));
    }
}
