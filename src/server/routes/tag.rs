//! Tags of one function, and of all functions.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use rusqlite::Connection;
use serde::Deserialize;

use crate::rules::quota;
use crate::rules::text::{TAG_KEY, TAG_VALUE};
use crate::wire::tag::{ProjectTags, Tag, TagList, TagValues, TagsRequest};

use super::super::body::JsonBody;
use super::super::failure::{Failure, Outcome};
use super::super::store::tag;
use super::target::Target;
use super::{Answer, Service};

/// The body of tags/delete.
#[derive(Debug, Deserialize)]
pub(super) struct Deletions {
    #[serde(default)]
    tags: Option<Vec<Deletion>>,
}

/// A tag to delete; with a value, only if the tag has that value.
#[derive(Debug, Deserialize)]
struct Deletion {
    key: String,
    #[serde(default)]
    value: Option<String>,
}

pub(super) async fn of_function(State(service): State<Arc<Service>>, target: Target) -> Answer<TagList> {
    let read = move |store: &Connection| -> Outcome<_> { Ok(tag::of_function(store, target.resolve(store)?.id)?) };
    let tags = service.core.store.run(read).await?;
    Ok(Json(TagList { tags, sys_tags: Vec::new() }))
}

pub(super) async fn of_project(State(service): State<Arc<Service>>) -> Answer<ProjectTags> {
    let keys = service.core.store.run(tag::of_project).await?;
    let tags = keys.into_iter().map(|(key, values)| TagValues { key, values }).collect();
    Ok(Json(ProjectTags { tags, sys_tags: Vec::new() }))
}

/// An existing key gets the new value.
pub(super) async fn create(
    State(service): State<Arc<Service>>,
    target: Target,
    JsonBody(TagsRequest { tags }): JsonBody<TagsRequest>,
) -> Outcome<StatusCode> {
    check(&tags)?;
    let write = move |store: &Connection| -> Outcome<_> {
        let function = target.resolve(store)?.id;
        tags.iter().try_for_each(|tag| tag::set(store, function, tag))?;
        match tag::of_function(store, function)?.len() {
            0..=quota::TAGS => Ok(()),
            more => {
                let message = format!("the function would have {more} tags; {} are allowed", quota::TAGS);
                Err(Failure::parameter(message))
            }
        }
    };
    service.core.store.run(write).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A missing tag counts as deleted.
pub(super) async fn remove(
    State(service): State<Arc<Service>>,
    target: Target,
    JsonBody(Deletions { tags }): JsonBody<Deletions>,
) -> Outcome<StatusCode> {
    let tags = tags.filter(|tags| !tags.is_empty());
    let tags = tags.ok_or_else(|| Failure::parameter("tags is required, with at least one tag"))?;
    let delete = move |store: &Connection| -> Outcome<_> {
        let function = target.resolve(store)?.id;
        let mut tags = tags.iter();
        Ok(tags.try_for_each(|Deletion { key, value }| tag::delete(store, function, key, value.as_deref()))?)
    };
    service.core.store.run(delete).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn check(tags: &[Tag]) -> Outcome<()> {
    if tags.is_empty() || tags.len() > quota::TAGS {
        return Err(Failure::parameter(format!("tags is required, with 1 to {} tags", quota::TAGS)));
    }
    let mut keys = BTreeSet::new();
    for Tag { key, value } in tags {
        if !TAG_KEY.accepts(key) {
            let rule = TAG_KEY.rule.expectation;
            return Err(Failure::parameter(format!("the tag key {key:?} is not allowed: it {rule}")));
        }
        if !TAG_VALUE.accepts(value) {
            let rule = TAG_VALUE.rule.expectation;
            return Err(Failure::parameter(format!("the value of the tag {key:?} is not allowed: it {rule}")));
        }
        if !keys.insert(key) {
            return Err(Failure::parameter(format!("the tag key {key:?} occurs twice")));
        }
    }
    Ok(())
}
