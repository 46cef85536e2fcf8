//! Triggers: which types there are, which fields each has, and when something starts a function.
//!
//! Sources: the vendor's definitions and documentation, and the Terraform provider. A type that is not in [`TYPES`] can
//! still be declared by its code.

pub mod audit;
pub mod cron;
pub mod other;
pub mod schedule;
mod table;

use serde_json::{Map, Value};

use super::field::ID;
use super::number::Range;
use super::text::Text;

pub use table::TYPES;

/// The triggers of one version that the service asks for new events itself.
pub const POLLING_TRIGGERS: usize = 10;
/// The triggers of one function that fgctl can remember: as many as fit into a tag.
pub const REMEMBERED_TRIGGERS: usize = 18;
/// CTS triggers in one project.
pub const CTS_TRIGGERS: usize = 10;
/// The notifications in a row after which the local server ends a chain of events.
pub const HOPS: u32 = 16;

/// The members of `event_data`, by their wire names.
pub type EventData = Map<String, Value>;

/// What one type of trigger is, and what the service does with it.
#[derive(Debug, Clone, Copy)]
pub struct TriggerType {
    /// The service's name: `TIMER`.
    pub code: &'static str,
    /// The name in a manifest: `timer`.
    pub key: &'static str,
    /// The description in the schema.
    pub doc: &'static str,
    pub fields: &'static [TriggerField],
    /// The wire names of the fields that tell two triggers of this type on one version apart.
    pub identity: &'static [&'static str],
    pub uniqueness: Uniqueness,
    pub status: StatusRule,
    /// Whether the service asks for new events itself; there is a limit for these.
    pub polls: bool,
    pub invocation: Invocation,
    /// What is lost while the trigger is replaced, which takes two requests.
    pub missed: &'static str,
}

/// Where the service has at most one trigger of a type with the same identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Uniqueness {
    /// On one version or alias of a function.
    Version,
    /// In the whole project, because the trigger is an entry in another service: a rule of a bucket or an API of a gateway.
    Project,
}

/// The status after a create, and whether it can change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatusRule {
    /// Active, and it cannot be disabled.
    AlwaysActive,
    StartsActive,
    StartsDisabled,
}

/// How a trigger invokes its function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Invocation {
    Asynchronous,
    /// As `func_info.invocation_type` says.
    Declared,
}

/// One member of `event_data`.
#[derive(Debug, Clone, Copy)]
pub struct TriggerField {
    /// The name in a manifest.
    pub key: &'static str,
    /// The name in `event_data`; a dot separates the members of an object.
    pub wire: &'static str,
    pub shape: Shape,
    pub need: Need,
    /// The description in the schema.
    pub doc: &'static str,
    /// Whether PUT can change it. A change of any other field replaces the trigger.
    pub can_change: bool,
    /// The value, as a manifest writes it, that the service uses for a field that is left out.
    pub absent: Option<&'static str>,
}

/// The values that a member can have.
#[derive(Debug, Clone, Copy)]
pub enum Shape {
    Text(&'static Text),
    Choice(&'static [Choice]),
    Number(Range),
    Flag,
    /// A flag that creates take as the text `true` or `false`.
    FlagText,
    /// A list of at most `most` texts.
    Texts {
        item: &'static Text,
        most: usize,
    },
    /// A list of choices.
    Choices(&'static [Choice]),
    /// A schedule; `schedule_type` says which kind it is.
    Schedule(schedule::Kind),
    /// A duration in milliseconds on the wire: `polling_interval` with `polling_unit` `ms`.
    Milliseconds(Range),
    /// A value that is sent, and that the service never returns.
    Secret,
}

/// A choice by its name in a manifest, and the service's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Choice {
    pub key: &'static str,
    pub wire: ChoiceValue,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChoiceValue {
    Text(&'static str),
    Number(u32),
}

/// Whether a create needs a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    Required,
    /// Exactly one of the fields with this need is required.
    OneOf,
    Optional,
    /// If a manifest leaves it out, it is the trigger's key.
    KeyOfTrigger,
    /// If a manifest leaves it out, this is sent.
    Default(&'static str),
    /// Always sent with this value; a manifest cannot declare it.
    Fixed(&'static str),
}

/// A member of `event_data`; a dot in the name separates the members of an object. An absent one, null and an empty text are the same.
pub fn member<'a>(data: &'a EventData, wire: &str) -> Option<&'a Value> {
    let mut names = wire.split('.');
    let first = data.get(names.next()?)?;
    let found = names.try_fold(first, |value, name| value.get(name))?;
    Some(found).filter(|value| !value.is_null() && value.as_str() != Some(""))
}

/// The place whose events a trigger receives, by its name: a bucket, a topic or a stream.
pub fn source<'a>(code: &str, data: &'a EventData) -> Option<&'a str> {
    let wire = match code {
        "OBS" => "bucket",
        "SMN" => "topic_urn",
        "DIS" => "stream_name",
        _ => return None,
    };
    member(data, wire)?.as_str().map(str::trim)
}

/// Whether a member of `event_data` is a secret, which the service never returns.
pub fn is_secret(wire: &str) -> bool {
    wire.contains("password") || wire.contains("secret")
}

/// The secret that belongs to a member of `event_data`: the password of a user. Answers may lack the secret itself.
pub fn secret_beside(wire: &str) -> Option<&'static str> {
    match wire {
        "kafka_user" => Some("kafka_password"),
        "access_user" => Some("access_password"),
        "access_key" => Some("secret_key"),
        _ => None,
    }
}

/// The member of `event_data` that another one describes. The value of one trigger does not fit another trigger with another
/// value there.
pub fn described_by(wire: &str) -> Option<&'static str> {
    match wire {
        "sl_domain" => Some("group_id"),
        "env_name" => Some("env_id"),
        "channel_name" => Some("channel_id"),
        "kafka_connect_address" | "connect_address" => Some("instance_id"),
        _ => None,
    }
}

impl StatusRule {
    pub fn can_be_disabled(self) -> bool {
        self != Self::AlwaysActive
    }

    pub fn starts_active(self) -> bool {
        self != Self::StartsDisabled
    }
}

/// A type by the service's name, which is upper case.
pub fn by_code(code: &str) -> Option<&'static TriggerType> {
    TYPES.iter().find(|known| known.code == code)
}

/// A type by its name in a manifest.
pub fn by_key(key: &str) -> Option<&'static TriggerType> {
    TYPES.iter().find(|known| known.key == key)
}

impl TriggerType {
    pub fn field(&self, wire: &str) -> Option<&'static TriggerField> {
        self.fields.iter().find(|field| field.wire == wire)
    }
}

/// Two events of a list of which the first contains the second, as `s3:ObjectCreated:*` contains `s3:ObjectCreated:Put`, or
/// both are the same. The service refuses such a list.
pub fn overlap<'a>(events: &[&'a str]) -> Option<(&'a str, &'a str)> {
    let contains =
        |one: &str, other: &str| one == other || one.strip_suffix('*').is_some_and(|start| other.starts_with(start));
    events.iter().enumerate().find_map(|(index, event)| {
        let mut others = events.iter().enumerate().filter(|(other, _)| *other != index).map(|(_, other)| *other);
        others.find(|other| contains(event, other)).map(|other| (*event, other))
    })
}

/// Whether two lists of events have one in common.
pub fn share_events(ones: &[&str], others: &[&str]) -> bool {
    ones.iter().any(|one| others.iter().any(|other| overlap(&[one, other]).is_some()))
}

/// Whether an event of OBS starts a function when a notification writes an object: the service uploads it with PUT.
pub fn is_raised_by_put(event: &str) -> bool {
    matches!(event, "s3:ObjectCreated:*" | "s3:ObjectCreated:Put")
}

/// The same for an event type of `EventGrid`.
pub fn is_event_grid_put(event: &str) -> bool {
    matches!(event, "OBS:DWR:ObjectCreated:PUT" | "OBS:DWR:ObjectCreated:*" | "OBS:DWR:*")
}

/// The id of something in another service.
static ANY_ID: &Text = &ID;

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_table_names_each_type_and_field_once() {
        let codes: BTreeSet<_> = TYPES.iter().map(|known| known.code).collect();
        let keys: BTreeSet<_> = TYPES.iter().map(|known| known.key).collect();
        assert_eq!((codes.len(), keys.len()), (TYPES.len(), TYPES.len()));
        for known in TYPES {
            let fields: BTreeSet<_> = known.fields.iter().map(|field| field.key).collect();
            assert_eq!(fields.len(), known.fields.len(), "{}", known.code);
            for wire in known.identity {
                assert!(known.field(wire).is_some(), "{}: {wire}", known.code);
            }
        }
    }

    #[test]
    fn only_a_put_raises_the_events_of_a_notification() {
        assert!(is_raised_by_put("s3:ObjectCreated:*") && is_raised_by_put("s3:ObjectCreated:Put"));
        assert!(!is_raised_by_put("s3:ObjectCreated:Post") && !is_raised_by_put("s3:ObjectRemoved:*"));
    }
}
