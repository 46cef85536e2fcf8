//! The flags of all commands that plan.

use super::connection::ConnectionArguments;
use super::manifest_arguments::ManifestArguments;
use super::output::ReportOutput;

/// What to plan, where, and how to report it.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct SharedArguments {
    #[command(flatten)]
    pub(super) manifest: ManifestArguments,
    #[command(flatten)]
    pub(super) connection: ConnectionArguments,
    /// The output format
    #[arg(short, long, value_enum, default_value_t)]
    pub(super) output: ReportOutput,
    /// Print only errors and the -o document
    #[arg(short, long)]
    pub(super) quiet: bool,
}
