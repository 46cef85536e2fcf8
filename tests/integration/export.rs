//! `fgctl export`: whatever is live, the written manifest validates, and its plan contains only adoptions.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
#[cfg(unix)]
use reqwest::Method;
use reqwest::StatusCode;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{Cursor, Write};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

#[cfg(unix)]
use crate::patience::within;
#[cfg(unix)]
use crate::process::{Process, text};

use crate::random_fields::{self, Afterwards};
use crate::server_harness::{Reply, Server, function};
use crate::world::World;

/// A random function with anything that the service accepts.
#[derive(Debug, Clone)]
struct Random {
    package: &'static str,
    name: String,
    body: Value,
    tags: BTreeMap<String, String>,
    policy: Option<RandomPolicy>,
    afterwards: Afterwards,
}

#[derive(Debug, Clone)]
struct RandomPolicy {
    retries: u32,
    validity: u32,
    targets: [Option<RandomTarget>; 2],
}

#[derive(Debug, Clone)]
enum RandomTarget {
    /// A function of this project by its index, with the qualifier after its URN.
    Function(prop::sample::Index, &'static str),
    /// A function that does not exist here.
    Elsewhere(&'static str),
    Service(&'static str, Value),
}

/// Text with a meaning in YAML, in manifests or on a terminal.
fn texts() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "null",
        "~",
        "true",
        "0x1F",
        "1e3",
        "-",
        ": ",
        " #",
        "\n",
        "\r\n",
        "\t",
        " ",
        "---\n",
        "|",
        "&a",
        "*a",
        "!t",
        "%",
        "@",
        "`",
        "'",
        "\"",
        "\\",
        "{",
        "}",
        "[",
        "<<",
        "${",
        "${var.x}",
        "$${",
        "$",
        "\u{85}",
        "\u{2028}",
        "\u{feff}",
        "\u{1b}",
        "\u{0}",
        "\u{202e}",
        "ü",
        "🦀",
        "word",
        "two words\nand lines\n",
        "=",
        "<b>",
    ]);
    prop::collection::vec(pieces, 0..5).prop_map(|pieces| pieces.concat())
}

fn archive(files: &[(&str, u32)]) -> String {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, mode) in files {
        writer.start_file(*name, SimpleFileOptions::default().unix_permissions(*mode)).expect("a file");
        writer.write_all(name.as_bytes()).expect("content");
    }
    STANDARD.encode(writer.finish().expect("an archive").into_inner())
}

/// The code fields of a create request.
fn codes() -> impl Strategy<Value = Value> {
    let zip = |files: &[(&str, u32)]| json!({ "code_type": "zip", "code_filename": "index.zip", "func_code": { "file": archive(files) } });
    let url = |url: &str| json!({ "code_type": "obs", "code_url": url });
    prop::sample::select(vec![
        json!({ "code_type": "inline", "func_code": { "file": STANDARD.encode("def handler(event, context): pass\n") } }),
        zip(&[("index.py", 0o644), ("lib/x.py", 0o644)]),
        zip(&[("bootstrap", 0o755)]),
        zip(&[("index.py", 0o644), ("__pycache__/index.pyc", 0o644)]),
        zip(&[("../index.py", 0o644)]),
        zip(&[]),
        url("https://code.obs.eu-de.otc.t-systems.com/a.zip"),
        url("https://code.obs.eu-de.otc.t-systems.com/${var.x}.zip"),
        json!({ "code_type": "Custom-Image-Swr", "xrole": "a", "custom_image": { "enabled": true, "image": "swr.eu-de.example.com/a:1" } }),
    ])
}

/// Variables in the service's form, JSON in a string.
fn variables() -> impl Strategy<Value = Option<String>> {
    let names = prop::sample::select(vec!["LEVEL", "null", "a.b-c", "PASSWORD", "on", "n"]);
    // The service has no variables with a NUL.
    let texts = texts().prop_map(|text| text.replace('\0', "").into());
    let values =
        prop_oneof![4 => texts, 1 => any::<i32>().prop_map(Value::from), 1 => any::<bool>().prop_map(Value::from)];
    let some = prop::collection::btree_map(names, values, 0..4).prop_map(|entries| Some(json!(entries).to_string()));
    let many = (1..=20_u8)
        .prop_map(|count| (0..count).map(|index| (format!("V{index}"), index.to_string())).collect::<BTreeMap<_, _>>());
    prop_oneof![2 => Just(None), 4 => some, 1 => many.prop_map(|entries| Some(json!(entries).to_string()))]
}

fn tags() -> impl Strategy<Value = BTreeMap<String, String>> {
    let keys = prop::sample::select(vec!["team", "null", "größe", "a b", "x:y", "yes"]);
    let values = prop::sample::select(vec!["", "payments", "on", "1.10", " a ", "a/b", "true", "größe"]);
    let some = prop::collection::btree_map(keys, values, 0..4)
        .prop_map(|tags| tags.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect());
    let many = (12..=20_u8).prop_map(|count| (0..count).map(|index| (format!("t{index}"), "x".to_owned())).collect());
    let marks = prop::sample::subsequence(
        vec![
            ("fgctl.stack", "exported"),
            ("fgctl.config", "1-00"),
            ("fgctl.code", "1-00-11"),
            ("fgctl.async", "1-22"),
            ("fgctl.protect", "true"),
            ("fgctl.secrets", "1.00.11"),
        ],
        0..6,
    );
    let marks = marks.prop_map(|marks| marks.into_iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect());
    let other = Just(BTreeMap::from([("fgctl.stack".to_owned(), "another".to_owned())]));
    prop_oneof![4 => some, 1 => many, 2 => marks, 1 => other]
}

fn targets() -> impl Strategy<Value = RandomTarget> {
    let here = (any::<prop::sample::Index>(), prop::sample::select(vec!["", ":latest", ":v1", ":!prod"]));
    let elsewhere = prop::sample::select(vec![
        "urn:fss:eu-de:0123456789abcdef0123456789abcdef:function:default:elsewhere",
        "urn:fss:eu-de:0123456789abcdef0123456789abcdef:function:default:null:!prod",
        "urn:fss:eu-de:0123456789abcdef0123456789abcdef:function:default:intake",
    ]);
    let services = prop::sample::select(vec![
        ("OBS", json!({ "bucket": "123", "prefix": "async/${var.x}/", "expires": 7 })),
        ("OBS", json!({ "bucket": "failures" })),
        ("OBS", json!({ "bucket": "failures", "prefix": "", "expires": 0, "more": 1 })),
        ("DIS", json!({ "stream_name": "null" })),
        ("SMN", json!({ "topic_urn": "urn:smn:eu-de:0123456789abcdef0123456789abcdef:pager" })),
    ]);
    prop_oneof![
        3 => here.prop_map(|(index, qualifier)| RandomTarget::Function(index, qualifier)),
        1 => elsewhere.prop_map(RandomTarget::Elsewhere),
        3 => services.prop_map(|(service, param)| RandomTarget::Service(service, param)),
    ]
}

fn policies() -> impl Strategy<Value = Option<RandomPolicy>> {
    let numbers = (0..=3_u32, prop::sample::select(vec![1, 3600, 86_400]));
    let sides = (prop::option::weighted(0.6, targets()), prop::option::weighted(0.3, targets()));
    let policy = (numbers, sides).prop_map(|((retries, validity), (success, failure))| RandomPolicy {
        retries,
        validity,
        targets: [success, failure],
    });
    prop::option::weighted(0.7, policy)
}

fn functions() -> impl Strategy<Value = Random> {
    let names = prop::sample::select(vec!["null", "true", "on", "n", "intake", "Intake", "F-1", "a_b", "long"]);
    let names = names.prop_map(|name| if name == "long" { "x".repeat(60) } else { name.to_owned() });
    let identity = (prop::sample::select(vec!["default", "default", "null", "pay-ments"]), names);
    let basics = (
        prop::sample::select(vec!["Python3.9", "Node.js18.15", "PHP7.3", "C#(.NET Core 3.1)", "Python 9"]),
        prop::sample::select(vec!["index.handler", "a/b.handler", "index.händler", "null", "1.0"]),
        prop::sample::select(vec![128, 256, 10_240]),
        prop::sample::select(vec![3, 30, 259_200]),
    );
    let texts = (
        prop::option::of(texts()),
        prop::sample::select(vec!["", "fgs-notify", "null"]),
        prop::option::weighted(0.4, (prop::sample::select(vec!["index.start", "null"]), 1..=300_u32)),
        random_fields::created(),
    );
    let parts = (variables(), variables(), tags(), codes(), policies(), random_fields::afterwards());
    (identity, basics, texts, parts).prop_map(|(identity, basics, texts, parts)| {
        let (variables, secrets, tags, code, policy, afterwards) = parts;
        let ((package, name), (runtime, handler, memory, timeout)) = (identity, basics);
        let (description, agency, initializer, unmanaged) = texts;
        let mut body = json!({
            "func_name": name, "package": package, "runtime": runtime, "handler": handler, "memory_size": memory,
            "timeout": timeout, "description": description, "xrole": agency, "user_data": variables,
            "encrypted_user_data": secrets,
        });
        if let Some((handler, timeout)) = initializer {
            merge(&mut body, &json!({ "initializer_handler": handler, "initializer_timeout": timeout }));
        }
        merge(&mut body, &unmanaged);
        merge(&mut body, &code);
        Random { package, name, body, tags, policy, afterwards }
    })
}

pub(crate) fn merge(body: &mut Value, more: &Value) {
    let entries = more.as_object().into_iter().flatten().map(|(key, value)| (key.clone(), value.clone()));
    body.as_object_mut().expect("an object").extend(entries);
}

fn urn(server: &Server, random: &Random) -> String {
    let (credentials, Random { package, name, .. }) = (server.credentials(), random);
    format!("urn:fss:{}:{}:function:{package}:{name}", credentials.region, credentials.project_id)
}

fn fine(reply: &Reply) {
    assert!(reply.status.is_success(), "{reply:?}");
}

async fn make(server: &Server, functions: &[Random]) {
    for random in functions {
        fine(&server.post("/fgs/functions", random.body.clone()).await);
        let tags: Vec<Value> = random.tags.iter().map(|(key, value)| json!({ "key": key, "value": value })).collect();
        random_fields::set(server, &urn(server, random), &random.afterwards).await;
        let path = format!("/functions/{}/tags/create", urn(server, random));
        if !tags.is_empty() {
            fine(&server.post(&path, json!({ "tags": tags })).await);
        }
    }
    for random in functions {
        let Some(RandomPolicy { retries, validity, targets }) = &random.policy else { continue };
        let mut sides = Map::new();
        for (side, target) in ["on_success", "on_failure"].into_iter().zip(targets) {
            let (service, param) = match target {
                None => continue,
                Some(RandomTarget::Service(service, param)) => (*service, param.clone()),
                Some(RandomTarget::Elsewhere(urn)) => ("FunctionGraph", json!({ "func_urn": urn })),
                Some(RandomTarget::Function(index, qualifier)) => {
                    let named = format!("{}{qualifier}", urn(server, index.get(functions)));
                    ("FunctionGraph", json!({ "func_urn": named }))
                }
            };
            sides.insert(side.into(), json!({ "destination": service, "param": param.to_string() }));
        }
        let body = json!({
            "max_async_retry_attempts": retries, "max_async_event_age_in_seconds": validity, "destination_config": sides,
        });
        fine(&server.put(&format!("/fgs/functions/{}/async-invoke-config", urn(server, random)), body).await);
    }
}

fn actions(plan: &Value) -> BTreeSet<String> {
    let changes = plan["changes"].as_array().unwrap_or_else(|| panic!("no changes in {plan}"));
    changes.iter().map(|change| change["action"].as_str().expect("text").to_owned()).collect()
}

/// Checks that unowned functions become this stack's, and that owned ones do not change.
async fn export_and_plan(functions: &[Random]) {
    let world = World::new().await;
    make(&world.server, functions).await;
    export_policies_and_plan(&world).await;
    let exported = world.run(&["export", "--to", "out"]).await;
    if exported.code == Some(1) {
        let refused = ["nothing to export", "a plan without it would delete it"];
        assert!(refused.iter().any(|refusal| exported.stderr.contains(refusal)), "{exported:?}");
        assert!(!world.folder.path().join("out").exists(), "no unfinished files are left");
        return;
    }
    let manifest = std::fs::read_to_string(world.folder.path().join("out/fgctl.yaml")).expect("a manifest");
    let valid = world.run(&["validate", "-f", "out"]).await;
    assert_eq!(valid.code, Some(0), "{valid:?}\n{manifest}");
    assert_eq!(world.writes(), []);
    // Values of secrets cannot be compared.
    let adopt = if manifest.contains("    secrets:\n") { &["--adopt"][..] } else { &[] };
    let plan = world.run(&[&["plan", "-f", "out", "-o", "json"], adopt].concat()).await;
    assert_eq!(plan.code, Some(0), "{plan:?}\n{manifest}");
    let changes = plan.json()["changes"].as_array().cloned().unwrap_or_default();
    assert!(changes.iter().all(|change| change["fields"] == json!([])), "{}\n{manifest}", plan.stdout);
    let of_ours =
        functions.iter().any(|random| random.tags.get("fgctl.stack").is_some_and(|stack| stack == "exported"));
    let mut actions = actions(&plan.json());
    actions.remove("adopt");
    if of_ours {
        actions.remove("record");
    }
    assert_eq!(actions, BTreeSet::new(), "{}\n{manifest}", plan.stdout);
}

/// Checks that the policies of others become this stack's, and nothing else.
async fn export_policies_and_plan(world: &World) {
    let export = ["export", "--policies-only", "--to", "policies", "--stack", "policies", "--name", "*"];
    let exported = world.run(&export).await;
    if exported.code == Some(1) {
        assert!(exported.stderr.contains("nothing to export"), "{exported:?}");
        return;
    }
    let plan = world.run(&["plan", "-f", "policies", "-o", "json"]).await;
    let manifest = std::fs::read_to_string(world.folder.path().join("policies/fgctl.yaml")).expect("a manifest");
    assert_eq!(plan.code, Some(0), "{plan:?}\n{manifest}");
    let plan = plan.json();
    assert!(actions(&plan).iter().all(|action| action == "adopt"), "{plan}\n{manifest}");
    let changes = plan["changes"].as_array().into_iter().flatten();
    let mut addresses = changes.map(|change| change["address"].as_str().expect("text"));
    assert!(addresses.all(|address| address.starts_with("async_policy:")), "{plan}\n{manifest}");
    assert_eq!(world.writes(), []);
}

#[test]
fn the_plan_of_an_export_contains_only_adoptions() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let mut runner = TestRunner::new(Config { cases: 48, failure_persistence: None, ..Config::default() });
    let states = prop::collection::vec(functions(), 1..8).prop_map(|functions| {
        let mut seen = BTreeSet::new();
        functions.into_iter().filter(|one| seen.insert((one.package, one.name.clone()))).collect::<Vec<_>>()
    });
    let ended = runner.run(&states, |functions| {
        runtime.block_on(export_and_plan(&functions));
        Ok(())
    });
    ended.unwrap_or_else(|failure| panic!("{failure}"));
}

/// Functions of the default stack `exported` do not count as matches.
#[tokio::test]
async fn a_name_that_matches_nothing_exports_nothing() {
    let world = World::new().await;
    world.server.create_function("mine").await;
    assert_eq!(world.run(&["export", "--to", "first"]).await.code, Some(0));
    let ran = world.run(&["apply", "-f", "first", "--adopt", "--auto-approve"]).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    world.server.create_function("other").await;
    let mut said = String::new();
    for arguments in
        [&["--name", "nothing"][..], &["--name", "nothing", "--stack", "exported"], &["--name", "*/nothing*"]]
    {
        said.push_str(&world.run(&[&["export", "--to", "second"][..], arguments].concat()).await.transcript());
        assert!(!world.folder.path().join("second").exists());
    }
    insta::assert_snapshot!(said);
    for name in ["mine", "other"] {
        let ran = world.run(&["export", "--to", name, "--name", name]).await;
        assert_eq!(ran.code, Some(0), "{ran:?}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn an_interrupted_export_leaves_nothing() {
    let world = World::new().await;
    world.server.create_function("mine").await;
    let (arrived, go) = world.hold(Method::GET, ":mine/config");
    let process = Process::start(&mut world.command(&["export", "--to", "out"]));
    within("a request of the export", arrived.notified()).await;
    let folder = world.folder.path().join("out");
    assert!(folder.exists(), "the export has begun");
    process.signal("-TERM");
    let output = process.ended().await;
    go.notify_one();
    assert_eq!(output.status.code(), Some(130));
    assert!(text(&output.stderr).ends_with("error: interrupted: nothing was exported\n"), "{}", text(&output.stderr));
    assert!(!folder.exists());
    assert_eq!(world.run(&["export", "--to", "out"]).await.code, Some(0));
}

#[tokio::test]
async fn an_export_of_nothing_or_into_a_full_directory_is_refused() {
    let world = World::new().await;
    let mut said = world.run(&["export", "--to", "out"]).await.transcript();
    assert_eq!(world.server.post("/fgs/functions", function("a")).await.status, StatusCode::OK);
    for arguments in [&["--name", "b*"][..], &["--stack", "orders"]] {
        said.push_str(&world.run(&[&["export", "--to", "out"], arguments].concat()).await.transcript());
        assert!(!world.folder.path().join("out").exists(), "nothing is left");
    }
    world.file("out/README", "mine");
    said.push_str(&world.run(&["export", "--to", "out"]).await.transcript());
    insta::assert_snapshot!(said);
}

/// A project as someone would create it by hand.
async fn by_hand(server: &Server) {
    let bucket = json!({ "destination": "OBS", "param": json!({ "bucket": "failures", "expires": 7 }).to_string() });
    let to = |name: &str| {
        let urn = server.urn(name);
        json!({ "destination": "FunctionGraph", "param": json!({ "func_urn": urn }).to_string() })
    };
    let policies = [
        ("a", json!({ "on_success": to("b"), "on_failure": bucket })),
        ("b", json!({ "on_failure": bucket })),
        ("c", json!({ "on_failure": bucket })),
        ("round", json!({ "on_success": to("round") })),
    ];
    for (name, more) in [
        (
            "a",
            json!({ "description": "Takes orders in.\nHands them on.\n", "user_data": r#"{"LEVEL":"${x}","PORT":8080}"# }),
        ),
        (
            "b",
            json!({ "encrypted_user_data": r#"{"PASSWORD":"canary"}"#, "xrole": "a", "func_vpc": { "vpc_id": "1", "subnet_id": "2" } }),
        ),
        (
            "c",
            json!({ "code_type": "zip", "code_filename": "index.zip", "func_code": { "file": archive(&[("main.py", 0o644)]) } }),
        ),
        ("round", json!({})),
        (
            "image",
            json!({ "code_type": "Custom-Image-Swr", "xrole": "a", "custom_image": { "image": "swr.eu-de.example.com/a:1" } }),
        ),
        ("other", json!({})),
    ] {
        let mut body = function(name);
        merge(&mut body, &more);
        fine(&server.post("/fgs/functions", body).await);
    }
    for (name, sides) in policies {
        let path = format!("/fgs/functions/{}/async-invoke-config", server.urn(name));
        fine(&server.put(&path, json!({ "destination_config": sides })).await);
    }
    let tags = json!({ "tags": [{ "key": "fgctl.stack", "value": "elsewhere" }] });
    fine(&server.post(&format!("/functions/{}/tags/create", server.urn("other")), tags).await);
}

#[tokio::test]
async fn a_project_made_by_hand_is_exported() {
    let world = World::new().await;
    by_hand(&world.server).await;
    let exported = world.run(&["export", "--to", "out"]).await;
    assert_eq!(exported.code, Some(0), "{exported:?}");
    insta::assert_snapshot!(exported.stdout, @r#"
    Exported 4 functions of stack "exported" in region local-1, project 0123456789abcdef0123456789abcdef to out/fgctl.yaml.
      default/b: the service does not show values of secrets: to send them, set their variables and apply with --adopt; to leave them alone, use `ignore: [secrets]`
      default/c: handler is left as it is: its code has no file `index.py`
      default/round: async is left as it is: its functions notify each other in a cycle
      not declared: function default/other: it belongs to stack "elsewhere"
      not declared: function default/image: its container image does not run on its runtime
    The manifest contains the live environment values: before you commit it, move secret values to `secrets`.
    To manage these functions with the manifest, run `fgctl apply -f out`.
    "#);
    let manifest = std::fs::read_to_string(world.folder.path().join("out/fgctl.yaml")).expect("a manifest");
    insta::assert_snapshot!(manifest, @r#"
    # not declared: function default/other: it belongs to stack "elsewhere"
    # not declared: function default/image: its container image does not run on its runtime
    version: 1
    stack: exported

    targets:
      failures: { obs: { bucket: failures, expires: 7 } }

    policies:
      retries-1:
        on_failure: failures

    functions:
      a:
        runtime: Python3.9
        handler: index.handler
        description: |
          Takes orders in.
          Hands them on.
        environment:
          LEVEL: "$${x}"
          PORT: "8080"
        code: { dir: functions/a }
        async:
          on_success: { function: b }
          on_failure: failures
      # the service does not show values of secrets: to send them, set their variables and apply with --adopt; to leave them alone, use `ignore: [secrets]`
      b:
        runtime: Python3.9
        handler: index.handler
        agency: a
        vpc:
          id: "1"
          subnet: "2"
        secrets:
          PASSWORD: { env: B_PASSWORD }
        code: { dir: functions/b }
        async: retries-1
      # handler is left as it is: its code has no file `index.py`
      c:
        runtime: Python3.9
        handler: index.handler
        code: { dir: functions/c }
        async: retries-1
        ignore: [handler]
      # async is left as it is: its functions notify each other in a cycle
      round:
        runtime: Python3.9
        handler: index.handler
        code: { dir: functions/round }
        ignore: [async]
    "#);
    let handler = std::fs::read_to_string(world.folder.path().join("out/functions/a/index.py")).expect("code");
    assert!(handler.starts_with("def handler"), "{handler}");
    // The export does not contain the secret's value, so the user provides it.
    let secret = [("B_PASSWORD", "canary")];
    let refused = world.run(&["apply", "-f", "out", "--auto-approve"]).await;
    insta::assert_snapshot!(refused.transcript());
    let applied = world.run_with(&secret, &["apply", "-f", "out", "--auto-approve", "--adopt"]).await;
    assert_eq!(applied.code, Some(0), "{applied:?}");
    let planned = world.run_with(&secret, &["plan", "-f", "out", "--detailed-exitcode"]).await;
    assert_eq!(planned.code, Some(0), "{planned:?}");
    // What the stack owns needs no --adopt. Times have the units of plans.
    let times = json!({ "timeout": 900, "initializer_handler": "index.handler", "initializer_timeout": 120 });
    world.reconfigure("b", times).await;
    let policy = format!("/fgs/functions/{}/async-invoke-config", world.server.urn("a"));
    fine(&world.server.put(&policy, json!({ "max_async_event_age_in_seconds": 7200 })).await);
    let owned = world.run(&["export", "--to", "owned", "--stack", "exported"]).await;
    let manifest = std::fs::read_to_string(world.folder.path().join("owned/fgctl.yaml")).expect("a manifest");
    assert!(!owned.stdout.contains("--adopt") && !manifest.contains("--adopt"), "{owned:?}");
    assert!(owned.stdout.contains("set their variables before you apply"), "{owned:?}");
    for line in ["timeout: 15m", "initializer: { handler: index.handler, timeout: 2m }", "max_validity_period: 2h"] {
        assert!(manifest.contains(line), "{line}\n{manifest}");
    }
    let planned = world.run_with(&secret, &["plan", "-f", "owned"]).await;
    assert_eq!(planned.code, Some(0), "{planned:?}");
    assert!(!planned.stdout.contains("2m") && !planned.stdout.contains("15m"), "{planned:?}");
}

#[tokio::test]
async fn an_export_contains_what_was_requested() {
    let world = World::new().await;
    for name in ["order-in", "order-out", "report"] {
        world.server.create_function(name).await;
    }
    let names = |result: &Value| result["functions"].clone();
    let some = world.run(&["export", "--to", "some", "--name", "order-*", "--stack", "orders", "-o", "json"]).await;
    assert_eq!(names(&some.json()), json!(["function:default/order-in", "function:default/order-out"]));
    assert_eq!(world.run(&["apply", "-f", "some", "--auto-approve"]).await.code, Some(0));
    let owned = world.run(&["export", "--to", "owned", "--stack", "orders", "-o", "json"]).await;
    assert_eq!(names(&owned.json()), names(&some.json()));
    assert_eq!(world.run(&["plan", "-f", "owned", "--detailed-exitcode"]).await.code, Some(0));
    let others = world.run(&["export", "--to", "others", "--name", "default/*", "-o", "json"]).await.json();
    assert_eq!(names(&others), json!(["function:default/report"]));
    assert_eq!(others["left_out"][0], "function default/order-in: it belongs to stack \"orders\"");
}
