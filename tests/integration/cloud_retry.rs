//! Commands against a service that throttles and loses answers: their results, and the requests that they send.

use axum::http::Method;
use serde_json::Value;

use crate::process::{Process, text};
use crate::recorder::{Effect, Recorded};
use crate::world::World;

const ONE: &str = "\
version: 1
stack: one
functions:
  only: # fgctl: ignore[retries-without-failure-target] only a test
    runtime: Python3.9
    handler: index.handler
    code: { inline: 'def handler(event, context): return 1' }
    environment: { LEVEL: info }
    secrets: { PASSWORD: { env: PASSWORD } }
    async: { max_retries: 2 }
";
const PASSWORD: &[(&str, &str)] = &[("PASSWORD", "hunter2")];

async fn one() -> World {
    let world = World::new().await;
    world.manifest(ONE);
    world
}

async fn apply(world: &World) {
    let ran = world.run_with(PASSWORD, &["apply", "--auto-approve"]).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
}

async fn is_settled(world: &World) -> bool {
    world.run_with(PASSWORD, &["plan", "--detailed-exitcode"]).await.code == Some(0)
}

/// The number of requests with this method to paths with this end.
fn count(requests: &[Recorded], method: &Method, path: &str) -> usize {
    requests.iter().filter(|request| request.method == *method && request.path.ends_with(path)).count()
}

#[tokio::test]
async fn a_create_whose_reply_was_lost_is_read_back_and_not_repeated() {
    let world = one().await;
    world.disturb(Method::POST, "/fgs/functions", Effect::LoseReply);
    apply(&world).await;
    let requests = world.requests();
    assert_eq!(count(&requests, &Method::POST, "/fgs/functions"), 1);
    assert!(count(&requests, &Method::GET, ":only/config") >= 1);
    assert!(is_settled(&world).await);
}

#[tokio::test]
async fn a_create_that_did_not_arrive_is_repeated() {
    let world = one().await;
    world.disturb(Method::POST, "/fgs/functions", Effect::Answer(504, String::new()));
    apply(&world).await;
    assert_eq!(count(&world.requests(), &Method::POST, "/fgs/functions"), 2);
    assert!(is_settled(&world).await);
}

/// The second request arrives, but its reply is lost. Its result must be found too.
#[tokio::test]
async fn each_create_that_may_have_arrived_is_looked_for() {
    let world = one().await;
    world.disturb(Method::POST, "/fgs/functions", Effect::Answer(504, String::new()));
    world.disturb(Method::POST, "/fgs/functions", Effect::LoseReply);
    let ran = world.run_with(PASSWORD, &["apply", "--auto-approve"]).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.stderr.contains("answered 504: (empty body)") && ran.stderr.contains("Trying again in"), "{ran:?}");
    assert_eq!(count(&world.requests(), &Method::POST, "/fgs/functions"), 2);
    assert!(is_settled(&world).await);
}

/// If tags are forbidden, the program does not read them.
#[tokio::test]
async fn a_lost_create_is_found_without_tags_too() {
    let world = one().await;
    world.disturb(Method::POST, "/fgs/functions", Effect::LoseReply);
    let ran = world.run_with(PASSWORD, &["apply", "--auto-approve", "--no-ownership"]).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(world.requests().iter().all(|request| !request.path.contains("/tags")));
}

#[tokio::test]
async fn a_create_is_not_repeated_if_the_lookup_fails() {
    let world = one().await;
    world.disturb(Method::POST, "/fgs/functions", Effect::Answer(504, String::new()));
    let ran = world.run_with(PASSWORD, &["apply", "--auto-approve", "--max-retries", "0"]).await;
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert_eq!(count(&world.requests(), &Method::POST, "/fgs/functions"), 1);
}

/// Someone creates a function with the same name while our request fails.
#[tokio::test]
async fn a_function_that_someone_else_created_is_not_claimed() {
    let world = one().await;
    let theirs = crate::server_harness::function("only");
    world.disturb(Method::POST, "/fgs/functions", Effect::Answer(504, String::new()));
    world.disturb(Method::GET, ":only/config", world.edit(Method::POST, "/fgs/functions", theirs));
    let ran = world.run_with(PASSWORD, &["apply", "--auto-approve"]).await;
    insta::assert_snapshot!("a_function_that_someone_else_created_is_not_claimed", ran.transcript());
    let tags = world.server.get(&format!("/functions/{}/tags", world.server.urn("only"))).await.body;
    assert_eq!(tags["tags"], serde_json::json!([]));
}

#[tokio::test]
async fn idempotent_writes_are_repeated_after_a_lost_reply() {
    let world = one().await;
    for (method, path) in [
        (Method::PUT, "async-invoke-config"),
        (Method::POST, "tags/create"),
        (Method::PUT, "only/config"),
        (Method::PUT, "only/code"),
        (Method::GET, "/fgs/functions"),
        (Method::POST, "resource-instances/filter"),
    ] {
        world.disturb(method, path, Effect::LoseReply);
    }
    apply(&world).await;
    world.manifest(&ONE.replace("info", "debug").replace("return 1", "return 2").replace("retries: 2", "retries: 3"));
    apply(&world).await;
    assert!(is_settled(&world).await);
}

#[tokio::test]
async fn a_delete_that_finds_nothing_on_its_second_try_succeeds() {
    let world = one().await;
    apply(&world).await;
    world.requests();
    world.manifest(&ONE.replace("    async: { max_retries: 2 }\n", ""));
    world.disturb(Method::DELETE, "async-invoke-config", Effect::LoseReply);
    apply(&world).await;
    world.disturb(Method::DELETE, ":only", Effect::LoseReply);
    let ran = world.run(&["destroy", "--auto-approve"]).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let requests = world.requests();
    assert_eq!(count(&requests, &Method::DELETE, "async-invoke-config"), 2);
    assert_eq!(count(&requests, &Method::DELETE, ":only"), 2);
}

#[tokio::test]
async fn throttling_is_waited_out_and_the_pace_is_reported() {
    let world = one().await;
    apply(&world).await;
    let words = "The throttling threshold has been reached: policy user over ratelimit,limit:100,time:1 minute";
    world.disturb(Method::GET, "/fgs/functions", Effect::Throttle(words, 0));
    let ran = world.run_with(PASSWORD, &["plan", "--detailed-exitcode"]).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(ran.stderr, "The service accepts 100 requests a minute: continuing at that pace.\n");
}

#[tokio::test]
async fn a_retry_is_reported_with_its_cause() {
    let world = one().await;
    world.disturb(Method::GET, "/fgs/functions", Effect::Answer(503, "<html>busy</html>".to_owned()));
    let ran = world.run_with(PASSWORD, &["plan"]).await;
    insta::assert_snapshot!("a_retry_is_reported_with_its_cause", ran.transcript());
}

/// A refused read does not prove that the function is gone, whatever its message.
#[tokio::test]
async fn only_a_not_found_answer_proves_absence() {
    for (status, code) in [(401, "FSS.0401"), (500, "FSS.0500"), (404, "APIGW.0101")] {
        let world = one().await;
        apply(&world).await;
        world.requests();
        let body = format!(r#"{{"error_code":"{code}","error_msg":"function not found"}}"#);
        // The first read belongs to the plan.
        world.disturb(Method::GET, ":only/versions", world.edit(Method::GET, "/fgs/functions", Value::Null));
        world.disturb(Method::GET, ":only/versions", Effect::Answer(status, body));
        let ran = world.run(&["destroy", "--auto-approve", "--max-retries", "0"]).await;
        assert_eq!(ran.code, Some(1), "{ran:?}");
        assert!(ran.stdout.contains(code), "{}", ran.stdout);
        assert_eq!(count(&world.requests(), &Method::DELETE, ":only"), 0, "{code}");
        let list = world.server.get("/fgs/functions").await.body;
        assert_eq!(list["count"], 1, "{code}: the function still exists");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn an_interruption_ends_the_wait_of_a_request() {
    let world = one().await;
    world.disturb(Method::POST, "/fgs/functions", Effect::Throttle("busy", 290));
    world.disturb(Method::POST, "/fgs/functions", Effect::Throttle("busy", 290));
    let running = Process::start(world.command(&["apply", "--auto-approve"]).env("PASSWORD", "hunter2"));
    // Only the program waits; the proxy keeps answering.
    let (said, running) = tokio::task::spawn_blocking(move || (running.error_line(), running)).await.expect("a line");
    assert_eq!(said, "The service accepts no more requests for now: trying again in 4 minutes 50 seconds.\n");
    running.signal("-INT");
    let output = running.ended().await;
    let rest = text(&output.stderr);
    assert_eq!(output.status.code(), Some(130));
    assert!(rest.starts_with("Interrupted"), "{rest}");
    let report = String::from_utf8(output.stdout).expect("text");
    assert!(report.contains("answered 429 APIGW.0308: busy"), "{report}");
    assert!(report.contains("The apply was interrupted."), "{report}");
    apply(&world).await;
    assert!(is_settled(&world).await);
}
