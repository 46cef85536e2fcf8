//! The dispatcher: gives each run its place, takes what is due from the store, and writes back what became of it.
//!
//! One loop owns the places and is told of everything by message. What waits stays in the store.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::task::JoinSet;

use super::claim::{self, Claim, Room, Start};
use super::clock::Clock;
use super::damage;
use super::failure::{Failure, Outcome};
use super::journal::{AttemptEntry, Entry, Journal};
use super::lifecycle::Backoff;
use super::runtime::{Call, Deployment, Ended, Kind, Runtimes};
use super::settings::Backlog;
use super::store::{Store, code, retention};
use super::transition::{self, Run, Terms};

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
    pub(crate) terms: Arc<Terms>,
    pub(crate) runtimes: Runtimes,
    /// Asynchronous runs at once.
    pub(crate) places: usize,
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
    Left(i64),
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
    messages: mpsc::UnboundedSender<Message>,
}

impl Drop for Place {
    fn drop(&mut self) {
        // Without a dispatcher there are no places to count.
        let _ = self.messages.send(Message::Left(self.function_id));
    }
}

impl Dispatcher {
    /// A dispatcher, and the loop that is its work: until `ended` changes and what runs then has ended, or was cut off.
    pub(crate) fn new(equipment: Equipment, ended: watch::Receiver<bool>) -> (Self, impl Future<Output = ()>) {
        let (messages, receiver) = mpsc::unbounded_channel();
        let owner = Owner {
            equipment,
            messages: messages.clone(),
            running: HashMap::new(),
            runs: JoinSet::new(),
            stops: HashMap::new(),
            visitors: VecDeque::new(),
            after: 0,
            next: Some(Duration::ZERO),
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
    /// Runs of each function that has any, synchronous ones too.
    running: HashMap<i64, usize>,
    /// Asynchronous runs, until their ends are written.
    runs: JoinSet<String>,
    /// How to end each by force.
    stops: HashMap<String, oneshot::Sender<()>>,
    visitors: VecDeque<Visitor>,
    /// The function that was served last.
    after: i64,
    /// How long there is nothing to look for, unless something happens; none says that this is so for ever.
    next: Option<Duration>,
}

impl Owner {
    async fn run(mut self, mut messages: mpsc::UnboundedReceiver<Message>, mut ended: watch::Receiver<bool>) {
        let mut sweep = tokio::time::interval(SWEEP);
        loop {
            let timer = tokio::time::sleep(self.next.unwrap_or(SWEEP));
            tokio::select! {
                Some(message) = messages.recv() => {
                    self.on(message);
                    while let Ok(message) = messages.try_recv() {
                        self.on(message);
                    }
                }
                () = timer => {}
                _ = sweep.tick() => self.sweep(),
                _ = ended.changed() => break,
            }
            self.forget_ended();
            self.admit();
            self.claim().await;
        }
        self.end(ended).await;
    }

    fn on(&mut self, message: Message) {
        match message {
            Message::Look => {}
            Message::Enter(visitor) => self.visitors.push_back(visitor),
            Message::Left(function_id) => {
                if let Some(running) = self.running.get_mut(&function_id) {
                    *running -= 1;
                    if *running == 0 {
                        self.running.remove(&function_id);
                    }
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

    /// Gives places to synchronous runs, in the order in which they came, as far as their functions' limits allow.
    fn admit(&mut self) {
        for visitor in std::mem::take(&mut self.visitors) {
            let running = self.running.get(&visitor.function_id).copied().unwrap_or_default();
            if visitor.place.is_closed() {
                continue;
            }
            if running >= visitor.limit {
                self.visitors.push_back(visitor);
            } else {
                let place = self.place(visitor.function_id);
                // Whoever is gone by now drops the place, which comes back as a message.
                let _ = visitor.place.send(place);
            }
        }
    }

    fn place(&mut self, function_id: i64) -> Place {
        *self.running.entry(function_id).or_default() += 1;
        Place { function_id, messages: self.messages.clone() }
    }

    /// Starts what is due, as far as there is room, where that is not left to another server.
    async fn claim(&mut self) {
        let Equipment { store, clock, terms, places, backlog, journal, .. } = &self.equipment;
        if *backlog == Backlog::Left {
            self.next = None;
            return;
        }
        let running = self.running.clone();
        let free = places.saturating_sub(running.values().sum());
        let room = Room { free, most_of_one: places.div_ceil(2), running, after: self.after };
        let (terms, now) = (Arc::clone(terms), clock.now().as_millisecond());
        // What is lost of it with the machine's power is an attempt that was not made.
        let mending = Arc::clone(&terms);
        let claim = match store.run_unflushed(move |store| claim::claim(store, &terms, &room, now)).await {
            Err(failure) if failure.is_unreadable() => {
                journal.warn(|| format!("{}; what it belongs to ends as failed", failure.message));
                store.run(move |store| damage::mend(store, &mending, now)).await.and(Err(failure))
            }
            claim => claim,
        };
        let Claim { starts, after, next, ended } = match claim {
            Ok(claim) => claim,
            Err(failure) => {
                if !failure.is_unreadable() {
                    journal.warn(|| format!("nothing can be started for now: {}", failure.message));
                }
                self.next = Some(LOOK_AGAIN);
                return;
            }
        };
        self.after = after;
        self.next =
            next.map(|next| Duration::from_millis(u64::try_from(next - now).unwrap_or_default()).min(LOOK_AGAIN));
        if ended {
            self.equipment.owed.notify_one();
        }
        for start in starts {
            self.start(start);
        }
    }

    fn start(&mut self, start: Start) {
        let place = self.place(start.run.function_id);
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
            self.journal.note(|| attempt_entry((&run.request_id, Some(run.attempt)), &deployment, &ended));
        }
        ended
    }

    async fn run_unnoted(&self, Start { run, deployment, body }: Start, stopped: oneshot::Receiver<()>) -> Ended {
        let deployment = match deployment {
            Ok(deployment) => deployment,
            Err(reason) => return not_run(&reason),
        };
        let call = Call { request_id: run.request_id.clone(), event: body.into(), kind: Kind::Async };
        let archive = || archive(self.store.clone(), run.function_id, Arc::clone(&deployment));
        let mut running = std::pin::pin!(self.runtimes.run(&deployment, call, archive));
        // Polled in this order, a run is known to the runtimes before it can be canceled.
        tokio::select! {
            biased;
            ended = &mut running => return ended,
            Ok(()) = stopped => self.runtimes.cancel(&run.request_id),
        }
        running.await
    }

    /// Writes the end of an attempt, however often that takes: nobody else knows of it.
    async fn write(&self, run: Run, ended: Ended) {
        let ended = Arc::new(ended);
        for failures in 1.. {
            let (run, ended, terms) = (run.clone(), Arc::clone(&ended), Arc::clone(&self.terms));
            let now = self.clock.now().as_millisecond();
            let write = move |store: &rusqlite::Connection| transition::end_attempt(store, &terms, (&run, &ended), now);
            match self.store.run(write).await {
                Ok(()) => return,
                Err(failure) => {
                    self.journal.warn(|| format!("the end of a run cannot be written: {}", failure.message));
                }
            }
            let wait = u64::try_from(REWRITE.wait(failures)).unwrap_or_default();
            tokio::time::sleep(Duration::from_millis(wait)).await;
        }
    }
}

/// What the journal is told of a run: nothing that the function said.
pub(crate) fn attempt_entry(
    (request_id, attempt): (&str, Option<u32>),
    deployment: &Deployment,
    ended: &Ended,
) -> Entry {
    let result_code = ended.result.as_ref().map_or_else(|fault| fault.code, |_| 0);
    let (request_id, function) = (request_id.to_owned(), deployment.identity.urn.clone());
    Entry::Attempt(AttemptEntry { request_id, function, attempt, result_code, duration: ended.duration })
}

/// How an attempt ends that has nothing to run.
fn not_run(reason: &str) -> Ended {
    Ended { result: Err(transition::gone(reason)), duration: Duration::ZERO, memory_used: 0.0, log: String::new() }
}

/// The archive that is to be unpacked; none where the code is elsewhere.
pub(crate) async fn archive(
    store: Store,
    function_id: i64,
    deployment: Arc<Deployment>,
) -> Result<Option<Vec<u8>>, String> {
    let read = move |store: &rusqlite::Connection| {
        let version = &deployment.identity.version;
        if !code::has_digest(store, function_id, version, &deployment.digest)? {
            return Err(Failure::internal("the code was replaced just now"));
        }
        code::read(store, function_id, version)
    };
    store.run_unflushed(read).await.map_err(|failure| failure.message)
}
