//! What an export declares: which functions, and which policies it ignores because a manifest with them would have
//! errors.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::address::{FunctionAddress, Qualifier};
use crate::model::async_policy::LivePolicy;
use crate::model::field::Field;
use crate::model::mark::Needs;
use crate::model::state::LiveFunction;
use crate::model::target::Target;
use crate::model::text::{Runtime, StackName};
use crate::model::urn::Scope;
use crate::rules::quota;

use super::{cycle, events};

/// Every function of a project, by its address.
type Functions = BTreeMap<FunctionAddress, LiveFunction>;

/// Known versions and aliases, by function.
pub type Qualifiers = BTreeMap<FunctionAddress, BTreeSet<Qualifier>>;

/// The functions to declare, and the selected functions that cannot be declared, with the reason.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Choice {
    pub functions: BTreeSet<FunctionAddress>,
    pub left_out: Vec<String>,
}

/// Chooses all functions of the stack, because a manifest without them would plan their deletion, and the selected
/// unowned functions. `unnamed` are functions whose names are not valid in a manifest.
pub fn choose(
    functions: &Functions,
    unnamed: &BTreeSet<String>,
    stack: &StackName,
    is_asked_for: impl Fn(&str) -> bool,
) -> Choice {
    let mut choice = Choice::default();
    let unnamed = unnamed.iter().filter(|name| is_asked_for(name));
    choice.left_out.extend(unnamed.map(|name| format!("function {name}: a manifest cannot declare this name")));
    for (address, live) in functions {
        let is_owned = live.is_owned_by(stack);
        match live.stack() {
            Some(owner) if !is_owned && is_asked_for(&address.to_string()) => {
                choice.left_out.push(format!("function {address}: it belongs to stack \"{owner}\""));
            }
            None if is_asked_for(&address.to_string()) => {
                choice.functions.insert(address.clone());
            }
            Some(_) if is_owned => {
                choice.functions.insert(address.clone());
            }
            Some(_) | None => {}
        }
    }
    choice
}

/// Why a manifest cannot declare a function, regardless of its code.
pub fn undeclarable(live: &LiveFunction) -> Option<String> {
    Runtime::new(live.configuration.text(Field::Runtime))
        .err()
        .map(|error| error.to_string())
        .or_else(|| lacks_room(live))
}

/// A stack owns a function by its tags. The function may have too many other tags.
fn lacks_room(live: &LiveFunction) -> Option<String> {
    let there: BTreeSet<&str> = live.tag_keys().collect();
    let needs = Needs { policy: live.policy.is_some(), secrets: !live.secret_names.is_empty(), protect: false };
    let missing = needs.keys().filter(|key| !there.contains(key)).count();
    let (count, most) = (there.len(), quota::TAGS);
    (count + missing > most).then(|| format!("it has {count} of {most} tags, but fgctl needs {missing} more"))
}

/// A function of the stack that the manifest would not declare.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "stack \"{stack}\" owns function {function}, which a manifest cannot declare ({why}): a plan without it would delete it"
)]
pub struct WouldBeDeleted {
    stack: StackName,
    function: FunctionAddress,
    why: String,
}

/// Refuses to omit a function of the stack.
pub fn check_left_out(stack: &StackName, left_out: &[(LiveFunction, String)]) -> Result<(), WouldBeDeleted> {
    match left_out.iter().find(|(live, _)| live.is_owned_by(stack)) {
        None => Ok(()),
        Some((live, why)) => {
            Err(WouldBeDeleted { stack: stack.clone(), function: live.address.clone(), why: why.clone() })
        }
    }
}

/// Functions of this project whose version or alias is named by a target.
pub fn named_by_qualifier<'a>(targets: impl Iterator<Item = &'a Target>, scope: &Scope) -> BTreeSet<FunctionAddress> {
    let urns = targets.filter_map(|target| target.urn(scope));
    urns.filter(|urn| urn.scope == *scope && urn.qualifier.is_some()).map(|urn| urn.function).collect()
}

/// The policies that the export ignores, with the reason: they are part of a cycle, or their targets do not exist.
pub fn policies_left_out(
    declared: &BTreeSet<FunctionAddress>,
    live: &Functions,
    scope: &Scope,
    qualifiers: &Qualifiers,
) -> BTreeMap<FunctionAddress, String> {
    let graph = events::live(live);
    let cyclic = cycle::members(&graph);
    let obstacle = |address: &FunctionAddress| {
        let policy = live.get(address)?.policy.as_ref()?;
        let in_cycle = cyclic.contains(address).then(|| "its functions notify each other in a cycle".to_owned());
        in_cycle.or_else(|| missing_target(policy, scope, qualifiers))
    };
    declared.iter().filter_map(|address| Some((address.clone(), obstacle(address)?))).collect()
}

fn missing_target(policy: &LivePolicy, scope: &Scope, qualifiers: &Qualifiers) -> Option<String> {
    policy.targets().find_map(|target| {
        let urn = target.urn(scope).filter(|urn| urn.scope == *scope)?;
        let qualifier = urn.qualifier?;
        let exists = qualifiers.get(&urn.function).is_some_and(|known| known.contains(&qualifier));
        (!exists).then(|| format!("it names {qualifier} of function {}, which does not exist", urn.function))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::mark;
    use crate::plan::tests::{
        address, after_apply, live_function, live_policy, marks_of, qualifier_named, remove_tag, scope, stack, wanted,
    };

    fn names(addresses: &BTreeSet<FunctionAddress>) -> Vec<String> {
        addresses.iter().map(|address| address.name.to_string()).collect()
    }

    /// `own` is the stack's, `other` another stack's, `free` unowned.
    fn three_functions() -> Functions {
        let mut functions = after_apply(&stack(["own", "other", "free"].map(wanted))).functions;
        functions.get_mut(&address("other")).unwrap().marks.set(mark::STACK, "elsewhere");
        remove_tag(functions.get_mut(&address("free")).unwrap(), mark::STACK);
        functions
    }

    #[test]
    fn owned_functions_are_always_declared_and_unowned_ones_on_request() {
        let functions = three_functions();
        let desired = stack([]);
        let unnamed = BTreeSet::from(["x y".to_owned()]);
        let choose = |is_asked_for: &dyn Fn(&str) -> bool| choose(&functions, &unnamed, &desired.stack, is_asked_for);
        let nothing = choose(&|_| false);
        assert_eq!((names(&nothing.functions), nothing.left_out), (vec!["own".to_owned()], vec![]));
        let everything = choose(&|_| true);
        assert_eq!(names(&everything.functions), ["free", "own"]);
        assert_eq!(
            everything.left_out,
            [
                "function x y: a manifest cannot declare this name",
                "function default/other: it belongs to stack \"elsewhere\"",
            ]
        );
    }

    #[test]
    fn a_function_without_room_for_marks_cannot_be_declared() {
        let mut live = three_functions().remove(&address("free")).unwrap();
        live.marks = marks_of(&live.address);
        for (tags, secrets, missing) in [(17, 0, None), (18, 0, Some(3)), (17, 1, Some(4)), (16, 1, None)] {
            live.configuration.set_entries(Field::Tags, (0..tags).map(|n| (format!("t{n}"), String::new())));
            live.secret_names = (0..secrets).map(|n| format!("S{n}")).collect();
            let expected = missing.map(|more| format!("it has {tags} of 20 tags, but fgctl needs {more} more"));
            assert_eq!(undeclarable(&live), expected, "{tags} tags, {secrets} secrets");
        }
    }

    #[test]
    fn an_owned_function_is_never_left_out() {
        let functions = three_functions();
        let left_out = |name: &str| vec![(functions[&address(name)].clone(), "of its code".to_owned())];
        let owner = stack([]).stack;
        assert_eq!(check_left_out(&owner, &left_out("free")), Ok(()));
        let refused = check_left_out(&owner, &left_out("own")).unwrap_err().to_string();
        assert!(
            refused.contains("owns function default/own, which a manifest cannot declare (of its code)"),
            "{refused}"
        );
    }

    #[test]
    fn policies_in_cycles_and_with_missing_targets_are_left_out() {
        let notified =
            [("a", Some("b")), ("b", Some("a")), ("c", Some("d")), ("d", Some("e:1")), ("e", Some("f:2")), ("f", None)];
        let mut live = Functions::new();
        for (name, notified) in notified {
            let policy = notified.map(live_policy);
            live.insert(address(name), LiveFunction { policy, ..live_function(&address(name)) });
        }
        let declared: BTreeSet<_> = live.keys().cloned().collect();
        let qualifiers = Qualifiers::from([
            (address("e"), BTreeSet::from([qualifier_named("1")])),
            (address("d"), BTreeSet::from([qualifier_named("1")])),
        ]);
        let left_out = policies_left_out(&declared, &live, &scope(), &qualifiers);
        let left_out: Vec<_> = left_out.iter().map(|(address, why)| format!("{address}: {why}")).collect();
        assert_eq!(
            left_out,
            [
                "default/a: its functions notify each other in a cycle",
                "default/b: its functions notify each other in a cycle",
                "default/e: it names 2 of function default/f, which does not exist",
            ]
        );
        let targets = live.values().filter_map(|live| live.policy.as_ref()).flat_map(LivePolicy::targets);
        assert_eq!(names(&named_by_qualifier(targets, &scope())), ["e", "f"]);
    }
}
