//! Sends requests and reads replies: paced, with a new signature for each try, with limits. This is the only module
//! that uses HTTP and the only one that retries.

use jiff::Timestamp;
use reqwest::Url;
use secrecy::SecretString;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

use super::admission::{Admission, Traffic};
use super::carrier::{Carrier, InProcess};
use super::credentials::Credentials;
use super::error::Error;
use super::event::Event;
use super::operation;
use super::options::Options;
use super::pacing::{Limit, Reason};
use super::reply::{Reply, Unread};
use super::request::{Request, Sender};
use super::retry::{self, Attempt, Failure};
use crate::redaction::Redaction;
use crate::wire::routes::Operation;

/// The service's address and project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Scheme, host and port. If it has a path, requests keep it in front of their own.
    pub url: Url,
    pub region: String,
    /// Empty if the service does not use projects, like IAM.
    pub project_id: String,
}

/// A connection pool with an endpoint and credentials. Clones share the pool and the pace.
#[derive(Clone)]
pub struct Client {
    carrier: Carrier,
    endpoint: Endpoint,
    credentials: Credentials,
    options: Options,
    admission: Arc<Admission>,
    /// The gateway repeats the headers when a signature is wrong.
    redaction: Redaction,
}

/// A failed try, and the wait that the service requests.
struct Failed {
    error: Error,
    retry_after: Option<Duration>,
}

/// The tries of one request so far.
struct Tries {
    started: Instant,
    failures: u32,
    refusals: u32,
}

impl Default for Tries {
    fn default() -> Self {
        Self { started: Instant::now(), failures: 0, refusals: 0 }
    }
}

/// A failed try, and whether to try again now.
struct Tried {
    error: Error,
    again: bool,
}

impl Client {
    /// Fails if the machine's TLS configuration or a given certificate is unusable.
    pub fn new(endpoint: Endpoint, credentials: Credentials, options: Options) -> Result<Self, reqwest::Error> {
        Ok(Self::over(Carrier::http(&endpoint, &options)?, endpoint, credentials, options))
    }

    /// A client of a server in this process. The endpoint's URL only names the server in messages and signatures.
    pub fn in_process(answer: InProcess, endpoint: Endpoint, credentials: Credentials, options: Options) -> Self {
        let timeout = options.timeout;
        Self::over(Carrier::InProcess { answer, timeout }, endpoint, credentials, options)
    }

    fn over(carrier: Carrier, endpoint: Endpoint, credentials: Credentials, options: Options) -> Self {
        let admission = Arc::new(Admission::new(options.concurrency, options.max_requests_per_second));
        let redaction = Redaction::of(credentials.secrets().cloned());
        Self { carrier, endpoint, credentials, options, admission, redaction }
    }

    /// Returns a client whose messages also hide these secrets.
    pub fn hiding(self, secrets: impl IntoIterator<Item = SecretString>) -> Self {
        Self { redaction: self.redaction.and(secrets), ..self }
    }

    /// The secrets that no message may show.
    pub fn redaction(&self) -> &Redaction {
        &self.redaction
    }

    /// The maximum number of concurrent requests.
    pub fn concurrency(&self) -> usize {
        self.options.concurrency
    }

    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Announces requests, so that the remaining time can be estimated when the service's pace limits it.
    pub fn announce_requests(&self, requests: usize) {
        let expected = requests as u64;
        self.admission.announce_requests(expected);
        if let Some(limit) = self.admission.learned().filter(|limit| limit.time_for(expected) >= limit.window) {
            (self.options.tell)(&Event::Paced { limit, expected });
        }
    }

    /// Announces one additional request.
    pub fn announce_request(&self) {
        self.admission.announce_request();
    }

    /// The requests so far, those to come, and what they wait for.
    pub fn traffic(&self) -> Traffic {
        self.admission.traffic()
    }

    /// Stops all waiting except for concurrency: requests that are due are sent at once, and retries fail.
    pub fn stop_waiting(&self) {
        self.admission.stop_waiting();
    }

    pub(super) async fn get<R: DeserializeOwned>(
        &self,
        operation: Operation,
        names: &[&str],
        query: &[(&str, String)],
    ) -> Result<R, Error> {
        let request = self.request(operation, names).with_query(query);
        let reply = self.send(&request).await?;
        reply.json(&request)
    }

    /// Like [`Self::get`], for an answer that is a list.
    pub(super) async fn get_list<R: DeserializeOwned>(
        &self,
        operation: Operation,
        names: &[&str],
    ) -> Result<Vec<R>, Error> {
        let request = self.request(operation, names);
        let reply = self.send(&request).await?;
        reply.json_list(&request)
    }

    /// Sends a request with a body and parses the answer.
    pub(super) async fn call<B: Serialize, R: DeserializeOwned>(
        &self,
        operation: Operation,
        names: &[&str],
        body: &B,
    ) -> Result<R, Error> {
        let request = self.request(operation, names).with_json(body)?;
        let reply = self.send(&request).await?;
        reply.json(&request)
    }

    /// Like [`Self::call`]; `None` if the answer has no body.
    pub(super) async fn call_if_answered<B: Serialize, R: DeserializeOwned>(
        &self,
        operation: Operation,
        names: &[&str],
        body: &B,
    ) -> Result<Option<R>, Error> {
        let request = self.request(operation, names).with_json(body)?;
        let reply = self.send(&request).await?;
        if reply.is_empty() { Ok(None) } else { reply.json(&request).map(Some) }
    }

    /// Sends a request whose answer contains nothing else of use.
    pub(super) async fn tell<B: Serialize>(
        &self,
        operation: Operation,
        names: &[&str],
        body: Option<&B>,
    ) -> Result<(), Error> {
        let request = self.request(operation, names);
        let request = match body {
            Some(body) => request.with_json(body)?,
            None => request,
        };
        self.send(&request).await.map(|_| ())
    }

    /// A request without a body. `names` are the values of the variables in the operation's path.
    pub(super) fn request(&self, operation: Operation, names: &[&str]) -> Request {
        Request { redaction: self.redaction.clone(), ..Request::new(&self.endpoint, operation, names) }
    }

    /// Sends the request until there is a final answer.
    pub(super) async fn send(&self, request: &Request) -> Result<Reply, Error> {
        let is_repeatable = operation::is_repeatable(request.operation);
        let mut tries = Tries::default();
        let ended = loop {
            match self.attempt(request, &mut tries, is_repeatable).await {
                Ok(reply) => break Ok(reply),
                Err(Tried { again: true, .. }) => {}
                Err(Tried { error, again: false }) => break Err(error),
            }
        };
        self.admission.done();
        ended
    }

    /// Sends a request that must not be carried out twice. If a lost answer leaves the outcome unclear, `find` looks
    /// for the result before the request is sent again or given up.
    pub(super) async fn send_once<R: DeserializeOwned, E>(
        &self,
        request: &Request,
        find: impl AsyncFn() -> Result<Option<R>, E>,
    ) -> Result<R, Error> {
        let mut tries = Tries::default();
        let mut may_be_done = false;
        let ended = loop {
            let read = |reply: Reply| reply.json(request).map_err(|error| Tried { error, again: false });
            let Tried { error, again } = match self.attempt(request, &mut tries, true).await.and_then(read) {
                Ok(made) => break Ok(made),
                Err(failed) => failed,
            };
            may_be_done |= error.is_unclear();
            // A conflict can come from what an earlier try created.
            if error.is_unclear() || (may_be_done && error.is_conflict()) {
                match find().await {
                    Ok(Some(made)) => break Ok(made),
                    Ok(None) if again => {}
                    Ok(None) | Err(_) => break Err(error),
                }
            } else if !again {
                break Err(error);
            }
        };
        self.admission.done();
        ended
    }

    /// One try, and the wait before the next one if there is one.
    async fn attempt(&self, request: &Request, tries: &mut Tries, is_repeatable: bool) -> Result<Reply, Tried> {
        let turn = self.admission.admit().await;
        let exchanged = self.exchange(request).await;
        drop(turn);
        let Failed { error, retry_after } = match exchanged {
            Ok(reply) => return Ok(reply),
            Err(failed) => failed,
        };
        let failure = error.failure();
        let retries = if failure == Failure::Throttled { &mut tries.refusals } else { &mut tries.failures };
        let elapsed = tries.started.elapsed();
        let attempt = Attempt { failure, is_repeatable, retries: *retries, elapsed, retry_after };
        *retries += 1;
        let again = match retry::wait(&attempt, self.options.max_retries, (self.options.random)()) {
            None => false,
            Some(wait) => self.wait(&error, failure, wait).await,
        };
        Err(Tried { error: error.tried(tries.failures + tries.refusals), again })
    }

    async fn exchange(&self, request: &Request) -> Result<Reply, Failed> {
        let sender = Sender { credentials: &self.credentials, project_id: &self.endpoint.project_id };
        let unread = |unread: Unread| Failed {
            error: unread.into_error(request.name.clone(), self.origin()),
            retry_after: None,
        };
        let sent = self.carrier.send(request, request.headers(sender, Timestamp::now())).await;
        let reply = Reply::read(sent.map_err(unread)?, request).await.map_err(unread)?;
        let retry_after = reply.retry_after;
        reply.successful(request).map_err(|error| Failed { error, retry_after })
    }

    /// Waits before this request is sent again. Also holds back all others if they would fail too. Returns whether to
    /// continue.
    async fn wait(&self, error: &Error, failure: Failure, wait: Duration) -> bool {
        let retrying = || Event::Retrying { problem: error.to_string(), wait };
        let event = match failure {
            Failure::Unclear | Failure::Final => Some(retrying()),
            Failure::NotConnected => self.admission.hold(wait, Reason::Unreachable).then(retrying),
            Failure::Throttled => {
                let is_news = |limit: &Limit| self.admission.learn(*limit);
                let paced = |limit| Event::Paced { limit, expected: self.admission.expected() };
                let learned = Limit::parse(&error.to_string()).filter(is_news).map(paced);
                let limit = self.admission.learned();
                let reason = limit.map_or(Reason::Refused, Reason::Limit);
                let is_told = !self.admission.hold(wait, reason) || limit.is_some();
                learned.or_else(|| (!is_told).then_some(Event::Throttled { wait }))
            }
        };
        if self.admission.are_hurried() {
            return false;
        }
        if let Some(event) = event {
            (self.options.tell)(&event);
        }
        // Requests that are held back wait in `turns`.
        failure != Failure::Unclear || self.admission.pause(wait).await
    }

    fn origin(&self) -> String {
        self.endpoint.url.as_str().trim_end_matches('/').to_owned()
    }
}

/// Leaves out the credentials.
impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

/// Whether the address belongs to this machine.
pub fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}
