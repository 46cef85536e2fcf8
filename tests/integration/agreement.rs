//! The check for cycles and the server agree: what the check calls a certain cycle comes back to a function when it runs, and
//! what it calls acyclic does not.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use fgctl::manifest::{self, Inputs, Loaded};
use fgctl::plan::{cycle, events};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use crate::server_events::{dis, invoke, listen, notify, obs, server, smn, uploads};
use crate::server_harness::Server;

const CASES: usize = 60;
const FUNCTIONS: usize = 3;
/// Starts of object names that notifications write.
const WRITTEN: [&str; 5] = ["a/", "a/b/", "b/", "", "/a/"];
/// Prefixes of triggers. Two on one bucket never overlap, so that a chain does not branch.
const HEARD: [&[&str]; 4] = [&[""], &["a/", "b/"], &["a/b/", "b/"], &["/a/", "b/"]];

/// Where the failures of a function go.
#[derive(Debug, Clone, Copy)]
enum Aim {
    Function(usize),
    Bucket(usize),
    Topic(usize),
    Stream,
}

/// A small stack. The listeners are functions by number.
#[derive(Debug, Clone)]
struct Case {
    aims: [Option<Aim>; FUNCTIONS],
    prefixes: usize,
    of_prefixes: [Option<usize>; 2],
    of_topics: [Option<usize>; 2],
    of_stream: Option<usize>,
}

fn any_case() -> impl Strategy<Value = Case> {
    let aim = || {
        let aim = prop_oneof![
            2 => (0..FUNCTIONS).prop_map(Aim::Function),
            4 => (0..WRITTEN.len()).prop_map(Aim::Bucket),
            2 => (0..2_usize).prop_map(Aim::Topic),
            1 => Just(Aim::Stream),
        ];
        proptest::option::weighted(0.8, aim)
    };
    let listener = || proptest::option::weighted(0.7, 0..FUNCTIONS);
    let case = ([aim(), aim(), aim()], 0..HEARD.len(), [listener(), listener()], [listener(), listener()], listener());
    case.prop_map(|(aims, prefixes, of_prefixes, of_topics, of_stream)| Case {
        aims,
        prefixes,
        of_prefixes,
        of_topics,
        of_stream,
    })
}

/// The names of a case, which no other case has.
struct Names {
    case: usize,
}

impl Names {
    fn function(&self, index: usize) -> String {
        format!("c{}-f{index}", self.case)
    }

    fn bucket(&self) -> String {
        format!("bucket-{}", self.case)
    }

    fn topic(&self, index: usize) -> String {
        format!("urn:smn:region:0123456789abcdef0123456789abcdef:t{}-{index}", self.case)
    }

    fn stream(&self) -> String {
        format!("s{}", self.case)
    }
}

impl Case {
    /// The triggers: type in a manifest, type of the service, function, and the fields in both forms.
    fn triggers(&self, names: &Names) -> Vec<Trigger> {
        let prefixes = HEARD[self.prefixes].iter().zip(self.of_prefixes);
        let buckets = prefixes.filter_map(|(prefix, listener)| {
            let sent = uploads(&names.bucket(), prefix);
            Some(Trigger { key: "obs", code: "OBS", function: listener?, declared: sent.clone(), sent })
        });
        let topics = self.of_topics.iter().enumerate().filter_map(|(index, listener)| {
            let topic = names.topic(index);
            let (declared, sent) = (json!({ "topic": topic }), json!({ "topic_urn": topic }));
            Some(Trigger { key: "smn", code: "SMN", function: (*listener)?, declared, sent })
        });
        let (declared, sent) = (json!({ "stream": names.stream() }), json!({ "stream_name": names.stream() }));
        let stream = self.of_stream.map(|function| Trigger { key: "dis", code: "DIS", function, declared, sent });
        buckets.chain(topics).chain(stream).collect()
    }

    fn manifest(&self, names: &Names) -> Value {
        let mut functions: BTreeMap<String, Value> = BTreeMap::new();
        for (index, aim) in self.aims.iter().enumerate() {
            let target = aim.map(|aim| match aim {
                Aim::Function(to) => json!({ "function": names.function(to) }),
                Aim::Bucket(prefix) => json!({ "obs": { "bucket": names.bucket(), "prefix": WRITTEN[prefix] } }),
                Aim::Topic(topic) => json!({ "smn": { "topic": names.topic(topic) } }),
                Aim::Stream => json!({ "dis": { "stream": names.stream() } }),
            });
            let own = self.triggers(names).into_iter().enumerate().filter(|(_, trigger)| trigger.function == index);
            let own: BTreeMap<String, Value> =
                own.map(|(number, it)| (format!("t{number}"), json!({ it.key: it.declared }))).collect();
            let function = json!({
                "runtime": "Python3.9", "handler": "index.handler", "agency": "a", "code": { "inline": "x" },
                "async": { "on_failure": target }, "triggers": own,
            });
            functions.insert(names.function(index), function);
        }
        json!({ "version": 1, "stack": "s", "functions": functions })
    }

    async fn deploy(&self, server: &Server, names: &Names) {
        for (index, aim) in self.aims.iter().enumerate() {
            let target = match aim {
                None => continue,
                Some(Aim::Function(to)) => json!({
                    "destination": "FunctionGraph",
                    "param": json!({ "func_urn": server.urn(&names.function(*to)) }).to_string(),
                }),
                Some(Aim::Bucket(prefix)) => obs(&names.bucket(), WRITTEN[*prefix]),
                Some(Aim::Topic(topic)) => smn(&names.topic(*topic)),
                Some(Aim::Stream) => dis(&names.stream()),
            };
            notify(server, &names.function(index), target).await;
        }
        for trigger in self.triggers(names) {
            listen(server, &names.function(trigger.function), trigger.code, trigger.sent).await;
        }
    }
}

struct Trigger {
    key: &'static str,
    code: &'static str,
    function: usize,
    declared: Value,
    sent: Value,
}

/// Loads a manifest without files and variables.
pub(crate) fn loaded(manifest: &Value) -> Loaded {
    manifest::load(&Inputs {
        paths: &[PathBuf::from("-")],
        root: None,
        selected: None,
        not_manifests: &[],
        variables: &[],
        variable_files: &[],
        environment: &|_| None,
        standard_input: &|_| Ok(manifest.to_string().into_bytes()),
    })
}

/// The codes of the findings about cycles.
fn checked(manifest: &Value) -> BTreeSet<&'static str> {
    let loaded = loaded(manifest);
    assert!(loaded.manifest.is_some(), "{:#?}", loaded.diagnostics);
    cycle::cycles(&events::declared(loaded.holders()), |_| true).into_iter().map(|found| found.code).collect()
}

/// Whether an event of this function comes back to a function that it has passed.
async fn comes_back(server: &Server, first: &str) -> bool {
    let mut next = invoke(server, first).await;
    let mut passed = BTreeSet::new();
    loop {
        let trace = server.get(&format!("/fgctl/invocations/{next}")).await.body;
        if !passed.insert(trace["function_urn"].to_string()) {
            return true;
        }
        let delivery = &trace["notification"];
        let mut started = delivery["triggered"].as_array().into_iter().flatten().chain([delivery]);
        match started.find_map(|one| one["request_id"].as_str()) {
            Some(id) => id.clone_into(&mut next),
            None => return false,
        }
    }
}

#[tokio::test]
async fn what_the_check_calls_a_cycle_runs_as_one() {
    let mut runner = TestRunner::default();
    let mut seen: BTreeMap<(bool, bool), usize> = BTreeMap::new();
    for number in 0..CASES {
        let case = any_case().new_tree(&mut runner).expect("a case").current();
        let names = Names { case: number };
        let found = checked(&case.manifest(&names));
        let functions: Vec<String> = (0..FUNCTIONS).map(|index| names.function(index)).collect();
        let server = server(&functions.iter().map(String::as_str).collect::<Vec<_>>()).await;
        case.deploy(&server, &names).await;
        let mut runs = false;
        for function in &functions {
            runs |= comes_back(&server, function).await;
        }
        let (certain, possible) = (found.contains("cycle"), found.contains("possible-cycle"));
        assert!(runs || !certain, "the check finds a cycle, but no event comes back: {case:#?}");
        assert!(!runs || certain || possible, "an event comes back, but the check finds no cycle: {case:#?}");
        *seen.entry((certain, runs)).or_default() += 1;
    }
    for shape in [(true, true), (false, false)] {
        assert!(seen.contains_key(&shape), "no case had (cycle, runs) = {shape:?}: {seen:?}");
    }
}
