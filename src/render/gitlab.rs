//! The reports that GitLab shows in a merge request: the numbers of a Terraform plan (`artifacts:reports:terraform`), and
//! findings at their lines (`artifacts:reports:codequality`).

use serde_json::{Value, json};

use crate::diagnostic::{Diagnostic, Place, Severity};
use crate::plan::change::Action;

use super::findings::{Findings, Trouble, advice, identities, identity_of_trouble};

/// The number of changes of each kind in GitLab's report. Adopting and forgetting change tags, so they count as updates; a
/// change that is only recorded does not count.
pub fn terraform(actions: impl Iterator<Item = Action>) -> Value {
    let (mut create, mut update, mut delete) = (0, 0, 0);
    for action in actions {
        match action {
            Action::Create => create += 1,
            Action::Update | Action::Adopt | Action::Forget => update += 1,
            Action::Replace => (create, delete) = (create + 1, delete + 1),
            Action::Delete => delete += 1,
            Action::Record => {}
        }
    }
    json!({ "create": create, "update": update, "delete": delete })
}

/// The same report if there is no plan. GitLab says that the report is not complete, instead of "no changes".
pub fn no_terraform() -> Value {
    json!({})
}

/// Findings at their lines. A failure counts as one: without it, GitLab would say that all earlier findings are resolved.
pub fn code_quality(findings: &Findings<'_>) -> Value {
    let Findings { diagnostics, troubles, files } = findings;
    let located =
        |place: Option<&Place>| location(files.path(place).map(|(path, _)| path), place.map_or(1, |place| place.line));
    let found = diagnostics.iter().zip(identities(findings)).map(|(found, identity)| {
        let Diagnostic { severity, code, message, help, spot: _, place, related: _ } = found;
        json!({
            "check_name": code,
            "description": advice(message, help.as_deref()),
            "fingerprint": identity,
            "severity": match severity { Severity::Error => "critical", Severity::Warning => "minor" },
            "location": located(place.as_ref()),
        })
    });
    let failed = troubles.iter().map(|trouble| {
        let Trouble { code, place, .. } = trouble;
        json!({
            "check_name": code,
            "description": trouble.advice(),
            "fingerprint": identity_of_trouble(trouble),
            "severity": "blocker",
            "location": located(place.as_ref()),
        })
    });
    found.chain(failed).collect()
}

/// GitLab requires a path.
fn location(path: Option<String>, line: usize) -> Value {
    json!({ "path": path.unwrap_or_else(|| "fgctl".to_owned()), "lines": { "begin": line } })
}
