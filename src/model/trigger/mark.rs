//! The tag that records which triggers of a function a stack applied, and how. It contains only short hashes.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt::{self, Write};

use crate::model::address::Qualifier;
use crate::model::text::StackName;
use crate::rules::text::TAG_VALUE;
use crate::rules::trigger::other::has_identity;

use super::entry::{Entry, canonical};
use super::{EventData, LiveTrigger, Trigger, identity_members, member};

/// The format of the tag.
const VERSION: &str = "1-";
/// Characters kept of the hash of the owner: 36 bits.
const OWNER: usize = 6;
/// Characters kept of the hash of an identity: 30 bits.
const IDENTITY: usize = 5;

/// The triggers that one stack applied to one function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TriggerMark {
    /// A hash of the stack and of the function, so that a copied tag counts as another stack's.
    owner: String,
    /// What was applied, by the trigger's identity.
    entries: BTreeMap<String, Entry>,
}

impl TriggerMark {
    /// `function` is the function's URN.
    pub fn new(stack: &StackName, function: &str) -> Self {
        Self { owner: short(&format!("{stack}\n{function}"), OWNER), entries: BTreeMap::new() }
    }

    /// A tag's value; `None` if fgctl did not write it.
    pub fn parse(tag: &str) -> Option<Self> {
        let is_hash = |text: &str| text.bytes().all(is_digit);
        let (owner, entries) = tag.strip_prefix(VERSION)?.split_at_checked(OWNER)?;
        let entry = |text: &str| {
            let (identity, entry) = text.split_at_checked(IDENTITY)?;
            Some((identity.to_owned(), Entry::parse(entry).filter(|_| is_hash(identity))?))
        };
        let entries = entries.strip_prefix('-')?.split('.').map(entry).collect::<Option<_>>()?;
        is_hash(owner).then(|| Self { owner: owner.to_owned(), entries })
    }

    pub fn has_owner_of(&self, other: &Self) -> bool {
        self.owner == other.owner
    }

    pub fn entry(&self, identity: &str) -> Option<&Entry> {
        self.entries.get(identity)
    }

    pub fn entries(&self) -> impl ExactSizeIterator<Item = (&str, &Entry)> {
        self.entries.iter().map(|(identity, entry)| (identity.as_str(), entry))
    }

    pub fn identities(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }

    pub fn set(&mut self, identity: &str, entry: Entry) {
        self.entries.insert(identity.to_owned(), entry);
    }

    pub fn remove(&mut self, identity: &str) {
        self.entries.remove(identity);
    }

    /// The live trigger of each entry, by its identity: the one whose id the tag records, or else the oldest with that
    /// identity. Any other one with the same identity belongs to others.
    pub fn live<'l>(&self, live: &'l [LiveTrigger]) -> BTreeMap<String, &'l LiveTrigger> {
        let mut oldest: BTreeMap<String, &LiveTrigger> = BTreeMap::new();
        for found in live {
            let known = oldest.entry(found.identity()).or_insert(found);
            if found.age() < known.age() {
                *known = found;
            }
        }
        let of_entry = |(identity, entry): (&String, &Entry)| {
            let found = live.iter().find(|found| entry.is_of(found)).or_else(|| oldest.get(identity).copied())?;
            Some((identity.clone(), found))
        };
        self.entries.iter().filter_map(of_entry).collect()
    }

    /// The tag's value; `None` if nothing is left to record.
    pub fn tag(&self) -> Option<String> {
        (!self.entries.is_empty()).then(|| self.to_string())
    }

    /// Whether the tag's value is short enough.
    pub fn fits(&self) -> bool {
        TAG_VALUE.accepts(&self.to_string())
    }
}

impl fmt::Display for TriggerMark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{VERSION}{}-", self.owner)?;
        for (index, (identity, entry)) in self.entries.iter().enumerate() {
            write!(f, "{}{identity}{entry}", if index == 0 { "" } else { "." })?;
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
    short(&text, IDENTITY)
}

/// Whether the tag has room for these triggers.
pub fn has_room_for<'a>(triggers: impl IntoIterator<Item = &'a Trigger>) -> bool {
    let mut mark = TriggerMark { owner: short("", OWNER), entries: BTreeMap::new() };
    for trigger in triggers {
        let secrets = (!trigger.secrets.is_empty()).then_some("1234");
        let id = (!has_identity(trigger.code.as_str())).then_some("");
        mark.set(&trigger.identity(), trigger.entry().with_secrets(secrets).with_id(id));
    }
    mark.fits()
}

impl Trigger {
    pub fn identity(&self) -> String {
        identity(self.code.as_str(), self.qualifier.as_ref(), &self.data)
    }
}

impl LiveTrigger {
    pub fn identity(&self) -> String {
        identity(&self.code, self.qualifier.as_ref(), &self.data)
    }

    /// Orders triggers by their age. Of several with the same time, the first of the service's list is the oldest. The service
    /// has several formats of times, so the order may be arbitrary, but it is always the same.
    pub fn age(&self) -> &str {
        &self.created
    }
}

pub(super) fn short(text: &str, digits: usize) -> String {
    let mut encoded = URL_SAFE_NO_PAD.encode(&Sha256::digest(text)[..OWNER]);
    encoded.truncate(digits);
    encoded
}

pub(super) const fn is_digit(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::trigger::compare::tests::{live, trigger};
    use crate::rules::trigger::REMEMBERED_TRIGGERS;
    use serde_json::{Value, json};

    fn topic(name: &str) -> Trigger {
        trigger("SMN", &json!({ "topic_urn": name }))
    }

    fn mark(entries: usize) -> TriggerMark {
        let stack = StackName::new("orders").expect("a name");
        let mut mark = TriggerMark::new(&stack, "urn:fss:eu-de:p:function:default:a");
        (0..entries).map(|n| topic(&n.to_string())).for_each(|one| mark.set(&one.identity(), one.entry()));
        mark
    }

    fn data(value: &Value) -> EventData {
        value.as_object().cloned().unwrap_or_default()
    }

    #[test]
    fn a_mark_survives_its_tag() {
        for entries in 1..=REMEMBERED_TRIGGERS {
            let (mark, tag) = (mark(entries), mark(entries).tag().expect("a tag"));
            assert!(mark.fits(), "{tag}");
            assert_eq!(TriggerMark::parse(&tag), Some(mark));
        }
        assert_eq!(mark(0).tag(), None);
        assert!(!mark(REMEMBERED_TRIGGERS + 2).fits());
    }

    #[test]
    fn edited_tags_are_no_marks() {
        for tag in [
            "",
            "1-",
            "1-abcdef-",
            "1-abcdef",
            "2-abcdef-abcdefabcdef",
            "1-abcdef-abcdefabcde",
            "1-abcdeä-abcdefabcdef",
            "1-abcdef-abcd.fabcdef",
        ] {
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
    fn of_identical_triggers_the_recorded_or_the_oldest_one_counts() {
        let one = topic("orders");
        let made = |id: &str, created: &str| LiveTrigger { id: id.into(), created: created.into(), ..live(&one) };
        let found = [made("1", "2026-02"), made("2", "2026-01"), made("3", "2026-01")];
        let ours = |id: Option<&str>| {
            let mut mark = mark(0);
            mark.set(&one.identity(), one.entry().with_id(id));
            mark.live(&found).remove(&one.identity()).map(|found| found.id.clone())
        };
        assert_eq!(ours(None).as_deref(), Some("2"));
        assert_eq!(ours(Some("3")).as_deref(), Some("3"));
        assert_eq!(ours(Some("gone")).as_deref(), Some("2"));
    }
}
