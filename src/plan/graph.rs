//! Who notifies whom: cycles among functions, by whichever end of an invocation.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use crate::diagnostic::{Diagnostic, Spot};
use crate::model::address::{FunctionAddress, Qualifier};
use crate::model::async_policy::Outcome;
use crate::model::function::Function;
use crate::model::target::Target;

/// Steps of a walk that a message prints; of longer ones it prints both ends.
const SHOWN: usize = 60;
const SHOWN_AT_END: usize = 5;

/// Functions of one component from which the shortest cycle is looked for. A limit, so that the time stays linear.
const STARTS: usize = 64;

/// Functions, and whom each of them notifies.
pub type Notified = BTreeMap<FunctionAddress, Vec<Target>>;

/// Versions and aliases, and whom each of them notifies.
pub type Published = BTreeMap<(FunctionAddress, Qualifier), Vec<Target>>;

/// A function, and the ones that it notifies.
struct Node<'a> {
    name: String,
    edges: Vec<Edge<'a>>,
}

#[derive(Clone, Copy)]
struct Edge<'a> {
    to: usize,
    outcome: Option<Outcome>,
    /// Where the manifest says so; not for functions outside of it.
    spot: Option<&'a Spot>,
}

/// One finding for each function that notifies itself, and one for each group of functions that reach each other: a
/// shortest cycle of it. `outside` are functions that the manifests do not declare, and whom they notify; a cycle of
/// those alone is a warning. `published` is whom versions and aliases notify besides: a target that names one leads there
/// too. Takes time linear in functions and targets.
pub fn cycles(functions: &[&Function], outside: &Notified, published: &Published) -> Vec<Diagnostic> {
    let nodes = nodes(functions, outside, published);
    let selves = nodes.iter().enumerate().filter_map(|(index, node)| {
        let edge = node.edges.iter().find(|edge| edge.to == index)?;
        Some(report(&nodes, &[(index, *edge)]))
    });
    let loops = components(&nodes).into_iter().filter(|component| component.len() > 1);
    let loops = loops.filter_map(|component| Some(report(&nodes, &shortest(&nodes, &component)?)));
    selves.chain(loops).collect()
}

/// The functions that take part in some cycle of who notifies whom.
pub fn in_cycles(notified: &Notified) -> BTreeSet<FunctionAddress> {
    let published = Published::new();
    let nodes = nodes(&[], notified, &published);
    let selves = nodes.iter().enumerate().filter(|(index, node)| node.edges.iter().any(|edge| edge.to == *index));
    let loops = components(&nodes).into_iter().filter(|component| component.len() > 1).flatten();
    let members: BTreeSet<usize> = selves.map(|(index, _)| index).chain(loops).collect();
    // Nodes have the order of the map.
    notified
        .keys()
        .enumerate()
        .filter(|(index, _)| members.contains(index))
        .map(|(_, address)| address.clone())
        .collect()
}

fn nodes<'a>(functions: &[&'a Function], outside: &'a Notified, published: &'a Published) -> Vec<Node<'a>> {
    let declared = functions.iter().map(|function| &function.address);
    let mut indices = HashMap::new();
    for address in declared.chain(outside.keys()) {
        let next = indices.len();
        indices.entry(address).or_insert(next);
    }
    // A version or alias that notifies somebody by itself is a node of its own, behind all others.
    let published: Vec<_> = published.iter().filter(|((address, _), _)| indices.contains_key(address)).collect();
    let versions = published.iter().map(|((address, qualifier), _)| (address, qualifier)).zip(indices.len()..);
    let versions: HashMap<(&FunctionAddress, &Qualifier), usize> = versions.collect();
    let index = |target: &Target| {
        let address = target.function()?;
        let version = target.qualifier().and_then(|qualifier| versions.get(&(address, qualifier)));
        version.or_else(|| indices.get(address)).copied()
    };
    let count = indices.len() + versions.len();
    let mut nodes: Vec<Node> = (0..count).map(|_| Node { name: String::new(), edges: Vec::new() }).collect();
    for (address, targets) in outside {
        let node = &mut nodes[indices[address]];
        node.name = address.to_string();
        node.edges.extend(targets.iter().filter_map(index).map(|to| Edge { to, outcome: None, spot: None }));
    }
    // Declared functions last: what the manifests want is what there will be.
    for function in functions {
        nodes[indices[&function.address]] = Node { name: function.key.clone(), edges: edges(function, &index) };
    }
    for ((address, qualifier), targets) in published {
        // What the function's own policy says goes with a version that is yet to be published.
        let Node { name, edges } = &nodes[indices[address]];
        let own = targets.iter().filter_map(index).map(|to| Edge { to, outcome: None, spot: None });
        let version = Node { name: format!("{name}:{qualifier}"), edges: edges.iter().copied().chain(own).collect() };
        nodes[versions[&(address, qualifier)]] = version;
    }
    nodes
}

fn edges<'a>(function: &'a Function, index: &dyn Fn(&Target) -> Option<usize>) -> Vec<Edge<'a>> {
    let Some((policy, spots)) = &function.policy else { return Vec::new() };
    let ends = [
        (Outcome::Success, &policy.on_success, &spots.on_success),
        (Outcome::Failure, &policy.on_failure, &spots.on_failure),
    ];
    let edge = |(outcome, target, spot): (Outcome, &'a Option<Target>, &'a Option<Spot>)| {
        let to = index(target.as_ref()?)?;
        Some(Edge { to, outcome: Some(outcome), spot: Some(spot.as_ref().unwrap_or(&spots.used)) })
    };
    ends.into_iter().filter_map(edge).collect()
}

/// Tarjan's strongly connected components, with a stack of our own: a chain of functions may be as long as it likes.
/// Each is in the order of its nodes, and they are in the order of their first ones.
fn components(nodes: &[Node]) -> Vec<Vec<usize>> {
    const UNSEEN: usize = usize::MAX;
    let mut order = vec![UNSEEN; nodes.len()];
    let mut low = vec![0; nodes.len()];
    let mut on_stack = vec![false; nodes.len()];
    let (mut stack, mut components, mut count) = (Vec::new(), Vec::new(), 0);
    for root in 0..nodes.len() {
        let mut calls = if order[root] == UNSEEN { vec![(root, 0)] } else { Vec::new() };
        while let Some((node, next)) = calls.pop() {
            if next == 0 {
                (order[node], low[node]) = (count, count);
                count += 1;
                stack.push(node);
                on_stack[node] = true;
            } else {
                // Back from the edge before this one.
                let child = nodes[node].edges[next - 1].to;
                if on_stack[child] {
                    low[node] = low[node].min(low[child]);
                }
            }
            if let Some(edge) = nodes[node].edges.get(next) {
                calls.push((node, next + 1));
                if order[edge.to] == UNSEEN {
                    calls.push((edge.to, 0));
                }
            } else if low[node] == order[node] {
                let start = stack.iter().rposition(|member| *member == node).unwrap_or(0);
                let mut component = stack.split_off(start);
                for member in &component {
                    on_stack[*member] = false;
                }
                component.sort_unstable();
                components.push(component);
            }
        }
    }
    components.sort_unstable();
    components
}

type Walk<'a> = Vec<(usize, Edge<'a>)>;

/// A shortest cycle of a component that goes through one of its first functions: through one that the manifests
/// declare, if there is any.
fn shortest<'a>(nodes: &[Node<'a>], component: &[usize]) -> Option<Walk<'a>> {
    let mut best: Option<Walk> = None;
    let is_declared = |index: &&usize| nodes[**index].edges.iter().any(|edge| edge.spot.is_some());
    let declared: Vec<usize> = component.iter().filter(is_declared).copied().collect();
    let starts = if declared.is_empty() { component } else { &declared };
    for start in starts.iter().take(STARTS) {
        let limit = best.as_ref().map_or(usize::MAX, Vec::len);
        if let Some(walk) = cycle_through(*start, nodes, component)
            && walk.len() < limit
        {
            best = Some(walk);
        }
        if best.as_ref().is_some_and(|walk| walk.len() == 2) {
            break;
        }
    }
    best
}

/// Breadth first from a function back to itself, inside of its component.
fn cycle_through<'a>(start: usize, nodes: &[Node<'a>], component: &[usize]) -> Option<Walk<'a>> {
    let mut reached: BTreeMap<usize, (usize, Edge)> = BTreeMap::new();
    let mut queue = VecDeque::from([start]);
    while let Some(node) = queue.pop_front() {
        for edge in nodes[node].edges.iter().filter(|edge| edge.to != node) {
            if component.binary_search(&edge.to).is_err() || reached.contains_key(&edge.to) {
                continue;
            }
            reached.insert(edge.to, (node, *edge));
            if edge.to == start {
                return Some(walk_back(start, &reached));
            }
            queue.push_back(edge.to);
        }
    }
    None
}

fn walk_back<'a>(start: usize, reached: &BTreeMap<usize, (usize, Edge<'a>)>) -> Walk<'a> {
    let mut walk = Vec::new();
    let mut node = start;
    while let Some((from, edge)) = reached.get(&node) {
        walk.push((*from, *edge));
        node = *from;
        if node == start {
            break;
        }
    }
    walk.reverse();
    walk
}

/// The finding is at the edge that closes the cycle, or at the last one that a manifest declares.
fn report(nodes: &[Node], walk: &[(usize, Edge)]) -> Diagnostic {
    let name = |node: usize| nodes[node].name.as_str();
    let mut names: Vec<&str> = walk.iter().map(|(from, _)| name(*from)).collect();
    names.extend(walk.first().map(|(from, _)| name(*from)));
    let message = format!("the functions notify each other in a cycle: {}", path(&names));
    let message = if walk.len() == 1 { format!("the function notifies itself: {}", path(&names)) } else { message };
    let Some(closing) = walk.iter().rposition(|(_, edge)| edge.spot.is_some()) else {
        let help =
            "no policy of these manifests takes part; each notification invokes the next function, without an end";
        return Diagnostic::warning("cycle-outside", message).help(help);
    };
    let mut diagnostic = Diagnostic::error("cycle", message)
        .help("each notification invokes the next function, without an end; take one of these targets away");
    for (index, (from, edge)) in walk.iter().enumerate() {
        let Some(spot) = edge.spot else { continue };
        if index == closing {
            diagnostic = diagnostic.at(spot.clone());
        } else if index < SHOWN {
            let end = edge.outcome.map_or("an end", |outcome| match outcome {
                Outcome::Success => "success",
                Outcome::Failure => "failure",
            });
            let remark = format!("`{}` notifies `{}` on {end}", name(*from), name(edge.to));
            diagnostic = diagnostic.related(remark, spot.clone());
        }
    }
    diagnostic
}

/// `a → b → a`.
fn path(names: &[&str]) -> String {
    if names.len() <= SHOWN {
        return names.join(" → ");
    }
    let left_out = names.len() - 2 * SHOWN_AT_END;
    let (start, end) = (&names[..SHOWN_AT_END], &names[names.len() - SHOWN_AT_END..]);
    format!("{} → … {left_out} more … → {}", start.join(" → "), end.join(" → "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::async_policy::{AsyncPolicy, PolicySpots};
    use crate::model::function::Configuration;
    use crate::model::number::{MaxRetries, Memory, Timeout, Validity};
    use crate::model::text::{FunctionName, Handler, PackageName, Runtime, VersionName};

    fn address(name: &str) -> FunctionAddress {
        FunctionAddress { package: PackageName::default(), name: FunctionName::new(name).expect("a name") }
    }

    fn target(name: &str) -> Target {
        Target::Function { function: address(name), qualifier: None }
    }

    fn function(name: &str, on_success: Option<&str>, on_failure: Option<&str>) -> Function {
        let spot = |end: &str| Spot::value(0, format!("/functions/{name}/async{end}"));
        Function {
            key: name.into(),
            spot: Spot::key(0, format!("/functions/{name}")),
            address: address(name),
            configuration: Configuration {
                runtime: Runtime::new("Python3.9").expect("a runtime"),
                handler: Handler::new("index.handler").expect("a handler"),
                memory: Memory::default(),
                timeout: Timeout::constant::<3>(),
                description: crate::model::text::Description::default(),
                agency: None,
                initializer: None,
                environment: BTreeMap::new(),
                tags: BTreeMap::new(),
            },
            secrets: BTreeMap::new(),
            policy: Some((
                AsyncPolicy {
                    max_retries: MaxRetries::constant::<1>(),
                    max_validity_period: Validity::constant::<3600>(),
                    on_success: on_success.map(target),
                    on_failure: on_failure.map(target),
                    status_log: None,
                },
                PolicySpots {
                    used: spot(""),
                    on_success: on_success.map(|_| spot("/on_success")),
                    on_failure: on_failure.map(|_| spot("/on_failure")),
                },
            )),
            protect: None,
            ignore: BTreeSet::new(),
            ignored_entries: BTreeSet::new(),
        }
    }

    fn walks(functions: &[Function], outside: &Notified) -> Vec<String> {
        walks_of_versions(functions, outside, &Published::new())
    }

    fn walks_of_versions(functions: &[Function], outside: &Notified, published: &Published) -> Vec<String> {
        let functions: Vec<&Function> = functions.iter().collect();
        let found = cycles(&functions, outside, published);
        found.iter().map(|found| found.message.rsplit(": ").next().unwrap_or_default().to_owned()).collect()
    }

    #[test]
    fn cycles_and_what_is_none() {
        type Case<'a> = (&'a [(&'a str, Option<&'a str>, Option<&'a str>)], &'a [&'a str]);
        let cases: [Case; 8] = [
            (&[("a", Some("a"), None)], &["a → a"]),
            (&[("a", Some("b"), None), ("b", Some("a"), None)], &["a → b → a"]),
            (&[("a", Some("b"), None), ("b", None, Some("a"))], &["a → b → a"]),
            (&[("a", Some("b"), Some("c")), ("b", Some("d"), None), ("c", Some("d"), None), ("d", None, None)], &[]),
            (&[("a", Some("c"), None), ("b", Some("c"), None), ("c", None, None)], &[]),
            (&[("a", Some("b"), None), ("b", Some("c"), Some("a")), ("c", Some("a"), None)], &["a → b → a"]),
            (&[("a", Some("b"), Some("a")), ("b", Some("a"), None)], &["a → a", "a → b → a"]),
            (
                &[("a", Some("b"), None), ("b", Some("a"), None), ("c", Some("d"), None), ("d", Some("c"), None)],
                &["a → b → a", "c → d → c"],
            ),
        ];
        for (edges, expected) in cases {
            let functions: Vec<_> =
                edges.iter().map(|(name, success, failure)| function(name, *success, *failure)).collect();
            assert_eq!(walks(&functions, &BTreeMap::new()), expected, "{edges:?}");
        }
    }

    #[test]
    fn a_cycle_may_lead_through_functions_that_nobody_declares() {
        let outside = BTreeMap::from([(address("b"), vec![target("a")])]);
        assert_eq!(walks(&[function("a", Some("b"), None)], &outside), ["a → default/b → a"]);
        let functions = [function("a", Some("b"), None)];
        let found = cycles(&functions.iter().collect::<Vec<_>>(), &outside, &Published::new());
        assert_eq!(found[0].spot.as_ref().expect("a spot").pointer, "/functions/a/async/on_success");
    }

    /// Published before `b` lost its policy, a version of it still notifies `a`.
    #[test]
    fn a_cycle_may_lead_through_a_published_version() {
        let version = |name: &str| Qualifier::Version(VersionName::new(name).expect("a name"));
        let published = BTreeMap::from([((address("b"), version("v1")), vec![target("a")])]);
        let notifies = |qualifier: Option<&str>| {
            let mut a = function("a", Some("b"), None);
            if let Some((policy, _)) = &mut a.policy {
                let qualifier = qualifier.map(version);
                policy.on_success = Some(Target::Function { function: address("b"), qualifier });
            }
            walks_of_versions(&[a, function("b", None, None)], &Notified::new(), &published)
        };
        assert_eq!(notifies(Some("v1")), ["a → b:v1 → a"]);
        assert_eq!(notifies(Some("v2")), Vec::<String>::new(), "it has no policy");
        assert_eq!(notifies(None), Vec::<String>::new(), "the latest code has the policy that is declared: none");
    }

    #[test]
    fn a_cycle_that_no_manifest_declares_is_a_warning() {
        let outside = BTreeMap::from([(address("b"), vec![target("c")]), (address("c"), vec![target("b")])]);
        let found = cycles(&[&function("a", Some("b"), None)], &outside, &Published::new());
        assert_eq!(found.iter().map(|found| found.code).collect::<Vec<_>>(), ["cycle-outside"]);
        let members: Vec<String> = in_cycles(&outside).iter().map(ToString::to_string).collect();
        assert_eq!(members, ["default/b", "default/c"]);
    }

    #[test]
    fn the_finding_is_where_the_cycle_closes_and_the_others_take_part() {
        let functions = [function("a", Some("b"), None), function("b", None, Some("a"))];
        let found = cycles(&functions.iter().collect::<Vec<_>>(), &Notified::new(), &Published::new());
        assert_eq!(found[0].spot.as_ref().expect("a spot").pointer, "/functions/b/async/on_failure");
        assert_eq!(found[0].related[0].message, "`a` notifies `b` on success");
    }

    #[test]
    fn a_long_cycle_is_found_and_its_walk_shortened() {
        let names: Vec<String> = (0..10_000).map(|index| format!("f{index}")).collect();
        let next = |index: usize| Some(names[(index + 1) % names.len()].as_str());
        let functions: Vec<_> =
            names.iter().enumerate().map(|(index, name)| function(name, next(index), None)).collect();
        let walks = walks(&functions, &BTreeMap::new());
        assert_eq!(walks.len(), 1);
        assert!(walks[0].contains("… 9991 more …"), "{}", walks[0]);
    }
}
