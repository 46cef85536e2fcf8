//! `fgctl drift`: reports what changed since the last apply, and which side changed. It writes nothing.

use crate::diagnostic::Diagnostic;
use crate::model::address::FunctionAddress;
use crate::plan::Permissions;
use crate::plan::drift::{self, Finding, State};
use crate::plan::existing;
use crate::plan::guard;
use crate::plan::selection::Selection;
use crate::plan::tag_room;
use crate::plan::target;
use crate::render::drift::Drift;
use crate::render::json::Outcome;

use crate::cli::Exit;
use crate::cli::failure::reported;
use crate::cli::output::{FormatsOf, Subject};
use crate::cli::pager::PagerArguments;
use crate::cli::planning::OwnershipArguments;
use crate::cli::reconcile::{self, Goal, Intent, Prepared, missing_secrets};
use crate::cli::report::{self, Drifted};
use crate::cli::report_file::Reporting;
use crate::cli::shared_arguments::SharedArguments;

const EXAMPLES: &str = "\
Examples:
  # Show what changed, and which side changed
  fgctl drift

  # Also list the functions that no stack owns
  fgctl drift --unmanaged

  # Report drift as JSON; the exit code is 2 if there is any
  fgctl drift -o json";

/// Show what changed since the last apply, and on which side
///
/// Live state has "drifted" if someone changed it; a change is "pending" if it was made only in the manifest. The exit
/// code is 2 if fgctl finds any difference other than "pending" ones. fgctl changes nothing.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES, mut_arg("output", |output| output.value_parser(FormatsOf(Subject::Drift))))]
pub(in crate::cli) struct Arguments {
    /// Also list the functions that no stack owns and the manifest does not declare
    ///
    /// If there are any, the exit code is 2.
    #[arg(long)]
    unmanaged: bool,
    #[command(flatten)]
    ownership: OwnershipArguments,
    #[command(flatten)]
    shared: SharedArguments,
    #[command(flatten)]
    pager: PagerArguments,
}

/// Drift makes no changes, so it reports whatever a plan would need permission for or refuse to delete.
const EVERYTHING: Permissions = Permissions {
    adopt: true,
    take_over: true,
    allow_deletes: Some(usize::MAX),
    destroy: false,
    allow_secret_loss: true,
};

/// Errors of a plan that drift reports as findings only.
const REPORTED: [&str; 6] = [
    guard::PROTECTED,
    tag_room::TOO_MANY_TAGS,
    guard::SECRETS_AT_RISK,
    target::STILL_NOTIFIED,
    existing::MISSING,
    existing::OWNED_AS_A_WHOLE,
];

pub(super) async fn run(arguments: &Arguments) -> anyhow::Result<Exit> {
    let reporting = Reporting::from(&arguments.shared);
    reporting.refuse(Subject::Drift, None)?;
    reported(reporting, show(arguments)).await
}

async fn show(arguments: &Arguments) -> anyhow::Result<Exit> {
    let Arguments { shared, ownership, pager, unmanaged } = arguments;
    let intent = Intent { ownership: ownership.ownership(), ..Intent::from(Goal::AsDeclared) };
    let prepared = reconcile::prepare(shared, intent).await?.without_lints();
    let mut planned = prepared.plan(EVERYTHING, &Selection::default());
    planned.diagnostics.retain(|found| !REPORTED.contains(&found.code));
    let unset = missing_secrets(&planned, Diagnostic::warning);
    planned.diagnostics.extend(unset);
    prepared.finish(&mut planned);
    let mut findings = drift::findings(&planned.plan);
    findings.extend(drift::protected_by_hand(&prepared.desired, &prepared.live));
    findings.extend(drift::refused_existing(&prepared.desired, &prepared.live));
    findings.sort_by(|one, other| (&one.address, one.facet).cmp(&(&other.address, other.facet)));
    let unmanaged = unmanaged.then(|| drift::unmanaged(&prepared.desired, &prepared.live));
    let outcome = outcome(&planned.diagnostics, &findings, unmanaged.as_deref());
    let secrets = drift::secret_values(&prepared.desired, &prepared.live, &findings);
    let Prepared { desired, .. } = &prepared;
    let declared: Vec<&FunctionAddress> = desired.functions.keys().chain(desired.existing.keys()).collect();
    let drift = Drift {
        stack: &prepared.desired.stack,
        scope: &prepared.live.scope,
        findings: &findings,
        secrets: &secrets,
        declared: &declared,
        unmanaged: unmanaged.as_deref(),
    };
    report::drift(shared, &Drifted { drift, outcome, diagnostics: &planned.diagnostics }, &pager.pager());
    prepared.connection.close().await;
    Ok(match outcome {
        Outcome::Refused => Exit::Failed,
        Outcome::Drift => Exit::Differences,
        _ => Exit::Done,
    })
}

fn outcome(diagnostics: &[Diagnostic], findings: &[Finding], unmanaged: Option<&[&FunctionAddress]>) -> Outcome {
    let has_unmanaged = unmanaged.is_some_and(|unmanaged| !unmanaged.is_empty());
    if diagnostics.iter().any(Diagnostic::is_error) {
        Outcome::Refused
    } else if has_unmanaged || findings.iter().any(|finding| finding.state != State::Pending) {
        Outcome::Drift
    } else if findings.is_empty() {
        Outcome::NoChanges
    } else {
        Outcome::Changes
    }
}
