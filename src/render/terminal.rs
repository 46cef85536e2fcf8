//! Makes other programs' text safe for a terminal: it cannot move the cursor, change colors or reorder text.

use super::style::printable;

/// Keeps the lines, but escapes control characters: a carriage return would make the next text overwrite the line. Tabs
/// stay.
pub fn lines(text: &str) -> String {
    let line = |line: &str| line.split('\t').map(printable).collect::<Vec<_>>().join("\t");
    // Lines may end as on Windows.
    text.split('\n').map(|text| line(text.strip_suffix('\r').unwrap_or(text))).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_carriage_return_cannot_overwrite_a_line() {
        assert_eq!(lines("10%\r20%\r\n\ta\u{1b}[2Jb\u{7}\n"), "10%\\r20%\n\ta\\u{1b}[2Jb\\u{7}\n");
        assert_eq!(lines("größe → 1"), "größe → 1");
    }
}
