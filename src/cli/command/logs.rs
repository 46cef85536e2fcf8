//! `fgctl logs`: prints a function's log, if the endpoint returns it.

use anyhow::bail;
use std::time::Duration;

use crate::model::invocation::LogLine;
use crate::remote::Log;
use crate::render::terminal;

use crate::cli::Exit;
use crate::cli::failure::reported;
use crate::cli::function_argument::{FunctionArgument, Opened};
use crate::cli::help;
use crate::cli::interruption;
use crate::cli::output::Output;
use crate::cli::streams;

const EXAMPLES: &str = "\
Examples:
  # Print a function's log
  fgctl logs intake

  # Keep printing new lines until Ctrl-C
  fgctl logs intake --follow";

/// Print a function's log
///
/// The embedded server keeps logs, and fgctl prints them. The real service keeps them in its log service, LTS. For a
/// function of the real service, fgctl prints no log, and only says which log group and stream contain it.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(in crate::cli) struct Arguments {
    /// Keep printing new lines until Ctrl-C
    #[arg(long)]
    follow: bool,
    /// The output format; json prints one object per line
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value_t, help_heading = help::OUTPUT)]
    output: Output,
    #[command(flatten)]
    function: FunctionArgument,
}

/// The wait between two reads of a log.
const LOOK: Duration = Duration::from_millis(300);

pub(super) async fn run(arguments: &Arguments) -> anyhow::Result<Exit> {
    reported(arguments.output, logs(arguments)).await
}

async fn logs(arguments: &Arguments) -> anyhow::Result<Exit> {
    let Arguments { function, follow, output } = arguments;
    let Opened { connection, remote, urn, asked } = function.open().await?;
    if *follow && connection.is_embedded() {
        errln!(
            "Other commands that use this data directory wait until this one ends. To avoid that, start `fgctl serve` first."
        );
    }
    // Without --follow, the command ends soon anyway.
    let mut interrupted = follow.then(|| Box::pin(interruption::stoppable("there may be more of the log")));
    let (mut cursor, mut is_empty) = (0, true);
    loop {
        let (lines, next) = match remote.read_log(&urn, cursor).await.map_err(|error| asked.explained(error))? {
            Log::Lines { lines, cursor } => (lines, cursor),
            Log::Elsewhere { group, stream } => bail!("{}", elsewhere(&group, &stream)),
        };
        let is_end = lines.is_empty();
        is_empty &= is_end;
        for line in lines {
            print(&line, *output)?;
        }
        cursor = next;
        if !is_end {
            continue;
        }
        let Some(interrupted) = interrupted.as_mut().filter(|_| !streams::are_over()) else { break };
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            () = interrupted => break,
        }
    }
    if is_empty && !follow {
        errln!("The function has no log yet.");
    }
    connection.close().await;
    Ok(Exit::Done)
}

fn print(line: &LogLine, output: Output) -> anyhow::Result<()> {
    match output {
        Output::Human => outln!("{}", terminal::lines(&line.text)),
        Output::Json => outln!("{}", serde_json::to_string(line)?),
    }
    Ok(())
}

/// What to do if the service stores logs in another service.
fn elsewhere(group: &str, stream: &str) -> String {
    if group.is_empty() && stream.is_empty() {
        return "the service keeps no log of this function: enable LTS logging in its console".into();
    }
    format!(
        "the service keeps this function's log in LTS: log group {group}, stream {stream}; `fgctl invoke` shows the end of a run's log"
    )
}
