//! A service whose lists show a write only after a while.

use axum::http::Method;
use serde_json::json;

use crate::reconcile::{PAIR, applied_pair, nothing};
use crate::recorder::Effect;

/// The plan reads the first of the stale answers, when it is still true. The others come after the writes.
#[tokio::test]
async fn an_apply_waits_until_its_writes_are_visible() {
    let world = applied_pair().await;
    let functions = world.server.get("/fgs/functions?maxitems=400&marker=0").await.body;
    let filter = world.server.post("/functions/resource-instances/filter?limit=100&offset=0", json!({})).await;
    assert_eq!(filter.status, 200, "{filter:?}");
    for _ in 0..3 {
        world.disturb(Method::GET, "/fgs/functions$", Effect::Answer(200, functions.to_string()));
        world.disturb(Method::POST, "/resource-instances/filter", Effect::Answer(200, filter.body.to_string()));
    }
    world.manifest(&PAIR.replace("info", "debug").replace("max_retries: 2", "max_retries: 3"));
    world.apply().await;
    let looks = world.requests().iter().filter(|request| request.path.ends_with("/fgs/functions")).count();
    assert_eq!(looks, 4, "one for the plan, two stale ones, and a current one");
    assert_eq!(world.planned(&[]).await, nothing());
}

/// A write that never becomes visible is an error in the end.
#[tokio::test]
async fn an_apply_does_not_wait_forever() {
    let world = applied_pair().await;
    let functions = world.server.get("/fgs/functions?maxitems=400&marker=0").await.body;
    for _ in 0..6 {
        world.disturb(Method::GET, "/fgs/functions$", Effect::Answer(200, functions.to_string()));
    }
    world.manifest(&PAIR.replace("info", "debug"));
    let ran = world.run(&["apply", "--auto-approve"]).await;
    assert_eq!(ran.code, Some(1), "{ran:?}");
    insta::assert_snapshot!(ran.transcript());
}
