//! What stops a plan that is probably a mistake, or would fail half-way: protected functions, too many deletions, an
//! emptied manifest, tags that have no room.

use std::collections::{BTreeMap, BTreeSet};

use crate::diagnostic::Diagnostic;
use crate::model::address::FunctionAddress;
use crate::model::limits;
use crate::model::mark;
use crate::model::state::{DesiredState, LiveFunction, LiveState};

use super::Permissions;
use super::change::{Change, Step, Writes};

/// Deletions of one plan that need no extra word.
const FEW: usize = 5;
/// Percent of the owned functions that may go without one, once a stack has [`MANY`].
const SHARE: usize = 30;
const MANY: usize = 10;

/// The code of the finding that a protected function would go.
pub const PROTECTED: &str = "protected";
/// The code of the finding that a function would have more tags than it can.
pub const TOO_MANY_TAGS: &str = "too-many-tags";

pub(super) fn check(
    desired: &DesiredState,
    live: &LiveState,
    deleted: &[&LiveFunction],
    permissions: Permissions,
) -> Vec<Diagnostic> {
    let mut found: Vec<Diagnostic> =
        deleted.iter().filter(|live| is_protected(desired, live)).map(|live| protected(desired, live)).collect();
    if permissions.destroy || deleted.is_empty() {
        return found;
    }
    let stack = &desired.stack;
    if desired.functions.is_empty() {
        let owned = deleted.len();
        let message = format!("the manifest declares no function, and stack \"{stack}\" owns {owned} live");
        let help = "restore the manifest; to delete everything that the stack owns, run `fgctl destroy`";
        found.push(Diagnostic::error("emptied-manifest", message).help(help));
        return found;
    }
    let owned = live.functions.values().filter(|live| desired.owns(live)).count();
    let count = deleted.len();
    let are_many = count > FEW || (owned >= MANY && count * 100 > owned * SHARE);
    if permissions.allow_deletes.map_or(are_many, |allowed| count > allowed) {
        let message = format!("the plan deletes {count} of the {owned} functions that stack \"{stack}\" owns");
        let help = format!("if that is meant, allow it with --allow-deletes {count}");
        found.push(Diagnostic::error("too-many-deletions", message).help(help));
    }
    found
}

/// By its tag, or by the manifest.
fn is_protected(desired: &DesiredState, live: &LiveFunction) -> bool {
    live.marks.is_protected() || desired.protected.contains(&live.address)
}

fn protected(desired: &DesiredState, live: &LiveFunction) -> Diagnostic {
    let address = &live.address;
    let is_by_hand = live.marks.is_protected() && live.marks.was_protected() == Some(false);
    let help = if is_by_hand {
        "someone set the tag fgctl.protect by hand: to let the function go, take that tag away"
    } else if desired.protected.contains(address) {
        "to let it go, apply once with `protect: false`, and only then destroy it"
    } else {
        "declare it again; to let it go, apply once with `protect: false`, and only then remove it"
    };
    Diagnostic::error(PROTECTED, format!("function {address} is protected and the plan would delete it")).help(help)
}

/// Others may have set so many tags that there is no room for what is to be set: half of an update would fail.
pub(super) fn tags(desired: &DesiredState, live: &LiveState, changes: &[Change<'_>]) -> Vec<Diagnostic> {
    let mut after: BTreeMap<&FunctionAddress, BTreeSet<&str>> = BTreeMap::new();
    for change in changes {
        let address = &change.address.function;
        let Some(found) = live.functions.get(address) else { continue };
        let keys = after.entry(address).or_insert_with(|| found.tag_keys().collect());
        match &change.step {
            Step::UpdateFunction { writes: Writes { set_tags, remove_tags, code, .. }, .. } => {
                keys.retain(|key| !remove_tags.contains_key(*key));
                keys.extend(set_tags.keys().map(String::as_str));
                keys.extend(code.then_some(mark::CODE));
            }
            Step::PutPolicy { mark: Some(_), .. } | Step::MarkPolicy { mark: Some(_), .. } => {
                keys.insert(mark::ASYNC);
            }
            Step::DeletePolicy { .. } | Step::MarkPolicy { mark: None, .. } => {
                keys.remove(mark::ASYNC);
            }
            Step::PutPolicy { mark: None, .. } | Step::CreateFunction { .. } | Step::DeleteFunction { .. } => {}
        }
    }
    let over = after.into_iter().filter(|(_, keys)| keys.len() > limits::TAGS);
    over.map(|(address, keys)| too_many_tags(desired, address, keys.len())).collect()
}

fn too_many_tags(desired: &DesiredState, address: &FunctionAddress, count: usize) -> Diagnostic {
    let message = format!("function {address} would have {count} tags, and {} are the most", limits::TAGS);
    let finding = Diagnostic::error(TOO_MANY_TAGS, message)
        .help("take tags away that nobody needs, or plan with --no-ownership, which needs none");
    match desired.functions.get(address) {
        Some(wanted) => finding.at(wanted.function.spot.clone()),
        None => finding,
    }
}
