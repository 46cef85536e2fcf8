//! Why a saved plan is stale.

use serde_json::json;
use std::fmt::Write;

use crate::plan::saved::{Moved, SavedPlan};

use super::group::{self, Detail, NAMED};
use super::style::printable;
use super::{alike, count, home};

/// Why a plan is stale, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stale {
    /// A line about the plan, and the differences line by line.
    pub message: String,
    /// What comes before the help in text.
    pub lead: &'static str,
    pub help: String,
    /// Why the plan cannot be made again, if it cannot.
    pub reason: Option<String>,
}

impl Stale {
    /// The plan cannot be made again for this reason.
    pub fn outdated(saved: &SavedPlan, reason: &str, help: &str) -> Self {
        let home = home::phrase(&saved.stack, &saved.scope());
        let message = format!("the plan for {home} is stale, and nothing was changed: {}", printable(reason));
        Self { message, lead: "  help: ", help: printable(help), reason: Some(reason.to_owned()) }
    }

    /// `now` is the same plan, made again now; `None` if it has errors.
    pub fn new(saved: &SavedPlan, now: Option<&SavedPlan>, moved: &[Moved], detail: Detail) -> Self {
        let home = home::phrase(&saved.stack, &saved.scope());
        let mut message = format!("the plan for {home} is stale, and nothing was changed:");
        let key = |moved: &&Moved| json!([moved.address.kind, moved.difference()]).to_string();
        for group in alike::grouped(moved, detail, key) {
            // Writing to a string cannot fail.
            let _ = write!(message, "\n  {}", said(&group));
        }
        let help = match now {
            None => "A new plan would be refused: correct the errors first.",
            Some(now) if saved.is_done(now) => "It has probably been applied already: live matches it.",
            Some(_) => "Plan again to see what would change now.",
        };
        Self { message, lead: "", help: help.to_owned(), reason: None }
    }

    /// Everything, line by line.
    pub fn text(&self) -> String {
        format!("{}\n{}{}", self.message, self.lead, self.help)
    }
}

/// Differences that are alike, on one line if there is one.
fn said(group: &[&Moved]) -> String {
    if group.len() == 1 {
        return printable(&group[0].to_string());
    }
    let (kind, difference) = (group[0].address.kind, printable(&group[0].difference()));
    let names = group.iter().map(|moved| group::name(&moved.address));
    format!("each of {}: {difference}\n    {}", count::resources(kind, group.len()), count::named(names, NAMED))
}
