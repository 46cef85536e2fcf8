//! The content and delivery of notifications.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::http::StatusCode;
use fgctl::server::{ObjectStore, RemoteStore, Settings, Subscription};
use fgctl::wire::invocation::{Delivery, Notification, Status, Trace};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::patience::until;
use crate::server_harness::{Server, runnable};
use crate::server_invocation::clock;

const TOPIC: &str = "urn:smn:eu-de:0123456789abcdef0123456789abcdef:pager";

/// Depending on the event: fails, returns a value, or returns text of a given length.
const SOURCE: &str = "
def handler(event, context):
    if 'fail' in event:
        raise ValueError(event['fail'])
    if 'length' in event:
        return 'a' * event['length']
    return event.get('return')
";

async fn server() -> Server {
    server_with(|_| {}).await
}

async fn server_with(change: impl FnOnce(&mut Settings)) -> Server {
    let server = Server::start_with(|settings| {
        settings.options.retry_wait = Duration::from_millis(5);
        change(settings);
    });
    let server = server.await;
    create(&server, "f").await;
    server
}

async fn create(server: &Server, name: &str) {
    let reply = server.post("/fgs/functions", runnable(name, SOURCE)).await;
    assert_eq!(reply.status, StatusCode::OK, "{reply:?}");
}

fn target(destination: &str, param: &Value) -> Value {
    json!({ "destination": destination, "param": param.to_string() })
}

async fn put_policy(server: &Server, name: &str, sides: Value) {
    let policy = json!({ "max_async_retry_attempts": 0, "destination_config": sides });
    let reply = server.put(&format!("/fgs/functions/{name}/async-invoke-config"), policy).await;
    assert_eq!(reply.status, StatusCode::OK, "{reply:?}");
}

async fn accepted(server: &Server, event: Value) -> String {
    let reply = server.post("/fgs/functions/f/invocations-async", event).await;
    assert_eq!(reply.status, StatusCode::ACCEPTED, "{reply:?}");
    reply.body["request_id"].as_str().expect("a request id").to_owned()
}

async fn trace(server: &Server, request_id: &str) -> Trace {
    serde_json::from_value(server.get(&format!("/fgctl/invocations/{request_id}")).await.body).expect("a trace")
}

/// Invokes `f`, waits until the server is idle, and returns the delivery of the notification.
async fn delivery(server: &Server, event: Value) -> (String, Delivery) {
    let request_id = accepted(server, event).await;
    server.quiet().await;
    let delivery = trace(server, &request_id).await.notification.expect("a notification");
    (request_id, delivery)
}

fn stored(server: &Server, delivery: &Delivery) -> String {
    let location = delivery.location.as_ref().expect("a location");
    std::fs::read_to_string(server.directory.path().join(location)).expect("the object is stored")
}

fn parsed(text: &str) -> Notification {
    serde_json::from_str(text).expect("a notification")
}

#[tokio::test]
async fn a_success_notification_matches_the_documentation() {
    let server = server().await;
    put_policy(&server, "f", json!({ "on_success": target("OBS", &json!({ "bucket": "told", "prefix": "/ok/" })) }))
        .await;
    let event = json!({ "return": { "a": "ü" } });
    let (request_id, delivery) = delivery(&server, event.clone()).await;
    assert_eq!(delivery.location.as_deref(), Some(&*format!("obs/told/ok/{request_id}.json")));
    assert_eq!((&*delivery.destination, &*delivery.target, delivery.tries), ("OBS", "told/ok/", 1));
    let text = stored(&server, &delivery);
    let told = parsed(&text);
    let time = told.timestamp.strip_suffix("+00:00").expect("an offset");
    assert_eq!(time.rsplit_once('.').map(|(_, fraction)| fraction.len()), Some(9), "{time}");
    assert_eq!(told.request_context.request_id, request_id);
    assert_eq!(told.request_context.function_urn, format!("{}:latest", server.urn("f")));
    assert_eq!((&*told.request_context.condition, told.request_context.approximate_invoke_count), ("", 0));
    assert_eq!(told.request_payload, event.to_string());
    assert_eq!((told.response_context.status_code, &*told.response_context.function_error), (200, ""));
    let answer: Value = serde_json::from_str(&told.response_payload.expect("an answer")).expect("JSON");
    assert_eq!(answer, json!({ "a": "ü" }));
    let keys = ["timestamp", "request_context", "request_payload", "response_context", "response_payload"];
    let places: Vec<_> = keys.iter().map(|key| text.find(&format!("\"{key}\""))).collect();
    assert!(places.is_sorted() && places[0].is_some(), "{text}");
}

#[tokio::test]
async fn a_failure_notification_matches_a_captured_one() {
    let server = server().await;
    put_policy(&server, "f", json!({ "on_failure": target("DIS", &json!({ "stream_name": "failures" })) })).await;
    let retried = json!({ "max_async_retry_attempts": 2, "destination_config": {
        "on_failure": target("DIS", &json!({ "stream_name": "failures" })) } });
    let (first, _) = delivery(&server, json!({ "fail": "no" })).await;
    server.put("/fgs/functions/f/async-invoke-config", retried).await;
    let (second, told) = delivery(&server, json!({ "fail": "no" })).await;
    let lines = stored(&server, &told);
    let told: Vec<Notification> = lines.lines().map(parsed).collect();
    let of = |told: &Notification| {
        let context = &told.request_context;
        (context.request_id.clone(), context.condition.clone(), context.approximate_invoke_count)
    };
    let condition = "UnhandledInvocationError".to_owned();
    let expected = [(first, condition.clone(), 0), (second, condition, 3)];
    assert_eq!(told.iter().map(of).collect::<Vec<_>>(), expected);
    assert_eq!((told[0].response_context.status_code, &*told[0].response_context.function_error), (500, ""));
    let failure: Value = serde_json::from_str(told[0].response_payload.as_deref().expect("a failure")).expect("JSON");
    assert_eq!(failure["errorType"], "ValueError");
    assert!(failure["errorMessage"].as_str().expect("text").contains("no"), "{failure}");
}

#[tokio::test]
async fn a_large_result_is_null_in_the_notification_of_a_success() {
    let server = server().await;
    put_policy(&server, "f", json!({ "on_success": target("OBS", &json!({ "bucket": "told" })) })).await;
    for (length, is_told) in [(256 * 1024, true), (256 * 1024 + 1, false)] {
        let (_, delivery) = delivery(&server, json!({ "length": length })).await;
        let told = parsed(&stored(&server, &delivery));
        assert_eq!((told.response_payload.is_some(), told.response_context.status_code), (is_told, 200));
    }
}

#[tokio::test]
async fn a_function_is_invoked_with_the_notification() {
    let server = server().await;
    create(&server, "g").await;
    let urn = format!("{}:latest", server.urn("g"));
    put_policy(&server, "f", json!({ "on_success": target("FunctionGraph", &json!({ "func_urn": urn })) })).await;
    // Its own policy then applies.
    put_policy(&server, "g", json!({ "on_success": target("OBS", &json!({ "bucket": "told" })) })).await;
    let (request_id, delivery) = delivery(&server, json!({ "return": 1 })).await;
    assert_eq!((delivery.delivered, &*delivery.target), (true, &*urn));
    let second = trace(&server, &delivery.request_id.expect("a request")).await;
    assert_eq!((second.status, &second.function_urn), (Status::Success, &urn));
    let told = parsed(&stored(&server, &second.notification.expect("a notification")));
    let event = parsed(&told.request_payload);
    assert_eq!((event.request_context.request_id, event.response_payload.as_deref()), (request_id, Some("1")));
}

#[tokio::test]
async fn delivery_to_a_missing_function_is_retried() {
    let server = server().await;
    let param = json!({ "func_urn": server.urn("later") });
    put_policy(&server, "f", json!({ "on_success": target("FunctionGraph", &param) })).await;
    let request_id = accepted(&server, json!({})).await;
    let is_tried_again =
        async || trace(&server, &request_id).await.notification.is_some_and(|delivery| delivery.tries >= 2);
    until("a second try to deliver the notification", is_tried_again).await;
    let waiting = trace(&server, &request_id).await;
    assert_eq!(waiting.status, Status::Success, "a pending notification does not change the status");
    assert!(waiting.notification.and_then(|delivery| delivery.last_error).is_some_and(|error| error.contains("later")));
    create(&server, "later").await;
    server.quiet().await;
    assert!(trace(&server, &request_id).await.notification.is_some_and(|delivery| delivery.request_id.is_some()));
}

#[tokio::test]
async fn a_notification_to_another_project_is_given_up() {
    let server = server().await;
    let param = json!({ "func_urn": "urn:fss:nowhere:0123:function:default:g" });
    put_policy(&server, "f", json!({ "on_success": target("FunctionGraph", &param) })).await;
    let (_, delivery) = delivery(&server, json!({})).await;
    assert!(!delivery.delivered && delivery.last_error.is_some_and(|error| error.contains("region")));
}

#[tokio::test]
async fn no_name_leads_out_of_the_data_directory() {
    let server = server().await;
    let param = json!({ "bucket": "told", "prefix": "../../../../outside/" });
    put_policy(&server, "f", json!({ "on_success": target("OBS", &param) })).await;
    let (request_id, delivery) = delivery(&server, json!({})).await;
    let path = server.directory.path().join(delivery.location.expect("a location"));
    let real = path.canonicalize().expect("the object is stored");
    assert!(real.starts_with(server.directory.path().canonicalize().expect("a path").join("obs/told")));
    assert!(real.ends_with(format!("{request_id}.json")));
}

/// The name of a file must be shorter than a part of an object's key can be.
#[tokio::test]
async fn a_long_prefix_is_delivered() {
    let server = server().await;
    let prefix = "x".repeat(900);
    put_policy(&server, "f", json!({ "on_success": target("OBS", &json!({ "bucket": "told", "prefix": prefix })) }))
        .await;
    let (request_id, delivery) = delivery(&server, json!({})).await;
    assert_eq!(parsed(&stored(&server, &delivery)).request_context.request_id, request_id);
}

#[tokio::test]
async fn an_object_is_deleted_after_its_expiry() {
    let (clock, ahead) = clock();
    let server = server_with(|settings| settings.clock = clock).await;
    let param = json!({ "bucket": "told", "expires": 7 });
    put_policy(&server, "f", json!({ "on_success": target("OBS", &param) })).await;
    let (_, delivery) = delivery(&server, json!({})).await;
    let object = server.directory.path().join(delivery.location.expect("a location"));
    let invoke = async |days: i64| {
        ahead.store(days * 24 * 3600 + 60, Ordering::SeqCst);
        // Uses a token, because signatures depend on the real time.
        let request = server.request(reqwest::Method::POST, "/fgs/functions/f/invocations-async");
        let token = server.credentials().token.expose_secret();
        let answer = request.header("x-auth-token", token).body("{}").send().await.expect("an answer");
        assert_eq!(answer.status(), StatusCode::ACCEPTED);
        server.quiet().await;
    };
    invoke(6).await;
    assert!(object.exists());
    invoke(7).await;
    until("the end of the object", async || !object.exists()).await;
}

/// A subscriber that refuses the first messages.
async fn subscriber(refused: usize) -> (String, Arc<Mutex<Vec<String>>>) {
    let messages = Arc::new(Mutex::new(Vec::new()));
    let (kept, tries) = (Arc::clone(&messages), Arc::new(AtomicUsize::new(0)));
    let take = async move |body: String| {
        if tries.fetch_add(1, Ordering::SeqCst) < refused {
            return StatusCode::SERVICE_UNAVAILABLE;
        }
        kept.lock().expect("a lock").push(body);
        StatusCode::OK
    };
    (serve(axum::Router::new().fallback(take)).await, messages)
}

async fn serve(router: axum::Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(axum::serve(listener, router).into_future());
    format!("http://{address}/")
}

#[tokio::test]
async fn messages_are_resent_until_subscribers_accept_them() {
    let (url, messages) = subscriber(2).await;
    let subscription = Subscription::parse(&format!("pager={url}")).expect("a subscription");
    let server = server_with(|settings| settings.options.subscriptions = vec![subscription]).await;
    put_policy(&server, "f", json!({ "on_success": target("SMN", &json!({ "topic_urn": TOPIC })) })).await;
    let (request_id, delivery) = delivery(&server, json!({})).await;
    assert_eq!((delivery.tries, delivery.location.as_deref()), (3, Some("smn/pager.jsonl")));
    let line = stored(&server, &delivery);
    let messages = messages.lock().expect("a lock").clone();
    assert_eq!(line.lines().collect::<Vec<_>>(), messages);
    assert_eq!(parsed(&messages[0]).request_context.request_id, request_id);
}

#[tokio::test]
async fn a_message_is_resent_only_to_subscribers_that_did_not_accept_it() {
    let ((fine_url, fine), (busy_url, busy)) = (subscriber(0).await, subscriber(2).await);
    let subscription = |url: &str| Subscription::parse(&format!("pager={url}")).expect("a subscription");
    let subscriptions = vec![subscription(&fine_url), subscription(&busy_url)];
    let server = server_with(|settings| settings.options.subscriptions = subscriptions).await;
    put_policy(&server, "f", json!({ "on_success": target("SMN", &json!({ "topic_urn": TOPIC })) })).await;
    let (_, delivery) = delivery(&server, json!({})).await;
    assert_eq!((delivery.delivered, delivery.tries), (true, 3));
    let messages = busy.lock().expect("a lock").clone();
    assert_eq!(messages.len(), 1);
    assert_eq!(*fine.lock().expect("a lock"), messages, "accepted at the first try, and not resent");
}

#[tokio::test]
async fn a_restarted_server_remembers_who_accepted_a_message() {
    let ((fine_url, fine), (dead_url, _)) = (subscriber(0).await, subscriber(usize::MAX).await);
    let subscription = |url: &str| Subscription::parse(&format!("pager={url}")).expect("a subscription");
    let (both, one) = (vec![subscription(&fine_url), subscription(&dead_url)], vec![subscription(&fine_url)]);
    let server = server_with(|settings| settings.options.subscriptions = both).await;
    put_policy(&server, "f", json!({ "on_success": target("SMN", &json!({ "topic_urn": TOPIC })) })).await;
    let request_id = accepted(&server, json!({})).await;
    let is_tried = async || trace(&server, &request_id).await.notification.is_some_and(|told| told.tries > 0);
    until("a try to deliver the notification", is_tried).await;
    let server = server.restart_after(|_| {}, |settings| settings.options.subscriptions = one).await;
    server.quiet().await;
    assert!(trace(&server, &request_id).await.notification.is_some_and(|told| told.delivered));
    assert_eq!(fine.lock().expect("a lock").len(), 1);
}

#[tokio::test]
async fn a_target_that_does_not_answer_does_not_block_others() {
    let (url, _) = subscriber(usize::MAX).await;
    let subscription = Subscription::parse(&format!("pager={url}")).expect("a subscription");
    let server = server_with(|settings| settings.options.subscriptions = vec![subscription]).await;
    create(&server, "g").await;
    let sides = json!({
        "on_success": target("OBS", &json!({ "bucket": "told" })),
        "on_failure": target("SMN", &json!({ "topic_urn": TOPIC })),
    });
    put_policy(&server, "f", sides).await;
    let mut stuck = Vec::new();
    for _ in 0..100 {
        stuck.push(accepted(&server, json!({ "fail": "no" })).await);
    }
    let request_id = accepted(&server, json!({})).await;
    let is_delivered =
        async || trace(&server, &request_id).await.notification.is_some_and(|delivery| delivery.delivered);
    until("the delivery of the other notification", is_delivered).await;
    let is_refused = async || trace(&server, &stuck[0]).await.notification.is_some_and(|delivery| delivery.tries > 0);
    until("a refused notification", is_refused).await;
    let last = trace(&server, &stuck[99]).await;
    assert!(last.notification.is_none_or(|delivery| !delivery.delivered));
}

#[tokio::test]
async fn objects_go_to_an_s3_store() {
    let puts = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&puts);
    let put = move |request: axum::extract::Request| {
        let kept = Arc::clone(&kept);
        async move {
            let (parts, body) = request.into_parts();
            let header = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
            let (signed, expires) = (parts.uri.query().map(str::to_owned), header("x-obs-expires"));
            let body = axum::body::to_bytes(body, usize::MAX).await.expect("a body");
            kept.lock().expect("a lock").push((
                parts.uri.path().to_owned(),
                signed,
                expires,
                String::from_utf8(body.to_vec()).expect("text"),
            ));
            (StatusCode::OK, [("etag", "\"0\"")])
        }
    };
    let endpoint = serve(axum::Router::new().fallback(put)).await;
    let server = server_with(|settings| settings.options.object_store = store(&endpoint)).await;
    let param = json!({ "bucket": "told", "prefix": "a/ü x%~", "expires": 5 });
    put_policy(&server, "f", json!({ "on_success": target("OBS", &param) })).await;
    let (request_id, delivery) = delivery(&server, json!({})).await;
    assert_eq!(delivery.location, Some(format!("{endpoint}told/a/ü x%~/{request_id}.json")));
    let puts = puts.lock().expect("a lock").clone();
    let [(path, signed, expires, body)] = &puts[..] else { panic!("{puts:?}") };
    assert_eq!((path, expires.as_deref()), (&format!("/told/a/%C3%BC%20x%25~/{request_id}.json"), Some("5")));
    let signature = ["X-Amz-Credential=AK%2F", "%2Feu-de%2Fs3%2F", "X-Amz-SignedHeaders=host%3Bx-obs-expires"];
    assert!(signed.as_ref().is_some_and(|query| signature.iter().all(|part| query.contains(part))), "{signed:?}");
    assert_eq!(parsed(body).request_context.request_id, request_id);
    assert!(!server.directory.path().join("obs").exists());
}

fn store(endpoint: &str) -> ObjectStore {
    ObjectStore::Remote(RemoteStore {
        endpoint: endpoint.parse().expect("a URL"),
        region: "eu-de".to_owned(),
        access_key: "AK".to_owned(),
        secret_key: "SK".into(),
    })
}

/// Why the store did not take a notification.
async fn refusal(endpoint: &str) -> (String, String) {
    let server = server_with(|settings| settings.options.object_store = store(endpoint)).await;
    put_policy(&server, "f", json!({ "on_success": target("OBS", &json!({ "bucket": "told" })) })).await;
    let request_id = accepted(&server, json!({})).await;
    let is_tried = async || trace(&server, &request_id).await.notification.is_some_and(|delivery| delivery.tries > 1);
    until("a second try to deliver the notification", is_tried).await;
    let delivery = trace(&server, &request_id).await.notification.expect("a notification");
    (format!("{endpoint}told/{request_id}.json cannot be put: "), delivery.last_error.expect("an error"))
}

#[tokio::test]
async fn a_refusal_of_the_s3_store_is_shown() {
    let text = "<Error><Code>SlowDown</Code><Message>Please wait</Message><RequestId>7</RequestId></Error>";
    let endpoint = serve(axum::Router::new().fallback(move || async move { (StatusCode::SERVICE_UNAVAILABLE, text) }));
    let (what, error) = refusal(&endpoint.await).await;
    assert_eq!(error, what + "the store answered 503 Service Unavailable: SlowDown: Please wait");
}

/// The URL of the request contains a signature that is valid for an hour.
#[tokio::test]
async fn an_unreachable_s3_store_is_reported_without_the_signature() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").and_then(|port| port.local_addr()).expect("a port");
    let (what, error) = refusal(&format!("http://{closed}/")).await;
    assert!(error.starts_with(&what) && !error.contains("X-Amz"), "{error}");
}
