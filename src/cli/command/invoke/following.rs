//! Follows an asynchronous invocation until it and all invocations that it started have ended.

use std::time::Duration;

use tokio::time::Instant;

use crate::cli::failure::advised;
use crate::cli::interruption;
use crate::model::invocation::Invocation;
use crate::model::urn::FunctionUrn;
use crate::remote::{Followed, Remote};
use crate::render::timeline;

/// The wait between two reads of an invocation.
const LOOK: Duration = Duration::from_millis(200);
/// How long to wait before printing what the command is waiting for.
const SILENCE: Duration = Duration::from_secs(2);

/// What is true if following ends early.
pub(super) const CONTINUES: &str = "the request may still run";

/// A request that was submitted.
pub(super) struct Accepted<'a> {
    pub(super) remote: &'a Remote,
    pub(super) urn: &'a FunctionUrn,
    pub(super) id: &'a str,
}

/// How following ended, and the last known state.
pub(super) enum Ended {
    Done(Invocation),
    Interrupted(Option<Invocation>),
    TimedOut(Option<Invocation>),
}

/// Reads the invocation until it and everything that it started have ended, until the timeout, or until an interruption.
pub(super) async fn follow(request: &Accepted<'_>, timeout: Option<Duration>) -> anyhow::Result<Ended> {
    let mut interrupted = std::pin::pin!(interruption::stoppable(CONTINUES));
    let began = Instant::now();
    let mut said = String::new();
    loop {
        let known = look(request).await?;
        let known = match known {
            Some((invocation, true)) => return Ok(Ended::Done(invocation)),
            Some((invocation, false)) => Some(invocation),
            None => None,
        };
        let left = timeout.map(|timeout| timeout.saturating_sub(began.elapsed()));
        if left == Some(Duration::ZERO) {
            return Ok(Ended::TimedOut(known));
        }
        let waits = waits_for(request, known.as_ref());
        if began.elapsed() >= SILENCE && waits != said {
            errln!("Waiting for {waits}.");
            said = waits;
        }
        tokio::select! {
            () = tokio::time::sleep(left.map_or(LOOK, |left| left.min(LOOK))) => {}
            () = &mut interrupted => return Ok(Ended::Interrupted(known)),
        }
    }
}

/// What the command is still waiting for.
pub(super) fn waits_for(request: &Accepted<'_>, known: Option<&Invocation>) -> String {
    let waits = known.and_then(timeline::waits_for);
    waits.unwrap_or_else(|| format!("the service to list {}", request.id))
}

/// The current state, and whether it is final.
async fn look(Accepted { remote, urn, id: request_id }: &Accepted<'_>) -> anyhow::Result<Option<(Invocation, bool)>> {
    Ok(match remote.follow(urn, request_id).await? {
        Followed::All(invocation) => {
            let is_quiet = invocation.is_quiet();
            Some((invocation, is_quiet))
        }
        Followed::Record(record) => record.map(|record| {
            let is_final = record.status.is_final();
            (record, is_final)
        }),
        Followed::NotRecorded => {
            let message =
                format!("request {request_id} was accepted, but the service does not record this function's requests");
            return Err(advised(message, "to follow requests, set `status_log: true` in the function's policy"));
        }
    })
}
