//! `fgctl schema`: the manifest's JSON Schema, for editors.

use super::Exit;

/// Print the JSON Schema of manifests
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {}

pub(super) fn run(_: &Arguments) -> anyhow::Result<Exit> {
    anstream::println!("{}", serde_json::to_string_pretty(&crate::manifest::published_schema())?);
    Ok(Exit::Done)
}
