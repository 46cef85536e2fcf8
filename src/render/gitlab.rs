//! The report that GitLab shows in a merge request (`artifacts:reports:terraform`).

use serde_json::{Value, json};

use crate::plan::change::{Action, Plan};

/// How many changes of each kind that GitLab knows. An adoption changes tags; what is only recorded is no change.
pub fn terraform(plan: &Plan<'_>) -> Value {
    json!({
        "create": plan.count(Action::Create),
        "update": plan.count(Action::Update) + plan.count(Action::Adopt),
        "delete": plan.count(Action::Delete),
    })
}
