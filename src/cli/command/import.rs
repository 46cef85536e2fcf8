//! `fgctl import`: makes live functions this stack's, after showing how they differ from the manifests.

use clap::builder::NonEmptyStringValueParser;
use clap_complete::ArgValueCompleter;

use crate::model::address::{Address, FunctionAddress};
use crate::plan::import;
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
  # Take ownership of two functions that the manifest declares
  fgctl import intake settle

  # Show the differences that the next apply will remove
  fgctl plan";

/// Take ownership of live functions and triggers that the manifest declares, without changing them
///
/// A function is imported with its policy and its triggers. fgctl shows how they differ from the manifest; the next
/// apply removes these differences. `fgctl apply --adopt` takes ownership and removes the differences in one run, for
/// everything in the manifest that no stack owns.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(in crate::cli) struct Arguments {
    /// Functions or triggers that the manifest declares
    ///
    /// NAME is a key of the manifest, [package/]name, or an address such as `function:default/intake`. The address of a
    /// trigger, such as `trigger:default/intake/nightly`, means only this trigger.
    #[arg(value_name = "NAME", required = true, add = ArgValueCompleter::new(completion::addresses), value_parser = NonEmptyStringValueParser::new())]
    names: Vec<String>,
    /// Import without asking
    #[arg(long)]
    auto_approve: bool,
    #[command(flatten)]
    shared: SharedArguments,
}

pub(super) async fn run(arguments: &Arguments) -> anyhow::Result<Exit> {
    let reporting = Reporting::from(&arguments.shared);
    reporting.refuse(Subject::Plan, None)?;
    reported(reporting, take(arguments)).await
}

async fn take(arguments: &Arguments) -> anyhow::Result<Exit> {
    let Arguments { shared, names, auto_approve } = arguments;
    let approval = Approval::new(*auto_approve);
    report::refuse_question(shared.output, &approval)?;
    let refuse = |declared: &Declared| names.iter().try_for_each(|name| refuse_undeclared(declared, name));
    let prepared =
        reconcile::prepare(shared, Intent { refuse: &refuse, ..Goal::AsDeclared.into() }).await?.without_lints();
    let addresses = planning::all_addresses(names, &prepared)?;
    let mut planned = import::import(&prepared.desired, &prepared.live, &addresses);
    planned.diagnostics.extend(prepared.warnings.iter().cloned());
    prepared.finish(&mut planned);
    let verdict = match reconcile::verdict(&planned.diagnostics, Goal::AsDeclared) {
        Verdict::Planned => Verdict::Imported,
        other => other,
    };
    let exit = show_and_apply(shared, &prepared, &Decided { planned, verdict }, &approval).await;
    prepared.connection.close().await;
    exit
}

/// Refuses names of functions that the manifests do not declare.
fn refuse_undeclared(declared: &Declared, name: &str) -> anyhow::Result<()> {
    let address = || name.parse::<Address>().map(|address| address.function).ok().or_else(|| name.parse().ok());
    let is_declared = |address: FunctionAddress| declared.values().any(|known| *known == address);
    if declared.contains_key(name) || address().is_some_and(is_declared) {
        return Ok(());
    }
    let help = "declare the function first; `fgctl export` writes manifests for live functions";
    Err(advised(format!("the manifests do not declare a function \"{name}\""), help))
}
