//! Messages of lints, and about the comments that ignore them.

use super::Page;

/// A function whose policy has retries and no failure target.
const RETRIES: &str = "functions:\n  a:\n    code: { inline: x }\n    async: { max_retries: 2 }";

#[test]
fn lints() {
    let mut page = Page::new();
    page.file("shared/index.py", "def handler(event, context): return 1\n");
    for (title, text) in [
        ("retries without a failure target", RETRIES),
        (
            "a named policy without a failure target",
            "policies: { p: { max_retries: 3 } }\nfunctions:\n  a: { code: { inline: x }, async: p }\n  b: { code: { inline: y }, async: p }\n",
        ),
        (
            "a short validity period",
            "functions:\n  a:\n    code: { inline: x }\n    timeout: 10m\n    async: { max_retries: 3, max_validity_period: 15m, on_failure: { dis: { stream: s } } }\n",
        ),
        (
            "a short validity period of a named policy",
            "policies: { p: { max_validity_period: 1m, on_failure: { dis: { stream: s } } } }\nfunctions:\n  a: { code: { inline: x }, async: p }\n  b: { code: { inline: y }, timeout: 1m, async: p }\n",
        ),
        (
            "a timeout that is too long for any validity period",
            "functions:\n  a: { code: { inline: x }, timeout: 13h, async: { on_failure: { dis: { stream: s } } } }\n",
        ),
        (
            "a copied prefix",
            "functions:\n  a: { code: { inline: x }, async: { on_failure: { obs: { bucket: failures, prefix: a/ } } } }\n  b: { code: { inline: y }, async: { on_failure: { obs: { bucket: failures, prefix: a/ } } } }\n",
        ),
        (
            "successes and failures in one place",
            "targets: { results: { obs: { bucket: results } } }\nfunctions:\n  a: { code: { inline: x }, async: { on_success: results, on_failure: results } }\n",
        ),
        (
            "a failure target that runs the code that failed",
            "functions:\n  a: { code: { dir: shared }, async: { on_failure: { function: b } } }\n  b: { code: { dir: shared } }\n",
        ),
        (
            "targets without an agency",
            "functions:\n  a: { code: { inline: x }, agency: null, async: { on_failure: { dis: { stream: s } } } }\n",
        ),
    ] {
        page.manifest(title, text);
    }
    insta::assert_snapshot!(page.text());
}

#[test]
fn ignores() {
    let mut page = Page::new();
    let retries = |comment: &str| format!("{RETRIES}  {comment}\n");
    for (title, text) in [
        ("a reason", retries("# fgctl: ignore[retries-without-failure-target] only a demonstration")),
        (
            "a comment above the function",
            RETRIES.replace("  a:", "  # fgctl: ignore[retries-without-failure-target] only a demonstration\n  a:"),
        ),
        (
            "two lints",
            "functions:\n  # fgctl: ignore[targets-without-agency, same-target-twice] set by hand\n  a: { code: { inline: x }, agency: null, async: { on_success: { obs: { bucket: abc } }, on_failure: { obs: { bucket: abc } } } }\n".to_owned(),
        ),
        ("no reason", retries("# fgctl: ignore[retries-without-failure-target]")),
        ("a reason without words", retries("# fgctl: ignore[retries-without-failure-target]: …")),
        ("no id", retries("# fgctl: ignore only a demonstration")),
        ("an empty list", retries("# fgctl: ignore[] only a demonstration")),
        ("an open bracket", retries("# fgctl: ignore[retries-without-failure-target only a demonstration")),
        ("no colon", retries("# fgctl ignore[retries-without-failure-target] only a demonstration")),
        ("a misspelt word", retries("# fgctl: ignroe[retries-without-failure-target] only a demonstration")),
        ("a misspelt id", retries("# fgctl: ignore[retries-without-failure-targets] only a demonstration")),
        ("an unknown id", retries("# fgctl: ignore[everything] only a demonstration")),
        ("an error", retries("# fgctl: ignore[cycle] only a demonstration")),
        ("an unused comment", RETRIES.replace("    async", "    # fgctl: ignore[same-target-twice] not needed\n    async")),
        ("a comment at the wrong entry", RETRIES.replace("code: { inline: x }", "code: { inline: x } # fgctl: ignore[retries-without-failure-target] not here")),
        ("a comment about nothing", format!("# fgctl: ignore[retries-without-failure-target] too far away\n\n{RETRIES}\n")),
        ("a comment that says something else", format!("# fgctl: deployed by hand until now\n{RETRIES}\n")),
        ("other errors in the manifest", RETRIES.replace("max_retries: 2", "max_retries: 9").replace("  a:", "  # fgctl: ignore[retries-without-failure-target] a demonstration\n  a:")),
        ("no comment: text", RETRIES.replace("inline: x }", "inline: \"# fgctl: ignore[x]\" }")),
    ] {
        page.manifest(title, &text);
    }
    insta::assert_snapshot!(page.text());
}
