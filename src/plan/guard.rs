//! What stops a plan that is probably a mistake: protected functions, too many deletions, an emptied manifest.

use crate::diagnostic::Diagnostic;
use crate::model::state::{DesiredState, LiveFunction, LiveState};

use super::Permissions;

/// Deletions of one plan that need no extra word.
const FEW: usize = 5;
/// Percent of the owned functions that may go without one, once a stack has [`MANY`].
const SHARE: usize = 30;
const MANY: usize = 10;

/// The code of the finding that a protected function would go.
pub const PROTECTED: &str = "protected";

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
    let help = if desired.protected.contains(address) {
        "to let it go, apply once with `protect: false`, and only then destroy it"
    } else {
        "declare it again; to let it go, apply once with `protect: false`, and only then remove it"
    };
    Diagnostic::error(PROTECTED, format!("function {address} is protected and the plan would delete it")).help(help)
}
