//! Explains text that is not valid YAML: where the mistake is, and what to write instead. The parser names the rule
//! that failed, often at a place after the mistake.

use super::tree::{Broken, Span};

/// A line of the text, and the position on it where the parser stopped.
struct Stop<'a> {
    lines: Vec<&'a str>,
    /// Counted from 0.
    line: usize,
    column: usize,
}

/// Converts the parser's message.
pub(super) fn explain(text: &str, span: Span, info: &str) -> Broken {
    let lines: Vec<&str> = text.lines().collect();
    let stop = Stop { lines, line: (span.line as usize).saturating_sub(1), column: span.column as usize };
    let found = tab(&stop).or_else(|| unquoted_variable(&stop)).or_else(|| by_message(&stop, span, info));
    found.unwrap_or_else(|| broken(span, format!("this is not valid YAML: {info}"), None))
}

/// The innermost bracket among the open collections, if the text ends inside it, or if a bracket of the other kind follows.
pub(super) fn unclosed(text: &str, span: Span, open: impl IntoIterator<Item = Span>) -> Option<Broken> {
    let lines: Vec<&str> = text.lines().collect();
    let rest = |span: Span| {
        let line: &str = lines.get((span.line as usize).checked_sub(1)?).copied().unwrap_or_default();
        let after = line.char_indices().nth(span.column as usize).map_or("", |(start, _)| &line[start..]);
        Some((after, lines.get(span.line as usize..).unwrap_or_default()))
    };
    let is_blank = |line: &str| line.trim().is_empty() || line.trim_start().starts_with('#');
    let is_end = |(line, below): (&str, &[&str])| is_blank(line) && below.iter().all(|line| is_blank(line));
    let bracket =
        |span: &Span| rest(*span).and_then(|(line, _)| line.chars().next()).filter(|c| matches!(c, '[' | '{'));
    let (begin, bracket) = open.into_iter().find_map(|span| Some((span, bracket(&span)?)))?;
    let (closing, other) = if bracket == '[' { (']', '}') } else { ('}', ']') };
    let is_other = rest(span).is_some_and(|(line, _)| line.starts_with(other));
    let is_last = rest(begin).is_some_and(|(line, below)| is_end((&line[1..], below)));
    let message = "the bracket that begins here is not closed";
    let found =
        || Broken { span: begin, message: message.to_owned(), help: Some(format!("add the closing `{closing}`")) };
    (is_other || is_last || rest(span).is_some_and(is_end)).then(found)
}

fn broken(span: Span, message: impl Into<String>, help: impl Into<Option<&'static str>>) -> Broken {
    Broken { span, message: message.into(), help: help.into().map(str::to_owned) }
}

/// A position in the file. Lines count from 0.
fn span_at(line: usize, column: usize, length: usize) -> Span {
    let small = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    Span { line: small(line + 1), column: small(column), length: small(length) }
}

/// Whether the character looks like a space, or takes no room at all.
pub(in crate::manifest) fn is_invisible(c: char) -> bool {
    let is_wide = c.is_whitespace() && !c.is_ascii();
    is_wide || matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}')
}

/// Refuses an unquoted key with an invisible character. Editors and web pages insert such characters, and the message
/// about an unknown field would look as if the field were known.
pub(super) fn visible(key: &str, span: Span) -> Result<(), Broken> {
    // There are many keys, and hardly any has other characters.
    if key.is_ascii() {
        return Ok(());
    }
    let Some((at, c)) = key.chars().enumerate().find(|(_, c)| is_invisible(*c)) else { return Ok(()) };
    let message = format!("this key contains an invisible character (U+{:04X})", u32::from(c));
    let help = if at == 0 && c.is_whitespace() {
        "replace it with a space: YAML's indentation allows no other characters"
    } else {
        "delete the character"
    };
    let column = span.column.saturating_add(u32::try_from(at).unwrap_or(u32::MAX));
    Err(broken(Span { column, length: 1, ..span }, message, help))
}

impl Stop<'_> {
    fn text(&self) -> &str {
        self.lines.get(self.line).copied().unwrap_or_default()
    }

    /// The character where the parser stopped.
    fn character(&self) -> Option<char> {
        self.text().chars().nth(self.column)
    }

    fn before(&self) -> String {
        self.text().chars().take(self.column).collect()
    }

    /// Whether only spaces, or the dash of a list item, come before.
    fn begins_line(&self) -> bool {
        self.before().trim_start_matches([' ', '-']).is_empty()
    }
}

/// A tab in an indentation, which the parser may report on a neighbouring line, or a tab where it stopped.
fn tab(stop: &Stop<'_>) -> Option<Broken> {
    let near = [Some(stop.line), stop.line.checked_add(1), stop.line.checked_sub(1)];
    for line in near.into_iter().flatten() {
        let text = stop.lines.get(line)?;
        let indentation = text.chars().take_while(|c| c.is_whitespace());
        if let Some(column) = indentation.into_iter().position(|c| c == '\t') {
            let message = "the indentation contains a tab, but YAML allows only spaces there";
            return Some(broken(span_at(line, column, 1), message, "replace the tab with spaces"));
        }
        if line != stop.line {
            continue;
        }
        let stops_at = |column: &usize| text.chars().nth(*column) == Some('\t');
        if let Some(column) = [Some(stop.column), stop.column.checked_sub(1)].into_iter().flatten().find(stops_at) {
            return Some(broken(span_at(line, column, 1), "a tab is not allowed here", "replace the tab with a space"));
        }
    }
    None
}

/// `{ max_retries: ${var.r} }`: the brace after `$` would start a mapping.
fn unquoted_variable(stop: &Stop<'_>) -> Option<Broken> {
    let before = stop.before();
    if stop.character() != Some('{') || !before.ends_with('$') {
        return None;
    }
    let start = before.rfind([' ', ',', '[', '{']).map_or(0, |separator| before[..=separator].chars().count());
    let text: String = stop.text().chars().skip(start).collect();
    let brace = text.find('}').map_or(text.len(), |brace| brace + 1);
    let end = text[brace..].find([' ', ',', ']', '}']).map_or(text.len(), |end| brace + end);
    let value = &text[..end];
    let message = format!("`{value}` needs quotes inside `{{ }}` and `[ ]`");
    let span = span_at(stop.line, start, value.chars().count());
    Some(Broken { span, message, help: Some(format!("write \"{value}\"")) })
}

fn by_message(stop: &Stop<'_>, span: Span, info: &str) -> Option<Broken> {
    let says = |part: &str| info.contains(part);
    if says("mapping values are not allowed") {
        return Some(unexpected_colon(stop, span));
    }
    if says("did not find expected key") || says("did not find expected '-'") {
        return Some(misplaced(stop, span));
    }
    if says("simple key expect") {
        return Some(no_key(stop, span));
    }
    if says("byte order mark") {
        let message = "a byte order mark (U+FEFF) is allowed only at the start of a file";
        return Some(broken(span, message, "delete this invisible character"));
    }
    if says("unknown anchor") {
        let alias: String = stop.text().chars().skip(stop.column).take_while(|c| !c.is_whitespace()).collect();
        let message = format!("the alias `{alias}` has no anchor");
        let help = "define the anchor with `&` before it is used; put text that starts with `*` in quotes";
        return Some(broken(Span { length: u32::try_from(alias.len()).ok()?, ..span }, message, help));
    }
    if let Some((_, rest)) = info.split_once("unexpected character: `") {
        let message = format!("a value cannot start with `{}`", rest.trim_end_matches('\''));
        return Some(broken(span, message, "put the value in quotes"));
    }
    quotes(span, info).or_else(|| brackets(span, info)).or_else(|| spaces(span, info))
}

/// `description: a: b`, or a key that is indented below a value.
fn unexpected_colon(stop: &Stop<'_>, span: Span) -> Broken {
    if stop.text().contains(['“', '”']) {
        let help = "use straight quotes (\"): YAML treats typographic ones as text";
        return broken(span, "a value with `: ` in it needs quotes", help);
    }
    if stop.before().contains(": ") {
        return broken(span, "a value with `: ` in it needs quotes", "put the whole value in quotes");
    }
    let above = (0..stop.line.min(stop.lines.len())).rev().find(|line| !stop.lines[*line].trim().is_empty());
    if let Some(found) = above.and_then(|line| colon_without_space(line, stop.lines[line])) {
        return found;
    }
    let help = "indent it like the keys that it belongs to; text over several lines needs quotes or `|`";
    broken(span, "a key is not allowed here: the line above already has a value", help)
}

/// `runtime:Python3.9`, which is text.
fn colon_without_space(line: usize, text: &str) -> Option<Broken> {
    let (key, value) = text.trim().trim_start_matches("- ").split_once(':')?;
    let is_key = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if !is_key || value.is_empty() || value.starts_with([' ', '/']) {
        return None;
    }
    let column = text.chars().take_while(|c| *c == ' ').count();
    let span = span_at(line, column, text.trim().chars().count());
    let help = Some(format!("write a space after `{key}:`"));
    Some(Broken { span, message: "this line is not a key with a value".to_owned(), help })
}

fn misplaced(stop: &Stop<'_>, span: Span) -> Broken {
    if stop.text().trim_start().starts_with("- ") {
        return broken(span, "a list item is not allowed here", "write `key: value`, without `-`");
    }
    if stop.begins_line() {
        let help = "indent the line exactly like the keys that it belongs to";
        return broken(span, "the indentation of this line matches no line above", help);
    }
    let help = "put the whole value in quotes, or begin a new line";
    broken(span, "there is text after the end of the value", help)
}

/// `memory:128` or `memory = 128`. The parser reports this on the next line or at the end of the file.
fn no_key(stop: &Stop<'_>, span: Span) -> Broken {
    let (message, help) = ("this line is not a key with a value", "write `key: value`, with a space after the colon");
    let last = if stop.begins_line() { stop.line } else { stop.line + 1 };
    let written = (0..last.min(stop.lines.len())).rev().find(|line| !stop.lines[*line].trim().is_empty());
    if let Some(found) = written.and_then(|line| colon_without_space(line, stop.lines[line])) {
        return found;
    }
    let span = written.map_or(span, |line| {
        let text = stop.lines[line];
        let indentation = text.chars().take_while(|c| *c == ' ').count();
        span_at(line, indentation, text.trim().chars().count())
    });
    broken(span, message, help)
}

fn quotes(span: Span, info: &str) -> Option<Broken> {
    let says = |part: &str| info.contains(part);
    if says("trailing content after double-quoted") {
        let help = "put the whole value in quotes; inside double quotes, write \\\" for a quote";
        return Some(broken(span, "there is text after the closing quote", help));
    }
    if !says("quoted scalar") {
        return None;
    }
    let help = "write \\\\ for a backslash, or use single quotes";
    if says("escape") || says("hexadecimal") {
        return Some(broken(span, "the double quotes contain an escape that YAML does not have", help));
    }
    Some(broken(span, "the quote that begins here is not closed", "add the closing quote; indent what it encloses"))
}

fn brackets(span: Span, info: &str) -> Option<Broken> {
    let says = |part: &str| info.contains(part);
    let help = "put a comma between the entries, and close the bracket";
    if says("misplaced bracket") {
        return Some(broken(span, "this bracket has no opening bracket", "remove it, or add the opening bracket"));
    }
    if says("flow mapping, did not find") {
        return Some(broken(span, "a `,` or `}` is missing before this", help));
    }
    let is_list = says("flow sequence") || says("illegal placement of ':'") || says("flow construct");
    is_list.then(|| broken(span, "a `,`, `]` or `}` is missing before this", help))
}

fn spaces(span: Span, info: &str) -> Option<Broken> {
    let sign = if info.starts_with("'-'") { '-' } else { ':' };
    let lacks_space = info.contains("must be followed by") || info.contains("may not precede");
    let help = "put the value in quotes if it is text";
    lacks_space.then(|| broken(span, format!("a space is missing after `{sign}`"), help))
}
