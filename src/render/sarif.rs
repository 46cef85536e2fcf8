//! Findings as SARIF 2.1.0, the format of code scanning. A failure that is not a finding is a notification about the run.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use std::collections::BTreeSet;

use crate::diagnostic::explanation::{self, Explanation};
use crate::diagnostic::{Diagnostic, Place, Related, Severity};

use super::explanation as text;
use super::findings::{Files, Findings, Trouble, advice, identities};
use super::style::printable;

/// What a path in a URI does not have to escape.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The codes of findings about files that could not be read.
const UNREAD: [&str; 5] = ["no-manifest", "not-utf8", "too-large", "unreadable", "yaml-syntax"];

pub fn sarif(findings: &Findings<'_>) -> Value {
    let Findings { diagnostics, troubles, files } = findings;
    let codes: BTreeSet<&str> = diagnostics.iter().map(|found| found.code).collect();
    let rules: Vec<Value> = codes.iter().filter_map(|code| explanation::of(code)).map(rule).collect();
    let results: Vec<Value> = diagnostics
        .iter()
        .zip(identities(findings))
        .map(|(found, identity)| {
            let mut result = result(found, files);
            result["ruleIndex"] = json!(codes.iter().position(|code| *code == found.code));
            // Code scanning uses no fingerprint with another name, and would make its own from the source line.
            result["partialFingerprints"] = json!({ "primaryLocationLineHash": identity });
            result
        })
        .collect();
    let notifications: Vec<Value> = troubles.iter().map(|trouble| notification(trouble, files)).collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "fgctl",
                "version": env!("CARGO_PKG_VERSION"),
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": rules,
            } },
            "columnKind": "unicodeCodePoints",
            "invocations": [{
                "executionSuccessful": troubles.is_empty() && !diagnostics.iter().any(is_unread),
                "toolExecutionNotifications": notifications,
            }],
            "results": results,
        }],
    })
}

fn rule(explanation: &Explanation) -> Value {
    let Explanation { code, severities, summary, details, example: _ } = explanation;
    let severity = severities.iter().min().copied().unwrap_or(Severity::Warning);
    json!({
        "id": code,
        "shortDescription": { "text": summary },
        "fullDescription": { "text": details },
        "help": { "text": text::one(explanation), "markdown": text::markdown(explanation) },
        "defaultConfiguration": { "level": level(severity) },
    })
}

fn result(found: &Diagnostic, files: &Files<'_>) -> Value {
    let Diagnostic { severity, code, message, help, spot: _, place, related } = found;
    let locations: Vec<Value> = location(place.as_ref(), files).into_iter().collect();
    let related = related.iter().enumerate().map(|(index, Related { message, spot: _, place })| {
        let located = place.as_ref().and_then(|place| location(Some(place), files));
        let mut located = located.unwrap_or_else(|| json!({}));
        located["id"] = json!(index + 1);
        located["message"] = json!({ "text": printable(message) });
        located
    });
    json!({
        "ruleId": code,
        "level": level(*severity),
        "message": { "text": advice(message, help.as_deref()) },
        "locations": locations,
        "relatedLocations": related.collect::<Vec<_>>(),
    })
}

/// Without a place, the first line of the manifest: code scanning ignores results that have no line.
fn location(place: Option<&Place>, files: &Files<'_>) -> Option<Value> {
    let (path, is_inside) = files.path(place)?;
    let uri = utf8_percent_encode(&path, ESCAPED).to_string();
    // Another file of this machine means nothing to the reader, but its name does.
    let artifact = if is_inside { json!({ "uri": uri, "uriBaseId": "%SRCROOT%" }) } else { json!({ "uri": uri }) };
    let region = match place {
        Some(Place { file: _, line, column, length, text: _ }) => {
            json!({ "startLine": line, "startColumn": column, "endColumn": column.saturating_add(*length) })
        }
        None => json!({ "startLine": 1 }),
    };
    Some(json!({ "physicalLocation": { "artifactLocation": artifact, "region": region } }))
}

fn notification(trouble: &Trouble, files: &Files<'_>) -> Value {
    let mut notification = json!({
        "level": "error",
        "message": { "text": trouble.advice() },
        "descriptor": { "id": trouble.code },
    });
    if let Some(place) = &trouble.place {
        notification["locations"] = location(Some(place), files).into_iter().collect();
    }
    notification
}

/// Whether a finding says that a file could not be read, so others may be missing.
fn is_unread(found: &Diagnostic) -> bool {
    UNREAD.contains(&found.code)
}

const fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}
