//! The server as a process, and its exclusive directory.

use std::path::Path;
use std::process::Command;

use fgctl::server::{
    self, DirectoryError, FunctionGraphError, Options, Overrides, Publish, Settings, StartError, StorageError,
};
use reqwest::{Method, StatusCode};
use secrecy::ExposeSecret;
use serde_json::json;

use crate::patience::within;
use crate::process::{Process, after, finish, text};
use crate::server_harness::{Server, client, reply};

fn serve(directory: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fgctl"));
    command.arg("serve").arg("--data").arg(directory).args(arguments);
    command.env_remove("FGCTL_ACCESS_KEY").env_remove("FGCTL_SECRET_KEY");
    command
}

/// Starts the program and waits until it is ready; returns its address.
pub(crate) fn ready(directory: &Path, arguments: &[&str]) -> (Process, String) {
    started(&mut serve(directory, arguments))
}

/// Like [`ready`], after a shell command that changes what the process may do.
pub(crate) fn ready_with(before: &str, directory: &Path, arguments: &[&str]) -> (Process, String) {
    started(&mut after(before, &serve(directory, arguments)))
}

/// Starts a server with this command and waits until it is ready; returns its address.
pub(crate) fn started(command: &mut Command) -> (Process, String) {
    let process = Process::start(command);
    let line = process.line();
    let address = line.trim().strip_prefix("listening on http://").expect("an address").to_owned();
    (process, address)
}

async fn status(address: &str, project_id: &str, token: &str) -> StatusCode {
    let url = format!("http://{address}/v2/{project_id}/fgs/functions");
    reply(client().get(url).header("X-Auth-Token", token)).await.status
}

#[tokio::test]
async fn the_program_serves_until_it_is_stopped() {
    for signal in ["-TERM", "-INT", "-HUP"] {
        let directory = tempfile::tempdir().unwrap();
        let data = directory.path().join("new/data");
        let (process, address) = ready(&data, &[]);
        let credentials = server::credentials(&data).unwrap();
        let token = credentials.token.expose_secret();
        assert_eq!(status(&address, &credentials.project_id, token).await, StatusCode::OK);
        let owner = server::owner(&data).unwrap();
        assert_eq!((owner.pid, &*owner.command), (process.id(), "fgctl serve"));
        assert_eq!(owner.address.unwrap().to_string(), address);
        process.signal(signal);
        assert!(process.ended().await.status.success(), "{signal}");
        assert_eq!(server::owner(&data), None);
    }
}

#[tokio::test]
async fn flags_override_settings_for_one_run() {
    let directory = tempfile::tempdir().unwrap();
    let flags = ["--region", "eu-de", "--project-id", "p1", "--access-key", "AK", "--secret-key", "SK"];
    let (_process, address) = ready(directory.path(), &flags);
    let kept = server::credentials(directory.path()).unwrap();
    assert_eq!((&*kept.region, kept.access_key == "AK"), ("local-1", false));
    assert_eq!(status(&address, "p1", kept.token.expose_secret()).await, StatusCode::OK);
    assert_eq!(server::owner(directory.path()).unwrap().region.as_deref(), Some("eu-de"));
}

#[test]
fn only_loopback_addresses_are_accepted() {
    let directory = tempfile::tempdir().unwrap();
    let output = finish(&mut serve(directory.path(), &["--listen", "0.0.0.0:0"]));
    assert_eq!(output.status.code(), Some(1));
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(message.contains("listen on a loopback address"), "{message}");
}

#[tokio::test]
async fn a_second_server_is_told_who_uses_the_directory() {
    let server = Server::start_with(|settings| settings.publish = Publish::Address).await;
    let message = text(&Process::start(&mut serve(server.directory.path(), &[])).ended().await.stderr);
    let owner = format!("`the test` (process {}", std::process::id());
    assert!(message.contains(&owner) && message.contains(&server.running.address.to_string()), "{message}");
    let second = server::start(Settings::new(server.directory.path(), "another")).await;
    let Err(StartError::Storage(StorageError::Directory(DirectoryError::Taken { owner, .. }))) = second else {
        panic!("the directory should be taken");
    };
    assert_eq!(owner.address, Some(server.running.address));
}

#[tokio::test]
async fn an_embedded_server_keeps_its_address_to_itself() {
    let server = Server::start().await;
    assert_eq!(server::owner(server.directory.path()).unwrap().address, None);
}

#[tokio::test]
async fn a_restart_keeps_everything() {
    let server = Server::start().await;
    let created = server.create_function("intake").await;
    let policy = server.put("/fgs/functions/intake/async-invoke-config", json!({})).await.body;
    server.post("/functions/intake/tags/create", json!({ "tags": [{ "key": "a", "value": "b" }] })).await;
    let code = server.get("/fgs/functions/intake/code").await.body;
    let server = server.restart().await;
    assert_eq!(server.get("/fgs/functions/intake/config").await.body, created);
    assert_eq!(server.get("/fgs/functions/intake/async-invoke-config").await.body, policy);
    assert_eq!(server.get("/fgs/functions/intake/code").await.body, code);
    assert_eq!(server.get("/functions/intake/tags").await.body["tags"], json!([{ "key": "a", "value": "b" }]));
}

#[tokio::test]
async fn answered_writes_survive_a_kill() {
    let directory = tempfile::tempdir().unwrap();
    let (process, address) = ready(directory.path(), &[]);
    let credentials = server::credentials(directory.path()).unwrap();
    let client = client();
    let url = format!("http://{address}/v2/{}/fgs/functions", credentials.project_id);
    let request = client.post(url).header("X-Auth-Token", credentials.token.expose_secret());
    let body = crate::server_harness::function("intake").to_string();
    assert_eq!(reply(request.body(body)).await.status, StatusCode::OK);
    drop(process);
    let (_process, address) = ready(directory.path(), &[]);
    let url = format!("http://{address}/v2/{}/fgs/functions/intake/config", credentials.project_id);
    let request = client.request(Method::GET, url).header("X-Auth-Token", credentials.token.expose_secret());
    assert_eq!(reply(request).await.status, StatusCode::OK);
}

#[cfg(unix)]
#[tokio::test]
async fn only_the_owner_can_read_the_credentials() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let running = server::start(Settings::new(&data, "the test")).await.unwrap();
    let credentials = &running.function_graph.credentials;
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&data), 0o700);
    for file in ["credentials.json", "owner.json", "store.db", "store.db-wal"] {
        assert_eq!(mode(&data.join(file)), 0o600, "{file}");
    }
    assert_eq!((credentials.project_id.len(), credentials.access_key.len()), (32, 20));
    within("the end of the server", running.stop()).await;
}

#[tokio::test]
async fn settings_that_cannot_work_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let name = |text: &str| Some(text.to_owned());
    for overrides in [
        Overrides { region: name("a:b"), ..Overrides::default() },
        Overrides { project_id: name("a/b"), ..Overrides::default() },
        Overrides { access_key: name("AK"), ..Overrides::default() },
        Overrides { access_key: name("AK"), secret_key: Some("".into()), ..Overrides::default() },
    ] {
        let settings = Settings {
            options: Options { overrides, ..Options::default() },
            ..Settings::new(directory.path(), "the test")
        };
        assert!(matches!(
            server::start(settings).await,
            Err(StartError::FunctionGraph(FunctionGraphError::Options(_)))
        ));
    }
}
