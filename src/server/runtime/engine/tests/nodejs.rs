//! The contract of Node.js functions, as far as it differs from Python's.

use std::time::Duration;

use serde_json::json;

use super::*;

#[tokio::test]
async fn results_are_text_or_json() {
    let Some(local) = Local::new("Node.js18.15").await else { return };
    let source = "
        const cycle = {}; cycle.self = cycle;
        const results = { nothing: undefined, null: null, text: 'plain ü', number: 7, list: [1, 'ü'], cycle, big: { a: 1n } };
        exports.handler = async (event, context) => typeof event === 'string' ? results[event] : event;";
    let function = Function::node(source);
    for (event, body, is_json) in [
        ("\"nothing\"", "", false),
        ("\"null\"", "", false),
        ("\"text\"", "plain ü", false),
        ("\"number\"", "7", false),
        ("\"list\"", "[1,\"ü\"]", true),
        ("{\"a\": [1, null]}", "{\"a\":[1,null]}", true),
    ] {
        let ended = local.run(&function, event).await;
        assert_eq!(result(&ended), body, "{event}");
        assert_eq!(ended.result.map(|payload| payload.is_json), Ok(is_json), "{event}");
    }
    for event in ["\"cycle\"", "\"big\""] {
        let (code, failure) = failure(&local.run(&function, event).await);
        assert_eq!((code, &failure["errorType"]), (4007, &json!("TypeError")), "{failure}");
    }
}

#[tokio::test]
async fn a_handler_ends_with_its_promise_its_callback_or_its_value() {
    let Some(local) = Local::new("Node.js18.15").await else { return };
    for (handler, body) in [
        ("async (event, context) => event.n + 1", "2"),
        ("(event, context) => event.n + 2", "3"),
        ("(event, context) => Promise.resolve(4)", "4"),
        ("(event, context, callback) => callback(null, 5)", "5"),
        (
            "(event, context, callback) => { setTimeout(() => { callback(null, 6); callback(null, 7); }, 1); return 8; }",
            "6",
        ),
        ("async (event, context, callback) => { callback(null, 9); return 10; }", "9"),
        ("async (event, context, callback) => 11", "11"),
    ] {
        let function = Function::node(&format!("exports.handler = {handler};"));
        assert_eq!(result(&local.run(&function, "{\"n\": 1}").await), body, "{handler}");
    }
}

#[tokio::test]
async fn each_kind_of_failure_has_its_own_error() {
    let Some(local) = Local::new("Node.js18.15").await else { return };
    let thrown = "function invocation exception, error: gone";
    let entry = "function entry exception, error: gone";
    for (handler, code, kind, message) in [
        ("async (event, context) => { throw new RangeError('gone') }", 4002, "RangeError", thrown),
        ("(event, context) => { throw new RangeError('gone') }", 4002, "RangeError", thrown),
        ("(event, context) => Promise.reject('gone')", 4002, "Error", thrown),
        ("(event, context, callback) => callback(new RangeError('gone'))", 4001, "RangeError", entry),
        ("(event, context, callback) => callback('gone')", 4001, "Error", entry),
        (
            "(event, context, callback) => { setTimeout(() => { throw new RangeError('gone') }, 1) }",
            4002,
            "RangeError",
            thrown,
        ),
        ("(event, context, callback) => { Promise.reject(new RangeError('gone')) }", 4002, "RangeError", thrown),
    ] {
        let ended = local.run(&Function::node(&format!("exports.handler = {handler};")), "{}").await;
        let (got, failure) = failure(&ended);
        assert_eq!(
            (got, &failure["errorType"], &failure["errorMessage"]),
            (code, &json!(kind), &json!(message)),
            "{handler}"
        );
        assert_eq!(failure.get("stackTrace").is_none(), code == 4001, "{failure}");
    }
}

#[tokio::test]
async fn each_load_error_is_distinguished() {
    let Some(local) = Local::new("Node.js18.15").await else { return };
    for (file, source, kind, message) in [
        ("other.js", "", "FunctionLoadError", "not found module './index.js'"),
        ("index.js", "exports.other = 1", "FunctionConfigError", "handler 'handler' not found in module './index.js'"),
        (
            "index.js",
            "exports.handler = (event) => 1",
            "FunctionConfigError",
            "handler 'index.handler' takes 1 parameters, and not event, context and maybe callback",
        ),
        ("index.js", "require('nowhere-x')", "Error", "Cannot find module 'nowhere-x'"),
        ("index.js", "exports.handler = (", "SyntaxError", "Unexpected"),
    ] {
        let (code, failure) = failure(&local.run(&Function::new("Node.js18.15", file, source), "{}").await);
        assert_eq!((code, &failure["errorType"]), (4001, &json!(kind)), "{failure}");
        assert!(failure["errorMessage"].as_str().is_some_and(|text| text.contains(message)), "{failure}");
    }
}

#[tokio::test]
async fn the_initializer_takes_a_callback_and_runs_once() {
    let Some(local) = Local::new("Node.js18.15").await else { return };
    let run = async |initializer: &str| {
        let source = format!(
            "let calls = 0; exports.initializer = {initializer}; exports.handler = async (event, context) => calls;"
        );
        let initializer = Some(("index.initializer".to_owned(), Duration::from_secs(20)));
        let function = Function::node(&source).with(|it| it.initializer = initializer);
        local.run(&function, "{}").await;
        local.run(&function, "{}").await
    };
    let counting = "(context, callback) => { setTimeout(() => { calls += 1; callback(null); }, 1) }";
    assert_eq!(result(&run(counting).await), "1");
    let (code, failing) = failure(&run("(context, callback) => callback(new Error('no'))").await);
    assert_eq!((code, &failing["errorMessage"]), (4009, &json!("function initialization exception, error: no")));
    assert_eq!(failure(&run("(context) => 1").await).0, 4001);
}

#[tokio::test]
async fn the_context_contains_the_configuration_and_logs() {
    let Some(local) = Local::new("Node.js18.15").await else { return };
    let source = "
        exports.handler = async (event, context) => {
            context.getLogger().warn('to the log');
            context.getLogger().debug('not shown');
            console.log('plain'); console.error('error');
            const methods = Object.getOwnPropertyNames(Object.getPrototypeOf(context))
                .filter((name) => !['constructor', 'getLogger', 'getUserData', 'getRemainingTimeInMilliSeconds'].includes(name));
            const told = Object.fromEntries(methods.map((name) => [name, context[name]()]));
            const data = ['PLAIN', 'SECRET', 'MISSING'].map((key) => context.getUserData(key) ?? null);
            return { told, data, left: context.getRemainingTimeInMilliSeconds(), secret: process.env.SECRET };
        };";
    let function = Function::node(source).with(|it| {
        it.environment.insert("PLAIN".to_owned(), "a b".to_owned());
        it.secrets.insert("SECRET".to_owned(), secret("hunter2"));
    });
    let ended = local.run(&function, "{}").await;
    let told = json(&ended);
    insta::assert_json_snapshot!(told["told"], @r#"
    {
      "getAccessKey": "",
      "getAlias": "",
      "getCPUNumber": 400,
      "getFunctionName": "work",
      "getMemorySize": 256,
      "getPackage": "default",
      "getProjectID": "0123456789abcdef0123456789abcdef",
      "getRequestID": "11111111-2222-4333-8444-555555555555",
      "getRunningTimeInSeconds": 30,
      "getSecretKey": "",
      "getSecurityAccessKey": "",
      "getSecuritySecretKey": "",
      "getSecurityToken": "",
      "getToken": "",
      "getVersion": "latest",
      "getWorkflowID": "",
      "getWorkflowRunID": "",
      "getWorkflowStateID": ""
    }
    "#);
    assert_eq!(told["data"], json!(["a b", "hunter2", null]));
    assert_eq!(told["secret"], "hunter2");
    assert!(told["left"].as_u64().is_some_and(|left| left > 20_000 && left <= 30_000), "{told}");
    let from = ended.log.find("WARN to the log\nplain\nerror\n");
    assert!(from.is_some(), "in the order of writing: {}", ended.log);
}

#[tokio::test]
async fn any_thrown_value_is_reported() {
    let Some(local) = Local::new("Node.js18.15").await else { return };
    for (thrown, kind, message) in [
        ("{ a: 1 }", "Error", r#"{"a":1}"#),
        ("[1, { b: null }]", "Error", r#"[1,{"b":null}]"#),
        ("Object.assign(Object.create(null), { a: 1 })", "Error", r#"{"a":1}"#),
        ("{ name: 'Custom', message: 'gone' }", "Custom", "gone"),
        ("require('vm').runInNewContext('new RangeError(\"gone\")')", "RangeError", "gone"),
        ("new Map([[1, 2]])", "Error", "Map(1) { 1 => 2 }"),
        ("{ n: 1n }", "Error", "{ n: 1n }"),
        ("null", "Error", "null"),
        ("undefined", "Error", "undefined"),
        ("Symbol('s')", "Error", "Symbol(s)"),
        ("7", "Error", "7"),
        ("{ get message() { throw 1 } }", "Error", "an error that has no text"),
    ] {
        let source = format!("exports.handler = async (event, context) => Promise.reject({thrown});");
        let (code, failing) = failure(&local.run(&Function::node(&source), "{}").await);
        let expected = format!("function invocation exception, error: {message}");
        assert_eq!((code, &failing["errorType"], &failing["errorMessage"]), (4002, &json!(kind), &json!(expected)));
    }
    let source = "exports.handler = (event, context, callback) => callback({ a: 1 });";
    let (code, failing) = failure(&local.run(&Function::node(source), "{}").await);
    assert_eq!((code, &failing["errorMessage"]), (4001, &json!("function entry exception, error: {\"a\":1}")));
}
