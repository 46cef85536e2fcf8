//! Secrets are compared by their names and marks, and never shown.

use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};

use super::{address, after_apply, code, described, errors, marks_of, remove_tag, stack, wanted};
use crate::diagnostic::Spot;
use crate::model::field::Field;
use crate::model::mark;
use crate::model::secret::Secret;
use crate::model::state::{DesiredState, LiveState};
use crate::model::text::VariableName;
use crate::plan::change::{Cause, Facet, Reason, Shown};
use crate::plan::selection::{self, Selection};
use crate::plan::{Permissions, guard, plan, plan_selected};

#[test]
fn secrets_are_compared_by_name_and_mark_and_never_shown() {
    let secret = Secret { variable: "X".into(), value: None, spot: Spot::value(0, "") };
    let mut one = wanted("one");
    one.function.secrets = BTreeMap::from([(VariableName::new("PASSWORD").unwrap(), secret)]);
    one.secrets_mark = Some("1.salt.hash".into());
    let desired = stack([one]);
    let live = after_apply(&desired);
    assert_eq!(described(&plan(&desired, &live, Permissions::default())), Vec::<String>::new());
    let mut changed = desired.clone();
    changed.functions.get_mut(&address("one")).unwrap().secrets_mark = Some("1.salt.other".into());
    let planned = plan(&changed, &live, Permissions::default());
    let field = &planned.plan.changes[0].fields[0];
    assert_eq!((&field.before, &field.after), (&Shown::Sensitive, &Shown::Sensitive));
    assert_eq!(planned.plan.changes[0].reason, Reason::Differs(vec![(Facet::Secrets, Cause::Pending)]));
    // Removing all secrets from the manifest is a change of the manifest.
    let none = stack([wanted("one")]);
    let planned = plan(&none, &live, Permissions::default());
    assert_eq!(planned.plan.changes[0].reason, Reason::Differs(vec![(Facet::Secrets, Cause::Pending)]));
    // An apply with secrets would have left a mark, so someone else added this one.
    let mut given = after_apply(&none);
    given.functions.get_mut(&address("one")).unwrap().secret_names = BTreeSet::from(["OTHER".to_owned()]);
    let planned = plan(&none, &given, Permissions::default());
    assert_eq!(planned.plan.changes[0].reason, Reason::Differs(vec![(Facet::Secrets, Cause::Drift)]));
    // The names differ. Without the values, it is unknown whether the mark matches the declared secrets.
    let mut unset = desired.clone();
    unset.functions.get_mut(&address("one")).unwrap().secrets_mark = None;
    let mut renamed = live.clone();
    renamed.functions.get_mut(&address("one")).unwrap().secret_names = BTreeSet::from(["OTHER".to_owned()]);
    let planned = plan(&unset, &renamed, Permissions::default());
    assert_eq!(planned.plan.changes[0].reason, Reason::Differs(vec![(Facet::Secrets, Cause::Unmarked)]));
    // An unset variable proves nothing about the value.
    changed.functions.get_mut(&address("one")).unwrap().secrets_mark = None;
    assert_eq!(described(&plan(&changed, &live, Permissions::default())), Vec::<String>::new());
}

/// Whether the values are set or not: without a mark, nothing shows whether they match.
#[test]
fn secrets_of_an_unowned_function_cannot_be_compared() {
    let adopt = Permissions { adopt: true, ..Permissions::default() };
    for mark in [None, Some("1.salt.hash".to_owned())] {
        let mut one = wanted("one");
        let secret = Secret { variable: "X".into(), value: None, spot: Spot::value(0, "") };
        one.function.secrets = BTreeMap::from([(VariableName::new("PASSWORD").unwrap(), secret)]);
        one.secrets_mark = mark;
        let desired = stack([one]);
        let mut live = after_apply(&desired);
        let found = live.functions.get_mut(&address("one")).unwrap();
        found.marks = marks_of(&address("one"));
        found.code.file_name = String::new();
        found.code.contents = Some(code("one").hash());
        let said = |desired: &DesiredState, live: &LiveState| {
            let planned = plan(desired, live, Permissions::default());
            planned.diagnostics.iter().map(|found| found.message.clone()).collect::<Vec<_>>()
        };
        let unknown = "function default/one exists, is unowned, and fgctl cannot compare the values of its secrets";
        assert_eq!(said(&desired, &live), [unknown]);
        assert_eq!(errors(&plan(&desired, &live, adopt)), Vec::<&str>::new());
        let found = live.functions.get_mut(&address("one")).unwrap();
        found.configuration.set(Field::Memory, 512);
        let differs = "function default/one exists, is unowned and differs in memory, and fgctl cannot compare the values \
                       of its secrets";
        assert_eq!(said(&desired, &live), [differs]);
        let mut ignored = desired.clone();
        ignored.functions.get_mut(&address("one")).unwrap().function.ignore = [Field::Secrets, Field::Memory].into();
        assert_eq!(errors(&plan(&ignored, &live, Permissions::default())), Vec::<&str>::new());
    }
}

#[test]
fn a_live_environment_value_from_someone_else_is_not_shown() {
    let mut one = wanted("one");
    one.function.configuration.set_environment(BTreeMap::from([(VariableName::new("LEVEL").unwrap(), "info".into())]));
    let desired = stack([one]);
    let mut live = after_apply(&desired);
    let configuration = &mut live.functions.get_mut(&address("one")).unwrap().configuration;
    configuration.set_entry(Field::Environment, "PASSWORD", "hunter2");
    let planned = plan(&desired, &live, Permissions::default());
    assert!(!format!("{:?}", planned.plan.changes[0].fields).contains("hunter2"));
}

/// A configuration write cannot send back secrets whose values are not known here.
#[test]
fn a_configuration_write_puts_secrets_with_unknown_values_at_risk() {
    type Case<'a> = (&'a [&'a str], bool, &'a [&'a str], Option<(&'a str, &'a [&'a str])>, bool, bool);
    const FIRST_FORM: &str = "first form";
    let salt = "0".repeat(32);
    let short = |name: &&str| hex::encode(&Sha256::digest(name)[..2]);
    let mark_of = |(hash, applied): (&str, &[&str])| match hash {
        FIRST_FORM => format!("1.{salt}.{}", "0".repeat(32)),
        _ => {
            let applied: String = applied.iter().map(short).collect();
            format!("2.{salt}..{}..{applied}", hex::encode(&Sha256::digest(hash)[..16]))
        }
    };
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
    // Declared, ignored, live, the content of the live mark, whether the memory changes, whether secrets are at risk.
    let cases: [Case<'_>; 14] = [
        (&[], false, &[], None, true, false),
        (&["A"], false, &["A"], Some(("same", &["A"])), true, false),
        (&["A"], false, &["A"], Some(("other", &["A"])), false, false),
        (&["A"], false, &["A", "B"], Some(("same", &["A"])), false, true),
        (&["A"], false, &["A", "B"], Some(("other", &["A", "B"])), true, false),
        // Someone added a secret, and the manifest's own secret has a new value.
        (&["A"], false, &["A", "B"], Some(("other", &["A"])), true, true),
        (&["A"], false, &["A", "B"], Some((FIRST_FORM, &[])), true, true),
        (&["A"], false, &["A", "B"], None, true, true),
        (&[], false, &["B"], None, false, true),
        (&[], false, &["B"], Some(("other", &["B"])), false, false),
        (&[], true, &["B"], None, false, false),
        (&[], true, &["B"], None, true, true),
        (&["B"], true, &["B"], Some(("same", &["B"])), true, true),
        (&["B"], true, &[], None, true, false),
    ];
    for (declared, ignored, found, marked, writes, at_risk) in cases {
        let mut one = wanted("one");
        let secret = |name: &&str| {
            let secret = Secret { variable: "X".into(), value: Some("value".into()), spot: Spot::value(0, "") };
            (VariableName::new(*name).unwrap(), secret)
        };
        one.function.secrets = declared.iter().map(secret).collect();
        one.secrets_mark = (!declared.is_empty()).then(|| mark_of(("same", declared)));
        if ignored {
            one.function.ignore.insert(Field::Secrets);
        }
        let desired = stack([one]);
        let mut live = after_apply(&desired);
        let function = live.functions.get_mut(&address("one")).unwrap();
        function.secret_names = names(found);
        remove_tag(function, mark::SECRETS);
        if let Some(marked) = marked {
            function.marks.set(mark::SECRETS, mark_of(marked));
        }
        if writes {
            function.configuration.set(Field::Memory, 1024);
        }
        let case = format!("{declared:?} {ignored} {found:?} {marked:?} {writes}");
        let expected = if at_risk { vec![guard::SECRETS_AT_RISK] } else { Vec::new() };
        assert_eq!(errors(&plan(&desired, &live, Permissions::default())), expected, "{case}");
        let allowed = plan(&desired, &live, Permissions { allow_secret_loss: true, ..Permissions::default() });
        assert_eq!(errors(&allowed), Vec::<&str>::new(), "{case}");
        assert_eq!(allowed.diagnostics.iter().any(|found| found.code == guard::SECRETS_AT_RISK), at_risk, "{case}");
    }
}

/// Configuration and secrets share one request, and a partial plan must say so.
#[test]
fn a_partial_plan_that_writes_the_configuration_also_lists_the_secrets() {
    let secret = Secret { variable: "X".into(), value: Some("value".into()), spot: Spot::value(0, "") };
    let mut one = wanted("one");
    one.function.secrets = BTreeMap::from([(VariableName::new("PASSWORD").unwrap(), secret)]);
    one.secrets_mark = Some("1.salt.hash".into());
    let mut desired = stack([one]);
    let mut live = after_apply(&desired);
    live.functions.get_mut(&address("one")).unwrap().configuration.set(Field::Memory, 1024);
    desired.functions.get_mut(&address("one")).unwrap().secrets_mark = Some("1.salt.other".into());
    let selection = Selection { only: Some(selection::Only::Drift), ..Selection::default() };
    let planned = plan_selected(&desired, &live, Permissions::default(), &selection);
    let fields: Vec<Field> = planned.plan.changes[0].fields.iter().map(|change| change.path.field).collect();
    assert_eq!(fields, [Field::Memory, Field::Secrets]);
}
