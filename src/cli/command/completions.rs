//! `fgctl completions`: prints shell completions for commands and flags.

use clap::CommandFactory;
use clap_complete::Shell;

use crate::cli::Exit;

/// Print shell completions, as in `fgctl completions bash > /etc/bash_completion.d/fgctl`
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Arguments {
    #[arg(value_enum)]
    shell: Shell,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut crate::cli::Arguments::command(), "fgctl", &mut script);
    out!("{}", String::from_utf8(script)?);
    Ok(Exit::Done)
}
