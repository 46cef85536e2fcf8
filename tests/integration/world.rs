//! A project to reconcile: a server, a proxy in front of it that records and disturbs, a folder of manifests, and the
//! program itself.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use secrecy::ExposeSecret;
use serde_json::Value;
use std::net::SocketAddr;
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use tempfile::TempDir;
use tokio::sync::Notify;

use crate::server_harness::Server;

pub(crate) struct World {
    pub(crate) server: Server,
    /// Where manifests are, and the program runs.
    pub(crate) folder: TempDir,
    proxy: Arc<Proxy>,
    address: SocketAddr,
}

/// One request as the program sent it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Recorded {
    pub(crate) method: Method,
    /// Decoded, without the query.
    pub(crate) path: String,
    pub(crate) body: Value,
}

/// What happens to the first request that matches.
pub(crate) struct Disturbance {
    pub(crate) method: Method,
    /// Part of the decoded path.
    pub(crate) path: &'static str,
    pub(crate) effect: Effect,
}

pub(crate) enum Effect {
    /// The proxy answers itself; the server never hears of it.
    Answer(u16, &'static str),
    /// Somebody else sends a request first: method, path within the project, body.
    After(Method, String, Value),
    /// The request waits; the first says that it is there, the second lets it go.
    Hold(Arc<Notify>, Arc<Notify>),
}

struct Proxy {
    upstream: String,
    project: String,
    token: String,
    client: reqwest::Client,
    recorded: Mutex<Vec<Recorded>>,
    disturbances: Mutex<Vec<Disturbance>>,
}

/// What the program printed, and how it ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl World {
    pub(crate) async fn new() -> Self {
        let server = Server::start().await;
        let proxy = Arc::new(Proxy {
            upstream: format!("http://{}", server.running.address),
            project: server.path(""),
            token: server.running.token.expose_secret().to_owned(),
            client: reqwest::Client::builder().no_proxy().build().expect("a client"),
            recorded: Mutex::default(),
            disturbances: Mutex::default(),
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let router = axum::Router::new().fallback(pass).with_state(Arc::clone(&proxy));
        tokio::spawn(axum::serve(listener, router).into_future());
        Self { server, folder: tempfile::tempdir().expect("a folder"), proxy, address }
    }

    /// Writes the manifest that the next commands read.
    pub(crate) fn manifest(&self, text: &str) {
        self.file("fgctl.yaml", text);
    }

    pub(crate) fn file(&self, path: &str, text: &str) {
        let path = self.folder.path().join(path);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("the folder is made");
        std::fs::write(path, text).expect("the file is written");
    }

    /// Copies an example of the repository into the folder.
    pub(crate) fn example(&self, name: &str) {
        let from = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(name);
        for entry in walkdir::WalkDir::new(&from) {
            let entry = entry.expect("an entry");
            let inside = entry.path().strip_prefix(&from).expect("a path inside");
            if entry.file_type().is_file() {
                let text = std::fs::read_to_string(entry.path()).expect("an example is text");
                self.file(&inside.to_string_lossy(), &text);
            }
        }
    }

    /// A command of the program, in the folder and against the proxy.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let running = &self.server.running;
        let mut command = Command::new(env!("CARGO_BIN_EXE_fgctl"));
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env("FGCTL_ENDPOINT", format!("http://{}", self.address))
            .env("FGCTL_REGION", &running.region)
            .env("FGCTL_PROJECT_ID", &running.project_id)
            .env("FGCTL_ACCESS_KEY", &running.access_key)
            .env("FGCTL_SECRET_KEY", running.secret_key.expose_secret())
            .stdin(Stdio::null());
        command
    }

    pub(crate) async fn run(&self, arguments: &[&str]) -> Ran {
        self.finish(self.command(arguments)).await
    }

    pub(crate) async fn run_with(&self, variables: &[(&str, &str)], arguments: &[&str]) -> Ran {
        let mut command = self.command(arguments);
        command.envs(variables.iter().copied());
        self.finish(command).await
    }

    async fn finish(&self, mut command: Command) -> Ran {
        let output = tokio::task::spawn_blocking(move || command.output()).await;
        Ran::from(output.expect("the task ends").expect("the program runs"))
    }

    /// Applies without a question, and expects that all of it works.
    pub(crate) async fn apply(&self) -> Ran {
        let ran = self.run(&["apply", "--auto-approve"]).await;
        assert_eq!(ran.code, Some(0), "{ran:?}");
        ran
    }

    /// The plan as JSON, whatever the exit code.
    pub(crate) async fn plan(&self, more: &[&str]) -> Value {
        self.run(&[&["plan", "-o", "json"], more].concat()).await.json()
    }

    /// Action and address of every change that a plan has.
    pub(crate) async fn planned(&self, more: &[&str]) -> Vec<String> {
        let plan = self.plan(more).await;
        let changes = plan["changes"].as_array().unwrap_or_else(|| panic!("no changes in {plan}"));
        let text = |value: &Value| value.as_str().expect("text").to_owned();
        changes.iter().map(|change| format!("{} {}", text(&change["action"]), text(&change["address"]))).collect()
    }

    pub(crate) fn disturb(&self, method: Method, path: &'static str, effect: Effect) {
        self.proxy.disturbances.lock().expect("no panic").push(Disturbance { method, path, effect });
    }

    /// The requests since the last call.
    pub(crate) fn requests(&self) -> Vec<Recorded> {
        std::mem::take(&mut self.proxy.recorded.lock().expect("no panic"))
    }

    /// The requests since the last call that change something.
    pub(crate) fn writes(&self) -> Vec<Recorded> {
        self.requests().into_iter().filter(Recorded::is_write).collect()
    }
}

impl Recorded {
    fn is_write(&self) -> bool {
        self.method != Method::GET && !self.path.ends_with("/resource-instances/filter")
    }
}

impl Ran {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("the program prints UTF-8");
        Self { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

async fn pass(State(proxy): State<Arc<Proxy>>, method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let path = percent_encoding::percent_decode_str(uri.path()).decode_utf8_lossy().into_owned();
    let recorded = Recorded {
        method: method.clone(),
        path: path.clone(),
        body: serde_json::from_slice(&body).unwrap_or_default(),
    };
    proxy.recorded.lock().expect("no panic").push(recorded);
    let effect = {
        let mut disturbances = proxy.disturbances.lock().expect("no panic");
        let matching = disturbances.iter().position(|one| one.method == method && path.contains(one.path));
        matching.map(|index| disturbances.remove(index).effect)
    };
    match effect {
        None => {}
        Some(Effect::Answer(status, body)) => {
            let status = StatusCode::from_u16(status).expect("a status");
            return (status, [("x-request-id", "request-of-the-proxy")], body).into_response();
        }
        Some(Effect::After(method, path, body)) => {
            let url = format!("{}{}{path}", proxy.upstream, proxy.project);
            let request = proxy.client.request(method, url).header("x-auth-token", &proxy.token).json(&body);
            let answer = request.send().await.expect("an answer");
            assert!(answer.status().is_success(), "{:?}", answer.text().await);
        }
        Some(Effect::Hold(arrived, go)) => {
            arrived.notify_one();
            go.notified().await;
        }
    }
    forward(&proxy, method, &uri, headers, body).await
}

/// Headers and all, so that the signature still holds.
async fn forward(proxy: &Proxy, method: Method, uri: &Uri, headers: HeaderMap, body: Bytes) -> Response {
    let request = proxy.client.request(method, format!("{}{uri}", proxy.upstream)).headers(headers).body(body);
    let answer = request.send().await.expect("an answer");
    let (status, headers) = (answer.status(), answer.headers().clone());
    let id = headers.get("x-request-id").cloned();
    let mut response = (status, answer.bytes().await.expect("a whole answer")).into_response();
    if let Some(id) = id {
        response.headers_mut().insert("x-request-id", id);
    }
    response
}
