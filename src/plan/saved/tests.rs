//! Tests of complete, broken, edited and newer files, and of the reported differences.

use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::model::field::Field;
use crate::model::secret::Salt;
use crate::model::text::VariableName;
use crate::plan::tests::{address, after_apply, any_two_stacks, applied, code, policy, stack, wanted};
use crate::plan::{Permissions, plan};

fn project() -> Project {
    Project { endpoint: "https://fg.example".into(), region: "r".into(), project_id: "p".into() }
}

pub(super) fn saved(desired: &DesiredState, live: &LiveState) -> SavedPlan {
    let planned = plan(desired, live, Permissions::default());
    let files = Files { environment: None, manifests: Vec::new(), root: None, variables: Vec::new() };
    let origin = Origin {
        project: project(),
        files,
        options: Options::default(),
        salt: Salt::new([7; 16]),
        unset: BTreeSet::new(),
    };
    SavedPlan::new(desired, live, &planned.plan, origin)
}

/// Two functions as they were applied. The first has a policy and an environment.
pub(super) fn pair() -> (DesiredState, LiveState) {
    let mut one = wanted("one");
    one.function.policy = Some(policy(2, Some("two")));
    one.function.configuration.set_environment(BTreeMap::from([(VariableName::new("LEVEL").unwrap(), "info".into())]));
    let desired = stack([one, wanted("two")]);
    let live = after_apply(&desired);
    (desired, live)
}

pub(super) fn moves(before: &SavedPlan, now: &SavedPlan) -> Vec<String> {
    before.moved(now).iter().map(ToString::to_string).collect()
}

#[test]
fn a_file_contains_the_saved_plan() {
    let (mut desired, live) = pair();
    desired.functions.get_mut(&address("one")).unwrap().code = code("two");
    let saved = saved(&desired, &live);
    assert_eq!(parse(text(&saved).unwrap().as_bytes()).unwrap(), saved);
    assert_eq!(saved.plan().changes.len(), 1);
}

/// Reformatting a file does not change its content.
#[test]
fn white_space_does_not_change_the_checksum() {
    let (desired, live) = pair();
    let text = text(&saved(&desired, &live)).unwrap();
    let compact = serde_json::from_str::<Value>(&text).unwrap().to_string();
    assert!(parse(compact.as_bytes()).is_ok());
}

#[test]
fn damaged_and_newer_files_are_refused() {
    let (desired, live) = pair();
    let whole = text(&saved(&desired, &live)).unwrap();
    let with = |change: &dyn Fn(&mut Value)| {
        let mut document: Value = serde_json::from_str(&whole).unwrap();
        change(&mut document);
        document.to_string()
    };
    let table: [(String, &str); 8] = [
        (String::new(), "only part of one"),
        (whole[..whole.len() / 2].to_owned(), "only part of one"),
        ("null".into(), "no format_version"),
        ("[1]".into(), "no format_version"),
        (with(&|document| document["format_version"] = json!(2)), "has format 2, but this fgctl reads format 1"),
        (with(&|document| document["plan"]["stack"] = json!("other")), "was changed after"),
        (with(&|document| document["plan"] = json!({})), "was changed after"),
        (with(&|document| document["checksum"] = json!(null)), "only part of one"),
    ];
    for (text, expected) in table {
        let error = parse(text.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

/// Every truncated file is refused without a panic.
#[test]
fn a_truncated_file_is_refused() {
    let (desired, live) = pair();
    let whole = text(&saved(&desired, &live)).unwrap();
    // Only the last line break may be missing.
    assert!((0..whole.len() - 1).all(|length| parse(&whole.as_bytes()[..length]).is_err()));
}

#[test]
fn a_plan_is_for_one_project() {
    let (desired, live) = pair();
    let saved = saved(&desired, &live);
    assert_eq!(saved.is_for(&project()), Ok(()));
    let elsewhere = [
        Project { endpoint: "https://other.example".into(), ..project() },
        Project { region: "other".into(), ..project() },
        Project { project_id: "other".into(), ..project() },
    ];
    for (project, expected) in elsewhere.iter().zip(["endpoint", "region", "project"]) {
        let error = saved.is_for(project).unwrap_err().to_string();
        assert!(error.contains(&format!("made for the {expected} ")), "{error}");
    }
}

/// Values that only live has may be secrets. The file contains neither the values nor fast hashes of them.
#[test]
fn a_file_contains_no_live_values() {
    let (desired, mut live) = pair();
    let found = live.functions.get_mut(&address("one")).unwrap();
    found.configuration.set_entry(Field::Environment, "PASSWORD", "hunter2");
    let plan = saved(&desired, &live);
    let text = text(&plan).unwrap();
    assert!(!text.contains("hunter2"), "{text}");
    let fields = live.functions[&address("one")].configuration.fields(&BTreeSet::new());
    let environment = fields.into_iter().filter(|(path, _)| path.field == Field::Environment).collect();
    assert!(!text.contains(&crate::model::mark::of_fields(&environment)));
    // A change of such a value is still detected.
    live.functions.get_mut(&address("one")).unwrap().configuration.set_entry(Field::Environment, "PASSWORD", "*");
    assert_eq!(moves(&plan, &saved(&desired, &live)), ["function:default/one: live changed: /environment"]);
}

#[test]
fn the_published_schema_is_current_and_accepts_saved_plans() {
    let committed = include_str!("../../../schemas/plan.schema.json");
    let current = serde_json::to_string_pretty(&schema()).unwrap() + "\n";
    assert!(committed == current, "the schema is stale: run `fgctl schema plan > schemas/plan.schema.json`");
    let (mut desired, live) = pair();
    desired.functions.get_mut(&address("one")).unwrap().code = code("two");
    let document = serde_json::from_str(&text(&saved(&desired, &live)).unwrap()).unwrap();
    let validator = jsonschema::validator_for(&schema()).unwrap();
    assert!(validator.is_valid(&document));
    assert!(!validator.is_valid(&json!({ "format_version": 1 })));
}

proptest! {
    /// A saved plan is read back unchanged. It stays valid while nothing changes, and becomes stale when it is applied.
    #[test]
    fn a_plan_can_be_applied_once((before, after) in any_two_stacks()) {
        let live = after_apply(&before);
        let kept = saved(&after, &live);
        let read = parse(text(&kept).unwrap().as_bytes()).unwrap();
        prop_assert_eq!(&read, &kept);
        prop_assert_eq!(moves(&read, &kept), Vec::<String>::new());
        let planned = plan(&after, &live, Permissions::default());
        let then = saved(&after, &applied(&planned.plan, &live));
        prop_assert_eq!(moves(&read, &then).is_empty(), kept.changes.is_empty());
        prop_assert_eq!(read.is_done(&then), !kept.changes.is_empty());
    }

    #[test]
    fn arbitrary_bytes_are_refused_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        prop_assert!(parse(&bytes).is_err());
    }
}
