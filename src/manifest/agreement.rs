//! Reports fields of one function that need or exclude each other.

use serde_json::Value;

use crate::diagnostic::{Diagnostic, Spot};
use crate::model::agreement::{Disagreement, disagreements};
use crate::model::field::Field;
use crate::model::function::Function;
use crate::rules::runtime;

use super::declared::spot_of;
use super::source::Sources;

pub(super) fn check(function: &Function, sources: &Sources, diagnostics: &mut Vec<Diagnostic>) {
    let mut without_agency = None;
    for found in disagreements(&function.configuration) {
        let place = place(function, found, sources);
        let removed = |needed: Field| sources.removed(&spot_of(needed, &function.spot));
        match found {
            Disagreement::Needs(_, needed) if function.ignore.contains(&needed) => {}
            // One finding is enough for all fields that need it.
            Disagreement::Needs(field, Field::Agency) => {
                without_agency.get_or_insert((field, place, removed(Field::Agency)));
            }
            Disagreement::Needs(field, needed) => {
                let related = removed(needed).into_iter().collect();
                diagnostics.push(Diagnostic { related, ..needs(field, needed).at(place) });
            }
            Disagreement::ImageRuntime => diagnostics.push(image_runtime(function).at(place)),
            Disagreement::ImageDependencies => diagnostics.push(image_dependencies().at(place)),
        }
    }
    warn_of_runtime(function, sources, diagnostics);
    if let Some((field, place, removed)) = without_agency {
        let message = format!("`{}` needs an agency that may use it", group_or_key(field));
        let help = "set `agency` to an IAM agency that may use it";
        let found = Diagnostic::error("missing-agency", message).at(place).help(help);
        diagnostics.push(Diagnostic { related: removed.into_iter().collect(), ..found });
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
fn warn_of_runtime(function: &Function, sources: &Sources, diagnostics: &mut Vec<Diagnostic>) {
    let runtime = function.configuration.text(Field::Runtime);
    let declared = function.later.iter().filter(|(field, spot)| {
        let is_own = !spot.pointer.starts_with("/defaults/") && !function.ignore.contains(*field);
        is_own && function.configuration.has(**field)
    });
    for (field, spot) in declared.filter(|_| runtime::RUNTIMES.contains(&runtime)) {
        let Some(suits) = field.row().suits.filter(|suits| !(suits.runtime)(runtime)) else { continue };
        let message = format!("`{}` is for {}; the runtime here is {runtime}", field.key(), suits.words);
        let help = "remove it; the service may ignore or refuse it";
        let found = Diagnostic::warning("not-for-runtime", message).at(spot.clone().of_key()).help(help);
        let runtime = spot_of(Field::Runtime, &function.spot);
        let is_changed = sources.is_later(&runtime, spot);
        diagnostics.push(if is_changed { found.related("the runtime is set here", runtime) } else { found });
    }
}

/// Where the field is declared, or the other one, if an overlay sets that.
fn place(function: &Function, found: Disagreement, sources: &Sources) -> Spot {
    let spot = function.later.get(&found.field()).cloned().unwrap_or_else(|| function.spot.clone()).of_key();
    let others: &[Field] = match found {
        Disagreement::Needs(..) => &[],
        Disagreement::ImageRuntime => &[Field::Runtime, Field::ImageUrl],
        Disagreement::ImageDependencies => &[Field::ImageUrl],
    };
    sources.latest(spot, others.iter().map(|field| spot_of(*field, &function.spot).of_key()))
}
