//! `${var.x}`: which value a variable has, and putting it in.

use serde_json::{Map, Value};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use crate::diagnostic::{Diagnostic, Spot};
use crate::model::credential::VALUE_PREFIX;

use super::file::declared_twice;
use super::nearest::suggestion;
use super::source::scalar;

/// The variables' values. One that must be given and is not has none: that has been reported.
#[derive(Debug, Default)]
pub(super) struct Variables(BTreeMap<String, Variable>);

#[derive(Debug)]
struct Variable {
    spot: Spot,
    value: Value,
    /// What was given from outside, where no declared value says whether that is text or a number.
    text: Option<String>,
}

/// What became of the texts with variables in one file, by their pointers.
#[derive(Debug, Default)]
pub(super) struct Substituted {
    /// Where it failed.
    pub(super) failed: BTreeSet<String>,
    /// Where a number or a truth value stands that could as well be this text.
    pub(super) texts: BTreeMap<String, String>,
}

impl Variables {
    /// Takes the declarations of one file.
    pub(super) fn declare(&mut self, source: usize, file: &Value, diagnostics: &mut Vec<Diagnostic>) {
        let Some(Value::Object(variables)) = file.get("variables") else { return };
        for (name, value) in variables {
            let spot = Spot::value(source, "/variables").child(name);
            match self.0.get(name) {
                Some(first) => diagnostics.push(declared_twice(name, spot, first.spot.clone())),
                None => {
                    self.0.insert(name.clone(), Variable { spot, value: value.clone(), text: None });
                }
            }
        }
    }

    /// Takes the values of a variable file; a later one wins.
    pub(super) fn take_file(&mut self, source: usize, values: &Value, diagnostics: &mut Vec<Diagnostic>) {
        let Value::Object(values) = values else {
            let message = "a variable file has one mapping, of variables' names to values";
            diagnostics.push(Diagnostic::error("wrong-type", message).at(Spot::value(source, "")));
            return;
        };
        for (name, value) in values {
            let spot = Spot::value(source, "").child(name);
            if value.is_array() || value.is_object() {
                let message = format!("the variable `{name}` must be text, a number or a truth value");
                diagnostics.push(Diagnostic::error("wrong-type", message).at(spot));
            } else if let Some(variable) = self.0.get_mut(name) {
                variable.value = value.clone();
                variable.text = None;
            } else {
                let help = self.suggestion(name);
                let message = format!("no manifest declares the variable `{name}`");
                diagnostics.push(Diagnostic::warning("unknown-variable", message).at(spot.of_key()).help(help));
            }
        }
    }

    /// Takes values from the environment.
    pub(super) fn take_environment(&mut self, environment: &dyn Fn(&str) -> Option<String>) {
        for (name, variable) in &mut self.0 {
            if let Some(text) = environment(&format!("{VALUE_PREFIX}{name}")) {
                variable.take_text(&text);
            }
        }
    }

    /// Takes values from the command line.
    pub(super) fn take_arguments(&mut self, arguments: &[(String, String)], diagnostics: &mut Vec<Diagnostic>) {
        for (name, text) in arguments {
            if let Some(variable) = self.0.get_mut(name) {
                variable.take_text(text);
            } else {
                let message = format!("--var gives `{name}`, and no manifest declares this variable");
                diagnostics.push(Diagnostic::error("unknown-variable", message).help(self.suggestion(name)));
            }
        }
    }

    /// Reports what must be given and is not.
    pub(super) fn check(&self, diagnostics: &mut Vec<Diagnostic>) {
        for (name, Variable { spot, value, text: _ }) in &self.0 {
            if value.is_null() {
                let help = format!("give it by --var {name}=…, {VALUE_PREFIX}{name} or --var-file");
                let missing = Diagnostic::error("missing-variable", format!("the variable `{name}` has no value"));
                diagnostics.push(missing.at(spot.clone().of_key()).help(help));
            }
        }
    }

    fn suggestion(&self, name: &str) -> String {
        suggestion(name, "variable", self.0.keys().map(String::as_str))
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
    /// Text from outside has the type of the declared value. Where that says nothing, it is a number or a truth value
    /// only if it is written as one always is: an account number such as `0042` stays what it is.
    fn take_text(&mut self, text: &str) {
        let resolved = scalar::resolve(text);
        let is_untyped = self.value.is_null() || self.text.is_some();
        let is_typed = !is_untyped && (self.value.is_number() || self.value.is_boolean());
        let canonical = resolved.to_string();
        let is_canonical = !resolved.is_string() && canonical == text;
        self.value = if is_typed || (is_untyped && is_canonical) { resolved } else { text.into() };
        self.text = is_untyped.then(|| text.to_owned());
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
            let Variable { value, text, .. } = self.variable(name, path)?;
            if let Some(text) = text.as_ref().filter(|_| !value.is_string()) {
                self.done.texts.insert(path.spot(self.source).pointer, text.clone());
            }
            return Some(value.clone());
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
                self.refuse(format!("`{text}` has a `${{` that starts no `${{var.name}}`"), path).help =
                    Some("write `$${` for a `${` that is meant as text".into());
                return None;
            };
            match &self.variable(name, path)?.value {
                Value::String(value) => result.push_str(value),
                value => result.push_str(&value.to_string()),
            }
            rest = after;
        }
        result.push_str(rest);
        Some(Value::String(result))
    }

    fn variable(&mut self, name: &str, path: &Path) -> Option<&'a Variable> {
        match self.variables.0.get(name) {
            Some(variable) if variable.value.is_null() => None,
            Some(variable) => Some(variable),
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
