//! Tags on the server, and finding functions by their tags.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use fgctl::wire::tag::ResourceInstances;

use crate::server_harness::Server;

const FILTER: &str = "/functions/resource-instances/filter";
const COUNT: &str = "/functions/resource-instances/count";

fn tags(tags: &[(&str, &str)]) -> Value {
    let tags: Vec<Value> = tags.iter().map(|(key, value)| json!({ "key": key, "value": value })).collect();
    json!({ "tags": tags })
}

async fn tag(server: &Server, name: &str, pairs: &[(&str, &str)]) {
    let reply = server.post(&format!("/functions/{}/tags/create", server.urn(name)), tags(pairs)).await;
    assert_eq!((reply.status, reply.body), (StatusCode::NO_CONTENT, Value::Null));
}

async fn untag(server: &Server, name: &str, body: Value) -> StatusCode {
    server.send(Method::DELETE, &format!("/functions/{name}/tags/delete"), Some(body)).await.status
}

#[tokio::test]
async fn tags_are_set_overwritten_and_deleted() {
    let server = Server::start().await;
    server.create_function("intake").await;
    tag(&server, "intake", &[("team", "a"), ("stage", "")]).await;
    tag(&server, "intake", &[("team", "b")]).await;
    let shown = server.get("/functions/intake/tags").await.body;
    assert_eq!(
        shown,
        json!({ "tags": [{ "key": "stage", "value": "" }, { "key": "team", "value": "b" }], "sys_tags": [] })
    );
    // A tag with another value is another tag, and a missing tag counts as deleted.
    assert_eq!(untag(&server, "intake", tags(&[("team", "a"), ("none", "")])).await, StatusCode::NO_CONTENT);
    assert_eq!(server.get("/functions/intake/tags").await.body, shown);
    assert_eq!(untag(&server, "intake", json!({ "tags": [{ "key": "stage" }] })).await, StatusCode::NO_CONTENT);
    assert_eq!(untag(&server, "intake", tags(&[("team", "b")])).await, StatusCode::NO_CONTENT);
    assert_eq!(server.get("/functions/intake/tags").await.body["tags"], json!([]));
}

#[tokio::test]
async fn tags_follow_the_rules() {
    let server = Server::start().await;
    server.create_function("intake").await;
    let numbered: Vec<String> = (0..20).map(|number| format!("k{number}")).collect();
    let twenty: Vec<(&str, &str)> = numbered.iter().map(|key| (key.as_str(), "v")).collect();
    tag(&server, "intake", &twenty).await;
    for pairs in [&[("one-more", "v")][..], &[("k1", "a"), ("k1", "b")], &[("_sys_x", "")], &[("a", "b,c")], &[]] {
        let reply = server.post("/functions/intake/tags/create", tags(pairs)).await;
        assert_eq!(reply.error(), (400, "FSS.0400"), "{pairs:?}");
    }
    // The tag that was too many is not set either: a refused request changes nothing.
    assert_eq!(server.get("/functions/intake/tags").await.body["tags"].as_array().unwrap().len(), 20);
    assert_eq!(server.post("/functions/other/tags/create", tags(&[("a", "b")])).await.error(), (404, "FSS.1051"));
}

#[tokio::test]
async fn a_projects_tags_are_collected() {
    let server = Server::start().await;
    for (name, team) in [("one", "b"), ("two", "a"), ("three", "a")] {
        server.create_function(name).await;
        tag(&server, name, &[("team", team)]).await;
    }
    let expected = json!({ "tags": [{ "key": "team", "values": ["a", "b"] }], "sys_tags": [] });
    assert_eq!(server.get("/functions/tags").await.body, expected);
}

#[tokio::test]
async fn functions_are_found_by_their_tags() {
    let server = Server::start().await;
    for name in ["one", "two", "three", "bare"] {
        server.create_function(name).await;
    }
    tag(&server, "one", &[("team", "a"), ("stage", "x")]).await;
    tag(&server, "two", &[("team", "b"), ("stage", "x")]).await;
    tag(&server, "three", &[("team", "b")]).await;
    let names = async |body: Value| -> (Vec<String>, u64) {
        let found: ResourceInstances = serde_json::from_value(server.post(FILTER, body).await.body).unwrap();
        (found.resources.into_iter().map(|resource| resource.resource_name).collect(), found.total_count)
    };
    let wanted = |key: &str, values: &[&str]| json!({ "key": key, "values": values });
    for (body, expected, total) in [
        (json!({}), &["one", "two", "three", "bare"][..], 4),
        (json!({ "limit": 2, "offset": 1 }), &["two", "three"], 4),
        (json!({ "limit": "2", "offset": "3" }), &["bare"], 4),
        (json!({ "without_any_tag": true }), &["bare"], 1),
        (json!({ "tags": [wanted("team", &["a", "b"])] }), &["one", "two", "three"], 3),
        (json!({ "tags": [wanted("team", &["b"]), wanted("stage", &["x"])] }), &["two"], 1),
        (json!({ "tags": [wanted("stage", &[])] }), &["one", "two"], 2),
        (json!({ "matches": [{ "key": "resource_name", "value": "e" }] }), &["one", "three", "bare"], 3),
    ] {
        let expected: Vec<String> = expected.iter().map(|name| (*name).to_owned()).collect();
        assert_eq!(names(body.clone()).await, (expected, total), "{body}");
        assert_eq!(server.post(COUNT, body.clone()).await.body, json!({ "total_count": total }), "{body}");
    }
    for body in [json!({ "limit": 0 }), json!({ "offset": -1 }), json!({ "matches": [{ "key": "x", "value": "" }] })] {
        assert_eq!(server.post(FILTER, body).await.error(), (400, "FSS.0400"));
    }
}

#[tokio::test]
async fn a_found_function_is_named_by_its_urn() {
    let server = Server::start().await;
    server.create_function("intake").await;
    let urn = server.urn("intake");
    let expected = json!({ "resource_id": urn, "resource_name": "intake",
        "resource_detail": { "detailId": format!("{urn}:latest") }, "tags": [], "sys_tags": [] });
    assert_eq!(server.post(FILTER, json!({ "limit": "100" })).await.body["resources"], json!([expected]));
}
