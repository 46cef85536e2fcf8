//! Stops plans that are probably mistakes or would lose something: deletions of protected functions, too many
//! deletions, an emptied manifest, secrets at risk.

use std::collections::BTreeSet;

use crate::diagnostic::Diagnostic;
use crate::model::address::{Address, FunctionAddress};
use crate::model::field::Field;
use crate::model::function::Function;
use crate::model::mark;
use crate::model::seal;
use crate::model::state::{DesiredFunction, DesiredState, LiveFunction, LiveState};
use crate::model::text::StackName;

use super::change::{Change, Step};
use super::existing::{ExistingStep, PolicyWrite};
use super::trigger_step::TriggerWrite;
use super::{Permissions, deleted};

/// The number of deletions that a plan may contain without permission.
const FEW: usize = 5;
/// The percentage of owned functions that may be deleted without permission, for stacks with at least [`MANY`].
const SHARE: usize = 30;
const MANY: usize = 10;

/// The code of the finding that a protected function would be deleted.
pub const PROTECTED: &str = "protected";
/// The code of the finding that a manifest of policies alone would delete functions.
pub const ONLY_EXISTING: &str = "only-existing";
/// The code of the finding that an update may lose secrets.
pub const SECRETS_AT_RISK: &str = "secrets-at-risk";

pub(super) fn check(
    desired: &DesiredState,
    live: &LiveState,
    changes: &[Change<'_>],
    permissions: Permissions,
) -> Vec<Diagnostic> {
    let deleted = deleted(changes);
    let triggers: Vec<&Address> = changes.iter().filter(|it| deletes_trigger(it)).map(|it| &it.address).collect();
    let policies = changes.iter().filter(|change| is_policy_alone(change)).count();
    let mut found: Vec<Diagnostic> = deleted
        .iter()
        .filter(|live| is_protected(desired, live))
        .map(|live| protected(desired, live, permissions))
        .collect();
    found.extend(triggers.iter().filter_map(|trigger| protected_trigger(desired, live, trigger)));
    if permissions.destroy || deleted.len() + policies + triggers.len() == 0 {
        return found;
    }
    let stack = &desired.stack;
    if desired.holders().next().is_none() {
        let of_others = "functions that something else deploys";
        let owned = match (deleted.len(), policies) {
            (0, 0) => {
                let functions: BTreeSet<&FunctionAddress> = triggers.iter().map(|trigger| &trigger.function).collect();
                let names: Vec<String> = functions.into_iter().map(ToString::to_string).collect();
                format!("triggers of {of_others}: {}", names.join(", "))
            }
            (0, policies) => format!("the policies of {policies} {of_others}"),
            (owned, _) => owned.to_string(),
        };
        let message = format!("the manifest declares no functions, but stack \"{stack}\" owns {owned}");
        let help = "restore the manifest; to delete everything that the stack owns, run `fgctl destroy`";
        found.push(Diagnostic::error("emptied-manifest", message).help(help));
        return found;
    }
    if desired.functions.is_empty() && !deleted.is_empty() && permissions.allow_deletes.is_none() {
        found.push(only_existing(stack, &deleted));
        return found;
    }
    let functions =
        Count { deleted: deleted.len(), owned: live.functions.values().filter(|it| desired.owns(it)).count() };
    let triggers = Count { deleted: triggers.len(), owned: owned_triggers(desired, live) };
    found.extend(too_many(stack, [("functions", functions), ("triggers", triggers)], permissions));
    found
}

/// How many of a kind a plan deletes, and how many the stack owns.
#[derive(Clone, Copy)]
struct Count {
    deleted: usize,
    owned: usize,
}

impl Count {
    const fn is_large_share(self) -> bool {
        self.owned >= MANY && self.deleted * 100 > self.owned * SHARE
    }
}

fn too_many(stack: &StackName, kinds: [(&str, Count); 2], permissions: Permissions) -> Option<Diagnostic> {
    let total: usize = kinds.iter().map(|(_, count)| count.deleted).sum();
    let are_many = total > FEW || kinds.iter().any(|(_, count)| count.is_large_share());
    if !permissions.allow_deletes.map_or(are_many, |allowed| total > allowed) {
        return None;
    }
    let parts = kinds.iter().filter(|(_, count)| count.deleted > 0);
    let parts = parts.map(|(kind, Count { deleted, owned })| format!("{deleted} of the {owned} {kind}"));
    let parts: Vec<String> = parts.collect();
    let message = format!("the plan deletes {} that stack \"{stack}\" owns", parts.join(" and "));
    let help = format!("if this is intended, allow it with --allow-deletes {total}");
    Some(Diagnostic::error("too-many-deletions", message).help(help))
}

fn deletes_trigger(change: &Change<'_>) -> bool {
    change.step.trigger().is_some_and(|step| matches!(step.write, TriggerWrite::Delete))
}

/// The triggers that tags say are this stack's.
fn owned_triggers(desired: &DesiredState, live: &LiveState) -> usize {
    let recorded = live.functions.values().filter_map(|found| found.trigger_mark_of(&desired.stack));
    recorded.map(|mark| mark.entries().len()).sum()
}

/// The protection of a function covers its triggers, if the function belongs to the stack.
fn protected_trigger(desired: &DesiredState, live: &LiveState, trigger: &Address) -> Option<Diagnostic> {
    let function = live.functions.get(&trigger.function).filter(|live| desired.owns(live))?;
    let message = format!("function {} is protected, but the plan would delete {trigger}", trigger.function);
    let help = "declare the trigger again; to allow the deletion, apply once with `protect: false`, then remove it";
    let finding = Diagnostic::error(PROTECTED, message).help(help).at_any(desired.protected.get(&trigger.function));
    is_protected(desired, function).then_some(finding)
}

/// Two manifests that use one name by mistake would delete each other's functions. If one of them deploys functions and the
/// other only declares policies, the second shows it.
fn only_existing(stack: &StackName, deleted: &[&LiveFunction]) -> Diagnostic {
    let count = deleted.len();
    let names: Vec<String> = deleted.iter().map(|live| live.address.to_string()).collect();
    let message = format!(
        "all entries of the manifest have `existing: true`, but stack \"{stack}\" owns functions that the plan would delete: {}",
        names.join(", ")
    );
    let help = format!(
        "if another manifest deploys them, give this one another stack name; to delete them, use --allow-deletes {count}"
    );
    Diagnostic::error(ONLY_EXISTING, message).help(help)
}

/// Whether a policy is deleted whose function something else deploys.
fn is_policy_alone(change: &Change<'_>) -> bool {
    matches!(change.step, Step::Existing(ExistingStep { policy: PolicyWrite::Delete, .. }))
}

/// Whether its tag or the manifest protects it.
fn is_protected(desired: &DesiredState, live: &LiveFunction) -> bool {
    live.marks.is_protected() || desired.protected.contains_key(&live.address)
}

fn protected(desired: &DesiredState, live: &LiveFunction, permissions: Permissions) -> Diagnostic {
    let address = &live.address;
    let is_by_hand = live.marks.is_protected() && live.marks.was_protected() == Some(false);
    let help = if is_by_hand {
        "someone set the tag fgctl.protect by hand: to allow the deletion, remove the tag"
    } else if permissions.destroy {
        "to allow the deletion, apply the manifest once with `protect: false` for this function, then destroy it"
    } else {
        "declare it again; to allow the deletion, apply once with `protect: false`, then remove it"
    };
    let message = format!("function {address} is protected, but the plan would delete it");
    Diagnostic::error(PROTECTED, message).help(help).at_any(desired.protected.get(address))
}

/// PUT config replaces the whole configuration, and GET returns secrets without values. A secret that the manifest does
/// not declare with its value cannot be sent back. The same holds for a trigger that is replaced.
pub(super) fn secrets(desired: &DesiredState, changes: &mut [Change<'_>], permissions: Permissions) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for change in changes {
        let address = &change.address;
        match &mut change.step {
            Step::UpdateFunction { desired: wanted, live, writes } => {
                writes.may_lose_secrets = permissions.allow_secret_loss;
                // The secrets of our own unfinished create all come from its request.
                let is_touched =
                    (writes.configuration || writes.secrets) && !live.is_unfinished_create_of(&desired.stack);
                if is_touched {
                    found.extend(secrets_at_risk(wanted, live, permissions));
                }
            }
            Step::Trigger(step) if !step.lost.is_empty() => {
                let names = step.lost.join(", ");
                let message = format!(
                    "the replacement of {address} loses its secrets {names}: the trigger is created again, and the service \
                     does not return their values"
                );
                let spot = step.write.sent().map(|trigger| &trigger.spot);
                found.push(at_risk(message, "declare them", permissions).at_any(spot));
            }
            _ => {}
        }
    }
    found
}

/// An error, or only a warning if the user permits the loss.
fn at_risk(message: String, declare: &str, permissions: Permissions) -> Diagnostic {
    if permissions.allow_secret_loss {
        return Diagnostic::warning(SECRETS_AT_RISK, message).help("set them again if the apply removes them");
    }
    let help = format!("{declare} to send their values, or allow the loss with --allow-secret-loss");
    Diagnostic::error(SECRETS_AT_RISK, message).help(help)
}

fn secrets_at_risk(wanted: &DesiredFunction, live: &LiveFunction, permissions: Permissions) -> Option<Diagnostic> {
    let Function { address, secrets, ignore, spot, .. } = &wanted.function;
    let is_ignored = ignore.contains(&Field::Secrets);
    let is_declared = |name: &String| secrets.keys().any(|declared| declared.as_str() == name);
    // A secret that this stack applied and no longer declares is removed on purpose.
    let is_own = |name: &String| live.marks.get(mark::SECRETS).is_some_and(|marked| seal::has_name(marked, name));
    let is_at_risk = |name: &&String| is_ignored || !(is_declared(name) || is_own(name));
    let names: Vec<&str> = live.secret_names.iter().filter(is_at_risk).map(String::as_str).collect();
    if names.is_empty() {
        return None;
    }
    let names = names.join(", ");
    let message = format!(
        "the update of function {address} may lose its secrets {names}: it replaces the whole configuration, and the service \
         does not return their values"
    );
    let declare = if is_ignored { "declare them and do not ignore `secrets`" } else { "declare them" };
    Some(at_risk(message, declare, permissions).at(spot.clone()))
}
