//! What reaches a terminal: colours and symbols, which streams that are not terminals strip again, and text from elsewhere
//! that must not act on the terminal.

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

/// Text without colours.
pub(super) fn plain(text: &str) -> String {
    anstream::adapter::strip_str(text).to_string()
}

/// Text from elsewhere on one line: a name, a value, a message. Control characters would reach the terminal as commands, a
/// line break could start a line that a pipeline reads as one, and characters of direction would show text in another order
/// than it has. All of them are shown as escapes.
pub fn printable(text: &str) -> String {
    if text.chars().any(is_unsafe) { text.chars().map(escaped).collect() } else { text.to_owned() }
}

fn is_unsafe(c: char) -> bool {
    let is_direction =
        matches!(c, '\u{61c}' | '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    // The last two are line breaks to some.
    c.is_control() || is_direction || matches!(c, '\u{2028}' | '\u{2029}')
}

fn escaped(c: char) -> String {
    if is_unsafe(c) { c.escape_default().to_string() } else { c.to_string() }
}

pub(super) fn symbol(action: Action) -> String {
    let (style, symbol) = match action {
        Action::Create => (GREEN, '+'),
        Action::Update => (YELLOW, '~'),
        Action::Delete => (RED, '-'),
        Action::Adopt => (CYAN, '>'),
        Action::Record => (DIM, '='),
    };
    paint(style, symbol)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_elsewhere_does_not_act() {
        let name = "a\n::error::b\u{1b}[2J\u{9b}c\u{202e}d\u{2028}\té";
        assert_eq!(printable(name), r"a\n::error::b\u{1b}[2J\u{9b}c\u{202e}d\u{2028}\té");
    }
}
