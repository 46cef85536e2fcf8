//! One change: a last look at what it changes, its writes in order, and what they have left behind.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::address::FunctionAddress;
use crate::model::async_policy::{AsyncPolicy, LivePolicy};
use crate::model::code::{Code, CodeHash};
use crate::model::field::Field;
use crate::model::mark;
use crate::model::state::{DesiredFunction, LiveFunction};
use crate::plan::change::{Change, Step, Writes};
use crate::remote::{Error, Remote};

type Tags = BTreeMap<String, String>;

/// Packs code, or says why it cannot.
pub type Archive<'a> = dyn Fn(&FunctionAddress) -> Result<Option<Vec<u8>>, String> + Sync + 'a;

/// What an apply works with.
pub struct Effects<'a> {
    pub remote: &'a Remote,
    /// Asked for `None` by code that the service fetches itself.
    pub archive: &'a Archive<'a>,
    /// Changes under way at once, at most.
    pub concurrency: usize,
}

/// What a change has left behind, as far as only its execution knows it.
#[derive(Debug, Default)]
pub(super) struct Written {
    /// The service's digest of code that was uploaded.
    pub(super) digest: Option<String>,
    /// The mark that goes with it.
    pub(super) code_mark: Option<String>,
}

pub(super) async fn perform(change: &Change<'_>, effects: &Effects<'_>) -> Result<Written, Error> {
    match &change.step {
        Step::CreateFunction { desired, tags } => create_function(desired, tags, effects).await,
        Step::UpdateFunction { desired, live, writes } => update_function(desired, live, writes, effects).await,
        Step::DeleteFunction { live } => delete_function(live, effects).await,
        Step::PutPolicy { desired, live, mark } => {
            put_policy(change, desired, *live, mark, effects).await.map(|()| Written::default())
        }
        Step::DeletePolicy { live, policy } => delete_policy(live, policy, effects).await.map(|()| Written::default()),
        Step::MarkPolicy { live, mark } => {
            mark_policy(live, mark.as_deref(), effects).await.map(|()| Written::default())
        }
    }
}

async fn create_function(desired: &DesiredFunction, tags: &Tags, effects: &Effects<'_>) -> Result<Written, Error> {
    let address = &desired.function.address;
    let archive = archive(desired, effects)?;
    let digest = effects.remote.create_function(desired, archive).await?;
    let written = uploaded(desired, digest);
    let mut tags = tags.clone();
    tags.extend(written.code_mark.clone().map(|mark| (mark::CODE.to_owned(), mark)));
    effects.remote.add_tags(address, &tags).await?;
    Ok(written)
}

async fn update_function(
    desired: &DesiredFunction,
    live: &LiveFunction,
    writes: &Writes,
    effects: &Effects<'_>,
) -> Result<Written, Error> {
    let Writes { configuration, secrets, code, set_tags, remove_tags } = writes;
    let (address, remote) = (&live.address, effects.remote);
    let ignore = &desired.function.ignore;
    let now = unmoved(live, ignore, effects).await?.ok_or_else(|| moved(format!("function {address} is gone")))?;
    // Before the first write, so that unreadable code leaves the function as it was.
    let archive = if *code { archive(desired, effects)? } else { None };
    if *configuration || *secrets {
        remote.update_function(&desired.function, &now, *secrets).await?;
    }
    let mut set_tags = set_tags.clone();
    let mut written = Written::default();
    if *code {
        let digest = remote.update_code(address, &desired.code, archive, &now.code.dependencies).await?;
        written = uploaded(desired, digest);
        set_tags.extend(written.code_mark.clone().map(|mark| (mark::CODE.to_owned(), mark)));
    }
    remote.remove_tags(address, remove_tags).await?;
    let is_new = |key: &String| now.marks.get(key).is_none() && !now.configuration.tags.contains_key(key);
    if set_tags.keys().all(is_new) {
        remote.add_tags(address, &set_tags).await?;
    } else {
        remote.ensure_tags(address, &set_tags).await?;
    }
    Ok(written)
}

async fn delete_function(live: &LiveFunction, effects: &Effects<'_>) -> Result<Written, Error> {
    if unmoved(live, &BTreeSet::new(), effects).await?.is_some() {
        effects.remote.delete_function(&live.address).await?;
    }
    Ok(Written::default())
}

async fn put_policy(
    change: &Change<'_>,
    desired: &AsyncPolicy,
    live: Option<&LiveFunction>,
    mark: &str,
    effects: &Effects<'_>,
) -> Result<(), Error> {
    let address = &change.address.function;
    if let Some(live) = live {
        same_policy(live, effects).await?;
    }
    let before = live.and_then(|live| live.policy.as_ref());
    let status_log = before.and_then(|LivePolicy { status_log, .. }| *status_log);
    effects.remote.put_policy(address, desired, status_log).await?;
    set_policy_mark(change, live, mark, effects).await
}

async fn set_policy_mark(
    change: &Change<'_>,
    live: Option<&LiveFunction>,
    mark: &str,
    effects: &Effects<'_>,
) -> Result<(), Error> {
    let tags = Tags::from([(mark::ASYNC.to_owned(), mark.to_owned())]);
    let address = &change.address.function;
    if live.is_some_and(|live| live.marks.get(mark::ASYNC).is_some()) {
        effects.remote.ensure_tags(address, &tags).await
    } else {
        effects.remote.add_tags(address, &tags).await
    }
}

async fn delete_policy(live: &LiveFunction, policy: &LivePolicy, effects: &Effects<'_>) -> Result<(), Error> {
    let (address, remote) = (&live.address, effects.remote);
    match remote.read_policy(address).await? {
        Some(now) if now != *policy => return Err(moved(format!("the policy of {address} changed"))),
        Some(_) => remote.delete_policy(address).await?,
        None => {}
    }
    if remote.read_policy(address).await?.is_some() {
        let what = format!("DELETE async-invoke-config of {address}");
        return Err(Error::NotApplied { what, problem: "the policy is still there".into() });
    }
    remote.remove_tags(address, &policy_mark(live)).await
}

async fn mark_policy(live: &LiveFunction, mark: Option<&str>, effects: &Effects<'_>) -> Result<(), Error> {
    same_policy(live, effects).await?;
    match mark {
        Some(mark) => {
            let tags = Tags::from([(mark::ASYNC.to_owned(), mark.to_owned())]);
            effects.remote.ensure_tags(&live.address, &tags).await
        }
        None => effects.remote.remove_tags(&live.address, &policy_mark(live)).await,
    }
}

/// The mark that the policy has now, as tags to take away.
fn policy_mark(live: &LiveFunction) -> Tags {
    live.marks.get(mark::ASYNC).map(|value| (mark::ASYNC.to_owned(), value.to_owned())).into_iter().collect()
}

/// The function's code, packed; and what is packed is what was planned.
fn archive(desired: &DesiredFunction, effects: &Effects<'_>) -> Result<Option<Vec<u8>>, Error> {
    let Code::Archive(planned) = &desired.code else { return Ok(None) };
    let bytes = (effects.archive)(&desired.function.address).map_err(Error::Code)?.unwrap_or_default();
    let hash = CodeHash::of_zip(&bytes).map_err(|error| Error::Code(error.to_string()))?;
    if hash == *planned { Ok(Some(bytes)) } else { Err(Error::CodeMoved) }
}

/// Code that is left to others has no mark: nothing would keep it true.
fn uploaded(desired: &DesiredFunction, digest: String) -> Written {
    let managed = !desired.function.ignore.contains(&Field::Code);
    let code_mark = managed.then(|| mark::of_code(&desired.code.hash(), &digest));
    Written { digest: Some(digest), code_mark }
}

/// The function as it is now, where that is as the plan saw it; `None` where it is gone. Fields that are left to others
/// may have moved.
async fn unmoved(
    seen: &LiveFunction,
    ignore: &BTreeSet<Field>,
    effects: &Effects<'_>,
) -> Result<Option<LiveFunction>, Error> {
    let Some(now) = effects.remote.read_function(&seen.address).await? else { return Ok(None) };
    match difference(seen, &now, ignore) {
        None => Ok(Some(now)),
        Some(what) => Err(moved(format!("{what} of function {} changed", seen.address))),
    }
}

fn difference(seen: &LiveFunction, now: &LiveFunction, ignore: &BTreeSet<Field>) -> Option<String> {
    let LiveFunction { address: _, configuration, secret_names, code, policy: _, marks, unseen: _ } = seen;
    let (before, after) = (configuration.fields(ignore), now.configuration.fields(ignore));
    if let Some(path) = before.keys().chain(after.keys()).find(|path| before.get(path) != after.get(path)) {
        return Some(path.to_string());
    }
    if *secret_names != now.secret_names && !ignore.contains(&Field::Secrets) {
        return Some("the names of secrets".into());
    }
    if code.digest != now.code.digest && !ignore.contains(&Field::Code) {
        return Some("the code".into());
    }
    // The policy's mark belongs to the policy's own change, which may have come first.
    let own = |(key, _): &(&str, &str)| *key != mark::ASYNC;
    let same = marks.iter().filter(own).eq(now.marks.iter().filter(own));
    (!same).then(|| "a tag of fgctl".into())
}

async fn same_policy(live: &LiveFunction, effects: &Effects<'_>) -> Result<(), Error> {
    let now = effects.remote.read_policy(&live.address).await?;
    if now == live.policy { Ok(()) } else { Err(moved(format!("the policy of {} changed", live.address))) }
}

fn moved(what: String) -> Error {
    Error::Moved { what }
}
