//! A policy is read again after it was written, because the answer to the write proves nothing. Its targets must exist.

use axum::http::Method;
use serde_json::{Value, json};

use crate::reconcile::{PAIR, applied_pair, nothing, pair};
use crate::recorder::{Effect, Recorded};
use crate::world::World;

const APPLY: &[&str] = &["apply", "--auto-approve"];

async fn policy(world: &World) -> Value {
    world.server.get(&format!("/fgs/functions/{}/async-invoke-config", world.server.urn("first"))).await.body
}

#[tokio::test]
async fn an_echoed_policy_does_not_prove_the_write() {
    let world = applied_pair().await;
    let mut echo = policy(&world).await;
    echo["max_async_retry_attempts"] = json!(3);
    world.manifest(&PAIR.replace("max_retries: 2", "max_retries: 3"));
    world.disturb(Method::PUT, "first/async-invoke-config", Effect::Answer(200, echo.to_string()));
    let ran = world.run(APPLY).await;
    assert_eq!(ran.code, Some(1), "{ran:?}");
    insta::assert_snapshot!(ran.transcript());
    assert_eq!(policy(&world).await["max_async_retry_attempts"], 2);
    world.apply().await;
    assert_eq!(world.planned(&[]).await, nothing());
}

#[tokio::test]
async fn a_first_policy_that_is_echoed_but_not_created_is_an_error() {
    let world = pair().await;
    let echo = json!({ "func_urn": "urn", "max_async_event_age_in_seconds": 3600, "max_async_retry_attempts": 2 });
    world.disturb(Method::PUT, "first/async-invoke-config", Effect::Answer(200, echo.to_string()));
    let ran = world.run(APPLY).await;
    assert_eq!(ran.code, Some(1), "{ran:?}");
    insta::assert_snapshot!(ran.transcript());
}

#[tokio::test]
async fn an_apply_waits_until_a_policy_is_visible() {
    let world = applied_pair().await;
    let stale = policy(&world).await.to_string();
    world.manifest(&PAIR.replace("max_retries: 2", "max_retries: 3"));
    // Once before the write, when it is true, and twice after it.
    for _ in 0..3 {
        world.disturb(Method::GET, "first/async-invoke-config$", Effect::Answer(200, stale.clone()));
    }
    world.apply().await;
    let reads = |one: &&Recorded| one.method == Method::GET && one.path.ends_with("first/async-invoke-config");
    assert_eq!(world.requests().iter().filter(reads).count(), 4);
}

#[tokio::test]
async fn answers_to_writes_may_have_no_body() {
    let world = pair().await;
    world.disturb(Method::PUT, "first/async-invoke-config", Effect::Silence);
    world.apply().await;
    assert_eq!(policy(&world).await["max_async_retry_attempts"], 2);
    world.manifest(
        &PAIR.replace("max_retries: 2", "max_retries: 1").replace("info", "debug").replace("return 1", "return 9"),
    );
    for path in ["first/async-invoke-config", "first/config", "first/code"] {
        world.disturb(Method::PUT, path, Effect::Silence);
    }
    world.apply().await;
    assert_eq!(world.planned(&[]).await, nothing());
}

#[tokio::test]
async fn unknown_fields_of_a_policy_are_sent_back() {
    let world = applied_pair().await;
    let mut shown = policy(&world).await;
    shown["new_field"] = json!({ "of": "the service" });
    world.manifest(&PAIR.replace("max_retries: 2", "max_retries: 3"));
    let list = json!({ "async_invoke_configs": [shown.clone()], "count": 1, "page_info": {} });
    world.disturb(Method::GET, "first/async-invoke-configs$", Effect::Answer(200, list.to_string()));
    world.disturb(Method::GET, "first/async-invoke-config$", Effect::Answer(200, shown.to_string()));
    let ran = world.run(APPLY).await;
    let writes = world.writes();
    let put = writes.iter().find(|one| one.method == Method::PUT).expect("a write");
    let put: Value = serde_json::from_str(&put.body).expect("JSON");
    assert_eq!(put["new_field"], json!({ "of": "the service" }));
    assert_eq!((put.get("func_urn"), put.get("created_time")), (None, None));
    // This server drops the field, and the program notices.
    assert_eq!(ran.code, Some(1), "{ran:?}");
    insta::assert_snapshot!(ran.transcript());
}

#[tokio::test]
async fn a_target_that_does_not_exist_is_an_error() {
    let world = applied_pair().await;
    let target = |urn: &str| PAIR.replace("function: second", &format!("urn: '{urn}'"));
    world.manifest(&target(&world.server.urn("nowhere")));
    let plan = world.plan(&[]).await;
    let finding = &plan["diagnostics"][0];
    assert_eq!((&plan["outcome"], &finding["code"]), (&json!("refused"), &json!("target-missing")));
    assert_eq!(finding["message"], "there is no function default/nowhere to notify in this project");
    assert_eq!(finding["line"], 9);
    assert_eq!(world.run(APPLY).await.code, Some(1));
    assert_eq!(world.writes(), []);
    // Other regions and projects cannot be checked.
    let elsewhere = world.server.urn("nowhere").replace(&world.server.credentials().region, "elsewhere");
    let foreign = world.server.urn("nowhere").replace(&world.server.credentials().project_id, &"0".repeat(32));
    for urn in [elsewhere, foreign] {
        world.manifest(&target(&urn));
        assert_eq!(world.run(&["plan"]).await.code, Some(0), "{urn}");
    }
    world.manifest(&target(&world.server.urn("second")));
    assert_eq!(world.planned(&[]).await, nothing(), "it is the same function");
}
