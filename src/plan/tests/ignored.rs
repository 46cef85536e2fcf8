//! Fields and entries that a manifest leaves to others.

use std::collections::{BTreeMap, BTreeSet};

use super::{address, after_apply, applied, described, stack, wanted};
use crate::model::async_policy::LivePolicy;
use crate::model::field::{Field, Path};
use crate::model::function::LiveConfiguration;
use crate::model::state::LiveFunction;
use crate::model::text::VariableName;
use crate::plan::change::{Cause, Facet, Reason};
use crate::plan::{Permissions, plan};

#[test]
fn an_ignored_field_is_neither_compared_nor_written() {
    let mut one = wanted("one");
    one.function.ignore = BTreeSet::from([Field::Description, Field::Async]);
    let desired = stack([one]);
    let mut live = after_apply(&desired);
    let found = live.functions.get_mut(&address("one")).unwrap();
    found.configuration.description = "by someone else".into();
    found.policy = Some(LivePolicy {
        max_retries: 0,
        max_validity_period: 1,
        on_success: None,
        on_failure: None,
        status_log: None,
        others: serde_json::Map::new(),
    });
    assert_eq!(described(&plan(&desired, &live, Permissions::default())), Vec::<String>::new());
}

/// Single entries of a map can be ignored.
#[test]
fn an_ignored_entry_is_neither_compared_nor_changed() {
    let name = |name: &str| VariableName::new(name).unwrap();
    let mut one = wanted("one");
    one.function.configuration.environment =
        BTreeMap::from([(name("LEVEL"), "info".to_owned()), (name("OURS"), "1".to_owned())]);
    one.function.ignored_entries =
        BTreeSet::from([Path::entry(Field::Environment, "LEVEL"), Path::entry(Field::Tags, "team")]);
    let mut live = after_apply(&stack([one.clone()]));
    let configuration = &mut live.functions.get_mut(&address("one")).unwrap().configuration;
    configuration.environment.insert("LEVEL".into(), "debug".into());
    configuration.tags.insert("team".into(), "theirs".into());
    assert_eq!(described(&plan(&stack([one.clone()]), &live, Permissions::default())), Vec::<String>::new());
    one.function.configuration.environment.insert(name("OURS"), "2".to_owned());
    let desired = stack([one]);
    let planned = plan(&desired, &live, Permissions::default());
    assert_eq!(planned.plan.changes[0].reason, Reason::Differs(vec![(Facet::Config, Cause::Pending)]));
    let after = applied(&planned.plan, &live);
    assert_eq!(described(&plan(&desired, &after, Permissions::default())), Vec::<String>::new());
    let LiveConfiguration { environment, tags, .. } = &after.functions[&address("one")].configuration;
    assert_eq!(
        (environment["LEVEL"].as_str(), environment["OURS"].as_str(), tags["team"].as_str()),
        ("debug", "2", "theirs")
    );
}

#[test]
fn each_ignored_field_is_left_alone_by_writes_of_others() {
    for field in Field::IGNORABLE.into_iter().filter(|field| !matches!(field, Field::Secrets | Field::Async)) {
        let mut one = wanted("one");
        one.function.ignore = BTreeSet::from([field]);
        let mut live = after_apply(&stack([one.clone()]));
        let found = live.functions.get_mut(&address("one")).unwrap();
        found.configuration = LiveConfiguration {
            runtime: "Python3.9".into(),
            handler: "theirs.handler".into(),
            memory: 1024,
            timeout: 99,
            description: "theirs".into(),
            agency: Some("theirs".into()),
            initializer: Some(("theirs.start".into(), 9)),
            environment: BTreeMap::from([("THEIRS".into(), "1".into())]),
            tags: BTreeMap::from([("theirs".into(), "1".into())]),
        };
        found.code.digest = "theirs".into();
        let before = found.clone();
        let desired = stack([one]);
        let planned = plan(&desired, &live, Permissions::default());
        let after = applied(&planned.plan, &live);
        assert_eq!(described(&plan(&desired, &after, Permissions::default())), Vec::<String>::new(), "{field:?}");
        let after = &after.functions[&address("one")];
        let of_field = |live: &LiveFunction| {
            let mut fields = live.configuration.fields(&BTreeSet::new());
            fields.retain(|path, _| path.field == field);
            (fields, (field == Field::Code).then(|| live.code.digest.clone()))
        };
        assert_eq!(of_field(after), of_field(&before), "{field:?}");
    }
}
