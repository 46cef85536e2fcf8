//! `-o`: the form of results on standard output.

/// The form of results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub(super) enum Output {
    /// For people.
    #[default]
    Human,
    /// For programs.
    Json,
}

/// The form of a plan, and of what came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub(super) enum ReportOutput {
    /// For people.
    #[default]
    Human,
    /// For programs, as schemas/report.schema.json describes it.
    Json,
    /// For a comment on a pull request.
    Markdown,
    /// For GitLab's report of Terraform plans: how many are created, updated and deleted.
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
