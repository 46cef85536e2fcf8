//! `fgctl schema`: prints the JSON Schemas of input and output, for editors and other programs.

use crate::cli::Exit;
use crate::manifest::{self, environments, overlay};
use crate::plan::saved;
use crate::render;

const EXAMPLES: &str = "\
Examples:
  # Write the schema of manifests to a file, for an editor
  fgctl schema > manifest.schema.json

  # Print the schema of JSON reports
  fgctl schema report";

/// Print a JSON Schema, for editors and other programs
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(in crate::cli) struct Arguments {
    /// The format to describe
    #[arg(value_enum, value_name = "FORMAT", default_value_t)]
    of: Format,
}

#[derive(Debug, Clone, Copy, Default, clap::ValueEnum)]
enum Format {
    /// The manifest
    #[default]
    Manifest,
    /// An overlay
    Overlay,
    /// The environments file
    Environments,
    /// The file that `plan --out` writes
    Plan,
    /// The output of validate, plan, apply, destroy, drift, import, forget and show with -o json
    Report,
    /// The output of graph with -o json
    Graph,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<Exit> {
    let schema = match arguments.of {
        Format::Manifest => manifest::published_schema(),
        Format::Overlay => overlay::published(),
        Format::Environments => environments::published(),
        Format::Plan => saved::schema(),
        Format::Report => serde_json::from_str(render::json::SCHEMA)?,
        Format::Graph => serde_json::from_str(render::graph::json::SCHEMA)?,
    };
    outln!("{}", serde_json::to_string_pretty(&schema)?);
    Ok(Exit::Done)
}
