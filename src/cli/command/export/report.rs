//! What an export tells: what it has written and what it has left out, or why there is nothing to write.

use serde_json::json;
use std::collections::BTreeMap;
use std::path::Path;

use crate::manifest::listed;
use crate::manifest::write::Written;
use crate::model::address::Address;
use crate::model::text::StackName;
use crate::model::urn::Scope;
use crate::render::{home, printable};

use crate::cli::failure::advised;

use super::{Arguments, MANIFEST};

/// The number of functions that an error names.
const NAMED: usize = 5;

/// What an export has written.
pub(super) struct Ended {
    pub(super) stack: StackName,
    pub(super) functions: Vec<Address>,
    /// The policies of functions that something else deploys.
    pub(super) policies: Vec<Address>,
    pub(super) left_out: Vec<String>,
    pub(super) warnings: Vec<String>,
    pub(super) written: Written,
}

/// The error if there is nothing to write: what was requested, why a manifest cannot declare it, and what to do.
pub(super) fn nothing(arguments: &Arguments, left_out: &[String]) -> anyhow::Error {
    let Arguments { name, stack, policies_only, .. } = arguments;
    let with = if *policies_only { " with a policy or a trigger" } else { "" };
    let asked = match (stack, name) {
        (None, None) => format!("the project has no unowned functions{with}"),
        (None, Some(name)) => format!("no unowned function{with} matches --name {name}"),
        (Some(stack), None) if *policies_only => {
            format!("stack \"{stack}\" owns no policies or triggers in this project")
        }
        (Some(stack), None) => format!("stack \"{stack}\" owns no functions in this project"),
        (Some(stack), Some(name)) => {
            format!("no function{with} of stack \"{stack}\" matches --name {name}, and no unowned function does")
        }
    };
    let named: Vec<&str> = left_out.iter().take(NAMED).map(String::as_str).collect();
    let more = left_out.len() - named.len();
    let more = if more > 0 { format!("; and {more} more") } else { String::new() };
    let left_out = if named.is_empty() { String::new() } else { format!(" (left out: {}{more})", named.join("; ")) };
    let help = match (stack, name) {
        (None, _) => "to export the functions of a stack, give its name with --stack",
        (Some(_), None) => "to export unowned functions, add --name '*'",
        (Some(_), Some(_)) => "check the name of the stack and the pattern",
    };
    advised(format!("nothing to export: {asked}{left_out}"), help)
}

pub(super) fn json(ended: Ended, scope: &Scope, to: &Path) -> serde_json::Value {
    let Ended { stack, functions, policies, left_out, warnings, written } = ended;
    let remarks: BTreeMap<String, Vec<String>> =
        written.remarks.into_iter().map(|(address, remarks)| (address.to_string(), remarks)).collect();
    let manifest = to.join(MANIFEST).display().to_string();
    let Scope { region, project_id } = scope;
    json!({
        "manifest": manifest, "stack": stack, "region": region, "project_id": project_id, "functions": functions,
        "policies": policies, "triggers": written.triggers, "remarks": remarks, "left_out": left_out,
        "warnings": warnings,
    })
}

/// `apply` is the command that applies the manifest.
pub(super) fn summary(ended: &Ended, scope: &Scope, to: &Path, apply: &str) -> String {
    let Ended { stack, functions, policies, left_out, warnings, written } = ended;
    let (home, manifest) = (home::phrase(stack, scope), to.join(MANIFEST));
    let counts = [
        (functions.len(), "function", "functions"),
        (policies.len(), "policy", "policies"),
        (written.triggers.len(), "trigger", "triggers"),
    ];
    let counts = || counts.into_iter().filter(|(count, ..)| *count > 0);
    let some = |(count, one, many)| if count == 1 { format!("1 {one}") } else { format!("{count} {many}") };
    let what = listed(&counts().map(some).collect::<Vec<_>>());
    let mut lines = vec![format!("Exported {what} of {home} to {}.", manifest.display())];
    for (address, remarks) in &written.remarks {
        lines.extend(remarks.iter().map(|remark| format!("  {address}: {remark}")));
    }
    lines.extend(left_out.iter().map(|remark| format!("  not declared: {remark}")));
    lines.extend(warnings.iter().map(|warning| format!("  warning: {warning}")));
    // Names and values come from the service.
    let mut lines: Vec<String> = lines.iter().map(|line| printable(line)).collect();
    if !functions.is_empty() {
        lines.push(
            "The manifest contains the live environment values: before you commit it, move secret values to `secrets`."
                .into(),
        );
    }
    let these = listed(&counts().map(|(_, _, many)| many.to_owned()).collect::<Vec<_>>());
    lines.push(format!("To manage these {these} with the manifest, run `{apply}`.\n"));
    lines.join("\n")
}
