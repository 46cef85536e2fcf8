//! Text of others on a terminal: it moves no cursor, changes no colour and shows in the order that it has.

use super::style::printable;

/// Lines as they are, except that control characters are shown as escapes: a carriage return would have the next text
/// overwrite the line. Tabs stay.
pub fn lines(text: &str) -> String {
    let line = |line: &str| line.split('\t').map(printable).collect::<Vec<_>>().join("\t");
    // A line may end as those of Windows do.
    text.split('\n').map(|text| line(text.strip_suffix('\r').unwrap_or(text))).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_is_overwritten() {
        assert_eq!(lines("10%\r20%\r\n\ta\u{1b}[2Jb\u{7}\n"), "10%\\r20%\n\ta\\u{1b}[2Jb\\u{7}\n");
        assert_eq!(lines("größe → 1"), "größe → 1");
    }
}
