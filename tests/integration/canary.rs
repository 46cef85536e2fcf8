//! Plants secrets wherever they can occur, and checks that no output contains them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use secrecy::ExposeSecret;
use serde_json::json;
use std::collections::BTreeMap;
use std::path::Path;

use crate::recorder::Effect;
use crate::world::{Ran, World};

const MANIFEST: &str = "\
version: 1
stack: orders
defaults: { runtime: Python3.9, handler: index.handler, agency: fgs-notify }
functions:
  intake:
    code: { inline: 'def handler(event, context): return 1' }
    environment: { LEVEL: info }
    secrets: { PASSWORD: { env: PASSWORD }, KEY: { env: KEY } }
    async: { on_failure: { dis: { stream: audit } } }
";

/// Contains characters that JSON, YAML, HTML and shells escape.
const SECRET: &str = "canary\"-&<\\\nsecret";
const CHANGED: &str = "canary-changed";
/// An environment value that only live has.
const LIVE: &str = "canary-live";
const TOKEN: &str = "canary-token";
const FORMS: [&[&str]; 5] = [
    &["--report", "junit=junit.xml", "--report", "json=report.json"],
    &["-q", "--report", "markdown=report.md"],
    &["-o", "json"],
    &["-o", "markdown"],
    &["-o", "junit"],
];
/// The forms that some commands refuse.
const LINES: [&[&str]; 2] =
    [&["-o", "gitlab", "--report", "code-quality=quality.json"], &["-o", "sarif", "--report", "sarif=sarif.json"]];

/// Texts that no output may contain, in each encoding that an output could use.
fn canaries(world: &World) -> Vec<String> {
    let key = world.server.credentials().secret_key.expose_secret().to_owned();
    let token = world.server.credentials().token.expose_secret().to_owned();
    let escaped = json!(SECRET).to_string().trim_matches('"').to_owned();
    let html = SECRET.replace('&', "&amp;").replace('<', "&lt;");
    let encoded = [SECRET, &key].map(|secret| STANDARD.encode(secret).trim_end_matches('=').to_owned());
    [vec![SECRET.into(), escaped, html, url(SECRET), "canary".into(), key, token], encoded.into()].concat()
}

fn url(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

fn look(where_: &str, text: &str, canaries: &[String]) {
    for canary in canaries {
        assert!(!text.contains(canary), "{where_} has {canary}:\n{text}");
    }
}

struct Planted {
    world: World,
    canaries: Vec<String>,
}

impl Planted {
    async fn new() -> Self {
        let world = World::new().await;
        world.manifest(MANIFEST);
        let canaries = canaries(&world);
        Self { world, canaries }
    }

    /// Runs a command in GitHub's environment, and checks its output.
    async fn run(&self, secret: &str, arguments: &[&str]) -> Ran {
        let summary = self.world.folder.path().join("summary.md").display().to_string();
        let variables = [
            ("PASSWORD", secret),
            ("KEY", secret),
            ("GITHUB_ACTIONS", "true"),
            ("GITHUB_STEP_SUMMARY", &summary),
            ("RUST_BACKTRACE", "full"),
            ("RUST_LOG", "trace"),
        ];
        let ran = self.world.run_with(&variables, arguments).await;
        look(&format!("{arguments:?}"), &format!("{}{}", ran.stdout, ran.stderr), &self.canaries);
        assert!(!ran.stderr.contains("panicked"), "{}", ran.stderr);
        ran
    }

    async fn in_every_form(&self, secret: &str, arguments: &[&str]) {
        for form in FORMS.into_iter().chain(LINES) {
            self.run(secret, &[arguments, form].concat()).await;
            for (name, text) in self.files() {
                if form.iter().any(|flag| flag.ends_with(&format!("={name}"))) {
                    look(&name, &text, &self.canaries);
                }
            }
        }
    }

    /// Sends the function's whole configuration, as a console does.
    async fn edit(&self, environment: &str) {
        self.world.reconfigure("intake", json!({ "user_data": environment })).await;
    }

    /// Updates to which the service answers by repeating their body: in its own JSON, on a proxy's page that is cut
    /// inside the secret, and in an answer after which the request is retried.
    async fn repeats_the_request(&self) {
        let secret = "canary\nchanged";
        let secrets = json!({ "KEY": secret, "PASSWORD": secret }).to_string();
        let body = json!({ "func_name": "intake", "encrypted_user_data": secrets }).to_string();
        let quoted = json!({ "error_code": "FSS.0500", "error_msg": format!("bad {body}") }).to_string();
        let before = body.find("canary").expect("the body contains the secret");
        let page = format!("{}{body}", "x".repeat(200 - before - "canary".len()));
        for (status, answer, code) in [(400, &quoted, 1), (400, &page, 1), (500, &quoted, 0)] {
            self.world.disturb(Method::PUT, "intake/config", Effect::Answer(status, answer.clone()));
            let ran = self.run(secret, &["apply", "--auto-approve"]).await;
            assert_eq!(ran.code, Some(code), "{ran:?}");
            assert!(format!("{}{}", ran.stdout, ran.stderr).contains("(sensi"), "{ran:?}");
        }
        assert_eq!(self.run(SECRET, &["apply", "--auto-approve"]).await.code, Some(0));
    }

    fn files(&self) -> BTreeMap<String, String> {
        let entries = walkdir::WalkDir::new(self.world.folder.path()).into_iter().map(|entry| entry.expect("an entry"));
        let files = entries.filter(|entry| entry.file_type().is_file());
        files.map(|entry| (name(entry.path(), self.world.folder.path()), text(entry.path()))).collect()
    }
}

fn name(path: &Path, folder: &Path) -> String {
    path.strip_prefix(folder).expect("inside").display().to_string()
}

fn text(path: &Path) -> String {
    String::from_utf8_lossy(&std::fs::read(path).expect("a file")).into_owned()
}

#[tokio::test]
async fn no_output_contains_a_secret() {
    let planted = Planted::new().await;
    planted.run(SECRET, &["schema"]).await;
    planted.in_every_form(SECRET, &["validate"]).await;
    planted.in_every_form(SECRET, &["plan"]).await;
    let key = planted.world.server.credentials().secret_key.expose_secret();
    let html = SECRET.replace('&', "&amp;").replace('"', "&#34;").replace('<', "&lt;");
    let form = url(SECRET).replace("%20", "+").to_lowercase();
    let message = format!(
        "bad {SECRET} and {}, {html}, {}, {form}, {}, {}, {key}, {}",
        json!(json!(SECRET).to_string()),
        url(SECRET),
        STANDARD.encode(SECRET),
        STANDARD.encode(format!("{{\"PASSWORD\":{}}}", json!(SECRET))),
        STANDARD.encode(key),
    );
    let code = format!("FSS.{SECRET}\n::error::{key}");
    let echo = json!({ "error_code": code, "error_msg": message, "request_id": code }).to_string();
    for form in FORMS.into_iter().chain(LINES) {
        planted.world.disturb(Method::POST, "/fgs/functions", Effect::Answer(400, echo.clone()));
        let failed = planted.run(SECRET, &[&["apply", "--auto-approve"], form].concat()).await;
        assert_eq!(failed.code, Some(1), "{failed:?}");
        let printed = format!("{}{}", failed.stdout, failed.stderr);
        assert!(!printed.lines().any(|line| line.trim_start().starts_with("::error::")), "{printed}");
    }
    assert_eq!(planted.run(SECRET, &["apply", "--auto-approve"]).await.code, Some(0));
    planted.repeats_the_request().await;
    planted.in_every_form(CHANGED, &["plan"]).await;
    let changed = planted.run(CHANGED, &["plan"]).await;
    assert!(changed.stdout.contains("(before) → (after)"), "{}", changed.stdout);
    planted.edit(&json!({ "LEVEL": LIVE, "ADDED": LIVE }).to_string()).await;
    planted.in_every_form(CHANGED, &["plan", "--out", "saved.plan"]).await;
    planted.in_every_form(CHANGED, &["drift", "--unmanaged"]).await;
    planted.in_every_form(SECRET, &["apply", "saved.plan"]).await;
    planted.run(SECRET, &["show", "saved.plan"]).await;
    let moved = planted.run(CHANGED, &["plan", "-o", "json"]).await.json();
    let level = &moved["changes"][0]["fields"][1];
    assert_eq!((&level["before"], &level["after"]), (&json!({ "sensitive": true }), &json!("info")), "{moved:#}");
    for form in FORMS {
        planted.run(CHANGED, &[&["apply", "--auto-approve"], form].concat()).await;
        planted.edit(&json!({ "LEVEL": LIVE }).to_string()).await;
    }
    let tags = planted.world.server.get("/functions/tags").await.body;
    look("tags", &tags.to_string(), &planted.canaries);
    planted.in_every_form(SECRET, &["destroy", "--auto-approve"]).await;
    for (name, text) in planted.files() {
        look(&name, &text, &planted.canaries);
    }
    assert!(planted.files()["summary.md"].contains("Applied"), "the summary was written and checked");
}

/// An environment value becomes a secret: under the same name, under another one, or as part of a text.
#[tokio::test]
async fn a_value_that_becomes_a_secret_is_hidden() {
    let planted = Planted::new().await;
    let environment = "environment: { PASSWORD: canary-moved, OLD: canary-moved, URL: 'db://me:canary-moved@host' }";
    let before = MANIFEST.lines().filter(|line| !line.contains("secrets:")).collect::<Vec<_>>().join("\n");
    planted.world.manifest(&before.replace("environment: { LEVEL: info }", environment));
    planted.world.apply().await;
    planted.world.manifest(&MANIFEST.replace("LEVEL: info", "URL: db://host"));
    planted.in_every_form("canary-moved", &["plan", "--out", "saved.plan"]).await;
    planted.in_every_form("canary-moved", &["drift"]).await;
    look("saved.plan", &planted.files()["saved.plan"], &planted.canaries);
    let plan = planted.run("canary-moved", &["plan"]).await;
    assert!(plan.stdout.contains("environment.URL       (sensitive) → \"db://host\""), "{}", plan.stdout);
}

/// A secret stays one even if the same text is also declared elsewhere.
#[tokio::test]
async fn a_secret_that_is_also_a_plain_value_is_hidden() {
    let planted = Planted::new().await;
    let plain = "description: uses canary-plain
    handler: canary-plain.handler
    tags: { owner: canary-plain }
    environment: { URL: 'db://me:canary%2Dplain@host', AUTH: 'Basic Y2FuYXJ5LXBsYWlu' }";
    planted.world.manifest(&MANIFEST.replace("environment: { LEVEL: info }", plain));
    let canaries = [planted.canaries.clone(), vec!["Y2FuYXJ5LXBsYWlu".into()]].concat();
    let planted = Planted { canaries, ..planted };
    for arguments in [&["plan", "--out", "saved.plan"][..], &["apply", "--auto-approve"], &["drift"]] {
        planted.in_every_form("canary-plain", arguments).await;
    }
    planted.run("canary-plain", &["show", "saved.plan"]).await;
    look("saved.plan", &planted.files()["saved.plan"], &planted.canaries);
    planted.edit(&json!({ "URL": "other" }).to_string()).await;
    planted.in_every_form("canary-plain", &["drift"]).await;
    planted.in_every_form("canary-plain", &["plan"]).await;
    let ran = planted.run("canary-plain", &["plan"]).await;
    assert!(ran.stdout.contains("(sensitive)"), "{}", ran.stdout);
}

/// A value stays secret even if it is also a name: of a variable, a tag, a file, or a target.
#[tokio::test]
async fn a_secret_that_is_also_a_name_is_not_shown() {
    let planted = Planted::new().await;
    let folder = planted.world.folder.path();
    for (file, text) in
        [("index.py", "def handler(event, context): return 1"), ("canary-name.py", "# the largest file by far")]
    {
        planted.world.file(&format!("code/{file}"), text);
    }
    let named = "environment: { canary-name: x, canary-name2: y }
    tags: { canary-name: x }
    initializer: { handler: canary-name.init }";
    let manifest = MANIFEST
        .replace("environment: { LEVEL: info }", named)
        .replace("{ inline: 'def handler(event, context): return 1' }", "{ dir: code }")
        .replace("stream: audit", "stream: canary-name");
    planted.world.manifest(&manifest);
    let secret = "canary-name";
    // Messages do not contain the names, but still say what they are about.
    let validated = planted.run(secret, &["validate"]).await;
    assert_eq!(validated.code, Some(0), "{validated:?}");
    for arguments in [&["plan", "--out", "saved.plan"][..], &["show", "saved.plan"], &["drift"]] {
        planted.in_every_form(secret, arguments).await;
    }
    let plan = planted.run(secret, &["plan"]).await;
    assert!(plan.stdout.contains("environment.(sensitive)"), "{}", plan.stdout);
    planted.world.disturb(
        Method::POST,
        "/fgs/functions",
        Effect::Answer(400, r#"{"error_code":"FSS.0400","error_msg":"canary-name is not valid"}"#.to_owned()),
    );
    planted.run(secret, &["apply", "--auto-approve"]).await;
    planted.in_every_form(secret, &["apply", "--auto-approve"]).await;
    planted.edit(&json!({ "canary-name": "moved" }).to_string()).await;
    for arguments in [&["drift"][..], &["plan", "--out", "saved.plan"]] {
        planted.in_every_form(secret, arguments).await;
    }
    planted.edit(&json!({ "canary-name": "moved again" }).to_string()).await;
    let stale = planted.run(secret, &["apply", "saved.plan", "--auto-approve"]).await;
    assert_eq!(stale.code, Some(3), "{stale:?}");
    for name in ["saved.plan", "summary.md"] {
        look(name, &text(&folder.join(name)), &planted.canaries);
    }
}

/// Names of functions and stacks appear in URNs, tags and saved plans, where they cannot be hidden.
#[tokio::test]
async fn a_secret_in_the_name_of_a_function_or_a_stack_is_refused() {
    let planted = Planted::new().await;
    let in_line = |from: &str, to: &str, line: usize| (MANIFEST.replace(from, to), format!("fgctl.yaml:{line}:"));
    for (manifest, place) in [
        in_line("  intake:", "  canary-function:", 5),
        in_line("    code:", "    package: a-canary-functions\n    code:", 6),
        in_line("    code:", "    name: canary-function\n    code:", 6),
        in_line("stack: orders", "stack: orders-canary-function", 2),
    ] {
        planted.world.manifest(&manifest);
        for arguments in
            [&["validate"][..], &["plan"], &["plan", "-o", "json"], &["plan", "-o", "markdown"], &["drift"]]
        {
            let ran = planted.run("canary-function", arguments).await;
            assert_eq!(ran.code, Some(1), "{ran:?}");
            let printed = format!("{}{}", ran.stdout, ran.stderr);
            assert!(printed.contains("contains the value of a secret"), "{printed}");
        }
        let ran = planted.run("canary-function", &["validate"]).await;
        assert!(ran.stderr.contains(&place), "{place}: {}", ran.stderr);
        assert_eq!(planted.world.requests(), []);
        // Without the value, fgctl cannot know. A short value may be an ordinary word.
        assert_eq!(planted.world.run(&["validate"]).await.code, Some(0));
    }
    planted.world.manifest(&MANIFEST.replace("  intake:", "  prod-intake:"));
    let ran = planted.world.run_with(&[("PASSWORD", "prod"), ("KEY", "1")], &["plan"]).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.stdout.contains("function:default/prod-intake"), "{}", ran.stdout);
    assert!(ran.stdout.contains("1 file, 37 B"), "a count is not hidden: {}", ran.stdout);
    assert!(ran.stdout.contains("Plan: 1 function to create; 1 policy to create."), "{}", ran.stdout);
}

#[tokio::test]
async fn an_import_shows_no_value_that_only_live_has() {
    let planted = Planted::new().await;
    planted.world.server.create_function("intake").await;
    let secrets = json!({ "PASSWORD": SECRET }).to_string();
    planted.edit(&json!({ "ADDED": LIVE }).to_string()).await;
    planted.world.reconfigure("intake", json!({ "encrypted_user_data": secrets })).await;
    for form in FORMS {
        planted.run(SECRET, &[&["plan"], form].concat()).await;
        planted.run(SECRET, &[&["plan", "--adopt"], form].concat()).await;
    }
    planted.in_every_form(SECRET, &["import", "intake", "--auto-approve"]).await;
}

/// An export writes environment values, because that is its purpose, but no other secrets.
#[tokio::test]
async fn an_export_writes_live_values_and_prints_none() {
    let planted = Planted::new().await;
    planted.run(SECRET, &["apply", "--auto-approve"]).await;
    planted.edit(&json!({ "LEVEL": LIVE }).to_string()).await;
    for (directory, form) in [("one", "human"), ("two", "json")] {
        let ran = planted.run(SECRET, &["export", "--stack", "orders", "--to", directory, "-o", form]).await;
        assert_eq!(ran.code, Some(0), "{ran:?}");
    }
    for (name, text) in planted.files() {
        look(&name, &text.replace(LIVE, ""), &planted.canaries);
    }
    assert!(planted.files()["one/fgctl.yaml"].contains(LIVE));
}

#[tokio::test]
async fn messages_do_not_contain_credentials() {
    let planted = Planted::new().await;
    let variables = [("FGCTL_TOKEN", TOKEN), ("FGCTL_SECRET_KEY", TOKEN), ("GITHUB_ACTIONS", "true")];
    let commands: [&[&str]; 9] = [
        &["plan"],
        &["plan", "-o", "json"],
        &["plan", "-o", "markdown"],
        &["plan", "--endpoint", "http://user:canary-token@127.0.0.1:1"],
        &["plan", "--endpoint", "canary-no-url"],
        &["plan", "--secret-key", TOKEN, "--no-such-flag"],
        &["plan", "--token", TOKEN, "--output", "wrong"],
        &["plan", "--help"],
        &["export", "--to", "out"],
    ];
    for arguments in commands {
        let ran = planted.world.run_with(&variables, arguments).await;
        let printed = format!("{}{}", ran.stdout, ran.stderr);
        look(&format!("{arguments:?}"), &printed.replace("canary-no-url", ""), &planted.canaries);
    }
}
