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

/// The format of a drawing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub(super) enum GraphOutput {
    /// A tree for the terminal.
    #[default]
    Text,
    /// A flowchart that GitHub and GitLab draw in Markdown. Large stacks are summarized.
    Mermaid,
    /// Graphviz.
    Dot,
    /// An image, for light and dark screens.
    Svg,
    /// JSON, as described in schemas/graph.schema.json.
    Json,
}

impl From<GraphOutput> for ReportOutput {
    fn from(output: GraphOutput) -> Self {
        match output {
            GraphOutput::Json => Self::Json,
            GraphOutput::Text | GraphOutput::Mermaid | GraphOutput::Dot | GraphOutput::Svg => Self::Human,
        }
    }
}

impl From<Output> for ReportOutput {
    fn from(output: Output) -> Self {
        match output {
            Output::Human => Self::Human,
            Output::Json => Self::Json,
        }
    }
}
