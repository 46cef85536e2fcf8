//! Compares desired with live state and returns the plan.
//!
//! Pure: no I/O, no clock, no randomness. The same two states give the same plan, byte for byte.

pub mod change;
pub mod cycle;
mod declared;
mod diff;
pub mod drift;
pub mod effect;
pub mod events;
pub mod existing;
pub mod export;
pub mod export_trigger;
pub mod flow;
pub mod forget;
pub mod guard;
pub mod import;
pub mod lint;
pub mod mask;
mod order;
mod ownership;
pub mod part;
mod policy_diff;
mod protection;
pub mod refusal;
mod renamed;
pub mod saved;
pub mod sealing;
pub mod selection;
mod shown;
mod step;
mod tag_diff;
pub mod tag_room;
pub mod target;
#[cfg(test)]
pub(crate) mod tests;
mod trigger_diff;
pub mod trigger_step;
mod triggers;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

use crate::diagnostic::{Diagnostic, Spot};
use crate::model::address::{Address, FunctionAddress, Kind};
use crate::model::async_policy::LivePolicy;
use crate::model::code::Code;
use crate::model::field::{Field, Path};
use crate::model::function::Function;
use crate::model::mark;
use crate::model::secret;
use crate::model::state::{DesiredFunction, DesiredState, LiveFunction, LiveState, Ownership, Undeclared};
use crate::model::text::VariableName;

use change::{Action, Change, Plan, Reason, Step};
use flow::Flow;
use ownership::Differences;
use selection::Selection;
use target::function_here;
use triggers::{Permitted, add_secrets_of_trigger, undeclared_triggers, with_triggers, without_version};

/// What the user permits in addition to the defaults.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "they are independent permissions")]
pub struct Permissions {
    /// Adopt unowned functions and policies, even if they differ.
    pub adopt: bool,
    /// Take over functions and policies of other stacks.
    pub take_over: bool,
    /// Delete up to this many functions and triggers. This replaces the default limits.
    pub allow_deletes: Option<usize>,
    /// Delete everything that the stack owns.
    pub destroy: bool,
    /// Write configurations and replace triggers even if that may lose secrets whose values fgctl does not have.
    #[serde(default)]
    pub allow_secret_loss: bool,
}

/// A plan and its diagnostics. It must not be applied if a diagnostic is an error.
#[derive(Debug)]
pub struct Planned<'a> {
    pub plan: Plan<'a>,
    pub diagnostics: Vec<Diagnostic>,
    /// A plan can report them and continue; an apply cannot.
    pub missing_secrets: MissingSecrets<'a>,
    /// The triggers and notifications that change, and those next to them. Empty until it is needed.
    pub flow: Flow,
}

/// Variables that secrets need and that are not set, with the functions that need them.
pub type MissingSecrets<'a> = BTreeMap<&'a str, Vec<(&'a FunctionAddress, &'a Spot)>>;

/// Plans the changes that make `live` match `desired`.
pub fn plan<'a>(desired: &'a DesiredState, live: &'a LiveState, permissions: Permissions) -> Planned<'a> {
    plan_selected(desired, live, permissions, &Selection::default())
}

/// Plans the changes for the selected part of `live`. Errors elsewhere do not stop it.
pub fn plan_selected<'a>(
    desired: &'a DesiredState,
    live: &'a LiveState,
    permissions: Permissions,
    selection: &Selection,
) -> Planned<'a> {
    let (mut changes, refused) = all_changes(desired, live, permissions);
    let mut graph = events::graph(desired, live, &changes);
    order::set_waits(&mut changes, &graph);
    let mut diagnostics: Vec<Diagnostic> = selection.undecided(&changes).into_iter().map(undecided).collect();
    let (mut changes, mut left_out) = selection.pick(changes);
    let secrets_at_risk = guard::secrets(desired, &mut changes, permissions);
    let too_many_tags = tag_room::arrange(desired, live, &mut changes);
    if !selection.is_everything() {
        graph = events::graph(desired, live, &changes);
        // What is left out stays as it is live, so other changes can be behind the selected ones.
        order::set_waits(&mut changes, &graph);
    }
    let changing: BTreeSet<&FunctionAddress> = changes.iter().map(|change| &change.address.function).collect();
    let concerns = |function: &FunctionAddress| selection.concerns(function) || changing.contains(function);
    for (address, finding) in refused {
        if concerns(address) {
            diagnostics.push(*finding);
        } else {
            left_out.push(Address::function(address));
            left_out.push(Address::async_policy(address));
        }
    }
    let concerned = || desired.functions.values().filter(|wanted| concerns(&wanted.function.address));
    let holders = || desired.holders().filter(|holder| concerns(holder.address));
    let deleted = deleted(&changes);
    let deletions: Deletions = deleted.iter().map(|live| &live.address).collect();
    diagnostics.extend(holders().flat_map(|holder| target::missing(desired, live, &holder)));
    diagnostics.extend(holders().flat_map(|holder| without_version(desired, live, &holder)));
    diagnostics.extend(concerned().filter_map(|wanted| kept_policy(desired, live, &wanted.function)));
    diagnostics.extend(target::declared_and_deleted(desired, live, &deletions));
    diagnostics.extend(target::still_notified(desired, live, &deletions, &graph));
    diagnostics.extend(renamed::warnings(&changes, &deleted));
    diagnostics.extend(guard::check(desired, live, &changes, permissions));
    diagnostics.extend(too_many_tags);
    diagnostics.extend(secrets_at_risk);
    let remarks = ownership::remarks(desired, live).into_iter().chain(existing::remarks(desired, live));
    let remarks = remarks.chain(triggers::remarks(desired, live, &changes, permissions));
    diagnostics.extend(remarks.filter(|(of, _)| concerns(of)).map(|(_, it)| it));
    let is_reached = |function: &FunctionAddress| {
        desired.declares(function)
            || live.outside.contains(function)
            || live.functions.get(function).is_some_and(|live| desired.owns(live))
    };
    diagnostics.extend(cycle::cycles(&graph, is_reached));
    diagnostics.extend(order::stuck(&changes));
    let mut missing_secrets = missing_secrets(desired, live, concerns);
    for change in &changes {
        add_secrets_of_trigger(desired, change, &mut missing_secrets);
    }
    left_out.sort();
    let enables_status_log = !live.has_status_log && changes.iter().any(starts_to_record);
    let effects = effect::effects(desired, live, &changes, &graph);
    let (stack, scope) = (&desired.stack, live.scope.clone());
    let plan = Plan { stack, scope, changes, left_out, enables_status_log, effects };
    Planned { plan, diagnostics, missing_secrets, flow: Flow::default() }
}

fn starts_to_record(change: &Change<'_>) -> bool {
    let after = change.step.policy_after().flatten();
    after.is_some_and(|policy| policy.starts_to_record(change.step.policy_before()))
}

fn undecided(address: &Address) -> Diagnostic {
    let message = format!("{address}: both the manifest and live changed, so this is neither pending nor drift");
    Diagnostic::warning("both-changed", message)
        .help("plan without --only-pending and --only-drift to see the whole change")
}

/// Without ownership, nothing is deleted, and a policy that is not declared stays live.
fn kept_policy(desired: &DesiredState, live: &LiveState, function: &Function) -> Option<Diagnostic> {
    let is_declared = function.policy.is_some() || function.ignore.contains(&Field::Async);
    let is_kept = desired.ownership == Ownership::Unowned && !is_declared;
    live.functions.get(&function.address)?.policy.as_ref().filter(|_| is_kept)?;
    let message = format!("the live policy of function {} is not declared, but it is kept", function.address);
    let help =
        "--no-ownership deletes nothing: declare the policy, delete it by hand, or ignore it with `ignore: [async]`";
    Some(Diagnostic::warning("policy-kept", message).help(help).at(function.spot.clone()))
}

/// The functions that a plan deletes.
type Deletions<'a> = BTreeSet<&'a FunctionAddress>;

type Refused<'a> = Vec<(&'a FunctionAddress, Box<Diagnostic>)>;

/// All changes that the two states require, sorted by address, and the functions that cannot be changed.
fn all_changes<'a>(
    desired: &'a DesiredState,
    live: &'a LiveState,
    permissions: Permissions,
) -> (Vec<Change<'a>>, Refused<'a>) {
    let (mut changes, mut refused) = (Vec::new(), Vec::new());
    let permitted = Permitted { live, permissions };
    let applied = applied_targets(desired, live);
    for (address, wanted) in &desired.functions {
        let planned = match live.functions.get(address) {
            Some(found) => diff::changes(desired, wanted, found, &live.scope).and_then(|changes| {
                let at = |refused: Diagnostic| Box::new(refused.at(wanted.function.spot.clone()));
                if_owned(changes, desired, found, permissions).map_err(at)
            }),
            None if wanted.code == Code::Undeclared => Err(Box::new(no_code(wanted))),
            None if applied.contains(address) => Ok(diff::creation(desired, wanted, Reason::Deleted, &live.scope)),
            None => Ok(diff::creation(desired, wanted, Reason::Missing, &live.scope)),
        };
        match planned {
            Ok(mut of_function) => match with_triggers(&mut of_function, desired, address, permitted) {
                Ok(()) => changes.extend(of_function),
                Err(finding) => refused.push((address, finding)),
            },
            Err(finding) => refused.push((address, finding)),
        }
        debug_assert_eq!(address, &wanted.function.address);
    }
    for (address, entry) in &desired.existing {
        match existing::changes(desired, entry, live, permissions) {
            Ok(mut of_policy) => match with_triggers(&mut of_policy, desired, address, permitted) {
                Ok(()) => changes.extend(of_policy),
                Err(finding) => refused.push((address, finding)),
            },
            Err(finding) => refused.push((address, finding)),
        }
    }
    changes.extend(undeclared_triggers(desired, live, permissions));
    let policies = live.undeclared_policies(desired);
    changes.extend(policies.map(|found| existing::undeclared(&desired.stack, found, &live.scope, permissions)));
    let half = live.half_handed_over(desired);
    changes.extend(half.flat_map(|found| existing::half_handed_over(&desired.stack, found, &live.scope, permissions)));
    let undeclared = || live.undeclared(desired);
    let deletions: Deletions = undeclared().map(|undeclared| &undeclared.live().address).collect();
    let reason = |found: &LiveFunction| match permissions.destroy {
        true => Reason::Destroyed,
        false if found.is_owned_by(&desired.stack) => Reason::Undeclared,
        false => Reason::Unfinished,
    };
    changes.extend(undeclared().flat_map(|found| deletion(&reason(found.live()), found, live, &deletions)));
    changes.sort_by(|one, other| one.address.cmp(&other.address));
    (changes, refused)
}

fn no_code(wanted: &DesiredFunction) -> Diagnostic {
    let message = format!("function {} does not exist and cannot be created without `code`", wanted.function.address);
    Diagnostic::error("missing-code", message)
        .at(wanted.function.spot.clone())
        .help("add `code` to create it; with `ignore: [code]`, later plans leave the code alone")
}

/// Functions that certainly existed, because an unchanged policy of this stack names them: a policy is written only
/// after its targets exist.
fn applied_targets(desired: &DesiredState, live: &LiveState) -> BTreeSet<FunctionAddress> {
    if desired.functions.keys().all(|declared| live.functions.contains_key(declared)) {
        return BTreeSet::new();
    }
    let owned = live.functions.values().filter(|found| desired.owns(found) || desired.owns_policy(found));
    let policies = owned.filter_map(|found| Some((found.policy.as_ref()?, found.marks.get(mark::ASYNC)?)));
    let as_applied = policies.filter(|(policy, marked)| policy.is_marked(marked, &live.scope));
    as_applied.flat_map(|(policy, _)| policy.targets()).filter_map(|target| function_here(target, live)).collect()
}

fn deleted<'a>(changes: &[Change<'a>]) -> Vec<&'a LiveFunction> {
    let deleted = |change: &Change<'a>| match change.step {
        Step::DeleteFunction { undeclared } => Some(undeclared.live()),
        _ => None,
    };
    changes.iter().filter_map(deleted).collect()
}

/// A function with ignored secrets needs their values only when it is created.
fn missing_secrets<'a>(
    desired: &'a DesiredState,
    live: &LiveState,
    concerns: impl Fn(&FunctionAddress) -> bool,
) -> MissingSecrets<'a> {
    let mut missing = MissingSecrets::new();
    let is_needed = |wanted: &&DesiredFunction| {
        let Function { address, ignore, .. } = &wanted.function;
        concerns(address) && (!ignore.contains(&Field::Secrets) || !live.functions.contains_key(address))
    };
    for wanted in desired.functions.values().filter(is_needed) {
        for secret in secret::unset(wanted.function.secrets.values()) {
            missing.entry(&secret.variable).or_default().push((&wanted.function.address, &secret.spot));
        }
    }
    missing
}

/// The changes to a live function, if the stack owns it or may make it its own. Without a mark, the values of its secrets
/// cannot be compared, whether the declared ones are known or not.
fn if_owned<'a>(
    changes: Vec<Change<'a>>,
    desired: &DesiredState,
    found: &LiveFunction,
    permissions: Permissions,
) -> Result<Vec<Change<'a>>, Diagnostic> {
    if desired.ownership == Ownership::Unowned {
        return Ok(changes);
    }
    let has_secrets = has_secrets(desired, found);
    let is_equal = !has_secrets && changes.iter().all(|change| change.fields.is_empty());
    let owner = found.stack().or_else(|| found.policy_stack().filter(|stack| *stack != desired.stack.as_str()));
    let reason = match owner {
        Some(stack) if stack == desired.stack.as_str() => return Ok(changes),
        None if is_equal => Reason::AdoptEqual,
        None if found.is_unfinished_create_of(&desired.stack) => Reason::AdoptUnfinished,
        None if permissions.adopt => Reason::AdoptDifferent,
        None => {
            let names = field_names(&changes);
            let differences = Differences { names: &names, has_secrets };
            return Err(ownership::unowned(&desired.stack, found, differences));
        }
        Some(stack) if permissions.take_over => Reason::TakeOver { from: stack.to_owned() },
        Some(stack) => return Err(owned_by_another(found, stack)),
    };
    Ok(adopted(changes, &reason))
}

/// Whether live has secrets that the manifest declares.
fn has_secrets(desired: &DesiredState, found: &LiveFunction) -> bool {
    desired.functions.get(&found.address).is_some_and(|wanted| {
        let Function { secrets, ignore, .. } = &wanted.function;
        let is_live = |name: &VariableName| found.secret_names.contains(name.as_str());
        secrets.keys().any(is_live) && !ignore.contains(&Field::Secrets)
    })
}

/// All of it, or only its policy.
fn owned_by_another(found: &LiveFunction, stack: &str) -> Diagnostic {
    let what = if found.stack().is_some() { "" } else { "the policy of " };
    let message = format!("{what}function {} belongs to stack \"{stack}\"", found.address);
    Diagnostic::error("owned-by-another-stack", message)
        .help("declare it in only one stack, or use --take-over to make it this stack's")
}

/// The same changes as an adoption.
fn adopted<'a>(changes: Vec<Change<'a>>, reason: &Reason) -> Vec<Change<'a>> {
    let relabel = |change: Change<'a>| match change.action {
        Action::Update | Action::Record | Action::Adopt => {
            Change { action: Action::Adopt, reason: reason.clone(), ..change }
        }
        Action::Create | Action::Replace | Action::Delete | Action::Forget => change,
    };
    changes.into_iter().map(relabel).collect()
}

/// The fields that are known to differ. Values of secrets are never known.
fn field_names(changes: &[Change<'_>]) -> String {
    let names: BTreeSet<String> = changes
        .iter()
        .flat_map(|change| match change.address.kind {
            Kind::Function => {
                let known = change.fields.iter().filter(|field| field.path != Path::of(Field::Secrets));
                known.map(|field| field.path.field.key().to_owned()).collect::<Vec<_>>()
            }
            Kind::AsyncPolicy => change.fields.iter().map(|_| Field::Async.key().to_owned()).collect(),
            Kind::Trigger => Vec::new(),
        })
        .collect();
    names.into_iter().collect::<Vec<_>>().join(", ")
}

/// If versions of two functions notify each other, neither function can be deleted first. So the policies of versions
/// are deleted before the functions. The same holds for functions with triggers, which new policies may start.
fn deletion<'a>(
    reason: &Reason,
    undeclared: Undeclared<'a>,
    live: &LiveState,
    deletions: &Deletions<'_>,
) -> Vec<Change<'a>> {
    let found = undeclared.live();
    let delete = |address, step| Change::new(address, Action::Delete, reason.clone(), step);
    let names_another = |policy: &LivePolicy| {
        let mut named = policy.targets().filter_map(|target| function_here(target, live));
        named.any(|named| named != found.address && deletions.contains(&named))
    };
    let latest = found.policy.iter().map(|policy| (Address::async_policy(&found.address), policy));
    let is_started = found.triggers.as_ref().is_some_and(|triggers| !triggers.is_empty());
    let published = found.published.iter().filter(|(_, policy)| is_started || names_another(policy));
    let published = published.map(|(qualifier, policy)| (Address::published_policy(&found.address, qualifier), policy));
    let policies = latest.chain(published);
    let policies = policies.map(|(address, policy)| delete(address, Step::DeletePolicy { live: found, policy }));
    let function = delete(Address::function(&found.address), Step::DeleteFunction { undeclared });
    policies.chain([function]).collect()
}
