//! One change as text: its reason and its fields.

use serde_json::Value;
use similar::{ChangeTag, TextDiff};
use std::fmt::Write;

use crate::model::field::Path;
use crate::plan::change::{Action, ChangeOf, FieldChange, Shown};

use super::style::{BOLD, DIM, GREEN, RED, paint, printable, symbol};
use super::value;

/// One change with its reason and fields, line by line.
pub(super) fn change<S>(change: &ChangeOf<S>) -> String {
    format!("{} {}\n{}", symbol(change.action), paint(BOLD, &change.address), body(change, &change.fields))
}

/// The symbol and the address.
pub(super) fn title<S>(change: &ChangeOf<S>) -> String {
    format!("{} {}", symbol(change.action), change.address)
}

/// The lines below the address, with these fields.
pub(super) fn body<'f, S>(
    change: &ChangeOf<S>,
    fields: impl IntoIterator<Item = &'f FieldChange, IntoIter: Clone>,
) -> String {
    let mut text = String::new();
    let ChangeOf { address: _, action, reason, fields: _, waits_for: _, turns: _, step: _ } = change;
    // Writing to a string cannot fail.
    let why = printable(&reason.to_string());
    let _ = writeln!(&mut text, "    {}", paint(DIM, format_args!("{}: {why}", action.verb())));
    if change.deletes_function() {
        let _ = writeln!(&mut text, "    its versions, aliases and triggers are deleted too");
    }
    let fields = fields.into_iter();
    let width = fields.clone().map(|field| label(&field.path).chars().count()).max().unwrap_or_default();
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
    let _ = writeln!(text, "    {name:width$}  {}", values(field, action));
}

fn values(field: &FieldChange, action: Action) -> String {
    if action == Action::Create { value::after(field) } else { value::change(field) }
}

/// A field with its values on one line, however many lines they have.
pub(super) fn on_one_line(field: &FieldChange, action: Action) -> String {
    format!("{} {}", printable(&label(&field.path)), values(field, action))
}

/// A path as users write it, such as `environment.LOG_LEVEL`.
pub(super) fn label(path: &Path) -> String {
    let Path { field, key } = path;
    key.as_ref().map_or_else(|| field.key().to_owned(), |key| format!("{}.{key}", field.key()))
}

/// Whether the values are shown as lines of their own.
pub(super) fn has_lines(FieldChange { path: _, before, after }: &FieldChange) -> bool {
    multi_line(before, after).is_some()
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
