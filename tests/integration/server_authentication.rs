//! Which requests the server accepts, and how it refuses others.

use fgctl::server::Clock;
use fgctl::wire::signature::{self, Credentials, SignableRequest};
use reqwest::{Method, StatusCode};
use secrecy::ExposeSecret;

use crate::server_harness::{Reply, Server, reply};

const REST: &str = "/fgs/functions";

fn refused(reply: &Reply, cause: &str) {
    assert_eq!(reply.error(), (401, "APIGW.0301"), "{reply:?}");
    assert_eq!(reply.body["request_id"], reply.request_id);
    let expected = format!("Incorrect IAM authentication information: {cause}");
    assert!(reply.body["error_msg"].as_str().is_some_and(|text| text.starts_with(&expected)), "{reply:?}");
}

/// A signed GET, optionally with another key or time.
async fn signed(server: &Server, access_key: &str, secret_key: &str, date: &str) -> Reply {
    let path = server.path(REST);
    let request = SignableRequest {
        method: "GET",
        path: &path,
        query: "",
        headers: &[(signature::DATE_HEADER, date)],
        body: b"",
    };
    let authorization = signature::authorization(&request, Credentials { access_key, secret_key });
    reply(server.request(Method::GET, REST).header("X-Sdk-Date", date).header("Authorization", authorization)).await
}

#[tokio::test]
async fn requests_without_credentials_are_refused() {
    let server = Server::start().await;
    refused(&reply(server.request(Method::GET, REST)).await, "x-auth-token not found");
    refused(&reply(server.request(Method::GET, "/no/such/path")).await, "x-auth-token not found");
    refused(&reply(server.request(Method::POST, REST).body("{")).await, "x-auth-token not found");
}

#[tokio::test]
async fn a_token_is_accepted() {
    let server = Server::start().await;
    let token = server.credentials().token.expose_secret();
    let opened = reply(server.request(Method::GET, REST).header("X-Auth-Token", token)).await;
    assert_eq!(opened.status, StatusCode::OK);
    refused(&reply(server.request(Method::GET, REST).header("X-Auth-Token", "x")).await, "decrypt token fail");
}

#[tokio::test]
async fn signatures_are_checked() {
    let server = Server::start().await;
    let now = signature::date(jiff::Timestamp::now());
    let (access_key, secret_key) = (&server.credentials().access_key, server.credentials().secret_key.expose_secret());
    assert_eq!(signed(&server, access_key, secret_key, &now).await.status, StatusCode::OK);
    refused(&signed(&server, "AK", secret_key, &now).await, "Get secretKey failed,ak:AK,err:ak not exist");
    refused(&signed(&server, access_key, secret_key, "yesterday").await, "the X-Sdk-Date header");
    let wrong = signed(&server, access_key, "wrong", &now).await;
    let canonical = format!("GET|{}/||x-sdk-date:{now}||x-sdk-date|", server.path(REST));
    refused(&wrong, &format!("verify aksk signature fail, canonicalRequest:{canonical}"));
    let unreadable = server.request(Method::GET, REST).header("Authorization", "Basic eDp5");
    refused(&reply(unreadable).await, "the Authorization header");
}

#[tokio::test]
async fn a_date_may_differ_by_a_quarter_of_an_hour() {
    let now: jiff::Timestamp = "2026-01-15T08:30:00Z".parse().unwrap();
    let server = Server::start_with(|settings| settings.clock = Clock::new(move || now)).await;
    let (access_key, secret_key) = (&server.credentials().access_key, server.credentials().secret_key.expose_secret());
    for (date, status) in [
        ("20260115T081500Z", StatusCode::OK),
        ("20260115T084500Z", StatusCode::OK),
        ("20260115T081459Z", StatusCode::UNAUTHORIZED),
        ("20260115T084501Z", StatusCode::UNAUTHORIZED),
    ] {
        assert_eq!(signed(&server, access_key, secret_key, date).await.status, status, "{date}");
    }
}

#[tokio::test]
async fn another_project_is_refused() {
    let server = Server::start().await;
    let url = format!("http://{}/v2/0123456789abcdef0123456789abcdef/fgs/functions", server.running.address);
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let token = server.credentials().token.expose_secret();
    assert_eq!(reply(client.get(url).header("X-Auth-Token", token)).await.error(), (400, "FSS.1309"));
}
