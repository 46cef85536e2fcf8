//! The failed changes of an apply, by their causes: many changes often fail for the same reason.

use std::collections::BTreeMap;

use crate::apply::{Error, Status};
use crate::diagnostic::Place;
use crate::model::address::Address;
use crate::plan::change::Change;

use super::findings::Trouble;
use super::group::{self, Detail, NAMED, Names};
use super::style::{BOLD, RED, paint, plain, printable, symbol};
use super::{alike, count};

/// Changes that failed for the same reason, at least one.
pub(super) struct Failed<'a> {
    changes: Vec<(&'a Change<'a>, &'a Error)>,
}

/// The failures in the order of the plan. With all details, each one is alone.
pub(super) fn by_cause<'a>(changes: &'a [Change<'a>], statuses: &'a [Status], detail: Detail) -> Vec<Failed<'a>> {
    let failed = changes.iter().zip(statuses).filter_map(|(change, status)| match status {
        Status::Failed(error) => Some((change, error)),
        Status::Done | Status::Skipped(_) => None,
    });
    let groups = alike::grouped(failed, detail, |(change, error)| cause(change, error));
    groups.into_iter().map(|changes| Failed { changes }).collect()
}

impl<'a> Failed<'a> {
    pub(super) fn changes(&self) -> &[(&'a Change<'a>, &'a Error)] {
        &self.changes
    }

    pub(super) fn first(&self) -> (&'a Change<'a>, &'a Error) {
        self.changes[0]
    }

    /// `function:default/a`, or `130 functions`.
    pub(super) fn subject(&self) -> String {
        let (first, _) = self.first();
        match self.changes.len() {
            1 => first.address.to_string(),
            number => count::resources(first.address.kind, number),
        }
    }

    /// One line without the reason.
    pub(super) fn title(&self) -> String {
        let (first, _) = self.first();
        format!("{} {} {}", symbol(first.action), paint(BOLD, self.subject()), paint(RED, "failed"))
    }

    /// The failures with their reason, line by line. Of several, it is that of the first one.
    pub(super) fn text(&self, names: Names) -> String {
        let (change, error) = self.first();
        if self.changes.len() == 1 {
            return line(change, error);
        }
        let own = self.changes.iter().map(|(change, _)| group::name(&change.address));
        let names = match names {
            Names::First => count::named(own, NAMED),
            Names::All => own.collect::<Vec<_>>().join("\n    "),
        };
        format!("{} for the same reason\n    {names}\n    the first one: {}", self.title(), reason(error))
    }

    /// The same for other programs, at the place of the first change.
    pub(super) fn trouble(&self, places: &BTreeMap<Address, Place>) -> Trouble {
        let (change, error) = self.first();
        let message = match self.changes.len() {
            1 => format!("{}: {error}", change.address),
            _ => {
                let names = count::named(self.changes.iter().map(|(change, _)| group::name(&change.address)), NAMED);
                format!("{} failed for the same reason: {names}\nThe first one: {error}", self.subject())
            }
        };
        let place = places.get(&change.address).cloned();
        Trouble { code: error.code().to_owned(), message, help: error.help(), place }
    }
}

/// One failure: a line, and another one with help.
pub(super) fn line(change: &Change<'_>, error: &Error) -> String {
    format!("{} {} {}: {}", symbol(change.action), change.address, paint(RED, "failed"), reason(error))
}

/// An error on one line, and the instruction on the next.
pub(super) fn reason(error: &Error) -> String {
    let help = error.help().map(|help| format!("\n    help: {}", printable(&help))).unwrap_or_default();
    format!("{}{help}", printable(&error.to_string()))
}

/// A failure in one short line, without the request.
pub fn brief(change: &Change<'_>, error: &Error) -> String {
    plain(&format!("{} {} failed: {}", symbol(change.action), change.address, printable(&words(error))))
}

/// What went wrong, without the request if the service answered it.
fn words(error: &Error) -> String {
    let refusal = if let Error::Remote(cause) = error { cause.refusal() } else { None };
    refusal.unwrap_or_else(|| error.to_string())
}

/// What failures for the same reason have in common: everything except the names of the resource and the id of the request.
fn cause(change: &Change<'_>, error: &Error) -> String {
    let Address { kind, function, qualifier: _, trigger } = &change.address;
    let words = words(error);
    let words = error.request_id().map_or_else(|| words.clone(), |id| words.replace(id, ""));
    let name = function.name.to_string();
    let names = [Some(function.to_string()), Some(name), trigger.as_ref().map(ToString::to_string)];
    let words = names.iter().flatten().fold(words, |words, name| without(&words, name));
    serde_json::json!([kind, change.action, error.code(), words]).to_string()
}

/// A text with a placeholder for a name, but not where the name is a part of a longer word.
fn without(text: &str, name: &str) -> String {
    let is_of_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-');
    let (mut result, mut rest) = (String::new(), text);
    while let Some(start) = rest.find(name).filter(|_| !name.is_empty()) {
        let (before, after) = (&rest[..start], &rest[start + name.len()..]);
        let is_whole = !before.ends_with(is_of_name) && !after.starts_with(is_of_name);
        result.extend([before, if is_whole { "\0" } else { name }]);
        rest = after;
    }
    result + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_replaced_only_as_a_whole_word() {
        assert_eq!(
            without("urn:fss:eu-de:p:function:default:f1:latest", "f1"),
            "urn:fss:eu-de:p:function:default:\0:latest"
        );
        assert_eq!(without("f1, f10, a-f1 and f1", "f1"), "\0, f10, a-f1 and \0");
        assert_eq!(without("nothing", "f1"), "nothing");
        assert_eq!(without("text", ""), "text");
    }
}
