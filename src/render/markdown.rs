//! Results as a comment on a pull request: the summary first, everything else folded, within the size limit of a
//! comment. Each change keeps a line as long as that is possible.
//!
//! Text from manifests and the service is always in a code block that it cannot end, so no name, value or message can
//! become markup, a link or a mention.

use std::fmt::Write;

use crate::apply::{Report, Status};
use crate::diagnostic::Diagnostic;
use crate::plan::change::{ChangeOf, Plan, PlanOf};
use crate::plan::flow::Flow;

use super::group::{self, Detail, Names, Part};
use super::plan::{Verdict, summary};
use super::{change, count, diagnostic, graph, home, plan, report, skipped, style, terminal};

/// The longest document, in characters. GitHub accepts 65,536 in a comment; other platforms accept more.
const LIMIT: usize = 65_000;
/// Characters reserved for the last line and for the code block of changes without details.
const RESERVED: usize = 300;

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
    fn plain(title: impl Into<String>, text: impl Into<String>, is_open: bool) -> Self {
        Self { title: title.into(), text: text.into(), is_open, lines: Vec::new() }
    }
}

/// A plan, with a drawing of the triggers and notifications that it changes.
pub fn planned<S>(plan: &PlanOf<'_, S>, extras: &Extras<'_>) -> String {
    let Extras { verdict, diagnostics, flow, detail } = *extras;
    let drawing = if flow.edges.is_empty() { String::new() } else { graph::mermaid::mermaid(flow) };
    let remark = plan::remarks(plan, Detail::Grouped);
    let heading = Heading { text: summary(plan, verdict), home: home_of(plan), remark, drawing };
    let mut parts = group::parts(&plan.changes, detail);
    parts.sort_by_key(|part| !part.deletes());
    let changes = parts.iter().map(|part| section(part, ""));
    document(&heading, &findings(diagnostics).chain(changes).collect::<Vec<_>>())
}

/// What a comment shows in addition to a plan.
#[derive(Debug, Clone, Copy)]
pub struct Extras<'a> {
    pub verdict: Verdict,
    pub diagnostics: &'a [Diagnostic],
    pub flow: &'a Flow,
    pub detail: Detail,
}

/// The results of an apply: what failed first, then what was skipped, then what is done.
pub fn applied(plan: &Plan<'_>, report: &Report, diagnostics: &[Diagnostic], detail: Detail) -> String {
    let ends = || plan.changes.iter().zip(&report.statuses);
    let failed = ends().filter(|(_, status)| matches!(status, Status::Failed(_))).map(|(change, status)| {
        let text = format!("{}\n\n{}", report::line(change, status), change::change(change));
        let title = format!("{} failed", change::title(change));
        Section { lines: vec![style::plain(&title)], title, text, is_open: false }
    });
    let skipped = skipped::by_cause(&plan.changes, &report.statuses);
    let skipped = skipped.iter().map(|skipped| {
        let lines: Vec<String> =
            skipped.changes.iter().map(|change| style::plain(&format!("{} skipped", change::title(change)))).collect();
        Section { title: skipped.reason(), text: lines.join("\n"), is_open: false, lines }
    });
    let done = ends().filter(|(_, status)| matches!(status, Status::Done)).map(|(change, _)| change);
    let done = group::parts(done, detail);
    let done = done.iter().map(|part| section(part, " done"));
    let unverified = report::unverified(report).map(|text| Section::plain("error", text, true));
    let unmarked = report.unmarked.iter().map(|(address, error)| {
        Section::plain(format!("warning: {address}"), report::without_tags(address, error), true)
    });
    let sections = findings(diagnostics).chain(unmarked).chain(unverified).chain(failed).chain(skipped).chain(done);
    let text = style::plain(&report::summary(plan, report));
    let remark = plan::remarks(plan, Detail::Grouped);
    document(&Heading { text, home: home_of(plan), remark, ..Heading::default() }, &sections.collect::<Vec<_>>())
}

/// Why a saved plan is stale.
pub fn stale<S>(plan: &PlanOf<'_, S>, explanation: &str) -> String {
    let section = Section::plain("why", explanation, true);
    let text = "The plan is stale: nothing was changed.".to_owned();
    document(&Heading { text, home: home_of(plan), ..Heading::default() }, &[section])
}

/// The diagnostics of a command without a plan.
pub fn refused(diagnostics: &[Diagnostic]) -> String {
    let errors = diagnostics.iter().filter(|found| found.is_error()).count();
    document(&Heading::of(plan::refusal(errors)), &findings(diagnostics).collect::<Vec<_>>())
}

/// The findings about manifests, after a line about them.
pub fn checked(summary: &str, diagnostics: &[Diagnostic]) -> String {
    document(&Heading::of(summary), &findings(diagnostics).collect::<Vec<_>>())
}

/// A failure before there was anything to report.
pub fn failed(message: &str) -> String {
    document(&Heading::of("It failed."), &[Section::plain("error", terminal::lines(message), true)])
}

/// The start of a document. Text and remark may contain only our own text and names without markup.
#[derive(Debug, Clone, Default)]
pub(super) struct Heading {
    /// One line.
    pub(super) text: String,
    /// The stack and its place, if known; on the same line.
    pub(super) home: String,
    pub(super) remark: String,
    /// A Mermaid drawing, which contains no backticks.
    pub(super) drawing: String,
}

impl Heading {
    pub(super) fn of(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }
}

fn home_of<S>(plan: &PlanOf<'_, S>) -> String {
    home::markdown(plan.stack, &plan.scope)
}

/// A heading, followed by the sections. If they do not fit, details are dropped before changes, and the last line counts
/// what is missing.
pub(super) fn document(heading: &Heading, sections: &[Section]) -> String {
    let Heading { text, home, remark, drawing } = heading;
    let home = if home.is_empty() { String::new() } else { format!(" {home}") };
    let remark = if remark.is_empty() { String::new() } else { format!("\n{remark}") };
    let drawing = if drawing.is_empty() { String::new() } else { format!("\n```mermaid\n{drawing}```\n") };
    let mut text = format!("**{text}**{home}\n{remark}");
    let room = LIMIT.saturating_sub(RESERVED + text.chars().count());
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
    let lines_of = |section: &Section| section.lines.iter().map(|line| line.chars().count() + 1).sum::<usize>();
    let mut reserved: usize = changes.iter().map(|section| lines_of(section)).sum();
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
        let own = lines_of(section);
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

/// Errors first.
pub(super) fn findings(diagnostics: &[Diagnostic]) -> impl Iterator<Item = Section> {
    let (errors, warnings): (Vec<&Diagnostic>, Vec<&Diagnostic>) =
        diagnostics.iter().partition(|found| found.is_error());
    errors.into_iter().chain(warnings).map(|found| {
        let title = format!("{}: {}", if found.is_error() { "error" } else { "warning" }, found.code);
        Section::plain(title, diagnostic::human(std::slice::from_ref(found)), found.is_error())
    })
}

fn section<S>(part: &Part<'_, S>, end: &str) -> Section {
    let line = |change: &&ChangeOf<S>| style::plain(&format!("{}{end}", change::title(change)));
    Section {
        title: format!("{}{end}", part.title()),
        text: part.text(Names::All),
        is_open: false,
        lines: part.changes().iter().map(line).collect(),
    }
}

/// There is no blank line before the code block's, so the lines above it stay HTML.
fn folded(Section { title, text, is_open, lines: _ }: &Section) -> String {
    let (open, title) = (if *is_open { " open" } else { "" }, html(&style::plain(title)));
    format!("\n<details{open}><summary><code>{title}</code></summary>\n\n{}\n</details>\n", fenced(&style::plain(text)))
}

fn html(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace(['\n', '\r'], " ")
}

/// A code block whose fence is longer than any run of backticks in the text.
fn fenced(text: &str) -> String {
    let runs = text.split(|c| c != '`').map(str::len);
    let fence = "`".repeat(runs.max().unwrap_or_default().max(2) + 1);
    format!("{fence}text\n{}\n{fence}", text.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn plain(heading: &str) -> Heading {
        Heading::of(heading)
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

    proptest! {
        /// No text from elsewhere appears outside code blocks.
        #[test]
        fn no_text_escapes_its_code_block(text in "(`|```|~~~|\n|</details>|@team|x| |\\||<!--){0,12}") {
            let shown = document(&plain("Plan."), &[section("a", &text), section("b", "last")]);
            let mut fence: Option<&str> = None;
            let mut outside = Vec::new();
            for line in shown.lines() {
                match fence {
                    None if line.starts_with("```") => fence = line.strip_suffix("text"),
                    None => outside.push(line),
                    Some(open) if line == open => fence = None,
                    Some(_) => {}
                }
            }
            prop_assert_eq!(fence, None);
            let expected = ["**Plan.**", "", "<details><summary><code>a</code></summary>", "", "</details>", "",
                "<details><summary><code>b</code></summary>", "", "</details>"];
            prop_assert_eq!(outside, expected);
        }
    }
}
