//! Messages about overlays and environments.

use super::{ACCOUNT, Page};

const MANIFEST: &str = "version: 1
stack: s
variables: { retries: 1 }
defaults: { runtime: Python3.9, handler: index.handler, agency: a }
functions:
  intake: { code: { inline: x }, environment: { LEVEL: info }, async: { max_retries: 2 } }
  settle: { code: { inline: x }, async: standard }
policies:
  standard: { max_validity_period: 1h, on_failure: { dis: { stream: failures } } }
";

/// The lint about retries without a target, and its comment.
const IGNORED: &str = "# fgctl: ignore[retries-without-failure-target] events may be lost";

#[test]
fn overlays() {
    let mut page = Page::new();
    page.file("fgctl.yaml", MANIFEST);
    let both = ["validate", "-f", "fgctl.yaml", "-f", "prod.yaml"];
    for (title, overlay) in [
        ("a value out of range", "functions:\n  intake: { async: { max_retries: 9 } }\n"),
        ("a misspelt field", "functions:\n  intake: { memroy: 512 }\n"),
        ("a misspelt function", "functions:\n  intak: { memory: 512 }\n"),
        ("a removed function that does not exist", "functions:\n  intak:\n"),
        ("another function", "functions:\n  refund: { memory: 512 }\n"),
        ("a removed entry that does not exist", "functions:\n  intake: { environment: { LEVLE: null } }\n"),
        ("a policy that is not declared", "policies:\n  standard: { max_retries: 0 }\n"),
        ("a list for a mapping", "functions:\n  intake: { environment: [LEVEL=debug] }\n"),
        ("functions as a list", "functions:\n  - intake\n"),
        ("the value of a secret", "functions:\n  intake: { secrets: { KEY: the-secret-key } }\n"),
        ("a mapping for the name of a policy", "functions:\n  settle: { async: { max_retries: 0 } }\n"),
        ("a missing variable", "functions:\n  intake: { description: \"${var.text}\" }\n"),
        ("a lint", "functions:\n  settle: { async: { max_retries: 3, on_failure: null, max_validity_period: 1h } }\n"),
        (
            "a comment that ignores a lint of the manifest",
            &format!("functions:\n  intake: {{ memory: 512 }} {IGNORED}\n"),
        ),
        ("a comment without effect", &format!("functions:\n  settle: {{ memory: 512 }} {IGNORED}\n")),
    ] {
        page.title(title);
        page.add(overlay.trim_end());
        page.file("prod.yaml", format!("overlay: true\n{overlay}"));
        page.run(&both, &[]);
    }
    page.file("prod.yaml", "overlay: true\nfunctions:\n  intake: { async: { max_retries: 0 } }\n");
    page.title("an overlay alone");
    page.run(&["validate", "-f", "prod.yaml"], &[]);
    page.title("an overlay before its manifest");
    page.run(&["validate", "-f", "prod.yaml", "-f", "fgctl.yaml"], &[]);
    page.title("a directory that contains an overlay for another command");
    page.run(&["validate"], &[]);
    page.title("a directory of overlays");
    page.file("overlays/prod.yaml", "overlay: true\n");
    page.run(&["validate", "-f", "fgctl.yaml", "-f", "overlays"], &[]);
    page.title("an overlay that is not one");
    page.file("prod.yaml", "overlay: false\nversion: 1\nstack: s\n");
    page.run(&["validate", "-f", "prod.yaml"], &[]);
    page.title("an overlay in other words");
    page.file("prod.yaml", "overlay: \"true\"\nfunctions:\n  settle: { memory: 256 }\n");
    page.run(&both, &[]);
    insta::assert_snapshot!(page.text());
}

const ENVIRONMENTS: &str = "version: 1
environments:
  dev: { stack: s-dev }
  prod: { files: [fgctl.yaml, prod.yaml], region: eu-nl, project: p }
";

#[test]
fn environments() {
    let mut page = Page::new();
    // Without a lint, which would be on every message.
    let manifest = MANIFEST.replace("max_retries: 2", "max_retries: 0");
    page.file("fgctl.yaml", &manifest);
    page.title("no file");
    page.run(&["plan", "--env", "dev"], &[]);
    page.file("nothing/README", "");
    page.file("overlays/one.yaml", "overlay: true\n");
    for (title, text) in [
        ("an empty file", ""),
        ("a manifest", &manifest),
        ("a misspelt field", "version: 1\nenvironments:\n  dev: { regon: eu-de }\n"),
        ("a missing manifest", "version: 1\nenvironments:\n  dev: { files: [fgctl.yml] }\n"),
        ("a missing variable file", "version: 1\nenvironments:\n  dev: { var_files: [dev.vars.yaml] }\n"),
        ("one path", "version: 1\nenvironments:\n  dev: { files: fgctl.yaml }\n"),
        ("an invalid region", "version: 1\nenvironments:\n  dev: { region: eu de }\n"),
        ("an endpoint", "version: 1\nenvironments:\n  dev: { endpoint: https://example.test }\n"),
        ("a directory without manifests", "version: 1\nenvironments:\n  dev: { files: [fgctl.yaml, nothing] }\n"),
        ("a directory of overlays", "version: 1\nenvironments:\n  dev: { files: [fgctl.yaml, overlays] }\n"),
        (
            "another region than the manifest's",
            "version: 1\nenvironments:\n  dev: { files: [placed.yaml], region: eu-de }\n",
        ),
    ] {
        page.title(title);
        page.add(text.trim_end());
        page.file("placed.yaml", manifest.replace("stack: s", "stack: s\nregion: eu-nl"));
        page.file("fgctl.environments.yaml", text);
        page.run(&["validate", "-f", "fgctl.yaml", "--environments", "fgctl.environments.yaml"], &[]);
        page.run(&["validate", "--env", "dev"], &[]);
    }
    std::fs::remove_file(page.path("placed.yaml")).expect("the file is removed");
    page.file("prod.yaml", "overlay: true\nfunctions:\n  intake: { async: { max_retries: 9 } }\n");
    page.file("fgctl.environments.yaml", ENVIRONMENTS);
    page.title("an unknown environment");
    page.add(ENVIRONMENTS.trim_end());
    page.run(&["plan", "--env", "prd"], &[]);
    page.title("an unknown environment in a variable");
    page.run(&["invoke", "intake"], &[("FGCTL_ENV", "qa")]);
    page.title("an empty variable");
    page.run(&["validate", "-f", "fgctl.yaml"], &[("FGCTL_ENV", "")]);
    page.title("files and an environment that names its own");
    page.run(&["plan", "--env", "prod", "-f", "fgctl.yaml"], &[]);
    page.title("an error in the environment's overlay");
    page.run(&["validate", "--env", "prod"], &[]);
    page.file("prod.yaml", "overlay: true\nfunctions:\n  intake: { async: { max_retries: 0 } }\n");
    page.title("another region and project");
    page.run(&["plan", "--env", "prod"], &ACCOUNT);
    page.title("another region");
    page.run(&["whoami", "--env", "prod", "--region", "eu-de"], &[("FGCTL_TOKEN", "token")]);
    page.title("another name of the file, and no environment");
    page.run(&["plan", "--environments", "fgctl.environments.yaml"], &[]);
    page.title("the account of an environment");
    page.run(&["whoami", "--env", "prod"], &[("FGCTL_TOKEN", "token")]);
    page.title("the environments file as a manifest");
    page.run(&["validate", "-f", "fgctl.environments.yaml"], &[]);
    page.title("another directory");
    page.file("elsewhere/README", "");
    page.run_in("elsewhere", &["validate", "--env", "dev"]);
    page.run_in("elsewhere", &["validate", "--env", "dev", "--environments", "../fgctl.environments.yaml"]);
    insta::assert_snapshot!(page.text());
}
