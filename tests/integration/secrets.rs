//! Marks of secrets through the program: what a changed value plans, and what it costs.

use axum::http::Method;
use serde_json::{Value, json};
use std::fmt::Write;
use std::time::{Duration, Instant};

use crate::patience::within;
use crate::process::Process;
use crate::reconcile::nothing;
use crate::world::{Ran, World};

/// Functions with one secret each, from separate variables.
fn manifest(functions: usize) -> String {
    let mut text =
        "version: 1\nstack: s\ndefaults: { runtime: Python3.9, handler: index.handler }\nfunctions:\n".to_owned();
    for index in 0..functions {
        let _ = writeln!(
            text,
            "  f{index}: {{ code: {{ inline: 'x = 1' }}, secrets: {{ PASSWORD: {{ env: PASSWORD_{index} }} }} }}"
        );
    }
    text
}

fn values(functions: usize) -> Vec<(String, String)> {
    (0..functions).map(|index| (format!("PASSWORD_{index}"), format!("value-{index}"))).collect()
}

fn borrowed(values: &[(String, String)]) -> Vec<(&str, &str)> {
    values.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

async fn planned(world: &World, values: &[(String, String)]) -> Vec<String> {
    let plan = world.run_with(&borrowed(values), &["plan", "-o", "json"]).await.json();
    let changes = plan["changes"].as_array().unwrap_or_else(|| panic!("no changes in {plan}"));
    changes.iter().map(|change| format!("{} {}", change["action"], change["address"]).replace('"', "")).collect()
}

#[tokio::test]
async fn only_functions_whose_values_changed_are_planned() {
    let world = World::new().await;
    world.manifest(&manifest(12));
    let mut values = values(12);
    let ran = world.run_with(&borrowed(&values), &["apply", "--auto-approve"]).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(planned(&world, &values).await, nothing());
    for index in [0, 1, 7] {
        values[index].1 = "other".into();
    }
    let changed = ["update function:default/f0", "update function:default/f1", "update function:default/f7"];
    assert_eq!(planned(&world, &values).await, changed);
    let ran = world.run_with(&borrowed(&values), &["apply", "--auto-approve", "--target", "f7"]).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(planned(&world, &values).await, changed[..2]);
}

/// The functions of an interrupted create are enough to recover the key for the rest.
#[tokio::test]
async fn a_part_of_a_stack_is_enough_to_check_all_secrets() {
    let world = World::new().await;
    world.manifest(&manifest(3));
    let values = values(3);
    let ran = world.run_with(&borrowed(&values), &["apply", "--auto-approve", "--target", "f2"]).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(planned(&world, &values).await, ["create function:default/f0", "create function:default/f1"]);
}

/// Marks of the first release stay valid, and are replaced when something else is written.
#[tokio::test]
async fn marks_of_the_first_format_cause_no_changes() {
    let world = World::new().await;
    world.manifest(&manifest(1));
    let values = values(1);
    let ran = world.run_with(&borrowed(&values), &["apply", "--auto-approve"]).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let urn = world.server.urn("f0");
    let mark = async || {
        let tags = world.server.get(&format!("/functions/{urn}/tags")).await.body;
        let tags = tags["tags"].as_array().expect("tags").clone();
        let mark = tags.iter().find(|tag| tag["key"] == "fgctl.secrets").expect("a mark");
        mark["value"].as_str().expect("text").to_owned()
    };
    let first = "1.2b92f69a7655f443abb6c948ea17c4a1.6ad495fa3d21d9a85b632f15d8e162ce";
    let body = json!({ "tags": [{ "key": "fgctl.secrets", "value": first }] });
    assert!(world.server.post(&format!("/functions/{urn}/tags/create"), body).await.status.is_success());
    assert_eq!(planned(&world, &values).await, nothing());
    let drift = world.run_with(&borrowed(&values), &["drift"]).await;
    assert_eq!(drift.code, Some(0), "{drift:?}");
    assert_eq!(mark().await, first);
    world.manifest(&manifest(1).replace("handler }", "handler, memory: 256 }"));
    let ran = world.run_with(&borrowed(&values), &["apply", "--auto-approve"]).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(mark().await.starts_with("2."), "{}", mark().await);
    assert_eq!(planned(&world, &values).await, nothing());
    let changed = [("PASSWORD_0".to_owned(), "other".to_owned())];
    assert_eq!(planned(&world, &changed).await, ["update function:default/f0"]);
}

async fn run(world: &World, arguments: &[&str]) -> Ran {
    world.run_with(&borrowed(&values(1)), arguments).await
}

/// An edit in the console, which sends the whole configuration with another value. The service's times are in seconds,
/// so it is repeated until the next second.
async fn change_secret(world: &World) {
    let path = format!("/fgs/functions/{}/config", world.server.urn("f0"));
    let before = world.server.get(&path).await.body["last_modified"].clone();
    let deadline = Instant::now() + Duration::from_secs(20);
    let config = json!({
        "func_name": "f0", "package": "default", "runtime": "Python3.9", "timeout": 3, "handler": "index.handler",
        "memory_size": 128, "encrypted_user_data": json!({ "PASSWORD": "of the console" }).to_string(),
    });
    loop {
        let reply = world.server.put(&path, config.clone()).await;
        assert!(reply.status.is_success(), "{reply:?}");
        if reply.body["last_modified"] != before {
            return;
        }
        assert!(Instant::now() < deadline, "the service's clock stands still");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Waits for the next second, because the service's times are in seconds: only then would a mark be older than the next
/// write.
async fn the_next_second(world: &World) {
    let shown = world.server.get(&format!("/fgs/functions/{}/config", world.server.urn("f0"))).await.body;
    let modified: jiff::Timestamp = shown["last_modified"].as_str().expect("text").parse().expect("a time");
    let deadline = Instant::now() + Duration::from_secs(20);
    while jiff::Timestamp::now().as_second() <= modified.as_second() {
        assert!(Instant::now() < deadline, "the clock stands still");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn applied() -> World {
    let world = World::new().await;
    world.manifest(&manifest(1));
    let ran = run(&world, &["apply", "--auto-approve"]).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    world
}

#[tokio::test]
async fn a_secret_that_was_changed_in_the_console_is_reported_and_restored() {
    let world = applied().await;
    for _ in 0..2 {
        let drift = run(&world, &["drift"]).await;
        assert_eq!(drift.code, Some(0), "{drift:?}");
        insta::assert_snapshot!(drift.transcript());
        change_secret(&world).await;
        let drift = run(&world, &["drift"]).await;
        assert_eq!(drift.code, Some(2), "{drift:?}");
        insta::assert_snapshot!(drift.transcript());
        // A nightly job does not have the values.
        let drift = world.run(&["drift", "-o", "json"]).await;
        assert_eq!((drift.code, &drift.json()["findings"][0]["state"]), (Some(2), &json!("possibly_drifted")));
        assert_eq!(planned(&world, &values(1)).await, ["update function:default/f0"]);
        world.requests();
        let ran = run(&world, &["apply", "--auto-approve", "--only-drift"]).await;
        assert_eq!(ran.code, Some(0), "{ran:?}");
        let sent = world.writes().into_iter().find(|write| write.path.ends_with("/config")).expect("it is sent");
        assert!(sent.body.contains("value-0"));
        assert_eq!(planned(&world, &values(1)).await, nothing());
    }
}

/// The service's times are in seconds. A change within the second of the apply does not show in the time, but its
/// effects do.
#[tokio::test]
async fn a_change_right_after_an_apply_is_noticed() {
    let world = applied().await;
    let modified = async || {
        let path = format!("/fgs/functions/{}/config", world.server.urn("f0"));
        world.server.get(&path).await.body["last_modified"].clone()
    };
    let applied = modified().await;
    world.reconfigure("f0", json!({ "memory_size": 256 })).await;
    let drift = run(&world, &["drift", "-o", "json"]).await.json();
    if modified().await == applied {
        assert_eq!(drift["secret_values"], json!({ "unchanged": [], "unknown": ["function:default/f0"] }), "{drift:#}");
    } else {
        assert_eq!(drift["secret_values"], json!({ "unchanged": [], "unknown": [] }), "{drift:#}");
    }
    assert!(drift["findings"][0]["state"] == "drifted", "{drift:#}");
}

/// fgctl's own writes must not look like changes by someone else.
#[tokio::test]
async fn own_writes_are_not_reported_as_changes() {
    let world = applied().await;
    let base = manifest(1);
    let with = |more: &str| base.replace("code:", &format!("{more}, code:"));
    for text in [
        with("memory: 256"),
        with("memory: 256").replace("x = 1", "x = 2"),
        with("memory: 256, tags: { team: a }").replace("x = 1", "x = 2"),
        with("memory: 512, protect: true, async: { max_retries: 2 }").replace("x = 1", "x = 3"),
        with("memory: 512, async: { max_retries: 3 }").replace("x = 1", "x = 3"),
        with("memory: 512").replace("x = 1", "x = 3"),
    ] {
        the_next_second(&world).await;
        world.manifest(&text);
        let ran = run(&world, &["apply", "--auto-approve"]).await;
        assert_eq!(ran.code, Some(0), "{ran:?}");
        let drift = run(&world, &["drift", "-o", "json"]).await;
        assert_eq!(drift.code, Some(0), "{text}: {drift:?}");
        assert_eq!(drift.json()["secret_values"], json!({ "unchanged": ["function:default/f0"], "unknown": [] }));
    }
}

/// A service may count a new tag as a change of the function. The time then proves nothing, and no change is reported.
#[tokio::test]
async fn a_service_that_changes_times_with_tags_is_not_reported_as_changes() {
    let world = World::new().await;
    world.manifest(&manifest(1));
    let (arrived, go) = world.hold(Method::POST, "f0/tags/create");
    let mut command = world.command(&["apply", "--auto-approve"]);
    command.env("PASSWORD_0", "value-0");
    let applying = Process::start(&mut command);
    within("the request that is held", arrived.notified()).await;
    change_secret(&world).await;
    go.notify_one();
    let output = applying.ended().await;
    assert!(output.status.success(), "{output:?}");
    let drift = run(&world, &["drift", "-o", "json"]).await;
    assert_eq!(drift.code, Some(0), "{drift:?}");
    let expected: Value = json!({ "unchanged": [], "unknown": ["function:default/f0"] });
    assert_eq!(drift.json()["secret_values"], expected);
    assert_eq!(planned(&world, &values(1)).await, nothing());
}

/// A mistake elsewhere does not reveal a value that the manifest names as a secret and also contains by mistake.
#[tokio::test]
async fn no_mistake_in_another_file_reveals_a_secret() {
    let world = World::new().await;
    let value = "Sekret-value-77";
    let manifest = format!(
        "version: 1\nstack: s\nvariables: {{ m: null }}\nfunctions:\n  a:\n    runtime: Python3.9\n    handler: index.handler\n    \
         code: {{ inline: 'x' }}\n    memory: \"{value}\"\n    secrets: {{ KEY: {{ env: MYKEY }} }}\n"
    );
    world.manifest(&manifest);
    // An environments file that no environment is selected from says nothing about secrets.
    world.file("elsewhere/right.yaml", "version: 1\nenvironments: { dev: {} }\n");
    for format in ["sarif", "code-quality", "json"] {
        let arguments = ["validate", "--environments", "elsewhere/right.yaml", "-o", format];
        let ran = world.run_with(&[("MYKEY", value)], &arguments).await;
        assert_eq!(ran.code, Some(1), "{ran:?}");
        assert!(![&ran.stdout, &ran.stderr].iter().any(|text| text.contains(value)), "{ran:?}");
    }
    for (name, text) in [
        ("broken.yaml", "functions: {\n"),
        ("list.yaml", "overlay: true\nfunctions: { a: { secrets: [] } }\n"),
        ("number.yaml", "overlay: true\nfunctions: { a: { secrets: { KEY: { env: 5 } } } }\n"),
        ("removed.yaml", "overlay: true\nfunctions: { a: { secrets: { KEY: null } } }\n"),
        ("shared.yaml", &format!("overlay: true\nfunctions: {{ a: {{ timeout: {value} }} }}\n")),
        ("wrong.vars.yaml", &format!("[{value}\n")),
        ("wrong.environments.yaml", &format!("version: 1\nenvironments: {{ dev: {{ stack: '{value} x' }} }}\n")),
    ] {
        world.file(name, text);
    }
    let environment = ["--env", "dev", "--environments", "wrong.environments.yaml"];
    for arguments in [
        &["-f", "fgctl.yaml", "-f", "missing.yaml"][..],
        &["-f", "fgctl.yaml", "-f", "broken.yaml"],
        &["-f", "fgctl.yaml", "-f", "list.yaml"],
        &["-f", "fgctl.yaml", "-f", "number.yaml"],
        &["-f", "fgctl.yaml", "-f", "removed.yaml"],
        &["-f", "shared.yaml", "-f", "fgctl.yaml"],
        &["-f", "fgctl.yaml", "--var-file", "wrong.vars.yaml"],
        &["-f", "fgctl.yaml", "--var", &format!("m={value}")],
        &environment,
        &[&environment[..], &["-f", "fgctl.yaml"]].concat(),
    ] {
        for command in [&["validate"][..], &["validate", "-o", "json"], &["graph"], &["plan", "-o", "markdown"]] {
            let has_report = command[0] != "graph";
            let flags = if has_report { &["--report", "json=report.json"][..] } else { &[] };
            let ran = world.run_with(&[("MYKEY", value)], &[command, arguments, flags].concat()).await;
            assert_eq!(ran.code, Some(1), "{ran:?}");
            let report = if has_report { world.report().to_string() } else { String::new() };
            assert!(![&ran.stdout, &ran.stderr, &report].iter().any(|text| text.contains(value)), "{ran:?}\n{report}");
        }
    }
}
