//! Findings that concern several functions, or the names of everything.

use secrecy::ExposeSecret;
use std::collections::{BTreeSet, HashMap};

use crate::diagnostic::{Diagnostic, Spot};
use crate::model::address::FunctionAddress;
use crate::model::function::Function;
use crate::model::secret::RECOGNIZABLE;
use crate::model::text::StackName;

/// Reports names that contain the value of a secret, because URNs, tags and saved plans contain those names.
pub(super) fn refuse_secrets_in_names(
    functions: &[Function],
    stack: Option<&(StackName, Spot)>,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let secrets = functions.iter().flat_map(|function| function.secrets.values());
    let secrets = secrets.filter_map(|secret| secret.value.as_ref()).map(ExposeSecret::expose_secret);
    let secrets: BTreeSet<&str> = secrets.filter(|value| value.chars().count() >= RECOGNIZABLE).collect();
    let has_one = |name: &str| secrets.iter().any(|secret| name.contains(secret));
    let mut refuse = |what: &str, spot: Spot| {
        let message =
            format!("the name of this {what} contains the value of a secret, and names are visible everywhere");
        let help = "choose another name, or declare the value under `environment` if it is not secret";
        diagnostics.push(Diagnostic::error("secret-in-name", message).at(spot).help(help));
    };
    for Function { key, address: FunctionAddress { package, name }, spot, .. } in functions {
        if [key.as_str(), package.as_str(), name.as_str()].into_iter().any(has_one) {
            refuse("function", spot.clone());
        }
    }
    if let Some((_, spot)) = stack.filter(|(stack, _)| has_one(stack.as_str())) {
        refuse("stack", spot.clone());
    }
}

/// Reports functions with the same address.
pub(super) fn refuse_duplicates<'a>(
    functions: impl Iterator<Item = (&'a FunctionAddress, &'a Spot)>,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let mut seen: HashMap<&FunctionAddress, &Spot> = HashMap::new();
    for (address, spot) in functions {
        if let Some(first) = seen.get(address) {
            let message = format!("two functions have the address `{address}`");
            diagnostics.push(
                Diagnostic::error("duplicate-address", message)
                    .at(spot.clone().of_key())
                    .related("first declared here", (*first).clone().of_key())
                    .help("give one of them another `name` or `package`"),
            );
        } else {
            seen.insert(address, spot);
        }
    }
}
