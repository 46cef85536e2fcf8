//! Which invocations start next: one transaction that takes them from those that wait.
//!
//! Functions take turns, so that a long line of one does not keep the others waiting.

use std::collections::HashMap;
use std::sync::Arc;

use axum::http::StatusCode;
use rusqlite::Connection;

use crate::wire::urn::FunctionUrn;

use super::damage::work_on;
use super::deployment::deployment;
use super::failure::Outcome;
use super::lifecycle::{Effect, Event};
use super::runtime::Deployment;
use super::share::Demand;
use super::store::function::Function;
use super::store::invocation::{self, Invocation};
use super::store::queue::{self, Line};
use super::transition::{Run, Terms, WINDOW, advance, concurrency, resolve};

/// What may be started.
#[derive(Debug, Clone)]
pub(crate) struct Room {
    /// As many in all.
    pub(crate) free: usize,
    /// As many of one function at once, whatever it says itself: nobody takes all the room there is.
    pub(crate) most_of_one: usize,
    /// What runs of each function, and what waits besides.
    pub(crate) functions: HashMap<i64, Demand>,
    /// The function that was served last.
    pub(crate) after: i64,
}

/// What is to be started.
pub(crate) struct Claim {
    pub(crate) starts: Vec<Start>,
    /// The function that was served last.
    pub(crate) after: i64,
    /// When to look again, if nothing happens before.
    pub(crate) next: Option<i64>,
    /// Whether more may be due that there was no room for.
    pub(crate) more: bool,
    /// Whether any expired, which may owe notifications now.
    pub(crate) ended: bool,
}

/// An attempt that has begun, as far as the store knows.
pub(crate) struct Start {
    pub(crate) run: Run,
    /// Or why there is nothing to run.
    pub(crate) deployment: Result<Arc<Deployment>, String>,
    pub(crate) body: Vec<u8>,
}

/// Ends what has expired, and starts what is due: of one function after the other, beginning behind the one that was
/// served last.
pub(crate) fn claim(connection: &Connection, terms: &Terms, room: &Room, now: i64) -> Outcome<Claim> {
    let expired = queue::expired(connection, now, WINDOW)?;
    let ended = !expired.is_empty();
    for id in expired {
        work_on(connection, terms, (id, now), |invocation| {
            advance(connection, terms, invocation, (Event::Turn, None), now)
        })?;
    }
    let next = queue::next_expiry(connection)?;
    let mut claim = Claim { starts: Vec::new(), after: room.after, next, more: false, ended };
    let mut from_the_first = false;
    let mut last = room.after;
    while claim.starts.len() < room.free {
        let Some(Line { function_id, due }) = queue::line_after(connection, last)? else {
            if from_the_first {
                break;
            }
            (from_the_first, last) = (true, 0);
            continue;
        };
        if from_the_first && function_id > room.after {
            break;
        }
        last = function_id;
        if due > now {
            claim.next = Some(claim.next.map_or(due, |next| next.min(due)));
        } else {
            start_line(connection, terms, (room, function_id, now), &mut claim)?;
        }
    }
    claim.more |= claim.starts.len() >= room.free;
    Ok(claim)
}

/// Starts what waits for one function, as far as there is room.
fn start_line(
    connection: &Connection,
    terms: &Terms,
    (room, function_id, now): (&Room, i64, i64),
    claim: &mut Claim,
) -> Outcome<()> {
    let demand = room.functions.get(&function_id).copied().unwrap_or_default();
    let free = room.most_of_one.saturating_sub(demand.running()).min(room.free - claim.starts.len());
    let due = queue::due_of(connection, function_id, now, free)?;
    claim.more |= due.len() >= free;
    let mut place = Share { demand, started: 0, most: room.most_of_one };
    for id in due {
        let begun =
            work_on(connection, terms, (id, now), |invocation| begin(connection, terms, invocation, (&place, now)));
        match begun? {
            Some(Begun::Start(start)) => {
                place.started += 1;
                claim.starts.push(*start);
                claim.after = function_id;
            }
            Some(Begun::Full) => {
                claim.more = true;
                return Ok(());
            }
            // It has ended, and may owe a notification.
            Some(Begun::Nothing) | None => claim.ended = true,
        }
    }
    Ok(())
}

/// What one function may start.
struct Share {
    demand: Demand,
    /// As many have started.
    started: usize,
    /// As many may run at once, whatever the function says itself.
    most: usize,
}

impl Share {
    /// Whether no more may start, where the function says how many it runs at once.
    fn is_used_up(&self, limit: Option<usize>) -> bool {
        let free = limit.unwrap_or(usize::MAX).min(self.most).saturating_sub(self.demand.running());
        self.started >= self.demand.asynchronous_share(free)
    }
}

/// What came of an invocation's turn.
enum Begun {
    Start(Box<Start>),
    /// Its function runs as often as it may at once.
    Full,
    Nothing,
}

fn begin(
    connection: &Connection,
    terms: &Terms,
    invocation: Invocation,
    (share, now): (&Share, i64),
) -> Outcome<Begun> {
    let function = function_of(connection, terms, &invocation)?;
    if share.is_used_up(function.as_ref().ok().and_then(concurrency)) {
        return Ok(Begun::Full);
    }
    let deployment = function.and_then(|function| deployed(&function, &invocation.function_urn));
    let body = invocation::body(connection, invocation.id)?;
    let (Invocation { id, request_id, function_id, life, .. }, effect) =
        advance(connection, terms, invocation, (Event::Turn, None), now)?;
    if effect != Effect::Start {
        return Ok(Begun::Nothing);
    }
    let run = Run { invocation: id, attempt: life.attempts, request_id, function_id };
    Ok(Begun::Start(Box::new(Start { run, deployment, body })))
}

/// What an invocation is to run now, or why there is nothing: the function, or its version, may be gone by now.
fn function_of(connection: &Connection, terms: &Terms, invocation: &Invocation) -> Outcome<Result<Function, String>> {
    let Invocation { function_id, function_urn, request_id, .. } = invocation;
    current(connection, terms, (*function_id, function_urn), request_id)
}

/// What a request to a URN runs now, where that is still the function with this id.
fn current(
    connection: &Connection,
    terms: &Terms,
    (function_id, urn): (i64, &str),
    request_id: &str,
) -> Outcome<Result<Function, String>> {
    let found = terms.target(urn).and_then(|target| resolve(connection, &target, request_id));
    match found {
        Ok(function) if function.id == function_id => Ok(Ok(function)),
        Ok(_) => Ok(Err("the function was deleted, and another one has its name".to_owned())),
        Err(failure) if failure.status == StatusCode::INTERNAL_SERVER_ERROR => Err(failure),
        Err(gone) => Ok(Err(gone.message)),
    }
}

fn deployed(function: &Function, urn: &str) -> Result<Arc<Deployment>, String> {
    let urn = FunctionUrn::parse(urn).ok_or("its URN is not one")?;
    Ok(Arc::new(deployment(function, &urn)))
}

/// What a run that has begun runs now, since its code was replaced; or why there is nothing.
pub(crate) fn redeployed(
    connection: &Connection,
    terms: &Terms,
    (function_id, deployment): (i64, &Deployment),
    request_id: &str,
) -> Outcome<Result<Arc<Deployment>, String>> {
    let urn = &deployment.identity.urn;
    let function = current(connection, terms, (function_id, urn), request_id)?;
    Ok(function.and_then(|function| deployed(&function, urn)))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::{Map, json};

    use super::super::lifecycle::Backoff;
    use super::super::routes::target::Target;
    use super::super::runtime::Kind;
    use super::super::store::function::{self, CodeFacts};
    use super::super::store::{self, retention};
    use super::super::transition::{Request, accept};
    use super::*;

    const HOUR: i64 = 3600 * 1000;

    struct World {
        connection: Connection,
        terms: Terms,
        _folder: tempfile::TempDir,
    }

    impl World {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let connection = store::open(&folder.path().join("store.db")).unwrap();
            let backoff = Backoff { first: Duration::from_secs(1), longest: Duration::from_secs(1) };
            let (region, project_id) = ("r".to_owned(), "p".to_owned());
            Self {
                connection,
                terms: Terms { region, project_id, retry: backoff, redelivery: backoff },
                _folder: folder,
            }
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
                    Request { id: uuid::Uuid::new_v4().to_string(), target, body: b"{}".to_vec(), cause: None };
                accept(&self.connection, &self.terms, &request, 0).unwrap();
            }
        }

        /// Claims, and answers which functions are to run.
        fn claim(&self, room: &Room, now: i64) -> (Vec<i64>, Claim) {
            let claim = claim(&self.connection, &self.terms, room, now).unwrap();
            (claim.starts.iter().map(|start| start.run.function_id).collect(), claim)
        }

        fn count(&self, state: &str) -> i64 {
            let query = "SELECT count(*) FROM invocations WHERE state = ?1";
            self.connection.query_row(query, [state], |row| row.get(0)).unwrap()
        }
    }

    fn room(free: usize, running: &[(i64, usize)], after: i64) -> Room {
        let demand = |asynchronous| Demand { asynchronous, ..Demand::default() };
        let functions = running.iter().map(|(function, running)| (*function, demand(*running))).collect();
        Room { free, most_of_one: 2, functions, after }
    }

    #[test]
    fn functions_take_turns() {
        let world = World::new();
        let (first, second) = (world.create("first", -1), world.create("second", -1));
        world.accept("first", 10);
        world.accept("second", 10);
        assert_eq!(world.claim(&room(4, &[], 0), 0).0, [first, first, second, second]);
        assert_eq!(world.claim(&room(1, &[], first), 0).0, [second]);
        assert_eq!(world.claim(&room(1, &[], second), 0).0, [first]);
        assert_eq!(world.claim(&room(4, &[(first, 2), (second, 1)], 0), 0).0, [second]);
    }

    #[test]
    fn a_functions_own_limit_holds() {
        let world = World::new();
        let (one, none) = (world.create("one", 1), world.create("none", -1));
        world.accept("one", 3);
        assert_eq!(world.claim(&room(4, &[], 0), 0).0, [one]);
        assert_eq!(world.claim(&room(4, &[(one, 1)], 0), 0).0, [0_i64; 0]);
        world.accept("none", 1);
        assert_eq!(world.claim(&room(4, &[(one, 1)], none), 0).0, [none]);
    }

    #[test]
    fn synchronous_runs_that_wait_have_their_share() {
        let world = World::new();
        let one = world.create("one", 1);
        world.accept("one", 3);
        let contended = |served| {
            let demand = Demand { waiting: 5, served, ..Demand::default() };
            Room { functions: HashMap::from([(one, demand)]), ..room(4, &[], 0) }
        };
        let (started, claim) = world.claim(&contended(Kind::Async), 0);
        assert_eq!((started, claim.more), (Vec::new(), true), "it is the others' turn");
        assert_eq!(world.claim(&contended(Kind::Sync), 0).0, [one]);
    }

    #[test]
    fn a_claim_says_whether_it_left_anything() {
        let world = World::new();
        world.create("f", -1);
        assert!(!world.claim(&room(4, &[], 0), 0).1.more);
        world.accept("f", 3);
        assert!(world.claim(&room(4, &[], 0), 0).1.more, "two of one are the most");
        assert!(world.claim(&room(0, &[], 0), 0).1.more);
        world.claim(&room(4, &[], 0), 0);
        assert!(!world.claim(&room(4, &[], 0), 0).1.more);
    }

    #[test]
    fn what_expired_ends_though_there_is_no_room() {
        let world = World::new();
        world.create("f", -1);
        world.accept("f", 2);
        let (_, claim) = world.claim(&room(0, &[], 0), HOUR);
        assert_eq!((claim.next, claim.ended), (Some(HOUR + 1), false));
        let (started, claim) = world.claim(&room(4, &[], 0), HOUR + 1);
        assert_eq!((started.len(), claim.next, claim.ended, world.count("expired")), (0, None, true, 2));
    }

    #[test]
    fn a_function_that_is_gone_has_nothing_to_run() {
        let world = World::new();
        let gone = world.create("f", -1);
        world.accept("f", 1);
        function::delete(&world.connection, gone).unwrap();
        world.create("f", -1);
        let (started, claim) = world.claim(&room(4, &[], 0), 0);
        assert_eq!((started, claim.starts[0].deployment.is_err()), (vec![gone], true));
    }

    #[test]
    fn an_attempt_that_could_not_start_is_put_back() {
        let world = World::new();
        world.create("f", -1);
        world.accept("f", 1);
        let (_, claim) = world.claim(&room(4, &[], 0), 0);
        let error = std::io::Error::from(rustix::io::Errno::MFILE);
        let result = Err(super::super::runtime::Fault::cannot_start(&error));
        let ended =
            super::super::runtime::Ended { result, duration: Duration::ZERO, memory_used: 0.0, log: String::new() };
        super::super::transition::end_attempt(&world.connection, &world.terms, (&claim.starts[0].run, &ended), 10)
            .unwrap();
        assert_eq!((world.count("waiting"), world.claim(&room(4, &[], 0), 20).0.len()), (1, 0));
        let (started, claim) = world.claim(&room(4, &[], 0), 1010);
        assert_eq!((started.len(), claim.starts[0].run.attempt), (1, 1), "it is the first attempt again");
    }

    #[test]
    fn a_day_later_what_ended_is_forgotten() {
        let world = World::new();
        world.create("f", -1);
        world.accept("f", 1);
        world.claim(&room(0, &[], 0), HOUR + 1);
        world.accept("f", 1);
        assert_eq!(retention::sweep(&world.connection, 25 * HOUR), Ok(false));
        assert_eq!(retention::sweep(&world.connection, 25 * HOUR + 2), Ok(true));
        assert_eq!((world.count("expired"), world.count("waiting")), (0, 1));
    }
}
