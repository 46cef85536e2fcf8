//! Flags, arguments and files that a command line names.

use super::Page;

const MANIFEST: &str = "version: 1\nstack: s\nfunctions: {}\n";

#[test]
fn usage() {
    let mut page = Page::new();
    page.file("fgctl.yaml", MANIFEST);
    for (title, arguments) in [
        ("a misspelt command", &["aply"][..]),
        ("a misspelt flag", &["plan", "--detailed-exit-code"]),
        ("a manifest without -f", &["plan", "fgctl.yaml"]),
        ("a data directory without =", &["plan", "--local", "data"]),
        ("the consent flag of another tool", &["destroy", "--yes"]),
        ("no environment", &["plan", "--env", ""]),
        ("a file in place of the data", &["plan", "--local=fgctl.yaml"]),
        ("a file in place of a directory above the data", &["serve", "--data", "fgctl.yaml/data"]),
        ("a file in place of a directory for pages", &["man", "--dir", "fgctl.yaml"]),
        ("a variable without a name", &["plan", "--var", "=x"]),
        ("an event from no file", &["invoke", "f", "--local", "--data", "@"]),
        ("an address with a host's name", &["serve", "--listen", "localhost:8080"]),
        ("a subscription without a URL", &["serve", "--subscribe", "pager"]),
        ("a subscription without a scheme", &["serve", "--subscribe", "pager=example.test"]),
        ("a subscription on the internet", &["serve", "--subscribe", "pager=http://8.8.8.8/"]),
        ("a port alone", &["serve", "--listen", "8080"]),
        ("an address of other machines", &["serve", "--listen", "0.0.0.0:0"]),
        ("a number of seconds with a unit", &["plan", "--request-timeout", "30s"]),
        ("a number out of range", &["plan", "--concurrency", "0"]),
        ("retries in words", &["plan", "--max-retries", "many"]),
        ("an unknown output", &["plan", "-o", "yaml"]),
        ("an unknown status", &["invocations", "f", "--status", "DONE"]),
        ("a time without a unit", &["invocations", "f", "--since", "30"]),
        ("an unknown quota", &["serve", "--quota", "memory=1"]),
        ("a variable without a value", &["plan", "--var", "x"]),
        ("a function without a name", &["invoke"]),
        ("a function's name with a space", &["invoke", "my function", "--local"]),
        ("an invalid version", &["invoke", "f:v1.", "--local"]),
        ("an event that is not JSON", &["invoke", "f", "--local", "--data", "{order: 7}"]),
        ("an event from a missing file", &["invoke", "f", "--local", "--data", "@event.json"]),
        ("a deadline of a synchronous call", &["invoke", "f", "--local", "--timeout", "10s"]),
        ("a target that is not a name", &["plan", "--local", "--target", "function:f"]),
        ("a target that is not declared", &["plan", "--local", "--target", "payment"]),
        ("drift without ownership", &["plan", "--local", "--no-ownership", "--only-drift"]),
        ("two sides", &["plan", "--local", "--only-pending", "--only-drift"]),
        ("a report that drift does not support", &["drift", "--local", "-o", "gitlab"]),
        ("a question with JSON output", &["apply", "--local", "-o", "json"]),
        ("an invalid stack name", &["export", "--local", "--to", "x", "--stack", "my stack"]),
        ("an invalid pattern", &["export", "--local", "--to", "x", "--name", "a["]),
        ("an import of an undeclared function", &["import", "payment", "--local"]),
        ("a missing certificate", &["whoami", "--ca-file", "ca.pem"]),
        ("a file without a certificate", &["whoami", "--ca-file", "fgctl.yaml"]),
    ] {
        page.title(title);
        page.run(arguments, &[]);
    }
    insta::assert_snapshot!(page.text());
}

#[test]
fn plans_in_files() {
    let mut page = Page::new();
    page.file("one/fgctl.yaml", MANIFEST);
    page.file("two/.keep", "");
    page.file("damaged", "{ \"format_version\": 1");
    page.file("other.json", "{}");
    page.file("newer", "{ \"format_version\": 99 }");
    for (title, arguments) in [
        ("a missing plan", &["apply", "saved", "--local"][..]),
        ("a manifest as a plan", &["apply", "one/fgctl.yaml", "--local"]),
        ("a directory as a plan", &["apply", "one", "--local"]),
        ("a damaged plan", &["show", "damaged"]),
        ("another JSON file", &["show", "other.json"]),
        ("a plan of a newer version", &["show", "newer"]),
        ("a missing directory", &["plan", "-f", "one", "--local", "--out", "nowhere/saved"]),
        ("a directory as a file", &["plan", "-f", "one", "--local", "--out", "two"]),
    ] {
        page.title(title);
        page.run(arguments, &[]);
    }
    page.title("a saved plan");
    page.run(&["plan", "-f", "one", "--local", "--out", "saved"], &[]);
    page.title("without --local");
    page.run(&["apply", "saved"], &[]);
    page.title("an edited plan");
    let saved = std::fs::read_to_string(page.path("saved")).expect("the plan");
    page.file("edited", saved.replace("\"stack\": \"s\"", "\"stack\": \"t\""));
    page.run(&["apply", "edited", "--local"], &[]);
    page.title("from another directory");
    page.run_in("two", &["apply", "../saved", "--local"]);
    page.title("after the manifests have moved");
    std::fs::rename(page.path("one"), page.path("moved")).expect("moved");
    page.run(&["apply", "saved", "--local"], &[]);
    insta::assert_snapshot!(page.text());
}
