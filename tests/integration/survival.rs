//! A function with every field set, made without fgctl, keeps every field: through an export, an apply that adopts it, and a
//! change of its policy.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::world::World;

/// What both functions have.
fn common() -> Value {
    json!({
        "package": "default", "description": "made by hand", "memory_size": 512, "timeout": 30, "xrole": "fgs-all",
        "app_xrole": "fgs-run", "user_data": r#"{"LEVEL":"info"}"#, "enterprise_project_id": "project-1",
        "user_data_encrypt_kms_key_id": "key-1", "enable_lts_log": true, "lts_custom_tag": { "team": "orders" },
        "log_config": { "group_id": "g-1", "group_name": "group", "stream_id": "s-1", "stream_name": "stream" },
        "func_vpc": { "vpc_id": "v-1", "subnet_id": "n-1", "vpc_name": "v", "subnet_name": "n", "cidr": "10.0.0.0/8",
            "gateway": "10.0.0.1" },
        "network_controller": { "disable_public_network": true, "trigger_access_vpcs": [{ "vpc_id": "v-2" }, { "vpc_id": "v-1" }] },
        "domain_names": r#"[{"id":"z-1","domain_name":"x.example.com."}]"#,
        "mount_config": { "mount_user": { "user_id": 1001, "user_group_id": 1003 }, "func_mounts": [
            { "mount_type": "sfsTurbo", "mount_resource": "r-1", "mount_share_path": "h:/", "local_mount_path": "/mnt/b" },
            { "mount_type": "ecs", "mount_resource": "r-2", "mount_share_path": "/s", "local_mount_path": "/mnt/a" }] },
        "enable_dynamic_memory": true, "is_stateful_function": true, "gpu_memory": 2048, "gpu_type": "nvidia-t4",
        "pre_stop_handler": "com.acme.Orders.stop", "pre_stop_timeout": 5, "type": "v2",
    })
}

/// What only an update takes.
fn updated() -> Value {
    json!({
        "ephemeral_storage": 10240, "peering_cidr": "10.1.0.0/16;10.2.0.0/16", "enable_auth_in_header": true,
        "enable_class_isolation": true, "heartbeat_handler": "com.acme.Orders.beat",
        "restore_hook_handler": "com.acme.Orders.restored", "restore_hook_timeout": 7,
        "strategy_config": { "concurrency": 6, "concurrent_num": 5 },
    })
}

fn image() -> Value {
    json!({
        "func_name": "image", "runtime": "Custom Image", "handler": "-", "code_type": "Custom-Image-Swr",
        "custom_image": { "enabled": true, "image": "swr.eu-de.example.com/shop/intake:1", "command": "/bin/sh",
            "args": "-c,run", "working_dir": "/", "uid": "1000", "gid": "1001" },
    })
}

fn java() -> Value {
    json!({
        "func_name": "java", "runtime": "Java17", "handler": "com.acme.Orders.handle", "code_type": "obs",
        "code_url": "https://code.obs.eu-de.otc.t-systems.com/orders.jar", "depend_version_list": ["d-2", "d-1"],
        "code_encrypt_kms_key_id": "key-2", "initializer_handler": "com.acme.Orders.start", "initializer_timeout": 9,
    })
}

fn merged(parts: [Value; 2]) -> Value {
    let mut all = json!({});
    for part in parts {
        all.as_object_mut().expect("an object").extend(part.as_object().expect("an object").clone());
    }
    all
}

async fn make(world: &World, own: Value) {
    let name = own["func_name"].as_str().expect("a name").to_owned();
    let fine = |reply: crate::server_harness::Reply| assert!(reply.status.is_success(), "{reply:?}");
    fine(world.server.post("/fgs/functions", merged([common(), own])).await);
    world.reconfigure(&name, updated()).await;
    let urn = world.server.urn(&name);
    let limit = json!({ "max_instance_num": 6 });
    fine(world.server.put(&format!("/fgs/functions/{urn}/config-max-instance"), limit).await);
    let schedule = json!({ "name": "a", "cron": "0 0 8 * * ?", "count": 4, "start_time": 1_767_225_600, "expired_time": 1_798_761_600 });
    let reserved = json!({ "count": 2, "idle_mode": true, "tactics_config": { "cron_configs": [schedule] } });
    fine(world.server.put(&format!("/fgs/functions/{urn}:latest/reservedinstances"), reserved).await);
    fine(
        world
            .server
            .post(&format!("/functions/{urn}/tags/create"), json!({ "tags": [{ "key": "team", "value": "a" }] }))
            .await,
    );
    let policy = json!({ "max_async_retry_attempts": 1, "max_async_event_age_in_seconds": 3600 });
    fine(world.server.put(&format!("/fgs/functions/{urn}/async-invoke-config"), policy).await);
}

/// Everything that the service says about a function, except times and fgctl's tags.
async fn everything(world: &World, name: &str) -> Value {
    let urn = world.server.urn(name);
    let get = async |path: String| world.server.get(&path).await.body;
    let mut config = get(format!("/fgs/functions/{urn}/config")).await;
    config.as_object_mut().expect("an object").remove("last_modified");
    let mut code = get(format!("/fgs/functions/{urn}/code")).await;
    code.as_object_mut().expect("an object").remove("last_modified");
    let tags = get(format!("/functions/{urn}/tags")).await;
    let is_own = |tag: &&Value| tag["key"].as_str().is_some_and(|key| !key.starts_with("fgctl."));
    let tags: Vec<&Value> = tags["tags"].as_array().expect("tags").iter().filter(is_own).collect();
    json!({
        "config": config, "code": code, "tags": tags,
        "log": get(format!("/fgs/functions/{urn}/lts-log-detail")).await,
        "reserved": get(format!("/fgs/functions/reservedinstanceconfigs?function_urn={urn}")).await,
    })
}

#[tokio::test]
async fn every_field_survives_an_export_an_adoption_and_a_change_of_the_policy() {
    let world = World::new().await;
    make(&world, image()).await;
    make(&world, java()).await;
    let before = [everything(&world, "image").await, everything(&world, "java").await];
    let exported = world.run(&["export", "--to", "out"]).await;
    assert_eq!(exported.code, Some(0), "{exported:?}");
    let planned = world.planned(&["-f", "out"]).await;
    assert!(planned.len() == 4 && planned.iter().all(|change| change.starts_with("adopt ")), "{planned:?}");
    let manifest = std::fs::read_to_string(world.folder.path().join("out/fgctl.yaml")).expect("a manifest");
    for text in [manifest.clone(), manifest.replace("retries-1: {}", "retries-1: { max_retries: 3 }")] {
        world.file("out/fgctl.yaml", &text);
        let ran = world.run(&["apply", "-f", "out", "--auto-approve"]).await;
        assert_eq!(ran.code, Some(0), "{ran:?}\n{text}");
        let after = [everything(&world, "image").await, everything(&world, "java").await];
        assert_eq!(after, before, "{text}");
    }
    for name in ["image", "java"] {
        let path = format!("/fgs/functions/{}/async-invoke-config", world.server.urn(name));
        assert_eq!(world.server.get(&path).await.body["max_async_retry_attempts"], 3, "{manifest}");
    }
    assert_eq!(world.planned(&["-f", "out"]).await, Vec::<String>::new());
}

/// A Java archive stays one.
#[tokio::test]
async fn a_java_archive_is_exported_and_uploaded_as_one() {
    let world = World::new().await;
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default();
    writer.start_file("com/acme/Orders.class", options).expect("a file");
    let jar = writer.finish().expect("an archive").into_inner();
    let body = json!({ "func_name": "settle", "package": "default", "runtime": "Java17", "handler": "com.acme.Orders.handle",
        "memory_size": 128, "timeout": 3, "code_type": "jar", "code_filename": "settle.jar", "func_code": { "file": STANDARD.encode(&jar) } });
    let made = world.server.post("/fgs/functions", body).await;
    assert!(made.status.is_success(), "{made:?}");
    let exported = world.run(&["export", "--to", "out"]).await;
    assert_eq!(exported.code, Some(0), "{exported:?}");
    let file = world.folder.path().join("out/functions/settle.jar");
    assert_eq!(std::fs::read(&file).expect("a jar"), jar);
    assert_eq!(world.planned(&["-f", "out"]).await, ["adopt function:default/settle"]);
    let manifest = std::fs::read_to_string(world.folder.path().join("out/fgctl.yaml")).expect("a manifest");
    assert!(manifest.contains("code: { jar: functions/settle.jar }"), "{manifest}");
    world.file("out/fgctl.yaml", &manifest.replace("  settle:", "  other:"));
    let ran = world.run(&["apply", "-f", "out", "--auto-approve"]).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let found = world.server.get(&format!("/fgs/functions/{}/config", world.server.urn("other"))).await.body;
    assert_eq!(found["code_type"], "jar");
    let file = std::path::Path::new(found["code_filename"].as_str().expect("a name"));
    assert_eq!(file.extension().and_then(|extension| extension.to_str()), Some("jar"), "{found}");
}
