//! Hides secrets in a plan's output. A secret stays one even if the manifest also declares the same text in an
//! environment value, a description or a tag, or as the name of one.

use serde_json::Value;

use crate::diagnostic::{Diagnostic, Place, Related};
use crate::model::field::{Field, Path};
use crate::model::secret::RECOGNIZABLE;
use crate::redaction::Redaction;

use super::Planned;
use super::change::{FieldChange, Reason, Shown};

/// Hides every value that contains a secret, and removes secrets from findings.
pub fn hide(planned: &mut Planned<'_>, secrets: &Redaction) {
    let Planned { plan, diagnostics, missing_secrets: _, flow } = planned;
    flow.rename(|name| secrets.apply(name));
    for effect in &mut plan.effects {
        effect.rename(|name| secrets.apply(name));
    }
    // Reports show counts, sizes and the name of a file or an object.
    let of_code = secrets.at_least(RECOGNIZABLE);
    for change in &mut plan.changes {
        for FieldChange { path, before, after } in &mut change.fields {
            let secrets = if path.field == Field::Code { &of_code } else { secrets };
            hide_shown(before, secrets);
            hide_shown(after, secrets);
            hide_in_path(path, secrets);
        }
        if let Reason::TakeOver { from } = &mut change.reason {
            *from = secrets.apply(from);
        }
    }
    for finding in diagnostics {
        hide_in_finding(finding, secrets);
    }
}

/// Removes secrets from the name of an entry.
pub fn hide_in_path(path: &mut Path, secrets: &Redaction) {
    if let Some(key) = &mut path.key {
        *key = secrets.apply(key);
    }
}

fn hide_shown(shown: &mut Shown, secrets: &Redaction) {
    if let Shown::Value(value) = shown
        && has_secret(value, secrets)
    {
        *shown = Shown::Sensitive;
    }
}

/// Whether a text in a value contains a secret. Numbers are sizes and times, so they do not.
fn has_secret(value: &Value, secrets: &Redaction) -> bool {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
        Value::String(text) => secrets.is_in(text),
        Value::Array(items) => items.iter().any(|item| has_secret(item, secrets)),
        Value::Object(entries) => entries.iter().any(|(key, value)| secrets.is_in(key) || has_secret(value, secrets)),
    }
}

fn hide_in_finding(finding: &mut Diagnostic, secrets: &Redaction) {
    let Diagnostic { severity: _, code: _, message, help, spot: _, place, related } = finding;
    *message = secrets.apply(message);
    *help = help.take().map(|help| secrets.apply(&help));
    hide_line(place.as_mut(), secrets);
    for Related { message, spot: _, place } in related {
        *message = secrets.apply(message);
        hide_line(place.as_mut(), secrets);
    }
}

/// Without its text, a place still shows file, line and column.
fn hide_line(place: Option<&mut Place>, secrets: &Redaction) {
    if let Some(place) = place.filter(|place| secrets.is_in(&place.text)) {
        place.text.clear();
    }
}
