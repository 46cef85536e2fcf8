//! Requests and their replies: paced, signed anew for each try, bounded. The only place that speaks HTTP, and the only one
//! that tries again.

use jiff::Timestamp;
use reqwest::{Method, Url};
use secrecy::SecretString;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

use super::credentials::Credentials;
use super::error::Error;
use super::event::Event;
use super::operation;
use super::options::{Options, Trust};
use super::pacing::Limit;
use super::reply::{Reply, Unread};
use super::request::{Request, Sender};
use super::retry::{self, Attempt, Failure};
use super::turns::Turns;
use crate::redaction::Redaction;

/// Where the service is, and which part of it is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Scheme, host and port; a path is kept in front of the service's own.
    pub url: Url,
    pub region: String,
    /// Empty where the service is not of a project: IAM's.
    pub project_id: String,
}

/// A connection pool with an endpoint and credentials. Clones share it, and their pace.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    endpoint: Endpoint,
    credentials: Credentials,
    options: Options,
    turns: Arc<Turns>,
    /// The gateway repeats headers where a signature is wrong.
    redaction: Redaction,
}

/// A try that failed, and how long the service wants to be left alone.
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

/// A try that failed, and whether it is now the time for another one.
struct Tried {
    error: Error,
    again: bool,
}

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

impl Client {
    /// Fails where the machine's TLS configuration or a given certificate is unusable.
    pub fn new(endpoint: Endpoint, credentials: Credentials, options: Options) -> Result<Self, reqwest::Error> {
        let builder = reqwest::Client::builder()
            .user_agent(concat!("fgctl/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(options.timeout)
            // A signature is for one host and path: following would send a request that nobody signed.
            .redirect(reqwest::redirect::Policy::none());
        // A proxy cannot reach this machine's loopback.
        let builder = if is_loopback(&endpoint.url) { builder.no_proxy() } else { builder };
        let builder = match &options.trust {
            // Reading the machine's certificates takes a while, and without TLS nobody asks for them.
            _ if endpoint.url.scheme() == "http" => builder.tls_certs_only([]),
            Trust::System => builder,
            Trust::SystemAnd(authorities) => builder.tls_certs_merge(authorities.clone()),
            Trust::Anyone => builder.tls_danger_accept_invalid_certs(true),
        };
        let turns = Arc::new(Turns::new(options.concurrency, options.max_requests_per_second));
        let redaction = Redaction::of(credentials.secrets().cloned());
        Ok(Self { http: builder.build()?, endpoint, credentials, options, turns, redaction })
    }

    /// The same, whose messages never show these either.
    pub fn hiding(self, secrets: impl IntoIterator<Item = SecretString>) -> Self {
        Self { redaction: self.redaction.and(secrets), ..self }
    }

    /// What no message may show.
    pub fn redaction(&self) -> &Redaction {
        &self.redaction
    }

    /// Requests under way at once, at most.
    pub fn concurrency(&self) -> usize {
        self.options.concurrency
    }

    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Announces requests, so that the time that remains can be told where it is the service's pace that counts.
    pub fn expect(&self, requests: usize) {
        let expected = requests as u64;
        self.turns.expect(expected);
        if let Some(limit) = self.turns.learned().filter(|limit| limit.time_for(expected) >= limit.window) {
            (self.options.tell)(&Event::Paced { limit, expected });
        }
    }

    /// Announces one more request than was known of.
    pub fn expect_one_more(&self) {
        self.turns.expect_one_more();
    }

    /// From now on nobody waits but for a place among those under way: what is due is sent at once, and what would be
    /// tried again later has failed.
    pub fn stop_waiting(&self) {
        self.turns.stop_waiting();
    }

    pub(super) fn project_id(&self) -> &str {
        &self.endpoint.project_id
    }

    pub(super) async fn get<R: DeserializeOwned>(&self, path: &str, query: &[(&str, String)]) -> Result<R, Error> {
        let request = self.request(Method::GET, path, query);
        let reply = self.send(&request).await?;
        reply.json(&request)
    }

    /// As [`Self::get`], for an answer that is a list.
    pub(super) async fn get_list<R: DeserializeOwned>(&self, path: &str) -> Result<Vec<R>, Error> {
        let request = self.request(Method::GET, path, &[]);
        let reply = self.send(&request).await?;
        reply.json_list(&request)
    }

    /// A request with a body whose answer is wanted.
    pub(super) async fn call<B: Serialize, R: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: &B,
    ) -> Result<R, Error> {
        let request = self.request_hiding(Vec::new(), method, path, body)?;
        let reply = self.send(&request).await?;
        reply.json(&request)
    }

    /// As [`Self::call`]; `None` for an answer without a body.
    pub(super) async fn call_if_answered<B: Serialize, R: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: &B,
    ) -> Result<Option<R>, Error> {
        let request = self.request_hiding(Vec::new(), method, path, body)?;
        let reply = self.send(&request).await?;
        if reply.is_empty() { Ok(None) } else { reply.json(&request).map(Some) }
    }

    /// A request whose answer says nothing more than that it worked.
    pub(super) async fn tell<B: Serialize>(&self, method: Method, path: &str, body: Option<&B>) -> Result<(), Error> {
        let body = body.map_or(Ok(Vec::new()), |body| to_json(path, body))?;
        let request = self.request(method, path, &[]).with_body(body);
        self.send(&request).await.map(|_| ())
    }

    /// A request with secrets in its body.
    pub(super) fn request_hiding<B: Serialize>(
        &self,
        secrets: Vec<SecretString>,
        method: Method,
        path: &str,
        body: &B,
    ) -> Result<Request, Error> {
        let request = self.request(method, path, &[]).with_body(to_json(path, body)?);
        Ok(request.hiding(self.redaction.and(secrets)))
    }

    pub(super) fn request(&self, method: Method, path: &str, query: &[(&str, String)]) -> Request {
        Request::new(method, &self.endpoint.url, path, query).hiding(self.redaction.clone())
    }

    /// Sends it until there is an answer that counts.
    pub(super) async fn send(&self, request: &Request) -> Result<Reply, Error> {
        let is_repeatable = operation::is_repeatable(&request.method, &request.path);
        let mut tries = Tries::default();
        let ended = loop {
            match self.attempt(request, &mut tries, is_repeatable).await {
                Ok(reply) => break Ok(reply),
                Err(Tried { again: true, .. }) => {}
                Err(Tried { error, again: false }) => break Err(error),
            }
        };
        self.turns.done();
        ended
    }

    /// Sends what must not be done twice. Wherever it may have been done without an answer that says so, `find` looks for
    /// what it makes, before it is sent again or given up.
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
            // What is in the way can be what an earlier try made.
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
        self.turns.done();
        ended
    }

    /// One try, and the wait before the next one, if there is to be one.
    async fn attempt(&self, request: &Request, tries: &mut Tries, is_repeatable: bool) -> Result<Reply, Tried> {
        let turn = self.turns.take().await;
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
        let mut builder = self.http.request(request.method.clone(), request.url.clone());
        for (name, value) in request.headers(sender, Timestamp::now()) {
            builder = builder.header(name, value);
        }
        let unread =
            |unread: Unread| Failed { error: unread.into_error(request.name(), self.origin()), retry_after: None };
        let sent = builder.body(request.body.clone()).send().await;
        let reply = Reply::read(sent.map_err(Unread::Broken).map_err(unread)?, request).await.map_err(unread)?;
        let retry_after = reply.retry_after;
        reply.successful(request).map_err(|error| Failed { error, retry_after })
    }

    /// Waits before this request is sent again, and holds all others back where they would fare no better. Whether to go
    /// on.
    async fn wait(&self, error: &Error, failure: Failure, wait: Duration) -> bool {
        let retrying = || Event::Retrying { problem: error.to_string(), wait };
        let event = match failure {
            Failure::Unclear | Failure::Final => Some(retrying()),
            Failure::NotConnected => self.turns.hold(wait).then(retrying),
            Failure::Throttled => {
                let is_news = |limit: &Limit| self.turns.learn(*limit);
                let paced = |limit| Event::Paced { limit, expected: self.turns.expected() };
                let learned = Limit::parse(&error.to_string()).filter(is_news).map(paced);
                let is_told = !self.turns.hold(wait) || self.turns.learned().is_some();
                learned.or_else(|| (!is_told).then_some(Event::Throttled { wait }))
            }
        };
        if self.turns.are_hurried() {
            return false;
        }
        if let Some(event) = event {
            (self.options.tell)(&event);
        }
        // Who is held back waits for a turn.
        failure != Failure::Unclear || self.turns.pause(wait).await
    }

    fn origin(&self) -> String {
        self.endpoint.url.as_str().trim_end_matches('/').to_owned()
    }
}

/// Without the credentials.
impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

fn to_json<B: Serialize>(path: &str, body: &B) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(body).map_err(|error| Error::NotSent { request: path.to_owned(), problem: error.to_string() })
}

/// Whether an address is this machine's own.
pub fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}
