//! `fgctl apply` and `fgctl destroy`: shows the plan, asks, and does it.

use std::io::IsTerminal;

use crate::apply::{self, Effects, Report, Status};
use crate::diagnostic::Diagnostic;
use crate::plan::change::{Change, Plan};
use crate::plan::{Permissions, Planned};
use crate::remote::Remote;
use crate::render;
use crate::render::json::Outcome;
use crate::render::plan::Verdict;

use super::Exit;
use super::confirm::confirm;
use super::output::Output;
use super::reconcile::{
    self, Goal, PermissionArguments, Prepared, SharedArguments, missing_secrets, reported, show_refused, verdict,
};

/// Make live state match the manifests: show the plan, ask, and apply it.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    shared: SharedArguments,
    #[command(flatten)]
    permissions: PermissionArguments,
    /// Apply without asking
    #[arg(long)]
    auto_approve: bool,
}

/// Delete every function that the manifests' stack owns.
#[derive(Debug, clap::Args)]
pub(super) struct DestroyArguments {
    #[command(flatten)]
    shared: SharedArguments,
    /// Destroy without asking
    #[arg(long)]
    auto_approve: bool,
}

pub(super) async fn run(arguments: &Arguments) -> anyhow::Result<Exit> {
    let Arguments { shared, permissions, auto_approve } = arguments;
    reported(shared.output, reconcile(shared, permissions.permissions(), Goal::AsDeclared, *auto_approve)).await
}

pub(super) async fn destroy(arguments: &DestroyArguments) -> anyhow::Result<Exit> {
    let DestroyArguments { shared, auto_approve } = arguments;
    let permissions = Permissions { destroy: true, ..Permissions::default() };
    reported(shared.output, reconcile(shared, permissions, Goal::Nothing, *auto_approve)).await
}

async fn reconcile(
    shared: &SharedArguments,
    permissions: Permissions,
    goal: Goal,
    auto_approve: bool,
) -> anyhow::Result<Exit> {
    if shared.output == Output::Json && !auto_approve {
        anyhow::bail!("-o json leaves no room for a question; give --auto-approve");
    }
    let prepared = match reconcile::prepare(shared, goal).await? {
        Ok(prepared) => prepared,
        Err(refused) => return Ok(show_refused(&refused, shared.output)),
    };
    let mut planned = prepared.plan(permissions);
    planned.diagnostics.extend(missing_secrets(&prepared, Diagnostic::error));
    prepared.locate(&mut planned.diagnostics);
    let verdict = verdict(&planned.diagnostics, goal);
    let exit = show_and_apply(shared, &prepared, &planned, verdict, auto_approve).await;
    prepared.connection.close().await;
    exit
}

async fn show_and_apply(
    shared: &SharedArguments,
    prepared: &Prepared,
    planned: &Planned<'_>,
    verdict: Verdict,
    auto_approve: bool,
) -> anyhow::Result<Exit> {
    let Planned { plan, diagnostics } = planned;
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
        stack: &prepared.desired.stack,
        archive: &archive,
        concurrency: shared.connection.concurrency(),
    };
    let shows_progress = shared.output == Output::Human && std::io::stderr().is_terminal();
    let tell = |change: &Change<'_>, status: &Status| {
        if shows_progress {
            anstream::eprintln!("{}", render::report::line(change, status));
        }
    };
    apply::run(plan, &prepared.desired, &effects, interrupted(&prepared.remote), tell).await
}

/// Completes at the first Ctrl-C, after which no request waits any more; a second one ends the process where it is. It is
/// heard whether or not anybody waits for this.
fn interrupted(remote: &Remote) -> impl Future<Output = ()> + use<> {
    let remote = remote.clone();
    let first = tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_err() {
            return std::future::pending().await;
        }
        anstream::eprintln!("Interrupted: finishing what is under way. Interrupt again to abort.");
        remote.stop_waiting();
        tokio::spawn(async {
            if tokio::signal::ctrl_c().await.is_ok() {
                super::abort();
            }
        });
    });
    async move {
        if first.await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
