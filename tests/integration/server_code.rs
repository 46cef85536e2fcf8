//! Code on the server: how it is uploaded and returned, and what is refused.

use std::io::{Cursor, Read, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sha2::{Digest, Sha512};

use crate::server_harness::{Server, function};

const CODE: &str = "/fgs/functions/intake/code";

fn archive(content: &[u8]) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    archive.start_file("index.py", options).expect("an entry");
    archive.write_all(content).expect("its content");
    archive.finish().expect("an archive").into_inner()
}

fn zip_of(content: &[u8]) -> Value {
    json!({ "code_type": "zip", "code_filename": "intake.zip", "func_code": { "file": STANDARD.encode(archive(content)) } })
}

fn digest(bytes: &[u8]) -> String {
    hex::encode(Sha512::digest(bytes))
}

fn with_code(code: &Value) -> Value {
    let mut body = function("intake");
    for (name, value) in code.as_object().expect("an object") {
        body[name] = value.clone();
    }
    body
}

#[tokio::test]
async fn inline_source_is_returned_as_an_archive() {
    let server = Server::start().await;
    let created = server.create_function("intake").await;
    let shown = server.get(CODE).await.body;
    let bytes = STANDARD.decode(shown["func_code"]["file"].as_str().unwrap()).unwrap();
    let mut source = String::new();
    let mut archive = zip::ZipArchive::new(Cursor::new(&bytes)).unwrap();
    archive.by_name("index.py").unwrap().read_to_string(&mut source).unwrap();
    assert!(source.starts_with("def handler(event, context):"), "{source}");
    assert_eq!((&shown["code_type"], &shown["code_filename"]), (&json!("inline"), &json!("index.zip")));
    assert_eq!(shown["code_size"], bytes.len());
    assert_eq!((&shown["digest"], &created["digest"]), (&json!(digest(&bytes)), &json!(digest(&bytes))));
}

#[tokio::test]
async fn a_function_without_code_gets_default_code() {
    let server = Server::start().await;
    let created = server.post("/fgs/functions", with_code(&json!({ "func_code": null }))).await;
    assert_eq!(created.status, StatusCode::OK);
    assert!(created.body["code_size"].as_u64().unwrap() > 0);
}

#[tokio::test]
async fn an_archive_is_returned_byte_for_byte() {
    let server = Server::start().await;
    assert_eq!(server.post("/fgs/functions", with_code(&zip_of(b"1"))).await.status, StatusCode::OK);
    let updated = server.put(CODE, zip_of(b"2")).await;
    assert_eq!((updated.status, &updated.body["digest"]), (StatusCode::OK, &json!(digest(&archive(b"2")))));
    let shown = server.get(CODE).await.body;
    assert_eq!(shown["func_code"]["file"], zip_of(b"2")["func_code"]["file"]);
    assert_eq!((&shown["code_filename"], &shown["digest"]), (&json!("intake.zip"), &updated.body["digest"]));
}

#[tokio::test]
async fn code_in_obs_is_not_fetched() {
    let server = Server::start().await;
    let url = "https://bucket.obs.eu-de.example.com/intake.zip";
    let created =
        server.post("/fgs/functions", with_code(&json!({ "code_type": "obs", "code_url": url, "func_code": null })));
    let created = created.await;
    assert_eq!((created.status, &created.body["code_url"]), (StatusCode::OK, &json!(url)));
    assert_eq!(server.get(CODE).await.body["func_code"]["file"], "");
}

#[tokio::test]
async fn dependencies_are_kept_replaced_and_cleared() {
    let server = Server::start().await;
    server.create_function("intake").await;
    for (sent, expected) in [
        (json!({ "depend_version_list": ["a", "b"] }), json!(["a", "b"])),
        (
            json!({ "code_type": "", "code_url": "", "code_filename": "", "func_code": { "file": "" } }),
            json!(["a", "b"]),
        ),
        (json!({ "depend_version_list": [] }), json!([])),
    ] {
        let before = server.get(CODE).await.body;
        assert_eq!(server.put(CODE, sent).await.body["depend_version_list"], expected);
        assert_eq!(server.get(CODE).await.body["func_code"], before["func_code"]);
    }
}

#[tokio::test]
async fn code_has_limits() {
    let server = Server::start().await;
    server.create_function("intake").await;
    let zip =
        |name: &str, file: &str| json!({ "code_type": "zip", "code_filename": name, "func_code": { "file": file } });
    let good = STANDARD.encode(archive(b"1"));
    for (body, expected) in [
        (json!({ "code_type": "inline", "func_code": { "file": STANDARD.encode([b' '; 10_241]) } }), (413, "FSS.1072")),
        (zip("", &good), (400, "FSS.0400")),
        (zip("folder/a.zip", &good), (400, "FSS.1078")),
        (zip("a.zip", ""), (400, "FSS.1012")),
        (zip("a.zip", "AAAA"), (400, "FSS.1011")),
        (json!({ "code_type": "obs", "code_url": "bucket" }), (400, "FSS.1010")),
        (json!({ "code_type": "obs" }), (400, "FSS.1010")),
        (json!({ "code_type": "tar" }), (400, "FSS.1006")),
        (json!({ "code_type": "Custom-Image-Swr" }), (400, "FSS.1035")),
        (json!({ "depend_version_list": vec!["a"; 21] }), (400, "FSS.1024")),
    ] {
        assert_eq!(server.put(CODE, body.clone()).await.error(), expected, "{body}");
    }
}

#[tokio::test]
async fn large_bodies_are_refused_with_an_answer() {
    let server = Server::start().await;
    server.create_function("intake").await;
    let large = STANDARD.encode(vec![0; 50 * 1024 * 1024 + 1]);
    let body = json!({ "code_type": "zip", "code_filename": "a.zip", "func_code": { "file": large } });
    assert_eq!(server.put(CODE, body).await.error(), (413, "FSS.1071"));
    let larger = " ".repeat(80 * 1024 * 1024 + 1);
    assert_eq!(server.send_text(Method::PUT, CODE, larger).await.error(), (413, "FSS.1201"));
}
