//! Plan, apply and destroy through the program, with the embedded server.

use axum::http::Method;
use serde_json::{Value, json};

use crate::recorder::Recorded;
use crate::world::{PROJECT, World};

/// Two functions. The policy of the first notifies the second.
pub(crate) const PAIR: &str = "\
version: 1
stack: pair
defaults: { runtime: Python3.9, handler: index.handler, agency: fgs-notify }
functions:
  first: # fgctl: ignore[retries-without-failure-target] only a test
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

pub(crate) fn body(request: &Recorded) -> Value {
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
            .replace(" # fgctl: ignore[retries-without-failure-target] only a test", "")
            .replace("LEVEL: info", "LEVEL: debug")
            .replace(
                "max_retries: 2, on_success: { function: second }",
                "max_retries: 2, on_failure: { obs: { bucket: failures, expires: 7 } }",
            )
            .replace("return 2", "return 3")
            .replace("  second:\n", "  second:\n    description: \"line one\\nline two\\n\"\n"),
    );
    let ran = world.run(&["plan"]).await;
    insta::assert_snapshot!(ran.transcript());
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
        "summary": { "create": 0, "update": 1, "delete": 0, "adopt": 0, "record": 0, "forget": 0, "replace": 0 },
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
        "effects": [{
            "function": "default/first",
            "before": { "executions": 5, "seconds": 7206 },
            "after": { "executions": 6, "seconds": 7206 },
            "notified": [],
            "starts": [],
        }],
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
async fn secrets_are_compared_by_their_mark_and_never_shown() {
    let world = World::new().await;
    let manifest = PAIR.replace("    tags:", "    secrets: { PASSWORD: { env: PASSWORD } }\n    tags:");
    world.manifest(&manifest);
    let ran = world.run(&["plan"]).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    insta::assert_snapshot!(ran.transcript());
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
