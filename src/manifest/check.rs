//! Checks a file against the schema. Every finding has its place, and the rest of the file stays usable.

use jsonschema::ValidationError;
use jsonschema::error::ValidationErrorKind;
use serde::Deserialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

use crate::diagnostic::{Diagnostic, Spot, unescaped};

use super::explain::{explain, is_function};
use super::file::File;
use super::hint;
use super::json_schema;
use super::source::Sources;

/// How often wrong values are removed. Each removal can only invalidate something above it.
const ROUNDS: usize = 8;

/// A file that is checked, and the overlays that change it.
#[derive(Clone, Copy)]
pub(super) struct Checked<'a> {
    pub(super) source: usize,
    pub(super) sources: &'a Sources,
}

/// Checks a file and reads its valid part. `failed` contains nodes that are known to be wrong; all other wrong nodes
/// are added.
pub(super) fn check(
    file: Checked<'_>,
    mut value: Value,
    failed: &mut BTreeSet<String>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<File> {
    if let Some(finding) = hint::no_manifest(&value) {
        diagnostics.push(finding.at(Spot::value(file.source, "")));
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
            diagnostics.extend(explain(file, &errors, failed));
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
            // The types accept whatever the schema accepts. If they ever differ, report it.
            if first || diagnostics.is_empty() {
                diagnostics
                    .push(Diagnostic::error("invalid-value", error.to_string()).at(Spot::value(file.source, "")));
            }
            None
        }
    }
}

/// Replaces texts that the schema refuses with numbers or booleans, by their pointers. If the schema refuses both, the
/// one with the right type is kept.
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

/// Swaps nodes with other values, by their pointers.
fn swap(value: &mut Value, others: &mut BTreeMap<String, Value>) {
    for (pointer, other) in others {
        if let Some(node) = value.pointer_mut(pointer) {
            std::mem::swap(node, other);
        }
    }
}

/// Why the schema refuses a node: because of its type, or only because of its value.
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

/// The nodes that cause an error.
fn culprits(error: &ValidationError) -> Vec<String> {
    let pointer = error.instance_path().to_string();
    let child = |name: &str| Spot::value(0, pointer.clone()).child(name).pointer;
    match error.kind() {
        ValidationErrorKind::AdditionalProperties { unexpected } => unexpected.iter().map(|name| child(name)).collect(),
        ValidationErrorKind::PropertyNames { error } => error.instance().as_str().map(child).into_iter().collect(),
        // Required fields that the file or a function lacks are reported, and the rest is still read.
        ValidationErrorKind::Required { .. } if pointer.is_empty() || is_function(&pointer) => Vec::new(),
        _ => vec![pointer],
    }
}

/// Removes a node. A list is removed completely, because the positions of later items would change.
fn remove(value: &mut Value, pointer: &str) {
    let mut node = value;
    let mut segments = pointer.split('/').skip(1).map(unescaped).peekable();
    while let Some(segment) = segments.next() {
        let Value::Object(entries) = node else { return };
        let leaf = segments.peek().is_none() || entries.get(&*segment).is_some_and(Value::is_array);
        if leaf {
            entries.remove(&*segment);
            return;
        }
        match entries.get_mut(&*segment) {
            Some(child) => node = child,
            None => return,
        }
    }
}
