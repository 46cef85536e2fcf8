//! `fgctl invocations`: lists a function's asynchronous invocations, as far as the service records them.

use anyhow::Context;
use jiff::{SignedDuration, Timestamp};

use crate::model::invocation::Status;
use crate::remote::Filter;
use crate::render::timeline;

use crate::cli::Exit;
use crate::cli::function_argument::{FunctionArgument, Opened};
use crate::cli::output::Output;
use crate::cli::reconcile::reported;

/// List a function's asynchronous invocations
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Arguments {
    #[command(flatten)]
    function: FunctionArgument,
    /// Only those with this status: WAIT, RUNNING, SUCCESS, FAIL or DISCARD
    #[arg(long, value_parser = status)]
    status: Option<Status>,
    /// Only those that started within this time, as in 30m, 2h or 7d
    #[arg(long, value_name = "DURATION", default_value = "1h")]
    since: SignedDuration,
    /// The output format
    #[arg(short, long, value_enum, default_value_t)]
    output: Output,
}

pub(super) async fn run(arguments: &Arguments) -> anyhow::Result<Exit> {
    reported(arguments.output, list(arguments)).await
}

async fn list(arguments: &Arguments) -> anyhow::Result<Exit> {
    let Arguments { function, status, since, output } = arguments;
    let since = Timestamp::now().checked_sub(*since).context("--since goes back too far")?;
    let Opened { connection, remote, urn } = function.open().await?;
    let filter = Filter { request_id: None, status: *status, since: Some(since) };
    let found = remote.list_invocations(&urn, &filter).await?;
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

fn status(text: &str) -> Result<Status, String> {
    let named = Status::ALL.into_iter().find(|status| status.name().eq_ignore_ascii_case(text));
    named.ok_or_else(|| format!("it is one of {}", Status::ALL.map(Status::name).join(", ")))
}
