//! The policies and triggers of functions that something else deploys, for `--policies-only` and for stacks that own some.

use futures_util::{StreamExt, TryStreamExt, stream};
use std::collections::BTreeMap;

use crate::manifest::write::{self, ExistingDeclaration};
use crate::model::address::FunctionAddress;
use crate::model::state::LiveFunction;
use crate::model::text::StackName;
use crate::plan::export::Criteria;
use crate::plan::export_trigger as plan;
use crate::remote::{self, Remote};

/// A function with what there is to declare of it.
pub(super) struct Existing {
    pub(super) live: LiveFunction,
    /// Why its triggers are not declared.
    pub(super) trigger_obstacle: Option<String>,
}

/// Reads the policies and triggers of these functions. Returns the functions that have something to declare and, for the
/// others, what the export leaves out and why.
pub(super) async fn read<'a>(
    remote: &Remote,
    functions: impl Iterator<Item = &'a LiveFunction>,
    criteria: &Criteria<'_>,
) -> Result<(Vec<Existing>, Vec<String>), remote::Error> {
    let reading = functions.map(|live| remote.with_policies(live));
    let read: Vec<LiveFunction> = stream::iter(reading).buffered(remote.concurrency()).try_collect().await?;
    let (mut existing, mut left_out) = (Vec::new(), Vec::new());
    for live in remote.with_triggers(read).await? {
        let is_asked_for = (criteria.is_asked_for)(&live.address.to_string());
        let (live, obstacle) = plan::of_existing(criteria.stack, live, is_asked_for);
        let trigger_obstacle = obstacle.map(|why| why.to_string());
        let has_triggers = live.triggers.as_ref().is_some_and(|triggers| !triggers.is_empty());
        if live.policy.is_some() || has_triggers {
            existing.push(Existing { live, trigger_obstacle });
        } else {
            left_out.extend(trigger_obstacle.map(|why| format!("the triggers of {}: {why}", live.address)));
        }
    }
    Ok((existing, left_out))
}

/// The entries for these functions, and the functions whose policies cannot be declared, with the reason. `obstacles` are
/// the reasons outside the policies.
pub(super) fn declarations(
    stack: &StackName,
    functions: Vec<Existing>,
    obstacles: &mut BTreeMap<FunctionAddress, String>,
) -> (Vec<ExistingDeclaration>, Vec<(LiveFunction, String)>) {
    let (mut declared, mut undeclarable) = (Vec::new(), Vec::new());
    for Existing { live, trigger_obstacle } in functions {
        let policy = live.policy.as_ref().map(|policy| match obstacles.remove(&live.address) {
            Some(why) => Err(why),
            None => write::declarable(policy).map_err(|why| why.to_string()),
        });
        let (policy, why) = match policy.transpose() {
            Ok(policy) => (policy, None),
            Err(why) => (None, Some(why)),
        };
        let triggers = live.triggers.clone().unwrap_or_default();
        if policy.is_some() || !triggers.is_empty() {
            let unmanaged = live.published.keys().map(|of| format!("an asynchronous policy of {of}")).collect();
            let address = live.address.clone();
            let owns_triggers = live.records_triggers_of(stack);
            declared.push(ExistingDeclaration {
                address,
                policy,
                triggers,
                owns_triggers,
                trigger_obstacle,
                unmanaged,
            });
        }
        undeclarable.extend(why.map(|why| (live, why)));
    }
    (declared, undeclarable)
}
