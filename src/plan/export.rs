//! What an export declares: which functions, which functions that something else deploys, and which policies it leaves alone
//! because a manifest with them would have errors.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::address::{FunctionAddress, Qualifier};
use crate::model::agreement::{Disagreement, disagreements};
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
pub type Functions = BTreeMap<FunctionAddress, LiveFunction>;

/// Known versions and aliases, by function.
pub type Qualifiers = BTreeMap<FunctionAddress, BTreeSet<Qualifier>>;

/// How an export declares unowned functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// The stack will deploy them.
    Functions,
    /// Something else deploys them, and the stack will own only their policies and triggers.
    Policies,
}

/// What a user asks an export for.
pub struct Criteria<'a> {
    pub stack: &'a StackName,
    pub extent: Extent,
    /// Whether an unowned function of this name, with its package, is to be declared.
    pub is_asked_for: &'a dyn Fn(&str) -> bool,
}

/// What to declare, and the selected functions that cannot be declared, with the reason.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Choice {
    pub functions: BTreeSet<FunctionAddress>,
    /// Functions that something else deploys. Those without a policy and triggers have nothing to declare.
    pub existing: BTreeSet<FunctionAddress>,
    pub left_out: Vec<String>,
}

/// Chooses everything that the stack owns, because a manifest without it would plan its deletion, and the selected unowned
/// functions. `unnamed` are functions whose names are not valid in a manifest.
pub fn choose(functions: &Functions, unnamed: &BTreeSet<String>, criteria: &Criteria<'_>) -> Choice {
    let Criteria { stack, extent, is_asked_for } = criteria;
    let mut choice = Choice::default();
    let unnamed = unnamed.iter().filter(|name| is_asked_for(name));
    choice.left_out.extend(unnamed.map(|name| format!("function {name}: a manifest cannot declare this name")));
    for (address, live) in functions {
        let is_asked_for = is_asked_for(&address.to_string());
        match (live.stack(), live.policy_stack()) {
            (Some(owner), _) if owner == stack.as_str() => {
                choice.functions.insert(address.clone());
            }
            (None, Some(owner)) if owner == stack.as_str() => {
                choice.existing.insert(address.clone());
            }
            // Whatever else belongs to others, a manifest without these triggers would plan their deletion.
            _ if live.records_triggers_of(stack) => {
                choice.existing.insert(address.clone());
            }
            _ if !is_asked_for => {}
            (Some(owner), _) => {
                choice.left_out.push(format!("function {address}: it belongs to stack \"{owner}\""));
            }
            (None, Some(owner)) => {
                choice.left_out.push(format!("function {address}: its policy belongs to stack \"{owner}\""));
            }
            (None, None) => {
                let chosen = match extent {
                    Extent::Functions => &mut choice.functions,
                    Extent::Policies => &mut choice.existing,
                };
                chosen.insert(address.clone());
            }
        }
    }
    choice
}

/// A stack of which only policies were to be exported owns whole functions.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "stack \"{stack}\" owns function {function}: a manifest of policies alone would give the functions of this stack up or delete them"
)]
pub struct OwnsFunctions {
    stack: StackName,
    function: FunctionAddress,
}

/// Refuses to declare only the policies of a stack that owns whole functions.
pub fn check_policies_only(stack: &StackName, choice: &Choice) -> Result<(), OwnsFunctions> {
    match choice.functions.first() {
        None => Ok(()),
        Some(function) => Err(OwnsFunctions { stack: stack.clone(), function: function.clone() }),
    }
}

/// Why a manifest cannot declare a function, regardless of its code.
pub fn undeclarable(live: &LiveFunction) -> Option<String> {
    Runtime::new(live.configuration.text(Field::Runtime))
        .err()
        .map(|error| error.to_string())
        .or_else(|| image_obstacle(live))
        .or_else(|| lacks_room(live))
}

/// A container image is the code, so it cannot be left out.
fn image_obstacle(live: &LiveFunction) -> Option<String> {
    disagreements(&live.configuration).into_iter().find_map(|found| match found {
        Disagreement::ImageRuntime => Some("its container image does not run on its runtime".to_owned()),
        Disagreement::Needs(Field::ImageUrl, needed) => Some(format!("its container image needs {}", needed.key())),
        _ => None,
    })
}

/// A stack owns a function by its tags. The function may have too many other tags.
fn lacks_room(live: &LiveFunction) -> Option<String> {
    let (count, missing) = too_many_tags(live, false)?;
    Some(format!("it has {count} of {} tags, but fgctl needs {missing} more", quota::TAGS))
}

/// The number of a function's tags, and of those that a stack would add; `None` if there is room for all. `triggers` counts
/// the tag that records triggers.
pub(super) fn too_many_tags(live: &LiveFunction, triggers: bool) -> Option<(usize, usize)> {
    let there: BTreeSet<&str> = live.tag_keys().collect();
    let (policy, secrets) = (live.policy.is_some(), !live.secret_names.is_empty());
    let needs = Needs { policy, secrets, protect: false, triggers };
    let missing = needs.keys().filter(|key| !there.contains(key)).count();
    (there.len() + missing > quota::TAGS).then_some((there.len(), missing))
}

/// Something of the stack that the manifest would not declare.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("stack \"{stack}\" owns {owned}, which a manifest cannot declare ({why}): a plan without it would delete it")]
pub struct WouldBeDeleted {
    stack: StackName,
    owned: String,
    why: String,
}

impl WouldBeDeleted {
    pub(super) fn new(stack: &StackName, owned: String, why: &str) -> Self {
        Self { stack: stack.clone(), owned, why: why.to_owned() }
    }
}

/// Refuses to omit a function or a policy of the stack.
pub fn check_left_out(stack: &StackName, left_out: &[(LiveFunction, String)]) -> Result<(), WouldBeDeleted> {
    for (live, why) in left_out {
        let address = &live.address;
        let owned = match (live.stack(), live.policy_stack()) {
            (Some(owner), _) if owner == stack.as_str() => format!("function {address}"),
            (None, Some(owner)) if owner == stack.as_str() => format!("the policy of function {address}"),
            _ => continue,
        };
        return Err(WouldBeDeleted { stack: stack.clone(), owned, why: why.clone() });
    }
    Ok(())
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
        in_cycle.or_else(|| missing_target(policy, live, scope, qualifiers))
    };
    declared.iter().filter_map(|address| Some((address.clone(), obstacle(address)?))).collect()
}

fn missing_target(policy: &LivePolicy, live: &Functions, scope: &Scope, qualifiers: &Qualifiers) -> Option<String> {
    policy.targets().find_map(|target| {
        let urn = target.urn(scope).filter(|urn| urn.scope == *scope)?;
        if !live.contains_key(&urn.function) {
            return Some(format!("it names function {}, which does not exist", urn.function));
        }
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
        address, after_apply, live_function, live_policy, marks_of, qualifier_named, remove_tag, scope, stack, urn_of,
        wanted,
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

    /// Those, and two functions of which a stack owns only the policy.
    fn five_functions() -> Functions {
        let mut functions = three_functions();
        for (name, owner) in [("own-policy", stack([]).stack.to_string()), ("other-policy", "elsewhere".to_owned())] {
            let mut live = live_function(&address(name));
            live.marks.set(mark::POLICY, owner);
            live.marks.set(mark::ASYNC, mark::of_unwritten_policy(&urn_of(&live.address)));
            functions.insert(address(name), live);
        }
        functions
    }

    #[test]
    fn what_the_stack_owns_is_always_declared_and_unowned_functions_on_request() {
        let functions = five_functions();
        let desired = stack([]);
        let unnamed = BTreeSet::from(["x y".to_owned()]);
        let choose = |extent, is_asked_for: bool| {
            let Choice { functions, existing, left_out } = choose(
                &functions,
                &unnamed,
                &Criteria { stack: &desired.stack, extent, is_asked_for: &|_| is_asked_for },
            );
            (names(&functions).join(" "), names(&existing).join(" "), left_out)
        };
        let own = ("own".to_owned(), "own-policy".to_owned(), vec![]);
        assert_eq!(choose(Extent::Functions, false), own);
        assert_eq!(choose(Extent::Policies, false), own);
        let left_out = [
            "function x y: a manifest cannot declare this name",
            "function default/other: it belongs to stack \"elsewhere\"",
            "function default/other-policy: its policy belongs to stack \"elsewhere\"",
        ];
        let left_out: Vec<String> = left_out.map(str::to_owned).into();
        let whole = ("free own".to_owned(), "own-policy".to_owned(), left_out.clone());
        assert_eq!(choose(Extent::Functions, true), whole);
        assert_eq!(choose(Extent::Policies, true), ("own".to_owned(), "free own-policy".to_owned(), left_out));
    }

    #[test]
    fn a_manifest_of_policies_alone_is_not_for_a_stack_that_owns_functions() {
        let check = |functions: &Functions| {
            let owner = stack([]).stack;
            let criteria = Criteria { stack: &owner, extent: Extent::Policies, is_asked_for: &|_| true };
            check_policies_only(&owner, &choose(functions, &BTreeSet::new(), &criteria))
        };
        let mut functions = five_functions();
        let refused = check(&functions).unwrap_err().to_string();
        assert!(refused.contains("owns function default/own"), "{refused}");
        functions.remove(&address("own"));
        assert_eq!(check(&functions), Ok(()));
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
    fn what_the_stack_owns_is_never_left_out() {
        let functions = five_functions();
        let left_out = |name: &str| vec![(functions[&address(name)].clone(), "of its code".to_owned())];
        let owner = stack([]).stack;
        assert_eq!(check_left_out(&owner, &left_out("free")), Ok(()));
        assert_eq!(check_left_out(&owner, &left_out("other-policy")), Ok(()));
        let refused = check_left_out(&owner, &left_out("own-policy")).unwrap_err().to_string();
        assert!(refused.contains("owns the policy of function default/own-policy, which"), "{refused}");
        let refused = check_left_out(&owner, &left_out("own")).unwrap_err().to_string();
        assert!(
            refused.contains("owns function default/own, which a manifest cannot declare (of its code)"),
            "{refused}"
        );
    }

    #[test]
    fn policies_in_cycles_and_with_missing_targets_are_left_out() {
        let notified = [
            ("a", Some("b")),
            ("b", Some("a")),
            ("c", Some("d")),
            ("d", Some("e:1")),
            ("e", Some("f:2")),
            ("f", None),
            ("g", Some("gone")),
            ("h", Some("gone:1")),
        ];
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
                "default/g: it names function default/gone, which does not exist",
                "default/h: it names function default/gone, which does not exist",
            ]
        );
        let targets = live.values().filter_map(|live| live.policy.as_ref()).flat_map(LivePolicy::targets);
        assert_eq!(names(&named_by_qualifier(targets, &scope())), ["e", "f", "gone"]);
    }
}
