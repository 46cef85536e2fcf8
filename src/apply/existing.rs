//! Changes of functions that something else deploys, and of functions that are given up. Both write only policies and
//! fgctl's tags: a [`PolicyAccess`] has no other call.

use std::collections::BTreeMap;

use crate::model::address::FunctionAddress;
use crate::model::mark::{self, Marks};
use crate::model::text::StackName;
use crate::plan::existing::{ExistingStep, HandOver, PolicyWrite, TagWrite};
use crate::plan::forget::ForgetStep;
use crate::remote::{self, PolicyAccess, PolicyTag};

use super::error::Error;
use super::look::moved;
use super::step::{Tags, Written};

/// Writes the policy, then the tags that remember it. If the service forbids the tags, the change is made all the same.
pub(super) async fn perform(
    function: &FunctionAddress,
    step: &ExistingStep<'_>,
    access: PolicyAccess<'_>,
) -> Result<Written, Error> {
    let ExistingStep { seen, policy, tags } = step;
    let now = access.read(function).await?;
    let is_gone = matches!(policy, PolicyWrite::Delete) && now.is_none();
    if !is_gone && now.as_ref() != seen.policy {
        return Err(moved(format!("the policy of {function} changed")));
    }
    let mut found = if *tags == TagWrite::Nothing { None } else { Some(access.tags(function).await?) };
    if let Some(found) = &mut found {
        same_owner(function, seen.marks, found)?;
        if let TagWrite::Set { hand_over: Some(begin), .. } = tags {
            begin_hand_over(function, begin, found, access).await?;
        }
    }
    match policy {
        PolicyWrite::Put(desired) => access.put(function, desired, seen.policy).await?,
        PolicyWrite::Delete if !is_gone => access.delete(function).await?,
        PolicyWrite::Delete | PolicyWrite::Keep => {}
    }
    let marked = match found {
        None => Ok(()),
        Some(found) => write_tags(function, tags, &found, access).await,
    };
    match marked {
        Err(error) if error.is_forbidden() => Ok(Written { unmarked: Some(error), ..Written::default() }),
        marked => Ok(marked.map(|()| Written::default())?),
    }
}

/// Sets the tag that shows that a function is being handed over. `now` are the function's tags, before and after.
async fn begin_hand_over(
    function: &FunctionAddress,
    begin: &HandOver,
    now: &mut Tags,
    access: PolicyAccess<'_>,
) -> Result<(), Error> {
    let HandOver { owner, removed_first } = begin;
    access.remove_tags(function, removed_first.iter().map(String::as_str), now).await?;
    now.retain(|key, _| !removed_first.contains(key));
    access.set_tags(function, &BTreeMap::from([(PolicyTag::Owner, owner.to_string())]), now).await?;
    now.insert(mark::POLICY.to_owned(), owner.to_string());
    Ok(())
}

/// Removes tags, after it has set the one that says why. The policy may have become the stack's by itself just before.
pub(super) async fn forget(
    function: &FunctionAddress,
    step: &ForgetStep<'_>,
    access: PolicyAccess<'_>,
    own: Option<&StackName>,
) -> Result<Written, Error> {
    let ForgetStep { seen, removed, released } = step;
    let now = access.tags(function).await?;
    let mut owners = now.clone();
    owners.retain(|key, value| key != mark::POLICY || own.is_none_or(|own| own.as_str() != value));
    same_owner(function, seen, &owners)?;
    if let Some(stack) = released {
        access.set_tags(function, &BTreeMap::from([(PolicyTag::Released, stack.to_string())]), &now).await?;
    }
    access.remove_tags(function, removed.keys().map(String::as_str), &now).await?;
    Ok(Written::default())
}

async fn write_tags(
    function: &FunctionAddress,
    tags: &TagWrite,
    now: &Tags,
    access: PolicyAccess<'_>,
) -> Result<(), remote::Error> {
    match tags {
        TagWrite::Nothing => Ok(()),
        TagWrite::Set { owner, applied, hand_over: _ } => {
            let tags = BTreeMap::from([(PolicyTag::Owner, owner.to_string()), (PolicyTag::Applied, applied.clone())]);
            access.set_tags(function, &tags, now).await
        }
        TagWrite::Remove { released } => {
            if let Some(stack) = released {
                access.set_tags(function, &BTreeMap::from([(PolicyTag::Released, stack.to_string())]), now).await?;
            }
            access.remove_tags(function, mark::OF_EXISTING, now).await
        }
    }
}

/// Whatever deploys the function may remove tags at any time; only another owner is a reason to stop.
fn same_owner(function: &FunctionAddress, seen: &Marks, now: &Tags) -> Result<(), Error> {
    let was = |key: &str| seen.iter().find(|(known, _)| *known == key).map(|(_, value)| value);
    let other = [mark::STACK, mark::POLICY].into_iter().find_map(|key| {
        let owner = now.get(key)?;
        (was(key) != Some(owner)).then(|| format!("the tag {key} of function {function} now says \"{owner}\""))
    });
    other.map_or(Ok(()), |what| Err(moved(what)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::tests::{address, marks_of};

    #[test]
    fn only_another_owner_stops_a_write() {
        let mut seen = marks_of(&address("one"));
        seen.set(mark::POLICY, "orders");
        let tags = |pairs: &[(&str, &str)]| pairs.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
        let table: [(&[(&str, &str)], bool); 5] = [
            (&[(mark::POLICY, "orders")], true),
            (&[], true),
            (&[(mark::ASYNC, "edited"), ("team", "theirs")], true),
            (&[(mark::POLICY, "other")], false),
            (&[(mark::POLICY, "orders"), (mark::STACK, "orders")], false),
        ];
        for (now, expected) in table {
            assert_eq!(same_owner(&address("one"), &seen, &tags(now)).is_ok(), expected, "{now:?}");
        }
    }
}
