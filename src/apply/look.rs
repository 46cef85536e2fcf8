//! Decides whether live still matches what the plan saw, just before a write. Pure. Additions count as much as changes.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

use crate::model::field::{Field, FieldSet, Fields, Path, first_difference};
use crate::model::function::LiveConfiguration;
use crate::model::mark;
use crate::model::state::LiveFunction;

use super::error::Error;

/// Fields that may have changed without harm.
#[derive(Debug, Default)]
pub(super) struct Uncompared {
    pub(super) fields: FieldSet,
    pub(super) entries: BTreeSet<Path>,
}

pub(super) fn moved(what: String) -> Error {
    Error::Moved { what }
}

/// Before an update: checks that nothing changed that the update would overwrite.
pub(super) fn unmoved(seen: &LiveFunction, now: &LiveFunction, uncompared: &Uncompared) -> Result<(), Error> {
    match difference(seen, now, uncompared) {
        None => Ok(()),
        Some((what, how)) => {
            let who = if has_other_marks(seen, now) { ", which another apply of this stack wrote," } else { "" };
            Err(moved(format!("{what} of function {}{who} {how}", seen.address)))
        }
    }
}

/// Whether another apply has marked the function since. Only an apply writes a valid mark for this function.
fn has_other_marks(seen: &LiveFunction, now: &LiveFunction) -> bool {
    let marked = now.marks.get(mark::CONFIG);
    seen.stack() == now.stack() && now.marks.was_protected().is_some() && seen.marks.get(mark::CONFIG) != marked
}

/// Before a deletion: checks that nothing changed and nothing was added. Parts that are already gone do not matter.
pub(super) fn deletable(seen: &LiveFunction, now: &LiveFunction) -> Result<(), Error> {
    unmoved(seen, now, &Uncompared::default())?;
    let policy = match (&seen.policy, &now.policy) {
        (None, Some(_)) => Some(("the policy", "appeared")),
        (Some(seen), Some(now)) if !seen.is_still(now) => Some(("the policy", "changed")),
        _ => None,
    };
    let mut attached = now.attached.iter().filter(|(name, said)| seen.attached.get(*name) != Some(said));
    let attached = attached
        .next()
        .map(|(what, _)| (what.to_string(), if seen.attached.contains_key(what) { "changed" } else { "appeared" }));
    let mut published = now.published.iter().filter_map(|(qualifier, now)| {
        let seen = seen.published.get(qualifier);
        let how = if seen.is_some() { "changed" } else { "appeared" };
        (!seen.is_some_and(|seen| seen.is_still(now))).then(|| (format!("the policy of {qualifier}"), how))
    });
    let own = policy.map(|(what, how)| (what.to_owned(), how)).or(attached);
    match own.or_else(|| published.next()).or_else(|| modified(seen, now)) {
        None => Ok(()),
        Some((what, how)) => Err(moved(format!("{what} of function {} {how}", seen.address))),
    }
}

/// A change that no read shows, except for its time.
fn modified(seen: &LiveFunction, now: &LiveFunction) -> Option<(String, &'static str)> {
    let (before, after) = seen.modified.zip(now.modified)?;
    (before != after).then(|| ("the configuration or the code".to_owned(), "changed"))
}

/// The first difference, and its kind.
fn difference(seen: &LiveFunction, now: &LiveFunction, uncompared: &Uncompared) -> Option<(String, &'static str)> {
    let LiveFunction {
        address: _,
        configuration,
        secret_names,
        code,
        policy: _,
        published: _,
        triggers: _,
        attached: _,
        marks,
        unseen,
        extend_config: _,
        is_of_v1: _,
        modified: _,
    } = seen;
    let Uncompared { fields: not_compared, entries } = uncompared;
    // The two answers may show different subsets of the fields that are newer than the first release.
    let unseen = unseen.union(now.unseen);
    let is_seen = |field: Field| field.is_first() || !unseen.contains(field);
    let compared = |configuration: &LiveConfiguration| {
        let mut fields = configuration.fields(&BTreeSet::new());
        let is_compared = |path: &Path| is_seen(path.field) && !not_compared.contains(path.field);
        fields.retain(|path, _| is_compared(path) && !entries.contains(path));
        fields
    };
    let (before, after) = (compared(configuration), compared(&now.configuration));
    if let Some(path) = first_difference(&before, &after) {
        let is_present = |fields: &Fields| fields.contains_key(path) || path.default_value() != Value::Null;
        return Some((path.to_string(), how(is_present(&before), is_present(&after))));
    }
    let secret = secret_names.symmetric_difference(&now.secret_names).next();
    if let Some(name) = secret.filter(|_| !not_compared.contains(Field::Secrets)) {
        return Some((format!("the secret {name}"), how(secret_names.contains(name), now.secret_names.contains(name))));
    }
    let is_other_image = code.image.is_some() && code.image != now.code.image;
    if (code.digest != now.code.digest || is_other_image) && !not_compared.contains(Field::Code) {
        return Some(("the code".into(), "changed"));
    }
    let tags = |live: &LiveFunction| -> BTreeMap<String, String> {
        // These marks belong to changes of their own, which may have run before.
        let own = live.marks.iter().filter(|(key, _)| !mark::OF_PARTS.contains(key));
        own.map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
    };
    debug_assert_eq!(marks.function(), now.marks.function());
    let (before, after) = (tags(seen), tags(now));
    let key = before.keys().chain(after.keys()).find(|key| before.get(*key) != after.get(*key))?;
    Some((format!("the tag {key}"), how(before.contains_key(key), after.contains_key(key))))
}

const fn how(was_present: bool, is_present: bool) -> &'static str {
    match (was_present, is_present) {
        (false, _) => "appeared",
        (true, false) => "is gone",
        (true, true) => "changed",
    }
}
