//! `fgctl invoke`: runs a function, synchronously or asynchronously, and shows the result.

mod following;

use anyhow::{Context, bail};
use clap::builder::NonEmptyStringValueParser;
use clap_complete::ArgValueCompleter;
use serde::de::IgnoredAny;
use serde_json::{Value, json};
use std::io::{IsTerminal, Read};
use std::time::Duration;

use crate::manifest::open_regular;
use crate::model::invocation::{Failure, Invocation, Returned};
use crate::render::{printable, terminal, timeline};

use self::following::{Accepted, CONTINUES, Ended};
use crate::cli::Exit;
use crate::cli::completion;
use crate::cli::connection::Connection;
use crate::cli::failure::{Advised, Interrupted, advised, reported};
use crate::cli::flag_value::duration;
use crate::cli::function_argument::{FunctionArgument, Opened};
use crate::cli::help;
use crate::cli::interruption;
use crate::cli::output::Output;

const EXAMPLES: &str = "\
Examples:
  # Run a function, and print its result
  fgctl invoke intake --data '{\"order\": 7}'

  # Queue a request with an event from a file, and print the request's id
  fgctl invoke intake --data @event.json --async

  # Queue a request, and show everything that it triggers
  fgctl invoke intake --data '{\"order\": 7}' --follow";

/// Run a function
///
/// By default, fgctl waits for the function's result and prints it. With --async or --follow, the service queues the
/// request instead, and the function's policy determines retries and notifications.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(in crate::cli) struct Arguments {
    /// The event: JSON, @FILE to read a file, or - for standard input
    #[arg(short, long, value_name = "JSON|@FILE|-", default_value = "{}", value_parser = NonEmptyStringValueParser::new(), add = ArgValueCompleter::new(completion::events))]
    data: String,
    /// Queue the request, and print its id
    ///
    /// With --local, if `fgctl serve` is not running, fgctl also waits until the request and everything that it
    /// triggers have ended.
    #[arg(long = "async")]
    asynchronous: bool,
    /// Queue the request, and show everything that it triggers
    ///
    /// fgctl waits until the request and everything that it triggers have ended. It then prints each attempt, each wait and
    /// each notification as a tree.
    #[arg(long)]
    follow: bool,
    /// The longest time to follow, such as 30s or 5m
    ///
    /// After this time, fgctl prints what is known, and fails.
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    timeout: Option<Duration>,
    /// The output format
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value_t, help_heading = help::OUTPUT)]
    output: Output,
    #[command(flatten)]
    function: FunctionArgument,
}

/// The largest event in bytes; the service accepts 6 MB.
const EVENT_BYTES: u64 = 6 * 1024 * 1024;

pub(super) async fn run(arguments: &Arguments) -> anyhow::Result<Exit> {
    reported(arguments.output, invoke(arguments)).await
}

async fn invoke(arguments: &Arguments) -> anyhow::Result<Exit> {
    let Arguments { function, data, asynchronous, follow, timeout, output } = arguments;
    // A synchronous call ends with its own result, so waiting requests are not started.
    let waits = !(*asynchronous || *follow);
    if waits && timeout.is_some() {
        let help = "add --follow or --async, or set `timeout` in the manifest";
        return Err(advised(
            "--timeout has no effect on a synchronous call, which ends with the function's timeout",
            help,
        ));
    }
    let timeout = timeout.map(Duration::try_from).transpose().context("--timeout is negative")?;
    let event = event(data)?;
    let help = "write text in double quotes, such as --data '\"text\"'; to send a file, use --data @FILE";
    serde_json::from_slice::<IgnoredAny>(&event)
        .with_context(|| Advised::new("the event is not valid JSON, so it was not sent", help))?;
    let Opened { connection, remote, urn, asked } =
        if waits { function.open().await? } else { function.open_running().await? };
    interruption::leaves(CONTINUES);
    let ended = match (asynchronous, follow) {
        (false, false) => {
            Ok(returned(remote.invoke(&urn, event).await.map_err(|error| asked.explained(error))?, *output))
        }
        _ => {
            let request_id = remote.invoke_async(&urn, event).await.map_err(|error| asked.explained(error))?;
            let request = Accepted { remote: &remote, urn: &urn, id: &request_id };
            if *follow {
                followed(&request, timeout, *output).await
            } else {
                handed_over(&request, &connection, timeout, *output).await
            }
        }
    };
    connection.close().await;
    ended
}

fn event(data: &str) -> anyhow::Result<Vec<u8>> {
    let read = |reader: &mut dyn Read| {
        let mut bytes = Vec::new();
        reader.take(EVENT_BYTES + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > EVENT_BYTES {
            bail!("the event has more than {EVENT_BYTES} bytes, which the service does not accept");
        }
        Ok(bytes)
    };
    match data.strip_prefix('@') {
        Some("") => Err(advised("`@` in --data is not followed by the path of a file", "write --data @FILE")),
        Some(path) => {
            let mut file = open_regular(path.as_ref()).with_context(|| format!("cannot read the event from {path}"))?;
            read(&mut file).with_context(|| format!("cannot read the event from {path}"))
        }
        None if data == "-" => read(&mut std::io::stdin().lock()),
        None => Ok(data.as_bytes().to_vec()),
    }
}

fn returned(returned: Returned, output: Output) -> Exit {
    let Returned { request_id, result, log } = returned;
    let exit = if result.is_ok() { Exit::Done } else { Exit::Failed };
    match (output, result) {
        (Output::Json, result) => {
            let (value, failure) = match result {
                Ok(result) => (json_or_text(result), Value::Null),
                Err(Failure { code, payload }) => {
                    (Value::Null, json!({ "code": code, "failure": json_or_text(payload) }))
                }
            };
            outln!("{:#}", json!({ "request_id": request_id, "result": value, "error": failure, "log": log }));
        }
        (Output::Human, Ok(result)) if std::io::stdout().is_terminal() => outln!("{}", terminal::lines(&result)),
        (Output::Human, Ok(result)) => outln!("{result}"),
        (Output::Human, Err(Failure { code, payload })) => {
            let code = code.map(|code| format!(" with {code}")).unwrap_or_default();
            errln!("{}", terminal::lines(log.trim_end()));
            // The service's log usually ends with the same object.
            if log.contains(payload.trim()) {
                errln!("error: the function failed{code}");
            } else {
                errln!("error: the function failed{code}:\n{}", terminal::lines(&payload));
            }
        }
    }
    exit
}

fn json_or_text(text: String) -> Value {
    serde_json::from_str(&text).unwrap_or(Value::String(text))
}

/// With `--local`, the function runs only while this process exists, so it waits.
async fn handed_over(
    request: &Accepted<'_>,
    connection: &Connection,
    timeout: Option<Duration>,
    output: Output,
) -> anyhow::Result<Exit> {
    let request_id = request.id;
    match output {
        Output::Json => outln!("{:#}", json!({ "request_id": request_id })),
        Output::Human => outln!("{}", printable(request_id)),
    }
    if !connection.is_embedded() {
        return Ok(Exit::Done);
    }
    errln!("Running the embedded server until the request and everything that it triggers have ended.");
    match following::follow(request, timeout).await? {
        Ended::Done(_) => Ok(Exit::Done),
        Ended::Interrupted(_) => {
            errln!("Interrupted: request {} has not ended yet.", printable(request_id));
            Ok(Exit::Interrupted)
        }
        Ended::TimedOut(known) => {
            errln!("error: {}", late(request, known.as_ref()));
            Ok(Exit::Failed)
        }
    }
}

async fn followed(request: &Accepted<'_>, timeout: Option<Duration>, output: Output) -> anyhow::Result<Exit> {
    let request_id = request.id;
    errln!("Following request {}. Ctrl-C stops following and shows what is known.", printable(request_id));
    let (invocation, trouble, unfinished) = match following::follow(request, timeout).await? {
        Ended::Done(invocation) => (invocation, None, Exit::Failed),
        Ended::Interrupted(None) => {
            let consequence = format!("the service has not listed request {request_id} yet");
            return Err(Interrupted { consequence }.into());
        }
        Ended::Interrupted(Some(known)) => (known, None, Exit::Interrupted),
        Ended::TimedOut(known) => {
            let late = late(request, known.as_ref());
            (known.with_context(|| late.clone())?, Some(late), Exit::Failed)
        }
    };
    match output {
        Output::Json => outln!("{}", serde_json::to_string_pretty(&invocation)?),
        Output::Human => out!("{}", timeline::human(&invocation)),
    }
    if let Some(late) = &trouble {
        errln!("error: {late}");
    }
    let done = trouble.is_none() && invocation.has_succeeded();
    Ok(if done { Exit::Done } else { unfinished })
}

fn late(request: &Accepted<'_>, known: Option<&Invocation>) -> String {
    let waits = following::waits_for(request, known);
    format!("--timeout expired, but request {} still waits for {waits}", request.id)
}
