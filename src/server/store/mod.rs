//! The server's data: one `SQLite` file, owned by a thread that runs jobs in batches.
//!
//! A batch is one transaction and one flush to disk, so that all waiting requests share the cost of durability. Each
//! job has its own savepoint, so that a failing job undoes only itself. If SQLite itself undoes the batch, for example
//! because the disk is full, all its jobs fail. Jobs are answered only after the commit. Some jobs do not request the
//! flush: their data survives the end of the process, but not necessarily a power loss.

pub(crate) mod alias;
pub(crate) mod async_policy;
pub(crate) mod attempt;
pub(crate) mod code;
mod damaged;
pub(crate) mod dependency;
mod failure;
pub(crate) mod function;
pub(crate) mod invocation;
pub(crate) mod log;
pub(crate) mod lts_log;
pub(crate) mod notification;
pub(crate) mod object;
pub(crate) mod queue;
pub(crate) mod reserved_instance;
pub(crate) mod retention;
mod schema;
pub(crate) mod status_log;
pub(crate) mod tag;
pub(crate) mod trigger;
pub(crate) mod triggered;
pub(crate) mod version;

use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

pub(crate) use failure::{StoreFailure, Stored};
pub use schema::OpenError;
pub(crate) use schema::{open, open_in_memory};

/// The maximum number of jobs in one transaction: enough to share a flush, but few enough to answer quickly.
const BATCH: usize = 256;
/// If two batches contain at least this many jobs, it pays to wait for more.
const CROWD: usize = 6;
/// The wait between two checks for more jobs.
const GATHERING: Duration = Duration::from_micros(100);
/// The number of jobs that may wait in the queue. Further callers wait to enter it.
const QUEUE: usize = 1024;

/// The handle of the owner thread.
#[derive(Clone)]
pub(crate) struct Store {
    messages: mpsc::Sender<Message>,
}

enum Message {
    Job(Job),
    Close,
}

struct Job {
    work: Work,
    flush: Flush,
}

/// Whether a job is answered only after its batch is on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flush {
    Now,
    /// With a later batch.
    Later,
}

type Work = Box<dyn FnOnce(&Connection) -> Respond + Send>;
/// Sends the result of a job, once it is known whether the batch was committed.
type Respond = Box<dyn FnOnce(&rusqlite::Result<()>)>;

impl Store {
    /// Moves the connection to a new thread. `kept`, the lock on the directory, lives as long as the connection.
    pub(crate) fn spawn<T: Send + 'static>(connection: Connection, kept: T) -> std::io::Result<(Self, JoinHandle<()>)> {
        let (messages, receiver) = mpsc::channel(QUEUE);
        let thread = std::thread::Builder::new().name("store".to_owned()).spawn(move || {
            own(connection, receiver);
            drop(kept);
        })?;
        Ok((Self { messages }, thread))
    }

    /// Runs a job on the owner thread. When this returns, the job's data is on disk.
    pub(crate) async fn run<T, E, F>(&self, job: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreFailure> + Send + 'static,
        F: FnOnce(&Connection) -> Result<T, E> + Send + 'static,
    {
        self.send(job, Flush::Now).await
    }

    /// Like [`Self::run`], for data that may be lost if the machine loses power now.
    pub(crate) async fn run_unflushed<T, E, F>(&self, job: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreFailure> + Send + 'static,
        F: FnOnce(&Connection) -> Result<T, E> + Send + 'static,
    {
        self.send(job, Flush::Later).await
    }

    async fn send<T, E, F>(&self, job: F, flush: Flush) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreFailure> + Send + 'static,
        F: FnOnce(&Connection) -> Result<T, E> + Send + 'static,
    {
        let (sender, receiver) = oneshot::channel();
        let work: Work = Box::new(move |connection| {
            let outcome = in_savepoint(connection, job);
            Box::new(move |committed| {
                // If the batch was undone, the failing job contains the cause.
                let committed = committed.as_ref().map_err(|error| StoreFailure::failed(error).into());
                let outcome = outcome.and_then(|done| committed.map(|()| done));
                // If the client is gone, there is no receiver.
                let _ = sender.send(outcome);
            })
        });
        let stopped = || StoreFailure::failed("the server is stopping");
        self.messages.send(Message::Job(Job { work, flush })).await.map_err(|_| stopped())?;
        receiver.await.map_err(|_| stopped())?
    }

    /// Ends the owner thread after the jobs that are already waiting.
    pub(crate) async fn close(&self) {
        let _ = self.messages.send(Message::Close).await;
    }
}

fn own(mut connection: Connection, mut receiver: mpsc::Receiver<Message>) {
    let mut messages = Vec::with_capacity(BATCH);
    let mut open = true;
    let mut pace = Pace::default();
    let mut flush = None;
    while open && receiver.blocking_recv_many(&mut messages, BATCH) > 0 {
        pace.gather(&mut receiver, &mut messages);
        let jobs = messages.drain(..).filter_map(|message| match message {
            Message::Job(job) => Some(job),
            Message::Close => {
                open = false;
                None
            }
        });
        let jobs: Vec<Job> = jobs.collect();
        let count = jobs.len();
        // If a batch cannot start, its jobs and the senders of their answers are dropped.
        let flushing = run_batch(&mut connection, jobs, &mut flush).unwrap_or_default();
        pace.note(count, flushing);
    }
}

/// The recent number of jobs, and the time of a flush. With many callers that each wait for an answer, half of them
/// would otherwise always wait for the flush of the other half. If a flush is fast, that does not matter: one half
/// works while the other is flushed.
#[derive(Default)]
struct Pace {
    /// The number of jobs in the last batch and in the one before.
    jobs: [usize; 2],
    flushing: Duration,
}

impl Pace {
    fn note(&mut self, jobs: usize, flushing: Option<Duration>) {
        self.jobs = [jobs, self.jobs[0]];
        self.flushing = flushing.unwrap_or(self.flushing);
    }

    /// Waits for callers that were just answered and will send again, but only for a fraction of the time that they
    /// would wait otherwise.
    fn gather(&self, receiver: &mut mpsc::Receiver<Message>, messages: &mut Vec<Message>) {
        let expected = self.jobs.iter().sum::<usize>().min(BATCH);
        let begun = Instant::now();
        while expected >= CROWD && messages.len() < expected && begun.elapsed() + GATHERING <= self.flushing / 4 {
            match receiver.try_recv() {
                Ok(message) => messages.push(message),
                Err(_) => std::thread::sleep(GATHERING),
            }
        }
    }
}

/// Returns the time of the flush, if there was one. `current` is the connection's flush setting, if known.
fn run_batch(
    connection: &mut Connection,
    jobs: Vec<Job>,
    current: &mut Option<Flush>,
) -> rusqlite::Result<Option<Duration>> {
    let flush = if jobs.iter().any(|job| job.flush == Flush::Now) { Flush::Now } else { Flush::Later };
    if *current != Some(flush) {
        // With a write-ahead log, FULL flushes at each commit, so an answered request survives a power loss.
        connection.pragma_update(None, "synchronous", if flush == Flush::Now { "FULL" } else { "NORMAL" })?;
        *current = Some(flush);
    }
    let changes = connection.total_changes();
    let transaction = connection.transaction()?;
    let answers: Vec<Respond> = jobs.into_iter().map(|job| (job.work)(&transaction)).collect();
    let is_flushed = flush == Flush::Now && transaction.total_changes() > changes;
    let begun = Instant::now();
    let committed = transaction.commit();
    let flushing = is_flushed.then(|| begun.elapsed());
    for answer in answers {
        answer(&committed);
    }
    committed.map(|()| flushing)
}

fn in_savepoint<T, E>(connection: &Connection, job: impl FnOnce(&Connection) -> Result<T, E>) -> Result<T, E>
where
    E: From<StoreFailure>,
{
    if connection.is_autocommit() {
        // SQLite has undone the whole batch, for example because the disk is full. Without this error, only this job
        // would be kept.
        return Err(StoreFailure::failed("the transaction was undone").into());
    }
    part(connection, || unwinding(|| job(connection)))
}

/// If a job panics, it fails with an internal error, and the thread continues with other jobs.
fn unwinding<T, E: From<StoreFailure>>(job: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
    // The job's values are dropped, and its changes are undone.
    let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(job));
    ended.unwrap_or_else(|_| Err(StoreFailure::failed("an internal error ended the request").into()))
}

/// Runs a part of a job. If it fails, only its own changes are undone.
///
/// Its statements are compiled once, unlike those of the library's savepoints.
pub(crate) fn part<T, E>(connection: &Connection, work: impl FnOnce() -> Result<T, E>) -> Result<T, E>
where
    E: From<StoreFailure>,
{
    let execute = |statement| -> Stored<usize> { Ok(connection.prepare_cached(statement)?.execute([])?) };
    execute("SAVEPOINT part")?;
    let done = work();
    if done.is_err() {
        if connection.is_autocommit() {
            return done;
        }
        execute("ROLLBACK TO part")?;
    }
    execute("RELEASE part")?;
    done
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store() -> (Store, JoinHandle<()>) {
        let connection = Connection::open_in_memory().expect("a database in memory");
        connection.execute_batch("CREATE TABLE kept (value INTEGER)").expect("a table");
        Store::spawn(connection, ()).expect("a thread")
    }

    fn insert(connection: &Connection, value: i64) -> Stored<()> {
        connection.execute("INSERT INTO kept VALUES (?1)", [value])?;
        Ok(())
    }

    fn number(connection: &Connection, query: &str) -> Stored<i64> {
        Ok(connection.query_row(query, [], |row| row.get(0))?)
    }

    /// Waits for the end of the store's thread.
    async fn ended(thread: JoinHandle<()>) {
        let waiting = async {
            while !thread.is_finished() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_mins(2), waiting).await.expect("the store's thread ends");
        thread.join().expect("it does not panic");
    }

    #[tokio::test]
    async fn a_failing_job_undoes_only_itself() {
        let (store, thread) = store();
        let failing = store.run(|connection| {
            insert(connection, 2)?;
            Err::<(), _>(StoreFailure::unreadable("no"))
        });
        let (first, second, third) = tokio::join!(
            store.run(|connection| insert(connection, 1)),
            failing,
            store.run(|connection| insert(connection, 3))
        );
        assert_eq!((first, second.is_err(), third), (Ok(()), true, Ok(())));
        assert_eq!(store.run(|connection| number(connection, "SELECT sum(value) FROM kept")).await, Ok(4));
        store.close().await;
        ended(thread).await;
    }

    /// Every answered write is kept, and when there is space again, the store continues.
    #[tokio::test]
    async fn a_full_disk_loses_no_answered_write() {
        let (store, thread) = store();
        let limit = async |pages: i64| {
            let set = move |connection: &Connection| -> Stored<()> {
                Ok(connection.pragma_update(None, "max_page_count", pages)?)
            };
            store.run(set).await
        };
        let fill = |connection: &Connection| -> Stored<()> {
            connection.execute("INSERT INTO kept VALUES (zeroblob(100000))", [])?;
            Ok(())
        };
        let kept = async || store.run(|connection| number(connection, "SELECT count(*) FROM kept")).await;
        limit(100).await.expect("a limit");
        let told = futures_util::future::join_all((0..20).map(|_| store.run(fill))).await;
        let says_why =
            |outcome: &Stored<()>| outcome.as_ref().is_err_and(|failure| failure.to_string().contains("full"));
        assert!(told.iter().any(says_why), "{told:?}");
        let told = i64::try_from(told.iter().filter(|outcome| outcome.is_ok()).count()).expect("few");
        assert_eq!(kept().await, Ok(told));
        limit(100_000).await.expect("no limit");
        assert_eq!(store.run(fill).await, Ok(()));
        assert_eq!(kept().await, Ok(told + 1));
        store.close().await;
        ended(thread).await;
    }

    #[tokio::test]
    async fn a_job_that_panics_undoes_only_its_own_changes() {
        let (store, thread) = store();
        let panicking = store.run(|connection| -> Stored<()> {
            insert(connection, 2)?;
            panic!("a mistake")
        });
        let (first, second, third) = tokio::join!(
            store.run(|connection| insert(connection, 1)),
            panicking,
            store.run(|connection| insert(connection, 3))
        );
        assert_eq!((first, second.is_err(), third), (Ok(()), true, Ok(())));
        let sum = |connection: &Connection| -> Stored<i64> {
            Ok(connection.query_row("SELECT sum(value) FROM kept", [], |row| row.get(0))?)
        };
        assert_eq!(store.run(sum).await, Ok(4));
        store.close().await;
        ended(thread).await;
    }

    #[tokio::test]
    async fn jobs_are_refused_after_the_end() {
        let (store, thread) = store();
        store.close().await;
        ended(thread).await;
        assert!(store.run(|connection| insert(connection, 1)).await.is_err());
    }
}
