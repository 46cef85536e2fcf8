//! `fgctl import`: makes live functions this stack's, after showing how they differ from the manifests.

use clap_complete::ArgValueCompleter;
use std::collections::BTreeSet;

use crate::model::address::FunctionAddress;
use crate::plan::import;
use crate::render::plan::Verdict;

use crate::cli::Exit;
use crate::cli::completion;
use crate::cli::confirm::Approval;
use crate::cli::execution::{Decided, show_and_apply};
use crate::cli::failure::{advised, reported};
use crate::cli::output::Subject;
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

/// Take ownership of declared live functions, without changing them
///
/// fgctl shows how the functions differ from the manifest; the next apply removes these differences. `fgctl apply --adopt`
/// does both at once, for every declared function that is unowned.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(in crate::cli) struct Arguments {
    /// Functions that the manifest declares: their keys, or [package/]name
    #[arg(value_name = "NAME", required = true, add = ArgValueCompleter::new(completion::keys))]
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
    report::refuse_question(shared.output, approval)?;
    let refuse = |declared: &Declared| functions(declared, names).map(drop);
    let prepared =
        reconcile::prepare(shared, Intent { refuse: &refuse, ..Goal::AsDeclared.into() }).await?.without_lints();
    let functions = functions(&prepared.declared, names)?;
    let mut planned = import::import(&prepared.desired, &prepared.live, &functions);
    planned.diagnostics.extend(prepared.warnings.iter().cloned());
    prepared.finish(&mut planned);
    let verdict = match reconcile::verdict(&planned.diagnostics, Goal::AsDeclared) {
        Verdict::Planned => Verdict::Imported,
        other => other,
    };
    let exit = show_and_apply(shared, &prepared, &Decided { planned, verdict }, approval).await;
    prepared.connection.close().await;
    exit
}

fn functions(declared: &Declared, names: &[String]) -> anyhow::Result<BTreeSet<FunctionAddress>> {
    names.iter().map(|name| function(declared, name)).collect()
}

fn function(declared: &Declared, name: &str) -> anyhow::Result<FunctionAddress> {
    let by_name = || name.parse().ok().filter(|address| declared.values().any(|known| known == address));
    match declared.get(name).cloned().or_else(by_name) {
        Some(address) => Ok(address),
        None => {
            let help = "declare the function first; `fgctl export` writes manifests for live functions";
            Err(advised(format!("the manifests do not declare a function \"{name}\""), help))
        }
    }
}
