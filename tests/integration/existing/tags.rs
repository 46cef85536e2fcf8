//! Tags that others have filled up, that the service forbids, or that do not count.

use axum::http::Method;

use super::{
    MANIFEST, NAMES, assert_only_policies, codes, policies_alone, policy, replace_tags, set_policy, tag, tags,
    world_with,
};
use crate::recorder::Effect;

#[tokio::test]
async fn tags_that_cannot_be_read_are_no_obstacle() {
    const FILTER: &str = "/functions/resource-instances/filter";
    let forbidden = || Effect::Answer(403, r#"{"error_code":"FSS.0403","error_msg":"forbidden"}"#.into());
    let world = world_with(&policies_alone()).await;
    let forbid = |times| (0..times).for_each(|_| world.disturb(Method::POST, FILTER, forbidden()));
    // Before the writes and after them.
    forbid(2);
    let ran = world.run(&["apply", "--auto-approve"]).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let said = "it cannot tell whether the manifest or the live policy changed";
    assert!(ran.stderr.contains("tags-unreadable") && ran.stderr.contains(said), "{}", ran.stderr);
    assert_eq!(tags(&world, "intake").await, ["team"]);
    forbid(1);
    assert_eq!(world.run(&["plan", "--detailed-exitcode"]).await.code, Some(0));
    set_policy(&world, "intake", 0).await;
    forbid(1);
    assert_eq!(codes(&world.run(&["plan", "-o", "json"]).await), ["tags-unreadable", "not-owned"]);
    forbid(2);
    assert_eq!(world.run(&["apply", "--auto-approve", "--adopt"]).await.code, Some(0));
    assert_eq!(policy(&world, "intake").await.expect("a policy")["max_async_retry_attempts"], 2);
    // Whole functions and deletions need them.
    for (manifest, command) in [(MANIFEST.to_owned(), "plan"), (policies_alone(), "destroy")] {
        world.manifest(&manifest);
        forbid(1);
        assert_eq!(world.run(&[command]).await.code, Some(1));
    }
    let ran = world.run(&["apply", "--auto-approve", "--no-ownership"]).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
}

#[tokio::test]
async fn tags_that_cannot_be_written_are_no_obstacle() {
    let world = world_with(&policies_alone()).await;
    let forbidden = || Effect::Answer(403, r#"{"error_code":"FSS.0403","error_msg":"forbidden"}"#.into());
    for _ in NAMES {
        world.disturb(Method::POST, "/tags/create", forbidden());
    }
    let ran = world.run(&["apply", "--auto-approve", "-o", "json"]).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let document = ran.json();
    assert_eq!(document["outcome"], "applied");
    assert_eq!(document["unmarked"].as_array().map(Vec::len), Some(2));
    assert_eq!(policy(&world, "intake").await.expect("a policy")["max_async_retry_attempts"], 2);
    world.disturb(Method::POST, "/tags/create", forbidden());
    let ran = world.run(&["apply", "--auto-approve", "--target", "intake"]).await;
    assert!(ran.stdout.contains("the service forbids the tags that record it"), "{ran:?}");
    assert_eq!(world.run(&["apply", "--auto-approve"]).await.code, Some(0));
    assert_eq!(world.run(&["plan", "--detailed-exitcode"]).await.code, Some(0));
}

#[tokio::test]
async fn full_tags_are_no_obstacle() {
    let world = world_with(&policies_alone()).await;
    for index in 0..19 {
        tag(&world, "intake", &format!("key-{index}"), "theirs").await;
    }
    let ran = world.run(&["apply", "--auto-approve"]).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.stderr.contains("function default/intake has 20 of 20 tags"), "{}", ran.stderr);
    assert_eq!(tags(&world, "intake").await.len(), 20);
    assert_eq!(world.run(&["plan", "--detailed-exitcode"]).await.code, Some(0));
    // Which side changed is unknown now, and so is whose the policy is.
    world.manifest(&policies_alone().replace("max_retries: 2", "max_retries: 3"));
    assert_eq!(world.run(&["plan"]).await.code, Some(1));
    assert_eq!(world.run(&["apply", "--auto-approve", "--adopt"]).await.code, Some(0));
    assert_eq!(policy(&world, "intake").await.expect("a policy")["max_async_retry_attempts"], 3);
    // `async: null` and --adopt delete what no tag marks.
    world.manifest(&policies_alone().replace("async: { max_retries: 2 }", "async: null"));
    assert_eq!(world.run(&["apply", "--auto-approve", "--adopt"]).await.code, Some(0));
    assert_eq!(policy(&world, "intake").await, None);
}

/// As Terraform does, or Cloud Custodian.
#[tokio::test]
async fn tags_that_the_owner_of_the_function_removes_are_no_obstacle() {
    let world = world_with(&policies_alone()).await;
    world.apply().await;
    replace_tags(&world, "intake").await;
    replace_tags(&world, "daily-report").await;
    assert_eq!(world.planned(&[]).await.len(), 2, "both are adopted again");
    // Without tags, an apply cannot tell who made a policy, so it asks before it changes one.
    world.manifest(&policies_alone().replace("max_retries: 2", "max_retries: 3"));
    let refused = world.run(&["apply", "--auto-approve"]).await;
    assert_eq!(refused.code, Some(1), "{refused:?}");
    insta::assert_snapshot!(refused.transcript());
    // A policy that no tag marks stays, whether its entry goes or the stack.
    world.manifest(&policies_alone());
    let destroyed = world.run(&["destroy", "--auto-approve"]).await;
    assert_eq!(destroyed.code, Some(0), "{destroyed:?}");
    insta::assert_snapshot!(destroyed.transcript());
    assert!(policy(&world, "intake").await.is_some());
    let both = policies_alone();
    let (kept, _) = both.split_once("  report:").expect("an entry");
    world.manifest(kept);
    assert_eq!(world.planned(&[]).await, ["adopt async_policy:default/intake"]);
    // The way out.
    world.manifest("version: 1\nstack: policies\nfunctions:\n  intake: { existing: true, async: null }\n");
    assert_eq!(world.run(&["apply", "--auto-approve", "--adopt"]).await.code, Some(0));
    assert_eq!(policy(&world, "intake").await, None);
    assert_only_policies(&world);
}

/// Only tags are at stake for these commands, so they need them.
#[tokio::test]
async fn imports_and_forgetting_need_tags() {
    const FILTER: &str = "/functions/resource-instances/filter";
    let forbidden = || Effect::Answer(403, r#"{"error_code":"FSS.0403","error_msg":"forbidden"}"#.into());
    let world = world_with(&policies_alone()).await;
    set_policy(&world, "intake", 0).await;
    let mut said = String::new();
    for arguments in [["import", "intake", "--auto-approve"], ["forget", "intake", "--auto-approve"]] {
        world.disturb(Method::POST, FILTER, forbidden());
        said.push_str(&world.run(&arguments).await.transcript());
    }
    for index in 0..19 {
        tag(&world, "intake", &format!("key-{index}"), "theirs").await;
    }
    said.push_str(&world.run(&["import", "intake", "--auto-approve"]).await.transcript());
    assert_eq!(world.writes(), []);
    insta::assert_snapshot!(said);
}

#[tokio::test]
async fn tags_that_cannot_be_removed_are_named() {
    let forbidden = || Effect::Answer(403, r#"{"error_code":"FSS.0403","error_msg":"forbidden"}"#.into());
    let world = world_with(&policies_alone()).await;
    world.apply().await;
    world.disturb(Method::DELETE, "default:intake/tags/delete", forbidden());
    let forgotten = world.run(&["forget", "intake", "--auto-approve"]).await;
    assert_eq!(forgotten.code, Some(1), "{forgotten:?}");
    for name in NAMES {
        let path = if name == "intake" { "default:intake/tags/delete" } else { "default:daily-report/tags/delete" };
        world.disturb(Method::DELETE, path, forbidden());
    }
    // The policies go all the same, and the next destroy removes the tags.
    let destroyed = world.run(&["destroy", "--auto-approve"]).await;
    assert_eq!(destroyed.code, Some(0), "{destroyed:?}");
    assert!(destroyed.stdout.contains("the service forbids"), "{destroyed:?}");
    assert_eq!(policy(&world, "intake").await, None);
    assert_eq!(world.run(&["destroy", "--auto-approve"]).await.code, Some(0));
    assert_eq!(tags(&world, "intake").await, ["team"]);
}

/// A whole stack, and one function among others.
#[tokio::test]
async fn a_plan_says_what_is_unknown_without_tags() {
    let world = world_with(&policies_alone()).await;
    for index in 0..19 {
        tag(&world, "intake", &format!("key-{index}"), "theirs").await;
    }
    insta::assert_snapshot!(world.run(&["plan"]).await.transcript());
    world.disturb(
        Method::POST,
        "/functions/resource-instances/filter",
        Effect::Answer(403, r#"{"error_code":"FSS.0403","error_msg":"forbidden"}"#.into()),
    );
    insta::assert_snapshot!(world.run(&["plan"]).await.transcript());
    insta::assert_snapshot!(world.run(&["plan", "--no-ownership"]).await.transcript());
}

#[tokio::test]
async fn without_ownership_nothing_is_marked_or_deleted() {
    let world = world_with(&policies_alone()).await;
    let apply = ["apply", "--auto-approve", "--no-ownership"];
    assert_eq!(world.run(&apply).await.code, Some(0));
    assert_eq!(tags(&world, "intake").await, ["team"]);
    world.manifest(&policies_alone().replace("async: { max_retries: 2 }", "async: null"));
    let kept = world.run(&apply).await;
    assert!(kept.stderr.contains("policy-kept"), "{kept:?}");
    assert!(policy(&world, "intake").await.is_some());
}
