//! Functions by their tags, in the format of all taggable resources of the cloud.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::rules::urn::LATEST;
use crate::wire::tag::{ResourceInstance, ResourceInstances, Tag, TagValues};

use super::super::body::JsonBody;
use super::super::failure::{Failure, Outcome};
use super::super::store::tag::{self, Condition, Tagged};
use super::page::to_unsigned;
use super::{Answer, Service};

/// The default and the maximum number of entries on a page.
const MOST: i64 = 1000;
/// The maximum number of conditions of one kind, which limits the length of the query.
const MOST_CONDITIONS: usize = 50;

/// The body of both calls. Numbers arrive as numbers or as text.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct InstanceQuery {
    limit: Option<Value>,
    offset: Option<Value>,
    without_any_tag: Option<bool>,
    matches: Option<Vec<Tag>>,
    tags: Option<Vec<TagValues>>,
}

pub(super) async fn filter(
    State(service): State<Arc<Service>>,
    JsonBody(request): JsonBody<InstanceQuery>,
) -> Answer<ResourceInstances> {
    let limit = number("limit", request.limit.as_ref())?.unwrap_or(MOST).min(MOST);
    let offset = number("offset", request.offset.as_ref())?.unwrap_or_default();
    if limit == 0 {
        return Err(Failure::parameter("limit must be at least 1"));
    }
    let condition = condition(request)?;
    let read = move |store: &rusqlite::Connection| -> Outcome<_> {
        Ok((tag::filter(store, &condition, offset, limit)?, tag::count(store, &condition)?))
    };
    let (functions, count) = service.core.store.run(read).await?;
    let resources = functions.into_iter().map(|function| instance(&service, function)).collect();
    Ok(Json(ResourceInstances { resources, total_count: to_unsigned(count) }))
}

pub(super) async fn count(
    State(service): State<Arc<Service>>,
    JsonBody(request): JsonBody<InstanceQuery>,
) -> Answer<Value> {
    let condition = condition(request)?;
    let count = service.core.store.run(move |store| tag::count(store, &condition)).await?;
    Ok(Json(json!({ "total_count": count })))
}

fn instance(service: &Service, function: Tagged) -> ResourceInstance {
    let Tagged { package, name, tags } = function;
    ResourceInstance {
        resource_id: service.urn(&package, &name, None),
        resource_detail: json!({ "detailId": service.urn(&package, &name, Some(LATEST)) }),
        resource_name: name,
        tags,
        sys_tags: Vec::new(),
    }
}

fn condition(request: InstanceQuery) -> Outcome<Condition> {
    let matches = request.matches.unwrap_or_default();
    let tags = request.tags.unwrap_or_default();
    let values = tags.iter().map(|tag| tag.values.len()).max().unwrap_or_default();
    if [matches.len(), tags.len(), values].into_iter().any(|count| count > MOST_CONDITIONS) {
        return Err(Failure::parameter(format!("more than {MOST_CONDITIONS} conditions of one kind")));
    }
    if let Some(Tag { key, .. }) = matches.iter().find(|condition| condition.key != "resource_name") {
        return Err(Failure::parameter(format!("matches supports only the key resource_name, not {key:?}")));
    }
    let names = matches.into_iter().map(|condition| condition.value).collect();
    Ok(Condition { untagged: request.without_any_tag.unwrap_or_default(), names, tags })
}

fn number(name: &str, value: Option<&Value>) -> Outcome<Option<i64>> {
    let number = match value {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::String(text)) if text.is_empty() => return Ok(None),
        Some(Value::String(text)) => text.parse().ok(),
        Some(value) => value.as_i64(),
    };
    let number = number.filter(|number| *number >= 0);
    number.map(Some).ok_or_else(|| Failure::parameter(format!("{name} must be a number from 0")))
}
