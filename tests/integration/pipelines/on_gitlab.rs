//! The pipeline for GitLab, played from a merge request to the apply.

use serde_json::{Value, json};

use super::gitlab::{GitLab, Pipeline};
use super::{SECRET, STACK, change_by_someone_else, keys, many, texts, world, yaml};
use crate::world::World;

fn gitlab<'a>(world: &'a World, pipeline: &'a Value) -> GitLab<'a> {
    let keys = keys(world).to_vec();
    let with_function = [keys.clone(), vec![("ORDERS_PAYMENT_KEY", SECRET.to_owned())]].concat();
    GitLab { world, pipeline, variables: [("fgctl-plan", keys), ("fgctl-apply", with_function)].into() }
}

#[tokio::test]
async fn applies_the_plan_of_its_pipeline() {
    let (world, pipeline) = (world().await, yaml("examples/pipelines/gitlab-ci.yaml"));
    let gitlab = gitlab(&world, &pipeline);
    let merge_request = [
        ("CI_PIPELINE_SOURCE", "merge_request_event"),
        ("CI_MERGE_REQUEST_PROJECT_ID", "1"),
        ("CI_MERGE_REQUEST_SOURCE_PROJECT_ID", "1"),
    ];
    let mut run = Pipeline::of(&merge_request);
    assert_eq!(gitlab.jobs(&run), ["validate", "plan"]);
    for job in ["validate", "plan"] {
        let ran = gitlab.job(&mut run, job).await;
        assert_eq!(ran.code, Some(0), "{ran:?}");
    }
    let json = |run: &Pipeline, job: &str, file: &str| -> Value {
        serde_json::from_str(&std::fs::read_to_string(run.artifact(job, file)).expect("a file")).expect("JSON")
    };
    assert_eq!(json(&run, "plan", "plan.json"), json!({ "create": 3, "update": 0, "delete": 0 }));
    assert_eq!(json(&run, "validate", "quality.json"), json!([]));
    let push = [("CI_PIPELINE_SOURCE", "push"), ("CI_COMMIT_BRANCH", "main")];
    let mut run = Pipeline::of(&push);
    assert_eq!(gitlab.jobs(&run), ["plan", "apply"]);
    for job in ["plan", "apply"] {
        let ran = gitlab.job(&mut run, job).await;
        assert_eq!(ran.code, Some(0), "{ran:?}");
        assert!(!format!("{ran:?}").contains(SECRET));
    }
    let again = gitlab.job(&mut run, "apply").await;
    assert_eq!(again.code, Some(3), "{again:?}");
    let mut schedule = Pipeline::of(&[("CI_PIPELINE_SOURCE", "schedule"), ("CI_COMMIT_BRANCH", "main")]);
    assert_eq!(gitlab.jobs(&schedule), ["drift"]);
    assert_eq!(gitlab.job(&mut schedule, "drift").await.code, Some(0));
    change_by_someone_else(&world).await;
    assert_eq!(gitlab.job(&mut schedule, "drift").await.code, Some(2));
    let drift = std::fs::read_to_string(schedule.artifact("drift", "drift.xml")).expect("a report");
    assert!(drift.contains("failures=\"1\""), "{drift}");
    // Deletions need a permission, which a pipeline that is run by hand gives to both command lines.
    let many = many();
    let web = [("CI_PIPELINE_SOURCE", "web"), ("CI_COMMIT_BRANCH", "main")];
    for (stack, permissions, codes) in [
        (format!("{STACK}{many}"), "", [Some(0), Some(0)]),
        (STACK.to_owned(), "", [Some(1), Some(1)]),
        (STACK.to_owned(), "--allow-deletes 7", [Some(0), Some(0)]),
    ] {
        world.file("stack/fgctl.yaml", &stack);
        let mut run = Pipeline::of(&[&web[..], &[("PERMISSIONS", permissions)]].concat());
        assert_eq!(gitlab.jobs(&run), ["plan", "apply"]);
        for (job, code) in ["plan", "apply"].into_iter().zip(codes) {
            let ran = gitlab.job(&mut run, job).await;
            assert_eq!(ran.code, code, "{permissions} {ran:?}");
        }
    }
}

#[tokio::test]
async fn shows_findings_and_gives_forks_no_plan() {
    let (world, pipeline) = (world().await, yaml("examples/pipelines/gitlab-ci.yaml"));
    let gitlab = gitlab(&world, &pipeline);
    let fork = [
        ("CI_PIPELINE_SOURCE", "merge_request_event"),
        ("CI_MERGE_REQUEST_PROJECT_ID", "1"),
        ("CI_MERGE_REQUEST_SOURCE_PROJECT_ID", "2"),
    ];
    assert_eq!(gitlab.jobs(&Pipeline::of(&fork)), ["validate"], "a member of the project runs it there");
    let mut run = Pipeline::of(&[&fork[..], &[("CI_PROJECT_ID", "2")]].concat());
    assert_eq!(gitlab.jobs(&run), ["validate"], "it runs in the fork");
    assert_eq!(gitlab.job(&mut run, "validate").await.code, Some(0));
    world.file("stack/fgctl.yaml", &STACK.replace("max_retries: 2", "max_retries: 7"));
    assert_eq!(gitlab.job(&mut run, "validate").await.code, Some(1));
    let quality = std::fs::read_to_string(run.artifact("validate", "quality.json")).expect("a report");
    let quality: Value = serde_json::from_str(&quality).expect("JSON");
    assert_eq!(
        (&quality[0]["location"]["path"], &quality[0]["location"]["lines"]["begin"]),
        (&json!("stack/fgctl.yaml"), &json!(8))
    );
    for branch in ["feature", ""] {
        assert_eq!(
            gitlab.jobs(&Pipeline::of(&[("CI_PIPELINE_SOURCE", "push"), ("CI_COMMIT_BRANCH", branch)])),
            Vec::<String>::new()
        );
    }
    for stage in texts(&pipeline["stages"]) {
        let job = &pipeline[&stage];
        assert!(job["artifacts"].is_null() || job["artifacts"]["expire_in"].is_string(), "{stage}: artifacts expire");
        assert_eq!(job["environment"].is_object(), stage != "validate", "{stage}: keys come from an environment");
    }
    assert_eq!(pipeline["apply"]["rules"][0]["when"], "manual");
    assert!(pipeline["apply"]["resource_group"].is_string(), "applies wait for each other");
}
