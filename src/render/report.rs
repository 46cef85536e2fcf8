//! The results of an apply as text, during the run and at its end.

use std::fmt::Write;

use crate::apply::{Because, Error, Report, Status};
use crate::model::address::Address;
use crate::plan::change::{Change, Plan};

use super::home;
use super::style::{BOLD, GREEN, RED, YELLOW, paint, printable, symbol};

/// The stack and its place, the failures, the number of changes by outcome, and what to do next.
pub fn human(plan: &Plan<'_>, report: &Report) -> String {
    let Report { statuses, unmarked, unverified: _, interrupted: _ } = report;
    let mut text = home::line(plan.stack, &plan.scope);
    let unfinished = plan.changes.iter().zip(statuses).filter(|(_, status)| !matches!(status, Status::Done));
    for (change, status) in unfinished {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{}", line(change, status));
    }
    for (address, error) in unmarked {
        let _ = writeln!(text, "{}", without_tags(address, error));
    }
    text.extend(unverified(report).map(|error| format!("{error}\n")));
    text.push_str(&summary(report));
    text.push('\n');
    text.push_str(&super::plan::partial(&plan.left_out));
    text
}

/// The number of changes by outcome.
pub(super) fn summary(report: &Report) -> String {
    let Report { statuses, unmarked: _, unverified: _, interrupted } = report;
    let count = |wanted: fn(&Status) -> bool| statuses.iter().filter(|status| wanted(status)).count();
    let done = count(|status| matches!(status, Status::Done));
    let failed = count(|status| matches!(status, Status::Failed(_)));
    let skipped = count(|status| matches!(status, Status::Skipped(_)));
    let interruption = if *interrupted { "The apply was interrupted. " } else { "" };
    if failed + skipped == 0 {
        return format!("{interruption}{}", paint(BOLD, format_args!("Applied: {done} done.")));
    }
    let counts = paint(BOLD, format_args!("Partly applied: {done} done, {failed} failed, {skipped} skipped."));
    format!("{interruption}{counts} Run the command again to continue.")
}

/// A message that the final read of live state failed.
pub(super) fn unverified(report: &Report) -> Option<String> {
    let error = report.unverified.as_ref()?;
    Some(format!("{}: the writes were accepted, but could not be verified: {}", paint(RED, "error"), reason(error)))
}

/// An error on one line, and the instruction on the next.
fn reason(error: &Error) -> String {
    let help = error.help().map(|help| format!("\n    help: {}", printable(&help))).unwrap_or_default();
    format!("{}{help}", printable(&error.to_string()))
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
pub fn line(change: &Change<'_>, status: &Status) -> String {
    let (what, why) = match status {
        Status::Done => (paint(GREEN, "done"), String::new()),
        Status::Failed(error) => (paint(RED, "failed"), format!(": {}", reason(error))),
        Status::Skipped(Because::Of(address)) => (paint(YELLOW, "skipped"), format!(" because of {address}")),
        Status::Skipped(Because::Interrupted) => (paint(YELLOW, "skipped"), " because of the interruption".into()),
    };
    format!("{} {} {what}{why}", symbol(change.action), change.address)
}
