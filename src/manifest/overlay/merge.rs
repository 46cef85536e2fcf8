//! Lays the values of an overlay over those of a manifest: mappings are merged by key, and everything else is replaced.

use serde_json::{Map, Value};

use crate::diagnostic::{Diagnostic, Spot, escaped};

use super::super::json_schema;
use super::super::nearest::suggestion;
use super::super::source::Sources;
use super::NOTHING_TO_CHANGE;
use super::replaced::{Replaced, without_nulls};

/// A position in a manifest, with what the schema says about it.
#[derive(Clone)]
pub(super) struct Node {
    pointer: String,
    /// `None` where the schema has no fields, and below unknown fields.
    schema: Option<&'static Value>,
    /// Whether the mapping above has exactly one of several fields, and this is one of them.
    is_kind: bool,
}

impl Node {
    pub(super) fn root() -> Self {
        Self { pointer: String::new(), schema: Some(json_schema::strict()), is_kind: false }
    }

    pub(super) fn child(&self, key: &str) -> Self {
        let field = |schema: &'static Value| {
            let field = schema.get("properties").and_then(|fields| fields.get(key));
            field.or_else(|| schema.get("additionalProperties").filter(|entry| entry.is_object()))
        };
        let pointer = format!("{}/{}", self.pointer, escaped(key));
        Self { pointer, schema: self.schema.and_then(field), is_kind: self.kinds().any(|kind| kind == key) }
    }

    pub(super) fn pointer(&self) -> &str {
        &self.pointer
    }

    /// Whether the schema says which fields a mapping has here.
    pub(super) fn has_fields(&self) -> bool {
        self.schema.is_some_and(|schema| schema.get("properties").is_some())
    }

    /// The fields of which a mapping has exactly one, such as `dir` and `zip` of `code`.
    fn kinds(&self) -> impl Iterator<Item = &'static str> {
        let branches = self.schema.and_then(|schema| schema.get("oneOf")?.as_array());
        branches.into_iter().flatten().filter_map(|branch| branch.pointer("/required/0")?.as_str())
    }

    /// Whether the overlay selects another kind than the manifest. What the manifest says is then about something else.
    pub(super) fn is_of_another_kind(&self, below: &Map<String, Value>, patches: &Map<String, Value>) -> bool {
        let has = |fields: &Map<String, Value>, kind: &str| fields.get(kind).is_some_and(|value| !value.is_null());
        let mut selected = self.kinds().filter(|kind| has(patches, kind)).peekable();
        selected.peek().is_some() && !selected.any(|kind| has(below, kind))
    }

    /// Whether null is a value here: a variable that must be set elsewhere, or a field for which a function takes no default.
    /// Such a field is directly in the function, or in a group such as `vpc`.
    fn has_null(&self) -> bool {
        let mut segments = self.pointer.split('/').skip(1);
        let is_setting = match (segments.next(), segments.count()) {
            (Some("variables"), 1) => true,
            (Some("functions"), 2 | 3) => !self.is_kind,
            _ => false,
        };
        let types = self.schema.and_then(|schema| schema.get("type")?.as_array());
        is_setting && types.is_some_and(|types| types.iter().any(|kind| kind == "null"))
    }
}

/// An overlay, and the file that it is changing.
pub(super) struct Merge<'a> {
    pub(super) overlay: usize,
    pub(super) file: usize,
    pub(super) sources: &'a mut Sources,
    /// Names that mappings of the overlay replaced.
    pub(super) replaced: Vec<Replaced>,
    pub(super) diagnostics: &'a mut Vec<Diagnostic>,
}

impl Merge<'_> {
    /// Lays a value over one entry of a mapping.
    pub(super) fn entry(&mut self, map: &mut Map<String, Value>, key: &str, patch: Value, node: &Node) {
        match (patch, map.get_mut(key)) {
            (Value::Object(patches), Some(Value::Object(below))) if !node.is_of_another_kind(below, &patches) => {
                for (key, patch) in patches {
                    self.entry(below, &key, patch, &node.child(&key));
                }
            }
            (Value::Object(patches), below) => {
                let name = below.as_deref().and_then(Value::as_str);
                let replaced = name.and_then(|name| Replaced::of(self.file, node, name, &patches));
                let patches = if replaced.is_some() { without_nulls(patches) } else { patches };
                self.replaced.extend(replaced);
                self.wrote(node);
                let alone = self.alone(patches, node);
                map.insert(key.to_owned(), Value::Object(alone));
            }
            (Value::Null, Some(_)) if !node.has_null() => {
                self.wrote(node);
                map.remove(key);
            }
            (Value::Null, None) if !node.has_null() => {
                self.warn_of_nothing(key, node, map.keys().map(String::as_str));
            }
            (patch, _) => {
                self.wrote(node);
                map.insert(key.to_owned(), patch);
            }
        }
    }

    /// A mapping that only the overlay declares. There is nothing to remove from it.
    fn alone(&mut self, patches: Map<String, Value>, node: &Node) -> Map<String, Value> {
        let mut map = Map::new();
        for (key, patch) in patches {
            let child = node.child(&key);
            match patch {
                Value::Object(patches) => drop(map.insert(key, Value::Object(self.alone(patches, &child)))),
                // Another kind may be removed as well as replaced.
                Value::Null if child.is_kind => {}
                Value::Null if !child.has_null() => self.warn_of_nothing(&key, &child, []),
                patch => drop(map.insert(key, patch)),
            }
        }
        map
    }

    fn wrote(&mut self, node: &Node) {
        self.sources.wrote(self.overlay, Spot::value(self.file, node.pointer.clone()));
    }

    fn warn_of_nothing<'k>(&mut self, key: &str, node: &Node, known: impl IntoIterator<Item = &'k str>) {
        let message = format!("null removes `{key}`, but no manifest before this overlay has it here");
        let found = Diagnostic::warning(NOTHING_TO_CHANGE, message).help(suggestion(key, "keys here", known));
        self.diagnostics.push(found.at(Spot::key(self.overlay, node.pointer.clone())));
    }
}
