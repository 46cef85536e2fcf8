//! Reports fields of one function that need or exclude each other.

use serde_json::Value;

use crate::diagnostic::{Diagnostic, Spot};
use crate::model::agreement::{Disagreement, disagreements};
use crate::model::field::Field;
use crate::model::function::Function;
use crate::rules::runtime;

pub(super) fn check(function: &Function, diagnostics: &mut Vec<Diagnostic>) {
    let mut without_agency = None;
    for found in disagreements(&function.configuration) {
        let place = place(function, found.field());
        match found {
            Disagreement::Needs(_, needed) if function.ignore.contains(&needed) => {}
            // One finding is enough for all fields that need it.
            Disagreement::Needs(field, Field::Agency) => {
                without_agency.get_or_insert((field, place));
            }
            Disagreement::Needs(field, needed) => diagnostics.push(needs(field, needed).at(place)),
            Disagreement::ImageRuntime => diagnostics.push(image_runtime(function).at(place)),
            Disagreement::ImageDependencies => diagnostics.push(image_dependencies().at(place)),
        }
    }
    warn_of_runtime(function, diagnostics);
    if let Some((field, place)) = without_agency {
        let message = format!("`{}` needs an agency that may use it", group_or_key(field));
        let help = "set `agency` to an IAM agency that may use it";
        diagnostics.push(Diagnostic::error("missing-agency", message).at(place).help(help));
    }
}

fn needs(field: Field, needed: Field) -> Diagnostic {
    let (field_key, needed_key) = (field.key(), needed.key());
    let value = if needed.default_value() == Value::Bool(false) { ": true" } else { "" };
    Diagnostic::error("missing-field", format!("`{field_key}` needs `{needed_key}{value}`"))
        .help(format!("add `{needed_key}{value}`, or remove `{field_key}`"))
}

fn group_or_key(field: Field) -> &'static str {
    field.row().group().unwrap_or(field.key())
}

fn image_runtime(function: &Function) -> Diagnostic {
    let found = function.configuration.text(Field::Runtime);
    let [one, two, three] = runtime::OF_IMAGES;
    Diagnostic::error("image-runtime", format!("a container image cannot run on {found}"))
        .help(format!("set `runtime` to `{one}`, `{two}` or `{three}`"))
}

fn image_dependencies() -> Diagnostic {
    Diagnostic::error("image-dependencies", "a container image cannot have dependency packages")
        .help("install them in the image, and remove `dependencies`")
}

/// Warns about fields that do not apply to the function's runtime. What `defaults` give may be for other functions.
fn warn_of_runtime(function: &Function, diagnostics: &mut Vec<Diagnostic>) {
    let runtime = function.configuration.text(Field::Runtime);
    let declared = function.later.iter().filter(|(field, spot)| {
        let is_own = !spot.pointer.starts_with("/defaults/") && !function.ignore.contains(*field);
        is_own && function.configuration.has(**field)
    });
    for (field, spot) in declared.filter(|_| runtime::RUNTIMES.contains(&runtime)) {
        let Some(suits) = field.row().suits.filter(|suits| !(suits.runtime)(runtime)) else { continue };
        let message = format!("`{}` is for {}; the runtime here is {runtime}", field.key(), suits.words);
        let help = "remove it; the service may ignore or refuse it";
        diagnostics.push(Diagnostic::warning("not-for-runtime", message).at(spot.clone().of_key()).help(help));
    }
}

/// Where a field is declared.
fn place(function: &Function, field: Field) -> Spot {
    function.later.get(&field).cloned().unwrap_or_else(|| function.spot.clone()).of_key()
}
