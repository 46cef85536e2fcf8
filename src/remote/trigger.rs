//! Converts triggers between model and wire, and changes them. [`TriggerAccess`] can change only triggers and the tag that
//! records them.

use secrecy::ExposeSecret;
use serde_json::Value;
use std::collections::BTreeSet;

use crate::client::trigger::TriggerReference;
use crate::model::address::{FunctionAddress, Qualifier};
use crate::model::mark;
use crate::model::trigger::{EventData, LiveTrigger, Trigger, key, member, value};
use crate::rules::trigger::{Shape, is_secret, secret_beside};
use crate::wire::trigger::{ACTIVE, CreateTrigger, DISABLED, TriggerRecord, UpdateTrigger};

use super::tag::Tags;
use super::{Error, Remote, settle};

/// Reads and writes triggers and the tag that records them.
#[derive(Debug, Clone, Copy)]
pub struct TriggerAccess<'a>(&'a Remote);

impl Remote {
    pub fn trigger_access(&self) -> TriggerAccess<'_> {
        TriggerAccess(self)
    }

    /// The triggers of one version or alias, or of `latest`.
    pub(super) async fn list_triggers(
        &self,
        function: &FunctionAddress,
        qualifier: Option<&Qualifier>,
    ) -> Result<Vec<LiveTrigger>, Error> {
        let records = self.client.list_triggers(&self.qualified_urn(function, qualifier)).await?;
        Ok(records.into_iter().map(|record| live(record, qualifier.cloned())).collect())
    }
}

impl TriggerAccess<'_> {
    pub async fn list(
        &self,
        function: &FunctionAddress,
        qualifier: Option<&Qualifier>,
    ) -> Result<Vec<LiveTrigger>, Error> {
        self.0.list_triggers(function, qualifier).await
    }

    /// Returns the trigger as the service answers.
    pub async fn create(&self, function: &FunctionAddress, trigger: &Trigger) -> Result<LiveTrigger, Error> {
        let urn = self.0.qualified_urn(function, trigger.qualifier.as_ref());
        let body = CreateTrigger {
            trigger_type_code: trigger.code.to_string(),
            trigger_status: status(trigger.enabled),
            event_data: with_secrets(trigger.data.clone(), trigger),
        };
        let find = async || -> Result<Option<TriggerRecord>, Error> {
            let records = self.0.client.list_triggers(&urn).await?;
            let is_it = |record: &TriggerRecord| trigger.is(&live(record.clone(), trigger.qualifier.clone()));
            Ok(records.into_iter().find(is_it))
        };
        let record = self.0.client.create_trigger(&urn, &body, find).await?;
        Ok(live(record, trigger.qualifier.clone()))
    }

    /// Creates a deleted trigger again, as far as the service returned it. It never returns secrets, so those of the trigger
    /// that should have replaced it are sent.
    pub async fn restore(&self, function: &FunctionAddress, old: &LiveTrigger, new: &Trigger) -> Result<(), Error> {
        let urn = self.0.qualified_urn(function, old.qualifier.as_ref());
        let mut data = old.writable_data();
        if new.code.as_str() == old.code {
            data = with_secrets(data, new);
        }
        let body = CreateTrigger {
            trigger_type_code: old.code.clone(),
            trigger_status: status(old.is_active),
            event_data: data,
        };
        self.0.client.create_trigger(&urn, &body, async || Ok::<_, Error>(None)).await?;
        Ok(())
    }

    /// Sends all members and the status, and reads until the service shows them.
    pub async fn update(&self, function: &FunctionAddress, trigger: &Trigger, now: &LiveTrigger) -> Result<(), Error> {
        let urn = self.0.qualified_urn(function, trigger.qualifier.as_ref());
        let reference = TriggerReference { urn: &urn, code: &now.code, id: &now.id };
        let mut data = now.data.clone();
        for (wire, value) in value::members(&trigger.data) {
            value::insert(&mut data, &wire, value);
        }
        let body = UpdateTrigger {
            trigger_status: status(trigger.enabled.or(now.is_active)),
            event_data: Some(with_secrets(flags(data, trigger), trigger).into()),
        };
        self.0.client.update_trigger(reference, &body).await?;
        let look = async || self.0.client.show_trigger(reference).await;
        let is_done =
            |record: &TriggerRecord| trigger.difference(&live(record.clone(), trigger.qualifier.clone())).is_empty();
        let shown = settle(look, is_done).await?;
        if is_done(&shown) {
            return Ok(());
        }
        Err(Error::NotApplied {
            what: format!("the update of trigger {} of {function}", trigger.key),
            problem: "the service still shows other values".to_owned(),
        })
    }

    /// Ensures that a trigger is gone. If the function is gone, it is too.
    pub async fn delete(&self, function: &FunctionAddress, trigger: &LiveTrigger) -> Result<(), Error> {
        let urn = self.0.qualified_urn(function, trigger.qualifier.as_ref());
        let reference = TriggerReference { urn: &urn, code: &trigger.code, id: &trigger.id };
        match self.0.client.delete_trigger(reference).await {
            Ok(()) => {}
            Err(error) if error.is_not_found() => return Ok(()),
            // Without the function, the service answers in several ways.
            Err(error) => {
                return if self.0.read_function(function).await?.is_none() { Ok(()) } else { Err(error.into()) };
            }
        }
        let look = async || self.0.client.show_trigger(reference).await.map(|_| false).or_else(gone);
        if settle(look, |is_gone| *is_gone).await? {
            return Ok(());
        }
        Err(Error::NotApplied {
            what: format!("the deletion of trigger {} of {function}", trigger.id),
            problem: "the service still shows it".to_owned(),
        })
    }

    /// The tag that records triggers.
    pub async fn tag(&self, function: &FunctionAddress) -> Result<Option<String>, Error> {
        match self.0.read_tags(function).await {
            Ok(mut tags) => Ok(tags.remove(mark::TRIGGERS)),
            // It cannot be written either, which the write reports.
            Err(error) if error.is_forbidden() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Gives that tag another value; `now` is the current one.
    pub async fn set_tag(
        &self,
        function: &FunctionAddress,
        wanted: Option<&str>,
        now: Option<&str>,
    ) -> Result<(), Error> {
        let tags = |value: &str| Tags::from([(mark::TRIGGERS.to_owned(), value.to_owned())]);
        match (wanted, now) {
            (wanted, now) if wanted == now => Ok(()),
            (Some(wanted), None) => self.0.add_tags(function, &tags(wanted)).await,
            (Some(wanted), Some(_)) => self.0.ensure_tags(function, &tags(wanted)).await,
            (None, Some(now)) => self.0.remove_tags(function, &tags(now)).await,
            (None, None) => Ok(()),
        }
    }
}

fn gone(error: crate::client::Error) -> Result<bool, crate::client::Error> {
    if error.is_not_found() { Ok(true) } else { Err(error) }
}

/// A record as a live trigger, without members that hold secrets.
pub(super) fn live(record: TriggerRecord, qualifier: Option<Qualifier>) -> LiveTrigger {
    let TriggerRecord {
        trigger_id,
        trigger_type_code,
        trigger_status,
        mut event_data,
        created_time,
        last_updated_time,
        func_urn: _,
    } = record;
    let secrets = secrets_of(&event_data);
    event_data.retain(|member, _| !is_secret(member));
    LiveTrigger {
        key: key::of_live(&trigger_type_code, qualifier.as_ref(), &event_data),
        id: trigger_id,
        code: trigger_type_code,
        qualifier,
        data: event_data,
        secrets,
        created: created_time,
        is_active: match trigger_status.as_str() {
            ACTIVE => Some(true),
            DISABLED => Some(false),
            _ => None,
        },
        modified: last_updated_time,
    }
}

/// The secrets that a trigger has: the service returns them blank, or only the user whom they belong to.
fn secrets_of(data: &EventData) -> BTreeSet<String> {
    let named = data.iter().filter(|(wire, value)| is_secret(wire) && !value.is_null()).map(|(wire, _)| wire.as_str());
    let of_users = data.keys().filter(|wire| member(data, wire).is_some()).filter_map(|wire| secret_beside(wire));
    named.chain(of_users).map(str::to_owned).collect()
}

fn status(is_active: Option<bool>) -> Option<String> {
    is_active.map(|is_active| if is_active { ACTIVE } else { DISABLED }.to_owned())
}

fn with_secrets(mut data: EventData, trigger: &Trigger) -> EventData {
    for (wire, secret) in &trigger.secrets {
        if let Some(value) = &secret.value {
            data.insert(wire.clone(), value.expose_secret().into());
        }
    }
    data
}

/// An update takes flags where a create takes text.
fn flags(mut data: EventData, trigger: &Trigger) -> EventData {
    let fields = trigger.known().into_iter().flat_map(|known| known.fields);
    for field in fields.filter(|field| matches!(field.shape, Shape::FlagText)) {
        if let Some(Value::String(text)) = data.get(field.wire) {
            let flag = text == "true";
            data.insert(field.wire.to_owned(), flag.into());
        }
    }
    data
}
