//! What a command found or did, and the documents that say it in each format.

use serde_json::{Value, json};

use crate::apply::Report;
use crate::diagnostic::Diagnostic;
use crate::plan::change::{Plan, PlanOf};
use crate::plan::flow::Flow;
use crate::plan::saved::{Moved, SavedPlan, Selected};
use crate::render;
use crate::render::Detail;
use crate::render::drift::Drift;
use crate::render::findings::{Files, Findings, Trouble};
use crate::render::gitlab;
use crate::render::json::{Failure, Outcome};
use crate::render::junit::{self, Case};
use crate::render::markdown::Extras;
use crate::render::plan::Verdict;

use super::manifest_arguments::ManifestArguments;
use super::output::Format;
use super::report_file::Reporting;
use super::repository;

/// The result of a command.
pub(super) enum Content<'a> {
    /// Manifests were checked offline; the text says what they contain.
    Checked {
        summary: &'a str,
        diagnostics: &'a [Diagnostic],
    },
    /// A plan that was not applied.
    Planned {
        plan: &'a Plan<'a>,
        verdict: Verdict,
        diagnostics: &'a [Diagnostic],
        flow: &'a Flow,
    },
    /// A plan from a file.
    Saved {
        saved: &'a SavedPlan,
        verdict: Verdict,
        diagnostics: &'a [Diagnostic],
    },
    /// The fields that the service refused are among `all` findings, but not among those of the plan.
    Applied {
        plan: &'a Plan<'a>,
        report: &'a Report,
        outcome: Outcome,
        planned: &'a [Diagnostic],
        all: &'a [Diagnostic],
    },
    /// A saved plan that does not match the current state.
    Stale {
        plan: &'a PlanOf<'a, ()>,
        moved: &'a [Moved],
        reason: Option<&'a str>,
        explanation: &'a str,
        diagnostics: &'a [Diagnostic],
    },
    Drift {
        drift: &'a Drift<'a>,
        outcome: Outcome,
        diagnostics: &'a [Diagnostic],
    },
    /// Findings forbid a plan.
    Refused {
        diagnostics: &'a [Diagnostic],
    },
    /// The command failed before it had anything to report.
    Failed(&'a Failure<'a>),
}

impl Content<'_> {
    /// The document in a format.
    pub(super) fn document(&self, format: Format, reporting: &Reporting) -> String {
        let manifest = || reporting.manifest.as_ref().and_then(ManifestArguments::first_file);
        match format {
            Format::Json => format!("{:#}\n", self.json()),
            Format::Markdown => self.markdown(reporting.detail),
            Format::Sarif => format!("{:#}\n", render::sarif::sarif(&self.findings(manifest().as_deref()))),
            Format::CodeQuality => format!("{:#}\n", gitlab::code_quality(&self.findings(manifest().as_deref()))),
            Format::Junit => junit::document(&self.suite(), self.cases(), self.praise()),
            Format::Gitlab => format!("{}\n", self.counts()),
        }
    }

    pub(super) fn diagnostics(&self) -> &[Diagnostic] {
        match self {
            Self::Checked { diagnostics, .. }
            | Self::Planned { diagnostics, .. }
            | Self::Applied { all: diagnostics, .. }
            | Self::Stale { diagnostics, .. }
            | Self::Drift { diagnostics, .. }
            | Self::Saved { diagnostics, .. }
            | Self::Refused { diagnostics } => diagnostics,
            Self::Failed(_) => &[],
        }
    }

    fn json(&self) -> Value {
        let found = render::diagnostic::json(self.diagnostics());
        match self {
            Self::Checked { diagnostics, .. } => render::json::checked(!has_errors(diagnostics), &found),
            Self::Planned { plan, verdict, .. } => render::json::plan(plan, Outcome::planned(plan, *verdict), &found),
            Self::Saved { saved, verdict, .. } => {
                let plan = saved.plan();
                let mut document = render::json::plan(&plan, Outcome::planned(&plan, *verdict), &found);
                if let Some(Selected { name, file: _ }) = &saved.origin.files.environment {
                    document["environment"] = json!(name);
                }
                document
            }
            Self::Applied { plan, report, outcome, .. } => render::json::report(plan, report, *outcome, &found),
            Self::Stale { plan, moved, reason, .. } => {
                let mut document = render::json::stale(plan, moved, &found);
                if let Some(reason) = reason {
                    document["reason"] = json!(reason);
                }
                document
            }
            Self::Drift { drift, outcome, .. } => render::drift::json(drift, *outcome, &found),
            Self::Refused { .. } => render::json::refused(&found),
            Self::Failed(failure) => render::json::failed(failure),
        }
    }

    pub(super) fn markdown(&self, detail: Detail) -> String {
        match self {
            Self::Checked { summary, diagnostics } => render::markdown::checked(summary, diagnostics),
            Self::Planned { plan, verdict, diagnostics, flow } => {
                render::markdown::planned(plan, &Extras { verdict: *verdict, diagnostics, flow, detail })
            }
            Self::Saved { saved, verdict, diagnostics } => {
                let extras = Extras { verdict: *verdict, diagnostics, flow: &saved.flow, detail };
                render::markdown::planned(&saved.plan(), &extras)
            }
            Self::Applied { plan, report, all, .. } => render::markdown::applied(plan, report, all, detail),
            Self::Stale { plan, explanation, .. } => render::markdown::stale(plan, explanation),
            Self::Drift { drift, diagnostics, .. } => render::drift::markdown(drift, diagnostics, detail),
            Self::Refused { diagnostics } => render::markdown::refused(diagnostics),
            Self::Failed(failure) => render::markdown::failed(&said(failure)),
        }
    }

    fn findings<'a>(&'a self, manifest: Option<&'a str>) -> Findings<'a> {
        let troubles = match self {
            Self::Applied { plan, report, .. } => render::report::troubles(plan, report),
            _ => self.troubles(),
        };
        let files = Files { in_repository: &repository::path, manifest };
        Findings { diagnostics: self.diagnostics(), troubles, files }
    }

    /// What went wrong apart from findings and changes.
    fn troubles(&self) -> Vec<Trouble> {
        match self {
            Self::Failed(Failure { code, message, help, request_id: _ }) => vec![Trouble {
                code: code.unwrap_or("failed").to_owned(),
                message: (*message).to_owned(),
                help: help.map(str::to_owned),
            }],
            Self::Stale { explanation, .. } => {
                vec![Trouble { code: "stale".to_owned(), message: explanation.trim_end().to_owned(), help: None }]
            }
            Self::Applied { report, .. } => {
                render::report::beyond_changes(report.unverified.as_ref(), report.interrupted)
            }
            Self::Checked { .. }
            | Self::Planned { .. }
            | Self::Saved { .. }
            | Self::Drift { .. }
            | Self::Refused { .. } => Vec::new(),
        }
    }

    fn cases(&self) -> Vec<Case> {
        let diagnostics = if let Self::Applied { planned, .. } = self { planned } else { self.diagnostics() };
        let own = match self {
            Self::Applied { plan, report, .. } => junit::changes(plan, report),
            Self::Drift { drift, .. } => junit::drift(drift),
            _ => Vec::new(),
        };
        junit::findings(diagnostics).into_iter().chain(own).chain(junit::troubles(&self.troubles())).collect()
    }

    /// The name of the suite: the stack, if it is known.
    fn suite(&self) -> String {
        match self {
            Self::Planned { plan, .. } | Self::Applied { plan, .. } => plan.stack.to_string(),
            Self::Stale { plan, .. } => plan.stack.to_string(),
            Self::Saved { saved, .. } => saved.stack.to_string(),
            Self::Drift { drift, .. } => drift.stack.to_string(),
            Self::Checked { .. } | Self::Refused { .. } | Self::Failed(_) => "manifests".to_owned(),
        }
    }

    /// The name of the test case that a `JUnit` report contains if it has no others.
    fn praise(&self) -> &'static str {
        if matches!(self, Self::Checked { .. }) { "the manifests are valid" } else { "the plan has no findings" }
    }

    fn counts(&self) -> Value {
        match self {
            Self::Planned { plan, diagnostics, .. } | Self::Applied { plan, planned: diagnostics, .. }
                if !has_errors(diagnostics) =>
            {
                gitlab::terraform(plan)
            }
            Self::Saved { saved, .. } => gitlab::terraform(&saved.plan()),
            _ => gitlab::no_terraform(),
        }
    }
}

/// Why a command failed, and what to do.
pub(super) fn said(failure: &Failure<'_>) -> String {
    let help = failure.help.map(|help| format!("\nhelp: {help}")).unwrap_or_default();
    format!("{}{help}", failure.message)
}

fn has_errors(diagnostics: &[Diagnostic]) -> bool {
    diagnostics.iter().any(Diagnostic::is_error)
}
