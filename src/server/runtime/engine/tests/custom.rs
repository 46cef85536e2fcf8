//! The custom runtime: a program that requests work over HTTP.

use serde_json::json;

use super::*;

/// A custom runtime in Python that uses only the standard library.
const BOOTSTRAP: &str = r#"#!/usr/bin/env python3
import json, os, sys
from http.client import HTTPConnection
print("booting in", os.path.basename(os.environ["RUNTIME_CODE_ROOT"])[:6] != "")
api = HTTPConnection(os.environ["RUNTIME_API_ADDR"])
def ask(method, path, body=None, headers={}):
    api.request(method, "/v1/runtime/invocation/" + path, body, headers)
    answer = api.getresponse()
    return answer, answer.read()
while True:
    work, event = ask("GET", "request")
    request, event = work.headers["X-Cff-Request-Id"], json.loads(event)
    print("working on", event, flush=True)
    if event == "fail":
        ask("POST", "error/" + request, json.dumps({"errorMessage": "no luck", "errorType": "Luck", "stackTrace": []}))
    elif event == "large":
        ask("POST", "response/" + request, b"x" * (7 << 20))
    elif event == "forge":
        status = ask("POST", "response/0", b"forged")[0].status
        ask("POST", "response/" + request, str(status))
    elif event == "exit":
        sys.exit(7)
    else:
        told = {"event": event, "kind": work.headers["X-CFF-Invoke-Type"], "token": work.headers["X-CFF-Auth-Token"]}
        ask("POST", "response/" + request, json.dumps(told), {"Content-Type": "application/json"})
"#;

#[tokio::test]
async fn a_bootstrap_requests_work_and_answers() {
    let Some(local) = Local::new("Python3.9").await else { return };
    let function = Function::new("Custom", "bootstrap", BOOTSTRAP);
    let ended = local.run(&function, "{\"n\": 1}").await;
    assert_eq!(json(&ended), json!({ "event": { "n": 1 }, "kind": "async", "token": "" }));
    assert!(ended.result.as_ref().is_ok_and(|payload| payload.is_json));
    assert!(ended.log.contains("working on {'n': 1}"), "{}", ended.log);
    assert!(ended.log.contains(&format!("duration: {:.3}ms", ended.duration.as_secs_f64() * 1000.0)), "{}", ended.log);
    assert_eq!(result(&local.run(&function, "\"forge\"").await), "404", "an answer needs the request's id");
    let (code, failing) = failure(&local.run(&function, "\"fail\"").await);
    assert_eq!((code, failing), (4002, json!({ "errorMessage": "no luck", "errorType": "Luck", "stackTrace": [] })));
    let (code, failing) = failure(&local.run(&function, "\"large\"").await);
    let message = "response body size 7340032 exceeds the limit of 6291456";
    assert_eq!((code, &failing["errorMessage"]), (4004, &json!(message)));
    assert_eq!(failure(&local.run(&function, "\"exit\"").await).0, 4014);
    assert_eq!(failure(&local.run(&function, "no json").await).0, 4002);
    assert_eq!(result(&local.run(&function, "\"forge\"").await), "404", "a new worker replaces the dead one");
}

#[tokio::test]
async fn a_broken_bootstrap_is_reported() {
    let Some(local) = Local::with("Custom", |settings| settings.start = Duration::from_secs(1)).await else { return };
    for (source, code, part) in [
        ("#!/bin/sh\nexit 3\n", 4201, "exit status: 3"),
        ("#!/bin/sh\nsleep 600\n", 4201, "timed out after 1 s"),
        ("no program at all", 4201, "cannot be started"),
    ] {
        let ended = local.run(&Function::new("Custom", "bootstrap", source), "{}").await;
        let (got, failing) = failure(&ended);
        assert_eq!(got, code, "{failing}");
        assert!(failing["errorMessage"].as_str().is_some_and(|text| text.contains(part)), "{failing}");
    }
    let (code, failing) = failure(&local.run(&Function::new("Custom", "boot", ""), "{}").await);
    assert_eq!(code, 4001);
    assert!(failing["errorMessage"].as_str().is_some_and(|text| text.contains("bootstrap")), "{failing}");
}
