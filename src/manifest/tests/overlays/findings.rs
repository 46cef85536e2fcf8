//! Findings about overlays: where they are, and which files count.

use super::*;

#[test]
fn findings_point_into_the_file_that_contains_the_value() {
    for (overlay, expected) in [
        ("functions: { intake: { memory: 5 } }\n", &["b.yaml:2:32 out-of-range"][..]),
        ("functions: { intake: { memroy: 512 } }\n", &["b.yaml:2:24 unknown-field"]),
        ("function: { intake: { memory: 512 } }\n", &["b.yaml:2:1 unknown-field"]),
        ("functions: { intake: { environment: [A] } }\n", &["b.yaml:2:37 wrong-type"]),
        ("functions: { intake: { environment: { RUNTIME_CPU: 1 } } }\n", &["b.yaml:2:39 invalid-name"]),
        ("functions: { intake: { ignore: { tags: true } } }\n", &["b.yaml:2:32 wrong-type"]),
        ("functions: { intake: { ignore: [tags, tag] } }\n", &["b.yaml:2:39 invalid-value"]),
        ("functions: { intake: { async: { max_retries: 9 } } }\n", &["b.yaml:2:46 out-of-range"]),
        ("functions: { intake: { async: { on_success: gone } } }\n", &["b.yaml:2:45 unknown-target"]),
        ("functions: { settle: { async: standart } }\n", &["b.yaml:2:31 unknown-policy"]),
        ("functions: { intake: { code: { dir: ../up } } }\n", &["b.yaml:2:37 code-outside"]),
        ("functions: { intake: { description: '${var.x}' } }\n", &["b.yaml:2:37 unknown-variable"]),
        ("functions: { intake: { code: null } }\n", &["a.yaml:10:3 missing-field"]),
        ("functions: [intake]\n", &["b.yaml:2:12 wrong-type"]),
        ("functions: intake\n", &["b.yaml:2:12 wrong-type"]),
        ("defaults: { memory: 5 }\n", &["b.yaml:2:21 out-of-range"]),
        ("defaults: [memory]\n", &["b.yaml:2:11 wrong-type"]),
        ("targets: { failures: { obs: { bucket: X } } }\n", &["b.yaml:2:39 invalid-value"]),
        ("policies: { standard: { max_retries: 9 } }\n", &["b.yaml:2:38 out-of-range"]),
        (
            "functions: { intake: { triggers: { nightly: { timer: { rate: soon } } } } }\n",
            &["b.yaml:2:62 invalid-value"],
        ),
        ("stack: 'no stack'\n", &["b.yaml:2:8 invalid-value"]),
        ("version: 2\n", &["b.yaml:2:10 out-of-range"]),
        ("region: [eu-de]\n", &["b.yaml:2:9 wrong-type"]),
        ("functions: { settle: { existing: true } }\n", &["a.yaml:19:13 unknown-field"]),
        ("functions: { settle: { memory: 256, memory: 512 } }\n", &["b.yaml:2:37 duplicate-key"]),
        ("functions: { settle: *a }\n", &["b.yaml:2:22 yaml-syntax"]),
        ("functions: { settle: { async: { max_retries: 0 } } }\n", &["b.yaml:2:24 incomplete-replacement"]),
        ("functions: { settle: { async: { max_retries: 0, on_failure: null } } }\n", &[]),
        (
            "policies: { standard: { on_failure: { obs: { bucket: other } } } }\n",
            &["b.yaml:2:25 incomplete-replacement"],
        ),
        ("policies: { standard: { on_failure: { obs: { bucket: other, prefix: null } } } }\n", &[]),
        ("policies: { standard: { on_failure: { dis: { stream: other } } } }\n", &[]),
        (
            "functions: { settle: { async: { max_retires: 0, on_failure: null } } }\n",
            &["b.yaml:2:24 incomplete-replacement", "b.yaml:2:33 unknown-field"],
        ),
    ] {
        assert_eq!(findings(overlay), expected, "{overlay}");
    }
    let note = |folder: &Folder| {
        let mut loaded = folder.load(&["a.yaml", "b.yaml"], &[]);
        loaded.sources.locate(&mut loaded.diagnostics);
        let [found] = &loaded.diagnostics[..] else { panic!("{:?}", loaded.diagnostics) };
        let related: Vec<_> = found.related.iter().filter_map(|related| related.place.as_ref()).collect();
        let places = found.place.iter().chain(related);
        let file =
            |place: &crate::diagnostic::Place| PathBuf::from(&place.file).file_name()?.to_str().map(str::to_owned);
        places.map(|place| format!("{}:{}", file(place).expect("a name"), place.line)).collect::<Vec<_>>()
    };
    // The value is used in the manifest, and set in the overlay.
    let overlay = "overlay: true\nvariables: { retries: 9 }\n";
    assert_eq!(note(&Folder::new(&[("a.yaml", BASE), ("b.yaml", overlay)])), ["a.yaml:16", "b.yaml:2"]);
    // The other way round.
    let overlay = "overlay: true\nfunctions: { intake: { memory: '${var.level}' } }\n";
    assert_eq!(note(&Folder::new(&[("a.yaml", BASE), ("b.yaml", overlay)])), ["b.yaml:2", "a.yaml:3"]);
    // A missing field is reported at its function, with the place that removes it.
    let overlay = "overlay: true\nfunctions: { intake: { code: null } }\n";
    assert_eq!(note(&Folder::new(&[("a.yaml", BASE), ("b.yaml", overlay)])), ["a.yaml:10", "b.yaml:2"]);
}

#[test]
fn a_change_of_nothing_is_found() {
    for (overlay, expected) in [
        ("functions: { intak: { memory: 512 } }\n", &["b.yaml:2:14 nothing-to-change"][..]),
        ("functions: { intak: null }\n", &["b.yaml:2:14 nothing-to-change"]),
        ("functions: { intake: { environment: { X: null } } }\n", &["b.yaml:2:39 nothing-to-change"]),
        ("functions: { settle: { environment: { X: null } } }\n", &["b.yaml:2:39 nothing-to-change"]),
        ("policies: { standart: { max_retries: 0 } }\n", &["b.yaml:2:13 nothing-to-change"]),
        ("targets: { failure: null }\n", &["b.yaml:2:12 nothing-to-change"]),
        ("policies: { urgent: { max_retries: 0 } }\nvariables: { bucket: b }\n", &[]),
    ] {
        assert_eq!(findings(overlay), expected, "{overlay}");
    }
    let severity = |overlay: &str| {
        let folder = Folder::new(&[("a.yaml", BASE), ("b.yaml", &format!("overlay: true\n{overlay}"))]);
        let loaded = folder.load(&["a.yaml", "b.yaml"], &[]);
        let [found] = &loaded.diagnostics[..] else { panic!("{:?}", loaded.diagnostics) };
        (found.is_error(), found.help.clone().unwrap_or_default())
    };
    assert_eq!(severity("functions: { intak: { memory: 512 } }\n"), (true, "did you mean `intake`?".to_owned()));
    assert_eq!(
        severity("policies: { standart: { max_retries: 0 } }\n"),
        (false, "did you mean `standard`? otherwise, declare it in a file without `overlay`".to_owned())
    );
    let (is_error, help) = severity("functions: { another: { memory: 512 } }\n");
    assert!(is_error && help.contains("`intake`, `settle`") && help.contains("give its `code`"), "{help}");
}

#[test]
fn overlays_come_after_what_they_change() {
    let overlay = "overlay: true\nfunctions: { intake: { memory: 512 } }\n";
    let folder = Folder::new(&[
        ("a.yaml", BASE),
        ("b.yaml", overlay),
        ("c.yaml", "overlay: true\nfunctions: { intake: { memory: 5 } }\n"),
        ("empty.yaml", ""),
        ("false.yaml", "overlay: false\n"),
        ("yes.yaml", "overlay: yes\nfunctions: { intake: { memory: 512 } }\n"),
        ("only/d.yaml", overlay),
        ("broken/e.yaml", "overlay: true\nfunctions: {\n"),
    ]);
    assert_eq!(folder.findings(&["b.yaml"]), ["b.yaml:1:1 overlay-without-manifest"]);
    assert_eq!(folder.findings(&["b.yaml", "a.yaml"]), ["b.yaml:1:1 overlay-without-manifest"]);
    assert_eq!(folder.findings(&["a.yaml", "empty.yaml"]), ["empty.yaml:1:1 empty"]);
    assert_eq!(folder.findings(&["a.yaml", "broken/e.yaml"]), ["broken/e.yaml:2:12 yaml-syntax"]);
    assert_eq!(
        folder.findings(&["a.yaml", "false.yaml"]),
        ["false.yaml:1:1 not-a-manifest", "false.yaml:1:10 invalid-value"]
    );
    assert_eq!(folder.findings(&["a.yaml", "yes.yaml"]), ["yes.yaml:1:10 invalid-value"]);
    // A later overlay takes precedence, and an error in an overlay that is replaced is none.
    assert_eq!(folder.findings(&["a.yaml", "b.yaml", "c.yaml"]), ["c.yaml:2:32 out-of-range"]);
    assert_eq!(folder.findings(&["a.yaml", "c.yaml", "b.yaml"]), Vec::<String>::new());
    // What could not be read may declare the function.
    assert_eq!(folder.findings(&["gone.yaml", "b.yaml"]), ["- unreadable"]);
}

/// Like files with values for other tools: the last one takes precedence.
#[test]
fn an_overlay_that_is_named_again_is_applied_again() {
    let folder = Folder::new(&[
        ("a.yaml", BASE),
        ("b.yaml", "overlay: true\nfunctions: { intake: { memory: 512, environment: { A: null } } }\n"),
        ("c.yaml", "overlay: true\nfunctions: { intake: { memory: 1024 } }\n"),
        ("d.yaml", "overlay: true\nfunctions: { settle: { memory: 5 } }\n"),
    ]);
    let memory = |paths: &[&str]| {
        let loaded = folder.load(paths, &[]);
        assert_eq!(loaded.diagnostics, [], "{paths:?}");
        function(&loaded.manifest.expect("a manifest"), "intake").configuration.value(Field::Memory)
    };
    assert_eq!(memory(&["a.yaml", "b.yaml", "c.yaml"]), json!(1024));
    assert_eq!(memory(&["a.yaml", "b.yaml", "c.yaml", "b.yaml"]), json!(512));
    assert_eq!(memory(&["a.yaml", "b.yaml", "c.yaml", "b.yaml", "c.yaml"]), json!(1024));
    // A manifest declares the same, wherever it is.
    assert_eq!(memory(&["a.yaml", "b.yaml", "a.yaml"]), json!(512));
    assert_eq!(folder.findings(&["a.yaml", "d.yaml", "b.yaml", "d.yaml"]), ["d.yaml:2:32 out-of-range"]);
}

/// Without the overlay, the comment may be needed.
#[test]
fn a_comment_is_not_called_unused_if_a_later_overlay_may_repair_its_cause() {
    let comment = " # fgctl: ignore[retries-without-failure-target] events may be lost\n";
    let base = BASE.replace("    memory: 256\n", &format!("    memory: 256{comment}"));
    let folder = Folder::new(&[
        ("a.yaml", &base),
        ("b.yaml", "overlay: true\nfunctions: { intake: { memory: 512 } }\n"),
        ("c.yaml", &format!("overlay: true\nfunctions: {{ intake: {{ memory: 512 }} }}{comment}")),
        ("d.yaml", "overlay: true\n"),
    ]);
    assert_eq!(folder.findings(&["a.yaml"]), ["a.yaml:12:33 unused-ignore"]);
    assert_eq!(folder.findings(&["a.yaml", "b.yaml"]), Vec::<String>::new());
    assert_eq!(folder.findings(&["a.yaml", "c.yaml"]), ["c.yaml:2:56 unused-ignore"]);
    assert_eq!(folder.findings(&["a.yaml", "b.yaml", "c.yaml", "b.yaml"]), Vec::<String>::new());
    assert_eq!(folder.findings(&["a.yaml", "c.yaml", "b.yaml"]), Vec::<String>::new());
    assert_eq!(folder.findings(&["a.yaml", "d.yaml"]), ["a.yaml:12:33 unused-ignore"], "it changes nothing");
}

/// Beside a manifest, there may be overlays for several environments.
#[test]
fn a_directory_does_not_stand_for_its_overlays() {
    let wrong = "overlay: true\nfunctions: { intake: { memory: 5 } } # fgctl: ignore[no-lint] and left out\n";
    let overlay = "overlay: true\nfunctions: { intake: { memory: 512 } }\n";
    let folder = Folder::new(&[
        ("all/a.yaml", BASE),
        ("all/b.yaml", wrong),
        ("all/c.yaml", overlay),
        ("all/fgctl.environments.yaml", "version: 1\nenvironments: {}\n"),
        ("only/c.yaml", overlay),
    ]);
    let memory = |paths: &[&str]| {
        let loaded = folder.load(paths, &[]);
        assert_eq!(loaded.diagnostics, [], "{paths:?}");
        function(&loaded.manifest.expect("a manifest"), "intake").configuration.value(Field::Memory)
    };
    assert_eq!(memory(&["all"]), json!(256));
    assert_eq!(memory(&["all", "all/c.yaml"]), json!(512));
    assert_eq!(memory(&["all/a.yaml", "all/c.yaml"]), json!(512));
    assert_eq!(folder.findings(&["all"]), Vec::<String>::new());
    assert_eq!(
        folder.findings(&["all", "all/b.yaml"]),
        ["all/b.yaml:2:32 out-of-range", "all/b.yaml:2:54 unknown-lint"]
    );
    assert_eq!(folder.findings(&["all", "only"]), ["- no-manifest"]);
    assert_eq!(folder.findings(&["only"]), ["- no-manifest"]);
    assert_eq!(folder.findings(&["only", "only/c.yaml"]), ["only/c.yaml:1:1 overlay-without-manifest"]);
}

/// A user may write a secret's value instead of its variable's name.
#[test]
fn messages_do_not_repeat_secrets_of_overlays() {
    for text in ["intake: { secrets: { KEY: hunter2 } }", "intake: { secrets: { KEY: { value: hunter2 } } }"] {
        let folder = Folder::new(&[("a.yaml", BASE), ("b.yaml", &format!("overlay: true\nfunctions: {{ {text} }}\n"))]);
        let mut loaded = folder.load(&["a.yaml", "b.yaml"], &[]);
        loaded.sources.locate(&mut loaded.diagnostics);
        assert!(!loaded.diagnostics.is_empty());
        assert!(!format!("{:?}", loaded.diagnostics).contains("hunter2"), "{:?}", loaded.diagnostics);
        assert!(loaded.diagnostics[0].place.as_ref().is_some_and(|place| place.file.ends_with("b.yaml")));
    }
}
