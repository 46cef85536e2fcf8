//! Results as a comment on a pull request: the summary first, everything else folded, and never longer than a comment
//! may be.
//!
//! Whatever text a change brings stands in a code block that it cannot end: so no name, value or message becomes markup,
//! a link or a mention.

use std::fmt::Write;

use crate::apply::Report;
use crate::diagnostic::Diagnostic;
use crate::plan::change::{Change, Plan};

use super::plan::{Verdict, summary};
use super::{diagnostic, plan, report, style, terminal};

/// Characters of a document. GitHub takes 65,536 in a comment, and others take more.
const LIMIT: usize = 65_000;
/// Characters kept for the line that counts what did not fit.
const RESERVED: usize = 100;

/// A part that is folded under its title.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Section {
    /// One line.
    pub(super) title: String,
    pub(super) text: String,
    pub(super) is_open: bool,
}

pub fn planned(plan: &Plan<'_>, verdict: Verdict, diagnostics: &[Diagnostic]) -> String {
    let changes = plan.changes.iter().map(|change| section(change, plan::change(change)));
    let heading = (summary(plan, verdict), plan::remarks(plan));
    document(heading, &findings(diagnostics).chain(changes).collect::<Vec<_>>())
}

pub fn applied(plan: &Plan<'_>, report: &Report, diagnostics: &[Diagnostic]) -> String {
    let changes = plan.changes.iter().zip(&report.statuses).map(|(change, status)| {
        let text = format!("{}\n\n{}", report::line(change, status), plan::change(change));
        section(change, text)
    });
    let unverified = report::unverified(report).map(|text| Section { title: "error".into(), text, is_open: true });
    let sections: Vec<Section> = findings(diagnostics).chain(unverified).chain(changes).collect();
    document((style::plain(&report::summary(report)), plan::remarks(plan)), &sections)
}

/// A saved plan that is not for what there is now, and why.
pub fn stale(explanation: &str) -> String {
    let section = Section { title: "why".into(), text: explanation.into(), is_open: true };
    document(("The plan is stale: nothing was changed.".into(), String::new()), &[section])
}

/// What there is to say where there is no plan.
pub fn refused(diagnostics: &[Diagnostic]) -> String {
    let errors = diagnostics.iter().filter(|found| found.is_error()).count();
    document((plan::refusal(errors), String::new()), &findings(diagnostics).collect::<Vec<_>>())
}

/// A failure before there was anything to report on.
pub fn failed(message: &str) -> String {
    document(
        ("It failed.".into(), String::new()),
        &[Section { title: "error".into(), text: terminal::lines(message), is_open: true }],
    )
}

/// A heading with a remark, both of our own words and of names that are no markup; and as many sections, from the first
/// one on, as fit. The others are counted.
pub(super) fn document((heading, remark): (String, String), sections: &[Section]) -> String {
    let remark = if remark.is_empty() { remark } else { format!("\n{remark}") };
    let mut text = format!("**{heading}**\n{remark}");
    let mut room = LIMIT - RESERVED - text.chars().count();
    for (index, section) in sections.iter().enumerate() {
        let section = folded(section);
        let length = section.chars().count();
        if length > room {
            let left = sections.len() - index;
            // Writing to a string cannot fail.
            let _ = write!(text, "\nAnd {left} more, for which a comment has no room.\n");
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

/// No blank line before the code block's, so that the lines above are HTML alone.
fn folded(Section { title, text, is_open }: &Section) -> String {
    let (open, title) = (if *is_open { " open" } else { "" }, html(&style::plain(title)));
    format!("\n<details{open}><summary><code>{title}</code></summary>\n\n{}\n</details>\n", fenced(&style::plain(text)))
}

fn html(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace(['\n', '\r'], " ")
}

/// A code block whose fence is longer than any run of backticks inside.
fn fenced(text: &str) -> String {
    let runs = text.split(|c| c != '`').map(str::len);
    let fence = "`".repeat(runs.max().unwrap_or_default().max(2) + 1);
    format!("{fence}text\n{}\n{fence}", text.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn plain(heading: &str) -> (String, String) {
        (heading.into(), String::new())
    }

    fn section(title: &str, text: &str) -> Section {
        Section { title: title.into(), text: text.into(), is_open: false }
    }

    #[test]
    fn a_document() {
        insta::assert_snapshot!(document(plain("Plan: 1 to update."), &[section("~ a", "x → @team <b> ```\n")]), @r"
        **Plan: 1 to update.**

        <details><summary><code>~ a</code></summary>

        ````text
        x → @team <b> ```
        ````
        </details>
        ");
    }

    #[test]
    fn what_does_not_fit_is_counted() {
        let sections = vec![section("a", &"ü".repeat(1000)); 100];
        let text = document(plain("Plan."), &sections);
        let count = text.chars().count();
        assert!((LIMIT - 2000..=LIMIT).contains(&count), "{count}");
        let shown = text.matches("<details>").count();
        assert!(text.ends_with(&format!("And {} more, for which a comment has no room.\n", 100 - shown)));
        assert!(document(plain("Plan."), &[section("a", &"x".repeat(LIMIT))]).chars().count() < 200);
    }

    proptest! {
        /// Outside of code blocks there is nothing that a text brought.
        #[test]
        fn nothing_breaks_out(text in "(`|```|~~~|\n|</details>|@team|x| |\\||<!--){0,12}") {
            let shown = document(plain("Plan."), &[section("a", &text), section("b", "last")]);
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
