//! Prints results in the requested format on standard output and findings on standard error. In CI systems, also uses
//! the system's own way to show them.

use crate::apply::Report;
use crate::diagnostic::Diagnostic;
use crate::plan::Planned;
use crate::plan::change::{Plan, PlanOf};
use crate::plan::saved::Moved;
use crate::render;
use crate::render::drift::Drift;
use crate::render::json::{Failure, Outcome};
use crate::render::markdown::Extras;
use crate::render::plan::Verdict;

use super::confirm::Approval;
use super::failure::advised;
use super::github;
use super::output::ReportOutput;
use super::pager::Pager;
use super::shared_arguments::SharedArguments;

/// A question would be mixed with the document on the same stream.
pub(super) fn refuse_question(output: ReportOutput, approval: Approval) -> anyhow::Result<()> {
    if output != ReportOutput::Human && approval == Approval::Asked {
        let help = "give --auto-approve to apply without confirmation, or use -o human";
        return Err(advised("cannot ask for confirmation, because standard output is for the -o document", help));
    }
    Ok(())
}

/// Shows a plan that will not be applied now.
pub(super) fn planned(shared: &SharedArguments, planned: &Planned<'_>, verdict: Verdict, pager: &Pager) {
    let Planned { plan, diagnostics, missing_secrets: _, flow } = planned;
    let extras = Extras { verdict, diagnostics, flow, detail: shared.detail.detail() };
    github::annotate(diagnostics);
    github::summarize(|| render::markdown::planned(plan, &extras));
    match shared.output {
        ReportOutput::Human => before(shared, planned, verdict, pager),
        ReportOutput::Json => {
            let findings = render::diagnostic::json(diagnostics);
            outln!("{:#}", render::json::plan(plan, Outcome::planned(plan, verdict), &findings));
        }
        ReportOutput::Markdown => out!("{}", render::markdown::planned(plan, &extras)),
        ReportOutput::Gitlab => counts(shared, plan, diagnostics),
    }
}

/// Shows a plan before the confirmation. Findings and the summary come last, next to the question.
pub(super) fn before(shared: &SharedArguments, planned: &Planned<'_>, verdict: Verdict, pager: &Pager) {
    let Planned { plan, diagnostics, missing_secrets: _, flow: _ } = planned;
    if shared.output == ReportOutput::Human {
        if !shared.quiet {
            pager.print(&render::plan::changes(plan, shared.detail.detail()));
        }
        findings(shared, diagnostics);
        if !shared.quiet {
            outln!("{}", render::plan::summary(plan, verdict));
        }
    }
}

/// The results of an apply.
pub(super) struct Applied<'a> {
    pub(super) report: &'a Report,
    pub(super) outcome: Outcome,
    /// The fields that the service refused.
    pub(super) refused: Vec<Diagnostic>,
}

/// Shows the results of an apply.
pub(super) fn applied(shared: &SharedArguments, planned: &Planned<'_>, applied: &Applied<'_>) {
    let Planned { plan, diagnostics, missing_secrets: _, flow: _ } = planned;
    let Applied { report, outcome, refused } = applied;
    let all = &[&diagnostics[..], refused].concat();
    github::annotate(all);
    let detail = shared.detail.detail();
    github::summarize(|| render::markdown::applied(plan, report, all, detail));
    match shared.output {
        ReportOutput::Human if shared.quiet && report.is_complete() => {}
        ReportOutput::Human => {
            // The others were shown before the confirmation.
            findings(shared, refused);
            out!("{}", render::report::human(plan, report, detail));
        }
        ReportOutput::Json => {
            let findings = render::diagnostic::json(all);
            outln!("{:#}", render::json::report(plan, report, *outcome, &findings));
        }
        ReportOutput::Markdown => out!("{}", render::markdown::applied(plan, report, all, detail)),
        ReportOutput::Gitlab => {
            findings(shared, refused);
            counts(shared, plan, diagnostics);
        }
    }
}

/// A stale saved plan.
pub(super) struct Stale<'a> {
    pub(super) plan: &'a PlanOf<'a, ()>,
    pub(super) moved: &'a [Moved],
    /// What has changed, for people.
    pub(super) explanation: &'a str,
}

/// Shows that a saved plan is stale.
pub(super) fn stale(shared: &SharedArguments, stale: &Stale<'_>, diagnostics: &[Diagnostic]) {
    let Stale { plan, moved, explanation } = *stale;
    github::annotate(diagnostics);
    github::fail(explanation);
    github::summarize(|| render::markdown::stale(plan, explanation));
    findings(shared, diagnostics);
    err!("{explanation}");
    match shared.output {
        ReportOutput::Human | ReportOutput::Gitlab => {}
        ReportOutput::Json => {
            let findings = render::diagnostic::json(diagnostics);
            outln!("{:#}", render::json::stale(plan, moved, &findings));
        }
        ReportOutput::Markdown => out!("{}", render::markdown::stale(plan, explanation)),
    }
}

/// The results of a search for drift.
pub(super) struct Drifted<'a> {
    pub(super) drift: Drift<'a>,
    pub(super) outcome: Outcome,
    pub(super) diagnostics: &'a [Diagnostic],
}

/// Shows drift.
pub(super) fn drift(shared: &SharedArguments, drifted: &Drifted<'_>, pager: &Pager) {
    let Drifted { drift, outcome, diagnostics } = drifted;
    let detail = shared.detail.detail();
    github::annotate(diagnostics);
    github::summarize(|| render::drift::markdown(drift, diagnostics, detail));
    match shared.output {
        ReportOutput::Human => {
            if !shared.quiet {
                pager.print(&render::drift::findings(drift, detail));
            }
            findings(shared, diagnostics);
            if !shared.quiet {
                outln!("{}", render::drift::summary(drift, diagnostics));
            }
        }
        ReportOutput::Json => {
            let findings = render::diagnostic::json(diagnostics);
            outln!("{:#}", render::drift::json(drift, *outcome, &findings));
        }
        ReportOutput::Markdown => out!("{}", render::drift::markdown(drift, diagnostics, detail)),
        ReportOutput::Gitlab => {}
    }
}

/// Shows why there is no plan.
pub(super) fn refused(output: ReportOutput, diagnostics: &[Diagnostic]) {
    github::annotate(diagnostics);
    github::summarize(|| render::markdown::refused(diagnostics));
    match output {
        ReportOutput::Human | ReportOutput::Gitlab => err!("{}", render::diagnostic::human(diagnostics)),
        ReportOutput::Json => outln!("{:#}", render::json::refused(&render::diagnostic::json(diagnostics))),
        ReportOutput::Markdown => out!("{}", render::markdown::refused(diagnostics)),
    }
}

/// Reports a failure to readers of standard output.
pub(super) fn failed(output: ReportOutput, failure: &Failure<'_>) {
    let help = failure.help.map(|help| format!("\nhelp: {help}")).unwrap_or_default();
    let message = format!("{}{help}", failure.message);
    github::fail(&message);
    github::summarize(|| render::markdown::failed(&message));
    match output {
        ReportOutput::Human | ReportOutput::Gitlab => {}
        ReportOutput::Json => outln!("{:#}", render::json::failed(failure)),
        ReportOutput::Markdown => out!("{}", render::markdown::failed(&message)),
    }
}

fn counts(shared: &SharedArguments, plan: &Plan<'_>, diagnostics: &[Diagnostic]) {
    findings(shared, diagnostics);
    if !diagnostics.iter().any(Diagnostic::is_error) {
        outln!("{}", render::gitlab::terraform(plan));
    }
}

/// Prints findings for people.
fn findings(shared: &SharedArguments, diagnostics: &[Diagnostic]) {
    let is_said = |found: &&Diagnostic| !shared.quiet || found.is_error();
    let mut said: Vec<Diagnostic> = diagnostics.iter().filter(is_said).cloned().collect();
    // Errors come last, next to the summary.
    said.sort_by_key(Diagnostic::is_error);
    let said = render::diagnostic::condensed(said, shared.detail.detail());
    err!("{}", render::diagnostic::human(&said));
}
