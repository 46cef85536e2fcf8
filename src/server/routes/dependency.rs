//! Dependency packages: a new version of each upload, lists, and deletion. Versions never change.

use std::io::Cursor;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rusqlite::Connection;
use sha2::{Digest, Sha256};

use crate::rules::quota;
use crate::rules::text::{DEPENDENCY_NAME, DESCRIPTION, OBS_URL};
use crate::wire::dependency::{CreateDependencyVersion, DependencyList, DependencyVersion};

use super::super::body::JsonBody;
use super::super::failure::{Failure, Outcome};
use super::super::store::dependency::{self, Query, Version};
use super::page::{Page, PageQuery, to_unsigned};
use super::{Answer, Service};

/// The newest version of each dependency.
pub(super) async fn list(State(service): State<Arc<Service>>, query: PageQuery) -> Answer<DependencyList> {
    if query.dependency_type.as_deref() == Some("public") {
        // This server has no packages of the service.
        return Ok(Json(DependencyList::default()));
    }
    let given = |text: Option<String>| text.filter(|text| !text.is_empty());
    let (name, runtime) = (given(query.name.clone()), given(query.runtime.clone()));
    let entry = |version: Version| DependencyVersion {
        id: version.dependency.clone(),
        dep_id: None,
        ..record(&service, version)
    };
    pages(&service, &query, Query { name, runtime, ..Query::default() }, entry).await
}

pub(super) async fn versions(
    State(service): State<Arc<Service>>,
    Path((_, dependency)): Path<(String, String)>,
    query: PageQuery,
) -> Answer<DependencyList> {
    let found = pages(&service, &query, Query { dependency: Some(dependency), ..Query::default() }, |version| {
        record(&service, version)
    });
    let found = found.await?;
    if found.count == 0 { Err(missing()) } else { Ok(found) }
}

async fn pages(
    service: &Service,
    query: &PageQuery,
    wanted: Query,
    entry: impl Fn(Version) -> DependencyVersion,
) -> Answer<DependencyList> {
    let size = query.maxitems.as_deref().or(query.limit.as_deref());
    let page = Page::parse(query.marker.as_deref(), size, quota::DEPENDENCY_PAGE)?;
    let wanted = Query { offset: page.offset, limit: page.limit, ..wanted };
    let (listed, count) = service.core.store.run_unflushed(move |store| dependency::list(store, &wanted)).await?;
    let next_marker = page.next(listed.len());
    let dependencies = listed.into_iter().map(entry).collect();
    Ok(Json(DependencyList { dependencies, next_marker, count: to_unsigned(count) }))
}

pub(super) async fn show(
    State(service): State<Arc<Service>>,
    Path((_, dependency, number)): Path<(String, String, String)>,
) -> Answer<DependencyVersion> {
    let found = service.core.store.run(move |store| existing(store, &dependency, &number)).await?;
    Ok(Json(record(&service, found)))
}

/// A new version of the dependency with this name and runtime, or a new dependency.
pub(super) async fn create(
    State(service): State<Arc<Service>>,
    JsonBody(body): JsonBody<CreateDependencyVersion>,
) -> Answer<DependencyVersion> {
    let (now, ids) = (service.now(), [service.new_id(), service.new_id()]);
    let checked = tokio::task::spawn_blocking(move || checked(body)).await.map_err(Failure::internal)?;
    let (mut version, archive) = checked?;
    let create = move |store: &Connection| -> Outcome<Version> {
        let [id, dependency] = ids;
        let newest = dependency::newest(store, &version.name, &version.runtime)?;
        let (dependency, number) = newest.unwrap_or((dependency, 0));
        version = Version { id, dependency, number: number + 1, modified: now, ..version };
        dependency::insert(store, &version, archive.as_deref())?;
        Ok(version)
    };
    Ok(Json(record(&service, service.core.store.run(create).await?)))
}

pub(super) async fn remove(
    State(service): State<Arc<Service>>,
    Path((_, dependency, number)): Path<(String, String, String)>,
) -> Outcome<StatusCode> {
    let remove = move |store: &Connection| -> Outcome<()> {
        let version = existing(store, &dependency, &number)?;
        if dependency::is_used(store, &version.id)? {
            return Err(Failure::refused("FSS.1033", "a function uses this version of the dependency"));
        }
        Ok(dependency::delete(store, &version.id)?)
    };
    service.core.store.run(remove).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn existing(store: &Connection, dependency: &str, number: &str) -> Outcome<Version> {
    let number = number.parse().map_err(|_| missing())?;
    dependency::find(store, dependency, number)?.ok_or_else(missing)
}

fn missing() -> Failure {
    Failure::refused("FSS.1056", "the dependency does not exist")
}

/// The facts of an upload, and its archive.
fn checked(body: CreateDependencyVersion) -> Outcome<(Version, Option<Vec<u8>>)> {
    let CreateDependencyVersion { name, runtime, depend_type, depend_link, depend_file, description } = body;
    let refuse = |code, message: String| Err(Failure::refused(code, message));
    if !DEPENDENCY_NAME.accepts(&name) {
        return refuse("FSS.1024", format!("name {}", DEPENDENCY_NAME.rule.expectation));
    }
    if runtime.is_empty() {
        return refuse("FSS.1005", "runtime is required".to_owned());
    }
    let description = description.unwrap_or_default();
    if !description.is_empty() && !DESCRIPTION.accepts(&description) {
        return refuse("FSS.1019", format!("description {}", DESCRIPTION.rule.expectation));
    }
    let (link, archive) = match (&*depend_type, depend_link, depend_file) {
        ("obs", Some(link), _) if OBS_URL.accepts(&link) => (link, None),
        ("obs", ..) => return refuse("FSS.1010", "depend_link must be the URL of an object in OBS".to_owned()),
        ("zip", _, Some(file)) => (String::new(), Some(archive(&file)?)),
        _ => return refuse("FSS.1032", "depend_type must be obs with depend_link, or zip with depend_file".to_owned()),
    };
    let bytes = archive.as_deref().unwrap_or(link.as_bytes());
    let etag = hex::encode(&Sha256::digest(bytes)[..16]);
    let size = archive.as_ref().map_or(0, |archive| i64::try_from(archive.len()).unwrap_or(i64::MAX));
    Ok((Version { name, runtime, description, link, etag, size, ..Version::default() }, archive))
}

fn archive(file: &str) -> Outcome<Vec<u8>> {
    let refuse = |message: String| Failure::refused("FSS.1031", message);
    let bytes = STANDARD.decode(file).map_err(|error| refuse(format!("depend_file is not base64: {error}")))?;
    if bytes.len() as u64 > quota::DEPENDENCY_BYTES {
        return Err(refuse(format!("the package exceeds {} bytes; put it into OBS", quota::DEPENDENCY_BYTES)));
    }
    zip::ZipArchive::new(Cursor::new(&bytes)).map_err(|error| refuse(format!("depend_file is no zip: {error}")))?;
    Ok(bytes)
}

fn record(service: &Service, version: Version) -> DependencyVersion {
    let Version { id, dependency, number, name, runtime, description, link, etag, size, modified } = version;
    DependencyVersion {
        id,
        dep_id: Some(dependency),
        file_name: Some(format!("{name}.zip")),
        name,
        version: number,
        runtime,
        description: Some(description),
        link,
        etag,
        size,
        owner: service.identity().project_id.clone(),
        last_modified: Some(modified),
    }
}
