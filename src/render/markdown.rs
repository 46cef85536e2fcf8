//! Results as a comment on a pull request: the summary first, everything else folded, within the size limit of a
//! comment.
//!
//! Text from manifests and the service is always in a code block that it cannot end, so no name, value or message can
//! become markup, a link or a mention.

use std::fmt::Write;

use crate::apply::Report;
use crate::diagnostic::Diagnostic;
use crate::plan::change::{Change, Plan, PlanOf};
use crate::plan::flow::Flow;

use super::plan::{Verdict, summary};
use super::{diagnostic, graph, home, plan, report, style, terminal};

/// The longest document, in characters. GitHub accepts 65,536 in a comment; other platforms accept more.
const LIMIT: usize = 65_000;
/// Characters reserved for the line that counts what was left out.
const RESERVED: usize = 100;

/// A part that is folded under its title.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Section {
    /// One line.
    pub(super) title: String,
    pub(super) text: String,
    pub(super) is_open: bool,
}

/// A plan, with a drawing of the triggers and notifications that it changes.
pub fn planned(plan: &Plan<'_>, verdict: Verdict, diagnostics: &[Diagnostic], flow: &Flow) -> String {
    let changes = plan.changes.iter().map(|change| section(change, plan::change(change)));
    let drawing = if flow.edges.is_empty() { String::new() } else { graph::mermaid::mermaid(flow) };
    let heading = Heading { text: summary(plan, verdict), home: home_of(plan), remark: plan::remarks(plan), drawing };
    document(&heading, &findings(diagnostics).chain(changes).collect::<Vec<_>>())
}

pub fn applied(plan: &Plan<'_>, report: &Report, diagnostics: &[Diagnostic]) -> String {
    let changes = plan.changes.iter().zip(&report.statuses).map(|(change, status)| {
        let text = format!("{}\n\n{}", report::line(change, status), plan::change(change));
        section(change, text)
    });
    let unverified = report::unverified(report).map(|text| Section { title: "error".into(), text, is_open: true });
    let unmarked = report.unmarked.iter().map(|(address, error)| Section {
        title: format!("warning: {address}"),
        text: report::without_tags(address, error),
        is_open: true,
    });
    let sections: Vec<Section> = findings(diagnostics).chain(unmarked).chain(unverified).chain(changes).collect();
    let text = style::plain(&report::summary(report));
    document(&Heading { text, home: home_of(plan), remark: plan::remarks(plan), ..Heading::default() }, &sections)
}

/// Why a saved plan is stale.
pub fn stale<S>(plan: &PlanOf<'_, S>, explanation: &str) -> String {
    let section = Section { title: "why".into(), text: explanation.into(), is_open: true };
    let text = "The plan is stale: nothing was changed.".to_owned();
    document(&Heading { text, home: home_of(plan), ..Heading::default() }, &[section])
}

/// The diagnostics of a command without a plan.
pub fn refused(diagnostics: &[Diagnostic]) -> String {
    let errors = diagnostics.iter().filter(|found| found.is_error()).count();
    document(&Heading::of(plan::refusal(errors)), &findings(diagnostics).collect::<Vec<_>>())
}

/// A failure before there was anything to report.
pub fn failed(message: &str) -> String {
    document(
        &Heading::of("It failed."),
        &[Section { title: "error".into(), text: terminal::lines(message), is_open: true }],
    )
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

/// A heading, followed by as many sections as fit. The rest is only counted.
pub(super) fn document(Heading { text, home, remark, drawing }: &Heading, sections: &[Section]) -> String {
    let home = if home.is_empty() { String::new() } else { format!(" {home}") };
    let remark = if remark.is_empty() { String::new() } else { format!("\n{remark}") };
    let drawing = if drawing.is_empty() { String::new() } else { format!("\n```mermaid\n{drawing}```\n") };
    let mut text = format!("**{text}**{home}\n{remark}{drawing}");
    let mut room = LIMIT - RESERVED - text.chars().count();
    for (index, section) in sections.iter().enumerate() {
        let section = folded(section);
        let length = section.chars().count();
        if length > room {
            let left = sections.len() - index;
            // Writing to a string cannot fail.
            let _ = write!(text, "\n{left} more do not fit into a comment.\n");
            break;
        }
        room -= length;
        text.push_str(&section);
    }
    text
}

pub(super) fn findings(diagnostics: &[Diagnostic]) -> impl Iterator<Item = Section> {
    diagnostics.iter().map(|found| {
        let title = format!("{}: {}", if found.is_error() { "error" } else { "warning" }, found.code);
        Section { title, text: diagnostic::human(std::slice::from_ref(found)), is_open: found.is_error() }
    })
}

fn section(change: &Change<'_>, text: String) -> Section {
    let title = format!("{} {}", style::symbol(change.action), change.address);
    Section { title, text, is_open: false }
}

/// There is no blank line before the code block's, so the lines above it stay HTML.
fn folded(Section { title, text, is_open }: &Section) -> String {
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
        Section { title: title.into(), text: text.into(), is_open: false }
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

    #[test]
    fn sections_that_do_not_fit_are_counted() {
        let sections = vec![section("a", &"ü".repeat(1000)); 100];
        let text = document(&plain("Plan."), &sections);
        let count = text.chars().count();
        assert!((LIMIT - 2000..=LIMIT).contains(&count), "{count}");
        let shown = text.matches("<details>").count();
        assert!(text.ends_with(&format!("{} more do not fit into a comment.\n", 100 - shown)));
        assert!(document(&plain("Plan."), &[section("a", &"x".repeat(LIMIT))]).chars().count() < 200);
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
