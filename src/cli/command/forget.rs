//! `fgctl forget`: removes fgctl's tags from functions, after showing them. The functions, policies and triggers stay.

use clap::builder::NonEmptyStringValueParser;
use clap_complete::ArgValueCompleter;

use crate::plan::forget;
use crate::render::plan::Verdict;

use crate::cli::Exit;
use crate::cli::completion;
use crate::cli::confirm::Approval;
use crate::cli::execution::{Decided, show_and_apply};
use crate::cli::failure::{advised, reported};
use crate::cli::output::Subject;
use crate::cli::planning;
use crate::cli::reconcile::{self, Declared, Goal, Intent};
use crate::cli::report;
use crate::cli::report_file::Reporting;
use crate::cli::shared_arguments::SharedArguments;

const EXAMPLES: &str = "\
Examples:
  # Stop managing one function
  fgctl forget report

  # Stop managing two functions, without asking
  fgctl forget intake settle --auto-approve

  # Stop managing one trigger
  fgctl forget trigger:default/report/nightly";

/// Stop managing functions or triggers, without changing them
///
/// fgctl removes its own tags, and changes no configuration, code, policy or trigger. To keep a function or a trigger
/// that you want to remove from the manifest, run `forget` before you remove it. Otherwise, the next apply deletes it.
/// For a function whose entry has `existing: true`, that apply deletes only its policy and triggers.
///
/// If a function has no tags except fgctl's, and still has the code that the stack created it with, fgctl puts the tag
/// `fgctl.released` in their place. It contains the name of the stack. Without this tag, a later apply of that stack could
/// mistake the function for one whose create was interrupted.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(in crate::cli) struct Arguments {
    /// Functions or triggers that the stack owns, or functions whose policy or triggers it owns
    ///
    /// ADDRESS is a key of the manifest, [package/]name, or an address such as `function:default/intake`. The address of a
    /// trigger, such as `trigger:default/intake/nightly`, means only this trigger.
    #[arg(value_name = "ADDRESS", required = true, add = ArgValueCompleter::new(completion::addresses), value_parser = NonEmptyStringValueParser::new())]
    addresses: Vec<String>,
    /// Forget without asking
    #[arg(long)]
    auto_approve: bool,
    #[command(flatten)]
    shared: SharedArguments,
}

pub(super) async fn run(arguments: &Arguments) -> anyhow::Result<Exit> {
    let reporting = Reporting::from(&arguments.shared);
    reporting.refuse(Subject::Plan, None)?;
    reported(reporting, give_up(arguments)).await
}

async fn give_up(arguments: &Arguments) -> anyhow::Result<Exit> {
    let Arguments { shared, addresses, auto_approve } = arguments;
    let approval = Approval::new(*auto_approve);
    report::refuse_question(shared.output, &approval)?;
    let refuse = |declared: &Declared| planning::refuse_names(addresses, declared);
    let prepared =
        reconcile::prepare(shared, Intent { refuse: &refuse, ..Goal::AsDeclared.into() }).await?.without_lints();
    if let Some(error) = &prepared.live.unreadable_tags {
        let message =
            format!("the tags cannot be read, so it is unknown which functions belong to the stack ({error})");
        return Err(advised(message, "allow the tag actions in IAM"));
    }
    let all = planning::all_addresses(addresses, &prepared)?;
    let mut planned = forget::forget(&prepared.desired, &prepared.live, &all);
    planned.diagnostics.extend(prepared.warnings.iter().cloned());
    prepared.finish(&mut planned);
    let verdict = match reconcile::verdict(&planned.diagnostics, Goal::AsDeclared) {
        Verdict::Planned => Verdict::Forgotten,
        other => other,
    };
    let exit = show_and_apply(shared, &prepared, &Decided { planned, verdict }, &approval).await;
    prepared.connection.close().await;
    exit
}
