//! `fgctl destroy`: shows what it would delete, asks for confirmation, and deletes it.

use crate::model::state::Ownership;
use crate::plan::Permissions;
use crate::plan::saved::Options;

use crate::cli::Exit;
use crate::cli::confirm::Approval;
use crate::cli::execution::reconcile;
use crate::cli::failure::reported;
use crate::cli::output::Subject;
use crate::cli::planning::TargetArguments;
use crate::cli::reconcile::{Declared, Goal, Intent, Prepared};
use crate::cli::report_file::Reporting;
use crate::cli::shared_arguments::SharedArguments;

const EXAMPLES: &str = "\
Examples:
  # Show what would be deleted, without deleting it
  fgctl plan --destroy

  # Delete everything except one function
  fgctl destroy --exclude settle

  # Delete the stack from the embedded server, without asking
  fgctl destroy --local --auto-approve";

/// Delete everything that the stack owns
///
/// This includes the stack's functions, and its policies and triggers on functions that another tool deploys. fgctl
/// first shows what it would delete, and asks for confirmation. If this would delete a protected function, destroy
/// fails and deletes nothing.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(in crate::cli) struct Arguments {
    /// Delete without asking
    #[arg(long)]
    auto_approve: bool,
    #[command(flatten)]
    targets: TargetArguments,
    #[command(flatten)]
    shared: SharedArguments,
}

pub(super) async fn run(arguments: &Arguments) -> anyhow::Result<Exit> {
    let Arguments { shared, targets, auto_approve } = arguments;
    let reporting = Reporting::from(shared);
    reporting.refuse(Subject::Plan, None)?;
    let permissions = Permissions { destroy: true, ..Permissions::default() };
    let options = |prepared: &Prepared| {
        Ok(Options { permissions, ownership: Ownership::Tags, selection: targets.selection(prepared)? })
    };
    let refuse = |declared: &Declared| targets.refuse(declared);
    let intent = Intent { refuse: &refuse, ..Goal::Nothing.into() };
    reported(reporting, reconcile(shared, intent, options, &Approval::new(*auto_approve))).await
}
