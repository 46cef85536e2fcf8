//! Turns the schema's errors into messages: one finding for each mistake, with what to write instead.

use jsonschema::ValidationError;
use jsonschema::error::ValidationErrorKind;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

use crate::diagnostic::{Diagnostic, Spot, unescaped};
use crate::model::{number, period};

use super::check::Checked;
use super::entry;
use super::existing;
use super::hint;
use super::json_schema;
use super::names::has_at_or_below;
use super::nearest::quoted;
use super::source::{Sources, is_secret};

/// Characters of a value that a message shows.
const SHOWN: usize = 60;

/// The findings of one run of the schema. Several fields that one mapping lacks are one finding. `failed` contains
/// nodes that were already reported.
pub(super) fn explain(file: Checked<'_>, errors: &[ValidationError], failed: &BTreeSet<String>) -> Vec<Diagnostic> {
    let Checked { source, sources } = file;
    let mut found = Vec::new();
    let mut missing: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    let context = Context::of(errors);
    for error in errors {
        let pointer = error.instance_path().to_string();
        if !is_about_names(error) && (has_at_or_below(failed, &pointer) || context.follows(error, &pointer)) {
            continue;
        }
        match error.kind() {
            ValidationErrorKind::Required { property } if let Some(because) = dependent(error) => {
                let needed = property.as_str().unwrap_or_default();
                let message = format!("{} has `{because}`, which needs `{needed}`", subject(&pointer));
                let removed = sources.removed(&Spot::key(source, &pointer).child(needed)).into_iter().collect();
                let missing = Diagnostic::error("missing-field", message);
                let missing = missing.at(Spot::key(source, pointer).child(because));
                found.push(Diagnostic { related: removed, ..missing });
            }
            ValidationErrorKind::Required { property } => {
                missing.entry(pointer).or_default().push(property.as_str().unwrap_or_default());
            }
            // What such an entry takes is said by itself.
            ValidationErrorKind::AdditionalProperties { .. } if is_existing(error, &pointer) => {}
            ValidationErrorKind::PropertyNames { error: inner } if is_existing(error, &pointer) => {
                let name = inner.instance().as_str().unwrap_or_default();
                found.push(not_of_existing(&Spot::key(source, &pointer), name, sources));
            }
            ValidationErrorKind::AdditionalProperties { unexpected } => {
                found.extend(unexpected.iter().map(|name| unknown_field(error, &Spot::key(source, &pointer), name)));
            }
            ValidationErrorKind::PropertyNames { error: inner } => {
                let name = inner.instance().as_str().unwrap_or_default();
                let message = format!("the name `{name}` is not valid{}", expectation(error, "propertyNames", ": "));
                let finding = Diagnostic::error("invalid-name", message).at(Spot::key(source, &pointer).child(name));
                found.push(Diagnostic { help: hint::valid_name(name), ..finding });
            }
            _ => found.push(wrong_value(error, &Spot::value(source, &pointer), sources)),
        }
    }
    found.extend(missing.into_iter().map(|(pointer, fields)| {
        let named: Vec<String> = fields.iter().map(|field| format!("`{field}`")).collect();
        let message = format!("{} has no {}", subject(&pointer), named.join(" and no "));
        let help = pointer.is_empty().then(|| hint::BEGIN.to_owned());
        let spot = Spot::key(source, pointer);
        let related = fields.iter().filter_map(|field| sources.removed(&spot.child(field))).collect();
        Diagnostic { help, related, ..Diagnostic::error("missing-field", message).at(spot) }
    }));
    found
}

/// Errors about whole nodes. Errors that only follow from them are not reported again.
struct Context {
    /// Nodes of the wrong type.
    mistyped: BTreeSet<String>,
    /// Mappings with unknown fields, and the fields that were probably meant.
    unknown: BTreeMap<String, BTreeSet<String>>,
}

impl Context {
    fn of(errors: &[ValidationError]) -> Self {
        let (mut mistyped, mut unknown) = (BTreeSet::new(), BTreeMap::<_, BTreeSet<String>>::new());
        for error in errors {
            let pointer = error.instance_path().to_string();
            match error.kind() {
                ValidationErrorKind::Type { .. } => drop(mistyped.insert(pointer)),
                ValidationErrorKind::AdditionalProperties { unexpected } => {
                    let meant = unexpected.iter().filter_map(|name| hint::meant_field(&fields(error), name));
                    unknown.entry(pointer).or_default().extend(meant.map(str::to_owned));
                }
                _ => {}
            }
        }
        Self { mistyped, unknown }
    }

    /// Whether an error only follows from another one.
    fn follows(&self, error: &ValidationError, pointer: &str) -> bool {
        match error.kind() {
            // Of a wrong type, it breaks every other rule too.
            ValidationErrorKind::Enum { .. }
            | ValidationErrorKind::Minimum { .. }
            | ValidationErrorKind::Maximum { .. } => self.mistyped.contains(pointer),
            // The branches describe mappings. A value that is not a mapping is reported separately, and so is an
            // unknown field that is probably the kind.
            ValidationErrorKind::OneOfNotValid { .. } => {
                !error.instance().is_object() || self.unknown.contains_key(pointer)
            }
            // The program says it, together with what `defaults` could have given.
            ValidationErrorKind::Required { .. } if is_function(pointer) => true,
            // The field is present, but misspelt.
            ValidationErrorKind::Required { property } => {
                let meant = self.unknown.get(pointer);
                meant.is_some_and(|meant| property.as_str().is_some_and(|property| meant.contains(property)))
            }
            _ => false,
        }
    }
}

pub(super) fn is_function(pointer: &str) -> bool {
    pointer.strip_prefix("/functions/").is_some_and(|key| !key.contains('/'))
}

/// The field because of which another one is required.
fn dependent(error: &ValidationError) -> Option<&'static String> {
    if !error.schema_path().to_string().ends_with("/dependencies") {
        return None;
    }
    let dependencies = node(error)?.get("dependencies")?.as_object()?;
    dependencies.keys().find(|field| error.instance().get(field.as_str()).is_some())
}

fn is_about_names(error: &ValidationError) -> bool {
    matches!(error.kind(), ValidationErrorKind::AdditionalProperties { .. } | ValidationErrorKind::PropertyNames { .. })
}

fn subject(pointer: &str) -> String {
    let mut segments = pointer.rsplit('/');
    match segments.next() {
        Some(item) if item.parse::<usize>().is_ok() => {
            format!("an item of `{}`", segments.next().unwrap_or_default())
        }
        Some(field) if !pointer.is_empty() => format!("`{}`", unescaped(field)),
        _ => "the manifest".to_owned(),
    }
}

/// The schema node that an error is about.
fn node(error: &ValidationError) -> Option<&'static Value> {
    let path = error.schema_path().to_string();
    json_schema::strict().pointer(path.rsplit_once('/')?.0)
}

/// The fields that a mapping can have.
fn fields(error: &ValidationError) -> Vec<&'static str> {
    let known = node(error).and_then(|node| node.get("properties")?.as_object());
    known.into_iter().flat_map(|known| known.keys().map(String::as_str)).collect()
}

fn unknown_field(error: &ValidationError, spot: &Spot, name: &str) -> Diagnostic {
    let message = format!("{} has no field `{name}`", subject(&spot.pointer));
    let help = hint::unknown_field(&error.schema_path().to_string(), &spot.pointer, &fields(error), name);
    Diagnostic::error("unknown-field", message).at(spot.child(name)).help(help)
}

/// Whether an error is about the fields of a function that something else deploys.
fn is_existing(error: &ValidationError, pointer: &str) -> bool {
    is_function(pointer) && error.instance().as_object().is_some_and(entry::is_existing)
}

fn not_of_existing(spot: &Spot, name: &str, sources: &Sources) -> Diagnostic {
    let message = format!("{} has `existing: true`, so it cannot have the field `{name}`", subject(&spot.pointer));
    let meant = hint::meant_field(&existing::FIELDS, name).map(|field| format!("did you mean `{field}`? "));
    let help = format!(
        "{}an entry with `existing: true` takes only {}: something else deploys the function",
        meant.unwrap_or_default(),
        quoted(&existing::FIELDS)
    );
    let found = Diagnostic::error("unknown-field", message).at(spot.child(name)).help(help);
    let existing = spot.child(entry::EXISTING);
    let is_elsewhere = sources.is_later(&existing, &spot.child(name));
    if is_elsewhere { found.related("`existing: true` is written here", existing) } else { found }
}

/// The schema's own message about a node or the names in it.
fn expectation(error: &ValidationError, below: &str, joined: &str) -> String {
    let said = node(error).and_then(|node| match below {
        "" => node.get("errorMessage")?.as_str(),
        _ => node.get(below).unwrap_or(node).get("errorMessage")?.as_str(),
    });
    said.map(|said| format!("{joined}{said}")).unwrap_or_default()
}

fn wrong_value(error: &ValidationError, spot: &Spot, sources: &Sources) -> Diagnostic {
    let (instance, pointer) = (error.instance(), spot.pointer.as_str());
    let code = match error.kind() {
        ValidationErrorKind::Type { .. } => "wrong-type",
        ValidationErrorKind::Minimum { .. } | ValidationErrorKind::Maximum { .. } => "out-of-range",
        ValidationErrorKind::Enum { .. } if instance.is_number() => "out-of-range",
        _ => "invalid-value",
    };
    let message = match error.kind() {
        ValidationErrorKind::OneOfNotValid { .. } | ValidationErrorKind::OneOfMultipleValid { .. } => {
            one_of(error, pointer)
        }
        ValidationErrorKind::Not { .. } if instance.is_object() => {
            format!("{} has both `version` and `alias`; keep one of them", subject(pointer))
        }
        ValidationErrorKind::UniqueItems => format!("{} has an item twice", subject(pointer)),
        _ => not_as_expected(error, pointer),
    };
    let field = unescaped(pointer.rsplit('/').next().unwrap_or_default());
    let node = node(error).unwrap_or(&Value::Null);
    let (present, absent): (Vec<_>, Vec<_>) = conflicting(error).into_iter().partition(|it| instance.get(it).is_some());
    let related = absent.into_iter().filter_map(|absent| sources.removed(&spot.child(absent))).collect();
    let spot = sources.latest(spot.clone(), present.into_iter().map(|present| spot.child(present)));
    let found = Diagnostic::error(code, message).at(spot);
    Diagnostic { help: hint::value(&field, instance, node), related, ..found }
}

/// The fields of a mapping of which only one is allowed.
fn conflicting(error: &ValidationError) -> Vec<&'static str> {
    match error.kind() {
        ValidationErrorKind::OneOfNotValid { .. } | ValidationErrorKind::OneOfMultipleValid { .. } => kinds(error),
        ValidationErrorKind::Not { .. } if error.instance().is_object() => vec!["version", "alias"],
        _ => Vec::new(),
    }
}

fn not_as_expected(error: &ValidationError, pointer: &str) -> String {
    let node = node(error);
    let mut expectation = expectation(error, "", ", but ");
    if expectation.is_empty() {
        let types = node.and_then(|node| node.get("type"));
        expectation = match (error.kind(), types) {
            (ValidationErrorKind::Type { .. }, Some(types)) => format!(", but it must be {}", words(types)),
            (ValidationErrorKind::MinLength { .. }, _) => ", but it must not be empty".to_owned(),
            (ValidationErrorKind::Enum { .. }, _) => ", which is not an allowed value".to_owned(),
            _ => format!(": {error}"),
        };
    }
    let default = node.and_then(default_of).map(|default| format!(" (the default is {default})")).unwrap_or_default();
    format!("{} is {}{expectation}{default}", subject(pointer), shown(error.instance(), pointer))
}

/// The fields of which a mapping has exactly one.
fn kinds(error: &ValidationError) -> Vec<&'static str> {
    let branches = node(error).and_then(|node| node.get("oneOf")?.as_array()).map(Vec::as_slice).unwrap_or_default();
    branches.iter().filter_map(|branch| branch.pointer("/required/0")?.as_str()).collect()
}

/// The default of a number as a manifest would write it.
fn default_of(node: &Value) -> Option<String> {
    let default = node.get("default").filter(|default| default.is_number())?;
    let is_period = node.get("pattern").is_some_and(|pattern| pattern == period::PATTERN);
    let seconds = default.as_u64().filter(|_| is_period);
    Some(seconds.map_or_else(|| default.to_string(), number::period))
}

fn one_of(error: &ValidationError, pointer: &str) -> String {
    let kinds = kinds(error);
    let has: Vec<&str> = kinds.iter().copied().filter(|kind| error.instance().get(kind).is_some()).collect();
    let has = if has.is_empty() { "none of them".to_owned() } else { quoted(&has) };
    format!("{} needs exactly one of {}, but it has {has}", subject(pointer), quoted(&kinds))
}

/// The types of a schema in words; null, which every optional field allows, is not worth a word.
pub(super) fn words(types: &Value) -> String {
    let one = std::slice::from_ref(types);
    let types = types.as_array().map_or(one, Vec::as_slice);
    let words: Vec<&str> = types
        .iter()
        .filter_map(|kind| match kind.as_str()? {
            "string" => Some("text"),
            "integer" if types.iter().any(|kind| kind == "number") => None,
            "integer" => Some("a whole number"),
            "number" => Some("a number"),
            "boolean" => Some("true or false"),
            "object" => Some("a mapping"),
            "array" => Some("a list"),
            _ => None,
        })
        .collect();
    match words.split_last() {
        Some((last, [])) => (*last).to_owned(),
        Some((last, [other])) => format!("{other} or {last}"),
        Some((last, others)) => format!("{}, or {last}", others.join(", ")),
        None => "null".to_owned(),
    }
}

/// A value for a message: shortened, and for a collection only its kind. Where secrets are declared, the value itself
/// is not shown, because it may be the secret.
pub(super) fn shown(value: &Value, pointer: &str) -> String {
    match value {
        Value::String(_) if is_secret(pointer) => "text".to_owned(),
        Value::Bool(_) | Value::Number(_) if is_secret(pointer) => "a number or boolean".to_owned(),
        Value::Null => "empty".to_owned(),
        Value::Object(_) => "a mapping".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::String(text) if text.chars().count() <= SHOWN => format!("{text:?}"),
        Value::String(text) => format!("{:?}…", text.chars().take(SHOWN).collect::<String>()),
    }
}
