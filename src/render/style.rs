//! Colors and symbols for terminals, which other streams strip, and the escaping of text that must not act on a
//! terminal.

use anstyle::{AnsiColor, Style};
use std::fmt::Display;

use crate::plan::change::Action;

pub(super) const BOLD: Style = Style::new().bold();
pub(super) const DIM: Style = Style::new().dimmed();
pub(super) const RED: Style = AnsiColor::Red.on_default();
pub(super) const GREEN: Style = AnsiColor::Green.on_default();
pub(super) const YELLOW: Style = AnsiColor::Yellow.on_default();
pub(super) const CYAN: Style = AnsiColor::Cyan.on_default();

pub(super) fn paint(style: Style, text: impl Display) -> String {
    format!("{style}{text}{style:#}")
}

/// Strips colors.
pub(super) fn plain(text: &str) -> String {
    anstream::adapter::strip_str(text).to_string()
}

/// Escapes text from elsewhere (a name, a value, a message) to one safe line. A terminal would act on control
/// characters, a pipeline could read a command at the start of a line, and direction characters would show text in
/// another order.
pub fn printable(text: &str) -> String {
    if text.chars().any(is_unsafe) { text.chars().map(escaped).collect() } else { text.to_owned() }
}

fn is_unsafe(c: char) -> bool {
    let is_direction =
        matches!(c, '\u{61c}' | '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    // Some programs treat the last two as line breaks.
    c.is_control() || is_direction || matches!(c, '\u{2028}' | '\u{2029}')
}

fn escaped(c: char) -> String {
    if is_unsafe(c) { c.escape_default().to_string() } else { c.to_string() }
}

pub(super) fn symbol(action: Action) -> String {
    let (style, symbol) = match action {
        Action::Create => (GREEN, '+'),
        Action::Update => (YELLOW, '~'),
        Action::Replace => (YELLOW, '±'),
        Action::Delete => (RED, '-'),
        Action::Adopt => (CYAN, '>'),
        Action::Record => (DIM, '='),
        Action::Forget => (CYAN, '<'),
    };
    paint(style, symbol)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_elsewhere_is_escaped() {
        let name = "a\n::error::b\u{1b}[2J\u{9b}c\u{202e}d\u{2028}\té";
        assert_eq!(printable(name), r"a\n::error::b\u{1b}[2J\u{9b}c\u{202e}d\u{2028}\té");
    }
}
