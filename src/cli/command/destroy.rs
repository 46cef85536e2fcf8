//! `fgctl destroy`: shows what it would delete, asks for confirmation, and deletes it.

use crate::model::state::Ownership;
use crate::plan::Permissions;
use crate::plan::saved::Options;

use crate::cli::Exit;
use crate::cli::confirm::Approval;
use crate::cli::execution::reconcile;
use crate::cli::failure::reported;
use crate::cli::planning::TargetArguments;
use crate::cli::reconcile::{Declared, Goal, Intent, Prepared};
use crate::cli::shared_arguments::SharedArguments;

/// Delete every function that the stack owns, and the stack's policies on functions that another tool deploys
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Arguments {
    #[command(flatten)]
    shared: SharedArguments,
    #[command(flatten)]
    targets: TargetArguments,
    /// Destroy without asking
    #[arg(long)]
    auto_approve: bool,
}

pub(super) async fn run(arguments: &Arguments) -> anyhow::Result<Exit> {
    let Arguments { shared, targets, auto_approve } = arguments;
    let permissions = Permissions { destroy: true, ..Permissions::default() };
    let options = |prepared: &Prepared| {
        Ok(Options { permissions, ownership: Ownership::Tags, selection: targets.selection(prepared)? })
    };
    let refuse = |declared: &Declared| targets.refuse(declared);
    let intent = Intent { refuse: &refuse, ..Goal::Nothing.into() };
    reported(shared.output, reconcile(shared, intent, options, Approval::new(*auto_approve))).await
}
