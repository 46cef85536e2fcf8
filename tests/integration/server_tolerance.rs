//! What the server tolerates, because its clients differ or the service extends its API.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::server_harness::{Server, function};

/// Adds an unknown field to a body.
fn with_more(mut body: Value) -> Value {
    body["added_next_year"] = json!({ "a": [1] });
    body
}

#[tokio::test]
async fn unknown_fields_are_ignored() {
    let server = Server::start().await;
    let config = json!({ "runtime": "Python3.9", "timeout": 3, "handler": "index.handler", "memory_size": 128 });
    let code = json!({ "code_type": "inline", "func_code": { "file": "IyB2MQ==", "more": 1 } });
    let param = r#"{"bucket":"abc","more":1}"#;
    let policy = json!({ "log_group_id": "g", "destination_config": {
        "more": 1, "on_failure": { "destination": "OBS", "param": param, "more": 1 } } });
    let tags = json!({ "action": "create", "tags": [{ "key": "a", "value": "b", "more": 1 }], "sys_tags": [] });
    for (method, rest, body) in [
        (Method::POST, "/fgs/functions", function("intake")),
        (Method::PUT, "/fgs/functions/intake/config", config),
        (Method::PUT, "/fgs/functions/intake/code", code),
        (Method::PUT, "/fgs/functions/intake/async-invoke-config", policy),
        (Method::POST, "/fgs/functions/intake/versions", json!({ "version": "v1" })),
        (Method::POST, "/fgs/functions/intake/aliases", json!({ "name": "prod", "version": "v1" })),
        (Method::PUT, "/fgs/functions/intake/aliases/prod", json!({ "version": "v1" })),
        (Method::POST, "/functions/intake/tags/create", tags.clone()),
        (Method::DELETE, "/functions/intake/tags/delete", tags),
        (Method::POST, "/functions/resource-instances/filter", json!({ "sys_tags": null, "action": "filter" })),
    ] {
        let reply = server.send(method.clone(), rest, Some(with_more(body))).await;
        assert!(reply.status.is_success(), "{method} {rest}: {reply:?}");
    }
    assert_eq!(server.get("/fgs/functions?added_next_year=1").await.body["count"], 1);
}

#[tokio::test]
async fn every_form_of_a_name_means_the_latest_version() {
    let server = Server::start().await;
    server.create_function("intake").await;
    let urn = server.urn("intake");
    for (number, name) in [&*urn, &format!("{urn}:latest"), "intake", &urn.replace(':', "%3A")].into_iter().enumerate()
    {
        let rest = format!("/fgs/functions/{name}/async-invoke-config");
        let put = server.put(&rest, json!({ "max_async_event_age_in_seconds": number + 1 })).await;
        assert_eq!(put.body["func_urn"], format!("{urn}:latest"));
        assert_eq!(server.get("/fgs/functions/intake/async-invoke-config").await.body, put.body);
    }
    assert_eq!(server.get("/fgs/functions/intake/async-invoke-configs").await.body["count"], 1);
}

#[tokio::test]
async fn numbers_may_be_text_if_sources_differ() {
    let server = Server::start().await;
    server.create_function("intake").await;
    for body in [
        json!({ "limit": "1", "offset": "0" }),
        json!({ "limit": 1, "offset": 0 }),
        json!({ "limit": "", "offset": null }),
    ] {
        let found = server.post("/functions/resource-instances/filter", body.clone()).await;
        assert_eq!((found.status, &found.body["total_count"]), (StatusCode::OK, &json!(1)), "{body}");
    }
    let deleted = server.send(Method::DELETE, "/functions/intake/tags/delete", Some(json!({ "tags": null }))).await;
    assert_eq!(deleted.error(), (400, "FSS.0400"));
}
