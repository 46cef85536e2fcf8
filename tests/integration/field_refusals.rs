//! The service refuses a field: its words are shown at the field's place in the manifest, and running again converges.

use axum::http::Method;
use serde_json::{Value, json};

use crate::recorder::Effect;
use crate::world::{Ran, World};

const HEAD: &str = "\
version: 1
stack: orders
functions:
  intake:
    runtime: Python3.9
    handler: index.handler
    code: { inline: 'def handler(event, context): return 1' }
    agency: fgs-all
";
const IMAGE: &str = "\
version: 1
stack: orders
functions:
  intake:
    runtime: Custom Image
    agency: fgs-images
    image:
      url: swr.eu-de.example.com/shop/intake:1
";

fn answer(status: u16, code: &str, words: &str) -> Effect {
    Effect::Answer(status, json!({ "error_code": code, "error_msg": words }).to_string())
}

async fn refused(world: &World) -> Ran {
    let ran = world.run(&["apply", "--auto-approve"]).await;
    assert_eq!(ran.code, Some(1), "{ran:?}");
    ran
}

/// The place of the finding about a refused field, as `file:line:column`.
async fn place(world: &World) -> (String, String) {
    let ran = world.run(&["apply", "--auto-approve", "-o", "json"]).await;
    assert_eq!(ran.code, Some(1), "{ran:?}");
    let document = ran.json();
    let found = &document["diagnostics"][0];
    let place = format!("{}:{}:{}", found["file"].as_str().unwrap_or_default(), found["line"], found["column"]);
    (place, found["message"].as_str().unwrap_or_default().to_owned())
}

async fn converges(world: &World) {
    world.apply().await;
    assert_eq!(world.planned(&[]).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_missing_image_is_shown_where_it_is_declared() {
    let world = World::new().await;
    world.manifest(IMAGE);
    let words = "The image does not exist or is not accessible.";
    world.disturb(Method::POST, "/fgs/functions$", answer(400, "FSS.1035", words));
    insta::assert_snapshot!(refused(&world).await.transcript());
    converges(&world).await;
}

/// What refuses a field, and the words by which it does.
struct Case {
    field: &'static str,
    answer: (u16, &'static str, &'static str),
    place: &'static str,
    /// The request that writes the field of a function that exists.
    update: (Method, &'static str),
    /// Whether a create sends the field.
    is_created: bool,
}

fn cases() -> Vec<Case> {
    let config = || (Method::PUT, "/config$");
    let case = |field, answer, place| Case { field, answer, place, update: config(), is_created: true };
    vec![
        case("vpc: { id: vpc-1, subnet: subnet-1 }", (400, "FSS.1036", "VPC not found"), "fgctl.yaml:9:16"),
        case("vpc: { id: vpc-1, subnet: subnet-1 }", (400, "FSS.1037", "Subnet not found"), "fgctl.yaml:9:31"),
        case(
            "logs: { enabled: true, group_id: group-1, stream_id: stream-1 }",
            (400, "FSS.0400", "The log stream stream-1 does not exist"),
            "fgctl.yaml:9:58",
        ),
        Case {
            update: (Method::PUT, "/code$"),
            ..case("dependencies: [dep-1]", (404, "FSS.1056", "Dependency not found"), "fgctl.yaml:9:19")
        },
        Case {
            is_created: false,
            ..case(
                "ephemeral_storage: 10240",
                (400, "FSS.0400", "ephemeral_storage is not supported"),
                "fgctl.yaml:9:24",
            )
        },
        Case {
            update: (Method::PUT, "/config-max-instance$"),
            is_created: false,
            ..case("scaling: { max_instances: 9 }", (400, "FSS.1026", "over the quota"), "fgctl.yaml:9:31")
        },
    ]
}

#[tokio::test]
async fn a_refused_field_of_a_new_function_is_shown_where_it_is_declared() {
    for Case { field, answer: (status, code, words), place: expected, update: (method, path), is_created } in cases() {
        let world = World::new().await;
        world.manifest(&format!("{HEAD}    {field}\n"));
        let (method, path) = if is_created { (Method::POST, "/fgs/functions$") } else { (method, path) };
        world.disturb(method, path, answer(status, code, words));
        let (place, message) = place(&world).await;
        assert_eq!(place, expected, "{field}: {message}");
        assert!(message.contains(&format!("the service answered {status} {code}: {words}")), "{field}: {message}");
        converges(&world).await;
    }
}

#[tokio::test]
async fn a_refused_field_of_an_existing_function_is_shown_where_it_is_declared() {
    for Case { field, answer: (status, code, words), place: expected, update: (method, path), is_created: _ } in cases()
    {
        let world = World::new().await;
        world.manifest(HEAD);
        world.apply().await;
        world.manifest(&format!("{HEAD}    {field}\n"));
        world.disturb(method, path, answer(status, code, words));
        let (place, message) = place(&world).await;
        assert_eq!(place, expected, "{field}: {message}");
        converges(&world).await;
    }
}

/// Without words about a field, the report alone shows the error.
#[tokio::test]
async fn a_refusal_that_is_about_no_field_has_no_place() {
    let world = World::new().await;
    world.manifest(&format!("{HEAD}    vpc: {{ id: vpc-1, subnet: subnet-1 }}\n"));
    world.disturb(Method::POST, "/fgs/functions$", answer(403, "FSS.1041", "Quota exceeded"));
    let ran = world.run(&["apply", "--auto-approve", "-o", "json"]).await;
    assert_eq!(ran.json()["diagnostics"], Value::Array(Vec::new()), "{ran:?}");
    converges(&world).await;
}
