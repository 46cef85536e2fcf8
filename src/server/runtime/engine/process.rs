//! A process of a function and everything that it starts: one process group, which ends as a whole.
//!
//! The group's leader is a guardian, a shell that waits for the end of this server: when that is killed, the guardian's
//! input closes and it kills the group, whatever the function is doing.

use std::io;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::{Child, Command};
use tokio::sync::oneshot;

use super::super::log::Log;
use super::code;
use super::leftover;
use super::memory;
use super::output::Output;

const GUARDIAN: &str = "trap '' HUP INT TERM; read -r _; kill -KILL 0";
/// How often the memory of a run is looked at.
const MEMORY_INTERVAL: Duration = Duration::from_millis(50);

/// A living process; dropping this kills its group.
pub(super) struct Process {
    id: u32,
    output: Output,
    /// Tells how it ended, once its group is gone.
    exited: oneshot::Receiver<Option<ExitStatus>>,
    _end: oneshot::Sender<()>,
}

/// What one answer may take.
#[derive(Clone, Copy)]
pub(super) struct Limits {
    pub(super) time: Duration,
    /// MB.
    pub(super) memory: u32,
}

/// Why there is no answer.
pub(super) enum Interruption {
    TimedOut,
    /// With the MB that it used.
    OutOfMemory(f64),
    Exited(Option<ExitStatus>),
    /// It lives, but what it answers is no answer.
    Broken(io::Error),
}

impl Process {
    /// Starts a program in a group of its own. What is returned besides must be run: it ends the group and removes `scratch`.
    pub(super) fn spawn(
        mut command: Command,
        scratch: PathBuf,
    ) -> io::Result<(Self, impl Future<Output = ()> + Send + use<>)> {
        let guardian = guardian()?;
        let group = guardian.id().and_then(|id| i32::try_from(id).ok()).ok_or(io::ErrorKind::NotFound)?;
        let (output, writer) = Output::pipe()?;
        command.process_group(group).stdout(writer.try_clone()?).stderr(writer);
        let child = command.spawn()?;
        let (ended, end) = oneshot::channel();
        let (exit, exited) = oneshot::channel();
        let process = Self { id: child.id().unwrap_or_default(), output, exited, _end: ended };
        Ok((process, keep(Group { guardian, child, scratch }, end, exit)))
    }

    /// Whether it has ended by itself.
    pub(super) fn has_exited(&mut self) -> bool {
        !matches!(self.exited.try_recv(), Err(oneshot::error::TryRecvError::Empty))
    }

    /// MB at most so far, 0 where not known.
    pub(super) fn peak_memory(&self) -> f64 {
        memory::peak(self.id)
    }

    /// Waits for an answer while the process keeps to its limits, and takes down what it writes.
    ///
    /// After an interruption the process is in no state to be used again.
    pub(super) async fn supervise<T>(
        &mut self,
        answer: impl Future<Output = io::Result<T>>,
        limits: Limits,
        log: &mut Log,
    ) -> Result<T, Interruption> {
        let Limits { time, memory } = limits;
        let deadline = tokio::time::sleep(time);
        let mut look = tokio::time::interval(MEMORY_INTERVAL);
        // The first tick is at once.
        look.reset();
        tokio::pin!(answer, deadline);
        let outcome = loop {
            tokio::select! {
                biased;
                answer = &mut answer => break answer.map_err(Interruption::Broken),
                () = &mut deadline => break Err(Interruption::TimedOut),
                status = &mut self.exited => break Err(Interruption::Exited(status.ok().flatten())),
                _ = look.tick() => {
                    let used = memory::resident(self.id);
                    if used > f64::from(memory) {
                        break Err(Interruption::OutOfMemory(used));
                    }
                }
                () = self.output.read(log) => {}
            }
        };
        let outcome = match outcome {
            Err(Interruption::Broken(error)) => Err(self.broken(error).await),
            outcome => outcome,
        };
        self.output.drain(log);
        outcome
    }

    /// A channel breaks off where its process has just ended; then how it ended says more.
    async fn broken(&mut self, error: io::Error) -> Interruption {
        match tokio::time::timeout(Duration::from_secs(1), &mut self.exited).await {
            Ok(status) => Interruption::Exited(status.ok().flatten()),
            Err(_) => Interruption::Broken(error),
        }
    }
}

struct Group {
    guardian: Child,
    child: Child,
    scratch: PathBuf,
}

/// Waits until the process ends or must, and leaves nothing of it behind.
async fn keep(group: Group, end: oneshot::Receiver<()>, exit: oneshot::Sender<Option<ExitStatus>>) {
    let Group { mut guardian, mut child, scratch } = group;
    let status = tokio::select! {
        status = child.wait() => status.ok(),
        _ = end => None,
    };
    // The guardian is not reaped yet, so its id is still that of this group.
    if let Some(group) = guardian.id().and_then(|id| Pid::from_raw(id.try_into().ok()?)) {
        // It fails where all of the group is gone.
        let _ = kill_process_group(group, Signal::KILL);
    }
    let _ = (child.wait().await, guardian.wait().await);
    // Nobody waits for it any more if this fails.
    let _ = exit.send(status);
    let clearing = move || {
        leftover::end(&scratch);
        code::remove(&scratch);
    };
    // What stays is removed with everything else at the next start.
    let _ = tokio::task::spawn_blocking(clearing).await;
}

fn guardian() -> io::Result<Child> {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", GUARDIAN]).env_clear().process_group(0);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()
}
