//! Dependency packages of a manifest: by name and version, and from files.

use axum::http::Method;
use serde_json::{Value, json};

use crate::recorder::{Effect, Recorded};
use crate::world::World;

const HEAD: &str = "version: 1\nstack: orders\ndefaults: { runtime: Python3.9, handler: index.handler }\nfunctions:\n";
const CODE: &str = "code: { inline: \"import shared\\ndef handler(event, context): return {'value': shared.VALUE}\" }";

fn functions(names: &[&str], dependencies: &str) -> String {
    let function = |name: &&str| format!("  {name}:\n    {CODE}\n    dependencies: [{dependencies}]\n");
    format!("{HEAD}{}", names.iter().map(function).collect::<String>())
}

fn uploads(requests: &[Recorded]) -> usize {
    requests.iter().filter(|one| one.method == Method::POST && one.path.ends_with("/fgs/dependencies/version")).count()
}

async fn result(world: &World, name: &str) -> Value {
    world.server.post(&format!("/fgs/functions/{}/invocations", world.server.urn(name)), json!({})).await.body
}

async fn dependencies(world: &World, name: &str) -> Value {
    let path = format!("/fgs/functions/{}/config", world.server.urn(name));
    world.server.get(&path).await.body["depend_version_list"].clone()
}

#[tokio::test]
async fn a_directory_is_uploaded_once_for_all_functions() {
    let world = World::new().await;
    world.file("libs/shared/shared.py", "VALUE = 1");
    world.manifest(&functions(&["a", "b"], "{ name: shared, dir: libs/shared }"));
    world.requests();
    world.apply().await;
    assert_eq!(uploads(&world.requests()), 1);
    assert_eq!(world.planned(&[]).await, Vec::<String>::new());
    assert_eq!(result(&world, "b").await, json!({ "value": 1 }));
    let first = dependencies(&world, "a").await;
    // The same content in another form is the same version.
    world.file("other/shared.py", "VALUE = 1");
    world.manifest(&functions(&["a", "b"], "{ name: shared, dir: other }"));
    assert_eq!(world.planned(&[]).await, Vec::<String>::new());
    world.file("other/shared.py", "VALUE = 2");
    assert_eq!(world.planned(&[]).await, ["update function:default/a", "update function:default/b"]);
    world.requests();
    world.apply().await;
    assert_eq!(uploads(&world.requests()), 1);
    assert_eq!(world.planned(&[]).await, Vec::<String>::new());
    assert_ne!(dependencies(&world, "a").await, first);
    assert_eq!(result(&world, "a").await, json!({ "value": 2 }));
}

#[tokio::test]
async fn a_package_is_found_by_name_and_version() {
    let world = World::new().await;
    world.file("libs/shared.py", "VALUE = 'found'");
    world.manifest(&functions(&["first"], "{ name: shared, dir: libs }"));
    world.apply().await;
    world.manifest(&functions(&["first", "second"], "{ name: shared, version: 1 }"));
    assert_eq!(world.planned(&[]).await, ["create function:default/second"]);
    world.apply().await;
    assert_eq!(dependencies(&world, "first").await, dependencies(&world, "second").await);
    assert_eq!(result(&world, "second").await, json!({ "value": "found" }));
    assert_eq!(world.planned(&[]).await, Vec::<String>::new());
    world.manifest(&functions(&["first"], "{ name: shared, version: 7 }"));
    insta::assert_snapshot!(world.run(&["plan"]).await.transcript());
}

/// A second upload would be a second version.
#[tokio::test]
async fn an_upload_whose_answer_is_lost_is_found_again() {
    let world = World::new().await;
    world.file("libs/shared.py", "VALUE = 1");
    world.manifest(&functions(&["a"], "{ name: shared, dir: libs }"));
    world.disturb(Method::POST, "/fgs/dependencies/version", Effect::LoseReply);
    world.apply().await;
    let list = world.server.get("/fgs/dependencies").await.body;
    assert_eq!((&list["count"], &list["dependencies"][0]["version"]), (&json!(1), &json!(1)));
    assert_eq!(world.planned(&[]).await, Vec::<String>::new());
}

/// Without such a declaration, no plan reads dependencies.
#[tokio::test]
async fn dependencies_are_looked_up_only_if_they_are_named() {
    let world = World::new().await;
    world.manifest(&functions(&["a"], "some-id"));
    world.apply().await;
    world.requests();
    world.plan(&[]).await;
    assert!(world.requests().iter().all(|one| !one.path.contains("/dependencies")));
}

#[tokio::test]
async fn packages_that_cannot_be_read_are_errors() {
    let world = World::new().await;
    for (dependency, expected) in [
        ("{ name: shared, dir: missing }", "the code directory `missing` does not exist"),
        ("{ name: shared, zip: missing.zip }", "the code archive `missing.zip` does not exist"),
        ("{ name: shared, dir: ../out }", "leads out of the directory"),
        ("{ name: shared }", "it must be the id of a version, or a package"),
        ("{ name: 1a, version: 2 }", "starts with a letter"),
    ] {
        world.manifest(&functions(&["a"], dependency));
        let ran = world.run(&["validate"]).await;
        assert_eq!(ran.code, Some(1), "{dependency}: {ran:?}");
        assert!(ran.stderr.contains(expected), "{dependency}: {}", ran.stderr);
    }
}

/// The content of an object in OBS is not compared; the version says when to deploy it again.
#[tokio::test]
async fn a_new_version_of_an_object_in_obs_is_deployed() {
    let world = World::new().await;
    let manifest = |version: &str| {
        let obs = "https://code.obs.eu-de.otc.t-systems.com/a.zip";
        format!("{HEAD}  a: {{ code: {{ obs: '{obs}'{version} }} }}\n")
    };
    let codes = async || {
        let writes = world.writes();
        writes.iter().filter(|one| one.path.ends_with("/code")).count()
    };
    world.manifest(&manifest(", version: '1'"));
    world.apply().await;
    assert_eq!(world.planned(&[]).await, Vec::<String>::new());
    codes().await;
    world.manifest(&manifest(", version: '2'"));
    let plan = world.plan(&[]).await;
    assert_eq!(plan["changes"][0]["reason"], "code: the manifest changed", "{plan}");
    world.apply().await;
    assert_eq!(codes().await, 1);
    assert_eq!(world.planned(&[]).await, Vec::<String>::new());
    world.manifest(&format!("{HEAD}  a: {{ code: {{ inline: 'x', version: '2' }} }}\n"));
    let ran = world.run(&["validate"]).await;
    assert!(ran.stderr.contains("`version` is for code in OBS"), "{}", ran.stderr);
}
