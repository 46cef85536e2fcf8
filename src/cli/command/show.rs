//! `fgctl show`: prints a saved plan. It makes no requests, so it also works for a stale plan.

use std::path::PathBuf;

use crate::render;
use crate::render::json::Outcome;
use crate::render::plan::Verdict;

use crate::cli::Exit;
use crate::cli::failure::reported;
use crate::cli::help;
use crate::cli::output::Output;
use crate::cli::permission;
use crate::cli::saved_plan;

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
}

pub(super) async fn run(arguments: &Arguments) -> anyhow::Result<Exit> {
    reported(arguments.output, async { show(arguments) }).await
}

fn show(arguments: &Arguments) -> anyhow::Result<Exit> {
    let saved = saved_plan::read(&arguments.plan)?;
    let plan = saved.plan();
    let verdict = if saved.origin.options.permissions.destroy { Verdict::Destroyed } else { Verdict::Planned };
    match arguments.output {
        Output::Human => {
            out!("{}", render::plan::human(&plan, verdict));
            permission::remind(&arguments.plan, &saved.origin.options);
        }
        Output::Json => {
            let outcome = if plan.changes.is_empty() { Outcome::NoChanges } else { Outcome::Changes };
            outln!("{:#}", render::json::plan(&plan, outcome, &serde_json::json!([])));
        }
    }
    Ok(Exit::Done)
}
