//! A process of a function and all its descendants, which end together.
//!
//! A launcher keeps them together, see [`super::super::launcher`]. Without a launcher they are one process group, whose
//! leader is a guardian: a shell that waits for the end of this server. If the server is killed, the guardian's input
//! closes and it kills the group, whatever the function is doing. A container does not belong to the group of the program
//! that shows its output, so its guardian also removes the container.

use std::ffi::OsString;
use std::io::{self, PipeWriter};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::process::{Child, Command};
use tokio::sync::oneshot;

use super::super::launcher::{COMMAND, Containment, Report, Spec};
use super::super::log::Log;
use super::super::processes::Table;
use super::REMOVAL_GRACE;
use super::code;
use super::container::Container;
use super::isolation::Way;
use super::leftover;
use super::monitor::{Excess, Monitor, Subject, Usage};
use super::output::Output;

const GUARDIAN: &str = "trap '' HUP INT TERM; read -r _; kill -KILL 0";
/// Its arguments are the command that removes the container.
const GUARDIAN_OF_CONTAINER: &str = "trap '' HUP INT TERM; read -r _; \"$@\"; kill -KILL 0";
/// The time in which the end of a process is noticed after its connection broke. Podman and docker need the longest.
const END_GRACE: Duration = Duration::from_secs(10);
/// How long a launcher may take to end everything. After that, the server kills the processes itself.
const LAUNCHER_GRACE: Duration = Duration::from_secs(1);
/// How long a killed process may take to end.
const KILL_GRACE: Duration = Duration::from_secs(5);
/// How long to wait for the answer of a process that has ended, because it may have been sent before.
const LAST_ANSWER: Duration = Duration::from_millis(100);

/// A running process. Dropping it ends the process and its descendants.
pub(super) struct Process {
    output: Output,
    usage: Arc<Usage>,
    /// Receives the exit after all processes are gone.
    exited: oneshot::Receiver<Exit>,
    _end: oneshot::Sender<()>,
}

/// The parameters of a process.
pub(super) struct Start {
    pub(super) spec: Spec,
    pub(super) stdin: Stdio,
    /// Removed together with the process.
    pub(super) folder: PathBuf,
    /// MB.
    pub(super) memory: u32,
}

/// How a running process is kept, and what belongs to it.
struct Keeping {
    by: Kept,
    /// The number of the server's own processes, which do not count.
    own: usize,
    /// MB.
    memory: u32,
    /// Empty if there is none.
    folder: PathBuf,
}

/// The limits of one answer.
#[derive(Clone, Copy)]
pub(super) struct Limits {
    pub(super) time: Duration,
    /// MB.
    pub(super) memory: u32,
}

/// How a process ended.
pub(super) enum Exit {
    Status(ExitStatus),
    NotStarted(io::Error),
    Exceeded(Excess),
    Unknown,
}

/// Why there is no answer.
pub(super) enum Interruption {
    TimedOut,
    Exited(Exit),
    /// The process is alive, but its answer is invalid.
    Broken(io::Error),
    /// The process ended before it read the whole request.
    Unheard(Exit),
}

impl Process {
    /// Starts a process. The caller must also run the returned future: it ends the process, removes its folder, and
    /// returns the id of a process that could not be killed.
    pub(super) fn spawn(
        way: &Way,
        start: Start,
        monitor: &Monitor,
    ) -> io::Result<(Self, impl Future<Output = Option<u32>> + Send + use<>)> {
        let Start { spec, stdin, folder, memory } = start;
        let (output, writer) = Output::pipe()?;
        let (by, own) = match &way.launcher {
            Some((program, containment)) => {
                let launched = Launched::spawn(program, *containment, stdin, writer)?;
                (Kept::Launched(launched, spec), containment.own_processes())
            }
            None => (Kept::Group(Group::spawn(spec, stdin, writer)?), 0),
        };
        Ok(Self::kept(Keeping { by, own, memory, folder }, output, monitor))
    }

    /// Starts a container that was created, and shows its output. The caller must also run the returned future, as for
    /// [`Self::spawn`]: it removes the container.
    pub(super) fn attach(
        container: Container,
        memory: u32,
        monitor: &Monitor,
    ) -> io::Result<(Self, impl Future<Output = Option<u32>> + Send + use<>)> {
        let (output, writer) = Output::pipe()?;
        let by = Kept::Group(Group::attach(container, writer)?);
        // The processes here only belong to podman or docker, which limits the function's memory itself.
        let keeping = Keeping { by, own: usize::MAX, memory, folder: PathBuf::new() };
        Ok(Self::kept(keeping, output, monitor))
    }

    fn kept(
        keeping: Keeping,
        output: Output,
        monitor: &Monitor,
    ) -> (Self, impl Future<Output = Option<u32>> + Send + use<>) {
        let Keeping { by: kept, own, memory, folder } = keeping;
        let process = kept.id().unwrap_or_default();
        let (usage, excess) = monitor.add(Subject { process, own, memory, folder: folder.clone() });
        let (ended, end) = oneshot::channel();
        let (exit, exited) = oneshot::channel();
        let keeping = async move {
            let left = kept.keep(end, excess, exit).await;
            let clearing = move || {
                if folder.as_os_str().is_empty() {
                    return;
                }
                if left.is_none() && own < 2 {
                    leftover::end(&folder);
                }
                code::remove(&folder);
            };
            // Files that remain are removed at the next start.
            let _ = tokio::time::timeout(REMOVAL_GRACE, tokio::task::spawn_blocking(clearing)).await;
            left
        };
        (Self { output, usage, exited, _end: ended }, keeping)
    }

    /// Whether the process has ended on its own.
    pub(super) fn has_exited(&mut self) -> bool {
        !matches!(self.exited.try_recv(), Err(oneshot::error::TryRecvError::Empty))
    }

    pub(super) fn usage(&self) -> &Usage {
        &self.usage
    }

    /// Waits for an answer while the process stays within its limits, and logs its output.
    ///
    /// After an interruption, the process cannot be used again.
    pub(super) async fn supervise<T>(
        &mut self,
        answer: impl Future<Output = io::Result<T>>,
        time: Duration,
        log: &mut Log,
    ) -> Result<T, Interruption> {
        self.usage.toggle();
        let deadline = tokio::time::sleep(time);
        tokio::pin!(answer, deadline);
        let outcome = loop {
            tokio::select! {
                biased;
                answer = &mut answer => break answer.map_err(Interruption::Broken),
                () = &mut deadline => break Err(Interruption::TimedOut),
                exit = &mut self.exited => {
                    let exit = exit.unwrap_or(Exit::Unknown);
                    break match tokio::time::timeout(LAST_ANSWER, &mut answer).await {
                        Ok(Ok(answer)) => Ok(answer),
                        Ok(Err(error)) if is_unread(&error) => Err(Interruption::Unheard(exit)),
                        Ok(Err(_)) | Err(_) => Err(Interruption::Exited(exit)),
                    };
                }
                () = self.output.read(log) => {}
            }
        };
        self.usage.toggle();
        let outcome = match outcome {
            Err(Interruption::Broken(error)) => Err(self.broken(error).await),
            outcome => outcome,
        };
        self.output.drain(log);
        outcome
    }

    /// A channel also breaks if the process has just ended. Then its exit says more.
    async fn broken(&mut self, error: io::Error) -> Interruption {
        match tokio::time::timeout(END_GRACE, &mut self.exited).await {
            Ok(exit) if is_unread(&error) => Interruption::Unheard(exit.unwrap_or(Exit::Unknown)),
            Ok(exit) => Interruption::Exited(exit.unwrap_or(Exit::Unknown)),
            Err(_) => Interruption::Broken(error),
        }
    }
}

/// Whether a socket broke while it still contained unread data. Only Linux reports this.
fn is_unread(error: &io::Error) -> bool {
    cfg!(target_os = "linux") && matches!(error.kind(), io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe)
}

/// The mechanism that keeps the processes together.
enum Kept {
    Launched(Launched, Spec),
    Group(Group),
}

impl Kept {
    /// The id of the process that this server started.
    fn id(&self) -> Option<u32> {
        match self {
            Self::Launched(launched, _) => launched.child.id(),
            Self::Group(group) => group.child.id(),
        }
    }

    /// Waits until the process ends or must end, and removes all its descendants. Returns the process that could not be
    /// killed.
    async fn keep(
        mut self,
        end: oneshot::Receiver<()>,
        excess: oneshot::Receiver<Excess>,
        exit: oneshot::Sender<Exit>,
    ) -> Option<u32> {
        let ended = tokio::select! {
            ended = self.ended() => ended,
            _ = end => Exit::Unknown,
            Ok(excess) = excess => Exit::Exceeded(excess),
        };
        let left = match self {
            Self::Launched(launched, _) => launched.end().await,
            Self::Group(group) => group.end().await,
        };
        // If this fails, no receiver is waiting.
        let _ = exit.send(ended);
        left
    }

    async fn ended(&mut self) -> Exit {
        match self {
            Self::Launched(launched, spec) => {
                // If this fails, the launcher has ended, and its report contains the reason.
                let _ = launched.send(spec).await;
                match launched.report().await {
                    Some(Report::Ended(status)) => {
                        Exit::Status(std::os::unix::process::ExitStatusExt::from_raw(status))
                    }
                    Some(Report::Failed(reason, code)) => Exit::NotStarted(Report::error(reason, code)),
                    None => Exit::Unknown,
                }
            }
            Self::Group(group) => group.child.wait().await.map_or(Exit::Unknown, Exit::Status),
        }
    }
}

/// A running launcher, and the socket to it.
pub(super) struct Launched {
    child: Child,
    control: UnixStream,
}

impl Launched {
    pub(super) fn spawn(
        program: &Path,
        containment: Containment,
        stdin: Stdio,
        output: PipeWriter,
    ) -> io::Result<Self> {
        let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
        ours.set_nonblocking(true)?;
        let mut command = Command::new(program);
        command.arg0("fgctl").args([COMMAND, containment.argument()]).env_clear().process_group(0);
        command.stdin(stdin).stdout(output).stderr(OwnedFd::from(theirs));
        Ok(Self { child: command.spawn()?, control: UnixStream::from_std(ours)? })
    }

    pub(super) async fn send(&mut self, spec: &Spec) -> io::Result<()> {
        self.control.write_all(&spec.frame()?).await
    }

    /// Waits until the launcher and everything that it started are gone.
    pub(super) async fn report(&mut self) -> Option<Report> {
        let mut text = Vec::new();
        // The socket closes when the last process that holds the other end is gone.
        let read = self.control.read_to_end(&mut text).await;
        let _ = self.child.wait().await;
        read.ok().and_then(|_| serde_json::from_slice(&text).ok())
    }

    async fn end(self) -> Option<u32> {
        let Self { mut child, control } = self;
        let id = child.id()?;
        drop(control);
        if tokio::time::timeout(LAUNCHER_GRACE, child.wait()).await.is_ok() {
            return None;
        }
        kill_tree(id).await;
        is_left(&mut child).await.then_some(id)
    }
}

struct Group {
    guardian: Child,
    child: Child,
    /// Removed with the group, to which its processes do not belong.
    container: Option<Container>,
}

impl Group {
    fn spawn(spec: Spec, stdin: Stdio, output: PipeWriter) -> io::Result<Self> {
        let Spec { program, arguments, environment, directory, confinement: _ } = spec;
        let mut command = Command::new(program);
        command.args(arguments).env_clear().envs(environment).current_dir(directory).stdin(stdin);
        Self::start(guardian(GUARDIAN, &[]), command, output)
    }

    fn attach(container: Container, output: PipeWriter) -> io::Result<Self> {
        let mut shell = guardian(GUARDIAN_OF_CONTAINER, &container.removal());
        shell.envs(container.tool().environment());
        let mut command = container.start();
        command.stdin(Stdio::null());
        let group = Self::start(shell, command, output)?;
        Ok(Self { container: Some(container), ..group })
    }

    fn start(mut guardian: Command, mut command: Command, output: PipeWriter) -> io::Result<Self> {
        let guardian = guardian.spawn()?;
        let group = guardian.id().and_then(|id| i32::try_from(id).ok()).ok_or(io::ErrorKind::NotFound)?;
        command.process_group(group).stdout(output.try_clone()?).stderr(output);
        Ok(Self { guardian, child: command.spawn()?, container: None })
    }

    async fn end(self) -> Option<u32> {
        let Self { mut guardian, mut child, container } = self;
        if let Some(container) = container {
            container.remove().await;
        }
        // It may have left the group, so also kill it by its id.
        if let Some(id) = child.id() {
            kill_tree(id).await;
        }
        // The guardian has not been reaped yet, so its id still belongs to this group.
        if let Some(group) = guardian.id().and_then(|id| Pid::from_raw(id.try_into().ok()?)) {
            // This fails if the whole group is gone.
            let _ = kill_process_group(group, Signal::KILL);
        }
        let id = child.id();
        let left = is_left(&mut child).await;
        let _ = is_left(&mut guardian).await;
        id.filter(|_| left)
    }
}

/// Kills a process and its descendants, as far as the system provides them.
async fn kill_tree(id: u32) {
    let killing = move || {
        for process in Table::read().descendants(id).into_iter().chain([id]) {
            if let Some(process) = process.try_into().ok().and_then(Pid::from_raw) {
                // It may have ended already.
                let _ = kill_process(process, Signal::KILL);
            }
        }
    };
    let _ = tokio::task::spawn_blocking(killing).await;
}

/// Whether a killed process still exists after a while.
async fn is_left(child: &mut Child) -> bool {
    tokio::time::timeout(KILL_GRACE, child.wait()).await.is_err()
}

fn guardian(script: &str, arguments: &[OsString]) -> Command {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", script, "sh"]).args(arguments).env_clear().process_group(0);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}
