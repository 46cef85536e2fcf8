//! Stops plans that are probably mistakes or would lose something: deletions of protected functions, too many
//! deletions, an emptied manifest, secrets at risk.

use crate::diagnostic::Diagnostic;
use crate::model::field::Field;
use crate::model::function::Function;
use crate::model::mark;
use crate::model::seal;
use crate::model::state::{DesiredFunction, DesiredState, LiveFunction, LiveState};
use crate::model::text::StackName;

use super::change::{Change, Step};
use super::existing::{ExistingStep, PolicyWrite};
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
    let policies = changes.iter().filter(|change| is_policy_alone(change)).count();
    let mut found: Vec<Diagnostic> =
        deleted.iter().filter(|live| is_protected(desired, live)).map(|live| protected(desired, live)).collect();
    if permissions.destroy || deleted.len() + policies == 0 {
        return found;
    }
    let stack = &desired.stack;
    if desired.holders().next().is_none() {
        let owned = match (deleted.len(), policies) {
            (0, policies) => format!("the policies of {policies} functions that something else deploys"),
            (owned, _) => owned.to_string(),
        };
        let message = format!("the manifest declares no functions, but stack \"{stack}\" owns {owned}");
        let help = "restore the manifest; to delete everything that the stack owns, run `fgctl destroy`";
        found.push(Diagnostic::error("emptied-manifest", message).help(help));
        return found;
    }
    let owned = live.functions.values().filter(|live| desired.owns(live)).count();
    let count = deleted.len();
    if desired.functions.is_empty() && count > 0 && permissions.allow_deletes.is_none() {
        found.push(only_existing(stack, &deleted));
        return found;
    }
    let are_many = count > FEW || (owned >= MANY && count * 100 > owned * SHARE);
    if permissions.allow_deletes.map_or(are_many, |allowed| count > allowed) {
        let message = format!("the plan deletes {count} of the {owned} functions that stack \"{stack}\" owns");
        let help = format!("if this is intended, allow it with --allow-deletes {count}");
        found.push(Diagnostic::error("too-many-deletions", message).help(help));
    }
    found
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

fn protected(desired: &DesiredState, live: &LiveFunction) -> Diagnostic {
    let address = &live.address;
    let is_by_hand = live.marks.is_protected() && live.marks.was_protected() == Some(false);
    let help = if is_by_hand {
        "someone set the tag fgctl.protect by hand: to allow the deletion, remove the tag"
    } else if desired.protected.contains_key(address) {
        "to allow the deletion, apply once with `protect: false`, then destroy it"
    } else {
        "declare it again; to allow the deletion, apply once with `protect: false`, then remove it"
    };
    let message = format!("function {address} is protected, but the plan would delete it");
    let spot = desired.protected.get(address).cloned();
    Diagnostic { spot, ..Diagnostic::error(PROTECTED, message).help(help) }
}

/// PUT config replaces the whole configuration, and GET returns secrets without values. A secret that the manifest does
/// not declare with its value cannot be sent back.
pub(super) fn secrets(stack: &StackName, changes: &mut [Change<'_>], permissions: Permissions) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for change in changes {
        let Step::UpdateFunction { desired, live, writes } = &mut change.step else { continue };
        writes.may_lose_secrets = permissions.allow_secret_loss;
        // The secrets of our own unfinished create all come from its request.
        let is_touched = (writes.configuration || writes.secrets) && !live.is_unfinished_create_of(stack);
        if is_touched {
            found.extend(secrets_at_risk(desired, live, permissions));
        }
    }
    found
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
    let (severity, help): (fn(&'static str, String) -> Diagnostic, String) = if permissions.allow_secret_loss {
        (Diagnostic::warning, "set them again if the apply removes them".to_owned())
    } else {
        (Diagnostic::error, format!("{declare} to send their values, or allow the loss with --allow-secret-loss"))
    };
    Some(severity(SECRETS_AT_RISK, message).help(help).at(spot.clone()))
}
