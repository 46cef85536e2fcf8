//! `fgctl import`: puts this stack's ownership on functions that are live, after showing how they differ.

use anyhow::bail;
use std::collections::BTreeSet;

use crate::model::address::FunctionAddress;
use crate::plan::import;
use crate::render::plan::Verdict;

use super::apply::show_and_apply;
use crate::cli::Exit;
use crate::cli::confirm::Approval;
use crate::cli::reconcile::{self, Declared, Goal, Intent, reported, show_refused};
use crate::cli::report;
use crate::cli::shared_arguments::SharedArguments;

/// Make declared functions that are live this stack's, and change nothing else
///
/// What is shown as different is what the next apply changes. `apply --adopt` does both at once, for every function that
/// belongs to no stack.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Arguments {
    #[command(flatten)]
    shared: SharedArguments,
    /// Functions of the manifests: a key, or [package/]name
    #[arg(value_name = "NAME", required = true)]
    names: Vec<String>,
    /// Import without asking
    #[arg(long)]
    auto_approve: bool,
}

pub(super) async fn run(arguments: &Arguments) -> anyhow::Result<Exit> {
    reported(arguments.shared.output, take(arguments)).await
}

async fn take(arguments: &Arguments) -> anyhow::Result<Exit> {
    let Arguments { shared, names, auto_approve } = arguments;
    let approval = Approval::new(*auto_approve);
    report::refuse_question(shared.output, approval)?;
    let refuse = |declared: &Declared| functions(declared, names).map(drop);
    let prepared = match reconcile::prepare(shared, Intent { refuse: &refuse, ..Goal::AsDeclared.into() }).await? {
        Ok(prepared) => prepared,
        Err(refused) => return Ok(show_refused(&refused, shared.output)),
    };
    let functions = functions(&prepared.declared, names)?;
    let mut planned = import::import(&prepared.desired, &prepared.live, &functions);
    planned.diagnostics.extend(prepared.warnings.iter().cloned());
    prepared.finish(&mut planned);
    let verdict = match reconcile::verdict(&planned.diagnostics, Goal::AsDeclared) {
        Verdict::Planned => Verdict::Imported,
        other => other,
    };
    let exit = show_and_apply(shared, &prepared, (&planned, verdict), approval).await;
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
        None => bail!(
            "the manifests declare no function \"{name}\": only what is declared can be imported; `fgctl export` writes manifests for what is live"
        ),
    }
}
