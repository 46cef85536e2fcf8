//! Values in reports, which hide secrets.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Value, json};

/// A value as reports may show it. In JSON, a hidden value is `{"sensitive": true}`.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema)]
#[schemars(with = "Value")]
pub enum Shown {
    Value(Value),
    Sensitive,
}

impl Serialize for Shown {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Value(value) => value.serialize(serializer),
            Self::Sensitive => json!({ "sensitive": true }).serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Shown {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        // No field has a value with this form.
        Ok(if value == json!({ "sensitive": true }) { Self::Sensitive } else { Self::Value(value) })
    }
}
