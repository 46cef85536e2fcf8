//! Finds the program that runs a function of a runtime on this machine.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use tokio::process::Command;

use super::super::fault::is_shortage;
use super::super::{Deployment, Fault, Image};
use super::on_disk;

/// How functions of a runtime run here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Runtime<'a> {
    /// With the version from the runtime's name, such as `3.9`.
    Python(&'a str),
    Node,
    /// By their own program.
    Custom,
    /// In a container.
    Image(&'a Image),
}

/// An interpreter on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Interpreter {
    pub(super) program: PathBuf,
    /// Such as `3.11.7`.
    pub(super) version: String,
    /// The folders in which it is installed.
    pub(super) roots: Vec<PathBuf>,
}

const HTTP: &str = "http";
const UNASKED: &str = "an interpreter cannot be asked for its version";
/// The timeout for asking an interpreter for its version.
const PATIENCE: Duration = Duration::from_secs(10);
/// Each prints the program, its version, and the folders in which it is installed. The worker needs 3.7.
const ASK_PYTHON: &str = "import sys; assert sys.version_info >= (3, 7); print(sys.executable); \
                          print('%d.%d.%d' % sys.version_info[:3]); print(sys.prefix); print(sys.base_prefix)";
/// The worker needs 14.
const ASK_NODE: &str = "if (parseInt(process.versions.node) < 14) process.exit(1); \
                        console.log(process.execPath + '\\n' + process.versions.node); \
                        console.log(require('path').dirname(require('path').dirname(process.execPath)))";
/// The parts of its installation folder that an interpreter needs. The folder may be someone's home.
const PARTS: &[&str] = &["bin", "lib", "lib64", "include", "share", "pyvenv.cfg"];

impl<'a> Runtime<'a> {
    /// How this deployment runs here.
    pub(super) fn of_deployment(deployment: &'a Deployment) -> Result<Self, Fault> {
        match &deployment.image {
            // HTTP functions need a gateway, whatever starts them.
            Some(image) if deployment.runtime != HTTP => Ok(Self::Image(image)),
            Some(_) | None => Self::of(&deployment.runtime),
        }
    }

    /// The runtime that a function's configuration names.
    pub(super) fn of(name: &'a str) -> Result<Self, Fault> {
        match name {
            "Custom" => Ok(Self::Custom),
            HTTP => Err(Fault::not_here("HTTP functions need an API gateway, which does not exist here")),
            _ => match (name.strip_prefix("Python"), name.strip_prefix("Node.js")) {
                (Some(version), _) if version.starts_with("3.") => Ok(Self::Python(version)),
                (_, Some(_)) => Ok(Self::Node),
                _ => Err(Fault::not_here(format!(
                    "functions of the runtime {name} do not run here; Python 3, Node.js, Custom (a program named \
                     bootstrap) and container images do"
                ))),
            },
        }
    }

    /// Finds the interpreter: first the exact version, then the machine's default Python 3 or Node.js.
    pub(super) async fn find(self, search_path: &OsStr) -> Result<Option<Interpreter>, Fault> {
        let (names, question, product) = match self {
            Self::Python(version) => (vec![format!("python{version}"), "python3".to_owned()], ASK_PYTHON, "Python 3"),
            Self::Node => (vec!["node".to_owned()], ASK_NODE, "Node.js"),
            Self::Custom | Self::Image(_) => return Ok(None),
        };
        let flag = if self == Self::Node { "-e" } else { "-c" };
        for name in names {
            for folder in std::env::split_paths(search_path) {
                let program = folder.join(&name);
                let asked = ask(&program, [flag, question], search_path).await;
                if let Some(found) = asked.map_err(|error| Fault::prevented(UNASKED, &error))? {
                    return Ok(Some(found));
                }
            }
        }
        Err(Fault::not_here(format!(
            "{product} is not on the PATH of this server; install it to run the function here"
        )))
    }
}

/// Asks a program with an interpreter's name what it is. Often it is a script that finds the real interpreter, or none.
///
/// Fails only if the machine lacks the resources to ask.
async fn ask(program: &Path, arguments: [&str; 2], search_path: &OsStr) -> io::Result<Option<Interpreter>> {
    let file = program.to_owned();
    if !program.is_absolute() || !on_disk(move || file.is_file()).await {
        return Ok(None);
    }
    let mut command = Command::new(program);
    command.args(arguments).env_clear().env("PATH", search_path).stdin(Stdio::null()).kill_on_drop(true);
    match tokio::time::timeout(PATIENCE, command.output()).await {
        Ok(Ok(output)) => Ok(on_disk(move || understood(output)).await),
        Ok(Err(error)) if is_shortage(&error) => Err(error),
        Ok(Err(_)) | Err(_) => Ok(None),
    }
}

/// The interpreter in this output, if the output is valid.
fn understood(output: Output) -> Option<Interpreter> {
    let text = String::from_utf8(output.stdout).ok()?;
    let mut lines = text.lines();
    let (program, version) = (lines.next()?, lines.next()?);
    let roots = lines.flat_map(|root| PARTS.iter().map(move |part| Path::new(root).join(part)));
    let roots = roots.filter(|path| path.exists()).collect();
    output.status.success().then(|| Interpreter { program: program.into(), version: version.to_owned(), roots })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_runtime_runs_here_or_the_error_gives_the_reason() {
        assert_eq!(Runtime::of("Python3.9"), Ok(Runtime::Python("3.9")));
        assert_eq!(Runtime::of("Node.js18.15"), Ok(Runtime::Node));
        assert_eq!(Runtime::of("Custom"), Ok(Runtime::Custom));
        for name in ["Python2.7", "Java11", "Go1.x", "C#(.NET Core 3.1)", "PHP7.3", "Custom Image", "http", ""] {
            let fault = Runtime::of(name).expect_err(name);
            assert_eq!(fault.code, 4001, "{name}");
            assert!(fault.message.contains("here"), "{}", fault.message);
        }
    }

    #[tokio::test]
    async fn a_missing_interpreter_is_reported() {
        let folder = tempfile::tempdir().expect("a folder");
        let fault = Runtime::Node.find(folder.path().as_os_str()).await.expect_err("there is none");
        assert!(fault.message.contains("Node.js is not on the PATH"), "{}", fault.message);
    }
}
