//! The courier: takes what is owed from the store, target by target, and delivers it.
//!
//! One delivery at a time to each target, so that a target which does not answer holds up only itself.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

use crate::wire::async_policy::{Destination, service};

use super::acceptance::Cause;
use super::clock::Clock;
use super::damage;
use super::dispatcher::{Dispatcher, Equipment};
use super::journal::Journal;
use super::notify::obs::Objects;
use super::notify::{Delivered, ObjectStore, Subscription, Trouble, dis, function, obs, progress, smn};
use super::store::notification::{self, Line, Most, Owed};
use super::store::{Store, StoreFailure, Stored, object};
use super::transaction::{Context, Transaction};

/// Targets that are served at once.
const TARGETS: usize = 64;
/// A delivery that has taken this long holds up no other target any more...
const SLOW: Duration = Duration::from_millis(500);
/// ... up to this many of them.
const MOST_TARGETS: usize = 512;
/// What is delivered to a target at once.
const MOST: Most = Most { count: 64, bytes: 4 * 1024 * 1024 };
/// After the store failed, and at the least while anything is owed: the clock may jump.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// How long nobody looks for objects whose time has come, where nothing else happens.
const REST: Duration = Duration::from_mins(1);
/// How long a subscriber may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// What the courier works with.
#[derive(Clone)]
pub(crate) struct Courier {
    pub(crate) store: Store,
    pub(crate) clock: Clock,
    pub(crate) context: Arc<Context>,
    pub(crate) dispatcher: Dispatcher,
    /// The data directory.
    pub(crate) data: PathBuf,
    pub(crate) objects: ObjectStore,
    pub(crate) subscriptions: Arc<[Subscription]>,
    client: reqwest::Client,
    journal: Journal,
}

/// Where the rounds through the targets stand.
#[derive(Default)]
struct Round {
    /// The target that was served last.
    after: Destination,
    /// Targets that are being served, and since when.
    busy: BTreeMap<(String, String), Instant>,
}

impl Round {
    /// How many more targets may be served now.
    fn free(&self) -> usize {
        let quick = self.busy.values().filter(|since| since.elapsed() < SLOW).count();
        TARGETS.saturating_sub(quick).min(MOST_TARGETS.saturating_sub(self.busy.len()))
    }
}

impl Courier {
    pub(crate) fn new(
        Equipment { store, clock, context, journal, .. }: Equipment,
        dispatcher: Dispatcher,
        data: &Path,
        (objects, subscriptions): (ObjectStore, Vec<Subscription>),
    ) -> Result<Self, reqwest::Error> {
        let client = reqwest::Client::builder()
            .no_proxy()
            // Without TLS, nobody asks for certificates.
            .tls_certs_only([])
            .redirect(reqwest::redirect::Policy::none())
            .timeout(PATIENCE)
            .build()?;
        let (data, subscriptions) = (data.to_owned(), subscriptions.into());
        Ok(Self { store, clock, context, dispatcher, data, objects, subscriptions, client, journal })
    }

    /// Delivers until `ended` changes; what is under way then is delivered again by the next server.
    pub(crate) async fn run(self, wake: Arc<Notify>, mut ended: watch::Receiver<bool>) {
        let mut round = Round::default();
        let mut deliveries = JoinSet::new();
        loop {
            let next = match self.take(&mut round, &mut deliveries).await {
                Ok(next) => next,
                Err(failure) => self.mend(&failure).await,
            };
            let timer = tokio::time::sleep(next.unwrap_or(REST));
            tokio::select! {
                Some(target) = deliveries.join_next(), if !deliveries.is_empty() => {
                    if let Ok(Destination { destination, param }) = target {
                        round.busy.remove(&(destination, param));
                    }
                }
                () = wake.notified() => {}
                () = timer => {}
                _ = ended.changed() => return,
            }
        }
    }

    /// Ends what is damaged and keeps everything else from being delivered; answers when to look again.
    async fn mend(&self, failure: &StoreFailure) -> Option<Duration> {
        self.journal.warn(|| format!("nothing can be delivered for now: {failure}"));
        if failure.is_unreadable() {
            let (context, now) = (Arc::clone(&self.context), self.clock.now().as_millisecond());
            let mend = move |store: &Connection| damage::mend(Transaction { store, context: &context, now });
            let mended = self.store.run(mend).await;
            if mended.is_ok_and(|mended| mended > 0) {
                return Some(Duration::ZERO);
            }
        }
        Some(LOOK_AGAIN)
    }

    /// Starts deliveries to targets that have none; answers how long nothing more is due.
    async fn take(&self, round: &mut Round, deliveries: &mut JoinSet<Destination>) -> Stored<Option<Duration>> {
        let now = self.clock.now().as_millisecond();
        if let Err(failure) = self.delete_expired(now).await {
            // What is owed does not wait for that.
            self.mend(&failure).await;
        }
        let free = round.free();
        if free == 0 {
            return Ok(Some(SLOW));
        }
        let (after, busy) = (round.after.clone(), round.busy.keys().cloned().collect());
        let due = move |store: &Connection| due(store, &after, (&busy, free), now);
        let (batches, next) = self.store.run_unflushed(due).await?;
        for (target, owed) in batches {
            round.busy.insert((target.destination.clone(), target.param.clone()), Instant::now());
            round.after = target.clone();
            let courier = self.clone();
            deliveries.spawn(async move {
                courier.deliver(&target, owed).await;
                target
            });
        }
        Ok(next.map(|next| Duration::from_millis(u64::try_from(next - now).unwrap_or_default()).min(LOOK_AGAIN)))
    }

    /// Delivers to one target, and writes what came of it; what cannot be written is delivered again.
    async fn deliver(&self, target: &Destination, owed: Vec<Owed>) {
        let done = match target.destination.as_str() {
            service::FUNCTION_GRAPH => self.call(target.param.clone(), owed).await,
            _ => self.send(target, owed).await,
        };
        if done.is_err() {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// To a function: the call and the note that it was made are one transaction.
    async fn call(&self, param: String, owed: Vec<Owed>) -> Stored<()> {
        let (context, now) = (Arc::clone(&self.context), self.clock.now().as_millisecond());
        let call = move |store: &Connection| -> Stored<()> {
            let transaction = Transaction { store, context: &context, now };
            for owed in &owed {
                let cause = Cause { invocation: owed.invocation_id, hops: owed.hops };
                let delivered = function::deliver(transaction, &param, &owed.body, cause)?;
                let (progress, error) = progress(transaction, &delivered, owed.tries, owed.created);
                notification::tried(store, owed, &progress, error.as_deref())?;
            }
            Ok(())
        };
        self.store.run(call).await?;
        self.dispatcher.look();
        Ok(())
    }

    async fn send(&self, target: &Destination, owed: Vec<Owed>) -> Stored<()> {
        let Destination { destination, param } = target;
        let delivered = match destination.as_str() {
            service::OBS => match Objects::parse(param) {
                Ok(objects) => self.put(objects, &owed).await?,
                Err(trouble) => owed.iter().map(|_| Err(trouble.clone())).collect(),
            },
            service::DIS => {
                let (data, param, owed) = (self.data.clone(), param.clone(), owed.clone());
                blocking(move || dis::deliver(&data, &param, &owed)).await?
            }
            service::SMN => {
                let subscribers = (&self.client, &*self.subscriptions);
                smn::deliver(&self.data, subscribers, param, &owed).await
            }
            other => {
                let unknown = Trouble::Never(format!("{other} is no service that is known here"));
                owed.iter().map(|_| Err(unknown.clone())).collect()
            }
        };
        self.note(owed, delivered).await
    }

    /// An object's expiry is noted before the object is there, so that none stays for ever.
    async fn put(&self, objects: Objects, owed: &[Owed]) -> Stored<Vec<Delivered>> {
        let (data, owed) = (self.data.clone(), owed.to_owned());
        match &self.objects {
            ObjectStore::Local => {
                let expiring: Vec<(String, i64)> = owed
                    .iter()
                    .filter_map(|owed| Some((obs::location(&objects, owed), objects.expiry(owed)?)))
                    .collect();
                let note = move |store: &Connection| {
                    expiring.iter().try_for_each(|(path, expires)| object::expire(store, path, *expires))
                };
                self.store.run(note).await?;
                blocking(move || obs::deliver(&data, &objects, &owed)).await
            }
            ObjectStore::Remote(remote) => Ok(remote.deliver(&objects, &owed).await),
        }
    }

    async fn note(&self, owed: Vec<Owed>, delivered: Vec<Delivered>) -> Stored<()> {
        let (context, now) = (Arc::clone(&self.context), self.clock.now().as_millisecond());
        let note = move |store: &Connection| -> Stored<()> {
            let transaction = Transaction { store, context: &context, now };
            for (owed, delivered) in owed.iter().zip(&delivered) {
                let (progress, error) = progress(transaction, delivered, owed.tries, owed.created);
                notification::tried(store, owed, &progress, error.as_deref())?;
            }
            Ok(())
        };
        self.store.run(note).await
    }

    /// Deletes objects of the local OBS whose time has come.
    async fn delete_expired(&self, now: i64) -> Stored<()> {
        let paths = self.store.run_unflushed(move |store| object::expired(store, now, MOST.count)).await?;
        if paths.is_empty() {
            return Ok(());
        }
        let data = self.data.clone();
        let paths = blocking(move || {
            for path in &paths {
                // One that somebody has deleted already is deleted.
                let _ = std::fs::remove_file(data.join(path));
            }
            paths
        });
        let paths = paths.await?;
        self.store.run_unflushed(move |store| object::deleted(store, &paths)).await
    }
}

type Batches = Vec<(Destination, Vec<Owed>)>;

/// What is due to targets that are not busy, beginning behind the one that was served last; and when to look again.
fn due(
    store: &Connection,
    after: &Destination,
    (busy, free): (&BTreeSet<(String, String)>, usize),
    now: i64,
) -> Stored<(Batches, Option<i64>)> {
    let (mut batches, mut next): (Batches, Option<i64>) = (Vec::new(), None);
    let mut last = after.clone();
    let mut from_the_first = false;
    while batches.len() < free {
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
            batches.push((target, owed));
        } else if !is_busy {
            next = Some(next.map_or(due, |next: i64| next.min(due)));
        }
    }
    Ok((batches, next))
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Stored<T> {
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
