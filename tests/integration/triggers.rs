//! Triggers through the program: created, compared, replaced, deleted and adopted, with the tag that records them.

use axum::http::Method;
use serde_json::{Value, json};

use crate::recorder::{Effect, Last, Outage};
use crate::server_harness::function;
use crate::world::{Ran, World};

pub(crate) const HEAD: &str = "\
version: 1
stack: orders
functions:
  intake:
    runtime: Python3.9
    handler: index.handler
    agency: fgs-notify
    code: { inline: 'def handler(event, context): return 1' }
";

/// One trigger of each type that has a field of its own, and one that has none.
const EVERY: &str = "      nightly: { timer: { cron: 0 15 2 * * ?, user_event: tick } }
      often: { timer: { rate: 5m }, enabled: false }
      uploads: { obs: { bucket: incoming, events: ['s3:ObjectCreated:*'], prefix: in/ } }
      topic: { smn: { topic: 'urn:smn:local-1:0123456789abcdef0123456789abcdef:orders' } }
      stream: { dis: { stream: orders, polling_interval: 2s } }
      lines: { lts: { group_id: g, stream_id: s } }
      audit: { cts: { operations: ['ECS:ecs:createServer'] } }
      api: { apig: { group_id: g, auth: NONE, path: /orders } }
      gateway: { dedicated_gateway: { instance_id: i, group_id: g, auth: IAM, path: /orders } }
      records: { kafka: { instance_id: i, topics: [orders], password: { env: KAFKA_PASSWORD } }, enabled: true }
      events: { eventgrid: { channel_id: c, event_types: ['OBS:DWR:ObjectCreated:PUT'] } }
      queue: { type: DMS, event_data: { queue_id: q, consumer_group_id: c } }
";

pub(crate) const NIGHTLY: &str = "      nightly: { timer: { cron: 0 15 2 * * ? } }\n";

pub(crate) fn with(triggers: &str) -> String {
    if triggers.is_empty() { HEAD.to_owned() } else { format!("{HEAD}    triggers:\n{triggers}") }
}

/// A project in which these triggers were applied.
pub(crate) async fn applied(triggers: &str) -> World {
    let world = World::new().await;
    world.manifest(&with(triggers));
    let ran = apply(&world, &[]).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    world.requests();
    world
}

pub(crate) async fn apply(world: &World, more: &[&str]) -> Ran {
    world.run_with(&[("KAFKA_PASSWORD", "not-to-be-shown")], &[&["apply", "--auto-approve"], more].concat()).await
}

pub(crate) async fn listed(world: &World) -> Vec<Value> {
    let list = world.server.get(&format!("/fgs/triggers/{}", world.server.urn("intake"))).await;
    list.body.as_array().unwrap_or_else(|| panic!("no list: {list:?}")).clone()
}

/// Someone else creates a trigger.
pub(crate) async fn create(world: &World, name: &str, schedule: &str) -> String {
    let data = json!({ "name": name, "schedule_type": "Rate", "schedule": schedule });
    let body = json!({ "trigger_type_code": "TIMER", "event_data": data });
    let reply = world.server.post(&format!("/fgs/triggers/{}", world.server.urn("intake")), body).await;
    assert_eq!(reply.status, 201, "{reply:?}");
    reply.body["trigger_id"].as_str().expect("an id").to_owned()
}

fn place(world: &World, trigger: &Value) -> String {
    let part = |name: &str| trigger[name].as_str().expect("text").to_owned();
    format!("/fgs/triggers/{}/{}/{}", world.server.urn("intake"), part("trigger_type_code"), part("trigger_id"))
}

/// Someone else disables the only trigger.
async fn disable(world: &World) {
    let one = listed(world).await.remove(0);
    let body = json!({ "trigger_status": "DISABLED", "event_data": one["event_data"] });
    let reply = world.server.put(&place(world, &one), body).await;
    assert!(reply.status.is_success(), "{reply:?}");
}

pub(crate) async fn tag(world: &World) -> Option<String> {
    let tags = world.server.get(&format!("/functions/{}/tags", world.server.urn("intake"))).await.body;
    let found = tags["tags"].as_array().expect("tags").iter().find(|tag| tag["key"] == "fgctl.triggers");
    found.and_then(|tag| tag["value"].as_str()).map(str::to_owned)
}

#[tokio::test]
async fn every_type_is_created_and_then_matches() {
    let world = applied(EVERY).await;
    let triggers = listed(&world).await;
    assert_eq!(triggers.len(), 12);
    let status = |key: &str, value: &str| {
        let found = triggers.iter().find(|trigger| trigger["event_data"][key] == value).expect("the trigger");
        found["trigger_status"].as_str().expect("a status").to_owned()
    };
    assert_eq!((status("name", "nightly"), status("name", "often")), ("ACTIVE".to_owned(), "DISABLED".to_owned()));
    assert_eq!(status("instance_id", "i"), "ACTIVE");
    world.requests();
    let ran = world.run_with(&[("KAFKA_PASSWORD", "not-to-be-shown")], &["plan"]).await;
    assert_eq!((ran.code, ran.stdout.contains("No changes")), (Some(0), true), "{ran:?}");
    let requests = world.requests();
    let of_triggers = requests.iter().filter(|request| request.path.contains("/fgs/triggers"));
    assert_eq!(of_triggers.count(), 1, "{requests:#?}");
}

/// A function without triggers costs no request for them.
#[tokio::test]
async fn without_triggers_none_are_read() {
    let world = applied("").await;
    assert_eq!(world.planned(&[]).await, Vec::<String>::new());
    assert!(world.requests().iter().all(|request| !request.path.contains("/fgs/triggers")));
}

#[tokio::test]
async fn secrets_are_sent_and_never_shown() {
    let kafka = "      records: { kafka: { instance_id: i, topics: [orders], password: { env: KAFKA_PASSWORD } } }\n";
    let world = World::new().await;
    world.manifest(&with(kafka));
    let unset = world.run(&["apply", "--auto-approve"]).await;
    assert_eq!((unset.code, unset.stderr.contains("KAFKA_PASSWORD")), (Some(1), true), "{unset:?}");
    let ran = apply(&world, &[]).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let sent = world.writes();
    let create = sent.iter().find(|request| request.path.contains("/fgs/triggers/")).expect("a create");
    assert!(create.body.contains("not-to-be-shown"), "{create:?}");
    assert!(!format!("{ran:?}").contains("not-to-be-shown"), "{ran:?}");
    // A trigger that does not change needs no secret.
    assert_eq!(world.planned(&[]).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_disabled_timer_is_drift_and_is_enabled_again() {
    let world = applied(NIGHTLY).await;
    disable(&world).await;
    let drift = world.run(&["drift", "-o", "json"]).await.json();
    let finding = &drift["findings"][0];
    assert_eq!(
        (finding["address"].as_str(), finding["state"].as_str()),
        (Some("trigger:default/intake/nightly"), Some("drifted")),
        "{drift}"
    );
    let plan = world.plan(&[]).await;
    assert_eq!(plan["changes"][0]["fields"][0]["path"], "/triggers/enabled", "{plan}");
    assert_eq!(world.planned(&[]).await, ["update trigger:default/intake/nightly"]);
    world.apply().await;
    assert_eq!(listed(&world).await[0]["trigger_status"], "ACTIVE");
    assert_eq!(world.planned(&[]).await, Vec::<String>::new());
}

#[tokio::test]
async fn another_schedule_replaces_the_timer_and_says_what_is_missed() {
    let world = applied(NIGHTLY).await;
    let before = listed(&world).await.remove(0);
    world.manifest(&with("      nightly: { timer: { rate: 5m } }\n"));
    let ran = world.run(&["plan"]).await;
    assert!(ran.stdout.contains("a tick between the two requests is missed"), "{ran:?}");
    assert!(ran.stdout.contains("1 trigger to replace"), "{ran:?}");
    world.apply().await;
    let after = listed(&world).await;
    assert_eq!((after.len(), after[0]["event_data"]["schedule"].as_str()), (1, Some("5m")));
    assert_ne!(after[0]["trigger_id"], before["trigger_id"]);
    assert_eq!(world.planned(&[]).await, Vec::<String>::new());
}

#[tokio::test]
async fn what_is_removed_is_deleted_and_what_others_made_stays() {
    let world = applied(&format!("{NIGHTLY}      often: {{ timer: {{ rate: 5m }} }}\n")).await;
    create(&world, "theirs", "1h").await;
    world.manifest(&with(NIGHTLY));
    assert_eq!(world.planned(&[]).await, ["delete trigger:default/intake/often"]);
    world.apply().await;
    world.manifest(&with(""));
    assert_eq!(world.planned(&[]).await, ["delete trigger:default/intake/nightly"]);
    world.apply().await;
    let left = listed(&world).await;
    assert_eq!((left.len(), left[0]["event_data"]["name"].as_str()), (1, Some("theirs")));
    assert_eq!(tag(&world).await, None);
    assert_eq!(world.planned(&[]).await, Vec::<String>::new());
}

#[tokio::test]
async fn an_equal_trigger_is_adopted_and_a_different_one_needs_permission() {
    let world = applied("").await;
    create(&world, "often", "5m").await;
    world.manifest(&with("      often: { timer: { rate: 1h } }\n"));
    let refused = world.run(&["plan"]).await;
    assert_eq!((refused.code, refused.stderr.contains("--adopt")), (Some(1), true), "{refused:?}");
    world.manifest(&with("      often: { timer: { rate: 5m } }\n"));
    assert_eq!(world.planned(&[]).await, ["adopt trigger:default/intake/often"]);
    world.apply().await;
    assert!(tag(&world).await.is_some());
    assert_eq!(world.planned(&[]).await, Vec::<String>::new());
}

#[tokio::test]
async fn triggers_of_existing_functions_leave_the_function_alone() {
    let world = World::new().await;
    assert_eq!(world.server.post("/fgs/functions", function("intake")).await.status, 200);
    let existing =
        |triggers: &str| format!("version: 1\nstack: events\nfunctions:\n  intake:\n    existing: true\n{triggers}");
    world.manifest(&existing(&format!("    triggers:\n{NIGHTLY}")));
    world.apply().await;
    let writes = world.writes();
    assert!(
        writes.iter().all(|it| it.path.contains("/fgs/triggers/") || it.path.ends_with("/tags/create")),
        "{writes:#?}"
    );
    assert_eq!(world.planned(&[]).await, Vec::<String>::new());
    world.manifest(&existing(""));
    assert_eq!(world.planned(&[]).await, ["delete trigger:default/intake/nightly"]);
    world.apply().await;
    assert_eq!((listed(&world).await.len(), tag(&world).await), (0, None));
}

#[tokio::test]
async fn destroy_deletes_the_triggers_of_existing_functions() {
    let world = World::new().await;
    assert_eq!(world.server.post("/fgs/functions", function("intake")).await.status, 200);
    let manifest =
        format!("version: 1\nstack: events\nfunctions:\n  intake:\n    existing: true\n    triggers:\n{NIGHTLY}");
    world.manifest(&manifest);
    world.apply().await;
    let ran = world.run(&["destroy", "--auto-approve"]).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!((listed(&world).await.len(), tag(&world).await), (0, None));
}

#[tokio::test]
async fn two_stacks_do_not_share_the_triggers_of_a_function() {
    let world = World::new().await;
    assert_eq!(world.server.post("/fgs/functions", function("intake")).await.status, 200);
    let of = |stack: &str| {
        format!("version: 1\nstack: {stack}\nfunctions:\n  intake:\n    existing: true\n    triggers:\n{NIGHTLY}")
    };
    world.manifest(&of("one"));
    world.apply().await;
    world.manifest(&of("two"));
    let refused = world.run(&["plan"]).await;
    assert_eq!((refused.code, refused.stderr.contains("owned-by-another-stack")), (Some(1), true), "{refused:?}");
    let taken = apply(&world, &["--take-over"]).await;
    assert_eq!(taken.code, Some(0), "{taken:?}");
    assert_eq!(world.planned(&[]).await, Vec::<String>::new());
    world.manifest(&of("one"));
    assert_eq!(world.run(&["plan"]).await.code, Some(1));
}

#[tokio::test]
async fn a_saved_plan_is_stale_if_a_trigger_changed() {
    let world = applied(NIGHTLY).await;
    world.manifest(&with("      nightly: { timer: { rate: 5m } }\n"));
    let ran = world.run(&["plan", "--out", "plan.json"]).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    disable(&world).await;
    let stale = world.run(&["apply", "plan.json"]).await;
    assert_eq!(stale.code, Some(3), "{stale:?}");
    assert!(format!("{stale:?}").contains("trigger:default/intake/nightly"), "{stale:?}");
}

#[tokio::test]
async fn a_trigger_that_changes_after_the_plan_is_not_written() {
    let world = applied(NIGHTLY).await;
    let one = listed(&world).await.remove(0);
    world.manifest(&with("      nightly: { timer: { rate: 5m } }\n"));
    let body = json!({ "trigger_status": "DISABLED", "event_data": one["event_data"] });
    let edit = world.edit(Method::PUT, &place(&world, &one), body);
    world.disturb(Method::GET, ":intake$", edit);
    let ran = apply(&world, &[]).await;
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert_eq!(listed(&world).await[0]["event_data"]["schedule"], "0 15 2 * * ?");
}

/// The triggers that are declared, and those that notifications reach, are in one list.
#[tokio::test]
async fn the_projects_list_is_read_once() {
    let world = World::new().await;
    world.manifest(&format!("{}    async: {{ on_success: {{ obs: {{ bucket: results }} }} }}\n", with(NIGHTLY)));
    world.apply().await;
    world.requests();
    assert_eq!(world.planned(&[]).await, Vec::<String>::new());
    let lists = world.requests().into_iter().filter(|request| request.path.ends_with("/fgs/triggers"));
    assert_eq!(lists.count(), 1);
}

/// An older region has no list of a project's triggers.
#[tokio::test]
async fn without_the_projects_list_each_function_is_asked() {
    for status in [404, 403] {
        let world = applied(NIGHTLY).await;
        let answer = json!({ "error_code": "APIG.0101", "error_msg": "no such API" }).to_string();
        world.disturb(Method::GET, "/fgs/triggers$", Effect::Answer(status, answer));
        assert_eq!(world.planned(&[]).await, Vec::<String>::new(), "{status}");
        let requests = world.requests();
        assert!(requests.iter().any(|request| request.path.ends_with(":intake")), "{requests:#?}");
    }
}

/// Whatever write is the last one before an outage, the next apply completes the work.
#[tokio::test]
async fn an_interrupted_apply_converges() {
    let steps = [
        EVERY_FEW,
        "      nightly: { timer: { rate: 5m } }\n      topic: { smn: { topic: 'urn:smn:r:p:other' } }\n",
        "",
    ];
    for last in [Last::Answered, Last::ReplyLost] {
        for writes in [1, 2, 4] {
            let world = applied("").await;
            for triggers in steps {
                world.manifest(&with(triggers));
                world.recorder.outage(Some(Outage { writes, last }));
                let ran = apply(&world, &["--max-retries", "0"]).await;
                world.recorder.outage(None);
                let again = apply(&world, &[]).await;
                assert_eq!(again.code, Some(0), "{writes} {last:?}: {ran:?} {again:?}");
                assert_eq!(world.planned(&[]).await, Vec::<String>::new(), "{writes} {last:?}");
                let declared = triggers.lines().count();
                assert_eq!(listed(&world).await.len(), declared, "{writes} {last:?}");
            }
            assert_eq!(tag(&world).await, None);
        }
    }
}

const EVERY_FEW: &str = "      nightly: { timer: { cron: 0 15 2 * * ? } }
      topic: { smn: { topic: 'urn:smn:r:p:orders' } }
";

#[tokio::test]
async fn one_trigger_can_be_selected() {
    let world = applied("").await;
    world.manifest(&with(EVERY_FEW));
    let target = ["--target", "trigger:default/intake/topic"];
    assert_eq!(world.planned(&target).await, ["create trigger:default/intake/topic"]);
    let ran = apply(&world, &target).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(world.planned(&[]).await, ["create trigger:default/intake/nightly"]);
}

/// Another stack's manifest from an export declares what is live.
#[tokio::test]
async fn an_export_declares_every_trigger() {
    let world = applied(EVERY).await;
    let ran = world.run(&["export", "--stack", "orders", "--to", "exported"]).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let variables = [("KAFKA_PASSWORD", "not-to-be-shown")];
    let plan = world.run_with(&variables, &["plan", "-f", "exported", "-o", "json"]).await.json();
    assert_eq!(plan["changes"], json!([]), "{plan}");
}
