//! Which calls reach the service for functions that something else deploys: policies and tags, and nothing else.

use std::collections::BTreeSet;

use super::{applied, policies_alone, set_policy, tag, whole, world_with};
use crate::recorder::Recorded;
use crate::world::World;

/// A request without the project and the function.
fn kind(request: &Recorded) -> String {
    let Recorded { method, path, .. } = request;
    let path = path.split_once("/functions").map_or(path.as_str(), |(_, rest)| rest);
    let is_urn = |part: &&str| part.starts_with("urn:");
    let parts: Vec<&str> = path.split('/').map(|part| if is_urn(&part) { "{urn}" } else { part }).collect();
    format!("{method} {}", parts.join("/"))
}

fn kinds(world: &World) -> BTreeSet<String> {
    world.requests().iter().map(kind).collect()
}

const LISTS: [&str; 3] = ["GET ", "POST /resource-instances/filter", "GET /{urn}/async-invoke-configs"];
/// What a change reads just before and after it writes.
const READS: [&str; 2] = ["GET /{urn}/async-invoke-config", "GET /{urn}/tags"];
const PUT: &str = "PUT /{urn}/async-invoke-config";
const DELETE: &str = "DELETE /{urn}/async-invoke-config";
const ADD_TAGS: &str = "POST /{urn}/tags/create";
const REMOVE_TAGS: &str = "DELETE /{urn}/tags/delete";

fn expected(writes: &[&str]) -> BTreeSet<String> {
    LISTS.iter().chain(&READS).chain(writes).map(|kind| (*kind).to_owned()).collect()
}

/// All requests of a stack that has only such functions, from the first apply to the last one.
#[tokio::test]
async fn only_policies_and_tags_are_written() {
    let world = world_with(&policies_alone()).await;
    let before = whole(&world, "intake").await;
    world.requests();
    world.apply().await;
    assert_eq!(kinds(&world), expected(&[PUT, ADD_TAGS]));
    // Drift, and a changed manifest.
    set_policy(&world, "daily-report", 0).await;
    world.manifest(&policies_alone().replace("max_retries: 2", "max_retries: 3"));
    world.apply().await;
    assert_eq!(kinds(&world), expected(&[PUT, ADD_TAGS]));
    // An entry goes.
    let both = policies_alone().replace("max_retries: 2", "max_retries: 3");
    let (kept, _) = both.split_once("  report:").expect("an entry");
    world.manifest(kept);
    world.apply().await;
    assert_eq!(kinds(&world), expected(&[DELETE, REMOVE_TAGS]));
    world.manifest(&both);
    world.apply().await;
    world.requests();
    let forgotten = world.run(&["forget", "report", "--auto-approve"]).await;
    assert_eq!(forgotten.code, Some(0), "{forgotten:?}");
    let reads = ["GET /{urn}/tags", REMOVE_TAGS];
    assert_eq!(kinds(&world), LISTS.iter().chain(&reads).map(|kind| (*kind).to_owned()).collect());
    let destroyed = world.run(&["destroy", "--auto-approve"]).await;
    assert_eq!(destroyed.code, Some(0), "{destroyed:?}");
    assert_eq!(kinds(&world), expected(&[DELETE, REMOVE_TAGS]));
    assert_eq!(whole(&world, "intake").await, before);
}

/// Beside a whole function, too: its own calls name no other function.
#[tokio::test]
async fn a_mixed_stack_writes_only_policies_and_tags_of_functions_that_others_deploy() {
    let world = applied().await;
    tag(&world, "intake", "more", "theirs").await;
    world.manifest(&super::MANIFEST.replace("return 1", "return 2").replace("max_retries: 2", "max_retries: 3"));
    world.apply().await;
    let destroyed = world.run(&["destroy", "--auto-approve"]).await;
    assert_eq!(destroyed.code, Some(0), "{destroyed:?}");
    let (theirs, own): (Vec<Recorded>, Vec<Recorded>) = world
        .writes()
        .into_iter()
        .partition(|write| super::NAMES.iter().any(|name| write.path.contains(&format!(":{name}"))));
    let theirs: BTreeSet<String> = theirs.iter().map(kind).collect();
    let allowed = [PUT, DELETE, ADD_TAGS, REMOVE_TAGS].map(str::to_owned);
    assert_eq!(theirs, BTreeSet::from(allowed));
    assert!(own.iter().any(|write| write.path.ends_with("/code")), "{own:#?}");
}
