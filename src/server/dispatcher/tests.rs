use std::time::Duration;

use super::super::clock::Clock;
use super::super::identity::ServiceIdentity;
use super::super::ids::Ids;
use super::super::journal::Journal;
use super::super::lifecycle::Backoff;
use super::super::refusal::TOO_MANY_REQUESTS;
use super::super::runtime::{RuntimeOptions, Runtimes};
use super::super::store::{Store, open_in_memory};
use super::super::transaction::Context;
use super::places::MOST_WAITING;
use super::*;

/// Longer than any test should take.
const PATIENCE: Duration = Duration::from_mins(2);

fn core(folder: &tempfile::TempDir) -> Arc<Core> {
    let backoff = Backoff { first: Duration::from_secs(1), longest: Duration::from_secs(1) };
    let identity = ServiceIdentity { region: "r".to_owned(), project_id: "p".to_owned() };
    let context = Context { identity, ids: Ids::random(), retry: backoff, redelivery: backoff };
    let (store, _) = Store::spawn(open_in_memory().expect("a database"), ()).expect("a thread");
    let runtimes = Runtimes::new(RuntimeOptions::new(folder.path().to_owned(), "/usr/bin".into()));
    Arc::new(Core { store, clock: Clock::system(), context: Arc::new(context), runtimes, journal: Journal::default() })
}

#[tokio::test]
async fn a_caller_above_the_limit_is_refused_and_the_others_run_in_turn() {
    let folder = tempfile::tempdir().expect("a folder");
    let core = core(&folder);
    let courier = Arc::new(Bell::new(core.clock.activity().clone()));
    let concurrency = Concurrency { total: 1, per_function: 1 };
    let settings = DispatcherSettings { concurrency, backlog: Backlog::Worked, courier };
    let (dispatcher, working) = Dispatcher::new(core, settings, Shutdown::new());
    let working = tokio::spawn(working);
    let enter = || {
        let dispatcher = dispatcher.clone();
        let entering =
            async move { tokio::time::timeout(PATIENCE, dispatcher.enter(1, None)).await.expect("an answer") };
        tokio::spawn(entering)
    };
    let runs = enter().await.expect("no panic").expect("it may run");
    // Messages are read in the order in which they are sent.
    let waiting: Vec<_> = (0..MOST_WAITING).map(|_| enter()).collect();
    let beyond = enter().await.expect("no panic");
    assert!(matches!(beyond, Err(Failure::Refused(refusal)) if refusal.code == TOO_MANY_REQUESTS));
    drop(runs);
    for waiting in waiting {
        drop(waiting.await.expect("no panic").expect("its turn comes"));
    }
    working.abort();
}
