//! Plans and reports as JSON. The format is versioned, and later releases only add fields.

use serde_json::{Map, Value, json};

use crate::apply::{Because, Error, Report, Status};
use crate::plan::change::{Action, ChangeOf, FieldChange, Plan, PlanOf};
use crate::plan::saved::{Moved, What};

use super::effect;
use super::home::Known;
use super::plan::Verdict;

/// The JSON Schema of these documents. It is written by hand, and tests compare it with this file's output.
pub const SCHEMA: &str = include_str!("../../schemas/report.schema.json");

pub(super) const FORMAT_VERSION: &str = "1.0";

/// The outcome of a command in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The manifests have no errors.
    Valid,
    NoChanges,
    Changes,
    /// Live changed since the last apply.
    Drift,
    /// A saved plan does not match the current state.
    Stale,
    /// Errors forbid the plan; the diagnostics contain them.
    Refused,
    Applied,
    Failed,
}

impl Outcome {
    /// The outcome of a command that only plans.
    pub fn planned<S>(plan: &PlanOf<'_, S>, verdict: Verdict) -> Self {
        match verdict {
            Verdict::Refused(_) => Self::Refused,
            _ if plan.changes.is_empty() => Self::NoChanges,
            _ => Self::Changes,
        }
    }
}

pub fn plan<S>(plan: &PlanOf<'_, S>, outcome: Outcome, diagnostics: &Value) -> Value {
    document(plan, outcome, diagnostics, &plan.changes.iter().map(change).collect::<Vec<_>>())
}

pub fn report(plan: &Plan<'_>, report: &Report, outcome: Outcome, diagnostics: &Value) -> Value {
    let Report { statuses, unmarked, unverified, interrupted } = report;
    let changes = plan.changes.iter().zip(statuses).map(|(one, status)| {
        let mut value = change(one);
        if let Value::Object(object) = &mut value {
            add_status(object, status);
        }
        value
    });
    let mut document = document(plan, outcome, diagnostics, &changes.collect::<Vec<_>>());
    document["interrupted"] = json!(interrupted);
    if !unmarked.is_empty() {
        document["unmarked"] = unmarked.iter().map(|(address, _)| json!(address)).collect();
    }
    if let Some(failure) = unverified {
        document["unverified"] = error(failure);
    }
    document
}

/// The document of an apply whose saved plan is stale: the plan, and what changed since.
pub fn stale<S>(plan: &PlanOf<'_, S>, moved: &[Moved], reason: Option<&str>, diagnostics: &Value) -> Value {
    let changes = plan.changes.iter().map(change).collect::<Vec<_>>();
    let mut document = document(plan, Outcome::Stale, diagnostics, &changes);
    document["moved"] = moved.iter().map(one_moved).collect();
    if let Some(reason) = reason {
        document["reason"] = json!(reason);
    }
    document
}

fn one_moved(moved: &Moved) -> Value {
    let Moved { address, side, what } = moved;
    let (what, fields) = match what {
        What::Appeared => ("appeared", Vec::new()),
        What::Gone => ("gone", Vec::new()),
        What::Fields(fields) => ("changed", fields.iter().map(ToString::to_string).collect()),
    };
    json!({ "address": address, "side": side, "what": what, "fields": fields })
}

/// The document of a check of manifests.
pub fn checked(is_valid: bool, diagnostics: &Value) -> Value {
    let outcome = if is_valid { Outcome::Valid } else { Outcome::Refused };
    json!({ "format_version": FORMAT_VERSION, "outcome": outcome, "valid": is_valid, "diagnostics": diagnostics })
}

/// The document of a command whose plan was refused because of diagnostics.
pub fn refused(diagnostics: &Value) -> Value {
    json!({ "format_version": FORMAT_VERSION, "outcome": Outcome::Refused, "diagnostics": diagnostics })
}

/// The document of a command that failed before it had a plan.
pub fn failed(failure: &Failure<'_>) -> Value {
    let Failure { code, message, help, request_id } = failure;
    let error = json!({ "code": code, "message": message, "help": help, "request_id": request_id });
    json!({ "format_version": FORMAT_VERSION, "outcome": Outcome::Failed, "error": error })
}

/// Adds what is known about the stack and its place, if the document does not contain it.
pub fn add_known(document: &mut Value, known: &Known) {
    if let Value::Object(object) = document {
        for (name, value) in known.fields() {
            object.entry(name).or_insert_with(|| json!(value));
        }
    }
}

/// Why a command failed before there was a plan.
#[derive(Debug, Clone, Copy)]
pub struct Failure<'a> {
    pub code: Option<&'a str>,
    pub message: &'a str,
    pub help: Option<&'a str>,
    pub request_id: Option<&'a str>,
}

fn document<S>(plan: &PlanOf<'_, S>, outcome: Outcome, diagnostics: &Value, changes: &[Value]) -> Value {
    let summary: Map<String, Value> =
        Action::ALL.into_iter().map(|action| (action.verb().to_owned(), json!(plan.count(action)))).collect();
    let mut document = json!({
        "format_version": FORMAT_VERSION,
        "stack": plan.stack,
        "region": plan.scope.region,
        "project_id": plan.scope.project_id,
        "outcome": outcome,
        "summary": summary,
        "changes": changes,
        "left_out": plan.left_out,
        "diagnostics": diagnostics,
    });
    if !plan.effects.is_empty() {
        document["effects"] = plan.effects.iter().map(effect::json).collect();
    }
    if plan.enables_status_log {
        document["enables_status_log"] = json!(true);
    }
    document
}

fn change<S>(change: &ChangeOf<S>) -> Value {
    let ChangeOf { address, action, reason, fields, waits_for, turns: _, step: _ } = change;
    json!({
        "address": address,
        "kind": address.kind,
        "action": action,
        "reason": reason.to_string(),
        "fields": fields.iter().map(field).collect::<Vec<_>>(),
        "waits_for": waits_for,
    })
}

pub(super) fn field(field: &FieldChange) -> Value {
    let FieldChange { path, before, after } = field;
    json!({ "path": path.to_string(), "before": before, "after": after })
}

fn add_status(object: &mut Map<String, Value>, status: &Status) {
    let (name, detail) = match status {
        Status::Done => ("done", None),
        Status::Failed(failure) => ("failed", Some(("error", error(failure)))),
        Status::Skipped(Because::Of(address)) => ("skipped", Some(("because", json!(address)))),
        Status::Skipped(Because::Interrupted) => ("skipped", Some(("because", json!("interrupted")))),
    };
    object.insert("status".into(), json!(name));
    object.extend(detail.map(|(key, value)| (key.to_owned(), value)));
}

fn error(error: &Error) -> Value {
    json!({
        "code": error.code(),
        "message": error.to_string(),
        "help": error.help(),
        "request_id": error.request_id(),
    })
}
