//! `fgctl invocations`: lists a function's asynchronous invocations, as far as the service records them.

use anyhow::Context;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use jiff::Timestamp;
use std::time::Duration;

use crate::model::invocation::Status;
use crate::remote::Filter;
use crate::render::timeline;

use crate::cli::Exit;
use crate::cli::failure::reported;
use crate::cli::flag_value::duration;
use crate::cli::function_argument::{FunctionArgument, Opened};
use crate::cli::help;
use crate::cli::output::Output;

const EXAMPLES: &str = "\
Examples:
  # List the requests of the last hour
  fgctl invocations intake

  # List the failed requests of the last week
  fgctl invocations intake --since 7d --status FAIL";

/// List a function's asynchronous requests
///
/// The service records requests only if the function's policy has `status_log: true`.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(in crate::cli) struct Arguments {
    /// Show only requests that were submitted within this period, such as 30m, 2h or 7d
    #[arg(long, value_name = "DURATION", default_value = "1h", value_parser = duration)]
    since: Duration,
    /// Only requests with this status
    #[arg(long, ignore_case = true, value_parser = statuses())]
    status: Option<Status>,
    /// The output format
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value_t, help_heading = help::OUTPUT)]
    output: Output,
    #[command(flatten)]
    function: FunctionArgument,
}

pub(super) async fn run(arguments: &Arguments) -> anyhow::Result<Exit> {
    reported(arguments.output, list(arguments)).await
}

async fn list(arguments: &Arguments) -> anyhow::Result<Exit> {
    let Arguments { function, status, since, output } = arguments;
    let since = Timestamp::now().checked_sub(*since).context("--since is too long ago")?;
    let Opened { connection, remote, urn, asked } = function.open().await?;
    let filter = Filter { request_id: None, status: *status, since: Some(since) };
    let found = remote.list_invocations(&urn, &filter).await.map_err(|error| asked.explained(error))?;
    match output {
        Output::Json => outln!("{}", serde_json::to_string_pretty(&found)?),
        Output::Human => out!("{}", timeline::list(&found)),
    }
    if found.is_empty() && !remote.has_status_log(&urn).await? {
        errln!("No invocations are listed: the service records them only if the policy has `status_log: true`.");
    }
    connection.close().await;
    Ok(Exit::Done)
}

fn statuses() -> impl TypedValueParser<Value = Status> {
    let names = PossibleValuesParser::new(Status::ALL.map(Status::name));
    names.try_map(|name| {
        let found = Status::ALL.into_iter().find(|status| status.name().eq_ignore_ascii_case(&name));
        found.ok_or("there is no such status")
    })
}
