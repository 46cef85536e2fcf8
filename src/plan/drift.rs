//! Differences since the last apply, and which side changed. This is a view of a plan; nothing is compared again.

use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeSet;

use crate::model::address::{Address, FunctionAddress, Kind};
use crate::model::existing::ExistingFunction;
use crate::model::field::{Field, Path};
use crate::model::function::Function;
use crate::model::mark::{self, Marks};
use crate::model::state::{DesiredFunction, DesiredState, LiveFunction, LiveState};
use crate::model::trigger::TriggerMark;

use super::change::{Action, Cause, Change, Facet, FieldChange, Plan, Reason, Shown, Step, Writes};
use super::protection::{self, Protection};

/// One facet of a function or its policy that does not match the manifest or its mark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub address: Address,
    /// `None` means the whole resource.
    pub facet: Option<Facet>,
    pub state: State,
    /// The known reason for the difference.
    pub reason: String,
    /// `before` is live, `after` is declared.
    pub fields: Vec<FieldChange>,
}

/// What changed since the last apply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Someone else changed live.
    Drifted,
    /// The manifest changed, and the change was not applied yet.
    Pending,
    /// Both changed.
    Conflict,
    /// Declared but not live.
    Missing,
    /// Live changed since the apply, and values of secrets cannot be read back to compare them.
    PossiblyDrifted,
    /// Live differs, and no mark shows which side changed.
    Unmarked,
    /// Live matches the manifest; its mark does not.
    StaleMark,
    /// The tag that contains the owner is missing.
    Unowned,
    /// That tag contains another stack.
    Foreign,
}

impl State {
    pub const ALL: [Self; 9] = [
        Self::Drifted,
        Self::PossiblyDrifted,
        Self::Pending,
        Self::Conflict,
        Self::Missing,
        Self::Unmarked,
        Self::StaleMark,
        Self::Unowned,
        Self::Foreign,
    ];

    /// The name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Drifted => "drifted",
            Self::PossiblyDrifted => "possibly drifted",
            Self::Pending => "pending",
            Self::Conflict => "conflict",
            Self::Missing => "missing",
            Self::Unmarked => "unmarked",
            Self::StaleMark => "stale mark",
            Self::Unowned => "unowned",
            Self::Foreign => "foreign",
        }
    }

    const fn of(cause: Cause) -> Self {
        match cause {
            Cause::Pending => Self::Pending,
            Cause::Drift => Self::Drifted,
            Cause::Suspected => Self::PossiblyDrifted,
            Cause::Conflict => Self::Conflict,
            Cause::Unmarked => Self::Unmarked,
        }
    }
}

/// Functions that someone else protected. A plan keeps the protection, so its changes do not mention it.
pub fn protected_by_hand(desired: &DesiredState, live: &LiveState) -> Vec<Finding> {
    let is_by_hand = |function: &Function, found: &LiveFunction| {
        desired.owns(found) && protection::of(desired, function, found) == Protection::ByHand
    };
    let finding = |wanted: &DesiredFunction| {
        let found = live.functions.get(&wanted.function.address)?;
        let reason = format!("someone set the tag {}; applies keep it", mark::PROTECT);
        let address = Address::function(&found.address);
        let (live, declared) = (Shown::Value(Value::Bool(true)), Shown::Value(Value::Bool(false)));
        let fields = vec![FieldChange { path: Path::of(Field::Protect), before: live, after: declared }];
        let facet = Some(Facet::Protection);
        is_by_hand(&wanted.function, found).then_some(Finding { address, facet, state: State::Drifted, reason, fields })
    };
    desired.functions.values().filter_map(finding).collect()
}

/// What a plan is refused for because of functions that something else deploys: they do not exist, or another stack deploys
/// them.
pub fn refused_existing(desired: &DesiredState, live: &LiveState) -> Vec<Finding> {
    let finding = |entry: &ExistingFunction| {
        let (address, facet, state, reason) = match live.functions.get(&entry.address) {
            None => {
                let reason = "something else has to deploy it, because the manifest declares it with `existing: true`";
                (Address::function(&entry.address), None, State::Missing, reason.to_owned())
            }
            Some(found) => {
                let owner = found.stack().filter(|owner| *owner != desired.stack.as_str() && entry.manages_policy())?;
                let reason = format!("the tag {} says \"{owner}\"", mark::STACK);
                (Address::async_policy(&entry.address), Some(Facet::Async), State::Foreign, reason)
            }
        };
        Some(Finding { address, facet, state, reason, fields: Vec::new() })
    };
    desired.existing.values().filter_map(finding).collect()
}

/// All findings from a plan's changes, in their order.
pub fn findings(plan: &Plan<'_>) -> Vec<Finding> {
    let created: BTreeSet<&FunctionAddress> = plan
        .changes
        .iter()
        .filter(|change| change.address.kind == Kind::Function && change.action == Action::Create)
        .map(|change| &change.address.function)
        .collect();
    // If a function is missing, do not report its policy too.
    let is_told =
        |change: &&Change<'_>| change.address.kind == Kind::Function || !created.contains(&change.address.function);
    plan.changes.iter().filter(is_told).flat_map(of_change).collect()
}

/// What is known about declared secrets, although their values cannot be read back.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SecretValues<'a> {
    /// Functions whose configuration has not changed since their secrets were applied.
    pub unchanged: Vec<&'a FunctionAddress>,
    /// Functions for which this is unknown.
    pub unknown: Vec<&'a FunctionAddress>,
}

/// Covers all live functions of this stack that declare secrets. If the configuration changed, there is a finding
/// instead. The service's times are in seconds: a change within the second of the apply shows only in other findings.
pub fn secret_values<'a>(desired: &'a DesiredState, live: &LiveState, findings: &[Finding]) -> SecretValues<'a> {
    let is_changed = |address: &FunctionAddress| {
        let of_function = |finding: &&Finding| finding.address == Address::function(address);
        let mut states = findings.iter().filter(of_function).map(|finding| finding.state);
        states.any(|state| matches!(state, State::Drifted | State::Conflict | State::Unmarked))
    };
    let mut values = SecretValues::default();
    for (address, wanted) in &desired.functions {
        let Function { secrets, ignore, .. } = &wanted.function;
        if secrets.is_empty() || ignore.contains(&Field::Secrets) {
            continue;
        }
        let found = live.functions.get(address).filter(|found| desired.owns(found));
        match found.map(LiveFunction::is_modified_since_secrets) {
            Some(Some(false)) if !is_changed(address) => values.unchanged.push(address),
            Some(Some(false) | None) => values.unknown.push(address),
            Some(Some(true)) | None => {}
        }
    }
    values
}

/// Live functions that this stack does not declare and no stack owns.
pub fn unmanaged<'a>(desired: &DesiredState, live: &'a LiveState) -> Vec<&'a FunctionAddress> {
    let is_unmanaged = |found: &&LiveFunction| {
        let has_owner = found.stack().is_some() || found.policy_stack().is_some() || found.trigger_mark().is_some();
        let is_unowned = !has_owner && !desired.owns(found);
        is_unowned && !desired.declares(&found.address)
    };
    live.functions.values().filter(is_unmanaged).map(|found| &found.address).collect()
}

fn of_change(change: &Change<'_>) -> Vec<Finding> {
    let whole = |state: State, reason: &str| {
        let (address, fields) = (change.address.clone(), change.fields.clone());
        let facet = match address.kind {
            Kind::Function => None,
            Kind::AsyncPolicy => Some(Facet::Async),
            Kind::Trigger => Some(Facet::Triggers),
        };
        Finding { address, facet, state, reason: reason.to_owned(), fields }
    };
    let said = change.reason.to_string();
    let is_policy_alone = matches!(change.step, Step::Existing(_));
    let (tag, what) = match change.address.kind {
        Kind::Trigger => (mark::TRIGGERS, "trigger"),
        _ if is_policy_alone => (mark::POLICY, "policy"),
        _ => (mark::STACK, "function"),
    };
    // A policy's owner counts only together with its mark.
    let names_owner = marks(change).is_some_and(|marks| marks.get(tag).is_some());
    let missing = if is_policy_alone && names_owner { mark::ASYNC } else { tag };
    let no_stack =
        format!("the tag {missing} is missing: someone removed it, or the {what} was forgotten or never applied");
    match change.reason.cause() {
        Reason::Differs(causes) => {
            let facets = causes.iter().map(|(facet, cause)| of_facet(change, *facet, *cause));
            facets.chain(stale_marks(change, causes)).collect()
        }
        Reason::Missing if change.address.kind != Kind::Function => {
            vec![whole(State::Pending, "declared but never applied")]
        }
        Reason::Missing => {
            vec![whole(State::Missing, "never applied, or deleted by someone; live state does not show which")]
        }
        Reason::Deleted => vec![whole(State::Missing, &said)],
        Reason::Undeclared
        | Reason::Unfinished
        | Reason::Destroyed
        | Reason::HandedOver
        | Reason::HandOverContinued
        | Reason::Forgotten
        | Reason::PolicyForgotten
        | Reason::TriggerForgotten => vec![whole(State::Pending, &said)],
        Reason::PolicyNotDeclared(cause) => vec![whole(State::of(*cause), &said)],
        Reason::AdoptUnfinished => vec![whole(State::Unowned, &said)],
        Reason::AdoptEqual
        | Reason::AdoptDifferent
        | Reason::Imported
        | Reason::PolicyImported
        | Reason::TriggerImported => {
            vec![whole(State::Unowned, &no_stack)]
        }
        Reason::TriggersTakenOver => vec![whole(State::Foreign, &format!("the tag {tag} is another stack's"))],
        Reason::Replaced { because: _, missed: _ } => Vec::new(),
        Reason::TakeOver { from } => vec![whole(State::Foreign, &format!("the tag {tag} says \"{from}\""))],
        Reason::StaleMark => stale_marks(change, &[]),
    }
}

fn of_facet(change: &Change<'_>, facet: Facet, cause: Cause) -> Finding {
    let fields = change.fields.iter().filter(|field| facet_of(field) == facet).cloned().collect();
    let mut reason = cause.explanation(facet).to_owned();
    // Without a tag that names the owner, the marks were not read.
    let owner = |marks: &&Marks| marks.get(mark::STACK).or_else(|| marks.get(mark::POLICY)).is_some();
    if let (Cause::Unmarked, Some(marks)) = (cause, marks(change).filter(owner)) {
        reason = format!("{reason}: {}", condition(marks, facet.tag()));
    }
    Finding { address: change.address.clone(), facet: Some(facet), state: State::of(cause), reason, fields }
}

/// The facet of a field. Secrets of triggers are fields of these triggers.
fn facet_of(field: &FieldChange) -> Facet {
    let is_secret = [&field.before, &field.after].contains(&&Shown::Sensitive);
    match field.path.field.row().facet {
        Facet::Triggers if is_secret => Facet::Secrets,
        facet => facet,
    }
}

/// Marks that are updated although the facet matches the manifest.
fn stale_marks(change: &Change<'_>, causes: &[(Facet, Cause)]) -> Vec<Finding> {
    let tags: Vec<&str> = match &change.step {
        Step::UpdateFunction { writes: Writes { set_tags, remove_tags, .. }, .. } => {
            set_tags.keys().chain(remove_tags.keys()).map(String::as_str).collect()
        }
        Step::MarkPolicy { .. } | Step::Existing(_) => vec![mark::ASYNC],
        Step::Trigger(_) => vec![mark::TRIGGERS],
        Step::CreateFunction { .. }
        | Step::DeleteFunction { .. }
        | Step::PutPolicy { .. }
        | Step::DeletePolicy { .. }
        | Step::Forget(_) => Vec::new(),
    };
    let is_explained = |facet: Facet| {
        causes.iter().any(|(known, _)| *known == facet)
            || change.fields.iter().any(|field| field.path.field.row().facet == facet)
    };
    let finding = |tag: &str| {
        let only_protection = tag == mark::CONFIG && is_explained(Facet::Protection) && says_the_same_fields(change);
        let facet = Facet::of_tag(tag).filter(|facet| !is_explained(*facet) && !only_protection)?;
        let reason = format!("live matches the manifest; {}", condition(marks(change)?, tag));
        let (address, fields) = (change.address.clone(), Vec::new());
        Some(Finding { address, facet: Some(facet), state: State::StaleMark, reason, fields })
    };
    tags.into_iter().filter(|tag| tag.starts_with(mark::PREFIX)).filter_map(finding).collect()
}

/// Whether the configuration mark changes only in the part about protection.
fn says_the_same_fields(change: &Change<'_>) -> bool {
    let Step::UpdateFunction { live, writes, .. } = &change.step else { return false };
    let [before, after] = [live.marks.get(mark::CONFIG), writes.set_tags.get(mark::CONFIG).map(String::as_str)];
    before.map(mark::fields_part) == after.map(mark::fields_part)
}

/// fgctl's tags, as the plan saw them.
fn marks<'a>(change: &Change<'a>) -> Option<&'a Marks> {
    match &change.step {
        Step::UpdateFunction { live, .. } | Step::DeletePolicy { live, .. } | Step::MarkPolicy { live, .. } => {
            Some(&live.marks)
        }
        Step::DeleteFunction { undeclared } => Some(&undeclared.live().marks),
        Step::PutPolicy { live, .. } => live.map(|live| &live.marks),
        Step::Existing(step) => Some(step.seen.marks),
        Step::Trigger(step) => step.marks,
        Step::Forget(step) => Some(step.seen),
        Step::CreateFunction { .. } => None,
    }
}

/// What is wrong with a mark.
fn condition(marks: &Marks, tag: &str) -> String {
    match marks.get(tag) {
        None => format!("the tag {tag} is missing"),
        Some(value) if !is_whole(tag, value) => {
            format!("someone edited the tag {tag}: fgctl does not write such a value")
        }
        Some(_) => format!("the tag {tag} records something else"),
    }
}

/// Whether fgctl may have written this tag. The mark of secrets has several formats.
fn is_whole(tag: &str, value: &str) -> bool {
    match tag {
        mark::SECRETS => true,
        mark::TRIGGERS => TriggerMark::parse(value).is_some(),
        _ => mark::is_whole(value),
    }
}
