//! Functions of container images in real containers.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

use fgctl::server;
use reqwest::StatusCode;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::patience::block_until;
use crate::process::{Process, finish, text};
use crate::server_harness::{client, reply};
use crate::server_process::ready;

/// Names the program that runs containers, podman or docker. Without it, these tests are skipped.
const TOOL: &str = "FGCTL_TEST_CONTAINERS";
const SOURCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/containers/server.c");
const RECIPE: &str =
    "FROM scratch\nCOPY server /bin/server\nWORKDIR /\nENTRYPOINT [\"/bin/server\", \"from the image\"]\n";

/// An image of one test, which is removed with all its containers.
struct Image {
    tool: String,
    address: String,
}

/// Podman can fail if one image is removed while another one is built.
fn alone() -> MutexGuard<'static, ()> {
    static IMAGES: Mutex<()> = Mutex::new(());
    IMAGES.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Image {
    /// Builds the image, if the variable asks for it.
    fn build(name: &str) -> Option<Self> {
        let Ok(tool) = std::env::var(TOOL) else {
            // Writes directly to the stream, because the output of a passing test is captured.
            writeln!(std::io::stderr(), "skipped: real containers, because {TOOL} is not set").expect("standard error");
            return None;
        };
        let folder = tempfile::tempdir().expect("a folder");
        let server = folder.path().join("server");
        let mut compile = Command::new("cc");
        let compiled = finish(compile.args(["-static", "-O1", "-D_GNU_SOURCE", "-o"]).arg(&server).arg(SOURCE));
        let hint = "these tests need a C compiler and a static C library (Debian: gcc and libc6-dev)";
        assert!(compiled.status.success(), "{hint}: {}", text(&compiled.stderr));
        std::fs::write(folder.path().join("Containerfile"), RECIPE).expect("a file");
        let image = Self { tool, address: format!("swr.test.example.com/fgctl/{name}:{}", std::process::id()) };
        let containerfile = folder.path().join("Containerfile");
        let path = |path: &Path| path.to_str().expect("text").to_owned();
        let alone = alone();
        image.ask(&[
            "build",
            "--quiet",
            "--tag",
            &image.address,
            "--file",
            &path(&containerfile),
            &path(folder.path()),
        ]);
        drop(alone);
        Some(image)
    }

    /// What a command prints. It must succeed.
    fn ask(&self, arguments: &[&str]) -> String {
        let output = finish(Command::new(&self.tool).args(arguments).stdin(Stdio::null()));
        assert!(output.status.success(), "{} {arguments:?}: {}", self.tool, text(&output.stderr));
        text(&output.stdout)
    }

    fn containers(&self) -> Vec<String> {
        let filter = format!("ancestor={}", self.address);
        self.ask(&["ps", "--all", "--quiet", "--filter", &filter]).lines().map(str::to_owned).collect()
    }

    fn until_no_container_is_left(&self, after: &str) {
        block_until(format!("the end of the containers after {after}"), || self.containers().is_empty());
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        let _alone = alone();
        // It fails while a server that was just killed still removes its containers.
        let mut remove = Command::new(&self.tool);
        remove.args(["rmi", "--force", &self.address]);
        let _ = (0..20).find(|_| finish(&mut remove).status.success());
    }
}

/// A server as a process, and requests with its token.
struct Served {
    process: Process,
    address: String,
    credentials: server::Credentials,
}

impl Served {
    fn start(data: &Path) -> Self {
        let (process, address) = ready(data, &[]);
        let credentials = server::credentials(data).expect("the server's credentials");
        Self { process, address, credentials }
    }

    async fn post(&self, rest: &str, body: Value) -> (StatusCode, Value) {
        let url = format!("http://{}/v2/{}{rest}", self.address, self.credentials.project_id);
        let request = client().post(url).header("X-Auth-Token", self.credentials.token.expose_secret());
        let reply = reply(request.body(body.to_string())).await;
        (reply.status, reply.body)
    }

    async fn create(&self, name: &str, custom_image: Value, more: Value) {
        let mut body = json!({
            "func_name": name, "package": "default", "runtime": "Custom Image", "timeout": 60, "handler": "-",
            "memory_size": 128, "code_type": "Custom-Image-Swr", "xrole": "agency", "custom_image": custom_image,
        });
        if let (Value::Object(body), Value::Object(more)) = (&mut body, more) {
            body.extend(more);
        }
        let (status, answer) = self.post("/fgs/functions", body).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
    }

    /// The result of a synchronous call, or the failure object.
    async fn invoke(&self, name: &str, event: Value) -> Value {
        self.post(&format!("/fgs/functions/{name}/invocations"), event).await.1
    }
}

#[tokio::test]
async fn an_image_function_runs_as_it_is_declared() {
    let Some(image) = Image::build("declared") else { return };
    let data = tempfile::tempdir().expect("a directory");
    let served = Served::start(data.path());
    let variables = json!({
        "user_data": json!({ "GREETING": "hello world" }).to_string(),
        "encrypted_user_data": json!({ "TOKEN": "hidden" }).to_string(),
        "initializer_handler": "-", "initializer_timeout": 30,
    });
    served.create("plain", json!({ "enabled": true, "image": image.address }), variables).await;
    for event in [1, 2] {
        let expected = json!({
            "arguments": ["/bin/server", "from the image"], "folder": "/", "user": "1003:1003", "greeting": "hello world",
            "token": "hidden", "function": "plain", "initialized": 1, "event": { "n": event },
        });
        assert_eq!(served.invoke("plain", json!({ "n": event })).await, expected);
    }
    assert_eq!(image.containers().len(), 1, "a container stays warm");
    let custom = json!({
        "image": image.address, "command": "/bin/server,-c", "args": "a,b c", "working_dir": "/bin", "uid": "7", "gid": "8",
    });
    served.create("custom", custom, json!({ "runtime": "Custom" })).await;
    let told = served.invoke("custom", json!("x")).await;
    assert_eq!(told["arguments"], json!(["/bin/server", "-c", "a", "b c"]), "{told}");
    assert_eq!((&told["folder"], &told["user"], &told["initialized"]), (&json!("/bin"), &json!("7:8"), &json!(0)));
    let ports =
        image.ask(&["ps", "--no-trunc", "--filter", &format!("ancestor={}", image.address), "--format", "{{.Ports}}"]);
    assert!(ports.lines().all(|ports| ports.starts_with("127.0.0.1:")), "only this machine reaches them: {ports}");
    served.process.signal("-TERM");
    assert!(served.process.ended().await.status.success());
    assert!(image.containers().is_empty(), "a server that has ended leaves no containers");
}

#[tokio::test]
async fn a_container_ends_with_a_failed_run() {
    let Some(image) = Image::build("failing") else { return };
    let data = tempfile::tempdir().expect("a directory");
    let served = Served::start(data.path());
    served.create("work", json!({ "image": image.address }), json!({ "timeout": 5 })).await;
    let failed = served.invoke("work", json!("fail")).await;
    assert!(failed.to_string().contains("no luck"), "{failed}");
    for (event, expected) in
        [("hang", "timed out after 5 s"), ("exit", "exit status: 7"), ("grow", "more than its memory of 128 MB")]
    {
        let failed = served.invoke("work", json!(event)).await;
        assert!(failed.to_string().contains(expected), "{event}: {failed}");
        image.until_no_container_is_left(event);
    }
    assert_eq!(served.invoke("work", json!(1)).await["event"], 1, "the next call gets a new container");
}

#[tokio::test]
async fn containers_do_not_outlive_a_killed_server() {
    let Some(image) = Image::build("killed") else { return };
    let data = tempfile::tempdir().expect("a directory");
    let served = Served::start(data.path());
    served.create("work", json!({ "image": image.address }), json!({})).await;
    assert_eq!(served.invoke("work", json!(1)).await["event"], 1);
    let containers = image.containers();
    let label = image.ask(&["inspect", "--format", "{{index .Config.Labels \"fgctl.server\"}}", &containers[0]]);
    served.process.signal("-KILL");
    image.until_no_container_is_left("the kill of the server");
    // As if the kill had also ended the processes that remove containers.
    image.ask(&["create", "--label", &format!("fgctl.server={}", label.trim()), "--pull=never", &image.address]);
    assert_eq!(image.containers().len(), 1);
    let served = Served::start(data.path());
    image.until_no_container_is_left("the start of the next server");
    drop(served);
}

#[tokio::test]
async fn a_missing_image_is_not_pulled() {
    let Some(image) = Image::build("unused") else { return };
    let data = tempfile::tempdir().expect("a directory");
    let served = Served::start(data.path());
    served.create("work", json!({ "image": "swr.test.example.com/fgctl/missing:1" }), json!({})).await;
    let failed = served.invoke("work", json!(1)).await.to_string();
    let expected = format!("{} pull swr.test.example.com/fgctl/missing:1", image.tool);
    assert!(failed.contains("is not in the local store") && failed.contains(&expected), "{failed}");
}
