//! Containers, with a program in place of podman that records its calls. `tests/integration/containers.rs` uses podman.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Mutex;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::super::super::Image;
use super::*;

/// Uses the files beside it.
const PODMAN: &str = r#"#!/bin/sh
cd "$(dirname "$0")" || exit 1
echo "$*" >> calls
case "$1" in
info) if [ -e broken ]; then echo "Error: cannot connect to its service" >&2; exit 125; fi; cat abilities ;;
image) if [ -e missing ]; then exit 125; fi; echo 0123456789abcdef0123456789abcdef ;;
create) cat > variables; printf '%s' "$PEM" > multiline
    if [ -e forbidden ]; then echo "Error: no space for containers" >&2; exit 125; fi ;;
start) echo "output of the container"; exec sleep 600 ;;
port) cat address ;;
ps) cat leftovers ;;
esac
"#;
const ADDRESS: &str = "swr.eu-de.example.com/shop/intake:1";

/// A machine with that program, and the server that answers as the container.
struct Machine {
    folder: TempDir,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Machine {
    /// The server answers with this status line and body.
    async fn answering(status: &'static str, body: &'static str) -> Self {
        let machine = Self { folder: tempfile::tempdir().expect("a folder"), asked: Arc::default() };
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
        let address = listener.local_addr().expect("an address").to_string();
        for (file, content) in
            [("podman", PODMAN), ("abilities", "cpu memory pids\n"), ("address", &address), ("leftovers", "")]
        {
            machine.file(file, content);
        }
        std::fs::set_permissions(machine.path("podman"), std::fs::Permissions::from_mode(0o755)).expect("a program");
        let asked = Arc::clone(&machine.asked);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(
                    stream,
                    Arc::clone(&asked),
                    format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}", body.len()),
                ));
            }
        });
        machine
    }

    fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    fn file(&self, file: &str, content: &str) {
        std::fs::write(self.path(file), content).expect("a file");
    }

    fn read(&self, file: &str) -> String {
        std::fs::read_to_string(self.path(file)).unwrap_or_default()
    }

    fn calls(&self, command: &str) -> usize {
        self.read("calls").lines().filter(|call| call.split(' ').next() == Some(command)).count()
    }

    fn requests(&self) -> Vec<String> {
        self.asked.lock().expect("no panic").clone()
    }

    async fn local(&self) -> Local {
        self.local_with(|_| {}).await
    }

    async fn local_with(&self, adjust: impl FnOnce(&mut RuntimeOptions)) -> Local {
        let path = self.folder.path().display();
        let local = Local::with("Custom", |settings| {
            settings.search_path = format!("{path}:/usr/bin:/bin").into();
            adjust(settings);
        });
        local.await.expect("it needs no interpreter")
    }
}

/// Answers one request, and records its head without the parts that differ between runs.
async fn answer(mut stream: TcpStream, asked: Arc<Mutex<Vec<String>>>, answer: String) {
    let mut text = String::new();
    let mut part = [0; 4096];
    let is_whole = |text: &str| {
        let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
        body.len() >= length.unwrap_or(0)
    };
    while !is_whole(&text) {
        match stream.read(&mut part).await {
            Ok(length) if length > 0 => text.push_str(&String::from_utf8_lossy(&part[..length])),
            // Only the check whether the server listens.
            Ok(_) | Err(_) => return,
        }
    }
    asked.lock().expect("no panic").push(text);
    let _ = stream.write_all(answer.as_bytes()).await;
}

fn function() -> Function {
    let image = Image {
        address: ADDRESS.to_owned(),
        command: vec!["/bin/serve".to_owned(), "-v".to_owned()],
        arguments: vec!["--name=a b".to_owned()],
        directory: "/srv".to_owned(),
        user: "7:8".to_owned(),
    };
    Function::new("Custom Image", "unused", "").with(|deployment| deployment.image = Some(image))
}

#[tokio::test]
async fn a_container_is_created_as_declared_and_called() {
    let machine = Machine::answering("200 OK", "done").await;
    let local = machine.local().await;
    let function = function().with(|deployment| {
        deployment.environment.insert("GREETING".to_owned(), "hello world".to_owned());
        deployment.secrets.insert("TOKEN".to_owned(), secret("hidden-value"));
        deployment.secrets.insert("PEM".to_owned(), secret("hidden\nlines"));
        deployment.initializer = Some(("-".to_owned(), Duration::from_secs(30)));
    });
    for event in ["{\"n\":1}", "{\"n\":2}"] {
        let ended = local.run(&function, event).await;
        assert_eq!(result(&ended), "done", "{}", ended.log);
    }
    let calls = machine.read("calls");
    assert!(!calls.contains("hidden") && !calls.contains("hello"), "{calls}");
    let created = calls.lines().find(|call| call.starts_with("create")).expect("a container");
    let name = created.split("--name ").nth(1).and_then(|rest| rest.split(' ').next()).expect("a name");
    let label = created.split("--label ").nth(1).and_then(|rest| rest.split(' ').next()).expect("a label");
    insta::assert_snapshot!(created.replace(name, "NAME").replace(label, "LABEL"), @"create --http-proxy=false --env-file /dev/stdin --env PEM --rm --pull=never --name NAME --label LABEL --publish 127.0.0.1::8000 --stop-timeout 0 --cap-drop ALL --security-opt no-new-privileges --ulimit nofile=1024:1024 --ulimit nproc=1024:1024 --memory 256m --memory-swap 256m --pids-limit 1024 --user 7:8 --workdir /srv --entrypoint /bin/serve 0123456789abcdef0123456789abcdef -v --name=a b");
    let variables = machine.read("variables");
    for line in ["GREETING=hello world", "TOKEN=hidden-value", "RUNTIME_FUNC_NAME=work", "RUNTIME_MEMORY=256"] {
        assert!(variables.lines().any(|variable| variable == line), "{line} in {variables}");
    }
    for name in ["PATH=", "HOME=", "PEM="] {
        assert!(!variables.lines().any(|variable| variable.starts_with(name)), "{name} in {variables}");
    }
    assert_eq!(machine.read("multiline"), "hidden\nlines");
    let requests = machine.requests();
    let paths: Vec<&str> = requests.iter().filter_map(|request| request.split(' ').nth(1)).collect();
    assert_eq!(paths, ["/init", "/invoke", "/invoke"], "one container, which is initialized once");
    assert!(requests[1].ends_with("{\"n\":1}"), "{}", requests[1]);
    for header in [
        "x-cff-request-id: 11111111-2222-4333-8444-555555555555",
        "x-cff-invoke-type: async",
        "x-cff-memory: 256",
        "x-cff-region: eu-de",
    ] {
        assert!(requests[1].contains(header), "{header} in {}", requests[1]);
    }
    local.runtimes.stop().await;
    assert!(machine.read("calls").contains(&format!("rm --force {name}")), "{}", machine.read("calls"));
}

#[tokio::test]
async fn an_image_that_cannot_run_says_why_and_what_to_do() {
    let machine = Machine::answering("200 OK", "done").await;
    for (file, expected) in [
        (
            "missing",
            format!(
                "the image {ADDRESS} is not in the local store of podman, and this server does not pull images; run `podman pull {ADDRESS}`, or `podman tag IMAGE {ADDRESS}` for an image that you built"
            ),
        ),
        (
            "broken",
            format!("the image {ADDRESS} cannot run, because podman does not work here: cannot connect to its service"),
        ),
        ("forbidden", "podman cannot create a container: no space for containers".to_owned()),
    ] {
        machine.file(file, "");
        let (_, failing) = failure(&machine.local().await.run(&function(), "{}").await);
        assert_eq!(failing["errorMessage"], expected.as_str());
        std::fs::remove_file(machine.path(file)).expect("it was there");
    }
    let empty = tempfile::tempdir().expect("a folder");
    let local = machine.local_with(|settings| settings.search_path = empty.path().into()).await;
    let (code, failing) = failure(&local.run(&function(), "{}").await);
    let expected = format!(
        "the image {ADDRESS} needs podman or docker, and neither is on the PATH of this server; install one, then run \
         `podman pull {ADDRESS}` or `docker pull {ADDRESS}`"
    );
    assert_eq!((code, failing["errorMessage"].as_str()), (4001, Some(expected.as_str())));
}

#[tokio::test]
async fn memory_that_cannot_be_limited_is_logged() {
    let machine = Machine::answering("200 OK", "done").await;
    machine.file("abilities", "cpu\n");
    let ended = machine.local().await.run(&function(), "{}").await;
    let expected = "Its memory is not limited, because podman cannot limit memory on this system";
    assert!(ended.log.contains(expected), "{}", ended.log);
    assert!(!machine.read("calls").contains("--memory"), "{}", machine.read("calls"));
}

#[tokio::test]
async fn every_answer_except_200_is_a_failure() {
    let object = r#"{"errorMessage":"no luck","errorType":"Luck"}"#;
    for (body, expected) in [
        ("out of paper", "the container answered POST /invoke with 500 Internal Server Error: out of paper"),
        ("", "the container answered POST /invoke with 500 Internal Server Error: there is no body"),
        (object, "no luck"),
    ] {
        let machine = Machine::answering("500 Internal Server Error", body).await;
        let (code, failing) = failure(&machine.local().await.run(&function(), "{}").await);
        assert_eq!((code, failing["errorMessage"].as_str()), (4002, Some(expected)));
    }
    let machine = Machine::answering("500 Internal Server Error", "no").await;
    let function =
        function().with(|deployment| deployment.initializer = Some(("-".to_owned(), Duration::from_secs(30))));
    assert_eq!(failure(&machine.local().await.run(&function, "{}").await).0, 4009);
    assert_eq!(machine.calls("create"), 3, "as many containers as the service starts");
}

#[tokio::test]
async fn an_idle_container_is_removed() {
    let machine = Machine::answering("200 OK", "done").await;
    let local = machine.local_with(|settings| settings.idle = Duration::from_millis(50)).await;
    assert_eq!(result(&local.run(&function(), "{}").await), "done");
    until("the container is removed", || machine.calls("rm") == 1).await;
}

#[tokio::test]
async fn a_run_that_takes_too_long_ends_with_its_container() {
    let machine = Machine::answering("200 OK", "done").await;
    machine.file("address", "");
    let local = machine.local_with(|settings| settings.start = Duration::from_millis(200)).await;
    let (code, failing) = failure(&local.run(&function(), "{}").await);
    assert_eq!(code, 4201, "{failing}");
    until("the container is removed", || machine.calls("rm") == 1).await;
}

/// The containers of a server that was killed together with everything that it started.
#[tokio::test]
async fn containers_of_an_earlier_server_are_removed() {
    let machine = Machine::answering("200 OK", "done").await;
    machine.file("leftovers", "aaaa\nbbbb\n");
    let local = machine.local_with(|settings| {
        std::fs::create_dir_all(&settings.directory).expect("a folder");
        std::fs::write(settings.directory.join("containers"), "").expect("a file");
    });
    let local = local.await;
    assert_eq!(result(&local.run(&function(), "{}").await), "done");
    let calls = machine.read("calls");
    let (ps, rm) = (calls.lines().next().expect("a call"), calls.lines().nth(1).expect("another call"));
    assert!(ps.starts_with("ps --all --quiet --filter label=fgctl.server="), "{ps}");
    assert_eq!(rm, "rm --force aaaa bbbb");
}

#[tokio::test]
async fn a_server_without_containers_does_not_ask_for_any() {
    let machine = Machine::answering("200 OK", "done").await;
    let local = machine.local().await;
    assert_eq!(failure(&local.run(&Function::new("Custom", "boot", ""), "{}").await).0, 4001);
    local.runtimes.stop().await;
    assert_eq!(machine.read("calls"), "");
}

#[tokio::test]
async fn an_http_function_needs_a_gateway_even_in_a_container() {
    let machine = Machine::answering("200 OK", "done").await;
    let function = function().with(|deployment| deployment.runtime = "http".to_owned());
    let (code, failing) = failure(&machine.local().await.run(&function, "{}").await);
    assert_eq!(
        (code, failing["errorMessage"].as_str()),
        (4001, Some("HTTP functions need an API gateway, which does not exist here"))
    );
}
