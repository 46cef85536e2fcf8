//! YAML as people write it, from a tree that only knows what manifests need.
//!
//! Our own, because there are comments between the entries, and because libraries that emit YAML 1.1 break lines at
//! characters at which readers of YAML 1.2 do not.

use std::fmt::Write;

/// A value to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Node {
    Text(String),
    Number(u32),
    Flag(bool),
    /// `[a, b]`
    List(Vec<&'static str>),
    /// `{ a: 1, b: 2 }`, on one line.
    Flow(Vec<(&'static str, Node)>),
    /// One line an entry.
    Block(Vec<(String, Node)>),
}

const INDENT: &str = "  ";

/// Writes one entry of a mapping at a depth, line breaks included.
pub(super) fn entry(text: &mut String, depth: usize, key: &str, value: &Node) {
    let indent = INDENT.repeat(depth);
    // Writing to a string cannot fail.
    let _ = write!(text, "{indent}{}:", scalar(key));
    match value {
        Node::Block(entries) if entries.is_empty() => text.push_str(" {}\n"),
        Node::Block(entries) => {
            text.push('\n');
            for (key, value) in entries {
                entry(text, depth + 1, key, value);
            }
        }
        Node::Text(lines) if is_literal(lines) => literal(text, depth + 1, lines),
        value => {
            let _ = writeln!(text, " {}", on_one_line(value));
        }
    }
}

/// A comment at a depth; whatever its text holds, it stays one line.
pub(super) fn comment(text: &mut String, depth: usize, remark: &str) {
    let escape = |c: char| if is_plain_character(c) { c.to_string() } else { c.escape_default().to_string() };
    let remark: String = remark.chars().map(escape).collect();
    let _ = writeln!(text, "{}# {remark}", INDENT.repeat(depth));
}

fn on_one_line(value: &Node) -> String {
    match value {
        Node::Text(text) => scalar(text),
        Node::Number(number) => number.to_string(),
        Node::Flag(flag) => flag.to_string(),
        Node::List(items) => format!("[{}]", items.join(", ")),
        Node::Flow(entries) => flow(entries.iter().map(|(key, value)| (*key, value))),
        Node::Block(entries) => flow(entries.iter().map(|(key, value)| (key.as_str(), value))),
    }
}

fn flow<'a>(entries: impl Iterator<Item = (&'a str, &'a Node)>) -> String {
    let entries: Vec<String> = entries.map(|(key, value)| format!("{}: {}", scalar(key), on_one_line(value))).collect();
    if entries.is_empty() { "{}".into() } else { format!("{{ {} }}", entries.join(", ")) }
}

/// Words that some reader or other takes for something else than text.
const RESERVED: [&str; 9] = ["null", "true", "false", "yes", "no", "on", "off", "y", "n"];

/// A word without quotes, and everything else with them.
fn scalar(text: &str) -> String {
    let starts = text.starts_with(|c: char| c.is_ascii_alphabetic());
    let word = text.chars().all(|c| c.is_ascii_alphanumeric() || "_-./".contains(c));
    let reserved = RESERVED.iter().any(|reserved| reserved.eq_ignore_ascii_case(text));
    if starts && word && !reserved { text.to_owned() } else { quoted(text) }
}

fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            c if is_plain_character(c) => quoted.push(c),
            c if u32::from(c) <= 0xff => {
                let _ = write!(quoted, "\\x{:02x}", u32::from(c));
            }
            c if u32::from(c) <= 0xffff => {
                let _ = write!(quoted, "\\u{:04x}", u32::from(c));
            }
            c => {
                let _ = write!(quoted, "\\U{:08x}", u32::from(c));
            }
        }
    }
    quoted.push('"');
    quoted
}

/// Characters that every reader takes as they are: no control, line break of Unicode, mark of byte order or
/// non-character.
fn is_plain_character(c: char) -> bool {
    let broken = matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}');
    // What turns the direction of text could make a manifest read otherwise than it is.
    let turning = matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    !c.is_control() && !broken && !turning
}

/// Whether lines of text can be written as lines: nothing at their ends that a reader would take away.
fn is_literal(text: &str) -> bool {
    let body = text.strip_suffix('\n').unwrap_or(text);
    let mut lines = body.split('\n');
    let begins = lines.next().is_some_and(|first| !first.is_empty() && !first.starts_with(' '));
    text.contains('\n')
        && begins
        && !body.ends_with('\n')
        && body.chars().all(|c| c == '\n' || is_plain_character(c))
        && body.split('\n').all(|line| !line.ends_with(char::is_whitespace))
}

fn literal(text: &mut String, depth: usize, lines: &str) {
    let (mark, body) = lines.strip_suffix('\n').map_or(("|-", lines), |body| ("|", body));
    let _ = writeln!(text, " {mark}");
    for line in body.split('\n') {
        if line.is_empty() {
            text.push('\n');
        } else {
            let _ = writeln!(text, "{}{line}", INDENT.repeat(depth));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    use crate::manifest::source::Sources;

    fn read(text: &str) -> serde_json::Value {
        let mut diagnostics = Vec::new();
        let mut sources = Sources::default();
        let source = crate::manifest::source::Source {
            name: "a.yaml".into(),
            directory: ".".into(),
            root: ".".into(),
            text: text.to_owned(),
        };
        let index = sources.add(source);
        let value = sources.document(index, &mut diagnostics).map(|document| document.value);
        assert!(diagnostics.is_empty(), "{diagnostics:?}\n{text}");
        value.expect("a value")
    }

    /// Words, numbers, signs and spaces that mean something in YAML, and anything else.
    fn texts() -> impl Strategy<Value = String> {
        let pieces = prop_oneof![
            Just("null"),
            Just("~"),
            Just("true"),
            Just("yes"),
            Just("0x1F"),
            Just("1e3"),
            Just("-"),
            Just("? "),
            Just(": "),
            Just(" #"),
            Just("\n"),
            Just("\n\n"),
            Just(" "),
            Just("\t"),
            Just("\r\n"),
            Just("---"),
            Just("|"),
            Just(">"),
            Just("&a"),
            Just("*a"),
            Just("!t"),
            Just("%"),
            Just("@"),
            Just("`"),
            Just("'"),
            Just("\""),
            Just("\\"),
            Just("{}"),
            Just("[,"),
            Just("<<"),
            Just("${var.x}"),
            Just("\u{85}"),
            Just("\u{2028}"),
            Just("\u{feff}"),
            Just("\u{0}"),
            Just("\u{7f}"),
            Just("ü"),
            Just("🦀"),
            Just("word"),
            Just("\u{202e}"),
            Just("\u{ffff}"),
        ];
        let pieces = prop::collection::vec(pieces, 0..6).prop_map(|pieces| pieces.concat());
        prop_oneof![3 => pieces, 1 => any::<String>()]
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(key in texts(), value in texts(), other in texts()) {
            let inner = vec![("flow".to_owned(), Node::Flow(vec![("value", Node::Text(other.clone()))])),
                ("lines".to_owned(), Node::Text(other.clone()))];
            let mut text = String::new();
            comment(&mut text, 0, &value);
            entry(&mut text, 0, "first", &Node::Block(vec![(format!("k{key}"), Node::Text(value.clone()))]));
            comment(&mut text, 1, &other);
            entry(&mut text, 0, "second", &Node::Block(inner));
            entry(&mut text, 0, "third", &Node::Number(7));
            let mut key = serde_json::Map::from_iter([(format!("k{key}"), value.into())]);
            let expected = serde_json::json!({
                "first": key.clone(), "second": { "flow": { "value": other.clone() }, "lines": other }, "third": 7,
            });
            key.clear();
            prop_assert_eq!(read(&text), expected, "{}", text);
        }
    }

    #[test]
    fn texts_as_people_write_them() {
        let mut text = String::new();
        let node = Node::Block(vec![
            ("handler".into(), Node::Text("index.handler".into())),
            ("version".into(), Node::Text("1.0".into())),
            ("on".into(), Node::Text("two words".into())),
            ("description".into(), Node::Text("first line\n  second line\n".into())),
            ("ends".into(), Node::Text("with a space \n".into())),
            ("code".into(), Node::Flow(vec![("dir", Node::Text("functions/a".into()))])),
            ("ignore".into(), Node::List(vec!["code", "tags"])),
        ]);
        entry(&mut text, 0, "a", &node);
        insta::assert_snapshot!(text, @r#"
        a:
          handler: index.handler
          version: "1.0"
          "on": "two words"
          description: |
            first line
              second line
          ends: "with a space \n"
          code: { dir: functions/a }
          ignore: [code, tags]
        "#);
    }
}
