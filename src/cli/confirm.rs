//! The confirmation before an apply.

use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use super::failure::advised;
use super::permission::Permission;

/// Whether the user still has to confirm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Approval {
    Asked,
    /// Asked because a saved plan needs permissions that the command line does not give.
    AskedFor(Vec<Permission>),
    Given,
}

/// Whether a question waits for its answer.
static IS_OPEN: AtomicBool = AtomicBool::new(false);

impl Approval {
    pub(super) fn new(auto_approve: bool) -> Self {
        if auto_approve { Self::Given } else { Self::Asked }
    }

    /// Prints what the answer to the question permits, apart from the changes that were shown.
    pub(super) fn explain(&self) {
        if let Self::AskedFor(permissions) = self {
            errln!("The plan needs these permissions:");
            for permission in permissions {
                errln!("  {permission}");
            }
        }
    }
}

/// Whether there is a terminal for the answer.
pub(super) fn can_ask() -> bool {
    std::io::stdin().is_terminal()
}

/// Whether the cursor is still in the line of a question.
pub(super) fn is_open() -> bool {
    IS_OPEN.load(Ordering::Relaxed)
}

/// Asks on the terminal; only `yes` confirms. Without a terminal this is an error.
pub(super) fn confirm(question: &str) -> anyhow::Result<bool> {
    if !can_ask() {
        let help = "give --auto-approve to apply without confirmation";
        return Err(advised("cannot ask for confirmation without a terminal", help));
    }
    let mut stderr = anstream::stderr();
    write!(stderr, "{question} Type \"yes\" to confirm: ")?;
    stderr.flush()?;
    IS_OPEN.store(true, Ordering::Relaxed);
    let mut answer = String::new();
    let read = std::io::stdin().read_line(&mut answer);
    IS_OPEN.store(false, Ordering::Relaxed);
    read?;
    Ok(answer.trim() == "yes")
}
