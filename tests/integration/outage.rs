//! The service becomes unavailable during an apply, after each write, with and without its reply. Running the apply
//! again continues, without flags and without leaving anything behind.

use crate::recorder::{Last, Outage};
use crate::world::World;

const BEFORE: &str = "\
version: 1
stack: pair
defaults: { runtime: Python3.9, handler: index.handler, agency: fgs-notify }
functions:
  first:
    code: { inline: 'def handler(event, context): return 1' }
    environment: { LEVEL: info }
    secrets: { PASSWORD: { env: PASSWORD } }
    tags: { team: payments, cost: low }
    async: { max_retries: 2, on_success: { function: second } }
    protect: true
  second:
    code: { inline: 'def handler(event, context): return 2' }
  third:
    code: { inline: 'def handler(event, context): return 3' }
    async: { on_failure: { function: second } }
";

/// Changes configuration, secrets, tags, code, policies and protection; removes and adds a function; reverses edges.
const AFTER: &str = "\
version: 1
stack: pair
defaults: { runtime: Python3.9, handler: index.handler }
functions:
  first:
    code: { inline: 'def handler(event, context): return 10' }
    memory: 512
    tags: { team: orders }
  second:
    code: { inline: 'def handler(event, context): return 2' }
    environment: { LEVEL: debug }
    secrets: { PASSWORD: { env: PASSWORD } }
    async: { max_validity_period: 90s, on_failure: { function: first } }
    protect: true
  fourth:
    code: { inline: 'def handler(event, context): return 4' }
    async: { on_success: { dis: { stream: audit } } }
";

const PASSWORD: &[(&str, &str)] = &[("PASSWORD", "hunter2")];

/// Without retries, because an outage lasts longer than the retries would.
async fn apply(world: &World) -> Option<i32> {
    world.run_with(PASSWORD, &["apply", "--auto-approve", "--max-retries", "0"]).await.code
}

async fn world_with(manifests: &[&str]) -> World {
    let world = World::new().await;
    for manifest in manifests {
        world.manifest(manifest);
        assert_eq!(apply(&world).await, Some(0));
    }
    world.requests();
    world
}

/// The number of writes that the last of these manifests needs.
async fn writes_of(manifests: &[&str]) -> usize {
    let (last, before) = manifests.split_last().expect("a manifest");
    let world = world_with(before).await;
    world.manifest(last);
    assert_eq!(apply(&world).await, Some(0));
    world.writes().len()
}

async fn every_outage(manifests: &[&str], last_write: Last) {
    let (last, before) = manifests.split_last().expect("a manifest");
    for writes in 1..=writes_of(manifests).await {
        let world = world_with(before).await;
        world.manifest(last);
        world.recorder.outage(Some(Outage { writes, last: last_write }));
        assert_eq!(apply(&world).await, Some(1), "the outage after {writes} writes is seen");
        world.recorder.outage(None);
        let again = world.run_with(PASSWORD, &["apply", "--auto-approve"]).await;
        assert_eq!(again.code, Some(0), "after {writes} writes: {again:?}");
        let plan = world.run_with(PASSWORD, &["plan", "--detailed-exitcode"]).await;
        assert_eq!(plan.code, Some(0), "after {writes} writes: {plan:?}");
    }
}

#[tokio::test]
async fn an_outage_while_creating_is_recovered() {
    every_outage(&[BEFORE], Last::Answered).await;
}

#[tokio::test]
async fn an_outage_while_creating_is_recovered_after_a_lost_reply() {
    every_outage(&[BEFORE], Last::ReplyLost).await;
}

#[tokio::test]
async fn an_outage_while_updating_is_recovered() {
    every_outage(&[BEFORE, AFTER], Last::Answered).await;
}

#[tokio::test]
async fn an_outage_while_updating_is_recovered_after_a_lost_reply() {
    every_outage(&[BEFORE, AFTER], Last::ReplyLost).await;
}
