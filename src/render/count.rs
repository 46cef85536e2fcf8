//! Numbers of functions, policies and triggers: `12 functions to create, 3 to update; 1 policy to delete`.

use std::collections::BTreeMap;

use crate::model::address::Kind;
use crate::plan::change::PlanOf;

/// The changes of a plan, by kind and action.
pub(super) fn planned<S>(plan: &PlanOf<'_, S>) -> String {
    let changes = plan.changes.iter().map(|change| (change.address.kind, change.action));
    counts(changes, |action| format!("to {}", action.verb()))
}

/// Each kind with the number for each label, in the order of the labels.
pub(super) fn counts<L: Ord>(items: impl Iterator<Item = (Kind, L)>, label: impl Fn(&L) -> String) -> String {
    let mut kinds: BTreeMap<Kind, BTreeMap<L, usize>> = BTreeMap::new();
    for (kind, item) in items {
        *kinds.entry(kind).or_default().entry(item).or_default() += 1;
    }
    let of_kind = |(kind, counts): (&Kind, &BTreeMap<L, usize>)| {
        let one = |(index, (item, count)): (usize, (&L, &usize))| {
            let what = if index == 0 { resources(*kind, *count) } else { count.to_string() };
            format!("{what} {}", label(item))
        };
        counts.iter().enumerate().map(one).collect::<Vec<_>>().join(", ")
    };
    kinds.iter().map(of_kind).collect::<Vec<_>>().join("; ")
}

/// `1 function`, `12 policies`
pub(super) fn resources(kind: Kind, count: usize) -> String {
    let (one, many) = match kind {
        Kind::Function => ("function", "functions"),
        Kind::AsyncPolicy => ("policy", "policies"),
        Kind::Trigger => ("trigger", "triggers"),
    };
    format!("{count} {}", if count == 1 { one } else { many })
}

/// `1 change`, `12 changes`
pub(super) fn changes(count: usize) -> String {
    if count == 1 { "1 change".to_owned() } else { format!("{count} changes") }
}

/// The first names of a list, and how many more there are: `a, b, … and 7 more`. If `most` would leave out only one, all
/// are named.
pub(super) fn named(names: impl ExactSizeIterator<Item = String>, most: usize) -> String {
    let count = names.len();
    let shown = if count <= most.saturating_add(1) { count } else { most };
    let list = names.take(shown).collect::<Vec<_>>().join(", ");
    if shown == count { list } else { format!("{list}, … and {} more", count - shown) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_counted_on_its_own() {
        let items = [
            (Kind::AsyncPolicy, "to delete"),
            (Kind::Function, "to create"),
            (Kind::Function, "to update"),
            (Kind::Function, "to create"),
            (Kind::Trigger, "to create"),
        ];
        assert_eq!(
            counts(items.into_iter(), |label| (*label).to_owned()),
            "2 functions to create, 1 to update; 1 policy to delete; 1 trigger to create"
        );
    }

    #[test]
    fn a_list_never_leaves_out_a_single_name() {
        let list = |count: usize| named((0..count).map(|number| number.to_string()), 3);
        assert_eq!(list(0), "");
        assert_eq!(list(3), "0, 1, 2");
        assert_eq!(list(4), "0, 1, 2, 3");
        assert_eq!(list(5), "0, 1, 2, … and 2 more");
    }
}
