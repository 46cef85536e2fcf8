//! Points at what failed during an apply: the fields that the service refused, and the declarations of other changes.

use std::collections::BTreeMap;

use crate::apply::{Error, Report, Status};
use crate::diagnostic::{Diagnostic, Place, Spot};
use crate::manifest::Sources;
use crate::model::address::{Address, Kind};
use crate::model::field::Field;
use crate::model::function::Function;
use crate::model::state::DesiredState;
use crate::plan::change::{Change, Plan, Step};
use crate::plan::refusal::refused_field;

/// One finding for each failed change that is about a declared field, at the place of that field.
pub(super) fn findings(plan: &Plan<'_>, report: &Report, sources: &Sources) -> Vec<Diagnostic> {
    let ended = plan.changes.iter().zip(&report.statuses);
    let mut findings = ended.filter_map(|(change, status)| finding(change, status)).collect();
    sources.locate(&mut findings);
    findings
}

/// Where the manifests declare the changes that failed: the field that the service refused, or the resource.
pub(super) fn places(
    plan: &Plan<'_>,
    report: &Report,
    desired: &DesiredState,
    sources: &Sources,
) -> BTreeMap<Address, Place> {
    let ended = plan.changes.iter().zip(&report.statuses);
    let failed = ended.filter(|(_, status)| matches!(status, Status::Failed(_)));
    let spot = |(change, status): (&Change<'_>, &Status)| {
        let refused = refused(change, status).map(|(function, field, ..)| place(function, field));
        Some((change.address.clone(), refused.or_else(|| declared(&change.address, desired))?))
    };
    let spots: Vec<(Address, Spot)> = failed.filter_map(spot).collect();
    let places = sources.places(spots.iter().map(|(_, spot)| spot));
    spots.into_iter().filter_map(|(address, spot)| Some((address, places.get(&spot)?.clone()))).collect()
}

/// Where a resource is declared. A policy without an entry of its own is at its function.
fn declared(address: &Address, desired: &DesiredState) -> Option<Spot> {
    let whole = desired.functions.get(&address.function).map(|wanted| {
        let Function { spot, triggers, .. } = &wanted.function;
        (spot, triggers)
    });
    let existing = || desired.existing.get(&address.function).map(|entry| (&entry.spot, &entry.triggers));
    let (spot, triggers) = whole.or_else(existing)?;
    Some(match address.kind {
        Kind::Function => spot.clone().of_key(),
        Kind::AsyncPolicy => spot.child(Field::Async.key()),
        Kind::Trigger => triggers.get(address.trigger.as_ref()?)?.spot.clone(),
    })
}

/// The declared field that the service refused, with its words and the error that contains them.
fn refused<'a>(change: &Change<'a>, status: &'a Status) -> Option<(&'a Function, Field, String, &'a Error)> {
    let (Step::CreateFunction { desired, .. } | Step::UpdateFunction { desired, .. }) = &change.step else {
        return None;
    };
    let Status::Failed(error @ Error::Remote(cause)) = status else { return None };
    let words = cause.refusal()?;
    Some((&desired.function, refused_field(&desired.function, error.code(), &words)?, words, error))
}

fn finding(change: &Change<'_>, status: &Status) -> Option<Diagnostic> {
    let (function, field, words, error) = refused(change, status)?;
    let message = format!("`{}` of function {}: {words}", field.key(), function.address);
    let found = Diagnostic::error("field-refused", message).at(place(function, field));
    Some(match error.help() {
        Some(help) => found.help(help),
        None => found,
    })
}

/// Where a field is declared. Fields of the first release may come from `defaults`; they are then shown at the function.
fn place(function: &Function, field: Field) -> Spot {
    let own = || Spot::value(function.spot.source, format!("{}/{}", function.spot.pointer, field.key()));
    function.later.get(&field).cloned().unwrap_or_else(own)
}
