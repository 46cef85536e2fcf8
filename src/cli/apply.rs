//! `fgctl apply` and `fgctl destroy`: shows the plan, asks, and does it. A saved plan was agreed to when it was saved.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use crate::apply::{self, Effects, Report, Status};
use crate::diagnostic::Diagnostic;
use crate::model::state::Ownership;
use crate::plan::change::{Change, Plan};
use crate::plan::saved::{Options, Origin};
use crate::plan::{Permissions, Planned};
use crate::render;
use crate::render::json::Outcome;
use crate::render::plan::Verdict;

use super::Exit;
use super::confirm::confirm;
use super::output::Output;
use super::planning::{PlanningArguments, TargetArguments};
use super::reconcile::{
    self, Goal, Intent, Prepared, SharedArguments, missing_secrets, reported, show_refused, verdict,
};
use super::saved_plan;

/// What a saved plan has decided already.
const NOT_WITH_A_FILE: [&str; 8] =
    ["adopt", "take_over", "allow_deletes", "only_drift", "only_pending", "targets", "excluded", "no_ownership"];

/// Make live state match the manifests: show the plan, ask, and apply it
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Apply this saved plan, without a question, if it is still what would be planned; else exit with 3. Manifests are
    /// found where they were; values given with --var are not saved, and have to be given again
    #[arg(value_name = "FILE", conflicts_with_all = NOT_WITH_A_FILE)]
    plan: Option<PathBuf>,
    #[command(flatten)]
    shared: SharedArguments,
    #[command(flatten)]
    planning: PlanningArguments,
    /// Apply without asking
    #[arg(long)]
    auto_approve: bool,
}

/// Delete every function that the manifests' stack owns.
#[derive(Debug, clap::Args)]
pub(super) struct DestroyArguments {
    #[command(flatten)]
    shared: SharedArguments,
    #[command(flatten)]
    targets: TargetArguments,
    /// Destroy without asking
    #[arg(long)]
    auto_approve: bool,
}

pub(super) async fn run(arguments: &Arguments) -> anyhow::Result<Exit> {
    let Arguments { plan, shared, planning, auto_approve } = arguments;
    match plan {
        Some(file) => reported(shared.output, apply_saved(file, shared)).await,
        None => {
            let intent = Intent { ownership: planning.ownership(), ..Intent::from(Goal::AsDeclared) };
            let options = |prepared: &Prepared| planning.options(prepared);
            reported(shared.output, reconcile(shared, intent, options, *auto_approve)).await
        }
    }
}

pub(super) async fn destroy(arguments: &DestroyArguments) -> anyhow::Result<Exit> {
    let DestroyArguments { shared, targets, auto_approve } = arguments;
    let permissions = Permissions { destroy: true, ..Permissions::default() };
    let options = |prepared: &Prepared| {
        Ok(Options { permissions, ownership: Ownership::Tags, selection: targets.selection(prepared)? })
    };
    reported(shared.output, reconcile(shared, Goal::Nothing.into(), options, *auto_approve)).await
}

async fn reconcile(
    shared: &SharedArguments,
    intent: Intent<'_>,
    options: impl FnOnce(&Prepared) -> anyhow::Result<Options>,
    auto_approve: bool,
) -> anyhow::Result<Exit> {
    if shared.output == Output::Json && !auto_approve {
        anyhow::bail!("-o json leaves no room for a question; give --auto-approve");
    }
    let goal = intent.goal;
    let prepared = match reconcile::prepare(shared, intent).await? {
        Ok(prepared) => prepared,
        Err(refused) => return Ok(show_refused(&refused, shared.output)),
    };
    let planned = plan(&prepared, &options(&prepared)?);
    let exit = show_and_apply(shared, &prepared, (&planned, goal), auto_approve).await;
    prepared.connection.close().await;
    exit
}

async fn apply_saved(file: &Path, shared: &SharedArguments) -> anyhow::Result<Exit> {
    let saved = saved_plan::read(file)?;
    let Origin { options, files, .. } = &saved.origin;
    let shared = &SharedArguments { manifest: shared.manifest.or(files), ..shared.clone() };
    let intent = Intent { goal: Goal::AsDeclared, ownership: options.ownership, saved: Some(&saved) };
    let prepared = match reconcile::prepare(shared, intent).await? {
        Ok(prepared) => prepared,
        Err(refused) => return Ok(show_refused(&refused, shared.output)),
    };
    let planned = plan(&prepared, options);
    let now = saved_plan::record(&prepared, &planned, options.clone(), &shared.manifest);
    let moved = saved.moved(&now);
    let exit = if moved.is_empty() {
        show_and_apply(shared, &prepared, (&planned, Goal::AsDeclared), true).await
    } else {
        anstream::eprint!("{}", render::diagnostic::human(&planned.diagnostics));
        anstream::eprint!("{}", saved_plan::explain(file, &saved, &now, &moved));
        if shared.output == Output::Json {
            let findings = render::diagnostic::json(&planned.diagnostics);
            anstream::println!("{:#}", render::json::stale(&saved.plan(), &moved, &findings));
        }
        Ok(Exit::Stale)
    };
    prepared.connection.close().await;
    exit
}

/// Decides, and finds what forbids to apply.
fn plan<'a>(prepared: &'a Prepared, options: &Options) -> Planned<'a> {
    let mut planned = prepared.plan(options.permissions, &options.selection);
    planned.diagnostics.extend(missing_secrets(prepared, Diagnostic::error));
    prepared.locate(&mut planned.diagnostics);
    planned
}

async fn show_and_apply(
    shared: &SharedArguments,
    prepared: &Prepared,
    (planned, goal): (&Planned<'_>, Goal),
    auto_approve: bool,
) -> anyhow::Result<Exit> {
    let Planned { plan, diagnostics } = planned;
    let verdict = verdict(diagnostics, goal);
    if shared.output == Output::Human {
        anstream::eprint!("{}", render::diagnostic::human(diagnostics));
        anstream::print!("{}", render::plan::human(plan, verdict));
    }
    let refused = matches!(verdict, Verdict::Refused(_));
    if refused || plan.changes.is_empty() {
        let outcome = if refused { Outcome::Refused } else { Outcome::NoChanges };
        if shared.output == Output::Json {
            let findings = render::diagnostic::json(diagnostics);
            anstream::println!("{:#}", render::json::plan(plan, outcome, &findings));
        }
        return Ok(if refused { Exit::Failed } else { Exit::Done });
    }
    if !auto_approve && !confirm("Apply these changes?")? {
        anstream::eprintln!("Nothing was changed.");
        return Ok(Exit::Failed);
    }
    let report = execute(shared, prepared, plan).await;
    let outcome = if report.is_complete() { Outcome::Applied } else { Outcome::Failed };
    match shared.output {
        Output::Human => anstream::print!("{}", render::report::human(plan, &report)),
        Output::Json => {
            let findings = render::diagnostic::json(diagnostics);
            anstream::println!("{:#}", render::json::report(plan, &report, outcome, &findings));
        }
    }
    Ok(if outcome == Outcome::Applied { Exit::Done } else { Exit::Failed })
}

async fn execute(shared: &SharedArguments, prepared: &Prepared, plan: &Plan<'_>) -> Report {
    let archive = |function: &_| prepared.manifest.archive(function).map_err(|error| error.to_string());
    let effects = Effects {
        remote: &prepared.remote,
        stack: (prepared.desired.ownership == Ownership::Tags).then_some(&prepared.desired.stack),
        archive: &archive,
        concurrency: shared.connection.concurrency(),
    };
    let shows_progress = shared.output == Output::Human && std::io::stderr().is_terminal();
    let tell = |change: &Change<'_>, status: &Status| {
        if shows_progress {
            anstream::eprintln!("{}", render::report::line(change, status));
        }
    };
    apply::run(plan, &prepared.desired, &effects, interrupted(), tell).await
}

/// Completes at the first Ctrl-C; a second one ends the process where it is.
async fn interrupted() {
    if tokio::signal::ctrl_c().await.is_err() {
        return std::future::pending().await;
    }
    anstream::eprintln!("Interrupted: finishing what is under way. Interrupt again to abort.");
    tokio::spawn(async {
        if tokio::signal::ctrl_c().await.is_ok() {
            super::abort();
        }
    });
}
