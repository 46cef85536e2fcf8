//! What the schema says about a file, in words: every finding at its place, and the rest of the file still usable.

use jsonschema::ValidationError;
use jsonschema::error::ValidationErrorKind;
use serde::Deserialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

use crate::diagnostic::{Diagnostic, Spot};

use super::file::File;
use super::json_schema;
use super::names::has_at_or_below;
use super::nearest::suggestion;
use super::source::is_secret;

/// Characters of a value that a message shows.
const SHOWN: usize = 60;
/// Rounds of taking out what is wrong; each can only make something above it wrong.
const ROUNDS: usize = 8;

/// Judges a file, and reads what of it is right. `failed` are nodes that are already known to be wrong; all that is
/// wrong is there afterwards.
pub(super) fn judge(
    source: usize,
    mut value: Value,
    failed: &mut BTreeSet<String>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<File> {
    if value.is_null() {
        diagnostics.push(Diagnostic::error("empty", "the manifest is empty").at(Spot::value(source, "")));
        return None;
    }
    let validator = json_schema::validator();
    let mut first = true;
    for _ in 0..ROUNDS {
        if failed.is_empty() && validator.is_valid(&value) {
            break;
        }
        let errors: Vec<_> = validator.iter_errors(&value).collect();
        if first {
            diagnostics.extend(explain(source, &errors, failed));
            first = false;
        }
        let mut wrong: BTreeSet<String> = errors.iter().flat_map(culprits).collect();
        drop(errors);
        wrong.extend(failed.iter().cloned());
        if wrong.contains("") {
            return None;
        }
        let before = failed.len();
        for pointer in &wrong {
            remove(&mut value, pointer);
        }
        failed.extend(wrong);
        if failed.len() == before && validator.is_valid(&value) {
            break;
        }
    }
    match File::deserialize(value) {
        Ok(file) => Some(file),
        Err(error) => {
            // What the schema accepts the types accept; should they ever differ, it is said rather than hidden.
            if first || diagnostics.is_empty() {
                diagnostics.push(Diagnostic::error("invalid-value", error.to_string()).at(Spot::value(source, "")));
            }
            None
        }
    }
}

/// Puts numbers and truth values, by their pointers, in place of texts that the schema refuses. Where it refuses both,
/// the one stays that is of the right type.
pub(super) fn type_texts(value: &mut Value, mut typed: BTreeMap<String, Value>) {
    if typed.is_empty() {
        return;
    }
    let refused = refused(value);
    typed.retain(|pointer, _| refused.contains_key(pointer));
    if typed.is_empty() {
        return;
    }
    swap(value, &mut typed);
    let refused = self::refused(value);
    typed.retain(|pointer, _| refused.get(pointer) == Some(&Refusal::Type));
    swap(value, &mut typed);
}

/// Exchanges nodes, by their pointers, with other values.
fn swap(value: &mut Value, others: &mut BTreeMap<String, Value>) {
    for (pointer, other) in others {
        if let Some(node) = value.pointer_mut(pointer) {
            std::mem::swap(node, other);
        }
    }
}

/// Why the schema refuses a node: for its type, or only for its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Refusal {
    Value,
    Type,
}

fn refused(value: &Value) -> BTreeMap<String, Refusal> {
    let mut refused = BTreeMap::new();
    for error in json_schema::validator().iter_errors(value) {
        let is_type = matches!(error.kind(), ValidationErrorKind::Type { .. });
        let refusal = if is_type { Refusal::Type } else { Refusal::Value };
        let known = refused.entry(error.instance_path().to_string()).or_insert(refusal);
        *known = refusal.max(*known);
    }
    refused
}

/// The nodes without which an error would not be.
fn culprits(error: &ValidationError) -> Vec<String> {
    let pointer = error.instance_path().to_string();
    let child = |name: &str| Spot::value(0, pointer.clone()).child(name).pointer;
    match error.kind() {
        ValidationErrorKind::AdditionalProperties { unexpected } => unexpected.iter().map(|name| child(name)).collect(),
        ValidationErrorKind::PropertyNames { error } => error.instance().as_str().map(child).into_iter().collect(),
        // What is missing from the file or from a function is reported, and the rest is still worth reading.
        ValidationErrorKind::Required { .. } if pointer.is_empty() || is_function(&pointer) => Vec::new(),
        _ => vec![pointer],
    }
}

fn is_function(pointer: &str) -> bool {
    pointer.strip_prefix("/functions/").is_some_and(|key| !key.contains('/'))
}

/// Takes a node out. Lists go as a whole, since the places of what follows would change.
fn remove(value: &mut Value, pointer: &str) {
    let mut node = value;
    let mut segments =
        pointer.split('/').skip(1).map(|segment| segment.replace("~1", "/").replace("~0", "~")).peekable();
    while let Some(segment) = segments.next() {
        let Value::Object(entries) = node else { return };
        let leaf = segments.peek().is_none() || entries.get(&segment).is_some_and(Value::is_array);
        if leaf {
            entries.remove(&segment);
            return;
        }
        match entries.get_mut(&segment) {
            Some(child) => node = child,
            None => return,
        }
    }
}

/// The findings of one run of the schema. Several missing fields of one mapping are one finding.
fn explain(source: usize, errors: &[ValidationError], failed: &BTreeSet<String>) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let mut missing: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let is_mistyped = |error: &&ValidationError| matches!(error.kind(), ValidationErrorKind::Type { .. });
    let mistyped: BTreeSet<String> =
        errors.iter().filter(is_mistyped).map(|error| error.instance_path().to_string()).collect();
    for error in errors {
        let pointer = error.instance_path().to_string();
        if !is_about_names(error) && has_at_or_below(failed, &pointer) {
            continue;
        }
        match error.kind() {
            // Of a wrong type, it breaks every other rule too.
            ValidationErrorKind::Enum { .. }
            | ValidationErrorKind::Minimum { .. }
            | ValidationErrorKind::Maximum { .. }
                if mistyped.contains(&pointer) => {}
            // Its branches are about mappings; that it is none is said by itself.
            ValidationErrorKind::OneOfNotValid { .. } if !error.instance().is_object() => {}
            // The program says it, together with what `defaults` could have given.
            ValidationErrorKind::Required { .. } if is_function(&pointer) => {}
            ValidationErrorKind::Required { property } if let Some(because) = dependent(error) => {
                let needed = property.as_str().unwrap_or_default();
                let message = format!("{} has `{because}`, which needs `{needed}`", subject(&pointer));
                found.push(Diagnostic::error("missing-field", message).at(Spot::key(source, pointer).child(because)));
            }
            ValidationErrorKind::Required { property } => {
                missing.entry(pointer).or_default().push(format!("`{}`", property.as_str().unwrap_or_default()));
            }
            ValidationErrorKind::AdditionalProperties { unexpected } => {
                found.extend(unexpected.iter().map(|name| unknown_field(error, &Spot::key(source, &pointer), name)));
            }
            ValidationErrorKind::PropertyNames { error: inner } => {
                let name = inner.instance().as_str().unwrap_or_default();
                let message = format!("the name `{name}` is not allowed{}", expectation(error, "propertyNames"));
                found.push(Diagnostic::error("invalid-name", message).at(Spot::key(source, &pointer).child(name)));
            }
            _ => found.push(wrong_value(error, &pointer).at(Spot::value(source, &pointer))),
        }
    }
    found.extend(missing.into_iter().map(|(pointer, fields)| {
        let message = format!("{} has no {}", subject(&pointer), fields.join(" and no "));
        Diagnostic::error("missing-field", message).at(Spot::key(source, pointer))
    }));
    found
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
        Some(field) if !pointer.is_empty() => format!("`{}`", field.replace("~1", "/").replace("~0", "~")),
        _ => "the manifest".to_owned(),
    }
}

/// The schema node that an error is about.
fn node(error: &ValidationError) -> Option<&'static Value> {
    let path = error.schema_path().to_string();
    json_schema::strict().pointer(path.rsplit_once('/')?.0)
}

fn unknown_field(error: &ValidationError, spot: &Spot, name: &str) -> Diagnostic {
    let known = node(error).and_then(|node| node.get("properties")?.as_object());
    let known = known.into_iter().flat_map(|known| known.keys().map(String::as_str));
    let message = format!("{} has no field `{name}`", subject(&spot.pointer));
    Diagnostic::error("unknown-field", message).at(spot.child(name)).help(suggestion(name, "field", known))
}

/// ", but it must be …", from the schema's own words.
fn expectation(error: &ValidationError, below: &str) -> String {
    let said = node(error).and_then(|node| match below {
        "" => node.get("errorMessage")?.as_str(),
        _ => node.get(below).unwrap_or(node).get("errorMessage")?.as_str(),
    });
    said.map(|said| format!(", but {said}")).unwrap_or_default()
}

fn wrong_value(error: &ValidationError, pointer: &str) -> Diagnostic {
    let instance = error.instance();
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
            format!("{} has `version` and `alias`, and only one of them can be meant", subject(pointer))
        }
        ValidationErrorKind::UniqueItems => format!("{} has an item twice", subject(pointer)),
        _ => not_as_expected(error, pointer),
    };
    let diagnostic = Diagnostic::error(code, message);
    match (instance.as_ref(), error.kind()) {
        (Value::String(name), ValidationErrorKind::Enum { options }) => {
            let names: Vec<&str> =
                options.as_array().map(Vec::as_slice).unwrap_or_default().iter().filter_map(Value::as_str).collect();
            if names.is_empty() { diagnostic } else { diagnostic.help(suggestion(name, "value", names)) }
        }
        (Value::Number(_) | Value::Bool(_), ValidationErrorKind::Type { .. }) if takes_text(error) => {
            diagnostic.help("write it in quotes, so that it is text")
        }
        (Value::String(name), _) if name == "latest" => diagnostic.help("leave it out: then the latest code is meant"),
        _ => diagnostic,
    }
}

/// Whether text is all that the schema takes here.
fn takes_text(error: &ValidationError) -> bool {
    let types = node(error).and_then(|node| node.get("type"));
    types.is_some_and(|types| words(types) == "text")
}

fn not_as_expected(error: &ValidationError, pointer: &str) -> String {
    let node = node(error);
    let mut expectation = expectation(error, "");
    if expectation.is_empty() {
        let types = node.and_then(|node| node.get("type"));
        expectation = match (error.kind(), types) {
            (ValidationErrorKind::Type { .. }, Some(types)) => format!(", but it must be {}", words(types)),
            (ValidationErrorKind::MinLength { .. }, _) => ", and must not be empty".to_owned(),
            (ValidationErrorKind::Enum { .. }, _) => ", which is none of the values that it can have".to_owned(),
            _ => format!(": {error}"),
        };
    }
    let default = node.and_then(|node| node.get("default")).filter(|default| default.is_number());
    let default = default.map(|default| format!(" (the default is {default})")).unwrap_or_default();
    let shown = if is_secret(pointer) { "not as it should be".to_owned() } else { shown(error.instance()) };
    format!("{} is {shown}{expectation}{default}", subject(pointer))
}

fn one_of(error: &ValidationError, pointer: &str) -> String {
    let branches = node(error).and_then(|node| node.get("oneOf")?.as_array()).map(Vec::as_slice).unwrap_or_default();
    let kinds: Vec<&str> = branches.iter().filter_map(|branch| branch.pointer("/required/0")?.as_str()).collect();
    let list = |names: &[&str]| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let has: Vec<&str> = kinds.iter().copied().filter(|kind| error.instance().get(kind).is_some()).collect();
    let has = if has.is_empty() { "none".to_owned() } else { list(&has) };
    format!("{} needs exactly one of {}, and has {has}", subject(pointer), list(&kinds))
}

/// The types of a schema in words; null, which every optional field allows, is not worth a word.
fn words(types: &Value) -> String {
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
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
        None => "null".to_owned(),
    }
}

/// A value as messages show it: short, and a collection by its kind only.
fn shown(value: &Value) -> String {
    match value {
        Value::Null => "empty".to_owned(),
        Value::Object(_) => "a mapping".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::String(text) if text.chars().count() <= SHOWN => format!("{text:?}"),
        Value::String(text) => format!("{:?}…", text.chars().take(SHOWN).collect::<String>()),
    }
}
