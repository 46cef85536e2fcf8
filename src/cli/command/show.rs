//! `fgctl show`: prints a saved plan. It makes no requests, so it also works for a stale plan.

use std::path::PathBuf;

use crate::render;
use crate::render::json::Outcome;
use crate::render::plan::Verdict;

use crate::cli::Exit;
use crate::cli::failure::reported;
use crate::cli::help;
use crate::cli::output::Output;
use crate::cli::pager::PagerArguments;
use crate::cli::permission;
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
#[command(after_long_help = EXAMPLES)]
pub(in crate::cli) struct Arguments {
    /// A plan that `fgctl plan --out FILE` saved
    #[arg(value_name = "FILE")]
    plan: PathBuf,
    /// The output format
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value_t, help_heading = help::OUTPUT)]
    output: Output,
    #[command(flatten)]
    detail: DetailArguments,
    #[command(flatten)]
    pager: PagerArguments,
}

pub(super) async fn run(arguments: &Arguments) -> anyhow::Result<Exit> {
    reported(arguments.output, async { show(arguments) }).await
}

fn show(arguments: &Arguments) -> anyhow::Result<Exit> {
    let Arguments { plan: file, output, detail, pager } = arguments;
    let saved = saved_plan::read(file)?;
    let plan = saved.plan();
    let verdict = if saved.origin.options.permissions.destroy { Verdict::Destroyed } else { Verdict::Planned };
    match output {
        Output::Human => {
            pager.pager().print(&render::plan::changes(&plan, detail.detail()));
            outln!("{}", render::plan::summary(&plan, verdict));
            permission::remind(file, &saved.origin.options);
        }
        Output::Json => {
            outln!("{:#}", render::json::plan(&plan, Outcome::planned(&plan, verdict), &serde_json::json!([])));
        }
    }
    Ok(Exit::Done)
}
