//! Operating the server as a process: what it prints, who can connect, and what others can read.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use fgctl::server;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::invoke::has_python;
use crate::process::{Process, finish, text};
use crate::server_harness::{client, function, runnable};
use crate::server_process::ready_with;

const SECRET: &str = "s3cr3t-in-a-payload";

pub(crate) struct Operated {
    process: Process,
    url: String,
    token: String,
    client: reqwest::Client,
}

impl Operated {
    pub(crate) fn start(data: &Path, before: &str, flags: &[&str]) -> Self {
        Self::of(ready_with(before, data, flags), data)
    }

    /// A running server, with its address.
    pub(crate) fn of((process, address): (Process, String), data: &Path) -> Self {
        let credentials = server::credentials(data).expect("credentials");
        let port = address.rsplit(':').next().expect("a port");
        let url = format!("http://127.0.0.1:{port}/v2/{}", credentials.project_id);
        let token = credentials.token.expose_secret().to_owned();
        Self { process, url, token, client: client() }
    }

    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    pub(crate) async fn send(&self, method: reqwest::Method, rest: &str, body: &Value) -> u16 {
        self.answer(method, rest, body).await.status().as_u16()
    }

    /// The JSON of an answer.
    pub(crate) async fn ask(&self, method: reqwest::Method, rest: &str, body: &Value) -> Value {
        let text = self.answer(method, rest, body).await.text().await.expect("the whole answer");
        serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}"))
    }

    async fn answer(&self, method: reqwest::Method, rest: &str, body: &Value) -> reqwest::Response {
        let request = self.client.request(method, format!("{}{rest}", self.url)).header("x-auth-token", &self.token);
        request.body(body.to_string()).send().await.expect("an answer")
    }

    /// Waits for the line about the isolation of functions. From then on, the server can run them.
    pub(crate) fn until_isolated(&self) {
        let line = self.process.error_line();
        assert!(line.contains("isolate"), "{line}");
    }

    /// Waits for the line of an attempt with this result code.
    pub(crate) fn until_attempt(&self, request_id: &str, result_code: i64) {
        loop {
            let line = self.process.error_line();
            let line: Value = serde_json::from_str(&line).unwrap_or_default();
            if line["event"] == "attempt" && line["request_id"] == request_id && line["result_code"] == result_code {
                return;
            }
        }
    }

    /// Stops the server, and returns what it printed on standard error.
    fn said(self) -> String {
        self.process.signal("-TERM");
        text(&self.process.end().stderr)
    }
}

#[tokio::test]
async fn each_request_and_each_attempt_is_a_line() {
    if !has_python() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let operated = Operated::start(&folder.path().join("data"), "true", &["-v", "--log-format", "json"]);
    let body = runnable("f", "def handler(event, context):\n    raise ValueError(event)\n");
    assert_eq!(operated.send(reqwest::Method::POST, "/fgs/functions", &body).await, 200);
    let event = json!({ "password": SECRET });
    assert_eq!(operated.send(reqwest::Method::POST, "/fgs/functions/f/invocations", &event).await, 500);
    assert_eq!(operated.send(reqwest::Method::GET, "/fgs/functions/%0d%0aforged?x=1/config", &Value::Null).await, 404);
    let token = operated.token.clone();
    let said = operated.said();
    let lines: Vec<Value> = said.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let of = |event: &str| lines.iter().filter(|line| line["event"] == event).cloned().collect::<Vec<_>>();
    let statuses: Vec<u64> = of("request").iter().filter_map(|line| line["status"].as_u64()).collect();
    assert_eq!(statuses, [200, 500, 404], "{said}");
    assert!(of("request")[2]["path"].as_str().is_some_and(|path| path.ends_with("%0d%0aforged")), "{said}");
    let attempt = &of("attempt")[0];
    assert_eq!((&attempt["result_code"], &attempt["attempt"]), (&json!(4002), &Value::Null), "{said}");
    assert!(!said.contains(SECRET) && !said.contains(&token), "{said}");
}

#[tokio::test]
async fn without_verbose_nothing_is_printed() {
    let folder = tempfile::tempdir().expect("a folder");
    let operated = Operated::start(&folder.path().join("data"), "true", &[]);
    assert_eq!(operated.send(reqwest::Method::GET, "/fgs/functions", &Value::Null).await, 200);
    let said = operated.said();
    assert!(!said.contains("/fgs/functions"), "{said}");
}

#[tokio::test]
async fn other_machines_can_connect_only_with_expose() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let mut operated = Operated::start(&data, "true", &["--listen", "0.0.0.0:0", "--expose"]);
    assert_eq!(operated.send(reqwest::Method::GET, "/fgs/functions", &Value::Null).await, 200);
    operated.token = "wrong".to_owned();
    assert_eq!(operated.send(reqwest::Method::GET, "/fgs/functions", &Value::Null).await, 401);
    // Other commands on the directory find this server.
    let mut whoami = Command::new(env!("CARGO_BIN_EXE_fgctl"));
    let listed = finish(whoami.args(["whoami", &format!("--local={}", data.display())]));
    assert!(listed.status.success(), "{}", String::from_utf8_lossy(&listed.stderr));
    let said = operated.said();
    assert!(said.contains("warning: other machines can reach 0.0.0.0:"), "{said}");
}

/// Regardless of the umask, and of the permissions that an earlier server or `mkdir` set.
#[tokio::test]
async fn other_users_cannot_read_the_data_directory() {
    if !has_python() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    std::fs::create_dir(&data).expect("a directory");
    std::fs::set_permissions(&data, std::fs::Permissions::from_mode(0o777)).expect("open to all");
    let operated = Operated::start(&data, "umask 000", &[]);
    assert_eq!(operated.send(reqwest::Method::POST, "/fgs/functions", &function("f")).await, 200);
    assert_eq!(operated.send(reqwest::Method::POST, "/fgs/functions/f/invocations", &json!({})).await, 200);
    let mode = |path: &Path| path.metadata().expect("the file exists").permissions().mode() & 0o777;
    assert_eq!(mode(&data), 0o700);
    for entry in std::fs::read_dir(&data).expect("it is readable").map(|entry| entry.expect("an entry").path()) {
        assert_eq!(mode(&entry) & 0o077, 0, "{} has mode {:o}", entry.display(), mode(&entry));
    }
}
