//! `fgctl invoke`: runs a function, now or asynchronously, and shows what became of it.

use anyhow::{Context, bail};
use serde::de::IgnoredAny;
use serde_json::{Value, json};
use std::io::Read;
use std::time::Duration;

use crate::model::invocation::{Failure, Invocation, Returned};
use crate::model::urn::FunctionUrn;
use crate::remote::{Followed, Remote};
use crate::render::timeline;

use super::Exit;
use super::connection::Connection;
use super::function_argument::{FunctionArgument, Opened};
use super::output::Output;
use super::reconcile::reported;

/// Run a function: wait for its result, or hand the request over and follow it
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    function: FunctionArgument,
    /// The event: JSON, @FILE, or - for standard input
    #[arg(short, long, value_name = "JSON|@FILE|-", default_value = "{}")]
    data: String,
    /// Hand the request over and print its id; it runs, is retried and notifies by the function's policy
    #[arg(long = "async")]
    asynchronous: bool,
    /// Wait until everything that the request set off is quiet, and show it as a tree; implies --async
    #[arg(long)]
    follow: bool,
    /// The form of the result
    #[arg(short, long, value_enum, default_value_t)]
    output: Output,
}

/// Between two looks at an invocation.
const LOOK: Duration = Duration::from_millis(200);
/// Bytes of an event at most; the service takes 6 MB.
const EVENT_BYTES: u64 = 6 * 1024 * 1024;

pub(super) async fn run(arguments: &Arguments) -> anyhow::Result<Exit> {
    reported(arguments.output, invoke(arguments)).await
}

async fn invoke(arguments: &Arguments) -> anyhow::Result<Exit> {
    let Arguments { function, data, asynchronous, follow, output } = arguments;
    let event = event(data)?;
    serde_json::from_slice::<IgnoredAny>(&event).context("the event is not JSON, and nothing was sent")?;
    // What else waits is not begun by a command that ends with its own result.
    let waits = !(*asynchronous || *follow);
    let Opened { connection, remote, urn } =
        if waits { function.open().await? } else { function.open_running().await? };
    let ended = match (asynchronous, follow) {
        (false, false) => Ok(returned(remote.invoke(&urn, event).await?, *output)),
        (_, true) => followed(&remote, &urn, event, *output).await,
        (true, false) => handed_over(&remote, &urn, event, &connection, *output).await,
    };
    connection.close().await;
    ended
}

fn event(data: &str) -> anyhow::Result<Vec<u8>> {
    let read = |reader: &mut dyn Read| {
        let mut bytes = Vec::new();
        reader.take(EVENT_BYTES + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > EVENT_BYTES {
            bail!("the event exceeds {EVENT_BYTES} bytes, which is what the service takes");
        }
        Ok(bytes)
    };
    match data.strip_prefix('@') {
        Some(path) => {
            let mut file = std::fs::File::open(path).with_context(|| format!("the event {path} cannot be read"))?;
            read(&mut file).with_context(|| format!("the event {path} cannot be read"))
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
        (Output::Human, Ok(result)) => outln!("{result}"),
        (Output::Human, Err(Failure { code, payload })) => {
            let code = code.map(|code| format!(" with {code}")).unwrap_or_default();
            errln!("{}", log.trim_end());
            errln!("error: the function failed{code}:\n{payload}");
        }
    }
    exit
}

fn json_or_text(text: String) -> Value {
    serde_json::from_str(&text).unwrap_or(Value::String(text))
}

/// Under `--local` nobody runs the function once this process ends, so it stays.
async fn handed_over(
    remote: &Remote,
    urn: &FunctionUrn,
    event: Vec<u8>,
    connection: &Connection,
    output: Output,
) -> anyhow::Result<Exit> {
    let request_id = remote.invoke_async(urn, event).await?;
    match output {
        Output::Json => outln!("{:#}", json!({ "request_id": request_id })),
        Output::Human => outln!("{request_id}"),
    }
    if connection.is_embedded() {
        errln!("The server is inside this command, which stays until the request and all it set off are done.");
        let invocation = quiet(remote, urn, &request_id).await?;
        if !invocation.is_quiet() {
            errln!("Interrupted: {request_id} is not done yet.");
            return Ok(Exit::Failed);
        }
    }
    Ok(Exit::Done)
}

async fn followed(remote: &Remote, urn: &FunctionUrn, event: Vec<u8>, output: Output) -> anyhow::Result<Exit> {
    let request_id = remote.invoke_async(urn, event).await?;
    errln!("Following {request_id}; Ctrl-C shows what is known until then.");
    let invocation = quiet(remote, urn, &request_id).await?;
    match output {
        Output::Json => outln!("{}", serde_json::to_string_pretty(&invocation)?),
        Output::Human => out!("{}", timeline::human(&invocation)),
    }
    Ok(if invocation.has_succeeded() { Exit::Done } else { Exit::Failed })
}

/// Looks until nothing that the request set off is under way any more, or until Ctrl-C.
async fn quiet(remote: &Remote, urn: &FunctionUrn, request_id: &str) -> anyhow::Result<Invocation> {
    let mut interrupted = std::pin::pin!(tokio::signal::ctrl_c());
    loop {
        let known = look(remote, urn, request_id).await?;
        if let Some((invocation, true)) = known {
            return Ok(invocation);
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            _ = &mut interrupted => {
                let known = known.map(|(invocation, _)| invocation);
                return known.with_context(|| format!("interrupted before anything was known of {request_id}"));
            }
        }
    }
}

/// What is known by now, and whether that is its end.
async fn look(remote: &Remote, urn: &FunctionUrn, request_id: &str) -> anyhow::Result<Option<(Invocation, bool)>> {
    Ok(match remote.follow(urn, request_id).await? {
        Followed::All(invocation) => {
            let is_quiet = invocation.is_quiet();
            Some((invocation, is_quiet))
        }
        Followed::Record(record) => record.map(|record| {
            let is_final = record.status.is_final();
            (record, is_final)
        }),
        Followed::NotRecorded => bail!(
            "{request_id} was accepted, and the service keeps no records of this function's invocations: to follow \
             them, set `status_log: true` in its policy"
        ),
    })
}
