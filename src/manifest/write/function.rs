//! Writes a live function as an entry of `functions`. A field that the format cannot express is listed in `ignore`,
//! with a remark, so a plan of the written manifest never changes it.

use std::collections::BTreeSet;
use std::fmt::Display;

use serde_json::Value;

use crate::model::agreement::{Disagreement, disagreements};
use crate::model::field::Field;
use crate::model::function::LiveConfiguration;
use crate::model::mark::Needs;
use crate::model::row::{Form, Row, Wire, Wrong};
use crate::model::state::LiveFunction;
use crate::model::table;
use crate::model::text::{Handler, TagKey, TagValue, VariableName, VariableValue};
use crate::rules::quota;
use crate::rules::trigger::source;

use super::super::nearest::listed;
use super::choice::Chosen;
use super::yaml::Node;
use super::{literal, names};

/// One function's entry during construction.
#[derive(Default)]
pub(super) struct Entry {
    fields: Vec<(String, Node)>,
    ignore: BTreeSet<Field>,
    remarks: Vec<String>,
}

/// Whether the stack of the manifest applied a function or its triggers. If not, its first apply adopts them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    ThisStack,
    Nothing,
}

impl Owner {
    pub(super) const fn new(is_this_stack: bool) -> Self {
        if is_this_stack { Self::ThisStack } else { Self::Nothing }
    }
}

/// Replaces a handler that a manifest cannot express. A handler is required, but `ignore` makes its value irrelevant.
const STAND_IN_HANDLER: &str = "index.handler";

impl Entry {
    /// Adds all of a function except its name, code and policy, which depend on other functions.
    pub(super) fn configuration(&mut self, live: &LiveFunction, key: &str, owner: Owner) {
        let declarable = self.declarable(&live.configuration);
        for row in table::ROWS {
            match row.field {
                Field::Handler => self.required_handler(live.configuration.text(Field::Handler)),
                Field::Environment => self.environment(live),
                Field::Secrets => self.secrets(live, key, owner),
                Field::Tags => self.tags(live),
                Field::Protect if live.marks.is_protected() => self.set(row.key, Node::Flag(true)),
                field => self.optional(row, declarable.get(field)),
            }
        }
    }

    /// Adds a field of the table if it is not the default.
    fn optional(&mut self, row: &Row, value: Option<&Value>) {
        let (Some(typed), Some(value)) = (row.typed, value) else { return };
        match (typed.parse)(value.clone()) {
            Ok(value) => self.set_in_group(row, node(row, &value)),
            Err(Wrong { member: _, message }) => self.leave(row.field, message),
        }
    }

    /// The configuration without later fields that a manifest would refuse. They are managed only if they are declared.
    fn declarable(&mut self, live: &LiveConfiguration) -> LiveConfiguration {
        let mut declarable = live.clone();
        for row in table::ROWS.iter().filter(|row| !row.field.is_first()) {
            let parsed = row.typed.zip(live.get(row.field)).map(|(typed, value)| (typed.parse)(value.clone()));
            if let Some(Err(Wrong { member: _, message })) = parsed {
                self.remark(format!("{} is not declared: {message}", row.key));
                declarable.set(row.field, row.default.value());
            }
        }
        while let Some(found) = disagreements(&declarable).into_iter().find(|found| !found.field().is_first()) {
            let row = found.field().row();
            let why = match found {
                Disagreement::Needs(_, needed) => format!("it needs {}", needed.key()),
                Disagreement::ImageRuntime | Disagreement::ImageDependencies => {
                    "it does not fit the container image".into()
                }
            };
            self.remark(format!("{} is not declared: {why}", row.key));
            declarable.set(row.field, row.default.value());
        }
        declarable
    }

    /// Adds a field, in its group if it has one.
    fn set_in_group(&mut self, row: &Row, value: Node) {
        let Some(group) = row.group() else { return self.set(row.key, value) };
        match self.fields.iter_mut().find(|(name, _)| name == group) {
            Some((_, Node::Block(members))) => members.push((row.name().to_owned(), value)),
            _ => self.set(group, Node::Block(vec![(row.name().to_owned(), value)])),
        }
    }

    /// Adds what starts the function.
    pub(super) fn triggers(&mut self, chosen: Chosen, owner: Owner) {
        let Chosen { entries, left_out } = chosen;
        for (live, why) in left_out {
            let name = if live.has_named_key() { Some(live.key.as_str()) } else { source(&live.code, &live.data) };
            let name = name.map(|name| format!(" `{name}`")).unwrap_or_default();
            self.remark(format!("the {} trigger{name} is kept, but not declared: {why}", live.code));
        }
        let variables: Vec<String> = entries.iter().flat_map(|(_, entry)| entry.variables.clone()).collect();
        if !variables.is_empty() {
            let why = "the service does not return passwords of triggers";
            let set = format!("{why}: set {}", listed(&variables));
            self.remark(match owner {
                Owner::ThisStack => format!("{set} before you apply"),
                Owner::Nothing => {
                    let how = "apply with --adopt, which replaces these triggers";
                    format!("{set} and {how}; to leave a trigger alone, remove it from the manifest")
                }
            });
        }
        if !entries.is_empty() {
            let entries = entries.into_iter().map(|(key, entry)| (key.to_string(), entry.node));
            self.set(Field::Triggers.key(), Node::Block(entries.collect()));
        }
    }

    /// Says why no trigger is declared, if there is a reason.
    pub(super) fn without_triggers(&mut self, why: Option<&str>) {
        if let Some(why) = why {
            self.remark(format!("its triggers are kept, but not declared: {why}"));
        }
    }

    pub(super) fn set(&mut self, key: &str, value: Node) {
        self.fields.push((key.to_owned(), value));
    }

    pub(super) fn remark(&mut self, remark: String) {
        self.remarks.push(remark);
    }

    /// Adds a field to `ignore` and says why.
    pub(super) fn leave(&mut self, field: Field, why: impl Display) {
        self.ignore.insert(field);
        self.remarks.push(format!("{} is left as it is: {why}", field.key()));
    }

    /// Mentions parts of the function that the format does not support.
    pub(super) fn unmanaged(&mut self, parts: &[String]) {
        if !parts.is_empty() {
            self.remark(format!("kept, but not managed here: {}", parts.join(", ")));
        }
    }

    /// The entry's fields and remarks.
    pub(super) fn finish(mut self) -> (Vec<(String, Node)>, Vec<String>) {
        if !self.ignore.is_empty() {
            let ignored = self.ignore.iter().map(|field| field.key()).collect();
            self.set("ignore", Node::List(ignored));
        }
        (self.fields, self.remarks)
    }

    fn required_handler(&mut self, handler: &str) {
        match Handler::new(handler) {
            Ok(_) => self.set("handler", text(handler)),
            Err(error) => {
                self.set("handler", text(STAND_IN_HANDLER));
                self.leave(Field::Handler, error);
            }
        }
    }

    fn environment(&mut self, live: &LiveFunction) {
        let environment: Vec<(&str, &str)> = live.configuration.entries(Field::Environment).collect();
        let bytes: usize = environment.iter().map(|(name, value)| name.len() + value.len()).sum();
        let wrong = environment.iter().find_map(|(name, _)| VariableName::new(*name).err());
        // Without the value, which may be a secret.
        let wrong_value = environment.iter().find(|(_, value)| VariableValue::new(*value).is_err());
        match (wrong, over_limit(environment.len(), bytes), wrong_value) {
            (Some(wrong), ..) => self.leave(Field::Environment, wrong),
            (None, Some(why), _) => self.leave(Field::Environment, why),
            (None, None, Some((name, _))) => self.leave(Field::Environment, format!("{name} has a NUL character")),
            (None, None, None) if environment.is_empty() => {}
            (None, None, None) => {
                let entries = environment.into_iter().map(|(name, value)| (name.to_owned(), text(value)));
                self.set(Field::Environment.key(), Node::Block(entries.collect()));
            }
        }
    }

    /// Adds the names of secrets and the variables for their values, which the service does not show.
    fn secrets(&mut self, live: &LiveFunction, key: &str, owner: Owner) {
        let names = &live.secret_names;
        let wrong = names.iter().find_map(|name| VariableName::new(name.as_str()).err());
        let twice = names
            .iter()
            .find(|name| live.configuration.entries(Field::Environment).any(|(variable, _)| variable == name.as_str()));
        let bytes = names.iter().map(String::len).sum();
        match (wrong, twice, over_limit(names.len(), bytes)) {
            (Some(wrong), ..) => self.leave(Field::Secrets, wrong),
            (None, Some(name), _) => {
                self.leave(Field::Secrets, format!("{name} is in `environment` and in `secrets`"));
            }
            (None, None, Some(why)) => self.leave(Field::Secrets, why),
            (None, None, None) if names.is_empty() => {}
            (None, None, None) => {
                let source = |name: &String| Node::Flow(vec![("env", text(&names::variable(key, name)))]);
                let entries = names.iter().map(|name| (name.clone(), source(name)));
                self.set(Field::Secrets.key(), Node::Block(entries.collect()));
                let how = match owner {
                    Owner::ThisStack => "set their variables before you apply",
                    Owner::Nothing => "to send them, set their variables and apply with --adopt",
                };
                let why = "the service does not show values of secrets";
                self.remark(format!("{why}: {how}; to leave them alone, use `ignore: [secrets]`"));
            }
        }
    }

    fn tags(&mut self, live: &LiveFunction) {
        let tags: Vec<(&str, &str)> = live.configuration.entries(Field::Tags).collect();
        let wrong_key = tags.iter().find_map(|(key, _)| TagKey::new(*key).err());
        let wrong = wrong_key.or_else(|| tags.iter().find_map(|(_, value)| TagValue::new(*value).err()));
        let most = Needs::ALL.room();
        if let Some(wrong) = wrong {
            self.leave(Field::Tags, wrong);
        } else if tags.len() > most {
            let why = format!(
                "it has {} tags; a function can have {}, of which fgctl needs up to {}",
                tags.len(),
                quota::TAGS,
                Needs::ALL.keys().count()
            );
            self.leave(Field::Tags, why);
        } else if !tags.is_empty() {
            let entries = tags.into_iter().map(|(key, value)| (key.to_owned(), text(value)));
            self.set(Field::Tags.key(), Node::Block(entries.collect()));
        }
    }
}

/// The value of a field. Times are written as plans show them.
fn node(row: &Row, value: &Value) -> Node {
    let period = |value: &Value| value.as_u64().map(Node::Period);
    let hook = |value: &Value| {
        let (handler, timeout) = (Node::of(value.get("handler")?), period(value.get("timeout")?)?);
        Some(Node::Flow(vec![("handler", handler), ("timeout", timeout)]))
    };
    let is_hook = matches!(row.wire, Some(Wire { form: Form::Hook { .. }, .. }));
    let with_unit = if row.field == Field::Timeout { period(value) } else { hook(value).filter(|_| is_hook) };
    with_unit.unwrap_or_else(|| Node::of(value))
}

/// Why the manifest would refuse `environment` or `secrets` because of its size.
fn over_limit(entries: usize, bytes: usize) -> Option<String> {
    let (most_entries, most_bytes) = (quota::ENVIRONMENT_ENTRIES, quota::ENVIRONMENT_BYTES);
    let over = entries > most_entries || bytes > most_bytes;
    over.then(|| {
        format!(
            "it has {entries} entries and {bytes} bytes; the limits are {most_entries} entries and {most_bytes} bytes"
        )
    })
}

fn text(value: &str) -> Node {
    Node::Text(literal(value))
}
