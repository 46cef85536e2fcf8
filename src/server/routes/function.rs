//! Functions: create, list, show, update, delete.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use rusqlite::Connection;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::rules::quota;
use crate::rules::text::FUNCTION_NAME;
use crate::rules::urn::{LATEST, Qualifier};
use crate::wire::function::{FunctionList, FunctionRecord, RunConfig};

use super::super::body::JsonBody;
use super::super::clock::timestamp;
use super::super::failure::{Failure, Outcome};
use super::super::store::alias::{self, Alias};
use super::super::store::function::{self, CodeFacts, Function, FunctionSettings, Query};
use super::super::store::{code, version};
use super::function_field::{self, Call};
use super::function_object;
use super::page::{Page, PageQuery, to_unsigned};
use super::target::Target;
use super::upload::{Upload, take_code};
use super::{Answer, Service};

pub(super) async fn list(State(service): State<Arc<Service>>, query: PageQuery) -> Answer<FunctionList> {
    let page = Page::parse(query.marker.as_deref(), query.maxitems.as_deref(), quota::FUNCTION_PAGE)?;
    let given = |text: Option<String>| text.filter(|text| !text.is_empty());
    let (package, name) = (given(query.package_name), given(query.func_name));
    let query = Query { offset: page.offset, limit: page.limit, package, name };
    let (functions, count) = service.core.store.run(move |store| function::list(store, &query)).await?;
    let next_marker = page.next(functions.len());
    let functions = functions.iter().map(|function| entry(&service, function)).collect();
    Ok(Json(FunctionList { functions, next_marker, count: to_unsigned(count) }))
}

pub(super) async fn show(State(service): State<Arc<Service>>, target: Target) -> Answer<FunctionRecord> {
    let function = service.core.store.run(move |store| target.resolve(store)).await?;
    Ok(Json(record(&service, &function)))
}

pub(super) async fn create(
    State(service): State<Arc<Service>>,
    JsonBody(mut body): JsonBody<Map<String, Value>>,
) -> Answer<FunctionRecord> {
    let name = named(&body, "func_name", "FSS.1002")?;
    let package = named(&body, "package", "FSS.1004")?;
    let request = take_code(&mut body)?;
    let mut settings = FunctionSettings::new();
    function_field::take(&mut settings, &body, Call::Create)?;
    settings.entry("type").or_insert("v2".into());
    function_object::bind_log(&mut settings, &name, [service.new_id(), service.new_id()]);
    let config = RunConfig::deserialize(&settings).map_err(Failure::internal)?;
    let Upload { facts, archive } = Upload::prepare(request, config, None).await?;
    let now = service.now();
    let resource_id = format!("{}:{name}", service.new_id());
    let mut function = Function {
        id: 0,
        package,
        name,
        version: LATEST.to_owned(),
        version_description: String::new(),
        settings,
        code: facts,
        resource_id,
        image_name: image_name(&service, now),
        modified: now,
    };
    let quota = service.function_quota;
    let insert = move |store: &Connection| -> Outcome<_> {
        refuse_second(store, &function)?;
        refuse_over_quota(store, quota)?;
        function.id = function::insert(store, &function)?;
        archive.store(store, function.id)?;
        Ok(function)
    };
    let function = service.core.store.run(insert).await?;
    Ok(Json(record(&service, &function)))
}

/// Replaces the configuration: fields that the body leaves out are cleared, see [`function_field::take`].
pub(super) async fn update(
    State(service): State<Arc<Service>>,
    target: Target,
    JsonBody(body): JsonBody<Map<String, Value>>,
) -> Answer<FunctionRecord> {
    let (now, new_log) = (service.now(), [service.new_id(), service.new_id()]);
    let update = move |store: &Connection| -> Outcome<_> {
        let mut function = target.changeable(store)?;
        unchangeable(&body, "func_name", &function.name, "FSS.1002")?;
        unchangeable(&body, "package", &function.package, "FSS.1004")?;
        let runtime = function.settings.get("runtime").and_then(Value::as_str).unwrap_or_default();
        unchangeable(&body, "runtime", runtime, "FSS.1005")?;
        function_field::take(&mut function.settings, &body, Call::Update)?;
        function_object::bind_log(&mut function.settings, &function.name, new_log);
        function.modified = now;
        function::update(store, &function)?;
        Ok(function)
    };
    let function = service.core.store.run(update).await?;
    // The function's limit may have changed.
    service.dispatcher.look();
    Ok(Json(record(&service, &function)))
}

/// Sets the limit of concurrent instances: -1 means unlimited, and 0 disables the function.
pub(super) async fn limit(
    State(service): State<Arc<Service>>,
    target: Target,
    JsonBody(body): JsonBody<Map<String, Value>>,
) -> Answer<FunctionRecord> {
    let wanted = body.get("max_instance_num").map(|number| number.as_str().map_or(number.clone(), parse_number));
    let wanted = wanted.ok_or_else(|| Failure::refused("FSS.1026", "max_instance_num is required"))?;
    let now = service.now();
    let update = move |store: &Connection| -> Outcome<_> {
        let mut function = target.changeable(store)?;
        let mut strategy = json!(function.strategy());
        strategy["concurrency"] = wanted;
        let strategy = Map::from_iter([("strategy_config".to_owned(), strategy)]);
        function_field::take(&mut function.settings, &strategy, Call::Part)?;
        function.modified = now;
        function::update(store, &function)?;
        Ok(function)
    };
    let function = service.core.store.run(update).await?;
    service.dispatcher.look();
    Ok(Json(listed(&service, &function)))
}

/// Some clients send numbers as text.
fn parse_number(text: &str) -> Value {
    text.parse::<i64>().map_or(text.into(), Value::from)
}

/// Without a version, deletes everything: code, versions, policies, triggers, tags. An alias stands for the version that it
/// names.
pub(super) async fn remove(State(service): State<Arc<Service>>, target: Target) -> Outcome<StatusCode> {
    let delete = move |store: &Connection| -> Outcome<_> {
        // Reads only the id, so that a damaged function can be deleted.
        let id = target.id(store)?;
        match &target.qualifier {
            Some(Qualifier::Version(version)) if version::exists(store, id, version)? => {
                return remove_version(store, id, version);
            }
            Some(_) => return remove_version(store, id, &target.resolve(store)?.version),
            None => {}
        }
        code::replace(store, id, None)?;
        Ok(function::delete(store, id)?)
    };
    service.core.store.run(delete).await?;
    // Requests that wait for the function now have nothing to run.
    service.dispatcher.look();
    Ok(StatusCode::NO_CONTENT)
}

fn remove_version(store: &Connection, id: i64, version: &str) -> Outcome<()> {
    if version == LATEST {
        let message = "the latest version cannot be deleted; name the function without a version to delete all of it";
        return Err(Failure::parameter(message));
    }
    if let Some(Alias { name, .. }) = alias::list(store, id)?.iter().find(|alias| alias.adds(version)) {
        let message = format!("version {version} is an additional version of the alias {name}, and cannot be deleted");
        return Err(Failure::refused("FSS.1094", message));
    }
    Ok(version::delete(store, id, version)?)
}

/// A function as GET returns it.
fn record(service: &Service, function: &Function) -> FunctionRecord {
    let mut fields = function_field::shown(&function.settings, false);
    fields.insert("depend_version_list".into(), function.code.dependencies.clone().into());
    add_log(&mut fields, function);
    described(service, function, fields)
}

fn entry(service: &Service, function: &Function) -> FunctionRecord {
    let mut entry = listed(service, function);
    entry.fields.insert("fail_count".into(), 0.into());
    add_log(&mut entry.fields, function);
    entry
}

/// Adds the ids of the log, which is configured by its names. Both are empty if there is none.
fn add_log(fields: &mut Map<String, Value>, function: &Function) {
    let log = function.settings.get("log_config");
    for (shown, written) in [("log_group_id", "group_id"), ("log_stream_id", "stream_id")] {
        let id = log.and_then(|log| log.get(written)).cloned().unwrap_or_else(|| "".into());
        fields.insert(shown.to_owned(), id);
    }
}

/// A function in a list, or a version; both have fewer fields.
pub(super) fn listed(service: &Service, function: &Function) -> FunctionRecord {
    let mut fields = function_field::shown(&function.settings, true);
    if let Some(network) = function.settings.get("func_vpc").and_then(|network| network.get("vpc_id")) {
        fields.insert("func_vpc_id".into(), network.clone());
    }
    described(service, function, fields)
}

/// Adds what clients expect in every form of a function. Text fields are included even if they are empty.
fn described(service: &Service, function: &Function, mut fields: Map<String, Value>) -> FunctionRecord {
    let Function {
        id: _,
        package,
        name,
        version,
        version_description: _,
        settings,
        code: CodeFacts { kind, url, filename, size, digest, dependencies: _ },
        resource_id,
        image_name,
        modified,
    } = function;
    let memory = settings.get("memory_size").and_then(Value::as_i64).unwrap_or_default();
    let facts = json!({
        "namespace": service.identity().project_id,
        "project_name": service.identity().region,
        "domain_id": service.identity().project_id,
        // A constant part, and a part that grows with the memory.
        "cpu": (memory.saturating_mul(100) / 128).saturating_add(200),
        "code_type": kind,
        "code_size": size,
        "image_name": image_name,
        "resource_id": resource_id,
        "long_time": false,
    });
    if let Value::Object(facts) = facts {
        fields.extend(facts);
    }
    for name in ["description", "xrole"] {
        fields.entry(name).or_insert("".into());
    }
    fields.entry("strategy_config").or_insert(json!(function.strategy()));
    FunctionRecord {
        func_urn: service.urn(package, name, Some(version)),
        func_name: name.clone(),
        package: package.clone(),
        code_url: url.clone(),
        code_filename: filename.clone(),
        digest: digest.clone(),
        version: version.clone(),
        last_modified: timestamp(*modified).into(),
        fields,
    }
}

/// The service's internal name of a build; only its format is known.
pub(super) fn image_name(service: &Service, now: i64) -> String {
    let time = jiff::Timestamp::from_second(now).unwrap_or_default();
    let random = service.core.context.ids.new_uuid().simple().to_string();
    format!("latest-{}@{}", time.strftime("%y%m%d%H%M%S"), &random[..5])
}

fn named(body: &Map<String, Value>, field: &str, code: &'static str) -> Outcome<String> {
    let name = body.get(field).and_then(Value::as_str).filter(|name| FUNCTION_NAME.accepts(name)).map(str::to_owned);
    name.ok_or_else(|| Failure::refused(code, format!("{field} is required: it {}", FUNCTION_NAME.rule.expectation)))
}

fn unchangeable(body: &Map<String, Value>, field: &str, current: &str, code: &'static str) -> Outcome<()> {
    match body.get(field) {
        None | Some(Value::Null) => Ok(()),
        Some(value) if value.as_str() == Some(current) => Ok(()),
        Some(_) => Err(Failure::refused(code, format!("{field} cannot be changed; it is {current}"))),
    }
}

fn refuse_second(store: &Connection, function: &Function) -> Outcome<()> {
    let Function { package, name, .. } = function;
    if function::find(store, package, name)?.is_none() {
        return Ok(());
    }
    Err(Failure::refused("FSS.1061", format!("the function {package}/{name} already exists")))
}

fn refuse_over_quota(store: &Connection, quota: Option<u32>) -> Outcome<()> {
    let (count, _) = function::usage(store)?;
    match quota {
        Some(quota) if to_unsigned(count) >= u64::from(quota) => {
            let message = format!("the quota of {quota} functions is used up");
            Err(Failure::refused("FSS.1041", message))
        }
        _ => Ok(()),
    }
}
