//! Flags that affect a plan: permissions, selection, and ownership.

use clap::builder::NonEmptyStringValueParser;
use clap_complete::ArgValueCompleter;
use std::collections::BTreeSet;

use crate::manifest::suggestion;
use crate::model::address::{Address, FunctionAddress};
use crate::model::state::{LiveFunction, Ownership};
use crate::model::text::TriggerKey;
use crate::plan::Permissions;
use crate::plan::part::{is_undeclared, parts};
use crate::plan::saved::Options;
use crate::plan::selection::{Only, Selection};

use super::completion;
use super::failure::advised;
use super::flag_value::number;
use super::help;
use super::reconcile::{Declared, Prepared};

/// Flags of plan and apply.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = help::PERMISSION)]
#[expect(clippy::struct_excessive_bools, reason = "they are independent flags")]
pub(super) struct PlanningArguments {
    /// Adopt unowned functions, policies and triggers, even if they differ from the manifest
    ///
    /// Without this option, fgctl adopts a function only if it matches the manifest and has no secrets, except those
    /// that `ignore` names.
    #[arg(long)]
    adopt: bool,
    /// Take over functions, policies and triggers of other stacks
    #[arg(long)]
    take_over: bool,
    /// Allow the plan to delete up to N functions and triggers
    ///
    /// Without this option, fgctl refuses a plan that deletes more than 5 functions and triggers in total. If the
    /// stack owns 10 functions or more, fgctl also refuses a plan that deletes more than 30% of them. Likewise, if
    /// it owns 10 triggers or more, fgctl refuses a plan that deletes more than 30% of those. Triggers of deleted
    /// functions do not count. N replaces all of these limits, even if it is lower.
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = |text: &str| number::<usize>(text, 0..=1_000_000))]
    allow_deletes: Option<usize>,
    /// Allow updates that may lose secrets whose values fgctl does not have
    ///
    /// fgctl does not have the values of secrets that `ignore` names, or of secrets that someone else added to a
    /// function or trigger.
    #[arg(long, hide_short_help = true)]
    allow_secret_loss: bool,
    #[command(flatten)]
    ownership: OwnershipArguments,
    #[command(flatten)]
    targets: TargetArguments,
    /// Revert drift, but leave out changes that were made in the manifest
    #[arg(long, hide_short_help = true, help_heading = help::SELECTION, conflicts_with = "only_pending")]
    only_drift: bool,
    /// Apply changes that were made in the manifest, but leave drift as it is
    #[arg(long, hide_short_help = true, help_heading = help::SELECTION)]
    only_pending: bool,
}

/// Flags that select a part of a plan.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = help::SELECTION)]
pub(super) struct TargetArguments {
    /// Make only the changes to this resource, and their dependencies
    ///
    /// ADDRESS is an address as plans print it, such as `async_policy:default/intake` or `trigger:default/intake/nightly`. It
    /// can also be a function's key or [package/]name, which selects the function, its policy and its triggers. You can repeat
    /// this option.
    #[arg(long = "target", value_name = "ADDRESS", add = ArgValueCompleter::new(completion::addresses), value_parser = NonEmptyStringValueParser::new())]
    targets: Vec<String>,
    /// Leave out the changes to this resource, and every change that depends on one of them
    ///
    /// ADDRESS is the same as for --target. You can repeat this option.
    #[arg(long = "exclude", value_name = "ADDRESS", add = ArgValueCompleter::new(completion::addresses), value_parser = NonEmptyStringValueParser::new())]
    excluded: Vec<String>,
}

/// The flag for projects in which tags cannot be used.
#[derive(Debug, clap::Args)]
pub(super) struct OwnershipArguments {
    /// Neither read nor write tags
    ///
    /// Use this if the project forbids tags, or if a function has no room for more tags. fgctl then compares live state only
    /// with the manifest, not with the last apply. Plans then delete triggers only to replace
    /// them, delete nothing else, and ignore `tags` and `protect` in the manifest.
    #[arg(long, hide_short_help = true)]
    no_ownership: bool,
}

impl PlanningArguments {
    pub(super) fn ownership(&self) -> Ownership {
        self.ownership.ownership()
    }

    /// The permissions that the flags give, regardless of the stack.
    pub(super) fn permissions(&self) -> Permissions {
        let Self { adopt, take_over, allow_deletes, allow_secret_loss, .. } = *self;
        Permissions { adopt, take_over, allow_deletes, destroy: false, allow_secret_loss }
    }

    /// Refuses flags that contradict each other, whatever is live.
    pub(super) fn refuse(&self, declared: &Declared) -> anyhow::Result<()> {
        if self.ownership.no_ownership && (self.only_drift || self.only_pending) {
            let message = "--only-drift and --only-pending need the tags that --no-ownership does not read";
            return Err(advised(message, "leave out one of these flags"));
        }
        self.targets.refuse(declared)
    }

    /// The options that the flags give for this stack.
    pub(super) fn options(&self, prepared: &Prepared) -> anyhow::Result<Options> {
        let Self { only_drift, only_pending, targets, ownership, .. } = self;
        let permissions = self.permissions();
        let only = match (only_drift, only_pending) {
            (true, _) => Some(Only::Drift),
            (false, true) => Some(Only::Pending),
            (false, false) => None,
        };
        let selection = Selection { only, ..targets.selection(prepared)? };
        Ok(Options { permissions, ownership: ownership.ownership(), selection })
    }
}

impl OwnershipArguments {
    pub(super) fn ownership(&self) -> Ownership {
        if self.no_ownership { Ownership::Unowned } else { Ownership::Tags }
    }
}

impl TargetArguments {
    /// Refuses text that cannot be a name. An undeclared name may belong to a live function.
    pub(super) fn refuse(&self, declared: &Declared) -> anyhow::Result<()> {
        let Self { targets, excluded } = self;
        refuse_names(targets.iter().chain(excluded), declared)
    }

    pub(super) fn selection(&self, prepared: &Prepared) -> anyhow::Result<Selection> {
        let Self { targets, excluded } = self;
        let (targets, excluded) = (all_addresses(targets, prepared)?, all_addresses(excluded, prepared)?);
        Ok(Selection { targets, excluded, only: None })
    }
}

/// The addresses that these select together.
pub(super) fn all_addresses(texts: &[String], prepared: &Prepared) -> anyhow::Result<BTreeSet<Address>> {
    let all: Result<Vec<_>, _> = texts.iter().map(|text| addresses(text, prepared)).collect();
    Ok(all?.into_iter().flatten().collect())
}

/// Refuses text that cannot be a name. An undeclared name may belong to a live function.
pub(super) fn refuse_names<'t>(names: impl IntoIterator<Item = &'t String>, declared: &Declared) -> anyhow::Result<()> {
    let is_name = |text: &str| {
        text.parse::<Address>().is_ok() || declared.contains_key(text) || text.parse::<FunctionAddress>().is_ok()
    };
    names.into_iter().find(|text| !is_name(text)).map_or(Ok(()), |text| Err(no_name(text)))
}

fn no_name(text: &str) -> anyhow::Error {
    let help = "write an address such as function:default/intake, a key of the manifest, or [package/]name";
    advised(format!("\"{text}\" is not a valid address, key or name of a function"), help)
}

/// The addresses that an address, a key or a `[package/]name` selects, if the stack declares or owns them. A key or a name
/// selects the function with its policy and its triggers.
fn addresses(text: &str, prepared: &Prepared) -> anyhow::Result<Vec<Address>> {
    let Prepared { declared, desired, live, .. } = prepared;
    let declared = declared.iter().map(|(key, address)| (key.clone(), address));
    let owns_part = |live: &&LiveFunction| desired.owns_policy(live) || desired.owns_triggers(live);
    let undeclared = live.functions.values().filter(|live| desired.owns(live) || owns_part(live));
    let undeclared = undeclared.map(|live| &live.address);
    let undeclared = undeclared.map(|address| (address.name.to_string(), address));
    let known: Vec<(String, &FunctionAddress)> = declared.chain(undeclared).collect();
    let address = text.parse::<Address>().ok();
    let key = known.iter().find(|(key, _)| key == text).map(|(_, function)| (*function).clone());
    let Some(function) = address.as_ref().map(|address| address.function.clone()).or(key).or_else(|| text.parse().ok())
    else {
        return Err(no_name(text));
    };
    if !known.iter().any(|(_, known)| **known == function) {
        let keys: BTreeSet<&str> = known.iter().map(|(key, _)| key.as_str()).collect();
        let (name, key) = match &address {
            Some(Address { function, .. }) => (function.to_string(), function.name.to_string()),
            None => (text.to_owned(), text.to_owned()),
        };
        let message = format!("stack \"{}\" neither declares nor owns a function \"{name}\"", desired.stack);
        return Err(advised(message, suggestion(&key, "functions", keys)));
    }
    let parts = parts(desired, live, &function);
    match address {
        None => Ok(parts.into_iter().filter(|part| part.qualifier.is_none()).collect()),
        Some(address) if parts.contains(&address) => Ok(vec![address]),
        Some(address) => Err(no_part(&address, &parts, prepared)),
    }
}

/// The error if a function does not have this trigger, or its version this policy.
fn no_part(address: &Address, parts: &BTreeSet<Address>, prepared: &Prepared) -> anyhow::Error {
    let Prepared { desired, live, .. } = prepared;
    let (function, stack) = (&address.function, &desired.stack);
    let Some(key) = &address.trigger else {
        let message = format!("stack \"{stack}\" owns no policy {address}");
        let help = "plans change policies of versions and aliases only when they delete the function";
        return advised(message, help);
    };
    let message = format!("stack \"{stack}\" neither declares nor owns a trigger \"{key}\" of function {function}");
    if is_undeclared(desired, live, function) {
        return advised(
            message,
            format!("the plan deletes the function with its triggers: select function:{function}"),
        );
    }
    let keys = parts.iter().filter_map(|part| part.trigger.as_ref()).map(TriggerKey::as_str);
    advised(message, suggestion(key.as_str(), "triggers", keys))
}
