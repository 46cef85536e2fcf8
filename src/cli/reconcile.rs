//! What plan, apply, destroy and drift share: manifests in, live state read, a plan decided and shown.

use secrecy::SecretString;
use std::collections::BTreeMap;
use std::future::Future;

use crate::diagnostic::Diagnostic;
use crate::manifest::{CodeSources, Manifest, Sources};
use crate::model::address::FunctionAddress;
use crate::model::code::Code;
use crate::model::function::Function;
use crate::model::mark;
use crate::model::seal::{self, Marked, Seal};
use crate::model::secret::Salt;
use crate::model::state::{DesiredFunction, DesiredState, LiveState, Ownership};
use crate::model::text::StackName;
use crate::plan::saved::SavedPlan;
use crate::plan::selection::Selection;
use crate::plan::{self, Permissions, Planned, mask};
use crate::redaction::Redaction;
use crate::remote::{self, Remote};
use crate::render::plan::Verdict;

use super::Exit;
use super::connection::Connection;
use super::manifest_arguments::Checked;
use super::output::ReportOutput;
use super::report;
use super::shared_arguments::SharedArguments;

/// Which functions are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Goal {
    AsDeclared,
    Nothing,
}

/// What is wanted, before anything is read.
pub(super) struct Intent<'a> {
    pub(super) goal: Goal,
    pub(super) ownership: Ownership,
    /// A plan that is to be made again, where it was made, with hashes that can be compared.
    pub(super) saved: Option<&'a SavedPlan>,
    /// Refuses arguments that the manifests alone show to be wrong, before the first request.
    pub(super) refuse: &'a dyn Fn(&Declared) -> anyhow::Result<()>,
}

/// The declared functions by their names in the manifest.
pub(super) type Declared = BTreeMap<String, FunctionAddress>;

/// Everything that a plan is decided from, and what an apply needs besides.
pub(super) struct Prepared {
    pub(super) sources: Sources,
    /// Also where nothing is wanted.
    pub(super) declared: Declared,
    pub(super) code: CodeSources,
    pub(super) desired: DesiredState,
    pub(super) live: LiveState,
    /// What marks of secrets are made with.
    pub(super) seal: Seal,
    /// What a saved plan hashes with: values that only live has, and new marks.
    pub(super) salt: Salt,
    pub(super) remote: Remote,
    /// What no report may show: secrets of every function, and the credentials.
    redaction: Redaction,
    /// Keeps the embedded server running.
    pub(super) connection: Connection,
    /// Findings about the manifest that are no errors.
    pub(super) warnings: Vec<Diagnostic>,
}

/// What is said when there is nothing to go on with.
pub(super) struct Refused {
    pub(super) diagnostics: Vec<Diagnostic>,
}

impl From<Goal> for Intent<'_> {
    fn from(goal: Goal) -> Self {
        Self { goal, ownership: Ownership::Tags, saved: None, refuse: &|_| Ok(()) }
    }
}

/// Loads, connects and reads. Findings that forbid to go on come back located.
pub(super) async fn prepare(
    arguments: &SharedArguments,
    intent: Intent<'_>,
) -> anyhow::Result<Result<Prepared, Refused>> {
    let Intent { goal, ownership, saved, refuse } = intent;
    let Checked { sources, mut diagnostics, manifest } = arguments.manifest.check();
    let Some(manifest) = manifest else {
        sources.locate(&mut diagnostics);
        return Ok(Err(Refused { diagnostics }));
    };
    let Manifest { stack, location, functions, code, .. } = manifest;
    let secrets = functions.iter().flat_map(|function| function.secrets.values());
    let secrets: Vec<SecretString> = secrets.filter_map(|secret| secret.value.clone()).collect();
    let declared: Declared =
        functions.iter().map(|function| (function.key.clone(), function.address.clone())).collect();
    refuse(&declared)?;
    let Some(mut desired) = desired_state((stack, functions), &code, goal, &mut diagnostics) else {
        sources.locate(&mut diagnostics);
        return Ok(Err(Refused { diagnostics }));
    };
    if let Some(saved) = saved {
        arguments.connection.refuse_local(&saved.origin.place)?;
    }
    let connection = Connection::open(&arguments.connection).await?;
    if let Some(saved) = saved {
        saved.is_for(&connection.place(), &desired.stack)?;
    }
    let mismatches = connection.mismatches(&location);
    if !mismatches.is_empty() {
        diagnostics.extend(mismatches);
        sources.locate(&mut diagnostics);
        return Ok(Err(Refused { diagnostics }));
    }
    let client = connection.client()?.hiding(secrets);
    let redaction = client.redaction().clone();
    let remote = Remote::new(client).with_ownership(ownership);
    if ownership == Ownership::Nobody {
        diagnostics.extend(untagged(&desired));
        desired = desired.without_ownership();
    }
    let live = remote.read_live(&desired).await?;
    let saved_salt = saved.map(|saved| saved.origin.salt.clone());
    let seal = seal_secrets(&mut desired, &live, saved_salt.clone().map_or_else(new_salt, Ok)?);
    let salt = saved_salt.unwrap_or_else(|| seal.salt().clone());
    Ok(Ok(Prepared {
        sources,
        declared,
        code,
        desired,
        live,
        seal,
        salt,
        remote,
        redaction,
        connection,
        warnings: diagnostics,
    }))
}

impl Prepared {
    /// Decides, and says where in the manifest its findings are.
    pub(super) fn plan(&self, permissions: Permissions, selection: &Selection) -> Planned<'_> {
        let mut planned = plan::plan_selected(&self.desired, &self.live, permissions, selection);
        planned.diagnostics.splice(0..0, self.warnings.iter().cloned());
        planned
    }

    /// Makes a plan ready to be shown and saved: its findings get their places, and secrets are taken out.
    pub(super) fn finish(&self, planned: &mut Planned<'_>) {
        self.sources.locate(&mut planned.diagnostics);
        mask::hide(planned, &self.redaction);
    }
}

/// `None` once diagnostics say why the code cannot be used.
fn desired_state(
    (stack, functions): (StackName, Vec<Function>),
    code: &CodeSources,
    goal: Goal,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<DesiredState> {
    let ownership = Ownership::Tags;
    let protected = functions.iter().filter(|function| function.is_protected());
    let protected = protected.map(|function| function.address.clone()).collect();
    if goal == Goal::Nothing {
        return Some(DesiredState { protected, stack, ownership, functions: BTreeMap::new() });
    }
    let mut codes = code.read(&functions, diagnostics)?;
    let functions = functions.into_iter().map(|function| {
        let code = codes.remove(&function.address).unwrap_or(Code::Undeclared);
        (function.address.clone(), DesiredFunction { function, code, secrets_mark: None })
    });
    Some(DesiredState { protected, stack, ownership, functions: functions.collect() })
}

/// What is declared and would be a tag, where no tag is written.
fn untagged(desired: &DesiredState) -> Option<Diagnostic> {
    let functions = || desired.functions.values().map(|wanted| &wanted.function);
    let names = |declares: fn(&Function) -> bool| {
        let names: Vec<String> = functions().filter(|function| declares(function)).map(|it| it.key.clone()).collect();
        (!names.is_empty()).then(|| names.join(", "))
    };
    let tags = names(|function| !function.configuration.tags.is_empty()).map(|names| format!("the tags of {names}"));
    let protect = names(Function::is_protected).map(|names| format!("`protect` of {names}"));
    let left_out: Vec<String> = tags.into_iter().chain(protect).collect();
    let message = format!("no tag is read or written, so that this counts for nothing: {}", left_out.join(", "));
    (!left_out.is_empty()).then(|| Diagnostic::warning("not-kept", message))
}

fn new_salt() -> anyhow::Result<Salt> {
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(|error| anyhow::anyhow!("no random numbers: {error}"))?;
    Ok(Salt::new(random))
}

/// Says which marks the secrets should have, where marks are kept.
fn seal_secrets(desired: &mut DesiredState, live: &LiveState, salt: Salt) -> Seal {
    let DesiredState { ownership, stack, functions, .. } = desired;
    let is_marked = |wanted: &DesiredFunction| *ownership == Ownership::Tags && !wanted.function.secrets.is_empty();
    let mark = |address: &FunctionAddress| {
        live.functions.get(address).filter(|live| live.is_owned_by(stack))?.marks.get(mark::SECRETS)
    };
    let marked = functions.values().filter(|wanted| is_marked(wanted));
    let marked: Vec<Marked<'_>> =
        marked.map(|wanted| (&wanted.function.secrets, mark(&wanted.function.address))).collect();
    let (seal, marks) = seal::marks(&marked, salt);
    for (wanted, mark) in functions.values_mut().filter(|wanted| is_marked(wanted)).zip(marks) {
        wanted.secrets_mark = mark;
    }
    seal
}

/// One finding for each variable that is not set.
pub(super) fn missing_secrets(
    planned: &Planned<'_>,
    finding: fn(&'static str, String) -> Diagnostic,
) -> Vec<Diagnostic> {
    let say = |(variable, functions): (&&str, &Vec<&Function>)| {
        let names: Vec<String> = functions.iter().map(|function| function.address.to_string()).collect();
        let message = format!(
            "the environment variable {variable} is not set, or empty; secrets of {} need it",
            names.join(", ")
        );
        let found = finding("secret-not-set", message).help(format!("set {variable} before applying"));
        functions.first().map_or(found.clone(), |function| found.at(function.spot.clone()))
    };
    planned.missing_secrets.iter().map(say).collect()
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
        report::failed(output.into(), code, &super::message(failure), request_id);
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
