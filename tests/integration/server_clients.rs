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

/// The answer does not fit into the buffers between the server and a client that does not read.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn an_answer_that_is_not_read_ends_its_connection() {
    let server = impatient().await;
    let mut body = function("f");
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let stored = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    archive.start_file("large", stored).expect("an entry");
    std::io::Write::write_all(&mut archive, &vec![0; 20_000_000]).expect("its content");
    let archive = archive.finish().expect("an archive").into_inner();
    let archive = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, archive);
    (body["code_type"], body["code_filename"]) = (json!("zip"), json!("large.zip"));
    body["func_code"]["file"] = json!(archive);
    assert_eq!(server.post("/fgs/functions", body).await.status, StatusCode::OK);
    let token = server.credentials().token.expose_secret();
    let path = server.path("/fgs/functions/f/code");
    let mut stream = TcpStream::connect(server.running.address).await.expect("a connection");
    let head = format!("GET {path} HTTP/1.1\r\nHost: h\r\nX-Auth-Token: {token}\r\n\r\n");
    stream.write_all(head.as_bytes()).await.expect("it is sent");
    let is_ended = async || std::fs::read_to_string("/proc/net/tcp").is_ok_and(|table| !table.contains(&ours(&stream)));
    until("the connection ends", is_ended).await;
}

/// The server's end of a connection, as the system's table has it while it is established: the addresses in hex.
#[cfg(target_os = "linux")]
fn ours(stream: &TcpStream) -> String {
    let hex = |address: std::net::SocketAddr| match address {
        std::net::SocketAddr::V4(address) => {
            format!("{:08X}:{:04X}", u32::from_ne_bytes(address.ip().octets()), address.port())
        }
        std::net::SocketAddr::V6(_) => panic!("{address}"),
    };
    let (server, client) = (stream.peer_addr().expect("an address"), stream.local_addr().expect("an address"));
    format!("{} {} 01", hex(server), hex(client))
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
