//! Hand-overs that are interrupted, and entries whose functions are gone.

use axum::http::Method;

use super::{MANIFEST, applied, assert_only_policies, policies_alone, policy, tags};
use crate::recorder::Effect;

/// A part of the hand-over is left out, or the service forbids to remove the tags. Then the entry goes.
#[tokio::test]
async fn an_interrupted_hand_over_never_deletes_the_function() {
    let whole_one = MANIFEST.split_once("  settle:").expect("an entry").1;
    let handed_over = MANIFEST.replace(whole_one, "\n    existing: true\n    async: { max_retries: 3 }\n");
    let parts: [(&[&str], bool); 3] = [
        (&["--exclude", "function:default/settle"], false),
        (&["--target", "async_policy:default/settle"], false),
        (&[], true),
    ];
    for (arguments, is_forbidden) in parts {
        let world = applied().await;
        world.manifest(&handed_over);
        if is_forbidden {
            let forbidden = Effect::Answer(403, r#"{"error_code":"FSS.0403","error_msg":"forbidden"}"#.into());
            world.disturb(Method::DELETE, "/tags/delete", forbidden);
        }
        let ran = world.run(&[&["apply", "--auto-approve"], arguments].concat()).await;
        assert_eq!(ran.code, Some(i32::from(is_forbidden)), "{ran:?}");
        let there = tags(&world, "settle").await;
        assert!(["fgctl.stack", "fgctl.policy"].iter().all(|key| there.iter().any(|tag| tag == key)), "{there:?}");
        world.manifest(&policies_alone());
        world.requests();
        assert_eq!(world.run(&["apply", "--auto-approve"]).await.code, Some(0));
        assert_only_policies(&world);
        assert_eq!(
            (policy(&world, "settle").await, tags(&world, "settle").await),
            (None, vec!["fgctl.released".into()])
        );
        assert_eq!(world.run(&["plan", "--detailed-exitcode"]).await.code, Some(0));
    }
}

#[tokio::test]
async fn a_destroy_ignores_entries_whose_functions_are_gone() {
    let world = applied().await;
    let gone = format!("/fgs/functions/{}", world.server.urn("daily-report"));
    assert!(world.server.send(Method::DELETE, &gone, None).await.status.is_success());
    assert_eq!(world.run(&["plan"]).await.code, Some(1));
    let ran = world.run(&["destroy", "--auto-approve"]).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(world.server.get("/fgs/functions").await.body["count"], 1, "only `intake` is left");
    assert_eq!(policy(&world, "intake").await, None);
}

/// The plan made again now has an error and therefore no changes, but the saved one was never applied.
#[tokio::test]
async fn a_saved_plan_that_would_be_refused_now_does_not_count_as_applied() {
    let world = super::world().await;
    assert_eq!(world.run(&["plan", "--out", "saved"]).await.code, Some(0));
    let gone = format!("/fgs/functions/{}", world.server.urn("daily-report"));
    assert!(world.server.send(Method::DELETE, &gone, None).await.status.is_success());
    let ran = world.run(&["apply", "saved"]).await;
    assert_eq!(ran.code, Some(3), "{ran:?}");
    assert!(ran.stderr.contains("A new plan would be refused: correct the errors first."), "{ran:?}");
}
