//! The flags of all commands that plan.

use crate::render::Detail;

use super::connection::ConnectionArguments;
use super::help;
use super::manifest_arguments::ManifestArguments;
use super::output::ReportOutput;
use super::progress::Form;
use super::report_file::ReportArguments;

/// What to plan, where, and how to report it.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct SharedArguments {
    #[command(flatten)]
    pub(super) manifest: ManifestArguments,
    /// The output format
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value_t, help_heading = help::OUTPUT)]
    pub(super) output: ReportOutput,
    #[command(flatten)]
    pub(super) report: ReportArguments,
    /// Print only errors, and the result if -o selects a machine-readable format
    #[arg(short, long, help_heading = help::OUTPUT)]
    pub(super) quiet: bool,
    #[command(flatten)]
    pub(super) detail: DetailArguments,
    #[command(flatten)]
    pub(super) connection: ConnectionArguments,
}

/// How much of a long result is shown.
#[derive(Debug, Clone, Copy, Default, clap::Args)]
pub(super) struct DetailArguments {
    /// Show every change in full, even if many changes are alike
    #[arg(long, help_heading = help::OUTPUT)]
    full: bool,
}

impl SharedArguments {
    pub(super) fn progress(&self) -> Form {
        Form::of(self.output, self.quiet)
    }
}

impl DetailArguments {
    pub(super) const fn detail(self) -> Detail {
        if self.full { Detail::Full } else { Detail::Grouped }
    }
}
