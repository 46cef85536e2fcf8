//! Numbers that are always within the service's range.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

use crate::rules::number;

use super::row::FieldType;

/// A whole number from `MIN` to `MAX`, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Bounded<const MIN: u32, const MAX: u32>(u32);

pub type MaxRetries = Bounded<{ number::MAX_RETRIES.least }, { number::MAX_RETRIES.most }>;
/// Seconds.
pub type Validity = Bounded<{ number::VALIDITY_SECONDS.least }, { number::VALIDITY_SECONDS.most }>;
/// Requests that one instance handles at once.
pub type Concurrency = Bounded<1, { number::REQUESTS_PER_INSTANCE.most }>;
/// Instances that are kept ready.
pub type ReservedCount = Bounded<{ number::RESERVED_INSTANCES.least }, { number::RESERVED_INSTANCES.most }>;
/// Percent.
pub type Load = Bounded<{ number::LOAD_PERCENT.least }, { number::LOAD_PERCENT.most }>;
/// The user or group that runs a container.
pub type ContainerOwner = Bounded<{ number::CONTAINER_OWNERS.least }, { number::CONTAINER_OWNERS.most }>;
/// Days; 0 means never.
pub type Expires = Bounded<{ number::EXPIRES_DAYS.least }, { number::EXPIRES_DAYS.most }>;

/// A duration in the largest unit without a remainder: `2h`, `90m`, `45s`.
pub fn period(seconds: u64) -> String {
    match seconds {
        0 => "0s".to_owned(),
        hours if hours.is_multiple_of(3_600) => format!("{}h", hours / 3_600),
        minutes if minutes.is_multiple_of(60) => format!("{}m", minutes / 60),
        seconds => format!("{seconds}s"),
    }
}

/// A number outside the range of its type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{value} is not within {min} to {max}")]
pub struct OutOfRange {
    pub value: u32,
    pub min: u32,
    pub max: u32,
}

impl<const MIN: u32, const MAX: u32> Bounded<MIN, MAX> {
    pub const MIN: u32 = MIN;
    pub const MAX: u32 = MAX;

    pub fn new(value: u32) -> Result<Self, OutOfRange> {
        if (MIN..=MAX).contains(&value) { Ok(Self(value)) } else { Err(OutOfRange { value, min: MIN, max: MAX }) }
    }

    /// A default from [`crate::rules`]. It does not compile if it is out of range.
    pub const fn constant<const VALUE: u32>() -> Self {
        const { assert!(MIN <= VALUE && VALUE <= MAX) };
        Self(VALUE)
    }

    pub const fn get(self) -> u32 {
        self.0
    }
}

impl<const MIN: u32, const MAX: u32> TryFrom<u32> for Bounded<MIN, MAX> {
    type Error = OutOfRange;

    fn try_from(value: u32) -> Result<Self, OutOfRange> {
        Self::new(value)
    }
}

impl<const MIN: u32, const MAX: u32> From<Bounded<MIN, MAX>> for u32 {
    fn from(bounded: Bounded<MIN, MAX>) -> u32 {
        bounded.0
    }
}

impl<const MIN: u32, const MAX: u32> JsonSchema for Bounded<MIN, MAX> {
    fn schema_name() -> Cow<'static, str> {
        format!("Integer{MIN}To{MAX}").into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let message = format!("it must be a whole number from {MIN} to {MAX}");
        json_schema!({ "type": "integer", "minimum": MIN, "maximum": MAX, "errorMessage": message })
    }
}

/// Memory in MB, one of the sizes that the service offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Memory(u32);

/// A memory size that the service does not offer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0} MB is not a memory size that the service offers")]
pub struct NoSuchMemory(u32);

impl Memory {
    pub fn new(value: u32) -> Result<Self, NoSuchMemory> {
        if number::MEMORY_MB.contains(&value) { Ok(Self(value)) } else { Err(NoSuchMemory(value)) }
    }

    pub const fn get(self) -> u32 {
        self.0
    }
}

impl FieldType for Memory {}

impl<const MIN: u32, const MAX: u32> FieldType for Bounded<MIN, MAX> {}

impl Default for Memory {
    fn default() -> Self {
        Self(number::DEFAULT_MEMORY_MB)
    }
}

impl TryFrom<u32> for Memory {
    type Error = NoSuchMemory;

    fn try_from(value: u32) -> Result<Self, NoSuchMemory> {
        Self::new(value)
    }
}

impl From<Memory> for u32 {
    fn from(memory: Memory) -> u32 {
        memory.0
    }
}

impl JsonSchema for Memory {
    fn schema_name() -> Cow<'static, str> {
        "Memory".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let sizes = number::MEMORY_MB.map(|size| size.to_string()).join(", ");
        let message = format!("it must be one of {sizes}");
        json_schema!({ "type": "integer", "enum": number::MEMORY_MB, "errorMessage": message })
    }
}
