//! `-o` and `--report`: the formats of results, and which command has a report in which format.

use clap::ValueEnum;
use clap::builder::{EnumValueParser, PossibleValue, TypedValueParser};
use std::ffi::OsStr;

use super::failure::advised;

/// The format of results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub(super) enum Output {
    /// Text.
    #[default]
    Human,
    /// JSON.
    Json,
}

/// The format of plans and reports on standard output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub(super) enum ReportOutput {
    /// Text.
    #[default]
    Human,
    /// JSON, as described in schemas/report.schema.json.
    Json,
    /// Markdown for a comment on a pull request.
    Markdown,
    /// Findings with their files and lines, for code scanning: SARIF 2.1.0.
    Sarif,
    #[value(help = "Test cases, for test dashboards: JUnit XML")]
    Junit,
    /// Findings with their files and lines, for GitLab's Code Quality.
    CodeQuality,
    /// GitLab's report of Terraform plans: the numbers of created, updated and deleted resources.
    Gitlab,
}

/// The format of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Format {
    Json,
    Markdown,
    Sarif,
    Junit,
    CodeQuality,
    Gitlab,
}

/// What a command reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Subject {
    /// `validate`: the findings about manifests.
    Manifests,
    /// `plan`, `apply` and the other commands that change something: a plan, and perhaps what became of it.
    Plan,
    /// `drift`: differences.
    Drift,
    /// `show`: a plan that was saved.
    SavedPlan,
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

impl ReportOutput {
    /// The format of the document, unless the output is text for people.
    pub(super) const fn format(self) -> Option<Format> {
        match self {
            Self::Human => None,
            Self::Json => Some(Format::Json),
            Self::Markdown => Some(Format::Markdown),
            Self::Sarif => Some(Format::Sarif),
            Self::Junit => Some(Format::Junit),
            Self::CodeQuality => Some(Format::CodeQuality),
            Self::Gitlab => Some(Format::Gitlab),
        }
    }
}

impl Format {
    /// Fails if a report in this format could not say anything about the command's subject. `flag` is what asks for it.
    pub(super) fn refuse(self, subject: Subject, flag: &str) -> anyhow::Result<()> {
        use Subject::{Drift, Manifests, Plan, SavedPlan};
        let (why, help) = match (self, subject) {
            (Self::Gitlab, Manifests | Drift) => {
                let command = if subject == Drift { "drift" } else { "validate" };
                (format!("counts the changes of a plan, but {command} plans none"), "use it with `fgctl plan`")
            }
            (Self::Sarif | Self::CodeQuality, Drift) => (
                "shows findings at lines of manifests, but drift is about live state".to_owned(),
                "use json, markdown or junit",
            ),
            (Self::Sarif | Self::CodeQuality | Self::Junit, SavedPlan) => (
                "shows findings, but errors are never in a saved plan".to_owned(),
                "use it with `fgctl plan`, or use json, markdown or gitlab",
            ),
            (Self::Json | Self::Markdown, _)
            | (Self::Gitlab, Plan | SavedPlan)
            | (Self::Sarif | Self::CodeQuality, Manifests | Plan)
            | (Self::Junit, Manifests | Plan | Drift) => return Ok(()),
        };
        Err(advised(format!("{flag} {why}"), help))
    }
}

/// Lists the formats of a command. It also reads the others, so that the error can say where to use them.
#[derive(Debug, Clone)]
pub(super) struct FormatsOf(pub(super) Subject);

impl TypedValueParser for FormatsOf {
    type Value = ReportOutput;

    fn parse_ref(
        &self,
        command: &clap::Command,
        argument: Option<&clap::Arg>,
        value: &OsStr,
    ) -> Result<ReportOutput, clap::Error> {
        EnumValueParser::new().parse_ref(command, argument, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        let has = |output: &&ReportOutput| output.format().is_none_or(|format| format.refuse(self.0, "").is_ok());
        Some(Box::new(ReportOutput::value_variants().iter().filter(has).filter_map(ReportOutput::to_possible_value)))
    }
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
