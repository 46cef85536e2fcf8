//! How variables become values.

use super::*;
use crate::model::function::Configuration;

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
            selected: None,
            not_manifests: &[],
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
                selected: None,
                not_manifests: &[],
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
            selected: None,
            not_manifests: &[],
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
