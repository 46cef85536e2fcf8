//! `examples/existing`, played against functions that come from the raw API.

use serde_json::{Value, json};

use crate::server_harness::function;
use crate::world::World;

const PATHS: [&str; 3] = ["default:intake", "payments:settle", "default:daily-report"];

fn urn(world: &World, path: &str) -> String {
    world.server.urn("x").replace("default:x", path)
}

/// The project with the functions as something else deployed them.
async fn world() -> World {
    let world = World::new().await;
    for path in PATHS {
        let (package, name) = path.split_once(':').expect("a package");
        let mut body = function(name);
        body["package"] = json!(package);
        body["xrole"] = json!("fgs-notify");
        assert_eq!(world.server.post("/fgs/functions", body).await.status, 200);
    }
    world.example("existing");
    world
}

async fn configurations(world: &World) -> Vec<Value> {
    let mut all = Vec::new();
    for path in PATHS {
        let mut config = world.server.get(&format!("/fgs/functions/{}/config", urn(world, path))).await.body;
        config["last_modified"].take();
        all.push(config);
    }
    all
}

#[tokio::test]
async fn the_example_works_as_it_is_written() {
    let world = world().await;
    let before = configurations(&world).await;
    insta::assert_snapshot!(world.run(&["plan"]).await.transcript());
    world.apply().await;
    assert_eq!(world.run(&["plan", "--detailed-exitcode"]).await.code, Some(0));
    let mut policies = Vec::new();
    for path in PATHS {
        let reply = world.server.get(&format!("/fgs/functions/{}/async-invoke-config", urn(&world, path))).await;
        policies.push(reply.body["max_async_retry_attempts"].clone());
    }
    assert_eq!(policies, [1, 3, 0]);
    let destroyed = world.run(&["destroy", "--auto-approve"]).await;
    assert_eq!(destroyed.code, Some(0), "{destroyed:?}");
    insta::assert_snapshot!(destroyed.transcript());
    assert_eq!(configurations(&world).await, before);
}
