//! What the tag of a function records about one of its triggers. It contains only short hashes.

use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::{self, Write};

use crate::model::text::TriggerKey;
use crate::rules::trigger::other::optional_members;

use super::mark::{is_digit, short};
use super::{LiveTrigger, Trigger, value};

/// Characters kept of the hash of what was applied: 30 bits.
const APPLIED: usize = 5;
/// Stands for what was applied while a stack owns a trigger and has never written it.
const UNWRITTEN: &str = "00000";
/// Characters kept of the hash of a key. It only finds the trigger whose declaration changed.
const KEY: usize = 2;
/// Characters kept of the hash of an id.
const ID: usize = 5;

/// `<applied><key>`, then `+<optional>`, `=<secrets>` and `@<id>`, where they are needed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The status and the members.
    applied: String,
    /// The key in the manifest.
    key: String,
    /// The optional members, by their positions in [`optional_members`].
    optional: u16,
    /// The values of the secrets. An entry lacks it until they were sent.
    secrets: Option<String>,
    /// The id, where the identity alone does not tell triggers apart.
    id: Option<String>,
}

impl Entry {
    /// What follows the identity in a tag.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (applied, rest) = text.split_at_checked(APPLIED)?;
        let (key, rest) = rest.split_at_checked(KEY)?;
        let (optional, rest) = part(rest, '+');
        let (secrets, rest) = part(rest, '=');
        let (id, rest) = part(rest, '@');
        let optional = optional.map_or(Some(0), |digits| u16::from_str_radix(digits, 16).ok())?;
        let is_whole = rest.is_empty() && [applied, key].iter().all(|hash| hash.bytes().all(is_digit));
        is_whole.then(|| Self {
            applied: applied.to_owned(),
            key: key.to_owned(),
            optional,
            secrets: secrets.map(str::to_owned),
            id: id.map(str::to_owned),
        })
    }

    /// Records that a stack owns a trigger and has never written it.
    #[must_use]
    pub fn unwritten(self) -> Self {
        Self { applied: UNWRITTEN.to_owned(), optional: 0, secrets: None, ..self }
    }

    pub fn is_unwritten(&self) -> bool {
        self.applied == UNWRITTEN
    }

    /// Whether the same was applied. Neither a new key nor a recorded id is a difference.
    pub fn records_the_same_as(&self, other: &Self) -> bool {
        let Self { applied, key: _, optional, secrets, id: _ } = self;
        (applied, optional, secrets) == (&other.applied, &other.optional, &other.secrets)
    }

    /// Whether these members and this status were applied.
    pub fn has_applied(&self, enabled: Option<bool>, members: &BTreeMap<String, Value>) -> bool {
        self.applied == applied(enabled, members)
    }

    /// Whether the same members and status were applied, whatever the secrets are.
    pub fn has_members_of(&self, other: &Self) -> bool {
        self.applied == other.applied
    }

    /// Whether the trigger had this key.
    pub fn is_under(&self, key: &TriggerKey) -> bool {
        self.key == short(key.as_str(), KEY)
    }

    /// The optional members of a type that were applied.
    pub fn optional(&self, code: &str) -> impl Iterator<Item = &'static str> {
        optional_members(code).enumerate().filter(|(at, _)| self.optional & (1 << at) != 0).map(|(_, wire)| wire)
    }

    pub fn secrets(&self) -> Option<&str> {
        self.secrets.as_deref()
    }

    pub fn has_id(&self) -> bool {
        self.id.is_some()
    }

    /// Whether it is certainly about this live trigger.
    pub fn is_of(&self, live: &LiveTrigger) -> bool {
        self.id.as_ref().is_some_and(|id| *id == short(&live.id, ID))
    }

    #[must_use]
    pub fn with_secrets(self, secrets: Option<&str>) -> Self {
        Self { secrets: secrets.map(str::to_owned), ..self }
    }

    #[must_use]
    pub fn with_id(self, id: Option<&str>) -> Self {
        Self { id: id.map(|id| short(id, ID)), ..self }
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { applied, key, optional, secrets, id } = self;
        write!(f, "{applied}{key}")?;
        if *optional != 0 {
            write!(f, "+{optional:x}")?;
        }
        for (marker, part) in [('=', secrets), ('@', id)] {
            if let Some(part) = part {
                write!(f, "{marker}{part}")?;
            }
        }
        Ok(())
    }
}

impl Trigger {
    /// What is recorded when it is applied. Secrets whose values are not known here are not.
    pub fn entry(&self) -> Entry {
        let members = value::members(&value::in_milliseconds(self.data.clone()));
        let is_declared = |wire: &str| members.contains_key(wire) || self.secrets.contains_key(wire);
        let optional = optional_members(self.code.as_str()).enumerate().filter(|(_, wire)| is_declared(wire));
        Entry {
            applied: applied(self.enabled, &members),
            key: short(self.key.as_str(), KEY),
            optional: optional.fold(0, |optional, (at, _)| optional | 1 << at),
            secrets: self.sealed.clone(),
            id: None,
        }
    }
}

/// A marker and the text after it, if the text starts with the marker, and the rest.
fn part(text: &str, marker: char) -> (Option<&str>, &str) {
    let Some(text) = text.strip_prefix(marker) else { return (None, text) };
    let (part, rest) = text.split_at(text.bytes().position(|byte| !is_digit(byte)).unwrap_or(text.len()));
    (Some(part), rest)
}

/// A hash of a status and of members.
fn applied(enabled: Option<bool>, members: &BTreeMap<String, Value>) -> String {
    let mut text = format!("{enabled:?}\n");
    for (wire, value) in members {
        let _ = writeln!(text, "{wire} {}", canonical(value));
    }
    short(&text, APPLIED)
}

/// The same text for values that the service does not tell apart.
pub(super) fn canonical(value: &Value) -> String {
    match value {
        Value::Array(items) => {
            let mut items: Vec<String> = items.iter().map(canonical).collect();
            if value.as_array().into_iter().flatten().all(|item| !item.is_array() && !item.is_object()) {
                items.sort();
            }
            format!("{items:?}")
        }
        Value::String(text) => format!("{text:?}"),
        // A number or a flag can come back as text.
        Value::Number(_) | Value::Bool(_) => format!("{:?}", value.to_string()),
        Value::Object(_) | Value::Null => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::trigger::compare::tests::{live, trigger};
    use serde_json::json;

    #[test]
    fn an_entry_survives_its_text() {
        let kafka = json!({ "instance_id": "i", "topic_ids": ["t"], "kafka_user": "u", "kafka_ssl_enable": true });
        let plain = trigger("KAFKA", &kafka).entry();
        let found = live(&trigger("KAFKA", &kafka));
        for entry in [
            trigger("SMN", &json!({ "topic_urn": "u" })).entry(),
            plain.clone(),
            plain.clone().with_secrets(Some("a_-9")),
            plain.clone().with_id(Some("1")),
            plain.clone().with_secrets(Some("abcd")).with_id(Some("1")),
        ] {
            let text = entry.to_string();
            assert_eq!(Entry::parse(&text), Some(entry), "{text}");
        }
        assert_eq!(plain.optional("KAFKA").collect::<Vec<_>>(), ["kafka_user", "kafka_ssl_enable"]);
        assert!(plain.clone().with_id(Some(&found.id)).is_of(&found) && !plain.is_of(&found));
        for edited in ["", "abcde", "abcdeä2", "abcde12+", "abcde12+xyz", "abcde12x", "abcde12@abcde=abcd"] {
            assert_eq!(Entry::parse(edited), None, "{edited}");
        }
    }

    #[test]
    fn what_the_service_does_not_tell_apart_is_the_same() {
        let entry = |data: Value| trigger("NEW", &data).entry();
        let is_same = |one: Value, other: Value| entry(one).records_the_same_as(&entry(other));
        assert!(is_same(json!({ "a": 5 }), json!({ "a": "5" })));
        assert!(is_same(json!({ "a": ["x", "y"] }), json!({ "a": ["y", "x"] })));
        assert!(is_same(json!({ "a": { "b": 1 } }), json!({ "a": { "b": 1 }, "c": "" })));
        assert!(!is_same(json!({ "a": 5 }), json!({ "a": 6 })));
    }
}
