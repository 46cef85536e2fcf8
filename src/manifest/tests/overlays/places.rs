//! Findings that concern several values, of which an overlay writes one: they name the overlay.

use super::*;

/// `file:line:column code` of each finding, and `file:line` of its notes.
fn noted(base: &str, overlays: &[&str]) -> Vec<String> {
    let names: Vec<String> = ('b'..).take(overlays.len()).map(|letter| format!("{letter}.yaml")).collect();
    let texts: Vec<String> = overlays.iter().map(|overlay| format!("overlay: true\n{overlay}")).collect();
    let overlays = names.iter().map(String::as_str).zip(texts.iter().map(String::as_str));
    let files: Vec<(&str, &str)> = std::iter::once(("a.yaml", base)).chain(overlays).collect();
    in_order(&files, &files.iter().map(|(name, _)| *name).collect::<Vec<_>>())
}

/// The same for files that are named in this order.
fn in_order(files: &[(&str, &str)], names: &[&str]) -> Vec<String> {
    let folder = Folder::new(files);
    let mut loaded = folder.load(names, &[]);
    loaded.sources.locate(&mut loaded.diagnostics);
    let line = |place: &crate::diagnostic::Place| {
        let file = Path::new(&place.file).file_name().and_then(|name| name.to_str()).expect("a name");
        (file.to_owned(), format!("{file}:{}", place.line), place.column)
    };
    let show = |found: &Diagnostic| {
        let place = found.place.as_ref().map(line);
        let place = place.map_or("-".to_owned(), |(_, line, column)| format!("{line}:{column}"));
        let notes = found.related.iter().filter_map(|related| related.place.as_ref());
        let notes: Vec<String> = notes.map(|note| format!(" ({})", line(note).1)).collect();
        format!("{place} {}{}", found.code, notes.concat())
    };
    loaded.diagnostics.iter().map(show).collect()
}

const SMALL: &str = "version: 1
stack: s
defaults: { runtime: Python3.9, handler: index.handler, agency: fgs }
targets:
  t: { obs: { bucket: failures } }
  f: { function: b }
policies:
  p: { on_failure: t }
functions:
  a: { code: { inline: x }, async: p }
  b: { code: { inline: y }, async: { on_failure: t } }
";

#[test]
fn what_an_overlay_removes_is_named() {
    for (overlay, expected) in [
        (
            "targets: { t: null, f: null }\n",
            &["a.yaml:8:20 unknown-target (b.yaml:2)", "a.yaml:11:50 unknown-target (b.yaml:2)"][..],
        ),
        ("policies: { p: null }\n", &["a.yaml:10:36 unknown-policy (b.yaml:2)"]),
        ("functions: { b: null }\n", &["a.yaml:6:18 unknown-function (b.yaml:2)"]),
        ("functions: { a: { code: null } }\n", &["a.yaml:10:3 missing-field (b.yaml:2)"]),
        ("defaults: { agency: null }\n", &[]),
        ("targets: { t: { obs: null } }\n", &["a.yaml:5:6 invalid-value (b.yaml:2)"]),
        ("targets: { t: { obs: { bucket: null } } }\n", &["a.yaml:5:8 missing-field (b.yaml:2)"]),
        ("targets: { f: { function: null } }\n", &["a.yaml:6:6 invalid-value (b.yaml:2)"]),
    ] {
        let found: Vec<_> = noted(SMALL, &[overlay]);
        assert_eq!(found, expected, "{overlay}");
    }
    let versions = SMALL.replace("{ function: b }", "{ function: b, version: v1 }");
    let overlay = "targets: { f: { function: null } }\n";
    assert_eq!(
        noted(&versions, &[overlay]),
        ["a.yaml:6:6 invalid-value (b.yaml:2)", "a.yaml:6:21 missing-field (b.yaml:2)"]
    );
    let defaults = "defaults: { runtime: null }\n";
    let missing = "missing-field (b.yaml:2)";
    assert_eq!(noted(SMALL, &[defaults]), [format!("a.yaml:10:3 {missing}"), format!("a.yaml:11:3 {missing}")]);
}

#[test]
fn a_conflict_is_at_the_value_that_the_last_overlay_writes() {
    let many = |section: &str, count: usize| {
        let entries: Vec<String> = (0..count).map(|index| format!("K{index}: v")).collect();
        SMALL.replace("inline: x },", &format!("inline: x }}, {section}: {{ {} }},", entries.join(", ")))
    };
    let with = |fields: &str| SMALL.replace("inline: x },", &format!("inline: x }}, {fields},"));
    for (base, overlays, expected) in [
        (SMALL.to_owned(), &["functions: { a: { name: b } }\n"][..], "b.yaml:2:19 duplicate-address (a.yaml:11)"),
        (SMALL.to_owned(), &["functions: { b: { name: a } }\n"], "b.yaml:2:19 duplicate-address (a.yaml:10)"),
        (
            SMALL.replace("inline: x },", "inline: x }, name: b, package: q,"),
            &["defaults: { package: q }\n"],
            "b.yaml:2:13 duplicate-address (a.yaml:10)",
        ),
        (
            SMALL.to_owned(),
            &["targets: { f: { version: v1 } }\n", "targets: { f: { alias: live } }\n"],
            "c.yaml:2:24 invalid-value",
        ),
        (
            SMALL.to_owned(),
            &["targets: { f: { alias: live } }\n", "targets: { f: { version: v1 } }\n"],
            "c.yaml:2:26 invalid-value",
        ),
        (
            SMALL.to_owned(),
            &["targets: { t: { obs: { prefix: x }, dis: { stream: s } } }\n"],
            "b.yaml:2:42 invalid-value",
        ),
        (
            SMALL.to_owned(),
            &["functions: { a: { image: { url: swr.eu-de.example.com/a/b:1 } } }\n"],
            "b.yaml:2:28 code-and-image",
        ),
        (SMALL.to_owned(), &["functions: { a: { ignore: [async] } }\n"], "b.yaml:2:19 ignored-policy"),
        (many("environment", 20), &["functions: { a: { environment: { X: y } } }\n"], "b.yaml:2:34 over-limit"),
        (many("tags", 14), &["functions: { a: { tags: { X: y, Y: z, Z: z } } }\n"], "b.yaml:2:27 over-limit"),
        (
            many("environment", 1),
            &["functions: { a: { secrets: { K0: { env: V } } } }\n"],
            "b.yaml:2:30 duplicate-name",
        ),
        (
            with("secrets: { K: { env: V } }"),
            &["functions: { a: { environment: { K: v } } }\n"],
            "b.yaml:2:34 duplicate-name",
        ),
        (
            with("triggers: { one: { timer: { rate: 1d } }, two: { timer: { rate: 2d } } }"),
            &["functions: { a: { triggers: { one: { timer: { name: two } } } } }\n"],
            "b.yaml:2:47 duplicate-trigger (a.yaml:10)",
        ),
    ] {
        let found = noted(&base, overlays);
        assert!(found.iter().any(|found| found == expected), "{overlays:?}: {found:?}");
    }
    let existing = noted(SMALL, &["functions: { b: { existing: true } }\n"]);
    assert_eq!(existing, ["a.yaml:11:8 unknown-field (b.yaml:2)"]);
    let runtime = with("pre_stop: { handler: index.stop, timeout: 10 }, runtime: Node.js18.15");
    let found = noted(&runtime, &["functions: { a: { runtime: Python3.9 } }\n"]);
    assert!(found.iter().any(|found| found.ends_with("not-for-runtime (b.yaml:2)")), "{found:?}");
}

/// An overlay that is named again counts at its second position.
#[test]
fn an_overlay_that_is_named_again_is_the_last_one() {
    let alias = "overlay: true\ntargets: { f: { alias: live } }\n";
    let version = "overlay: true\ntargets: { f: { version: v1 } }\n";
    let files = [("a.yaml", SMALL), ("b.yaml", alias), ("c.yaml", version)];
    assert_eq!(in_order(&files, &["a.yaml", "b.yaml", "c.yaml"]), ["c.yaml:2:26 invalid-value"]);
    assert_eq!(in_order(&files, &["a.yaml", "b.yaml", "c.yaml", "b.yaml"]), ["b.yaml:2:24 invalid-value"]);
}

/// A secret is declared where its variable is named.
#[test]
fn a_secret_knows_the_place_that_names_its_variable() {
    let overlay = "overlay: true\ndefaults:\n  secrets: { SHARED: { env: ONE } }\nfunctions:\n  a: { secrets: { OWN: { env: TWO } } }\n";
    let folder = Folder::new(&[("a.yaml", SMALL), ("b.yaml", overlay)]);
    let loaded = folder.load(&["a.yaml", "b.yaml"], &[]);
    let manifest = loaded.manifest.expect("a manifest");
    let spots: Vec<&Spot> = manifest.secrets().map(|secret| &secret.spot).collect();
    let places = loaded.sources.places(spots);
    let lines: std::collections::BTreeSet<_> = places
        .values()
        .map(|place| (place.file.ends_with("b.yaml"), place.line, place.column, place.text.as_str()))
        .collect();
    let line = |number: usize| overlay.lines().nth(number - 1).expect("a line");
    assert_eq!(lines, [(true, 3, 29, line(3)), (true, 5, 31, line(5))].into());
}
