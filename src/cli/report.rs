//! Prints results in the requested format on standard output and findings on standard error, and writes reports into
//! files. In CI systems, also uses the system's own way to show them.

use std::collections::BTreeMap;

use crate::apply::Report;
use crate::diagnostic::{Diagnostic, Place};
use crate::model::address::Address;
use crate::plan::Planned;
use crate::plan::change::PlanOf;
use crate::plan::saved::{Moved, SavedPlan};
use crate::render;
use crate::render::Detail;
use crate::render::drift::Drift;
use crate::render::json::{Failure, Outcome};
use crate::render::plan::Verdict;
use crate::render::stale::Stale as Why;

use super::confirm::Approval;
use super::content::Content;
use super::failure::advised;
use super::github;
use super::interruption;
use super::output::{Format, ReportOutput};
use super::pager::Pager;
use super::report_file::Reporting;
use super::shared_arguments::SharedArguments;

/// A question would be mixed with the document on the same stream.
pub(super) fn refuse_question(output: ReportOutput, approval: &Approval) -> anyhow::Result<()> {
    if output != ReportOutput::Human && *approval == Approval::Asked {
        let help = "give --auto-approve to apply without confirmation, or use -o human";
        return Err(advised("cannot ask for confirmation, because standard output is for the -o document", help));
    }
    Ok(())
}

/// Writes the files and the document on standard output, if any.
fn publish(reporting: &Reporting, content: &Content<'_>) {
    write_files(reporting, content);
    print_document(reporting, content);
}

/// Writes the files. From now on, an interruption no longer replaces them.
fn write_files(reporting: &Reporting, content: &Content<'_>) {
    interruption::conclude();
    reporting.write(|format| content.document(format, reporting));
    interruption::finish();
}

fn print_document(reporting: &Reporting, content: &Content<'_>) {
    if let Some(format) = reporting.output.format() {
        out!("{}", content.document(format, reporting));
    }
}

/// Shows the result in the system that runs this, if it has a way to do that.
fn announce(content: &Content<'_>, detail: Detail) {
    github::annotate(content.planned());
    github::fail(|| content.troubles(detail));
    github::summarize(|| content.markdown(detail));
}

/// Prints findings for people, unless the document on standard output contains them.
fn findings(shared: &SharedArguments, diagnostics: &[Diagnostic]) {
    if !has_findings(shared.output) {
        say(diagnostics, shared.quiet, shared.detail.detail());
    }
}

/// The findings to print.
fn said(diagnostics: &[Diagnostic], quiet: bool) -> Vec<Diagnostic> {
    diagnostics.iter().filter(|found| !quiet || found.is_error()).cloned().collect()
}

/// Prints findings for people.
fn say(diagnostics: &[Diagnostic], quiet: bool, detail: Detail) {
    let mut said = said(diagnostics, quiet);
    // Errors come last, next to the summary.
    said.sort_by_key(Diagnostic::is_error);
    err!("{}", render::diagnostic::human(&render::diagnostic::condensed(said, detail)));
}

/// Whether the document on standard output contains the findings.
fn has_findings(output: ReportOutput) -> bool {
    output.format().is_some_and(|format| format != Format::Gitlab)
}

/// Shows the result of a check of manifests.
pub(super) fn checked(reporting: &Reporting, summary: &str, diagnostics: &[Diagnostic], quiet: bool) {
    github::annotate(diagnostics);
    if !has_findings(reporting.output) {
        err!("{}", render::diagnostic::human(&said(diagnostics, quiet)));
    }
    publish(reporting, &Content::Checked { summary, diagnostics });
    if reporting.output == ReportOutput::Human && !quiet {
        outln!("{summary}");
    }
}

/// Shows a plan that will not be applied now.
pub(super) fn planned(shared: &SharedArguments, planned: &Planned<'_>, verdict: Verdict, pager: &Pager) {
    let Planned { plan, diagnostics, missing_secrets: _, flow } = planned;
    let content = Content::Planned { plan, verdict, diagnostics, flow };
    announce(&content, shared.detail.detail());
    match shared.output {
        ReportOutput::Human => before(shared, planned, verdict, pager),
        _ => findings(shared, diagnostics),
    }
    publish(&shared.into(), &content);
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

/// Writes the reports about a plan that was shown and then declined.
pub(super) fn declined(shared: &SharedArguments, planned: &Planned<'_>, verdict: Verdict) {
    let Planned { plan, diagnostics, missing_secrets: _, flow } = planned;
    publish(&shared.into(), &Content::Planned { plan, verdict, diagnostics, flow });
}

/// Shows a plan from a file.
pub(super) fn saved(reporting: &Reporting, saved: &SavedPlan, verdict: Verdict, pager: &Pager) {
    let diagnostics = &saved.diagnostics();
    if reporting.output == ReportOutput::Human {
        let plan = saved.plan();
        let environment = saved.origin.files.environment.as_ref().map(render::home::environment).unwrap_or_default();
        pager.print(&format!("{environment}{}", render::plan::changes(&plan, reporting.detail)));
        say(diagnostics, false, reporting.detail);
        outln!("{}", render::plan::summary(&plan, verdict));
    }
    publish(reporting, &Content::Saved { saved, verdict, diagnostics });
}

/// The results of an apply.
pub(super) struct Applied<'a> {
    pub(super) report: &'a Report,
    pub(super) outcome: Outcome,
    /// The fields that the service refused.
    pub(super) refused: Vec<Diagnostic>,
    /// Where the manifests declare what failed.
    pub(super) places: BTreeMap<Address, Place>,
}

/// Shows the results of an apply.
pub(super) fn applied(shared: &SharedArguments, planned: &Planned<'_>, applied: &Applied<'_>) {
    let Planned { plan, diagnostics, missing_secrets: _, flow: _ } = planned;
    let Applied { report, outcome, refused, places } = applied;
    let all = &[&diagnostics[..], refused].concat();
    let content = Content::Applied { plan, report, outcome: *outcome, planned: diagnostics, all, places };
    let reporting = Reporting::from(shared);
    // Before anything that can block: only these files record what was done.
    write_files(&reporting, &content);
    announce(&content, shared.detail.detail());
    match shared.output {
        ReportOutput::Human if shared.quiet && report.is_complete() => {}
        ReportOutput::Human => {
            // The others were shown before the confirmation.
            findings(shared, refused);
            out!("{}", render::report::human(plan, report, shared.detail.detail()));
        }
        _ => findings(shared, all),
    }
    print_document(&reporting, &content);
}

/// A stale saved plan.
pub(super) struct Stale<'a> {
    pub(super) plan: &'a PlanOf<'a, ()>,
    pub(super) moved: &'a [Moved],
    pub(super) why: &'a Why,
}

/// Shows that a saved plan is stale.
pub(super) fn stale(shared: &SharedArguments, stale: &Stale<'_>, diagnostics: &[Diagnostic]) {
    let Stale { plan, moved, why } = *stale;
    let content = Content::Stale { plan, moved, why, diagnostics };
    announce(&content, shared.detail.detail());
    say(diagnostics, shared.quiet, shared.detail.detail());
    errln!("error: {}", why.text());
    publish(&shared.into(), &content);
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
    let content = Content::Drift { drift, outcome: *outcome, diagnostics };
    announce(&content, shared.detail.detail());
    if shared.output == ReportOutput::Human {
        if !shared.quiet {
            pager.print(&render::drift::findings(drift, shared.detail.detail()));
        }
        findings(shared, diagnostics);
        if !shared.quiet {
            outln!("{}", render::drift::summary(drift, diagnostics));
        }
    }
    publish(&shared.into(), &content);
}

/// Shows why there is no plan.
pub(super) fn refused(reporting: &Reporting, diagnostics: &[Diagnostic]) {
    let content = Content::Refused { diagnostics };
    announce(&content, reporting.detail);
    if !has_findings(reporting.output) {
        err!("{}", render::diagnostic::human(diagnostics));
    }
    publish(reporting, &content);
}

/// Reports a failure to readers of standard output and of reports.
pub(super) fn failed(reporting: &Reporting, failure: &Failure<'_>) {
    interruption::conclude();
    interrupted(reporting, failure);
}

/// Reports that the command ends without a result, while its own thread may still be busy.
pub(super) fn interrupted(reporting: &Reporting, failure: &Failure<'_>) {
    let content = Content::Failed(failure);
    reporting.write(|format| content.document(format, reporting));
    print_document(reporting, &content);
    announce(&content, reporting.detail);
}
