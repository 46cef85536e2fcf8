//! Later fields that a manifest no longer declares, and objects of which it declares a part.

use axum::http::Method;
use serde_json::{Value, json};

use crate::recorder::{Effect, Recorded};
use crate::world::World;

/// A function with these lines besides the usual ones.
fn manifest(lines: &[&str]) -> String {
    let lines = lines.iter().map(|line| format!("    {line}\n")).collect::<Vec<_>>().concat();
    format!(
        "version: 1\nstack: orders\nfunctions:\n  plain:\n    runtime: Python3.9\n    handler: index.handler\n    \
         code: {{ inline: 'def handler(event, context): return 1' }}\n{lines}"
    )
}

async fn apply(world: &World, lines: &[&str]) {
    world.manifest(&manifest(lines));
    world.apply().await;
    assert_eq!(world.planned(&[]).await, Vec::<String>::new(), "{lines:?}");
}

async fn shown(world: &World) -> Value {
    world.server.get(&format!("/fgs/functions/{}/config", world.server.urn("plain"))).await.body
}

async fn log(world: &World) -> Value {
    world.server.get(&format!("/fgs/functions/{}/lts-log-detail", world.server.urn("plain"))).await.body
}

fn body(request: &Recorded) -> Value {
    serde_json::from_str(&request.body).expect("JSON")
}

const OWN_LOG: &str = "logs: { enabled: true, group_id: g, stream_id: s }";
const NAMED_LOG: &str = "logs: { enabled: true, group_id: g, stream_id: s, group_name: n1, stream_name: n2 }";
const SOME_LOG: &str = "logs: { enabled: true }";

#[tokio::test]
async fn logs_are_turned_off_with_every_group() {
    for on in [SOME_LOG, OWN_LOG, NAMED_LOG] {
        for off in [&["logs: { enabled: false }"][..], &[]] {
            let world = World::new().await;
            apply(&world, &[on]).await;
            assert_ne!(shown(&world).await["log_group_id"], "");
            apply(&world, off).await;
            let found = shown(&world).await;
            assert_eq!((&found["enable_lts_log"], &found["log_group_id"]), (&json!(false), &json!("")), "{on}");
            assert_eq!(world.run(&["drift"]).await.code, Some(0));
        }
    }
}

/// While logs are on, the service keeps the group.
#[tokio::test]
async fn a_log_group_cannot_be_removed_while_logs_are_on() {
    let world = World::new().await;
    apply(&world, &[OWN_LOG]).await;
    world.manifest(&manifest(&[SOME_LOG]));
    world.requests();
    let ran = world.run(&["apply", "--auto-approve"]).await;
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.stderr.contains("`logs.group_id` of function default/plain cannot be removed"), "{}", ran.stderr);
    assert!(ran.stderr.contains("fgctl.yaml:8:13"), "{}", ran.stderr);
    assert_eq!(world.writes(), []);
    apply(&world, &[SOME_LOG, "ignore: [logs.group_id, logs.stream_id]"]).await;
    apply(&world, &[SOME_LOG]).await;
    assert_eq!(shown(&world).await["log_group_id"], "g", "what was never applied is left alone");
    apply(&world, &[OWN_LOG]).await;
    apply(&world, &["logs: { enabled: false }"]).await;
    apply(&world, &[SOME_LOG]).await;
    let group = shown(&world).await["log_group_id"].clone();
    assert!(group != "g" && group != "", "{group}");
}

/// Only a request of their own returns the names.
#[tokio::test]
async fn removed_names_of_a_log_are_a_change_of_the_manifest() {
    for after in [&[OWN_LOG][..], &[]] {
        let world = World::new().await;
        apply(&world, &[NAMED_LOG]).await;
        world.manifest(&manifest(after));
        let plan = world.plan(&[]).await;
        assert_eq!(plan["changes"][0]["reason"], "configuration: the manifest changed", "{plan}");
        let paths: Vec<&Value> =
            plan["changes"][0]["fields"].as_array().expect("fields").iter().map(|field| &field["path"]).collect();
        assert!(paths.contains(&&json!("/logs/group_name")) && paths.contains(&&json!("/logs/stream_name")), "{plan}");
        let drift = world.run(&["drift", "-o", "json"]).await;
        assert_eq!((drift.code, &drift.json()["findings"][0]["state"]), (Some(0), &json!("pending")), "{drift:?}");
        apply(&world, after).await;
        let log = log(&world).await;
        assert_eq!([&log["group_name"], &log["stream_name"]], ["", ""]);
        assert_eq!(log["group_id"], if after.is_empty() { "" } else { "g" });
    }
}

#[tokio::test]
async fn a_removed_key_of_the_code_is_cleared() {
    let world = World::new().await;
    apply(&world, &["kms: { code: k1 }"]).await;
    assert_eq!(shown(&world).await["code_encrypt_kms_key_id"], "k1");
    world.requests();
    apply(&world, &[]).await;
    let writes = world.writes();
    let upload = writes.iter().find(|one| one.path.ends_with("/code")).expect("an upload");
    assert_eq!(body(upload)["code_encrypt_kms_key_id"], "");
    assert_eq!(shown(&world).await.get("code_encrypt_kms_key_id"), None);
}

/// Each kind of write is compared, and the function stays in the plan.
#[tokio::test]
async fn a_removed_field_that_the_service_keeps_is_an_error() {
    for (line, path, kept) in [
        ("kms: { code: k1 }", "/kms/code", json!({ "code_encrypt_kms_key_id": "k1" })),
        ("ephemeral_storage: 10240", "/ephemeral_storage", json!({ "ephemeral_storage": 10240 })),
        ("heartbeat: com.acme.Beat.beat", "/heartbeat", json!({ "heartbeat_handler": "com.acme.Beat.beat" })),
    ] {
        let world = World::new().await;
        apply(&world, &[line]).await;
        let mut record = shown(&world).await;
        record.as_object_mut().expect("an object").extend(kept.as_object().expect("an object").clone());
        world.manifest(&manifest(&[]));
        world.recorder.disturb_all(Method::GET, "/config$", Effect::Answer(200, record.to_string()));
        let ran = world.run(&["apply", "--auto-approve"]).await;
        assert_eq!(ran.code, Some(1), "{line}: {ran:?}");
        let said = format!("{}{}", ran.stdout, ran.stderr);
        assert!(said.contains(&format!("{path} differs from the value that was sent")), "{line}: {said}");
    }
}

/// 0 is root. A container without a number runs as the service's own user.
#[tokio::test]
async fn a_container_can_run_as_root() {
    let world = World::new().await;
    let image = |owner: &str| {
        format!(
            "version: 1\nstack: orders\nfunctions:\n  plain:\n    runtime: Custom Image\n    agency: a\n    \
             image: {{ url: 'swr.eu-de.example.com/a:1'{owner} }}\n"
        )
    };
    world.manifest(&image(", uid: 0, gid: 0"));
    world.apply().await;
    let found = shown(&world).await;
    assert_eq!((&found["custom_image"]["uid"], &found["custom_image"]["gid"]), (&json!("0"), &json!("0")));
    assert_eq!(world.planned(&[]).await, Vec::<String>::new());
    assert_eq!(world.run(&["export", "--to", "out", "--stack", "orders"]).await.code, Some(0));
    let exported = std::fs::read_to_string(world.folder.path().join("out/fgctl.yaml")).expect("a manifest");
    assert!(exported.contains("uid: 0") && exported.contains("gid: 0"), "{exported}");
    world.manifest(&image(""));
    world.apply().await;
    assert_eq!(shown(&world).await["custom_image"].get("uid"), None);
    assert_eq!(world.planned(&[]).await, Vec::<String>::new());
}

/// As a create does.
#[tokio::test]
async fn an_update_sends_whole_objects() {
    const MOUNTS: &str = "mounts: [{ type: sfs, resource: r, share_path: /s, local_path: /l }]";
    let world = World::new().await;
    apply(&world, &["agency: a", "vpc: { id: v, subnet: s }"]).await;
    let network = "vpc: { id: v, subnet: s, trigger_access_vpcs: [q] }";
    apply(&world, &["agency: a", network, MOUNTS, "mount_user: { uid: 5 }"]).await;
    let found = shown(&world).await;
    let controller = json!({ "disable_public_network": false, "trigger_access_vpcs": [{ "vpc_id": "q" }] });
    assert_eq!(found["network_controller"], controller);
    assert_eq!(found["mount_config"]["mount_user"], json!({ "user_id": 5, "user_group_id": -1 }));
    apply(&world, &["agency: a"]).await;
    assert_eq!(shown(&world).await.get("mount_config"), None, "an owner of nothing that the service chose is nothing");
}

#[tokio::test]
async fn an_owner_of_mounts_stays_without_mounts() {
    for mounts in [json!([]), json!([{ "mount_type": "sfs", "mount_resource": "r", "local_mount_path": "/l" }])] {
        let world = World::new().await;
        let mut function = crate::server_harness::function("plain");
        let mount_config = json!({ "mount_user": { "user_id": 7, "user_group_id": 8 }, "func_mounts": mounts });
        function
            .as_object_mut()
            .expect("an object")
            .extend([("xrole".to_owned(), json!("a")), ("mount_config".to_owned(), mount_config.clone())]);
        assert!(world.server.post("/fgs/functions", function).await.status.is_success());
        world.manifest(&manifest(&["agency: a", "description: adopted"]));
        let ran = world.run(&["apply", "--auto-approve", "--adopt"]).await;
        assert_eq!(ran.code, Some(0), "{ran:?}");
        let found = shown(&world).await;
        assert_eq!((&found["description"], &found["mount_config"]), (&json!("adopted"), &mount_config));
    }
}
