//! `fgctl plan`: what would change, and why. It writes nothing.

use std::path::PathBuf;

use crate::diagnostic::Diagnostic;
use crate::render::json::Outcome;
use crate::render::plan::Verdict;

use super::Exit;
use super::planning::PlanningArguments;
use super::reconcile::{self, Goal, Intent, missing_secrets, reported, show_refused, verdict};
use super::report;
use super::saved_plan;
use super::shared_arguments::SharedArguments;

/// Show what apply would change, and why. Writes nothing.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    shared: SharedArguments,
    #[command(flatten)]
    planning: PlanningArguments,
    /// Save the plan, so that `fgctl apply FILE` does this and nothing else
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Exit with 2 where there are changes, 0 where there are none, 1 for errors
    #[arg(long)]
    detailed_exitcode: bool,
}

pub(super) async fn run(arguments: &Arguments) -> anyhow::Result<Exit> {
    reported(arguments.shared.output, show(arguments)).await
}

async fn show(arguments: &Arguments) -> anyhow::Result<Exit> {
    let Arguments { shared, planning, out, detailed_exitcode } = arguments;
    let intent = Intent { ownership: planning.ownership(), ..Intent::from(Goal::AsDeclared) };
    let prepared = match reconcile::prepare(shared, intent).await? {
        Ok(prepared) => prepared,
        Err(refused) => return Ok(show_refused(&refused, shared.output)),
    };
    let options = planning.options(&prepared)?;
    let mut planned = prepared.plan(options.permissions, &options.selection);
    // What is saved has to be what is applied, and nobody knows what a secret without its value would change.
    let severity = if out.is_some() { Diagnostic::error } else { Diagnostic::warning };
    let unset = missing_secrets(&planned, severity);
    planned.diagnostics.extend(unset);
    prepared.locate(&mut planned.diagnostics);
    let verdict = verdict(&planned.diagnostics, Goal::AsDeclared);
    let outcome = match verdict {
        Verdict::Refused(_) => Outcome::Refused,
        _ if planned.plan.changes.is_empty() => Outcome::NoChanges,
        _ => Outcome::Changes,
    };
    if let Some(path) = out.as_ref().filter(|_| outcome != Outcome::Refused) {
        saved_plan::write(path, &saved_plan::record(&prepared, &planned, options, &shared.manifest))?;
    }
    report::planned(shared, &planned, verdict, outcome);
    prepared.connection.close().await;
    Ok(match outcome {
        Outcome::Refused => Exit::Failed,
        Outcome::Changes if *detailed_exitcode => Exit::Differences,
        _ => Exit::Done,
    })
}
