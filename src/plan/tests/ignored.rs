//! Ignored fields and entries.

use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

use super::{address, after_apply, applied, described, stack, wanted};
use crate::model::async_policy::LivePolicy;
use crate::model::field::{Field, Path};
use crate::model::row::Ignore;
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
    found.configuration.set(Field::Description, "by someone else");
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
    one.function
        .configuration
        .set_environment(BTreeMap::from([(name("LEVEL"), "info".to_owned()), (name("OURS"), "1".to_owned())]));
    one.function.ignored_entries =
        BTreeSet::from([Path::entry(Field::Environment, "LEVEL"), Path::entry(Field::Tags, "team")]);
    let mut live = after_apply(&stack([one.clone()]));
    let configuration = &mut live.functions.get_mut(&address("one")).unwrap().configuration;
    configuration.set_entry(Field::Environment, "LEVEL", "debug");
    configuration.set_entry(Field::Tags, "team", "theirs");
    assert_eq!(described(&plan(&stack([one.clone()]), &live, Permissions::default())), Vec::<String>::new());
    let environment = [("LEVEL", "info"), ("OURS", "2")].map(|(key, value)| (name(key), value.to_owned()));
    one.function.configuration.set_environment(BTreeMap::from(environment));
    let desired = stack([one]);
    let planned = plan(&desired, &live, Permissions::default());
    assert_eq!(planned.plan.changes[0].reason, Reason::Differs(vec![(Facet::Config, Cause::Pending)]));
    let after = applied(&planned.plan, &live);
    assert_eq!(described(&plan(&desired, &after, Permissions::default())), Vec::<String>::new());
    let configuration = &after.functions[&address("one")].configuration;
    let entries = |field| configuration.entries(field).collect::<Vec<_>>();
    assert_eq!(entries(Field::Environment), [("LEVEL", "debug"), ("OURS", "2")]);
    assert_eq!(entries(Field::Tags), [("team", "theirs")]);
}

#[test]
fn each_ignored_field_is_left_alone_by_writes_of_others() {
    let is_in_configuration = |field: &Field| !matches!(field, Field::Secrets | Field::Async);
    let ignorable = Field::all().filter(|field| field.row().ignore != Ignore::Never);
    for field in ignorable.filter(is_in_configuration) {
        let mut one = wanted("one");
        one.function.ignore = BTreeSet::from([field]);
        let mut live = after_apply(&stack([one.clone()]));
        let found = live.functions.get_mut(&address("one")).unwrap();
        let fields = [
            (Field::Handler, json!("theirs.handler")),
            (Field::Memory, json!(1024)),
            (Field::Timeout, json!(99)),
            (Field::Description, json!("theirs")),
            (Field::Agency, json!("theirs")),
            (Field::Initializer, json!({ "handler": "theirs.start", "timeout": 9 })),
        ];
        for (field, value) in fields {
            found.configuration.set(field, value);
        }
        found.configuration.set_entry(Field::Environment, "THEIRS", "1");
        found.configuration.set_entry(Field::Tags, "theirs", "1");
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
