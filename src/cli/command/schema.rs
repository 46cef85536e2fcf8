//! `fgctl schema`: prints the JSON Schemas of input and output, for editors and other programs.

use crate::cli::Exit;
use crate::manifest;
use crate::plan::saved;
use crate::render;

/// Print a JSON Schema
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Arguments {
    /// The format to describe
    #[arg(value_enum, default_value_t)]
    of: Format,
}

#[derive(Debug, Clone, Copy, Default, clap::ValueEnum)]
enum Format {
    /// The manifest
    #[default]
    Manifest,
    /// The file that `plan --out` writes
    Plan,
    /// The output of plan, apply, destroy, import, forget, show and drift with -o json
    Report,
    /// The output of graph with -o json
    Graph,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<Exit> {
    let schema = match arguments.of {
        Format::Manifest => manifest::published_schema(),
        Format::Plan => saved::schema(),
        Format::Report => serde_json::from_str(render::json::SCHEMA)?,
        Format::Graph => serde_json::from_str(render::graph::json::SCHEMA)?,
    };
    outln!("{}", serde_json::to_string_pretty(&schema)?);
    Ok(Exit::Done)
}
