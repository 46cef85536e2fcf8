//! A project to reconcile: a server, a proxy in front of it that records and disturbs requests, a folder with
//! manifests, and the program.

use axum::http::Method;
use secrecy::ExposeSecret;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use tempfile::TempDir;
use tokio::sync::Notify;

use crate::process::{finished, is_progress};
use crate::recorder::{Effect, Recorded, Recorder};
use crate::server_harness::Server;

/// The project of every world, so that tests can compare messages that contain it.
pub(crate) const PROJECT: &str = "0123456789abcdef0123456789abcdef";

pub(crate) struct World {
    pub(crate) server: Server,
    /// The folder with the manifests, in which the program runs.
    pub(crate) folder: TempDir,
    pub(crate) recorder: Recorder,
}

/// The program's output and exit code.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) arguments: Vec<String>,
    /// Where it ran.
    pub(crate) folder: PathBuf,
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl World {
    pub(crate) async fn new() -> Self {
        let server = Server::start_with(|settings| settings.options.overrides.project_id = Some(PROJECT.into())).await;
        let recorder = Recorder::start(&format!("http://{}", server.running.address)).await;
        Self { server, folder: tempfile::tempdir().expect("a folder"), recorder }
    }

    /// Writes the manifest for the next commands.
    pub(crate) fn manifest(&self, text: &str) {
        self.file("fgctl.yaml", text);
    }

    pub(crate) fn file(&self, path: &str, text: &str) {
        let path = self.folder.path().join(path);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("the folder is made");
        std::fs::write(path, text).expect("the file is written");
    }

    /// The report `report.json`, which the next command has to write again.
    pub(crate) fn report(&self) -> Value {
        let path = self.folder.path().join("report.json");
        let text = std::fs::read_to_string(&path).expect("a report");
        std::fs::remove_file(path).expect("removed");
        serde_json::from_str(&text).expect("JSON")
    }

    /// Copies an example of the repository into the folder.
    pub(crate) fn example(&self, name: &str) {
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(name);
        for entry in walkdir::WalkDir::new(&from) {
            let entry = entry.expect("an entry");
            let inside = entry.path().strip_prefix(&from).expect("a path inside");
            if entry.file_type().is_file() {
                let text = std::fs::read_to_string(entry.path()).expect("an example is text");
                self.file(&inside.to_string_lossy(), &text);
            }
        }
    }

    /// A command of the program, in the folder and with the proxy as its endpoint.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let credentials = self.server.credentials();
        let mut command = Command::new(env!("CARGO_BIN_EXE_fgctl"));
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env("FGCTL_ENDPOINT", self.recorder.url())
            .env("FGCTL_REGION", &credentials.region)
            .env("FGCTL_PROJECT_ID", &credentials.project_id)
            .env("FGCTL_ACCESS_KEY", &credentials.access_key)
            .env("FGCTL_SECRET_KEY", credentials.secret_key.expose_secret());
        command
    }

    pub(crate) async fn run(&self, arguments: &[&str]) -> Ran {
        self.run_with(&[], arguments).await
    }

    pub(crate) async fn run_with(&self, variables: &[(&str, &str)], arguments: &[&str]) -> Ran {
        let mut command = self.command(arguments);
        command.envs(variables.iter().copied());
        Ran::of(arguments, self.folder.path(), finished(command).await)
    }

    /// Applies without a confirmation, and expects success.
    pub(crate) async fn apply(&self) -> Ran {
        let ran = self.run(&["apply", "--auto-approve"]).await;
        assert_eq!(ran.code, Some(0), "{ran:?}");
        ran
    }

    /// The plan as JSON, with any exit code.
    pub(crate) async fn plan(&self, more: &[&str]) -> Value {
        self.run(&[&["plan", "-o", "json"], more].concat()).await.json()
    }

    /// Action and address of every change of a plan.
    pub(crate) async fn planned(&self, more: &[&str]) -> Vec<String> {
        let plan = self.plan(more).await;
        let changes = plan["changes"].as_array().unwrap_or_else(|| panic!("no changes in {plan}"));
        let text = |value: &Value| value.as_str().expect("text").to_owned();
        changes.iter().map(|change| format!("{} {}", text(&change["action"]), text(&change["address"]))).collect()
    }

    /// Disturbs the next request of this kind. The test fails if there is none.
    pub(crate) fn disturb(&self, method: Method, path: &'static str, effect: Effect) {
        self.recorder.disturb(method, path, effect);
    }

    /// Holds the next request of this kind. The first notification says that it has arrived; the second one lets it go.
    pub(crate) fn hold(&self, method: Method, path: &'static str) -> (Arc<Notify>, Arc<Notify>) {
        let (arrived, go) = (Arc::default(), Arc::default());
        self.disturb(method, path, Effect::Hold(Arc::clone(&arrived), Arc::clone(&go)));
        (arrived, go)
    }

    /// Someone else's request to a path within the project, sent just before another one is forwarded.
    pub(crate) fn edit(&self, method: Method, path: &str, body: Value) -> Effect {
        let token = self.server.credentials().token.expose_secret().to_owned();
        Effect::After { token, method, path: self.server.path(path), body }
    }

    /// A function's whole configuration with some fields changed, as a console sends it.
    pub(crate) async fn configuration(&self, name: &str, changes: Value) -> Value {
        let mut body = self.server.get(&format!("/fgs/functions/{}/config", self.server.urn(name))).await.body;
        if let (Value::Object(body), Value::Object(changes)) = (&mut body, changes) {
            body.extend(changes);
        }
        body
    }

    /// Changes fields of a function as someone else.
    pub(crate) async fn reconfigure(&self, name: &str, changes: Value) {
        let body = self.configuration(name, changes).await;
        let reply = self.server.put(&format!("/fgs/functions/{}/config", self.server.urn(name)), body).await;
        assert!(reply.status.is_success(), "{reply:?}");
    }

    /// The requests since the last call.
    pub(crate) fn requests(&self) -> Vec<Recorded> {
        self.recorder.take()
    }

    /// The requests since the last call that change something.
    pub(crate) fn writes(&self) -> Vec<Recorded> {
        self.requests().into_iter().filter(Recorded::is_write).collect()
    }
}

impl Ran {
    pub(crate) fn of(arguments: &[&str], folder: &Path, output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("the program prints UTF-8");
        let arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        let without_progress = |text: String| text.split_inclusive('\n').filter(|line| !is_progress(line)).collect();
        let (stdout, stderr) = (text(output.stdout), without_progress(text(output.stderr)));
        Self { arguments, folder: folder.to_owned(), code: output.status.code(), stdout, stderr }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}
