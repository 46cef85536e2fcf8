//! Decides which items of a long list are shown together: equal ones, and many that differ but need only a line each.

use std::collections::BTreeMap;

use super::group::Detail;

/// Up to this many equal items are shown one by one.
const FEW: usize = 3;
/// Up to this many items that differ are shown one by one.
const MANY: usize = 10;

/// Divides items into those that are shown together. `alike` is the key of an item that a line can show. Within a group,
/// items keep their order.
pub(super) fn together<T>(
    items: impl IntoIterator<Item = T>,
    equal: impl Fn(&T) -> String,
    alike: impl Fn(&T) -> Option<String>,
) -> Vec<Vec<T>> {
    let (mut groups, different) = self::equal(items, equal);
    let mut similar: BTreeMap<String, Vec<T>> = BTreeMap::new();
    for item in different {
        match alike(&item) {
            Some(key) => similar.entry(key).or_default().push(item),
            None => groups.push(vec![item]),
        }
    }
    for items in similar.into_values() {
        if items.len() > MANY {
            groups.push(items);
        } else {
            groups.extend(items.into_iter().map(|item| vec![item]));
        }
    }
    groups
}

/// The groups of equal items, and the items that are in none. Both keep their order.
pub(super) fn equal<T>(items: impl IntoIterator<Item = T>, key: impl Fn(&T) -> String) -> (Vec<Vec<T>>, Vec<T>) {
    let mut groups: BTreeMap<String, Vec<(usize, T)>> = BTreeMap::new();
    for (index, item) in items.into_iter().enumerate() {
        groups.entry(key(&item)).or_default().push((index, item));
    }
    let (groups, rest): (Vec<_>, Vec<_>) = groups.into_values().partition(|group| group.len() > FEW);
    let mut rest: Vec<(usize, T)> = rest.into_iter().flatten().collect();
    rest.sort_by_key(|(index, _)| *index);
    let items = |all: Vec<(usize, T)>| all.into_iter().map(|(_, item)| item).collect();
    (groups.into_iter().map(items).collect(), items(rest))
}

/// The same, but items that are not in a group of equal ones are alone; with all details, each one is. The groups are in the
/// order of their first items.
pub(super) fn grouped<T>(
    items: impl IntoIterator<Item = T>,
    detail: Detail,
    key: impl Fn(&T) -> String,
) -> Vec<Vec<T>> {
    if detail == Detail::Full {
        return items.into_iter().map(|item| vec![item]).collect();
    }
    let numbered = items.into_iter().enumerate();
    let mut groups = together(numbered, |(_, item)| key(item), |_| None);
    groups.sort_by_key(|group| group[0].0);
    groups.into_iter().map(|group| group.into_iter().map(|(_, item)| item).collect()).collect()
}
