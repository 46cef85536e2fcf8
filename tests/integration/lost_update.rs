//! Changes that someone makes between a plan and its writes are neither overwritten nor deleted.

use axum::http::Method;
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::patience::within;
use crate::recorder::Effect;
use crate::server_harness::function;
use crate::world::{Ran, World};

const ONE: &str = "\
version: 1
stack: one
functions:
  first: { runtime: Python3.9, handler: index.handler, code: { inline: 'def handler(event, context): return 1' } }
  second: { runtime: Python3.9, handler: index.handler, code: { inline: 'def handler(event, context): return 2' } }
";
/// The same manifest without the first function.
const WITHOUT: &str = "\
version: 1
stack: one
functions:
  second: { runtime: Python3.9, handler: index.handler, code: { inline: 'def handler(event, context): return 2' } }
";

async fn world() -> World {
    let world = World::new().await;
    world.manifest(ONE);
    world.apply().await;
    world.manifest(WITHOUT);
    world
}

/// Someone else's request, sent at the second request like this one. The first belongs to the plan, the second is the
/// final check.
fn at_the_last_look(world: &World, path: &'static str, (method, rest, body): (Method, &str, Value)) {
    let look = if path.ends_with("/filter") { Method::POST } else { Method::GET };
    world.disturb(look.clone(), path, world.edit(Method::GET, "/fgs/functions", Value::Null));
    world.disturb(look, path, world.edit(method, rest, body));
}

fn refused(ran: &Ran, expected: &str) {
    assert_eq!(ran.code, Some(1), "{expected}: {ran:?}");
    assert!(ran.stdout.contains(expected), "{expected}: {}", ran.stdout);
}

fn edited(field: &str, value: Value) -> Value {
    let mut body = function("first");
    // The manifests leave the timeout out.
    body["timeout"] = 3.into();
    body[field] = value;
    body
}

/// Each edit: its place, its time, and the expected message.
#[tokio::test]
async fn a_function_that_gained_something_is_not_deleted() {
    let (config, versions) = ("/fgs/functions/first/config", "/fgs/functions/first/versions");
    let (policy, tags) = ("/fgs/functions/first/async-invoke-config", "/functions/first/tags/create");
    let tag = |key: &str| json!({ "tags": [{ "key": key, "value": "true" }] });
    let (put, post) = (Method::PUT, Method::POST);
    let (look, list) = ("first/versions", "/resource-instances/filter");
    let table = [
        (
            look,
            (put.clone(), config, edited("user_data", json!(r#"{"LEVEL":"1"}"#))),
            "/environment/LEVEL of function default/first appeared",
        ),
        (
            look,
            (put.clone(), config, edited("encrypted_user_data", json!(r#"{"DB":"1"}"#))),
            "the secret DB of function default/first appeared",
        ),
        (
            look,
            (put.clone(), config, edited("initializer_handler", json!("index.start"))),
            "/initializer of function default/first appeared",
        ),
        (look, (put.clone(), config, edited("memory_size", json!(512))), "/memory of function default/first changed"),
        (
            look,
            (put.clone(), config, edited("pre_stop_handler", json!("index.stop"))),
            "the field pre_stop_handler of function default/first appeared",
        ),
        (
            look,
            (put.clone(), "/fgs/functions/first/config-max-instance", json!({ "max_instance_num": 7 })),
            "/scaling/max_instances of function default/first changed",
        ),
        (look, (put, policy, json!({})), "the policy of function default/first appeared"),
        (look, (post.clone(), versions, json!({ "version": "v1" })), "version v1 of function default/first appeared"),
        (list, (post.clone(), tags, tag("team")), "/tags/team of function default/first appeared"),
        (list, (post, tags, tag("fgctl.protect")), "the tag fgctl.protect of function default/first appeared"),
    ];
    for arguments in [&["apply", "--auto-approve"][..], &["destroy", "--target", "first", "--auto-approve"]] {
        for (path, (method, rest, body), expected) in table.clone() {
            let world = world().await;
            at_the_last_look(&world, path, (method, rest, body));
            world.requests();
            refused(&world.run(arguments).await, expected);
            assert_eq!(world.writes(), []);
        }
    }
}

/// A field that the lists omit and the manifest does not declare keeps its live value, because nothing says that the
/// update should change it. If the write would change it, nothing is written.
#[tokio::test]
async fn an_unseen_field_is_kept_by_an_update() {
    let world = World::new().await;
    world.manifest(ONE);
    world.apply().await;
    let theirs = [
        (128, 256, "user_data", json!(r#"{"A":"theirs"}"#), "/environment/A"),
        (256, 512, "initializer_handler", json!("index.start"), "/initializer"),
    ];
    for (before, memory, field, value, path) in theirs {
        let changed = ONE.replace("  first: {", &format!("  first: {{ memory: {memory},"));
        world.manifest(&changed);
        // Just before the write, the function is read once.
        let mut edited = edited(field, value.clone());
        edited["memory_size"] = before.into();
        let edit = world.edit(Method::PUT, "/fgs/functions/first/config", edited);
        world.disturb(Method::GET, "first/config", edit);
        let ran = world.run(&["apply", "--auto-approve"]).await;
        assert_eq!(ran.code, Some(0), "{field}: {ran:?}");
        let record = world.server.get("/fgs/functions/first/config").await.body;
        assert_eq!((&record[field], &record["memory_size"]), (&value, &json!(memory)), "{field}");
        // The lists now show the field, so the next plan removes it.
        let plan = world.plan(&[]).await;
        assert_eq!(plan["changes"][0]["fields"][0]["path"], path, "{plan:#}");
        world.apply().await;
        let record = world.server.get("/fgs/functions/first/config").await.body;
        assert!([Value::Null, json!(""), json!("{}")].contains(&record[field]), "{record:#}");
        assert_eq!(world.planned(&[]).await, Vec::<String>::new());
    }
    let declared = ONE.replace("  first: {", "  first: { timeout: 9, environment: { LEVEL: info },");
    world.manifest(&declared);
    let mut edited = edited("user_data", json!(r#"{"A":"theirs"}"#));
    edited["memory_size"] = json!(512);
    let edit = world.edit(Method::PUT, "/fgs/functions/first/config", edited);
    world.disturb(Method::GET, "first/config", edit);
    world.requests();
    refused(&world.run(&["apply", "--auto-approve"]).await, "/environment/A of function default/first appeared");
    assert_eq!(world.writes(), []);
}

/// A policy begins to notify a function that is deleted: the policy of a function that stays, of one that is deleted
/// too, and of a new function.
#[tokio::test]
async fn a_function_that_a_policy_begins_to_notify_is_not_deleted() {
    const OTHERS: &str = "\
version: 1
stack: one
functions:
  keeper: { runtime: Python3.9, handler: index.handler, code: { inline: 'def handler(event, context): return 0' } }
";
    for (namer, all_go) in [("second", false), ("keeper", false), ("theirs", false), ("second", true)] {
        let world = World::new().await;
        let all = OTHERS.to_owned() + &ONE[ONE.find("  first").expect("it is there")..];
        world.manifest(&all);
        world.apply().await;
        world.server.create_function("theirs").await;
        world.manifest(&if all_go { OTHERS.to_owned() } else { all.replace("  first:", "  # first:") });
        let path: &'static str = Box::leak(format!("/fgs/functions/{namer}/async-invoke-config").into_boxed_str());
        let notifies = destination(&world, "first");
        world.disturb(Method::GET, "first/versions", world.edit(Method::GET, "/fgs/functions", Value::Null));
        // Just before the list with which the first deletion begins.
        world.disturb(Method::GET, "/fgs/functions$", world.edit(Method::GET, "/fgs/functions", Value::Null));
        world.disturb(Method::GET, "/fgs/functions$", world.edit(Method::PUT, path, notifies));
        let ran = world.run(&["apply", "--auto-approve", "--allow-deletes", "2"]).await;
        refused(&ran, &format!("async_policy:default/{namer} has begun to notify function default/first"));
        let listed = world.server.get("/fgs/functions").await.body["count"].clone();
        assert_eq!(listed, 4, "{namer}, {all_go}: {ran:?}");
    }
}

fn destination(world: &World, name: &str) -> Value {
    let param = json!({ "func_urn": world.server.urn(name) }).to_string();
    json!({ "destination_config": { "on_success": { "destination": "FunctionGraph", "param": param } } })
}

/// A change that shows only in the time of the last change, such as another value of a secret.
#[tokio::test]
async fn a_function_that_changed_unseen_is_not_deleted() {
    let world = world().await;
    let list = world.server.get("/fgs/functions/first/versions").await.body;
    let mut later = list.clone();
    later["versions"][0]["last_modified"] = json!("2999-01-01T00:00:00Z");
    world.disturb(Method::GET, "first/versions", Effect::Answer(200, list.to_string()));
    world.disturb(Method::GET, "first/versions", Effect::Answer(200, later.to_string()));
    let ran = world.run(&["apply", "--auto-approve"]).await;
    refused(&ran, "the configuration or the code of function default/first changed");
}

/// Everything that existed at planning time is deleted with the function. A later addition prevents the deletion.
#[tokio::test]
async fn versions_and_aliases_that_the_plan_saw_are_deleted() {
    for arguments in [&["apply", "--auto-approve"][..], &["destroy", "--auto-approve"]] {
        let world = world().await;
        let (versions, aliases) = ("/fgs/functions/first/versions", "/fgs/functions/first/aliases");
        assert!(world.server.post(versions, json!({ "version": "v1" })).await.status.is_success());
        let alias = |name: &str, version: &str| (Method::POST, aliases, json!({ "name": name, "version": version }));
        at_the_last_look(&world, "first/aliases", alias("prod", "v1"));
        refused(&world.run(arguments).await, "alias prod of function default/first appeared");
        let ran = world.run(arguments).await;
        assert_eq!(ran.code, Some(0), "{ran:?}");
    }
}

/// A saved plan contains them too.
#[tokio::test]
async fn a_newly_published_version_makes_a_saved_plan_stale() {
    let world = world().await;
    assert_eq!(world.run(&["plan", "--destroy", "--out", "plan"]).await.code, Some(0));
    let published = world.server.post("/fgs/functions/first/versions", json!({ "version": "v1" })).await;
    assert!(published.status.is_success(), "{published:?}");
    world.requests();
    assert_eq!(world.run(&["apply", "plan", "--destroy", "--auto-approve"]).await.code, Some(3));
    assert_eq!(world.writes(), []);
}

/// The manifest declares the function's first secret while someone else adds one.
#[tokio::test]
async fn a_secret_of_someone_else_is_not_overwritten() {
    let world = world().await;
    let secret = "ONE".to_owned();
    let with_secret = ONE.replace("  first: {", &format!("  first: {{ secrets: {{ {secret}: {{ env: ONE }} }},"));
    world.manifest(&with_secret);
    let theirs = edited("encrypted_user_data", json!(r#"{"THEIRS":"1"}"#));
    at_the_last_look(&world, "first/config", (Method::PUT, "/fgs/functions/first/config", theirs));
    world.requests();
    let ran = world.run_with(&[("ONE", "1")], &["apply", "--auto-approve"]).await;
    refused(&ran, "the secret THEIRS of function default/first appeared");
    assert_eq!(world.writes(), []);
}

/// The plan's read, the check before the deletion, and the deletion. Shared requests are not counted.
#[tokio::test]
async fn a_deletion_takes_three_requests() {
    let world = world().await;
    // The policy of the first function names the second, which can be deleted only afterwards.
    world.manifest(&ONE.replace("  first: {", "  first: { agency: fgs, async: { on_success: { function: second } },"));
    world.apply().await;
    world.requests();
    assert_eq!(world.run(&["destroy", "--auto-approve"]).await.code, Some(0));
    let requests = world.requests();
    let deleted: Vec<&str> = requests
        .iter()
        .filter(|request| request.method == Method::DELETE)
        .map(|request| request.path.rsplit(':').next().unwrap_or_default())
        .collect();
    assert_eq!(deleted, ["first", "second"]);
    for name in ["first", "second"] {
        let count = requests.iter().filter(|request| request.path.contains(name)).count();
        assert_eq!(count, 3, "{requests:#?}");
    }
}

/// One environment entry is ignored: it is neither compared nor overwritten.
#[tokio::test]
async fn an_ignored_entry_is_sent_back_unchanged() {
    let world = World::new().await;
    let with = |ours: &str| {
        let rest = format!("environment: {{ OURS: {ours}, LEVEL: info }}, ignore: [environment.LEVEL, tags.team],");
        ONE.replace("  first: {", &format!("  first: {{ {rest}"))
    };
    world.manifest(&with("one"));
    world.apply().await;
    let theirs = edited("user_data", json!(r#"{"OURS":"one","LEVEL":"debug"}"#));
    assert_eq!(world.server.put("/fgs/functions/first/config", theirs).await.status, 200);
    let team = json!({ "tags": [{ "key": "team", "value": "theirs" }] });
    assert!(world.server.post("/functions/first/tags/create", team).await.status.is_success());
    assert_eq!(world.planned(&[]).await, Vec::<String>::new());
    world.manifest(&with("two"));
    world.apply().await;
    assert_eq!(world.planned(&[]).await, Vec::<String>::new());
    let record = world.server.get("/fgs/functions/first/config").await.body;
    let environment: Value = serde_json::from_str(record["user_data"].as_str().expect("text")).expect("JSON");
    assert_eq!(environment, json!({ "OURS": "two", "LEVEL": "debug" }));
    world.manifest(&with("two").replace("environment.LEVEL", "secrets.DB"));
    let refused = world.run(&["validate"]).await;
    assert_eq!(refused.code, Some(1));
    assert!(format!("{refused:?}").contains("environment.LEVEL or tags.team"), "{refused:?}");
}

/// The result of an apply during which another one ran completely.
async fn while_held(world: &World, (arrived, go): (&Notify, &Notify)) -> Ran {
    let arguments = ["apply", "--auto-approve", "--concurrency", "1"];
    let other = async {
        within("the request that is held", arrived.notified()).await;
        world.apply().await;
        go.notify_one();
    };
    let both = async { tokio::join!(world.run(&arguments), other) };
    let (held, ()) = within("the end of both applies", both).await;
    held
}

/// Two concurrent applies of one stack: the later one stops and gives the reason.
#[tokio::test]
async fn another_apply_of_the_stack_is_named() {
    let world = World::new().await;
    world.manifest(ONE);
    let (arrived, go) = world.hold(Method::POST, "/fgs/functions");
    let held = while_held(&world, (&arrived, &go)).await;
    refused(&held, "another apply of this stack created function default/first");
    world.manifest(&ONE.replace("  first: {", "  first: { memory: 256,"));
    let (arrived, go) = world.hold(Method::GET, "first/config");
    let held = while_held(&world, (&arrived, &go)).await;
    refused(&held, "/memory of function default/first, which another apply of this stack wrote, changed");
    assert_eq!(world.planned(&[]).await, Vec::<String>::new());
}
