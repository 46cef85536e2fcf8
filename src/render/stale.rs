//! Why a saved plan is stale.

use std::fmt::Write;

use crate::plan::saved::{Moved, SavedPlan};

use super::home;
use super::style::printable;

/// Why a plan cannot be made again, and what to do.
pub fn outdated(saved: &SavedPlan, reason: &str, help: &str) -> String {
    let home = home::phrase(&saved.stack, &saved.scope());
    let (reason, help) = (printable(reason), printable(help));
    format!("error: the plan for {home} is stale, and nothing was changed: {reason}\n  help: {help}\n")
}

/// The differences line by line, and what to do. `now` is the same plan, made again now; `None` if it has errors.
pub fn human(saved: &SavedPlan, now: Option<&SavedPlan>, moved: &[Moved]) -> String {
    let home = home::phrase(&saved.stack, &saved.scope());
    let mut text = format!("error: the plan for {home} is stale, and nothing was changed:\n");
    for moved in moved {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "  {}", printable(&moved.to_string()));
    }
    text.push_str(match now {
        None => "A new plan would be refused: correct the errors first.\n",
        Some(now) if saved.is_done(now) => "It has probably been applied already: live matches it.\n",
        Some(_) => "Plan again to see what would change now.\n",
    });
    text
}
