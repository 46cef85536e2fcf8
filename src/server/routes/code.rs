//! The code of a function.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rusqlite::Connection;
use serde_json::{Map, Value, json};

use crate::wire::function::{FunctionCode, FunctionCodeRecord};

use super::super::body::JsonBody;
use super::super::clock::timestamp;
use super::super::failure::{Failure, Outcome};
use super::super::store::code;
use super::super::store::function::{self, CodeFacts, Function};
use super::page::to_unsigned;
use super::target::Target;
use super::upload::{Archive, Upload, take_code};
use super::{Answer, Service, function as routes};

/// The key that encrypts the code.
const KEY: &str = "code_encrypt_kms_key_id";

pub(super) async fn show(State(service): State<Arc<Service>>, target: Target) -> Answer<FunctionCodeRecord> {
    let read = move |store: &Connection| -> Outcome<_> {
        let function = target.resolve(store)?;
        let archive = code::read(store, function.id, &function.version)?;
        Ok((function, archive))
    };
    let (function, archive) = service.core.store.run(read).await?;
    let file = tokio::task::spawn_blocking(|| archive.map(|archive| STANDARD.encode(archive)));
    let file = file.await.map_err(Failure::internal)?;
    Ok(Json(record(&service, &function, file)))
}

pub(super) async fn update(
    State(service): State<Arc<Service>>,
    target: Target,
    JsonBody(mut body): JsonBody<Map<String, Value>>,
) -> Answer<FunctionCodeRecord> {
    let request = take_code(&mut body)?;
    let key = body.remove(KEY).filter(|key| key.as_str().is_some_and(|key| !key.is_empty()));
    let sent = request.func_code.file.clone();
    let find = target.clone();
    let function = service.core.store.run(move |store| find.changeable(store)).await?;
    let Upload { facts, archive } = Upload::prepare(request, function.run_config()?, Some(function.code)).await?;
    let now = service.now();
    let image_name = routes::image_name(&service, now);
    let update = move |store: &Connection| -> Outcome<Function> {
        let mut function = target.changeable(store)?;
        archive.store(store, function.id)?;
        function.code = match archive {
            // Kept is what is there now, which another request may have replaced since we looked.
            Archive::Kept => CodeFacts { dependencies: facts.dependencies, ..function.code },
            Archive::Stored(_) | Archive::Elsewhere => facts,
        };
        // Like dependencies, the key is replaced by every upload.
        match key {
            Some(key) => drop(function.settings.insert(KEY.to_owned(), key)),
            None => drop(function.settings.remove(KEY)),
        }
        function.image_name = image_name;
        function.modified = now;
        function::update(store, &function)?;
        Ok(function)
    };
    let function = service.core.store.run(update).await?;
    // The old code leaves free pages.
    service.dispatcher.look();
    // Like the service; only small code is worth returning.
    let echoed = (function.code.kind == "inline").then_some(sent);
    Ok(Json(record(&service, &function, echoed)))
}

fn record(service: &Service, function: &Function, file: Option<String>) -> FunctionCodeRecord {
    let CodeFacts { kind, url, filename, size, digest, dependencies } = function.code.clone();
    let runtime = function.settings.get("runtime").and_then(Value::as_str);
    FunctionCodeRecord {
        func_urn: service.urn(&function.package, &function.name, Some(&function.version)),
        func_name: function.name.clone(),
        domain_id: service.identity().project_id.clone(),
        runtime: runtime.unwrap_or_default().to_owned(),
        code_type: kind,
        code_url: url,
        code_filename: filename,
        code_size: to_unsigned(size),
        digest,
        func_code: Some(FunctionCode { file: file.unwrap_or_default(), link: Some(String::new()) }),
        depend_version_list: dependencies,
        last_modified: timestamp(function.modified).into(),
        strategy_config: json!(function.strategy()),
    }
}
