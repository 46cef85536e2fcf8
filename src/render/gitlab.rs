//! The reports that GitLab shows in a merge request: the numbers of a Terraform plan (`artifacts:reports:terraform`), and
//! findings at their lines (`artifacts:reports:codequality`).

use serde_json::{Value, json};

use crate::diagnostic::{Diagnostic, Severity};
use crate::plan::change::{Action, PlanOf};

use super::findings::{Findings, Trouble, advice, identities, identity_of_trouble};

/// The number of changes of each kind in GitLab's report. Adopting and forgetting change tags, so they count as updates; a
/// change that is only recorded does not count.
pub fn terraform<S>(plan: &PlanOf<'_, S>) -> Value {
    json!({
        "create": plan.count(Action::Create) + plan.count(Action::Replace),
        "update": plan.count(Action::Update) + plan.count(Action::Adopt) + plan.count(Action::Forget),
        "delete": plan.count(Action::Delete) + plan.count(Action::Replace),
    })
}

/// The same report if there is no plan. GitLab says that the report is not complete, instead of "no changes".
pub fn no_terraform() -> Value {
    json!({})
}

/// Findings at their lines. A failure counts as one: without it, GitLab would say that all earlier findings are resolved.
pub fn code_quality(findings: &Findings<'_>) -> Value {
    let Findings { diagnostics, troubles, files } = findings;
    let located = diagnostics.iter().zip(identities(findings)).map(|(found, identity)| {
        let Diagnostic { severity, code, message, help, spot: _, place, related: _ } = found;
        let path = files.path(place.as_ref()).map(|(path, _)| path);
        json!({
            "check_name": code,
            "description": advice(message, help.as_deref()),
            "fingerprint": identity,
            "severity": match severity { Severity::Error => "critical", Severity::Warning => "minor" },
            "location": location(path, place.as_ref().map_or(1, |place| place.line)),
        })
    });
    let failed = troubles.iter().map(|trouble| {
        let Trouble { code, message, help } = trouble;
        json!({
            "check_name": code,
            "description": advice(message, help.as_deref()),
            "fingerprint": identity_of_trouble(trouble),
            "severity": "blocker",
            "location": location(files.path(None).map(|(path, _)| path), 1),
        })
    });
    located.chain(failed).collect()
}

/// GitLab requires a path.
fn location(path: Option<String>, line: usize) -> Value {
    json!({ "path": path.unwrap_or_else(|| "fgctl".to_owned()), "lines": { "begin": line } })
}
