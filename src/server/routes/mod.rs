//! Maps operations to the functions that answer them, with one file for each kind. Authentication has already happened.

mod alias;
mod async_policy;
mod code;
mod dependency;
mod destination;
mod function;
mod function_field;
mod function_object;
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
mod trigger_data;
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
use axum::routing::{MethodFilter, MethodRouter, on};
use axum::{Json, Router};
use hyper::service::Service as _;
use hyper_util::service::TowerToHyperService;

use crate::wire::error::REQUEST_ID_HEADER;
use crate::wire::routes::Operation;

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
    let routes = Operation::ALL.iter().filter_map(|operation| Some((operation.template(), handler(*operation)?)));
    routes
        .fold(Router::new(), |router, (path, handler)| router.route(path, handler))
        .route_layer(from_fn_with_state(Arc::clone(&service), own_project))
        .fallback(unknown_api)
        .method_not_allowed_fallback(unknown_api)
        .layer(DefaultBodyLimit::disable())
        .layer(from_fn_with_state(Arc::clone(&service), authentication::guard))
        .layer(from_fn_with_state(Arc::clone(&service), finish))
        .with_state(service)
}

/// What answers an operation; `None` if another service has it.
fn handler(operation: Operation) -> Option<MethodRouter<Arc<Service>>> {
    let method = MethodFilter::try_from(operation.method()).ok()?;
    Some(match operation {
        Operation::ListFunctions => on(method, function::list),
        Operation::CreateFunction => on(method, function::create),
        Operation::DeleteFunction => on(method, function::remove),
        Operation::ShowFunctionConfig => on(method, function::show),
        Operation::UpdateFunctionConfig => on(method, function::update),
        Operation::UpdateFunctionMaxInstanceConfig => on(method, function::limit),
        Operation::ShowFunctionCode => on(method, code::show),
        Operation::UpdateFunctionCode => on(method, code::update),
        Operation::ListFunctionReservedInstances => on(method, reserved_instance::list),
        Operation::ListReservedInstanceConfigs => on(method, reserved_instance::configs),
        Operation::UpdateFunctionReservedInstancesCount => on(method, reserved_instance::update),
        Operation::ListFunctionVersions => on(method, version::list),
        Operation::CreateFunctionVersion => on(method, version::publish),
        Operation::ListVersionAliases => on(method, alias::list),
        Operation::CreateVersionAlias => on(method, alias::create),
        Operation::ShowVersionAlias => on(method, alias::show),
        Operation::UpdateVersionAlias => on(method, alias::update),
        Operation::DeleteVersionAlias => on(method, alias::remove),
        Operation::ListDependencies => on(method, dependency::list),
        Operation::CreateDependencyVersion => on(method, dependency::create),
        Operation::ListDependencyVersion => on(method, dependency::versions),
        Operation::ShowDependencyVersion => on(method, dependency::show),
        Operation::DeleteDependencyVersion => on(method, dependency::remove),
        Operation::ListActiveTrigger => on(method, trigger::of_project),
        Operation::ListTriggerTypes => on(method, trigger::types),
        Operation::ListFunctionTriggers => on(method, trigger::list),
        Operation::CreateFunctionTrigger => on(method, trigger::create),
        Operation::ShowFunctionTrigger => on(method, trigger::show),
        Operation::UpdateTrigger => on(method, trigger::update),
        Operation::DeleteFunctionTrigger => on(method, trigger::remove),
        Operation::BatchDeleteFunctionTriggers => on(method, trigger::remove_all),
        Operation::ListQuotas => on(method, quota::list),
        Operation::ShowFunctionAsyncInvokeConfig => on(method, async_policy::show),
        Operation::UpdateFunctionAsyncInvokeConfig => on(method, async_policy::put),
        Operation::DeleteFunctionAsyncInvokeConfig => on(method, async_policy::remove),
        Operation::ListFunctionAsyncInvokeConfig => on(method, async_policy::list),
        Operation::EnableAsyncStatusLog => on(method, status_log::enable),
        Operation::ShowProjectAsyncStatusLogInfo => on(method, status_log::detail),
        Operation::EnableLtsLogs => on(method, log::enable),
        Operation::ShowLtsLogDetails => on(method, log::detail),
        Operation::InvokeFunction => on(method, invocation::run),
        Operation::AsyncInvokeFunction => on(method, invocation::accept),
        Operation::ListAsyncInvocations => on(method, invocation::list),
        Operation::ListActiveAsyncInvocations => on(method, invocation::list_active),
        Operation::CancelAsyncInvocation => on(method, invocation::cancel),
        Operation::ShowProjectTagsList => on(method, tag::of_project),
        Operation::ListFunctionTags => on(method, tag::of_function),
        Operation::CreateTags => on(method, tag::create),
        Operation::DeleteTags => on(method, tag::remove),
        Operation::ShowResInstanceInfo => on(method, resource_instance::filter),
        Operation::CountResInstances => on(method, resource_instance::count),
        Operation::ShowTrace => on(method, trace::show),
        Operation::ShowLog => on(method, log::page),
        Operation::KeystoneListProjects => return None,
    })
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
