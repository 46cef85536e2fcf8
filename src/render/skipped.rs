//! Why changes were skipped: one line for each cause.

use std::collections::{BTreeMap, BTreeSet};

use crate::apply::{Because, Status};
use crate::model::address::Address;
use crate::plan::change::Change;

use super::count;
use super::failed::Failed;

/// The first cause of a chain of skipped changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Cause<'a> {
    Failed(&'a Address),
    Interrupted,
}

/// The changes that were skipped for the same cause.
pub(super) struct Skipped<'a> {
    /// `function:default/a could not be created`, or `of the interruption`.
    because: String,
    pub(super) changes: Vec<&'a Change<'a>>,
}

impl Skipped<'_> {
    /// Without the names: `17 changes skipped because function:default/a could not be created`.
    pub(super) fn reason(&self) -> String {
        format!("{} skipped because {}", count::changes(self.changes.len()), self.because)
    }
}

/// Groups the skipped changes by their first cause: a change may have been skipped because of another skipped one. Failures
/// for the same reason are one cause.
pub(super) fn by_cause<'a, 'f>(
    changes: &'a [Change<'a>],
    statuses: &'a [Status],
    failed: &'f [Failed<'a>],
) -> Vec<Skipped<'a>> {
    let ends: BTreeMap<&Address, (&Change<'_>, &Status)> =
        changes.iter().zip(statuses).map(|(change, status)| (&change.address, (change, status))).collect();
    let of_group = |failed: &'f Failed<'a>| failed.changes().iter().map(move |(change, _)| (&change.address, failed));
    let groups: BTreeMap<&Address, &Failed<'a>> = failed.iter().flat_map(of_group).collect();
    let mut causes: BTreeMap<Cause<'_>, Vec<&'a Change<'a>>> = BTreeMap::new();
    for (change, status) in changes.iter().zip(statuses) {
        if let Status::Skipped(because) = status {
            let cause = match first_cause(because, |address| Some(ends.get(address)?.1)) {
                Cause::Failed(address) => {
                    Cause::Failed(groups.get(address).map_or(address, |failed| &failed.first().0.address))
                }
                Cause::Interrupted => Cause::Interrupted,
            };
            causes.entry(cause).or_default().push(change);
        }
    }
    let say = |cause: Cause<'_>| match cause {
        Cause::Interrupted => "of the interruption".to_owned(),
        Cause::Failed(address) => {
            let action = ends.get(address).map_or("changed", |(change, _)| change.action.participle());
            let subject = groups.get(address).map_or_else(|| address.to_string(), |failed| failed.subject());
            format!("{subject} could not be {action}")
        }
    };
    causes.into_iter().map(|(cause, changes)| Skipped { because: say(cause), changes }).collect()
}

fn first_cause<'a>(because: &'a Because, end: impl Fn(&Address) -> Option<&'a Status>) -> Cause<'a> {
    let (mut because, mut seen) = (because, BTreeSet::new());
    loop {
        match because {
            Because::Interrupted => return Cause::Interrupted,
            Because::Of(address) => match end(address) {
                // Changes that wait for each other have no first cause.
                Some(Status::Skipped(next)) if seen.insert(address) => because = next,
                _ => return Cause::Failed(address),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(name: &str) -> Address {
        format!("function:default/{name}").parse().expect("an address")
    }

    fn skipped(because: &str) -> Status {
        Status::Skipped(Because::Of(address(because)))
    }

    /// The first cause of `a` if the others ended like this.
    fn cause(ends: &[(&str, Status)]) -> String {
        let end = |wanted: &Address| ends.iter().find(|(name, _)| address(name) == *wanted).map(|(_, status)| status);
        let Some(Status::Skipped(because)) = end(&address("a")) else { panic!("a is skipped") };
        match first_cause(because, end) {
            Cause::Failed(address) => address.to_string(),
            Cause::Interrupted => "interrupted".to_owned(),
        }
    }

    #[test]
    fn a_chain_of_skipped_changes_has_one_cause() {
        let failed = || Status::Failed(crate::apply::Error::CodeMoved);
        assert_eq!(cause(&[("a", skipped("b")), ("b", failed())]), "function:default/b");
        assert_eq!(cause(&[("a", skipped("b")), ("b", skipped("c")), ("c", failed())]), "function:default/c");
        assert_eq!(cause(&[("a", skipped("b")), ("b", Status::Skipped(Because::Interrupted))]), "interrupted");
        assert_eq!(cause(&[("a", skipped("b")), ("b", skipped("a"))]), "function:default/b", "it ends");
    }
}
