//! Uses the vendor's Python SDK as a client of the program's server. The script in `tests/sdk` contains the requests
//! and expectations.

use std::ffi::OsString;
use std::io::Write;
use std::process::Command;

use fgctl::server;
use secrecy::ExposeSecret;

use crate::process::{finish, has_program, text};
use crate::server_process::ready;

/// Names a Python that has the SDK. Without it, the test uses `python3` if that has the SDK.
const PYTHON: &str = "FGCTL_TEST_PYTHON";
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sdk/witness.py");

#[test]
fn the_vendors_sdk_works_with_the_server() {
    let Some(python) = python() else {
        let reason = format!("skipped: the vendor's SDK as a client, because neither {PYTHON} nor python3 has it");
        // Writes directly to the stream, because the output of a passing test is captured.
        return writeln!(std::io::stderr(), "{reason}").expect("standard error");
    };
    let directory = tempfile::tempdir().expect("a directory");
    let (_process, address) = ready(directory.path(), &[]);
    let credentials = server::credentials(directory.path()).expect("the server's credentials");
    let mut witness = Command::new(python);
    witness
        .arg(SCRIPT)
        .env("FGCTL_ENDPOINT", format!("http://{address}"))
        .env("FGCTL_REGION", credentials.region)
        .env("FGCTL_PROJECT_ID", credentials.project_id)
        .env("FGCTL_ACCESS_KEY", credentials.access_key)
        .env("FGCTL_SECRET_KEY", credentials.secret_key.expose_secret())
        .env("NO_PROXY", "127.0.0.1")
        .env("PYTHONDONTWRITEBYTECODE", "1");
    let output = finish(&mut witness);
    assert!(output.status.success(), "{}\n{}", text(&output.stdout), text(&output.stderr));
}

/// If the variable is set, the test must run, and fails if it cannot.
fn python() -> Option<OsString> {
    let has_sdk = |python: &OsString| {
        has_program(python)
            && finish(Command::new(python).args(["-c", "import huaweicloudsdkfunctiongraph"])).status.success()
    };
    std::env::var_os(PYTHON).or_else(|| Some(OsString::from("python3")).filter(has_sdk))
}
