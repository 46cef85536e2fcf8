//! The common steps of plan, apply, destroy and drift: load manifests, read live state, plan, and show the plan.

use std::collections::{BTreeMap, BTreeSet};

use crate::diagnostic::{Diagnostic, Spot};
use crate::manifest::environments::Environment;
use crate::manifest::{CodeSources, Lints, Manifest, Packages, Sources};
use crate::model::address::FunctionAddress;
use crate::model::code::Code;
use crate::model::event_graph::EventGraph;
use crate::model::existing::{DeclaredPolicy, ExistingFunction};
use crate::model::field::Field;
use crate::model::function::Function;
use crate::model::mark;
use crate::model::seal::{self, Marked, Seal};
use crate::model::secret::Salt;
use crate::model::state::{DesiredFunction, DesiredState, LiveState, Ownership};
use crate::model::trigger::seal::TriggerSeals;
use crate::model::urn::Scope;
use crate::plan::flow::Flow;
use crate::plan::saved::{Options, SavedPlan};
use crate::plan::selection::Selection;
use crate::plan::{self, Permissions, Planned, events, mask};
use crate::redaction::Redaction;
use crate::remote::Remote;
use crate::render::plan::Verdict;

use super::connection::Connection;
use super::failure::{Outdated, Refused, advised};
use super::manifest_arguments::{Checked, remove_lints};
use super::progress::Progress;
use super::report_file::refuse_in_code;
use super::shared_arguments::SharedArguments;
use super::streams;
use super::unset::{self, WithoutValues};

/// Which functions are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Goal {
    AsDeclared,
    Nothing,
}

/// The request of a command, before anything is read.
pub(super) struct Intent<'a> {
    pub(super) goal: Goal,
    pub(super) ownership: Ownership,
    /// A saved plan to make again, in the same place and with comparable hashes.
    pub(super) saved: Option<&'a SavedPlan>,
    /// Refuses arguments that are wrong judging by the manifests alone, before the first request.
    pub(super) refuse: &'a dyn Fn(&Declared) -> anyhow::Result<()>,
}

/// The declared functions by their keys in the manifest.
pub(super) type Declared = BTreeMap<String, FunctionAddress>;

/// All inputs of a plan, and what an apply needs in addition.
pub(super) struct Prepared {
    pub(super) sources: Sources,
    /// All declared functions, even for a destroy.
    pub(super) declared: Declared,
    pub(super) code: CodeSources,
    pub(super) packages: Packages,
    pub(super) desired: DesiredState,
    pub(super) live: LiveState,
    /// The key for marks of secrets.
    pub(super) seal: Seal,
    /// The salt for a saved plan's hashes of live values and for new marks.
    pub(super) salt: Salt,
    pub(super) remote: Remote,
    /// What reports must not show: the secrets of all functions, and the credentials.
    pub(super) redaction: Redaction,
    /// The environment of `--env`.
    pub(super) environment: Option<Environment>,
    /// Keeps the embedded server running.
    pub(super) connection: Connection,
    /// Warnings about the manifest.
    pub(super) warnings: Vec<Diagnostic>,
    /// The variables of secrets that are not set.
    pub(super) unset: BTreeSet<String>,
    /// What a saved plan was made from, if it was made without values of secrets.
    pub(super) as_planned: Option<WithoutValues>,
}

impl From<Goal> for Intent<'_> {
    fn from(goal: Goal) -> Self {
        Self { goal, ownership: Ownership::Tags, saved: None, refuse: &|_| Ok(()) }
    }
}

/// Loads the manifests, connects and reads live state. Fails with [`Refused`] if findings stop the command.
pub(super) async fn prepare(arguments: &SharedArguments, intent: Intent<'_>) -> anyhow::Result<Prepared> {
    // Otherwise, the futures of all commands that plan would be large.
    Box::pin(read(arguments, intent)).await
}

async fn read(arguments: &SharedArguments, intent: Intent<'_>) -> anyhow::Result<Prepared> {
    let Intent { goal, ownership, saved, refuse } = intent;
    let Checked { environment, sources, mut diagnostics, manifest, partial, secrets } = arguments.manifest.check();
    manifest.iter().chain(&partial).try_for_each(|manifest| refuse_in_code(&arguments.report.files, manifest))?;
    let Some(manifest) = manifest else {
        return Err(refused(&sources, diagnostics));
    };
    if goal == Goal::Nothing {
        remove_lints(&mut diagnostics);
    }
    let declared: Declared = manifest.holders().map(|holder| (holder.key.to_owned(), holder.address.clone())).collect();
    let secrets = unset::Declared::of(&manifest, secrets);
    let Manifest { stack, location, functions, existing, code, packages, .. } = manifest;
    refuse(&declared)?;
    let protected = functions.iter().filter(|function| function.is_protected());
    let place = |function: &Function| function.spot.child(Field::Protect.key()).of_key();
    let protected = protected.map(|function| (function.address.clone(), place(function))).collect();
    let functions = match goal {
        Goal::Nothing => Some(BTreeMap::new()),
        Goal::AsDeclared => with_code(functions, &code, &packages, &mut diagnostics),
    };
    let existing = existing.into_iter().map(|entry| (entry.address.clone(), for_goal(entry, goal))).collect();
    let Some(functions) = functions else {
        return Err(refused(&sources, diagnostics));
    };
    let mut desired = DesiredState { protected, stack, ownership: Ownership::Tags, functions, existing };
    if let Some(saved) = saved {
        arguments.connection.refuse_local(&saved.origin.project)?;
    }
    let connection = Connection::open(&arguments.connection, environment.as_ref()).await?;
    if let Some(saved) = saved {
        let help = arguments.connection.help_elsewhere();
        saved.is_for(&connection.project()).map_err(|other| advised(other.to_string(), help))?;
        if saved.stack != desired.stack {
            let reason = format!("the stack is now \"{}\"", desired.stack);
            return Err(Outdated { reason, help: "plan again to see what would change now".to_owned() }.into());
        }
    }
    let mismatches = connection.mismatches(&location);
    if !mismatches.is_empty() {
        diagnostics.extend(mismatches);
        return Err(refused(&sources, diagnostics));
    }
    let client = connection.client()?;
    let credentials = client.redaction().clone();
    let client = client.hiding(secrets.values());
    let redaction = client.redaction().clone();
    streams::hide(&redaction);
    let remote = Remote::new(client).with_ownership(ownership);
    if ownership == Ownership::Unowned {
        diagnostics.extend(untagged(&desired));
        desired = desired.without_ownership();
    }
    let progress = Progress::reading(arguments.progress(), &remote);
    let missing = desired.take_dependencies(&remote.find_dependencies(&desired).await?);
    if !missing.is_empty() {
        return Err(refused(&sources, [diagnostics, missing].concat()));
    }
    let live = remote.read_live(&desired).await?;
    drop(progress);
    if live.unreadable_tags.is_some() {
        desired = desired.with_unknown_ownership();
    }
    let mut as_planned = saved.and_then(|saved| WithoutValues::of(saved, &desired, &secrets, &credentials));
    let saved_salt = saved.map(|saved| saved.origin.salt.clone());
    let seal = seal_secrets(&mut desired, &live, saved_salt.clone().map_or_else(new_salt, Ok)?);
    let salt = saved_salt.unwrap_or_else(|| seal.salt().clone());
    if let Some(as_planned) = &mut as_planned {
        as_planned.seal(&live, salt.clone());
    }
    Ok(Prepared {
        sources,
        declared,
        code,
        packages,
        desired,
        live,
        seal,
        salt,
        remote,
        redaction,
        environment,
        connection,
        warnings: diagnostics,
        unset: secrets.unset,
        as_planned,
    })
}

fn refused(sources: &Sources, mut diagnostics: Vec<Diagnostic>) -> anyhow::Error {
    sources.locate(&mut diagnostics);
    Refused { diagnostics }.into()
}

impl Prepared {
    /// For commands that are not about what the manifests declare.
    pub(super) fn without_lints(mut self) -> Self {
        remove_lints(&mut self.warnings);
        self
    }

    /// Plans for another desired state, and adds no findings.
    pub(super) fn plan_for<'a>(&'a self, desired: &'a DesiredState, options: &Options) -> Planned<'a> {
        plan::plan_selected(desired, &self.live, options.permissions, &options.selection)
    }

    /// Plans, and adds the findings about the manifest.
    pub(super) fn plan(&self, permissions: Permissions, selection: &Selection) -> Planned<'_> {
        let mut planned = plan::plan_selected(&self.desired, &self.live, permissions, selection);
        // A plan finds the cycles of the manifest again.
        self.sources.ignore(&mut planned.diagnostics, Lints::Incomplete);
        planned.diagnostics.splice(0..0, self.warnings.iter().cloned());
        planned
    }

    /// Adds the triggers and notifications that change to a plan. Only drawings need them, and finding their places takes
    /// as long as reading the manifests.
    pub(super) fn draw<'a>(&'a self, planned: &mut Planned<'a>) {
        let graph = events::graph(&self.desired, &self.live, &planned.plan.changes);
        planned.flow = flow(&graph, &self.sources, |_| false).changed_part();
    }

    /// Prepares a plan for display and saving: locates its findings and hides secrets.
    pub(super) fn finish<'a>(&'a self, planned: &mut Planned<'a>) {
        self.sources.locate(&mut planned.diagnostics);
        mask::hide(planned, &self.redaction);
    }
}

/// The flow of a graph, with the places of its edges in the manifests. See [`Flow::of`].
pub(super) fn flow(graph: &EventGraph<'_>, sources: &Sources, keep: impl Fn(&FunctionAddress) -> bool) -> Flow {
    Flow::of(graph, &sources.places(graph.edges.iter().filter_map(|edge| edge.spot)), keep)
}

/// Returns `None` if diagnostics report that the code is unusable.
fn with_code(
    mut functions: Vec<Function>,
    code: &CodeSources,
    packages: &Packages,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<BTreeMap<FunctionAddress, DesiredFunction>> {
    let are_packages_read = packages.read(&mut functions, diagnostics);
    let mut codes = code.read(&functions, diagnostics).filter(|_| are_packages_read)?;
    let functions = functions.into_iter().map(|function| {
        let code = codes.remove(&function.address).unwrap_or(Code::Undeclared);
        (function.address.clone(), DesiredFunction { function, code, secrets_mark: None })
    });
    Some(functions.collect())
}

/// A destroy deletes what the stack applied. It never deletes such a function, even if the stack still owns all of it.
fn for_goal(mut entry: ExistingFunction, goal: Goal) -> ExistingFunction {
    if goal == Goal::Nothing {
        entry.destroyed_triggers = std::mem::take(&mut entry.triggers);
    }
    match goal {
        Goal::AsDeclared => entry,
        Goal::Nothing if entry.policy().is_none() => ExistingFunction { policy: DeclaredPolicy::Unmanaged, ..entry },
        Goal::Nothing => ExistingFunction { policy: DeclaredPolicy::Destroyed, ..entry },
    }
}

/// A warning about declared values that need tags, if no tags are written.
fn untagged(desired: &DesiredState) -> Option<Diagnostic> {
    let functions = || desired.functions.values().map(|wanted| &wanted.function);
    let names = |declares: fn(&Function) -> bool| {
        let names: Vec<String> = functions().filter(|function| declares(function)).map(|it| it.key.clone()).collect();
        (!names.is_empty()).then(|| names.join(", "))
    };
    let tags = names(|function| function.configuration.has(Field::Tags)).map(|names| format!("the tags of {names}"));
    let protect = names(Function::is_protected).map(|names| format!("`protect` of {names}"));
    let left_out: Vec<String> = tags.into_iter().chain(protect).collect();
    let message = format!("--no-ownership writes no tags, so it ignores {}", left_out.join(", "));
    (!left_out.is_empty()).then(|| Diagnostic::warning("not-kept", message))
}

fn new_salt() -> anyhow::Result<Salt> {
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(|error| anyhow::anyhow!("the system provides no random numbers: {error}"))?;
    Ok(Salt::new(random))
}

/// Sets the desired marks of secrets and the hashes of the secrets of triggers, if marks are used.
pub(super) fn seal_secrets(desired: &mut DesiredState, live: &LiveState, salt: Salt) -> Seal {
    let DesiredState { ownership, stack, functions, .. } = desired;
    let is_marked = |wanted: &DesiredFunction| *ownership == Ownership::Tags && !wanted.function.secrets.is_empty();
    let mark = |address: &FunctionAddress| {
        live.functions.get(address).filter(|live| live.is_owned_by(stack))?.marks.get(mark::SECRETS)
    };
    let marked = functions.values().filter(|wanted| is_marked(wanted));
    let marked: Vec<Marked<'_>> = marked
        .map(|DesiredFunction { function, .. }| Marked { secrets: &function.secrets, mark: mark(&function.address) })
        .collect();
    let (seal, marks) = seal::marks(&marked, salt);
    for (wanted, mark) in functions.values_mut().filter(|wanted| is_marked(wanted)).zip(marks) {
        wanted.secrets_mark = mark;
    }
    seal_triggers(desired, &live.scope);
    seal
}

/// Sets the hashes of the secrets of triggers, if tags record them.
fn seal_triggers(desired: &mut DesiredState, scope: &Scope) {
    let DesiredState { ownership: Ownership::Tags, stack, functions, existing, .. } = desired else { return };
    let mut seals = TriggerSeals::new(stack, scope);
    let whole = functions.iter_mut().map(|(address, wanted)| (address, &mut wanted.function.triggers));
    let existing = existing.iter_mut().map(|(address, entry)| (address, &mut entry.triggers));
    whole.chain(existing).for_each(|(address, triggers)| seals.seal(address, triggers));
}

/// One finding for each variable that is not set.
pub(super) fn missing_secrets(
    planned: &Planned<'_>,
    finding: fn(&'static str, String) -> Diagnostic,
) -> Vec<Diagnostic> {
    let say = |(variable, functions): (&&str, &Vec<(&FunctionAddress, &Spot)>)| {
        let names: BTreeSet<String> = functions.iter().map(|(address, _)| address.to_string()).collect();
        let message = format!(
            "the environment variable {variable} is not set or empty, so values of secrets of {} are unknown",
            names.into_iter().collect::<Vec<_>>().join(", ")
        );
        let found = finding("secret-not-set", message).help(format!("set {variable} before you apply"));
        found.at_any(functions.first().map(|(_, spot)| *spot))
    };
    planned.missing_secrets.iter().map(say).collect()
}

/// The consequence of these findings for a plan.
pub(super) fn verdict(diagnostics: &[Diagnostic], goal: Goal) -> Verdict {
    match (diagnostics.iter().filter(|found| found.is_error()).count(), goal) {
        (0, Goal::AsDeclared) => Verdict::Planned,
        (0, Goal::Nothing) => Verdict::Destroyed,
        (errors, _) => Verdict::Refused(errors),
    }
}
