//! The server as a process that is killed and restarted, and what the system reports about it.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use reqwest::Method;
use secrecy::ExposeSecret;
use serde_json::Value;

const FGCTL: &str = env!("CARGO_BIN_EXE_fgctl");

pub(crate) struct Served {
    pub(crate) data: PathBuf,
    flags: Vec<String>,
    state: Mutex<State>,
    client: reqwest::Client,
}

struct State {
    process: Child,
    address: String,
    project_id: String,
    token: String,
}

impl Drop for Served {
    fn drop(&mut self) {
        let mut state = self.state();
        let _ = state.process.kill();
        let _ = state.process.wait();
    }
}

impl Served {
    pub(crate) async fn start(data: &Path, flags: &[String]) -> Self {
        let state = Mutex::new(launch(data, flags).await.0);
        let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(30)).build().expect("a client");
        Self { data: data.to_owned(), flags: flags.to_vec(), state, client }
    }

    /// Kills the server and starts another; returns how long that one took to become ready.
    pub(crate) async fn kill(&self) -> Duration {
        {
            let mut state = self.state();
            state.process.kill().expect("the kill succeeds");
            state.process.wait().expect("it ends");
        }
        let (state, took) = launch(&self.data, &self.flags).await;
        *self.state() = state;
        took
    }

    /// Stops the server; returns how long it took, if it ended.
    pub(crate) async fn stop(&self, patience: Duration) -> Option<Duration> {
        let (began, id) = (Instant::now(), self.process_id());
        Command::new("kill").arg(id.to_string()).status().expect("kill");
        while began.elapsed() < patience {
            if self.state().process.try_wait().expect("its end").is_some() {
                return Some(began.elapsed());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        None
    }

    /// The status and the body of an answer; `None` if the server ends before it answers.
    pub(crate) async fn send(&self, method: Method, rest: &str, body: &Value) -> Option<(u16, Value)> {
        let (url, token) = {
            let state = self.state();
            (format!("http://{}/v2/{}{rest}", state.address, state.project_id), state.token.clone())
        };
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let response = self.client.request(method, url).header("x-auth-token", token).body(body).send().await.ok()?;
        let status = response.status().as_u16();
        Some((status, serde_json::from_slice(&response.bytes().await.ok()?).unwrap_or_default()))
    }

    pub(crate) fn address(&self) -> String {
        self.state().address.clone()
    }

    pub(crate) fn process_id(&self) -> u32 {
        self.state().process.id()
    }

    /// The resident memory of the server's process in MB.
    pub(crate) fn memory(&self) -> Option<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process_id())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        line.trim().strip_suffix(" kB")?.parse::<f64>().ok().map(|kilobytes| kilobytes / 1000.0)
    }

    pub(crate) fn descriptors(&self) -> Option<usize> {
        Some(std::fs::read_dir(format!("/proc/{}/fd", self.process_id())).ok()?.count())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn launch(data: &Path, flags: &[String]) -> (State, Duration) {
    let (data, flags) = (data.to_owned(), flags.to_vec());
    let launching = tokio::task::spawn_blocking(move || {
        let began = Instant::now();
        let mut command = Command::new(FGCTL);
        command.args(["serve", "--retry-wait", "100ms", "--data"]).arg(&data).args(flags);
        let mut process = command.stdout(Stdio::piped()).spawn().expect("the server starts");
        let mut line = String::new();
        let stdout = process.stdout.take().expect("its output");
        BufReader::new(stdout).read_line(&mut line).expect("it prints its address");
        let took = began.elapsed();
        let address = line.trim().strip_prefix("listening on http://").expect("an address").to_owned();
        let credentials = fgctl::server::credentials(&data).expect("credentials");
        let token = credentials.token.expose_secret().to_owned();
        (State { process, address, project_id: credentials.project_id, token }, took)
    });
    launching.await.expect("no panic")
}
