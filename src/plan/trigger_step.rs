//! What a plan does to one trigger. A step holds a trigger and its mark and no function, so nothing that carries it out can
//! change one.

use crate::model::mark::Marks;
use crate::model::trigger::{Carried, Entry, LiveTrigger, Trigger, TriggerMark};

/// The change of one trigger.
#[derive(Debug, Clone)]
pub struct TriggerStep<'a> {
    /// The trigger that the plan saw; `None` if it did not exist.
    pub seen: Option<&'a LiveTrigger>,
    pub write: TriggerWrite<'a>,
    /// fgctl's tags of the function, if it was live.
    pub marks: Option<&'a Marks>,
    /// `None` if no tag records the triggers of this function.
    pub mark: Option<MarkEdit>,
    /// What a replacement keeps of the live trigger.
    pub carried: Carried,
    /// The secrets that a replacement loses, by their names in the manifest.
    pub lost: Vec<String>,
}

#[derive(Debug, Clone, Copy)]
pub enum TriggerWrite<'a> {
    Create(&'a Trigger),
    Update(&'a Trigger),
    /// Deletes the trigger and creates it again.
    Replace(&'a Trigger),
    Delete,
    /// Only the mark changes.
    Keep,
}

/// How the tag changes. Other changes of the same function change it too, so this is not the whole tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MarkEdit {
    /// A mark of this stack without entries.
    pub own: TriggerMark,
    /// The identity of a trigger and what is applied.
    pub set: Option<(String, Entry)>,
    /// Whether the entry contains the trigger's id.
    pub records_id: bool,
    /// The identities of triggers that are gone afterwards.
    pub removed: Vec<String>,
}

impl<'a> TriggerWrite<'a> {
    /// The trigger that is sent.
    pub const fn sent(self) -> Option<&'a Trigger> {
        match self {
            Self::Create(trigger) | Self::Update(trigger) | Self::Replace(trigger) => Some(trigger),
            Self::Delete | Self::Keep => None,
        }
    }

    /// Whether the live trigger goes, even if a new one follows.
    pub const fn deletes(self) -> bool {
        matches!(self, Self::Delete | Self::Replace(_))
    }
}

impl MarkEdit {
    pub fn is_of_another_stack(&self, tag: &str) -> bool {
        TriggerMark::parse(tag).is_some_and(|found| !found.has_owner_of(&self.own))
    }

    /// The mark in a tag, if this stack wrote it; otherwise an empty one.
    fn current(&self, tag: Option<&str>) -> TriggerMark {
        let found = tag.and_then(TriggerMark::parse).filter(|found| found.has_owner_of(&self.own));
        found.unwrap_or_else(|| self.own.clone())
    }

    /// The tag before something is created, so that nothing created is unowned. It does not say yet that anything was
    /// changed: after an interruption, the next plan changes it again.
    pub fn before(&self, tag: Option<&str>) -> Option<String> {
        let mut mark = self.current(tag);
        if let Some((identity, entry)) = self.set.as_ref().filter(|(identity, _)| mark.entry(identity).is_none()) {
            mark.set(identity, entry.clone().with_secrets(None));
        }
        if !mark.fits() {
            self.removed.iter().for_each(|identity| mark.remove(identity));
        }
        mark.tag()
    }

    /// The tag at the end; `None` if there should be none. `id` is the id of the trigger that was applied.
    pub fn after(&self, tag: Option<&str>, id: Option<&str>) -> Option<String> {
        let mut mark = self.current(tag);
        self.removed.iter().for_each(|identity| mark.remove(identity));
        if let Some((identity, entry)) = &self.set {
            mark.set(identity, entry.clone().with_id(id.filter(|_| self.records_id)));
        }
        mark.tag()
    }
}
