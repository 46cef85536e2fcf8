//! Why a saved plan is stale.

use serde_json::json;
use std::fmt::Write;

use crate::plan::saved::{Moved, SavedPlan, What};

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
}

impl Stale {
    /// The plan cannot be made again for this reason.
    pub fn outdated(saved: &SavedPlan, reason: &str, help: &str) -> Self {
        let home = home::phrase(&saved.stack, &saved.scope());
        let message = format!("the plan for {home} is stale, and nothing was changed: {}", printable(reason));
        Self { message, lead: "  help: ", help: printable(help) }
    }

    /// `now` is the same plan, made again now; `None` if it has errors.
    pub fn new(saved: &SavedPlan, now: Option<&SavedPlan>, moved: &[Moved], detail: Detail) -> Self {
        let home = home::phrase(&saved.stack, &saved.scope());
        let mut message = format!("the plan for {home} is stale, and nothing was changed:");
        let groups: Vec<Vec<&Moved>> = match detail {
            Detail::Grouped => alike::grouped(moved, |moved| key(moved)),
            Detail::Full => moved.iter().map(|one| vec![one]).collect(),
        };
        for group in groups {
            // Writing to a string cannot fail.
            let _ = write!(message, "\n  {}", said(&group));
        }
        let help = match now {
            None => "A new plan would be refused: correct the errors first.",
            Some(now) if saved.is_done(now) => "It has probably been applied already: live matches it.",
            Some(_) => "Plan again to see what would change now.",
        };
        Self { message, lead: "", help: help.to_owned() }
    }

    /// Everything, line by line.
    pub fn text(&self) -> String {
        format!("{}\n{}{}", self.message, self.lead, self.help)
    }
}

/// What differences have in common that are shown together.
fn key(moved: &Moved) -> String {
    let Moved { address, side, what } = moved;
    let what = match what {
        What::Appeared => json!("appeared"),
        What::Gone => json!("gone"),
        What::Fields(fields) => json!(fields.iter().map(ToString::to_string).collect::<Vec<_>>()),
    };
    json!([address.kind, side, what]).to_string()
}

/// Differences that are alike, on one line if there is one.
fn said(group: &[&Moved]) -> String {
    let first = printable(&group[0].to_string());
    if group.len() == 1 {
        return first;
    }
    let address = &group[0].address;
    let difference = first.strip_prefix(&address.to_string()).unwrap_or(&first);
    let names = group.iter().map(|moved| group::name(&moved.address));
    format!("each of {}{difference}\n    {}", count::resources(address.kind, group.len()), count::named(names, NAMED))
}
