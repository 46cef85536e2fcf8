//! `fgctl schema`: the JSON Schemas of what is read and written, for editors and other programs.

use crate::cli::Exit;
use crate::manifest;
use crate::plan::saved;
use crate::render;

/// Print a JSON Schema
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Arguments {
    /// Of what
    #[arg(value_enum, default_value_t)]
    of: Format,
}

#[derive(Debug, Clone, Copy, Default, clap::ValueEnum)]
enum Format {
    /// A manifest
    #[default]
    Manifest,
    /// The file of `plan --out`
    Plan,
    /// What plan, apply, destroy, import, show and drift print with -o json
    Report,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<Exit> {
    let schema = match arguments.of {
        Format::Manifest => manifest::published_schema(),
        Format::Plan => saved::schema(),
        Format::Report => serde_json::from_str(render::json::SCHEMA)?,
    };
    outln!("{}", serde_json::to_string_pretty(&schema)?);
    Ok(Exit::Done)
}
