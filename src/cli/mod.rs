//! The command line: flags and environment in, text and an exit code out. `command` has a file for each command; the
//! other modules are what commands share.
//!
//! Only this module reads the environment, prints and exits.

#[macro_use]
mod streams;

mod account;
mod command;
mod confirm;
mod connection;
mod function_argument;
mod github;
mod http_arguments;
mod manifest_arguments;
mod output;
mod permission;
mod planning;
mod quoting;
mod reconcile;
mod report;
mod saved_plan;
mod shared_arguments;
mod waiting;

use clap::Parser;
use std::process::ExitCode;

use crate::render::printable;

use command::Command;

/// Declare FunctionGraph functions and their asynchronous policies in YAML; see what would change; apply it.
#[derive(Debug, Parser)]
#[command(name = "fgctl", version, propagate_version = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

/// How a command ended. Decided last, and once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Exit {
    /// Done, or nothing to do.
    Done,
    /// An error, which has been reported.
    Failed,
    /// `plan --detailed-exitcode` and `drift`: there are differences.
    Differences,
    /// A saved plan is not for what there is now.
    Stale,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Differences => 2,
            Exit::Stale => 3,
        })
    }
}

/// How long threads may go on after a command has ended.
const LAST_GRACE: std::time::Duration = std::time::Duration::from_secs(1);

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    if let Some(code) = crate::server::launch(std::env::args_os()) {
        return code.into();
    }
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version are no errors; wrong usage is exit code 1, since 2 says "there are differences".
            let _ = error.print();
            return ExitCode::from(u8::from(error.use_stderr()));
        }
    };
    // A server has clients that wait for each other; every other command only waits, and a second thread would cost more
    // than it does.
    let mut builder = match arguments.command {
        Command::Serve(_) => tokio::runtime::Builder::new_multi_thread(),
        _ => tokio::runtime::Builder::new_current_thread(),
    };
    let runtime = match builder.enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            errln!("error: the asynchronous runtime does not start: {error}");
            return ExitCode::FAILURE;
        }
    };
    let ended = runtime.block_on(arguments.command.run());
    // A thread that is still busy, as with unpacking code, does not keep the process from ending.
    runtime.shutdown_timeout(LAST_GRACE);
    match (ended, streams::unwritten()) {
        (Ok(exit), None) => exit.into(),
        (Ok(_), Some(error)) => {
            errln!("error: the result cannot be written to standard output: {error}");
            ExitCode::FAILURE
        }
        (Err(error), _) => {
            errln!("error: {}", printable(&message(&error)));
            ExitCode::FAILURE
        }
    }
}

/// An error and its causes, without those that it has said itself.
fn message(error: &anyhow::Error) -> String {
    let mut message = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !message.contains(&cause) {
            message = format!("{message}: {cause}");
        }
    }
    message
}

/// Ends the process where it is, after a second interruption; the exit code is a shell's for Ctrl-C.
fn abort() -> ! {
    errln!("Aborted: what was under way may or may not be done. Running it again looks first.");
    std::process::exit(130)
}

#[cfg(test)]
mod tests {
    use super::Arguments;
    use clap::CommandFactory;

    #[test]
    fn flags_fit_together() {
        Arguments::command().debug_assert();
    }
}
