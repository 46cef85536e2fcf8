//! Applies one change: reads the resource again, writes in order, and returns what the writes left.

use std::collections::BTreeMap;

use crate::model::address::{Address, FunctionAddress};
use crate::model::async_policy::{AsyncPolicy, LivePolicy};
use crate::model::code::{self, Code};
use crate::model::field::{Field, Path};
use crate::model::function::Function;
use crate::model::mark;
use crate::model::row::Call;
use crate::model::seal;
use crate::model::state::{DesiredFunction, DesiredState, LiveFunction, LiveState, Ownership};
use crate::model::text::StackName;
use crate::plan::change::{Change, Step, Writes};
use crate::plan::tag_room::Removal;
use crate::remote::{self, Checked, ConfigurationUpdate, Created, Current, Remote, Sent};

use super::deletions::Deletions;
use super::error::{CodeError, Error};
use super::existing;
use super::look::{self, Uncompared, moved};
use super::packages::{Uploaded, with_packages};
use super::trigger;

pub(super) type Tags = BTreeMap<String, String>;

/// Packs code.
pub type PackCode<'a> = dyn Fn(&FunctionAddress) -> Result<Option<Vec<u8>>, CodeError> + Sync + 'a;

/// Packs a dependency package by its name.
pub type PackPackage<'a> = dyn Fn(&FunctionAddress, &str) -> Result<Vec<u8>, CodeError> + Sync + 'a;

/// The dependencies of an apply.
pub struct Effects<'a> {
    pub remote: &'a Remote,
    /// The live state that the plan was made from.
    pub seen: &'a LiveState,
    pub desired: &'a DesiredState,
    /// Returns `None` for code that the service fetches itself.
    pub archive: &'a PackCode<'a>,
    /// Packs a dependency package of a function.
    pub package: &'a PackPackage<'a>,
}

impl<'a> Effects<'a> {
    /// The stack whose functions may be changed; `None` without ownership.
    pub(super) fn stack(&self) -> Option<&'a StackName> {
        (self.desired.ownership == Ownership::Tags).then_some(&self.desired.stack)
    }
}

/// Results of a change that are known only after its execution.
#[derive(Debug, Default)]
pub(super) struct Written {
    /// The service's digest of the uploaded code.
    pub(super) digest: Option<String>,
    /// Why tags that remember a policy could not be written; the policy itself was.
    pub(super) unmarked: Option<remote::Error>,
    /// Marks that depend on the service's answers: those of code and secrets.
    pub(super) marks: Tags,
}

pub(super) async fn perform(
    change: &Change<'_>,
    effects: &Effects<'_>,
    deletions: &Deletions<'_>,
) -> Result<Written, Error> {
    match &change.step {
        Step::CreateFunction { desired, tags } => create_function(desired, tags, effects).await,
        Step::UpdateFunction { desired, live, writes } => update_function(desired, live, writes, effects).await,
        Step::DeleteFunction { undeclared } => delete_function(undeclared.live(), effects, deletions).await,
        Step::PutPolicy { desired, live, mark } => {
            let function = &change.address.function;
            put_policy(function, desired, *live, effects).await?;
            if let Some(mark) = mark {
                set_policy_mark(function, *live, mark, effects).await?;
            }
            Ok(Written::default())
        }
        Step::DeletePolicy { live, policy } => {
            delete_policy(&change.address, live, policy, effects).await.map(|()| Written::default())
        }
        Step::MarkPolicy { live, mark } => {
            mark_policy(live, mark.as_deref(), effects).await.map(|()| Written::default())
        }
        // From here on, there is only access to the policy.
        Step::Existing(step) => existing::perform(&change.address.function, step, effects.remote.policy_access()).await,
        Step::Trigger(step) => trigger::perform(&change.address.function, step, effects.remote.trigger_access()).await,
        Step::Forget(step) => {
            let access = effects.remote.policy_access();
            existing::forget(&change.address.function, step, access, effects.stack()).await
        }
    }
}

async fn create_function(desired: &DesiredFunction, tags: &Tags, effects: &Effects<'_>) -> Result<Written, Error> {
    let Uploaded { desired, mark } = &with_packages(desired, tags.get(mark::CONFIG), effects).await?;
    let address = &desired.function.address;
    let archive = archive(desired, effects)?;
    // Fields that only PUT code writes may need the code a second time.
    let is_uploaded_again = desired.function.later.keys().any(|field| field.row().is_written_by(Call::Code));
    let again = if is_uploaded_again { archive.clone() } else { None };
    let created = effects.remote.create_function(desired, effects.stack(), archive).await;
    let Created { digest, modified, unapplied } = match created {
        Err(error) if error.is_conflict() => return Err(in_the_way(error, address, effects).await),
        created => created?,
    };
    let mut written = uploaded(desired, digest, effects);
    written.marks.extend(mark.clone().map(|mark| (mark::CONFIG.to_owned(), mark)));
    let secrets = tags.get(mark::SECRETS).map(|mark| seal::with_modified(mark, modified));
    written.marks.extend(secrets.map(|mark| (mark::SECRETS.to_owned(), mark)));
    let mut tags = tags.clone();
    tags.extend(written.marks.clone());
    if desired.function.later.is_empty() {
        // Set the tags even if the service did not apply everything, because the function is ours.
        effects.remote.add_tags(address, &tags).await?;
        return unapplied.map_or(Ok(written), |error| Err(error.into()));
    }
    // The configuration is complete only after further requests. Until then, no mark says that it was applied.
    let (completed, first): (Tags, Tags) =
        tags.into_iter().partition(|(key, _)| matches!(key.as_str(), mark::CONFIG | mark::SECRETS));
    effects.remote.add_tags(address, &first).await?;
    let modified = effects.remote.complete_create(desired, again).await?;
    let completed = completed.into_iter().map(|(key, mark)| match key.as_str() {
        mark::SECRETS => (key, seal::with_modified(&mark, modified)),
        _ => (key, mark),
    });
    let completed: Tags = completed.collect();
    effects.remote.add_tags(address, &completed).await?;
    written.marks.extend(completed.into_iter().filter(|(key, _)| key == mark::SECRETS));
    Ok(written)
}

/// The function already exists. If this stack created it, another apply did so.
async fn in_the_way(error: remote::Error, address: &FunctionAddress, effects: &Effects<'_>) -> Error {
    let (Ok(Some(found)), Some(stack)) = (effects.remote.read_function(address).await, effects.stack()) else {
        return error.into();
    };
    let is_by_stack = found.live.is_owned_by(stack) || found.live.is_untagged_create_of(stack);
    if is_by_stack { moved(format!("another apply of this stack created function {address}")) } else { error.into() }
}

async fn update_function(
    desired: &DesiredFunction,
    live: &LiveFunction,
    writes: &Writes,
    effects: &Effects<'_>,
) -> Result<Written, Error> {
    let Writes {
        configuration,
        secrets,
        code,
        max_instances,
        reserved,
        returned,
        set_tags,
        remove_tags,
        removal,
        may_lose_secrets,
    } = writes;
    let (address, remote) = (&live.address, effects.remote);
    let now = unmoved(live, &uncompared(desired, live, writes), effects)
        .await?
        .ok_or_else(|| moved(format!("function {address} is gone")))?;
    if (*configuration || *secrets) && !*may_lose_secrets {
        refuse_unseen_secrets(desired, live, &now.live)?;
    }
    let Uploaded { desired, mark } = &with_packages(desired, writes.set_tags.get(mark::CONFIG), effects).await?;
    // Pack before the first write, so that unreadable code does not leave a half-updated function.
    let archive = if *code { archive(desired, effects)? } else { None };
    let mut set_tags = set_tags.clone();
    if *removal == Removal::First {
        remote.remove_tags(address, remove_tags).await?;
    }
    if let Some(stack) = set_tags.remove(mark::STACK) {
        // Comes before all other writes, so that a function that does not become ours is not changed.
        remote.ensure_tags(address, &Tags::from([(mark::STACK.to_owned(), stack)])).await?;
    }
    let mut sent = Sent::default();
    if *configuration || *secrets {
        let (function, seen) = (&desired.function, live);
        let update = ConfigurationUpdate { function, seen, with_new_secrets: *secrets, returned: *returned };
        sent.configuration = Some(remote.update_configuration(update, &now).await?);
    }
    sent.left_alone = desired.function.left_alone(live.unseen, *returned);
    sent.returned = *returned;
    if *code {
        sent.code = Some(remote.update_code(desired, archive, &now, sent.left_alone).await?);
    }
    if *max_instances {
        remote.update_max_instances(&desired.function, &mut sent).await?;
    }
    if *reserved {
        same_reservation(live, effects).await?;
        remote.update_reservation(&desired.function, &mut sent).await?;
    }
    let Checked { digest, modified } = remote.check_update(&desired.function, &sent).await?;
    let digest = digest.filter(|_| *code);
    let mut written = digest.map_or_else(Written::default, |digest| uploaded(desired, digest, effects));
    written.marks.extend(mark.clone().map(|mark| (mark::CONFIG.to_owned(), mark)));
    let is_configured = *configuration || *secrets;
    // If secrets were not sent and something had already changed, that change is not ours, and the mark must keep showing
    // it.
    let is_ours = is_configured || live.is_modified_since_secrets() == Some(false);
    if is_ours && (is_configured || *code || *max_instances || *reserved) {
        let mark = secrets_mark(&desired.function, live, set_tags.get(mark::SECRETS), modified);
        written.marks.extend(mark.map(|mark| (mark::SECRETS.to_owned(), mark)));
    }
    set_tags.extend(written.marks.clone());
    let now = now.live;
    if *removal == Removal::Last {
        remote.remove_tags(address, remove_tags).await?;
    }
    let is_new = |key: &String| now.tag_keys().all(|there| there != key);
    if set_tags.keys().all(is_new) {
        remote.add_tags(address, &set_tags).await?;
    } else {
        remote.ensure_tags(address, &set_tags).await?;
    }
    Ok(written)
}

async fn delete_function(
    live: &LiveFunction,
    effects: &Effects<'_>,
    deletions: &Deletions<'_>,
) -> Result<Written, Error> {
    if let Some(now) = deletions.look(live, effects.remote).await? {
        look::deletable(live, &now)?;
        deletions.not_notified(live).await?;
        effects.remote.delete_function(&live.address).await?;
    }
    deletions.gone(live);
    Ok(Written::default())
}

async fn put_policy(
    address: &FunctionAddress,
    desired: &AsyncPolicy,
    live: Option<&LiveFunction>,
    effects: &Effects<'_>,
) -> Result<(), Error> {
    if let Some(live) = live {
        same_policy(live, effects).await?;
    }
    let before = live.and_then(|live| live.policy.as_ref());
    Ok(effects.remote.put_policy(address, desired, before).await?)
}

async fn mark_policy(live: &LiveFunction, mark: Option<&str>, effects: &Effects<'_>) -> Result<(), Error> {
    same_policy(live, effects).await?;
    match mark {
        Some(mark) => set_policy_mark(&live.address, Some(live), mark, effects).await,
        None => Ok(effects.remote.remove_tags(&live.address, &policy_mark(live)).await?),
    }
}

async fn set_policy_mark(
    address: &FunctionAddress,
    live: Option<&LiveFunction>,
    mark: &str,
    effects: &Effects<'_>,
) -> Result<(), Error> {
    let tags = Tags::from([(mark::ASYNC.to_owned(), mark.to_owned())]);
    if live.is_some_and(|live| live.marks.get(mark::ASYNC).is_some()) {
        Ok(effects.remote.ensure_tags(address, &tags).await?)
    } else {
        Ok(effects.remote.add_tags(address, &tags).await?)
    }
}

async fn delete_policy(
    address: &Address,
    live: &LiveFunction,
    policy: &LivePolicy,
    effects: &Effects<'_>,
) -> Result<(), Error> {
    let Address { function, qualifier, .. } = address;
    let (remote, qualifier) = (effects.remote, qualifier.as_ref());
    match remote.read_policy(function, qualifier).await? {
        Some(now) if !policy.is_still(&now) => return Err(moved(format!("{address} changed"))),
        Some(_) => {
            still_as_owned(live, effects).await?;
            remote.delete_policy(function, qualifier).await?;
        }
        None => {}
    }
    match qualifier {
        None => Ok(remote.remove_tags(function, &policy_mark(live)).await?),
        Some(_) => Ok(()),
    }
}

/// The current mark of the policy, as tags to remove.
fn policy_mark(live: &LiveFunction) -> Tags {
    live.marks.get(mark::ASYNC).map(|value| (mark::ASYNC.to_owned(), value.to_owned())).into_iter().collect()
}

/// Packs the function's code and checks that it is the code that was planned.
fn archive(desired: &DesiredFunction, effects: &Effects<'_>) -> Result<Option<Vec<u8>>, Error> {
    let Code::Archive(planned) = &desired.code else { return Ok(None) };
    let bytes = (effects.archive)(&desired.function.address).map_err(Error::Code)?.unwrap_or_default();
    let packed = code::Archive::of_zip(&bytes).map_err(|error| Error::Code(error.into()))?;
    if packed.hash == planned.hash { Ok(Some(bytes)) } else { Err(Error::CodeMoved) }
}

/// Ignored code has no mark, because it would not stay valid.
fn uploaded(desired: &DesiredFunction, digest: String, effects: &Effects<'_>) -> Written {
    let is_marked = effects.stack().is_some() && !desired.function.ignore.contains(&Field::Code);
    let version = desired.code.version().unwrap_or(&digest);
    let code_mark = is_marked.then(|| (mark::CODE.to_owned(), mark::of_code(&desired.code.hash(), version)));
    Written { digest: Some(digest), marks: code_mark.into_iter().collect(), ..Written::default() }
}

/// The secrets mark with the time of this write, so that later changes are detected.
fn secrets_mark(
    function: &Function,
    live: &LiveFunction,
    planned: Option<&String>,
    modified: Option<i64>,
) -> Option<String> {
    let Function { secrets, ignore, .. } = function;
    let has_mark = !secrets.is_empty() && !ignore.contains(&Field::Secrets);
    let old = live.marks.get(mark::SECRETS).filter(|_| has_mark);
    let mark = planned.map(String::as_str).or(old)?;
    Some(seal::with_modified(mark, modified)).filter(|new| Some(new.as_str()) != old)
}

/// The current function, if it is as the plan saw it; `None` if it is gone.
async fn unmoved(
    seen: &LiveFunction,
    uncompared: &Uncompared,
    effects: &Effects<'_>,
) -> Result<Option<Current>, Error> {
    let Some(now) = effects.remote.read_function(&seen.address).await? else { return Ok(None) };
    look::unmoved(seen, &now.live, uncompared)?;
    Ok(Some(now))
}

/// Checks that the reservation is as the plan saw it.
async fn same_reservation(live: &LiveFunction, effects: &Effects<'_>) -> Result<(), Error> {
    let now = effects.remote.read_reservation(&live.address).await?;
    let mut current = live.configuration.clone();
    current.set(Field::Reserved, now);
    let is_same = current.get(Field::Reserved) == live.configuration.get(Field::Reserved);
    if is_same {
        Ok(())
    } else {
        Err(moved(format!("{} of function {} changed", Path::of(Field::Reserved), live.address)))
    }
}

/// Checks that the policy is as the plan saw it, and that the function still belongs to this stack.
async fn same_policy(live: &LiveFunction, effects: &Effects<'_>) -> Result<(), Error> {
    let now = effects.remote.read_policy(&live.address, None).await?;
    if now != live.policy {
        return Err(moved(format!("the policy of {} changed", live.address)));
    }
    still_ours(&live.address, effects).await
}

/// The function's own change, which may be an adoption, has already run.
async fn still_ours(address: &FunctionAddress, effects: &Effects<'_>) -> Result<(), Error> {
    let Some(stack) = effects.stack() else { return Ok(()) };
    let is_ours = |tags: &Tags| tags.get(mark::STACK).map(String::as_str) == Some(stack.as_str());
    let tags = remote::settle(async || effects.remote.read_tags(address).await, is_ours).await?;
    if is_ours(&tags) { Ok(()) } else { Err(moved(format!("function {address} no longer belongs to this stack"))) }
}

/// A function from an interrupted create does not have an ownership tag yet.
async fn still_as_owned(live: &LiveFunction, effects: &Effects<'_>) -> Result<(), Error> {
    let Some(stack) = effects.stack().filter(|stack| live.is_unfinished_create_of(stack)) else {
        return still_ours(&live.address, effects).await;
    };
    match effects.remote.read_tags(&live.address).await?.get(mark::STACK) {
        Some(owner) if owner != stack.as_str() => {
            Err(moved(format!("function {} belongs to stack {owner}", live.address)))
        }
        _ => Ok(()),
    }
}

/// A configuration write loses secrets whose values it cannot send. The plan covers the secrets that it saw, but others
/// may have been added since.
fn refuse_unseen_secrets(desired: &DesiredFunction, seen: &LiveFunction, now: &LiveFunction) -> Result<(), Error> {
    let Function { secrets, address, .. } = &desired.function;
    let is_sent = |name: &str| secrets.keys().any(|declared| declared.as_str() == name);
    match now.secret_names.iter().find(|name| !seen.secret_names.contains(*name) && !is_sent(name)) {
        Some(name) => Err(Error::UnseenSecret { name: name.clone(), function: address.clone() }),
        None => Ok(()),
    }
}

/// Fields that may have changed without harm: fields that the update leaves as they are.
fn uncompared(desired: &DesiredFunction, live: &LiveFunction, writes: &Writes) -> Uncompared {
    let function = &desired.function;
    Uncompared { fields: function.left_alone(live.unseen, writes.returned), entries: function.ignored_entries.clone() }
}
