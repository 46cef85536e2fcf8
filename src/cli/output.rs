//! `-o`: the format of results on standard output.

/// The format of results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub(super) enum Output {
    /// Text.
    #[default]
    Human,
    /// JSON.
    Json,
}

/// The format of plans and reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub(super) enum ReportOutput {
    /// Text.
    #[default]
    Human,
    /// JSON, as described in schemas/report.schema.json.
    Json,
    /// Markdown for a comment on a pull request.
    Markdown,
    /// GitLab's report of Terraform plans: the numbers of created, updated and deleted resources.
    Gitlab,
}

impl From<Output> for ReportOutput {
    fn from(output: Output) -> Self {
        match output {
            Output::Human => Self::Human,
            Output::Json => Self::Json,
        }
    }
}
