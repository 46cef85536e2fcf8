//! Policies of functions that something else deploys in every kind of report.

use super::{applied, policies_alone, set_policy};

/// A changed manifest, drift, and an entry that is gone.
#[tokio::test]
async fn every_report_shows_policies_without_their_functions() {
    let world = applied().await;
    world.manifest(&super::MANIFEST.replace("max_retries: 2", "max_retries: 3"));
    set_policy(&world, "daily-report", 0).await;
    let mut said = String::new();
    for arguments in [
        &["plan", "--out", "saved"][..],
        &["show", "saved"],
        &["plan", "-o", "markdown"],
        &["plan", "-o", "gitlab"],
        &["drift"],
        &["drift", "-o", "markdown"],
        &["apply", "saved"],
    ] {
        said.push_str(&world.run(arguments).await.transcript());
    }
    insta::assert_snapshot!(said);
    let drift = world.run(&["drift", "-o", "json"]).await;
    assert_eq!((drift.code, &drift.json()["outcome"]), (Some(0), &serde_json::json!("no_changes")));
}

/// All entries are gone: that is probably a mistake.
#[tokio::test]
async fn an_emptied_manifest_of_policies_is_refused() {
    let world = super::world_with(&policies_alone()).await;
    world.apply().await;
    world.manifest("version: 1\nstack: policies\nfunctions: {}\n");
    let refused = world.run(&["apply", "--auto-approve"]).await;
    assert_eq!(refused.code, Some(1), "{refused:?}");
    insta::assert_snapshot!(refused.transcript());
    assert!(super::policy(&world, "intake").await.is_some());
}
