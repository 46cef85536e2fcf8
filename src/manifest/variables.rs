//! `${var.x}`: the values of variables, and their substitution.
//!
//! A value keeps its spelling, whatever its source and its quotes: `1.10` in a name stays `1.10`. It becomes a number or a
//! boolean only where the schema does not accept text.

use serde_json::{Map, Value};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use crate::diagnostic::{Diagnostic, Part, Related, Spot};
use crate::model::credential::VALUE_PREFIX;

use super::file::declared_twice;
use super::nearest::suggestion;
use super::source::{Document, Written, is_secret, scalar};

/// The variables' values.
#[derive(Debug, Default)]
pub(super) struct Variables {
    known: BTreeMap<String, Variable>,
    /// Whether a manifest could not be read. A variable that is not here may be declared in it.
    is_partial: bool,
}

#[derive(Debug)]
struct Variable {
    spot: Spot,
    value: Given,
    origin: Origin,
}

/// The source of a value.
#[derive(Debug, Clone)]
enum Origin {
    /// A manifest or a variable file.
    File(Spot),
    Environment,
    Argument,
}

#[derive(Debug)]
enum Given {
    As(String),
    /// A value is required but was not given.
    Missing,
    /// The value is not a scalar; the schema reports it.
    Wrong,
}

/// The results for the texts with variables in one file, by their pointers.
#[derive(Debug, Default)]
pub(super) struct Substituted {
    /// Where substitution failed.
    pub(super) failed: BTreeSet<String>,
    /// Texts that consist only of a variable, with the number or boolean that they can become.
    pub(super) typed: BTreeMap<String, Value>,
    /// The variables in each text.
    pub(super) uses: Uses,
}

/// The variables in each text, by its pointer.
pub(super) type Uses = BTreeMap<String, BTreeSet<String>>;

impl Given {
    fn of(written: Option<&Written>) -> Self {
        match written {
            Some(written) if written.is_plain && scalar::resolve(&written.text).is_null() => Self::Missing,
            Some(written) => Self::As(written.text.clone()),
            None => Self::Wrong,
        }
    }
}

impl Variables {
    /// The declarations of all files. `is_partial` means that a file, which may contain more, could not be read.
    pub(super) fn declared(files: &[(usize, Document)], is_partial: bool, diagnostics: &mut Vec<Diagnostic>) -> Self {
        let mut variables = Self { known: BTreeMap::new(), is_partial };
        for (source, file) in files {
            variables.declare(*source, file, diagnostics);
        }
        variables
    }

    pub(super) fn into_names(self) -> Vec<String> {
        self.known.into_keys().collect()
    }

    fn declare(&mut self, source: usize, file: &Document, diagnostics: &mut Vec<Diagnostic>) {
        let variables = match file.value.get("variables") {
            Some(Value::Object(variables)) => variables,
            Some(Value::Null) | None => return,
            // The schema reports it. The variables that it should declare are unknown.
            Some(_) => return self.is_partial = true,
        };
        for name in variables.keys() {
            let spot = Spot::value(source, "/variables").child(name);
            if let Some(first) = self.known.get(name) {
                diagnostics.push(declared_twice(name, spot, first.spot.clone()));
                continue;
            }
            let written = file.variables.get(name);
            let origin = Origin::File(spot.clone());
            self.known.insert(name.clone(), Variable { spot, value: Given::of(written), origin });
        }
    }

    /// Adds the values of a variable file; a later file takes precedence. Returns whether the file is a variable file.
    pub(super) fn take_file(&mut self, source: usize, file: &Document, diagnostics: &mut Vec<Diagnostic>) -> bool {
        let Value::Object(values) = &file.value else {
            let message = "a variable file must be a mapping from variable names to values";
            let help = "write a line `name: value` for each variable";
            diagnostics.push(Diagnostic::error("wrong-type", message).at(Spot::value(source, "")).help(help));
            return false;
        };
        if ["version", "stack"].iter().all(|field| values.contains_key(*field)) {
            let spot = Spot::value(source, "");
            let message = "this is a manifest, not a variable file";
            diagnostics.push(Diagnostic::error("wrong-type", message).at(spot).help("name manifests with -f"));
            return false;
        }
        for (name, value) in values {
            let spot = Spot::value(source, "").child(name);
            if value.is_array() || value.is_object() {
                let message = format!("the variable `{name}` must be text, a number, or true or false");
                diagnostics.push(Diagnostic::error("wrong-type", message).at(spot));
                self.known.entry(name.clone()).and_modify(|variable| variable.value = Given::Wrong);
            } else if let Some(variable) = self.known.get_mut(name) {
                variable.value = Given::of(file.root.get(name));
                variable.origin = Origin::File(spot);
            } else if !self.is_partial {
                let help = self.suggestion(name);
                let message = format!("no manifest declares the variable `{name}`");
                diagnostics.push(Diagnostic::warning("unknown-variable", message).at(spot.of_key()).help(help));
            }
        }
        true
    }

    /// Adds values from the environment.
    pub(super) fn take_environment(&mut self, environment: &dyn Fn(&str) -> Option<String>) {
        for (name, variable) in &mut self.known {
            if let Some(text) = environment(&format!("{VALUE_PREFIX}{name}")) {
                variable.take_text(text, Origin::Environment);
            }
        }
    }

    /// Adds values from the command line.
    pub(super) fn take_arguments(&mut self, arguments: &[(String, String)], diagnostics: &mut Vec<Diagnostic>) {
        for (name, text) in arguments {
            if let Some(variable) = self.known.get_mut(name) {
                variable.take_text(text.clone(), Origin::Argument);
            } else if !self.is_partial {
                let message = format!("--var sets `{name}`, but no manifest declares this variable");
                diagnostics.push(Diagnostic::error("unknown-variable", message).help(self.suggestion(name)));
            }
        }
    }

    /// Reports variables whose required value is missing.
    pub(super) fn check(&self, diagnostics: &mut Vec<Diagnostic>) {
        for (name, Variable { spot, value, origin: _ }) in &self.known {
            if matches!(value, Given::Missing) {
                let help = format!("set it with --var {name}=…, {VALUE_PREFIX}{name} or --var-file");
                let missing = Diagnostic::error("missing-variable", format!("the variable `{name}` has no value"));
                diagnostics.push(missing.at(spot.clone().of_key()).help(help));
            }
        }
    }

    fn suggestion(&self, name: &str) -> String {
        if self.known.is_empty() {
            return format!("declare it under `variables`: `variables: {{ {name}: VALUE }}`");
        }
        suggestion(name, "declared variables", self.known.keys().map(String::as_str))
    }

    /// Adds to findings about one file which values come from variables, and the sources of those values.
    pub(super) fn name_origins(&self, source: usize, uses: &Uses, diagnostics: &mut [Diagnostic]) {
        for finding in diagnostics {
            let spot = finding.spot.as_ref().filter(|spot| spot.source == source && spot.part == Part::Value);
            let names = spot.and_then(|spot| uses.get(&spot.pointer));
            let related = |(name, variable): (&String, &Variable)| variable.origin_note(name);
            let known = names.into_iter().flatten().filter_map(|name| self.known.get_key_value(name));
            finding.related.extend(known.map(related));
        }
    }

    /// Texts with their variables substituted, as far as the values are known.
    pub(super) fn in_texts(&self, texts: &BTreeSet<String>) -> Vec<String> {
        let (mut done, mut diagnostics) = (Substituted::default(), Vec::new());
        let mut substituting =
            Substituting { variables: self, source: 0, diagnostics: &mut diagnostics, done: &mut done };
        let path = Path { above: None, segment: Cow::Borrowed("") };
        texts.iter().map(|text| substituting.text(text, &path).unwrap_or_else(|| text.clone())).collect()
    }

    /// Substitutes the variables in one file, except under `variables` itself.
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
    fn take_text(&mut self, text: String, origin: Origin) {
        self.value = Given::As(text);
        self.origin = origin;
    }

    fn origin_note(&self, name: &str) -> Related {
        let (message, spot) = match &self.origin {
            Origin::File(spot) => (format!("`${{var.{name}}}` is set here"), Some(spot.clone())),
            Origin::Environment => (format!("`${{var.{name}}}` is set by {VALUE_PREFIX}{name}"), None),
            Origin::Argument => (format!("`${{var.{name}}}` is set by --var {name}=…"), None),
        };
        Related { message, spot, place: None }
    }
}

/// The position of a value. It becomes a pointer only when something has to be reported.
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
                Some(replaced) => *value = replaced.into(),
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

    /// The value that replaces a text. `None` keeps the text, because an error has been reported.
    fn text(&mut self, text: &str, path: &Path) -> Option<String> {
        if let Some(name) = text.strip_prefix("${var.").and_then(|rest| rest.strip_suffix('}'))
            && !name.is_empty()
            && !name.contains(['$', '}'])
        {
            let text = self.variable(name, path)?;
            let typed = scalar::resolve(text);
            if typed.is_number() || typed.is_boolean() {
                self.done.typed.insert(path.spot(self.source).pointer, typed);
            }
            return Some(text.to_owned());
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
            let reference = after.strip_prefix("var.").and_then(|after| after.split_once('}'));
            let Some((name, after)) = reference.filter(|(name, _)| !name.is_empty()) else {
                self.refuse_reference(after, path);
                return None;
            };
            result.push_str(self.variable(name, path)?);
            rest = after;
        }
        result.push_str(rest);
        Some(result)
    }

    /// The spelling of a variable's value. `None` if an error has been reported.
    fn variable(&mut self, name: &str, path: &Path) -> Option<&'a str> {
        match self.variables.known.get(name).map(|variable| &variable.value) {
            Some(Given::As(written)) => {
                let uses = self.done.uses.entry(path.spot(self.source).pointer).or_default();
                uses.insert(name.to_owned());
                Some(written)
            }
            Some(Given::Missing | Given::Wrong) => None,
            None if self.variables.is_partial => None,
            None => {
                let help = self.variables.suggestion(name);
                self.refuse(format!("there is no variable `{name}` under `variables`"), help, path);
                None
            }
        }
    }

    /// Reports text after `${` that is not a variable. The text around it may be a secret.
    fn refuse_reference(&mut self, after: &str, path: &Path) {
        let spot = path.spot(self.source);
        let Some((inside, _)) = after.split_once('}') else {
            let help = "write `${var.name}`, or `$${` for a literal `${`";
            return self.refuse("a `${` has no `}`".to_owned(), help.to_owned(), path);
        };
        let name = inside.trim().rsplit('.').next().unwrap_or_default();
        let help = match inside.trim().split_once('.') {
            _ if name.is_empty() => "write `${var.name}`".to_owned(),
            _ if is_secret(&spot.pointer) => format!("a secret is the name of its variable: `{{ env: {name} }}`"),
            _ if self.variables.known.contains_key(name) => format!("write `${{var.{name}}}`"),
            Some(("env", _)) => format!(
                "declare `{name}` under `variables`, write `${{var.{name}}}`, and set it with {VALUE_PREFIX}{name}; for a \
                 secret, use `secrets`"
            ),
            _ => "write `${var.name}` for a declared variable, or `$${` for a literal `${`".to_owned(),
        };
        self.refuse(format!("`${{{inside}}}` is not a variable; only `${{var.name}}` is"), help, path);
    }

    fn refuse(&mut self, message: String, help: String, path: &Path) {
        let finding = Diagnostic::error("unknown-variable", message).at(path.spot(self.source));
        self.diagnostics.push(finding.help(help));
    }
}
