//! One attempt of an asynchronous invocation: runs it, and writes its end.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::super::activity::Work;
use super::super::claim::Start;
use super::super::completion;
use super::super::core::Core;
use super::super::lifecycle::Backoff;
use super::super::runner::{attempt_entry, not_run};
use super::super::runtime::{Call, Ended, Kind};
use super::super::transition::Run;

/// The waits while the end of an attempt cannot be written, for example because the disk is full.
const REWRITE: Backoff = Backoff { first: Duration::from_millis(100), longest: Duration::from_secs(5) };

/// Runs an attempt until it ends or is canceled.
pub(super) async fn run(core: &Core, start: Start, canceled: CancellationToken) -> Ended {
    let Start { run, deployment, body } = start;
    let deployment = match deployment {
        Ok(deployment) => deployment,
        Err(failure) => return not_run(&failure),
    };
    let call = Call { request_id: run.request_id.clone(), event: body.into(), kind: Kind::Async, canceled };
    let ended = core.run(run.function_id, Arc::clone(&deployment), call).await;
    core.journal.note(|| attempt_entry(&run.request_id, Some(run.attempt), &deployment, &ended));
    ended
}

/// Writes the end of an attempt, with as many tries as necessary, because it is recorded nowhere else.
pub(super) async fn write(core: &Core, run: Run, ended: Ended, mut work: Work) -> Work {
    let ended = Arc::new(ended);
    for failures in 1.. {
        let (run, ended) = (run.clone(), Arc::clone(&ended));
        match core.transact(move |transaction| completion::end_attempt(transaction, &run, &ended)).await {
            Ok(()) => return work,
            Err(failure) => core.journal.warn(|| format!("the end of a run cannot be written: {failure}")),
        }
        let wait = u64::try_from(REWRITE.wait(failures)).unwrap_or_default();
        work = core.clock.pause(work, Duration::from_millis(wait)).await;
    }
    work
}
