//! Tests of the manifest as a whole: what it produces, and that no input makes it panic.

use proptest::prelude::*;
use serde_json::json;
use std::fmt::Write;
use std::fs;

use super::source::Source;
use super::*;
use crate::model::code::Code;
use crate::model::function::Configuration;
use crate::model::target::Target;

const ORDERS: &str = include_str!("../../examples/orders/orders.yaml");
const INVALID: &str = include_str!("../../examples/invalid/fgctl.yaml");

/// A manifest on standard input.
fn load_text(text: &[u8], variables: &[(String, String)]) -> Loaded {
    load(&Inputs {
        paths: &["-".into()],
        root: None,
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
fn a_variable_keeps_its_type_if_it_is_the_whole_value() {
    let text = format!(
        "{HEAD}variables: {{ n: 2, s: \"2\", x: null }}
policies: {{ p: {{ max_retries: \"${{var.n}}\" }} }}
defaults: {{ runtime: Python3.9, handler: a.b, description: \"${{var.n}} of $${{var.n}} ${{var.s}}${{var.x}}\" }}
functions: {{ f: {{ code: {{ inline: x }} }} }}
"
    );
    let given = [("x".to_owned(), "7".to_owned()), ("s".to_owned(), "3".to_owned())];
    let loaded = load_text(text.as_bytes(), &given);
    let manifest = loaded.manifest.expect("a manifest");
    assert_eq!(manifest.functions[0].configuration.text(Field::Description), "2 of ${var.n} 37");
    let retries = |text: &str| {
        let loaded = load_text(text.replace("{ inline: x }", "{ inline: x }, async: p").as_bytes(), &given);
        let manifest = loaded.manifest.unwrap_or_else(|| panic!("{:?}", loaded.diagnostics));
        manifest.functions[0].policy.as_ref().expect("a policy").0.max_retries.get()
    };
    assert_eq!(retries(&text), 2);
    assert_eq!(retries(&text.replace("${var.n}\" }", "${var.s}\" }")), 3, "quoted where it is declared");
}

/// In a variable file, a quoted number works where a number is needed, as on the command line.
#[test]
fn a_quoted_number_of_a_variable_file_is_a_number_where_one_is_needed() {
    let temp = tempfile::tempdir().expect("a directory");
    let file = temp.path().join("values.yaml");
    let text = format!(
        "{HEAD}variables: {{ m: null }}
functions: {{ f: {{ runtime: Python3.9, handler: a.b, memory: '${{var.m}}', code: {{ inline: x }} }} }}"
    );
    let memory = Some(json!(256));
    for (written, expected) in [("256", &memory), ("'256'", &memory), ("\"0x100\"", &memory), ("'a'", &None)] {
        fs::write(&file, format!("m: {written}\n")).expect("written");
        let loaded = load(&Inputs {
            paths: &["-".into()],
            root: None,
            variables: &[],
            variable_files: std::slice::from_ref(&file),
            environment: &|_| None,
            standard_input: &|_| Ok(text.clone().into_bytes()),
        });
        let memory = loaded.manifest.map(|manifest| manifest.functions[0].configuration.value(Field::Memory));
        assert_eq!(&memory, expected, "{written}: {:?}", loaded.diagnostics);
    }
}

/// As in other tools, text appears as it was written.
#[test]
fn a_variable_in_text_keeps_its_spelling_from_every_source() {
    const KINDS: [&str; 22] = [
        "1.10",
        "007",
        "0x1F",
        "0o17",
        "1e3",
        "1.0",
        "+7",
        "-0",
        ".5",
        "5.",
        "yes",
        "on",
        "True",
        "false",
        "2026-01-01",
        "12:30:00",
        "1_000",
        "123456789012345678901234567890",
        ".inf",
        "0b11",
        "v1.10",
        "1.2.3",
    ];
    let temp = tempfile::tempdir().expect("a directory");
    let file = temp.path().join("values.yaml");
    for written in KINDS {
        let text = |declared: &str| {
            format!(
                "{HEAD}variables: {{ x: {declared} }}
functions:
  f: {{ runtime: Python3.9, handler: a.b, code: {{ inline: y }}, description: 'app-${{var.x}}.zip', environment: {{ E: '${{var.x}}' }},
        tags: {{ t: '${{var.x}}' }} }}"
            )
        };
        fs::write(&file, format!("x: {written}\n")).expect("written");
        let given = [("x".to_owned(), written.to_owned())];
        let (no_arguments, files) = (&given[..0], [file.clone()]);
        let sources = [
            (written, no_arguments, &files[..0], false),
            ("null", &given[..], &files[..0], false),
            ("3", &given[..], &files[..0], false),
            ("3", no_arguments, &files[..], false),
            ("~", no_arguments, &files[..0], true),
        ];
        for (declared, variables, variable_files, in_environment) in sources {
            let text = text(declared);
            let loaded = load(&Inputs {
                paths: &["-".into()],
                root: None,
                variables,
                variable_files,
                environment: &|name| (in_environment && name == "FGCTL_VAR_x").then(|| written.to_owned()),
                standard_input: &|_| Ok(text.clone().into_bytes()),
            });
            let manifest = loaded.manifest.unwrap_or_else(|| panic!("{written}: {:?}", loaded.diagnostics));
            let configuration = &manifest.functions[0].configuration;
            assert_eq!(
                configuration.text(Field::Description),
                format!("app-{written}.zip"),
                "{declared} {variables:?}"
            );
            let entries = configuration.entries(Field::Environment).chain(configuration.entries(Field::Tags));
            assert_eq!(entries.map(|(_, value)| value).collect::<Vec<_>>(), [written; 2]);
        }
    }
}

#[test]
fn a_variable_becomes_a_number_only_where_a_number_is_required() {
    let memory = |declared: &str| {
        let text = format!(
            "{HEAD}variables: {{ m: {declared} }}
defaults: {{ runtime: Python3.9, handler: a.b, memory: '${{var.m}}', description: '${{var.m}}', timeout: '${{var.m}}' }}
functions: {{ f: {{ code: {{ inline: x }} }} }}"
        );
        let loaded = load_text(text.as_bytes(), &[]);
        let mut codes: Vec<_> = loaded.diagnostics.iter().map(|found| found.code).collect();
        codes.sort_unstable();
        let configuration = loaded.manifest.map(|manifest| manifest.functions[0].configuration.clone());
        let number = |it: &Configuration, field| it.value(field).as_u64().expect("a number");
        let values = |it: Configuration| {
            (number(&it, Field::Memory), number(&it, Field::Timeout), it.text(Field::Description).to_owned())
        };
        configuration.map(values).ok_or(codes)
    };
    assert_eq!(memory("256"), Ok((256, 256, "256".into())));
    assert_eq!(memory("0x100"), Ok((256, 256, "0x100".into())));
    assert_eq!(memory("0256"), Ok((256, 256, "0256".into())));
    assert_eq!(memory("'256'"), Ok((256, 256, "256".into())), "whatever the source, and however it is written there");
    assert_eq!(memory("'1_024'"), Err(vec!["invalid-value", "wrong-type"]));
    assert_eq!(memory("257"), Err(vec!["out-of-range"]));
    assert_eq!(memory("1_024"), Err(vec!["invalid-value", "wrong-type"]));
}

/// An unreadable file may declare the variables that seem to be missing.
#[test]
fn an_unreadable_file_causes_no_findings_about_variables() {
    let temp = tempfile::tempdir().expect("a directory");
    let write = |name: &str, text: &str| fs::write(temp.path().join(name), text).expect("written");
    write(
        "a.yaml",
        &format!(
            "{HEAD}functions: {{ f: {{ runtime: Python3.9, handler: '${{var.h}}-${{var.n}}', code: {{ inline: x }} }} }}"
        ),
    );
    write("b.yaml", "variables: { h: 1");
    let codes = |variable_files: &[PathBuf]| {
        let loaded = load(&Inputs {
            paths: &[temp.path().to_owned()],
            root: None,
            variables: &[("h".into(), "1".into())],
            variable_files,
            environment: &|_| None,
            standard_input: &|_| Ok(Vec::new()),
        });
        loaded.diagnostics.iter().map(|diagnostic| diagnostic.code).collect::<Vec<_>>()
    };
    assert_eq!(codes(&[]), ["yaml-syntax"]);
    write("b.yaml", "version: 1\nstack: s\nvariables: { h: null, n: null }");
    assert_eq!(codes(&["missing.yaml".into()]), ["unreadable"]);
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

/// A declaration without a value does not give a type, so text that only partly looks like a number stays text.
#[test]
fn text_from_outside_keeps_its_spelling() {
    let text = format!(
        "{HEAD}variables: {{ x: null }}
functions:
  f: {{ runtime: Python3.9, handler: a.b, code: {{ inline: y }}, description: '-${{var.x}}-', environment: {{ E: '${{var.x}}' }} }}"
    );
    for given in ["0042", "01234567890123456789012345678901", "1.10", ".5", "0x1F", "False", "7", "true", "on", ""] {
        let loaded = load_text(text.as_bytes(), &[("x".to_owned(), given.to_owned())]);
        let functions = loaded.manifest.unwrap_or_else(|| panic!("{given}: {:?}", loaded.diagnostics)).functions;
        let configuration = &functions[0].configuration;
        assert_eq!(configuration.text(Field::Description), format!("-{given}-"));
        assert_eq!(configuration.entries(Field::Environment).collect::<Vec<_>>(), [("E", given)]);
    }
}

/// A commit id can consist of digits only, and so can an account id.
#[test]
fn a_number_from_outside_is_text_where_only_text_is_allowed() {
    let text = format!(
        "{HEAD}variables: {{ x: null, m: null }}
targets: {{ t: {{ obs: {{ bucket: '${{var.x}}' }} }} }}
functions:
  f: {{ runtime: Python3.9, handler: a.b, agency: a, code: {{ inline: y }}, description: '${{var.x}}', memory: '${{var.m}}', tags: {{ t: '${{var.x}}' }},
        async: {{ on_failure: t, max_retries: '${{var.x}}' }} }}"
    );
    let given = |x: &str| {
        let given = [("x".to_owned(), x.to_owned()), ("m".to_owned(), "256".to_owned())];
        load_text(text.replace("max_retries: '${var.x}'", "").as_bytes(), &given)
    };
    for x in ["1234567", "12e4567", "true"] {
        let loaded = given(x);
        let functions = loaded.manifest.unwrap_or_else(|| panic!("{x}: {:?}", loaded.diagnostics)).functions;
        let configuration = &functions[0].configuration;
        assert_eq!((configuration.text(Field::Description), configuration.value(Field::Memory)), (x, json!(256)));
    }
    let loaded = load_text(text.as_bytes(), &[("x".into(), "1234567".into()), ("m".into(), "256".into())]);
    assert_eq!(loaded.diagnostics.iter().map(|found| found.code).collect::<Vec<_>>(), ["out-of-range"]);
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

#[test]
fn the_committed_schema_matches_the_types() {
    let committed = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/schemas/manifest.schema.json"));
    let published = serde_json::to_string_pretty(&published_schema()).expect("JSON") + "\n";
    assert!(
        committed.expect("the schema") == published,
        "the schema is stale: run `fgctl schema > schemas/manifest.schema.json`"
    );
}

/// Findings that only the program can make; the schema cannot express them.
const BEYOND_THE_SCHEMA: [&str; 12] = [
    "cycle",
    "code-outside",
    "duplicate-address",
    "duplicate-name",
    "missing-agency",
    "missing-variable",
    "over-limit",
    "unknown-function",
    "unknown-policy",
    "unknown-runtime",
    "unknown-target",
    "unknown-variable",
];

#[test]
fn schema_and_program_agree() {
    let published = jsonschema::options().build(&published_schema()).expect("a schema");
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut judged = 0;
    for folder in ["examples/tutorial", "examples/orders", "examples/invalid", "tests/fixtures/invalid"] {
        for entry in fs::read_dir(root.join(folder)).expect("a folder") {
            let path = entry.expect("an entry").path();
            let Some(text) = fs::read_to_string(&path).ok().filter(|_| path.extension().is_some_and(|is| is == "yaml"))
            else {
                continue;
            };
            let source = Source { name: String::new(), directory: "".into(), root: "".into(), text: text.clone() };
            let (mut sources, mut ignored) = (Sources::default(), Vec::new());
            let index = sources.add(source);
            let Some(document) = sources.document(index, &mut ignored).filter(|_| ignored.is_empty()) else { continue };
            // `inline` and the range of durations are checked by the program too, with codes that the schema also uses.
            let program: Vec<_> = load_text(text.as_bytes(), &[]).diagnostics;
            let refused = program.iter().any(|found| found.is_error() && !BEYOND_THE_SCHEMA.contains(&found.code));
            assert_eq!(!published.is_valid(&document.value), refused, "{}: {program:?}", path.display());
            judged += 1;
        }
    }
    assert!(judged >= 10, "{judged}");
}

fn must_not_panic(text: &[u8]) {
    let Loaded { sources, mut diagnostics, manifest, .. } = load_text(text, &[]);
    assert_eq!(manifest.is_none(), diagnostics.iter().any(Diagnostic::is_error));
    sources.locate(&mut diagnostics);
    for diagnostic in diagnostics {
        assert!(diagnostic.place.is_some_and(|place| place.line > 0 && place.column > 0 && place.length > 0));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes_do_not_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        must_not_panic(&bytes);
    }

    #[test]
    fn arbitrary_yaml_like_text_does_not_panic(text in r"[a-c:{}\[\],&*<>|!%@`'\x22#\-? \n\t0-9~$.\r\u{e9}\u{85}]{0,200}") {
        must_not_panic(text.as_bytes());
    }

    #[test]
    fn a_random_edit_of_a_manifest_does_not_panic(
        at in any::<prop::sample::Index>(),
        length in 0..12_usize,
        insert in r"[a-c:{}\[\],&*<>|!'\x22#\-? \n\t0-9~$.]{0,4}",
        invalid in any::<bool>(),
    ) {
        let mut bytes = if invalid { INVALID } else { ORDERS }.as_bytes().to_vec();
        let start = at.index(bytes.len());
        let end = (start + length).min(bytes.len());
        bytes.splice(start..end, insert.into_bytes());
        must_not_panic(&bytes);
    }
}
