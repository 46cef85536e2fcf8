//! Shows a plan, asks for confirmation, and applies it. `apply`, `destroy` and `import` share this.

use crate::apply::{self, Effects, Event, Report, Status};
use crate::diagnostic::Diagnostic;
use crate::plan::change::Plan;
use crate::plan::saved::Options;
use crate::plan::{Planned, sealing};
use crate::remote::Remote;
use crate::render;
use crate::render::json::Outcome;
use crate::render::plan::Verdict;

use super::Exit;
use super::confirm::{Approval, can_ask, confirm};
use super::interruption;
use super::output::ReportOutput;
use super::pager::Pager;
use super::progress::{Form, Progress};
use super::reconcile::{self, Goal, Intent, Prepared, missing_secrets, verdict};
use super::refused_fields;
use super::report::{self, Applied};
use super::shared_arguments::SharedArguments;

/// What an apply leaves that is interrupted twice.
const UNFINISHED: &str = "changes in progress may or may not have been made; to continue, run the command again";

/// A plan and its consequences.
pub(super) struct Decided<'a> {
    pub(super) planned: Planned<'a>,
    pub(super) verdict: Verdict,
}

/// Reads, plans and applies.
pub(super) async fn reconcile(
    shared: &SharedArguments,
    intent: Intent<'_>,
    options: impl FnOnce(&Prepared) -> anyhow::Result<Options>,
    approval: &Approval,
) -> anyhow::Result<Exit> {
    report::refuse_question(shared.output, approval)?;
    let goal = intent.goal;
    let prepared = reconcile::prepare(shared, intent).await?;
    let decided = decide(&prepared, &options(&prepared)?, goal);
    let exit = show_and_apply(shared, &prepared, &decided, approval).await;
    prepared.connection.close().await;
    exit
}

/// Plans, and adds the findings that forbid an apply.
pub(super) fn decide<'a>(prepared: &'a Prepared, options: &Options, goal: Goal) -> Decided<'a> {
    let mut planned = prepared.plan(options.permissions, &options.selection);
    let unset = missing_secrets(&planned, Diagnostic::error);
    planned.diagnostics.extend(unset);
    prepared.finish(&mut planned);
    let verdict = verdict(&planned.diagnostics, goal);
    Decided { planned, verdict }
}

/// Shows a plan, asks for confirmation if it has changes, and applies it.
pub(super) async fn show_and_apply(
    shared: &SharedArguments,
    prepared: &Prepared,
    decided: &Decided<'_>,
    approval: &Approval,
) -> anyhow::Result<Exit> {
    let Decided { planned, verdict } = decided;
    let (plan, verdict) = (&planned.plan, *verdict);
    if matches!(verdict, Verdict::Refused(_)) {
        report::planned(shared, planned, verdict, &Pager::OFF);
        return Ok(Exit::Failed);
    }
    if plan.changes.is_empty() {
        report::planned(shared, planned, verdict, &Pager::OFF);
        return Ok(Exit::Done);
    }
    let is_asked = *approval != Approval::Given;
    // A question needs the changes that it is about, even with -q. A pager could hide the question.
    let shown = &SharedArguments { quiet: shared.quiet && !(is_asked && can_ask()), ..shared.clone() };
    report::before(shown, planned, verdict, &Pager::OFF);
    if is_asked {
        approval.explain();
        if !confirm(&render::plan::question(plan, verdict))? {
            errln!("Nothing was changed.");
            report::declined(shared, planned, verdict);
            return Ok(Exit::Failed);
        }
    }
    let done = execute(shared, prepared, plan).await;
    let outcome = if done.is_complete() { Outcome::Applied } else { Outcome::Failed };
    let refused = refused_fields::findings(plan, &done, &prepared.sources);
    let places = refused_fields::places(plan, &done, &prepared.desired, &prepared.sources);
    report::applied(shared, planned, &Applied { report: &done, outcome, refused, places });
    Ok(match outcome {
        Outcome::Applied => Exit::Done,
        _ if done.interrupted => Exit::Interrupted,
        _ => Exit::Failed,
    })
}

async fn execute(shared: &SharedArguments, prepared: &Prepared, plan: &Plan<'_>) -> Report {
    let mut plan = plan.clone();
    plan.changes.iter_mut().for_each(|change| sealing::complete(change, &prepared.seal));
    let archive = |function: &_| Ok(prepared.code.archive(function)?);
    let package = |function: &_, name: &str| Ok(prepared.packages.archive(function, name)?);
    let effects = Effects {
        remote: &prepared.remote,
        seen: &prepared.live,
        desired: &prepared.desired,
        archive: &archive,
        package: &package,
    };
    let form = shared.progress();
    let progress = Progress::applying(form, &prepared.remote, plan.changes.len());
    let tell = |event: Event<'_>| {
        progress.count(event);
        // Someone at the terminal may want to stop after a failure. Text for people names it in the region and in the result.
        if let (Form::Region, Event::Ended(change, Status::Failed(error))) = (form, event)
            && shared.output != ReportOutput::Human
        {
            errln!("{}", render::failed::brief(change, error));
        }
    };
    apply::run(&plan, &effects, interrupted(&prepared.remote), tell).await
}

/// Completes at the first interruption, after which requests no longer wait. It listens from the moment this function
/// returns, even before its result is awaited.
fn interrupted(remote: &Remote) -> impl Future<Output = ()> + use<> {
    let told = interruption::stoppable(UNFINISHED);
    let remote = remote.clone();
    let first = tokio::spawn(async move {
        told.await;
        errln!("Interrupted: finishing the changes in progress. Interrupt again to abort.");
        remote.stop_waiting();
    });
    async move {
        if first.await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
