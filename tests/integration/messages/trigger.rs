//! Messages about triggers.

use super::Page;

/// A function with these triggers, and a second one.
fn triggers(of_first: &str, of_second: &str) -> String {
    let function = |key: &str, of: &str| {
        format!("  {key}:\n    code: {{ inline: {key} }}\n    async: {{}}\n    triggers:\n      {of}\n")
    };
    format!("functions:\n{}{}", function("a", of_first), function("b", of_second))
}

#[test]
fn triggers_are_explained() {
    let mut page = Page::new();
    let bucket =
        |more: &str| format!("uploads: {{ obs: {{ bucket: incoming, events: ['s3:ObjectCreated:*']{more} }} }}");
    for (title, first, second) in [
        (
            "a rate without a unit",
            "often: { timer: { rate: 300 } }".to_owned(),
            "t: { timer: { rate: 1d } }".to_owned(),
        ),
        ("a rate in seconds", "often: { timer: { rate: 90s } }".to_owned(), "t: { timer: { rate: '300' } }".to_owned()),
        ("a schedule as a number", "often: { timer: { cron: 5 } }".to_owned(), "t: { timer: { rate: 1d } }".to_owned()),
        (
            "an interval without a unit",
            "records: { dis: { stream: s, polling_interval: 30 } }".to_owned(),
            "t: { timer: { rate: 1d } }".to_owned(),
        ),
        ("one rule of a bucket twice", bucket(""), bucket("")),
        ("rules of a bucket that overlap", bucket(", prefix: in/"), bucket(", prefix: in/csv/")),
        (
            "one API twice",
            "api: { apig: { group_id: g, auth: NONE, path: / } }".to_owned(),
            "api: { apig: { group_id: g, auth: NONE, path: / } }".to_owned(),
        ),
        (
            "one trigger of a function twice",
            "x: { timer: { rate: 1d } }\n      y: { timer: { rate: 1h, name: x } }".to_owned(),
            "t: { timer: { rate: 1d } }".to_owned(),
        ),
    ] {
        page.manifest(title, &triggers(&first, &second));
    }
    insta::assert_snapshot!(page.text());
}
