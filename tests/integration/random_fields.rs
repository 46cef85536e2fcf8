//! Random values of the fields that are newer than the first release, valid and invalid ones.

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::export::merge;
use crate::server_harness::{Reply, Server};

/// What a function gets after it is created.
#[derive(Debug, Clone)]
pub(crate) struct Afterwards {
    configuration: Value,
    instances: Option<i64>,
    reserved: Option<Value>,
}

fn some_of(parts: Vec<Value>) -> impl Strategy<Value = Value> {
    let most = parts.len();
    prop::sample::subsequence(parts, 0..=most.min(5)).prop_map(|parts| {
        parts.iter().fold(json!({}), |mut all, part| {
            merge(&mut all, part);
            all
        })
    })
}

/// Fields that a create takes.
pub(crate) fn created() -> impl Strategy<Value = Value> {
    some_of(vec![
        json!({ "app_xrole": "other" }),
        json!({ "xrole": "a", "func_vpc": { "vpc_id": "1", "subnet_id": "2" } }),
        json!({ "xrole": "a", "func_vpc": { "vpc_id": "1", "subnet_id": "2", "cidr": "10.0.0.0/8", "is_safety": true } }),
        json!({ "network_controller": { "disable_public_network": true, "trigger_access_vpcs": [{ "vpc_id": "b", "vpc_name": "n" }, { "vpc_id": "a" }] } }),
        json!({ "xrole": "a", "mount_config": { "mount_user": { "user_id": "1001", "user_group_id": -1 }, "func_mounts": [
            { "mount_type": "sfs", "mount_resource": "r", "mount_share_path": "/s", "local_mount_path": "/b", "status": "active" },
            { "mount_type": "ecs", "mount_resource": "r", "mount_share_path": "/s", "local_mount_path": "/a" }] } }),
        json!({ "xrole": "a", "mount_config": { "func_mounts": [{ "mount_type": "sfs", "mount_resource": "r r", "local_mount_path": "/a" }] } }),
        json!({ "enable_lts_log": true, "lts_custom_tag": { "team": "a" } }),
        json!({ "enable_lts_log": true, "log_config": { "group_id": "g", "group_name": "g", "stream_id": "s", "stream_name": "s" } }),
        json!({ "lts_custom_tag": { "team": "b" } }),
        json!({ "gpu_memory": 2048, "gpu_type": "nvidia-t4" }),
        json!({ "gpu_type": "L 2" }),
        json!({ "enable_dynamic_memory": true, "is_stateful_function": true }),
        json!({ "domain_names": r#"[{"id":"z","domain_name":"x.example.com."},{"id":"a","domain_name":"y."}]"# }),
        json!({ "pre_stop_handler": "index.stop", "pre_stop_timeout": 9 }),
        json!({ "pre_stop_handler": "index stop" }),
        json!({ "enterprise_project_id": "p-1", "user_data_encrypt_kms_key_id": "k" }),
        json!({ "code_encrypt_kms_key_id": "k k" }),
        json!({ "depend_version_list": ["b", "a"] }),
        json!({ "depend_version_list": ["a b"] }),
        json!({ "type": "v1" }),
    ])
}

/// Fields that have other calls.
pub(crate) fn afterwards() -> impl Strategy<Value = Afterwards> {
    let configuration = some_of(vec![
        json!({ "ephemeral_storage": 10240 }),
        json!({ "peering_cidr": "10.0.0.0/8;10.1.0.0/16" }),
        json!({ "enable_class_isolation": true, "enable_auth_in_header": true }),
        json!({ "heartbeat_handler": "a.b" }),
        json!({ "restore_hook_handler": "index.restored", "restore_hook_timeout": 5 }),
        json!({ "strategy_config": { "concurrency": 7, "concurrent_num": 9 } }),
    ]);
    let schedule = |count: i64| json!({ "name": "s", "cron": "0 0 8 * * ?", "count": count, "start_time": 1, "expired_time": 90_000 });
    let reserved = vec![
        json!({ "count": 2, "idle_mode": true }),
        json!({ "count": 0, "tactics_config": { "cron_configs": [schedule(3)] } }),
        // Not valid in a manifest: fewer than the base count.
        json!({ "count": 5, "tactics_config": { "cron_configs": [schedule(3)] } }),
    ];
    let instances = prop::option::weighted(0.3, prop::sample::select(vec![-1, 0, 1, 400, 1000]));
    let reserved = prop::option::weighted(0.3, prop::sample::select(reserved));
    (configuration, instances, reserved).prop_map(|(configuration, instances, reserved)| Afterwards {
        configuration,
        instances,
        reserved,
    })
}

fn fine(reply: &Reply) {
    assert!(reply.status.is_success(), "{reply:?}");
}

/// Sets the fields that a create does not take.
pub(crate) async fn set(server: &Server, urn: &str, afterwards: &Afterwards) {
    let Afterwards { configuration, instances, reserved } = afterwards;
    if *configuration != json!({}) {
        let path = format!("/fgs/functions/{urn}/config");
        let mut body = server.get(&path).await.body;
        merge(&mut body, configuration);
        fine(&server.put(&path, body).await);
    }
    if let Some(number) = instances {
        let body = json!({ "max_instance_num": number });
        fine(&server.put(&format!("/fgs/functions/{urn}/config-max-instance"), body).await);
    }
    if let Some(reserved) = reserved {
        fine(&server.put(&format!("/fgs/functions/{urn}:latest/reservedinstances"), reserved.clone()).await);
    }
}
