//! The report that GitLab shows in a merge request (`artifacts:reports:terraform`).

use serde_json::{Value, json};

use crate::plan::change::{Action, Plan};

/// The number of changes of each kind in GitLab's report. Adopting and forgetting change tags, so they count as updates; a
/// change that is only recorded does not count.
pub fn terraform(plan: &Plan<'_>) -> Value {
    json!({
        "create": plan.count(Action::Create) + plan.count(Action::Replace),
        "update": plan.count(Action::Update) + plan.count(Action::Adopt) + plan.count(Action::Forget),
        "delete": plan.count(Action::Delete) + plan.count(Action::Replace),
    })
}
