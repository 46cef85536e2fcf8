//! Empty or wrong answers to requests on which decisions depend. Something counts as absent only if the service says
//! so.

use axum::http::Method;
use serde_json::{Value, json};

use crate::reconcile::{PAIR, applied_pair};
use crate::recorder::Effect;
use crate::world::World;

/// Bodies that are not an object with the required fields.
const BODIES: [&str; 8] =
    ["{}", "[]", "[[],0,0]", "null", "", "7", "<html>welcome</html>", r#"{"functions":[{"func_name":"#];

/// Checks that the error names the request, and that nothing was written.
async fn refuses(world: &World, arguments: &[&str], named: &str) {
    world.requests();
    let ran = world.run(arguments).await;
    assert_eq!(ran.code, Some(1), "{named}: {ran:?}");
    let says = format!("{}{}", ran.stdout, ran.stderr);
    assert!(says.contains(named), "{named}: {says}");
    assert_eq!(world.writes(), [], "{named}");
}

#[tokio::test]
async fn an_answer_without_content_is_an_error_that_names_the_request() {
    let world = applied_pair().await;
    let destroy = &["destroy", "--auto-approve"][..];
    for (method, path, named, arguments) in [
        (Method::GET, "/fgs/functions$", "/fgs/functions: ", destroy),
        (Method::POST, "/resource-instances/filter", "/resource-instances/filter: ", destroy),
        (Method::GET, "first/versions$", ":first/versions: ", destroy),
        (Method::GET, "first/async-invoke-configs$", ":first/async-invoke-configs: ", &["plan"]),
    ] {
        for body in BODIES {
            world.disturb(method.clone(), path, Effect::Answer(200, body.to_owned()));
            refuses(&world, arguments, named).await;
        }
    }
}

/// Every function has a latest version. A list without it does not prove that the function is gone.
#[tokio::test]
async fn a_list_of_versions_without_the_latest_one_is_an_error() {
    let world = applied_pair().await;
    for body in [r#"{"versions":[],"next_marker":0,"count":0}"#, r#"{"versions":null}"#] {
        world.disturb(Method::GET, "first/versions$", Effect::Answer(200, body.to_owned()));
        let named = ":first/versions: the answer is inconsistent: it lacks the latest version";
        refuses(&world, &["destroy", "--auto-approve"], named).await;
    }
}

/// Only the second function changes, so the read just before its write is the first one to fail.
#[tokio::test]
async fn a_function_is_not_written_after_an_empty_answer() {
    let world = applied_pair().await;
    world.manifest(&PAIR.replace("return 2", "return 3"));
    for (path, named) in [("second/config", ":second/config: "), ("second/tags$", ":second/tags: ")] {
        for body in BODIES {
            world.disturb(Method::GET, path, Effect::Answer(200, body.to_owned()));
            refuses(&world, &["apply", "--auto-approve"], named).await;
        }
    }
    let other = world.server.get(&format!("/fgs/functions/{}/config", world.server.urn("first"))).await.body;
    world.disturb(Method::GET, "second/config", Effect::Answer(200, other.to_string()));
    refuses(&world, &["apply", "--auto-approve"], ":second/config: the answer is inconsistent").await;
}

#[tokio::test]
async fn each_field_that_a_decision_depends_on_is_required() {
    let world = applied_pair().await;
    let without = |mut value: Value, pointer: &str, field: &str| {
        value.pointer_mut(pointer).and_then(Value::as_object_mut).expect("an object").remove(field).expect("a field");
        value.to_string()
    };
    let functions = world.server.get("/fgs/functions?maxitems=400&marker=0").await.body;
    let of_function = ["func_urn", "func_name", "package", "runtime", "timeout", "handler", "memory_size", "digest"]
        .map(|it| ("/functions/0", it));
    for (pointer, field) in of_function.into_iter().chain([("", "functions"), ("", "next_marker"), ("", "count")]) {
        world.disturb(Method::GET, "/fgs/functions$", Effect::Answer(200, without(functions.clone(), pointer, field)));
        refuses(&world, &["destroy", "--auto-approve"], "/fgs/functions: ").await;
    }
    let tags = world.server.post("/functions/resource-instances/filter?limit=100&offset=0", json!({})).await.body;
    for (pointer, field) in
        [("/resources/0", "resource_id"), ("/resources/0", "tags"), ("", "resources"), ("", "total_count")]
    {
        let body = without(tags.clone(), pointer, field);
        world.disturb(Method::POST, "/resource-instances/filter", Effect::Answer(200, body));
        refuses(&world, &["destroy", "--auto-approve"], "/resource-instances/filter: ").await;
    }
    let path = format!("/fgs/functions/{}/async-invoke-configs", world.server.urn("first"));
    let policies = world.server.get(&path).await.body;
    for (pointer, field) in [
        ("", "async_invoke_configs"),
        ("/async_invoke_configs/0", "func_urn"),
        ("/async_invoke_configs/0", "max_async_event_age_in_seconds"),
        ("/async_invoke_configs/0", "max_async_retry_attempts"),
        ("/async_invoke_configs/0", "destination_config"),
        ("/async_invoke_configs/0/destination_config/on_success", "param"),
        ("/async_invoke_configs/0/destination_config/on_success", "destination"),
    ] {
        let body = without(policies.clone(), pointer, field);
        world.disturb(Method::GET, "first/async-invoke-configs$", Effect::Answer(200, body));
        refuses(&world, &["plan"], ":first/async-invoke-configs: ").await;
    }
    for (field, value) in [("max_async_retry_attempts", json!(-1)), ("max_async_event_age_in_seconds", json!(null))] {
        let mut body = policies.clone();
        body["async_invoke_configs"][0][field] = value;
        world.disturb(Method::GET, "first/async-invoke-configs$", Effect::Answer(200, body.to_string()));
        refuses(&world, &["plan"], ":first/async-invoke-configs: ").await;
    }
}

/// A list that counts functions but contains none is not an empty project.
#[tokio::test]
async fn a_count_without_entries_is_an_error() {
    let world = applied_pair().await;
    for _ in 0..3 {
        let body = json!({ "functions": [], "next_marker": 0, "count": 2 });
        world.disturb(Method::GET, "/fgs/functions$", Effect::Answer(200, body.to_string()));
    }
    refuses(&world, &["destroy", "--auto-approve"], "it counts 2 functions but contains 0").await;
    let body = json!({ "resources": [], "total_count": 2 }).to_string();
    world.disturb(Method::POST, "/resource-instances/filter", Effect::Answer(200, body));
    refuses(&world, &["destroy", "--auto-approve"], "it counts 2 functions but contains none").await;
}

#[tokio::test]
async fn unreadable_versions_aliases_and_policies_do_not_count_as_absent() {
    let world = applied_pair().await;
    let urn = world.server.urn("second");
    assert_eq!(
        world.server.post(&format!("/fgs/functions/{urn}/versions"), json!({ "version": "v1" })).await.status,
        200
    );
    world.manifest(&PAIR.replace("function: second", "function: second, version: v1"));
    let plan = world.run(&["plan"]).await;
    assert_eq!(plan.code, Some(0), "{plan:?}");
    for (path, named) in [
        ("second/versions", ":second/versions: "),
        ("second/aliases", ":second/aliases: "),
        ("second/async-invoke-configs", ":second/async-invoke-configs: "),
    ] {
        // For aliases, an empty list is a valid answer.
        for body in BODIES.into_iter().filter(|body| !(path.ends_with("aliases") && *body == "[]")) {
            world.disturb(Method::GET, path, Effect::Answer(200, body.to_owned()));
            refuses(&world, &["plan"], named).await;
        }
    }
    let list = json!({ "async_invoke_configs": [], "count": 3, "page_info": {} }).to_string();
    world.disturb(Method::GET, "second/async-invoke-configs", Effect::Answer(200, list));
    refuses(&world, &["plan"], "it counts 3 configurations but contains 0").await;
}

#[tokio::test]
async fn unreadable_invocations_do_not_count_as_absent() {
    let world = applied_pair().await;
    for body in BODIES {
        world.disturb(Method::GET, "first/async-invocations", Effect::Answer(200, body.to_owned()));
        refuses(&world, &["invocations", "first"], ":first/async-invocations: ").await;
    }
}
