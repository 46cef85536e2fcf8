//! The number and kind of requests that commands send.

use serde_json::json;
use std::fmt::Write;

use crate::recorder::Recorded;
use crate::world::World;

const HEAD: &str = "\
version: 1
stack: many
defaults: { runtime: Python3.9, handler: index.handler, agency: fgs-notify }
functions:
";
const CODE: &str = "code: { inline: 'def handler(event, context): return 1' }";
const FUNCTIONS: usize = 12;

/// Each function notifies the next one.
fn chain() -> String {
    let policy = |number: usize| match number + 1 {
        FUNCTIONS => "{ dis: { stream: audit } }".to_owned(),
        next => format!("{{ function: f{next} }}"),
    };
    manifest(|number| format!("async: {{ on_success: {} }}", policy(number)))
}

/// Functions without policies, and functions with targets elsewhere.
fn apart() -> String {
    manifest(|number| if number % 2 == 0 { String::new() } else { "async: { max_retries: 2 }".to_owned() })
}

fn manifest(policy: impl Fn(usize) -> String) -> String {
    (0..FUNCTIONS).fold(HEAD.to_owned(), |mut text, number| {
        writeln!(text, "  f{number}:\n    {CODE}\n    {}", policy(number)).expect("text");
        text
    })
}

async fn applied(manifest: &str) -> World {
    let world = World::new().await;
    world.manifest(manifest);
    world.apply().await;
    world.requests();
    world
}

/// `METHOD …end` of the requests for one function.
fn of_function(requests: &[Recorded], name: &str) -> Vec<String> {
    let ending = |request: &Recorded| {
        let (_, rest) = request.path.split_once(&format!(":default:{name}"))?;
        (rest.is_empty() || rest.starts_with('/')).then(|| format!("{} {rest}", request.method))
    };
    requests.iter().filter_map(ending).collect()
}

fn count(requests: &[Recorded], end: &str) -> usize {
    requests.iter().filter(|request| request.path.ends_with(end)).count()
}

/// The plan reads each function once, the check before the deletion reads it again, and the deletion also removes the
/// policy. In addition, there are the lists of the plan, the data that the deletions share (the list of functions and
/// all tags), and the final lists.
#[tokio::test]
async fn a_destroy_takes_three_requests_a_function() {
    for manifest in [chain(), apart()] {
        let world = applied(&manifest).await;
        let ran = world.run(&["destroy", "--auto-approve"]).await;
        assert_eq!(ran.code, Some(0), "{ran:?}");
        let requests = world.requests();
        for number in 0..FUNCTIONS {
            let of_function = of_function(&requests, &format!("f{number}"));
            assert_eq!(of_function, ["GET /versions", "GET /versions", "DELETE "], "f{number}");
        }
        assert_eq!(
            count(&requests, "/fgs/functions"),
            3,
            "the lists of the plan, of the first deletion, and at the end"
        );
        // The number of tag reads depends on the duration.
        assert_eq!(requests.len(), 3 * FUNCTIONS + 3 + count(&requests, "/resource-instances/filter"));
        assert_eq!(world.server.get("/fgs/functions").await.body["count"], 0);
    }
}

const STATUS_LOG: &str = "async: { status_log: true }";

/// The log belongs to the project. It is enabled once if needed, and the plan says so.
#[tokio::test]
async fn the_status_log_is_enabled_once_and_the_plan_says_so() {
    const ENABLE: &str = "/enable-async-status-logs";
    const DETAIL: &str = "/async-status-log-detail";
    let world = World::new().await;
    world.manifest(&manifest(|_| STATUS_LOG.to_owned()));
    let plan = world.run(&["plan"]).await;
    insta::assert_snapshot!(plan.transcript());
    assert_eq!(world.plan(&[]).await["enables_status_log"], true);
    world.requests();
    world.apply().await;
    let requests = world.requests();
    assert_eq!((count(&requests, ENABLE), count(&requests, DETAIL)), (1, 1));

    // A policy that records statuses proves that there is a log.
    world.manifest(&format!("{}  another:\n    {CODE}\n    {STATUS_LOG}\n", manifest(|_| STATUS_LOG.to_owned())));
    assert_eq!(world.plan(&[]).await["enables_status_log"], json!(null));
    world.apply().await;
    let requests = world.requests();
    assert_eq!((count(&requests, ENABLE), count(&requests, DETAIL)), (0, 0));
}

#[tokio::test]
async fn an_enabled_status_log_is_not_enabled_again() {
    let world = World::new().await;
    assert!(world.server.post("/fgs/functions/enable-async-status-logs", json!({})).await.status.is_success());
    world.manifest(&manifest(|_| STATUS_LOG.to_owned()));
    assert_eq!(world.plan(&[]).await["enables_status_log"], json!(null));
    world.apply().await;
    assert_eq!(count(&world.requests(), "/enable-async-status-logs"), 0);
}

/// Arguments that cannot be right are refused before the first request.
#[tokio::test]
async fn arguments_that_the_manifests_refute_send_no_request() {
    let world = World::new().await;
    world.manifest(&apart());
    let commands: [&[&str]; 9] = [
        &["import", "f0", "nobody", "--auto-approve"],
        &["plan", "--target", "a b"],
        &["plan", "--exclude", "policy:default/f0"],
        &["apply", "--auto-approve", "--target", "a/b/c"],
        &["destroy", "--auto-approve", "--exclude", "a/b/c"],
        &["plan", "--no-ownership", "--only-drift"],
        &["invoke", "a/b/c"],
        &["logs", "f0:!"],
        &["invocations", "f0:a b"],
    ];
    let mut said = String::new();
    for arguments in commands {
        said.push_str(&world.run(arguments).await.transcript());
        assert_eq!(world.requests(), [], "{arguments:?}");
    }
    insta::assert_snapshot!(said);
}
