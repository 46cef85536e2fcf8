//! The HTTP API of the custom runtime: a `bootstrap` requests work and posts the result.
//!
//! Each worker has its own port on loopback. The contract has no credentials. On Linux, only processes of this user can
//! connect; on other systems, only a process that has the random request id can answer the request.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Path, State};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use tokio::sync::{Notify, mpsc, oneshot};

use crate::rules::quota::RESULT_BYTES;

use super::super::fault;
use super::super::{Call, Fault, Kind, Payload, RunResult};
use super::peer::OwnListener;

/// The API of one worker. It stops when this is dropped.
pub(super) struct Api {
    pub(super) address: SocketAddr,
    work: mpsc::Sender<Work>,
    desk: Arc<Desk>,
    serving: tokio::task::JoinHandle<()>,
}

struct Work {
    request_id: String,
    event: Bytes,
    kind: Kind,
    answer: Respond,
}

type Respond = oneshot::Sender<RunResult>;

struct Desk {
    work: tokio::sync::Mutex<mpsc::Receiver<Work>>,
    asked: Notify,
    /// The request that the program is working on.
    current: Mutex<Option<(String, Respond)>>,
}

impl Api {
    pub(super) async fn open() -> io::Result<Self> {
        let listener = OwnListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await?;
        let address = listener.address();
        let (work, waiting) = mpsc::channel(1);
        let desk = Arc::new(Desk { work: waiting.into(), asked: Notify::new(), current: Mutex::default() });
        let router = Router::new()
            .route("/v1/runtime/invocation/request", get(request))
            .route("/v1/runtime/invocation/response/{request_id}", post(response))
            .route("/v1/runtime/invocation/error/{request_id}", post(error))
            .with_state(Arc::clone(&desk));
        let serving = axum::serve(listener, router).into_future();
        let serving = tokio::spawn(async { drop(serving.await) });
        Ok(Self { address, work, desk, serving })
    }

    /// Waits until the program has requested work.
    pub(super) async fn ready(&self) -> io::Result<()> {
        self.desk.asked.notified().await;
        Ok(())
    }

    /// Gives a call to the program and waits for the result.
    pub(super) async fn ask(&self, call: &Call) -> io::Result<RunResult> {
        let Call { request_id, event, kind, canceled: _ } = call;
        let (answer, answered) = oneshot::channel();
        let work = Work { request_id: request_id.clone(), event: event.clone(), kind: *kind, answer };
        self.work.send(work).await.map_err(io::Error::other)?;
        answered.await.map_err(io::Error::other)
    }

    /// Whether the program has received this request.
    pub(super) fn has_taken(&self, request_id: &str) -> bool {
        let current = self.desk.current.lock().unwrap_or_else(PoisonError::into_inner);
        current.as_ref().is_some_and(|(current, _)| current == request_id)
    }
}

impl Drop for Api {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Desk {
    /// Takes the answer channel, if this is the current request.
    fn take(&self, request_id: &str) -> Option<Respond> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        current.take_if(|(current, _)| current == request_id).map(|(_, answer)| answer)
    }
}

async fn request(State(desk): State<Arc<Desk>>) -> Response {
    desk.asked.notify_one();
    let Some(work) = desk.work.lock().await.recv().await else { return StatusCode::GONE.into_response() };
    let Work { request_id, event, kind, answer } = work;
    *desk.current.lock().unwrap_or_else(PoisonError::into_inner) = Some((request_id.clone(), answer));
    let kind = match kind {
        Kind::Sync => "sync",
        Kind::Async => "async",
    };
    let headers = [
        ("content-type", "application/json"),
        ("x-cff-request-id", &request_id),
        ("x-cff-invoke-type", kind),
        // There is no agency here.
        ("x-cff-access-key", ""),
        ("x-cff-secret-key", ""),
        ("x-cff-security-token", ""),
        ("x-cff-auth-token", ""),
    ];
    (headers, event).into_response()
}

async fn response(
    State(desk): State<Arc<Desk>>,
    Path(request_id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> StatusCode {
    let is_json = header(&headers, &CONTENT_TYPE).is_some_and(|kind| kind.starts_with("application/json"));
    let (status, result) = match to_bytes(body, RESULT_BYTES).await {
        Ok(body) => (StatusCode::OK, Ok(Payload { body: body.into(), is_json })),
        Err(_) => (StatusCode::PAYLOAD_TOO_LARGE, Err(too_large(&headers))),
    };
    desk.settle(&request_id, status, result)
}

async fn error(State(desk): State<Arc<Desk>>, Path(request_id): Path<String>, body: Body) -> StatusCode {
    let (status, fault) = match to_bytes(body, RESULT_BYTES).await {
        Ok(body) => (StatusCode::OK, Fault::reported(fault::FAILED, &body)),
        Err(_) => (StatusCode::PAYLOAD_TOO_LARGE, Fault::reported(fault::FAILED, b"an error of more than 6 MB")),
    };
    desk.settle(&request_id, status, Err(fault))
}

impl Desk {
    /// Ends the request. Returns 404 if it is not the current one.
    fn settle(&self, request_id: &str, status: StatusCode, result: RunResult) -> StatusCode {
        match self.take(request_id).map(|answer| answer.send(result)) {
            Some(_) => status,
            None => StatusCode::NOT_FOUND,
        }
    }
}

fn too_large(headers: &HeaderMap) -> Fault {
    let size = header(headers, &CONTENT_LENGTH).and_then(|length| length.parse().ok());
    Fault::too_large(size.unwrap_or(RESULT_BYTES + 1), RESULT_BYTES)
}

fn header<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}
