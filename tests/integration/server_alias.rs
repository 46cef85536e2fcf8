//! Aliases on the server.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::server_harness::Server;

const ALIASES: &str = "/fgs/functions/intake/aliases";
const PROD: &str = "/fgs/functions/intake/aliases/prod";

/// A server with the function `intake` and its versions v1, v2 and v3.
async fn server() -> Server {
    let server = Server::start().await;
    server.create_function("intake").await;
    for name in ["v1", "v2", "v3"] {
        let code = json!({ "code_type": "inline", "func_code": { "file": STANDARD.encode(name) } });
        server.put("/fgs/functions/intake/code", code).await;
        let published = server.post("/fgs/functions/intake/versions", json!({ "version": name })).await;
        assert_eq!(published.status, StatusCode::OK, "{published:?}");
    }
    server
}

fn rule(combine_type: &str, rule_type: &str, op: &str) -> Value {
    json!({ "combine_type": combine_type, "rules": [{ "rule_type": rule_type, "param": "p", "op": op, "value": "v" }] })
}

#[tokio::test]
async fn an_alias_is_created_shown_updated_and_deleted() {
    let server = server().await;
    assert_eq!(server.get(PROD).await.error(), (404, "FSS.1053"));
    let created = server.post(ALIASES, json!({ "name": "prod", "version": "v1", "description": "d" })).await;
    assert_eq!(created.status, StatusCode::OK, "{created:?}");
    let urn = format!("{}:!prod", server.urn("intake"));
    assert_eq!((&created.body["alias_urn"], &created.body["description"]), (&json!(urn), &json!("d")));
    assert_eq!(server.get(PROD).await.body, created.body);
    assert_eq!(server.get(ALIASES).await.body, json!([created.body]));
    assert_eq!(server.get(&format!("/fgs/functions/{urn}/config")).await.body["version"], "v1");
    let update = json!({ "version": "v2", "additional_version_weights": { "v1": 10 } });
    let updated = server.put(PROD, update.clone()).await.body;
    assert_eq!((&updated["version"], &updated["description"]), (&json!("v2"), &json!("")));
    assert_eq!(updated["additional_version_weights"], update["additional_version_weights"]);
    // A read always means the main version, never an additional one.
    assert_eq!(
        server.get(&format!("/fgs/functions/{urn}/code")).await.body["func_urn"],
        format!("{}:v2", server.urn("intake"))
    );
    let server = server.restart().await;
    assert_eq!(server.get(PROD).await.body, updated);
    assert_eq!(server.delete(PROD).await.status, StatusCode::NO_CONTENT);
    assert_eq!(server.delete(PROD).await.error(), (404, "FSS.1053"));
    assert_eq!(server.put(PROD, update).await.error(), (404, "FSS.1053"));
}

#[tokio::test]
async fn rules_are_returned_unchanged() {
    let server = server().await;
    let strategy = json!({ "v2": rule("and", "Header", "=") });
    let body = json!({ "name": "prod", "version": "v1", "additional_version_strategy": strategy });
    let created = server.post(ALIASES, body).await;
    assert_eq!(created.body["additional_version_strategy"], strategy, "{created:?}");
    let urn = server.urn("intake");
    assert_eq!(server.delete(&format!("/fgs/functions/{urn}:v2")).await.error(), (403, "FSS.1094"));
}

#[tokio::test]
async fn an_invalid_alias_is_refused() {
    let server = server().await;
    server.post(ALIASES, json!({ "name": "taken", "version": "v3" })).await;
    let (weights, strategy) = ("additional_version_weights", "additional_version_strategy");
    for (body, expected) in [
        (json!({ "version": "v1" }), (400, "FSS.1014")),
        (json!({ "name": "1a", "version": "v1" }), (400, "FSS.1014")),
        (json!({ "name": "a".repeat(65), "version": "v1" }), (400, "FSS.1014")),
        (json!({ "name": "prod" }), (400, "FSS.1015")),
        (json!({ "name": "prod", "version": "v4" }), (404, "FSS.1052")),
        (json!({ "name": "prod", "version": "v1", "description": "d".repeat(513) }), (400, "FSS.1019")),
        (json!({ "name": "taken", "version": "v1" }), (409, "FSS.1063")),
        (json!({ "name": "prod", "version": "v3" }), (409, "FSS.1066")),
        (json!({ "name": "prod", "version": "v1", weights: { "v4": 1 } }), (400, "FSS.1091")),
        (json!({ "name": "prod", "version": "v1", weights: { "latest": 1 } }), (400, "FSS.1091")),
        (json!({ "name": "prod", "version": "v1", weights: { "v2": 101 } }), (400, "FSS.1092")),
        (json!({ "name": "prod", "version": "v1", weights: { "v2": -1 } }), (400, "FSS.1092")),
        (json!({ "name": "prod", "version": "v1", weights: { "v2": 60, "v3": 60 } }), (400, "FSS.1092")),
        (json!({ "name": "prod", "version": "v1", weights: { "v2": i64::MAX, "v3": i64::MAX } }), (400, "FSS.1092")),
        (json!({ "name": "prod", "version": "v1", weights: { "v1": 1 } }), (400, "FSS.1093")),
        (json!({ "name": "prod", "version": "v1", strategy: { "v1": rule("or", "cookie", "in") } }), (400, "FSS.1093")),
        (
            json!({ "name": "prod", "version": "v1", strategy: { "v2": rule("xor", "cookie", "in") } }),
            (400, "FSS.0400"),
        ),
        (json!({ "name": "prod", "version": "v1", strategy: { "v2": rule("or", "body", "in") } }), (400, "FSS.0400")),
        (json!({ "name": "prod", "version": "v1", strategy: { "v2": rule("or", "cookie", "<") } }), (400, "FSS.0400")),
        (
            json!({ "name": "prod", "version": "v1", weights: { "v2": 1 }, strategy: { "v2": rule("or", "cookie", "in") } }),
            (400, "FSS.0400"),
        ),
    ] {
        assert_eq!(server.post(ALIASES, body.clone()).await.error(), expected, "{body}");
    }
    assert_eq!(
        server.put("/fgs/functions/intake/aliases/taken", json!({ "name": "x", "version": "v3" })).await.error(),
        (400, "FSS.1014")
    );
    assert_eq!(
        server.post("/fgs/functions/other/aliases", json!({ "name": "a", "version": "latest" })).await.error(),
        (404, "FSS.1051")
    );
    assert_eq!(server.get(ALIASES).await.body.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn empty_values_add_nothing() {
    let server = server().await;
    let body = json!({ "name": "prod", "version": "latest", "description": null, "additional_version_weights": {},
        "additional_version_strategy": null, "unknown": [1] });
    let created = server.post(ALIASES, body).await;
    assert_eq!(created.status, StatusCode::OK, "{created:?}");
    assert_eq!((created.body.get("additional_version_weights"), &created.body["version"]), (None, &json!("latest")));
}

#[tokio::test]
async fn a_function_has_ten_aliases_at_most() {
    let server = server().await;
    for number in 4..=10 {
        let code = json!({ "code_type": "inline", "func_code": { "file": STANDARD.encode(number.to_string()) } });
        server.put("/fgs/functions/intake/code", code).await;
        server.post("/fgs/functions/intake/versions", json!({ "version": format!("v{number}") })).await;
    }
    for number in 1..=10 {
        let body = json!({ "name": format!("a{number}"), "version": format!("v{number}") });
        assert_eq!(server.post(ALIASES, body).await.status, StatusCode::OK);
    }
    assert_eq!(server.post(ALIASES, json!({ "name": "prod", "version": "latest" })).await.error(), (403, "FSS.1043"));
}

#[tokio::test]
async fn an_alias_has_its_own_policy() {
    let server = server().await;
    let urn = server.urn("intake");
    let policy = format!("/fgs/functions/{urn}:!prod/async-invoke-config");
    server.post(ALIASES, json!({ "name": "prod", "version": "v1" })).await;
    assert_eq!(server.get(&policy).await.error(), (404, "FSS.0404"));
    let put = server.put(&policy.replace('!', "%21"), json!({ "max_async_retry_attempts": 2 })).await.body;
    assert_eq!(put["func_urn"], format!("{urn}:!prod"));
    assert_eq!(server.get(&policy).await.body, put);
    assert_eq!(server.get(&format!("/fgs/functions/{urn}:v1/async-invoke-config")).await.error(), (404, "FSS.0404"));
    let list = server.get("/fgs/functions/intake/async-invoke-configs").await.body;
    assert_eq!(list["async_invoke_configs"], json!([put]));
    server.delete(PROD).await;
    server.post(ALIASES, json!({ "name": "prod", "version": "v1" })).await;
    assert_eq!(server.get(&policy).await.error(), (404, "FSS.0404"));
}

#[tokio::test]
async fn a_request_follows_the_policy_of_the_version_or_alias_that_it_names() {
    let server = server().await;
    let urn = server.urn("intake");
    let of = |qualifier: &str, part: &str| format!("/fgs/functions/{urn}:{qualifier}/{part}");
    server.post("/fgs/functions/enable-async-status-logs", json!({})).await;
    server.post(ALIASES, json!({ "name": "prod", "version": "v1" })).await;
    server.post(ALIASES, json!({ "name": "test", "version": "v2" })).await;
    // Only requests whose policy enables records are listed.
    for (qualifier, recorded) in [("!prod", true), ("v1", false), ("v2", true)] {
        let policy = json!({ "enable_async_status_log": recorded });
        assert_eq!(server.put(&of(qualifier, "async-invoke-config"), policy).await.status, StatusCode::OK);
    }
    for (qualifier, recorded) in [("!prod", true), ("v1", false), ("v2", true), ("!test", true), ("latest", false)] {
        let accepted = server.post(&of(qualifier, "invocations-async"), json!({})).await;
        assert_eq!(accepted.status, StatusCode::ACCEPTED, "{accepted:?}");
        let id = accepted.body["request_id"].as_str().unwrap().to_owned();
        let list = server.get(&format!("/fgs/functions/intake/async-invocations?request_id={id}")).await.body;
        assert_eq!(list["count"] == 1, recorded, "{qualifier}");
    }
    assert_eq!(server.post(&of("v4", "invocations-async"), json!({})).await.error(), (404, "FSS.1052"));
    assert_eq!(server.post(&of("!none", "invocations-async"), json!({})).await.error(), (404, "FSS.1053"));
}
