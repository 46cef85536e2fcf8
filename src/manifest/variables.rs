//! `${var.x}`: which value a variable has, and putting it in.
//!
//! A value stays as it was written, wherever it comes from: `1.10` in a name is `1.10`. It becomes a number or a truth
//! value only where the schema takes no text.

use serde_json::{Map, Value};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use crate::diagnostic::{Diagnostic, Spot};
use crate::model::credential::VALUE_PREFIX;

use super::file::declared_twice;
use super::nearest::suggestion;
use super::source::{Document, Written, scalar};

/// The variables' values.
#[derive(Debug, Default)]
pub(super) struct Variables {
    known: BTreeMap<String, Variable>,
    /// Whether a manifest could not be read, so that a variable that is not here may well be declared.
    is_partial: bool,
}

#[derive(Debug)]
struct Variable {
    spot: Spot,
    /// The declaration is quoted, so that values from outside are text, too.
    is_text: bool,
    value: Given,
}

#[derive(Debug)]
enum Given {
    As(Written),
    /// It must be given and is not.
    Missing,
    /// Not a scalar, which the schema reports.
    Wrong,
}

/// What became of the texts with variables in one file, by their pointers.
#[derive(Debug, Default)]
pub(super) struct Substituted {
    /// Where it failed.
    pub(super) failed: BTreeSet<String>,
    /// The number or truth value that a text, which is a variable's whole value, may also be.
    pub(super) typed: BTreeMap<String, Value>,
}

impl Given {
    fn of(written: Option<&Written>) -> Self {
        match written {
            Some(written) if written.is_plain && scalar::resolve(&written.text).is_null() => Self::Missing,
            Some(written) => Self::As(written.clone()),
            None => Self::Wrong,
        }
    }
}

impl Variables {
    /// The declarations of all files; `is_partial` where a file that may have more could not be read.
    pub(super) fn declared(files: &[(usize, Document)], is_partial: bool, diagnostics: &mut Vec<Diagnostic>) -> Self {
        let mut variables = Self { known: BTreeMap::new(), is_partial };
        for (source, file) in files {
            variables.declare(*source, file, diagnostics);
        }
        variables
    }

    fn declare(&mut self, source: usize, file: &Document, diagnostics: &mut Vec<Diagnostic>) {
        let Some(Value::Object(variables)) = file.value.get("variables") else { return };
        for name in variables.keys() {
            let spot = Spot::value(source, "/variables").child(name);
            if let Some(first) = self.known.get(name) {
                diagnostics.push(declared_twice(name, spot, first.spot.clone()));
                continue;
            }
            let written = file.variables.get(name);
            let is_text = written.is_some_and(|written| !written.is_plain);
            self.known.insert(name.clone(), Variable { spot, is_text, value: Given::of(written) });
        }
    }

    /// Takes the values of a variable file; a later one wins.
    pub(super) fn take_file(&mut self, source: usize, file: &Document, diagnostics: &mut Vec<Diagnostic>) {
        let Value::Object(values) = &file.value else {
            let message = "a variable file has one mapping, of variables' names to values";
            diagnostics.push(Diagnostic::error("wrong-type", message).at(Spot::value(source, "")));
            return;
        };
        for (name, value) in values {
            let spot = Spot::value(source, "").child(name);
            if value.is_array() || value.is_object() {
                let message = format!("the variable `{name}` must be text, a number or a truth value");
                diagnostics.push(Diagnostic::error("wrong-type", message).at(spot));
            } else if let Some(variable) = self.known.get_mut(name) {
                variable.value = Given::of(file.root.get(name));
            } else if !self.is_partial {
                let help = self.suggestion(name);
                let message = format!("no manifest declares the variable `{name}`");
                diagnostics.push(Diagnostic::warning("unknown-variable", message).at(spot.of_key()).help(help));
            }
        }
    }

    /// Takes values from the environment.
    pub(super) fn take_environment(&mut self, environment: &dyn Fn(&str) -> Option<String>) {
        for (name, variable) in &mut self.known {
            if let Some(text) = environment(&format!("{VALUE_PREFIX}{name}")) {
                variable.take_text(text);
            }
        }
    }

    /// Takes values from the command line.
    pub(super) fn take_arguments(&mut self, arguments: &[(String, String)], diagnostics: &mut Vec<Diagnostic>) {
        for (name, text) in arguments {
            if let Some(variable) = self.known.get_mut(name) {
                variable.take_text(text.clone());
            } else if !self.is_partial {
                let message = format!("--var gives `{name}`, and no manifest declares this variable");
                diagnostics.push(Diagnostic::error("unknown-variable", message).help(self.suggestion(name)));
            }
        }
    }

    /// Reports what must be given and is not.
    pub(super) fn check(&self, diagnostics: &mut Vec<Diagnostic>) {
        for (name, Variable { spot, is_text: _, value }) in &self.known {
            if matches!(value, Given::Missing) {
                let help = format!("give it by --var {name}=…, {VALUE_PREFIX}{name} or --var-file");
                let missing = Diagnostic::error("missing-variable", format!("the variable `{name}` has no value"));
                diagnostics.push(missing.at(spot.clone().of_key()).help(help));
            }
        }
    }

    fn suggestion(&self, name: &str) -> String {
        suggestion(name, "variable", self.known.keys().map(String::as_str))
    }

    /// Puts the values into one file, everywhere but under `variables` itself.
    pub(super) fn substitute(&self, source: usize, file: &mut Value, diagnostics: &mut Vec<Diagnostic>) -> Substituted {
        let mut done = Substituted::default();
        let Value::Object(sections) = file else { return done };
        let mut substituting = Substituting { variables: self, source, diagnostics, done: &mut done };
        for (name, section) in sections.iter_mut().filter(|(name, _)| *name != "variables") {
            substituting.value(section, &Path { above: None, segment: Cow::Borrowed(name) });
        }
        done
    }
}

impl Variable {
    fn take_text(&mut self, text: String) {
        self.value = Given::As(Written { text, is_plain: !self.is_text });
    }
}

/// The way to a value; a pointer only once something is to be said about it.
struct Path<'a> {
    above: Option<&'a Path<'a>>,
    segment: Cow<'a, str>,
}

impl Path<'_> {
    fn spot(&self, source: usize) -> Spot {
        let above = self.above.map_or_else(|| Spot::value(source, ""), |above| above.spot(source));
        above.child(&self.segment)
    }
}

struct Substituting<'a> {
    variables: &'a Variables,
    source: usize,
    diagnostics: &'a mut Vec<Diagnostic>,
    done: &'a mut Substituted,
}

impl<'a> Substituting<'a> {
    fn value(&mut self, value: &mut Value, path: &Path) {
        match value {
            Value::String(text) if text.contains("${") => match self.text(text, path) {
                Some(replaced) => *value = replaced,
                None => {
                    self.done.failed.insert(path.spot(self.source).pointer);
                }
            },
            Value::Array(items) => {
                for (index, item) in items.iter_mut().enumerate() {
                    self.value(item, &Path { above: Some(path), segment: index.to_string().into() });
                }
            }
            Value::Object(entries) => self.entries(entries, path),
            Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn entries(&mut self, entries: &mut Map<String, Value>, path: &Path) {
        for (name, value) in entries {
            self.value(value, &Path { above: Some(path), segment: Cow::Borrowed(name) });
        }
    }

    /// The value that takes a text's place. `None` leaves it: a mistake has been reported.
    fn text(&mut self, text: &str, path: &Path) -> Option<Value> {
        if let Some(name) = text.strip_prefix("${var.").and_then(|rest| rest.strip_suffix('}'))
            && !name.contains(['$', '}'])
        {
            let Written { text, is_plain } = self.variable(name, path)?;
            let typed = Some(scalar::resolve(text)).filter(|typed| typed.is_number() || typed.is_boolean());
            if let Some(typed) = typed.filter(|_| *is_plain) {
                self.done.typed.insert(path.spot(self.source).pointer, typed);
            }
            return Some(text.as_str().into());
        }
        let mut result = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            if let Some(before) = before.strip_suffix('$') {
                result.push_str(before);
                result.push_str("${");
                rest = after;
                continue;
            }
            result.push_str(before);
            let Some((name, after)) = after.strip_prefix("var.").and_then(|after| after.split_once('}')) else {
                self.refuse(format!("`{text}` has a `${{` that does not begin `${{var.name}}`"), path).help =
                    Some("write `$${` for a `${` that is meant as text".into());
                return None;
            };
            result.push_str(&self.variable(name, path)?.text);
            rest = after;
        }
        result.push_str(rest);
        Some(Value::String(result))
    }

    /// What a variable's value is written as. `None` where that is a mistake, which has been reported.
    fn variable(&mut self, name: &str, path: &Path) -> Option<&'a Written> {
        match self.variables.known.get(name).map(|variable| &variable.value) {
            Some(Given::As(written)) => Some(written),
            Some(Given::Missing | Given::Wrong) => None,
            None if self.variables.is_partial => None,
            None => {
                let help = self.variables.suggestion(name);
                self.refuse(format!("there is no variable `{name}` under `variables`"), path).help = Some(help);
                None
            }
        }
    }

    fn refuse(&mut self, message: String, path: &Path) -> &mut Diagnostic {
        let diagnostic = Diagnostic::error("unknown-variable", message).at(path.spot(self.source));
        let index = self.diagnostics.len();
        self.diagnostics.push(diagnostic);
        &mut self.diagnostics[index]
    }
}
