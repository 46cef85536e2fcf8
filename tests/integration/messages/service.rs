//! Refusals of the service, and answers that cannot be read.

use super::{ACCOUNT, Page};
use crate::scripted::{Answer, Scripted};

type MakeAnswer = Box<dyn Fn() -> Answer + Send + Sync>;

#[tokio::test]
async fn refusals() {
    let mut page = Page::new();
    page.file("fgctl.yaml", "version: 1\nstack: s\nfunctions: {}\n");
    let gateway = |status, code: &'static str, message: &'static str| Answer::refusal(status, code, message);
    let page_of = |status, text: &str| Answer::Reply(status, None, text.to_owned());
    let cases: [(&str, MakeAnswer); 17] = [
        (
            "keys that do not exist",
            Box::new(move || gateway(401, "APIGW.0301", "Incorrect IAM authentication information: ak not exist")),
        ),
        ("an expired token", Box::new(move || gateway(401, "APIGW.0307", "The token must be updated"))),
        ("401 without a code", Box::new(move || page_of(401, "Unauthorized"))),
        ("a missing permission", Box::new(move || gateway(403, "APIGW.0302", "The IAM user is not authorized"))),
        ("a permission of the service", Box::new(move || gateway(403, "FSS.0403", "Forbidden"))),
        ("an account in arrears", Box::new(move || gateway(403, "APIGW.0310", "The project is unavailable"))),
        ("an address that is not allowed", Box::new(move || gateway(403, "APIGW.0401", "Unauthorized IP"))),
        (
            "an unknown API",
            Box::new(move || gateway(404, "APIGW.0101", "The API does not exist or has not been published")),
        ),
        ("another server", Box::new(move || page_of(404, "<html><body>nginx</body></html>"))),
        ("a function that does not exist", Box::new(move || gateway(404, "FSS.1051", "Not found the function"))),
        ("a request that is too large", Box::new(move || gateway(413, "FSS.0413", "Request entity too large"))),
        ("a failing service", Box::new(move || gateway(500, "FSS.0500", "Internal error"))),
        ("a failing gateway", Box::new(move || page_of(502, "<html>Bad Gateway</html>"))),
        (
            "a redirect",
            Box::new(|| Answer::Reply(302, Some(("location", "https://login.example.test/")), String::new())),
        ),
        ("an answer that is not JSON", Box::new(move || page_of(200, "<html>welcome</html>"))),
        ("an answer without its fields", Box::new(move || page_of(200, "{}"))),
        ("a connection that breaks", Box::new(|| Answer::Reset)),
    ];
    for (title, answer) in cases {
        page.title(title);
        let service = Scripted::start(move |_, _| answer()).await;
        let endpoint = [("FGCTL_ENDPOINT", service.url.as_str())];
        let variables: Vec<_> = ACCOUNT.iter().copied().chain(endpoint).collect();
        // One request at a time, so that the same one is refused each time.
        page.ask(&["plan", "--max-retries", "0", "--concurrency", "1"], &variables).await;
    }
    insta::assert_snapshot!(page.text());
}

#[tokio::test]
async fn projects() {
    let mut page = Page::new();
    for (title, answer) in [
        ("no project of this name", r#"{ "projects": [] }"#),
        (
            "two projects of this name",
            r#"{ "projects": [{ "id": "p1", "name": "eu-de" }, { "id": "p2", "name": "eu-de" }] }"#,
        ),
    ] {
        page.title(title);
        let iam = Scripted::start(move |_, _| Answer::ok(answer)).await;
        let account = ACCOUNT.iter().copied().filter(|(name, _)| *name != "FGCTL_PROJECT_ID");
        let variables: Vec<_> = account.chain([("FGCTL_IAM_ENDPOINT", iam.url.as_str())]).collect();
        page.ask(&["whoami"], &variables).await;
    }
    page.title("IAM refuses");
    let iam =
        Scripted::start(|_, _| Answer::refusal(401, "APIGW.0301", "Incorrect IAM authentication information")).await;
    let account = ACCOUNT.iter().copied().filter(|(name, _)| *name != "FGCTL_PROJECT_ID");
    let variables: Vec<_> = account.chain([("FGCTL_IAM_ENDPOINT", iam.url.as_str())]).collect();
    page.ask(&["whoami"], &variables).await;
    insta::assert_snapshot!(page.text());
}
