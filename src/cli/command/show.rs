//! `fgctl show`: prints a saved plan. It makes no requests, so it also works for a stale plan.

use std::path::{Path, PathBuf};

use crate::render::home::Known;
use crate::render::plan::Verdict;

use crate::cli::Exit;
use crate::cli::failure::reported;
use crate::cli::help;
use crate::cli::here;
use crate::cli::output::{FormatsOf, ReportOutput, Subject};
use crate::cli::pager::{Pager, PagerArguments};
use crate::cli::permission;
use crate::cli::report;
use crate::cli::report_file::{ReportArguments, Reporting};
use crate::cli::saved_plan;
use crate::cli::shared_arguments::DetailArguments;

const EXAMPLES: &str = "\
Examples:
  # Show a saved plan
  fgctl show orders.plan

  # Show it as JSON
  fgctl show orders.plan -o json";

/// Show a saved plan
///
/// This needs neither an account nor the manifest. It also works if the plan is stale.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES, mut_arg("output", |output| output.value_parser(FormatsOf(Subject::SavedPlan))))]
pub(in crate::cli) struct Arguments {
    /// A plan that `fgctl plan --out FILE` saved
    #[arg(value_name = "FILE")]
    plan: PathBuf,
    /// The output format
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value_t, help_heading = help::OUTPUT)]
    output: ReportOutput,
    #[command(flatten)]
    report: ReportArguments,
    #[command(flatten)]
    detail: DetailArguments,
    #[command(flatten)]
    pager: PagerArguments,
}

pub(super) async fn run(arguments: &Arguments) -> anyhow::Result<Exit> {
    let Arguments { plan, output, report, detail, pager } = arguments;
    let reporting = Reporting { output: *output, files: report.files.clone(), manifest: None, detail: detail.detail() };
    reporting.refuse(Subject::SavedPlan, Some(plan))?;
    reported(reporting.clone(), async { show(plan, &reporting, &pager.pager()) }).await
}

fn show(file: &Path, reporting: &Reporting, pager: &Pager) -> anyhow::Result<Exit> {
    let saved = saved_plan::read(file)?;
    here::learn(Known::from(&saved));
    let verdict = if saved.origin.options.permissions.destroy { Verdict::Destroyed } else { Verdict::Planned };
    report::saved(reporting, &saved, verdict, pager);
    if reporting.output == ReportOutput::Human {
        permission::remind(file, &saved.origin.options);
    }
    Ok(Exit::Done)
}
