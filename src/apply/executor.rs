//! The main loop of an apply: starts changes that need not wait, collects their results, and checks live state at the
//! end.

use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::pin;

use crate::model::address::{Address, FunctionAddress};
use crate::model::mark;
use crate::plan::change::{Change, Plan, Step};
use crate::remote::{self, Remote};

use super::closing::{self, Listed};
use super::deletions::Deletions;
use super::error::Error;
use super::outcome::{Because, Event, Report, Status};
use super::ride;
use super::schedule::Schedule;
use super::step::{self, Effects, Written};

/// The approximate number of requests for a change. Only the estimate of the remaining time uses it.
const fn requests(change: &Change<'_>) -> usize {
    match change.step {
        Step::CreateFunction { .. } | Step::DeleteFunction { .. } | Step::Forget(_) => 2,
        // A read, one or two writes, and tags.
        Step::UpdateFunction { .. } | Step::PutPolicy { .. } | Step::MarkPolicy { .. } => 4,
        // Those and the tags before.
        Step::DeletePolicy { .. } | Step::Existing(_) | Step::Trigger(_) => 5,
    }
}

/// Applies a plan, and tells when each change starts and how it ends. When `stop` completes, no more changes are
/// started, and the running ones are finished.
pub async fn run(
    plan: &Plan<'_>,
    effects: &Effects<'_>,
    stop: impl Future<Output = ()>,
    mut tell: impl FnMut(Event<'_>),
) -> Report {
    let changes = &plan.changes;
    let (riding, waits) = ride::riding(changes, &waits(changes));
    let performed = changes.iter().enumerate().filter(|(index, _)| !riding.contains(index));
    effects.remote.announce_requests(performed.map(|(_, change)| requests(change)).sum());
    let mut schedule = Schedule::new(waits, turns(changes));
    let deletions = Deletions::new(changes, &riding, effects.seen);
    let mut ends: BTreeMap<usize, Result<Written, Status>> = BTreeMap::new();
    let mut under_way = FuturesUnordered::new();
    let mut stop = pin!(stop);
    let mut stopped = false;
    loop {
        while under_way.len() < effects.remote.concurrency() {
            // After an interruption, only changes that have already happened remain: they need no request.
            let next = if stopped { schedule.next_of(&riding) } else { schedule.next() };
            let Some(index) = next else { break };
            let (change, deletions) = (&changes[index], &deletions);
            let rides = riding.contains(&index);
            deletions.begin(change);
            tell(Event::Started(change));
            under_way.push(async move {
                // The policy was deleted together with its function.
                let ended =
                    if rides { Ok(Written::default()) } else { step::perform(change, effects, deletions).await };
                (index, ended)
            });
        }
        let (index, result) = tokio::select! {
            ended = under_way.next() => match ended {
                Some(ended) => ended,
                None => break,
            },
            () = &mut stop, if !stopped => {
                stopped = true;
                continue;
            }
        };
        match result {
            Ok(written) => {
                schedule.succeeded(index);
                tell(Event::Ended(&changes[index], &Status::Done));
                ends.insert(index, Ok(written));
            }
            Err(error) => {
                let status = Status::Failed(error);
                tell(Event::Ended(&changes[index], &status));
                ends.insert(index, Err(status));
                for (skipped, cause) in schedule.failed(index) {
                    let status = Status::Skipped(Because::Of(changes[cause].address.clone()));
                    tell(Event::Ended(&changes[skipped], &status));
                    ends.insert(skipped, Err(status));
                }
            }
        }
    }
    let because = |first: Option<usize>| match first {
        Some(first) if !stopped => Because::Of(changes[first].address.clone()),
        _ => Because::Interrupted,
    };
    ends.extend(schedule.abandon().into_iter().map(|(left, first)| (left, Err(Status::Skipped(because(first))))));
    let report = close(plan, effects, ends).await;
    let interrupted = stopped || stop.now_or_never().is_some();
    Report { interrupted, ..report }
}

async fn take_times(remote: &Remote, marks: BTreeMap<FunctionAddress, String>) -> Result<(), remote::Error> {
    for (function, mark) in marks {
        remote.ensure_tags(&function, &BTreeMap::from([(mark::SECRETS.to_owned(), mark)])).await?;
    }
    Ok(())
}

/// What each change waits for, by index.
pub(super) fn waits(changes: &[Change<'_>]) -> Vec<BTreeSet<usize>> {
    indices(changes, |change| change.waits_for.as_slice())
}

/// Those of the waits that end whether or not the first change succeeds.
pub(super) fn turns(changes: &[Change<'_>]) -> Vec<BTreeSet<usize>> {
    indices(changes, |change| change.turns.as_slice())
}

/// The indices of changes that each change names.
fn indices<'c, 'a>(changes: &'c [Change<'a>], named: impl Fn(&'c Change<'a>) -> &'c [Address]) -> Vec<BTreeSet<usize>> {
    let index: BTreeMap<&Address, usize> =
        changes.iter().enumerate().map(|(index, change)| (&change.address, index)).collect();
    changes.iter().map(|change| named(change).iter().filter_map(|first| index.get(first).copied()).collect()).collect()
}

/// Compares the writes with the service's final lists. Removes the time from a mark if the service's time is later.
async fn close(plan: &Plan<'_>, effects: &Effects<'_>, ends: BTreeMap<usize, Result<Written, Status>>) -> Report {
    let Effects { remote, desired, .. } = effects;
    let verified = |listed: &Listed| -> BTreeMap<usize, Error> {
        let written = ends.iter().filter_map(|(index, end)| Some((*index, end.as_ref().ok()?)));
        let verify = |(index, written)| Some((index, closing::verify(&plan.changes[index], written, listed).err()?));
        written.filter_map(verify).collect()
    };
    let overtaken = |listed: &Listed| -> BTreeMap<FunctionAddress, String> {
        let done = ends.iter().filter(|(_, end)| end.is_ok()).map(|(index, _)| &plan.changes[*index]);
        done.filter_map(|change| closing::without_time(change, listed)).collect()
    };
    let mut seen = Ok((BTreeMap::new(), BTreeMap::new()));
    if ends.values().any(Result::is_ok) {
        let look = async || remote.list(desired).await.map(|listed| (verified(&listed), overtaken(&listed)));
        seen = remote::settle(look, |(unapplied, _)| unapplied.is_empty()).await;
    }
    let (mut unapplied, unverified) = match seen {
        Ok((unapplied, overtaken)) => (unapplied, take_times(remote, overtaken).await.err().map(Error::from)),
        Err(error) => (BTreeMap::new(), Some(error.into())),
    };
    let (mut ends, mut unmarked) = (ends, Vec::new());
    for (index, written) in ends.iter_mut().filter_map(|(index, end)| Some((index, end.as_mut().ok()?))) {
        unmarked.extend(written.unmarked.take().map(|error| (plan.changes[*index].address.clone(), error.into())));
    }
    let status = |(index, end): (usize, Result<Written, Status>)| match end {
        Ok(_) => unapplied.remove(&index).map_or(Status::Done, Status::Failed),
        Err(status) => status,
    };
    Report { statuses: ends.into_iter().map(status).collect(), unmarked, unverified, interrupted: false }
}
