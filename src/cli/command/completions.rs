//! `fgctl completions`: prints shell completions for commands and flags.

use clap::CommandFactory;
use clap_complete::Shell;

use crate::cli::Exit;

const EXAMPLES: &str = "\
Examples:
  # bash: complete commands and options
  fgctl completions bash > ~/.local/share/bash-completion/completions/fgctl

  # bash: also complete names of functions, in all shells that start from now on
  echo 'source <(COMPLETE=bash fgctl)' >> ~/.bashrc";

/// Print a script that completes commands and options in a shell
///
/// This script completes commands and options, and never runs fgctl. To also complete values, such as the names of
/// functions, run fgctl with the environment variable `COMPLETE` set to the name of the shell: it prints a different
/// script, which runs fgctl for every completion.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(in crate::cli) struct Arguments {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut crate::cli::Arguments::command(), "fgctl", &mut script);
    out!("{}", String::from_utf8(script)?);
    Ok(Exit::Done)
}
