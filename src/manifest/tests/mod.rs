//! Tests of the manifest as a whole: what it produces, and what is found in it.

mod overlays;
mod robustness;
mod schema;
mod secrets;
mod triggers;
mod variables;

use serde_json::json;
use std::fmt::Write;
use std::fs;

use super::*;
use crate::model::code::Code;
use crate::model::target::Target;

const ORDERS: &str = include_str!("../../../examples/orders/orders.yaml");
const INVALID: &str = include_str!("../../../examples/invalid/fgctl.yaml");

/// A manifest on standard input.
fn load_text(text: &[u8], variables: &[(String, String)]) -> Loaded {
    load(&Inputs {
        paths: &["-".into()],
        root: None,
        selected: None,
        not_manifests: &[],
        variables,
        variable_files: &[],
        environment: &|name| (name == "ORDERS_PAYMENT_KEY").then(|| "key".to_owned()),
        standard_input: &|limit| Ok(text.iter().copied().take(usize::try_from(limit).unwrap_or(usize::MAX)).collect()),
    })
}

fn manifest(text: &str) -> Manifest {
    let loaded = load_text(text.as_bytes(), &[]);
    assert_eq!(loaded.diagnostics, [], "{text}");
    loaded.manifest.expect("a manifest")
}

fn codes(text: &str) -> Vec<&'static str> {
    load_text(text.as_bytes(), &[]).diagnostics.iter().map(|diagnostic| diagnostic.code).collect()
}

const HEAD: &str = "version: 1\nstack: s\n";

#[test]
fn defaults_are_filled_in_and_merged() {
    let manifest = manifest(&format!(
        "{HEAD}defaults: {{ runtime: Python3.9, handler: a.b, agency: fgs, environment: {{ A: 1, B: 2 }}, tags: {{ t: x }} }}
functions:
  plain: {{ code: {{ inline: x }} }}
  own:
    code: {{ inline: x }}
    package: p
    name: other
    agency: null
    tags: null
    environment: {{ B: 1.10, C: on }}
    memory: 256
    timeout: 15m
    initializer: {{ handler: a.init }}
    async: {{}}
"
    ));
    let [own, plain] = manifest.functions.as_slice() else { panic!("two functions") };
    let environment = |function: &Function| {
        format!("{:?}", function.configuration.entries(Field::Environment).map(|(_, value)| value).collect::<Vec<_>>())
    };
    assert_eq!(environment(plain), r#"["1", "2"]"#);
    assert_eq!(environment(own), r#"["1", "1.10", "on"]"#);
    assert_eq!((plain.configuration.has(Field::Tags), own.configuration.has(Field::Tags)), (true, false));
    assert_eq!((plain.configuration.has(Field::Agency), own.configuration.has(Field::Agency)), (true, false));
    assert_eq!(
        (plain.configuration.value(Field::Timeout), own.configuration.value(Field::Timeout)),
        (json!(3), json!(900))
    );
    assert_eq!(
        (plain.configuration.value(Field::Memory), own.configuration.value(Field::Memory)),
        (json!(128), json!(256))
    );
    assert_eq!((plain.address.to_string(), own.address.to_string()), ("default/plain".into(), "p/other".into()));
    assert!(plain.policy.is_none());
    let (policy, spots) = own.policy.as_ref().expect("a policy");
    assert_eq!((policy.max_retries.get(), policy.max_validity_period.get()), (1, 3600));
    assert_eq!(spots.used.pointer, "/functions/own/async");
}

#[test]
fn findings_of_a_shared_policy_point_to_its_declaration() {
    let manifest = manifest(ORDERS);
    let function = |key: &str| manifest.functions.iter().find(|function| function.key == key).expect("declared");
    let (policy, spots) = function("report").policy.as_ref().expect("a policy");
    assert_eq!(policy.max_retries.get(), 2);
    assert!(matches!(&policy.on_failure, Some(Target::Obs { bucket, .. }) if bucket.as_str() == "orders-failures"));
    assert_eq!(spots.on_failure.as_ref().expect("a spot").pointer, "/policies/standard/on_failure");
    let (policy, _) = function("intake").policy.as_ref().expect("a policy");
    let settle = policy.on_success.as_ref().and_then(Target::function).expect("a function");
    assert_eq!(settle.to_string(), "payments/settle");
    assert!(function("settle").secrets.values().all(|secret| secret.value.is_some()));
}

#[test]
fn a_mapping_has_one_merge_key() {
    let text = format!(
        "{HEAD}policies: {{ a: &a {{ max_retries: 1 }}, b: &b {{ max_retries: 2 }}, c: {{ <<: *a, <<: *b }} }}\n"
    );
    assert_eq!(codes(&text), ["duplicate-key"]);
}

/// Findings after the size limit would be wrong.
#[test]
fn too_large_is_the_only_finding() {
    let mut text = "a0: &a0 { x: 1 }\n".to_owned();
    for level in 1..40 {
        writeln!(text, "a{level}: &a{level} {{ <<: [*a{0}, *a{0}, *a{0}, *a{0}], x: 1, x: 2 }}", level - 1)
            .expect("written");
    }
    let mut found = codes(&text);
    found.retain(|code| *code != "duplicate-key");
    assert_eq!(found, ["too-large"]);
}

/// A user may write a secret's value instead of its variable's name.
#[test]
fn messages_do_not_repeat_values_under_secrets() {
    let text = format!(
        "{HEAD}functions:\n  f:\n    runtime: Python3.9\n    handler: a.b\n    code: {{ inline: x }}\n    secrets:\n      \
         A: hunter2\n      B: {{ value: hunter2 }}\n"
    );
    let mut loaded = load_text(text.as_bytes(), &[]);
    loaded.sources.locate(&mut loaded.diagnostics);
    assert!(loaded.diagnostics.len() >= 2, "{:?}", loaded.diagnostics);
    assert!(!format!("{:?}", loaded.diagnostics).contains("hunter2"), "{:?}", loaded.diagnostics);
}

/// Each place gets one finding, and a wrong name does not hide another name that starts with it.
#[test]
fn findings_do_not_hide_each_other() {
    assert_eq!(codes("version: '1'\nstack: s\nfunctions: {}\n"), ["wrong-type"]);
    let text = format!("{HEAD}functions:\n  f1: {{ foo: x }}\n  f10: {{ memory: 3 }}\n");
    let mut found = codes(&text);
    found.sort_unstable();
    assert_eq!(found, ["missing-field", "missing-field", "out-of-range", "unknown-field"]);
}

#[test]
fn anchors_aliases_and_merge_keys_work() {
    let manifest = manifest(&format!(
        "{HEAD}functions:
  a: &a {{ runtime: Python3.9, handler: a.b, code: {{ inline: x }}, memory: 256 }}
  b: {{ <<: *a, memory: 512 }}
  c: {{ <<: [{{ memory: 1024 }}, *a] }}
  d: *a
"
    ));
    let memory: Vec<_> =
        manifest.functions.iter().map(|function| function.configuration.value(Field::Memory)).collect();
    assert_eq!(memory, [256, 512, 1024, 256]);
}

#[test]
fn nested_merges_of_aliases_are_limited() {
    let mut text = "a0: &a0 { x: 1 }\n".to_owned();
    for level in 1..60 {
        writeln!(text, "a{level}: &a{level} {{ <<: [*a{0}, *a{0}, *a{0}, *a{0}] }}", level - 1).expect("written");
    }
    assert!(codes(&text).contains(&"too-large"));
}

/// Otherwise anyone who can read the function's memory could act as the user who deploys it.
#[test]
fn credentials_of_fgctl_cannot_be_secrets_of_functions() {
    let function = |env: &str| {
        format!(
            "{HEAD}functions: {{ f: {{ runtime: Python3.9, handler: h.h, code: {{ inline: x }}, secrets: {{ X: {{ env: '{env}' }} }} }} }}\n"
        )
    };
    for env in ["FGCTL_SECRET_KEY", "HW_SECRET_KEY", "HUAWEICLOUD_SDK_SK", "OS_PASSWORD", "OS_AUTH_TOKEN", "${var.x}"] {
        let text = format!("variables: {{ x: HW_ACCESS_KEY }}\n{}", function(env));
        let mut loaded = load_text(text.as_bytes(), &[]);
        loaded.sources.locate(&mut loaded.diagnostics);
        let [found] = &loaded.diagnostics[..] else { panic!("{env}: {:?}", loaded.diagnostics) };
        assert_eq!((found.code, found.place.as_ref().map(|place| place.line)), ("credential-as-secret", Some(4)));
        assert_eq!(found.spot.as_ref().map(|spot| spot.pointer.as_str()), Some("/functions/f/secrets/X/env"));
    }
    assert_eq!(codes(&function("FGCTL_VAR_x")), Vec::<&str>::new());
    let default = format!(
        "{HEAD}defaults: {{ secrets: {{ X: {{ env: HW_SECRET_KEY }} }} }}\nfunctions: {{ f: {{ runtime: Python3.9, handler: h.h, code: {{ inline: x }} }} }}\n"
    );
    assert_eq!(codes(&default), ["credential-as-secret"]);
}

#[test]
fn a_suggestion_shows_a_refused_name_as_it_is_written() {
    let text = format!(
        "{HEAD}targets: {{ 'all/err~rs': 1 }}\nfunctions: {{ f: {{ runtime: Python3.9, handler: h.h, code: {{ inline: x }}, async: {{ on_failure: 'all/errors' }} }} }}\n"
    );
    let loaded = load_text(text.as_bytes(), &[]);
    let unknown = loaded.diagnostics.iter().find(|found| found.code == "unknown-target");
    let help = unknown.and_then(|unknown| unknown.help.as_deref());
    assert_eq!(help, Some("did you mean `all/err~rs`?"), "{:?}", loaded.diagnostics);
}

#[test]
fn names_in_a_broken_file_are_not_reported_as_unknown() {
    let temp = tempfile::tempdir().expect("a directory");
    fs::write(temp.path().join("a.yaml"), format!("{HEAD}functions: {{ f: {{ async: p }} }}")).expect("written");
    fs::write(temp.path().join("b.yaml"), "policies: {").expect("written");
    let loaded = load(&Inputs {
        paths: &[temp.path().to_owned()],
        root: None,
        selected: None,
        not_manifests: &[],
        variables: &[],
        variable_files: &[],
        environment: &|_| None,
        standard_input: &|_| Ok(Vec::new()),
    });
    let codes: Vec<_> = loaded.diagnostics.iter().map(|diagnostic| diagnostic.code).collect();
    assert_eq!(codes, ["yaml-syntax"]);
}

#[test]
fn code_is_read_only_if_needed_and_has_the_hash_of_its_archive() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for example in ["examples/tutorial", "examples/orders"] {
        let loaded = load(&Inputs {
            paths: &[root.join(example)],
            root: None,
            selected: None,
            not_manifests: &[],
            variables: &[],
            variable_files: &[],
            environment: &|_| None,
            standard_input: &|_| Ok(Vec::new()),
        });
        let manifest = loaded.manifest.expect("a manifest");
        let codes = manifest.code.read(&manifest.functions, &mut Vec::new());
        for (address, code) in codes.expect("readable code") {
            let archive = manifest.code.archive(&address).expect("packs").expect("an archive");
            let packed = crate::model::code::Archive::of_zip(&archive).expect("a zip");
            assert_eq!(code, Code::Archive(packed), "{address}");
        }
    }
}

/// The same path read as a directory and as an archive gives different results.
#[test]
fn one_path_can_be_a_directory_and_an_archive() {
    let code = |kind: &str| format!("{{ code: {{ {kind}: examples }}, runtime: Python3.9, handler: index.handler }}");
    let text = format!("version: 1\nstack: s\nfunctions: {{ a: {}, b: {} }}\n", code("dir"), code("zip"));
    let manifest = manifest(&text);
    let mut found = Vec::new();
    assert_eq!(manifest.code.read(&manifest.functions, &mut found), None, "a directory is not an archive");
    found.retain(|found| found.code == "unusable-code");
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].message.contains("is not a regular file"), "{found:?}");
}
