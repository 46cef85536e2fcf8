//! The tag that records which triggers of a function a stack applied, and how. It contains only short hashes.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt::{self, Write};

use crate::model::address::Qualifier;
use crate::model::text::StackName;

use super::{EventData, Trigger, identity_members, member, value};

/// The format of the tag.
const VERSION: &str = "1-";
/// Characters kept of a hash: 36 bits.
const DIGITS: usize = 6;

/// The triggers that one stack applied to one function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TriggerMark {
    /// A hash of the stack and of the function, so that a copied tag counts as another stack's.
    owner: String,
    /// What was applied, by the trigger's identity.
    entries: BTreeMap<String, String>,
}

impl TriggerMark {
    /// `function` is the function's URN.
    pub fn new(stack: &StackName, function: &str) -> Self {
        Self { owner: short(&format!("{stack}\n{function}")), entries: BTreeMap::new() }
    }

    /// A tag's value; `None` if fgctl did not write it.
    pub fn parse(tag: &str) -> Option<Self> {
        let is_short = |text: &str| text.len() == DIGITS && text.bytes().all(is_digit);
        let rest = tag.strip_prefix(VERSION)?;
        let owner = rest.get(..DIGITS).filter(|owner| is_short(owner))?;
        let entries = rest.get(DIGITS..)?.strip_prefix('-')?;
        let entry = |text: &str| {
            let (identity, applied) = (text.get(..DIGITS)?, text.get(DIGITS..)?);
            (is_short(identity) && is_short(applied)).then(|| (identity.to_owned(), applied.to_owned()))
        };
        let entries = entries.split('.').map(entry).collect::<Option<_>>()?;
        Some(Self { owner: owner.to_owned(), entries })
    }

    pub fn has_owner_of(&self, other: &Self) -> bool {
        self.owner == other.owner
    }

    pub fn applied(&self, identity: &str) -> Option<&str> {
        self.entries.get(identity).map(String::as_str)
    }

    pub fn identities(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }

    pub fn set(&mut self, identity: &str, applied: &str) {
        self.entries.insert(identity.to_owned(), applied.to_owned());
    }

    pub fn remove(&mut self, identity: &str) {
        self.entries.remove(identity);
    }

    /// The tag's value; `None` if nothing is left to record.
    pub fn tag(&self) -> Option<String> {
        (!self.entries.is_empty()).then(|| self.to_string())
    }
}

impl fmt::Display for TriggerMark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{VERSION}{}-", self.owner)?;
        for (index, (identity, applied)) in self.entries.iter().enumerate() {
            write!(f, "{}{identity}{applied}", if index == 0 { "" } else { "." })?;
        }
        Ok(())
    }
}

/// What tells a trigger apart from others of its function.
pub fn identity(code: &str, qualifier: Option<&Qualifier>, data: &EventData) -> String {
    let mut text = format!("{code}\n{}\n", qualifier.map(ToString::to_string).unwrap_or_default());
    for wire in identity_members(code, data) {
        let _ = writeln!(text, "{wire} {}", member(data, wire).map(canonical).unwrap_or_default());
    }
    short(&text)
}

/// What of a trigger was applied: its status and these members.
pub fn applied(enabled: Option<bool>, members: &BTreeMap<String, Value>) -> String {
    let mut text = format!("{enabled:?}\n");
    for (wire, value) in members {
        let _ = writeln!(text, "{wire} {}", canonical(value));
    }
    short(&text)
}

impl Trigger {
    pub fn identity(&self) -> String {
        identity(self.code.as_str(), self.qualifier.as_ref(), &self.data)
    }

    pub fn applied(&self) -> String {
        applied(self.enabled, &value::members(&self.data))
    }
}

/// The same text for values that the service does not tell apart.
fn canonical(value: &Value) -> String {
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

fn short(text: &str) -> String {
    let mut encoded = URL_SAFE_NO_PAD.encode(&Sha256::digest(text)[..DIGITS]);
    encoded.truncate(DIGITS);
    encoded
}

const fn is_digit(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::text::TAG_VALUE;
    use crate::rules::trigger::REMEMBERED_TRIGGERS;
    use serde_json::json;

    fn mark(entries: usize) -> TriggerMark {
        let stack = StackName::new("orders").expect("a name");
        let mut mark = TriggerMark::new(&stack, "urn:fss:eu-de:p:function:default:a");
        (0..entries).for_each(|n| mark.set(&short(&n.to_string()), &short("x")));
        mark
    }

    fn data(value: &Value) -> EventData {
        value.as_object().cloned().unwrap_or_default()
    }

    #[test]
    fn a_mark_survives_its_tag() {
        for entries in 1..=REMEMBERED_TRIGGERS {
            let (mark, tag) = (mark(entries), mark(entries).tag().expect("a tag"));
            assert!(TAG_VALUE.accepts(&tag), "{tag}");
            assert_eq!(TriggerMark::parse(&tag), Some(mark));
        }
        assert_eq!(mark(0).tag(), None);
    }

    #[test]
    fn edited_tags_are_no_marks() {
        for tag in
            ["", "1-", "1-abcdef-", "1-abcdef", "2-abcdef-abcdefabcdef", "1-abcdef-abcdef", "1-abcdeä-abcdefabcdef"]
        {
            assert_eq!(TriggerMark::parse(tag), None, "{tag}");
        }
    }

    #[test]
    fn the_owner_covers_stack_and_function() {
        let of = |stack: &str, function: &str| TriggerMark::new(&StackName::new(stack).expect("a name"), function);
        assert!(of("a", "x").has_owner_of(&of("a", "x")));
        assert!(!of("a", "x").has_owner_of(&of("b", "x")) && !of("a", "x").has_owner_of(&of("a", "y")));
    }

    #[test]
    fn the_identity_ignores_what_can_change() {
        let one = data(&json!({ "name": "a", "schedule": "5m" }));
        let other = data(&json!({ "name": "a", "schedule": "1h", "sync_execution": false }));
        assert_eq!(identity("TIMER", None, &one), identity("TIMER", None, &other));
        assert_ne!(identity("TIMER", None, &one), identity("CTS", None, &one));
        let renamed = data(&json!({ "name": "b", "schedule": "5m" }));
        assert_ne!(identity("TIMER", None, &one), identity("TIMER", None, &renamed));
    }

    #[test]
    fn what_the_service_does_not_tell_apart_is_the_same() {
        let applied = |value: Value| applied(None, &value::members(&data(&value)));
        assert_eq!(applied(json!({ "a": 5 })), applied(json!({ "a": "5" })));
        assert_eq!(applied(json!({ "a": ["x", "y"] })), applied(json!({ "a": ["y", "x"] })));
        assert_eq!(applied(json!({ "a": { "b": 1 } })), applied(json!({ "a": { "b": 1 }, "c": "" })));
        assert_ne!(applied(json!({ "a": 5 })), applied(json!({ "a": 6 })));
    }
}
