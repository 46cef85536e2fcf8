//! `fgctl plan`: shows what would change, and why. It writes nothing.

use std::path::PathBuf;

use crate::diagnostic::Diagnostic;
use crate::render::json::Outcome;

use crate::cli::Exit;
use crate::cli::failure::reported;
use crate::cli::github;
use crate::cli::output::{Format, Subject};
use crate::cli::pager::PagerArguments;
use crate::cli::permission;
use crate::cli::planning::PlanningArguments;
use crate::cli::reconcile::{self, Declared, Goal, Intent, missing_secrets, verdict};
use crate::cli::report;
use crate::cli::report_file::Reporting;
use crate::cli::saved_plan;
use crate::cli::shared_arguments::SharedArguments;

/// Flags without effect for a destroy, which ignores declarations.
const NOT_WITH_DESTROY: [&str; 7] =
    ["adopt", "take_over", "allow_deletes", "allow_secret_loss", "only_drift", "only_pending", "no_ownership"];

const EXAMPLES: &str = "\
Examples:
  # Show what an apply would change
  fgctl plan

  # Save the plan, and later apply exactly this plan
  fgctl plan --out orders.plan
  fgctl apply orders.plan

  # Plan another stack, and exit with 2 if there are changes
  fgctl plan -f stacks/orders --var-file vars/prod.yaml --detailed-exitcode";

/// Show what `apply` would change, and why
///
/// fgctl compares the manifest with live state and with the last apply. It changes nothing.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(in crate::cli) struct Arguments {
    /// Save the plan to a file, for `fgctl apply FILE`
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Exit with 2 if there are changes
    ///
    /// The exit code is 0 if there are none, and 1 after an error.
    #[arg(long)]
    detailed_exitcode: bool,
    /// Show what `destroy` would delete
    #[arg(long, conflicts_with_all = NOT_WITH_DESTROY)]
    destroy: bool,
    #[command(flatten)]
    planning: PlanningArguments,
    #[command(flatten)]
    shared: SharedArguments,
    #[command(flatten)]
    pager: PagerArguments,
}

pub(super) async fn run(arguments: &Arguments) -> anyhow::Result<Exit> {
    let reporting = Reporting::from(&arguments.shared);
    if let Some(out) = &arguments.out {
        saved_plan::refuse(out)?;
    }
    reporting.refuse(Subject::Plan, arguments.out.as_deref())?;
    reported(reporting, show(arguments)).await
}

async fn show(arguments: &Arguments) -> anyhow::Result<Exit> {
    let Arguments { shared, planning, pager, destroy, out, detailed_exitcode } = arguments;
    let goal = if *destroy { Goal::Nothing } else { Goal::AsDeclared };
    let refuse = |declared: &Declared| planning.refuse(declared);
    let intent = Intent { ownership: planning.ownership(), refuse: &refuse, ..Intent::from(goal) };
    let prepared = reconcile::prepare(shared, intent).await?;
    let mut options = planning.options(&prepared)?;
    options.permissions.destroy = *destroy;
    let mut planned = prepared.plan(options.permissions, &options.selection);
    let unset = missing_secrets(&planned, Diagnostic::warning);
    planned.diagnostics.extend(unset);
    if out.is_some() || Reporting::from(shared).has(Format::Markdown) || github::has_summary() {
        prepared.draw(&mut planned);
    }
    prepared.finish(&mut planned);
    let verdict = verdict(&planned.diagnostics, goal);
    let outcome = Outcome::planned(&planned.plan, verdict);
    let saved = out.as_ref().filter(|_| outcome != Outcome::Refused);
    if let Some(path) = saved {
        saved_plan::write(path, &saved_plan::record(&prepared, &planned, options.clone(), &shared.manifest)?)?;
    }
    report::planned(shared, &planned, verdict, &pager.pager());
    if let Some(path) = saved.filter(|_| !shared.quiet) {
        permission::remind(path, &options);
    }
    prepared.connection.close().await;
    Ok(match outcome {
        Outcome::Refused => Exit::Failed,
        Outcome::Changes if *detailed_exitcode => Exit::Differences,
        _ => Exit::Done,
    })
}
