//! Colours and symbols. Streams that are no terminals strip them again.

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
