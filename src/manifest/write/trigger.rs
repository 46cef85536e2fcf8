//! Writes live triggers as entries of `triggers`. A trigger that the format cannot express is left out, with a remark.

use serde_json::Value;
use std::collections::BTreeSet;

use crate::model::address::{FunctionAddress, Qualifier};
use crate::model::text::{InvalidText, TriggerKey, TriggerTypeCode};
use crate::model::trigger::{LiveTrigger, member, value};
use crate::rules::trigger::other::{other, status_of};
use crate::rules::trigger::{Need, POLLING_TRIGGERS, REMEMBERED_TRIGGERS, StatusRule, TriggerType, is_secret};

use super::super::trigger::{names_variable, problem};
use super::names;
use super::yaml::Node;

/// The entry of one trigger.
pub(super) struct Entry {
    pub(super) node: Node,
    /// The variables of its secrets.
    pub(super) variables: Vec<String>,
}

/// The fields of a trigger, and what their values depend on.
struct Fields<'a> {
    key: &'a str,
    function: &'a str,
    entries: Vec<(String, Node)>,
    variables: Vec<String>,
}

/// Why the format cannot express a trigger.
#[derive(Debug, thiserror::Error)]
pub(super) enum Inexpressible {
    #[error("the format cannot express its `{0}`")]
    Field(&'static str),
    #[error("the format cannot express its `{0}`")]
    Member(String),
    #[error("the format cannot express its schedule")]
    Schedule,
    #[error("the service does not return its `{0}`")]
    Withheld(&'static str),
    #[error(transparent)]
    Code(#[from] InvalidText),
    #[error("it is the same trigger to the service as `{0}`")]
    Second(TriggerKey),
    #[error("function {0} has the same trigger, and the service allows only one in a project")]
    Elsewhere(FunctionAddress),
    #[error(
        "the tag that records declared triggers has no room for it: a function can have at most {REMEMBERED_TRIGGERS}, and \
         fewer if they have optional fields or secrets"
    )]
    NoRoom,
    #[error("a version can have at most {POLLING_TRIGGERS} triggers for which the service asks for new events")]
    TooManyPolling,
}

/// The entry of one trigger of the function `function`, or why there is none.
pub(super) fn entry(live: &LiveTrigger, key: &str, function: &str) -> Result<Entry, Inexpressible> {
    let mut fields = Fields { key, function, entries: Vec::new(), variables: Vec::new() };
    let mut entry = match live.known() {
        Some(known) => {
            fields.typed(known, live)?;
            vec![(known.key.to_owned(), Node::Block(fields.entries))]
        }
        None => {
            fields.untyped(live)?;
            let code = ("type".to_owned(), Node::Text(live.code.clone()));
            vec![code, ("event_data".to_owned(), Node::Block(fields.entries))]
        }
    };
    let starts_active = match status_of(&live.code) {
        Some(StatusRule::StartsActive) => Some(true),
        Some(StatusRule::StartsDisabled) => Some(false),
        Some(StatusRule::AlwaysActive) | None => None,
    };
    if let Some((is_active, starts_active)) = live.is_active.zip(starts_active)
        && is_active != starts_active
    {
        entry.push(("enabled".to_owned(), Node::Flag(is_active)));
    }
    match &live.qualifier {
        None => {}
        Some(Qualifier::Version(version)) => entry.push(("version".to_owned(), Node::Text(version.to_string()))),
        Some(Qualifier::Alias(alias)) => entry.push(("alias".to_owned(), Node::Text(alias.to_string()))),
    }
    Ok(Entry { node: Node::Block(entry), variables: fields.variables })
}

impl Fields<'_> {
    fn typed(&mut self, known: &TriggerType, live: &LiveTrigger) -> Result<(), Inexpressible> {
        let mut alternatives = 0;
        let data = value::in_milliseconds(live.data.clone());
        for field in known.fields {
            let written = value::written(&data, field).filter(|written| problem(field, written).is_none());
            let is_there = member(&data, field.wire).is_some();
            let inexpressible = || Err(Inexpressible::Field(field.key));
            match (field.need, written) {
                (Need::Required, None) => return inexpressible(),
                // Without it, it would be another trigger.
                (Need::Optional, None) if is_there && known.identity.contains(&field.wire) => return inexpressible(),
                // A default would be sent instead.
                (Need::Default(_) | Need::KeyOfTrigger, None) if is_there => return inexpressible(),
                (Need::Default(text), Some(written)) if written == value::default_value(&field.shape, text) => {}
                (Need::KeyOfTrigger, Some(written)) if written.as_str() == Some(self.key) => {}
                (Need::Fixed(_), _) => {}
                // The service gives a name to a trigger that has none.
                (Need::Optional, Some(written)) if written.as_str() == Some(&live.id) => {}
                (Need::OneOf, Some(written)) => {
                    alternatives += 1;
                    self.set(field.key, Node::of(&written));
                }
                (_, Some(written)) => self.set(field.key, Node::of(&written)),
                (_, None) if live.secrets.contains(field.wire) => self.secret(field.key),
                (_, None) => {}
            }
        }
        let needs_one = known.fields.iter().any(|field| field.need == Need::OneOf);
        if needs_one && alternatives != 1 { Err(Inexpressible::Schedule) } else { Ok(()) }
    }

    fn untyped(&mut self, live: &LiveTrigger) -> Result<(), Inexpressible> {
        TriggerTypeCode::new(live.code.as_str())?;
        let known = other(&live.code);
        // The service's own members are not for a create.
        let is_sent = |member: &str| known.is_none_or(|known| known.members().any(|known| known == member));
        if let Some((member, _)) = live.data.iter().find(|(_, value)| names_variable(value)) {
            return Err(Inexpressible::Member(member.clone()));
        }
        for (member, value) in live.data.iter().filter(|(member, value)| is_sent(member) && !value.is_null()) {
            self.set(member, Node::of(value));
        }
        let required = known.map_or(&[][..], |known| known.required);
        let withheld = |wire: &&&str| !is_secret(wire) && live.data.get(**wire).is_none_or(Value::is_null);
        if let Some(wire) = required.iter().find(withheld) {
            return Err(Inexpressible::Withheld(wire));
        }
        let required = required.iter().copied().filter(|wire| is_secret(wire));
        let secrets: BTreeSet<&str> =
            required.chain(live.secrets.iter().map(String::as_str).filter(|wire| is_sent(wire))).collect();
        for wire in secrets {
            self.secret(wire);
        }
        Ok(())
    }

    fn set(&mut self, field: &str, value: Node) {
        self.entries.push((field.to_owned(), value));
    }

    fn secret(&mut self, field: &str) {
        let variable = names::variable(self.function, &format!("{}_{field}", self.key));
        self.set(field, Node::Flow(vec![("env", Node::Text(variable.clone()))]));
        self.variables.push(variable);
    }
}
