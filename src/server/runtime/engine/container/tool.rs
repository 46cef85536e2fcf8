//! Podman or docker as a program: its commands, and what this system allows it to do.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::PathBuf;
use std::process::{ExitStatus, Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use super::super::super::RuntimeOptions;
use super::super::on_disk;
use super::arguments::CreateCommand;

/// The timeout of a command, long enough for a very busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Podman,
    Docker,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Podman => "podman",
            Self::Docker => "docker",
        }
    }

    /// The format in which `info` shows whether the memory of containers can be limited, and the word that says so.
    const fn question(self) -> (&'static str, &'static str) {
        match self {
            Self::Podman => ("{{range .Host.CgroupControllers}}{{.}} {{end}}", "memory"),
            Self::Docker => ("{{.MemoryLimit}}", "true"),
        }
    }
}

/// Why a command of podman or docker failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum ToolError {
    #[error(transparent)]
    NotRun(#[from] io::Error),
    /// The last line of its error.
    #[error("{0}")]
    Reported(String),
    #[error("{0}")]
    Exited(ExitStatus),
    #[error("it did not answer within {} s", PATIENCE.as_secs())]
    TimedOut,
}

/// Podman or docker on this machine.
#[derive(Clone)]
pub(in super::super) struct Tool {
    kind: Kind,
    program: PathBuf,
    environment: Arc<[(OsString, OsString)]>,
    limits_memory: bool,
}

impl Tool {
    /// Podman, if it is installed, then docker.
    pub(super) async fn all(settings: &RuntimeOptions) -> Vec<Self> {
        let path = ("PATH".into(), settings.search_path.clone());
        let environment: Arc<[_]> = settings.tool_environment.iter().cloned().chain([path]).collect();
        let search_path = settings.search_path.clone();
        let installed = on_disk(move || {
            let installed = |kind: Kind| {
                let mut programs = std::env::split_paths(&search_path).map(|folder| folder.join(kind.name()));
                programs.find(|program| program.is_absolute() && program.is_file()).map(|program| (kind, program))
            };
            [Kind::Podman, Kind::Docker].into_iter().filter_map(installed).collect::<Vec<_>>()
        });
        let tool =
            |(kind, program)| Self { kind, program, environment: Arc::clone(&environment), limits_memory: false };
        installed.await.into_iter().map(tool).collect()
    }

    /// This program with what it can do here, or the reason why it does not work.
    pub(super) async fn ready(&self) -> Result<Self, ToolError> {
        let (format, word) = self.kind.question();
        let printed = self.ask(["info", "--format", format]).await?;
        let limits_memory = printed.split_whitespace().any(|printed| printed == word);
        Ok(Self { limits_memory, ..self.clone() })
    }

    pub(super) fn name(&self) -> &'static str {
        self.kind.name()
    }

    pub(super) fn limits_memory(&self) -> bool {
        self.limits_memory
    }

    /// The id of an image in the local store.
    pub(super) async fn image(&self, address: &str) -> Option<String> {
        let printed = self.ask(["image", "inspect", "--format", "{{.Id}}", address]).await.ok()?;
        Some(printed.trim().to_owned()).filter(|id| !id.is_empty())
    }

    /// Creates a container, or returns the reason why that is impossible.
    pub(super) async fn create(&self, create: CreateCommand) -> Result<String, ToolError> {
        let CreateCommand { arguments, input, variables } = create;
        let mut command = self.command(["create"]);
        if self.kind == Kind::Podman {
            // The function must not get this machine's proxies.
            command.arg("--http-proxy=false");
        }
        command.args(arguments).envs(variables);
        run(command, input).await
    }

    /// What a command prints, or the last line of its error.
    pub(super) async fn ask<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Result<String, ToolError> {
        run(self.command(arguments), Vec::new()).await
    }

    pub(super) fn command<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Command {
        let mut command = Command::new(&self.program);
        command.args(arguments).env_clear().envs(self.environment()).current_dir("/");
        command
    }

    /// A command as words.
    pub(super) fn line<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Vec<OsString> {
        let arguments = arguments.into_iter().map(OsString::from);
        std::iter::once(self.program.clone().into()).chain(arguments).collect()
    }

    pub(in super::super) fn environment(&self) -> impl Iterator<Item = (&OsStr, &OsStr)> {
        self.environment.iter().map(|(name, value)| (name.as_os_str(), value.as_os_str()))
    }
}

/// Runs a command with this input to its end.
async fn run(mut command: Command, input: Vec<u8>) -> Result<String, ToolError> {
    let running = async {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn()?;
        let stdin = child.stdin.take();
        let writing = async move {
            if let Some(mut stdin) = stdin {
                // A command that does not read its input ends with an error of its own, or needs none.
                let _ = stdin.write_all(&input).await;
            }
        };
        let ((), output) = tokio::join!(writing, child.wait_with_output());
        output
    };
    let output: io::Result<Output> = tokio::time::timeout(PATIENCE, running).await.map_err(|_| ToolError::TimedOut)?;
    let Output { status, stdout, stderr } = output?;
    if status.success() {
        return Ok(String::from_utf8_lossy(&stdout).into_owned());
    }
    let text = String::from_utf8_lossy(&stderr);
    let last = text.lines().rev().map(str::trim).find(|line| !line.is_empty());
    Err(last
        .map_or(ToolError::Exited(status), |line| ToolError::Reported(line.trim_start_matches("Error: ").to_owned())))
}
