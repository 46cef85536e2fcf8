//! Which live triggers an export declares.

use std::collections::BTreeSet;

use crate::model::state::LiveFunction;
use crate::model::text::StackName;
use crate::model::trigger::LiveTrigger;
use crate::rules::quota::TAGS;

use super::export::{WouldBeDeleted, too_many_tags};

/// Why an export declares no trigger of a function.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Obstacle {
    #[error("they belong to another stack")]
    OtherStack,
    #[error("the function has {0} of {TAGS} tags, so there is no room for the tag that records them")]
    NoRoom(usize),
}

/// The triggers of a function to declare, those that the stack owns first, or why none of them is declared.
pub fn of_function(stack: &StackName, live: &LiveFunction) -> Result<Vec<LiveTrigger>, Obstacle> {
    let (own, others) = divided(stack, live)?;
    match lacks_room(live) {
        Some(why) if own.len() + others.len() > 0 => Err(why),
        _ => Ok(own.into_iter().chain(others).collect()),
    }
}

/// A function that something else deploys, with what of it is declared: what the stack owns and, if the function was asked
/// for, what no stack owns. The second value says why triggers are not declared.
pub fn of_existing(stack: &StackName, live: LiveFunction, is_asked_for: bool) -> (LiveFunction, Option<Obstacle>) {
    let is_open = is_asked_for && live.stack().is_none();
    let declares_policy = live.policy_stack().map_or(is_open, |owner| owner == stack.as_str());
    let (triggers, why) = match divided(stack, &live) {
        Ok((own, others)) => (own.into_iter().chain(others.into_iter().filter(|_| is_open)).collect(), None),
        Err(why) => (Vec::new(), Some(why).filter(|_| is_open)),
    };
    let policy = live.policy.clone().filter(|_| declares_policy);
    (LiveFunction { policy, triggers: Some(triggers), ..live }, why)
}

/// Refuses to omit a trigger of the stack.
pub fn check_left_out(
    stack: &StackName,
    live: &LiveFunction,
    left: &LiveTrigger,
    why: &str,
) -> Result<(), WouldBeDeleted> {
    if recorded(stack, live).contains(left.id.as_str()) {
        let owned = format!("the trigger {} of function {}", left.key, live.address);
        return Err(WouldBeDeleted::new(stack, owned, why));
    }
    Ok(())
}

/// The triggers that the stack owns, and those that no stack owns.
type Divided = (Vec<LiveTrigger>, Vec<LiveTrigger>);

fn divided(stack: &StackName, live: &LiveFunction) -> Result<Divided, Obstacle> {
    let triggers = live.triggers.iter().flatten();
    if live.trigger_mark().is_some() && !live.records_triggers_of(stack) && triggers.clone().next().is_some() {
        return Err(Obstacle::OtherStack);
    }
    let own = recorded(stack, live);
    Ok(triggers.cloned().partition(|trigger| own.contains(trigger.id.as_str())))
}

/// The ids of the triggers that the stack's tag records.
fn recorded<'a>(stack: &StackName, live: &'a LiveFunction) -> BTreeSet<&'a str> {
    let triggers = live.triggers.as_deref().unwrap_or_default();
    let own = live.trigger_mark_of(stack).map(|mark| mark.live(triggers)).unwrap_or_default();
    own.into_values().map(|trigger| trigger.id.as_str()).collect()
}

/// Why no tag can record the triggers of a function that the stack deploys.
fn lacks_room(live: &LiveFunction) -> Option<Obstacle> {
    too_many_tags(live, true).map(|(count, _)| Obstacle::NoRoom(count))
}
