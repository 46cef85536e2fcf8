//! How the client handles a service that throttles, fails, disconnects, is slow or does not answer in JSON.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use fgctl::client::{Client, Error, Event, Limit};
use fgctl::wire::function::CreateFunction;
use fgctl::wire::signature::{self, Authorization};

use crate::patience::within;
use crate::scripted::{Answer, Request, Scripted};

const EMPTY: &str = r#"{"functions":[],"next_marker":0,"count":0}"#;
const THROTTLED: &str = "The throttling threshold has been reached: policy user over ratelimit,limit:60,time:1 minute";

fn unavailable() -> Answer {
    Answer::refusal(503, "FSS.0503", "not now")
}

async fn list(client: &Client) -> Result<usize, Error> {
    within("an answer", client.list_functions(0)).await.map(|page| page.functions.len())
}

/// Checks the signature of what arrived, as the service does.
fn is_signed(request: &Request) -> bool {
    let headers: Vec<(&str, &str)> =
        request.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let (path, query) = request.target.split_once('?').unwrap_or((&request.target, ""));
    let seen = signature::SignableRequest {
        method: &request.method,
        path,
        query,
        headers: &headers,
        body: request.body.as_bytes(),
    };
    let authorization = Authorization::parse(&request.headers["authorization"]).expect("a signature");
    authorization.signed_headers.contains(&"x-security-token".to_owned())
        && signature::verify(&seen, &authorization, "the-secret-key").is_ok()
}

#[tokio::test]
async fn a_read_is_tried_again_until_it_is_answered() {
    let server = Scripted::in_turn(vec![
        unavailable,
        || Answer::Reset,
        || Answer::Broken(r#"{"functions":["#),
        || Answer::Reply(502, None, "<html>bad gateway</html>".to_owned()),
        || Answer::ok(EMPTY),
    ])
    .await;
    assert_eq!(list(&server.client(|_| {})).await.expect("an answer"), 0);
    let requests = server.requests();
    assert_eq!(requests.len(), 5);
    assert!(requests.iter().all(is_signed), "each try has its own signature");
}

#[tokio::test]
async fn tries_are_limited_and_counted_in_the_error() {
    let server = Scripted::in_turn(vec![unavailable]).await;
    let error = list(&server.client(|options| options.max_retries = 2)).await.expect_err("no answer");
    assert_eq!(server.requests().len(), 3);
    assert_eq!(
        error.to_string(),
        "GET /v2/p/fgs/functions (tried 3 times): the service answered 503 FSS.0503: not now (request id id-2)"
    );
}

#[tokio::test]
async fn a_create_with_an_unknown_outcome_is_not_repeated() {
    for answer in [unavailable, || Answer::Reset, || Answer::Broken("{"), || Answer::ok("<html>")] {
        let server = Scripted::in_turn(vec![answer]).await;
        let (client, body) = (server.client(|_| {}), CreateFunction::default());
        let created = client.create_function(&body, async || Err(()));
        let error = within("an answer", created).await.expect_err("no answer");
        assert!(error.is_unclear(), "{error}");
        assert_eq!(server.requests().len(), 1, "{error}");
    }
}

#[tokio::test]
async fn a_throttled_create_is_sent_again() {
    let server = Scripted::in_turn(vec![
        || Answer::Reply(429, Some(("retry-after", "0")), String::new()),
        || Answer::Reply(429, Some(("retry-after", "0")), String::new()),
        || Answer::refusal(409, "FSS.1061", "exists"),
    ])
    .await;
    // Without the header, the client would wait.
    let client = server.client(|options| options.random = || 1.0);
    let nothing = async || Ok::<_, ()>(None);
    let body = CreateFunction::default();
    let error = within("an answer", client.create_function(&body, nothing)).await.expect_err("it exists");
    assert!(error.is_conflict());
    assert_eq!(server.requests().len(), 3);
}

#[tokio::test]
async fn the_services_limit_is_learned_and_reported_once() {
    let server = Scripted::in_turn(vec![
        || Answer::refusal(429, "APIGW.0308", THROTTLED),
        || Answer::refusal(429, "APIGW.0308", THROTTLED),
        || Answer::ok(EMPTY),
    ])
    .await;
    let events = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&events);
    let client = server
        .client(|options| options.tell = Arc::new(move |event| told.lock().expect("no panic").push(event.clone())));
    client.announce_requests(40);
    list(&client).await.expect("an answer");
    let limit = Limit { requests: 60, window: Duration::from_mins(1) };
    assert_eq!(*events.lock().expect("no panic"), [Event::Paced { limit, expected: 40 }]);
    client.announce_requests(200);
    assert_eq!(events.lock().expect("no panic").last(), Some(&Event::Paced { limit, expected: 200 }));
}

#[tokio::test]
async fn permanent_errors_are_not_retried() {
    for (status, code, message) in [
        (429, "FSS.0429", "Function Disabled"),
        (400, "FSS.0400", "bad"),
        (401, "APIGW.0301", "Incorrect IAM authentication information: decrypt token fail"),
        (403, "FSS.0403", "forbidden"),
        (401, "FSS.0401", "not permit"),
    ] {
        let server = Scripted::start(move |_, _| Answer::refusal(status, code, message)).await;
        let error = list(&server.client(|_| {})).await.expect_err("a refusal");
        assert_eq!((error.code(), error.is_not_found()), (code, false));
        assert_eq!(error.request_id(), Some("id-0"));
        assert_eq!(server.requests().len(), 1, "{code}");
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = Scripted::unasked().await;
    let url: &'static str = elsewhere.url.clone().leak();
    let server = Scripted::start(move |_, _| Answer::Reply(302, Some(("location", url)), String::new())).await;
    let error = list(&server.client(|_| {})).await.expect_err("a redirection").to_string();
    assert!(error.contains(&format!("the answer 302 cannot be read: it redirects to {url}")), "{error}");
    assert_eq!(elsewhere.requests().len(), 0);
}

#[tokio::test]
async fn an_answer_that_is_not_json_is_quoted() {
    for (answer, expected) in [
        ((|| Answer::ok("<html>log in</html>")) as fn() -> Answer, "it begins: <html>log in</html> (request id id-0)"),
        (|| Answer::ok(r#"{"functions":[{"func_urn""#), "EOF while parsing"),
        (|| Answer::ok(""), "it begins: (empty body)"),
    ] {
        let server = Scripted::in_turn(vec![answer]).await;
        let error = list(&server.client(|_| {})).await.expect_err("nonsense").to_string();
        assert!(error.contains(expected), "{error}");
        assert_eq!(server.requests().len(), 1);
    }
}

#[tokio::test]
async fn a_body_that_does_not_end_is_not_waited_for() {
    let server = Scripted::in_turn(vec![|| Answer::Stuck(r#"{"functions":["#), || Answer::ok(EMPTY)]).await;
    let client = server.client(|options| options.timeout = Duration::from_millis(300));
    assert_eq!(list(&client).await.expect("the second try is answered"), 0);
    let server = Scripted::in_turn(vec![|| Answer::Stuck("")]).await;
    let client = server.client(|options| {
        options.timeout = Duration::from_millis(100);
        options.max_retries = 0;
    });
    let error = list(&client).await.expect_err("no answer").to_string();
    assert!(error.ends_with("timed out"), "{error}");
}

#[tokio::test]
async fn stopping_returns_the_error_of_the_last_try() {
    for status in [429, 503] {
        let server =
            Scripted::start(move |_, _| Answer::Reply(status, Some(("retry-after", "280")), String::new())).await;
        let client = server.client(|_| {});
        let waiting = tokio::spawn({
            let client = client.clone();
            async move { list(&client).await }
        });
        server.asked().await;
        client.stop_waiting();
        let ended = tokio::time::timeout(Duration::from_mins(1), waiting).await.expect("the wait is cut short");
        let error = ended.expect("no panic").expect_err("no answer").to_string();
        assert!(error.contains(&format!("the service answered {status}")), "{error}");
    }
}

/// The gateway returns the headers that it received if a signature is wrong.
#[tokio::test]
async fn a_refusal_that_repeats_the_request_shows_no_secret() {
    let server = Scripted::start(|request, _| {
        Answer::refusal(401, "APIGW.0301", &format!("canonicalRequest:GET|{:?}", request.headers).replace('"', "'"))
    })
    .await;
    let error = list(&server.client(|_| {})).await.expect_err("a refusal").to_string();
    assert!(error.contains("x-security-token': '(sensitive)'"), "{error}");
    assert!(!error.contains("the-security-token"), "{error}");
}
