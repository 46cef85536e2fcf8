//! `fgctl validate`: checks manifests and their code files, without the network.

use serde_json::json;

use crate::diagnostic::Diagnostic;
use crate::manifest::Manifest;
use crate::redaction::Redaction;
use crate::render;

use crate::cli::Exit;
use crate::cli::github;
use crate::cli::help;
use crate::cli::manifest_arguments::{Checked, ManifestArguments};
use crate::cli::output::Output;
use crate::cli::streams;

const EXAMPLES: &str = "\
Examples:
  # Check the manifest in the current directory
  fgctl validate

  # Check another stack, with the variables of production
  fgctl validate -f stacks/orders --var-file vars/prod.yaml";

/// Check a manifest and its code files offline
///
/// fgctl checks values, references and cycles, and whether the file of each handler exists. It sends no requests and needs
/// no account.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(in crate::cli) struct Arguments {
    #[command(flatten)]
    manifest: ManifestArguments,
    /// The output format
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value_t, help_heading = help::OUTPUT)]
    output: Output,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<Exit> {
    let Checked { environment: _, sources, mut diagnostics, manifest, partial, secrets } = arguments.manifest.check();
    diagnostics.extend(arguments.manifest.check_environments());
    streams::hide(&Redaction::of(secrets));
    diagnostics.extend(manifest.iter().flat_map(|manifest| manifest.code.inspect(&manifest.functions)));
    diagnostics.extend(partial.iter().flat_map(|partial| partial.code.inspect_files(&partial.functions)));
    diagnostics.extend(manifest.iter().chain(&partial).flat_map(|manifest| manifest.packages.inspect()));
    let manifest = manifest.filter(|_| !diagnostics.iter().any(Diagnostic::is_error));
    sources.locate(&mut diagnostics);
    let valid = manifest.is_some();
    github::annotate(&diagnostics);
    match arguments.output {
        Output::Human => {
            err!("{}", render::diagnostic::human(&diagnostics));
            outln!("{}", summary(&diagnostics, manifest.as_ref()));
        }
        Output::Json => {
            let result = json!({ "valid": valid, "diagnostics": render::diagnostic::json(&diagnostics) });
            outln!("{}", serde_json::to_string_pretty(&result)?);
        }
    }
    Ok(if valid { Exit::Done } else { Exit::Failed })
}

fn summary(diagnostics: &[Diagnostic], manifest: Option<&Manifest>) -> String {
    let errors = diagnostics.iter().filter(|diagnostic| diagnostic.is_error()).count();
    let warnings = diagnostics.len() - errors;
    let mut parts = match manifest {
        Some(manifest) => {
            let policies = manifest.holders().filter(|holder| holder.policy.is_some()).count();
            let functions = manifest.functions.len() + manifest.existing.len();
            vec![counted(functions, "function", "functions"), counted(policies, "policy", "policies")]
        }
        None => vec![counted(errors, "error", "errors")],
    };
    if warnings > 0 {
        parts.push(counted(warnings, "warning", "warnings"));
    }
    let parts = parts.join(", ");
    if manifest.is_some() { format!("valid: {parts}") } else { parts }
}

fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}
