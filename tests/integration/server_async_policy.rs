//! Asynchronous configurations on the server.

use reqwest::StatusCode;
use serde_json::{Value, json};

use fgctl::wire::async_policy::AsyncConfigList;

use crate::server_harness::Server;

const POLICY: &str = "/fgs/functions/intake/async-invoke-config";
const POLICIES: &str = "/fgs/functions/intake/async-invoke-configs";

fn failing_to(destination: &str, param: &str) -> Value {
    json!({ "destination_config": { "on_failure": { "destination": destination, "param": param } } })
}

async fn server() -> Server {
    let server = Server::start().await;
    server.create_function("intake").await;
    server
}

#[tokio::test]
async fn a_configuration_is_put_shown_and_deleted() {
    let server = server().await;
    assert_eq!(server.get(POLICY).await.error(), (404, "FSS.0404"));
    assert_eq!(server.delete(POLICY).await.error(), (404, "FSS.0404"));
    let put =
        server.put(POLICY, json!({ "max_async_retry_attempts": 0, "max_async_event_age_in_seconds": 86_400 })).await;
    assert_eq!(put.status, StatusCode::OK);
    assert_eq!(server.get(POLICY).await.body, put.body);
    assert_eq!(put.body["func_urn"], format!("{}:latest", server.urn("intake")));
    assert_eq!((&put.body["max_async_retry_attempts"], &put.body["destination_config"]), (&json!(0), &json!({})));
    assert_eq!(server.delete(POLICY).await.status, StatusCode::NO_CONTENT);
    assert_eq!(server.get(POLICY).await.error(), (404, "FSS.0404"));
}

#[tokio::test]
async fn a_put_replaces_everything() {
    let server = server().await;
    let mut body = failing_to("DIS", r#"{"stream_name":"s"}"#);
    body["max_async_retry_attempts"] = json!(3);
    body["enable_async_status_log"] = json!(true);
    assert_eq!(server.put(POLICY, body.clone()).await.error(), (500, "FSS.0500"), "the project has no log yet");
    assert_eq!(server.post("/fgs/functions/enable-async-status-logs", json!({})).await.status, StatusCode::OK);
    let first = server.put(POLICY, body).await.body;
    assert_eq!(first["enable_async_status_log"], true);
    let second = server.put(POLICY, json!({})).await.body;
    assert_eq!(
        (&second["max_async_retry_attempts"], &second["max_async_event_age_in_seconds"]),
        (&json!(1), &json!(3600))
    );
    assert_eq!((&second["destination_config"], second.get("enable_async_status_log")), (&json!({}), None));
    assert_eq!(second["created_time"], first["created_time"]);
}

#[tokio::test]
async fn targets_are_returned_byte_for_byte() {
    let server = server().await;
    let foreign = "urn:fss:af-south-1:0123456789abcdef0123456789abcdef:function:default:elsewhere";
    for (destination, param) in [
        ("OBS", r#"{ "prefix":"/a/b\u00e9", "expires" : 365,"bucket":"my-bucket","more":[1] }"#.to_owned()),
        ("OBS", r#"{"bucket":"abc"}"#.to_owned()),
        ("DIS", r#"{"stream_name":"orders_1"}"#.to_owned()),
        ("SMN", r#"{"topic_urn":"urn:smn:eu-de:0123456789abcdef0123456789abcdef:pager"}"#.to_owned()),
        ("FunctionGraph", format!(r#"{{"func_urn":"{foreign}"}}"#)),
        ("FunctionGraph", format!(r#"{{"func_urn":"{foreign}:!prod"}}"#)),
    ] {
        let put = server.put(POLICY, failing_to(destination, &param)).await;
        assert_eq!(put.status, StatusCode::OK, "{put:?}");
        let expected = json!({ "on_failure": { "destination": destination, "param": param } });
        assert_eq!(server.get(POLICY).await.body["destination_config"], expected);
    }
}

#[tokio::test]
async fn empty_targets_count_as_none() {
    let server = server().await;
    let empty = json!({ "destination": "", "param": "" });
    for destinations in
        [json!(null), json!({}), json!({ "on_success": empty }), json!({ "on_success": null, "on_failure": {} })]
    {
        let put = server.put(POLICY, json!({ "destination_config": destinations })).await;
        assert_eq!(put.body["destination_config"], json!({}));
    }
}

#[tokio::test]
async fn values_out_of_range_are_refused() {
    let server = server().await;
    for body in [
        json!({ "max_async_retry_attempts": 4 }),
        json!({ "max_async_retry_attempts": -1 }),
        json!({ "max_async_retry_attempts": "1" }),
        json!({ "max_async_event_age_in_seconds": 0 }),
        json!({ "max_async_event_age_in_seconds": 86_401 }),
        failing_to("Kafka", "{}"),
        failing_to("", "{}"),
        failing_to("OBS", ""),
        failing_to("OBS", "{"),
        failing_to("OBS", "{}"),
        failing_to("OBS", r#"{"bucket":"NoBucket"}"#),
        failing_to("OBS", r#"{"bucket":"abc","expires":366}"#),
        failing_to("OBS", r#"{"bucket":"abc","expires":-1}"#),
        failing_to("DIS", r#"{"stream_name":"a.b"}"#),
        failing_to("SMN", r#"{"topic_urn":"pager"}"#),
        failing_to("FunctionGraph", r#"{"func_urn":"intake"}"#),
    ] {
        assert_eq!(server.put(POLICY, body.clone()).await.error(), (400, "FSS.0400"), "{body}");
    }
    assert_eq!(server.get(POLICY).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn lists_are_paged() {
    let server = server().await;
    let page = async |query: &str| -> AsyncConfigList {
        serde_json::from_value(server.get(&format!("{POLICIES}{query}")).await.body).unwrap()
    };
    assert_eq!(page("").await, AsyncConfigList::default());
    let put = server.put(POLICY, json!({})).await.body;
    let list = page("?limit=101").await;
    assert_eq!((list.count, list.page_info.next_marker, list.page_info.current_count), (1, 1, 1));
    assert_eq!(serde_json::to_value(&list.async_invoke_configs[0]).unwrap(), put);
    let list = page("?marker=1&limit=1").await;
    assert_eq!((list.async_invoke_configs.len(), list.count, list.page_info.previous_marker), (0, 1, 0));
    assert_eq!(server.get(&format!("{POLICIES}?limit=-1")).await.error(), (400, "FSS.1001"));
}

#[tokio::test]
async fn a_configuration_is_deleted_with_its_function() {
    let server = server().await;
    server.put(POLICY, json!({})).await;
    server.delete("/fgs/functions/intake").await;
    assert_eq!(server.get(POLICY).await.error(), (404, "FSS.1051"));
    server.create_function("intake").await;
    assert_eq!(server.get(POLICY).await.error(), (404, "FSS.0404"));
}
