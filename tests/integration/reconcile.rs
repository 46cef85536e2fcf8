//! Plan, apply and destroy through the program, with the embedded server.

use axum::http::Method;
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::sync::Notify;

use crate::patience::within;
use crate::process::Process;
use crate::recorder::{Effect, Recorded};
use crate::server_harness::nobody;
use crate::world::{PROJECT, World};

/// Two functions. The policy of the first notifies the second.
pub(crate) const PAIR: &str = "\
version: 1
stack: pair
defaults: { runtime: Python3.9, handler: index.handler, agency: fgs-notify }
functions:
  first:
    code: { inline: 'def handler(event, context): return 1' }
    environment: { LEVEL: info }
    tags: { team: payments }
    async: { max_retries: 2, on_success: { function: second } }
  second:
    code: { inline: 'def handler(event, context): return 2' }
";

pub(crate) async fn pair() -> World {
    let world = World::new().await;
    world.manifest(PAIR);
    world
}

pub(crate) async fn applied_pair() -> World {
    let world = pair().await;
    world.apply().await;
    world.requests();
    world
}

fn body(request: &Recorded) -> Value {
    serde_json::from_str(&request.body).expect("JSON")
}

pub(crate) fn nothing() -> Vec<String> {
    Vec::new()
}

#[tokio::test]
async fn a_plan_writes_nothing() {
    let world = pair().await;
    world.run(&["plan"]).await;
    world.apply().await;
    world.requests();
    world.manifest(&PAIR.replace("info", "debug"));
    world.run(&["plan"]).await;
    assert_eq!(world.writes(), []);
}

#[tokio::test]
async fn after_an_apply_nothing_is_planned_and_a_second_apply_writes_nothing() {
    for example in ["tutorial", "orders"] {
        let world = World::new().await;
        world.example(example);
        let secrets = [("ORDERS_PAYMENT_KEY", "x")];
        let ran = world.run_with(&secrets, &["apply", "--auto-approve"]).await;
        assert_eq!(ran.code, Some(0), "{ran:?}");
        let ran = world.run_with(&secrets, &["plan", "--detailed-exitcode"]).await;
        assert_eq!(ran.code, Some(0), "{ran:?}");
        world.requests();
        let ran = world.run_with(&secrets, &["apply", "--auto-approve"]).await;
        assert_eq!(ran.code, Some(0), "{ran:?}");
        assert_eq!(world.writes(), []);
    }
}

#[tokio::test]
async fn a_plan_is_shown_field_by_field() {
    let world = applied_pair().await;
    world.manifest(
        &PAIR
            .replace("LEVEL: info", "LEVEL: debug")
            .replace(
                "max_retries: 2, on_success: { function: second }",
                "max_retries: 2, on_failure: { obs: { bucket: failures, expires: 7 } }",
            )
            .replace("return 2", "return 3")
            .replace("  second:\n", "  second:\n    description: \"line one\\nline two\\n\"\n"),
    );
    let ran = world.run(&["plan"]).await;
    insta::assert_snapshot!(ran.stdout, @r#"
    Stack "pair" in region local-1, project 0123456789abcdef0123456789abcdef:
    ~ function:default/first
        update: configuration: the manifest changed
        environment.LEVEL  info → debug

    ~ async_policy:default/first
        update: policy: the manifest changed
        on_success  function default/second → (none)
        on_failure  (none) → obs bucket=failures expires=7 prefix=""

    ~ function:default/second
        update: configuration: the manifest changed; code: the manifest changed
        description
          + line one
          + line two
        code         other code → 1 file, 37 B

    Plan: 3 to update.
    "#);
    assert_eq!(ran.stderr, "");
}

#[tokio::test]
async fn a_plan_is_printed_as_json() {
    let world = applied_pair().await;
    world.manifest(&PAIR.replace("max_retries: 2", "max_retries: 3"));
    let plan = world.plan(&[]).await;
    let expected = json!({
        "format_version": "1.0",
        "stack": "pair",
        "region": "local-1",
        "project_id": PROJECT,
        "outcome": "changes",
        "summary": { "create": 0, "update": 1, "delete": 0, "adopt": 0, "record": 0 },
        "changes": [{
            "address": "async_policy:default/first",
            "kind": "async_policy",
            "action": "update",
            "reason": "policy: the manifest changed",
            "fields": [{ "path": "/max_retries", "before": 2, "after": 3 }],
            "waits_for": [],
        }],
        "left_out": [],
        "diagnostics": [],
    });
    assert_eq!(plan, expected);
}

#[tokio::test]
async fn exit_codes_show_the_result() {
    let world = pair().await;
    assert_eq!(world.run(&["plan"]).await.code, Some(0));
    assert_eq!(world.run(&["plan", "--detailed-exitcode"]).await.code, Some(2));
    assert_eq!(world.run(&["apply"]).await.code, Some(1), "there is no terminal");
    assert_eq!(world.writes(), []);
    world.apply().await;
    assert_eq!(world.run(&["plan", "--detailed-exitcode"]).await.code, Some(0));
    assert_eq!(world.run(&["apply"]).await.code, Some(0), "no confirmation is needed");
    assert_eq!(world.run(&["plan", "--no-such-flag"]).await.code, Some(1));
    world.manifest("version: 1\nstack: pair\nfunctions: { a: {} }\n");
    assert_eq!(world.run(&["plan", "--detailed-exitcode"]).await.code, Some(1));
}

#[tokio::test]
async fn requests_stay_within_the_budget() {
    let world = pair().await;
    world.apply().await;
    let creating = world.requests();
    let writes =
        creating.iter().filter(|request| request.path.contains("first") || request.path.ends_with("/functions"));
    assert_eq!(
        writes.filter(|request| request.method != Method::GET).count(),
        5,
        "4 for the first, 1 POST for the second"
    );
    assert_eq!(
        creating.iter().filter(|request| request.path.contains("first/async-invoke-config")).count(),
        2,
        "a policy is written and read again"
    );
    world.plan(&[]).await;
    // Two functions, one page of functions, one page of tags.
    assert_eq!(world.requests().len(), 4);
    world.manifest(&PAIR.replace("info", "debug"));
    world.apply().await;
    let update: Vec<String> = world
        .requests()
        .into_iter()
        .filter(|request| request.path.contains("default:first/") && !request.path.contains("async"))
        .map(|request| format!("{} {}", request.method, request.path.rsplit('/').next().unwrap_or_default()))
        .collect();
    let expected = ["GET config", "GET tags", "PUT config", "GET config", "POST create", "GET tags"];
    assert_eq!(update[..expected.len()], expected);
}

#[tokio::test]
async fn every_kind_of_change_converges() {
    let world = applied_pair().await;
    let steps = [
        PAIR.replace("LEVEL: info", "LEVEL: debug"),
        PAIR.replace("team: payments", "cost: '7'"),
        PAIR.replace("return 1", "return 10"),
        PAIR.replace("max_retries: 2, ", ""),
        PAIR.replace("on_success: { function: second }", "on_failure: { dis: { stream: audit } }"),
        PAIR.replace("    async: { max_retries: 2, on_success: { function: second } }\n", ""),
        PAIR.replace(
            "agency: fgs-notify",
            "memory: 512, timeout: 30s, initializer: { handler: index.start, timeout: 9 }",
        ),
        PAIR.replace("    tags:", "    protect: true\n    tags:"),
        PAIR.to_owned(),
        PAIR.replace("  second:", "  third:").replace("function: second", "function: third"),
    ];
    for manifest in steps {
        world.manifest(&manifest);
        assert_ne!(world.planned(&[]).await, nothing(), "{manifest}");
        world.apply().await;
        assert_eq!(world.planned(&[]).await, nothing(), "{manifest}");
    }
}

#[tokio::test]
async fn unmanaged_fields_survive_every_write() {
    let world = applied_pair().await;
    let first = world.server.urn("first");
    let strategy = json!({ "concurrency": 7, "concurrent_num": 1 });
    world.reconfigure("first", json!({ "app_xrole": "execution-agency", "strategy_config": strategy })).await;
    let policy = world.server.get(&format!("/fgs/functions/{first}/async-invoke-config")).await.body;
    let mut with_log = policy.clone();
    with_log["enable_async_status_log"] = json!(true);
    world.server.post("/fgs/functions/enable-async-status-logs", json!({})).await;
    assert_eq!(world.server.put(&format!("/fgs/functions/{first}/async-invoke-config"), with_log).await.status, 200);
    let code = world.server.get(&format!("/fgs/functions/{first}/code")).await.body;
    let upload = json!({
        "code_type": "zip", "code_filename": "index.zip", "func_code": { "file": code["func_code"]["file"] },
        "depend_version_list": ["0123"],
    });
    assert_eq!(world.server.put(&format!("/fgs/functions/{first}/code"), upload).await.status, 200);
    world.manifest(
        &PAIR.replace("info", "debug").replace("return 1", "return 9").replace("max_retries: 2", "max_retries: 0"),
    );
    world.apply().await;
    let record = world.server.get(&format!("/fgs/functions/{first}/config")).await.body;
    assert_eq!(record["app_xrole"], "execution-agency");
    assert_eq!(record["strategy_config"]["concurrency"], 7);
    assert_eq!(record["depend_version_list"], json!(["0123"]));
    let policy = world.server.get(&format!("/fgs/functions/{first}/async-invoke-config")).await.body;
    assert_eq!(policy["enable_async_status_log"], true);
    assert_eq!(policy["max_async_retry_attempts"], 0);
}

#[tokio::test]
async fn unowned_and_foreign_functions_need_a_flag() {
    let world = applied_pair().await;
    world.manifest(&PAIR.replace("stack: pair", "stack: other"));
    let ran = world.run(&["plan"]).await;
    assert_eq!(ran.code, Some(1));
    assert!(ran.stderr.contains("belongs to stack \"pair\""), "{}", ran.stderr);
    assert!(ran.stderr.contains("fgctl.yaml:5:3"), "{}", ran.stderr);
    let ran = world.run(&["apply", "--auto-approve", "--take-over"]).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(world.planned(&[]).await, nothing());

    let tags = json!({ "tags": [{ "key": "fgctl.stack", "value": "other" }] });
    let second = world.server.urn("second");
    world.server.send(Method::DELETE, &format!("/functions/{second}/tags/delete"), Some(tags)).await;
    assert_eq!(world.planned(&[]).await, ["adopt function:default/second"]);
    world.apply().await;
    assert_eq!(world.planned(&[]).await, nothing());
}

#[tokio::test]
async fn a_function_made_by_hand_is_adopted_only_with_a_flag() {
    let world = World::new().await;
    world.server.create_function("second").await;
    world.manifest(PAIR);
    let ran = world.run(&["apply", "--auto-approve"]).await;
    assert_eq!(ran.code, Some(1));
    assert!(ran.stderr.contains("--adopt"), "{}", ran.stderr);
    assert_eq!(world.writes(), []);
    let ran = world.run(&["apply", "--auto-approve", "--adopt"]).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(world.planned(&[]).await, nothing());
}

#[tokio::test]
async fn deletions_have_guards() {
    let world = applied_pair().await;
    let only_second = "version: 1\nstack: pair\ndefaults: { runtime: Python3.9, handler: index.handler, agency: fgs-notify }\n\
        functions:\n  second:\n    code: { inline: 'def handler(event, context): return 2' }\n";
    world.manifest(only_second);
    assert_eq!(world.planned(&[]).await, ["delete function:default/first", "delete async_policy:default/first"]);
    world.apply().await;
    assert_eq!(world.planned(&[]).await, nothing());
    world.manifest("version: 1\nstack: pair\nfunctions: {}\n");
    let ran = world.run(&["apply", "--auto-approve"]).await;
    assert_eq!(ran.code, Some(1));
    assert!(ran.stderr.contains("fgctl destroy"), "{}", ran.stderr);
    let ran = world.run(&["destroy", "--auto-approve"]).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let list = world.server.get("/fgs/functions").await.body;
    assert_eq!(list["count"], 0);
}

#[tokio::test]
async fn functions_that_notify_each_other_live_are_destroyed_too() {
    let world = applied_pair().await;
    let (first, second) = (world.server.urn("first"), world.server.urn("second"));
    let back = json!({ "destination_config": { "on_success": {
        "destination": "FunctionGraph", "param": json!({ "func_urn": first }).to_string() } } });
    world.server.put(&format!("/fgs/functions/{second}/async-invoke-config"), back).await;
    let ran = world.run(&["destroy", "--auto-approve"]).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
}

#[tokio::test]
async fn a_cycle_through_a_live_function_is_refused() {
    let world = applied_pair().await;
    world.server.create_function("outside").await;
    let outside = world.server.urn("outside");
    let back = json!({ "destination_config": { "on_failure": {
        "destination": "FunctionGraph", "param": json!({ "func_urn": world.server.urn("first") }).to_string() } } });
    world.server.put(&format!("/fgs/functions/{outside}/async-invoke-config"), back).await;
    world.manifest(&PAIR.replace("function: second", &format!("urn: '{outside}'")));
    let ran = world.run(&["apply", "--auto-approve"]).await;
    assert_eq!(ran.code, Some(1));
    assert!(ran.stderr.contains("default/outside"), "{}", ran.stderr);
    assert_eq!(world.writes(), []);
}

/// With 20 other tags there is room for ours only if some are removed, and then they are removed first.
#[tokio::test]
async fn too_many_tags_are_refused_before_the_first_write() {
    let world = World::new().await;
    world.server.create_function("first").await;
    let tags: Vec<_> = (0..20).map(|index| json!({ "key": format!("k{index}"), "value": "v" })).collect();
    let path = format!("/functions/{}/tags/create", world.server.urn("first"));
    assert!(world.server.post(&path, json!({ "tags": tags })).await.status.is_success());
    let manifest = |ignore: &str| {
        world.manifest(&format!(
            "version: 1\nstack: one\nfunctions:\n  first:\n    runtime: Python3.9\n    handler: index.handler\n    \
             code: {{ inline: 'x = 1' }}\n    ignore: [{ignore}]\n"
        ));
    };
    manifest("tags");
    let ran = world.run(&["apply", "--auto-approve", "--adopt"]).await;
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.stderr.contains("would have 23 tags, but the limit is 20"), "{}", ran.stderr);
    assert_eq!(world.writes(), []);
    manifest("");
    let ran = world.run(&["apply", "--auto-approve", "--adopt"]).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(world.planned(&[]).await, Vec::<String>::new());
}

/// A version is published with its function's current policy, and keeps it when the function loses its own.
#[tokio::test]
async fn a_cycle_through_a_published_version_is_refused() {
    let world = World::new().await;
    let manifest = |first: &str, second: &str| {
        // A version can only be published from code that no other version has.
        let function = |rest: &str| format!("{{ code: {{ inline: 'x = {}' }}{rest} }}", rest.contains("memory"));
        world.manifest(&format!(
            "version: 1\nstack: pair\ndefaults: {{ runtime: Python3.9, handler: index.handler, agency: fgs }}\n\
             functions:\n  first: {}\n  second: {}\n",
            function(first),
            function(second)
        ));
    };
    manifest("", ", async: { on_success: { function: first } }");
    world.apply().await;
    let versions = format!("/fgs/functions/{}/versions", world.server.urn("second"));
    assert!(world.server.post(&versions, json!({ "version": "v1" })).await.status.is_success());
    world.requests();
    manifest(", async: { on_success: { function: second, version: v1 } }", "");
    let ran = world.run(&["apply", "--auto-approve"]).await;
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.stderr.contains("first → second:v1 → first"), "{}", ran.stderr);
    assert_eq!(world.writes(), []);
    // If the policy is ignored, the function still has that version.
    manifest(", async: { on_success: { function: second, version: v1 } }", ", ignore: [async]");
    assert!(world.run(&["plan"]).await.stderr.contains("first → second:v1 → first"));
    // After the policy is gone, new versions have none.
    manifest("", ", memory: 256");
    world.apply().await;
    let published = world.server.post(&versions, json!({ "version": "v2" })).await;
    assert!(published.status.is_success(), "{published:?}");
    manifest(", async: { on_success: { function: second, version: v2 } }", ", memory: 256");
    world.apply().await;
}

#[tokio::test]
async fn secrets_are_compared_by_their_mark_and_never_shown() {
    let world = World::new().await;
    let manifest = PAIR.replace("    tags:", "    secrets: { PASSWORD: { env: PASSWORD } }\n    tags:");
    world.manifest(&manifest);
    let ran = world.run(&["plan"]).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.stderr.contains("PASSWORD is not set"), "{}", ran.stderr);
    let ran = world.run(&["apply", "--auto-approve"]).await;
    assert_eq!(ran.code, Some(1));
    assert_eq!(world.writes(), []);
    let canary = "canary-4711";
    let mut outputs = Vec::new();
    for (value, arguments, changes) in [
        (canary, &["apply", "--auto-approve"][..], true),
        (canary, &["plan"], false),
        ("another", &["plan"], true),
        ("another", &["apply", "--auto-approve", "-o", "json"], true),
        (canary, &["apply", "--auto-approve"], true),
    ] {
        let ran = world.run_with(&[("PASSWORD", value)], arguments).await;
        assert_eq!(ran.code, Some(0), "{ran:?}");
        assert_eq!(ran.stdout.contains("ecrets"), changes, "{}", ran.stdout);
        outputs.push(format!("{}{}", ran.stdout, ran.stderr));
    }
    assert!(outputs.iter().all(|output| !output.contains(canary) && !output.contains("another")));
    let tags = world.server.get(&format!("/functions/{}/tags", world.server.urn("first"))).await.body;
    assert!(!tags.to_string().contains(canary));
}

#[tokio::test]
async fn a_failing_change_skips_exactly_what_waits_for_it() {
    let world = pair().await;
    let refusal = r#"{"error_code":"FSS.1041","error_msg":"not today"}"#;
    world.disturb(Method::POST, "/fgs/functions", Effect::Answer(403, refusal.into()));
    let ran = world.run(&["apply", "--auto-approve", "-o", "json", "--concurrency", "1"]).await;
    assert_eq!(ran.code, Some(1));
    let report = ran.json();
    assert_eq!(report["outcome"], "failed");
    let ends: Vec<String> = report["changes"]
        .as_array()
        .expect("changes")
        .iter()
        .map(|change| format!("{} {} {}", change["address"], change["status"], change["because"]))
        .collect();
    assert_eq!(
        ends,
        [
            r#""function:default/first" "failed" null"#,
            r#""async_policy:default/first" "skipped" "function:default/first""#,
            r#""function:default/second" "done" null"#,
        ]
    );
    let error = &report["changes"][0]["error"];
    assert_eq!((&error["code"], &error["request_id"]), (&json!("FSS.1041"), &json!("request-of-the-proxy")));
    assert!(error["message"].as_str().expect("text").contains("not today"));
    world.apply().await;
    assert_eq!(world.planned(&[]).await, nothing());
}

#[tokio::test]
async fn changes_since_the_plan_are_not_overwritten() {
    let world = applied_pair().await;
    let first = world.server.urn("first");
    let edited = world.configuration("first", json!({ "memory_size": 1024 })).await;
    world.manifest(&PAIR.replace("info", "debug"));
    let edit = world.edit(Method::PUT, &format!("/fgs/functions/{first}/config"), edited);
    world.disturb(Method::GET, "first/config", edit);
    let ran = world.run(&["apply", "--auto-approve"]).await;
    assert_eq!(ran.code, Some(1));
    assert!(ran.stdout.contains("/memory of function default/first changed; plan again"), "{}", ran.stdout);
    assert_eq!(world.writes(), []);
    world.apply().await;
    assert_eq!(world.planned(&[]).await, nothing());
}

#[tokio::test]
async fn a_policy_that_changed_since_the_plan_is_not_overwritten() {
    let world = applied_pair().await;
    let first = world.server.urn("first");
    world.manifest(&PAIR.replace("max_retries: 2", "max_retries: 3"));
    world.disturb(
        Method::POST,
        "/resource-instances/filter",
        world.edit(Method::PUT, &format!("/fgs/functions/{first}/async-invoke-config"), json!({})),
    );
    // The change above was before the plan; this one comes after it, at the second read of the policy.
    world.apply().await;
    world.manifest(&PAIR.replace("max_retries: 2", "max_retries: 1"));
    let plan_read = world.edit(Method::GET, "/fgs/functions", Value::Null);
    world.disturb(Method::GET, "first/async-invoke-config", plan_read);
    let edit = world.edit(Method::PUT, &format!("/fgs/functions/{first}/async-invoke-config"), json!({}));
    world.disturb(Method::GET, "first/async-invoke-config", edit);
    world.requests();
    let ran = world.run(&["apply", "--auto-approve"]).await;
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.stdout.contains("the policy of default/first changed; plan again"), "{}", ran.stdout);
    assert_eq!(world.writes(), []);
}

#[tokio::test]
async fn accepted_but_not_applied_is_an_error() {
    let world = applied_pair().await;
    let first = world.server.urn("first");
    let unchanged = world.server.get(&format!("/fgs/functions/{first}/config")).await.body.to_string();
    world.manifest(&PAIR.replace("info", "debug"));
    world.disturb(Method::PUT, "first/config", Effect::Answer(200, unchanged));
    let ran = world.run(&["apply", "--auto-approve"]).await;
    assert_eq!(ran.code, Some(1));
    assert!(ran.stdout.contains("accepted it but did not apply it: /environment/LEVEL"), "{}", ran.stdout);
}

#[tokio::test]
async fn tags_that_were_accepted_but_not_set_are_detected() {
    let world = pair().await;
    world.disturb(Method::POST, "first/tags/create", Effect::Answer(204, String::new()));
    let ran = world.run(&["apply", "--auto-approve", "-o", "json"]).await;
    assert_eq!(ran.code, Some(1));
    let error = &ran.json()["changes"][0]["error"];
    assert_eq!(error["code"], "not-applied");
    assert_eq!(world.planned(&[]).await, ["adopt function:default/first"]);
    world.apply().await;
    assert_eq!(world.planned(&[]).await, nothing());
}

/// If setting a tag again does not replace its value, the old one is removed first, except for the ownership tag.
#[tokio::test]
async fn a_mark_that_was_not_replaced_is_removed_and_set_again() {
    let world = applied_pair().await;
    world.manifest(&PAIR.replace("info", "debug"));
    world.disturb(Method::POST, "first/tags/create", Effect::Answer(204, String::new()));
    world.apply().await;
    let deleted: Vec<Value> =
        world.writes().into_iter().filter(|one| one.method == Method::DELETE).map(|one| body(&one)).collect();
    assert_eq!(deleted.len(), 1);
    assert_eq!(deleted[0]["tags"][0]["key"], "fgctl.config");
    assert_eq!(deleted[0]["tags"].as_array().map(Vec::len), Some(1));
    assert_eq!(world.planned(&[]).await, nothing());
}

#[tokio::test]
async fn errors_name_the_request_and_keep_the_services_message() {
    let world = applied_pair().await;
    let table: [(u16, &str, &str); 4] = [
        (500, r#"{"error_code":"FSS.0500","error_msg":"database down"}"#, "answered 500 FSS.0500: database down"),
        (502, "<html>bad gateway</html>", "answered 502: <html>bad gateway</html>"),
        (200, "<html>hello</html>", "cannot be read"),
        (200, r#"{"functions":["#, "cannot be read"),
    ];
    for (status, body, expected) in table {
        world.disturb(Method::GET, "/fgs/functions", Effect::Answer(status, body.into()));
        let ran = world.run(&["plan", "--max-retries", "0"]).await;
        assert_eq!(ran.code, Some(1));
        assert!(ran.stderr.contains(expected), "{}", ran.stderr);
        assert!(ran.stderr.contains("GET /v2/"), "{}", ran.stderr);
        assert!(ran.stderr.contains("request-of-the-proxy"), "{}", ran.stderr);
    }
    world.disturb(Method::GET, "/fgs/functions", Effect::Answer(503, table[0].1.into()));
    let failed = world.plan(&["--max-retries", "0"]).await;
    assert_eq!((&failed["outcome"], &failed["error"]["code"]), (&json!("failed"), &json!("FSS.0500")));
    let (_reserved, endpoint) = nobody();
    let nobody = world.run(&["plan", "--endpoint", &endpoint, "--max-retries", "0"]).await;
    assert_eq!(nobody.code, Some(1));
    assert!(nobody.stderr.contains(&format!("no answer from {endpoint}")), "{}", nobody.stderr);
    let stranger = world.run_with(&[("FGCTL_SECRET_KEY", "wrong")], &["plan"]).await;
    assert!(stranger.stderr.contains("401 APIGW.0301"), "{}", stranger.stderr);
}

/// An apply that was interrupted once while its first write is held: the process, and the means to release the write.
#[cfg(unix)]
async fn interrupted_apply(world: &World) -> (Process, Arc<Notify>) {
    let (arrived, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    world.disturb(Method::POST, "/fgs/functions", Effect::Hold(Arc::clone(&arrived), Arc::clone(&go)));
    let arguments = ["apply", "--auto-approve", "-o", "json", "--concurrency", "1"];
    let apply = Process::start(&mut world.command(&arguments));
    within("the first write", arrived.notified()).await;
    apply.signal("-INT");
    let said = apply.error_line();
    assert!(said.contains("Interrupted"), "{said}");
    (apply, go)
}

#[cfg(unix)]
#[tokio::test]
async fn an_interrupted_apply_finishes_changes_in_progress() {
    let world = pair().await;
    let (apply, go) = interrupted_apply(&world).await;
    go.notify_one();
    let output = apply.ended().await;
    assert_eq!(output.status.code(), Some(1));
    let report: Value = serde_json::from_slice(&output.stdout).expect("a report");
    let statuses: Vec<&str> =
        report["changes"].as_array().expect("changes").iter().filter_map(|change| change["status"].as_str()).collect();
    assert_eq!(statuses, ["done", "skipped", "skipped"]);
    world.apply().await;
    assert_eq!(world.planned(&[]).await, nothing());
}

#[cfg(unix)]
#[tokio::test]
async fn a_second_interruption_aborts() {
    let world = pair().await;
    let (apply, _go) = interrupted_apply(&world).await;
    apply.signal("-INT");
    assert_eq!(apply.ended().await.status.code(), Some(130));
}

#[tokio::test]
async fn a_status_log_is_managed_if_it_is_declared() {
    let world = applied_pair().await;
    let declared = |value: &str| PAIR.replace("max_retries: 2,", &format!("max_retries: 2, status_log: {value},"));
    let live = async || {
        let first = world.server.urn("first");
        world.server.get(&format!("/fgs/functions/{first}/async-invoke-config")).await.body["enable_async_status_log"]
            .clone()
    };
    assert_eq!(live().await, json!(null));
    world.manifest(&declared("true"));
    assert_eq!(world.planned(&[]).await, ["update async_policy:default/first"]);
    world.apply().await;
    assert_eq!(live().await, true);
    assert_eq!(world.planned(&[]).await, nothing());
    // If it is not declared, it is kept; only the mark changes.
    world.manifest(PAIR);
    assert_eq!(world.planned(&[]).await, ["record async_policy:default/first"]);
    world.apply().await;
    assert_eq!((live().await, world.planned(&[]).await), (json!(true), nothing()));
    world.manifest(&declared("false"));
    assert_eq!(world.planned(&[]).await, ["update async_policy:default/first"]);
    world.apply().await;
    assert_eq!((live().await, world.planned(&[]).await), (json!(false), nothing()));
}
