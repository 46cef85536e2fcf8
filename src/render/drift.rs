//! What moved, for people and for programs.

use serde_json::{Map, Value, json};
use std::fmt::Write;

use crate::model::address::{Address, FunctionAddress};
use crate::plan::change::FieldChange;
use crate::plan::drift::{Finding, State};

use super::json::{FORMAT_VERSION, Outcome, field};
use super::plan::label;
use super::style::{BOLD, CYAN, DIM, RED, YELLOW, paint};
use super::value;

/// Each finding with its fields, what nobody manages where that was asked for, and the summary line.
pub fn human(findings: &[Finding], unmanaged: Option<&[&FunctionAddress]>) -> String {
    let mut text = String::new();
    for finding in findings {
        write_finding(&mut text, finding);
    }
    for function in unmanaged.into_iter().flatten() {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{} {}", paint(CYAN, "unmanaged"), paint(BOLD, Address::function(function)));
    }
    let counts = State::ALL.into_iter().map(|state| (count(findings, state), state.name()));
    let counts = counts.chain([(unmanaged.map_or(0, <[_]>::len), "unmanaged")]);
    let counts: Vec<String> =
        counts.filter(|(count, _)| *count > 0).map(|(count, name)| format!("{count} {name}")).collect();
    let _ = if counts.is_empty() {
        writeln!(text, "No drift: live is as declared, and as it was applied.")
    } else {
        writeln!(text, "Drift: {}.", counts.join(", "))
    };
    text
}

fn write_finding(text: &mut String, finding: &Finding) {
    let Finding { address, facet, state, reason, fields } = finding;
    let style = match state {
        State::Pending | State::StaleMark => YELLOW,
        State::Drifted | State::Conflict | State::Missing | State::Unmarked | State::Unowned | State::Foreign => RED,
    };
    let facet = facet.map(|facet| format!(" {}", facet.name())).unwrap_or_default();
    let _ = writeln!(text, "{} {}{facet}", paint(style, state.name()), paint(BOLD, address));
    let _ = writeln!(text, "    {}", paint(DIM, value::printable(reason)));
    // Of what is missing, everything differs.
    let fields = if *state == State::Missing { &[][..] } else { fields };
    let width = fields.iter().map(|field| label(&field.path).chars().count()).max().unwrap_or_default();
    for FieldChange { path, before, after } in fields {
        let (name, live, declared) = (value::printable(&label(path)), value::shown(before), value::shown(after));
        let _ = writeln!(text, "    {name:width$}  live {live}, declared {declared}");
    }
    text.push('\n');
}

/// The versioned document of `fgctl drift`.
pub fn json(
    stack: &str,
    (findings, unmanaged): (&[Finding], Option<&[&FunctionAddress]>),
    outcome: Outcome,
    diagnostics: &Value,
) -> Value {
    let summary: Map<String, Value> =
        State::ALL.into_iter().map(|state| (state.name().replace(' ', "_"), json!(count(findings, state)))).collect();
    let addresses = unmanaged.map(|all| all.iter().map(|function| Address::function(function)).collect::<Vec<_>>());
    json!({
        "format_version": FORMAT_VERSION,
        "stack": stack,
        "outcome": outcome,
        "summary": summary,
        "findings": findings.iter().map(finding).collect::<Vec<_>>(),
        "unmanaged": addresses,
        "diagnostics": diagnostics,
    })
}

fn finding(finding: &Finding) -> Value {
    let Finding { address, facet, state, reason, fields } = finding;
    json!({
        "address": address,
        "kind": address.kind,
        "facet": facet,
        "state": state,
        "reason": reason,
        "fields": fields.iter().map(field).collect::<Vec<_>>(),
    })
}

fn count(findings: &[Finding], state: State) -> usize {
    findings.iter().filter(|finding| finding.state == state).count()
}
