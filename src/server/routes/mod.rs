//! Maps requests to the functions that answer them, with one file for each kind. Authentication has already happened.

mod alias;
mod async_policy;
mod code;
mod destination;
mod function;
mod function_field;
mod invocation;
mod log;
mod page;
mod quota;
mod refusal;
mod reserved_instance;
mod resource_instance;
mod status_log;
mod tag;
mod target;
mod trace;
mod trigger;
mod upload;
mod version;

use std::sync::Arc;
use std::time::Instant;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{DefaultBodyLimit, RawPathParams, Request, State};
use axum::http::HeaderValue;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post, put};
use axum::{Json, Router};
use hyper::service::Service as _;
use hyper_util::service::TowerToHyperService;

use crate::wire::error::REQUEST_ID_HEADER;

use super::authentication;
use super::failure::{Failure, Outcome};
use super::journal::{Entry, RequestEntry};
use super::refusal::Refusal;
use super::service::Service;

/// The largest answer contains a code archive in base64.
const LARGEST_ANSWER: usize = 80 * 1024 * 1024;

/// A request and an answer within this process, with complete bodies.
pub type ApiRequest = http::Request<Bytes>;
pub type ApiResponse = http::Response<Bytes>;

/// The service's API. Answers requests from any source.
#[derive(Clone)]
pub(crate) struct Api(Router);

impl Api {
    pub(crate) fn new(service: Arc<Service>) -> Self {
        Self(router(service))
    }

    /// A router for requests from connections.
    pub(crate) fn into_router(self) -> Router {
        self.0
    }

    pub(crate) async fn call(&self, request: ApiRequest) -> ApiResponse {
        let answered = TowerToHyperService::new(self.0.clone()).call(request.map(Body::from)).await;
        let (parts, body) = match answered {
            Ok(response) => response.into_parts(),
            Err(impossible) => match impossible {},
        };
        // The body is in memory, so reading it cannot fail.
        http::Response::from_parts(parts, to_bytes(body, LARGEST_ANSWER).await.unwrap_or_default())
    }
}

/// Fixed parts of a path take precedence over variables, so `functions/tags` is never a function named `tags`.
fn router(service: Arc<Service>) -> Router {
    let functions = Router::new()
        .route("/fgs/functions", get(function::list).post(function::create))
        .route("/fgs/functions/reservedinstances", get(reserved_instance::list))
        .route("/fgs/functions/reservedinstanceconfigs", get(reserved_instance::configs))
        .route("/fgs/functions/enable-async-status-logs", post(status_log::enable))
        .route("/fgs/functions/async-status-log-detail", get(status_log::detail))
        .route("/fgs/functions/enable-lts-logs", post(log::enable))
        .route("/fgs/functions/{urn}", delete(function::remove))
        .route("/fgs/functions/{urn}/config", get(function::show).put(function::update))
        .route("/fgs/functions/{urn}/config-max-instance", put(function::limit))
        .route("/fgs/functions/{urn}/reservedinstances", put(reserved_instance::update))
        .route("/fgs/functions/{urn}/code", get(code::show).put(code::update))
        .route("/fgs/functions/{urn}/versions", get(version::list).post(version::publish))
        .route("/fgs/functions/{urn}/aliases", get(alias::list).post(alias::create))
        .route("/fgs/functions/{urn}/aliases/{alias}", get(alias::show).put(alias::update).delete(alias::remove))
        .route("/fgs/functions/{urn}/lts-log-detail", get(log::detail))
        .route(
            "/fgs/functions/{urn}/async-invoke-config",
            get(async_policy::show).put(async_policy::put).delete(async_policy::remove),
        )
        .route("/fgs/functions/{urn}/async-invoke-configs", get(async_policy::list))
        .route("/fgs/triggers/{urn}", get(trigger::list))
        .route("/fgs/quotas", get(quota::list));
    let invocations = Router::new()
        .route("/fgs/functions/{urn}/invocations", post(invocation::run))
        .route("/fgs/functions/{urn}/invocations-async", post(invocation::accept))
        .route("/fgs/functions/{urn}/async-invocations", get(invocation::list))
        .route("/fgs/functions/{urn}/active-async-invocations", get(invocation::list_active))
        .route("/fgs/functions/{urn}/cancel", post(invocation::cancel))
        .route("/fgctl/invocations/{request_id}", get(trace::show))
        .route("/fgctl/functions/{urn}/log", get(log::page));
    let tags = Router::new()
        .route("/functions/tags", get(tag::of_project))
        .route("/functions/resource-instances/filter", post(resource_instance::filter))
        .route("/functions/resource-instances/count", post(resource_instance::count))
        .route("/functions/{urn}/tags", get(tag::of_function))
        .route("/functions/{urn}/tags/create", post(tag::create))
        .route("/functions/{urn}/tags/delete", delete(tag::remove));
    Router::new()
        .nest("/v2/{project_id}", functions.merge(invocations).merge(tags))
        .route_layer(from_fn_with_state(Arc::clone(&service), own_project))
        .fallback(unknown_api)
        .method_not_allowed_fallback(unknown_api)
        .layer(DefaultBodyLimit::disable())
        .layer(from_fn_with_state(Arc::clone(&service), authentication::guard))
        .layer(from_fn_with_state(Arc::clone(&service), finish))
        .with_state(service)
}

/// The gateway's 404, for unknown methods and paths.
async fn unknown_api() -> Failure {
    Failure::refused("APIGW.0101", "The API does not exist or has not been published in the environment")
}

/// A server has one project, and every path contains a project id.
async fn own_project(
    State(service): State<Arc<Service>>,
    path: Result<RawPathParams, RawPathParamsRejection>,
    request: Request,
    next: Next,
) -> Response {
    let own = |path: RawPathParams| path.iter().any(|given| given == ("project_id", &*service.identity().project_id));
    match path.map(own) {
        Ok(true) => next.run(request).await,
        Ok(false) => {
            Failure::refused("FSS.1309", format!("this server's project is {}", service.identity().project_id))
                .into_response()
        }
        Err(_) => Failure::refused("FSS.1309", "the path is not UTF-8").into_response(),
    }
}

/// Adds the request id to every reply, writes the body of a refusal, and logs the request.
async fn finish(State(service): State<Arc<Service>>, request: Request, next: Next) -> Response {
    let (request_id, began) = (service.new_id(), Instant::now());
    let (method, uri) = (request.method().clone(), request.uri().clone());
    let mut response = next.run(request).await;
    let mut error_code = None;
    if let Some(refusal) = response.extensions_mut().remove::<Refusal>() {
        error_code = Some(refusal.code);
        response = refusal::answer(refusal, &request_id);
    }
    if let Ok(value) = HeaderValue::from_str(&request_id) {
        response.headers_mut().insert(REQUEST_ID_HEADER, value);
    }
    let status = response.status().as_u16();
    service.core.journal.note(|| {
        let (method, path) = (method.to_string(), uri.path().to_owned());
        Entry::Request(RequestEntry { request_id, method, path, status, error_code, duration: began.elapsed() })
    });
    response
}

/// The answer of most reads and writes.
type Answer<T> = Outcome<Json<T>>;
