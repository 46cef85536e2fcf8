//! Finds comments for fgctl: `# fgctl: …`. The parser's events do not contain comments.

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, StrInput};

use super::Source;
use super::locate::Lines;
use super::tree::Span;

/// What such a comment begins with.
const NAME: &str = "fgctl";

/// A comment that begins with `fgctl`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Comment<'a> {
    /// The text after `#`.
    pub(super) text: &'a str,
    /// The whole comment.
    pub(super) span: Span,
    /// The line that the comment is about: its own, or the one below it. `None` if that line is empty.
    pub(super) about: Option<u32>,
}

impl Comment<'_> {
    /// The place of a part of the text.
    pub(super) fn part(&self, part: &str) -> Span {
        let before = part.as_ptr() as usize - self.text.as_ptr() as usize;
        let column = 1 + self.text.get(..before).map_or(0, |before| before.chars().count());
        Span { column: self.span.column + small(column), length: small(part.chars().count()), ..self.span }
    }
}

/// Whether a file can have such a comment. Most files do not, and this is cheap.
pub(super) fn mentions_fgctl(source: &Source) -> bool {
    source.text.contains(NAME)
}

/// The comments of a file, in order. A `#` inside quotes or a block of text is not a comment.
pub(super) fn comments<'a>(source: &'a Source, lines: &Lines<'a>) -> Vec<Comment<'a>> {
    let candidates: Vec<(usize, Vec<Candidate<'a>>)> = lines
        .numbered()
        .filter(|(_, line)| line.contains(NAME))
        .map(|(number, line)| (number, candidates(line)))
        .filter(|(_, found)| found.iter().any(Candidate::names_fgctl))
        .collect();
    if candidates.is_empty() {
        return Vec::new();
    }
    let texts = texts(&source.text);
    let comment = |(number, candidates): (usize, Vec<Candidate<'a>>)| {
        let begin = candidates.into_iter().find(|it| !is_in_text(&texts, lines, (number, it.column)))?;
        begin.names_fgctl().then(|| Comment {
            text: begin.text,
            span: Span { line: small(number), column: small(begin.column), length: small(begin.characters()) },
            about: about(lines, number, begin.is_alone),
        })
    };
    candidates.into_iter().filter_map(comment).collect()
}

/// A `#` that begins a comment unless it is inside a text.
struct Candidate<'a> {
    column: usize,
    text: &'a str,
    /// Whether only spaces precede it.
    is_alone: bool,
}

impl Candidate<'_> {
    fn names_fgctl(&self) -> bool {
        self.text.trim_start().starts_with(NAME)
    }

    fn characters(&self) -> usize {
        1 + self.text.trim_end().chars().count()
    }
}

fn candidates(line: &str) -> Vec<Candidate<'_>> {
    let begins = |(byte, _): &(usize, &str)| line[..*byte].is_empty() || line[..*byte].ends_with([' ', '\t']);
    let candidate = |(byte, sign): (usize, &str)| Candidate {
        column: line[..byte].chars().count(),
        text: &line[byte + sign.len()..],
        is_alone: line[..byte].trim().is_empty(),
    };
    line.match_indices('#').filter(begins).map(candidate).collect()
}

/// The line that a comment is about. Other comments may stand between a comment and its line.
fn about(lines: &Lines<'_>, number: usize, is_alone: bool) -> Option<u32> {
    if !is_alone {
        return Some(small(number));
    }
    let mut below = lines.numbered().skip(number).map(|(number, line)| (number, line.trim()));
    let (number, text) = below.find(|(_, line)| !line.starts_with('#'))?;
    (!text.is_empty()).then(|| small(number))
}

/// A line and a column.
type Position = (usize, usize);

/// A quoted text or a block of text. A plain text ends before a comment.
struct Text {
    start: Position,
    /// At or after the end: the parser counts the rest of a line after a closing quote as part of the text.
    end: Position,
    quote: Option<char>,
}

/// In order.
fn texts(text: &str) -> Vec<Text> {
    let position = |marker: Marker| (marker.line(), marker.col());
    let mut parser = Parser::<StrInput>::new_from_str(text);
    let mut texts = Vec::new();
    while let Some(Ok((event, span))) = parser.next_event() {
        let Event::Scalar(content, style, ..) = event else { continue };
        let quote = match style {
            // An empty block begins in its header, which can have a comment.
            ScalarStyle::Literal | ScalarStyle::Folded if content.trim_matches('\n').is_empty() => continue,
            ScalarStyle::Plain => continue,
            ScalarStyle::SingleQuoted => Some('\''),
            ScalarStyle::DoubleQuoted => Some('"'),
            ScalarStyle::Literal | ScalarStyle::Folded => None,
        };
        texts.push(Text { start: position(span.start), end: position(span.end), quote });
    }
    texts
}

fn is_in_text(texts: &[Text], lines: &Lines<'_>, position: Position) -> bool {
    let after = texts.partition_point(|text| text.start <= position);
    let Some(text) = after.checked_sub(1).map(|index| &texts[index]) else { return false };
    let end = || text.quote.map_or(text.end, |quote| closing_quote(lines, text.start, quote));
    position < text.end && position < end()
}

/// The position of the quote that closes a text.
fn closing_quote(lines: &Lines<'_>, start: Position, quote: char) -> Position {
    let mut first = start.1 + 1;
    for (number, line) in lines.numbered().skip(start.0 - 1) {
        let mut characters = line.chars().enumerate().skip(std::mem::take(&mut first)).peekable();
        while let Some((column, character)) = characters.next() {
            match character {
                '\\' if quote == '"' => drop(characters.next()),
                '\'' if quote == '\'' && characters.next_if(|(_, next)| *next == '\'').is_some() => {}
                character if character == quote => return (number, column),
                _ => {}
            }
        }
    }
    (usize::MAX, 0)
}

/// The limited file size ensures that lines and columns fit.
fn small(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn source(text: &str) -> Source {
        Source { name: "f".into(), directory: "".into(), root: "".into(), text: text.into() }
    }

    /// The comments of a text: line, column, the line that it is about, and the text.
    fn found(text: &str) -> Vec<String> {
        let source = source(text);
        let found = comments(&source, &Lines::of(&source));
        let show = |comment: &Comment<'_>| {
            let about = comment.about.map_or_else(|| "-".to_owned(), |line| line.to_string());
            format!("{}:{} {about}{}", comment.span.line, comment.span.column + 1, comment.text)
        };
        found.iter().map(show).collect()
    }

    #[test]
    fn comments_are_found_wherever_yaml_allows_them() {
        for (text, expected) in [
            ("# fgctl: x\na: 1\n", &["1:1 2 fgctl: x"][..]),
            ("a: 1  # fgctl: x\n", &["1:7 1 fgctl: x"]),
            ("a: 1\t#fgctl: x\n", &["1:6 1fgctl: x"]),
            ("a: \"1 # no\" # fgctl: x\n", &["1:13 1 fgctl: x"]),
            ("a: 'it''s # fgctl: no' # fgctl: x\n", &["1:24 1 fgctl: x"]),
            ("a: \"\\\" # fgctl: no\" # fgctl: x\n", &["1:21 1 fgctl: x"]),
            ("a: \"\\\\\" # fgctl: x\n", &["1:9 1 fgctl: x"]),
            ("a: ['# fgctl: no', # fgctl: x\n  \"b\"]\n", &["1:20 1 fgctl: x"]),
            ("'# fgctl: no': 1 # fgctl: x\n", &["1:18 1 fgctl: x"]),
            ("a: | # fgctl: x\n  # fgctl: no\n", &["1:6 1 fgctl: x"]),
            ("a: |\n  # fgctl: no\n# fgctl: x\nb: 1\n", &["3:1 4 fgctl: x"]),
            ("a: | # fgctl: x\n", &["1:6 1 fgctl: x"]),
            ("a:\n  b: >-\n    # fgctl: no\n\n    text\n  # fgctl: x\n  c: 1\n", &["6:3 7 fgctl: x"]),
            ("a: |\n\n  one\n # fgctl: x\nb: 1\n", &["4:2 5 fgctl: x"]),
            ("a: \"one\n  # fgctl: no\n  two\" # fgctl: x\n", &["3:8 3 fgctl: x"]),
            ("a: { b: 1, # fgctl: x\n  c: 2 }\n", &["1:12 1 fgctl: x"]),
            ("a: [ 1, # fgctl: x\n  # fgctl: y\n  2 ]\n", &["1:9 1 fgctl: x", "2:3 3 fgctl: y"]),
            ("- # fgctl: x\n  a: 1\n", &["1:3 1 fgctl: x"]),
            ("ü: \"ü\" # fgctl: x\n", &["1:8 1 fgctl: x"]),
            ("a: 1 # fgctl: x\r\nb: 1\r\n", &["1:6 1 fgctl: x"]),
            ("# fgctl: x\n# another\n  # fgctl: y\na: 1\n", &["1:1 4 fgctl: x", "3:3 4 fgctl: y"]),
            ("# fgctl: x\n\na: 1\n", &["1:1 - fgctl: x"]),
            ("a: 1\n# fgctl: x", &["2:1 - fgctl: x"]),
            ("a: 1#fgctl: no\n", &[]),
            ("a: 1 # see fgctl: no\n", &[]),
            ("a: b # one # fgctl: no\n", &[]),
            ("a: b:# fgctl\n", &[]),
        ] {
            assert_eq!(found(text), expected, "{text:?}");
        }
    }

    #[test]
    fn a_part_of_a_comment_has_a_place() {
        let comment = Comment { text: " ü: x y", span: Span { line: 1, column: 4, length: 8 }, about: None };
        let part = comment.text.get(5..6).unwrap();
        assert_eq!((part, comment.part(part)), ("x", Span { line: 1, column: 9, length: 1 }));
    }

    /// The texts of all scalars; `None` if the text is not YAML.
    fn scalars(text: &str) -> Option<Vec<String>> {
        let mut parser = Parser::<StrInput>::new_from_str(text);
        let mut scalars = Vec::new();
        while let Some(next) = parser.next_event() {
            if let Event::Scalar(text, ..) = next.ok()?.0 {
                scalars.push(text.into_owned());
            }
        }
        Some(scalars)
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

        /// A change of a comment changes no text, and a change of anything else that looks like one does.
        #[test]
        fn exactly_the_comments_are_found(
            text in "(a: |b: |  |- |[|>]-?|'|\"|\\\\|\n|\n  |x| |, |[{}]|[\\[\\]]| # fgctl: y|# fgctl: y){1,25}",
        ) {
            let source = source(&text);
            let found = comments(&source, &Lines::of(&source));
            let start = |comment: &Comment<'_>| comment.text.as_ptr() as usize - source.text.as_ptr() as usize - 1;
            let ranges: Vec<_> = found.iter().map(|found| start(found)..start(found) + 1 + found.text.len()).collect();
            let before = scalars(&text);
            for (index, alike) in text.match_indices("# fgctl: y").filter(|_| before.is_some()) {
                let mut changed = text.clone();
                changed.replace_range(index..index + alike.len(), "# fgctl: z");
                let is_comment = ranges.iter().any(|range| range.contains(&index));
                prop_assert_eq!(scalars(&changed) == before, is_comment, "{:?} at {}", text, index);
            }
        }
    }
}
