//! The dispatcher: decides which runs go on concurrently, starts those that are due, and records their ends.
//!
//! One loop owns this state, and receives all events as messages. Waiting requests stay in the store.

mod attempt;
mod places;
mod sweeper;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::activity::{self, Bell, Work};
use super::claim::{self, Claim, Start};
use super::clock::{after, date};
use super::core::Core;
use super::damage;
use super::failure::{Failure, Outcome};
use super::runtime::Kind;
use super::settings::{Backlog, Concurrency};
use super::shutdown::Shutdown;
use super::store::StoreFailure;
use places::{Places, Waiter};
use sweeper::Sweeper;

/// The wait after the store has failed.
const STORE_RETRY: Duration = Duration::from_secs(1);
/// How long runs may continue when the server ends and no caller waits for them.
const GRACE: Duration = Duration::from_secs(5);
/// The number of unread messages. Senders of more have to wait, but only briefly, because the loop reads all at once.
const MESSAGES: usize = 256;

/// The handle of the dispatcher.
#[derive(Clone)]
pub(crate) struct Dispatcher {
    core: Arc<Core>,
    bell: Arc<Bell>,
    messages: mpsc::Sender<Message>,
}

enum Message {
    Enter(Waiter, Work),
    /// Stop a run.
    Stop(String, Work),
}

/// The right to run a function, until it is dropped.
pub(crate) struct Permit {
    function_id: i64,
    kind: Kind,
    ended: mpsc::Sender<PermitEnd>,
    work: Option<Work>,
}

struct PermitEnd {
    function_id: i64,
    kind: Kind,
    _work: Option<Work>,
}

impl Drop for Permit {
    fn drop(&mut self) {
        let Self { function_id, kind, ref ended, ref mut work } = *self;
        // The channel has room for the ends of all permits. Without a dispatcher, they are not counted.
        let _ = ended.try_send(PermitEnd { function_id, kind, _work: work.take() });
    }
}

impl Dispatcher {
    /// A dispatcher, and the loop that does its work. Starts no more runs once the server begins to stop.
    pub(crate) fn new(
        core: Arc<Core>,
        settings: DispatcherSettings,
        shutdown: Shutdown,
    ) -> (Self, impl Future<Output = ()>) {
        let (messages, unread) = mpsc::channel(MESSAGES);
        let (ended, ends) = mpsc::channel(settings.concurrency.total.max(1));
        let bell = Arc::new(Bell::new(core.clock.activity().clone()));
        let dispatch_loop = DispatchLoop {
            places: Places::new(settings.concurrency),
            runs: JoinSet::new(),
            cancellations: HashMap::new(),
            after: 0,
            may_be_due: true,
            next: None,
            bell: Arc::clone(&bell),
            changed: Arc::new(Bell::new(core.clock.activity().clone())),
            ended,
            core: Arc::clone(&core),
            settings,
            shutdown,
        };
        // The first look at the store counts as work in progress.
        bell.ring();
        let sweeping = Sweeper { core: Arc::clone(&core), changed: Arc::clone(&dispatch_loop.changed) };
        let ended = dispatch_loop.shutdown.starting.clone();
        let is_worked = dispatch_loop.settings.backlog == Backlog::Worked;
        let working = async move {
            let sweeping = async {
                if is_worked {
                    sweeping.run(ended).await;
                }
            };
            tokio::join!(dispatch_loop.run(unread, ends), sweeping);
        };
        (Self { core, bell, messages }, working)
    }

    /// Makes it check for due invocations.
    pub(crate) fn look(&self) {
        self.bell.ring();
    }

    /// Stops the run of an asynchronous invocation.
    pub(crate) async fn stop(&self, request_id: String) {
        // Without a dispatcher, no function runs.
        let _ = self.messages.send(Message::Stop(request_id, self.core.begin_work())).await;
    }

    /// Waits until a synchronous run may start. `limit` is the number of concurrent runs of its function.
    pub(crate) async fn enter(&self, function_id: i64, limit: Option<usize>) -> Outcome<Permit> {
        let (admitted, permit) = oneshot::channel();
        let waiter = Waiter { function_id, limit: limit.unwrap_or(usize::MAX), admitted };
        let _ = self.messages.send(Message::Enter(waiter, self.core.begin_work())).await;
        permit.await.unwrap_or_else(|_| Err(Failure::internal("the server is stopping")))
    }
}

/// The dispatcher's settings.
#[derive(Clone)]
pub(crate) struct DispatcherSettings {
    pub(crate) concurrency: Concurrency,
    pub(crate) backlog: Backlog,
    /// Rings when a notification may be pending.
    pub(crate) courier: Arc<Bell>,
}

struct DispatchLoop {
    core: Arc<Core>,
    settings: DispatcherSettings,
    shutdown: Shutdown,
    bell: Arc<Bell>,
    /// Rings when there may be more to delete.
    changed: Arc<Bell>,
    ended: mpsc::Sender<PermitEnd>,
    places: Places,
    /// Asynchronous runs, until their ends are written.
    runs: JoinSet<String>,
    /// The means to stop each of them.
    cancellations: HashMap<String, CancellationToken>,
    /// The function that was served last.
    after: i64,
    /// Whether an invocation in the store may be due now.
    may_be_due: bool,
    /// When something may become due without another event.
    next: Option<Timestamp>,
}

impl DispatchLoop {
    async fn run(mut self, mut messages: mpsc::Receiver<Message>, mut ends: mpsc::Receiver<PermitEnd>) {
        let mut work = Vec::new();
        loop {
            tokio::select! {
                biased;
                () = self.shutdown.starting.cancelled() => break,
                begun = self.core.clock.sleep_until_next(self.next) => {
                    self.may_be_due = true;
                    work.push(begun);
                }
                begun = self.bell.heard() => {
                    self.may_be_due = true;
                    self.changed.ring();
                    work.push(begun);
                }
                Some(end) = ends.recv() => work.extend(self.on_end(end)),
                Some(message) = messages.recv() => work.push(self.on(message)),
                never = activity::end(&mut work) => match never {},
            }
            while let Ok(end) = ends.try_recv() {
                work.extend(self.on_end(end));
            }
            while let Ok(message) = messages.try_recv() {
                work.push(self.on(message));
            }
            self.forget_ended();
            if self.may_be_due {
                self.claim().await;
            }
            self.admit();
        }
        self.end().await;
    }

    fn on(&mut self, message: Message) -> Work {
        match message {
            Message::Enter(waiter, work) => {
                self.places.enter(waiter);
                work
            }
            Message::Stop(request_id, work) => {
                if let Some(run) = self.cancellations.remove(&request_id) {
                    run.cancel();
                }
                work
            }
        }
    }

    fn on_end(&mut self, PermitEnd { function_id, kind, _work: work }: PermitEnd) -> Option<Work> {
        self.places.end(function_id, kind);
        work
    }

    /// Each run rings after its end is written, so ended runs do not stay here for long.
    fn forget_ended(&mut self) {
        while let Some(run) = self.runs.try_join_next() {
            if let Ok(request_id) = run {
                self.cancellations.remove(&request_id);
            }
        }
    }

    /// Starts synchronous runs.
    fn admit(&mut self) {
        while let Some(waiter) = self.places.next_waiter() {
            let permit = self.permit(waiter.function_id, Kind::Sync);
            // If the caller is gone, the permit is dropped here, and its end arrives as a message.
            let _ = waiter.admitted.send(Ok(permit));
        }
    }

    fn permit(&mut self, function_id: i64, kind: Kind) -> Permit {
        self.places.begin(function_id, kind);
        Permit { function_id, kind, ended: self.ended.clone(), work: Some(self.core.begin_work()) }
    }

    /// Starts runs that are due, unless this is left to another server.
    async fn claim(&mut self) {
        self.may_be_due = false;
        self.next = None;
        if self.settings.backlog == Backlog::Left {
            return;
        }
        let capacity = self.places.asynchronous_capacity(self.after);
        // A power loss costs only this claim; nothing has run yet.
        let claim = self.core.transact_unflushed(move |transaction| claim::claim(transaction, &capacity)).await;
        match claim {
            Ok(claim) => self.start_all(claim),
            Err(failure) => self.mend(failure).await,
        }
    }

    fn start_all(&mut self, claim: Claim) {
        let Claim { starts, after, next, more, ended } = claim;
        (self.after, self.may_be_due, self.next) = (after, more, next.map(date));
        if ended {
            self.settings.courier.ring();
            self.changed.ring();
        }
        for start in starts {
            self.start(start);
        }
    }

    /// Ends damaged invocations, and makes the loop look again later.
    async fn mend(&mut self, failure: StoreFailure) {
        self.next = Some(after(self.core.clock.now(), STORE_RETRY));
        let journal = &self.core.journal;
        if !failure.is_unreadable() {
            journal.warn(|| format!("no runs can be started for now: {failure}"));
            return;
        }
        journal.warn(|| format!("{failure}; its invocation ends as failed"));
        if let Err(failure) = self.core.transact(damage::mend).await {
            journal.warn(|| format!("no runs can be started for now: {failure}"));
        }
    }

    fn start(&mut self, start: Start) {
        let permit = self.permit(start.run.function_id, Kind::Async);
        let canceled = self.shutdown.runs.child_token();
        self.cancellations.insert(start.run.request_id.clone(), canceled.clone());
        let (core, bell, courier) =
            (Arc::clone(&self.core), Arc::clone(&self.bell), Arc::clone(&self.settings.courier));
        let work = core.begin_work();
        self.runs.spawn(async move {
            let run = start.run.clone();
            let ended = attempt::run(&core, start, canceled).await;
            drop(permit);
            let request_id = run.request_id.clone();
            let work = attempt::write(&core, run, ended, work).await;
            bell.ring();
            courier.ring();
            drop(work);
            request_id
        });
    }

    /// Lets runs end as long as a caller waits for them. The rest are cut off, and the next server continues with them.
    async fn end(mut self) {
        self.places.dismiss();
        let runs = async { while self.runs.join_next().await.is_some() {} };
        let nobody_waits = async {
            self.shutdown.serving.cancelled().await;
            tokio::time::sleep(GRACE).await;
        };
        tokio::select! {
            () = runs => {}
            () = nobody_waits => {}
        }
        self.runs.shutdown().await;
        self.shutdown.drained.cancel();
    }
}
