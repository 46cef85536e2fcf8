//! Findings that concern several functions, or the names of everything.

use secrecy::ExposeSecret;
use std::collections::{BTreeSet, HashMap};

use crate::diagnostic::{Diagnostic, Spot};
use crate::model::address::FunctionAddress;
use crate::model::function::Function;
use crate::model::secret::RECOGNIZABLE;
use crate::model::text::StackName;

use super::source::Sources;

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
        let fields = [(package.as_str(), "package"), (name.as_str(), "name")];
        if has_one(key) {
            refuse("function", spot.clone().of_key());
        } else if let Some((_, field)) = fields.into_iter().find(|(text, _)| has_one(text)) {
            refuse("function", spot.clone().of_key().child(field));
        }
    }
    if let Some((_, spot)) = stack.filter(|(stack, _)| has_one(stack.as_str())) {
        refuse("stack", spot.clone());
    }
}

/// The place that gives a function its name: its key, or else its `name` or `package`, whichever an overlay sets. `defaults` is
/// given if the function takes its package from there.
fn place_of_name(function: &Spot, defaults: Option<&Spot>, sources: &Sources) -> Spot {
    // A field that is not written is located at the function's key.
    let key = function.clone().of_key();
    let package = defaults.unwrap_or(&key).clone().of_key().child("package");
    sources.latest(key.child("name"), [package])
}

/// Two declarations that exclude each other. The one in the later file is the second, because an overlay caused the conflict.
pub(super) fn in_order<'s>(one: &'s Spot, other: &'s Spot, sources: &Sources) -> (&'s Spot, &'s Spot) {
    if sources.is_later(one, other) { (other, one) } else { (one, other) }
}

/// Reports functions with the same address. Each is given with its spot, and that of `defaults` if its package comes from
/// there.
pub(super) fn refuse_duplicates<'a>(
    functions: impl Iterator<Item = (&'a FunctionAddress, (&'a Spot, Option<&'a Spot>))>,
    sources: &Sources,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let mut seen = HashMap::new();
    for (address, declared) in functions {
        if let Some(first) = seen.get(address) {
            let message = format!("two functions have the address `{address}`");
            let [first, second] = [*first, declared].map(|(spot, package)| place_of_name(spot, package, sources));
            let (first, second) = in_order(&first, &second, sources);
            diagnostics.push(
                Diagnostic::error("duplicate-address", message)
                    .at(second.clone())
                    .related("first declared here", first.clone())
                    .help("give one of them another `name` or `package`"),
            );
        } else {
            seen.insert(address, declared);
        }
    }
}
