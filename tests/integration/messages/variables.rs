//! Messages about variables and the sources of their values.

use super::Page;

const RETRIES: &str = "functions:\n  a: { code: { inline: x }, async: { max_retries: \"${var.retries}\" } }\n";

#[test]
fn variables() {
    let mut page = Page::new();
    page.file("prod.yaml", "retries: 9\n");
    page.file("list.yaml", "- 1\n");
    page.file("lists.yaml", "retries: [1]\n");
    page.file("typo.yaml", "retires: 1\n");
    page.file("equals.yaml", "retries=1\n");
    let command = |more: &[&'static str]| [&["validate", "-f", "fgctl.yaml"], more].concat();
    let declared = format!("variables: {{ retries: }}\n{RETRIES}");
    page.given("no value", &declared, &command(&[]));
    for (title, more) in [
        ("a misspelt variable file", &["--var-file", "prodd.yaml"][..]),
        ("a value from a file", &["--var-file", "prod.yaml"]),
        ("a value from an argument", &["--var", "retries=9"]),
        ("a variable that is not declared", &["--var", "retires=1"]),
        ("an argument without a value", &["--var", "retries"]),
        ("values as a list", &["--var-file", "list.yaml"]),
        ("a value that is a list", &["--var-file", "lists.yaml"]),
        ("a misspelt variable in a file", &["--var-file", "typo.yaml"]),
        ("a manifest as a variable file", &["--var-file", "fgctl.yaml"]),
        ("a file of another format", &["--var-file", "equals.yaml"]),
    ] {
        page.given(title, &declared, &command(more));
    }
    page.title("a value from the environment");
    page.run(&command(&[]), &[("FGCTL_VAR_retries", "many")]);
    page.given("a value from the manifest", &format!("variables: {{ retries: 9 }}\n{RETRIES}"), &command(&[]));
    page.given("a variable file in the directory", &declared, &["validate", "--var-file", "prod.yaml"]);
    for (title, text) in [
        ("a variable that is not declared", RETRIES),
        ("a misspelt variable", "variables: { retires: 1 }\n"),
        ("a declared list", "variables: { retries: [1] }\n"),
        ("variables as a list", "variables: [retries]\n"),
    ] {
        let text = if text == RETRIES { text.to_owned() } else { format!("{text}{RETRIES}") };
        page.given(title, &text, &command(&[]));
    }
    let described = |text: &str| {
        format!("variables: {{ x: 1 }}\nfunctions:\n  a: {{ code: {{ inline: x }}, description: \"{text}\" }}\n")
    };
    for (title, text) in [
        ("a variable of the environment", "${env.HOME}"),
        ("a shell's variable", "${HOME}"),
        ("a variable without var", "${x}"),
        ("spaces inside", "${ var.x }"),
        ("upper case", "${VAR.x}"),
        ("no brace at the end", "${var.x"),
        ("no name", "${var.}"),
    ] {
        page.given(title, &described(text), &command(&[]));
    }
    insta::assert_snapshot!(page.text());
}
