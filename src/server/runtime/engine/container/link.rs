//! The HTTP contract of container images: a server on port 8000 that answers `POST /init` and `POST /invoke`.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Response, StatusCode};
use serde_json::Value;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use crate::rules::quota::RESULT_BYTES;

use super::super::super::{Call, Deployment, Fault, Identity, Kind, Payload, RunResult};
use super::Container;

/// The wait between two checks of a starting container.
const PAUSE: Duration = Duration::from_millis(50);
/// How long a connection must stay open to count as accepted. Docker accepts it itself, and closes it at once if the
/// container's server does not listen yet.
const ACCEPTED: Duration = Duration::from_millis(50);

/// The server's end of the link to one container.
pub(in super::super) struct ContainerLink {
    container: Container,
    client: Client,
    /// Known once the container is ready.
    address: Option<SocketAddr>,
    /// What every request contains about the function.
    headers: HeaderMap,
}

impl ContainerLink {
    pub(in super::super) fn new(container: Container, deployment: &Deployment) -> io::Result<Self> {
        let client = Client::builder()
            .no_proxy()
            // Certificates are needed only for TLS.
            .tls_certs_only([])
            .redirect(reqwest::redirect::Policy::none())
            // A server may close an idle connection just when the next request is sent.
            .pool_max_idle_per_host(0)
            .build();
        Ok(Self { container, client: client.map_err(io::Error::other)?, address: None, headers: headers(deployment) })
    }

    /// Waits until the function's server accepts connections.
    pub(in super::super) async fn ready(&mut self) -> io::Result<()> {
        loop {
            if self.address.is_none() {
                self.address = self.container.address().await;
            }
            if let Some(address) = self.address
                && accepts(address).await
            {
                return Ok(());
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Runs the function's initializer.
    pub(in super::super) async fn initialize(&self, request_id: &str) -> io::Result<ContainerAnswer> {
        let headers = HeaderMap::from_iter([(HeaderName::from_static("x-cff-request-id"), text(request_id))]);
        self.post("/init", headers, Bytes::new()).await
    }

    /// Gives a call to the function's server and waits for its answer.
    pub(in super::super) async fn invoke(&self, call: &Call) -> io::Result<ContainerAnswer> {
        let Call { request_id, event, kind, canceled: _ } = call;
        let kind = match kind {
            Kind::Sync => "sync",
            Kind::Async => "async",
        };
        let headers = HeaderMap::from_iter([
            (HeaderName::from_static("x-cff-request-id"), text(request_id)),
            (HeaderName::from_static("x-cff-invoke-type"), text(kind)),
        ]);
        self.post("/invoke", headers, event.clone()).await
    }

    async fn post(&self, path: &'static str, headers: HeaderMap, body: Bytes) -> io::Result<ContainerAnswer> {
        let address = self.address.ok_or(io::ErrorKind::NotConnected)?;
        let request = self.client.post(format!("http://{address}{path}"));
        let request = request.header(CONTENT_TYPE, "application/json").headers(self.headers.clone()).headers(headers);
        ContainerAnswer::read(path, request.body(body).send().await.map_err(io::Error::other)?).await
    }
}

/// An answer of the function's server.
pub(in super::super) struct ContainerAnswer {
    /// Of the request.
    path: &'static str,
    status: StatusCode,
    is_json: bool,
    /// Incomplete if it is too large.
    body: Vec<u8>,
    /// The size of the body, as far as it is known.
    size: usize,
}

impl ContainerAnswer {
    async fn read(path: &'static str, mut answer: Response) -> io::Result<Self> {
        let is_json =
            answer.headers().get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"));
        let announced = answer.content_length().and_then(|length| usize::try_from(length).ok()).unwrap_or_default();
        let mut body = Vec::new();
        while announced.max(body.len()) <= RESULT_BYTES
            && let Some(part) = answer.chunk().await.map_err(io::Error::other)?
        {
            body.extend_from_slice(&part);
        }
        let size = announced.max(body.len());
        Ok(Self { path, status: answer.status(), is_json, body, size })
    }

    /// The result. Everything except 200 is a failure, which gets this code.
    pub(in super::super) fn result(self, code: i32) -> RunResult {
        let Self { path, status, is_json, body, size } = self;
        if size > RESULT_BYTES {
            return Err(Fault::too_large(size, RESULT_BYTES));
        }
        if status == StatusCode::OK {
            return Ok(Payload { body, is_json });
        }
        Err(failure(code, &format!("POST {path} with {status}"), &body))
    }
}

/// Whether a server at this address accepts connections and waits for a request.
async fn accepts(address: SocketAddr) -> bool {
    let Ok(mut stream) = TcpStream::connect(address).await else { return false };
    match tokio::time::timeout(ACCEPTED, stream.read_u8()).await {
        Ok(read) => read.is_ok(),
        Err(_) => true,
    }
}

/// The headers of the service. There is no agency here, so the credentials are empty.
fn headers(deployment: &Deployment) -> HeaderMap {
    let Deployment { identity, timeout, memory, .. } = deployment;
    let Identity { project_id, package, name, version, urn, alias: _ } = identity;
    let known = [
        ("x-cff-region", text(urn.split(':').nth(2).unwrap_or_default())),
        ("x-cff-project-id", text(project_id)),
        ("x-cff-package", text(package)),
        ("x-cff-func-name", text(name)),
        ("x-cff-func-version", text(version)),
        ("x-cff-timeout", timeout.as_secs().into()),
        ("x-cff-memory", (*memory).into()),
    ];
    let credentials = ["x-cff-access-key", "x-cff-secret-key", "x-cff-security-token", "x-cff-auth-token"];
    let empty = credentials.map(|name| (name, HeaderValue::from_static("")));
    known.into_iter().chain(empty).map(|(name, value)| (HeaderName::from_static(name), value)).collect()
}

/// Names and ids contain only characters that a header can have.
fn text(value: &str) -> HeaderValue {
    HeaderValue::from_str(value).unwrap_or_else(|_| HeaderValue::from_static(""))
}

/// `answered` names the request and the status.
fn failure(code: i32, answered: &str, body: &[u8]) -> Fault {
    let is_failure_object = serde_json::from_slice::<Value>(body)
        .is_ok_and(|object| object.get("errorMessage").is_some_and(Value::is_string));
    if is_failure_object {
        return Fault::reported(code, body);
    }
    let text = String::from_utf8_lossy(body);
    let text = if text.trim().is_empty() { "there is no body".into() } else { text };
    Fault::new(code, "ContainerError", format!("the container answered {answered}: {text}"))
}
