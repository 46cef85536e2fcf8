//! Dependency packages: their versions, and functions that load them.

use std::io::{Cursor, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::StatusCode;
use serde_json::{Value, json};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::server_harness::{Server, function};

fn package(files: &[(&str, &str)]) -> String {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, text) in files {
        writer.start_file(*name, SimpleFileOptions::default()).expect("a file");
        writer.write_all(text.as_bytes()).expect("content");
    }
    STANDARD.encode(writer.finish().expect("an archive").into_inner())
}

async fn upload(server: &Server, name: &str, runtime: &str, files: &[(&str, &str)]) -> Value {
    let body = json!({ "name": name, "runtime": runtime, "depend_type": "zip", "depend_file": package(files) });
    let reply = server.post("/fgs/dependencies/version", body).await;
    assert_eq!(reply.status, StatusCode::OK, "{reply:?}");
    reply.body
}

#[tokio::test]
async fn each_upload_of_a_name_is_a_new_version() {
    let server = Server::start().await;
    let first = upload(&server, "shared", "Python3.9", &[("shared.py", "VALUE = 1")]).await;
    let second = upload(&server, "shared", "Python3.9", &[("shared.py", "VALUE = 2")]).await;
    let other = upload(&server, "shared", "Node.js18.15", &[("shared.js", "")]).await;
    assert_eq!((&first["version"], &second["version"], &other["version"]), (&json!(1), &json!(2), &json!(1)));
    assert_eq!(first["dep_id"], second["dep_id"]);
    assert_ne!(first["dep_id"], other["dep_id"]);
    let list = server.get("/fgs/dependencies?marker=0&maxitems=100&name=shared&runtime=Python3.9").await.body;
    assert_eq!((&list["count"], &list["next_marker"]), (&json!(1), &json!(1)));
    assert_eq!((&list["dependencies"][0]["id"], &list["dependencies"][0]["version"]), (&first["dep_id"], &json!(2)));
    let dependency = first["dep_id"].as_str().expect("an id");
    let versions = server.get(&format!("/fgs/dependencies/{dependency}/version")).await.body;
    let ids: Vec<&Value> = versions["dependencies"].as_array().expect("a list").iter().map(|one| &one["id"]).collect();
    assert_eq!(ids, [&second["id"], &first["id"]]);
    let shown = server.get(&format!("/fgs/dependencies/{dependency}/version/1")).await.body;
    assert_eq!(shown["id"], first["id"]);
}

#[tokio::test]
async fn a_version_that_a_function_uses_is_not_deleted() {
    let server = Server::start().await;
    let version = upload(&server, "shared", "Python3.9", &[("shared.py", "")]).await;
    let mut body = function("user");
    body["depend_version_list"] = json!([version["id"]]);
    assert_eq!(server.post("/fgs/functions", body).await.status, StatusCode::OK);
    let path = format!("/fgs/dependencies/{}/version/1", version["dep_id"].as_str().expect("an id"));
    let refused = server.delete(&path).await;
    assert_eq!((refused.status, &refused.body["error_code"]), (StatusCode::PRECONDITION_FAILED, &json!("FSS.1033")));
    assert_eq!(server.delete("/fgs/functions/user").await.status, StatusCode::NO_CONTENT);
    assert_eq!(server.delete(&path).await.status, StatusCode::NO_CONTENT);
    let gone = server.get(&path).await;
    assert_eq!((gone.status, &gone.body["error_code"]), (StatusCode::NOT_FOUND, &json!("FSS.1056")));
}

#[tokio::test]
async fn wrong_packages_are_refused() {
    let server = Server::start().await;
    let fine = json!({ "name": "a", "runtime": "Python3.9", "depend_type": "zip", "depend_file": package(&[]) });
    for (field, value, code) in [
        ("name", json!("1a"), "FSS.1024"),
        ("runtime", json!(""), "FSS.1005"),
        ("depend_type", json!("tar"), "FSS.1032"),
        ("depend_type", json!("obs"), "FSS.1010"),
        ("depend_file", json!("%"), "FSS.1031"),
        ("depend_file", json!("YQ=="), "FSS.1031"),
        ("description", json!("x".repeat(513)), "FSS.1019"),
    ] {
        let mut body = fine.clone();
        body[field] = value;
        let reply = server.post("/fgs/dependencies/version", body).await;
        assert_eq!((reply.status, &reply.body["error_code"]), (StatusCode::BAD_REQUEST, &json!(code)), "{reply:?}");
    }
}

async fn result(server: &Server, name: &str) -> Value {
    let path = format!("/fgs/functions/{}/invocations", server.urn(name));
    server.post(&path, json!({})).await.body
}

/// Python's packages are at the root of an archive, those of Node.js in `node_modules`.
#[tokio::test]
async fn functions_load_their_dependencies() {
    let server = Server::start().await;
    let python = upload(&server, "shared", "Python3.9", &[("shared.py", "VALUE = 'first'")]).await;
    let node =
        upload(&server, "shared", "Node.js18.15", &[("node_modules/shared/index.js", "exports.VALUE = 'node'")]).await;
    for (name, runtime, text, id) in [
        (
            "python",
            "Python3.9",
            "import shared\ndef handler(event, context): return {'value': shared.VALUE}",
            &python["id"],
        ),
        (
            "node",
            "Node.js18.15",
            "exports.handler = async (event, context) => ({ value: require('shared').VALUE });",
            &node["id"],
        ),
    ] {
        let mut body = function(name);
        body["runtime"] = json!(runtime);
        body["func_code"] = json!({ "file": STANDARD.encode(text) });
        body["depend_version_list"] = json!([id]);
        assert_eq!(server.post("/fgs/functions", body).await.status, StatusCode::OK);
    }
    assert_eq!(result(&server, "python").await, json!({ "value": "first" }));
    assert_eq!(result(&server, "node").await, json!({ "value": "node" }));
    // A warm worker with the old package is not used again.
    let second = upload(&server, "shared", "Python3.9", &[("shared.py", "VALUE = 'second'")]).await;
    let code = json!({ "code_type": "inline", "depend_version_list": [second["id"]] });
    assert_eq!(server.put("/fgs/functions/python/code", code).await.status, StatusCode::OK);
    assert_eq!(result(&server, "python").await, json!({ "value": "second" }));
}

#[tokio::test]
async fn a_function_without_its_dependency_says_which_one() {
    let server = Server::start().await;
    let mut body = function("lonely");
    body["depend_version_list"] = json!(["elsewhere"]);
    assert_eq!(server.post("/fgs/functions", body).await.status, StatusCode::OK);
    let said = result(&server, "lonely").await.to_string();
    assert!(said.contains("no archive of the dependency elsewhere"), "{said}");
}
