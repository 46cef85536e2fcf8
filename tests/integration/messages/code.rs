//! Messages about the location and content of code.

use super::Page;

#[test]
fn code() {
    let mut page = Page::new();
    page.file("functions/a/main.py", "");
    page.file("empty/.fgctlignore", "*");
    page.file("broken.zip", "no archive");
    page.file("secret/index.py", "");
    page.file("secret/.env", "A=b");
    for (title, code) in [
        ("a path", "functions/a"),
        ("an archive's path", "build/a.zip"),
        ("a URL", "https://b.obs.eu-de.otc.t-systems.com/a.zip"),
        ("a bucket's URL", "obs://b/a.zip"),
        ("nothing", "{}"),
        ("two kinds", "{ dir: functions/a, zip: a.zip }"),
        ("an unknown field", "{ path: functions/a }"),
        ("a path that leads out", "{ dir: ../a }"),
        ("an absolute path", "{ dir: /a }"),
        ("a missing directory", "{ dir: functions/b }"),
        ("a missing archive", "{ zip: build/a.zip }"),
        ("a file as a directory", "{ dir: fgctl.yaml }"),
        ("a directory as an archive", "{ zip: functions }"),
        ("something else as an archive", "{ zip: broken.zip }"),
        ("a directory without files", "{ dir: empty }"),
        ("a handler that is not in the code", "{ dir: functions/a }"),
        ("a secret in the code", "{ dir: secret }"),
        ("an object over http", "{ obs: \"http://b.obs.eu-de.otc.t-systems.com/a.zip\" }"),
        ("an object with another scheme", "{ obs: \"s3://b/a.zip\" }"),
        ("an object as a mapping", "{ obs: { bucket: b } }"),
    ] {
        page.manifest(title, &format!("functions:\n  a: {{ code: {code} }}\n"));
    }
    let inline = |more: &str| format!("functions:\n  a: {{ code: {{ inline: x }}, {more} }}\n");
    page.manifest("inline code in Java", &inline("runtime: Java11, handler: com.Main.run"));
    page.manifest("inline code whose handler names no file", &inline("handler: handler"));
    page.manifest(
        "inline code without the handler's function",
        "functions:\n  a: { code: { inline: \"def handler(event, context): pass\" }, handler: index.nope }\n",
    );
    page.manifest(
        "a missing directory beside another mistake",
        "functions:\n  a: { code: { dir: nowhere }, memory: 500 }\n",
    );
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("gone", page.path("secret/link")).expect("a link");
        page.manifest("a link to a missing file", "functions:\n  a: { code: { dir: secret } }\n");
        std::os::unix::fs::symlink("..", page.path("functions/a/up")).expect("a link");
        page.manifest("a link to a directory above", "functions:\n  a: { code: { dir: functions/a } }\n");
    }
    insta::assert_snapshot!(page.text());
}

/// As a plan does, so that a pull request without an account finds it.
#[test]
fn code_that_is_too_large_is_found_offline() {
    let mut page = Page::new();
    page.file("big/index.py", "");
    // Deflate finds only repetitions that are close to each other.
    let mut state = 1_u64;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        state.to_be_bytes()[0]
    })
    .take(256 * 1024)
    .collect();
    page.file("big/noise", noise.repeat(4 * 53));
    page.manifest("too much code", "functions:\n  a: { code: { dir: big } }\n");
    let text = page.text();
    assert!(text.contains("error[unusable-code]: the code `big` has more than 50 MB"), "{text}");
}
