//! A separate server for each test: an empty data directory, a free port, and requests signed with its keys.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use fgctl::server::{self, Settings};
use fgctl::wire::signature::{self, Credentials};
use reqwest::header::HeaderMap;
use reqwest::{Method, StatusCode};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::patience::{PATIENCE, within};

pub(crate) struct Server {
    /// Deleted when the test ends.
    pub(crate) directory: TempDir,
    pub(crate) running: server::Server,
    client: reqwest::Client,
}

/// An answer, read completely.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) request_id: String,
    pub(crate) headers: HeaderMap,
    /// Null if there is no body.
    pub(crate) body: Value,
}

impl Server {
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    /// Starts a server with changed settings.
    pub(crate) async fn start_with(change: impl FnOnce(&mut Settings)) -> Self {
        let directory = tempfile::tempdir().expect("a directory for the test");
        let running = start_in(directory.path(), change).await;
        Self { directory, running, client: client() }
    }

    /// Stops the server and starts another one with its data.
    pub(crate) async fn restart(self) -> Self {
        let Self { directory, running, client } = self;
        within("the end of the server", running.stop()).await;
        let running = start_in(directory.path(), |_| {}).await;
        Self { directory, running, client }
    }

    /// Stops the server, applies a change to its data, and starts another one.
    pub(crate) async fn restart_after(
        self,
        work: impl FnOnce(&std::path::Path),
        change: impl FnOnce(&mut Settings),
    ) -> Self {
        let Self { directory, running, client } = self;
        within("the end of the server", running.stop()).await;
        work(directory.path());
        let running = start_in(directory.path(), change).await;
        Self { directory, running, client }
    }

    pub(crate) fn credentials(&self) -> &server::Credentials {
        &self.running.function_graph.credentials
    }

    /// Waits until nothing is queued, running, or waiting for delivery.
    pub(crate) async fn quiet(&self) {
        within("a quiet server", self.running.function_graph.quiet()).await;
    }

    /// A path within the server's project, from a rest such as `/fgs/functions`.
    pub(crate) fn path(&self, rest: &str) -> String {
        format!("/v2/{}{rest}", self.credentials().project_id)
    }

    /// The URN of a function in the default package, without a version.
    pub(crate) fn urn(&self, name: &str) -> String {
        format!("urn:fss:{}:{}:function:default:{name}", self.credentials().region, self.credentials().project_id)
    }

    /// Sends a signed request to a path within the project.
    pub(crate) async fn send(&self, method: Method, rest: &str, body: Option<Value>) -> Reply {
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        self.send_text(method, rest, body).await
    }

    pub(crate) async fn get(&self, rest: &str) -> Reply {
        self.send(Method::GET, rest, None).await
    }

    pub(crate) async fn post(&self, rest: &str, body: Value) -> Reply {
        self.send(Method::POST, rest, Some(body)).await
    }

    pub(crate) async fn put(&self, rest: &str, body: Value) -> Reply {
        self.send(Method::PUT, rest, Some(body)).await
    }

    pub(crate) async fn delete(&self, rest: &str) -> Reply {
        self.send(Method::DELETE, rest, None).await
    }

    /// Like [`Self::send`], with a body that need not be JSON.
    pub(crate) async fn send_text(&self, method: Method, rest: &str, body: String) -> Reply {
        self.send_with(method, rest, body, &[]).await
    }

    /// Like [`Self::send_text`], with additional headers that are not signed.
    pub(crate) async fn send_with(&self, method: Method, rest: &str, body: String, more: &[(&str, &str)]) -> Reply {
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let path = self.path(path);
        let date = signature::date(jiff::Timestamp::now());
        let headers = [("content-type", "application/json"), ("x-sdk-date", &date)];
        let request = signature::SignableRequest {
            method: method.as_str(),
            path: &path,
            query,
            headers: &headers,
            body: body.as_bytes(),
        };
        let (access_key, secret_key) = (&*self.credentials().access_key, self.credentials().secret_key.expose_secret());
        let authorization = signature::authorization(&request, Credentials { access_key, secret_key });
        let request = self.request(method, rest).header("content-type", "application/json").header("x-sdk-date", &date);
        let request = more.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        reply(request.header("authorization", authorization).body(body)).await
    }

    /// A request without credentials.
    pub(crate) fn request(&self, method: Method, rest: &str) -> reqwest::RequestBuilder {
        self.client.request(method, format!("http://{}{}", self.running.address, self.path(rest)))
    }

    /// Posts with the token, and returns the status and the text of the answer, which need not be JSON.
    pub(crate) async fn post_text(&self, rest: &str, body: &'static str) -> (StatusCode, String) {
        let request = self.request(Method::POST, rest).header("X-Auth-Token", self.credentials().token.expose_secret());
        let response = request.body(body).send().await.expect("an answer");
        (response.status(), response.text().await.expect("the whole answer"))
    }

    /// Creates an ordinary function and checks that this worked.
    pub(crate) async fn create_function(&self, name: &str) -> Value {
        let reply = self.post("/fgs/functions", function(name)).await;
        assert_eq!(reply.status, StatusCode::OK, "{reply:?}");
        reply.body
    }
}

impl Reply {
    /// The status and the service's error code.
    pub(crate) fn error(&self) -> (u16, &str) {
        (self.status.as_u16(), self.body["error_code"].as_str().unwrap_or_default())
    }
}

/// The URL of a port that is in use, but on which no server listens.
pub(crate) fn nobody() -> (tokio::net::TcpSocket, String) {
    let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
    socket.bind("127.0.0.1:0".parse().expect("an address")).expect("a free port");
    let url = format!("http://{}", socket.local_addr().expect("an address"));
    (socket, url)
}

/// The body that creates a function.
pub(crate) fn function(name: &str) -> Value {
    json!({
        "func_name": name,
        "package": "default",
        "runtime": "Python3.9",
        "timeout": 3,
        "handler": "index.handler",
        "memory_size": 128,
        "code_type": "inline",
        "func_code": { "file": "ZGVmIGhhbmRsZXIoZXZlbnQsIGNvbnRleHQpOgogICAgcmV0dXJuIDEK" },
    })
}

/// The body that creates a function to run. Its timeout leaves a busy machine time to start the interpreter.
pub(crate) fn runnable(name: &str, source: &str) -> Value {
    let mut body = function(name);
    body["timeout"] = json!(60);
    body["func_code"]["file"] = json!(STANDARD.encode(source));
    body
}

/// Sends a request and reads the answer.
pub(crate) async fn reply(request: reqwest::RequestBuilder) -> Reply {
    let response = request.send().await.expect("an answer");
    let status = response.status();
    let headers = response.headers().clone();
    let request_id = headers["x-request-id"].to_str().expect("text").to_owned();
    let text = response.text().await.expect("the whole answer");
    let body = if text.is_empty() { Value::Null } else { serde_json::from_str(&text).expect("JSON") };
    Reply { status, request_id, headers, body }
}

async fn start_in(directory: &std::path::Path, change: impl FnOnce(&mut Settings)) -> server::Server {
    let mut settings = Settings::new(directory, "the test");
    settings.options.search_path = std::env::var_os("PATH").expect("a search path");
    settings.options.launcher = cfg!(target_os = "linux").then(|| env!("CARGO_BIN_EXE_fgctl").into());
    change(&mut settings);
    within("the start of the server", server::start(settings)).await.expect("a server")
}

/// A client that connects to the server directly, regardless of proxy variables.
pub(crate) fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().expect("a client")
}
