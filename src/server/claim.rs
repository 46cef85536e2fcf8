//! Decides which invocations start next, and takes them from the waiting ones in one transaction.
//!
//! Functions take turns, so that a long queue of one does not delay the others.

use std::collections::HashMap;
use std::sync::Arc;

use crate::rules::urn::FunctionUrn;

use super::acceptance::concurrency;
use super::damage::work_on;
use super::deployment::deployment;
use super::failure::{Failure, Outcome};
use super::lifecycle::{Effect, Event};
use super::refusal::FUNCTION_MISSING;
use super::runtime::Deployment;
use super::share::Demand;
use super::store::Stored;
use super::store::function::Function;
use super::store::invocation::{self, Invocation};
use super::store::queue::{self, Line};
use super::transaction::Transaction;
use super::transition::{Run, advance};

/// The number of expired invocations that one transaction ends.
const AT_ONCE: i64 = 64;

/// The capacity for new runs.
#[derive(Debug, Clone)]
pub(crate) struct Capacity {
    /// The number of free places in total.
    pub(crate) free: usize,
    /// The limit for each function, whatever its own limit is, so that no function takes all places.
    pub(crate) most_of_one: usize,
    /// The running and waiting runs of each function.
    pub(crate) functions: HashMap<i64, Demand>,
    /// The function that was served last.
    pub(crate) after: i64,
}

/// The result of a claim.
pub(crate) struct Claim {
    pub(crate) starts: Vec<Start>,
    /// The function that was served last.
    pub(crate) after: i64,
    /// When to check again, if nothing happens before.
    pub(crate) next: Option<i64>,
    /// Whether more invocations may be due, but there was no room.
    pub(crate) more: bool,
    /// Whether any expired. They may have pending notifications now.
    pub(crate) ended: bool,
}

/// An attempt that has started in the store.
pub(crate) struct Start {
    pub(crate) run: Run,
    /// Or the reason why there is nothing to run.
    pub(crate) deployment: Outcome<Arc<Deployment>>,
    pub(crate) body: Vec<u8>,
}

/// Ends expired invocations and starts those that are due. Functions take turns, starting after the one that was served
/// last.
pub(crate) fn claim(transaction: Transaction<'_>, capacity: &Capacity) -> Stored<Claim> {
    let Transaction { store, now, .. } = transaction;
    let expired = queue::expired(store, now, AT_ONCE)?;
    let ended = !expired.is_empty();
    for id in expired {
        work_on(transaction, id, |invocation| advance(transaction, invocation, Event::Turn, None))?;
    }
    let next = queue::next_expiry(store)?;
    let mut claim = Claim { starts: Vec::new(), after: capacity.after, next, more: false, ended };
    let mut from_the_first = false;
    let mut last = capacity.after;
    while claim.starts.len() < capacity.free {
        let Some(Line { function_id, due }) = queue::line_after(store, last)? else {
            if from_the_first {
                break;
            }
            (from_the_first, last) = (true, 0);
            continue;
        };
        if from_the_first && function_id > capacity.after {
            break;
        }
        last = function_id;
        if due > now {
            claim.next = Some(claim.next.map_or(due, |next| next.min(due)));
        } else {
            start_line(transaction, capacity, function_id, &mut claim)?;
        }
    }
    claim.more |= claim.starts.len() >= capacity.free;
    Ok(claim)
}

/// Starts waiting invocations of one function, as far as there is capacity.
fn start_line(transaction: Transaction<'_>, capacity: &Capacity, function_id: i64, claim: &mut Claim) -> Stored<()> {
    let demand = capacity.functions.get(&function_id).copied().unwrap_or_default();
    let free = capacity.most_of_one.saturating_sub(demand.running()).min(capacity.free - claim.starts.len());
    let due = queue::due_of(transaction.store, function_id, transaction.now, free)?;
    claim.more |= due.len() >= free;
    let mut share = Share { demand, started: 0, most: capacity.most_of_one };
    for id in due {
        match work_on(transaction, id, |invocation| begin(transaction, invocation, &share))? {
            Some(Begun::Start(start)) => {
                share.started += 1;
                claim.starts.push(*start);
                claim.after = function_id;
            }
            Some(Begun::Full) => {
                claim.more = true;
                return Ok(());
            }
            // It has ended, and may have a pending notification.
            Some(Begun::Nothing) | None => claim.ended = true,
        }
    }
    Ok(())
}

/// The share of one function.
struct Share {
    demand: Demand,
    /// The number of runs that this claim has started.
    started: usize,
    /// The limit, whatever the function's own limit is.
    most: usize,
}

impl Share {
    /// Whether no more runs may start; `limit` is the function's own.
    fn is_used_up(&self, limit: Option<usize>) -> bool {
        let free = limit.unwrap_or(usize::MAX).min(self.most).saturating_sub(self.demand.running());
        self.started >= self.demand.asynchronous_share(free)
    }
}

/// The result of an invocation's turn.
enum Begun {
    Start(Box<Start>),
    /// The function has reached its limit of concurrent runs.
    Full,
    Nothing,
}

fn begin(transaction: Transaction<'_>, invocation: Invocation, share: &Share) -> Stored<Begun> {
    let Invocation { function_id, function_urn, request_id, .. } = &invocation;
    let function = match current(transaction, Callee { function_id: *function_id, urn: function_urn }, request_id) {
        Err(Failure::Store(failure)) => return Err(failure),
        function => function,
    };
    if share.is_used_up(function.as_ref().ok().and_then(concurrency)) {
        return Ok(Begun::Full);
    }
    let deployment = function.and_then(|function| deployed(&function, &invocation.function_urn));
    let body = invocation::body(transaction.store, invocation.id)?;
    let (Invocation { id, request_id, function_id, life, .. }, effect) =
        advance(transaction, invocation, Event::Turn, None)?;
    if effect != Effect::Start {
        return Ok(Begun::Nothing);
    }
    let run = Run { invocation: id, attempt: life.attempts, request_id, function_id };
    Ok(Begun::Start(Box::new(Start { run, deployment, body })))
}

/// The function that a request called: its id, and the URN in the request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Callee<'a> {
    pub(crate) function_id: i64,
    pub(crate) urn: &'a str,
}

/// The function that a request runs now. The function or its version may have been deleted.
fn current(transaction: Transaction<'_>, callee: Callee<'_>, request_id: &str) -> Outcome<Function> {
    let target = transaction.context.identity.target(callee.urn)?;
    let function = target.resolve_for(transaction.store, request_id)?;
    if function.id == callee.function_id {
        return Ok(function);
    }
    let replaced = "the function was deleted, and another one was created with its name";
    Err(Failure::refused(FUNCTION_MISSING, replaced))
}

fn deployed(function: &Function, urn: &str) -> Outcome<Arc<Deployment>> {
    let urn = FunctionUrn::parse(urn).ok_or_else(|| Failure::parameter("its URN is invalid"))?;
    Ok(Arc::new(deployment(function, &urn)?))
}

/// The code to run after the function's code was replaced.
pub(crate) fn redeployed(
    transaction: Transaction<'_>,
    callee: Callee<'_>,
    request_id: &str,
) -> Outcome<Arc<Deployment>> {
    let function = current(transaction, callee, request_id)?;
    deployed(&function, callee.urn)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rusqlite::Connection;
    use serde_json::{Map, json};

    use super::super::acceptance::{AsyncRequest, accept};
    use super::super::completion;
    use super::super::identity::ServiceIdentity;
    use super::super::ids::Ids;
    use super::super::lifecycle::Backoff;
    use super::super::runtime::Kind;
    use super::super::store;
    use super::super::store::function::{self, CodeFacts};
    use super::super::store::retention::{self, Swept};
    use super::super::target::Target;
    use super::super::transaction::Context;
    use super::*;

    const HOUR: i64 = 3600 * 1000;

    struct World {
        connection: Connection,
        context: Context,
        _folder: tempfile::TempDir,
    }

    impl World {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let connection = store::open(&folder.path().join("store.db")).unwrap();
            let backoff = Backoff { first: Duration::from_secs(1), longest: Duration::from_secs(1) };
            let identity = ServiceIdentity { region: "r".to_owned(), project_id: "p".to_owned() };
            Self {
                connection,
                context: Context { identity, ids: Ids::random(), retry: backoff, redelivery: backoff },
                _folder: folder,
            }
        }

        fn at(&self, now: i64) -> Transaction<'_> {
            Transaction { store: &self.connection, context: &self.context, now }
        }

        fn create(&self, name: &str, concurrency: i64) -> i64 {
            let strategy = json!({ "concurrency": concurrency });
            let function = Function {
                id: 0,
                package: "default".to_owned(),
                name: name.to_owned(),
                version: "latest".to_owned(),
                version_description: String::new(),
                settings: Map::from_iter([("strategy_config".to_owned(), strategy)]),
                code: CodeFacts {
                    kind: "inline".to_owned(),
                    url: String::new(),
                    filename: String::new(),
                    size: 0,
                    digest: String::new(),
                    dependencies: Vec::new(),
                },
                resource_id: String::new(),
                image_name: String::new(),
                modified: 0,
            };
            function::insert(&self.connection, &function).unwrap()
        }

        fn accept(&self, name: &str, count: usize) {
            for _ in 0..count {
                let target = Target { package: "default".to_owned(), name: name.to_owned(), qualifier: None };
                let request =
                    AsyncRequest { id: uuid::Uuid::new_v4().to_string(), target, body: b"{}".to_vec(), cause: None };
                accept(self.at(0), &request).unwrap();
            }
        }

        /// Makes a claim, and returns the functions to run.
        fn claim(&self, capacity: &Capacity, now: i64) -> (Vec<i64>, Claim) {
            let claim = claim(self.at(now), capacity).unwrap();
            (claim.starts.iter().map(|start| start.run.function_id).collect(), claim)
        }

        fn count(&self, state: &str) -> i64 {
            let query = "SELECT count(*) FROM invocations WHERE state = ?1";
            self.connection.query_row(query, [state], |row| row.get(0)).unwrap()
        }
    }

    fn capacity(free: usize, running: &[(i64, usize)], after: i64) -> Capacity {
        let demand = |asynchronous| Demand { asynchronous, ..Demand::default() };
        let functions = running.iter().map(|(function, running)| (*function, demand(*running))).collect();
        Capacity { free, most_of_one: 2, functions, after }
    }

    #[test]
    fn functions_take_turns() {
        let world = World::new();
        let (first, second) = (world.create("first", -1), world.create("second", -1));
        world.accept("first", 10);
        world.accept("second", 10);
        assert_eq!(world.claim(&capacity(4, &[], 0), 0).0, [first, first, second, second]);
        assert_eq!(world.claim(&capacity(1, &[], first), 0).0, [second]);
        assert_eq!(world.claim(&capacity(1, &[], second), 0).0, [first]);
        assert_eq!(world.claim(&capacity(4, &[(first, 2), (second, 1)], 0), 0).0, [second]);
    }

    #[test]
    fn a_functions_own_limit_is_respected() {
        let world = World::new();
        let (one, none) = (world.create("one", 1), world.create("none", -1));
        world.accept("one", 3);
        assert_eq!(world.claim(&capacity(4, &[], 0), 0).0, [one]);
        assert_eq!(world.claim(&capacity(4, &[(one, 1)], 0), 0).0, [0_i64; 0]);
        world.accept("none", 1);
        assert_eq!(world.claim(&capacity(4, &[(one, 1)], none), 0).0, [none]);
    }

    #[test]
    fn waiting_synchronous_runs_get_their_share() {
        let world = World::new();
        let one = world.create("one", 1);
        world.accept("one", 3);
        let contended = |served| {
            let demand = Demand { waiting: 5, served, ..Demand::default() };
            Capacity { functions: HashMap::from([(one, demand)]), ..capacity(4, &[], 0) }
        };
        let (started, claim) = world.claim(&contended(Kind::Async), 0);
        assert_eq!((started, claim.more), (Vec::new(), true), "synchronous runs are next");
        assert_eq!(world.claim(&contended(Kind::Sync), 0).0, [one]);
    }

    #[test]
    fn a_claim_reports_whether_more_is_due() {
        let world = World::new();
        world.create("f", -1);
        assert!(!world.claim(&capacity(4, &[], 0), 0).1.more);
        world.accept("f", 3);
        assert!(world.claim(&capacity(4, &[], 0), 0).1.more, "one function may run at most two");
        assert!(world.claim(&capacity(0, &[], 0), 0).1.more);
        world.claim(&capacity(4, &[], 0), 0);
        assert!(!world.claim(&capacity(4, &[], 0), 0).1.more);
    }

    #[test]
    fn expired_invocations_end_without_free_places() {
        let world = World::new();
        world.create("f", -1);
        world.accept("f", 2);
        let (_, claim) = world.claim(&capacity(0, &[], 0), HOUR);
        assert_eq!((claim.next, claim.ended), (Some(HOUR + 1), false));
        let (started, claim) = world.claim(&capacity(4, &[], 0), HOUR + 1);
        assert_eq!((started.len(), claim.next, claim.ended, world.count("expired")), (0, None, true, 2));
    }

    #[test]
    fn a_deleted_function_has_nothing_to_run() {
        let world = World::new();
        let gone = world.create("f", -1);
        world.accept("f", 1);
        function::delete(&world.connection, gone).unwrap();
        world.create("f", -1);
        let (started, claim) = world.claim(&capacity(4, &[], 0), 0);
        assert_eq!((started, claim.starts[0].deployment.is_err()), (vec![gone], true));
    }

    #[test]
    fn an_attempt_that_could_not_start_waits_again() {
        let world = World::new();
        world.create("f", -1);
        world.accept("f", 1);
        let (_, claim) = world.claim(&capacity(4, &[], 0), 0);
        let error = std::io::Error::from(rustix::io::Errno::MFILE);
        let result = Err(super::super::runtime::Fault::cannot_start(&error));
        let ended =
            super::super::runtime::Ended { result, duration: Duration::ZERO, memory_used: 0.0, log: String::new() };
        completion::end_attempt(world.at(10), &claim.starts[0].run, &ended).unwrap();
        assert_eq!((world.count("waiting"), world.claim(&capacity(4, &[], 0), 20).0.len()), (1, 0));
        let (started, claim) = world.claim(&capacity(4, &[], 0), 1010);
        assert_eq!((started.len(), claim.starts[0].run.attempt), (1, 1), "it is the first attempt again");
    }

    #[test]
    fn ended_invocations_are_deleted_after_a_day() {
        let world = World::new();
        world.create("f", -1);
        world.accept("f", 1);
        world.claim(&capacity(0, &[], 0), HOUR + 1);
        world.accept("f", 1);
        let later = Ok(Swept::Until(Some(25 * HOUR + 2)));
        assert_eq!(retention::sweep(&world.connection, 25 * HOUR), later);
        assert_eq!(retention::sweep(&world.connection, 25 * HOUR + 2), Ok(Swept::More));
        assert_eq!((world.count("expired"), world.count("waiting")), (0, 1));
    }
}
