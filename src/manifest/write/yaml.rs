//! Writes YAML in the style that people use, from a tree with only what manifests need.
//!
//! This module does the layout, because comments are needed between entries and some mappings stay on one line. The
//! library decides which text needs no quotes, and writes literal blocks. It never receives the characters at which
//! only YAML 1.1 breaks lines, because they are always escaped.

use serde_json::Value;
use std::fmt::Write;

use crate::model::number::period;

use super::super::source::is_invisible;

/// A value to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Node {
    Text(String),
    Number(u32),
    /// A number of seconds, in hours or minutes if it is a whole number of them: `2h`, `15m`, `45`.
    Period(u64),
    Flag(bool),
    /// `[a, b]`
    List(Vec<&'static str>),
    /// `{ a: 1, b: 2 }`, on one line.
    Flow(Vec<(&'static str, Node)>),
    /// Any value, on one line.
    Value(Value),
    /// One entry per line.
    Block(Vec<(String, Node)>),
}

impl Node {
    /// The value of a field. Only text can take several lines.
    pub(super) fn of(value: &Value) -> Self {
        match value {
            Value::String(text) => Self::Text(super::literal(text)),
            other => Self::Value(other.clone()),
        }
    }
}

const INDENT: &str = "  ";

/// Writes one entry of a mapping at a depth, including line breaks.
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

/// Writes a comment at a depth. It stays on one line, whatever it contains.
pub(super) fn comment(text: &mut String, depth: usize, remark: &str) {
    let escape = |c: char| if is_plain_character(c) { c.to_string() } else { c.escape_default().to_string() };
    let remark: String = remark.chars().map(escape).collect();
    let _ = writeln!(text, "{}# {remark}", INDENT.repeat(depth));
}

fn on_one_line(value: &Node) -> String {
    match value {
        Node::Text(text) => scalar(text),
        Node::Number(number) => number.to_string(),
        Node::Period(seconds) if seconds.is_multiple_of(60) => period(*seconds),
        Node::Period(seconds) => seconds.to_string(),
        Node::Flag(flag) => flag.to_string(),
        Node::List(items) => format!("[{}]", items.join(", ")),
        Node::Flow(entries) => flow(entries.iter().map(|(key, value)| (*key, flow_entry(value)))),
        Node::Block(entries) => flow(entries.iter().map(|(key, value)| (key.as_str(), flow_entry(value)))),
        Node::Value(value) => in_flow(value),
    }
}

/// A value inside brackets or braces.
fn in_flow(value: &Value) -> String {
    match value {
        Value::String(text) => flow_scalar(&super::literal(text)),
        Value::Array(items) => format!("[{}]", items.iter().map(in_flow).collect::<Vec<_>>().join(", ")),
        Value::Object(members) => flow(members.iter().map(|(key, value)| (key.as_str(), in_flow(value)))),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.to_string(),
    }
}

fn flow_entry(value: &Node) -> String {
    match value {
        Node::Text(text) => flow_scalar(text),
        value => on_one_line(value),
    }
}

fn flow<'a>(entries: impl Iterator<Item = (&'a str, String)>) -> String {
    let entries: Vec<String> = entries.map(|(key, value)| format!("{}: {value}", flow_scalar(key))).collect();
    if entries.is_empty() { "{}".into() } else { format!("{{ {} }}", entries.join(", ")) }
}

/// Words that readers of YAML 1.1 treat as booleans, in addition to those of YAML 1.2.
const RESERVED: [&str; 6] = ["yes", "no", "on", "off", "y", "n"];

/// Characters with a meaning in a flow collection.
const FLOW: [char; 7] = [',', ':', '?', '[', ']', '{', '}'];

/// A scalar in a block, without quotes if every reader reads it as this text.
fn scalar(text: &str) -> String {
    // Numbers, dates and times start with a sign or a digit, so text that starts with a letter is none of them.
    let is_text = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| is_plain_character(c) && !is_invisible(c))
        && !RESERVED.iter().any(|reserved| reserved.eq_ignore_ascii_case(text));
    if is_text && written(text).trim_end_matches('\n') == text { text.to_owned() } else { quoted(text) }
}

/// A scalar inside the brackets of a flow collection.
fn flow_scalar(text: &str) -> String {
    // The parser refuses a word `-` in front of a comma or a bracket.
    if text.contains(FLOW) || text.ends_with(" -") { quoted(text) } else { scalar(text) }
}

/// The text as the library writes it on its own.
fn written(text: &str) -> String {
    // Writing text to a string cannot fail.
    serde_yaml::to_string(text).unwrap_or_default()
}

/// JSON is valid YAML. Characters that a reader may interpret differently are escaped too; all of them have four
/// digits.
fn quoted(text: &str) -> String {
    let json = Value::from(text).to_string();
    let escape = |c: char| if is_plain_character(c) { c.to_string() } else { format!("\\u{:04x}", u32::from(c)) };
    json.chars().map(escape).collect()
}

/// Whether every reader accepts the character unchanged. Control characters, Unicode line breaks, byte order marks and
/// non-characters are excluded.
fn is_plain_character(c: char) -> bool {
    let broken = matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}');
    // Characters that change the text direction could make a manifest look different from its content.
    let turning = matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    !c.is_control() && !broken && !turning
}

/// Whether text can be written as a block of lines. It cannot if a reader would strip something at the ends of lines.
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

/// A literal block from the library, at a depth.
fn literal(text: &mut String, depth: usize, lines: &str) {
    for (index, line) in written(lines).lines().enumerate() {
        match index {
            0 => text.push(' '),
            _ if line.is_empty() => {}
            // The library has already indented the lines by one level.
            _ => text.push_str(&INDENT.repeat(depth - 1)),
        }
        text.push_str(line);
        text.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    use crate::manifest::source::Sources;

    fn read(text: &str) -> Value {
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

    #[test]
    fn a_dash_at_the_end_of_a_flow_scalar_is_quoted() {
        let mut text = String::new();
        entry(&mut text, 0, "a", &Node::Flow(vec![("b", Node::Text("c -".into())), ("d", Node::Flag(true))]));
        assert_eq!(text, "a: { b: \"c -\", d: true }\n");
        assert_eq!(read(&text)["a"]["b"], "c -");
    }

    /// Words, numbers, symbols and spaces with a meaning in YAML, and anything else.
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
        /// Checks with our own reader of YAML 1.2 and with a reader of YAML 1.1.
        #[test]
        fn written_text_is_read_back_unchanged(key in texts(), value in texts(), other in texts()) {
            let inner = vec![
                ("flow".to_owned(), Node::Flow(vec![("value", Node::Text(other.clone())), ("b", Node::Flag(true))])),
                ("lines".to_owned(), Node::Text(other.clone())),
            ];
            let mut text = String::new();
            comment(&mut text, 0, &value);
            entry(&mut text, 0, "first", &Node::Block(vec![(key.clone(), Node::Text(value.clone()))]));
            comment(&mut text, 1, &other);
            entry(&mut text, 0, "second", &Node::Block(inner));
            entry(&mut text, 0, "third", &Node::Number(7));
            let expected = serde_json::json!({
                "first": { key: value },
                "second": { "flow": { "value": other.clone(), "b": true }, "lines": other },
                "third": 7,
            });
            prop_assert_eq!(read(&text), expected.clone(), "{}", text);
            prop_assert_eq!(serde_yaml::from_str::<Value>(&text).unwrap(), expected, "{}", text);
        }
    }

    #[test]
    fn text_is_written_in_the_usual_style() {
        let mut text = String::new();
        let node = Node::Block(vec![
            ("handler".into(), Node::Text("index.handler".into())),
            ("version".into(), Node::Text("1.0".into())),
            ("on".into(), Node::Text("two words".into())),
            ("remark".into(), Node::Text("note: quoted".into())),
            ("time".into(), Node::Text("12:30".into())),
            ("description".into(), Node::Text("first line\n  second line\n".into())),
            ("ends".into(), Node::Text("with a space \n".into())),
            ("indented".into(), Node::Text("  first line\nsecond line".into())),
            ("code".into(), Node::Flow(vec![("dir", Node::Text("a, b".into()))])),
            ("ignore".into(), Node::List(vec!["code", "tags"])),
        ]);
        entry(&mut text, 0, "a", &node);
        insta::assert_snapshot!(text, @r#"
        a:
          handler: index.handler
          version: "1.0"
          "on": two words
          remark: "note: quoted"
          time: "12:30"
          description: |
            first line
              second line
          ends: "with a space \n"
          indented: "  first line\nsecond line"
          code: { dir: "a, b" }
          ignore: [code, tags]
        "#);
    }
}
