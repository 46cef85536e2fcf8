//! The courier: takes what is owed from the store, target by target, and delivers it.
//!
//! One delivery at a time to each target, so that a target which does not answer holds up only itself.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

use crate::wire::async_policy::{Destination, service};

use super::super::clock::Clock;
use super::super::dispatcher::{Dispatcher, Equipment};
use super::super::failure::{Failure, Outcome};
use super::super::store::notification::{self, Line, Most, Owed};
use super::super::store::{Store, object};
use super::super::transition::Terms;
use super::obs::Objects;
use super::{Delivered, ObjectStore, Subscription, Trouble, dis, function, obs, progress, smn};

/// Targets that are served at once.
const TARGETS: usize = 64;
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
    pub(crate) terms: Arc<Terms>,
    pub(crate) dispatcher: Dispatcher,
    /// The data directory.
    pub(crate) data: PathBuf,
    pub(crate) objects: ObjectStore,
    pub(crate) subscriptions: Arc<[Subscription]>,
    client: reqwest::Client,
}

/// Where the rounds through the targets stand.
#[derive(Default)]
struct Round {
    /// The target that was served last.
    after: Destination,
    busy: BTreeSet<(String, String)>,
}

impl Courier {
    pub(crate) fn new(
        Equipment { store, clock, terms, .. }: Equipment,
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
        Ok(Self { store, clock, terms, dispatcher, data, objects, subscriptions, client })
    }

    /// Delivers until `ended` changes; what is under way then is delivered again by the next server.
    pub(crate) async fn run(self, wake: Arc<Notify>, mut ended: watch::Receiver<bool>) {
        let mut round = Round::default();
        let mut deliveries = JoinSet::new();
        loop {
            let next = self.take(&mut round, &mut deliveries).await.unwrap_or(Some(LOOK_AGAIN));
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

    /// Starts deliveries to targets that have none; answers how long nothing more is due.
    async fn take(&self, round: &mut Round, deliveries: &mut JoinSet<Destination>) -> Outcome<Option<Duration>> {
        let now = self.clock.now().as_millisecond();
        self.delete_expired(now).await?;
        let (after, busy, free) = (round.after.clone(), round.busy.clone(), TARGETS - round.busy.len());
        let due = move |store: &rusqlite::Connection| due(store, &after, (&busy, free), now);
        let (batches, next) = self.store.run_unflushed(due).await?;
        for (target, owed) in batches {
            round.busy.insert((target.destination.clone(), target.param.clone()));
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
    async fn call(&self, param: String, owed: Vec<Owed>) -> Outcome<()> {
        let (terms, now) = (Arc::clone(&self.terms), self.clock.now().as_millisecond());
        let call = move |store: &rusqlite::Connection| {
            for owed in &owed {
                let delivered = function::deliver(store, &terms, (&param, &owed.body), now)?;
                let (progress, error) = progress(&delivered, (owed.tries, owed.created), &terms, now);
                notification::tried(store, owed, &progress, error.as_deref())?;
            }
            Ok(())
        };
        self.store.run(call).await?;
        self.dispatcher.look();
        Ok(())
    }

    async fn send(&self, target: &Destination, owed: Vec<Owed>) -> Outcome<()> {
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
    async fn put(&self, objects: Objects, owed: &[Owed]) -> Outcome<Vec<Delivered>> {
        let (data, owed) = (self.data.clone(), owed.to_owned());
        match &self.objects {
            ObjectStore::Local => {
                let expiring: Vec<(String, i64)> = owed
                    .iter()
                    .filter_map(|owed| Some((obs::location(&objects, owed), objects.expiry(owed)?)))
                    .collect();
                let note = move |store: &rusqlite::Connection| {
                    expiring.iter().try_for_each(|(path, expires)| object::expire(store, path, *expires))
                };
                self.store.run(note).await?;
                blocking(move || obs::deliver(&data, &objects, &owed)).await
            }
            ObjectStore::Remote(remote) => Ok(remote.deliver(&objects, &owed).await),
        }
    }

    async fn note(&self, owed: Vec<Owed>, delivered: Vec<Delivered>) -> Outcome<()> {
        let (terms, now) = (Arc::clone(&self.terms), self.clock.now().as_millisecond());
        let note = move |store: &rusqlite::Connection| {
            for (owed, delivered) in owed.iter().zip(&delivered) {
                let (progress, error) = progress(delivered, (owed.tries, owed.created), &terms, now);
                notification::tried(store, owed, &progress, error.as_deref())?;
            }
            Ok(())
        };
        self.store.run(note).await
    }

    /// Deletes objects of the local OBS whose time has come.
    async fn delete_expired(&self, now: i64) -> Outcome<()> {
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
    store: &rusqlite::Connection,
    after: &Destination,
    (busy, free): (&BTreeSet<(String, String)>, usize),
    now: i64,
) -> Outcome<(Batches, Option<i64>)> {
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

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Outcome<T> {
    tokio::task::spawn_blocking(work).await.map_err(Failure::internal)
}
