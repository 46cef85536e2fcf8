//! Fields that are newer than the first release, from the manifest to the service and back.

use axum::http::Method;
use serde_json::{Value, json};

use crate::recorder::{Effect, Recorded};
use crate::world::World;

/// A container image with every field that does not exclude another.
const IMAGE: &str = "\
version: 1
stack: orders
functions:
  intake:
    runtime: Custom Image
    agency: fgs-images
    execution_agency: fgs-run
    image:
      url: swr.eu-de.example.com/shop/intake:1
      command: /bin/sh
      args: -c,run
      uid: 1000
      gid: 1001
    scaling: { max_instances: 7, concurrency: 20 }
    logs:
      enabled: true
      group_id: group-1
      group_name: orders
      stream_id: stream-1
      stream_name: intake
      tags: { team: orders }
    vpc:
      id: vpc-1
      subnet: subnet-1
      disable_public_network: true
      trigger_access_vpcs: [vpc-2, vpc-1]
    peering_cidr: 10.0.0.0/8;192.168.0.0/16
    domain_names:
      - { id: zone-2, domain_name: b.example.com. }
      - { id: zone-1, domain_name: a.example.com. }
    mounts:
      - { type: sfsTurbo, resource: share-1, share_path: '192.168.0.1:/', local_path: /mnt/b }
      - { type: ecs, resource: server-1, share_path: /data, local_path: /mnt/a }
    mount_user: { uid: 1003, gid: 1004 }
    ephemeral_storage: 10240
    gpu: { memory: 2048, type: nvidia-t4 }
    dynamic_memory: true
    auth_in_header: true
    stateful: true
    enterprise_project: project-1
    kms: { environment: key-1 }
";

/// What does not go with an image.
const JAVA: &str = "\
version: 1
stack: orders
functions:
  settle:
    runtime: Java17
    handler: com.acme.Orders.handle
    code: { obs: 'https://code.obs.eu-de.otc.t-systems.com/settle.jar' }
    initializer: { handler: com.acme.Orders.start }
    pre_stop: { handler: com.acme.Orders.stop, timeout: 10 }
    restore_hook: { handler: com.acme.Orders.restored, timeout: 1m }
    heartbeat: com.acme.Orders.heartBeat
    class_isolation: true
    dependencies: [dependency-2, dependency-1]
    kms: { code: key-2 }
";

const PLAIN: &str = "\
version: 1
stack: orders
functions:
  plain:
    runtime: Python3.9
    handler: index.handler
    code: { inline: 'def handler(event, context): return 1' }
";

async fn shown(world: &World, name: &str) -> Value {
    world.server.get(&format!("/fgs/functions/{}/config", world.server.urn(name))).await.body
}

fn body(request: &Recorded) -> Value {
    serde_json::from_str(&request.body).expect("JSON")
}

/// Method and last part of the path of each write.
fn kinds(writes: &[Recorded]) -> Vec<String> {
    let end = |one: &Recorded| one.path.rsplit('/').next().unwrap_or_default().to_owned();
    writes.iter().map(|one| format!("{} {}", one.method, end(one))).collect()
}

#[tokio::test]
async fn every_field_arrives_and_comes_back() {
    let world = World::new().await;
    world.manifest(IMAGE);
    world.requests();
    world.apply().await;
    let writes = world.writes();
    assert_eq!(
        kinds(&writes),
        ["POST functions", "POST create", "PUT config", "PUT config-max-instance", "POST create"]
    );
    assert_eq!(body(&writes[0])["type"], "v2");
    let found = shown(&world, "intake").await;
    for (field, value) in [
        ("handler", json!("-")),
        ("app_xrole", json!("fgs-run")),
        ("code_type", json!("Custom-Image-Swr")),
        (
            "custom_image",
            json!({ "enabled": true, "image": "swr.eu-de.example.com/shop/intake:1", "command": "/bin/sh", "args": "-c,run",
                "uid": "1000", "gid": "1001" }),
        ),
        ("strategy_config", json!({ "concurrency": 7, "concurrent_num": 20 })),
        ("enable_lts_log", json!(true)),
        ("log_group_id", json!("group-1")),
        ("lts_custom_tag", json!({ "team": "orders" })),
        ("func_vpc", json!({ "vpc_id": "vpc-1", "subnet_id": "subnet-1" })),
        (
            "network_controller",
            json!({ "disable_public_network": true, "trigger_access_vpcs": [{ "vpc_id": "vpc-1" }, { "vpc_id": "vpc-2" }] }),
        ),
        ("peering_cidr", json!("10.0.0.0/8;192.168.0.0/16")),
        ("ephemeral_storage", json!(10240)),
        ("gpu_memory", json!(2048)),
        ("enable_auth_in_header", json!(true)),
        ("is_stateful_function", json!(true)),
        ("enterprise_project_id", json!("project-1")),
        ("user_data_encrypt_kms_key_id", json!("key-1")),
    ] {
        assert_eq!(found[field], value, "{field}");
    }
    assert_eq!(found["mount_config"]["mount_user"], json!({ "user_id": 1003, "user_group_id": 1004 }));
    assert_eq!(found["mount_config"]["func_mounts"][0]["local_mount_path"], "/mnt/a");
    let log = world.server.get(&format!("/fgs/functions/{}/lts-log-detail", world.server.urn("intake"))).await.body;
    assert_eq!((&log["group_name"], &log["stream_name"]), (&json!("orders"), &json!("intake")));
    assert_eq!(world.planned(&[]).await, Vec::<String>::new());
}

#[tokio::test]
async fn fields_of_java_arrive_and_come_back() {
    let world = World::new().await;
    world.manifest(JAVA);
    world.apply().await;
    let found = shown(&world, "settle").await;
    for (field, value) in [
        ("pre_stop_handler", json!("com.acme.Orders.stop")),
        ("pre_stop_timeout", json!(10)),
        ("restore_hook_timeout", json!(60)),
        ("heartbeat_handler", json!("com.acme.Orders.heartBeat")),
        ("enable_class_isolation", json!(true)),
        ("depend_version_list", json!(["dependency-1", "dependency-2"])),
        ("code_encrypt_kms_key_id", json!("key-2")),
    ] {
        assert_eq!(found[field], value, "{field}");
    }
    assert_eq!(world.planned(&[]).await, Vec::<String>::new());
    world.manifest(&JAVA.replace("dependency-2, ", ""));
    world.requests();
    world.apply().await;
    assert_eq!(kinds(&world.writes())[0], "PUT code", "only PUT code takes dependencies");
    assert_eq!(shown(&world, "settle").await["depend_version_list"], json!(["dependency-1"]));
    assert_eq!(world.planned(&[]).await, Vec::<String>::new());
}

/// What an export writes is the same again, for another stack too.
#[tokio::test]
async fn every_field_is_exported() {
    for (manifest, name) in [(IMAGE, "intake"), (JAVA, "settle")] {
        let world = World::new().await;
        world.manifest(manifest);
        world.apply().await;
        let before = shown(&world, name).await;
        let exported = world.run(&["export", "--stack", "orders", "--to", "out"]).await;
        assert_eq!(exported.code, Some(0), "{exported:?}");
        assert_eq!(world.planned(&["-f", "out"]).await, Vec::<String>::new(), "{exported:?}");
        let text = std::fs::read_to_string(world.folder.path().join("out/fgctl.yaml")).expect("a manifest");
        world.manifest(&text.replace("runtime:", "description: changed\n    runtime:"));
        world.apply().await;
        let mut after = shown(&world, name).await;
        assert_eq!(after["description"], "changed");
        for field in ["description", "last_modified"] {
            after[field] = before[field].clone();
        }
        assert_eq!(after, before, "an update of one field keeps all others");
    }
}

/// A network that somebody set in the console, on a function that an earlier version applied.
#[tokio::test]
async fn what_is_not_declared_is_left_alone_until_it_was_declared() {
    let world = World::new().await;
    world.manifest(PLAIN);
    world.apply().await;
    let network = json!({ "vpc_id": "vpc-1", "subnet_id": "subnet-1", "cidr": "10.0.0.0/8", "vpc_name": "theirs" });
    world.reconfigure("plain", json!({ "app_xrole": "theirs", "func_vpc": network, "ephemeral_storage": 10240 })).await;
    assert_eq!(world.planned(&[]).await, Vec::<String>::new(), "nothing of this is declared");
    world.manifest(&PLAIN.replace("    runtime", "    memory: 256\n    runtime"));
    world.apply().await;
    let found = shown(&world, "plain").await;
    assert_eq!((&found["func_vpc"], &found["ephemeral_storage"]), (&network, &json!(10240)));
    let declared = PLAIN.replace(
        "    runtime",
        "    memory: 256\n    agency: fgs-network\n    vpc: { id: vpc-1, subnet: subnet-2 }\n    ephemeral_storage: 10240\n    runtime",
    );
    world.manifest(&declared);
    world.apply().await;
    let found = shown(&world, "plain").await;
    assert_eq!(
        found["func_vpc"],
        json!({ "vpc_id": "vpc-1", "subnet_id": "subnet-2" }),
        "the rest was of the old subnet"
    );
    world.manifest(&PLAIN.replace("    runtime", "    memory: 256\n    agency: fgs-network\n    runtime"));
    let plan = world.run(&["plan"]).await.stdout;
    assert!(plan.contains("ephemeral_storage  10240 → 512"), "{plan}");
    world.apply().await;
    let found = shown(&world, "plain").await;
    assert_eq!((found.get("func_vpc"), &found["app_xrole"]), (None, &json!("theirs")));
    assert_eq!(world.planned(&[]).await, Vec::<String>::new());
}

/// Lists do not show these fields.
#[tokio::test]
async fn a_function_is_read_alone_only_if_lists_lack_what_it_declares() {
    let world = World::new().await;
    let reads = async |manifest: &str| {
        world.manifest(manifest);
        world.apply().await;
        world.requests();
        assert_eq!(world.planned(&[]).await, Vec::<String>::new());
        world.requests().into_iter().filter(|one| one.path.ends_with("/config")).count()
    };
    assert_eq!(reads(PLAIN).await, 0);
    assert_eq!(reads(&PLAIN.replace("    runtime", "    scaling: { max_instances: 5 }\n    runtime")).await, 0);
    assert_eq!(reads(&PLAIN.replace("    runtime", "    dynamic_memory: true\n    runtime")).await, 1);
    assert_eq!(reads(PLAIN).await, 0, "what was applied has returned to its default, and is left alone");
}

#[tokio::test]
async fn a_new_tag_of_an_image_is_new_code() {
    let world = World::new().await;
    let manifest = |tag: &str| {
        format!(
            "version: 1\nstack: orders\nfunctions:\n  intake: {{ runtime: http, agency: a, image: {{ url: 'swr.eu-de.example.com/shop/intake:{tag}' }} }}\n"
        )
    };
    world.manifest(&manifest("1"));
    world.apply().await;
    world.manifest(&manifest("2"));
    let plan = world.plan(&[]).await;
    assert_eq!(plan["changes"][0]["reason"], "code: the manifest changed", "{plan}");
    assert_eq!(plan["changes"][0]["fields"][0]["path"], "/image/url");
    world.requests();
    world.apply().await;
    assert_eq!(kinds(&world.writes())[0], "PUT config");
    assert_eq!(shown(&world, "intake").await["custom_image"]["image"], "swr.eu-de.example.com/shop/intake:2");
    let image = json!({ "enabled": true, "image": "swr.eu-de.example.com/shop/intake:3" });
    world.reconfigure("intake", json!({ "custom_image": image })).await;
    let plan = world.plan(&[]).await;
    assert_eq!(plan["changes"][0]["reason"], "code: live was changed by someone else", "{plan}");
    world.apply().await;
    assert_eq!(world.planned(&[]).await, Vec::<String>::new());
}

/// 0 disables a function, so nothing but the manifest says it.
#[tokio::test]
async fn the_number_of_instances_has_a_request_of_its_own() {
    let world = World::new().await;
    let manifest = |number: &str| {
        PLAIN.replace("    runtime", &format!("    scaling: {{ max_instances: {number} }}\n    runtime"))
    };
    for (number, expected) in [("1", 1), ("0", 0), ("-1", -1)] {
        world.manifest(&manifest(number));
        world.requests();
        world.apply().await;
        let writes = world.writes();
        let limits: Vec<&Recorded> = writes.iter().filter(|one| one.path.ends_with("/config-max-instance")).collect();
        assert_eq!(limits.iter().map(|one| body(one)).collect::<Vec<_>>(), [json!({ "max_instance_num": expected })]);
        assert_eq!(shown(&world, "plain").await["strategy_config"]["concurrency"], expected);
        assert_eq!(world.planned(&[]).await, Vec::<String>::new());
    }
    world.manifest(PLAIN);
    world.apply().await;
    assert_eq!(shown(&world, "plain").await["strategy_config"]["concurrency"], 400);
}

/// Some regions accept a field and do not have it.
#[tokio::test]
async fn a_field_that_a_region_does_not_offer_is_an_error() {
    for is_there in [false, true] {
        let world = World::new().await;
        if is_there {
            world.manifest(PLAIN);
            world.apply().await;
        }
        world.manifest(&PLAIN.replace("    runtime", "    ephemeral_storage: 10240\n    runtime"));
        world.recorder.disturb_all(Method::GET, "/config$", Effect::Without("ephemeral_storage"));
        let ran = world.run(&["apply", "--auto-approve"]).await;
        assert_eq!(ran.code, Some(1), "{ran:?}");
        let said = format!("{}{}", ran.stdout, ran.stderr);
        assert!(said.contains("/ephemeral_storage"), "{said}");
        assert!(said.contains("this region may not offer it"), "{said}");
    }
}

/// Running again converges.
#[tokio::test]
async fn a_create_that_stops_before_its_configuration_is_continued() {
    let world = World::new().await;
    world.manifest(&PLAIN.replace("    runtime", "    ephemeral_storage: 10240\n    runtime"));
    let answer = r#"{"error_code":"FSS.0400","error_msg":"not today"}"#.to_owned();
    world.recorder.disturb(Method::PUT, "/config$", Effect::Answer(400, answer));
    let ran = world.run(&["apply", "--auto-approve"]).await;
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert_eq!(world.planned(&[]).await, ["update function:default/plain"]);
    world.apply().await;
    assert_eq!(shown(&world, "plain").await["ephemeral_storage"], 10240);
    assert_eq!(world.planned(&[]).await, Vec::<String>::new());
}

/// Fields that need or exclude each other, each at its place.
#[tokio::test]
async fn fields_that_do_not_fit_together_are_errors() {
    let world = World::new().await;
    let error = async |lines: &str| {
        world.manifest(&PLAIN.replace("    runtime", &format!("    {lines}\n    runtime")));
        world.run(&["validate"]).await.stderr
    };
    for (lines, expected) in [
        ("agency: a\n    vpc: { id: v }", "`vpc.id` needs `vpc.subnet`"),
        ("vpc: { id: v, subnet: s }", "`vpc` needs an agency that may use it"),
        ("logs: { tags: { a: b } }", "`logs.tags` needs `logs.enabled: true`"),
        ("image: { command: x }", "`image.command` needs `image.url`"),
        ("agency: a\n    image: { url: swr.a/b:1 }", "a function with a container image has no other code"),
        ("agency: a\n    image: { url: swr.a/b:1 }", "a container image cannot run on Python3.9"),
        ("image: { url: docker.io/b:1 }", "begins with `swr.`"),
        ("scaling: { max_instances: 1001 }", "it must be a whole number from -1 to 1000"),
        ("mount_user: { uid: 1000 }", "except 1000 and 1002"),
        ("mounts: [{ type: nfs, resource: r, share_path: /, local_path: /a }]", "it must be sfs, sfsTurbo or ecs"),
        ("dependencies: [a, a]", "has an item twice"),
        ("pre_stop: { handler: a.b, timeout: 91 }", "it must be 1 to 90 seconds"),
        ("vpc: { subnets: s }", "has no field `subnets`"),
    ] {
        let said = error(lines).await;
        assert!(said.contains(expected), "{lines}: {said}");
    }
}

/// Groups are merged member by member, and null takes a default away.
#[tokio::test]
async fn defaults_give_every_field() {
    let world = World::new().await;
    let defaults = "defaults:\n  scaling: { max_instances: 5, concurrency: 9 }\n  dynamic_memory: true\n";
    let more = "  other:\n    runtime: Python3.9\n    handler: index.handler\n    code: { inline: 'def handler(event, context): return 1' }\n    scaling: null\n    dynamic_memory: null\n";
    let plain = PLAIN.replace("    runtime", "    scaling: { max_instances: 6 }\n    runtime");
    world.manifest(&format!("{}{more}", plain.replace("functions:", &format!("{defaults}functions:"))));
    world.apply().await;
    let (plain, other) = (shown(&world, "plain").await, shown(&world, "other").await);
    assert_eq!(plain["strategy_config"], json!({ "concurrency": 6, "concurrent_num": 9 }));
    assert_eq!(other["strategy_config"], json!({ "concurrency": 400, "concurrent_num": 1 }));
    assert_eq!((&plain["enable_dynamic_memory"], other.get("enable_dynamic_memory")), (&json!(true), None));
}

/// A default may be for other functions.
#[tokio::test]
async fn fields_for_another_runtime_are_warnings_where_a_function_declares_them() {
    let world = World::new().await;
    let heartbeat = PLAIN.replace("    runtime", "    heartbeat: com.acme.Orders.beat\n    runtime");
    world.manifest(&heartbeat);
    let ran = world.run(&["validate"]).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.stderr.contains("`heartbeat` is for Java; the runtime here is Python3.9"), "{}", ran.stderr);
    assert!(ran.stderr.contains("fgctl.yaml:5:5"), "{}", ran.stderr);
    world.manifest(&PLAIN.replace("functions:", "defaults: { heartbeat: com.acme.Orders.beat }\nfunctions:"));
    assert_eq!(world.run(&["validate"]).await.stderr, "");
}

#[tokio::test]
async fn a_function_of_the_old_type_lacks_fields() {
    let world = World::new().await;
    let mut body = crate::server_harness::function("plain");
    body["type"] = json!("v1");
    assert!(world.server.post("/fgs/functions", body).await.status.is_success());
    world.manifest(&PLAIN.replace("    runtime", "    scaling: { max_instances: 5 }\n    runtime"));
    let ran = world.run(&["plan", "--adopt"]).await;
    assert_eq!(ran.code, Some(1), "{ran:?}");
    let expected = "function default/plain is of the old type v1, which does not support `scaling.max_instances`";
    assert!(ran.stderr.contains(expected), "{}", ran.stderr);
    assert!(ran.stderr.contains("fgctl.yaml:5:16"), "{}", ran.stderr);
}
