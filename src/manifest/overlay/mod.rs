//! Overlays: files with `overlay: true`, which change what the manifests before them declare.
//!
//! An overlay changes the values of the manifests before variables are substituted and before the schema is checked, so every
//! rule applies to the result. The sources record what each overlay wrote, so that findings point into it.

mod merge;
mod replaced;
mod schema;

use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

use crate::diagnostic::{Diagnostic, Spot};

use super::Documents;
use super::entry;
use super::explain::shown;
use super::nearest::{nearest, suggestion};
use super::quantity::truth;
use super::source::{Document, Sources, Written};
use merge::{Merge, Node};

pub use schema::published;

/// The field that marks an overlay.
const MARK: &str = "overlay";

/// The sections whose entries have names. A name is declared in one file, so an overlay changes that file.
const SECTIONS: [&str; 4] = ["variables", "targets", "policies", "functions"];

/// The fields that only a whole function has. An entry with one of them is not only a change of another entry.
const WHOLE: [&str; 2] = ["code", "image"];

pub(super) fn is_overlay(value: &Value) -> bool {
    value.get(MARK) == Some(&Value::Bool(true))
}

/// Applies each overlay to the manifests before it. `is_partial` means that a file, which may declare more, could not be read.
pub(super) fn apply(
    documents: Documents,
    is_partial: bool,
    sources: &mut Sources,
    diagnostics: &mut Vec<Diagnostic>,
) -> Documents {
    let (mut manifests, mut applied) = (Documents::new(), BTreeSet::new());
    for (position, (source, mut document)) in documents.into_iter().enumerate() {
        sources.place(source, position);
        let Some(mark) = document.value.as_object_mut().and_then(|fields| fields.remove(MARK)) else {
            manifests.push((source, document));
            continue;
        };
        let is_meant = is_meant(&mark);
        if mark != Value::Bool(true) {
            diagnostics.push(wrong_mark(source, is_meant));
        }
        if !is_meant {
            manifests.push((source, document));
        } else if manifests.is_empty() && !is_partial {
            diagnostics.push(without_manifest(source));
        } else {
            let mut found = Vec::new();
            let merge = Merge { overlay: source, file: 0, sources, replaced: Vec::new(), diagnostics: &mut found };
            Patching { manifests: &mut manifests, is_partial, merge }.document(document);
            // The first time, an entry was removed that is not there the second time.
            let is_first = applied.insert(source);
            diagnostics.extend(found.into_iter().filter(|found| is_first || found.is_error()));
        }
    }
    manifests
}

/// Whether the mark says yes, in words that YAML does not read as true.
fn is_meant(mark: &Value) -> bool {
    mark.as_str().map_or(mark == true, |text| truth(text) == Some(true))
}

fn wrong_mark(source: usize, is_meant: bool) -> Diagnostic {
    let help = if is_meant {
        "write `overlay: true`"
    } else {
        "remove it; `overlay: true` marks a file that changes what the files before it declare"
    };
    Diagnostic::error("invalid-value", "`overlay` can only be true").at(Spot::value(source, "/overlay")).help(help)
}

fn without_manifest(source: usize) -> Diagnostic {
    let message = "this overlay has nothing to change, because no manifest comes before it";
    let help = "name the manifest before the overlay: `-f fgctl.yaml -f prod.yaml`";
    Diagnostic::error("overlay-without-manifest", message).at(Spot::key(source, "/overlay")).help(help)
}

/// An overlay that is being applied.
struct Patching<'a> {
    manifests: &'a mut Documents,
    is_partial: bool,
    merge: Merge<'a>,
}

impl Patching<'_> {
    fn document(&mut self, document: Document) {
        let Document { value, mut variables, root: _ } = document;
        let Value::Object(sections) = value else { return };
        for (name, section) in sections {
            if SECTIONS.contains(&name.as_str()) {
                self.section(&name, section, &mut variables);
            } else {
                self.field(&name, &section);
            }
        }
        let findings = self.merge.replaced.iter().filter_map(|replaced| replaced.finding(self.manifests));
        self.merge.diagnostics.extend(findings);
    }

    /// A field of the whole manifest. All files that have it have the same value, except that only one file has `defaults`.
    fn field(&mut self, name: &str, patch: &Value) {
        // A key without a value changes nothing. Its entries may be commented out.
        if patch.is_null() {
            return;
        }
        let node = Node::root().child(name);
        let mut holders: Vec<usize> = (0..self.manifests.len()).filter(|index| self.has(*index, &[name])).collect();
        if holders.is_empty() {
            holders.extend(self.first());
        }
        for index in holders {
            let (source, document) = &mut self.manifests[index];
            self.merge.file = *source;
            if let Value::Object(fields) = &mut document.value {
                self.merge.entry(fields, name, patch.clone(), &node);
            }
        }
    }

    fn section(&mut self, name: &str, section: Value, variables: &mut BTreeMap<String, Written>) {
        let entries = match section {
            Value::Object(entries) => entries,
            Value::Null => return,
            other => {
                let spot = Spot::value(self.merge.overlay, format!("/{name}"));
                let message = format!("`{name}` is {}, but it must be a mapping", shown(&other, &spot.pointer));
                return self.merge.diagnostics.push(Diagnostic::error("wrong-type", message).at(spot));
            }
        };
        let node = Node::root().child(name);
        for (key, patch) in entries {
            let holder = (0..self.manifests.len()).find(|index| self.has(*index, &[name, &key]));
            if holder.is_none() && !self.may_add(name, &key, &patch) {
                continue;
            }
            let Some(index) = holder.or_else(|| self.first()) else { continue };
            let (source, document) = &mut self.manifests[index];
            self.merge.file = *source;
            if name == "variables"
                && let Some(written) = variables.remove(&key)
            {
                document.variables.insert(key.clone(), written);
            }
            if let Some(entries) = entries_of(&mut document.value, name) {
                self.merge.entry(entries, &key, patch, &node.child(&key));
            }
        }
    }

    fn has(&self, index: usize, path: &[&str]) -> bool {
        path.iter().try_fold(&self.manifests[index].1.value, |value, field| value.get(field)).is_some()
    }

    /// The manifest for what no manifest declares yet.
    fn first(&self) -> Option<usize> {
        self.manifests.iter().position(|(_, document)| document.value.is_object())
    }

    /// Whether the overlay may declare something new. Reports what is more likely a wrong name.
    fn may_add(&mut self, section: &str, key: &str, patch: &Value) -> bool {
        if self.is_partial {
            return false;
        }
        let known: Vec<&str> = self
            .manifests
            .iter()
            .filter_map(|(_, it)| it.value.get(section)?.as_object())
            .flat_map(Map::keys)
            .map(String::as_str)
            .collect();
        let noun = singular(section);
        let spot = Spot::key(self.merge.overlay, format!("/{section}")).child(key);
        let message = format!("no manifest before this overlay declares the {noun} `{key}`");
        let (found, may_add) = match patch {
            // A variable without a value must be set elsewhere.
            Value::Null if section != "variables" => {
                let found = Diagnostic::warning(NOTHING_TO_CHANGE, format!("{message}, so there is nothing to remove"));
                (found.help(suggestion(key, section, known)), false)
            }
            _ if section == "functions" && !is_whole(patch) => {
                let help = suggestion(key, section, known);
                let help = if help.ends_with('?') { help } else { format!("{help}; {NEW_FUNCTION}") };
                (Diagnostic::error(NOTHING_TO_CHANGE, message).help(help), false)
            }
            _ => {
                let Some(nearest) = nearest(key, known) else { return true };
                let found = Diagnostic::warning(NOTHING_TO_CHANGE, format!("{message}, so the overlay adds it"));
                (found.help(format!("did you mean `{nearest}`? {NEW_ENTRY}")), true)
            }
        };
        self.merge.diagnostics.push(found.at(spot));
        may_add
    }
}

const NEW_ENTRY: &str = "otherwise, declare it in a file without `overlay`";
const NEW_FUNCTION: &str = "to declare a function in an overlay, give its `code`";

/// The code of the finding that an overlay changes something that no manifest declares.
const NOTHING_TO_CHANGE: &str = "nothing-to-change";

/// Whether an entry declares a function by itself, and does not only change one.
fn is_whole(entry: &Value) -> bool {
    let Value::Object(fields) = entry else { return false };
    WHOLE.iter().any(|field| fields.contains_key(*field)) || entry::is_existing(fields)
}

fn singular(section: &str) -> &'static str {
    match section {
        "variables" => "variable",
        "targets" => "target",
        "policies" => "policy",
        _ => "function",
    }
}

/// The entries of a section, which is added if it is missing. `None` if it is not a mapping, which the schema reports.
fn entries_of<'a>(manifest: &'a mut Value, section: &str) -> Option<&'a mut Map<String, Value>> {
    let section = manifest.as_object_mut()?.entry(section).or_insert(Value::Null);
    if section.is_null() {
        *section = json!({});
    }
    section.as_object_mut()
}
