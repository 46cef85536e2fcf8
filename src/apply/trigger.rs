//! Changes one trigger: reads it again, records it in the function's tag, writes, and reads until the service shows it.

use crate::model::address::FunctionAddress;
use crate::model::mark;
use crate::model::trigger::{LiveTrigger, Trigger};
use crate::plan::trigger_step::{MarkEdit, TriggerStep, TriggerWrite};
use crate::remote::{self, TriggerAccess};

use super::error::Error;
use super::look::moved;
use super::step::Written;

pub(super) async fn perform(
    function: &FunctionAddress,
    step: &TriggerStep<'_>,
    access: TriggerAccess<'_>,
) -> Result<Written, Error> {
    let TriggerStep { seen, write, marks, mark, carried, lost: _ } = step;
    let now = look(function, step, access).await?;
    let mut written = Written::default();
    let (mut tag, mut original) = (None, None);
    if let Some(edit) = mark {
        tag = access.tag(function).await?;
        original.clone_from(&tag);
        let was = marks.and_then(|marks| marks.get(mark::TRIGGERS));
        same_owner(function, was, tag.as_deref(), edit)?;
        if matches!(write, TriggerWrite::Create(_) | TriggerWrite::Replace(_)) {
            let before = edit.before(tag.as_deref());
            note(access.set_tag(function, before.as_deref(), tag.as_deref()).await, &mut written)?;
            tag = before;
        }
    }
    let id = match (write, now) {
        (TriggerWrite::Create(desired), None) => {
            Some(create(function, desired, access, Before { old: None, tag: [&original, &tag] }).await?)
        }
        // An interrupted apply has created it.
        (TriggerWrite::Create(_), Some(now)) => Some(now.id),
        (TriggerWrite::Update(desired), Some(now)) => {
            access.update(function, desired, &now).await?;
            Some(now.id)
        }
        (TriggerWrite::Replace(desired), now) => {
            if let Some(now) = &now {
                access.delete(function, now).await?;
            }
            let before = Before { old: now.as_ref(), tag: [&original, &tag] };
            Some(create(function, &desired.with(carried), access, before).await?)
        }
        (TriggerWrite::Delete, Some(now)) => {
            access.delete(function, &now).await?;
            None
        }
        (TriggerWrite::Update(_), None) => {
            let id = seen.map(|seen| seen.id.as_str()).unwrap_or_default();
            return Err(moved(format!("the trigger {id} of function {function} is gone")));
        }
        (TriggerWrite::Keep, now) => now.map(|now| now.id),
        (TriggerWrite::Delete, None) => None,
    };
    if let Some(edit) = mark.as_ref().filter(|_| written.unmarked.is_none()) {
        let after = edit.after(tag.as_deref(), id.as_deref());
        note(access.set_tag(function, after.as_deref(), tag.as_deref()).await, &mut written)?;
    }
    Ok(written)
}

/// The trigger as it is now, if it is as the plan saw it.
async fn look(
    function: &FunctionAddress,
    step: &TriggerStep<'_>,
    access: TriggerAccess<'_>,
) -> Result<Option<LiveTrigger>, Error> {
    let TriggerStep { seen, write, .. } = step;
    let qualifier = seen.map(|seen| seen.qualifier.as_ref()).or(write.sent().map(|sent| sent.qualifier.as_ref()));
    let Some(qualifier) = qualifier else { return Ok(None) };
    let listed = access.list(function, qualifier).await?;
    let Some(seen) = seen else {
        let Some(desired) = write.sent() else { return Ok(None) };
        let found = listed.into_iter().find(|found| desired.is(found));
        return match found {
            // It may have other secrets.
            Some(found) if !desired.difference(&found).is_empty() || !desired.secrets.is_empty() => {
                Err(moved(format!("the trigger {} of function {function} appeared", desired.key)))
            }
            found => Ok(found),
        };
    };
    let found = listed.into_iter().find(|found| found.id == seen.id);
    let is_same = |found: &LiveTrigger| {
        found.data == seen.data && found.secrets == seen.secrets && found.is_active == seen.is_active
    };
    match found {
        Some(found) if !is_same(&found) => {
            Err(moved(format!("the trigger {} of function {function} changed", found.id)))
        }
        found => Ok(found),
    }
}

/// Only another stack's mark is a reason to stop, unless the plan saw it.
fn same_owner(function: &FunctionAddress, was: Option<&str>, now: Option<&str>, edit: &MarkEdit) -> Result<(), Error> {
    if now.is_some_and(|now| Some(now) != was && edit.is_of_another_stack(now)) {
        return Err(moved(format!("the tag {} of function {function} is now another stack's", mark::TRIGGERS)));
    }
    Ok(())
}

/// If the service forbids the tag, the change is made all the same.
fn note(result: Result<(), remote::Error>, written: &mut Written) -> Result<(), Error> {
    match result {
        Err(error) if error.is_forbidden() => {
            written.unmarked = Some(error);
            Ok(())
        }
        result => Ok(result?),
    }
}

/// What there was before a create.
struct Before<'a> {
    /// The trigger that was deleted to be replaced.
    old: Option<&'a LiveTrigger>,
    /// The tag at first, and now.
    tag: [&'a Option<String>; 2],
}

/// Returns the id. If the service refuses the new trigger, the one that it replaces is created again, and the tag records
/// what it did.
async fn create(
    function: &FunctionAddress,
    desired: &Trigger,
    access: TriggerAccess<'_>,
    before: Before<'_>,
) -> Result<String, Error> {
    let created = match access.create(function, desired).await {
        Err(error) if error.is_refused() => {
            let Before { old, tag: [original, tag] } = before;
            // The refusal says what to do. The next plan shows what could not be undone.
            if let Some(old) = old {
                let _ = access.restore(function, old, desired).await;
            }
            let _ = access.set_tag(function, original.as_deref(), tag.as_deref()).await;
            return Err(error.into());
        }
        created => created?,
    };
    // The service may ignore the status of a create.
    if desired.enabled.is_some() && created.is_active != desired.enabled {
        access.update(function, desired, &created).await?;
    }
    Ok(created.id)
}
