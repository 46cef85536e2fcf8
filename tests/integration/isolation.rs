//! What functions can access: everything that they need, but nothing that belongs to the server.

#![cfg(target_os = "linux")]

use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use fgctl::server;
use reqwest::Method;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::process::{Process, has_program};

/// A `serve` process with a secret variable, and what it prints about isolation.
struct Serving {
    process: Process,
    address: String,
    isolation: String,
    folder: tempfile::TempDir,
}

/// The user with the fewest rights.
const NOBODY: u32 = 65534;
const SECRET: &str = "of-the-server-alone";

impl Serving {
    /// `command` starts the program, possibly as another user.
    fn start(mut command: Command, folder: tempfile::TempDir) -> Self {
        command.args(["serve", "--data"]).arg(folder.path().join("data")).env("FGCTL_TEST_SECRET", SECRET);
        let process = Process::start(&mut command);
        let address = process.line().trim().strip_prefix("listening on ").expect("an address").to_owned();
        let isolation = process.error_line();
        Self { process, address, isolation, folder }
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Creates a function and calls it once.
    async fn run(&self, name: &str, source: &str, event: Value) -> Value {
        let function = json!({
            "func_name": name, "package": "default", "runtime": "Python3.9", "timeout": 60, "memory_size": 512,
            "handler": "index.handler", "code_type": "inline", "func_code": { "file": STANDARD.encode(source) },
        });
        self.send("", function).await;
        self.send(&format!("/{name}/invocations"), event).await
    }

    async fn send(&self, rest: &str, body: Value) -> Value {
        let credentials = server::credentials(&self.data()).expect("credentials");
        let url = format!("{}/v2/{}/fgs/functions{rest}", self.address, credentials.project_id);
        let client = reqwest::Client::builder().no_proxy().build().expect("a client");
        let request = client.request(Method::POST, url).header("X-Auth-Token", credentials.token.expose_secret());
        let reply = request.body(body.to_string()).send().await.expect("an answer");
        let text = reply.text().await.expect("the whole answer");
        serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}"))
    }
}

/// Tries every way to access the server's data, and returns the ways that worked.
const THIEF: &str = r"
import glob, os, signal

def readable(path):
    try:
        with open(path, 'rb') as file:
            return len(file.read()) >= 0
    except OSError:
        return False

def listed(path):
    try:
        return os.listdir(path)
    except OSError:
        return []

def handler(event, context):
    data, server = event['data'], event['server']
    found = [name for name in ('credentials.json', 'store.db', 'owner.json', 'lock') if readable(f'{data}/{name}')]
    found += [f'list {name}' for name in listed(data) if name != 'run']
    home = os.path.dirname(os.environ['HOME'])
    found += [f'scratch {name}' for name in listed(os.path.dirname(home)) if name != os.path.basename(home)]
    for path in glob.glob('/proc/[0-9]*/environ') + [f'/proc/{server}/environ', f'/proc/{os.getppid()}/environ']:
        try:
            with open(path, 'rb') as file:
                if event['secret'].encode() in file.read(): found.append(path)
        except OSError:
            pass
    for path in (f'/proc/{server}/root{data}/store.db', f'/proc/{server}/cwd', f'/proc/{server}/mem'):
        if readable(path): found.append(path)
    for way in (lambda: os.kill(server, 0), lambda: os.symlink(f'{data}/store.db', '/tmp/link')):
        try:
            way()
        except OSError:
            pass
    if readable('/tmp/link'): found.append('link')
    try:
        os.kill(server, 0)
        with open(f'/proc/{server}/cmdline') as file:
            if 'serve' in file.read(): found.append('signal')
    except OSError:
        pass
    return found
";

fn own() -> Command {
    Command::new(env!("CARGO_BIN_EXE_fgctl"))
}

/// Prints that a test covers less on this machine.
#[expect(clippy::print_stderr, reason = "the results must show what they do not cover")]
pub(crate) fn left_out(why: &str) {
    eprintln!("skipped: {why}");
}

async fn steal(serving: &Serving) {
    if !serving.isolation.starts_with("Functions are isolated by ") {
        left_out(&serving.isolation);
        return;
    }
    // The worker of another function has files too.
    serving.run("other", "def handler(event, context): return []", json!({})).await;
    let event = json!({ "data": serving.data(), "server": serving.process.id(), "secret": SECRET });
    assert_eq!(serving.run("thief", THIEF, event).await, json!([]), "{}", serving.isolation);
}

#[tokio::test]
async fn functions_cannot_access_the_servers_data() {
    steal(&Serving::start(own(), tempfile::tempdir().expect("a folder"))).await;
}

/// A folder that functions may read contains the data directory.
#[tokio::test]
async fn a_data_directory_among_programs_is_inaccessible_too() {
    match tempfile::tempdir_in("/usr/local") {
        Ok(folder) => steal(&Serving::start(own(), folder)).await,
        Err(error) => left_out(&format!("/usr/local cannot be written to: {error}")),
    }
}

/// Runs a copy of the program as a user without rights, in that user's folder. `None` if this user cannot become
/// another.
pub(crate) fn as_nobody() -> Option<(tempfile::TempDir, Command)> {
    let folder = tempfile::tempdir().expect("a folder");
    // The user may not have access to the program's build folder.
    let program = folder.path().join("fgctl");
    std::fs::copy(env!("CARGO_BIN_EXE_fgctl"), &program).expect("a copy of the program");
    let mut command = Command::new("setpriv");
    command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups"]).arg(program);
    // A search path that everyone can read.
    command.env("PATH", "/usr/local/bin:/usr/bin:/bin");
    let owned = std::os::unix::fs::chown(folder.path(), Some(NOBODY), Some(NOBODY));
    if owned.is_err() || !has_program("setpriv") || !Path::new("/usr/bin/python3").exists() {
        left_out("only root can become another user, who needs a Python");
        return None;
    }
    Some((folder, command))
}

/// Without root's rights, namespaces need a user namespace.
#[tokio::test]
async fn functions_are_isolated_without_root_too() {
    let Some((folder, command)) = as_nobody() else { return };
    steal(&Serving::start(command, folder)).await;
}

#[tokio::test]
async fn functions_can_access_what_they_need() {
    let source = r"
import concurrent.futures, multiprocessing, os, socket, ssl, subprocess, tempfile

def square(n): return n * n

def handler(event, context):
    with open('/tmp/note', 'w') as file: file.write('note')
    with tempfile.NamedTemporaryFile() as file: file.write(b'x')
    with open(os.path.join(os.environ['HOME'], 'kept'), 'w') as file: file.write('kept')
    with open('/dev/null', 'w') as file: file.write('x')
    with multiprocessing.get_context('fork').Pool(2) as pool: squares = pool.map(square, [1, 2, 3])
    return {
        'code': sorted(os.listdir(os.environ['RUNTIME_CODE_ROOT'])),
        'note': open('/tmp/note').read(),
        'squares': squares,
        'shell': subprocess.run(['sh', '-c', 'echo $((6 * 7))'], capture_output=True, text=True).stdout,
        'random': len(open('/dev/urandom', 'rb').read(4)),
        'hosts': os.path.exists('/etc/hosts') and len(socket.getaddrinfo('localhost', 80)) > 0,
        'connects': socket.create_connection(tuple(event)).close() is None,
        'self': os.path.exists('/proc/self/status'),
        'tls': ssl.create_default_context() is not None,
    }
";
    let serving = Serving::start(own(), tempfile::tempdir().expect("a folder"));
    let (host, port) = serving.address.trim_start_matches("http://").split_once(':').expect("an address");
    let event = json!([host, port.parse::<u16>().expect("a port")]);
    let found = serving.run("f", source, event).await;
    let expected = json!({
        "code": ["index.py"], "note": "note", "squares": [1, 4, 9], "shell": "42\n", "random": 4, "hosts": true,
        "connects": true, "self": true, "tls": true,
    });
    assert_eq!(found, expected);
    assert!(!Path::new("/tmp/note").exists() || !serving.isolation.contains("namespaces"));
}

/// The server's message must be true: a warning names what functions can do.
#[tokio::test]
async fn the_server_prints_at_start_how_functions_are_isolated() {
    let serving = Serving::start(own(), tempfile::tempdir().expect("a folder"));
    let says = &serving.isolation;
    assert!(
        says.starts_with("Functions are isolated by ") || says.starts_with("Warning: this system does not"),
        "{says}"
    );
}
