//! Results in the form that was asked for on standard output, findings on standard error; and where a CI system runs the
//! command, its own way of showing them.

use anyhow::bail;

use crate::apply::Report;
use crate::diagnostic::Diagnostic;
use crate::plan::Planned;
use crate::plan::change::{Plan, PlanOf};
use crate::plan::saved::Moved;
use crate::render;
use crate::render::drift::Drift;
use crate::render::json::Outcome;
use crate::render::plan::Verdict;

use super::confirm::Approval;
use super::github;
use super::output::ReportOutput;
use super::shared_arguments::SharedArguments;

/// A question would be in the way of a document on the same stream.
pub(super) fn refuse_question(output: ReportOutput, approval: Approval) -> anyhow::Result<()> {
    if output != ReportOutput::Human && approval == Approval::Asked {
        bail!("only -o human leaves room for a question; give --auto-approve");
    }
    Ok(())
}

/// A plan that nothing follows.
pub(super) fn planned(shared: &SharedArguments, planned: &Planned<'_>, verdict: Verdict, outcome: Outcome) {
    let Planned { plan, diagnostics, missing_secrets: _ } = planned;
    github::annotate(diagnostics);
    github::summarize(|| render::markdown::planned(plan, verdict, diagnostics));
    match shared.output {
        ReportOutput::Human => before(shared, planned, verdict),
        ReportOutput::Json => {
            let findings = render::diagnostic::json(diagnostics);
            outln!("{:#}", render::json::plan(plan, outcome, &findings));
        }
        ReportOutput::Markdown => out!("{}", render::markdown::planned(plan, verdict, diagnostics)),
        ReportOutput::Gitlab => counts(shared, plan, diagnostics),
    }
}

/// A plan that is about to be asked for, and applied.
pub(super) fn before(shared: &SharedArguments, planned: &Planned<'_>, verdict: Verdict) {
    let Planned { plan, diagnostics, missing_secrets: _ } = planned;
    if shared.output == ReportOutput::Human {
        findings(shared, diagnostics);
        if !shared.quiet {
            out!("{}", render::plan::human(plan, verdict));
        }
    }
}

/// What came of applying a plan.
pub(super) fn applied(shared: &SharedArguments, planned: &Planned<'_>, report: &Report, outcome: Outcome) {
    let Planned { plan, diagnostics, missing_secrets: _ } = planned;
    github::annotate(diagnostics);
    github::summarize(|| render::markdown::applied(plan, report, diagnostics));
    match shared.output {
        ReportOutput::Human if shared.quiet && report.is_complete() => {}
        ReportOutput::Human => out!("{}", render::report::human(plan, report)),
        ReportOutput::Json => {
            let findings = render::diagnostic::json(diagnostics);
            outln!("{:#}", render::json::report(plan, report, outcome, &findings));
        }
        ReportOutput::Markdown => out!("{}", render::markdown::applied(plan, report, diagnostics)),
        ReportOutput::Gitlab => counts(shared, plan, diagnostics),
    }
}

/// A saved plan that is not for what there is now; the explanation is for people.
pub(super) fn stale(
    shared: &SharedArguments,
    plan: &PlanOf<'_, ()>,
    moved: &[Moved],
    (diagnostics, explanation): (&[Diagnostic], &str),
) {
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

/// What moved.
pub(super) fn drift(shared: &SharedArguments, drift: &Drift<'_>, outcome: Outcome, diagnostics: &[Diagnostic]) {
    github::annotate(diagnostics);
    github::summarize(|| render::drift::markdown(drift, diagnostics));
    match shared.output {
        ReportOutput::Human => {
            findings(shared, diagnostics);
            if !shared.quiet {
                out!("{}", render::drift::human(drift, diagnostics));
            }
        }
        ReportOutput::Json => {
            let findings = render::diagnostic::json(diagnostics);
            outln!("{:#}", render::drift::json(drift, outcome, &findings));
        }
        ReportOutput::Markdown => out!("{}", render::drift::markdown(drift, diagnostics)),
        ReportOutput::Gitlab => {}
    }
}

/// Why there is no plan.
pub(super) fn refused(output: ReportOutput, diagnostics: &[Diagnostic]) {
    github::annotate(diagnostics);
    github::summarize(|| render::markdown::refused(diagnostics));
    match output {
        ReportOutput::Human | ReportOutput::Gitlab => err!("{}", render::diagnostic::human(diagnostics)),
        ReportOutput::Json => outln!("{:#}", render::json::refused(&render::diagnostic::json(diagnostics))),
        ReportOutput::Markdown => out!("{}", render::markdown::refused(diagnostics)),
    }
}

/// A failure, for those who do not read standard error.
pub(super) fn failed(output: ReportOutput, code: Option<&str>, message: &str, request_id: Option<&str>) {
    github::fail(message);
    github::summarize(|| render::markdown::failed(message));
    match output {
        ReportOutput::Human | ReportOutput::Gitlab => {}
        ReportOutput::Json => outln!("{:#}", render::json::failed(code, message, request_id)),
        ReportOutput::Markdown => out!("{}", render::markdown::failed(message)),
    }
}

fn counts(shared: &SharedArguments, plan: &Plan<'_>, diagnostics: &[Diagnostic]) {
    findings(shared, diagnostics);
    if !diagnostics.iter().any(Diagnostic::is_error) {
        outln!("{}", render::gitlab::terraform(plan));
    }
}

fn findings(shared: &SharedArguments, diagnostics: &[Diagnostic]) {
    let is_said = |found: &&Diagnostic| !shared.quiet || found.is_error();
    let said: Vec<Diagnostic> = diagnostics.iter().filter(is_said).cloned().collect();
    err!("{}", render::diagnostic::human(&said));
}
