//! Endpoints, regions, credentials, and servers that do not answer.

use axum::http::Method;
use std::net::TcpListener;

use super::{ACCOUNT, Page};
use crate::scripted::{Answer, Scripted};
use crate::server_harness::Server;

/// One request at a time, so that the same one fails in every run.
const PLAN: &[&str] = &["plan", "--max-retries", "0", "--concurrency", "1"];

#[test]
fn accounts() {
    let mut page = Page::new();
    page.file("fgctl.yaml", "version: 1\nstack: s\nfunctions: {}\n");
    page.file("broken/.hcloud/config.json", "{ \"profiles\": [");
    page.file("empty/.hcloud/config.json", "{ \"current\": \"\", \"profiles\": [] }");
    for (title, changed) in [
        ("no credentials", &[("FGCTL_ACCESS_KEY", ""), ("FGCTL_SECRET_KEY", "")][..]),
        ("half a pair of keys", &[("FGCTL_SECRET_KEY", "")]),
        ("no region", &[("FGCTL_REGION", "")]),
        ("an unknown region", &[("FGCTL_REGION", "eu-germany")]),
        ("a misspelt region", &[("FGCTL_REGION", "cn-nort-4")]),
        ("a region with an underscore", &[("FGCTL_REGION", "eu_de")]),
        ("an endpoint without a scheme", &[("FGCTL_ENDPOINT", "127.0.0.1:8080")]),
        ("a host without a scheme", &[("FGCTL_ENDPOINT", "functiongraph.eu-de.otc.t-systems.com")]),
        ("localhost without a scheme", &[("FGCTL_ENDPOINT", "localhost:8080")]),
        ("a scheme alone", &[("FGCTL_ENDPOINT", "https://")]),
        ("another scheme", &[("FGCTL_ENDPOINT", "ftp://files.example.test")]),
        ("credentials in the endpoint", &[("FGCTL_ENDPOINT", "https://user:password@example.test")]),
        ("a cloud that is not a domain", &[("FGCTL_REGION", "x-1"), ("FGCTL_CLOUD", "my cloud")]),
        ("no project", &[("FGCTL_PROJECT_ID", ""), ("FGCTL_ENDPOINT", "http://127.0.0.1:9")]),
        ("an IAM endpoint without a scheme", &[("FGCTL_PROJECT_ID", ""), ("FGCTL_IAM_ENDPOINT", "iam.example.test")]),
        ("a key with a line break", &[("FGCTL_ACCESS_KEY", "A\nK"), ("FGCTL_ENDPOINT", "http://127.0.0.1:9")]),
    ] {
        page.title(title);
        let unchanged = ACCOUNT.iter().filter(|(name, _)| !changed.iter().any(|(other, _)| other == name)).copied();
        let variables: Vec<(&str, &str)> = unchanged.chain(changed.iter().copied()).collect();
        page.run(PLAN, &variables);
    }
    for (title, home) in
        [("a profile without a file", "home"), ("a broken file of profiles", "broken"), ("an unknown profile", "empty")]
    {
        page.title(title);
        page.run_at(home, &["whoami", "--profile", "work", "--region", "eu-de", "--project-id", "p"]);
    }
    insta::assert_snapshot!(page.text());
}

#[tokio::test]
async fn servers() {
    let mut page = Page::new();
    page.file("fgctl.yaml", "version: 1\nstack: s\nfunctions: {}\n");
    let server = Server::start().await;
    let port = server.running.address.port();
    page.title("https to a port without TLS");
    page.ask(PLAN, &with(&[("FGCTL_ENDPOINT", &format!("https://127.0.0.1:{port}"))])).await;
    page.title("a port that is in use");
    page.ask(&["serve", "--data", "second", "--listen", &server.running.address.to_string()], &[]).await;
    page.title("a data directory that is in use");
    let directory = server.directory.path().to_str().expect("text").to_owned();
    page.ask(&["serve", "--data", &directory], &[]).await;
    page.title("unknown keys");
    page.ask(PLAN, &with(&[("FGCTL_ENDPOINT", &format!("http://127.0.0.1:{port}"))])).await;
    page.title("a port where nothing listens");
    let free = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    page.ask(PLAN, &with(&[("FGCTL_ENDPOINT", &format!("http://{free}"))])).await;
    page.title("the same with retries");
    page.ask(
        &["plan", "--max-retries", "1", "--concurrency", "1"],
        &with(&[("FGCTL_ENDPOINT", &format!("http://{free}"))]),
    )
    .await;
    page.title("a proxy where nothing listens");
    page.ask(PLAN, &with(&[("HTTPS_PROXY", &format!("http://{free}"))])).await;
    page.title("a proxy that requires a login");
    let proxy = Scripted::start(|_, _| Answer::Reply(407, None, String::new())).await;
    page.ask(PLAN, &with(&[("HTTPS_PROXY", &proxy.url)])).await;
    page.title("a proxy's page");
    let page_of_proxy = Scripted::start(|_, _| Answer::Reply(200, None, "<html>log in</html>".into())).await;
    page.ask(PLAN, &with(&[("FGCTL_ENDPOINT", &page_of_proxy.url)])).await;
    page.title("an answer that is not HTTP");
    let other = Scripted::raw(b"SSH-2.0-server\r\n").await;
    page.ask(PLAN, &with(&[("FGCTL_ENDPOINT", &other)])).await;
    page.title("a server that does not answer");
    let silent = Scripted::start(|_, _| Answer::Stuck("")).await;
    page.ask(&["plan", "--max-retries", "0", "--request-timeout", "1"], &with(&[("FGCTL_ENDPOINT", &silent.url)]))
        .await;
    insta::assert_snapshot!(page.text());
    assert_eq!(server.send(Method::GET, "/fgs/functions", None).await.status, 200);
}

fn with<'a>(more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    ACCOUNT.iter().chain(more).copied().collect()
}
