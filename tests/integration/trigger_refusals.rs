//! Triggers that a plan or the service refuses, and what stays then.

use axum::http::Method;
use serde_json::{Value, json};

use crate::recorder::Effect;
use crate::triggers::{HEAD, NIGHTLY, applied, apply, create, listed, tag, with};
use crate::world::World;

/// A function of another stack listens to a bucket and notifies `intake`, which then writes to that bucket. An older region
/// has no list of a project's triggers.
#[tokio::test]
async fn a_cycle_through_a_trigger_of_another_stack_is_refused() {
    for has_list in [true, false] {
        let world = applied("").await;
        let urn = world.server.urn("intake");
        world.manifest(&format!(
            "{}    async: {{ on_success: {{ urn: '{urn}' }} }}\n    triggers:\n      results: {{ obs: {{ bucket: results, \
             events: ['s3:ObjectCreated:*'] }} }}\n",
            HEAD.replace("orders", "theirs").replace("intake", "archive")
        ));
        world.apply().await;
        if !has_list {
            let answer = json!({ "error_code": "APIG.0101", "error_msg": "no such API" }).to_string();
            world.disturb(Method::GET, "/fgs/triggers$", Effect::Answer(404, answer));
        }
        world.requests();
        let written = |prefix: &str, bucket: &str| {
            format!("{HEAD}    async: {{ on_success: {{ obs: {{ bucket: {bucket}, prefix: {prefix} }} }} }}\n")
        };
        world.manifest(&written("in/", "results"));
        let refused = world.run(&["plan"]).await;
        let walk = "intake → obs://results/in/ → default/archive → intake";
        assert_eq!((refused.code, refused.stderr.contains(walk)), (Some(1), true), "{refused:?}");
        world.manifest(&written("in/", "elsewhere"));
        assert_eq!(world.run(&["plan"]).await.code, Some(0));
    }
}

/// Only what an apply created belongs to the stack.
#[tokio::test]
async fn a_trigger_that_was_not_created_is_not_recorded() {
    let world = World::new().await;
    world.manifest(&with(NIGHTLY));
    let ran = apply(&world, &["--exclude", "trigger:default/intake/nightly"]).await;
    assert_eq!((ran.code, tag(&world).await), (Some(0), None), "{ran:?}");
    create(&world, "nightly", "3d").await;
    let refused = world.run(&["plan"]).await;
    assert_eq!((refused.code, refused.stderr.contains("error[not-owned]")), (Some(1), true), "{refused:?}");
    world.manifest(HEAD);
    assert_eq!(world.planned(&[]).await, Vec::<String>::new());
}

/// The server does not know the time zone, which only the service can decide.
#[tokio::test]
async fn a_refused_trigger_is_not_recorded_and_the_one_that_it_replaces_stays() {
    const REFUSED: &str = "      nightly: { timer: { cron: CRON_TZ=Nowhere/Foo 0 15 2 * * ? } }\n";
    let world = applied("").await;
    world.manifest(&with(REFUSED));
    let ran = apply(&world, &[]).await;
    assert_eq!((ran.code, tag(&world).await), (Some(1), None), "{ran:?}");
    world.manifest(&with(NIGHTLY));
    world.apply().await;
    world.manifest(&with(REFUSED));
    let ran = apply(&world, &[]).await;
    assert_eq!(ran.code, Some(1), "{ran:?}");
    let schedules: Vec<Value> = listed(&world).await.iter().map(|one| one["event_data"]["schedule"].clone()).collect();
    assert_eq!(schedules, ["0 15 2 * * ?"]);
    let plan = world.run(&["plan"]).await;
    assert!(plan.stdout.contains("the manifest changed"), "{plan:?}");
    world.manifest(&with(NIGHTLY));
    assert_eq!(world.planned(&[]).await, Vec::<String>::new());
}

#[tokio::test]
async fn what_the_service_certainly_refuses_is_an_error_offline() {
    let world = World::new().await;
    for (trigger, message) in [
        ("timer: { cron: 99 0 2 * * ? }", "`cron` has `99` for"),
        ("timer: { cron: CRON_TZ=Nowhere/Foo 99 0 2 * * ? }", "`cron` has `99` for"),
        ("timer: { cron: 0 0 2 30 2 ? }", "`cron` never occurs"),
        (
            "obs: { bucket: incoming, events: ['s3:ObjectCreated:*', 's3:ObjectCreated:Put'] }",
            "`events` contains both `s3:ObjectCreated:*` and `s3:ObjectCreated:Put`",
        ),
    ] {
        world.manifest(&with(&format!("      t: {{ {trigger} }}\n")));
        let ran = world.run(&["validate"]).await;
        assert_eq!((ran.code, ran.stderr.contains(message)), (Some(1), true), "{ran:?}");
    }
}
