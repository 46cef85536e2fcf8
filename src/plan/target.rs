//! Findings about targets that do not exist, or that the plan deletes.

use crate::diagnostic::{Diagnostic, Spot};
use crate::model::address::{FunctionAddress, Qualifier};
use crate::model::async_policy::Outcome;
use crate::model::event_graph::{Edge, EventGraph, Link, What};
use crate::model::existing::Holder;
use crate::model::state::{DesiredState, LiveState};
use crate::model::target::Target;

use super::Deletions;

/// The code of the finding that a function would be deleted although a live policy still notifies it.
pub const STILL_NOTIFIED: &str = "still-notified";

/// The function in this project that a target names.
pub(super) fn function_here(target: &Target, live: &LiveState) -> Option<FunctionAddress> {
    Some(target.urn(&live.scope)?).filter(|urn| urn.scope == live.scope).map(|urn| urn.function)
}

/// Declared targets that do not exist: functions, versions or aliases.
pub(super) fn missing(desired: &DesiredState, live: &LiveState, holder: &Holder<'_>) -> Vec<Diagnostic> {
    declared_targets(holder).filter_map(|(target, spot)| missing_target(desired, live, target, spot)).collect()
}

/// The targets of a policy that the manifest manages, with their positions.
fn declared_targets<'a>(holder: &Holder<'a>) -> impl Iterator<Item = (&'a Target, &'a Spot)> + use<'a> {
    let sides = holder
        .policy
        .map(|(policy, spots)| [(&policy.on_success, &spots.on_success), (&policy.on_failure, &spots.on_failure)]);
    sides.into_iter().flatten().filter_map(|(target, spot)| Some((target.as_ref()?, spot.as_ref()?)))
}

fn missing_target(desired: &DesiredState, live: &LiveState, target: &Target, spot: &Spot) -> Option<Diagnostic> {
    let urn = target.urn(&live.scope).filter(|urn| urn.scope == live.scope)?;
    let name = &urn.function;
    match &urn.qualifier {
        None if !desired.declares(name) && !live.functions.contains_key(name) => {
            let problem = format!("there is no function {name} to notify in this project");
            let help = "deploy it first, declare it here, or check the URN";
            Some(Diagnostic::error("target-missing", problem).help(help).at(spot.clone()))
        }
        Some(qualifier) if !live.has_qualifier(name, qualifier) => {
            let problem = format!("function {name} has no version or alias \"{qualifier}\"");
            let help = "use an existing one: versions and aliases are published outside the manifest";
            Some(Diagnostic::error("target-missing", problem).help(help).at(spot.clone()))
        }
        _ => None,
    }
}

/// Functions that a plan deletes although the manifest notifies them. A part of a plan must not delete what the rest
/// needs either.
pub(super) fn declared_and_deleted(
    desired: &DesiredState,
    live: &LiveState,
    deletions: &Deletions<'_>,
) -> Vec<Diagnostic> {
    let finding = |(target, spot): (&Target, &Spot)| {
        let named = function_here(target, live).filter(|named| deletions.contains(named))?;
        let problem =
            format!("function {named} is notified here, and this plan deletes it because it is no longer declared");
        let help = "declare the function again, or notify another one";
        Some(Diagnostic::error("target-missing", problem).help(help).at(spot.clone()))
    };
    desired.holders().flat_map(|holder| declared_targets(&holder)).filter_map(finding).collect()
}

/// Functions that a plan deletes although a live policy that stays names them: a policy of a version or an alias, of a
/// function outside the stack, or one that this plan leaves alone.
pub(super) fn still_notified(
    desired: &DesiredState,
    live: &LiveState,
    deletions: &Deletions<'_>,
    graph: &EventGraph<'_>,
) -> Vec<Diagnostic> {
    let finding = |edge: &Edge<'_>| {
        let end = edge.lifetime.after().filter(|_| edge.spot.is_none())?;
        let named = &function_here(end.target?, live).filter(|named| deletions.contains(named))?;
        let (What::Function { function, qualifier }, Link::Notification(outcome)) =
            (graph.nodes[edge.holder].what, edge.link)
        else {
            return None;
        };
        Some(notified_by(desired, live, &Remaining { function, qualifier, outcome, named }))
    };
    if deletions.is_empty() { Vec::new() } else { graph.edges.iter().filter_map(finding).collect() }
}

/// A policy that stays, and names a function that goes.
struct Remaining<'a> {
    function: &'a FunctionAddress,
    qualifier: Option<&'a Qualifier>,
    outcome: Outcome,
    named: &'a FunctionAddress,
}

fn notified_by(desired: &DesiredState, live: &LiveState, remaining: &Remaining<'_>) -> Diagnostic {
    let Remaining { function, qualifier, outcome, named } = remaining;
    let policy = match qualifier {
        None => format!("the policy of {function}"),
        Some(qualifier) => format!("the policy of {function}:{qualifier}"),
    };
    let owner = live.functions.get(function).and_then(|holder| holder.stack());
    let owner = match owner.filter(|owner| *owner != desired.stack.as_str()) {
        Some(owner) => format!(", which belongs to stack \"{owner}\","),
        None => String::new(),
    };
    let outcome = outcome.name();
    let message = format!("this plan deletes function {named}, but {policy}{owner} still notifies it on {outcome}");
    let help = match qualifier {
        None => "change that policy first, or keep the function",
        Some(_) => {
            "first delete that policy, or its version or alias; or keep the function: plans do not change policies of versions and aliases"
        }
    };
    Diagnostic::error(STILL_NOTIFIED, message).help(help).at_any(desired.holder(function).map(|holder| holder.spot))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::model::address::{Address, Kind};
    use crate::model::field::Field;
    use crate::model::mark;
    use crate::plan::selection::Selection;
    use crate::plan::tests::{
        add_outside, address, after_apply, errors, everything_allowed, notifying, publish, stack, target, wanted,
    };
    use crate::plan::{Permissions, Planned, plan, plan_selected};

    fn messages(planned: &Planned<'_>) -> String {
        let messages = planned.diagnostics.iter().map(|found| found.message.as_str());
        messages.collect::<Vec<_>>().join("; ")
    }

    #[test]
    fn a_declared_target_that_this_plan_deletes_is_an_error() {
        let live = after_apply(&stack([notifying("one", "two"), wanted("two")]));
        let desired = stack([notifying("one", "two")]);
        assert_eq!(errors(&plan(&desired, &live, Permissions::default())), ["target-missing"]);
    }

    /// "one" notifies "two" and "three". "three" does not exist and is excluded, so the policy of "one" has to wait.
    #[test]
    fn a_part_of_a_plan_does_not_delete_a_declared_target_either() {
        let live = after_apply(&stack([wanted("two")]));
        let mut one = notifying("one", "two");
        one.function.policy.as_mut().unwrap().0.on_failure = Some(target("three"));
        let desired = stack([one, wanted("three")]);
        let without_three =
            Selection { excluded: BTreeSet::from([Address::function(&address("three"))]), ..Selection::default() };
        let planned = plan_selected(&desired, &live, everything_allowed(), &without_three);
        assert!(!planned.plan.changes.iter().any(|change| change.address.kind == Kind::AsyncPolicy));
        assert_eq!(errors(&planned), ["target-missing"]);
    }

    /// A function is deleted only when no live policy names it any more, regardless of who owns that policy.
    #[test]
    fn a_function_that_a_live_policy_still_notifies_is_not_deleted() {
        let ours = || after_apply(&stack([notifying("one", "two"), wanted("two")]));
        let mut ignoring = wanted("one");
        ignoring.function.ignore = BTreeSet::from([Field::Async]);
        let planned = |live: &LiveState, one| messages(&plan(&stack([one]), live, Permissions::default()));
        let deletes = "this plan deletes function default/two, but the policy of default";
        assert_eq!(planned(&ours(), ignoring), format!("{deletes}/one still notifies it on success"));
        assert_eq!(planned(&ours(), wanted("one")), "");

        let mut live = ours();
        publish(&mut live, "one", "v1", "two:!prod");
        assert_eq!(planned(&live, wanted("one")), format!("{deletes}/one:v1 still notifies it on success"));

        let mut live = ours();
        publish(&mut live, "one", "!prod", "two");
        assert_eq!(planned(&live, wanted("one")), format!("{deletes}/one:!prod still notifies it on success"));

        let mut live = ours();
        add_outside(&mut live, "theirs", Some("two"));
        // No policy of this stack leads there.
        live.outside.clear();
        assert_eq!(planned(&live, wanted("one")), format!("{deletes}/theirs still notifies it on success"));
        live.functions.get_mut(&address("theirs")).unwrap().marks.set(mark::STACK, "other");
        let owner = ", which belongs to stack \"other\",";
        assert_eq!(planned(&live, wanted("one")), format!("{deletes}/theirs{owner} still notifies it on success"));
    }

    #[test]
    fn destroy_keeps_what_another_stack_still_notifies() {
        let mut live = after_apply(&stack([notifying("one", "two"), wanted("two")]));
        add_outside(&mut live, "theirs", Some("one:v1"));
        assert_eq!(errors(&plan(&stack([]), &live, everything_allowed())), [STILL_NOTIFIED]);
    }

    #[test]
    fn a_missing_target_is_an_error() {
        let mut live = after_apply(&stack([wanted("one"), wanted("two")]));
        publish(&mut live, "two", "v1", "one");
        let planned =
            |named| errors(&plan(&stack([notifying("one", named), wanted("two")]), &live, Permissions::default()));
        assert_eq!(planned("three"), ["target-missing"]);
        assert_eq!(planned("two:v2"), ["target-missing"]);
        assert_eq!(planned("two"), Vec::<&str>::new());
        assert_eq!(target("two:v1").function(), Some(&address("two")));
    }
}
