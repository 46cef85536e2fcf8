//! Reserved instances and the project's LTS logs: stored and listed as the service does.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::server_harness::Server;

#[tokio::test]
async fn a_reservation_is_kept_until_its_count_is_zero() {
    let server = Server::start().await;
    server.create_function("f").await;
    let tactics = json!({ "cron_configs": [{ "name": "c", "cron": "0 1 * * * *", "count": 15, "start_time": 1, "expired_time": 2 }] });
    let body = json!({ "count": 2, "idle_mode": true, "tactics_config": tactics });
    let reply = server.put("/fgs/functions/f/reservedinstances", body.clone()).await;
    assert_eq!((reply.status, &reply.body), (StatusCode::OK, &body));
    let server = server.restart().await;
    let urn = format!("{}:latest", server.urn("f"));
    let configs = server.get("/fgs/functions/reservedinstanceconfigs?function_urn=f&marker=0&limit=100").await.body;
    let expected = json!([{
        "function_urn": urn, "qualifier_type": "version", "qualifier_name": "latest", "min_count": 2, "idle_mode": true,
        "tactics_config": tactics,
    }]);
    assert_eq!((&configs["reserved_instances"], &configs["count"]), (&expected, &json!(1)));
    let listed = server.get("/fgs/functions/reservedinstances").await.body;
    assert_eq!(listed["reservedinstances"], json!([{ "func_urn": urn, "count": 2 }]));
    server.put("/fgs/functions/f/reservedinstances", json!({ "count": 0, "idle_mode": false })).await;
    let listed = server.get("/fgs/functions/reservedinstances?urn=f").await.body;
    assert_eq!((&listed["reservedinstances"], &listed["count"]), (&json!([]), &json!(0)));
}

#[tokio::test]
async fn a_reservation_is_deleted_with_its_version_or_alias() {
    let server = Server::start().await;
    server.create_function("f").await;
    server.post("/fgs/functions/f/versions", json!({ "version": "v1" })).await;
    server.post("/fgs/functions/f/aliases", json!({ "name": "prod", "version": "v1" })).await;
    for qualifier in ["v1", "!prod"] {
        let reply = server
            .put(&format!("/fgs/functions/{}:{qualifier}/reservedinstances", server.urn("f")), json!({ "count": 1 }))
            .await;
        assert_eq!(reply.status, StatusCode::OK, "{reply:?}");
    }
    let kinds = async || {
        let configs = server.get("/fgs/functions/reservedinstanceconfigs").await.body;
        let kind = |config: &Value| config["qualifier_type"].as_str().map(str::to_owned);
        configs["reserved_instances"].as_array().expect("a list").iter().filter_map(kind).collect::<Vec<_>>()
    };
    assert_eq!(kinds().await, ["alias", "version"]);
    server.delete("/fgs/functions/f/aliases/prod").await;
    assert_eq!(kinds().await, ["version"]);
    server.delete("/fgs/functions/f").await;
    assert_eq!(kinds().await, [""; 0]);
}

#[tokio::test]
async fn invalid_reservations_are_refused() {
    let server = Server::start().await;
    server.create_function("f").await;
    for body in [json!({ "count": -1 }), json!({ "count": 1001 }), json!({ "count": "2" }), json!({})] {
        assert_eq!(server.put("/fgs/functions/f/reservedinstances", body).await.error(), (400, "FSS.0400"));
    }
    assert_eq!(
        server.put("/fgs/functions/g/reservedinstances", json!({ "count": 1 })).await.error(),
        (404, "FSS.1051")
    );
}

#[tokio::test]
async fn lts_logs_are_enabled_once() {
    let server = Server::start().await;
    assert_eq!(server.send(Method::POST, "/fgs/functions/enable-lts-logs", None).await.status, StatusCode::OK);
    let server = server.restart().await;
    let again = server.send(Method::POST, "/fgs/functions/enable-lts-logs", None).await;
    assert_eq!(again.error(), (400, "FSS.1221"));
}
