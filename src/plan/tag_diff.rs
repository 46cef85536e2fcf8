//! Which tags an update sets and removes: those that the manifest declares, and the marks of what was applied.

use std::collections::BTreeMap;

use crate::model::field::{Field, Path};
use crate::model::function::LiveConfiguration;
use crate::model::mark;
use crate::model::state::{DesiredState, LiveFunction, Ownership};

use super::change::Writes;
use super::declared::Declared;
use super::protection::Protection;

/// The tags to set and to remove. The mark of code that is not uploaded yet is still unknown.
pub(super) fn writes(
    desired: &DesiredState,
    declared: &Declared<'_>,
    live: &LiveFunction,
    protection: Protection,
) -> Writes {
    let function = &declared.wanted.function;
    let mut set_tags = marks_to_set(desired, declared, Some((live, protection)));
    let are_copied = live.marks.are_copied();
    let mut remove_tags: BTreeMap<String, String> = live
        .marks
        .iter()
        .filter(|(key, _)| match *key {
            mark::PROTECT => matches!(protection, Protection::Clear(_)),
            // Those of a policy without its function, and of a function that was given up.
            mark::POLICY | mark::RELEASED => true,
            _ if are_copied => !set_tags.contains_key(*key),
            mark::SECRETS => function.secrets.is_empty() && !function.ignore.contains(&Field::Secrets),
            _ => false,
        })
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect();
    if !function.ignore.contains(&Field::Tags) {
        let (tags, there) = (entries(declared.configuration, Field::Tags), entries(&live.configuration, Field::Tags));
        let is_managed = |key: &String| !function.ignored_entries.contains(&Path::entry(Field::Tags, key.as_str()));
        let undeclared = there.iter().filter(|(key, _)| is_managed(key) && !tags.contains_key(*key));
        remove_tags.extend(undeclared.map(|(key, value)| (key.clone(), value.clone())));
        set_tags
            .extend(tags.clone().into_iter().filter(|(key, value)| is_managed(key) && there.get(key) != Some(value)));
    }
    Writes { set_tags, remove_tags, ..Writes::default() }
}

/// The marks of fgctl that have to change, as far as they are known before the writes.
pub(super) fn marks_to_set(
    desired: &DesiredState,
    declared: &Declared<'_>,
    found: Option<(&LiveFunction, Protection)>,
) -> BTreeMap<String, String> {
    if desired.ownership == Ownership::Unowned {
        return BTreeMap::new();
    }
    let wanted = declared.wanted;
    let function = &wanted.function;
    let live = found.map(|(live, _)| live);
    let protects = found.map_or(function.is_protected(), |(_, protection)| matches!(protection, Protection::Set(_)));
    let protection_stays = found.is_some_and(|(_, protection)| protection.cause().is_none());
    let code = live.filter(|_| !function.ignore.contains(&Field::Code));
    let code = code.map(|live| {
        let (hash, digest) = (wanted.code.hash(), wanted.code.version().unwrap_or(live.code.version()));
        let marked = live.marks.get(mark::CODE).filter(|marked| mark::is_code(marked, &hash, digest));
        marked.map_or_else(|| mark::of_code(&hash, digest), str::to_owned)
    });
    let secrets = wanted.secrets_mark.clone().filter(|_| !function.ignore.contains(&Field::Secrets));
    let marks = [
        (mark::STACK, Some(desired.stack.to_string())),
        (mark::CONFIG, Some(declared.mark.clone())),
        (mark::CODE, code),
        (mark::SECRETS, secrets),
        (mark::PROTECT, protects.then(|| mark::PROTECTED.to_owned())),
    ];
    let is_present = |key, value: &String| match live.and_then(|live| live.marks.get(key)) {
        // A mark of an earlier version is replaced only if the fields changed.
        Some(marked) if key == mark::CONFIG && protection_stays && mark::fields_part(marked) == marked => {
            marked == mark::fields_part(value)
        }
        marked => marked == Some(value),
    };
    let marks = marks.into_iter().filter_map(|(key, value)| Some((key, value?)));
    marks.filter(|(key, value)| !is_present(key, value)).map(|(key, value)| (key.to_owned(), value)).collect()
}

/// The entries of a field that is a map.
pub(super) fn entries(configuration: &LiveConfiguration, field: Field) -> BTreeMap<String, String> {
    configuration.entries(field).map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}
