//! Interruptions: Ctrl-C, and the signals with which systems ask a command to end. SIGTERM and SIGHUP mean the same as
//! Ctrl-C.
//!
//! A thread of its own receives them, because the command's thread can be busy or blocked: by a question, a pager, or
//! files that it reads. Until the command says that it can stop by itself, the first interruption ends the process, after
//! its reports are written.

use std::future::Future;
use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, mpsc};
use std::time::Duration;
use tokio::sync::oneshot;

use crate::render::json::Failure;

use super::report_file::{self, Reporting};
use super::{confirm, progress, report};

/// The exit code of a command that was interrupted. Shells use the same for Ctrl-C.
pub(super) const EXIT_CODE: u8 = 130;

/// How long a process that is ending tries to write its message and its reports. A stream or a disk can block.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// What the next interruption does.
enum Phase {
    /// It ends the process.
    Endable,
    /// It tells the command, which then ends by itself.
    Stoppable(oneshot::Sender<()>),
    /// Nothing: the command has its result, and is writing its reports.
    Concluding,
    /// It aborts the process, because the command is already ending by itself.
    Stopping,
    /// It ends the process, which is already ending, without a word.
    Ended,
}

struct State {
    phase: Phase,
    /// What is true after the process has ended now.
    consequence: &'static str,
    /// The reports to write then.
    reporting: Option<Reporting>,
}

/// A process has one command.
static STATE: Mutex<State> =
    Mutex::new(State { phase: Phase::Endable, consequence: "nothing was changed", reporting: None });

/// Whether Ctrl-C is for a pager, and whether it was pressed there.
static IS_PAGED: AtomicBool = AtomicBool::new(false);
static WAS_PAGER_LEFT: AtomicBool = AtomicBool::new(false);

/// Receives interruptions from now on, until the process ends.
pub(super) fn receive() -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let mut signals = {
        let _context = runtime.enter();
        Signals::listen()?
    };
    let receive = async move {
        loop {
            let signal = signals.next().await;
            // Another one can follow while this one blocks.
            std::thread::spawn(move || received(signal));
        }
    };
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || runtime.block_on(receive))?;
    Ok(())
}

/// An interruption before the command has a result writes these reports.
pub(super) fn report_to(reporting: &Reporting) {
    state().reporting = Some(reporting.clone());
}

/// What is true from now on if the process is interrupted: a sentence without its first capital letter and its period.
pub(super) fn leaves(consequence: &'static str) {
    enter(|state| state.consequence = consequence);
}

/// From now on, the first interruption completes this result instead of ending the process. Another one aborts the
/// process, which leaves the given consequence.
pub(super) fn stoppable(consequence: &'static str) -> impl Future<Output = ()> + use<> {
    let (sender, told) = oneshot::channel();
    enter(|state| {
        state.phase = Phase::Stoppable(sender);
        state.consequence = consequence;
    });
    async {
        if told.await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// Whether an interruption has stopped the command.
pub(super) fn has_stopped() -> bool {
    matches!(state().phase, Phase::Stopping)
}

/// The command has its result, and is about to write its reports. An interruption no longer replaces them.
pub(super) fn conclude() {
    enter(|state| {
        state.reporting = None;
        if !matches!(state.phase, Phase::Stopping) {
            state.phase = Phase::Concluding;
        }
    });
}

/// The reports are written. What the command still prints can block, so an interruption ends the process again.
pub(super) fn finish() {
    enter(|state| {
        state.consequence = "the command had finished, but its output is incomplete";
        if matches!(state.phase, Phase::Concluding) {
            state.phase = Phase::Endable;
        }
    });
}

/// Changes the state, unless the process is ending: then the calling thread must not do anything more.
fn enter(change: impl FnOnce(&mut State)) {
    let mut state = state();
    if matches!(state.phase, Phase::Ended) {
        drop(state);
        loop {
            std::thread::park();
        }
    }
    change(&mut state);
}

/// Runs a pager, which keeps Ctrl-C for itself. Also returns whether it was pressed.
pub(super) fn with_pager<T>(run: impl FnOnce() -> T) -> (T, bool) {
    WAS_PAGER_LEFT.store(false, Ordering::Relaxed);
    IS_PAGED.store(true, Ordering::Relaxed);
    let result = run();
    IS_PAGED.store(false, Ordering::Relaxed);
    (result, WAS_PAGER_LEFT.load(Ordering::Relaxed))
}

fn received(signal: Signal) {
    if signal == Signal::CtrlC && IS_PAGED.load(Ordering::Relaxed) {
        WAS_PAGER_LEFT.store(true, Ordering::Relaxed);
        return;
    }
    let mut state = state();
    let word = match std::mem::replace(&mut state.phase, Phase::Stopping) {
        Phase::Stoppable(told) => {
            // If the receiver is gone, what could be stopped has ended.
            let _ = told.send(());
            return;
        }
        Phase::Concluding => return,
        Phase::Endable => "Interrupted",
        Phase::Stopping => "Aborted",
        Phase::Ended => exit(),
    };
    state.phase = Phase::Ended;
    let (consequence, reporting) = (state.consequence, state.reporting.take());
    drop(state);
    let (done, is_done) = mpsc::channel();
    std::thread::spawn(move || {
        last_words(word, consequence, reporting.as_ref());
        // The process ends in any case.
        let _ = done.send(());
    });
    let _ = is_done.recv_timeout(LAST_WORDS);
    exit();
}

fn last_words(word: &str, consequence: &str, reporting: Option<&Reporting>) {
    let line = if confirm::is_open() { "\n" } else { "" };
    progress::give_up();
    // The other thread may hold a lock while it writes to a pipe that nothing reads.
    let _ = writeln!(anstream::stderr(), "{line}{word}: {consequence}.");
    if let Some(reporting) = reporting {
        let message = format!("the command was {}: {consequence}", word.to_lowercase());
        report::interrupted(
            reporting,
            &Failure { code: Some("interrupted"), message: &message, help: None, request_id: None },
        );
    }
}

fn exit() -> ! {
    std::process::exit(if report_file::is_incomplete() { 1 } else { EXIT_CODE.into() })
}

/// The lock is never poisoned in a bad state: no code panics while it holds the lock.
fn state() -> MutexGuard<'static, State> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Signal {
    CtrlC,
    Other,
}

/// The signals that ask this process to end.
#[cfg(unix)]
pub(super) struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    /// `None` if this process was started to survive its terminal.
    hangup: Option<tokio::signal::unix::Signal>,
}

#[cfg(unix)]
impl Signals {
    /// Receives them from now on.
    pub(super) fn listen() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let hangup = (!is_hangup_ignored()).then(|| signal(SignalKind::hangup())).transpose()?;
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())?, hangup })
    }

    async fn next(&mut self) -> Signal {
        let hangup = async {
            match &mut self.hangup {
                Some(hangup) => hangup.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.interrupt.recv() => Signal::CtrlC,
            _ = self.terminate.recv() => Signal::Other,
            _ = hangup => Signal::Other,
        }
    }
}

/// The ways in which Windows asks this process to end.
#[cfg(windows)]
pub(super) struct Signals {
    interrupt: tokio::signal::windows::CtrlC,
    terminate: tokio::signal::windows::CtrlBreak,
}

#[cfg(windows)]
impl Signals {
    /// Receives them from now on.
    pub(super) fn listen() -> io::Result<Self> {
        use tokio::signal::windows::{ctrl_break, ctrl_c};
        Ok(Self { interrupt: ctrl_c()?, terminate: ctrl_break()? })
    }

    async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.interrupt.recv() => Signal::CtrlC,
            _ = self.terminate.recv() => Signal::Other,
        }
    }
}

impl Signals {
    /// Completes at the next signal.
    pub(super) async fn any(&mut self) {
        self.next().await;
    }
}

/// Whether `nohup` started this process. Where the system does not tell, a process without a terminal may be one of
/// those.
#[cfg(unix)]
fn is_hangup_ignored() -> bool {
    use std::io::IsTerminal;
    let status = std::fs::read_to_string("/proc/self/status").ok();
    status.and_then(|status| ignores_hangup(&status)).unwrap_or_else(|| !io::stderr().is_terminal())
}

/// Whether SIGHUP is among the signals that a process ignores, by its `/proc/…/status`.
#[cfg(unix)]
fn ignores_hangup(status: &str) -> Option<bool> {
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"))?;
    // The lowest bit is signal 1, which is SIGHUP.
    Some(u64::from_str_radix(ignored.trim(), 16).ok()? & 1 == 1)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn ctrl_c_belongs_to_an_open_pager() {
        let ((), was_left) = with_pager(|| received(Signal::CtrlC));
        assert!(was_left);
        assert!(!with_pager(|| ()).1);
        assert!(matches!(state().phase, Phase::Endable));
    }

    #[test]
    fn nohup_is_recognized() {
        let status = |ignored: &str| format!("Name:\tfgctl\nSigBlk:\t0000000000000001\nSigIgn:\t{ignored}\n");
        assert_eq!(ignores_hangup(&status("0000000000001000")), Some(false));
        assert_eq!(ignores_hangup(&status("0000000000001001")), Some(true));
        assert_eq!(ignores_hangup("Name:\tfgctl\n"), None);
    }
}
