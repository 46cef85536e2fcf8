//! The dispatcher: gives each run its place, takes what is due from the store, and writes back what became of it.
//!
//! One loop owns the places and is told of everything by message. What waits stays in the store.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::claim::{self, Capacity, Claim, Start};
use super::clock::Clock;
use super::completion;
use super::damage;
use super::failure::{Failure, Outcome};
use super::journal::Journal;
use super::lifecycle::Backoff;
use super::runner::{Runner, attempt_entry, not_run};
use super::runtime::{Call, Ended, Kind, Runtimes};
use super::settings::{Backlog, Concurrency};
use super::share::Demand;
use super::store::{Store, retention};
use super::transaction::{Context, Transaction};
use super::transition::Run;

/// After the store failed, and at the least while anything waits: the clock may jump.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// Between two looks for what may be forgotten.
const SWEEP: Duration = Duration::from_mins(1);
/// How long runs may go on when the server ends and nobody waits for them.
const GRACE: Duration = Duration::from_secs(5);
/// While the end of an attempt cannot be written, as on a full disk.
const REWRITE: Backoff = Backoff { first: Duration::from_millis(100), longest: Duration::from_secs(5) };

/// What the dispatcher works with.
#[derive(Clone)]
pub(crate) struct Equipment {
    pub(crate) store: Store,
    pub(crate) clock: Clock,
    pub(crate) context: Arc<Context>,
    pub(crate) runtimes: Runtimes,
    pub(crate) concurrency: Concurrency,
    pub(crate) backlog: Backlog,
    /// Told when something is owed.
    pub(crate) owed: Arc<Notify>,
    pub(crate) journal: Journal,
}

/// The way to the dispatcher.
#[derive(Clone)]
pub(crate) struct Dispatcher {
    messages: mpsc::UnboundedSender<Message>,
}

enum Message {
    /// Something waits, or may run that could not.
    Look,
    Enter(Visitor),
    Left(i64, Kind),
    /// A run is to be ended by force.
    Stop(String),
}

/// A synchronous run that wants a place.
struct Visitor {
    function_id: i64,
    /// Runs of this function that there may be at once.
    limit: usize,
    place: oneshot::Sender<Place>,
}

/// The right to run a function, until it is dropped.
pub(crate) struct Place {
    function_id: i64,
    kind: Kind,
    messages: mpsc::UnboundedSender<Message>,
}

impl Drop for Place {
    fn drop(&mut self) {
        // Without a dispatcher there are no places to count.
        let _ = self.messages.send(Message::Left(self.function_id, self.kind));
    }
}

impl Dispatcher {
    /// A dispatcher, and the loop that is its work: until `ended` changes and what runs then has ended, or was cut off.
    pub(crate) fn new(equipment: Equipment, ended: watch::Receiver<bool>) -> (Self, impl Future<Output = ()>) {
        let (messages, receiver) = mpsc::unbounded_channel();
        let owner = Owner {
            equipment,
            messages: messages.clone(),
            functions: HashMap::new(),
            served: Kind::Sync,
            runs: JoinSet::new(),
            stops: HashMap::new(),
            visitors: VecDeque::new(),
            after: 0,
            may_be_due: true,
            next: None,
        };
        (Self { messages }, owner.run(receiver, ended))
    }

    /// Has it look for work.
    pub(crate) fn look(&self) {
        let _ = self.messages.send(Message::Look);
    }

    /// Has the run of an asynchronous invocation ended.
    pub(crate) fn stop(&self, request_id: String) {
        let _ = self.messages.send(Message::Stop(request_id));
    }

    /// Waits for a place for a synchronous run.
    pub(crate) async fn enter(&self, function_id: i64, limit: Option<usize>) -> Outcome<Place> {
        let (place, given) = oneshot::channel();
        let limit = limit.unwrap_or(usize::MAX);
        let _ = self.messages.send(Message::Enter(Visitor { function_id, limit, place }));
        given.await.map_err(|_| Failure::internal("it is stopping"))
    }
}

struct Owner {
    equipment: Equipment,
    messages: mpsc::UnboundedSender<Message>,
    /// Of each function that runs, or for which somebody waits.
    functions: HashMap<i64, Demand>,
    /// The kind of run that was given the last place.
    served: Kind,
    /// Asynchronous runs, until their ends are written.
    runs: JoinSet<String>,
    /// How to end each by force.
    stops: HashMap<String, oneshot::Sender<()>>,
    visitors: VecDeque<Visitor>,
    /// The function that was served last.
    after: i64,
    /// Whether anything in the store may be due now.
    may_be_due: bool,
    /// When something may be due, unless something happens before; none says that this is so for ever.
    next: Option<Instant>,
}

impl Owner {
    async fn run(mut self, mut messages: mpsc::UnboundedReceiver<Message>, mut ended: watch::Receiver<bool>) {
        let mut sweep = tokio::time::interval(SWEEP);
        loop {
            let timer = tokio::time::sleep_until(self.next.unwrap_or_else(|| Instant::now() + SWEEP));
            tokio::select! {
                Some(message) = messages.recv() => {
                    self.on(message);
                    while let Ok(message) = messages.try_recv() {
                        self.on(message);
                    }
                }
                () = timer => self.may_be_due = true,
                _ = sweep.tick() => self.sweep(),
                _ = ended.changed() => break,
            }
            self.forget_ended();
            if self.may_be_due {
                self.claim().await;
            }
            self.admit();
        }
        self.end(ended).await;
    }

    fn on(&mut self, message: Message) {
        match message {
            Message::Look => self.may_be_due = true,
            Message::Enter(visitor) => self.visitors.push_back(visitor),
            Message::Left(function_id, kind) => {
                if let Some(demand) = self.functions.get_mut(&function_id) {
                    demand.end(kind);
                }
            }
            Message::Stop(request_id) => {
                if let Some(stop) = self.stops.remove(&request_id) {
                    let _ = stop.send(());
                }
            }
        }
    }

    /// Each run sends a message after its end is written, so that none stays here for long.
    fn forget_ended(&mut self) {
        while let Some(run) = self.runs.try_join_next() {
            if let Ok(request_id) = run {
                self.stops.remove(&request_id);
            }
        }
    }

    /// Gives places to synchronous runs: of the function that has the fewest runs first, in the order in which they came.
    fn admit(&mut self) {
        while let Some(visitor) = self.next_visitor().and_then(|position| self.visitors.remove(position)) {
            let place = self.place(visitor.function_id, Kind::Sync);
            // Whoever is gone by now drops the place, which comes back as a message.
            let _ = visitor.place.send(place);
        }
    }

    fn next_visitor(&self) -> Option<usize> {
        if self.free() == 0 {
            return None;
        }
        let visitors = self.visitors.iter().enumerate();
        let may_enter = visitors.filter(|(_, visitor)| self.running(visitor.function_id) < self.most_of(visitor));
        may_enter.min_by_key(|(position, visitor)| (self.running(visitor.function_id), *position)).map(|it| it.0)
    }

    fn running(&self, function_id: i64) -> usize {
        self.functions.get(&function_id).map_or(0, Demand::running)
    }

    fn most_of(&self, visitor: &Visitor) -> usize {
        visitor.limit.min(self.equipment.concurrency.per_function)
    }

    fn free(&self) -> usize {
        let running: usize = self.functions.values().map(Demand::running).sum();
        self.equipment.concurrency.total.saturating_sub(running)
    }

    /// Counts who waits, and forgets who has gone and what has neither runs nor visitors.
    fn count_visitors(&mut self) {
        self.visitors.retain(|visitor| !visitor.place.is_closed());
        self.functions.values_mut().for_each(|demand| demand.waiting = 0);
        for visitor in &self.visitors {
            self.functions.entry(visitor.function_id).or_default().waiting += 1;
        }
        self.functions.retain(|_, demand| demand.running() + demand.waiting > 0);
    }

    /// All functions together. Who waits for its own function counts only as far as that may run.
    fn overall(&self) -> Demand {
        let limits: HashMap<i64, usize> =
            self.visitors.iter().map(|visitor| (visitor.function_id, self.most_of(visitor))).collect();
        let mut all = Demand { served: self.served, ..Demand::default() };
        for (function_id, demand) in &self.functions {
            all.synchronous += demand.synchronous;
            all.asynchronous += demand.asynchronous;
            let limit = limits.get(function_id).copied().unwrap_or_default();
            all.waiting += demand.waiting.min(limit.saturating_sub(demand.running()));
        }
        all
    }

    fn place(&mut self, function_id: i64, kind: Kind) -> Place {
        self.served = kind;
        self.functions.entry(function_id).or_default().begin(kind);
        Place { function_id, kind, messages: self.messages.clone() }
    }

    /// Starts what is due, as far as there is room beside the synchronous runs that wait, where that is not left to another
    /// server.
    async fn claim(&mut self) {
        self.may_be_due = false;
        self.count_visitors();
        let Equipment { store, clock, context, concurrency, backlog, journal, .. } = &self.equipment;
        if *backlog == Backlog::Left {
            self.next = None;
            return;
        }
        let free = self.overall().asynchronous_share(self.free());
        let (most_of_one, functions) = (concurrency.per_function, self.functions.clone());
        let capacity = Capacity { free, most_of_one, functions, after: self.after };
        let (context, now) = (Arc::clone(context), clock.now().as_millisecond());
        // What is lost of it with the machine's power is an attempt that was not made.
        let mending = Arc::clone(&context);
        let claim = move |store: &Connection| claim::claim(Transaction { store, context: &context, now }, &capacity);
        let claim = match store.run_unflushed(claim).await {
            Err(failure) if failure.is_unreadable() => {
                journal.warn(|| format!("{failure}; what it belongs to ends as failed"));
                let mend = move |store: &Connection| damage::mend(Transaction { store, context: &mending, now });
                store.run(mend).await.and(Err(failure))
            }
            claim => claim,
        };
        let Claim { starts, after, next, more, ended } = match claim {
            Ok(claim) => claim,
            Err(failure) => {
                if !failure.is_unreadable() {
                    journal.warn(|| format!("nothing can be started for now: {failure}"));
                }
                self.next = Some(Instant::now() + LOOK_AGAIN);
                return;
            }
        };
        (self.after, self.may_be_due) = (after, more);
        self.next = next.map(|next| {
            let wait = Duration::from_millis(u64::try_from(next - now).unwrap_or_default());
            Instant::now() + wait.min(LOOK_AGAIN)
        });
        if ended {
            self.equipment.owed.notify_one();
        }
        for start in starts {
            self.start(start);
        }
    }

    fn start(&mut self, start: Start) {
        let place = self.place(start.run.function_id, Kind::Async);
        let (stop, stopped) = oneshot::channel();
        self.stops.insert(start.run.request_id.clone(), stop);
        let (equipment, messages) = (self.equipment.clone(), self.messages.clone());
        self.runs.spawn(async move {
            let run = start.run.clone();
            let ended = equipment.run(start, stopped).await;
            drop(place);
            let request_id = run.request_id.clone();
            equipment.write(run, ended).await;
            let _ = messages.send(Message::Look);
            equipment.owed.notify_one();
            request_id
        });
    }

    /// Forgets what is old, beside everything else.
    fn sweep(&self) {
        let Equipment { store, clock, backlog, .. } = self.equipment.clone();
        if backlog == Backlog::Left {
            return;
        }
        tokio::spawn(async move {
            let now = clock.now().as_millisecond();
            while let Ok(true) = store.run_unflushed(move |store| retention::sweep(store, now)).await {}
        });
    }

    /// Lets what runs end, for as long as somebody wants to wait. What does not is cut off, and taken up by the next
    /// server.
    async fn end(mut self, mut ended: watch::Receiver<bool>) {
        self.visitors.clear();
        let runs = async { while self.runs.join_next().await.is_some() {} };
        let nobody_waits = async {
            while ended.changed().await.is_ok() {}
            tokio::time::sleep(GRACE).await;
        };
        tokio::select! {
            () = runs => {}
            () = nobody_waits => {}
        }
        self.runs.shutdown().await;
    }
}

impl Equipment {
    async fn run(&self, start: Start, stopped: oneshot::Receiver<()>) -> Ended {
        let (run, deployment) = (start.run.clone(), start.deployment.clone());
        let ended = self.run_unnoted(start, stopped).await;
        if let Ok(deployment) = deployment {
            self.journal.note(|| attempt_entry(&run.request_id, Some(run.attempt), &deployment, &ended));
        }
        ended
    }

    async fn run_unnoted(&self, Start { run, deployment, body }: Start, stopped: oneshot::Receiver<()>) -> Ended {
        let deployment = match deployment {
            Ok(deployment) => deployment,
            Err(reason) => return not_run(&reason),
        };
        let call = Call { request_id: run.request_id.clone(), event: body.into(), kind: Kind::Async };
        let runner = self.runner();
        let mut running = std::pin::pin!(runner.run(run.function_id, deployment, call));
        // Polled in this order, a run is known to the runtimes before it can be canceled.
        tokio::select! {
            biased;
            ended = &mut running => return ended,
            Ok(()) = stopped => self.runtimes.cancel(&run.request_id),
        }
        running.await
    }

    fn runner(&self) -> Runner {
        let Self { store, clock, context, runtimes, .. } = self.clone();
        Runner { store, clock, context, runtimes }
    }

    /// Writes the end of an attempt, however often that takes: nobody else knows of it.
    async fn write(&self, run: Run, ended: Ended) {
        let ended = Arc::new(ended);
        for failures in 1.. {
            let (run, ended, context) = (run.clone(), Arc::clone(&ended), Arc::clone(&self.context));
            let now = self.clock.now().as_millisecond();
            let write = move |store: &Connection| {
                completion::end_attempt(Transaction { store, context: &context, now }, &run, &ended)
            };
            match self.store.run(write).await {
                Ok(()) => return,
                Err(failure) => {
                    self.journal.warn(|| format!("the end of a run cannot be written: {failure}"));
                }
            }
            let wait = u64::try_from(REWRITE.wait(failures)).unwrap_or_default();
            tokio::time::sleep(Duration::from_millis(wait)).await;
        }
    }
}
