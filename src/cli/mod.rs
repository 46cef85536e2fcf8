//! The command line: flags and environment in, text and an exit code out. One file a command.
//!
//! Only this module reads the environment, prints and exits.

#[macro_use]
mod streams;

mod account;
mod apply;
mod completions;
mod confirm;
mod connection;
mod credential_chain;
mod credential_file;
mod drift;
mod export;
mod following;
mod function_argument;
mod github;
mod http_arguments;
mod import;
mod invocations;
mod invoke;
mod journal;
mod logs;
mod manifest_arguments;
mod output;
mod permission;
mod plan;
mod planning;
mod quoting;
mod reconcile;
mod report;
mod saved_plan;
mod schema;
mod serve;
mod shared_arguments;
mod show;
mod validate;
mod waiting;
mod whoami;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

use crate::render::printable;

/// Declare FunctionGraph functions and their asynchronous policies in YAML; see what would change; apply it.
#[derive(Debug, Parser)]
#[command(name = "fgctl", version, propagate_version = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Validate(validate::Arguments),
    Plan(plan::Arguments),
    Apply(apply::Arguments),
    Destroy(apply::DestroyArguments),
    Drift(drift::Arguments),
    Show(show::Arguments),
    Import(import::Arguments),
    Export(export::Arguments),
    Schema(schema::Arguments),
    Serve(serve::Arguments),
    Invoke(invoke::Arguments),
    Logs(logs::Arguments),
    Invocations(invocations::Arguments),
    Completions(completions::Arguments),
    Whoami(whoami::Arguments),
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
    let ended = runtime.block_on(async {
        match arguments.command {
            Command::Validate(arguments) => validate::run(&arguments),
            Command::Plan(arguments) => plan::run(&arguments).await,
            Command::Apply(arguments) => Box::pin(apply::run(&arguments)).await,
            Command::Destroy(arguments) => apply::destroy(&arguments).await,
            Command::Drift(arguments) => drift::run(&arguments).await,
            Command::Show(arguments) => show::run(&arguments).await,
            Command::Import(arguments) => import::run(&arguments).await,
            Command::Export(arguments) => export::run(&arguments).await,
            Command::Schema(arguments) => schema::run(&arguments),
            Command::Serve(arguments) => serve::run(arguments).await,
            Command::Invoke(arguments) => invoke::run(&arguments).await,
            Command::Logs(arguments) => logs::run(&arguments).await,
            Command::Invocations(arguments) => invocations::run(&arguments).await,
            Command::Completions(arguments) => completions::run(&arguments),
            Command::Whoami(arguments) => whoami::run(&arguments).await,
        }
    });
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
