//! Messages about flags and arguments.

use super::Page;

#[test]
fn usage() {
    let mut page = Page::new();
    page.file("fgctl.yaml", "version: 1\nstack: s\nfunctions: {}\n");
    for (title, arguments) in [
        ("a misspelt command", &["aply"][..]),
        ("a misspelt flag", &["plan", "--detailed-exit-code"]),
        ("a port alone", &["serve", "--listen", "8080"]),
    ] {
        page.title(title);
        page.run(arguments, &[]);
    }
    insta::assert_snapshot!(page.text());
}
