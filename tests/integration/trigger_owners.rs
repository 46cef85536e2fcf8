//! Take-overs and deletions of triggers: what a plan shows, and what guards refuse.

use crate::server_harness::function;
use crate::trigger_records::{apply, changes, codes, message, plan};
use crate::triggers::{HEAD, applied, listed, with};
use crate::world::World;

#[tokio::test]
async fn a_take_over_shows_what_it_takes_and_what_it_leaves() {
    const BOTH: &str = "      nightly: { timer: { rate: 1d } }\n      often: { timer: { rate: 5m } }\n";
    let world = World::new().await;
    assert_eq!(world.server.post("/fgs/functions", function("intake")).await.status, 200);
    let of = |stack: &str, triggers: &str| {
        format!("version: 1\nstack: {stack}\nfunctions:\n  intake:\n    existing: true\n    triggers:\n{triggers}")
    };
    world.manifest(&of("one", BOTH));
    world.apply().await;
    world.manifest(&of("two", "      hourly: { timer: { rate: 1h } }\n      nightly: { timer: { rate: 1d } }\n"));
    let planned = plan(&world, &[], &["--take-over"]).await;
    let taken = ["create trigger:default/intake/hourly", "adopt trigger:default/intake/nightly"];
    assert_eq!((changes(&planned), codes(&planned)), (taken.map(str::to_owned).to_vec(), vec!["triggers-left"]));
    assert!(
        planned["changes"]
            .as_array()
            .expect("changes")
            .iter()
            .all(|it| it["reason"].as_str().is_some_and(|reason| reason.contains("--take-over")))
    );
    let message = message(&planned, "triggers-left");
    assert!(message.ends_with("belong to no stack: often"), "{message}");
    assert_eq!(apply(&world, &[], &["--take-over"]).await.code, Some(0));
    assert_eq!((listed(&world).await.len(), world.planned(&[]).await), (3, Vec::new()));
}

#[tokio::test]
async fn guards_limit_the_deletion_of_triggers() {
    let timers = |count: usize| {
        (0..count).map(|n| format!("      t{n}: {{ timer: {{ rate: 5m }} }}\n")).collect::<Vec<_>>().concat()
    };
    let world = applied(&timers(8)).await;
    world.manifest(&with(&timers(2)));
    let refused = world.run(&["plan"]).await;
    assert_eq!(refused.code, Some(1), "{refused:?}");
    let message = "error[too-many-deletions]: the plan deletes 6 of the 8 triggers that stack \"orders\" owns";
    assert!(refused.stderr.contains(message), "{refused:?}");
    assert_eq!(world.planned(&["--allow-deletes", "6"]).await.len(), 6);
    world.manifest(&format!("{}    protect: true\n", with(&timers(8))));
    world.apply().await;
    world.manifest(&format!("{HEAD}    protect: true\n    triggers:\n{}", timers(7)));
    let refused = world.run(&["plan"]).await;
    let message =
        "error[protected]: function default/intake is protected, but the plan would delete trigger:default/intake/t7";
    assert!(refused.stderr.contains(message), "{refused:?}");
    // A replacement deletes nothing for good.
    let replaced = timers(8).replacen("5m", "6m", 1);
    world.manifest(&format!("{HEAD}    protect: true\n    triggers:\n{replaced}"));
    assert_eq!(world.planned(&[]).await, ["replace trigger:default/intake/t0"]);
}

#[tokio::test]
async fn an_emptied_manifest_does_not_delete_the_triggers_of_existing_functions() {
    let world = World::new().await;
    assert_eq!(world.server.post("/fgs/functions", function("intake")).await.status, 200);
    let head = "version: 1\nstack: events\n";
    world.manifest(&format!(
        "{head}functions:\n  intake:\n    existing: true\n    triggers:\n      nightly: {{ timer: {{ rate: 5m }} }}\n"
    ));
    world.apply().await;
    world.manifest(&format!("{head}functions: {{}}\n"));
    let refused = world.run(&["plan"]).await;
    let message = "stack \"events\" owns triggers of functions that something else deploys: default/intake";
    assert_eq!((refused.code, refused.stderr.contains(message)), (Some(1), true), "{refused:?}");
}
