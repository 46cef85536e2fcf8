//! Durations in manifests, and hooks that run within one.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserialize, Deserializer};
use serde::{Serialize, Serializer};
use serde_json::Value;
use std::borrow::Cow;
use std::fmt;

use crate::rules::number;

use super::number as number_text;
use super::row::{FieldType, Wrong};
use super::text::Handler;

/// A duration from `MIN` to `MAX` seconds, by default `DEFAULT`: a number of seconds, or text such as `90s`, `15m`,
/// `24h`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Period<const MIN: u32, const MAX: u32, const DEFAULT: u32> {
    Seconds(u64),
    Text(String),
}

pub type TimeoutPeriod =
    Period<{ number::TIMEOUT_SECONDS.least }, { number::TIMEOUT_SECONDS.most }, { number::DEFAULT_TIMEOUT_SECONDS }>;
pub type Initializer = Hook<{ number::INITIALIZER_SECONDS.most }>;
pub type PreStop = Hook<{ number::PRE_STOP_SECONDS.most }>;
pub type RestoreHook = Hook<{ number::RESTORE_HOOK_SECONDS.most }>;

/// Text that is a period.
pub const PATTERN: &str = "^[0-9]+[smh]$";

/// A period that is too short or too long. The text completes "`field` …".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("is {period}, but {expectation} (the default is {default})")]
pub struct OutOfRange {
    period: String,
    expectation: String,
    default: String,
}

impl<const MIN: u32, const MAX: u32, const DEFAULT: u32> Period<MIN, MAX, DEFAULT> {
    /// The number of seconds, even outside the range; the schema cannot check the range of text.
    fn seconds(&self) -> u64 {
        match self {
            Self::Seconds(seconds) => *seconds,
            Self::Text(text) => {
                let (digits, unit) = text.split_at(text.len().saturating_sub(1));
                let unit = match unit {
                    "h" => 3600,
                    "m" => 60,
                    _ => 1,
                };
                // Digits that do not fit exceed any limit.
                digits.parse().unwrap_or(u64::MAX).saturating_mul(unit)
            }
        }
    }

    /// The number of seconds, if it is in range.
    pub fn within(&self) -> Result<u32, OutOfRange> {
        let seconds = u32::try_from(self.seconds()).ok().filter(|seconds| (MIN..=MAX).contains(seconds));
        seconds.ok_or_else(|| OutOfRange {
            period: self.to_string(),
            expectation: Self::expectation(),
            default: number_text::period(DEFAULT.into()),
        })
    }

    fn expectation() -> String {
        format!("it must be {MIN} to {} seconds: a whole number, or text such as 90s, 15m or 24h", grouped(MAX.into()))
    }
}

impl<const MIN: u32, const MAX: u32, const DEFAULT: u32> fmt::Display for Period<MIN, MAX, DEFAULT> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Seconds(seconds) => write!(f, "{seconds}"),
            Self::Text(text) if text.ends_with('s') => f.write_str(text),
            Self::Text(text) => write!(f, "{text} ({} seconds)", grouped(self.seconds())),
        }
    }
}

impl<'de, const MIN: u32, const MAX: u32, const DEFAULT: u32> Deserialize<'de> for Period<MIN, MAX, DEFAULT> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::String(text) => Ok(Self::Text(text)),
            Value::Number(number) => number.as_u64().map(Self::Seconds).ok_or_else(|| de::Error::custom(number)),
            _ => Err(de::Error::custom(Self::expectation())),
        }
    }
}

/// Serialized as seconds.
impl<const MIN: u32, const MAX: u32, const DEFAULT: u32> Serialize for Period<MIN, MAX, DEFAULT> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.seconds().serialize(serializer)
    }
}

impl<const MIN: u32, const MAX: u32, const DEFAULT: u32> JsonSchema for Period<MIN, MAX, DEFAULT> {
    fn schema_name() -> Cow<'static, str> {
        format!("Period{MIN}To{MAX}").into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["integer", "string"],
            "minimum": MIN,
            "maximum": MAX,
            "pattern": PATTERN,
            "errorMessage": Self::expectation(),
        })
    }
}

impl FieldType for TimeoutPeriod {
    fn check(&self) -> Result<(), Wrong> {
        let wrong = |error: OutOfRange| Wrong { member: None, message: error.to_string() };
        self.within().map(|_| ()).map_err(wrong)
    }
}

/// A further entry point of a function, with its time limit.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Hook<const MAX: u32> {
    /// The entry point, in the same file as the handler.
    handler: Handler,
    // The longest time that it may take. The schema's text contains the limit.
    #[serde(serialize_with = "seconds_or_default")]
    #[schemars(extend("default" = number::DEFAULT_HOOK_SECONDS, "description" = longest_time(MAX)))]
    timeout: Option<HookPeriod<MAX>>,
}

type HookPeriod<const MAX: u32> = Period<1, MAX, { number::DEFAULT_HOOK_SECONDS }>;

fn longest_time(most: u32) -> String {
    let default = number::DEFAULT_HOOK_SECONDS;
    format!("The longest time that it may take: 1 to {most} seconds, or text such as `30s`. Default: {default}.")
}

#[expect(clippy::ref_option, reason = "serde passes it this way")]
fn seconds_or_default<const MAX: u32, S: Serializer>(
    timeout: &Option<HookPeriod<MAX>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let seconds = timeout.as_ref().map_or(number::DEFAULT_HOOK_SECONDS.into(), Period::seconds);
    seconds.serialize(serializer)
}

impl<const MAX: u32> FieldType for Hook<MAX> {
    fn check(&self) -> Result<(), Wrong> {
        let wrong = |error: OutOfRange| Wrong { member: Some("timeout"), message: error.to_string() };
        let Some(timeout) = &self.timeout else { return Ok(()) };
        timeout.within().map(|_| ()).map_err(wrong)
    }
}

/// Formats `86400` as `86,400`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 2);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_are_read_in_every_unit() {
        for (text, seconds) in
            [("90s", 90), ("15m", 900), ("24h", 86_400), ("0s", 0), ("99999999999999999999h", u64::MAX)]
        {
            assert_eq!(Period::<1, 86_400, 1>::Text(text.into()).seconds(), seconds, "{text}");
        }
    }

    #[test]
    fn large_numbers_are_grouped() {
        assert_eq!([1, 999, 1000, 1_234_567].map(grouped), ["1", "999", "1,000", "1,234,567"]);
    }
}
