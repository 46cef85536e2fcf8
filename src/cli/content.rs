//! What a command found or did, and the documents that say it in each format.

use serde_json::Value;
use std::collections::BTreeMap;

use crate::apply::{Report, Status};
use crate::diagnostic::{Diagnostic, Place};
use crate::model::address::Address;
use crate::plan::change::{Plan, PlanOf};
use crate::plan::flow::Flow;
use crate::plan::saved::{Moved, SavedPlan};
use crate::render;
use crate::render::Detail;
use crate::render::drift::Drift;
use crate::render::findings::{Files, Findings, Trouble};
use crate::render::gitlab;
use crate::render::json::{Failure, Outcome};
use crate::render::junit::{self, Case};
use crate::render::markdown::Extras;
use crate::render::plan::Verdict;
use crate::render::stale::Stale;

use super::here;
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
        /// Where the manifests declare what failed.
        places: &'a BTreeMap<Address, Place>,
    },
    /// A saved plan that does not match the current state.
    Stale {
        plan: &'a PlanOf<'a, ()>,
        moved: &'a [Moved],
        why: &'a Stale,
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
            Format::Junit => junit::document(&here::known(), self.cases(), self.praise()),
            Format::Gitlab => format!("{}\n", self.counts()),
        }
    }

    fn diagnostics(&self) -> &[Diagnostic] {
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

    /// The findings except those that only say where a change failed.
    pub(super) fn planned(&self) -> &[Diagnostic] {
        if let Self::Applied { planned, .. } = self { planned } else { self.diagnostics() }
    }

    fn json(&self) -> Value {
        let found = render::diagnostic::json(&in_repository(self.diagnostics()));
        let mut document = match self {
            Self::Checked { diagnostics, .. } => render::json::checked(!has_errors(diagnostics), &found),
            Self::Planned { plan, verdict, .. } => render::json::plan(plan, Outcome::planned(plan, *verdict), &found),
            Self::Saved { saved, verdict, .. } => {
                let plan = saved.plan();
                render::json::plan(&plan, Outcome::planned(&plan, *verdict), &found)
            }
            Self::Applied { plan, report, outcome, .. } => render::json::report(plan, report, *outcome, &found),
            Self::Stale { plan, moved, why, .. } => render::json::stale(plan, moved, why.reason.as_deref(), &found),
            Self::Drift { drift, outcome, .. } => render::drift::json(drift, *outcome, &found),
            Self::Refused { .. } => render::json::refused(&found),
            Self::Failed(failure) => render::json::failed(failure),
        };
        render::json::add_known(&mut document, &here::known());
        document
    }

    pub(super) fn markdown(&self, detail: Detail) -> String {
        let (known, found) = (here::known(), in_repository(self.diagnostics()));
        let extras = |verdict, flow| Extras { verdict, diagnostics: &found, flow, detail };
        match self {
            Self::Checked { summary, .. } => render::markdown::checked(summary, &known, &found),
            Self::Planned { plan, verdict, flow, .. } => render::markdown::planned(plan, &extras(*verdict, flow)),
            Self::Saved { saved, verdict, .. } => {
                render::markdown::planned(&saved.plan(), &extras(*verdict, &saved.flow))
            }
            Self::Applied { plan, report, .. } => render::markdown::applied(plan, report, &found, detail),
            Self::Stale { plan, why, .. } => render::markdown::stale(plan, why),
            Self::Drift { drift, .. } => render::drift::markdown(drift, &found, detail),
            Self::Refused { .. } => render::markdown::refused(&known, &found),
            Self::Failed(failure) => render::markdown::failed(&said(failure), &known),
        }
    }

    fn findings<'a>(&'a self, manifest: Option<&'a str>) -> Findings<'a> {
        let files = Files { in_repository: &repository::path, manifest };
        Findings { diagnostics: self.diagnostics(), troubles: self.troubles(Detail::Full), files }
    }

    /// What went wrong apart from findings. Grouped, changes that failed for the same reason are one.
    pub(super) fn troubles(&self, detail: Detail) -> Vec<Trouble> {
        match self {
            Self::Applied { plan, report, places, .. } => render::report::troubles(plan, report, places, detail),
            _ => self.troubles_of_command(),
        }
    }

    /// What went wrong apart from findings and changes.
    fn troubles_of_command(&self) -> Vec<Trouble> {
        match self {
            Self::Failed(Failure { code, message, help, request_id: _ }) => vec![Trouble {
                code: code.unwrap_or("failed").to_owned(),
                message: (*message).to_owned(),
                help: help.map(str::to_owned),
                place: None,
            }],
            Self::Stale { why: Stale { message, lead: _, help, reason: _ }, .. } => vec![Trouble {
                code: "stale".to_owned(),
                message: message.clone(),
                help: Some(help.clone()),
                place: None,
            }],
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
        let own = match self {
            Self::Applied { plan, report, .. } => junit::changes(plan, report),
            Self::Drift { drift, .. } => junit::drift(drift),
            _ => Vec::new(),
        };
        let troubles = junit::troubles(&self.troubles_of_command());
        junit::findings(&in_repository(self.planned())).into_iter().chain(own).chain(troubles).collect()
    }

    /// The name of the test case that a `JUnit` report contains if it has no others.
    fn praise(&self) -> &'static str {
        if matches!(self, Self::Checked { .. }) { "the manifests are valid" } else { "the plan has no findings" }
    }

    /// The changes that an apply made, or that a plan would make.
    fn counts(&self) -> Value {
        match self {
            Self::Planned { plan, diagnostics, .. } if !has_errors(diagnostics) => {
                gitlab::terraform(plan.changes.iter().map(|change| change.action))
            }
            Self::Applied { plan, report, .. } => {
                let ended = plan.changes.iter().zip(&report.statuses);
                let done = ended.filter(|(_, status)| matches!(status, Status::Done));
                gitlab::terraform(done.map(|(change, _)| change.action))
            }
            Self::Saved { saved, .. } => gitlab::terraform(saved.changes.iter().map(|change| change.action)),
            _ => gitlab::no_terraform(),
        }
    }
}

/// Why a command failed, and what to do.
fn said(failure: &Failure<'_>) -> String {
    let help = failure.help.map(|help| format!("\nhelp: {help}")).unwrap_or_default();
    format!("{}{help}", failure.message)
}

/// The findings with the paths of their files in the repository.
fn in_repository(diagnostics: &[Diagnostic]) -> Vec<Diagnostic> {
    let mut found = diagnostics.to_vec();
    for Diagnostic { place, related, .. } in &mut found {
        let places = place.iter_mut().chain(related.iter_mut().filter_map(|related| related.place.as_mut()));
        for place in places {
            if let Some(path) = repository::path(&place.file) {
                place.file = path;
            }
        }
    }
    found
}

fn has_errors(diagnostics: &[Diagnostic]) -> bool {
    diagnostics.iter().any(Diagnostic::is_error)
}
