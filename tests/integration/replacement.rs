//! PUT config replaces a function's configuration, but an update of one field must not remove others.

use axum::http::Method;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use crate::definitions::Definitions;
use crate::process::finished;
use crate::recorder::Recorded;
use crate::scripted::{Answer, Request, Scripted};
use crate::world::{Ran, World};

/// Fields that PUT config accepts, each with a value that is not its default. Declared fields have the manifest's
/// value.
fn settings() -> Map<String, Value> {
    let settings = json!({
        "func_name": "only", "package": "default", "runtime": "Python3.9", "timeout": 3, "handler": "index.handler",
        "memory_size": 128, "description": "declared", "encrypted_user_data": r#"{"TOKEN":"hunter2"}"#,
        "user_data": r#"{"BY":"someone else"}"#, "xrole": "theirs", "initializer_handler": "index.start",
        "initializer_timeout": 9, "app_xrole": "execution", "pre_stop_handler": "index.stop", "pre_stop_timeout": 5,
        "heartbeat_handler": "index.beat", "restore_hook_handler": "index.restore", "restore_hook_timeout": 7,
        "enterprise_project_id": "project", "gpu_memory": 2048, "gpu_type": "nvidia-t4", "extend_config": "extended",
        "strategy_config": { "concurrency": 17, "concurrent_num": 5 }, "ephemeral_storage": 10240,
        "func_vpc": { "vpc_id": "v", "subnet_id": "s", "vpc_name": "n", "security_groups": ["g", "h"] },
        "network_controller": { "disable_public_network": true, "trigger_access_vpcs": [{ "vpc_id": "v" }] },
        "peering_cidr": "192.168.0.0/16", "domain_names": r#"[{"id":"zone","domain_name":"x.example."}]"#,
        "mount_config": { "mount_user": { "user_id": 1001, "user_group_id": 1001 }, "func_mounts": [
            { "mount_type": "sfs", "mount_resource": "r", "mount_share_path": "/s", "local_mount_path": "/l" }] },
        "custom_image": { "enabled": true, "image": "swr.example.com/i:1", "command": "/bin/x", "args": "a,b" },
        "enable_lts_log": true, "lts_custom_tag": { "team": "a" },
        "log_config": { "group_id": "g", "group_name": "group", "stream_id": "s", "stream_name": "stream" },
        "enable_auth_in_header": true, "enable_class_isolation": true, "enable_dynamic_memory": true,
        "is_stateful_function": true, "user_data_encrypt_kms_key_id": "key",
    });
    serde_json::from_value(settings).expect("an object")
}

/// Fields that GET config returns and that either change when the memory is updated or are never written.
const NOT_SETTINGS: [&str; 29] = [
    "allow_ephemeral_storage",
    "apig_route_enable",
    "code_encrypt_kms_key_id",
    "code_filename",
    "code_size",
    "code_type",
    "code_url",
    "cpu",
    "depend_list",
    "depend_version_list",
    "dependencies",
    "digest",
    "domain_id",
    "enable_cloud_debug",
    "func_id",
    "func_urn",
    "image_name",
    "is_bridge_function",
    "is_return_stream",
    "last_modified",
    "log_group_id",
    "log_stream_id",
    "long_time",
    "namespace",
    "project_name",
    "reserved_instance_idle_mode",
    "resource_id",
    "type",
    "version",
];

const MANIFEST: &str = "\
version: 1
stack: s
functions:
  only:
    runtime: Python3.9
    handler: index.handler
    memory: 128
    description: declared
    code: { inline: 'def handler(event, context): return 1' }
    secrets: { TOKEN: { env: TOKEN } }
    ignore: [agency, environment, initializer]
";

const TOKEN: &[(&str, &str)] = &[("TOKEN", "hunter2")];
const APPLY: &[&str] = &["apply", "--auto-approve"];

async fn with_token(world: &World, arguments: &[&str]) -> Ran {
    world.run_with(TOKEN, arguments).await
}

fn body(request: &Recorded) -> Value {
    serde_json::from_str(&request.body).expect("JSON")
}

/// Everything that the API returns for the function: from GET, from the list, and its log.
async fn shown(world: &World) -> [Value; 3] {
    let path = format!("/fgs/functions/{}", world.server.urn("only"));
    let alone = world.server.get(&format!("{path}/config")).await.body;
    let listed = world.server.get("/fgs/functions").await.body["functions"][0].clone();
    [alone, listed, world.server.get(&format!("{path}/lts-log-detail")).await.body]
}

/// The same without the fields that an update of the memory changes.
fn steady(mut shown: [Value; 3]) -> [Value; 3] {
    for record in &mut shown[..2] {
        let record = record.as_object_mut().expect("an object");
        record.retain(|name, _| !["memory_size", "cpu", "last_modified"].contains(&name.as_str()));
    }
    shown
}

#[test]
fn every_field_of_the_definitions_has_a_value_here() {
    let definitions = Definitions::read();
    let fields = |method| definitions.operation(&method, "/v2/p/fgs/functions/f/config").expect("an operation");
    let written = fields(Method::PUT).request_fields();
    let settings: BTreeSet<String> = settings().into_iter().map(|(name, _)| name).collect();
    let missing: Vec<&String> = written.difference(&settings).collect();
    assert!(missing.is_empty(), "PUT config takes {missing:?}: show here that an update keeps them");
    let known = |name: &&String| settings.contains(*name) || NOT_SETTINGS.contains(&name.as_str());
    let shown = fields(Method::GET).answer_fields();
    let unknown: Vec<&String> = shown.iter().filter(|name| !known(name)).collect();
    assert!(unknown.is_empty(), "GET config shows {unknown:?}: are they written, and how?");
}

#[tokio::test]
async fn every_field_survives_an_update_of_another_field() {
    let world = World::new().await;
    world.manifest(MANIFEST);
    assert_eq!(with_token(&world, APPLY).await.code, Some(0));
    let path = format!("/fgs/functions/{}/config", world.server.urn("only"));
    assert_eq!(world.server.put(&path, settings().into()).await.status, 200);
    let before = shown(&world).await;
    for (name, value) in settings() {
        // Secrets are returned blank, and the log under another name.
        if !["encrypted_user_data", "log_config"].contains(&name.as_str()) {
            let of_list = name == "extend_config";
            assert_eq!(before[usize::from(of_list)][&name], value, "{name}");
        }
    }
    world.manifest(&MANIFEST.replace("memory: 128", "memory: 256"));
    world.requests();
    let ran = with_token(&world, APPLY).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let after = shown(&world).await;
    assert_eq!(after[0]["memory_size"], 256);
    assert_eq!(steady(after), steady(before));
    let writes = world.writes();
    let sent = writes.iter().find(|one| one.method == Method::PUT).map(body).expect("a configuration write");
    assert_eq!(sent["encrypted_user_data"], r#"{"TOKEN":"hunter2"}"#);
    for name in NOT_SETTINGS {
        assert_eq!(sent.get(name), None, "{name} is the service's own");
    }
    assert_eq!(with_token(&world, &["plan", "--detailed-exitcode"]).await.code, Some(0));
}

/// A function without instances stays disabled, and one without a limit stays unlimited.
#[tokio::test]
async fn any_number_of_instances_survives_an_update() {
    for strategy in
        [json!({ "concurrency": 0, "concurrent_num": 1 }), json!({ "concurrency": -1, "concurrent_num": 9 })]
    {
        let world = World::new().await;
        world.manifest(MANIFEST);
        assert_eq!(with_token(&world, APPLY).await.code, Some(0));
        world.reconfigure("only", json!({ "strategy_config": strategy })).await;
        world.manifest(&MANIFEST.replace("memory: 128", "memory: 256"));
        assert_eq!(with_token(&world, APPLY).await.code, Some(0));
        assert_eq!(shown(&world).await[0]["strategy_config"], strategy);
    }
}

#[tokio::test]
async fn an_upload_keeps_dependencies_and_key() {
    let world = World::new().await;
    world.manifest(MANIFEST);
    assert_eq!(with_token(&world, APPLY).await.code, Some(0));
    let path = format!("/fgs/functions/{}/code", world.server.urn("only"));
    let code = world.server.get(&path).await.body;
    let upload = json!({ "code_type": "zip", "code_filename": "index.zip", "depend_version_list": ["one", "two"],
        "func_code": { "file": code["func_code"]["file"] } });
    assert_eq!(world.server.put(&path, upload).await.status, 200);
    world.manifest(&MANIFEST.replace("return 1", "return 2"));
    world.requests();
    assert_eq!(with_token(&world, APPLY).await.code, Some(0));
    assert_eq!(shown(&world).await[0]["depend_version_list"], json!(["one", "two"]));
}

const SECRETIVE: &str = "\
version: 1
stack: s
functions:
  only:
    runtime: Python3.9
    handler: index.handler
    memory: 128
    timeout: 3s
    code: { inline: 'def handler(event, context): return 1' }
";

async fn with_secret_of_someone_else(manifest: &str) -> World {
    let world = World::new().await;
    world.manifest(manifest);
    world.apply().await;
    world.reconfigure("only", json!({ "encrypted_user_data": r#"{"DB":"theirs"}"# })).await;
    world.requests();
    world
}

async fn secrets(world: &World) -> Value {
    shown(world).await[0].get("encrypted_user_data").cloned().unwrap_or_default()
}

#[tokio::test]
async fn ignored_secrets_are_at_risk_only_if_the_configuration_is_written() {
    let manifest = format!("{SECRETIVE}    ignore: [secrets]\n");
    let world = with_secret_of_someone_else(&manifest).await;
    assert_eq!(world.run(&["plan", "--detailed-exitcode"]).await.code, Some(0));
    world
        .manifest(&manifest.replace("return 1", "return 2").replace("secrets]\n", "secrets]\n    tags: { team: a }\n"));
    world.apply().await;
    assert_eq!(secrets(&world).await, r#"{"DB":""}"#);
    world.requests();
    world.manifest(&manifest.replace("memory: 128", "memory: 256").replace("return 1", "return 2"));
    let plan = world.plan(&[]).await;
    assert_eq!((&plan["outcome"], &plan["diagnostics"][0]["code"]), (&json!("refused"), &json!("secrets-at-risk")));
    assert_eq!(plan["diagnostics"][0]["severity"], "error");
    let ran = world.run(APPLY).await;
    assert_eq!(ran.code, Some(1));
    insta::assert_snapshot!(ran.transcript());
    assert_eq!(world.writes(), []);
    assert_eq!(world.run(&["drift"]).await.code, Some(0), "drift asks for no permission");
    let ran = world.run(&[APPLY, &["--allow-secret-loss"]].concat()).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    insta::assert_snapshot!(ran.transcript());
    assert_eq!(secrets(&world).await, Value::Null, "this server clears what is left out");
}

#[tokio::test]
async fn a_secret_that_someone_else_added_is_not_removed_without_a_flag() {
    let world = with_secret_of_someone_else(SECRETIVE).await;
    let ran = world.run(APPLY).await;
    assert_eq!(ran.code, Some(1));
    insta::assert_snapshot!(ran.transcript());
    assert_eq!(world.writes(), []);
    let ran = world.run(&[APPLY, &["--allow-secret-loss"]].concat()).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(secrets(&world).await, "{}");
    assert_eq!(world.run(&["plan", "--detailed-exitcode"]).await.code, Some(0));
}

/// The manifest's own secrets change at the same time, so only the names in the mark show who added the other secret.
#[tokio::test]
async fn a_secret_that_someone_else_added_survives_a_change_of_the_manifests_own() {
    let world = World::new().await;
    let both = MANIFEST.replace("{ TOKEN: { env: TOKEN } }", "{ TOKEN: { env: TOKEN }, OLD: { env: TOKEN } }");
    world.manifest(&both);
    assert_eq!(with_token(&world, APPLY).await.code, Some(0));
    let theirs = r#"{"TOKEN":"","OLD":"","FOREIGN":"theirs"}"#;
    world.reconfigure("only", json!({ "encrypted_user_data": theirs })).await;
    world.requests();
    world.manifest(MANIFEST);
    let ran = with_token(&world, APPLY).await;
    assert_eq!(ran.code, Some(1), "{ran:?}");
    insta::assert_snapshot!(ran.transcript());
    assert_eq!(world.writes(), []);
}

#[tokio::test]
async fn a_secret_is_removed_with_its_declaration() {
    let world = World::new().await;
    world.manifest(MANIFEST);
    assert_eq!(with_token(&world, APPLY).await.code, Some(0));
    world.manifest(&MANIFEST.replace("    secrets: { TOKEN: { env: TOKEN } }\n", ""));
    world.apply().await;
    assert_eq!(secrets(&world).await, "{}");
}

/// Ignored secrets are not compared, so the plan cannot ask about one that is added later.
#[tokio::test]
async fn a_secret_that_appears_after_the_plan_is_not_lost() {
    let manifest = format!("{SECRETIVE}    ignore: [secrets]\n");
    let world = World::new().await;
    world.manifest(&manifest);
    world.apply().await;
    let with_secret = world.configuration("only", json!({ "encrypted_user_data": r#"{"DB":"theirs"}"# })).await;
    let path = format!("/fgs/functions/{}/config", world.server.urn("only"));
    world.disturb(Method::GET, "only/config", world.edit(Method::PUT, &path, with_secret));
    world.requests();
    world.manifest(&manifest.replace("memory: 128", "memory: 256"));
    let ran = world.run(APPLY).await;
    assert_eq!(ran.code, Some(1));
    insta::assert_snapshot!(ran.transcript());
    assert_eq!(world.writes(), []);
}

/// A service with one function, which stores the body of every PUT config.
struct Service {
    function: Map<String, Value>,
    tags: Map<String, Value>,
    /// A field that it drops from every PUT.
    drops: &'static str,
    puts: Vec<Value>,
}

fn kept(name: &str) -> bool {
    ["func_urn", "func_name", "package", "digest", "code_type", "log_group_id", "log_stream_id"].contains(&name)
}

impl Service {
    fn new(drops: &'static str) -> Self {
        let function = json!({
            "func_urn": "urn:fss:eu-de:p:function:default:only:latest", "func_name": "only", "package": "default",
            "runtime": "Python3.9", "timeout": 3, "handler": "index.handler", "memory_size": 128, "digest": "d",
            "code_type": "zip", "description": "", "log_group_id": "", "log_stream_id": "",
            "func_vpc": { "vpc_id": "v", "subnet_id": "s", "vpc_name": "filled in" },
            "new_object": { "of": ["the service", { "deep": null }] }, "new_flag": false, "new_text": "text",
        });
        let function = serde_json::from_value(function).expect("an object");
        let tags = Map::from_iter([("fgctl.stack".to_owned(), json!("s"))]);
        Self { function, tags, drops, puts: Vec::new() }
    }

    fn tags(&self) -> Vec<Value> {
        self.tags.iter().map(|(key, value)| json!({ "key": key, "value": value })).collect()
    }

    fn answer(&mut self, request: &Request) -> Answer {
        let path = percent_encoding::percent_decode_str(&request.target).decode_utf8_lossy().into_owned();
        let path = path.split('?').next().unwrap_or_default();
        let body: Value = serde_json::from_str(&request.body).unwrap_or_default();
        match (request.method.as_str(), path.rsplit('/').next().unwrap_or_default()) {
            ("GET", "functions") => {
                Answer::ok(json!({ "functions": [self.function], "next_marker": 1, "count": 1 }).to_string())
            }
            ("POST", "filter") => {
                let one = json!({ "resource_id": self.function["func_urn"], "tags": self.tags() });
                Answer::ok(json!({ "resources": [one], "total_count": 1 }).to_string())
            }
            ("GET", "async-invoke-configs") => {
                Answer::ok(json!({ "async_invoke_configs": [], "count": 0, "page_info": {} }).to_string())
            }
            ("GET", "async-invoke-config") => Answer::refusal(404, "FSS.0404", "none"),
            ("GET", "config") => Answer::ok(Value::from(self.function.clone()).to_string()),
            ("GET", "tags") => Answer::ok(json!({ "tags": self.tags(), "sys_tags": [] }).to_string()),
            ("POST", "create") => {
                for tag in body["tags"].as_array().into_iter().flatten() {
                    self.tags.insert(tag["key"].as_str().unwrap_or_default().to_owned(), tag["value"].clone());
                }
                Answer::ok("")
            }
            ("PUT", "config") => {
                self.puts.push(body.clone());
                self.function.retain(|name, _| kept(name));
                self.function.extend(body.as_object().cloned().unwrap_or_default());
                self.function.remove(self.drops);
                Answer::Reply(204, None, String::new())
            }
            _ => Answer::refusal(404, "APIGW.0101", "no such API"),
        }
    }
}

/// Raises the memory of a scripted service's function; returns the requests that it received.
async fn update_scripted(drops: &'static str) -> (Ran, Vec<Value>, Map<String, Value>) {
    let service = Arc::new(Mutex::new(Service::new(drops)));
    let before = service.lock().expect("no panic").function.clone();
    let answering = Arc::clone(&service);
    let server = Scripted::start(move |request, _| answering.lock().expect("no panic").answer(request)).await;
    let world = World::new().await;
    world.manifest(&format!("{SECRETIVE}    ignore: [code]\n").replace("memory: 128", "memory: 256"));
    let mut command = world.command(APPLY);
    command.env("FGCTL_ENDPOINT", &server.url).env("FGCTL_REGION", "eu-de").env("FGCTL_PROJECT_ID", "p");
    let ran = Ran::of(APPLY, world.folder.path(), finished(command).await);
    let puts = service.lock().expect("no panic").puts.clone();
    (ran, puts, before)
}

#[tokio::test]
async fn unknown_fields_are_sent_back_unchanged() {
    let (ran, puts, before) = update_scripted("nothing").await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let [put] = &puts[..] else { panic!("one configuration write, not {puts:?}") };
    for name in ["func_vpc", "new_object", "new_flag", "new_text"] {
        assert_eq!(put[name], before[name], "{name}");
    }
    assert_eq!((put.get("digest"), &put["memory_size"]), (None, &json!(256)));
}

#[tokio::test]
async fn a_service_that_drops_fields_is_detected() {
    for field in ["func_vpc", "new_object", "new_text", "memory_size"] {
        let (ran, _, _) = update_scripted(field).await;
        assert_eq!(ran.code, Some(1), "{field}: {ran:?}");
        let says = format!("{}{}", ran.stdout, ran.stderr);
        assert!(says.contains(field), "{field}: {says}");
    }
}
