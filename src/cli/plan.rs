//! `fgctl plan`: what would change, and why. It writes nothing.

use crate::diagnostic::Diagnostic;
use crate::render::json::Outcome;
use crate::render::plan::Verdict;

use super::Exit;
use super::reconcile::{
    self, Goal, PermissionArguments, SharedArguments, missing_secrets, reported, show_refused, verdict,
};
use super::report;

/// Show what apply would change, and why. Writes nothing.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    shared: SharedArguments,
    #[command(flatten)]
    permissions: PermissionArguments,
    /// Exit with 2 where there are changes, 0 where there are none, 1 for errors
    #[arg(long)]
    detailed_exitcode: bool,
}

pub(super) async fn run(arguments: &Arguments) -> anyhow::Result<Exit> {
    reported(arguments.shared.output, show(arguments)).await
}

async fn show(arguments: &Arguments) -> anyhow::Result<Exit> {
    let prepared = match reconcile::prepare(&arguments.shared, Goal::AsDeclared).await? {
        Ok(prepared) => prepared,
        Err(refused) => return Ok(show_refused(&refused, arguments.shared.output)),
    };
    let mut planned = prepared.plan(arguments.permissions.permissions());
    planned.diagnostics.extend(missing_secrets(&prepared, Diagnostic::warning));
    prepared.locate(&mut planned.diagnostics);
    let verdict = verdict(&planned.diagnostics, Goal::AsDeclared);
    let outcome = match verdict {
        Verdict::Refused(_) => Outcome::Refused,
        _ if planned.plan.changes.is_empty() => Outcome::NoChanges,
        _ => Outcome::Changes,
    };
    report::planned(&arguments.shared, &planned, verdict, outcome);
    prepared.connection.close().await;
    Ok(match outcome {
        Outcome::Refused => Exit::Failed,
        Outcome::Changes if arguments.detailed_exitcode => Exit::Changes,
        _ => Exit::Done,
    })
}
