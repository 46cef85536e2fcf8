//! Decides which changes of a plan are shown together, so that a long plan stays readable. A group hides nothing that
//! is lost: each deletion and each replacement keeps a line of its own.

use std::fmt::Write;

use crate::model::address::Address;
use crate::plan::change::{Action, ChangeOf, FieldChange};

use super::style::{BOLD, paint, symbol};
use super::{alike, change, count};

/// How much of a plan is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Detail {
    /// Equal changes are shown together, and many changes that differ take one line each.
    #[default]
    Grouped,
    /// Every change with all of its fields.
    Full,
}

impl Detail {
    /// The length of a list that is otherwise cut off after this many items.
    pub(super) const fn limit(self, otherwise: usize) -> usize {
        match self {
            Self::Grouped => otherwise,
            Self::Full => usize::MAX,
        }
    }
}

/// The number of names on the line of a group.
pub(super) const NAMED: usize = 9;
/// The longest line of a change in a group, in characters.
pub(super) const LINE: usize = 150;

/// Changes that are shown together, in the order of the plan.
#[derive(Debug)]
pub(super) enum Part<'c, S> {
    One(&'c ChangeOf<S>),
    Group(Group<'c, S>),
}

/// Changes of the same kind with the same action and reason, at least two.
#[derive(Debug)]
pub(super) struct Group<'c, S> {
    pub(super) changes: Vec<&'c ChangeOf<S>>,
    /// The fields that change alike in all of them.
    shared: Vec<&'c FieldChange>,
}

/// How a group names its changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Names {
    /// The first ones, unless each change needs a line.
    First,
    /// Each on a line of its own.
    All,
}

/// Divides changes into parts.
pub(super) fn parts<'c, S>(changes: impl IntoIterator<Item = &'c ChangeOf<S>>, detail: Detail) -> Vec<Part<'c, S>> {
    if detail == Detail::Full {
        return changes.into_iter().map(Part::One).collect();
    }
    let equal = |change: &&ChangeOf<S>| {
        let ChangeOf { address, action, reason, fields, waits_for: _, turns: _, step: _ } = change;
        // Values have no order, but their JSON does.
        serde_json::json!([address.kind, action, reason, fields]).to_string()
    };
    let alike = |change: &&ChangeOf<S>| {
        let ChangeOf { address, action, reason, .. } = change;
        fits_on_line(change).then(|| serde_json::json!([address.kind, action, reason.to_string()]).to_string())
    };
    let mut parts: Vec<Part<'c, S>> = alike::together(changes, equal, alike).into_iter().map(Part::of).collect();
    parts.sort_by(|one, other| one.first().address.cmp(&other.first().address));
    parts
}

/// Whether a line can show the change. Only what is new may be shortened.
fn fits_on_line<S>(change: &ChangeOf<S>) -> bool {
    let fields = || change.fields.iter();
    let length = || line(change, fields()).chars().count();
    change.action == Action::Create || (!fields().any(change::has_lines) && length() <= LINE)
}

/// A change with these fields on one line, however long that is.
fn line<'f, S>(change: &ChangeOf<S>, fields: impl Iterator<Item = &'f FieldChange>) -> String {
    let mut text = change.address.to_string();
    for field in fields {
        // Writing to a string cannot fail.
        let _ = write!(text, "  {}", change::on_one_line(field, change.action));
    }
    text
}

impl<'c, S> Part<'c, S> {
    fn of(changes: Vec<&'c ChangeOf<S>>) -> Self {
        if let [change] = changes[..] {
            return Self::One(change);
        }
        let fields = changes.first().map(|first| &first.fields[..]).unwrap_or_default();
        let is_shared = |field: &&FieldChange| changes.iter().all(|change| change.fields.contains(field));
        let shared = fields.iter().filter(is_shared).collect();
        Self::Group(Group { changes, shared })
    }

    pub(super) fn changes(&self) -> &[&'c ChangeOf<S>] {
        match self {
            Self::One(change) => std::slice::from_ref(change),
            Self::Group(Group { changes, shared: _ }) => changes,
        }
    }

    fn first(&self) -> &'c ChangeOf<S> {
        self.changes()[0]
    }

    /// Whether something is deleted.
    pub(super) fn deletes(&self) -> bool {
        self.first().action.deletes()
    }

    /// The address of a change, or the number of changes in a group.
    pub(super) fn title(&self) -> String {
        match self {
            Self::One(change) => change::title(change),
            Self::Group(group) => group.title(),
        }
    }

    /// Everything about the changes, line by line.
    pub(super) fn text(&self, names: Names) -> String {
        match self {
            Self::One(change) => change::change(change),
            Self::Group(group) => group.text(names),
        }
    }
}

impl<S> Group<'_, S> {
    fn title(&self) -> String {
        let Self { changes, shared: _ } = self;
        let first = &changes[0];
        format!("{} {}", symbol(first.action), paint(BOLD, count::resources(first.address.kind, changes.len())))
    }

    fn text(&self, names: Names) -> String {
        let Self { changes, shared } = self;
        let mut text = format!("{}\n{}", self.title(), change::body(changes[0], shared.iter().copied()));
        let is_equal = changes.iter().all(|change| change.fields.len() == shared.len());
        if is_equal && names == Names::First && !changes[0].action.deletes() {
            let names = changes.iter().map(|change| name(&change.address));
            // Writing to a string cannot fail.
            let _ = writeln!(text, "    {}", count::named(names, NAMED));
            return text;
        }
        for change in changes {
            let own = change.fields.iter().filter(|field| !shared.contains(field));
            let _ = writeln!(text, "    {} {}", symbol(change.action), shortened(line(change, own)));
        }
        text
    }
}

/// An address below a heading that gives its kind.
pub(super) fn name(address: &Address) -> String {
    let text = address.to_string();
    text.split_once(':').map_or(text.clone(), |(_, name)| name.to_owned())
}

fn shortened(line: String) -> String {
    if line.chars().count() <= LINE {
        return line;
    }
    line.chars().take(LINE - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::field::{Field, Path};
    use crate::plan::change::{Reason, Recorded, Shown};

    fn value(path: Path, before: impl Into<serde_json::Value>, after: impl Into<serde_json::Value>) -> FieldChange {
        FieldChange { path, before: Shown::Value(before.into()), after: Shown::Value(after.into()) }
    }

    fn level(after: &str) -> FieldChange {
        value(Path::entry(Field::Environment, "LEVEL"), "info", after)
    }

    fn memory(after: u32) -> FieldChange {
        value(Path::of(Field::Memory), 128, after)
    }

    fn change(kind: &str, number: usize, action: Action) -> Recorded {
        let address = format!("{kind}:default/f{number:03}").parse().expect("an address");
        let reason = if action == Action::Delete { Reason::Undeclared } else { Reason::Missing };
        Recorded::new(address, action, reason, ())
    }

    /// Functions with these numbers whose changes `fields` gives.
    fn functions(
        numbers: std::ops::Range<usize>,
        action: Action,
        fields: impl Fn(usize) -> Vec<FieldChange>,
    ) -> Vec<Recorded> {
        numbers.map(|number| change("function", number, action).with_fields(fields(number))).collect()
    }

    fn text(changes: &[Recorded], names: Names) -> String {
        let parts = parts(changes, Detail::Grouped);
        super::super::style::plain(&parts.iter().map(|part| part.text(names)).collect::<String>())
    }

    #[test]
    fn equal_changes_are_shown_together() {
        let changes = functions(0..180, Action::Update, |_| vec![level("debug"), memory(256)]);
        insta::assert_snapshot!(text(&changes, Names::First), @r#"
        ~ 180 functions
            update: declared but not live
            environment.LEVEL  "info" → "debug"
            memory             128 → 256
            default/f000, default/f001, default/f002, default/f003, default/f004, default/f005, default/f006, default/f007, default/f008, … and 171 more
        "#);
        let all = text(&changes, Names::All);
        assert!(changes.iter().all(|change| all.contains(&format!("    ~ {}\n", change.address))), "{all}");
        assert_eq!(parts(&changes, Detail::Full).len(), 180);
    }

    #[test]
    fn a_few_changes_and_different_ones_are_shown_one_by_one() {
        let same = |_| vec![level("debug")];
        assert_eq!(parts(&functions(0..3, Action::Update, same), Detail::Grouped).len(), 3);
        assert_eq!(parts(&functions(0..4, Action::Update, same), Detail::Grouped).len(), 1);
        let different = |number: usize| vec![level(&number.to_string())];
        assert_eq!(parts(&functions(0..10, Action::Update, different), Detail::Grouped).len(), 10);
    }

    #[test]
    fn many_different_changes_take_a_line_each() {
        let changes = functions(0..11, Action::Create, |number| {
            let text = if number == 1 { "long ".repeat(40) } else { format!("number {number}") };
            vec![value(Path::of(Field::Description), json!(null), text), memory(256)]
        });
        insta::assert_snapshot!(text(&changes, Names::First), @r#"
        + 11 functions
            create: declared but not live
            memory  256
            + function:default/f000  description "number 0"
            + function:default/f001  description "long long long long long long long long long long long long long long long long long long long long long long lon…
            + function:default/f002  description "number 2"
            + function:default/f003  description "number 3"
            + function:default/f004  description "number 4"
            + function:default/f005  description "number 5"
            + function:default/f006  description "number 6"
            + function:default/f007  description "number 7"
            + function:default/f008  description "number 8"
            + function:default/f009  description "number 9"
            + function:default/f010  description "number 10"
        "#);
    }

    /// Only a new resource may be shortened.
    #[test]
    fn an_update_that_does_not_fit_on_a_line_is_shown_in_full() {
        let long = "long ".repeat(40);
        let changes = functions(0..20, Action::Update, |number| match number {
            5 => vec![level(&long)],
            6 => vec![level("one\ntwo")],
            other => vec![level(&other.to_string())],
        });
        let text = text(&changes, Names::First);
        assert!(text.starts_with("~ 18 functions\n"), "{text}");
        assert!(text.contains("~ function:default/f005\n") && text.contains(&long), "{text}");
        assert!(text.contains("~ function:default/f006\n") && text.contains("      + two\n"), "{text}");
    }

    /// The kinds and the reasons are kept apart, too.
    #[test]
    fn each_deletion_keeps_a_line() {
        let mut changes = functions(0..40, Action::Delete, |_| Vec::new());
        changes.extend((0..4).map(|number| change("async_policy", number, Action::Delete)));
        changes.sort_by(|one, other| one.address.cmp(&other.address));
        let text = text(&changes, Names::First);
        for change in &changes {
            assert!(text.contains(&format!("    - {}\n", change.address)), "{text}");
        }
        assert!(text.starts_with(
            "- 40 functions\n    delete: owned by this stack, but no longer declared\n    its versions, aliases and triggers are deleted too\n"
        ), "{text}");
        assert!(text.contains("\n- 4 policies\n"), "{text}");
    }

    #[test]
    fn no_change_gets_lost() {
        let mut changes = functions(0..30, Action::Update, |number| vec![level(&(number % 7).to_string())]);
        changes.extend(functions(30..60, Action::Create, |number| vec![memory(u32::try_from(number).expect("small"))]));
        changes.extend(functions(60..63, Action::Delete, |_| Vec::new()));
        let mut seen: Vec<&Address> = parts(&changes, Detail::Grouped)
            .iter()
            .flat_map(|part| part.changes().iter().map(|change| &change.address).collect::<Vec<_>>())
            .collect();
        seen.sort();
        assert_eq!(seen, changes.iter().map(|change| &change.address).collect::<Vec<_>>());
    }
}
