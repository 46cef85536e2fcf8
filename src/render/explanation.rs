//! Explanations of codes as text.

use std::fmt::Write;

use crate::diagnostic::Severity;
use crate::diagnostic::explanation::{Example, Explanation, GROUPS};

/// Characters of a line.
const WIDTH: usize = 100;

/// Every code with a line about it.
pub fn list() -> String {
    let codes = GROUPS.iter().flat_map(|(_, explanations)| *explanations).map(|explanation| explanation.code.len());
    let width = codes.max().unwrap_or_default();
    let mut text = String::new();
    for (title, explanations) in GROUPS {
        let _ = writeln!(text, "{title}:");
        for Explanation { code, summary, .. } in *explanations {
            let _ = writeln!(text, "  {code:width$}  {summary}");
        }
        text.push('\n');
    }
    text + "`fgctl explain CODE` says more about one of them."
}

/// What one code means, why it matters, and examples.
pub fn one(explanation: &Explanation) -> String {
    let Explanation { code, severities, summary, details, example } = explanation;
    let severity = match severities {
        [Severity::Error] => "an error",
        [Severity::Warning] => "a warning",
        _ => "an error or a warning, depending on the case",
    };
    let can = if explanation.is_lint() { "can" } else { "cannot" };
    let mut text = format!("{code}: {summary}\n\n{}\n", wrapped(details));
    if let Some(Example { bad, good }) = example {
        let _ = write!(text, "\nReported:\n\n{}\nNot reported:\n\n{}", indented(bad), indented(good));
    }
    let _ = write!(text, "\nThis is {severity}. You {can} suppress it with a comment");
    if !explanation.is_lint() {
        return text + ".";
    }
    let comment = indented(&format!("# fgctl: ignore[{code}] the reason"));
    let reach =
        "Write the comment on the line of the entry or directly above it. It also applies to everything in that entry.";
    let _ = write!(text, ":\n\n{comment}\n{}", wrapped(reach));
    text
}

/// The same as Markdown.
pub(super) fn markdown(explanation: &Explanation) -> String {
    let Explanation { code, severities: _, summary, details, example } = explanation;
    let mut text = format!("**{code}**: {summary}\n\n{details}\n");
    if let Some(Example { bad, good }) = example {
        let _ = write!(text, "\nReported:\n\n```yaml\n{bad}```\n\nNot reported:\n\n```yaml\n{good}```\n");
    }
    if explanation.is_lint() {
        let _ = write!(text, "\nTo ignore it, write this comment on the line of the entry or directly above it:\n\n");
        let _ = write!(text, "```yaml\n# fgctl: ignore[{code}] the reason\n```\n");
    }
    text
}

fn indented(text: &str) -> String {
    text.lines().flat_map(|line| ["    ", line, "\n"]).collect()
}

/// The text in lines of at most [`WIDTH`] characters.
fn wrapped(text: &str) -> String {
    let mut lines = String::new();
    let mut length = 0;
    for word in text.split(' ') {
        let word_length = word.chars().count();
        let fits = length == 0 || length + 1 + word_length <= WIDTH;
        if length > 0 {
            lines.push(if fits { ' ' } else { '\n' });
        }
        length = if fits && length > 0 { length + 1 + word_length } else { word_length };
        lines.push_str(word);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_as_long_as_possible() {
        let word = "x".repeat(49);
        assert_eq!(wrapped("one two"), "one two");
        assert_eq!(wrapped(&format!("{word} {word} y")), format!("{word} {word}\ny"));
        assert_eq!(wrapped(&format!("{word} {word}y y")), format!("{word} {word}y\ny"));
        assert_eq!(wrapped(&format!("{word} {word}yy y")), format!("{word}\n{word}yy y"));
        let long = "y".repeat(200);
        assert_eq!(wrapped(&format!("x {long} x")), format!("x\n{long}\nx"));
    }
}
