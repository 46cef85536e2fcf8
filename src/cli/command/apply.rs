//! `fgctl apply` and `fgctl destroy`: show the plan, ask for confirmation, and apply it. A saved plan needs no
//! confirmation, except for its permissions.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use crate::apply::{self, Effects, Report, Status};
use crate::diagnostic::Diagnostic;
use crate::model::state::Ownership;
use crate::plan::change::{Change, Plan};
use crate::plan::saved::{Options, Origin};
use crate::plan::{Permissions, Planned, sealing};
use crate::remote::Remote;
use crate::render;
use crate::render::json::Outcome;
use crate::render::plan::Verdict;

use crate::cli::Exit;
use crate::cli::confirm::{Approval, confirm};
use crate::cli::output::ReportOutput;
use crate::cli::permission;
use crate::cli::planning::{PlanningArguments, TargetArguments};
use crate::cli::reconcile::{self, Declared, Goal, Intent, Prepared, missing_secrets, reported, show_refused, verdict};
use crate::cli::report;
use crate::cli::saved_plan;
use crate::cli::shared_arguments::SharedArguments;

/// Flags that a saved plan already contains.
const NOT_WITH_A_FILE: [&str; 4] = ["only_drift", "only_pending", "targets", "excluded"];

/// Make live state match the manifests: show the plan, ask, and apply it
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Arguments {
    /// Apply this saved plan without asking, if planning again gives the same plan; otherwise exit with 3
    ///
    /// Manifests are read from the paths that the plan contains, or from -f. Values of --var are not saved, so pass
    /// them again. Also repeat --adopt, --take-over, --allow-deletes, --no-ownership and --destroy, because a file
    /// cannot grant permissions.
    #[arg(value_name = "FILE", conflicts_with_all = NOT_WITH_A_FILE)]
    plan: Option<PathBuf>,
    /// Allow a saved plan that was made with --destroy
    #[arg(long, requires = "plan")]
    destroy: bool,
    #[command(flatten)]
    shared: SharedArguments,
    #[command(flatten)]
    planning: PlanningArguments,
    /// Apply without asking
    #[arg(long)]
    auto_approve: bool,
}

/// Delete every function that the manifests' stack owns
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct DestroyArguments {
    #[command(flatten)]
    shared: SharedArguments,
    #[command(flatten)]
    targets: TargetArguments,
    /// Destroy without asking
    #[arg(long)]
    auto_approve: bool,
}

pub(super) async fn run(arguments: &Arguments) -> anyhow::Result<Exit> {
    let Arguments { plan, destroy, shared, planning, auto_approve } = arguments;
    match plan {
        Some(file) => {
            let permissions = Permissions { destroy: *destroy, ..planning.permissions() };
            let given = Options { permissions, ownership: planning.ownership(), ..Options::default() };
            Box::pin(reported(shared.output, apply_saved(file, shared, &given))).await
        }
        None => {
            let refuse = |declared: &Declared| planning.refuse(declared);
            let intent = Intent { ownership: planning.ownership(), refuse: &refuse, ..Intent::from(Goal::AsDeclared) };
            let options = |prepared: &Prepared| planning.options(prepared);
            reported(shared.output, reconcile(shared, intent, options, Approval::new(*auto_approve))).await
        }
    }
}

pub(super) async fn destroy(arguments: &DestroyArguments) -> anyhow::Result<Exit> {
    let DestroyArguments { shared, targets, auto_approve } = arguments;
    let permissions = Permissions { destroy: true, ..Permissions::default() };
    let options = |prepared: &Prepared| {
        Ok(Options { permissions, ownership: Ownership::Tags, selection: targets.selection(prepared)? })
    };
    let refuse = |declared: &Declared| targets.refuse(declared);
    let intent = Intent { refuse: &refuse, ..Goal::Nothing.into() };
    reported(shared.output, reconcile(shared, intent, options, Approval::new(*auto_approve))).await
}

async fn reconcile(
    shared: &SharedArguments,
    intent: Intent<'_>,
    options: impl FnOnce(&Prepared) -> anyhow::Result<Options>,
    approval: Approval,
) -> anyhow::Result<Exit> {
    report::refuse_question(shared.output, approval)?;
    let goal = intent.goal;
    let prepared = match reconcile::prepare(shared, intent).await? {
        Ok(prepared) => prepared,
        Err(refused) => return Ok(show_refused(&refused, shared.output)),
    };
    let planned = plan(&prepared, &options(&prepared)?);
    let verdict = verdict(&planned.diagnostics, goal);
    let exit = show_and_apply(shared, &prepared, (&planned, verdict), approval).await;
    prepared.connection.close().await;
    exit
}

async fn apply_saved(file: &Path, shared: &SharedArguments, given: &Options) -> anyhow::Result<Exit> {
    let saved = saved_plan::read(file)?;
    let Origin { options, files, .. } = &saved.origin;
    permission::grant((file, &saved), given, shared.output)?;
    let manifest = shared.manifest.or(files);
    manifest.expect_files_of(file)?;
    let shared = &SharedArguments { manifest, ..shared.clone() };
    let goal = if options.permissions.destroy { Goal::Nothing } else { Goal::AsDeclared };
    let intent = Intent { ownership: options.ownership, saved: Some(&saved), ..goal.into() };
    let prepared = match reconcile::prepare(shared, intent).await? {
        Ok(prepared) => prepared,
        Err(refused) => return Ok(show_refused(&refused, shared.output)),
    };
    let planned = plan(&prepared, options);
    let now = saved_plan::record(&prepared, &planned, options.clone(), &shared.manifest)?;
    let moved = saved.moved(&now);
    let exit = if moved.is_empty() {
        let verdict = verdict(&planned.diagnostics, goal);
        show_and_apply(shared, &prepared, (&planned, verdict), Approval::Given).await
    } else {
        let explanation = render::stale::human(&saved, &now, &moved);
        report::stale(shared, &saved.plan(), &moved, (&planned.diagnostics, &explanation));
        Ok(Exit::Stale)
    };
    prepared.connection.close().await;
    exit
}

/// Plans, and adds the findings that forbid an apply.
fn plan<'a>(prepared: &'a Prepared, options: &Options) -> Planned<'a> {
    let mut planned = prepared.plan(options.permissions, &options.selection);
    let unset = missing_secrets(&planned, Diagnostic::error);
    planned.diagnostics.extend(unset);
    prepared.finish(&mut planned);
    planned
}

pub(super) async fn show_and_apply(
    shared: &SharedArguments,
    prepared: &Prepared,
    (planned, verdict): (&Planned<'_>, Verdict),
    approval: Approval,
) -> anyhow::Result<Exit> {
    let plan = &planned.plan;
    if matches!(verdict, Verdict::Refused(_)) {
        report::planned(shared, planned, verdict, Outcome::Refused);
        return Ok(Exit::Failed);
    }
    if plan.changes.is_empty() {
        report::planned(shared, planned, verdict, Outcome::NoChanges);
        return Ok(Exit::Done);
    }
    report::before(shared, planned, verdict);
    let question = || format!("Apply these changes to {}?", render::home::phrase(plan.stack, &plan.scope));
    if approval == Approval::Asked && !confirm(&question())? {
        errln!("Nothing was changed.");
        return Ok(Exit::Failed);
    }
    let done = execute(shared, prepared, plan).await;
    let outcome = if done.is_complete() { Outcome::Applied } else { Outcome::Failed };
    report::applied(shared, planned, &done, outcome);
    Ok(if outcome == Outcome::Applied { Exit::Done } else { Exit::Failed })
}

async fn execute(shared: &SharedArguments, prepared: &Prepared, plan: &Plan<'_>) -> Report {
    let mut plan = plan.clone();
    plan.changes.iter_mut().for_each(|change| sealing::complete(change, &prepared.seal));
    let archive = |function: &_| prepared.code.archive(function).map_err(|error| error.to_string());
    let effects = Effects {
        remote: &prepared.remote,
        stack: (prepared.desired.ownership == Ownership::Tags).then_some(&prepared.desired.stack),
        archive: &archive,
    };
    let shows_progress = shared.output == ReportOutput::Human && !shared.quiet && std::io::stderr().is_terminal();
    let tell = |change: &Change<'_>, status: &Status| {
        if shows_progress {
            errln!("{}", render::report::line(change, status));
        }
    };
    apply::run(&plan, &prepared.desired, &effects, interrupted(&prepared.remote).await, tell).await
}

/// Completes at the first Ctrl-C, after which requests no longer wait; a second one aborts the process. It listens from
/// the moment this function returns, even before its result is awaited.
async fn interrupted(remote: &Remote) -> impl Future<Output = ()> + use<> {
    let remote = remote.clone();
    let first = tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_err() {
            return std::future::pending().await;
        }
        errln!("Interrupted: finishing the changes in progress. Interrupt again to abort.");
        remote.stop_waiting();
        tokio::spawn(async {
            if tokio::signal::ctrl_c().await.is_ok() {
                crate::cli::abort();
            }
        });
    });
    // The task registers for the signal in its first step, and this lets it run.
    tokio::task::yield_now().await;
    async move {
        if first.await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
