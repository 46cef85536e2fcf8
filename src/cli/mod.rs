//! The command line: reads flags and the environment, prints text and returns an exit code. `command` has a file for
//! each command; the other modules are shared.
//!
//! Only this module reads the environment, prints and exits.

#[macro_use]
mod streams;

mod account;
mod command;
mod completion;
mod confirm;
mod connection;
mod content;
mod environment_arguments;
mod execution;
mod failure;
mod flag_value;
mod function_argument;
mod github;
mod help;
mod here;
mod http_arguments;
mod interruption;
mod manifest_arguments;
mod output;
mod pager;
mod permission;
mod planning;
mod progress;
mod quoting;
mod reconcile;
mod refused_fields;
mod report;
mod report_file;
mod repository;
mod saved_plan;
mod shared_arguments;
mod unset;
mod usage;
mod waiting;
mod whole_file;

use clap::builder::Resettable;
use clap::{CommandFactory, FromArgMatches, Parser};
use std::ffi::{OsStr, OsString};
use std::process::ExitCode;

use command::Command;

/// The examples of a first session, and the variables that no option names.
const EXAMPLES: &str = "\
Examples:
  # Check the manifest in the current directory
  fgctl validate

  # Deploy it to the embedded server, which needs no account
  fgctl apply --local

  # Show what an apply would change in your account, and make the changes
  fgctl plan
  fgctl apply

Environment variables:
  FGCTL_FILE              the manifests, for commands without -f
  FGCTL_ENV               the environment, as with --env
  FGCTL_LOCAL             1 or a directory: use the embedded server, as with --local
  FGCTL_VAR_name          the value of the manifest's variable `name`
  COMPLETE                see `fgctl completions --help`
  HTTP_PROXY, HTTPS_PROXY, NO_PROXY
                          the proxies for requests, and the hosts that need none
  FGCTL_PAGER, PAGER      the pager for long plans; empty or `cat` for none
  LESS                    the options of the pager `less`; FRX if it is not set
  NO_COLOR, CLICOLOR, CLICOLOR_FORCE
                          whether to print colors
  TERM                    `dumb`: use no pager, no colors and no progress line
  GITHUB_ACTIONS, GITHUB_STEP_SUMMARY
                          set by GitHub: fgctl annotates the lines of a pull request, and
                          adds the result to the summary of the job
  GITHUB_WORKSPACE, CI_PROJECT_DIR
                          set by GitHub and GitLab: the checkout, to which file paths in
                          reports are relative

An empty variable counts as unset, except FGCTL_PAGER and PAGER.

The help of each command lists the environment variables that set its options, such as FGCTL_REGION.";

/// Deploy FunctionGraph functions, their asynchronous policies and their triggers from YAML manifests
#[derive(Debug, Parser)]
#[command(name = "fgctl", version, propagate_version = true)]
#[command(after_help = "`fgctl COMMAND --help` describes a command and shows examples.")]
#[command(after_long_help = EXAMPLES, mut_subcommands = help::with_hint)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

/// The command line that fgctl accepts. An empty variable counts as unset, because pipelines set variables that have no
/// value. An empty value on the command line is an error: there, it comes from a variable that is not set by mistake.
fn definition() -> clap::Command {
    without_empty_variables(Arguments::command())
}

fn without_empty_variables(command: clap::Command) -> clap::Command {
    let is_empty = |name: &OsStr| std::env::var_os(name).is_some_and(|value| value.is_empty());
    let command = command.mut_args(|argument| {
        let is_unset = argument.get_env().is_some_and(is_empty);
        if is_unset { argument.env(Resettable::Reset) } else { argument }
    });
    command.mut_subcommands(without_empty_variables)
}

fn parsed(line: Vec<OsString>) -> Result<Arguments, clap::Error> {
    let mut definition = definition();
    let mut matches = definition.try_get_matches_from_mut(line)?;
    Arguments::from_arg_matches_mut(&mut matches).map_err(|error| error.format(&mut definition))
}

/// The result of a command. Decided once, at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Exit {
    /// Done, or nothing to do.
    Done,
    /// An error that was reported.
    Failed,
    /// `plan --detailed-exitcode` and `drift`: there are differences.
    Differences,
    /// A saved plan does not match the current state.
    Stale,
    /// Ctrl-C, SIGTERM or SIGHUP stopped the command.
    Interrupted,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Differences => 2,
            Exit::Stale => 3,
            Exit::Interrupted => interruption::EXIT_CODE,
        })
    }
}

/// How long threads may continue after a command has ended.
const LAST_GRACE: std::time::Duration = std::time::Duration::from_secs(1);

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    if let Some(code) = crate::server::launch(std::env::args_os()) {
        return code.into();
    }
    if completion::answers() {
        return ExitCode::SUCCESS;
    }
    let arguments = match parsed(usage::without_help_of_help(std::env::args_os().collect())) {
        Ok(arguments) => arguments,
        Err(mut error) => {
            let arguments: Vec<String> =
                std::env::args_os().skip(1).map(|it| it.to_string_lossy().into_owned()).collect();
            usage::advise(&mut error, &arguments);
            // Help and version are not errors. Wrong usage exits with 1, because 2 means that there are differences.
            let _ = error.print();
            return ExitCode::from(u8::from(error.use_stderr()));
        }
    };
    // A server has its own way to stop. If signals cannot be received, they end the process as they end any other.
    if !matches!(arguments.command, Command::Serve(_)) {
        let _ = interruption::receive();
    }
    // The clients of a server wait for each other, so it needs several threads. Other commands mostly wait, and a
    // second thread would cost more than it helps.
    let mut builder = match arguments.command {
        Command::Serve(_) => tokio::runtime::Builder::new_multi_thread(),
        _ => tokio::runtime::Builder::new_current_thread(),
    };
    let runtime = match builder.enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            errln!("error: the asynchronous runtime cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    let ended = runtime.block_on(arguments.command.run());
    // A busy thread, for example one that unpacks code, does not delay the exit.
    runtime.shutdown_timeout(LAST_GRACE);
    match (ended, streams::unwritten()) {
        // The report that is missing may be the one that a pipeline decides by.
        (Ok(Exit::Interrupted), Some(_)) | (Ok(_), None) if report_file::is_incomplete() => ExitCode::FAILURE,
        // A terminal that is gone shows no result.
        (Ok(exit @ Exit::Interrupted), _) | (Ok(exit), None) => exit.into(),
        (Ok(_), Some(error)) => {
            errln!("error: cannot write the result to standard output: {error}");
            ExitCode::FAILURE
        }
        (Err(error), _) => {
            failure::show(&error);
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Arguments, parsed};
    use clap::error::ErrorKind;
    use clap::{Arg, CommandFactory};

    #[test]
    fn flags_fit_together() {
        Arguments::command().debug_assert();
    }

    /// The value may come from a variable of a script that is not set.
    #[test]
    fn no_argument_of_any_command_accepts_an_empty_value() {
        let program = Arguments::command();
        let mut tried = 0;
        for command in program.get_subcommands() {
            for argument in command.get_arguments().filter(|argument| argument.get_action().takes_values()) {
                let line = ["fgctl".to_owned(), command.get_name().to_owned(), empty(argument)];
                let error = parsed(line.map(Into::into).to_vec()).err().map(|error| error.kind());
                let refused = [ErrorKind::InvalidValue, ErrorKind::ValueValidation].map(Some);
                assert!(refused.contains(&error), "{} {}: {error:?}", command.get_name(), argument.get_id());
                tried += 1;
            }
        }
        assert!(tried > 200, "{tried}");
    }

    /// The argument with an empty value on a command line.
    fn empty(argument: &Arg) -> String {
        argument.get_long().map_or_else(String::new, |name| format!("--{name}="))
    }
}
