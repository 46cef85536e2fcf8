//! Instances that are kept ready: they have calls of their own.

use axum::http::Method;
use serde_json::{Value, json};

use crate::recorder::Recorded;
use crate::world::World;

const HEAD: &str = "version: 1\nstack: orders\ndefaults: { runtime: Python3.9, handler: index.handler }\nfunctions:\n";
const CODE: &str = "code: { inline: 'def handler(event, context): return 1' }";

fn one(scaling: &str) -> String {
    format!("{HEAD}  intake:\n    {CODE}\n    scaling: {scaling}\n")
}

async fn reservation(world: &World) -> Value {
    let urn = world.server.urn("intake");
    let path = format!("/fgs/functions/reservedinstanceconfigs?function_urn={urn}");
    world.server.get(&path).await.body["reserved_instances"][0].clone()
}

async fn applied(world: &World, scaling: &str) -> Value {
    world.manifest(&one(scaling));
    world.apply().await;
    assert_eq!(world.planned(&[]).await, Vec::<String>::new(), "{scaling}");
    reservation(world).await
}

fn lists(requests: &[Recorded]) -> usize {
    requests.iter().filter(|one| one.path.ends_with("/reservedinstanceconfigs")).count()
}

#[tokio::test]
async fn reserved_instances_are_set_changed_and_removed() {
    let world = World::new().await;
    let found = applied(&world, "{ reserved: { count: 2 } }").await;
    assert_eq!(
        (&found["min_count"], &found["idle_mode"], &found["qualifier_name"]),
        (&json!(2), &json!(false), &json!("latest"))
    );
    let schedules = "[{ name: mornings, cron: 0 0 8 * * ?, count: 5, start_time: '2026-01-01T00:00:00Z', expired_time: '2027-01-01T00:00:00Z' }]";
    let found =
        applied(&world, &format!("{{ reserved: {{ count: 2, idle_mode: true, schedules: {schedules} }} }}")).await;
    assert_eq!(found["idle_mode"], true);
    let schedule = json!({ "name": "mornings", "cron": "0 0 8 * * ?", "count": 5, "start_time": 1_767_225_600, "expired_time": 1_798_761_600 });
    assert_eq!(found["tactics_config"], json!({ "cron_configs": [schedule] }));
    let found = applied(&world, &format!("{{ reserved: {{ count: 0, schedules: {schedules} }} }}")).await;
    assert_eq!(found["min_count"], 0);
    let found = applied(&world, "{ max_instances: 5 }").await;
    assert_eq!(found, Value::Null, "it was applied before, so it returns to its default");
}

#[tokio::test]
async fn a_reservation_that_someone_else_changes_is_drift() {
    let world = World::new().await;
    applied(&world, "{ reserved: { count: 2 } }").await;
    let path = format!("/fgs/functions/{}:latest/reservedinstances", world.server.urn("intake"));
    assert!(world.server.put(&path, json!({ "count": 7 })).await.status.is_success());
    let drift = world.run(&["drift"]).await;
    assert_eq!(drift.code, Some(2), "{drift:?}");
    assert!(drift.stdout.contains("scaling.reserved"), "{drift:?}");
    // It changes again between the plan and the write.
    world.disturb(Method::GET, "/config$", world.edit(Method::PUT, &path, json!({ "count": 8 })));
    let ran = world.run(&["apply", "--auto-approve"]).await;
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.stdout.contains("/scaling/reserved of function default/intake changed"), "{ran:?}");
    world.apply().await;
    assert_eq!(reservation(&world).await["min_count"], 2);
}

/// One list is enough for all functions, and it is read only if a manifest declares a reservation.
#[tokio::test]
async fn reservations_are_read_with_one_list() {
    let world = World::new().await;
    let functions = |scaling: &str| {
        let function = |name: &str| format!("  {name}:\n    {CODE}\n    {scaling}\n");
        format!("{HEAD}{}", ["a", "b", "c"].map(function).concat())
    };
    world.manifest(&functions(""));
    world.apply().await;
    world.requests();
    world.plan(&[]).await;
    assert_eq!(lists(&world.requests()), 0);
    world.manifest(&functions("scaling: { reserved: { count: 1 } }"));
    world.apply().await;
    world.requests();
    assert_eq!(world.planned(&[]).await, Vec::<String>::new());
    let requests = world.requests();
    assert_eq!(lists(&requests), 1);
    assert_eq!(requests.iter().filter(|one| one.path.ends_with("/config")).count(), 0);
}

#[tokio::test]
async fn a_reservation_is_exported() {
    let world = World::new().await;
    applied(&world, "{ reserved: { count: 3, idle_mode: true } }").await;
    let exported = world.run(&["export", "--stack", "orders", "--to", "out"]).await;
    assert_eq!(exported.code, Some(0), "{exported:?}");
    let text = std::fs::read_to_string(world.folder.path().join("out/fgctl.yaml")).expect("a manifest");
    assert!(text.contains("reserved:"), "{text}");
    assert_eq!(world.planned(&["-f", "out"]).await, Vec::<String>::new(), "{text}");
}
