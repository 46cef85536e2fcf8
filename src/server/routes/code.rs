//! The code of a function.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rusqlite::Connection;
use serde_json::{Map, Value, json};

use super::super::body::JsonBody;
use super::super::clock::timestamp;
use super::super::failure::{Failure, Outcome};
use super::super::store::code;
use super::super::store::function::{self, CodeFacts, Function};
use super::target::Target;
use super::upload::{Archive, CodeRequest, Upload};
use super::{Answer, Service, function as routes};

/// The key that encrypts the code.
const KEY: &str = "code_encrypt_kms_key_id";

pub(super) async fn show(State(service): State<Arc<Service>>, target: Target) -> Answer<Value> {
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
) -> Answer<Value> {
    let request = CodeRequest::take_from(&mut body)?;
    let key = body.remove(KEY).filter(|key| key.as_str().is_some_and(|key| !key.is_empty()));
    let sent = request.file().to_owned();
    let find = target.clone();
    let function = service.core.store.run(move |store| find.changeable(store)).await?;
    let Upload { facts, archive } = Upload::prepare(request, function.settings, Some(function.code)).await?;
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

fn record(service: &Service, function: &Function, file: Option<String>) -> Value {
    let Function { package, name, version, settings, code, modified, .. } = function;
    let CodeFacts { kind, url, filename, size, digest, dependencies } = code;
    json!({
        "func_urn": service.urn(package, name, Some(version)),
        "func_name": name,
        "domain_id": service.identity().project_id,
        "runtime": settings.get("runtime"),
        "code_type": kind,
        "code_url": url,
        "code_filename": filename,
        "code_size": size,
        "digest": digest,
        "last_modified": timestamp(*modified),
        "func_code": { "file": file.unwrap_or_default(), "link": "" },
        "depend_version_list": dependencies,
        "strategy_config": settings.get("strategy_config").cloned().unwrap_or_else(routes::strategy),
    })
}
