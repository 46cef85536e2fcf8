//! A proxy in front of a server. It records requests and disturbs selected ones. A disturbance that never happens fails
//! its test.

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::Notify;

use crate::patience::{PATIENCE, within};

pub(crate) struct Recorder {
    url: String,
    proxy: Arc<Proxy>,
}

struct Proxy {
    upstream: String,
    /// The additional time of each request.
    distance: Duration,
    client: reqwest::Client,
    recorded: Mutex<Vec<Recorded>>,
    disturbances: Mutex<Vec<Disturbance>>,
    outage: Mutex<Option<Outage>>,
    /// Why a disturbance could not be carried out.
    troubles: Mutex<Vec<String>>,
}

/// After this many more writes, nothing is answered any more. `last` says whether the last write still reaches the
/// server.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Outage {
    pub(crate) writes: usize,
    pub(crate) last: Last,
}

/// The fate of the write during which an outage starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Last {
    Answered,
    /// Done, but the sender gets no reply.
    ReplyLost,
}

/// One request as it arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Recorded {
    pub(crate) method: Method,
    /// Path and query as sent.
    pub(crate) target: String,
    /// The decoded path.
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

/// The effect on matching requests.
struct Disturbance {
    method: Method,
    /// Part of the decoded path, or its end if it ends with `$`.
    path: &'static str,
    effect: Effect,
    /// Whether it applies to the first matching request or to all.
    which: Which,
    happened: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Which {
    First,
    Every,
}

impl Disturbance {
    fn is_for(&self, method: &Method, path: &str) -> bool {
        let is_left = self.which == Which::Every || self.happened == 0;
        is_left
            && self.method == *method
            && self.path.strip_suffix('$').map_or_else(|| path.contains(self.path), |end| path.ends_with(end))
    }
}

#[derive(Clone)]
pub(crate) enum Effect {
    /// The proxy answers itself; the server does not receive the request.
    Answer(u16, String),
    /// The request is refused with this message, and may be retried after this many seconds.
    Throttle(&'static str, u32),
    /// The request is done, and the answer lacks this field.
    Without(&'static str),
    /// The request is done, and the answer has no body (204).
    Silence,
    /// The request is done, but the connection ends before the reply.
    LoseReply,
    /// Someone else first sends a request with this token, path and body.
    After { token: String, method: Method, path: String, body: Value },
    /// The request waits. The first notifies the test of its arrival, the second releases it.
    Hold(Arc<Notify>, Arc<Notify>),
}

impl Recorder {
    pub(crate) async fn start(upstream: &str) -> Self {
        Self::at_distance(upstream, Duration::ZERO).await
    }

    pub(crate) async fn at_distance(upstream: &str, distance: Duration) -> Self {
        let proxy = Arc::new(Proxy {
            upstream: upstream.to_owned(),
            distance,
            client: reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().expect("a client"),
            recorded: Mutex::default(),
            disturbances: Mutex::default(),
            outage: Mutex::default(),
            troubles: Mutex::default(),
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let router = axum::Router::new().fallback(pass).with_state(Arc::clone(&proxy));
        // Enough for the largest code in a test.
        let router = router.layer(axum::extract::DefaultBodyLimit::max(100 * 1024 * 1024));
        tokio::spawn(axum::serve(listener, router).into_future());
        Self { url, proxy }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The requests since the last call.
    pub(crate) fn take(&self) -> Vec<Recorded> {
        std::mem::take(&mut self.proxy.recorded.lock().expect("no panic"))
    }

    /// Starts or ends an outage.
    pub(crate) fn outage(&self, outage: Option<Outage>) {
        let before = std::mem::replace(&mut *self.proxy.outage.lock().expect("no panic"), outage);
        assert!(before.is_none_or(|before| before.writes == 0), "the outage never began: {before:?}");
    }

    /// Disturbs the first matching request that no earlier disturbance takes.
    pub(crate) fn disturb(&self, method: Method, path: &'static str, effect: Effect) {
        self.add(Disturbance { method, path, effect, which: Which::First, happened: 0 });
    }

    /// Disturbs every matching request. There must be at least one.
    pub(crate) fn disturb_all(&self, method: Method, path: &'static str, effect: Effect) {
        self.add(Disturbance { method, path, effect, which: Which::Every, happened: 0 });
    }

    fn add(&self, disturbance: Disturbance) {
        self.proxy.disturbances.lock().expect("no panic").push(disturbance);
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        self.outage(None);
        let troubles = self.proxy.troubles.lock().expect("no panic");
        assert!(troubles.is_empty(), "{troubles:#?}");
        let disturbances = self.proxy.disturbances.lock().expect("no panic");
        let missed = disturbances.iter().filter(|one| one.happened == 0);
        let missed: Vec<String> = missed.map(|one| format!("{} …{}", one.method, one.path)).collect();
        assert!(missed.is_empty(), "these requests were to be disturbed, and never came: {missed:#?}");
    }
}

impl Recorded {
    pub(crate) fn is_write(&self) -> bool {
        self.method != Method::GET && !self.path.ends_with("/resource-instances/filter")
    }
}

async fn pass(State(proxy): State<Arc<Proxy>>, method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let path = percent_encoding::percent_decode_str(uri.path()).decode_utf8_lossy().into_owned();
    let recorded = Recorded {
        method: method.clone(),
        target: uri.to_string(),
        path: path.clone(),
        headers: headers.clone(),
        body: String::from_utf8_lossy(&body).into_owned(),
    };
    let is_write = recorded.is_write();
    if !proxy.distance.is_zero() {
        tokio::time::sleep(proxy.distance).await;
    }
    proxy.recorded.lock().expect("no panic").push(recorded);
    match passes(&proxy, is_write) {
        Passes::Yes => {}
        Passes::No => return StatusCode::SERVICE_UNAVAILABLE.into_response(),
        Passes::WithoutReply => {
            forward(&proxy, method, &uri, headers, body).await;
            return StatusCode::SERVICE_UNAVAILABLE.into_response();
        }
    }
    let effect = {
        let mut disturbances = proxy.disturbances.lock().expect("no panic");
        disturbances.iter_mut().find(|one| one.is_for(&method, &path)).map(|one| {
            one.happened += 1;
            one.effect.clone()
        })
    };
    match effect {
        None => {}
        Some(Effect::Answer(status, body)) => {
            let status = StatusCode::from_u16(status).expect("a status");
            return (status, [("x-request-id", "request-of-the-proxy")], body).into_response();
        }
        Some(Effect::Throttle(message, seconds)) => {
            let body = format!(r#"{{"error_code":"APIGW.0308","error_msg":"{message}"}}"#);
            let headers = [("retry-after", seconds.to_string())];
            return (StatusCode::TOO_MANY_REQUESTS, headers, body).into_response();
        }
        Some(Effect::Silence) => {
            let answer = forward(&proxy, method, &uri, headers, body).await;
            assert!(answer.status().is_success(), "{answer:?}");
            return StatusCode::NO_CONTENT.into_response();
        }
        Some(Effect::Without(field)) => {
            let answer = forward(&proxy, method, &uri, headers, body).await;
            let (status, body) = (answer.status(), axum::body::to_bytes(answer.into_body(), usize::MAX).await);
            let mut body: Value = serde_json::from_slice(&body.expect("a body")).expect("JSON");
            body.as_object_mut().expect("an object").remove(field);
            return (status, body.to_string()).into_response();
        }
        Some(Effect::LoseReply) => {
            forward(&proxy, method, &uri, headers, body).await;
            let lost = Err::<Bytes, _>(std::io::Error::other("the connection is lost"));
            return Body::from_stream(futures_util::stream::iter([lost])).into_response();
        }
        Some(Effect::After { token, method, path, body }) => {
            let url = format!("{}{path}", proxy.upstream);
            let request = proxy.client.request(method, url).header("x-auth-token", token).body(body.to_string());
            let answer = request.send().await.expect("an answer");
            if !answer.status().is_success() {
                let trouble = format!("{path}: {:?}", answer.text().await);
                proxy.troubles.lock().expect("no panic").push(trouble);
            }
        }
        Some(Effect::Hold(arrived, go)) => {
            arrived.notify_one();
            within("the end of what holds a request", go.notified()).await;
        }
    }
    forward(&proxy, method, &uri, headers, body).await
}

enum Passes {
    Yes,
    No,
    WithoutReply,
}

fn passes(proxy: &Proxy, is_write: bool) -> Passes {
    let mut outage = proxy.outage.lock().expect("no panic");
    match &mut *outage {
        Some(Outage { writes: 0, .. }) => Passes::No,
        Some(Outage { writes, last }) if is_write => {
            *writes -= 1;
            if *writes == 0 && *last == Last::ReplyLost { Passes::WithoutReply } else { Passes::Yes }
        }
        Some(_) | None => Passes::Yes,
    }
}

/// Keeps the headers unchanged, so that the signature stays valid.
async fn forward(proxy: &Proxy, method: Method, uri: &Uri, headers: HeaderMap, body: Bytes) -> Response {
    let request = proxy.client.request(method, format!("{}{uri}", proxy.upstream)).headers(headers).body(body);
    let answer = request.send().await.expect("an answer");
    let (status, headers) = (answer.status(), answer.headers().clone());
    let id = headers.get("x-request-id").cloned();
    let mut response = (status, answer.bytes().await.expect("a whole answer")).into_response();
    if let Some(id) = id {
        response.headers_mut().insert("x-request-id", id);
    }
    response
}
