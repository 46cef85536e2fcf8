//! The account that a command uses: flags, variables and files of other tools, the region's address, and the project's
//! lookup by name.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

use crate::process::finished;
use crate::scripted::{Answer, Scripted};
use crate::transcript::stable;
use crate::world::Ran;

/// A machine that has only what a test puts there.
struct Machine {
    home: TempDir,
}

impl Machine {
    fn new() -> Self {
        Self { home: tempfile::tempdir().expect("a folder") }
    }

    fn file(&self, path: &str, text: &str) {
        let path = self.home.path().join(path);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("the folder is created");
        std::fs::write(path, text).expect("the file is written");
    }

    fn command(&self, variables: &[(&str, &str)], arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fgctl"));
        command.args(arguments).env_clear().env("HOME", self.home.path()).envs(variables.iter().copied());
        command.current_dir(self.home.path());
        command
    }

    async fn run(&self, variables: &[(&str, &str)], arguments: &[&str]) -> Ran {
        Ran::of(arguments, self.home.path(), finished(self.command(variables, arguments)).await)
    }

    /// The JSON output of `whoami` for an account with a given project.
    async fn whoami(&self, variables: &[(&str, &str)], arguments: &[&str]) -> serde_json::Value {
        let arguments = [&["whoami", "-o", "json", "--project-id", "p"], arguments].concat();
        let ran = self.run(variables, &arguments).await;
        assert_eq!(ran.code, Some(0), "{ran:?}");
        ran.json()
    }

    /// The error of a command without an account.
    async fn complaint(&self, variables: &[(&str, &str)], arguments: &[&str]) -> String {
        let ran = self.run(variables, &[&["whoami"], arguments].concat()).await;
        assert_eq!(ran.code, Some(1), "{ran:?}");
        assert!(!ran.stdout.contains("secret"), "{ran:?}");
        ran.stderr
    }
}

const KEYS: &[(&str, &str)] =
    &[("HW_ACCESS_KEY", "AKHW0001"), ("HW_SECRET_KEY", "a-secret"), ("HW_REGION_NAME", "eu-de")];
const KOOCLI: &str = r#"{ "authEncrypt": "false", "current": "work", "profiles": [
    { "name": "work", "mode": "AKSK", "accessKeyId": "AKWORK01", "secretAccessKey": "a-secret", "region": "eu-nl" },
    { "name": "play", "mode": "AKSK", "accessKeyId": "AKPLAY01", "secretAccessKey": "a-secret",
      "securityToken": "a-secret-token", "region": "cn-north-4", "projectId": "theirs" } ] }"#;

#[tokio::test]
async fn whoami_shows_the_sources_and_no_secret() {
    let machine = Machine::new();
    let ran = machine.run(KEYS, &["whoami", "--project-id", "p"]).await;
    insta::assert_snapshot!(ran.stdout, @r"
    source       HW_* variables
    credentials  access key AKHW…
    endpoint     https://functiongraph.eu-de.otc.t-systems.com/ (derived from the region)
    region       eu-de (HW_REGION_NAME)
    project      p (--project-id)
    ");
    assert_eq!(ran.stderr, "");
    let empty = [KEYS, &[("FGCTL_MAX_RETRIES", ""), ("FGCTL_CA_FILE", ""), ("FGCTL_PROFILE", "")]].concat();
    assert_eq!(machine.run(&empty, &["whoami", "--project-id", "p"]).await.stdout, ran.stdout);
    let token = [KEYS, &[("HW_SECURITY_TOKEN", "a-secret-token")]].concat();
    let ran = machine.run(&token, &["whoami", "--project-id", "p", "-o", "json"]).await;
    assert_eq!(ran.json()["credentials"], "temporary_keys");
    assert!(!ran.stdout.contains("secret"), "{}", ran.stdout);
}

#[tokio::test]
async fn flags_come_before_variables_and_variables_before_files() {
    let machine = Machine::new();
    machine.file(".huaweicloud/credentials", "[basic]\nak = AKSDK001\nsk = a-secret\nproject_id = sdk\n");
    let region = ["--region", "eu-de"];
    assert_eq!(machine.whoami(&[], &region).await["access_key"], "AKSD…");
    machine.file(".hcloud/config.json", KOOCLI);
    let koocli = machine.whoami(&[], &[]).await;
    assert_eq!((&koocli["access_key"], &koocli["region"]), (&"AKWO…".into(), &"eu-nl".into()));
    let variables = machine.whoami(KEYS, &[]).await;
    assert_eq!((&variables["access_key"], &variables["region"]), (&"AKHW…".into(), &"eu-de".into()));
    let flags = machine.whoami(KEYS, &["--access-key", "AKFLAG01", "--secret-key", "a-secret"]).await;
    assert_eq!((&flags["access_key"], &flags["region"]), (&"AKFL…".into(), &"eu-de".into()));
    let profile = machine.whoami(KEYS, &["--profile", "play"]).await;
    assert_eq!((&profile["access_key"], &profile["region"]), (&"AKPL…".into(), &"cn-north-4".into()));
    assert_eq!(profile["endpoint"], "https://functiongraph.cn-north-4.myhuaweicloud.com/");
    assert_eq!(profile["credentials"], "temporary_keys");
}

#[tokio::test]
async fn errors_about_accounts_say_what_to_do() {
    let machine = Machine::new();
    machine.file(".hcloud/config.json", &KOOCLI.replace("false", "true"));
    let half = [("FGCTL_ACCESS_KEY", "A"), ("FGCTL_SECURITY_TOKEN", "a-secret")];
    let mut said = String::new();
    for (variables, arguments) in [
        (&[][..], &["--region", "eu-de"][..]),
        (&[], &["--profile", "work"]),
        (&half, &[]),
        (KEYS, &["--access-key", "A"]),
        (KEYS, &["--region", "eu-dee"]),
        (KEYS, &["--region", "eu.de/x"]),
        (&KEYS[..2], &[]),
        (KEYS, &["--endpoint", "http://127.0.0.1:1"]),
        (KEYS, &["--endpoint", "https://me:a-secret@example.test"]),
        (KEYS, &["--max-retries", "101"]),
        (KEYS, &["--concurrency", "-1"]),
        (KEYS, &["--project-id", "p", "--ca-file", "missing.pem"]),
        (&[("HUAWEICLOUD_SDK_CREDENTIALS_FILE", "missing")], &[]),
    ] {
        let complaint = machine.complaint(variables, arguments).await;
        assert!(!complaint.contains("a-secret"), "{complaint}");
        writeln!(said, "{arguments:?}\n{complaint}").expect("written");
    }
    std::fs::remove_dir_all(machine.home.path().join(".hcloud")).expect("the folder exists");
    said.push_str(&machine.complaint(&[], &[]).await);
    insta::assert_snapshot!(stable(&said, machine.home.path()));
}

/// IAM, which is asked for a region's project.
async fn iam(projects: &'static str) -> Scripted {
    Scripted::start(move |_, _| Answer::ok(format!(r#"{{"projects":[{projects}],"links":{{}}}}"#))).await
}

#[tokio::test]
async fn the_project_is_looked_up_by_the_regions_name() {
    let machine = Machine::new();
    let found = r#"{"id":"0123","name":"eu-de","domain_id":"d"},{"id":"4567","name":"eu-de_sub"}"#;
    let server = iam(found).await;
    let url = format!("{}/v3", server.url);
    let ran = machine.run(KEYS, &["whoami", "-o", "json", "--iam-endpoint", &url]).await;
    assert_eq!((&ran.json()["project_id"], &ran.json()["project_looked_up_by"]), (&"0123".into(), &"eu-de".into()));
    let request = server.requests().remove(0);
    assert_eq!((request.method.as_str(), request.target.as_str()), ("GET", "/v3/projects?name=eu-de"));
    assert!(request.headers["authorization"].starts_with("SDK-HMAC-SHA256 Access=AKHW0001, "));
    assert!(!request.headers.contains_key("x-project-id"));
    let named = [KEYS, &[("HW_AUTH_URL", url.as_str()), ("HW_PROJECT_NAME", "eu-de_sub")]].concat();
    let ran = machine.run(&named, &["whoami"]).await;
    insta::assert_snapshot!(ran.transcript());
}

/// A name in a variable may be for other tools, but not a name in a flag.
#[tokio::test]
async fn the_project_of_an_environment_needs_no_name() {
    let machine = Machine::new();
    let environments = "version: 1\nenvironments:\n  dev: {}\n  prod: { project: p-prod }\n";
    machine.file("fgctl.environments.yaml", environments);
    let server = iam(r#"{"id":"p-shop","name":"shop"}"#).await;
    let whoami = |env| ["whoami", "--env", env, "--iam-endpoint", &server.url, "-o", "json"];
    for name in ["OS_TENANT_NAME", "OS_PROJECT_NAME", "HW_PROJECT_NAME", "FGCTL_PROJECT_NAME"] {
        let found = machine.run(&[KEYS, &[(name, "shop")]].concat(), &whoami("prod")).await.json();
        assert_eq!((&found["project_id"], &found["environment"]), (&"p-prod".into(), &"prod".into()));
        assert_eq!(found["project_source"], "the environment `prod`");
    }
    let ran = machine.run(KEYS, &[&whoami("prod")[..5], &["--project-name", "shop"]].concat()).await;
    assert!(ran.code == Some(1) && ran.stderr.contains("leave out --project-name"), "{ran:?}");
    assert_eq!(server.requests().len(), 0);
    let found = machine.run(KEYS, &[&whoami("dev")[..], &["--project-name", "shop"]].concat()).await.json();
    assert_eq!((&found["project_id"], &found["project_looked_up_by"]), (&"p-shop".into(), &"shop".into()));
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn an_ambiguous_or_missing_project_is_an_error() {
    let machine = Machine::new();
    let mut said = String::new();
    for projects in ["", r#"{"id":"1","name":"eu-de"},{"id":"2","name":"eu-de"}"#] {
        let server = iam(projects).await;
        said.push_str(&machine.complaint(KEYS, &["--iam-endpoint", &server.url]).await);
    }
    let refusing = Scripted::start(|_, _| Answer::refusal(403, "IAM.0001", "Forbidden")).await;
    said.push_str(&machine.complaint(KEYS, &["--iam-endpoint", &refusing.url]).await);
    insta::assert_snapshot!(said);
}

#[tokio::test]
async fn a_proxy_is_used_except_for_hosts_in_no_proxy() {
    let machine = Machine::new();
    machine.file("fgctl.yaml", "version: 1\nstack: s\nfunctions: {}\n");
    let proxy = Scripted::start(|request, _| {
        let list = r#"{"functions":[],"resources":[],"next_marker":0,"count":0,"total_count":0}"#;
        assert!(request.target.starts_with("http://functiongraph.example.test/v2/p/"), "{}", request.target);
        Answer::ok(list)
    })
    .await;
    let place = ["plan", "--endpoint", "http://functiongraph.example.test", "--project-id", "p", "--max-retries", "0"];
    let through = [KEYS, &[("HTTP_PROXY", proxy.url.as_str())]].concat();
    let ran = machine.run(&through, &place).await;
    let expected = "Stack \"s\" in region eu-de, project p:\nNo changes: live matches stack \"s\".\n";
    assert_eq!(ran.stdout, expected, "{ran:?}");
    assert_eq!(proxy.requests().len(), 2);
    let around = [&through[..], &[("NO_PROXY", "example.test")]].concat();
    let ran = machine.run(&around, &place).await;
    insta::assert_snapshot!(ran.transcript());
    assert_eq!(proxy.requests().len(), 2);
}

#[tokio::test]
async fn whoami_shows_the_embedded_server() {
    let machine = Machine::new();
    let ran = machine.run(&[("FGCTL_ACCESS_KEY", "half")], &["whoami", "--local"]).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    insta::assert_snapshot!(ran.transcript());
    assert!(Path::new(machine.home.path()).join(".fgctl").is_dir());
}
