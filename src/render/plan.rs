//! A plan as text: each change with its reason and fields, and a summary.

use crate::model::address::Address;
use crate::plan::change::{ChangeOf, PlanOf};

use super::group::{self, Detail, Names, Part};
use super::{change, count, effect, home, style};

/// The maximum number of addresses that a list names.
const NAMED: usize = 20;

/// The conclusion about a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Planned,
    /// This many errors forbid the plan.
    Refused(usize),
    /// The command is a destroy.
    Destroyed,
    /// The command is an import, which changes only ownership.
    Imported,
    /// The command gives functions up, which changes only fgctl's tags.
    Forgotten,
}

/// Everything but the summary: the stack and its place, each change with its reason and fields, and remarks about the plan
/// as a whole. The summary follows separately, so that nothing comes between it and the next line of the terminal.
pub fn changes<S>(plan: &PlanOf<'_, S>, detail: Detail) -> String {
    let mut text = home::line(plan.stack, &plan.scope);
    let parts = group::parts(&plan.changes, detail);
    for part in &parts {
        text.push_str(&part.text(Names::First));
        text.push('\n');
    }
    text.push_str(&remarks(plan, detail));
    if parts.iter().any(|part| matches!(part, Part::Group(_))) {
        text.push_str("Changes that are alike are shown together; --full shows each of them in full.\n");
    }
    text
}

/// A change in a list of changes: its symbol and its address.
pub fn title<S>(change: &ChangeOf<S>) -> String {
    style::plain(&change::title(change))
}

/// Remarks about the plan as a whole.
fn remarks<S>(plan: &PlanOf<'_, S>, detail: Detail) -> String {
    effect::human(&plan.effects, detail) + &notes(plan, detail)
}

/// Remarks apart from the effects on events.
pub(super) fn notes<S>(plan: &PlanOf<'_, S>, detail: Detail) -> String {
    let status_log = if plan.enables_status_log {
        "It also enables the project's log for statuses of asynchronous invocations, which its policies need.\n"
    } else {
        ""
    };
    format!("{status_log}{}", partial(&plan.left_out, detail))
}

/// The addresses that a partial plan leaves out; empty for a complete plan.
pub(super) fn partial(left_out: &[Address], detail: Detail) -> String {
    if left_out.is_empty() {
        return String::new();
    }
    let names = count::named(left_out.iter().map(ToString::to_string), detail.limit(NAMED));
    format!("This plan is partial. Left out, fully or in part: {names}.\n")
}

/// One line: the numbers of functions, policies and triggers for each action, or why there are none.
pub fn summary<S>(plan: &PlanOf<'_, S>, verdict: Verdict) -> String {
    match verdict {
        Verdict::Refused(errors) => return refusal(errors),
        Verdict::Planned | Verdict::Destroyed if plan.changes.is_empty() && !plan.left_out.is_empty() => {
            return "No changes in the selected resources.".to_owned();
        }
        Verdict::Planned if plan.changes.is_empty() => {
            return format!("No changes: live matches stack \"{}\".", plan.stack);
        }
        Verdict::Destroyed if plan.changes.is_empty() => {
            return format!("Nothing to destroy: stack \"{}\" owns nothing here.", plan.stack);
        }
        Verdict::Imported if plan.changes.is_empty() => {
            return format!("Nothing to import: stack \"{}\" already owns the named functions.", plan.stack);
        }
        Verdict::Forgotten if plan.changes.is_empty() => {
            return "Nothing to forget: no stack owns the named functions.".to_owned();
        }
        Verdict::Planned | Verdict::Destroyed | Verdict::Imported | Verdict::Forgotten => {}
    }
    format!("Plan: {}.", count::planned(plan))
}

/// What a confirmation is asked for, after the changes were shown.
pub fn question<S>(plan: &PlanOf<'_, S>, verdict: Verdict) -> String {
    let home = home::phrase(plan.stack, &plan.scope);
    match verdict {
        Verdict::Planned | Verdict::Refused(_) => format!("Apply these changes to {home}?"),
        Verdict::Destroyed => format!("Delete these resources of {home}?"),
        Verdict::Imported => format!("Make these resources part of {home}?"),
        Verdict::Forgotten => format!("Remove these resources from {home}, without deleting them?"),
    }
}

/// The line for a plan that errors forbid.
pub(super) fn refusal(errors: usize) -> String {
    format!("Refused because of {errors} error{}: nothing was changed.", if errors == 1 { "" } else { "s" })
}
