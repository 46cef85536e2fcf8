//! The confirmation before an apply.

use std::io::{IsTerminal, Write};

use super::failure::advised;

/// Whether the user still has to confirm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Approval {
    Asked,
    Given,
}

impl Approval {
    pub(super) fn new(auto_approve: bool) -> Self {
        if auto_approve { Self::Given } else { Self::Asked }
    }
}

/// Asks on the terminal; only `yes` confirms. Without a terminal this is an error.
pub(super) fn confirm(question: &str) -> anyhow::Result<bool> {
    if !std::io::stdin().is_terminal() {
        let help = "give --auto-approve to apply without confirmation";
        return Err(advised("cannot ask for confirmation without a terminal", help));
    }
    let mut stderr = anstream::stderr().lock();
    write!(stderr, "{question} Type \"yes\" to confirm: ")?;
    stderr.flush()?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(answer.trim() == "yes")
}
