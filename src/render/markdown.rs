//! Results as a comment on a pull request: the summary first, then everything else, folded. Each change keeps a line as
//! long as that is possible.

use crate::apply::{Report, Status};
use crate::diagnostic::Diagnostic;
use crate::plan::change::{Change, ChangeOf, Plan, PlanOf};
use crate::plan::flow::Flow;

use super::comment::{Heading, Section, document};
use super::failed::{self, Failed};
use super::group::{self, Detail, Names, Part};
use super::home::Known;
use super::plan::{Verdict, summary};
use super::stale::Stale;
use super::{change, diagnostic, effect, graph, home, plan, report, skipped, style, terminal};

/// A plan, with a drawing of the triggers and notifications that it changes.
pub fn planned<S>(plan: &PlanOf<'_, S>, extras: &Extras<'_>) -> String {
    let Extras { verdict, diagnostics, flow, detail } = *extras;
    let drawing = if flow.edges.is_empty() { String::new() } else { graph::mermaid::mermaid(flow) };
    let heading = Heading { text: summary(plan, verdict), home: home_of(plan), remarks: remarks(plan), drawing };
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
    let failures = failed::by_cause(&plan.changes, &report.statuses, detail);
    let failed = failures.iter().map(section_of_failure);
    let skipped = skipped::by_cause(&plan.changes, &report.statuses, &failures);
    let skipped = skipped.iter().map(|skipped| {
        let lines: Vec<String> =
            skipped.changes.iter().map(|change| style::plain(&format!("{} skipped", change::title(change)))).collect();
        Section { title: skipped.reason(), text: lines.join("\n"), is_open: false, lines }
    });
    let ends = plan.changes.iter().zip(&report.statuses);
    let done = ends.filter(|(_, status)| matches!(status, Status::Done)).map(|(change, _)| change);
    let done = group::parts(done, detail);
    let done = done.iter().map(|part| section(part, " done"));
    let unverified = report::unverified(report).map(|text| Section::plain("error", text, true));
    let unmarked = report.unmarked.iter().map(|(address, error)| {
        Section::plain(format!("warning: {address}"), report::without_tags(address, error), true)
    });
    let sections = findings(diagnostics).chain(unmarked).chain(unverified).chain(failed).chain(skipped).chain(done);
    let text = style::plain(&report::summary(plan, report));
    let heading = Heading { text, home: home_of(plan), remarks: remarks(plan), ..Heading::default() };
    document(&heading, &sections.collect::<Vec<_>>())
}

/// Failures with the same cause. Their changes are shown only if there is one, because the plan shows all of them.
fn section_of_failure(failed: &Failed<'_>) -> Section {
    let line = |change: &Change<'_>| style::plain(&format!("{} failed", change::title(change)));
    let (first, _) = failed.first();
    let (title, text) = match failed.changes() {
        [_] => (line(first), format!("{}\n\n{}", failed.text(Names::All), change::change(first))),
        _ => (failed.title(), failed.text(Names::All)),
    };
    Section { title, text, is_open: true, lines: failed.changes().iter().map(|(change, _)| line(change)).collect() }
}

/// The effects come last, because there can be many.
fn remarks<S>(plan: &PlanOf<'_, S>) -> String {
    plan::notes(plan, Detail::Grouped) + &effect::human(&plan.effects, Detail::Grouped)
}

/// Why a saved plan is stale.
pub fn stale<S>(plan: &PlanOf<'_, S>, why: &Stale) -> String {
    let section = Section::plain("why", why.text(), true);
    let text = "The plan is stale: nothing was changed.".to_owned();
    document(&Heading { text, home: home_of(plan), ..Heading::default() }, &[section])
}

/// The diagnostics of a command without a plan.
pub fn refused(known: &Known, diagnostics: &[Diagnostic]) -> String {
    let errors = diagnostics.iter().filter(|found| found.is_error()).count();
    checked(&plan::refusal(errors), known, diagnostics)
}

/// The findings about manifests, after a line about them.
pub fn checked(summary: &str, known: &Known, diagnostics: &[Diagnostic]) -> String {
    document(&about(summary, known), &findings(diagnostics).collect::<Vec<_>>())
}

/// A failure before there was anything to report.
pub fn failed(message: &str, known: &Known) -> String {
    document(&about("It failed.", known), &[Section::plain("error", terminal::lines(message), true)])
}

fn about(text: &str, known: &Known) -> Heading {
    Heading { text: text.to_owned(), home: known.markdown(), ..Heading::default() }
}

fn home_of<S>(plan: &PlanOf<'_, S>) -> String {
    home::markdown(plan.stack, &plan.scope)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::async_policy::Outcome;
    use crate::model::field::{Field, Path};
    use crate::model::text::StackName;
    use crate::model::urn::Scope;
    use crate::plan::change::{Action, FieldChange, Reason, Recorded, Shown};
    use crate::plan::effect::{Effect, Notice, Reach, Start};
    use proptest::prelude::*;

    /// A plan whose every text from elsewhere is this one.
    fn hostile<'a>(stack: &'a StackName, text: &str) -> PlanOf<'a, ()> {
        let field = FieldChange {
            path: Path::entry(Field::Environment, text),
            before: Shown::Value(text.into()),
            after: Shown::Value(format!("{text}\n{text}").into()),
        };
        let change = |address: &str, action, reason| {
            Recorded::new(address.parse().expect("an address"), action, reason, ()).with_fields(vec![field.clone()])
        };
        let reach = Some(Reach::Ends { executions: 1, seconds: 1 });
        let notice = Notice { outcome: Outcome::Failure, before: Some(text.into()), after: Some(text.into()) };
        let start = Start { outcome: Outcome::Success, through: text.into(), function: text.into(), is_new: true };
        let effect =
            Effect { function: text.into(), before: reach, after: reach, notices: vec![notice], starts: vec![start] };
        PlanOf {
            stack,
            scope: Scope { region: text.into(), project_id: text.into() },
            changes: vec![
                change("function:default/a", Action::Create, Reason::Missing),
                change("function:default/b", Action::Delete, Reason::Undeclared),
            ],
            left_out: vec!["function:default/c".parse().expect("an address")],
            enables_status_log: true,
            effects: vec![effect.clone(), effect],
        }
    }

    /// The lines of a comment outside its code blocks, with every code span replaced by a dot.
    fn outside(comment: &str) -> Vec<String> {
        let mut fence: Option<&str> = None;
        let mut outside = Vec::new();
        for line in comment.lines() {
            match fence {
                None if line.starts_with("```") => fence = line.strip_suffix("text"),
                None => outside.push(line.split('`').step_by(2).collect::<Vec<_>>().join(".")),
                Some(open) if line == open => fence = None,
                Some(_) => {}
            }
        }
        assert_eq!(fence, None, "{comment}");
        outside
    }

    const NASTY: &str =
        "(`|```|~~~|\n|\r|</details>|<details><summary>|@team|!\\[x\\]\\(http://x\\)|x| |\\||<!--|#1){0,12}";

    proptest! {
        /// No text from elsewhere appears outside code.
        #[test]
        fn no_text_of_a_plan_escapes_its_code_block(text in NASTY) {
            let stack = StackName::new("orders").expect("a name");
            let (verdict, detail) = (Verdict::Planned, Detail::Grouped);
            let found = [Diagnostic::warning("left-over", text.clone()).help(text.clone())];
            let extras = Extras { verdict, diagnostics: &found, flow: &Flow::default(), detail };
            let expected = [
                "**Plan: 1 function to create, 1 to delete.** .", "", "",
                "<details><summary><code>warning: left-over</code></summary>", "", "</details>", "",
                "<details><summary><code>- function:default/b</code></summary>", "", "</details>", "",
                "<details><summary><code>+ function:default/a</code></summary>", "", "</details>",
            ];
            prop_assert_eq!(outside(&planned(&hostile(&stack, &text), &extras)), expected);
        }

        #[test]
        fn no_text_of_a_failure_escapes_its_code_block(text in NASTY) {
            let known = Known { environment: Some(text.clone()), region: Some(text.clone()), ..Known::NOTHING };
            let failure = [
                "**It failed.** .", "", "<details open><summary><code>error</code></summary>", "", "</details>",
            ];
            prop_assert_eq!(outside(&failed(&text, &known)), failure);
            let found = [Diagnostic::error("unreadable", text.clone())];
            let refusal = [
                "**Refused because of 1 error: nothing was changed.** .", "",
                "<details open><summary><code>error: unreadable</code></summary>", "", "</details>",
            ];
            prop_assert_eq!(outside(&refused(&known, &found)), refusal);
        }
    }

    #[test]
    fn effects_are_in_a_code_block_and_come_after_other_remarks() {
        let stack = StackName::new("orders").expect("a name");
        let plan = hostile(&stack, "@team <b>");
        let extras =
            Extras { verdict: Verdict::Planned, diagnostics: &[], flow: &Flow::default(), detail: Detail::Grouped };
        let text = planned(&plan, &extras);
        let head = text.split("<details>").next().expect("a head");
        insta::assert_snapshot!(head, @r#"
        **Plan: 1 function to create, 1 to delete.** `stack "orders" in region @team <b>, project @team <b>`

        ```text
        It also enables the project's log for statuses of asynchronous invocations, which its policies need.
        This plan is partial. Left out, fully or in part: function:default/c.
        Effects on events, in the worst case:
          @team <b>: failures now reach @team <b> instead of @team <b>
          @team <b>: results now start @team <b> through @team <b>
          @team <b>: failures now reach @team <b> instead of @team <b>
          @team <b>: results now start @team <b> through @team <b>
        ```
        "#);
    }
}
