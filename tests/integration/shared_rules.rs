//! Tests every rule that the manifest and the embedded server share against both: whatever one accepts or refuses, the
//! other accepts or refuses too.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::agreement::loaded;
use crate::server_harness::{Server, function};

/// One field in a manifest and in a request.
struct Field {
    name: &'static str,
    /// The manifest entries that set it.
    declare: fn(&Value) -> Declared,
    /// The request that sets it to the same value.
    send: fn(&Value) -> Sent,
    accepted: Vec<Value>,
    refused: Vec<Value>,
}

/// Parts of a manifest with one function.
struct Declared {
    key: Value,
    function: Value,
}

/// Parts of a request about one function.
enum Sent {
    /// Fields of a new function.
    Create(Value),
    /// A policy.
    Policy(Value),
    Tags(Value),
}

fn of_function(fields: Value) -> Declared {
    Declared { key: json!("f"), function: fields }
}

fn notifying(target: &Value) -> Declared {
    of_function(json!({ "agency": "a", "async": { "on_success": target } }))
}

fn destination(service: &str, param: &Value) -> Sent {
    Sent::Policy(
        json!({ "destination_config": { "on_success": { "destination": service, "param": param.to_string() } } }),
    )
}

fn entries(count: usize, name: fn(usize) -> String) -> Value {
    (0..count).map(|index| (name(index), json!("x"))).collect::<serde_json::Map<_, _>>().into()
}

fn long(length: usize) -> Value {
    "a".repeat(length).into()
}

fn texts(texts: &[&str]) -> Vec<Value> {
    texts.iter().map(|text| json!(text)).collect()
}

fn numbers(numbers: &[i64]) -> Vec<Value> {
    numbers.iter().map(|number| json!(number)).collect()
}

fn with(mut values: Vec<Value>, more: impl IntoIterator<Item = Value>) -> Vec<Value> {
    values.extend(more);
    values
}

fn function_fields() -> Vec<Field> {
    vec![
        Field {
            name: "function name",
            declare: |name| Declared { key: name.clone(), function: json!({}) },
            send: |name| Sent::Create(json!({ "func_name": name })),
            accepted: with(texts(&["a", "A-1", "a_b"]), [long(60)]),
            refused: with(texts(&["1a", "a-", "-a", "a b", "ä", "a\n", "a.b", ""]), [long(61)]),
        },
        Field {
            name: "package",
            declare: |package| of_function(json!({ "package": package })),
            send: |package| Sent::Create(json!({ "package": package })),
            accepted: with(texts(&["p", "p-1"]), [long(60)]),
            refused: with(texts(&["9", "p_", "p\n", ""]), [long(61)]),
        },
        Field {
            name: "runtime",
            declare: |runtime| of_function(json!({ "runtime": runtime })),
            send: |runtime| Sent::Create(json!({ "runtime": runtime, "code_type": "zip", "code_filename": "a.zip" })),
            accepted: texts(&["Python3.10", "Python9.9"]),
            refused: with(texts(&["", "Python3.9\n", "3.9", "Python3.9/x"]), [long(65)]),
        },
        Field {
            name: "handler",
            declare: |handler| of_function(json!({ "handler": handler })),
            send: |handler| Sent::Create(json!({ "handler": handler })),
            accepted: with(texts(&["a.b", "src/a.b", "ä.b"]), [json!(format!("{}.b", "a".repeat(126)))]),
            refused: with(
                texts(&["", "a b.c", "/a.b", "../a.b", "a/../b.c", "a\\b.c", "a.b\n", "a.b\u{85}", "a\u{a0}.b"]),
                [long(129)],
            ),
        },
        Field {
            name: "initializer",
            declare: |handler| of_function(json!({ "initializer": { "handler": handler } })),
            send: |handler| Sent::Create(json!({ "initializer_handler": handler, "initializer_timeout": 3 })),
            accepted: texts(&["index.init"]),
            refused: with(texts(&["a b.c", "../a.b", "a.b\n"]), [long(129)]),
        },
        Field {
            name: "initializer timeout",
            declare: |timeout| of_function(json!({ "initializer": { "handler": "a.b", "timeout": timeout } })),
            send: |timeout| Sent::Create(json!({ "initializer_handler": "a.b", "initializer_timeout": timeout })),
            accepted: numbers(&[1, 300]),
            refused: numbers(&[-1, 301]),
        },
        Field {
            name: "memory",
            declare: |memory| of_function(json!({ "memory": memory })),
            send: |memory| Sent::Create(json!({ "memory_size": memory })),
            accepted: numbers(&[128, 3584, 10_240]),
            refused: numbers(&[0, 127, 129, 640, 10_241, -128]),
        },
        Field {
            name: "timeout",
            declare: |timeout| of_function(json!({ "timeout": timeout })),
            send: |timeout| Sent::Create(json!({ "timeout": timeout })),
            accepted: numbers(&[3, 259_200]),
            refused: numbers(&[0, 2, 259_201, -3]),
        },
        Field {
            name: "description",
            declare: |text| of_function(json!({ "description": text })),
            send: |text| Sent::Create(json!({ "description": text })),
            accepted: with(texts(&["", "two\nlines"]), ["ü".repeat(512).into()]),
            refused: vec![long(513)],
        },
        Field {
            name: "agency",
            declare: |agency| of_function(json!({ "agency": agency })),
            send: |agency| Sent::Create(json!({ "xrole": agency })),
            accepted: with(texts(&["fgs-notify", "a_1"]), [long(64)]),
            refused: with(texts(&["a b", "a\n", "ä", "a.b"]), [long(65)]),
        },
        Field {
            name: "inline code's URL",
            declare: |url| of_function(json!({ "code": { "obs": url } })),
            send: |url| Sent::Create(json!({ "code_type": "obs", "code_url": url, "func_code": {} })),
            accepted: texts(&["https://b.obs.eu-de.otc.t-systems.com/a.zip", "https://b.example/a/b.zip"]),
            refused: texts(&[
                "http://b.example/a.zip",
                "https://b.example/",
                "https://b.example/a b",
                "https://b.example/a\n",
                "ftp://b/a",
                "",
            ]),
        },
    ]
}

fn maps() -> Vec<Field> {
    vec![
        Field {
            name: "environment name",
            declare: |name| of_function(json!({ "environment": { name.as_str().expect("text"): "x" } })),
            send: |name| Sent::Create(json!({ "user_data": json!({ name.as_str().expect("text"): "x" }).to_string() })),
            accepted: with(texts(&["A", "a.b-c_1", "RUNTIME_OWN"]), [long(300)]),
            refused: texts(&["1A", "_A", "A B", "ä", "A\n", "", "RUNTIME_CPU", "RUNTIME_CODE_ROOT"]),
        },
        Field {
            name: "environment",
            declare: |entries| of_function(json!({ "environment": entries })),
            send: |entries| Sent::Create(json!({ "user_data": entries.to_string() })),
            accepted: vec![
                entries(20, |index| format!("V{index}")),
                json!({ "A": "x".repeat(4095) }),
                json!({ "A": "line\nline\t\u{1}" }),
            ],
            refused: vec![
                entries(21, |index| format!("V{index}")),
                json!({ "A": "x".repeat(4096) }),
                json!({ "A": "ü".repeat(2048) }),
                json!({ "A": "a\0" }),
            ],
        },
        Field {
            name: "tag key",
            declare: |key| of_function(json!({ "tags": { key.as_str().expect("text"): "x" } })),
            send: |key| Sent::Tags(json!([{ "key": key, "value": "x" }])),
            accepted: with(texts(&["team", "größe:1", "a b", "_x", "a=b+c-d@e.f"]), [long(128)]),
            refused: with(texts(&["", " a", "a ", "a/b", "_sys_x", "a\n", "½", "a,b", "²"]), [long(129)]),
        },
        Field {
            name: "tag value",
            declare: |value| of_function(json!({ "tags": { "t": value } })),
            send: |value| Sent::Tags(json!([{ "key": "t", "value": value }])),
            accepted: with(texts(&["", "a/b", " ", "ü"]), [long(255)]),
            refused: with(texts(&["a,b", "a\n", "½", "a\"b"]), [long(256)]),
        },
    ]
}

fn policy_fields() -> Vec<Field> {
    vec![
        Field {
            name: "retries",
            declare: |retries| of_function(json!({ "async": { "max_retries": retries } })),
            send: |retries| Sent::Policy(json!({ "max_async_retry_attempts": retries })),
            accepted: numbers(&[0, 3]),
            refused: numbers(&[-1, 4]),
        },
        Field {
            name: "validity",
            declare: |validity| of_function(json!({ "async": { "max_validity_period": validity } })),
            send: |validity| Sent::Policy(json!({ "max_async_event_age_in_seconds": validity })),
            accepted: numbers(&[1, 86_400]),
            refused: numbers(&[0, -1, 86_401]),
        },
    ]
}

fn target_fields() -> Vec<Field> {
    vec![
        Field {
            name: "bucket",
            declare: |bucket| notifying(&json!({ "obs": { "bucket": bucket } })),
            send: |bucket| destination("OBS", &json!({ "bucket": bucket, "prefix": "", "expires": 0 })),
            accepted: with(texts(&["abc", "a.b-c", "1.2.3"]), [long(63)]),
            refused: with(
                texts(&["ab", "Abc", "a..b", "a.-b", "a-.b", "-ab", "ab-", "1.2.3.4", "999.1.1.1", "a_b", "abc\n"]),
                [long(64)],
            ),
        },
        Field {
            name: "prefix",
            declare: |prefix| notifying(&json!({ "obs": { "bucket": "abc", "prefix": prefix } })),
            send: |prefix| destination("OBS", &json!({ "bucket": "abc", "prefix": prefix, "expires": 0 })),
            accepted: with(texts(&["", "/async/", "a b/ü"]), [long(1024)]),
            refused: with(
                texts(&["async/\n", "a\tb", "a\0", "a\u{7f}", "a\u{85}"]),
                [long(1025), "ü".repeat(513).into()],
            ),
        },
        Field {
            name: "expires",
            declare: |days| notifying(&json!({ "obs": { "bucket": "abc", "expires": days } })),
            send: |days| destination("OBS", &json!({ "bucket": "abc", "prefix": "", "expires": days })),
            accepted: numbers(&[0, 365]),
            refused: numbers(&[-1, 366]),
        },
        Field {
            name: "stream",
            declare: |stream| notifying(&json!({ "dis": { "stream": stream } })),
            send: |stream| destination("DIS", &json!({ "stream_name": stream })),
            accepted: with(texts(&["a_b-C", "1"]), [long(64)]),
            refused: with(texts(&["", "a.b", "a b", "a\n"]), [long(65)]),
        },
        Field {
            name: "topic",
            declare: |topic| notifying(&json!({ "smn": { "topic": topic } })),
            send: |topic| destination("SMN", &json!({ "topic_urn": topic })),
            accepted: with(
                texts(&["urn:smn:eu-de:0123456789abcdef0123456789abcdef:pager", "urn:smn:EU_1:p-1_x:1-a_"]),
                [format!("urn:smn:eu-de:p1:{}", "a".repeat(255)).into()],
            ),
            refused: with(
                texts(&[
                    "",
                    "pager",
                    "urn:smn:eu-de:p1",
                    "urn:smn:eu-de:p1:-x",
                    "urn:smn:eu-de:p.1:x",
                    "urn:smn::p1:x",
                    "urn:smn:eu-de:p1:x\n",
                    "urn:smn:eu-de:p1:a.b",
                ]),
                [
                    format!("urn:smn:eu-de:p1:{}", "a".repeat(256)).into(),
                    format!("urn:smn:eu-de:{}:x", "a".repeat(65)).into(),
                ],
            ),
        },
        Field {
            name: "function URN",
            declare: |urn| notifying(&json!({ "urn": urn })),
            send: |urn| destination("FunctionGraph", &json!({ "func_urn": urn })),
            accepted: vec![
                function_urn("p1", "default:g"),
                function_urn("p-1_x", "default:g:latest"),
                function_urn("p1", "default:g:v1.0"),
                function_urn("p1", "default:g:!prod"),
                function_urn(&"p".repeat(64), &format!("{0}:{0}:!b", "a".repeat(60))),
                function_urn("p1", &format!("default:g:!{}", "a".repeat(64))),
            ],
            refused: vec![
                json!("g"),
                json!("urn:smn:eu-de:p1:g"),
                function_urn("", "default:g"),
                function_urn("p.1", "default:g"),
                function_urn("p1", "default:1g"),
                function_urn("p1", "default:g-"),
                function_urn("p1", "1:g"),
                function_urn("p1", "default:g:"),
                function_urn("p1", "default:g:!"),
                function_urn("p1", "default:g:v1."),
                function_urn("p1", "default:g:!1"),
                function_urn("p1", "default:g:a:b"),
                function_urn("p1", "default:g\n"),
                function_urn("p1", &format!("default:{}", "a".repeat(61))),
                function_urn("p1", &format!("default:g:{}", "a".repeat(43))),
                function_urn(&"p".repeat(64), &format!("{0}:{0}:!{1}", "a".repeat(60), "a".repeat(64))),
            ],
        },
    ]
}

fn function_urn(project: &str, rest: &str) -> Value {
    format!("urn:fss:eu-de:{project}:function:{rest}").into()
}

#[tokio::test]
async fn validate_and_the_server_agree() {
    let server = Server::start().await;
    server.create_function("policies").await;
    let fields = function_fields().into_iter().chain(maps()).chain(policy_fields()).chain(target_fields());
    let mut wrong = Vec::new();
    for Field { name, declare, send, accepted, refused } in fields {
        let cases = accepted.iter().map(|value| (value, true)).chain(refused.iter().map(|value| (value, false)));
        for (value, expected) in cases {
            let judged = (validates(declare(value)), is_accepted(&server, send(value)).await);
            if judged != (expected, expected) {
                wrong.push(format!("{name} {value}: expected {expected}, (validate, server) said {judged:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Whether `validate` finds no error.
fn validates(Declared { key, function }: Declared) -> bool {
    let mut entry = json!({ "runtime": "Python3.9", "handler": "index.handler", "code": { "inline": "x" } });
    overlay(&mut entry, function);
    let manifest = json!({ "version": 1, "stack": "s", "functions": { key.as_str().expect("a name"): entry } });
    loaded(&manifest).manifest.is_some()
}

async fn is_accepted(server: &Server, sent: Sent) -> bool {
    let reply = match sent {
        Sent::Create(fields) => {
            let mut body = function("f");
            overlay(&mut body, fields);
            if body["code_type"] == "zip" {
                body["func_code"] = json!({ "file": EMPTY_FILE });
            }
            let reply = server.post("/fgs/functions", body).await;
            if reply.status == StatusCode::OK {
                let urn = reply.body["func_urn"].as_str().expect("a URN").trim_end_matches(":latest").to_owned();
                assert_eq!(server.delete(&format!("/fgs/functions/{urn}")).await.status, StatusCode::NO_CONTENT);
            }
            reply
        }
        Sent::Policy(body) => {
            let path = format!("/fgs/functions/{}/async-invoke-config", server.urn("policies"));
            server.send(Method::PUT, &path, Some(body)).await
        }
        Sent::Tags(tags) => {
            let path = format!("/functions/{}/tags/create", server.urn("policies"));
            let reply = server.post(&path, json!({ "action": "create", "tags": tags })).await;
            if reply.status.is_success() {
                let path = format!("/functions/{}/tags/delete", server.urn("policies"));
                let gone = server.send(Method::DELETE, &path, Some(json!({ "action": "delete", "tags": tags }))).await;
                assert!(gone.status.is_success(), "{gone:?}");
            }
            reply
        }
    };
    assert!(reply.status.is_success() || reply.status.is_client_error(), "{reply:?}");
    reply.status.is_success()
}

/// A zip archive with one empty file, `index.py`.
const EMPTY_FILE: &str = "UEsDBBQAAAAAAAAAIQAAAAAAAAAAAAAAAAAIAAAAaW5kZXgucHlQSwECFAMUAAAAAAAAACEAAAAAAAAAAAAAAAAACAAAAAAAAAAAAAAAgAEAAAAAaW5kZXgucHlQSwUGAAAAAAEAAQA2AAAAJgAAAAAA";

fn overlay(base: &mut Value, fields: Value) {
    let (Value::Object(base), Value::Object(fields)) = (base, fields) else { panic!("two objects") };
    base.extend(fields);
}
