//! A plan as text: each change with its reason and fields.

use serde_json::Value;
use similar::{ChangeTag, TextDiff};
use std::fmt::Write;

use crate::model::address::Address;
use crate::model::field::Path;
use crate::plan::change::{Action, ChangeOf, FieldChange, PlanOf, Shown};

use super::style::{BOLD, DIM, GREEN, RED, paint, printable, symbol};
use super::value;
use super::{effect, home};

/// The largest number of addresses that a list names.
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

/// The whole plan: the stack and its place, each change with its reason and fields, and the summary line.
pub fn human<S>(plan: &PlanOf<'_, S>, verdict: Verdict) -> String {
    let mut text = home::line(plan.stack, &plan.scope);
    for one in &plan.changes {
        text.push_str(&change(one));
        text.push('\n');
    }
    text.push_str(&summary(plan, verdict));
    text.push('\n');
    text.push_str(&remarks(plan));
    text
}

/// Remarks about the plan as a whole.
pub(super) fn remarks<S>(plan: &PlanOf<'_, S>) -> String {
    let status_log = if plan.enables_status_log {
        "It also enables the project's log for statuses of asynchronous invocations, which its policies need.\n"
    } else {
        ""
    };
    format!("{}{status_log}{}", effect::human(&plan.effects), partial(&plan.left_out))
}

/// The addresses that a partial plan leaves out; empty for a complete plan.
pub(super) fn partial(left_out: &[Address]) -> String {
    if left_out.is_empty() {
        return String::new();
    }
    let names: Vec<String> = left_out.iter().take(NAMED).map(ToString::to_string).collect();
    let more = left_out.len().saturating_sub(NAMED);
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    format!("This plan is partial. Left out, fully or in part: {}{more}.\n", names.join(", "))
}

/// One line: the number of changes of each kind, or why there are none.
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
    let counts = Action::ALL.into_iter().filter_map(|action| {
        let count = plan.count(action);
        (count > 0).then(|| format!("{count} to {}", action.verb()))
    });
    format!("Plan: {}.", counts.collect::<Vec<_>>().join(", "))
}

/// The line for a plan that errors forbid.
pub(super) fn refusal(errors: usize) -> String {
    format!("Refused because of {errors} error{}: nothing was changed.", if errors == 1 { "" } else { "s" })
}

/// One change with its reason and fields, line by line.
pub(super) fn change<S>(change: &ChangeOf<S>) -> String {
    let mut text = String::new();
    let ChangeOf { address, action, reason, fields, waits_for: _, step: _ } = change;
    // Writing to a string cannot fail.
    let why = printable(&reason.to_string());
    let _ = writeln!(&mut text, "{} {}", symbol(*action), paint(BOLD, address));
    let _ = writeln!(&mut text, "    {}", paint(DIM, format_args!("{}: {why}", action.verb())));
    if change.deletes_function() {
        let _ = writeln!(&mut text, "    its versions, aliases and triggers are deleted too");
    }
    let width = fields.iter().map(|field| label(&field.path).chars().count()).max().unwrap_or_default();
    for field in fields {
        write_field(&mut text, field, *action, width);
    }
    text
}

fn write_field(text: &mut String, field: &FieldChange, action: Action, width: usize) {
    let FieldChange { path, before, after } = field;
    let name = printable(&label(path));
    if let Some((old, new)) = multi_line(before, after) {
        // Empty or absent text has no lines to show.
        let note = match (old, new) {
            ("", _) if action != Action::Create => format!("  {} →", value::shown(path, before)),
            (_, "") => format!("  → {}", value::shown(path, after)),
            _ => String::new(),
        };
        let _ = writeln!(text, "    {name}{note}");
        write_lines(text, old, new);
        return;
    }
    let _ = if action == Action::Create {
        writeln!(text, "    {name:width$}  {}", value::after(field))
    } else {
        writeln!(text, "    {name:width$}  {}", value::change(field))
    };
}

/// A path as users write it, such as `environment.LOG_LEVEL`.
pub(super) fn label(path: &Path) -> String {
    let Path { field, key } = path;
    key.as_ref().map_or_else(|| field.key().to_owned(), |key| format!("{}.{key}", field.key()))
}

/// Both sides as text, if one of them has several lines.
fn multi_line<'a>(before: &'a Shown, after: &'a Shown) -> Option<(&'a str, &'a str)> {
    let text = |shown: &'a Shown| match shown {
        Shown::Value(Value::String(text)) => Some(text.as_str()),
        Shown::Value(Value::Null) => Some(""),
        Shown::Value(_) | Shown::Sensitive => None,
    };
    let (before, after) = (text(before)?, text(after)?);
    (before.contains('\n') || after.contains('\n')).then_some((before, after))
}

fn write_lines(text: &mut String, before: &str, after: &str) {
    let end_differently = before.ends_with('\n') != after.ends_with('\n');
    for change in TextDiff::from_lines(before, after).iter_all_changes() {
        let ended = change.value().strip_suffix('\n');
        let line = printable(ended.unwrap_or(change.value()));
        let is_unended = ended.is_none() && end_differently;
        let line = if is_unended { format!("{line} (without a line break)") } else { line };
        let _ = match change.tag() {
            // Unchanged lines need a marker too, because GitHub reads a line that starts with spaces and `::` as a
            // command.
            ChangeTag::Equal => writeln!(text, "      | {line}"),
            ChangeTag::Delete => writeln!(text, "      {}", paint(RED, format_args!("- {line}"))),
            ChangeTag::Insert => writeln!(text, "      {}", paint(GREEN, format_args!("+ {line}"))),
        };
    }
}
