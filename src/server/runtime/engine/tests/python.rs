//! The contract of Python functions.

use std::time::Duration;

use serde_json::json;

use super::*;

/// A function whose event says what to do.
const RESULTS: &str = "
def handler(event, context):
    return {'none': None, 'text': 'plain ü', 'number': 7, 'list': [1, 'ü'], 'float': float('nan'),
            'set': {1}, 'bytes': b'x', 'echo': event}[event if isinstance(event, str) else 'echo']
";

#[tokio::test]
async fn results_are_text_or_json() {
    let Some(local) = Local::new("Python3.9").await else { return };
    let function = Function::python(RESULTS);
    for (event, body, is_json) in [
        ("\"none\"", "", false),
        ("\"text\"", "plain ü", false),
        ("\"number\"", "7", true),
        ("\"list\"", "[1, \"\\u00fc\"]", true),
        ("{\"a\": [1, null]}", "{\"a\": [1, null]}", true),
        ("12", "12", true),
    ] {
        let ended = local.run(&function, event).await;
        assert_eq!(result(&ended), body, "{event}");
        assert_eq!(ended.result.map(|payload| payload.is_json), Ok(is_json), "{event}");
    }
    for event in ["\"float\"", "\"set\"", "\"bytes\""] {
        let (code, failure) = failure(&local.run(&function, event).await);
        assert_eq!(code, 4007, "{event}");
        let message = failure["errorMessage"].as_str().expect("a message");
        assert!(message.starts_with("function result is invalid, error: "), "{message}");
    }
}

#[tokio::test]
async fn an_event_that_is_not_json_never_reaches_the_handler() {
    let Some(local) = Local::new("Python3.9").await else { return };
    let function = Function::python("def handler(event, context):\n    print('called')");
    for event in ["", "{", "{\"a\":}", "text", "\u{0}"] {
        let ended = local.run(&function, event).await;
        let (code, failure) = failure(&ended);
        assert_eq!(code, 4002);
        assert!(failure["errorMessage"].as_str().is_some_and(|text| text.contains("not JSON")), "{failure}");
        assert!(!ended.log.contains("\ncalled"), "{}", ended.log);
    }
    let deep = "[".repeat(100_000) + &"]".repeat(100_000);
    assert_eq!(failure(&local.run(&function, &deep).await).0, 4002);
    assert!(local.run(&function, "{}").await.log.contains("called"));
}

#[tokio::test]
async fn an_exception_becomes_a_failure_object() {
    let Some(local) = Local::new("Python3.9").await else { return };
    let source = "
def inner():
    raise KeyError('gone')
def handler(event, context):
    inner()";
    let ended = local.run(&Function::python(source), "{}").await;
    let (code, failure) = failure(&ended);
    assert_eq!(code, 4002);
    assert_eq!(failure["errorMessage"], "function invocation exception, error: 'gone'");
    assert_eq!(failure["errorType"], "KeyError");
    let trace = failure["stackTrace"].as_array().expect("a trace");
    assert_eq!(trace.len(), 2, "the worker's own frames are left out: {failure}");
    assert_eq!(trace[1], "  File \"/opt/function/code/index.py\", line 3, in inner\n    raise KeyError('gone')");
    assert!(ended.log.contains("'gone'"), "{}", ended.log);
}

#[tokio::test]
async fn each_load_error_is_distinguished() {
    let Some(local) = Local::new("Python3.9").await else { return };
    for (file, source, kind, message) in [
        ("other.py", "", "FunctionLoadError", "not found module './index.py'"),
        ("index.py", "other = 1", "FunctionConfigError", "handler 'handler' not found in module './index.py'"),
        ("index.py", "handler = 1", "FunctionConfigError", "handler 'handler' not found in module './index.py'"),
        ("index.py", "import nowhere_x", "ModuleNotFoundError", "No module named 'nowhere_x'"),
        ("index.py", "def handler(:", "SyntaxError", "invalid syntax"),
        ("index.py", "raise SystemExit(3)", "SystemExit", "cannot load module './index.py', error: 3"),
    ] {
        let (code, failure) = failure(&local.run(&Function::new("Python3.9", file, source), "{}").await);
        assert_eq!((code, &failure["errorType"]), (4001, &json!(kind)), "{failure}");
        assert!(failure["errorMessage"].as_str().is_some_and(|text| text.contains(message)), "{failure}");
    }
}

#[tokio::test]
async fn a_handler_is_found_in_folders_and_before_modules_of_the_same_name() {
    let Some(local) = Local::new("Python3.9").await else { return };
    let handler = "def handler(event, context):\n    return __name__";
    for (file, name) in [("json.py", "json.handler"), ("a/b.py", "a/b.handler"), ("a.b.py", "a.b.handler")] {
        let function = Function::new("Python3.9", file, handler).with(|it| it.handler = name.to_owned());
        let module = name.trim_end_matches(".handler").replace('/', ".");
        assert_eq!(result(&local.run(&function, "{}").await), module);
    }
    let files = [("index.py", "import part\nhandler = part.handler"), ("part.py", handler)];
    assert_eq!(result(&local.run(&Function::of_files("Python3.9", &files), "{}").await), "part");
}

#[tokio::test]
async fn the_initializer_runs_once_and_outside_the_timeout() {
    let Some(local) = Local::new("Python3.9").await else { return };
    let source = "
import time
calls = []
def initializer(context):
    time.sleep(1.6)
    calls.append(context.getRequestID())
def handler(event, context):
    return len(calls)";
    let function = Function::python(source).with(|it| {
        it.initializer = Some(("index.initializer".to_owned(), Duration::from_secs(20)));
        it.timeout = Duration::from_millis(1500);
    });
    assert_eq!(result(&local.run(&function, "{}").await), "1");
    assert_eq!(result(&local.run(&function, "{}").await), "1");
}

#[tokio::test]
async fn a_failing_initializer_is_tried_three_times() {
    let Some(local) = Local::new("Python3.9").await else { return };
    let source = "
def initializer(context):
    print('trying')
    raise ValueError('not today')
def handler(event, context):
    return 1";
    let initializer = |name: &str, time| Some((format!("index.{name}"), time));
    let function =
        Function::python(source).with(|it| it.initializer = initializer("initializer", Duration::from_secs(20)));
    let ended = local.run(&function, "{}").await;
    let (code, failing) = failure(&ended);
    assert_eq!((code, &failing["errorMessage"]), (4009, &json!("function initialization exception, error: not today")));
    assert_eq!(ended.log.matches("\ntrying").count(), 3, "{}", ended.log);
    let missing = Function::python(source).with(|it| it.initializer = initializer("nothing", Duration::from_secs(20)));
    assert_eq!(failure(&local.run(&missing, "{}").await).0, 4001);
    let slow = Function::python("def initializer(context):\n    while True: pass\ndef handler(event, context): pass")
        .with(|it| it.initializer = initializer("initializer", Duration::from_millis(300)));
    let (code, failing) = failure(&local.run(&slow, "{}").await);
    assert_eq!(code, 4211);
    assert!(failing["errorMessage"].as_str().is_some_and(|text| text.contains("0.3 s")), "{failing}");
}

#[tokio::test]
async fn the_context_and_the_environment_contain_the_configuration() {
    let Some(local) = Local::new("Python3.9").await else { return };
    let source = "
import os
def handler(event, context):
    context.getLogger().info('to the log %d', 7)
    context.getLogger().debug('not shown')
    context.getLogger().setLevel('debug')
    context.getLogger().debug('shown')
    methods = ['getRequestID', 'getRunningTimeInSeconds', 'getFunctionName', 'getVersion', 'getAlias', 'getPackage',
        'getProjectID', 'getMemorySize', 'getCPUNumber', 'getAccessKey', 'getSecretKey', 'getSecurityAccessKey',
        'getSecuritySecretKey', 'getSecurityToken', 'getToken', 'getWorkflowID', 'getWorkflowRunID',
        'getWorkflowStateID', 'get_trace_id', 'get_invoke_id', 'get_state']
    context.set_state('kept')
    return {
        'context': {name: getattr(context, name)() for name in methods},
        'remaining': context.getRemainingTimeInMilliSeconds(),
        'data': [context.getUserData(key) for key in ('PLAIN', 'SECRET', 'MISSING')],
        'environment': dict(os.environ),
    }";
    let function = Function::python(source).with(|it| {
        it.environment.insert("PLAIN".to_owned(), "a b".to_owned());
        it.environment.insert("RUNTIME_MEMORY".to_owned(), "forged".to_owned());
        it.secrets.insert("SECRET".to_owned(), secret("hunter2"));
        it.identity.alias = Some("blue".to_owned());
    });
    let ended = local.run(&function, "{}").await;
    let mut told = json(&ended);
    insta::assert_json_snapshot!(told["context"], @r#"
    {
      "getAccessKey": "",
      "getAlias": "blue",
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
      "getWorkflowStateID": "",
      "get_invoke_id": "11111111-2222-4333-8444-555555555555",
      "get_state": "kept",
      "get_trace_id": "11111111-2222-4333-8444-555555555555"
    }
    "#);
    assert_eq!(told["data"], json!(["a b", "hunter2", null]));
    assert!(told["remaining"].as_u64().is_some_and(|left| left > 20_000 && left <= 30_000), "{told}");
    let environment = told["environment"].as_object_mut().expect("an object");
    let run = local.folder.path().join("run");
    for name in ["HOME", "TMPDIR", "RUNTIME_ROOT", "RUNTIME_LOG_DIR", "RUNTIME_CODE_ROOT", "PWD", "PATH"] {
        let place = environment.remove(name).expect(name);
        assert!(name == "PATH" || place.as_str().is_some_and(|place| place.starts_with(&*run.to_string_lossy())));
    }
    environment.retain(|name, _| !["_", "SHLVL", "OLDPWD", "LC_CTYPE"].contains(&name.as_str()));
    insta::assert_json_snapshot!(environment, @r#"
    {
      "LANG": "C.UTF-8",
      "PLAIN": "a b",
      "RUNTIME_CPU": "400",
      "RUNTIME_FUNC_NAME": "work",
      "RUNTIME_FUNC_VERSION": "latest",
      "RUNTIME_HANDLER": "index.handler",
      "RUNTIME_INITIALIZER_HANDLER": "",
      "RUNTIME_INITIALIZER_TIMEOUT": "",
      "RUNTIME_MAX_RESP_BODY_SIZE": "6291456",
      "RUNTIME_MEMORY": "256",
      "RUNTIME_PACKAGE": "default",
      "RUNTIME_PROJECT_ID": "0123456789abcdef0123456789abcdef",
      "RUNTIME_TIMEOUT": "30",
      "RUNTIME_USERDATA": "{\"PLAIN\":\"a b\",\"RUNTIME_MEMORY\":\"forged\"}",
      "SECRET": "hunter2"
    }
    "#);
    let lines: Vec<&str> = ended.log.lines().filter(|line| line.contains("INFO") || line.contains("DEBUG")).collect();
    let request = "11111111-2222-4333-8444-555555555555";
    assert!(lines[0].ends_with(&format!("Z {request} INFO to the log 7")), "{lines:?}");
    assert!(lines[1].ends_with(&format!("Z {request} DEBUG shown")), "{lines:?}");
    assert_eq!(lines.len(), 2);
}
