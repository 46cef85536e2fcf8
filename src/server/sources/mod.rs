//! The sources of events that this server watches itself: timers, and the folders of buckets.

mod folders;

use std::ffi::OsStr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::activity::{self, Bell};
use super::clock::{after, date};
use super::core::Core;
use super::courier::blocking;
use super::dispatcher::Dispatcher;
use super::notify::obs;
use super::store::triggered::{Start, Triggered};
use super::store::{Stored, notification, trigger as triggers};
use super::transaction::Transaction;
use super::trigger::{Event, etag, raise, timer};

pub(crate) use folders::Folders;
use folders::Uploaded;

/// The wait between two looks at the folders of buckets.
const LOOK: Duration = Duration::from_secs(1);
/// The wait after the store has failed.
const STORE_RETRY: Duration = Duration::from_secs(1);

pub(crate) struct Sources {
    core: Arc<Core>,
    dispatcher: Dispatcher,
    folders: Arc<Folders>,
    /// When the folders were looked at last.
    looked: Option<Timestamp>,
}

impl Sources {
    /// Begins now: times that have passed and files that exist are left out.
    pub(crate) async fn begin(core: Arc<Core>, dispatcher: Dispatcher, folders: Arc<Folders>) -> Stored<Self> {
        let prepare = |store: &rusqlite::Connection| {
            triggers::forget_due(store)?;
            triggers::buckets(store)
        };
        let buckets = core.store.run(prepare).await?;
        let watched = Arc::clone(&folders);
        blocking(move || buckets.iter().for_each(|bucket| watched.watch(bucket))).await?;
        Ok(Self { core, dispatcher, folders, looked: None })
    }

    /// Starts functions until the server begins to stop. The bell rings when triggers have changed.
    pub(crate) async fn run(mut self, changed: Arc<Bell>, ended: CancellationToken) {
        let mut work = vec![self.core.begin_work()];
        loop {
            let next = match self.look().await {
                Ok(next) => next,
                Err(failure) => {
                    self.core.journal.warn(|| format!("triggers start no functions for now: {failure}"));
                    Some(after(self.core.clock.now(), STORE_RETRY))
                }
            };
            tokio::select! {
                biased;
                () = ended.cancelled() => return,
                begun = self.core.clock.sleep_until_next(next) => work.push(begun),
                begun = changed.heard() => work.push(begun),
                never = activity::end(&mut work) => match never {},
            }
        }
    }

    /// Starts what is due. Returns when to look again.
    async fn look(&mut self) -> Stored<Option<Timestamp>> {
        let ticked = self.core.transact(timer::tick).await?;
        for problem in &ticked.problems {
            self.core.journal.warn(|| problem.clone());
        }
        if ticked.started > 0 {
            self.dispatcher.look();
        }
        let buckets = self.core.store.run_unflushed(triggers::buckets).await?;
        let next_look = if buckets.is_empty() { None } else { Some(self.look_at(buckets).await?) };
        Ok([ticked.next.map(date), next_look].into_iter().flatten().min())
    }

    /// Looks at the folders, unless that was a moment ago. Returns when to look again.
    async fn look_at(&mut self, buckets: Vec<String>) -> Stored<Timestamp> {
        let now = self.core.clock.now();
        if let Some(next) = self.looked.map(|looked| after(looked, LOOK)).filter(|next| now < *next) {
            return Ok(next);
        }
        self.looked = Some(now);
        let folders = Arc::clone(&self.folders);
        let uploaded = blocking(move || folders.scan(&buckets)).await?;
        if !uploaded.is_empty() {
            let events = uploaded.clone();
            let raised = self.core.transact(move |transaction| raise_all(transaction, &events)).await;
            let raised = raised.inspect_err(|_| self.folders.put_back(&uploaded))?;
            for problem in raised.iter().filter_map(problem) {
                self.core.journal.warn(|| problem);
            }
            self.dispatcher.look();
        }
        Ok(after(now, LOOK))
    }
}

fn raise_all(transaction: Transaction<'_>, uploaded: &[Uploaded]) -> Stored<Vec<Triggered>> {
    let mut raised = Vec::new();
    for Uploaded { bucket, key, state } in uploaded {
        // The delivery of a notification raises its own events.
        let file = Path::new("obs").join(bucket).join(key);
        let request_id = file.file_stem().and_then(OsStr::to_str).unwrap_or_default();
        let param = notification::object_param(transaction.store, request_id)?;
        if param.is_none_or(|param| !obs::is_object(&param, request_id, &file)) {
            let etag = etag(state.version().as_bytes());
            raised.extend(raise(transaction, Event::Object { bucket, key, size: state.size, etag: &etag }, None)?);
        }
    }
    Ok(raised)
}

fn problem(Triggered { code, function_urn, start }: &Triggered) -> Option<String> {
    let Start::Refused(reason) = start else { return None };
    Some(format!("the {code} trigger of {function_urn} starts nothing: {reason}"))
}
