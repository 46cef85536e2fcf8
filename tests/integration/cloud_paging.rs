//! Lists whose pages repeat and skip entries, because others write at the same time, and lists that return numbers as
//! strings.

use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use fgctl::model::field::Field;
use fgctl::model::state::{DesiredState, Ownership};
use fgctl::model::text::StackName;
use fgctl::remote::{Filter, Remote};

use crate::patience::within;
use crate::scripted::{Answer, Request, Scripted};

fn record(number: usize) -> Value {
    json!({
        "func_urn": format!("urn:fss:eu-de:p:function:default:f{number}:latest"), "func_name": format!("f{number}"),
        "package": "default", "runtime": "Python3.9", "handler": "index.handler", "timeout": 3, "memory_size": "128", "digest": "d",
        "strategy_config": null, "new_field": { "of": "the service" },
    })
}

fn instance(number: usize) -> Value {
    json!({
        "resource_id": format!("urn:fss:eu-de:p:function:default:f{number}"),
        "resource_detail": null, "tags": [{ "key": "number", "value": number.to_string() }], "sys_tags": null,
    })
}

fn is_functions(request: &Request) -> bool {
    request.target.starts_with("/v2/p/fgs/functions?")
}

fn marker(request: &Request) -> usize {
    let query = request.target.split_once('?').expect("a query").1;
    let pair = query.split('&').find_map(|pair| pair.strip_prefix("marker=")).expect("a marker");
    pair.parse().expect("a number")
}

fn offset(request: &Request) -> usize {
    let body: Value = serde_json::from_str(&request.body).expect("JSON");
    body["offset"].as_str().expect("text").parse().expect("a number")
}

fn nothing() -> DesiredState {
    let stack = StackName::new("s").expect("a name");
    let protected = BTreeMap::new();
    let (functions, existing) = (BTreeMap::new(), BTreeMap::new());
    DesiredState { protected, stack, functions, existing, ownership: Ownership::Tags }
}

/// The error of a list.
async fn refused(server: &Scripted) -> String {
    let remote = Remote::new(server.client(|_| {}));
    remote.list(&nothing()).await.expect_err("no list").to_string()
}

/// The tags that were read, by function.
async fn listed(server: &Scripted) -> BTreeMap<String, String> {
    let remote = Remote::new(server.client(|_| {}));
    let functions = within("a list that ends", remote.list(&nothing())).await.expect("a list");
    let tag = |live: &fgctl::model::state::LiveFunction| {
        let mut tags = live.configuration.entries(Field::Tags);
        tags.find(|(key, _)| *key == "number").map(|(_, value)| value.to_owned())
    };
    functions.iter().map(|(address, live)| (address.to_string(), tag(live).unwrap_or_default())).collect()
}

fn first(count: usize) -> BTreeMap<String, String> {
    (0..count).map(|number| (format!("default/f{number}"), number.to_string())).collect()
}

const FUNCTIONS: usize = 450;

/// A service whose pages are cut at other positions than requested: `position` gets the requested position and the
/// number of earlier requests for this list.
async fn service(position: fn(usize, usize) -> usize) -> Scripted {
    let before = [AtomicUsize::new(0), AtomicUsize::new(0)];
    Scripted::start(move |request, _| {
        if is_functions(request) {
            let asked = marker(request);
            let from = position(asked, before[0].fetch_add(1, Ordering::Relaxed));
            let functions: Vec<Value> = (from..FUNCTIONS).take(400).map(record).collect();
            let next = (asked + functions.len()).to_string();
            return Answer::ok(json!({ "functions": functions, "next_marker": next, "count": FUNCTIONS }).to_string());
        }
        let from = position(offset(request), before[1].fetch_add(1, Ordering::Relaxed));
        let resources: Vec<Value> = (from..FUNCTIONS).take(100).map(instance).collect();
        Answer::ok(json!({ "resources": resources, "total_count": FUNCTIONS.to_string() }).to_string())
    })
    .await
}

fn readings(server: &Scripted) -> usize {
    server.requests().iter().filter(|request| is_functions(request) && marker(request) == 0).count()
}

#[tokio::test]
async fn an_entry_between_two_pages_is_found_by_reading_again() {
    // Acts as if an entry had just been deleted from the first page. One reading is five pages of tags and two of
    // functions.
    let server = service(|asked, before| asked + usize::from(asked > 0 && before < 2)).await;
    assert_eq!(listed(&server).await, first(FUNCTIONS));
    assert_eq!(readings(&server), 2);
}

#[tokio::test]
async fn an_entry_that_is_on_two_pages_counts_once() {
    let server = service(|asked, _| asked.saturating_sub(1)).await;
    assert_eq!(listed(&server).await, first(FUNCTIONS));
    assert_eq!(readings(&server), 1);
}

/// A function that is on no page would count as gone.
#[tokio::test]
async fn inconsistent_lists_are_read_three_times_and_refused() {
    let server = service(|asked, _| asked + usize::from(asked > 0)).await;
    assert_eq!(
        refused(&server).await,
        "GET /v2/p/fgs/functions: the answer is inconsistent: it counts 450 functions but contains 449"
    );
    assert_eq!(readings(&server), 3);
}

/// The error for one list while the other list is correct.
async fn refusal(answer: fn(&Request) -> Option<Value>) -> String {
    let server = Scripted::start(move |request, _| {
        let whole = if is_functions(request) {
            json!({ "functions": [record(0)], "next_marker": 1, "count": 1 })
        } else {
            json!({ "resources": [instance(0)], "total_count": 1 })
        };
        Answer::ok(answer(request).unwrap_or(whole).to_string())
    })
    .await;
    let said = refused(&server).await;
    assert!(server.requests().len() < 2_100, "{} requests", server.requests().len());
    said
}

fn of_functions(request: &Request, page: fn(usize) -> Value) -> Option<Value> {
    is_functions(request).then(|| page(marker(request)))
}

fn of_tags(request: &Request, page: fn(usize) -> Value) -> Option<Value> {
    (!is_functions(request)).then(|| page(offset(request)))
}

#[tokio::test]
async fn pages_that_never_end_are_refused() {
    let functions = "GET /v2/p/fgs/functions: the answer is inconsistent: ";
    let endless = |request: &Request| {
        of_functions(
            request,
            |at| json!({ "functions": [record(at)], "next_marker": at + 1, "count": 1_000_000_000_000_u64 }),
        )
    };
    assert_eq!(refusal(endless).await, format!("{functions}its pages do not end"));
    let repeated = |request: &Request| {
        of_functions(request, |at| json!({ "functions": [record(0)], "next_marker": at + 1, "count": 1_000 }))
    };
    assert_eq!(refusal(repeated).await, format!("{functions}its pages do not end"));
    let standing = |request: &Request| {
        of_functions(request, |_| json!({ "functions": [record(0)], "next_marker": 0, "count": 1_000 }))
    };
    assert_eq!(refusal(standing).await, format!("{functions}it counts 1000 functions but contains 1"));
}

#[tokio::test]
async fn pages_of_tags_that_never_end_are_refused() {
    let tags = "POST /v2/p/functions/resource-instances/filter: the answer is inconsistent: ";
    let counted = |request: &Request| {
        of_tags(request, |_| json!({ "resources": [instance(0)], "total_count": 1_000_000_000_000_u64 }))
    };
    assert_eq!(refusal(counted).await, format!("{tags}it counts 1000000000000 functions, 1 on a page"));
    let fresh = |request: &Request| {
        of_tags(request, |at| {
            let page: Vec<Value> = (at..at + 100).map(instance).collect();
            json!({ "resources": page, "total_count": 100 })
        })
    };
    assert_eq!(refusal(fresh).await, format!("{tags}its pages do not end"));
}

#[tokio::test]
async fn pages_of_invocations_that_never_end_are_refused() {
    let pages: [fn(usize) -> Value; 2] = [
        |at| json!({ "invocations": [{ "request_id": at.to_string(), "status": "SUCCESS" }], "next_marker": at + 1 }),
        |at| json!({ "invocations": [{ "request_id": "one", "status": "SUCCESS" }], "next_marker": at + 1 }),
    ];
    for page in pages {
        let server = Scripted::start(move |request, _| Answer::ok(page(marker(request)).to_string())).await;
        let function = "urn:fss:eu-de:p:function:default:f".parse().expect("a URN");
        let listed = Remote::new(server.client(|_| {})).list_invocations(&function, &Filter::default()).await;
        let expected = "GET /v2/p/fgs/functions/urn:fss:eu-de:p:function:default:f/async-invocations: the answer is \
                        inconsistent: its pages do not end";
        assert_eq!(listed.expect_err("no end").to_string(), expected);
        assert!(server.requests().len() <= 1_000);
    }
}

#[tokio::test]
async fn a_count_of_one_page_does_not_end_the_list() {
    let server = Scripted::start(|request, _| {
        if !is_functions(request) {
            return Answer::ok(json!({ "resources": [], "total_count": 0 }).to_string());
        }
        let functions: Vec<Value> = (marker(request)..FUNCTIONS).take(400).map(record).collect();
        let (count, next) = (functions.len(), marker(request) + functions.len());
        Answer::ok(json!({ "functions": functions, "next_marker": next, "count": count }).to_string())
    })
    .await;
    assert_eq!(listed(&server).await.len(), FUNCTIONS);
    assert_eq!(readings(&server), 1);
}

/// As a field with this name does elsewhere.
#[tokio::test]
async fn a_total_of_one_page_does_not_end_the_list_of_tags() {
    let server = Scripted::start(|request, _| {
        if is_functions(request) {
            let functions: Vec<Value> = (0..150).map(record).collect();
            return Answer::ok(json!({ "functions": functions, "next_marker": 150, "count": 150 }).to_string());
        }
        let resources: Vec<Value> = (offset(request)..150).take(100).map(instance).collect();
        Answer::ok(json!({ "total_count": resources.len(), "resources": resources }).to_string())
    })
    .await;
    assert_eq!(listed(&server).await, first(150));
}
