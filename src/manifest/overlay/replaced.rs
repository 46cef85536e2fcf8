//! A mapping over the name of a policy or a target. Mappings are merged, and names are replaced, so people expect the mapping
//! to change what the name stands for. It would lose every field that it does not write.

use serde_json::{Map, Value};

use crate::diagnostic::{Diagnostic, Spot};

use super::super::nearest::listed;
use super::Documents;
use super::merge::Node;
use super::singular;

/// The fields that contain a name or a mapping, and the sections that declare the names.
const REFERENCES: [(&str, &str); 3] = [("async", "policies"), ("on_success", "targets"), ("on_failure", "targets")];

/// A name that a mapping replaced.
pub(super) struct Replaced {
    /// The file of the name.
    file: usize,
    node: Node,
    section: &'static str,
    name: String,
    mapping: Map<String, Value>,
}

impl Replaced {
    /// `None` if the text is not the name of a policy or a target.
    pub(super) fn of(file: usize, node: &Node, name: &str, mapping: &Map<String, Value>) -> Option<Self> {
        let field = node.pointer().rsplit('/').next()?;
        let (_, section) = REFERENCES.into_iter().find(|(key, _)| *key == field && node.has_fields())?;
        Some(Self { file, node: node.clone(), section, name: name.to_owned(), mapping: mapping.clone() })
    }

    /// The error if the mapping leaves out fields of the declaration.
    pub(super) fn finding(&self, manifests: &Documents) -> Option<Diagnostic> {
        let Self { file, node, section, name, mapping } = self;
        let declared =
            manifests.iter().find_map(|(_, document)| document.value.get(section)?.get(name)?.as_object())?;
        let mut lost = Vec::new();
        missing(declared, mapping, node, &mut lost);
        if lost.is_empty() {
            return None;
        }
        let lost: Vec<String> = lost.iter().map(|field| format!("`{field}`")).collect();
        let field = node.pointer().rsplit('/').next().unwrap_or_default();
        let noun = singular(section);
        let message = format!(
            "`{field}` is the {noun} `{name}`, and this mapping would replace it: {} would be lost",
            listed(&lost)
        );
        let help = format!(
            "change `{name}` under `{section}`; or, to replace the {noun} here, write these fields too, or null for those that you \
             do not want"
        );
        Some(Diagnostic::error("incomplete-replacement", message).at(Spot::key(*file, node.pointer())).help(help))
    }
}

/// Adds the fields that a declaration has and a mapping does not mention. If the mapping is of another kind, it mentions none of
/// them for a reason.
fn missing(declared: &Map<String, Value>, mapping: &Map<String, Value>, node: &Node, lost: &mut Vec<String>) {
    if node.is_of_another_kind(declared, mapping) {
        return;
    }
    for (key, value) in declared.iter().filter(|(_, value)| !value.is_null()) {
        match (value, mapping.get(key)) {
            (_, None) => lost.push(key.clone()),
            (Value::Object(declared), Some(Value::Object(mapping))) => {
                let before = lost.len();
                missing(declared, mapping, &node.child(key), lost);
                lost[before..].iter_mut().for_each(|below| *below = format!("{key}.{below}"));
            }
            (_, Some(_)) => {}
        }
    }
}

/// A mapping without the nulls that say which fields of the declaration are not wanted.
pub(super) fn without_nulls(mapping: Map<String, Value>) -> Map<String, Value> {
    let entries = mapping.into_iter().filter(|(_, value)| !value.is_null());
    entries
        .map(|(key, value)| match value {
            Value::Object(below) => (key, Value::Object(without_nulls(below))),
            other => (key, other),
        })
        .collect()
}
