//! What plan, apply and destroy share: manifests in, live state read, a plan decided and shown.

use std::collections::BTreeMap;
use std::future::Future;

use crate::diagnostic::Diagnostic;
use crate::manifest::{Manifest, Sources};
use crate::model::function::Function;
use crate::model::secret::{Salt, SecretHasher};
use crate::model::state::{DesiredFunction, DesiredState, LiveState};
use crate::plan::{self, Permissions, Planned};
use crate::remote::{self, Remote};
use crate::render::plan::Verdict;

use super::Exit;
use super::connection::{Connection, ConnectionArguments};
use super::manifest_arguments::{Checked, ManifestArguments};
use super::output::ReportOutput;
use super::report;

/// Flags of every command that reconciles.
#[derive(Debug, clap::Args)]
pub(super) struct SharedArguments {
    #[command(flatten)]
    pub(super) manifest: ManifestArguments,
    #[command(flatten)]
    pub(super) connection: ConnectionArguments,
    /// The form of the result
    #[arg(short, long, value_enum, default_value_t)]
    pub(super) output: ReportOutput,
    /// Say nothing but errors, and the document that -o asks for
    #[arg(short, long)]
    pub(super) quiet: bool,
}

/// Flags that allow more than the usual.
#[derive(Debug, clap::Args)]
pub(super) struct PermissionArguments {
    /// Take functions that no stack owns, although they differ from the manifest
    #[arg(long)]
    adopt: bool,
    /// Take functions that another stack owns
    #[arg(long)]
    take_over: bool,
    /// Allow the plan to delete this many functions
    #[arg(long, value_name = "N")]
    allow_deletes: Option<usize>,
}

/// Which functions are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Goal {
    AsDeclared,
    Nothing,
}

/// Everything that a plan is decided from, and what an apply needs besides.
pub(super) struct Prepared {
    pub(super) sources: Sources,
    pub(super) manifest: Manifest,
    pub(super) desired: DesiredState,
    pub(super) live: LiveState,
    pub(super) remote: Remote,
    /// Keeps the embedded server running.
    pub(super) connection: Connection,
    /// Findings about the manifest that are no errors.
    pub(super) warnings: Vec<Diagnostic>,
}

/// What is said when there is nothing to go on with.
pub(super) struct Refused {
    pub(super) diagnostics: Vec<Diagnostic>,
}

/// Loads, connects and reads. Findings that forbid to go on come back located.
pub(super) async fn prepare(arguments: &SharedArguments, goal: Goal) -> anyhow::Result<Result<Prepared, Refused>> {
    let Checked { sources, mut diagnostics, manifest } = arguments.manifest.check();
    let Some(manifest) = manifest else {
        sources.locate(&mut diagnostics);
        return Ok(Err(Refused { diagnostics }));
    };
    let mut desired = match desired_state(&manifest, goal) {
        Ok(desired) => desired,
        Err(found) => {
            diagnostics.extend(found);
            sources.locate(&mut diagnostics);
            return Ok(Err(Refused { diagnostics }));
        }
    };
    let connection = Connection::open(&arguments.connection).await?;
    let remote = Remote::new(connection.client()?, arguments.connection.concurrency());
    let live = remote.read_live(&desired).await?;
    seal_secrets(&mut desired, &live)?;
    Ok(Ok(Prepared { sources, manifest, desired, live, remote, connection, warnings: diagnostics }))
}

impl Prepared {
    /// Decides, and says where in the manifest its findings are.
    pub(super) fn plan(&self, permissions: Permissions) -> Planned<'_> {
        let mut planned = plan::plan(&self.desired, &self.live, permissions);
        planned.diagnostics.splice(0..0, self.warnings.iter().cloned());
        planned
    }

    pub(super) fn locate(&self, diagnostics: &mut Vec<Diagnostic>) {
        self.sources.locate(diagnostics);
    }
}

impl PermissionArguments {
    pub(super) fn permissions(&self) -> Permissions {
        let Self { adopt, take_over, allow_deletes } = *self;
        Permissions { adopt, take_over, allow_deletes, destroy: false }
    }
}

fn desired_state(manifest: &Manifest, goal: Goal) -> Result<DesiredState, Vec<Diagnostic>> {
    let stack = manifest.stack.clone();
    if goal == Goal::Nothing {
        return Ok(DesiredState { stack, functions: BTreeMap::new() });
    }
    let mut codes = manifest.read_code()?;
    let functions = manifest.functions.iter().filter_map(|function| {
        let code = codes.remove(&function.address)?;
        let wanted = DesiredFunction { function: function.clone(), code, secrets_mark: None };
        Some((function.address.clone(), wanted))
    });
    Ok(DesiredState { stack, functions: functions.collect() })
}

/// Hashes the secrets with the salt that the stack's live marks have, or a new one.
fn seal_secrets(desired: &mut DesiredState, live: &LiveState) -> anyhow::Result<()> {
    let salt = if let Some(salt) = live.salt(&desired.stack) {
        salt
    } else {
        let mut random = [0; 16];
        getrandom::fill(&mut random).map_err(|error| anyhow::anyhow!("no random numbers: {error}"))?;
        Salt::new(random)
    };
    let mut hasher = SecretHasher::new(salt);
    for wanted in desired.functions.values_mut().filter(|wanted| !wanted.function.secrets.is_empty()) {
        wanted.secrets_mark = hasher.mark(&wanted.function.secrets);
    }
    Ok(())
}

/// One finding for each variable that is not set.
pub(super) fn missing_secrets(prepared: &Prepared, finding: fn(&'static str, String) -> Diagnostic) -> Vec<Diagnostic> {
    let say = |(variable, functions): (&str, Vec<&Function>)| {
        let names: Vec<String> = functions.iter().map(|function| function.address.to_string()).collect();
        let message =
            format!("the environment variable {variable} is not set; secrets of {} need it", names.join(", "));
        let found = finding("secret-not-set", message).help(format!("set {variable} before applying"));
        functions.first().map_or(found.clone(), |function| found.at(function.spot.clone()))
    };
    plan::missing_secrets(&prepared.desired, &prepared.live).into_iter().map(say).collect()
}

/// Whoever reads a document hears of a failure there too; the message for people is the same, on standard error.
pub(super) async fn reported(
    output: impl Into<ReportOutput>,
    work: impl Future<Output = anyhow::Result<Exit>>,
) -> anyhow::Result<Exit> {
    let ended = work.await;
    if let Err(failure) = &ended {
        let known = failure.downcast_ref::<remote::Error>();
        let (code, request_id) = (known.map(remote::Error::code), known.and_then(remote::Error::request_id));
        report::failed(output.into(), code, &format!("{failure:#}"), request_id);
    }
    ended
}

/// What a plan with these findings comes to.
pub(super) fn verdict(diagnostics: &[Diagnostic], goal: Goal) -> Verdict {
    match (diagnostics.iter().filter(|found| found.is_error()).count(), goal) {
        (0, Goal::AsDeclared) => Verdict::Planned,
        (0, Goal::Nothing) => Verdict::Destroyed,
        (errors, _) => Verdict::Refused(errors),
    }
}

/// Shows why there is no plan.
pub(super) fn show_refused(refused: &Refused, output: ReportOutput) -> Exit {
    report::refused(output, &refused.diagnostics);
    Exit::Failed
}
