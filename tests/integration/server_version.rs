//! Published versions on the server.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use fgctl::server::Clock;
use fgctl::wire::invocation::{Status, Trace};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::server_harness::{Reply, Server};

const VERSIONS: &str = "/fgs/functions/intake/versions";
const POLICY: &str = "async-invoke-config";

/// The path of a part of a version or alias of the function.
fn at(server: &Server, qualifier: &str, part: &str) -> String {
    format!("/fgs/functions/{}:{qualifier}/{part}", server.urn("intake"))
}

async fn server() -> Server {
    let server = Server::start().await;
    server.create_function("intake").await;
    server
}

/// Changes the code of the latest version.
async fn write_code(server: &Server, source: &str) {
    let body = json!({ "code_type": "inline", "func_code": { "file": STANDARD.encode(source) } });
    assert_eq!(server.put("/fgs/functions/intake/code", body).await.status, StatusCode::OK);
}

async fn publish(server: &Server, name: &str) -> Reply {
    write_code(server, &format!("def handler(event, context):\n    return '{name}'\n")).await;
    let reply = server.post(VERSIONS, json!({ "version": name })).await;
    assert_eq!(reply.status, StatusCode::OK, "{reply:?}");
    reply
}

async fn names(server: &Server) -> Vec<Value> {
    let list = server.get(VERSIONS).await.body;
    let versions = list["versions"].as_array().expect("a list");
    assert_eq!((&list["count"], &list["next_marker"]), (&json!(versions.len()), &json!(versions.len())));
    versions.iter().map(|version| version["version"].clone()).collect()
}

#[tokio::test]
async fn a_published_version_does_not_change() {
    let server = server().await;
    let code = server.get("/fgs/functions/intake/code").await.body;
    let published = server.post(VERSIONS, json!({ "version": "v1", "description": "the first" })).await;
    assert_eq!(published.status, StatusCode::OK, "{published:?}");
    let urn = format!("{}:v1", server.urn("intake"));
    assert_eq!((&published.body["func_urn"], &published.body["version"]), (&json!(urn), &json!("v1")));
    assert_eq!(published.body["version_description"], "the first");
    let shown = server.get(&at(&server, "v1", "config")).await.body;
    let changes = json!({ "runtime": "Python3.9", "timeout": 30, "handler": "index.handler", "memory_size": 256 });
    server.put("/fgs/functions/intake/config", changes).await;
    write_code(&server, "# other").await;
    assert_eq!(server.get(&at(&server, "v1", "config")).await.body, shown);
    assert_eq!((&shown["func_urn"], &shown["timeout"]), (&json!(urn), &json!(3)));
    let kept = server.get(&at(&server, "v1", "code")).await.body;
    assert_eq!((&kept["func_code"], &kept["digest"]), (&code["func_code"], &code["digest"]));
    let latest = server.get("/fgs/functions/intake/code").await.body;
    assert_ne!((&latest["func_code"], &latest["digest"]), (&code["func_code"], &code["digest"]));
    let server = server.restart().await;
    assert_eq!(server.get(&at(&server, "v1", "code")).await.body, kept);
}

#[tokio::test]
async fn versions_are_listed_after_the_latest() {
    let server = server().await;
    for name in ["v2", "v1"] {
        publish(&server, name).await;
    }
    assert_eq!(names(&server).await, ["latest", "v2", "v1"]);
    let listed = server.get(&format!("{VERSIONS}?marker=0&maxitems=1")).await.body["versions"][1].clone();
    assert_eq!(
        (&listed["concurrency"], &listed["func_urn"]),
        (&json!(400), &json!(format!("{}:v2", server.urn("intake"))))
    );
    // A published version is not listed as a function.
    assert_eq!(server.get("/fgs/functions").await.body["count"], 1);
}

#[tokio::test]
async fn a_version_without_a_name_is_named_after_the_time() {
    let now: jiff::Timestamp = "2026-01-31T12:34:59Z".parse().unwrap();
    let server = Server::start_with(|settings| settings.clock = Clock::new(move || now)).await;
    let send = async |method: Method, rest: &str, body: Value| -> Reply {
        use secrecy::ExposeSecret;
        let request = server.request(method, rest).header("x-auth-token", server.credentials().token.expose_secret());
        crate::server_harness::reply(request.body(body.to_string())).await
    };
    send(Method::POST, "/fgs/functions", crate::server_harness::function("intake")).await;
    let first = send(Method::POST, VERSIONS, json!({ "version": "", "description": null })).await.body;
    assert_eq!(first["version"], "v20260131-123459");
    let code = json!({ "code_type": "inline", "func_code": { "file": STANDARD.encode("# other") } });
    send(Method::PUT, "/fgs/functions/intake/code", code).await;
    assert_eq!(send(Method::POST, VERSIONS, json!({})).await.body["version"], "v20260131-123500");
}

#[tokio::test]
async fn only_changed_code_can_be_published_again() {
    let server = server().await;
    publish(&server, "v1").await;
    assert_eq!(server.post(VERSIONS, json!({})).await.error(), (400, "FSS.1016"));
    let changes = json!({ "runtime": "Python3.9", "timeout": 30, "handler": "index.handler", "memory_size": 256 });
    server.put("/fgs/functions/intake/config", changes).await;
    assert_eq!(server.post(VERSIONS, json!({})).await.error(), (400, "FSS.1016"));
    write_code(&server, "# other").await;
    assert_eq!(server.post(VERSIONS, json!({ "version": "v1" })).await.error(), (409, "FSS.1062"));
    assert_eq!(server.post(VERSIONS, json!({ "digest": "0" })).await.error(), (400, "FSS.0400"));
    let digest = server.get("/fgs/functions/intake/config").await.body["digest"].clone();
    assert_eq!(server.post(VERSIONS, json!({ "digest": digest })).await.status, StatusCode::OK);
}

#[tokio::test]
async fn names_of_versions_follow_the_rules() {
    let server = server().await;
    for name in ["latest", "v1.", "-v", "!prod", "a b", &"v".repeat(43)] {
        assert_eq!(server.post(VERSIONS, json!({ "version": name })).await.error(), (400, "FSS.1015"), "{name}");
    }
    let long = "d".repeat(513);
    assert_eq!(server.post(VERSIONS, json!({ "description": long })).await.error(), (400, "FSS.1019"));
    assert_eq!(server.post("/fgs/functions/other/versions", json!({})).await.error(), (404, "FSS.1051"));
    assert_eq!(names(&server).await, ["latest"]);
}

#[tokio::test]
async fn a_function_has_twenty_versions_at_most() {
    let server = server().await;
    for number in 1..20 {
        publish(&server, &format!("v{number}")).await;
    }
    write_code(&server, "# one more").await;
    assert_eq!(server.post(VERSIONS, json!({})).await.error(), (400, "FSS.0400"));
    assert_eq!(
        server.delete(&format!("/fgs/functions/{}:v7", server.urn("intake"))).await.status,
        StatusCode::NO_CONTENT
    );
    assert_eq!(server.post(VERSIONS, json!({})).await.status, StatusCode::OK);
}

#[tokio::test]
async fn published_versions_cannot_be_changed() {
    let server = server().await;
    publish(&server, "v1").await;
    server.post("/fgs/functions/intake/aliases", json!({ "name": "prod", "version": "v1" })).await;
    let config = json!({ "runtime": "Python3.9", "timeout": 30, "handler": "index.handler", "memory_size": 256 });
    let code = json!({ "code_type": "inline", "func_code": { "file": STANDARD.encode("# other") } });
    for qualifier in ["v1", "!prod"] {
        assert_eq!(server.put(&at(&server, qualifier, "config"), config.clone()).await.error(), (400, "FSS.1015"));
        assert_eq!(server.put(&at(&server, qualifier, "code"), code.clone()).await.error(), (400, "FSS.1015"));
        assert_eq!(server.post(&at(&server, qualifier, "versions"), json!({})).await.error(), (400, "FSS.1015"));
    }
    assert_eq!(server.put(&at(&server, "v2", "config"), config).await.error(), (404, "FSS.1052"));
    assert_eq!(server.put(&at(&server, "!test", "code"), code).await.error(), (404, "FSS.1053"));
}

#[tokio::test]
async fn a_version_starts_with_the_policy_of_latest_and_then_has_its_own() {
    let server = server().await;
    let put = server.put(&at(&server, "latest", POLICY), json!({ "max_async_retry_attempts": 3 })).await.body;
    let published = publish(&server, "v1").await.body;
    let copied = server.get(&at(&server, "v1", POLICY)).await.body;
    assert_eq!(published["function_async_config"]["max_async_retry_attempts"], 3);
    assert_eq!((&copied["max_async_retry_attempts"], &put["max_async_retry_attempts"]), (&json!(3), &json!(3)));
    assert_eq!(copied["func_urn"], format!("{}:v1", server.urn("intake")));
    server.put(&at(&server, "v1", POLICY), json!({ "max_async_retry_attempts": 0 })).await;
    assert_eq!(server.get("/fgs/functions/intake/async-invoke-config").await.body, put);
    let list = server.get("/fgs/functions/intake/async-invoke-configs").await.body;
    let retries: Vec<&Value> =
        list["async_invoke_configs"].as_array().unwrap().iter().map(|one| &one["max_async_retry_attempts"]).collect();
    assert_eq!(retries, [3, 0]);
    assert_eq!(server.delete(&at(&server, "v1", POLICY)).await.status, StatusCode::NO_CONTENT);
    assert_eq!(server.get(&at(&server, "v1", POLICY)).await.error(), (404, "FSS.0404"));
    assert_eq!(server.put(&at(&server, "v2", POLICY), json!({})).await.error(), (404, "FSS.1052"));
    assert_eq!(server.put(&at(&server, "!prod", POLICY), json!({})).await.error(), (404, "FSS.1053"));
}

#[tokio::test]
async fn a_version_is_deleted_with_its_aliases_and_policies() {
    let server = server().await;
    for name in ["v1", "v2"] {
        publish(&server, name).await;
    }
    server.put(&at(&server, "v1", POLICY), json!({})).await;
    server.post("/fgs/functions/intake/aliases", json!({ "name": "prod", "version": "v1" })).await;
    server.put(&at(&server, "!prod", POLICY), json!({})).await;
    let urn = server.urn("intake");
    assert_eq!(server.delete(&format!("/fgs/functions/{urn}:v1")).await.status, StatusCode::NO_CONTENT);
    assert_eq!(server.get("/fgs/functions/intake/aliases").await.body, json!([]));
    assert_eq!(server.get("/fgs/functions/intake/async-invoke-configs").await.body["count"], 0);
    assert_eq!(names(&server).await, ["latest", "v2"]);
    assert_eq!(server.delete(&format!("/fgs/functions/{urn}:v1")).await.error(), (404, "FSS.1052"));
}

#[tokio::test]
async fn deleting_by_alias_deletes_the_version_that_it_names() {
    let server = server().await;
    for name in ["v1", "v2"] {
        publish(&server, name).await;
    }
    let urn = server.urn("intake");
    let aliases = "/fgs/functions/intake/aliases";
    server.post(aliases, json!({ "name": "prod", "version": "v2", "additional_version_weights": { "v1": 10 } })).await;
    server.post(aliases, json!({ "name": "edge", "version": "latest" })).await;
    assert_eq!(server.delete(&format!("/fgs/functions/{urn}:v1")).await.error(), (403, "FSS.1094"));
    assert_eq!(server.delete(&format!("/fgs/functions/{urn}:!edge")).await.error(), (400, "FSS.0400"));
    assert_eq!(server.delete(&format!("/fgs/functions/{urn}:!none")).await.error(), (404, "FSS.1053"));
    assert_eq!(server.delete(&format!("/fgs/functions/{urn}:!prod")).await.status, StatusCode::NO_CONTENT);
    assert_eq!(names(&server).await, ["latest", "v1"]);
    // No alias includes it any more.
    assert_eq!(server.delete(&format!("/fgs/functions/{urn}:v1")).await.status, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn a_function_is_deleted_with_everything_it_has() {
    let server = server().await;
    publish(&server, "v1").await;
    server.post("/fgs/functions/intake/aliases", json!({ "name": "prod", "version": "v1" })).await;
    server.delete("/fgs/functions/intake").await;
    server.create_function("intake").await;
    assert_eq!(names(&server).await, ["latest"]);
    assert_eq!(server.get("/fgs/functions/intake/aliases").await.body, json!([]));
    assert_eq!(server.get(&at(&server, "v1", "code")).await.error(), (404, "FSS.1052"));
}

#[tokio::test]
async fn a_request_runs_the_version_that_it_names() {
    let server = server().await;
    for name in ["v1", "v2", "v3"] {
        let source =
            format!("def handler(event, context):\n    return ['{name}', context.getVersion(), context.getAlias()]\n");
        write_code(&server, &source).await;
        server.post(VERSIONS, json!({ "version": name })).await;
    }
    let aliases = "/fgs/functions/intake/aliases";
    server.post(aliases, json!({ "name": "prod", "version": "v1" })).await;
    server.post(aliases, json!({ "name": "test", "version": "v3", "additional_version_weights": { "v2": 100 } })).await;
    for (qualifier, expected) in [
        ("latest", json!(["v3", "latest", ""])),
        ("v1", json!(["v1", "v1", ""])),
        ("!prod", json!(["v1", "v1", "prod"])),
        ("!test", json!(["v2", "v2", "test"])),
    ] {
        let answer = server.post(&at(&server, qualifier, "invocations"), json!({})).await;
        assert_eq!((answer.status, &answer.body), (StatusCode::OK, &expected), "{qualifier}");
    }
}

#[tokio::test]
async fn a_target_is_notified_in_the_version_that_it_names() {
    let server = server().await;
    server.create_function("source").await;
    publish(&server, "v1").await;
    write_code(&server, "raise ValueError('the latest version is broken')").await;
    server.post("/fgs/functions/intake/aliases", json!({ "name": "prod", "version": "v1" })).await;
    let urn = format!("{}:!prod", server.urn("intake"));
    let target = json!({ "destination": "FunctionGraph", "param": json!({ "func_urn": urn }).to_string() });
    let policy = json!({ "destination_config": { "on_success": target } });
    server.put("/fgs/functions/source/async-invoke-config", policy).await;
    let accepted = server.post("/fgs/functions/source/invocations-async", json!({})).await;
    server.quiet().await;
    let trace = async |id: &Value| -> Trace {
        let rest = format!("/fgctl/invocations/{}", id.as_str().expect("an id"));
        serde_json::from_value(server.get(&rest).await.body).expect("a trace")
    };
    let notified = trace(&accepted.body["request_id"]).await.notification.and_then(|delivery| delivery.request_id);
    let followed = trace(&notified.into()).await;
    assert_eq!((followed.function_urn, followed.status), (urn, Status::Success), "{:?}", followed.error);
}
