//! Triggers: what starts a function. Desired and live.

pub mod carry;
pub mod compare;
pub mod entry;
pub mod key;
pub mod mark;
pub mod seal;
pub mod source;
pub mod value;

use std::collections::{BTreeMap, BTreeSet};

use crate::diagnostic::Spot;
use crate::rules::trigger::other::{identity_of, status_of, uniqueness_of};
use crate::rules::trigger::{StatusRule, TriggerType, Uniqueness, by_code};

use super::address::Qualifier;
use super::event_graph::Listening;
use super::secret::Secret;
use super::text::{TriggerKey, TriggerTypeCode};

pub use crate::rules::trigger::{EventData, member};
pub use carry::Carried;
pub use compare::Difference;
pub use entry::Entry;
pub use mark::TriggerMark;
pub use source::Source;

/// A declared trigger.
#[derive(Debug, Clone)]
pub struct Trigger {
    /// The local name in the manifest.
    pub key: TriggerKey,
    /// The key under `triggers`.
    pub spot: Spot,
    pub code: TriggerTypeCode,
    /// The version or alias that it starts; `None` means `latest`.
    pub qualifier: Option<Qualifier>,
    /// What is sent, without secrets. Only these members are compared.
    pub data: EventData,
    /// The secrets in `event_data`, by their wire names. The service never returns them.
    pub secrets: BTreeMap<String, Secret>,
    /// A slow hash of their values; `None` if there are none, if a value is missing, or if no tag records it.
    pub sealed: Option<String>,
    /// `None` leaves the status alone.
    pub enabled: Option<bool>,
}

/// The declared triggers of a function, by key.
pub type Triggers = BTreeMap<TriggerKey, Trigger>;

/// A live trigger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveTrigger {
    /// Its name in plans and exports if no manifest declares it: its name in the service, or its type and the start of its id.
    pub key: TriggerKey,
    pub id: String,
    pub code: String,
    /// The version or alias that it starts; `None` means `latest`.
    pub qualifier: Option<Qualifier>,
    /// Without secrets.
    pub data: EventData,
    /// The wire names of the secrets that it has, as far as the answers of the service show it.
    pub secrets: BTreeSet<String>,
    /// `None` if the service does not say.
    pub is_active: Option<bool>,
    /// When it was created, as the service says; empty if it does not.
    pub created: String,
    /// When the service last changed it, as it says.
    pub modified: String,
}

impl Trigger {
    /// The type, if the format knows it.
    pub fn known(&self) -> Option<&'static TriggerType> {
        by_code(self.code.as_str())
    }

    pub fn listening(&self) -> Listening<'_> {
        let is_enabled =
            self.enabled.unwrap_or_else(|| status_of(self.code.as_str()).is_none_or(StatusRule::starts_active));
        let source = Source::of(self.code.as_str(), &self.data);
        Listening { source, qualifier: self.qualifier.as_ref(), is_enabled }
    }

    /// Whether a live trigger is this one, as the service tells triggers apart.
    pub fn is(&self, live: &LiveTrigger) -> bool {
        self.has_data_of(&live.data) && self.code.as_str() == live.code && self.qualifier == live.qualifier
    }

    /// Whether another declared trigger is this one.
    pub fn has_identity_of(&self, other: &Self) -> bool {
        self.has_data_of(&other.data) && self.code == other.code && self.qualifier == other.qualifier
    }

    /// Whether the service has at most one of these two triggers, on whichever functions they are.
    pub fn excludes(&self, other: &Self) -> bool {
        let is_unique = uniqueness_of(self.code.as_str()) == Uniqueness::Project;
        is_unique && self.code == other.code && self.has_data_of(&other.data)
    }

    fn has_data_of(&self, data: &EventData) -> bool {
        has_identity_of(self.code.as_str(), &self.data, data)
    }
}

/// Whether the members that tell triggers of a type apart are the same.
pub fn has_identity_of(code: &str, one: &EventData, other: &EventData) -> bool {
    let is_same = |wire: &str| match (member(one, wire), member(other, wire)) {
        (Some(one), Some(other)) => value::is_same(one, other),
        (one, other) => one.is_none() && other.is_none(),
    };
    identity_members(code, one).into_iter().all(is_same)
}

/// The members that tell two triggers of a type on one version apart. Of a type that is unknown here, all of them do.
pub fn identity_members<'a>(code: &str, data: &'a EventData) -> Vec<&'a str> {
    identity_of(code).map_or_else(|| data.keys().map(String::as_str).collect(), <[_]>::to_vec)
}

impl LiveTrigger {
    pub fn known(&self) -> Option<&'static TriggerType> {
        by_code(&self.code)
    }

    pub fn listening(&self) -> Listening<'_> {
        let source = Source::of(&self.code, &self.data);
        Listening { source, qualifier: self.qualifier.as_ref(), is_enabled: self.is_active.unwrap_or(true) }
    }
}
