//! The results of an apply as text, during the run and at its end.

use std::collections::BTreeMap;

use crate::apply::{Because, Error, Report, Status};
use crate::diagnostic::Place;
use crate::model::address::Address;
use crate::plan::change::{Change, Plan};

use super::failed::{self, reason};
use super::findings::Trouble;
use super::group::{Detail, NAMED, Names};
use super::skipped::{self, Skipped};
use super::style::{BOLD, GREEN, RED, YELLOW, paint, printable, symbol};
use super::{count, home};

/// The stack and its place, the failures, the skipped changes with their causes, the number of changes by outcome, and
/// what to do next.
pub fn human(plan: &Plan<'_>, report: &Report, detail: Detail) -> String {
    let Report { statuses, unmarked, unverified: _, interrupted: _ } = report;
    let mut text = home::line(plan.stack, &plan.scope);
    let mut add = |line: String| text.extend([line.as_str(), "\n"]);
    let failures = failed::by_cause(&plan.changes, statuses, detail);
    for failed in &failures {
        add(failed.text(Names::First));
    }
    let skipped = plan.changes.iter().zip(statuses).filter(|(_, status)| matches!(status, Status::Skipped(_)));
    match detail {
        Detail::Full => skipped.for_each(|(change, status)| add(line(change, status))),
        Detail::Grouped => {
            let skipped = skipped::by_cause(&plan.changes, statuses, &failures);
            for skipped in &skipped {
                add(skipped_line(skipped));
            }
        }
    }
    for (address, error) in unmarked {
        add(without_tags(address, error));
    }
    unverified(report).into_iter().for_each(&mut add);
    text.push_str(&super::plan::partial(&plan.left_out, detail));
    text.push_str(&summary(plan, report));
    text.push('\n');
    text
}

fn skipped_line(skipped: &Skipped<'_>) -> String {
    let names = skipped.changes.iter().map(|change| change.address.to_string());
    format!("{}: {}", paint(YELLOW, skipped.reason()), count::named(names, NAMED))
}

/// The number of changes by outcome.
pub(super) fn summary(plan: &Plan<'_>, report: &Report) -> String {
    let Report { statuses, unmarked: _, unverified: _, interrupted } = report;
    let interruption = if *interrupted { "The apply was interrupted. " } else { "" };
    let ends = plan.changes.iter().zip(statuses);
    if statuses.iter().all(|status| matches!(status, Status::Done)) {
        let done = ends.map(|(change, _)| (change.address.kind, change.action));
        let counts = count::counts(done, |action| action.participle().to_owned());
        return format!("{interruption}{}", paint(BOLD, format_args!("Applied: {counts}.")));
    }
    // They are counted in alphabetical order.
    let end = |status: &Status| match status {
        Status::Done => "done",
        Status::Failed(_) => "failed",
        Status::Skipped(_) => "skipped",
    };
    let ends = ends.map(|(change, status)| (change.address.kind, end(status)));
    let counts = count::counts(ends, |end| (*end).to_owned());
    let counts = paint(BOLD, format_args!("Partly applied: {counts}."));
    format!("{interruption}{counts} Run the command again to continue.")
}

/// What went wrong, for other programs. The places are those of changes.
pub fn troubles(plan: &Plan<'_>, report: &Report, places: &BTreeMap<Address, Place>, detail: Detail) -> Vec<Trouble> {
    let Report { statuses, unmarked: _, unverified, interrupted } = report;
    let failed = failed::by_cause(&plan.changes, statuses, detail);
    let failed = failed.iter().map(|failed| failed.trouble(places));
    failed.chain(beyond_changes(unverified.as_ref(), *interrupted)).collect()
}

/// What went wrong apart from the changes themselves.
pub fn beyond_changes(unverified: Option<&Error>, interrupted: bool) -> Vec<Trouble> {
    let unverified = unverified.map(|error| Trouble {
        code: error.code().to_owned(),
        message: format!("the writes were accepted, but could not be verified: {error}"),
        help: error.help(),
        place: None,
    });
    let interrupted = interrupted.then(|| Trouble {
        code: "interrupted".to_owned(),
        message: "the apply was interrupted".to_owned(),
        help: Some("run the command again to continue".to_owned()),
        place: None,
    });
    unverified.into_iter().chain(interrupted).collect()
}

/// A message that the final read of live state failed.
pub(super) fn unverified(report: &Report) -> Option<String> {
    let error = report.unverified.as_ref()?;
    Some(format!("{}: the writes were accepted, but could not be verified: {}", paint(RED, "error"), reason(error)))
}

/// A message that a policy is written, and its tags are not.
pub(super) fn without_tags(address: &Address, error: &Error) -> String {
    format!(
        "{} {address} is done, but the service forbids the tags that record it. Later plans cannot tell whether the \
         manifest or the live policy changed, and keep the policy if its entry is removed: {}",
        paint(YELLOW, "warning:"),
        printable(&error.to_string())
    )
}

/// The result of one change: a line, and another one with help for an error.
pub(super) fn line(change: &Change<'_>, status: &Status) -> String {
    let (what, why) = match status {
        Status::Done => (paint(GREEN, "done"), String::new()),
        Status::Failed(error) => return failed::line(change, error),
        Status::Skipped(Because::Of(address)) => (paint(YELLOW, "skipped"), format!(" because of {address}")),
        Status::Skipped(Because::Interrupted) => (paint(YELLOW, "skipped"), " because of the interruption".into()),
    };
    format!("{} {} {what}{why}", symbol(change.action), change.address)
}
