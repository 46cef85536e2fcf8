//! Errors of plans that depend on live state, and errors of applies.

use axum::http::Method;
use serde_json::json;

use super::Page;
use crate::recorder::Effect;
use crate::world::World;

const PAIR: &str = "\
version: 1
stack: pair
defaults: { runtime: Python3.9, handler: index.handler, agency: fgs-notify }
functions:
  first: # fgctl: ignore[retries-without-failure-target] only a test
    code: { inline: 'def handler(event, context): return 1' }
    async: { max_retries: 2, on_success: { function: second } }
  second:
    code: { inline: 'def handler(event, context): return 2' }
";

/// The transcript of a command, on the page.
async fn ran(page: &mut Page, world: &World, title: &str, arguments: &[&str]) {
    page.title(title);
    page.add(&world.run(arguments).await.transcript());
}

async fn applied(manifest: &str) -> World {
    let world = World::new().await;
    world.manifest(manifest);
    world.apply().await;
    world
}

#[tokio::test]
async fn plans() {
    let mut page = Page::new();
    let world = applied(PAIR).await;
    world.manifest(&PAIR.replace("stack: pair", "stack: other"));
    ran(&mut page, &world, "functions of another stack", &["plan"]).await;
    world.manifest("version: 1\nstack: pair\nfunctions: {}\n");
    ran(&mut page, &world, "an emptied manifest", &["plan"]).await;
    world.manifest(&PAIR.replace("Python3.9", "Python3.10"));
    ran(&mut page, &world, "another runtime", &["plan"]).await;
    world.manifest(&PAIR.replace("{ function: second }", "{ function: second, version: v1 }"));
    ran(&mut page, &world, "a missing version", &["plan"]).await;
    let elsewhere = world.server.urn("third");
    world.manifest(&PAIR.replace("{ function: second }", &format!("{{ urn: \"{elsewhere}\" }}")));
    ran(&mut page, &world, "a missing function", &["plan"]).await;
    world.manifest(&PAIR.replace(
        "    code: { inline: 'def handler(event, context): return 2' }",
        "    code: { inline: x }\n    secrets: { TOKEN: { env: SECOND_TOKEN } }",
    ));
    ran(&mut page, &world, "a secret without its value", &["apply", "--auto-approve"]).await;
    world.manifest(&PAIR.replace("    async:", "    protect: true\n    async:"));
    world.apply().await;
    world.manifest(
        &PAIR[..PAIR.find("functions:").expect("functions")]
            .replace("defaults", "functions: { second: { code: { inline: x } } }\ndefaults"),
    );
    ran(&mut page, &world, "a protected function", &["plan"]).await;
    world.manifest(PAIR);
    ran(&mut page, &world, "a misspelt target", &["plan", "--target", "secnd"]).await;
    ran(&mut page, &world, "a target of another stack", &["plan", "--target", "payment"]).await;
    ran(&mut page, &world, "no terminal", &["destroy"]).await;
    for number in ["-1", "1.5"] {
        ran(&mut page, &world, "not a number of deletions", &["plan", "--allow-deletes", number]).await;
    }
    ran(&mut page, &world, "a project that the server does not have", &["plan", "--project-id", "other"]).await;
    insta::assert_snapshot!(page.text());
}

#[tokio::test]
async fn many_deletions_and_unowned_functions() {
    let mut page = Page::new();
    let functions = |names: std::ops::Range<u32>| -> String {
        names.map(|index| ["  f", &index.to_string(), ": { code: { inline: pass } }\n"].concat()).collect()
    };
    let manifest = |names| {
        format!(
            "version: 1\nstack: many\ndefaults: {{ runtime: Python3.9, handler: index.handler }}\nfunctions:\n{}",
            functions(names)
        )
    };
    let world = applied(&manifest(0..7)).await;
    world.manifest(&manifest(6..7));
    ran(&mut page, &world, "many deletions", &["plan"]).await;
    world.server.create_function("stranger").await;
    world.manifest(&format!("{}  stranger: {{ code: {{ inline: pass }} }}\n", manifest(0..7)));
    ran(&mut page, &world, "an unowned function that differs", &["plan"]).await;
    insta::assert_snapshot!(page.text());
}

#[tokio::test]
async fn applies() {
    let mut page = Page::new();
    let world = World::new().await;
    world.manifest(PAIR);
    let apply = &["apply", "--auto-approve", "--concurrency", "1"];
    let quota = r#"{ "error_code": "FSS.1041", "error_msg": "The number of functions exceeds the quota" }"#;
    world.disturb(Method::POST, "/fgs/functions", Effect::Answer(403, quota.into()));
    ran(&mut page, &world, "a quota that is used up", apply).await;
    world.apply().await;
    world.manifest(&PAIR.replace("max_retries: 2", "max_retries: 3").replace("return 2", "return 3"));
    let moved = world.edit(
        Method::PUT,
        &format!("/fgs/functions/{}/async-invoke-config", world.server.urn("first")),
        json!({}),
    );
    world.disturb(Method::GET, "/async-invoke-config", moved);
    ran(&mut page, &world, "a policy that someone changes meanwhile", apply).await;
    world.apply().await;
    ran(&mut page, &world, "a saved plan", &["plan", "--out", "saved"]).await;
    world.reconfigure("second", json!({ "memory_size": 512 })).await;
    ran(&mut page, &world, "a plan that is stale", &["apply", "saved"]).await;
    ran(&mut page, &world, "a plan of destroy", &["plan", "--destroy", "--out", "saved"]).await;
    ran(&mut page, &world, "without its permission", &["apply", "saved"]).await;
    let elsewhere = World::new().await;
    elsewhere.manifest(PAIR);
    let saved = std::fs::read_to_string(world.folder.path().join("saved")).expect("the plan");
    elsewhere.file("saved", &saved);
    ran(&mut page, &elsewhere, "a plan of another server", &["apply", "saved", "--destroy"]).await;
    ran(&mut page, &world, "an export to a directory that is not empty", &["export", "--to", ".", "--stack", "pair"])
        .await;
    ran(&mut page, &world, "an export of nothing", &["export", "--to", "new", "--name", "third*"]).await;
    ran(&mut page, &world, "a missing function", &["invoke", "third"]).await;
    ran(&mut page, &world, "logs of a missing function", &["logs", "third"]).await;
    insta::assert_snapshot!(page.text());
}
