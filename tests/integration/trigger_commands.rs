//! Triggers in the commands that name, take, give up, export and destroy things.

use axum::http::Method;
use serde_json::{Value, json};

use crate::recorder::Effect;
use crate::server_harness::function;
use crate::triggers::{HEAD, NIGHTLY, applied, apply, create, listed, tag, with};
use crate::world::{Ran, World};

/// The keys that the service has, by their names.
async fn names(world: &World) -> Vec<String> {
    let name = |trigger: &Value| trigger["event_data"]["name"].as_str().unwrap_or_default().to_owned();
    let mut names: Vec<String> = listed(world).await.iter().map(name).collect();
    names.sort();
    names
}

/// The server does not know the time zone, so it refuses `bad`.
#[tokio::test]
async fn a_refused_trigger_does_not_stop_the_others() {
    const THREE: &str = "      bad: { timer: { cron: CRON_TZ=Nowhere/Foo 0 15 2 * * ? } }
      nightly: { timer: { cron: 0 15 2 * * ? } }
      often: { timer: { rate: 5m } }
";
    let world = World::new().await;
    world.manifest(&with(THREE));
    let ran = apply(&world, &["-o", "json"]).await;
    assert_eq!(ran.code, Some(1), "{ran:?}");
    let statuses: Vec<String> = ran.json()["changes"]
        .as_array()
        .expect("changes")
        .iter()
        .map(|change| {
            format!("{} {}", change["address"].as_str().expect("text"), change["status"].as_str().expect("text"))
        })
        .collect();
    assert_eq!(
        statuses,
        [
            "function:default/intake done",
            "trigger:default/intake/bad failed",
            "trigger:default/intake/nightly done",
            "trigger:default/intake/often done",
        ]
    );
    assert_eq!(names(&world).await, ["nightly", "often"]);
    assert_eq!(world.planned(&[]).await, ["create trigger:default/intake/bad"]);
}

#[tokio::test]
async fn a_trigger_of_a_missing_version_is_refused_before_anything_is_written() {
    let world = applied("").await;
    world.manifest(&with("      nightly: { timer: { rate: 5m }, version: v1 }\n"));
    let ran = world.run(&["apply", "--auto-approve"]).await;
    assert_eq!((ran.code, ran.stderr.contains("error[version-missing]")), (Some(1), true), "{ran:?}");
    assert_eq!(world.writes(), []);
    let urn = world.server.urn("intake");
    let published = world.server.post(&format!("/fgs/functions/{urn}/versions"), json!({ "version": "v1" })).await;
    assert!(published.status.is_success(), "{published:?}");
    assert_eq!(world.planned(&[]).await, ["create trigger:default/intake/nightly"]);
    world.apply().await;
    world.requests();
    assert_eq!(world.planned(&[]).await, Vec::<String>::new());
    let requests = world.requests();
    assert!(requests.iter().all(|request| !request.path.ends_with("/versions")), "its version exists: {requests:#?}");
}

/// The service would refuse the second one while the first one exists.
#[tokio::test]
async fn a_rule_of_a_bucket_moves_to_another_function_in_one_apply() {
    const UPLOADS: &str = "      uploads: { obs: { bucket: incoming, events: ['s3:ObjectCreated:*'] } }\n";
    let world = applied(UPLOADS).await;
    let settle = "  aaa:\n    runtime: Python3.9\n    handler: index.handler\n    agency: fgs-notify\n    code: { inline: 'def handler(event, context): return 2' }\n    triggers:\n";
    world.manifest(&format!("{HEAD}{settle}{UPLOADS}"));
    world.apply().await;
    assert_eq!((listed(&world).await.len(), tag(&world).await), (0, None));
    assert_eq!(world.planned(&[]).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_selector_must_name_a_trigger_that_exists() {
    let world = applied(&format!("{NIGHTLY}      often: {{ timer: {{ rate: 5m }} }}\n")).await;
    world.manifest(&with("      nightly: { timer: { rate: 1h } }\n"));
    let mut said = String::new();
    for arguments in [
        &["plan", "--target", "trigger:default/intake/nihgtly"][..],
        &["plan", "--exclude", "trigger:default/intake/other"],
        &["plan", "--target", "trigger:default/itnake/nightly"],
        &["plan", "--target", "async_policy:default/intake:v9"],
        &["destroy", "--target", "trigger:default/intake/nightly", "--auto-approve"],
        &["forget", "trigger:default/intake/nihgtly", "--auto-approve"],
        &["import", "trigger:default/intake/nihgtly", "--auto-approve"],
    ] {
        let ran = world.run(arguments).await;
        assert_eq!(ran.code, Some(1), "{ran:?}");
        said.push_str(&ran.transcript());
    }
    insta::assert_snapshot!(said);
    assert_eq!(world.writes(), []);
    let replace = "replace trigger:default/intake/nightly".to_owned();
    let delete = "delete trigger:default/intake/often".to_owned();
    for (arguments, expected) in [
        (&["--target", "trigger:default/intake/often"][..], vec![delete.clone()]),
        (&["--exclude", "trigger:default/intake/often"], vec![replace.clone()]),
        (&["--target", "intake"], vec![replace, delete]),
        (&["--exclude", "intake"], Vec::new()),
    ] {
        assert_eq!(world.planned(arguments).await, expected, "{arguments:?}");
    }
}

fn existing(rest: &str) -> String {
    format!("version: 1\nstack: events\nfunctions:\n  intake:\n    existing: true\n{rest}")
}

const TRIGGERS: &str = "    triggers:\n      nightly: { timer: { rate: 5m } }\n      often: { timer: { rate: 1h } }\n";

/// Another tool deploys `intake`.
async fn deployed() -> World {
    let world = World::new().await;
    assert_eq!(world.server.post("/fgs/functions", function("intake")).await.status, 200);
    world
}

async fn tags(world: &World) -> Vec<String> {
    let tags = world.server.get(&format!("/functions/{}/tags", world.server.urn("intake"))).await.body;
    let tags = tags["tags"].as_array().expect("tags");
    let mut keys: Vec<String> = tags.iter().map(|tag| tag["key"].as_str().expect("a key").to_owned()).collect();
    keys.sort();
    keys
}

async fn set_tags(world: &World, tags: impl Iterator<Item = (String, String)>) {
    let tags: Vec<Value> = tags.map(|(key, value)| json!({ "key": key, "value": value })).collect();
    let path = format!("/functions/{}/tags/create", world.server.urn("intake"));
    assert!(world.server.post(&path, json!({ "tags": tags })).await.status.is_success());
}

async fn done(world: &World, arguments: &[&str]) -> Ran {
    let ran = world.run(arguments).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    ran
}

#[tokio::test]
async fn triggers_are_forgotten_one_by_one_or_with_their_function() {
    let world = deployed().await;
    world.manifest(&existing(&format!("    async: {{}}\n{TRIGGERS}")));
    world.apply().await;
    world.requests();
    let one = done(&world, &["forget", "trigger:default/intake/often", "--auto-approve"]).await;
    insta::assert_snapshot!(one.transcript());
    // Its entry is removed: the trigger stays.
    world.manifest(&existing("    async: {}\n    triggers:\n      nightly: { timer: { rate: 5m } }\n"));
    assert_eq!(world.planned(&[]).await, Vec::<String>::new());
    let all = done(&world, &["forget", "intake", "--auto-approve"]).await;
    insta::assert_snapshot!(all.transcript());
    assert!(world.writes().iter().all(|write| write.path.contains("/tags/")), "only tags are written");
    assert_eq!((names(&world).await, tags(&world).await), (vec!["nightly".to_owned(), "often".to_owned()], vec![]));
    let again = done(&world, &["forget", "intake", "--auto-approve"]).await;
    assert!(again.stdout.contains("Nothing to forget"), "{again:?}");
    world.manifest("version: 1\nstack: events\nfunctions: {}\n");
    assert_eq!(world.planned(&[]).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_function_of_which_only_triggers_are_owned_is_forgotten_without_its_entry() {
    let world = deployed().await;
    world.manifest(&existing(TRIGGERS));
    world.apply().await;
    world.manifest("version: 1\nstack: events\nfunctions: {}\n");
    done(&world, &["forget", "trigger:default/intake/often", "--auto-approve"]).await;
    assert_eq!(world.planned(&[]).await, ["delete trigger:default/intake/nightly"]);
    done(&world, &["forget", "intake", "--auto-approve"]).await;
    assert_eq!((names(&world).await.len(), tags(&world).await), (2, vec![]));
}

/// Another stack owns the triggers of a function that this stack deploys.
#[tokio::test]
async fn a_forgotten_function_keeps_the_tag_of_another_stacks_triggers() {
    let world = applied("").await;
    world.file("other/fgctl.yaml", &existing(TRIGGERS));
    done(&world, &["apply", "-f", "other", "--auto-approve"]).await;
    done(&world, &["forget", "intake", "--auto-approve"]).await;
    assert_eq!(tags(&world).await, ["fgctl.released", "fgctl.triggers"]);
    assert_eq!(world.planned(&["-f", "other"]).await, Vec::<String>::new());
    let refused = world.run(&["forget", "intake", "--auto-approve"]).await;
    assert_eq!(refused.code, Some(1), "{refused:?}");
    insta::assert_snapshot!(refused.transcript());
    // The policy belongs to its function.
    world.apply().await;
    let refused = world.run(&["forget", "async_policy:default/intake", "--auto-approve"]).await;
    assert_eq!((refused.code, refused.stderr.contains("policy-of-own-function")), (Some(1), true), "{refused:?}");
}

#[tokio::test]
async fn an_import_takes_triggers_and_changes_none() {
    let world = deployed().await;
    create(&world, "nightly", "5m").await;
    create(&world, "often", "3d").await;
    world.manifest(&existing(TRIGGERS));
    let refused = world.run(&["plan"]).await;
    assert_eq!((refused.code, refused.stderr.contains("not-owned")), (Some(1), true), "{refused:?}");
    let one = done(&world, &["import", "trigger:default/intake/often", "--auto-approve"]).await;
    insta::assert_snapshot!(one.transcript());
    assert_eq!(
        world.planned(&[]).await,
        ["adopt trigger:default/intake/nightly", "replace trigger:default/intake/often"]
    );
    let all = done(&world, &["import", "intake", "--auto-approve"]).await;
    insta::assert_snapshot!(all.transcript());
    assert!(world.writes().iter().all(|write| write.path.contains("/tags/")), "only tags are written");
    let plan = world.run(&["plan"]).await;
    assert!(plan.stdout.contains("no mark shows which side changed"), "{plan:?}");
    assert_eq!(world.planned(&[]).await, ["replace trigger:default/intake/often"]);
    // The stack has never written it, so it stays.
    let only_nightly = existing("    triggers:\n      nightly: { timer: { rate: 5m } }\n");
    world.manifest(&only_nightly);
    assert_eq!(world.planned(&[]).await, ["forget trigger:default/intake/often"]);
    world.apply().await;
    assert_eq!(names(&world).await, ["nightly", "often"]);
    assert_eq!(world.planned(&[]).await, Vec::<String>::new());
    world.manifest(&only_nightly.replace("nightly", "missing"));
    let missing = world.run(&["import", "trigger:default/intake/missing", "--auto-approve"]).await;
    assert_eq!(missing.code, Some(1), "{missing:?}");
    insta::assert_snapshot!(missing.transcript());
}

#[tokio::test]
async fn a_whole_function_is_imported_with_its_triggers() {
    let world = deployed().await;
    create(&world, "often", "3d").await;
    world.manifest(&with("      often: { timer: { rate: 1h } }\n      other: { timer: { rate: 2h } }\n"));
    let ran = done(&world, &["import", "intake", "--auto-approve"]).await;
    assert!(ran.stdout.contains("trigger:default/intake/often"), "{ran:?}");
    assert_eq!(tags(&world).await, ["fgctl.stack", "fgctl.triggers"]);
    let planned = world.planned(&[]).await;
    assert_eq!(planned[1..], ["replace trigger:default/intake/often", "create trigger:default/intake/other"]);
    world.apply().await;
    // The function is the stack's already; a new trigger is not.
    create(&world, "third", "3d").await;
    world.manifest(&with("      often: { timer: { rate: 1h } }\n      third: { timer: { rate: 2h } }\n"));
    done(&world, &["import", "intake", "--auto-approve"]).await;
    assert!(world.planned(&[]).await.contains(&"replace trigger:default/intake/third".to_owned()));
}

fn exported(world: &World) -> String {
    std::fs::read_to_string(world.folder.path().join("out/fgctl.yaml")).expect("a manifest")
}

async fn post(world: &World, code: &str, data: Value) {
    let body = json!({ "trigger_type_code": code, "event_data": data });
    let reply = world.server.post(&format!("/fgs/triggers/{}", world.server.urn("intake")), body).await;
    assert_eq!(reply.status, 201, "{reply:?}");
}

#[tokio::test]
async fn policies_are_exported_with_the_triggers_of_their_functions() {
    let world = deployed().await;
    create(&world, "nightly", "5m").await;
    post(&world, "OBS", json!({ "bucket": "incoming", "events": ["s3:ObjectCreated:*"] })).await;
    let ran = done(&world, &["export", "--policies-only", "--to", "out"]).await;
    insta::assert_snapshot!(format!("{}{}", ran.transcript(), exported(&world)));
    let planned = world.planned(&["-f", "out"]).await;
    assert!(planned.len() == 2 && planned.iter().all(|change| change.starts_with("adopt trigger:")), "{planned:?}");
    done(&world, &["apply", "-f", "out", "--auto-approve"]).await;
    done(&world, &["plan", "-f", "out", "--detailed-exitcode"]).await;
    // A stack exports what it owns, and no other trigger.
    create(&world, "theirs", "1h").await;
    let ran = done(&world, &["export", "--stack", "exported-policies", "--to", "again", "-o", "json"]).await.json();
    assert_eq!(ran["triggers"].as_array().map(Vec::len), Some(2), "{ran}");
    assert_eq!(ran["policies"], json!([]));
    done(&world, &["plan", "-f", "again", "--detailed-exitcode"]).await;
    // Other stacks leave the triggers alone.
    let other = world.run(&["export", "--policies-only", "--stack", "other", "--name", "*", "--to", "other"]).await;
    assert_eq!((other.code, other.stderr.contains("they belong to another stack")), (Some(1), true), "{other:?}");
}

/// An older region has no list of a project's triggers.
#[tokio::test]
async fn without_the_projects_list_an_export_asks_each_function() {
    let world = deployed().await;
    create(&world, "nightly", "5m").await;
    let answer = json!({ "error_code": "APIG.0101", "error_msg": "no such API" }).to_string();
    world.disturb(Method::GET, "/fgs/triggers$", Effect::Answer(404, answer));
    done(&world, &["export", "--policies-only", "--to", "out"]).await;
    assert!(exported(&world).contains("nightly:"), "{}", exported(&world));
}

/// What a manifest refuses is left out, with the reason.
#[tokio::test]
async fn an_export_of_unusual_triggers_is_a_valid_manifest() {
    let world = deployed().await;
    for number in 0..20 {
        let topic = format!("urn:smn:local-1:0123456789abcdef0123456789abcdef:t{number:02}");
        post(&world, "SMN", json!({ "topic_urn": topic })).await;
    }
    // The server does not know this type, so it takes the same one twice.
    for _ in 0..2 {
        post(&world, "IOTDA", json!({ "rule": "${var.x}", "env": { "env": 1 } })).await;
    }
    for extent in [&["export"][..], &["export", "--policies-only"]] {
        let ran = done(&world, &[extent, &["--to", "out"]].concat()).await;
        insta::assert_snapshot!(ran.transcript());
        done(&world, &["validate", "-f", "out"]).await;
        let planned = world.planned(&["-f", "out"]).await;
        let triggers = planned.iter().filter(|change| change.starts_with("adopt trigger:")).count();
        assert_eq!(triggers, 18, "{planned:?}");
        std::fs::remove_dir_all(world.folder.path().join("out")).expect("it is there");
    }
}

#[tokio::test]
async fn equal_triggers_are_exported_once() {
    let world = deployed().await;
    for _ in 0..2 {
        post(&world, "IOTDA", json!({ "rule": "${var.x}" })).await;
    }
    let ran = done(&world, &["export", "--to", "out"]).await;
    assert!(ran.stdout.contains("it is the same trigger to the service as"), "{ran:?}");
    assert!(exported(&world).contains("# the IOTDA trigger is kept, but not declared"), "{}", exported(&world));
    done(&world, &["validate", "-f", "out"]).await;
    assert_eq!(world.planned(&["-f", "out"]).await.len(), 2, "the function and one trigger");
}

/// There is no room for the tag that records triggers.
#[tokio::test]
async fn a_destroy_reports_the_triggers_that_it_leaves() {
    let world = deployed().await;
    set_tags(&world, (0..20).map(|n| (format!("t{n}"), String::new()))).await;
    world.manifest(&existing(TRIGGERS));
    let ran = apply(&world, &[]).await;
    assert_eq!((ran.code, ran.stderr.contains("no-room-for-tags")), (Some(0), true), "{ran:?}");
    assert_eq!(names(&world).await, ["nightly", "often"]);
    let ran = done(&world, &["destroy", "--auto-approve"]).await;
    insta::assert_snapshot!(ran.transcript());
    assert_eq!(names(&world).await, ["nightly", "often"]);
    // With room, the next apply records them, and a destroy deletes them under their keys.
    let one = json!({ "tags": [{ "key": "t0", "value": "" }] });
    let path = format!("/functions/{}/tags/delete", world.server.urn("intake"));
    assert!(world.server.send(Method::DELETE, &path, Some(one)).await.status.is_success());
    world.apply().await;
    let targeted = done(&world, &["destroy", "--auto-approve", "--target", "trigger:default/intake/often"]).await;
    assert!(targeted.stdout.contains("trigger:default/intake/often"), "{targeted:?}");
    assert_eq!(names(&world).await, ["nightly"]);
}

/// The policy's two tags take the last room.
#[tokio::test]
async fn a_policys_tags_come_first() {
    let world = deployed().await;
    set_tags(&world, (0..18).map(|n| (format!("t{n}"), String::new()))).await;
    world.manifest(&existing(&format!("    async: {{}}\n{TRIGGERS}")));
    let ran = apply(&world, &[]).await;
    assert_eq!((ran.code, ran.stderr.contains("no-room-for-tags")), (Some(0), true), "{ran:?}");
    assert_eq!(world.planned(&[]).await, Vec::<String>::new());
}
