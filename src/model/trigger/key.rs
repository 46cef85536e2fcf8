//! The keys of live triggers in addresses. A manifest gives declared ones a key of its own.

use serde_json::Value;
use std::collections::BTreeSet;

use crate::model::address::Qualifier;
use crate::model::text::TriggerKey;
use crate::rules::trigger::by_code;

use super::{EventData, LiveTrigger, mark};

/// Characters of a type in a key.
const LONGEST: usize = 40;

/// The key of a live trigger: its name if that tells it apart, or else its type and a part of its identity.
pub fn of_live(code: &str, qualifier: Option<&Qualifier>, data: &EventData) -> TriggerKey {
    named(code, data).unwrap_or_else(|| free_key(code, &mark::identity(code, qualifier, data), &BTreeSet::new()))
}

/// The name as a key; manifests use the key as the name unless they say otherwise.
fn named(code: &str, data: &EventData) -> Option<TriggerKey> {
    let known = by_code(code)?;
    let wire = ["name", "trigger_name"].into_iter().find(|wire| known.identity.contains(wire))?;
    TriggerKey::new(data.get(wire).and_then(Value::as_str)?).ok()
}

impl LiveTrigger {
    /// Whether the key is the name of the trigger.
    pub fn has_named_key(&self) -> bool {
        named(&self.code, &self.data).is_some()
    }
}

/// A key of this type that is not taken.
#[expect(clippy::expect_used, reason = "a letter before letters, digits, '_' and '-' is a valid key")]
pub fn free_key(code: &str, identity: &str, taken: &BTreeSet<TriggerKey>) -> TriggerKey {
    let kind = by_code(code).map_or_else(|| code.to_lowercase(), |known| known.key.to_owned());
    let mut text: String = kind.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').take(LONGEST).collect();
    if !text.starts_with(|c: char| c.is_ascii_alphabetic()) {
        text.insert_str(0, "type_");
    }
    let identity: String =
        identity.chars().filter(|c| c.is_ascii_alphanumeric() || "_-".contains(*c)).take(8).collect();
    text = format!("{text}-{identity}");
    while taken.iter().any(|key| key.as_str() == text) {
        text.push('x');
    }
    TriggerKey::new(text).expect("it follows the rule")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn keys_of_live_triggers_are_valid_and_speak() {
        let key =
            |code: &str, data: Value| of_live(code, None, &data.as_object().cloned().unwrap_or_default()).to_string();
        assert_eq!(key("TIMER", json!({ "name": "nightly" })), "nightly");
        assert!(key("TIMER", json!({ "name": "1 odd name" })).starts_with("timer-"));
        assert!(key("OBS", json!({ "bucket": "in" })).starts_with("obs-"));
        assert!(key("9 Ü", json!({})).starts_with("type_9-"));
        assert!(key(&"X".repeat(200), json!({})).len() <= 64);
    }
}
