//! Marks of secrets through the program: what a change of a value plans, and what it costs.

use serde_json::json;
use std::fmt::Write;

use crate::reconcile::nothing;
use crate::world::World;

/// Functions with one secret each, of a variable of its own.
fn manifest(functions: usize) -> String {
    let mut text =
        "version: 1\nstack: s\ndefaults: { runtime: Python3.9, handler: index.handler }\nfunctions:\n".to_owned();
    for index in 0..functions {
        let _ = writeln!(
            text,
            "  f{index}: {{ code: {{ inline: 'x = 1' }}, secrets: {{ PASSWORD: {{ env: PASSWORD_{index} }} }} }}"
        );
    }
    text
}

fn values(functions: usize) -> Vec<(String, String)> {
    (0..functions).map(|index| (format!("PASSWORD_{index}"), format!("value-{index}"))).collect()
}

fn borrowed(values: &[(String, String)]) -> Vec<(&str, &str)> {
    values.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

async fn planned(world: &World, values: &[(String, String)]) -> Vec<String> {
    let plan = world.run_with(&borrowed(values), &["plan", "-o", "json"]).await.json();
    let changes = plan["changes"].as_array().unwrap_or_else(|| panic!("no changes in {plan}"));
    changes.iter().map(|change| format!("{} {}", change["action"], change["address"]).replace('"', "")).collect()
}

#[tokio::test]
async fn only_functions_whose_values_changed_are_planned() {
    let world = World::new().await;
    world.manifest(&manifest(12));
    let mut values = values(12);
    let ran = world.run_with(&borrowed(&values), &["apply", "--auto-approve"]).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(planned(&world, &values).await, nothing());
    for index in [0, 1, 7] {
        values[index].1 = "other".into();
    }
    let changed = ["update function:default/f0", "update function:default/f1", "update function:default/f7"];
    assert_eq!(planned(&world, &values).await, changed);
    let ran = world.run_with(&borrowed(&values), &["apply", "--auto-approve", "--target", "f7"]).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(planned(&world, &values).await, changed[..2]);
}

/// What an interrupted create leaves is enough to know the rest by.
#[tokio::test]
async fn a_part_of_a_stack_knows_its_secrets() {
    let world = World::new().await;
    world.manifest(&manifest(3));
    let values = values(3);
    let ran = world.run_with(&borrowed(&values), &["apply", "--auto-approve", "--target", "f2"]).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(planned(&world, &values).await, ["create function:default/f0", "create function:default/f1"]);
}

/// The marks that the first release wrote are still true, and are replaced when something else is written.
#[tokio::test]
async fn marks_of_the_first_form_plan_nothing() {
    let world = World::new().await;
    world.manifest(&manifest(1));
    let values = values(1);
    let ran = world.run_with(&borrowed(&values), &["apply", "--auto-approve"]).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let urn = world.server.urn("f0");
    let mark = async || {
        let tags = world.server.get(&format!("/functions/{urn}/tags")).await.body;
        let tags = tags["tags"].as_array().expect("tags").clone();
        let mark = tags.iter().find(|tag| tag["key"] == "fgctl.secrets").expect("a mark");
        mark["value"].as_str().expect("text").to_owned()
    };
    let first = "1.2b92f69a7655f443abb6c948ea17c4a1.6ad495fa3d21d9a85b632f15d8e162ce";
    let body = json!({ "tags": [{ "key": "fgctl.secrets", "value": first }] });
    assert!(world.server.post(&format!("/functions/{urn}/tags/create"), body).await.status.is_success());
    assert_eq!(planned(&world, &values).await, nothing());
    let drift = world.run_with(&borrowed(&values), &["drift"]).await;
    assert_eq!(drift.code, Some(0), "{drift:?}");
    assert_eq!(mark().await, first);
    world.manifest(&manifest(1).replace("handler }", "handler, memory: 256 }"));
    let ran = world.run_with(&borrowed(&values), &["apply", "--auto-approve"]).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(mark().await.starts_with("2."), "{}", mark().await);
    assert_eq!(planned(&world, &values).await, nothing());
    let changed = [("PASSWORD_0".to_owned(), "other".to_owned())];
    assert_eq!(planned(&world, &changed).await, ["update function:default/f0"]);
}
