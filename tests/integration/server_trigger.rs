//! Triggers: created, shown, updated and deleted as the service does.

use std::collections::BTreeSet;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::server_harness::{Reply, Server};

const TOPIC: &str = "urn:smn:region:0123456789abcdef0123456789abcdef:orders";

fn timer(name: &str) -> Value {
    json!({ "name": name, "schedule_type": "Rate", "schedule": "5m" })
}

fn bucket(name: &str) -> Value {
    json!({ "bucket": name, "events": ["s3:ObjectCreated:*"] })
}

async fn create(server: &Server, function: &str, code: &str, data: Value) -> Reply {
    let body = json!({ "trigger_type_code": code, "event_data": data });
    server.post(&format!("/fgs/triggers/{function}"), body).await
}

/// Creates a trigger and returns its path.
async fn created(server: &Server, function: &str, code: &str, data: Value) -> String {
    let reply = create(server, function, code, data).await;
    assert_eq!(reply.status, StatusCode::CREATED, "{reply:?}");
    let id = reply.body["trigger_id"].as_str().expect("an id").to_owned();
    format!("/fgs/triggers/{function}/{code}/{id}")
}

async fn codes(server: &Server, function: &str) -> Vec<String> {
    let list = server.get(&format!("/fgs/triggers/{function}")).await;
    let list = list.body.as_array().unwrap_or_else(|| panic!("{list:?}")).clone();
    list.iter().map(|one| one["trigger_type_code"].as_str().expect("a type").to_owned()).collect()
}

/// A server with a function `f` that has the version `v1` and its alias `prod`, and the URN.
async fn published() -> (Server, String) {
    let server = Server::start().await;
    server.create_function("f").await;
    server.post("/fgs/functions/f/versions", json!({ "version": "v1" })).await;
    server.post("/fgs/functions/f/aliases", json!({ "name": "prod", "version": "v1" })).await;
    let urn = server.urn("f");
    (server, urn)
}

#[tokio::test]
async fn a_trigger_is_kept_until_it_is_deleted() {
    let server = Server::start().await;
    server.create_function("f").await;
    let reply = create(&server, "f", "TIMER", timer("often")).await;
    assert_eq!(reply.status, StatusCode::CREATED);
    let made = reply.body;
    assert_eq!((&made["trigger_status"], &made["event_data"]), (&json!("ACTIVE"), &timer("often")));
    assert!(made["created_time"].as_str().is_some_and(|time| time.parse::<jiff::Timestamp>().is_ok()), "{made}");
    let path = format!("/fgs/triggers/f/TIMER/{}", made["trigger_id"].as_str().expect("an id"));
    let server = server.restart().await;
    assert_eq!(server.get(&path).await.body, made);
    assert_eq!(server.get("/fgs/triggers/f").await.body, json!([made]));
    assert_eq!(server.get(&path.replace("TIMER", "timer")).await.error(), (404, "FSS.1131"));
    assert_eq!(server.delete(&path).await.status, StatusCode::NO_CONTENT);
    assert_eq!(server.delete(&path).await.error(), (404, "FSS.1131"));
    assert_eq!(server.get(&path).await.error(), (404, "FSS.1131"));
    assert_eq!(server.get("/fgs/triggers/f").await.body, json!([]));
    assert_eq!(create(&server, "g", "TIMER", timer("often")).await.error(), (404, "FSS.1051"));
    assert_eq!(server.get("/fgs/triggers/g").await.error(), (404, "FSS.1051"));
}

#[tokio::test]
async fn the_service_adds_members_and_never_returns_secrets() {
    let server = Server::start().await;
    server.create_function("f").await;
    let shown = async |code: &str, data: Value| {
        let path = created(&server, "f", code, data).await;
        (server.get(&path).await.body, path.rsplit_once('/').expect("an id").1.to_owned())
    };
    let (obs, id) = shown("OBS", bucket("incoming")).await;
    assert_eq!(obs["event_data"]["name"], json!(id));
    let (obs, _) = shown("OBS", json!({ "bucket": "named", "name": "mine", "events": ["s3:ObjectRemoved:*"] })).await;
    assert_eq!(obs["event_data"]["name"], json!("mine"));
    let (smn, _) = shown("SMN", json!({ "topic_urn": TOPIC })).await;
    assert_eq!(smn["event_data"], json!({ "topic_urn": TOPIC, "subscription_status": "Confirmed" }));
    let api = json!({ "name": "api", "group_id": "g", "auth": "NONE", "path": "/a", "func_info": { "timeout": 5 } });
    let (api, id) = shown("APIG", api).await;
    assert_eq!((&api["event_data"]["triggerid"], &api["event_data"]["api_name"]), (&json!(id), &json!("api")));
    let info = json!({ "timeout": 5, "function_urn": server.urn("f"), "version": "latest" });
    assert_eq!(api["event_data"]["func_info"], info);
    let kafka = json!({ "instance_id": "i", "topic_ids": ["b", "a"], "kafka_user": "u", "kafka_password": "hunter2" });
    let (kafka, _) = shown("KAFKA", kafka).await;
    let kept = json!({ "instance_id": "i", "topic_ids": ["b", "a"], "kafka_user": "u", "kafka_password": "" });
    assert_eq!((&kafka["event_data"], &kafka["trigger_status"]), (&kept, &json!("DISABLED")));
    let (dds, _) = shown("DDS", json!({ "instance_id": "i", "db_password": "hunter2", "anything": [2, 1] })).await;
    assert_eq!(dds["event_data"], json!({ "instance_id": "i", "db_password": "", "anything": [2, 1] }));
    let directory = server.directory.path().to_owned();
    drop(server.restart().await);
    let store = std::fs::read(directory.join("store.db")).unwrap_or_default();
    assert!(!store.windows(7).any(|part| part == b"hunter2"));
}

#[tokio::test]
async fn triggers_that_the_service_would_not_create_are_refused() {
    let server = Server::start().await;
    server.create_function("f").await;
    let events = |events: &[&str]| json!({ "bucket": "incoming", "events": events });
    let schedule = |kind: &str, schedule: &str| json!({ "name": "a", "schedule_type": kind, "schedule": schedule });
    for (code, data, expected) in [
        ("SURPRISE", json!({}), "FSS.1101"),
        ("timer", timer("a"), "FSS.1101"),
        ("TIMER", json!({ "schedule_type": "Rate", "schedule": "5m" }), "FSS.1109"),
        ("TIMER", timer("1a"), "FSS.1109"),
        ("TIMER", schedule("Rate", "61m"), "FSS.1109"),
        ("TIMER", schedule("Cron", "5m"), "FSS.1109"),
        ("TIMER", schedule("Rate", "0 15 2 * * ?"), "FSS.1109"),
        ("TIMER", schedule("Other", "5m"), "FSS.1109"),
        ("OBS", json!({ "bucket": "incoming" }), "FSS.1106"),
        ("OBS", events(&[]), "FSS.1106"),
        ("OBS", events(&["ObjectCreated"]), "FSS.1106"),
        ("OBS", events(&["s3:ObjectCreated:*", "s3:ObjectCreated:Put"]), "FSS.1106"),
        ("OBS", events(&["s3:ObjectCreated:Put", "s3:ObjectCreated:Put"]), "FSS.1106"),
        ("SMN", json!({ "topic_urn": "orders" }), "FSS.1102"),
        ("DIS", json!({ "stream_name": "s", "polling_interval": 61, "polling_unit": "s" }), "FSS.0400"),
        ("DIS", json!({ "stream_name": "s", "polling_interval": 5 }), "FSS.0400"),
        ("KAFKA", json!({ "instance_id": "i", "topic_ids": "t" }), "FSS.1112"),
        ("APIG", json!({ "name": "a" }), "FSS.1107"),
        ("DEDICATEDGATEWAY", json!({ "name": "a" }), "FSS.1417"),
    ] {
        let reply = create(&server, "f", code, data).await;
        assert_eq!(reply.error(), (400, expected), "{code}: {reply:?}");
    }
    let body = json!({ "trigger_type_code": "TIMER", "trigger_status": "active", "event_data": timer("a") });
    assert_eq!(server.post("/fgs/triggers/f", body).await.error(), (400, "FSS.0400"));
    assert_eq!(server.get("/fgs/triggers/f").await.body, json!([]));
}

#[tokio::test]
async fn a_second_trigger_of_the_same_source_is_refused() {
    let (server, urn) = published().await;
    server.create_function("g").await;
    let kafka = json!({ "instance_id": "i", "topic_ids": ["t"] });
    let api = json!({
        "name": "api", "group_id": "g", "env_id": "e", "auth": "IAM", "protocol": "HTTPS", "path": "/a",
        "req_method": "GET", "match_mode": "SWA", "backend_type": "FUNCTION", "sl_domain": "d", "type": 1,
        "func_info": { "timeout": 5 },
    });
    let kinds = [
        ("TIMER", timer("often"), 409, "FSS.1148"),
        ("OBS", bucket("incoming"), 409, "FSS.1145"),
        ("SMN", json!({ "topic_urn": TOPIC }), 409, "FSS.1141"),
        ("KAFKA", kafka, 409, "FSS.1150"),
        ("CTS", json!({ "name": "a", "operations": ["ECS:ecs:createServer"] }), 400, "FSS.1307"),
        ("APIG", api, 409, "FSS.1147"),
    ];
    for (code, data, status, expected) in kinds {
        created(&server, "f", code, data.clone()).await;
        assert_eq!(create(&server, "f", code, data.clone()).await.error(), (status, expected));
        let elsewhere = create(&server, "g", code, data.clone()).await;
        let of_version = create(&server, &format!("{urn}:v1"), code, data).await;
        let refused = match code {
            "OBS" => Some((403, "FSS.1108")),
            "APIG" => Some((status, expected)),
            _ => None,
        };
        match refused {
            Some(refused) => assert_eq!((elsewhere.error(), of_version.error()), (refused, refused), "{code}"),
            None => {
                assert_eq!((elsewhere.status, of_version.status), (StatusCode::CREATED, StatusCode::CREATED), "{code}");
            }
        }
    }
    let narrower = json!({ "bucket": "incoming", "prefix": "in/", "events": ["s3:ObjectCreated:*"] });
    created(&server, "g", "OBS", narrower).await;
}

#[tokio::test]
async fn a_version_has_at_most_ten_triggers_that_poll() {
    let (server, urn) = published().await;
    for number in 0..9 {
        created(&server, "f", "TIMER", timer(&format!("t{number}"))).await;
    }
    created(&server, "f", "DDS", json!({ "instance_id": "i" })).await;
    let over = create(&server, "f", "DIS", json!({ "stream_name": "s" })).await;
    assert_eq!(over.error(), (403, "FSS.1123"));
    created(&server, "f", "SMN", json!({ "topic_urn": TOPIC })).await;
    created(&server, &format!("{urn}:v1"), "DIS", json!({ "stream_name": "s" })).await;
}

#[tokio::test]
async fn an_update_changes_the_status_and_what_polling_needs() {
    let server = Server::start().await;
    server.create_function("f").await;
    let status = |reply: &Reply| reply.body["trigger_status"].as_str().map(str::to_owned);
    let path = created(&server, "f", "TIMER", timer("often")).await;
    let disabled = server.put(&path, json!({ "trigger_status": "DISABLED" })).await;
    assert_eq!((disabled.status, status(&disabled).as_deref()), (StatusCode::OK, Some("DISABLED")));
    let complete = json!({ "trigger_status": "ACTIVE", "event_data": timer("often") });
    let enabled = server.put(&path, complete).await;
    assert_eq!((enabled.status, status(&enabled).as_deref()), (StatusCode::OK, Some("ACTIVE")), "{enabled:?}");
    let other = json!({ "name": "often", "schedule_type": "Rate", "schedule": "6m" });
    assert_eq!(server.put(&path, json!({ "event_data": other })).await.error(), (400, "FSS.1109"));
    assert_eq!(server.put(&path, json!({ "trigger_status": "off" })).await.error(), (400, "FSS.0400"));
    assert_eq!(server.get(&path).await.body["event_data"], timer("often"));
    let stream = json!({ "stream_name": "s", "polling_interval": 30, "polling_unit": "s", "is_serial": "false" });
    let path = created(&server, "f", "DIS", stream).await;
    let change = json!([{ "polling_interval": 500, "polling_unit": "ms", "is_serial": true }]);
    assert_eq!(server.put(&path, json!({ "event_data": change })).await.status, StatusCode::OK);
    let changed = json!({ "stream_name": "s", "polling_interval": 500, "polling_unit": "ms", "is_serial": "true" });
    assert_eq!(server.get(&path).await.body["event_data"], changed);
    assert_eq!(server.put(&path, json!({ "trigger_status": "DISABLED" })).await.error(), (400, "FSS.0400"));
    // A client that repeats what it read, which has no password, changes nothing.
    let path =
        created(&server, "f", "KAFKA", json!({ "instance_id": "i", "topic_ids": ["t"], "kafka_password": "p" })).await;
    let read = server.get(&path).await.body["event_data"].clone();
    let started = server.put(&path, json!({ "trigger_status": "ACTIVE", "event_data": read })).await;
    assert_eq!((started.status, status(&started).as_deref()), (StatusCode::OK, Some("ACTIVE")), "{started:?}");
    assert_eq!(server.put("/fgs/triggers/f/KAFKA/none", json!({})).await.error(), (404, "FSS.1131"));
}

#[tokio::test]
async fn a_batch_without_a_version_deletes_the_triggers_of_all() {
    let (server, urn) = published().await;
    let qualified = ["f".to_owned(), format!("{urn}:v1"), format!("{urn}:!prod")];
    let fill = async || {
        for function in &qualified {
            let reply = create(&server, function, "TIMER", timer("often")).await;
            assert!([StatusCode::CREATED, StatusCode::CONFLICT].contains(&reply.status), "{reply:?}");
        }
    };
    let counts = async || {
        let mut counts = Vec::new();
        for function in &qualified {
            counts.push(codes(&server, function).await.len());
        }
        counts
    };
    for (deleted, left) in [
        (format!("{urn}:v1"), [1, 0, 1]),
        (format!("{urn}:!prod"), [1, 1, 0]),
        (urn.clone(), [0, 0, 0]),
        (format!("{urn}:latest"), [0, 0, 0]),
    ] {
        fill().await;
        assert_eq!(counts().await, [1, 1, 1]);
        assert_eq!(server.delete(&format!("/fgs/triggers/{deleted}")).await.status, StatusCode::NO_CONTENT);
        assert_eq!(counts().await, left, "{deleted}");
    }
}

#[tokio::test]
async fn triggers_end_with_their_function_or_version_and_hold_their_alias() {
    let (server, urn) = published().await;
    let of_alias = created(&server, &format!("{urn}:!prod"), "TIMER", timer("often")).await;
    created(&server, &format!("{urn}:v1"), "TIMER", timer("often")).await;
    created(&server, "f", "SMN", json!({ "topic_urn": TOPIC })).await;
    assert_eq!(server.delete("/fgs/functions/f/aliases/prod").await.error(), (403, "FSS.1154"));
    assert_eq!(server.delete(&of_alias).await.status, StatusCode::NO_CONTENT);
    assert_eq!(server.delete("/fgs/functions/f/aliases/prod").await.status, StatusCode::NO_CONTENT);
    let total = async || server.get("/fgs/triggers").await.body["total_count"].clone();
    assert_eq!(total().await, json!(2));
    assert_eq!(server.delete(&format!("/fgs/functions/{urn}:v1")).await.status, StatusCode::NO_CONTENT);
    assert_eq!(total().await, json!(1));
    assert_eq!(server.delete("/fgs/functions/f").await.status, StatusCode::NO_CONTENT);
    assert_eq!(total().await, json!(0));
}

#[tokio::test]
async fn the_projects_list_names_each_triggers_function() {
    let (server, urn) = published().await;
    server.create_function("g").await;
    created(&server, "f", "TIMER", timer("often")).await;
    created(&server, "g", "OBS", bucket("incoming")).await;
    created(&server, &format!("{urn}:!prod"), "KAFKA", json!({ "instance_id": "i", "topic_ids": ["t"] })).await;
    let first = server.get("/fgs/triggers?marker=0&maxitems=2").await.body;
    assert_eq!((&first["next_marker"], &first["total_count"]), (&json!(2), &json!(3)));
    let second = server.get("/fgs/triggers?marker=2&maxitems=2").await.body;
    let both = [&first, &second].map(|page| page["triggers"].as_array().expect("a list").clone()).concat();
    let urns: Vec<&str> = both.iter().map(|one| one["func_urn"].as_str().expect("a URN")).collect();
    assert_eq!(urns, [format!("{urn}:latest"), format!("{}:latest", server.urn("g")), format!("{urn}:!prod")]);
    assert_eq!(both[2]["trigger_status"], json!("DISABLED"));
    assert_eq!(server.get("/fgs/triggers?marker=x").await.error(), (400, "FSS.1001"));
}

#[tokio::test]
async fn each_listed_type_can_be_created() {
    let server = Server::start().await;
    server.create_function("f").await;
    let types = server.send(Method::GET, "/fgs/triggertypes", None).await.body;
    let types: Vec<String> = serde_json::from_value(types).expect("texts");
    assert_eq!(types.iter().collect::<BTreeSet<_>>().len(), types.len());
    for code in types {
        let reply = create(&server, "f", &code, json!({})).await;
        let is_incomplete = reply.status == StatusCode::BAD_REQUEST && reply.error().1 != "FSS.1101";
        assert!(reply.status == StatusCode::CREATED || is_incomplete, "{code}: {reply:?}");
    }
}
