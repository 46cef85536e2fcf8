//! The flags of all commands that plan.

use super::connection::ConnectionArguments;
use super::help;
use super::manifest_arguments::ManifestArguments;
use super::output::ReportOutput;

/// What to plan, where, and how to report it.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct SharedArguments {
    #[command(flatten)]
    pub(super) manifest: ManifestArguments,
    /// The output format
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value_t, help_heading = help::OUTPUT)]
    pub(super) output: ReportOutput,
    /// Print only errors and the document of -o
    #[arg(short, long, help_heading = help::OUTPUT)]
    pub(super) quiet: bool,
    #[command(flatten)]
    pub(super) connection: ConnectionArguments,
}
