//! The form of a comment on a pull request: a heading, then folded sections, within the size limit of a comment.
//!
//! Text from manifests and the service is always in a code block or a code span that it cannot end, so no name, value or
//! message can become markup, a link or a mention.

use std::fmt::Write;

use super::{count, style};

/// The longest document, in characters. GitHub accepts 65,536 in a comment; other platforms accept more.
const LIMIT: usize = 65_000;
/// Characters reserved for the last line and for the code block of changes without details.
const RESERVED: usize = 300;
/// The part of a document that remarks may take, as a divisor. The rest is for findings and changes.
const REMARKS: usize = 4;

/// A part that is folded under its title.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Section {
    /// One line.
    pub(super) title: String,
    pub(super) text: String,
    pub(super) is_open: bool,
    /// The lines that stay if there is no room for the text: one for each change. A finding has none.
    pub(super) lines: Vec<String>,
}

impl Section {
    /// A finding or an error.
    pub(super) fn plain(title: impl Into<String>, text: impl Into<String>, is_open: bool) -> Self {
        Self { title: title.into(), text: text.into(), is_open, lines: Vec::new() }
    }
}

/// The start of a document.
#[derive(Debug, Clone, Default)]
pub(super) struct Heading {
    /// One line that contains only our own words, numbers and the name of the stack.
    pub(super) text: String,
    /// The stack and its place, as far as they are known; on the same line, as a code span.
    pub(super) home: String,
    /// Remarks about the whole, line by line, the most important ones first.
    pub(super) remarks: String,
    /// A Mermaid drawing, which contains no backticks.
    pub(super) drawing: String,
}

/// A heading, followed by the sections. If they do not fit, details are dropped before changes, and the last line counts
/// what is missing.
pub(super) fn document(heading: &Heading, sections: &[Section]) -> String {
    let Heading { text, home, remarks, drawing } = heading;
    let home = if home.is_empty() { String::new() } else { format!(" {home}") };
    let drawing = if drawing.is_empty() { String::new() } else { format!("\n```mermaid\n{drawing}```\n") };
    let mut text = format!("**{text}**{home}\n");
    let room = |text: &str| LIMIT.saturating_sub(RESERVED + text.chars().count());
    let kept: usize = sections.iter().map(length_of_lines).sum();
    text.push_str(&remarked(remarks, room(&text).saturating_sub(kept).min(LIMIT / REMARKS)));
    let room = room(&text);
    let Comment { has_drawing, findings, details, lines, left_out } = fill(room, &drawing, sections);
    if has_drawing {
        text.push_str(&drawing);
    }
    text.extend(findings.into_iter().chain(details));
    if !lines.is_empty() {
        let count = count::changes(lines.len());
        // Writing to a string cannot fail.
        let _ = write!(text, "\n{count} without details:\n\n{}\n", fenced(&lines.join("\n")));
    }
    if !left_out.is_empty() {
        let _ = write!(text, "\nLeft out, because a comment has no room for more: {}.\n", left_out.join(", "));
    }
    text
}

/// The room that the lines of a section take if its text has none.
fn length_of_lines(section: &Section) -> usize {
    section.lines.iter().map(|line| line.chars().count() + 1).sum()
}

/// The remarks that fit into this many characters as a code block, and the number of lines that do not.
fn remarked(remarks: &str, room: usize) -> String {
    let remarks = style::plain(remarks);
    let lines: Vec<&str> = remarks.lines().collect();
    let rest = |left_out: usize| format!("… and {left_out} more lines");
    // A fence is as long for a part of the lines as for all of them, or shorter.
    let around = fenced(&rest(lines.len())).chars().count() + 2 * fence(&remarks).len();
    let mut room = room.saturating_sub(around);
    let fits = |line: &&&str| {
        let left = room.checked_sub(line.chars().count() + 1);
        room = left.unwrap_or_default();
        left.is_some()
    };
    let mut shown: Vec<&str> = lines.iter().take_while(fits).copied().collect();
    let rest = rest(lines.len() - shown.len());
    if shown.len() < lines.len() {
        shown.push(&rest);
    }
    if shown.is_empty() { String::new() } else { format!("\n{}\n", fenced(&shown.join("\n"))) }
}

/// The parts of a document that fit.
struct Comment<'s> {
    has_drawing: bool,
    findings: Vec<String>,
    /// Whole sections of changes.
    details: Vec<String>,
    /// The other changes.
    lines: Vec<&'s str>,
    /// What is missing, for the last line.
    left_out: Vec<String>,
}

/// Decides what fits: findings in up to half of the room, then a line for each change, then the drawing, then the rest of
/// the findings, then details.
fn fill<'s>(room: usize, drawing: &str, sections: &'s [Section]) -> Comment<'s> {
    let (found, changes): (Vec<&Section>, Vec<&Section>) = sections.iter().partition(|one| one.lines.is_empty());
    let mut reserved: usize = changes.iter().map(|section| length_of_lines(section)).sum();
    let (mut room, half) = (room, room / 2);
    // Takes a text if it leaves enough room.
    let mut take = |text: String, kept: usize| {
        let length = text.chars().count();
        let fits = room.checked_sub(length).is_some_and(|left| left >= kept);
        room -= if fits { length } else { 0 };
        fits.then_some(text)
    };
    let findings: Vec<String> = found.iter().filter_map(|section| take(folded(section), reserved.min(half))).collect();
    let has_drawing = drawing.is_empty() || take(drawing.to_owned(), reserved).is_some();
    let (mut details, mut lines, mut undetailed) = (Vec::new(), Vec::new(), 0);
    for section in changes {
        let own = length_of_lines(section);
        match take(folded(section), reserved - own) {
            Some(text) => details.push(text),
            None => {
                let fitting = section.lines.iter().filter(|line| take(format!("{line}\n"), 0).is_some());
                lines.extend(fitting.map(String::as_str));
                undetailed += section.lines.len();
            }
        }
        reserved -= own;
    }
    let missing = |count: usize, one: &str, many: &str| match count {
        0 => None,
        1 => Some(format!("1 {one}")),
        count => Some(format!("{count} {many}")),
    };
    let left_out = [
        (!has_drawing).then(|| "the drawing".to_owned()),
        missing(found.len() - findings.len(), "finding", "findings"),
        (!lines.is_empty()).then(|| format!("the details of {}", count::changes(lines.len()))),
        missing(undetailed - lines.len(), "change", "changes"),
    ];
    Comment { has_drawing, findings, details, lines, left_out: left_out.into_iter().flatten().collect() }
}

/// There is no blank line before the code block's, so the lines above it stay HTML.
fn folded(Section { title, text, is_open, lines: _ }: &Section) -> String {
    let (open, title) = (if *is_open { " open" } else { "" }, html(&style::plain(title)));
    format!("\n<details{open}><summary><code>{title}</code></summary>\n\n{}\n</details>\n", fenced(&style::plain(text)))
}

fn html(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace(['\n', '\r'], " ")
}

/// A code block that the text cannot end.
fn fenced(text: &str) -> String {
    let fence = fence(text);
    format!("{fence}text\n{}\n{fence}", text.trim_end())
}

/// A fence that is longer than any run of backticks in the text.
fn fence(text: &str) -> String {
    let runs = text.split(|c| c != '`').map(str::len);
    "`".repeat(runs.max().unwrap_or_default().max(2) + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn plain(heading: &str) -> Heading {
        Heading { text: heading.into(), ..Heading::default() }
    }

    fn section(title: &str, text: &str) -> Section {
        Section { title: title.into(), text: text.into(), is_open: false, lines: vec![title.into()] }
    }

    #[test]
    fn a_document_has_a_heading_and_folded_sections() {
        insta::assert_snapshot!(document(&plain("Plan: 1 to update."), &[section("~ a", "x → @team <b> ```\n")]), @r"
        **Plan: 1 to update.**

        <details><summary><code>~ a</code></summary>

        ````text
        x → @team <b> ```
        ````
        </details>
        ");
    }

    fn length(text: &str) -> usize {
        text.chars().count()
    }

    #[test]
    fn each_change_keeps_a_line_and_the_first_ones_their_details() {
        let changes: Vec<Section> =
            (0..400).map(|number| section(&format!("~ function:default/f{number:03}"), &"ü".repeat(1000))).collect();
        let text = document(&plain("Plan."), &changes);
        assert!((LIMIT - 2000..=LIMIT).contains(&length(&text)), "{}", length(&text));
        for change in &changes {
            assert_eq!(text.matches(&change.title).count(), 1, "{}", change.title);
        }
        let without = 400 - text.matches("<details>").count();
        assert!(without < 380, "some have details: {without}");
        assert!(text.contains(&format!("\n{without} changes without details:\n\n```text\n~ function")));
        let last = format!("Left out, because a comment has no room for more: the details of {without} changes.\n");
        assert!(text.ends_with(&last), "{text}");
    }

    #[test]
    fn changes_that_do_not_fit_are_counted() {
        let changes = vec![section(&"x".repeat(99), "details"); 1000];
        let text = document(&plain("Plan."), &changes);
        assert!((LIMIT - 500..=LIMIT).contains(&length(&text)), "{}", length(&text));
        let shown = text.matches(&"x".repeat(99)).count();
        let last = format!("the details of {shown} changes, {} changes.\n", 1000 - shown);
        assert!(text.ends_with(&last), "{text}");
        assert_eq!(text.matches("<details>").count(), 0, "lines come before details");
    }

    #[test]
    fn a_drawing_and_findings_leave_room_for_the_changes() {
        let drawing = "x".repeat(LIMIT / 2);
        let finding = |length: usize| Section::plain("error", "x".repeat(length), true);
        let changes = vec![section("~ a", "details"); 400];
        let heading = Heading { drawing, ..plain("Plan.") };
        let text = document(&heading, &[vec![finding(LIMIT / 2), finding(LIMIT), finding(9)], changes].concat());
        assert!(length(&text) <= LIMIT, "{}", length(&text));
        assert_eq!(text.matches("~ a").count(), 400);
        assert_eq!(text.matches("<code>error</code>").count(), 2, "the long one does not fit");
        assert!(text.contains("no room for more: the drawing, 1 finding"), "{text}");
    }

    /// Remarks are shortened before details, and details before the line of each change.
    #[test]
    fn long_remarks_are_shortened_and_counted() {
        let line = format!("  default/a: failures now reach {}", "x".repeat(1000));
        let remarks = vec![line.as_str(); 80].join("\n");
        let changes: Vec<Section> = (0..20).map(|number| section(&format!("~ a{number:02}"), "details")).collect();
        let text = document(&Heading { remarks: remarks.clone(), ..plain("Plan.") }, &changes);
        assert!(length(&text) < LIMIT / 2, "{}", length(&text));
        let shown = text.matches(&line).count();
        assert!((10..20).contains(&shown), "{shown}");
        assert!(text.contains(&format!("\n… and {} more lines\n```\n", 80 - shown)), "{text}");
        assert_eq!(text.matches("<details>").count(), 20);
        // There is room for nothing but the lines of the changes.
        let changes = vec![section(&"y".repeat(99), "details"); 1000];
        let text = document(&Heading { remarks, ..plain("Plan.") }, &changes);
        assert!((LIMIT - 500..=LIMIT).contains(&length(&text)), "{}", length(&text));
        assert!(text.contains("\n```text\n… and 80 more lines\n```\n"), "{text}");
        // One line is never replaced by a longer note.
        assert!(document(&Heading { remarks: "one".into(), ..plain("Plan.") }, &[]).contains("```text\none\n```\n"));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn no_document_is_too_long(
            remarks in proptest::collection::vec(0..2000_usize, 0..60),
            changes in proptest::collection::vec((0..2000_usize, 1..5_usize), 0..60),
        ) {
            let remarks: Vec<String> = remarks.iter().map(|length| "a`".repeat(*length)).collect();
            let changes: Vec<Section> = changes.iter().enumerate().map(|(number, (length, lines))| Section {
                lines: (0..*lines).map(|line| format!("~ {number}/{line}.")).collect(),
                ..section(&format!("~ {number}"), &"`x".repeat(*length))
            }).collect();
            let text = document(&Heading { remarks: remarks.join("\n"), ..plain("Plan.") }, &changes);
            prop_assert!(length(&text) <= LIMIT, "{}", length(&text));
            for change in &changes {
                let title = format!("<code>{}</code>", change.title);
                let is_kept = change.lines.iter().all(|line| text.contains(line.as_str()));
                prop_assert!(text.contains(&title) || is_kept, "{}", change.title);
            }
        }
    }
}
