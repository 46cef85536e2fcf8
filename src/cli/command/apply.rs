//! `fgctl apply`: shows the plan, asks for confirmation, and applies it. A saved plan needs no confirmation, except for its
//! permissions.

use std::path::{Path, PathBuf};

use crate::diagnostic::Diagnostic;
use crate::plan::Permissions;
use crate::plan::saved::{Options, Origin, SavedPlan};
use crate::render::home::Known;
use crate::render::stale::Stale as Why;

use crate::cli::Exit;
use crate::cli::confirm::Approval;
use crate::cli::execution::{decide, reconcile, show_and_apply};
use crate::cli::failure::{Outdated, reported};
use crate::cli::here;
use crate::cli::output::Subject;
use crate::cli::permission;
use crate::cli::planning::PlanningArguments;
use crate::cli::reconcile::{self, Declared, Goal, Intent, Prepared};
use crate::cli::report::{self, Stale};
use crate::cli::report_file::Reporting;
use crate::cli::saved_plan;
use crate::cli::shared_arguments::SharedArguments;

/// Flags that a saved plan already contains.
const NOT_WITH_A_FILE: [&str; 4] = ["only_drift", "only_pending", "targets", "excluded"];

const EXAMPLES: &str = "\
Examples:
  # Deploy to the embedded server
  fgctl apply --local

  # Apply a saved plan
  fgctl apply orders.plan

  # Without asking, change only one function with its policy and triggers, and what these depend on
  fgctl apply --target intake --auto-approve";

/// Show the plan, ask for confirmation, and make the changes
///
/// After an apply, live state matches the manifest, and the next plan is empty.
///
/// After Ctrl-C, SIGTERM or SIGHUP, fgctl starts no new changes, finishes the changes in progress, and exits with 130. A second
/// signal aborts it.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(in crate::cli) struct Arguments {
    /// A plan that `fgctl plan --out FILE` saved
    ///
    /// fgctl plans again. If the result is the same, fgctl applies it without asking; otherwise, the plan is stale, and fgctl
    /// exits with 3.
    ///
    /// fgctl reads the manifest from the paths that the plan contains, or from -f, but not from `FGCTL_FILE`. A plan
    /// contains no values of --var, so give them again. A plan grants no permissions: if it was made with --adopt,
    /// --take-over, --allow-deletes, --allow-secret-loss, --no-ownership or --destroy, give these options again. If you
    /// leave one out, fgctl asks for confirmation if it runs on a terminal, and otherwise fails.
    #[arg(value_name = "FILE", conflicts_with_all = NOT_WITH_A_FILE)]
    plan: Option<PathBuf>,
    /// Apply without asking
    #[arg(long)]
    auto_approve: bool,
    /// Allow a saved plan that was made with --destroy
    #[arg(long, requires = "plan", hide_short_help = true)]
    destroy: bool,
    #[command(flatten)]
    planning: PlanningArguments,
    #[command(flatten)]
    shared: SharedArguments,
}

pub(super) async fn run(arguments: &Arguments) -> anyhow::Result<Exit> {
    let Arguments { plan, destroy, shared, planning, auto_approve } = arguments;
    let reporting = Reporting::from(shared);
    reporting.refuse(Subject::Plan, plan.as_deref())?;
    match plan {
        Some(file) => {
            let permissions = Permissions { destroy: *destroy, ..planning.permissions() };
            let given = Options { permissions, ownership: planning.ownership(), ..Options::default() };
            Box::pin(reported(reporting, apply_saved(file, shared, &given))).await
        }
        None => {
            let refuse = |declared: &Declared| planning.refuse(declared);
            let intent = Intent { ownership: planning.ownership(), refuse: &refuse, ..Intent::from(Goal::AsDeclared) };
            let options = |prepared: &Prepared| planning.options(prepared);
            reported(reporting, reconcile(shared, intent, options, &Approval::new(*auto_approve))).await
        }
    }
}

async fn apply_saved(file: &Path, shared: &SharedArguments, given: &Options) -> anyhow::Result<Exit> {
    let saved = saved_plan::read(file)?;
    here::learn(Known::from(&saved));
    let Origin { options, files, .. } = &saved.origin;
    shared.manifest.expect_environment_of(files)?;
    if let Some(outdated) = shared.manifest.outdated(files) {
        return Ok(refuse_outdated(&saved, shared, &outdated));
    }
    let approval = permission::grant(file, &saved, given, shared.output)?;
    let manifest = shared.manifest.or(files);
    let shared = &SharedArguments { manifest, ..shared.clone() };
    let goal = if options.permissions.destroy { Goal::Nothing } else { Goal::AsDeclared };
    let intent = Intent { ownership: options.ownership, saved: Some(&saved), ..goal.into() };
    let prepared = match reconcile::prepare(shared, intent).await {
        Ok(prepared) => prepared,
        Err(error) => return error.downcast().map(|outdated| refuse_outdated(&saved, shared, &outdated)),
    };
    let decided = decide(&prepared, options, goal);
    let again = prepared.as_planned.as_ref().map(|then| then.plan(&prepared, options));
    let again = again.as_ref().unwrap_or(&decided.planned);
    let now = saved_plan::record(&prepared, again, options.clone(), &shared.manifest)?;
    let moved = saved.moved(&now);
    let exit = if moved.is_empty() {
        show_and_apply(shared, &prepared, &decided, &approval).await
    } else {
        let is_refused = decided.planned.diagnostics.iter().any(Diagnostic::is_error);
        let why = Why::new(&saved, (!is_refused).then_some(&now), &moved, shared.detail.detail());
        let stale = Stale { plan: &saved.plan(), moved: &moved, why: &why };
        report::stale(shared, &stale, &decided.planned.diagnostics);
        Ok(Exit::Stale)
    };
    prepared.connection.close().await;
    exit
}

/// Reports a plan that cannot be made again.
fn refuse_outdated(saved: &SavedPlan, shared: &SharedArguments, outdated: &Outdated) -> Exit {
    let Outdated { reason, help } = outdated;
    let why = Why::outdated(saved, reason, help);
    let stale = Stale { plan: &saved.plan(), moved: &[], why: &why };
    report::stale(shared, &stale, &[]);
    Exit::Stale
}
