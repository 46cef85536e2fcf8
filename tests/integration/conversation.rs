//! All messages between client and server: every operation of the server, and every kind of request of the program.

use reqwest::Method;
use serde_json::{Value, json};

use crate::definitions::Exchange;
use crate::recorder::{Effect, Recorded};
use crate::server_harness::{Reply, Server, function};
use crate::world::World;

/// Part of the paths that only the local server has.
pub(crate) const OURS: &str = "/fgctl/";

/// A server, and all its requests and answers.
pub(crate) struct Conversation {
    pub(crate) server: Server,
    pub(crate) exchanges: Vec<Exchange>,
}

impl Conversation {
    async fn start() -> Self {
        Self { server: Server::start().await, exchanges: Vec::new() }
    }

    async fn send(&mut self, method: Method, rest: &str, body: Value) -> Reply {
        let sent = Some(&body).filter(|body| !body.is_null()).cloned();
        let reply = self.server.send(method.clone(), rest, sent).await;
        let answer = Some((reply.status.as_u16(), reply.body.clone()));
        self.exchanges.push(Exchange { method, target: self.server.path(rest), request: body, answer });
        reply
    }

    async fn get(&mut self, rest: &str) -> Reply {
        self.send(Method::GET, rest, Value::Null).await
    }
}

/// Every operation of the server, with every field that it returns.
pub(crate) async fn every_operation() -> Conversation {
    let mut conversation = Conversation::start().await;
    functions(&mut conversation).await;
    policies(&mut conversation).await;
    versions(&mut conversation).await;
    tags(&mut conversation).await;
    dependencies(&mut conversation).await;
    surroundings(&mut conversation).await;
    triggers(&mut conversation).await;
    invocations(&mut conversation).await;
    deletions(&mut conversation).await;
    conversation
}

async fn functions(conversation: &mut Conversation) {
    let mut body = function("intake");
    extend(&mut body, settings());
    extend(&mut body, json!({ "type": "v2", "code_encrypt_kms_key_id": "k" }));
    conversation.send(Method::POST, "/fgs/functions", body).await;
    conversation.send(Method::POST, "/fgs/functions", function("intake")).await;
    let mut config = settings();
    let more = json!({ "func_name": "intake", "runtime": "Python3.9", "timeout": 3, "handler": "index.handler",
        "memory_size": 128, "strategy_config": { "concurrency": 5, "concurrent_num": 1 }, "extend_config": "{}",
        "ephemeral_storage": 512, "enable_auth_in_header": false, "enable_class_isolation": false,
        "heartbeat_handler": "index.beat", "peering_cidr": "192.168.0.0/16",
        "restore_hook_handler": "index.restore", "restore_hook_timeout": 3 });
    extend(&mut config, more);
    conversation.send(Method::PUT, "/fgs/functions/intake/config", config).await;
    conversation.get("/fgs/functions?marker=0&maxitems=400&package_name=default&func_name=in").await;
    conversation.get("/fgs/functions/intake/config").await;
    conversation.get("/fgs/functions/intake/code").await;
    conversation.get("/fgs/functions/other/config").await;
    let code = json!({ "code_type": "inline", "code_filename": "index.py", "func_code": { "file": "IyB2MQ==" },
        "depend_version_list": [] });
    conversation.send(Method::PUT, "/fgs/functions/intake/code", code).await;
}

/// The optional fields that both create and update accept.
fn settings() -> Value {
    json!({
        "description": "d", "user_data": r#"{"A":"1"}"#, "encrypted_user_data": r#"{"B":"2"}"#, "xrole": "agency",
        "app_xrole": "agency", "initializer_handler": "index.init", "initializer_timeout": 3,
        "pre_stop_handler": "index.stop", "pre_stop_timeout": 3, "enterprise_project_id": "0", "gpu_memory": 1024,
        "gpu_type": "nvidia-t4", "func_vpc": { "vpc_id": "v", "subnet_id": "s" },
        "mount_config": { "mount_user": { "user_id": 1001, "user_group_id": 1001 }, "func_mounts": [
            { "mount_type": "sfs", "mount_resource": "r", "mount_share_path": "/s", "local_mount_path": "/l" }] },
        "custom_image": { "enabled": false, "image": "i" }, "network_controller": { "disable_public_network": false },
        "domain_names": "[]", "lts_custom_tag": { "a": "b" }, "enable_lts_log": false,
        "log_config": { "group_id": "g", "group_name": "g", "stream_id": "s", "stream_name": "s" },
        "enable_dynamic_memory": false, "is_stateful_function": false, "user_data_encrypt_kms_key_id": "k",
    })
}

async fn policies(conversation: &mut Conversation) {
    let destinations = json!({
        "on_success": { "destination": "DIS", "param": r#"{"stream_name":"s"}"# },
        "on_failure": { "destination": "OBS", "param": r#"{"bucket":"abc","prefix":"/","expires":3}"# },
    });
    let policy = json!({ "max_async_event_age_in_seconds": 60, "max_async_retry_attempts": 3,
        "destination_config": destinations, "enable_async_status_log": false });
    let rest = "/fgs/functions/intake/async-invoke-config";
    conversation.get(rest).await;
    conversation.send(Method::PUT, rest, policy).await;
    conversation.send(Method::PUT, rest, json!({ "max_async_retry_attempts": 4 })).await;
    conversation.get(rest).await;
    conversation.get("/fgs/functions/intake/async-invoke-configs?marker=0&limit=100").await;
}

async fn versions(conversation: &mut Conversation) {
    let rest = "/fgs/functions/intake/versions";
    conversation.send(Method::POST, rest, json!({ "version": "v1", "description": "d" })).await;
    conversation.send(Method::POST, rest, json!({})).await;
    let code = json!({ "code_type": "inline", "func_code": { "file": "IyB2Mg==" } });
    conversation.send(Method::PUT, "/fgs/functions/intake/code", code).await;
    conversation.send(Method::POST, rest, json!({ "version": "v2" })).await;
    conversation.get("/fgs/functions/intake/versions?marker=0&maxitems=400").await;
    let aliases = "/fgs/functions/intake/aliases";
    let strategy = json!({ "v2": { "combine_type": "and",
        "rules": [{ "rule_type": "header", "param": "p", "op": "=", "value": "v" }] } });
    let alias = json!({ "name": "prod", "version": "v1", "additional_version_strategy": strategy });
    conversation.send(Method::POST, aliases, alias).await;
    conversation.send(Method::POST, aliases, json!({ "name": "prod", "version": "v2" })).await;
    conversation.get("/fgs/functions/intake/aliases/prod").await;
    let alias = json!({ "version": "v1", "description": "d", "additional_version_weights": { "v2": 10 } });
    conversation.send(Method::PUT, "/fgs/functions/intake/aliases/prod", alias).await;
    conversation.get(aliases).await;
}

async fn tags(conversation: &mut Conversation) {
    let tags = json!({ "tags": [{ "key": "team", "value": "a" }] });
    conversation.send(Method::POST, "/functions/intake/tags/create", tags.clone()).await;
    conversation.get("/functions/intake/tags").await;
    conversation.get("/functions/tags").await;
    let filter = json!({ "limit": "100", "offset": "0" });
    conversation.send(Method::POST, "/functions/resource-instances/filter", filter.clone()).await;
    conversation.send(Method::POST, "/functions/resource-instances/count", filter).await;
    conversation.send(Method::DELETE, "/functions/intake/tags/delete", tags).await;
}

async fn dependencies(conversation: &mut Conversation) {
    // An empty archive.
    let file = "UEsFBgAAAAAAAAAAAAAAAAAAAAAAAA==";
    let body = json!({ "name": "shared", "runtime": "Python3.9", "depend_type": "zip", "depend_file": file, "description": "d" });
    let made = conversation.send(Method::POST, "/fgs/dependencies/version", body).await;
    let dependency = made.body["dep_id"].as_str().expect("an id").to_owned();
    conversation.get("/fgs/dependencies?name=shared&runtime=Python3.9&marker=0&maxitems=100").await;
    conversation.get(&format!("/fgs/dependencies/{dependency}/version?marker=0&maxitems=100")).await;
    conversation.get(&format!("/fgs/dependencies/{dependency}/version/1")).await;
    conversation.send(Method::DELETE, &format!("/fgs/dependencies/{dependency}/version/1"), Value::Null).await;
    conversation.get(&format!("/fgs/dependencies/{dependency}/version/1")).await;
}

/// Lists that clients read for each function.
async fn surroundings(conversation: &mut Conversation) {
    for rest in [
        "/fgs/functions/reservedinstances?marker=0&limit=400&urn=intake",
        "/fgs/functions/reservedinstanceconfigs?function_urn=intake&marker=0&limit=100",
        "/fgs/functions/intake/lts-log-detail",
        "/fgs/triggers/intake",
        "/fgs/quotas",
    ] {
        conversation.get(rest).await;
    }
    conversation.send(Method::POST, "/fgs/functions/enable-lts-logs", Value::Null).await;
    let reserved = json!({ "count": 2, "idle_mode": false });
    conversation.send(Method::PUT, "/fgs/functions/intake/reservedinstances", reserved).await;
    conversation.get("/fgs/functions/reservedinstances?marker=0&limit=400&urn=intake").await;
    conversation.get("/fgs/functions/reservedinstanceconfigs?function_urn=intake&marker=0&limit=100").await;
}

async fn triggers(conversation: &mut Conversation) {
    let all = "/fgs/triggers/intake";
    let timer = json!({ "name": "often", "schedule_type": "Rate", "schedule": "5m", "user_event": "e" });
    let stream = json!({ "stream_name": "orders", "sharditerator_type": "LATEST", "polling_interval": 30,
        "polling_unit": "s", "max_fetch_bytes": 1024, "is_serial": "false" });
    let topic = format!("urn:smn:{}:{}:orders", "region", "0123456789abcdef0123456789abcdef");
    let api = json!({ "name": "api", "group_id": "g", "env_id": "e", "auth": "IAM", "protocol": "HTTPS", "path": "/a",
        "req_method": "GET", "match_mode": "SWA", "backend_type": "FUNCTION", "sl_domain": "d", "type": 1,
        "func_info": { "timeout": 5000 } });
    let kafka = json!({ "instance_id": "i", "topic_ids": ["t"], "kafka_user": "u", "kafka_password": "p" });
    let bodies = [
        json!({ "trigger_type_code": "TIMER", "event_type_code": "MessageCreated", "event_data": timer }),
        json!({ "trigger_type_code": "OBS", "event_data": { "bucket": "incoming", "events": ["s3:ObjectCreated:*"] } }),
        json!({ "trigger_type_code": "SMN", "trigger_status": "ACTIVE", "event_data": { "topic_urn": topic } }),
        json!({ "trigger_type_code": "APIG", "event_data": api }),
        json!({ "trigger_type_code": "KAFKA", "event_data": kafka }),
        json!({ "trigger_type_code": "TIMER", "event_data": timer }),
        json!({ "trigger_type_code": "DIS", "event_data": stream }),
    ];
    let mut last = String::new();
    for body in bodies {
        let created = conversation.send(Method::POST, all, body).await;
        last = created.body["trigger_id"].as_str().unwrap_or(&last).to_owned();
    }
    let one = format!("{all}/DIS/{last}");
    conversation.get(all).await;
    conversation.get(&one).await;
    let faster = json!([{ "polling_interval": 2, "polling_unit": "s", "max_fetch_bytes": 2048, "is_serial": true }]);
    conversation.send(Method::PUT, &one, json!({ "trigger_status": "ACTIVE", "event_data": faster })).await;
    conversation.send(Method::DELETE, &one, Value::Null).await;
    conversation.get(&one).await;
    conversation.send(Method::DELETE, all, Value::Null).await;
}

async fn invocations(conversation: &mut Conversation) {
    conversation.send(Method::POST, "/fgs/functions/enable-async-status-logs", Value::Null).await;
    conversation.get("/fgs/functions/async-status-log-detail").await;
    let recorded = json!({ "enable_async_status_log": true });
    conversation.send(Method::PUT, "/fgs/functions/intake/async-invoke-config", recorded).await;
    // No instance may run, so the request waits and can be canceled.
    let limit = |number: i64| json!({ "max_instance_num": number });
    conversation.send(Method::PUT, "/fgs/functions/intake/config-max-instance", limit(1)).await;
    let accepted =
        conversation.send(Method::POST, "/fgs/functions/intake/invocations-async", json!({ "key": {} })).await;
    conversation.send(Method::PUT, "/fgs/functions/intake/config-max-instance", limit(0)).await;
    let accepted = accepted.body["request_id"].as_str().expect("an id").to_owned();
    let window = "query_begin_time=2026-01-01T00:00:00&query_end_time=2126-01-01T00:00:00";
    let rest = format!("/fgs/functions/intake/async-invocations?request_id={accepted}&marker=0&limit=500&{window}");
    conversation.get(&rest).await;
    conversation.get(&format!("/fgs/functions/intake/active-async-invocations?requests={accepted}&limit=500")).await;
    let cancel = json!({ "request_id": accepted, "type": "force" });
    conversation.send(Method::POST, "/fgs/functions/intake/cancel", cancel).await;
    conversation.send(Method::POST, "/fgs/functions/other/invocations-async", json!({})).await;
}

async fn deletions(conversation: &mut Conversation) {
    for rest in ["intake/aliases/prod", "intake/async-invoke-config", "default:intake", "default:intake"] {
        conversation.send(Method::DELETE, &format!("/fgs/functions/{rest}"), Value::Null).await;
    }
}

/// A stack with every field of a manifest, a change of most fields, and a stack without the optional fields.
const MANIFESTS: [&str; 3] = [
    "
  first:
    code: { inline: 'def handler(event, context): return 1' }
    description: d
    initializer: { handler: index.init, timeout: 3s }
    environment: { LEVEL: info }
    secrets: { PASSWORD: { env: PASSWORD } }
    tags: { team: payments }
    execution_agency: fgs-run
    pre_stop: { handler: index.stop }
    heartbeat: com.acme.Orders.heartBeat
    restore_hook: { handler: index.restored }
    scaling:
      max_instances: 5
      concurrency: 2
      reserved:
        count: 2
        idle_mode: true
        schedules: [{ name: a, cron: 0 0 8 * * ?, count: 3, start_time: '2026-01-01T00:00:00Z', expired_time: '2027-01-01T00:00:00Z' }]
        loads: [{ name: b, threshold: 50, min: 3 }]
    logs: { enabled: true, group_id: g, group_name: group, stream_id: s, stream_name: stream, tags: { team: a } }
    dependencies: [d, { name: shared, dir: libs }]
    vpc: { id: v, subnet: s, disable_public_network: true, trigger_access_vpcs: [w] }
    peering_cidr: 10.0.0.0/8
    domain_names: [{ id: z, domain_name: x.example.com. }]
    mounts: [{ type: sfs, resource: r, share_path: /s, local_path: /mnt/l }]
    mount_user: { uid: 1001, gid: 1001 }
    ephemeral_storage: 10240
    gpu: { memory: 1024, type: nvidia-t4 }
    dynamic_memory: true
    class_isolation: true
    auth_in_header: true
    stateful: true
    enterprise_project: p
    kms: { environment: k, code: k }
    async: { max_retries: 2, status_log: true, on_success: { function: second }, on_failure: { obs: { bucket: failures, expires: 7 } } }
  second:
    code: { inline: 'def handler(event, context): return 2' }
    async: { on_success: { dis: { stream: audit } } }
  fourth:
    runtime: Custom Image
    image: { url: swr.eu-de.example.com/a/b:1, command: /bin/sh, args: -c, working_dir: /, uid: 1000, gid: 1000 }
",
    "
  first:
    code: { inline: 'def handler(event, context): return 3' }
    memory: 256
    dependencies: [{ name: shared, dir: libs }]
    environment: { LEVEL: debug }
    secrets: { PASSWORD: { env: PASSWORD } }
    tags: { team: orders }
    async: { max_retries: 3, on_success: { function: second, alias: prod }, on_failure: { urn: '${var.outside}' } }
  second:
    code: { inline: 'def handler(event, context): return 2' }
  third:
    code: { inline: 'def handler(event, context): return 1' }
",
    "
  first:
    code: { inline: 'def handler(event, context): return 3' }
",
];

/// The requests of the program when it creates, changes, uses, exports and destroys a stack.
pub(crate) async fn every_command() -> Vec<Exchange> {
    let world = World::new().await;
    world.file("libs/shared.py", "VALUE = 1");
    for name in ["second", "third", "outside"] {
        world.server.create_function(name).await;
    }
    let alias = json!({ "name": "prod", "version": "latest" });
    world.server.post("/fgs/functions/second/aliases", alias).await;
    let outside = world.server.urn("outside");
    for functions in MANIFESTS {
        let defaults = "runtime: Python3.9, handler: index.handler, agency: fgs-notify";
        let head =
            format!("version: 1\nstack: pair\nvariables: {{ outside: '{outside}' }}\ndefaults: {{ {defaults} }}");
        world.manifest(&format!("{head}\nfunctions:{functions}"));
        let applied = world.run_with(&[("PASSWORD", "hunter2")], &["apply", "--auto-approve", "--adopt"]).await;
        assert_eq!(applied.code, Some(0), "{applied:?}");
    }
    let event = r#"{"key":{}}"#;
    // The service does not have this path. The program then asks where the log is; there is none.
    let unknown = r#"{"error_code":"APIGW.0101","error_msg":"The API does not exist"}"#;
    world.disturb(Method::GET, "/fgctl/functions/", Effect::Answer(404, unknown.to_owned()));
    assert_eq!(world.run(&["logs", "default/first"]).await.code, Some(1));
    for arguments in [
        &["invoke", "default/first", "--data", event][..],
        &["invoke", "default/first", "--data", event, "--async"],
        &["invocations", "default/first"],
        &["logs", "default/first"],
        &["export", "--to", "exported"],
        &["destroy", "--auto-approve"],
    ] {
        let ran = world.run(arguments).await;
        assert_eq!(ran.code, Some(0), "{arguments:?}: {ran:?}");
    }
    world.requests().into_iter().filter(|request| !request.path.contains(OURS)).map(sent).collect()
}

fn sent(request: Recorded) -> Exchange {
    let Recorded { method, target, path: _, headers, body } = request;
    assert_eq!(headers["content-type"], "application/json", "{method} {target}");
    let request = if body.is_empty() { Value::Null } else { serde_json::from_str(&body).expect("JSON") };
    Exchange { method, target, request, answer: None }
}

fn extend(body: &mut Value, more: Value) {
    if let (Value::Object(body), Value::Object(more)) = (body, more) {
        body.extend(more);
    }
}
