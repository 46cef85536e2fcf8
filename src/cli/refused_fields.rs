//! Points at the fields of the manifest that the service refused during an apply.

use crate::apply::{Error, Report, Status};
use crate::diagnostic::{Diagnostic, Spot};
use crate::manifest::Sources;
use crate::model::field::Field;
use crate::model::function::Function;
use crate::plan::change::{Change, Plan, Step};
use crate::plan::refusal::refused_field;

/// One finding for each failed change that is about a declared field, at the place of that field.
pub(super) fn findings(plan: &Plan<'_>, report: &Report, sources: &Sources) -> Vec<Diagnostic> {
    let ended = plan.changes.iter().zip(&report.statuses);
    let mut findings = ended.filter_map(|(change, status)| finding(change, status)).collect();
    sources.locate(&mut findings);
    findings
}

fn finding(change: &Change<'_>, status: &Status) -> Option<Diagnostic> {
    let (Step::CreateFunction { desired, .. } | Step::UpdateFunction { desired, .. }) = &change.step else {
        return None;
    };
    let Status::Failed(error @ Error::Remote(cause)) = status else { return None };
    let words = cause.refusal()?;
    let function = &desired.function;
    let field = refused_field(function, error.code(), &words)?;
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
