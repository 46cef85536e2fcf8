//! The flags of every command that reconciles.

use super::connection::ConnectionArguments;
use super::manifest_arguments::ManifestArguments;
use super::output::ReportOutput;

/// What to reconcile, where, and how to tell of it.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct SharedArguments {
    #[command(flatten)]
    pub(super) manifest: ManifestArguments,
    #[command(flatten)]
    pub(super) connection: ConnectionArguments,
    /// The form of the result
    #[arg(short, long, value_enum, default_value_t)]
    pub(super) output: ReportOutput,
    /// Print only errors and the -o document
    #[arg(short, long)]
    pub(super) quiet: bool,
}
