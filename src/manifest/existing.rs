//! Entries with `existing: true`: what is written, and the function that it makes. Something else deploys that function.

use crate::diagnostic::Diagnostic;
use crate::model::existing::{DeclaredPolicy, ExistingFunction};
use crate::model::text::{FunctionName, PackageName};
use crate::model::trigger::Triggers;

use super::notation::{Reference, Setting};
use super::policy::{self, PolicyEntry};
use super::resolve::Context;
use super::trigger::{self, TriggerEntries};

/// The fields that such an entry takes.
pub(super) const FIELDS: [&str; 5] = ["name", "package", "existing", "async", "triggers"];

/// A function that something else deploys. [`super::entry`] reads it and has its schema.
#[derive(Debug)]
pub(super) struct ExistingEntry {
    pub(super) name: Option<FunctionName>,
    pub(super) package: Setting<PackageName>,
    pub(super) r#async: Setting<Reference<PolicyEntry>>,
    pub(super) triggers: Option<TriggerEntries>,
}

/// The function that an entry makes; `None` if a diagnostic says what is wrong.
pub(super) fn function(
    key: String,
    entry: &ExistingEntry,
    context: &Context<'_>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<ExistingFunction> {
    let Context { spot, names, .. } = *context;
    let address = names.functions.get(&key).cloned().flatten()?;
    let resolved = policy::of_function(&entry.r#async, spot, names, diagnostics);
    let policy = match (&entry.r#async, resolved) {
        (_, Some((policy, _))) => DeclaredPolicy::Present(Box::new(policy)),
        (Setting::Cleared, None) => DeclaredPolicy::Absent,
        (Setting::Inherited | Setting::Set(_), None) => DeclaredPolicy::Unmanaged,
    };
    let triggers = trigger::triggers(entry.triggers.as_ref(), context, diagnostics);
    let (spot, destroyed_triggers) = (spot.clone().of_key(), Triggers::new());
    Some(ExistingFunction { key, spot, address, policy, triggers, destroyed_triggers })
}
