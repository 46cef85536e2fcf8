//! Functions on the server: formats, statuses, error codes, routing, and what an update keeps.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use fgctl::wire::function::FunctionList;

use crate::server_harness::{Server, function};

/// The body of `function` with other values.
fn with(changes: Value) -> Value {
    let mut body = function("intake");
    if let (Value::Object(body), Value::Object(changes)) = (&mut body, changes) {
        body.extend(changes);
    }
    body
}

/// A config update that changes only these fields.
fn config(changes: Value) -> Value {
    let mut body = json!({ "runtime": "Python3.9", "timeout": 3, "handler": "index.handler", "memory_size": 128 });
    if let (Value::Object(body), Value::Object(changes)) = (&mut body, changes) {
        body.extend(changes);
    }
    body
}

#[tokio::test]
async fn a_created_function_is_returned_as_it_was_sent() {
    let server = Server::start().await;
    let body = with(json!({ "description": "d", "user_data": r#"{"A": "1"}"#, "xrole": "agency", "app_xrole": "run",
        "func_vpc": { "vpc_id": "v", "subnet_id": "s" } }));
    let created = server.post("/fgs/functions", body).await;
    assert_eq!(created.status, StatusCode::OK, "{created:?}");
    let urn = format!("{}:latest", server.urn("intake"));
    let shown = server.get(&format!("/fgs/functions/{urn}/config")).await;
    assert_eq!(shown.body, created.body);
    for (field, value) in [
        ("func_urn", json!(urn)),
        ("cpu", json!(300)),
        ("user_data", json!(r#"{"A": "1"}"#)),
        ("xrole", json!("agency")),
        ("type", json!("v2")),
        ("version", json!("latest")),
        ("func_vpc", json!({ "vpc_id": "v", "subnet_id": "s" })),
        ("strategy_config", json!({ "concurrency": 400, "concurrent_num": 1 })),
        ("depend_version_list", json!([])),
    ] {
        assert_eq!(shown.body[field], value, "{field}");
    }
    assert_eq!(shown.body["namespace"], *server.credentials().project_id);
    assert_eq!(shown.body["digest"].as_str().map(str::len), Some(128));
    let modified = shown.body["last_modified"].as_str().unwrap();
    assert!(modified.parse::<jiff::Timestamp>().is_ok(), "{modified}");
}

#[tokio::test]
async fn a_function_is_found_by_every_form_of_its_name() {
    let server = Server::start().await;
    server.create_function("intake").await;
    let urn = server.urn("intake");
    let project = &server.credentials().project_id;
    for name in [
        urn.clone(),
        format!("{urn}:latest"),
        urn.replace(':', "%3A"),
        format!("{urn}:latest").replace(':', "%3a"),
        "intake".to_owned(),
        "default:intake".to_owned(),
        format!("{project}:default:intake"),
        format!("{project}:default:intake:latest"),
    ] {
        assert_eq!(server.get(&format!("/fgs/functions/{name}/config")).await.status, StatusCode::OK, "{name}");
    }
}

#[tokio::test]
async fn a_missing_resource_has_its_own_error_code() {
    let server = Server::start().await;
    server.create_function("intake").await;
    let urn = server.urn("intake");
    let elsewhere = urn.replace(&server.credentials().region, "eu-de");
    let foreign = urn.replace(&server.credentials().project_id, "0123456789abcdef0123456789abcdef");
    for (name, expected) in [
        ("other", (404, "FSS.1051")),
        (&*format!("{urn}:v1"), (404, "FSS.1052")),
        (&*format!("{urn}:!prod"), (404, "FSS.1053")),
        (&*format!("{urn}:%21prod"), (404, "FSS.1053")),
        (&*elsewhere, (400, "FSS.1309")),
        (&*foreign, (400, "FSS.1309")),
        ("a:b:c:d:e", (400, "FSS.1309")),
        ("%FF", (400, "FSS.1309")),
    ] {
        let reply = server.get(&format!("/fgs/functions/{name}/config")).await;
        assert_eq!(reply.error(), expected, "{name}");
        assert_eq!(reply.body.get("request_id"), None);
        assert!(!reply.request_id.is_empty());
    }
}

#[tokio::test]
async fn values_out_of_range_have_their_own_codes() {
    let server = Server::start().await;
    let entries: serde_json::Map<String, Value> = (0..21).map(|n| (format!("K{n}"), "v".into())).collect();
    let long = json!({ "KEY": "v".repeat(4096) });
    for (changes, expected) in [
        (json!({ "func_name": "1intake" }), (400, "FSS.1002")),
        (json!({ "func_name": null }), (400, "FSS.1002")),
        (json!({ "package": "" }), (400, "FSS.1004")),
        (json!({ "handler": "" }), (400, "FSS.1003")),
        (json!({ "handler": "../index.handler" }), (400, "FSS.1003")),
        (json!({ "runtime": "" }), (400, "FSS.1005")),
        (json!({ "memory_size": 100 }), (400, "FSS.1007")),
        (json!({ "memory_size": null }), (400, "FSS.1007")),
        (json!({ "timeout": 2 }), (400, "FSS.1008")),
        (json!({ "timeout": 259_201 }), (400, "FSS.1008")),
        (json!({ "timeout": "3" }), (400, "FSS.1008")),
        (json!({ "user_data": "[]" }), (400, "FSS.1009")),
        (json!({ "user_data": r#"{"1A":"x"}"# }), (400, "FSS.1009")),
        (json!({ "user_data": Value::from(entries).to_string() }), (400, "FSS.1017")),
        (json!({ "encrypted_user_data": long.to_string() }), (400, "FSS.1018")),
        (json!({ "description": "d".repeat(513) }), (400, "FSS.1019")),
        (json!({ "initializer_timeout": 301 }), (400, "FSS.1405")),
        (json!({ "code_type": "tar" }), (400, "FSS.1006")),
        (json!({ "func_code": { "file": "%%%" } }), (400, "FSS.1011")),
    ] {
        assert_eq!(server.post("/fgs/functions", with(changes.clone())).await.error(), expected, "{changes}");
    }
    let reply = server.send_text(Method::POST, "/fgs/functions", "{".to_owned()).await;
    assert_eq!(reply.error(), (400, "FSS.0400"));
    let reply = server.send_text(Method::POST, "/fgs/functions", "[".repeat(100_000)).await;
    assert_eq!(reply.error(), (400, "FSS.0400"));
}

#[tokio::test]
async fn a_name_is_unique_within_its_package() {
    let server = Server::start().await;
    server.create_function("intake").await;
    assert_eq!(server.post("/fgs/functions", function("intake")).await.error(), (409, "FSS.1061"));
    assert_eq!(server.post("/fgs/functions", with(json!({ "package": "other" }))).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_quota_is_enforced_if_requested() {
    let server = Server::start_with(|settings| settings.options.function_quota = Some(1)).await;
    server.create_function("first").await;
    assert_eq!(server.post("/fgs/functions", function("second")).await.error(), (403, "FSS.1041"));
    let quotas = server.get("/fgs/quotas").await.body["quotas"]["resources"].clone();
    let of_functions = quotas.as_array().unwrap().iter().find(|quota| quota["type"] == "fgs_func_num").unwrap();
    assert_eq!(*of_functions, json!({ "type": "fgs_func_num", "used": 1, "quota": 1 }));
}

#[tokio::test]
async fn an_update_clears_what_it_leaves_out_or_empties() {
    let server = Server::start().await;
    let body = with(json!({ "description": "d", "user_data": r#"{"A":"1","B":"2"}"#, "initializer_handler": "index.i",
        "initializer_timeout": 5, "xrole": "agency", "encrypted_user_data": r#"{"SECRET":"s"}"#,
        "func_vpc": { "vpc_id": "v", "subnet_id": "s" }, "enable_dynamic_memory": true, "gpu_memory": 1024 }));
    server.post("/fgs/functions", body).await;
    let changes = json!({ "description": "", "user_data": r#"{"C":"3"}"#, "timeout": 30, "memory_size": 256,
        "strategy_config": { "concurrency": 5, "concurrent_num": 2 }, "restore_hook_handler": "", "restore_hook_timeout": 0 });
    let updated = server.put("/fgs/functions/intake/config", config(changes)).await;
    assert_eq!(updated.status, StatusCode::OK, "{updated:?}");
    for (field, value) in [
        ("description", json!("")),
        ("user_data", json!(r#"{"C":"3"}"#)),
        ("xrole", json!("")),
        ("timeout", json!(30)),
        ("cpu", json!(400)),
        ("strategy_config", json!({ "concurrency": 5, "concurrent_num": 2 })),
    ] {
        assert_eq!(updated.body[field], value, "{field}");
    }
    for field in ["initializer_handler", "encrypted_user_data", "func_vpc", "enable_dynamic_memory", "gpu_memory"] {
        assert_eq!(updated.body.get(field), None, "{field}");
    }
    assert_eq!(server.get("/fgs/functions/intake/config").await.body, updated.body);
}

#[tokio::test]
async fn an_update_keeps_instances_and_logs_that_it_leaves_out() {
    let server = Server::start().await;
    let log = json!({ "group_id": "g", "group_name": "group", "stream_id": "s", "stream_name": "stream" });
    server.post("/fgs/functions", with(json!({ "xrole": "agency", "enable_lts_log": true, "log_config": log }))).await;
    let strategy = json!({ "xrole": "agency", "strategy_config": { "concurrency": 5, "concurrent_num": 2 } });
    server.put("/fgs/functions/intake/config", config(strategy)).await;
    let part = json!({ "xrole": "agency", "strategy_config": { "concurrent_num": 3 } });
    server.put("/fgs/functions/intake/config", config(part)).await;
    let shown = server.put("/fgs/functions/intake/config", config(json!({ "xrole": "agency" }))).await.body;
    assert_eq!(shown["strategy_config"], json!({ "concurrency": 5, "concurrent_num": 3 }));
    assert_eq!((&shown["enable_lts_log"], &shown["log_group_id"]), (&json!(true), &json!("g")));
    assert_eq!(server.get("/fgs/functions/intake/lts-log-detail").await.body, log);
    let shown = server.put("/fgs/functions/intake/config", config(json!({}))).await.body;
    assert_eq!((&shown["enable_lts_log"], &shown["log_stream_id"]), (&json!(false), &json!("")), "logs need an agency");
    assert_eq!(server.get("/fgs/functions/intake/lts-log-detail").await.body["group_id"], "");
}

#[tokio::test]
async fn name_package_and_runtime_cannot_change() {
    let server = Server::start().await;
    server.create_function("intake").await;
    for (changes, expected) in [
        (json!({ "runtime": "Python3.10" }), (400, "FSS.1005")),
        (json!({ "func_name": "other" }), (400, "FSS.1002")),
        (json!({ "package": "other" }), (400, "FSS.1004")),
        (json!({ "handler": null }), (400, "FSS.1003")),
    ] {
        let reply = server.put("/fgs/functions/intake/config", config(changes)).await;
        assert_eq!(reply.error(), expected);
    }
}

#[tokio::test]
async fn secrets_are_blank_in_every_answer() {
    let server = Server::start().await;
    let body = with(json!({ "encrypted_user_data": r#"{"PASSWORD":"hunter2","TOKEN":"hunter3"}"# }));
    let mut answers = vec![server.post("/fgs/functions", body).await];
    let again = json!({ "encrypted_user_data": r#"{"PASSWORD":"hunter4","TOKEN":"hunter5"}"# });
    answers.push(server.put("/fgs/functions/intake/config", config(again)).await);
    for rest in ["/fgs/functions/intake/config", "/fgs/functions", "/fgs/functions/intake/versions"] {
        answers.push(server.get(rest).await);
    }
    for answer in answers {
        let text = answer.body.to_string();
        assert!(text.contains(r"PASSWORD\") && !text.contains("hunter"), "{text}");
    }
    let shown = server.get("/fgs/functions/intake/config").await;
    assert_eq!(shown.body["encrypted_user_data"], r#"{"PASSWORD":"","TOKEN":""}"#);
}

#[tokio::test]
async fn a_deletion_removes_the_whole_function_or_nothing() {
    let server = Server::start().await;
    server.create_function("intake").await;
    let urn = server.urn("intake");
    assert_eq!(server.delete(&format!("/fgs/functions/{urn}:latest")).await.error(), (400, "FSS.0400"));
    assert_eq!(server.delete(&format!("/fgs/functions/{urn}:v1")).await.error(), (404, "FSS.1052"));
    let deleted = server.delete(&format!("/fgs/functions/{urn}")).await;
    assert_eq!((deleted.status, deleted.body), (StatusCode::NO_CONTENT, Value::Null));
    assert_eq!(server.delete(&format!("/fgs/functions/{urn}")).await.error(), (404, "FSS.1051"));
}

#[tokio::test]
async fn lists_are_paged_and_filtered() {
    let server = Server::start().await;
    for name in ["one", "two", "three"] {
        server.create_function(name).await;
    }
    let page = async |query: &str| -> (Vec<String>, u64, u64) {
        let body = server.get(&format!("/fgs/functions{query}")).await.body;
        let list: FunctionList = serde_json::from_value(body).unwrap();
        let names = list.functions.into_iter().map(|function| function.func_name).collect();
        (names, list.next_marker, list.count)
    };
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let all = names(&["one", "two", "three"]);
    for query in ["", "?maxitems=0", "?maxitems=401&marker=0", "?marker=&maxitems=", "?package_name=default"] {
        assert_eq!(page(query).await, (all.clone(), 3, 3), "{query}");
    }
    assert_eq!(page("?maxitems=2").await, (names(&["one", "two"]), 2, 3));
    assert_eq!(page("?maxitems=2&marker=2").await, (names(&["three"]), 3, 3));
    assert_eq!(page("?marker=3").await, (vec![], 3, 3));
    assert_eq!(page("?marker=9").await, (vec![], 9, 3));
    assert_eq!(page("?func_name=t").await, (names(&["two", "three"]), 2, 2));
    assert_eq!(page("?func_name=%25").await, (vec![], 0, 0));
    assert_eq!(page("?package_name=other").await, (vec![], 0, 0));
    for query in ["?maxitems=-1", "?maxitems=x", "?marker=-1", "?marker=x", "?marker=1&marker=2"] {
        assert_eq!(server.get(&format!("/fgs/functions{query}")).await.error(), (400, "FSS.1001"), "{query}");
    }
}

#[tokio::test]
async fn concurrent_creates_all_succeed() {
    let server = Server::start().await;
    let names: Vec<String> = (0..300).map(|number| format!("f{number}")).collect();
    let created = futures_util::future::join_all(names.iter().map(|name| server.create_function(name))).await;
    let list: FunctionList = serde_json::from_value(server.get("/fgs/functions").await.body).unwrap();
    assert_eq!((created.len(), list.functions.len(), list.count), (300, 300, 300));
}

#[tokio::test]
async fn lists_contain_fewer_fields() {
    let server = Server::start().await;
    server.post("/fgs/functions", with(json!({ "xrole": "a", "func_vpc": { "vpc_id": "v", "subnet_id": "s" } }))).await;
    let shown = server.get("/fgs/functions/intake/config").await.body;
    let listed = server.get("/fgs/functions").await.body["functions"][0].clone();
    assert_eq!(listed["func_urn"], shown["func_urn"]);
    assert_eq!((listed.get("func_vpc"), &listed["func_vpc_id"]), (None, &json!("v")));
    assert_eq!(listed["fail_count"], 0);
}

#[tokio::test]
async fn literal_paths_take_precedence_over_names() {
    let server = Server::start().await;
    let lists = ["/fgs/functions/reservedinstances", "/fgs/functions/reservedinstanceconfigs", "/functions/tags"];
    for rest in lists {
        assert_eq!(server.get(rest).await.status, StatusCode::OK, "{rest}");
    }
    for (method, rest) in [
        (Method::GET, "/fgs/nothing"),
        (Method::GET, "/fgs/functions/enable-lts-logs"),
        (Method::DELETE, "/fgs/functions/reservedinstances"),
        (Method::PATCH, "/fgs/functions"),
    ] {
        let reply = server.send(method, rest, None).await;
        assert_eq!(reply.error(), (404, "APIGW.0101"), "{rest}");
        assert_eq!(reply.body["request_id"], reply.request_id);
    }
}
