//! Published versions of a function: publish and list. Other calls treat them like the function itself.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use rusqlite::Connection;
use serde_json::{Map, json};

use crate::rules::quota;
use crate::rules::text::{DESCRIPTION, VERSION_NAME};
use crate::rules::urn::LATEST;
use crate::wire::async_policy::AsyncConfig;
use crate::wire::function::StrategyConfig;
use crate::wire::version::{PublishVersion, VersionList, VersionRecord};

use super::super::body::JsonBody;
use super::super::failure::{Failure, Outcome};
use super::super::store::Stored;
use super::super::store::async_policy::{self, Policy};
use super::super::store::function::Function;
use super::super::store::version::{self, Publication};
use super::page::{Page, PageQuery};
use super::target::{Target, existing_version};
use super::{Answer, Service, async_policy as routes, function};

/// All versions on one page, like the service: latest first, then from the oldest.
pub(super) async fn list(State(service): State<Arc<Service>>, target: Target, query: PageQuery) -> Answer<VersionList> {
    Page::parse(query.marker.as_deref(), query.maxitems.as_deref(), quota::VERSION_PAGE)?;
    let read = move |store: &Connection| -> Outcome<_> {
        let latest = target.function(store)?;
        let published = version::list(store, latest.id)?;
        let versions = std::iter::once(latest).chain(published).map(|version| with_policy(store, version));
        Ok(versions.collect::<Stored<Vec<_>>>()?)
    };
    let versions = service.core.store.run(read).await?;
    let listed = |(version, policy)| listed(&service, &version, policy);
    let versions: Vec<_> = versions.into_iter().map(listed).collect();
    let count = versions.len() as u64;
    Ok(Json(VersionList { versions, next_marker: count, count }))
}

/// Publishes the latest version with its policy as a new version.
pub(super) async fn publish(
    State(service): State<Arc<Service>>,
    target: Target,
    JsonBody(body): JsonBody<PublishVersion>,
) -> Answer<VersionRecord> {
    let PublishVersion { version, description, digest } = checked(body)?;
    let now = service.now();
    let publish = move |store: &Connection| -> Outcome<_> {
        let latest = target.changeable(store)?;
        let published = version::list(store, latest.id)?;
        refuse_too_many(&published)?;
        refuse_other_code(&latest, digest.as_deref())?;
        refuse_unchanged(&latest, published.last())?;
        let (name, description) = (name(version, &published, now)?, description.unwrap_or_default());
        version::publish(store, latest.id, &Publication { name: name.clone(), description, published: now })?;
        copy_policy(store, latest.id, &name, now)?;
        Ok(with_policy(store, existing_version(store, latest, &name)?)?)
    };
    let (version, policy) = service.core.store.run(publish).await?;
    Ok(Json(record(&service, &version, policy)))
}

/// Copies the policy of the latest version. The two policies are independent afterwards.
fn copy_policy(store: &Connection, function: i64, version: &str, now: i64) -> Stored<()> {
    let Some(policy) = async_policy::find(store, function, LATEST)? else { return Ok(()) };
    let policy = Policy { qualifier: version.to_owned(), created: now, modified: now, ..policy };
    async_policy::put(store, function, &policy)
}

/// Omits a damaged policy. Reading the policy itself shows why.
fn with_policy(store: &Connection, version: Function) -> Stored<(Function, Option<Policy>)> {
    let policy = match async_policy::find(store, version.id, &version.version) {
        Err(failure) if failure.is_unreadable() => None,
        found => found?,
    };
    Ok((version, policy))
}

/// A version in the list, which contains its number of instances twice.
fn listed(service: &Service, version: &Function, policy: Option<Policy>) -> VersionRecord {
    let mut record = record(service, version, policy);
    let StrategyConfig { concurrency, concurrent_num, others: _ } = version.strategy();
    for (name, number) in [("concurrency", concurrency), ("concurrent_num", concurrent_num)] {
        record.function.fields.insert(name.to_owned(), json!(number));
    }
    record
}

fn record(service: &Service, version: &Function, policy: Option<Policy>) -> VersionRecord {
    let mut function = function::listed(service, version);
    function.fields.insert("version_description".to_owned(), version.version_description.clone().into());
    // Within a version, a configuration has fewer fields.
    let part = |policy| AsyncConfig {
        func_urn: String::new(),
        enable_async_status_log: None,
        others: Map::new(),
        ..routes::record(service, version, policy)
    };
    VersionRecord { function, function_async_config: policy.map(part) }
}

/// Empty text counts as missing.
fn checked(body: PublishVersion) -> Outcome<PublishVersion> {
    let given = |text: Option<String>| text.filter(|text| !text.is_empty());
    let PublishVersion { version, description, digest } = body;
    let (version, description, digest) = (given(version), given(description), given(digest));
    if !version.as_deref().is_none_or(|version| VERSION_NAME.accepts(version)) {
        let message = format!("version is not a valid name: {}", VERSION_NAME.rule.sentence());
        return Err(Failure::refused("FSS.1015", message));
    }
    if !description.as_deref().is_none_or(|description| DESCRIPTION.accepts(description)) {
        return Err(Failure::refused("FSS.1019", "description must be text of at most 512 characters"));
    }
    Ok(PublishVersion { version, description, digest })
}

/// The service documents this limit, but no error code for it.
fn refuse_too_many(published: &[Function]) -> Outcome<()> {
    if published.len() + 1 < quota::VERSIONS {
        return Ok(());
    }
    let most = quota::VERSIONS;
    Err(Failure::parameter(format!("the function has {most} versions, latest included; delete one to publish another")))
}

fn refuse_other_code(latest: &Function, digest: Option<&str>) -> Outcome<()> {
    if digest.is_none_or(|digest| digest == latest.code.digest) {
        return Ok(());
    }
    Err(Failure::parameter(format!("digest is not that of the latest code, which is {}", latest.code.digest)))
}

/// Publishing needs changed code; changed settings are not enough.
fn refuse_unchanged(latest: &Function, last: Option<&Function>) -> Outcome<()> {
    let image = |function: &Function| function.settings.get("custom_image").cloned();
    match last {
        Some(last) if last.code == latest.code && image(last) == image(latest) => {
            let message = format!("the code has not changed since version {} was published", last.version);
            Err(Failure::refused("FSS.1016", message))
        }
        _ => Ok(()),
    }
}

/// The requested name, or one made from the time. If that is taken, from the next second.
fn name(wanted: Option<String>, published: &[Function], now: i64) -> Outcome<String> {
    let taken = |name: &str| published.iter().any(|function| function.version == name);
    match wanted {
        Some(name) if taken(&name) => Err(Failure::refused("FSS.1062", format!("the version {name} already exists"))),
        Some(name) => Ok(name),
        None => {
            let names = (now..).map(|second| jiff::Timestamp::from_second(second).unwrap_or_default());
            let mut names = names.map(|time| time.strftime("v%Y%m%d-%H%M%S").to_string());
            names.find(|name| !taken(name)).ok_or_else(|| Failure::internal("no free version name is left"))
        }
    }
}
