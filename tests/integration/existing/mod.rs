//! Policies of functions that something else deploys: the functions come from the raw API and stay as they are.

mod calls;
mod example;
mod exports;
mod hand_over;
mod reports;
mod tags;

use axum::http::Method;
use serde_json::{Value, json};

use crate::server_harness::function;
use crate::world::{Ran, World};

/// Two functions of others, and one of the stack that the first one notifies.
const MANIFEST: &str = "\
version: 1
stack: policies
functions:
  intake: # fgctl: ignore[retries-without-failure-target] only a test
    existing: true
    async: { max_retries: 2, on_success: { function: settle } }
  report:
    existing: true
    package: default
    name: daily-report
    async: { max_validity_period: 1h, on_failure: { function: intake } }
  settle:
    runtime: Python3.9
    handler: index.handler
    code: { inline: 'def handler(event, context): return 1' }
";

const NAMES: [&str; 2] = ["intake", "daily-report"];

/// The same without the stack's own function.
fn policies_alone() -> String {
    let (entries, _) = MANIFEST.split_once("  settle:").expect("an entry");
    entries.replace(", on_success: { function: settle }", "")
}

async fn world_with(manifest: &str) -> World {
    let world = World::new().await;
    for name in NAMES {
        let mut body = function(name);
        body["xrole"] = json!("theirs");
        body["user_data"] = json!(r#"{"LEVEL":"info"}"#);
        body["encrypted_user_data"] = json!(r#"{"PASSWORD":"theirs"}"#);
        body["description"] = json!("deployed by Terraform");
        assert_eq!(world.server.post("/fgs/functions", body).await.status, 200);
        tag(&world, name, "team", "theirs").await;
        world
            .reconfigure(name, json!({ "memory_size": 512, "ephemeral_storage": 10240, "enable_auth_in_header": true }))
            .await;
    }
    world.manifest(manifest);
    world
}

async fn world() -> World {
    world_with(MANIFEST).await
}

async fn applied() -> World {
    let world = world().await;
    world.apply().await;
    world.requests();
    world
}

async fn tag(world: &World, name: &str, key: &str, value: &str) {
    let tags = json!({ "tags": [{ "key": key, "value": value }] });
    let path = format!("/functions/{}/tags/create", world.server.urn(name));
    assert!(world.server.post(&path, tags).await.status.is_success());
}

async fn tags(world: &World, name: &str) -> Vec<String> {
    let tags = world.server.get(&format!("/functions/{}/tags", world.server.urn(name))).await.body;
    let tags = tags["tags"].as_array().expect("tags").iter();
    let mut keys: Vec<String> = tags.map(|tag| tag["key"].as_str().expect("a key").to_owned()).collect();
    keys.sort();
    keys
}

/// As Terraform does it: the tags become what is declared there.
async fn replace_tags(world: &World, name: &str) {
    let urn = world.server.urn(name);
    let mut found = world.server.get(&format!("/functions/{urn}/tags")).await.body;
    let own = json!({ "tags": found["tags"].take() });
    assert!(
        world
            .server
            .send(Method::DELETE, &format!("/functions/{urn}/tags/delete"), Some(own))
            .await
            .status
            .is_success()
    );
    tag(world, name, "team", "theirs").await;
}

fn policy_path(world: &World, name: &str) -> String {
    format!("/fgs/functions/{}/async-invoke-config", world.server.urn(name))
}

async fn policy(world: &World, name: &str) -> Option<Value> {
    let reply = world.server.get(&policy_path(world, name)).await;
    (reply.status == 200).then_some(reply.body)
}

async fn set_policy(world: &World, name: &str, retries: u32) {
    let body = json!({ "max_async_retry_attempts": retries });
    assert!(world.server.put(&policy_path(world, name), body).await.status.is_success());
}

/// Everything that the service shows of a function, but its policy and its tags.
async fn whole(world: &World, name: &str) -> Value {
    let urn = world.server.urn(name);
    let config = world.server.get(&format!("/fgs/functions/{urn}/config")).await.body;
    let code = world.server.get(&format!("/fgs/functions/{urn}/code")).await.body;
    let mut all = json!([config, code]);
    // The service may count a policy's write as a change.
    all[0]["last_modified"].take();
    all[1]["last_modified"].take();
    all
}

/// Nothing but policies and tags was written, of functions that are not the stack's.
fn assert_only_policies(world: &World) {
    for write in world.writes() {
        let is_theirs = NAMES.iter().any(|name| write.path.contains(&format!(":default:{name}")));
        let is_allowed =
            ["/async-invoke-config", "/tags/create", "/tags/delete"].iter().any(|end| write.path.ends_with(end));
        assert!(!is_theirs || is_allowed, "{} {}", write.method, write.path);
    }
}

fn codes(ran: &Ran) -> Vec<String> {
    let document = ran.json();
    let found = document["diagnostics"].as_array().cloned().unwrap_or_default();
    found.iter().map(|one| one["code"].as_str().expect("a code").to_owned()).collect()
}

#[tokio::test]
async fn a_policy_lives_and_ends_and_the_function_stays_as_it_is() {
    let world = world().await;
    let before = whole(&world, "intake").await;
    let expected = [
        "create async_policy:default/daily-report",
        "create async_policy:default/intake",
        "create function:default/settle",
    ];
    assert_eq!(world.planned(&[]).await, expected);
    world.requests();
    world.apply().await;
    assert_only_policies(&world);
    assert_eq!(policy(&world, "intake").await.expect("a policy")["max_async_retry_attempts"], 2);
    assert_eq!(tags(&world, "intake").await, ["fgctl.async", "fgctl.policy", "team"]);
    assert_eq!(world.run(&["plan", "--detailed-exitcode"]).await.code, Some(0));
    assert_eq!(world.run(&["drift"]).await.code, Some(0));

    // The manifest changes, live changes, and both do.
    world.manifest(&MANIFEST.replace("max_retries: 2", "max_retries: 3"));
    let drift = |ran: Ran| (ran.code, ran.json()["findings"][0]["state"].clone());
    assert_eq!(drift(world.run(&["drift", "-o", "json"]).await), (Some(0), json!("pending")));
    world.apply().await;
    set_policy(&world, "intake", 0).await;
    assert_eq!(drift(world.run(&["drift", "-o", "json"]).await), (Some(2), json!("drifted")));
    world.manifest(&MANIFEST.replace("max_retries: 2", "max_retries: 1"));
    assert_eq!(drift(world.run(&["drift", "-o", "json"]).await), (Some(2), json!("conflict")));
    world.apply().await;
    assert_eq!(policy(&world, "intake").await.expect("a policy")["max_async_retry_attempts"], 1);

    let destroyed = world.run(&["destroy", "--auto-approve"]).await;
    assert_eq!(destroyed.code, Some(0), "{destroyed:?}");
    assert_only_policies(&world);
    for name in NAMES {
        assert_eq!((policy(&world, name).await, tags(&world, name).await), (None, vec!["team".to_owned()]));
    }
    assert_eq!(whole(&world, "intake").await, before);
    assert_eq!(world.server.get("/fgs/functions").await.body["count"], 2);
}

#[tokio::test]
async fn an_entry_that_goes_takes_only_its_policy_along() {
    let world = applied().await;
    let before = whole(&world, "daily-report").await;
    let (kept, _) = MANIFEST.split_once("  report:").expect("an entry");
    let (_, settle) = MANIFEST.split_once("  settle:").expect("an entry");
    world.manifest(&format!("{kept}  settle:{settle}"));
    assert_eq!(world.planned(&[]).await, ["delete async_policy:default/daily-report"]);
    world.apply().await;
    assert_only_policies(&world);
    assert_eq!(policy(&world, "daily-report").await, None);
    assert_eq!(whole(&world, "daily-report").await, before);
    assert_eq!(world.run(&["plan", "--detailed-exitcode"]).await.code, Some(0));
}

#[tokio::test]
async fn a_missing_function_is_an_error_at_its_place_and_nothing_creates_it() {
    let world = World::new().await;
    world.manifest(MANIFEST);
    let ran = world.run(&["apply", "--auto-approve"]).await;
    assert_eq!(ran.code, Some(1));
    let expected = "error[existing-missing]: function default/intake does not exist";
    assert!(ran.stderr.contains(expected) && ran.stderr.contains("fgctl.yaml:4:3"), "{}", ran.stderr);
    assert_eq!(world.writes(), []);
    let drift = world.run(&["drift", "-o", "json"]).await;
    assert_eq!(drift.code, Some(2), "{drift:?}");
    assert_eq!(drift.json()["summary"]["missing"], 3);
}

/// n policies, a page of functions, one of tags: a plan takes no request more.
#[tokio::test]
async fn a_plan_takes_one_request_for_each_policy() {
    let world = applied().await;
    assert_eq!(world.run(&["plan", "--detailed-exitcode"]).await.code, Some(0));
    assert_eq!(world.requests().len(), 3 + 1 + 1);
    world.manifest(&policies_alone());
    assert_eq!(world.run(&["plan", "--allow-deletes", "1"]).await.code, Some(0));
    // `settle` goes: it is read as a whole, and so are the policies that may notify it.
    let requests = world.requests();
    assert!(requests.len() <= 3 + 1 + 1 + 2, "{requests:#?}");
}

#[tokio::test]
async fn a_live_policy_that_nobody_marked_needs_a_word_if_it_differs() {
    let world = world().await;
    set_policy(&world, "intake", 3).await;
    let refused = world.run(&["apply", "--auto-approve"]).await;
    assert_eq!(refused.code, Some(1));
    assert!(refused.stderr.contains("has a policy that belongs to no stack and differs in"), "{}", refused.stderr);
    assert_eq!(world.writes(), []);
    let imported = world.run(&["import", "intake", "--auto-approve"]).await;
    assert!(imported.stdout.contains("Plan: 1 policy to adopt."), "{imported:?}");
    assert_eq!(policy(&world, "intake").await.expect("a policy")["max_async_retry_attempts"], 3);
    assert!(world.planned(&[]).await.contains(&"update async_policy:default/intake".to_owned()));
    replace_tags(&world, "intake").await;
    assert_eq!(world.run(&["apply", "--auto-approve", "--adopt"]).await.code, Some(0));
    assert_eq!(world.run(&["plan", "--detailed-exitcode"]).await.code, Some(0));
    // Without the tags, an equal policy is adopted.
    replace_tags(&world, "intake").await;
    assert_eq!(world.planned(&[]).await, ["adopt async_policy:default/intake"]);
    world.apply().await;
    assert_only_policies(&world);
}

#[tokio::test]
async fn a_policy_belongs_to_one_stack() {
    let world = applied().await;
    world.file("other/fgctl.yaml", &policies_alone().replace("stack: policies", "stack: other"));
    let other = ["apply", "-f", "other", "--auto-approve"];
    let refused = world.run(&other).await;
    assert!(
        refused.stderr.contains("the policy of function default/intake belongs to stack \"policies\""),
        "{refused:?}"
    );
    assert_eq!(world.writes(), []);
    assert_eq!(world.run(&[&other[..], &["--take-over"]].concat()).await.code, Some(0));
    // What another stack has taken over is not deleted.
    let (_, settle) = MANIFEST.split_once("  settle:").expect("an entry");
    world.manifest(&format!("version: 1\nstack: policies\nfunctions:\n  settle:{settle}"));
    assert_eq!(world.planned(&[]).await, Vec::<String>::new());
    // A whole function of another stack keeps its policy, too.
    world.file(
        "other/fgctl.yaml",
        "version: 1\nstack: other\nfunctions:\n  settle: { existing: true, async: { max_retries: 0 } }\n",
    );
    let refused = world.run(&[&other[..], &["--take-over", "--adopt"]].concat()).await;
    assert!(refused.stderr.contains("function default/settle belongs to stack \"policies\""), "{refused:?}");
    world.file("other/fgctl.yaml", "version: 1\nstack: other\nfunctions:\n  settle: { existing: true }\n");
    let planned = world.planned(&["-f", "other"]).await;
    assert!(planned.iter().all(|change| change.starts_with("delete async_policy:")), "{planned:?}");
}

#[tokio::test]
async fn a_whole_function_becomes_an_existing_one_and_back() {
    let world = applied().await;
    let whole_one = MANIFEST.split_once("  settle:").expect("an entry").1;
    world.manifest(&MANIFEST.replace(whole_one, "\n    existing: true\n    async: { max_retries: 3 }\n"));
    let expected = ["forget function:default/settle", "create async_policy:default/settle"];
    assert_eq!(world.planned(&[]).await, expected);
    world.apply().await;
    let writes = world.requests();
    assert!(!writes.iter().any(|it| it.path.ends_with("/config") && it.method == Method::PUT), "{writes:#?}");
    assert_eq!(tags(&world, "settle").await, ["fgctl.async", "fgctl.policy"]);
    assert_eq!(world.run(&["plan", "--detailed-exitcode"]).await.code, Some(0));
    // A destroy leaves what the manifest says belongs to others.
    world.manifest(MANIFEST);
    let refused = world.run(&["plan"]).await;
    assert!(refused.stderr.contains("differs in async"), "{refused:?}");
    assert_eq!(world.run(&["apply", "--auto-approve", "--adopt"]).await.code, Some(0));
    assert_eq!(world.run(&["plan", "--detailed-exitcode"]).await.code, Some(0));
    assert!(!tags(&world, "settle").await.contains(&"fgctl.policy".to_owned()));
    world.manifest(&MANIFEST.replace(whole_one, "\n    existing: true\n"));
    assert_eq!(world.run(&["destroy", "--auto-approve"]).await.code, Some(0));
    assert_eq!(world.server.get("/fgs/functions").await.body["count"], 3);
    world.manifest("version: 1\nstack: policies\nfunctions: {}\n");
    assert_eq!(world.planned(&[]).await, Vec::<String>::new(), "it is not taken for an interrupted create");
}

#[tokio::test]
async fn a_policy_that_someone_else_changes_meanwhile_is_not_overwritten() {
    let world = applied().await;
    world.manifest(&MANIFEST.replace("max_retries: 2", "max_retries: 3"));
    let path = policy_path(&world, "intake");
    let edit = world.edit(Method::PUT, &path, json!({ "max_async_retry_attempts": 0 }));
    world.disturb(Method::GET, "default:intake/async-invoke-config$", edit);
    let ran = world.run(&["apply", "--auto-approve"]).await;
    assert_eq!(ran.code, Some(1));
    assert!(ran.stdout.contains("the policy of default/intake changed"), "{ran:?}");
    // Another stack takes the policy at the last moment.
    let taken = json!({ "tags": [{ "key": "fgctl.policy", "value": "other" }] });
    let edit = world.edit(Method::POST, &format!("/functions/{}/tags/create", world.server.urn("intake")), taken);
    world.disturb(Method::GET, "default:intake/tags$", edit);
    let ran = world.run(&["apply", "--auto-approve"]).await;
    assert!(ran.stdout.contains("now says \"other\""), "{ran:?}");
    assert_eq!(policy(&world, "intake").await.expect("a policy")["max_async_retry_attempts"], 0);
}

#[tokio::test]
async fn parts_of_plans_and_saved_plans_know_policies_of_others() {
    let world = applied().await;
    world.manifest(&MANIFEST.replace("max_retries: 2", "max_retries: 3"));
    set_policy(&world, "daily-report", 0).await;
    let planned = async |more: &[&str]| world.planned(more).await;
    let both = ["update async_policy:default/daily-report", "update async_policy:default/intake"];
    // The report's policy needs the one that it leads to.
    assert_eq!(planned(&["--only-drift"]).await, both);
    assert_eq!(planned(&["--only-pending"]).await, both[1..]);
    assert_eq!(planned(&["--target", "report"]).await, both);
    assert_eq!(planned(&["--target", "async_policy:default/intake"]).await, both[1..]);
    assert_eq!(planned(&["--exclude", "daily-report"]).await, ["update async_policy:default/intake"]);
    assert_eq!(world.run(&["plan", "--out", "saved"]).await.code, Some(0));
    // Their own configuration may change; their policies may not.
    world.reconfigure("intake", json!({ "memory_size": 1024 })).await;
    assert_eq!(world.run(&["plan", "--out", "again"]).await.code, Some(0));
    set_policy(&world, "daily-report", 1).await;
    let stale = world.run(&["apply", "saved"]).await;
    assert_eq!(stale.code, Some(3), "{stale:?}");
    let expected = "async_policy:default/daily-report: live changed: /max_retries";
    assert!(stale.stderr.contains(expected) && !stale.stderr.contains("intake"), "{}", stale.stderr);
    set_policy(&world, "daily-report", 0).await;
    assert_eq!(world.run(&["apply", "again"]).await.code, Some(0));
    assert_eq!(world.run(&["plan", "--detailed-exitcode"]).await.code, Some(0));
}

#[tokio::test]
async fn defaults_give_policies_to_all_functions() {
    let manifest = policies_alone()
        .replace("functions:", "defaults: { async: { max_retries: 3 } }\nfunctions:")
        .replace("    async: { max_retries: 2 }\n", "")
        .replace("async: { max_validity_period: 1h, on_failure: { function: intake } }", "async: null");
    let world = world_with(&manifest).await;
    assert_eq!(world.planned(&[]).await, ["create async_policy:default/intake"]);
    world.apply().await;
    assert_eq!(policy(&world, "intake").await.expect("a policy")["max_async_retry_attempts"], 3);
}
