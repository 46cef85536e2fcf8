//! Clients that do not finish their requests do not block others.

use std::time::Duration;

use fgctl::server;
use reqwest::StatusCode;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::invoke::has_python;
use crate::patience::until;
use crate::server_harness::{Server, function};
use crate::server_process::ready_with;

const PATIENCE: Duration = Duration::from_mins(2);

async fn impatient() -> Server {
    Server::start_with(|settings| settings.options.client_patience = Duration::from_millis(100)).await
}

/// Everything that the server sends until it closes the connection.
async fn answer(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    let read = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
    read.expect("the server closes the connection").expect("an answer");
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn an_incomplete_header_times_out() {
    let server = impatient().await;
    for sent in ["", "GET /v2", "GET /v2/p HTTP/1.1\r\nHost: h\r\n"] {
        let mut stream = TcpStream::connect(server.running.address).await.expect("a connection");
        stream.write_all(sent.as_bytes()).await.expect("it is sent");
        answer(&mut stream).await;
    }
}

#[tokio::test]
async fn an_incomplete_body_times_out() {
    let server = impatient().await;
    let token = server.credentials().token.expose_secret();
    let path = server.path("/fgs/functions");
    for credentials in [format!("X-Auth-Token: {token}\r\n"), String::new()] {
        let mut stream = TcpStream::connect(server.running.address).await.expect("a connection");
        let head = format!("POST {path} HTTP/1.1\r\nHost: h\r\n{credentials}Content-Length: 10\r\n\r\n{{");
        stream.write_all(head.as_bytes()).await.expect("it is sent");
        let answer = answer(&mut stream).await;
        let expected = if credentials.is_empty() { "HTTP/1.1 401" } else { "HTTP/1.1 408" };
        assert!(answer.starts_with(expected), "{answer}");
    }
}

/// Few descriptors, and more half-open connections than descriptors.
#[cfg(unix)]
#[tokio::test]
async fn half_open_connections_leave_room_for_others() {
    if !has_python() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let (_process, address) = ready_with("ulimit -n 256", &data, &[]);
    let mut open = Vec::new();
    for _ in 0..400 {
        let mut stream = TcpStream::connect(&address).await.expect("a connection");
        let _ = stream.write_all(b"GET /v2/p HTTP/1.1\r\n").await;
        open.push(stream);
    }
    let credentials = server::credentials(&data).expect("credentials");
    let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().expect("a client");
    let url = format!("http://{address}/v2/{}", credentials.project_id);
    let send = async |method: reqwest::Method, rest: &str, body: Value| {
        let request = client.request(method, format!("{url}{rest}")).body(body.to_string());
        let reply = request.header("x-auth-token", credentials.token.expose_secret()).send().await.expect("an answer");
        let (status, body) = (reply.status(), reply.bytes().await.expect("a body"));
        (status, serde_json::from_slice::<Value>(&body).unwrap_or_default())
    };
    assert_eq!(send(reqwest::Method::POST, "/fgs/functions", function("f")).await.0, StatusCode::OK);
    let accepted = send(reqwest::Method::POST, "/fgs/functions/f/invocations-async", json!({})).await.1;
    let path = format!("/fgctl/invocations/{}", accepted["request_id"].as_str().expect("an id"));
    let trace = async || send(reqwest::Method::GET, &path, Value::Null).await.1;
    until("the end of the invocation", async || trace().await["ended"].is_string()).await;
    let trace = trace().await;
    assert_eq!(
        (&trace["status"], trace["attempts"].as_array().map(Vec::len)),
        (&json!("SUCCESS"), Some(1)),
        "{trace:#}"
    );
    drop(open);
}
