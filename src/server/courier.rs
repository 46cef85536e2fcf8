//! The courier: takes pending notifications from the store and delivers them.
//!
//! Makes one delivery at a time to each target, so that a target that does not answer delays only its own
//! notifications.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use reqwest::Client;
use rusqlite::Connection;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::wire::async_policy::{Destination, service};

use super::acceptance::Cause;
use super::activity::{self, Bell, Work};
use super::clock::{after, date};
use super::core::Core;
use super::damage;
use super::dispatcher::Dispatcher;
use super::notify::obs::Objects;
use super::notify::{Delivered, DeliveryError, ObjectStore, Subscription, dis, function, obs, progress, smn};
use super::store::notification::{self, Line, Most, Owed};
use super::store::{StoreFailure, Stored, object, triggered};
use super::transaction::Transaction;
use super::trigger;

/// The number of targets that are served concurrently.
const TARGETS: usize = 64;
/// A delivery that takes longer than this no longer counts towards that limit...
const SLOW: Duration = Duration::from_millis(500);
/// ... for up to this many targets.
const MOST_TARGETS: usize = 512;
/// The limit of one delivery to a target.
const MOST: Most = Most { count: 64, bytes: 4 * 1024 * 1024 };
/// The wait after the store has failed.
const STORE_RETRY: Duration = Duration::from_secs(1);
/// The timeout for a subscriber.
const PATIENCE: Duration = Duration::from_secs(10);

/// The courier and its dependencies.
#[derive(Clone)]
pub(crate) struct Courier {
    core: Arc<Core>,
    dispatcher: Dispatcher,
    outlets: Arc<Outlets>,
}

/// The destinations of notifications to services other than FunctionGraph.
pub(crate) struct Outlets {
    /// The data directory.
    pub(crate) data: PathBuf,
    pub(crate) objects: ObjectStore,
    pub(crate) subscriptions: Vec<Subscription>,
    client: Client,
}

impl Outlets {
    pub(crate) fn new(
        data: PathBuf,
        objects: ObjectStore,
        subscriptions: Vec<Subscription>,
    ) -> Result<Self, reqwest::Error> {
        let client = Client::builder()
            .no_proxy()
            // Certificates are needed only for TLS.
            .tls_certs_only([])
            .redirect(reqwest::redirect::Policy::none())
            .timeout(PATIENCE)
            .build()?;
        Ok(Self { data, objects, subscriptions, client })
    }
}

/// The position in the round through the targets.
#[derive(Default)]
struct Round {
    /// The target that was served last.
    after: Destination,
    /// Targets of current deliveries, with their start time.
    busy: BTreeMap<(String, String), Instant>,
}

impl Round {
    /// The number of further targets that may be served now.
    fn free(&self) -> usize {
        let quick = self.busy.values().filter(|since| since.elapsed() < SLOW).count();
        TARGETS.saturating_sub(quick).min(MOST_TARGETS.saturating_sub(self.busy.len()))
    }
}

impl Courier {
    pub(crate) fn new(core: Arc<Core>, dispatcher: Dispatcher, outlets: Outlets) -> Self {
        Self { core, dispatcher, outlets: Arc::new(outlets) }
    }

    /// Delivers until the server begins to stop. The next server repeats unfinished deliveries.
    pub(crate) async fn run(self, bell: Arc<Bell>, ended: CancellationToken) {
        let mut round = Round::default();
        let mut deliveries = JoinSet::new();
        let mut work = vec![self.core.begin_work()];
        loop {
            let next = match self.take(&mut round, &mut deliveries).await {
                Ok(next) => next,
                Err(failure) => self.mend(&failure).await,
            };
            tokio::select! {
                biased;
                () = ended.cancelled() => return,
                begun = self.core.clock.sleep_until_next(next) => work.push(begun),
                begun = bell.heard() => work.push(begun),
                Some(delivery) = deliveries.join_next(), if !deliveries.is_empty() => {
                    if let Ok(Delivery { target: Destination { destination, param }, work: begun }) = delivery {
                        round.busy.remove(&(destination, param));
                        work.push(begun);
                    }
                }
                // Whether a delivery is slow depends on real time, not on the server's clock.
                () = tokio::time::sleep(SLOW), if round.free() == 0 => {}
                never = activity::end(&mut work) => match never {},
            }
        }
    }

    /// Ends damaged notifications that block the others. Returns when to look again.
    async fn mend(&self, failure: &StoreFailure) -> Option<Timestamp> {
        self.core.journal.warn(|| format!("no notifications can be delivered for now: {failure}"));
        let now = self.core.clock.now();
        if failure.is_unreadable() {
            let mended = self.core.transact(damage::mend).await;
            if mended.is_ok_and(|mended| mended > 0) {
                return Some(now);
            }
        }
        Some(after(now, STORE_RETRY))
    }

    /// Starts deliveries to idle targets. Returns when the next delivery or deletion is due.
    async fn take(&self, round: &mut Round, deliveries: &mut JoinSet<Delivery>) -> Stored<Option<Timestamp>> {
        let deleted = self.delete_expired().await;
        // Notifications must not wait for that.
        let retry = match &deleted {
            Ok(()) => None,
            Err(failure) => self.mend(failure).await,
        };
        let free = round.free();
        if free == 0 {
            return Ok(retry);
        }
        let (after, busy) = (round.after.clone(), round.busy.keys().cloned().collect());
        let due = move |transaction: Transaction<'_>| -> Stored<_> {
            Ok((due(transaction, &after, &busy, free)?, object::next_expiry(transaction.store)?))
        };
        let (Due { batches, next }, next_expiry) = self.core.transact_unflushed(due).await?;
        for (target, owed) in batches {
            round.busy.insert((target.destination.clone(), target.param.clone()), Instant::now());
            round.after = target.clone();
            let (courier, work) = (self.clone(), self.core.begin_work());
            deliveries.spawn(async move {
                let work = courier.deliver(&target, owed, work).await;
                Delivery { target, work }
            });
        }
        let next_deletion = if deleted.is_ok() { next_expiry.map(date) } else { retry };
        Ok([next.map(date), next_deletion].into_iter().flatten().min())
    }

    /// Delivers to one target, and records the results. If they cannot be recorded, the delivery is repeated.
    async fn deliver(&self, target: &Destination, owed: Vec<Owed>, work: Work) -> Work {
        let done = match target.destination.as_str() {
            service::FUNCTION_GRAPH => self.call(target.param.clone(), owed).await,
            _ => self.send(target, owed).await,
        };
        if done.is_err() { self.core.clock.pause(work, STORE_RETRY).await } else { work }
    }

    /// Delivers to a function: the request and the record of its delivery are one transaction.
    async fn call(&self, param: String, owed: Vec<Owed>) -> Stored<()> {
        let call = move |transaction: Transaction<'_>| -> Stored<()> {
            for owed in &owed {
                let cause = Cause { invocation: owed.invocation_id, hops: owed.hops };
                let delivered = function::deliver(transaction, &param, &owed.body, cause)?;
                let (progress, error) = progress(transaction, &delivered, owed.tries, owed.created);
                notification::tried(transaction.store, owed, &progress, error.as_deref())?;
            }
            Ok(())
        };
        self.core.transact(call).await?;
        self.dispatcher.look();
        Ok(())
    }

    async fn send(&self, target: &Destination, mut owed: Vec<Owed>) -> Stored<()> {
        let Destination { destination, param } = target;
        let delivered = match destination.as_str() {
            service::OBS => match Objects::parse(param) {
                Ok(objects) => self.put(objects, &owed).await?,
                Err(error) => owed.iter().map(|_| Err(error.clone())).collect(),
            },
            service::DIS => {
                let (data, param, owed) = (self.outlets.data.clone(), param.clone(), owed.clone());
                blocking(move || dis::deliver(&data, &param, &owed)).await?
            }
            service::SMN => {
                let Outlets { data, subscriptions, client, .. } = &*self.outlets;
                smn::deliver(data, smn::Poster { client, subscriptions }, param, &mut owed).await
            }
            other => {
                let unknown = DeliveryError::Never(format!("{other} is not a known service"));
                owed.iter().map(|_| Err(unknown.clone())).collect()
            }
        };
        self.note(target.clone(), owed, delivered).await
    }

    /// An object's expiry is recorded before the object is written, so that no object stays forever.
    async fn put(&self, objects: Objects, owed: &[Owed]) -> Stored<Vec<Delivered>> {
        let (data, owed) = (self.outlets.data.clone(), owed.to_owned());
        match &self.outlets.objects {
            ObjectStore::Local => {
                let expiring: Vec<(String, i64)> = owed
                    .iter()
                    .filter_map(|owed| Some((obs::location(&objects, &owed.request_id), objects.expiry(owed)?)))
                    .collect();
                let note = move |store: &Connection| {
                    expiring.iter().try_for_each(|(path, expires)| object::expire(store, path, *expires))
                };
                self.core.store.run(note).await?;
                blocking(move || obs::deliver(&data, &objects, &owed)).await
            }
            ObjectStore::Remote(remote) => Ok(remote.deliver(&objects, &owed).await),
        }
    }

    /// Records the results, and starts the functions whose triggers the deliveries raise, in one transaction.
    async fn note(&self, target: Destination, mut owed: Vec<Owed>, delivered: Vec<Delivered>) -> Stored<()> {
        let note = move |transaction: Transaction<'_>| -> Stored<bool> {
            let mut is_raised = false;
            for (owed, delivered) in owed.iter_mut().zip(&delivered) {
                let raised = trigger::raise_for(transaction, &target, owed, delivered)?;
                is_raised |= !raised.is_empty();
                triggered::insert(transaction.store, owed.invocation_id, &raised)?;
                let (progress, error) = progress(transaction, delivered, owed.tries, owed.created);
                notification::tried(transaction.store, owed, &progress, error.as_deref())?;
            }
            Ok(is_raised)
        };
        if self.core.transact(note).await? {
            self.dispatcher.look();
        }
        Ok(())
    }

    /// Deletes expired objects of the local OBS.
    async fn delete_expired(&self) -> Stored<()> {
        let now = self.core.now();
        let paths = self.core.store.run_unflushed(move |store| object::expired(store, now, MOST.count)).await?;
        if paths.is_empty() {
            return Ok(());
        }
        let data = self.outlets.data.clone();
        let paths = blocking(move || {
            for path in &paths {
                // Someone may already have deleted it.
                let _ = std::fs::remove_file(data.join(path));
            }
            paths
        });
        let paths = paths.await?;
        self.core.store.run_unflushed(move |store| object::deleted(store, &paths)).await
    }
}

/// A finished delivery.
struct Delivery {
    target: Destination,
    work: Work,
}

/// What to deliver now, and when more is due.
struct Due {
    batches: Vec<(Destination, Vec<Owed>)>,
    next: Option<i64>,
}

/// Due notifications to idle targets, starting after the target that was served last.
fn due(
    transaction: Transaction<'_>,
    after: &Destination,
    busy: &BTreeSet<(String, String)>,
    free: usize,
) -> Stored<Due> {
    let Transaction { store, now, .. } = transaction;
    let mut found = Due { batches: Vec::new(), next: None };
    let mut last = after.clone();
    let mut from_the_first = false;
    while found.batches.len() < free {
        let Some(Line { destination: target, due }) = notification::line_after(store, &last)? else {
            if from_the_first {
                break;
            }
            (from_the_first, last) = (true, Destination::default());
            continue;
        };
        if from_the_first && (&target.destination, &target.param) > (&after.destination, &after.param) {
            break;
        }
        last = target.clone();
        let is_busy = busy.contains(&(target.destination.clone(), target.param.clone()));
        if !is_busy && due <= now {
            let owed = notification::due_of(store, &target, now, MOST)?;
            found.batches.push((target, owed));
        } else if !is_busy {
            found.next = Some(found.next.map_or(due, |next| next.min(due)));
        }
    }
    Ok(found)
}

/// Runs work that blocks on another thread.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Stored<T> {
    tokio::task::spawn_blocking(work).await.map_err(StoreFailure::failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round(targets: usize, age: Duration) -> Round {
        let since = Instant::now().checked_sub(age).expect("the machine has run for that long");
        let busy = (0..targets).map(|number| (("SMN".to_owned(), number.to_string()), since)).collect();
        Round { busy, ..Round::default() }
    }

    #[test]
    fn slow_targets_leave_room_for_others() {
        assert_eq!(round(0, Duration::ZERO).free(), TARGETS);
        assert_eq!(round(TARGETS, Duration::ZERO).free(), 0);
        assert_eq!(round(TARGETS, SLOW).free(), TARGETS);
        assert_eq!(round(MOST_TARGETS - 1, SLOW).free(), 1);
        assert_eq!(round(MOST_TARGETS, SLOW).free(), 0);
    }
}
