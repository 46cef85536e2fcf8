//! `fgctl validate`: checks manifests and their code files, without the network.

use crate::diagnostic::Diagnostic;
use crate::manifest::Manifest;

use crate::cli::Exit;
use crate::cli::failure::reported;
use crate::cli::help;
use crate::cli::manifest_arguments::{Checked, ManifestArguments};
use crate::cli::output::{FormatsOf, ReportOutput, Subject};
use crate::cli::report;
use crate::cli::report_file::{ReportArguments, Reporting, refuse_in_code};

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
#[command(after_long_help = EXAMPLES, mut_arg("output", |output| output.value_parser(FormatsOf(Subject::Manifests))))]
pub(in crate::cli) struct Arguments {
    #[command(flatten)]
    manifest: ManifestArguments,
    /// The output format
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value_t, help_heading = help::OUTPUT)]
    output: ReportOutput,
    #[command(flatten)]
    report: ReportArguments,
    /// Print only errors, and the result if -o selects a machine-readable format
    #[arg(short, long, help_heading = help::OUTPUT)]
    quiet: bool,
}

pub(super) async fn run(arguments: &Arguments) -> anyhow::Result<Exit> {
    let Arguments { manifest: files, output, report, quiet } = arguments;
    let reporting = Reporting {
        output: *output,
        files: report.files.clone(),
        manifest: Some(files.clone()),
        ..Reporting::default()
    };
    reporting.refuse(Subject::Manifests, None)?;
    reported(reporting.clone(), async { check(files, &reporting, *quiet) }).await
}

fn check(files: &ManifestArguments, reporting: &Reporting, quiet: bool) -> anyhow::Result<Exit> {
    let Checked { environment: _, sources, mut diagnostics, manifest, partial, secrets: _ } = files.check_all();
    manifest.iter().chain(&partial).try_for_each(|manifest| refuse_in_code(&reporting.files, manifest))?;
    diagnostics.extend(manifest.iter().flat_map(|manifest| manifest.code.inspect(&manifest.functions)));
    diagnostics.extend(partial.iter().flat_map(|partial| partial.code.inspect_files(&partial.functions)));
    diagnostics.extend(manifest.iter().chain(&partial).flat_map(|manifest| manifest.packages.inspect()));
    let manifest = manifest.filter(|_| !diagnostics.iter().any(Diagnostic::is_error));
    sources.locate(&mut diagnostics);
    report::checked(reporting, &summary(&diagnostics, manifest.as_ref()), &diagnostics, quiet);
    Ok(if manifest.is_some() { Exit::Done } else { Exit::Failed })
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
