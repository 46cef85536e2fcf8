//! `fgctl explain`: says what the code of a finding means.

use clap::builder::NonEmptyStringValueParser;
use clap_complete::ArgValueCandidates;

use crate::cli::Exit;
use crate::cli::completion;
use crate::cli::failure::advised;
use crate::diagnostic::explanation;
use crate::manifest::nearest;
use crate::render;

const EXAMPLES: &str = "\
Examples:
  # List all codes
  fgctl explain

  # Explain one of them, with an example
  fgctl explain retries-without-failure-target";

/// Explain the code of an error or warning
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(in crate::cli) struct Arguments {
    /// The code in the brackets of an error or warning, such as `cycle`. Default: list all codes
    #[arg(value_name = "CODE", add = ArgValueCandidates::new(completion::codes), value_parser = NonEmptyStringValueParser::new())]
    code: Option<String>,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<Exit> {
    let Some(code) = &arguments.code else {
        outln!("{}", render::explanation::list());
        return Ok(Exit::Done);
    };
    let Some(explanation) = explanation::of(code) else { return Err(unknown(code)) };
    outln!("{}", render::explanation::one(explanation));
    Ok(Exit::Done)
}

fn unknown(code: &str) -> anyhow::Error {
    let message = format!("there is no code \"{code}\"");
    if code.starts_with("FSS.") {
        return advised(message, "this looks like an error code of the service: its message says what is wrong");
    }
    match nearest(code, explanation::all().map(|explanation| explanation.code)) {
        Some(nearest) => advised(message, format!("did you mean `{nearest}`?")),
        None => advised(message, "`fgctl explain` lists all codes"),
    }
}
