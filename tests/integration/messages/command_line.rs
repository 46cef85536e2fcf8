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
        ("a port alone", &["serve", "--listen", "8080"]),
        ("an address of other machines", &["serve", "--listen", "0.0.0.0:0"]),
        ("a number of seconds with a unit", &["plan", "--request-timeout", "30s"]),
        ("a number out of range", &["plan", "--concurrency", "0"]),
        ("retries in words", &["plan", "--max-retries", "many"]),
        ("an unknown output", &["plan", "-o", "yaml"]),
        ("an unknown status", &["invocations", "f", "--status", "DONE"]),
        ("a time without a unit", &["invocations", "f", "--since", "30"]),
        ("a quota that there is not", &["serve", "--quota", "memory=1"]),
        ("a variable without a value", &["plan", "--var", "x"]),
        ("a function without a name", &["invoke"]),
        ("a function's name with a space", &["invoke", "my function", "--local"]),
        ("a function's version that is not valid", &["invoke", "f:v1.", "--local"]),
        ("an event that is not JSON", &["invoke", "f", "--local", "--data", "{order: 7}"]),
        ("an event from a file that is not there", &["invoke", "f", "--local", "--data", "@event.json"]),
        ("a deadline of a synchronous call", &["invoke", "f", "--local", "--timeout", "10s"]),
        ("a target that is no name", &["plan", "--local", "--target", "function:f"]),
        ("a target that nobody declares", &["plan", "--local", "--target", "payment"]),
        ("drift without ownership", &["plan", "--local", "--no-ownership", "--only-drift"]),
        ("two sides", &["plan", "--local", "--only-pending", "--only-drift"]),
        ("a report that drift does not have", &["drift", "--local", "-o", "gitlab"]),
        ("a question in a document", &["apply", "--local", "-o", "json"]),
        ("a stack's name that is not valid", &["export", "--local", "--to", "x", "--stack", "my stack"]),
        ("a pattern that is not valid", &["export", "--local", "--to", "x", "--name", "a["]),
        ("an import of what is not declared", &["import", "payment", "--local"]),
        ("a certificate that is not there", &["whoami", "--ca-file", "ca.pem"]),
        ("a certificate that is none", &["whoami", "--ca-file", "fgctl.yaml"]),
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
        ("a plan that is not there", &["apply", "saved", "--local"][..]),
        ("a manifest as a plan", &["apply", "one/fgctl.yaml", "--local"]),
        ("a directory as a plan", &["apply", "one", "--local"]),
        ("a damaged plan", &["show", "damaged"]),
        ("another JSON file", &["show", "other.json"]),
        ("a plan of a newer version", &["show", "newer"]),
        ("a directory that is not there", &["plan", "-f", "one", "--local", "--out", "nowhere/saved"]),
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
