//! Overlays: what they change.

mod findings;
mod places;

use std::path::PathBuf;
use tempfile::TempDir;

use super::*;
use crate::model::async_policy::AsyncPolicy;

const BASE: &str = "version: 1
stack: s
variables: { level: info, retries: 1 }
defaults: { runtime: Python3.9, handler: index.handler, agency: fgs, environment: { LEVEL: \"${var.level}\" } }
targets:
  failures: { obs: { bucket: failures, prefix: x/ } }
policies:
  standard: { max_retries: 1, on_failure: failures }
functions:
  intake:
    code: { dir: intake }
    memory: 256
    description: Takes orders in
    environment: { A: 1, B: 2 }
    ignore: [tags]
    async: { max_retries: \"${var.retries}\", max_validity_period: 1h, on_failure: failures }
    triggers:
      nightly: { timer: { rate: 1d } }
  settle: { code: { inline: x }, async: standard }
";

/// Files in a folder, and what is loaded from some of them.
struct Folder(TempDir);

impl Folder {
    fn new(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().expect("a folder")).expect("the folder is made");
            fs::write(path, text).expect("the file is written");
        }
        Self(folder)
    }

    fn load(&self, paths: &[&str], variables: &[(String, String)]) -> Loaded {
        let paths: Vec<PathBuf> = paths.iter().map(|path| self.0.path().join(path)).collect();
        load(&Inputs {
            paths: &paths,
            root: None,
            selected: None,
            not_manifests: &[],
            variables,
            variable_files: &[],
            environment: &|_| None,
            standard_input: &|_| Ok(Vec::new()),
        })
    }

    /// `file:line:column code` of each finding.
    fn findings(&self, paths: &[&str]) -> Vec<String> {
        let mut loaded = self.load(paths, &[]);
        loaded.sources.ignore(&mut loaded.diagnostics, Lints::Complete);
        loaded.sources.locate(&mut loaded.diagnostics);
        let prefix = format!("{}/", self.0.path().display());
        let show = |found: &Diagnostic| match &found.place {
            Some(place) => {
                let file = place.file.strip_prefix(&prefix).unwrap_or(&place.file);
                format!("{file}:{}:{} {}", place.line, place.column, found.code)
            }
            None => format!("- {}", found.code),
        };
        loaded.diagnostics.iter().map(show).collect()
    }
}

/// The manifest with an overlay.
fn changed(overlay: &str) -> Manifest {
    let folder = Folder::new(&[("a.yaml", BASE), ("b.yaml", &format!("overlay: true\n{overlay}"))]);
    let loaded = folder.load(&["a.yaml", "b.yaml"], &[]);
    assert_eq!(loaded.diagnostics, [], "{overlay}");
    loaded.manifest.expect("a manifest")
}

/// The findings about the manifest with an overlay.
fn findings(overlay: &str) -> Vec<String> {
    let folder = Folder::new(&[("a.yaml", BASE), ("b.yaml", &format!("overlay: true\n{overlay}"))]);
    folder.findings(&["a.yaml", "b.yaml"])
}

fn function<'a>(manifest: &'a Manifest, key: &str) -> &'a Function {
    manifest.functions.iter().find(|function| function.key == key).expect("declared")
}

fn environment(function: &Function) -> BTreeMap<String, String> {
    let entries = function.configuration.entries(Field::Environment);
    entries.map(|(name, value)| (name.to_string(), value.to_string())).collect()
}

fn policy<'a>(manifest: &'a Manifest, key: &str) -> Option<&'a AsyncPolicy> {
    function(manifest, key).policy.as_ref().map(|(policy, _)| policy)
}

#[test]
fn mappings_are_merged_and_everything_else_is_replaced() {
    let manifest = changed(
        "functions:\n  intake:\n    memory: 512\n    environment: { B: 3, C: 1.10 }\n    ignore: [description]\n    async: { max_retries: 3 }\n",
    );
    let intake = function(&manifest, "intake");
    assert_eq!(intake.configuration.value(Field::Memory), json!(512));
    assert_eq!(intake.configuration.text(Field::Description), "Takes orders in");
    let expected = [("A", "1"), ("B", "3"), ("C", "1.10"), ("LEVEL", "info")];
    assert_eq!(environment(intake), expected.map(|(name, value)| (name.into(), value.into())).into());
    assert_eq!(intake.ignore.iter().collect::<Vec<_>>(), [&Field::Description]);
    let policy = policy(&manifest, "intake").expect("a policy");
    assert_eq!((policy.max_retries.get(), policy.max_validity_period.get()), (3, 3600));
    assert!(policy.on_failure.is_some());
    assert_eq!(function(&manifest, "settle").configuration.value(Field::Memory), json!(128));
}

#[test]
fn every_section_can_be_changed() {
    let manifest = changed(
        "stack: other\nregion: eu-de\nvariables: { level: debug, retries: 2 }\ndefaults: { memory: 1024, environment: { D: 4 } }\n\
         targets: { failures: { obs: { bucket: others } } }\npolicies: { standard: { max_retries: 0 } }\n",
    );
    assert_eq!(manifest.stack.as_str(), "other");
    assert!(manifest.location.region.is_some());
    let settle = function(&manifest, "settle");
    assert_eq!(settle.configuration.value(Field::Memory), json!(1024));
    assert_eq!(environment(settle).get("LEVEL").map(String::as_str), Some("debug"));
    assert_eq!(environment(settle).get("D").map(String::as_str), Some("4"));
    assert_eq!(policy(&manifest, "settle").expect("a policy").max_retries.get(), 0);
    let intake = policy(&manifest, "intake").expect("a policy");
    assert_eq!(intake.max_retries.get(), 2);
    assert!(
        matches!(&intake.on_failure, Some(Target::Obs { bucket, prefix, .. }) if bucket.as_str() == "others" && prefix.as_str() == "x/")
    );
}

#[test]
fn another_kind_replaces_the_whole_mapping() {
    let manifest = changed(
        "targets: { failures: { dis: { stream: failures } } }\nfunctions:\n  intake:\n    code: { inline: y, dir: null }\n    \
         triggers: { nightly: { smn: { topic: urn:smn:eu-de:0123456789abcdef0123456789abcdef:orders } } }\n",
    );
    let intake = policy(&manifest, "intake").expect("a policy");
    assert!(matches!(&intake.on_failure, Some(Target::Dis { .. })), "{intake:?}");
    let codes = manifest.code.read(&manifest.functions, &mut Vec::new()).expect("no directory is read");
    assert_eq!(codes.len(), 2);
    let triggers = &function(&manifest, "intake").triggers;
    assert_eq!(triggers.len(), 1);
    assert!(triggers.values().all(|trigger| trigger.code.as_str() == "SMN"), "{triggers:?}");
}

#[test]
fn null_removes_entries_and_the_defaults_of_fields() {
    let manifest = changed(
        "functions:\n  intake: { memory: null, agency: null, environment: { A: null }, async: null, triggers: { nightly: null } }\n  \
         settle: { async: null, code: null, ignore: [code] }\n",
    );
    let intake = function(&manifest, "intake");
    assert_eq!(intake.configuration.value(Field::Memory), json!(128));
    assert!(!intake.configuration.has(Field::Agency));
    assert_eq!(environment(intake).keys().collect::<Vec<_>>(), ["B", "LEVEL"]);
    assert!(intake.policy.is_none() && intake.triggers.is_empty());
    let manifest = changed("functions: { settle: null }\npolicies: { standard: null }\n");
    assert_eq!(manifest.functions.len(), 1);
    // An empty section changes nothing: its entries may be commented out.
    assert_eq!(changed("functions:\ntargets:\ndefaults:\nstack:\n").functions.len(), 2);
}

/// In a group that `defaults` give, too.
#[test]
fn null_removes_the_default_of_one_field_of_a_group() {
    let base = BASE.replace("agency: fgs,", "agency: fgs, scaling: { max_instances: 5, concurrency: 2 },");
    let folder = Folder::new(&[
        ("a.yaml", &base),
        ("b.yaml", "overlay: true\nfunctions: { settle: { scaling: { concurrency: null } } }\n"),
    ]);
    let manifest = folder.load(&["a.yaml", "b.yaml"], &[]).manifest.expect("a manifest");
    let concurrency = |key| function(&manifest, key).configuration.has(Field::Concurrency);
    assert_eq!((concurrency("intake"), concurrency("settle")), (true, false));
}

#[test]
fn a_variable_without_a_value_must_be_set() {
    assert_eq!(findings("variables: { retries: null }\n"), ["b.yaml:2:14 missing-variable"]);
    let folder = Folder::new(&[("a.yaml", BASE), ("b.yaml", "overlay: true\nvariables: { retries: }\n")]);
    let loaded = folder.load(&["a.yaml", "b.yaml"], &[("retries".into(), "3".into())]);
    assert_eq!(loaded.diagnostics, []);
    let manifest = loaded.manifest.expect("a manifest");
    assert_eq!(policy(&manifest, "intake").expect("a policy").max_retries.get(), 3);
}

#[test]
fn an_overlay_can_declare_whole_functions() {
    let manifest = changed(
        "functions:\n  extra: { code: { inline: z }, environment: { X: 1 } }\n  known: { existing: true, async: { max_retries: 0 } }\n",
    );
    assert_eq!((manifest.functions.len(), manifest.existing.len()), (3, 1));
    assert_eq!(findings("functions:\n  extra: { code: { inline: z }, memory: 5 }\n"), ["b.yaml:3:41 out-of-range"]);
}

/// The names of files and directories are those of the file that contains them.
#[test]
fn paths_are_relative_to_the_overlay_that_gives_them() {
    let folder = Folder::new(&[
        ("a.yaml", BASE),
        ("prod/b.yaml", "overlay: true\nfunctions: { intake: { code: { dir: own } } }\n"),
        ("prod/own/index.py", "def handler(event, context): pass\n"),
        ("intake/index.py", "def handler(event, context): return 1\n"),
    ]);
    let hash = |paths: &[&str]| {
        let manifest = folder.load(paths, &[]).manifest.expect("a manifest");
        let address = function(&manifest, "intake").address.clone();
        let mut found = Vec::new();
        let codes = manifest.code.read(&manifest.functions, &mut found).unwrap_or_else(|| panic!("{found:?}"));
        codes[&address].hash()
    };
    assert_ne!(hash(&["a.yaml"]), hash(&["a.yaml", "prod/b.yaml"]));
}

#[test]
fn overlays_have_anchors_and_variables_of_their_own() {
    let manifest = changed(
        "variables: { extra: 3 }\nfunctions:\n  intake: &same { memory: 512, async: { max_retries: \"${var.extra}\", on_failure: null } }\n  settle: { <<: *same, timeout: 9 }\n",
    );
    for key in ["intake", "settle"] {
        assert_eq!(function(&manifest, key).configuration.value(Field::Memory), json!(512));
        assert_eq!(policy(&manifest, key).expect("a policy").max_retries.get(), 3);
    }
}

/// Names of different kinds do not get in each other's way.
#[test]
fn a_variable_can_be_named_like_a_function() {
    let manifest = changed(
        "variables: { intake: 2 }\nfunctions: { intake: { async: { max_retries: \"${var.intake}\" } } }\ntargets: { intake: { function: intake } }\n",
    );
    assert_eq!(policy(&manifest, "intake").expect("a policy").max_retries.get(), 2);
    assert_eq!(findings("variables: { token: null }\n"), ["b.yaml:2:14 missing-variable"]);
}

#[test]
fn an_overlay_that_repeats_its_manifest_changes_nothing() {
    let overlay = format!("overlay: true\n{ORDERS}");
    let folder = Folder::new(&[("a.yaml", ORDERS), ("b.yaml", &overlay)]);
    let [alone, both] = [&["a.yaml"][..], &["a.yaml", "b.yaml"]].map(|paths| folder.load(paths, &[]));
    assert_eq!((alone.diagnostics, both.diagnostics), (Vec::new(), Vec::new()));
    let [alone, both] = [alone.manifest, both.manifest].map(|manifest| manifest.expect("a manifest"));
    let shown = |manifest: &Manifest| format!("{:?}{:?}", manifest.functions, manifest.existing);
    assert_eq!(shown(&alone), shown(&both));
}

/// Editors accept what the program accepts, and overlays need not be whole manifests.
#[test]
fn the_schema_accepts_what_the_program_accepts() {
    let schema = jsonschema::options().build(&overlay::published()).expect("a schema");
    for text in [
        "overlay: true\n",
        "overlay: true\nfunctions: { intake: { memory: 512, agency: null, async: { on_failure: null }, environment: { A: null } } }\n",
        "overlay: true\nfunctions: { intake: null, settle: { code: { dir: null, inline: x } } }\n",
        "overlay: true\ntargets: { failures: { obs: { prefix: y/ } } }\npolicies: { standard: null }\n",
        "overlay: true\nstack: other\nvariables: { level: \"1\", retries: null }\n",
        "overlay: true\nfunctions: { intake: { triggers: { nightly: { timer: { rate: 2d } } }, vpc: { id: \"${var.level}\" } } }\n",
        include_str!("../../../../examples/environments/prod.yaml"),
    ] {
        let value = parsed(text);
        assert!(
            schema.is_valid(&value),
            "{text}: {:?}",
            schema.iter_errors(&value).map(|error| error.to_string()).collect::<Vec<_>>()
        );
    }
    for text in [
        "stack: other\n",
        "overlay: false\n",
        "overlay: true\nfunctions: { intake: { memroy: 512 } }\n",
        "overlay: true\nfunctions: { intake: { memory: 5 } }\n",
        "overlay: true\nfunctions: [intake]\n",
        "overlay: true\ntargets: { failures: { obs: { bucket: X } } }\n",
        "overlay: true\nfunctions: { intake: { async: { max_retries: 9 } } }\n",
    ] {
        assert!(!schema.is_valid(&parsed(text)), "{text}");
    }
}

fn parsed(text: &str) -> serde_json::Value {
    let mut sources = Sources::default();
    let source = source::Source { name: String::new(), directory: "".into(), root: "".into(), text: text.into() };
    let index = sources.add(source);
    sources.document(index, &mut Vec::new()).expect("YAML").value
}
