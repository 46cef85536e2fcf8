//! Programs that tests run: each ends in time, and none outlives its test.

use std::ffi::OsStr;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::Instant;

use crate::patience::{PATIENCE, block_until};

/// The folder of the program of this build.
pub(crate) fn program_folder() -> String {
    Path::new(env!("CARGO_BIN_EXE_fgctl")).parent().expect("a folder").display().to_string()
}

/// The search path of someone who has installed the program.
pub(crate) fn search_path() -> String {
    format!("{}:{}", program_folder(), std::env::var("PATH").expect("a search path"))
}

/// A shell in a folder that finds the program by its name.
pub(crate) fn shell(folder: &Path, script: &str) -> Command {
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", script]).current_dir(folder).env("PATH", search_path());
    shell
}

/// A process that is killed on drop, including when a test panics.
pub(crate) struct Process {
    child: Child,
    /// The name for messages.
    what: String,
    stdout: Lines,
    stderr: Lines,
}

/// The lines of a pipe. A thread reads them, so that the process never waits for its test.
struct Lines(Receiver<Vec<u8>>);

impl Process {
    /// Starts a program without input, and reads its output.
    pub(crate) fn start(command: &mut Command) -> Self {
        Self::spawn(command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()))
    }

    /// Starts a program with its streams as configured, and reads those that are pipes.
    pub(crate) fn spawn(command: &mut Command) -> Self {
        Self::try_spawn(command).unwrap_or_else(|error| panic!("{command:?}: {error}"))
    }

    fn try_spawn(command: &mut Command) -> io::Result<Self> {
        let mut child = command.spawn()?;
        let words = std::iter::once(command.get_program()).chain(command.get_args());
        let what = words.map(|word| word.display().to_string()).collect::<Vec<_>>().join(" ");
        let (stdout, stderr) = (Lines::of(child.stdout.take()), Lines::of(child.stderr.take()));
        Ok(Self { child, what, stdout, stderr })
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// The next line of standard output.
    pub(crate) fn line(&self) -> String {
        self.stdout.next(&format!("a line from {}", self.what))
    }

    /// The next line of standard error.
    pub(crate) fn error_line(&self) -> String {
        self.stderr.next(&format!("an error line from {}", self.what))
    }

    /// The next line of standard error that is not about progress.
    #[cfg(unix)]
    pub(crate) fn message(&self) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let line = self.error_line();
            if !is_progress(&line) {
                return line;
            }
            assert!(Instant::now() < deadline, "a message from {}: only progress within {PATIENCE:?}", self.what);
        }
    }

    /// Sends a signal, such as `-INT`.
    #[cfg(unix)]
    pub(crate) fn signal(&self, signal: &str) {
        let sent = finish(Command::new("kill").args([signal, &self.id().to_string()]));
        assert!(sent.status.success(), "{sent:?}");
    }

    /// Waits until the program ends. The output contains the lines that were not read yet.
    pub(crate) fn end(mut self) -> Output {
        let what = format!("the end of {}", self.what);
        let (stdout, stderr) = (self.stdout.rest(&what), self.stderr.rest(&what));
        Output { status: self.status(), stdout, stderr }
    }

    fn status(&mut self) -> ExitStatus {
        let mut status = None;
        let what = format!("the end of {}", self.what);
        block_until(what, || {
            status = self.child.try_wait().expect("a status");
            status.is_some()
        });
        status.expect("it ended")
    }

    /// Like [`Self::end`], while the test's other tasks continue.
    pub(crate) async fn ended(self) -> Output {
        tokio::task::spawn_blocking(|| self.end()).await.expect("it ends in time")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may already have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Lines {
    fn of(pipe: Option<impl Read + Send + 'static>) -> Self {
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            let mut pipe = BufReader::new(pipe?);
            loop {
                let mut line = Vec::new();
                let length = pipe.read_until(b'\n', &mut line).ok()?;
                // If there is no receiver, the test is over.
                if length == 0 || sender.send(line).is_err() {
                    return Some(());
                }
            }
        });
        Self(lines)
    }

    fn next(&self, what: &str) -> String {
        let line = self.0.recv_timeout(PATIENCE).unwrap_or_else(|error| panic!("{what}: {error}"));
        String::from_utf8(line).expect("UTF-8")
    }

    /// Everything that was not read yet.
    fn rest(&self, what: &str) -> Vec<u8> {
        let deadline = Instant::now() + PATIENCE;
        let mut rest = Vec::new();
        loop {
            match self.0.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) => rest.extend(line),
                Err(RecvTimeoutError::Disconnected) => return rest,
                Err(RecvTimeoutError::Timeout) => panic!("{what}: not within {PATIENCE:?}; it wrote: {}", text(&rest)),
            }
        }
    }
}

/// On a busy machine, any command can take so long that it prints lines about its progress.
pub(crate) fn is_progress(line: &str) -> bool {
    ["Reading live state", "Applying: ", "Checking the result"].iter().any(|it| line.starts_with(it))
}

/// Runs a program until it ends.
pub(crate) fn finish(command: &mut Command) -> Output {
    Process::start(command).end()
}

/// Runs a program until it ends, while the test's other tasks continue.
pub(crate) async fn finished(mut command: Command) -> Output {
    Process::start(&mut command).ended().await
}

/// The same command, after a shell command that changes what its process may do.
pub(crate) fn after(before: &str, program: &Command) -> Command {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", &format!("{before}; exec \"$@\""), "sh"]).arg(program.get_program()).args(program.get_args());
    command.envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
    if let Some(folder) = program.get_current_dir() {
        command.current_dir(folder);
    }
    command
}

/// Whether this machine has a program.
pub(crate) fn has_program(name: impl AsRef<OsStr>) -> bool {
    let mut command = Command::new(name);
    command.arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    Process::try_spawn(&mut command).is_ok_and(|process| process.end().status.success())
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
