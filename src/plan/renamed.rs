//! Warns if a plan deletes one function and creates another one that looks like the same.

use crate::diagnostic::Diagnostic;
use crate::model::address::FunctionAddress;
use crate::model::code::Code;
use crate::model::mark;
use crate::model::state::{DesiredFunction, LiveFunction};

use super::change::{Change, Step};

/// The code of these findings.
const LOOKS_RENAMED: &str = "looks-renamed";

/// One warning for each created function that looks like a deleted one.
pub(super) fn warnings(changes: &[Change<'_>], deleted: &[&LiveFunction]) -> Vec<Diagnostic> {
    let created = changes.iter().filter_map(|change| match change.step {
        Step::CreateFunction { desired, .. } => Some(desired),
        _ => None,
    });
    created.filter_map(|wanted| warning(wanted, deleted)).collect()
}

fn warning(wanted: &DesiredFunction, deleted: &[&LiveFunction]) -> Option<Diagnostic> {
    let new = &wanted.function.address;
    let moved = deleted.iter().find(|old| old.address.name == new.name);
    let finding = match moved {
        Some(old) => other_package(&old.address, new),
        None => same_code(&deleted.iter().filter(|old| has_code_of(old, wanted)).collect::<Vec<_>>(), new)?,
    };
    Some(finding.at(wanted.function.spot.clone()))
}

fn other_package(old: &FunctionAddress, new: &FunctionAddress) -> Diagnostic {
    let message = format!(
        "this plan deletes function {old} and creates function {new}: the service cannot move a function to another package"
    );
    let help = format!(
        "to keep the function, set `package: {}`; otherwise its versions, aliases and triggers are deleted with it",
        old.package
    );
    Diagnostic::warning(LOOKS_RENAMED, message).help(help)
}

/// `None` if no deleted function has the same code.
fn same_code(old: &[&&LiveFunction], new: &FunctionAddress) -> Option<Diagnostic> {
    let names: Vec<String> = old.iter().map(|old| format!("function {}", old.address)).collect();
    let first = &old.first()?.address;
    let message = format!("this plan deletes {}, and creates function {new} with the same code", names.join(" and "));
    let package =
        if first.package == new.package { String::new() } else { format!(" and `package: {}`", first.package) };
    let help = format!(
        "if only the key changed, add `name: {}`{package} to this entry, and the function stays; the service cannot rename a function",
        first.name
    );
    Some(Diagnostic::warning(LOOKS_RENAMED, message).help(help))
}

/// Whether a live function has the declared code, as far as it is known without reading the live code.
fn has_code_of(live: &LiveFunction, wanted: &DesiredFunction) -> bool {
    let hash = wanted.code.hash();
    let is_marked = || live.marks.get(mark::CODE).is_some_and(|marked| mark::is_code(marked, &hash, &live.code.digest));
    wanted.code != Code::Undeclared && (live.code.hash().is_some_and(|found| found == hash) || is_marked())
}

#[cfg(test)]
mod tests {
    use crate::model::address::FunctionAddress;
    use crate::model::state::{DesiredFunction, DesiredState};
    use crate::model::text::PackageName;
    use crate::plan::plan;
    use crate::plan::tests::{after_apply, code, everything_allowed, stack, wanted};

    fn with_code(name: &str, text: &str) -> DesiredFunction {
        DesiredFunction { code: code(text), ..wanted(name) }
    }

    fn in_package(package: &str, mut function: DesiredFunction) -> DesiredFunction {
        let address = &mut function.function.address;
        *address = FunctionAddress { package: PackageName::new(package).unwrap(), ..address.clone() };
        function
    }

    fn warned(before: &DesiredState, after: &DesiredState) -> Vec<String> {
        let live = after_apply(before);
        let planned = plan(after, &live, everything_allowed());
        let found = planned.diagnostics.into_iter().filter(|found| found.code == super::LOOKS_RENAMED);
        found.map(|found| format!("{} ({})", found.message, found.help.unwrap_or_default())).collect()
    }

    #[test]
    fn a_deleted_and_a_created_function_that_look_the_same_are_mentioned() {
        let before = stack([with_code("old", "x"), with_code("other", "y")]);
        let renamed = stack([with_code("new", "x"), with_code("other", "y")]);
        assert_eq!(
            warned(&before, &renamed),
            [
                "this plan deletes function default/old, and creates function default/new with the same code (if only the key \
              changed, add `name: old` to this entry, and the function stays; the service cannot rename a function)"
            ]
        );
        let moved = stack([in_package("billing", with_code("old", "z")), with_code("other", "y")]);
        assert_eq!(
            warned(&before, &moved),
            [
                "this plan deletes function default/old and creates function billing/old: the service cannot move a function to \
              another package (to keep the function, set `package: default`; otherwise its versions, aliases and triggers \
              are deleted with it)"
            ]
        );
        let both = stack([in_package("billing", with_code("new", "x"))]);
        let both = warned(&stack([with_code("old", "x"), with_code("twin", "x")]), &both);
        assert!(both[0].starts_with("this plan deletes function default/old and function default/twin, and creates"));
        assert!(both[0].contains("`name: old` and `package: default`"), "{both:?}");
    }

    #[test]
    fn other_changes_are_not_mentioned() {
        let before = stack([with_code("old", "x"), with_code("other", "y")]);
        for after in [
            stack([with_code("old", "x"), with_code("other", "y"), with_code("new", "x")]),
            stack([with_code("new", "z"), with_code("other", "y")]),
            stack([with_code("other", "x")]),
        ] {
            assert_eq!(warned(&before, &after), Vec::<String>::new());
        }
    }
}
