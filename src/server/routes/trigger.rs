//! Triggers: create, list, show, update, delete.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use rusqlite::Connection;

use crate::rules::quota;
use crate::rules::trigger::other::{BARE_TYPES, OTHER_TYPES, polls, status_of};
use crate::rules::trigger::{self, CTS_TRIGGERS, POLLING_TRIGGERS, StatusRule, TYPES, TriggerType, Uniqueness};
use crate::rules::urn::LATEST;
use crate::wire::trigger::{ACTIVE, CreateTrigger, DISABLED, TriggerPage, TriggerRecord, UpdateTrigger};

use super::super::body::JsonBody;
use super::super::clock::timestamp;
use super::super::failure::{Failure, Outcome};
use super::super::store::trigger::{self as triggers, Key, Listed, Trigger};
use super::page::{Page, PageQuery, to_unsigned};
use super::target::Target;
use super::trigger_data;
use super::{Answer, Service};

/// The project, function, type and id in a path.
type TriggerPath = Path<(String, String, String, String)>;

/// A bare array, like the service's answer, of one version or alias.
pub(super) async fn list(State(service): State<Arc<Service>>, target: Target) -> Answer<Vec<TriggerRecord>> {
    let read = move |store: &Connection| -> Outcome<_> {
        let function = target.resolve(store)?;
        Ok(triggers::list(store, function.id, &target.qualifier())?)
    };
    let found = service.core.store.run(read).await?;
    Ok(Json(found.into_iter().map(record).collect()))
}

/// The triggers of the whole project, with their functions.
pub(super) async fn of_project(State(service): State<Arc<Service>>, query: PageQuery) -> Answer<TriggerPage> {
    let page = Page::parse(query.marker.as_deref(), query.maxitems.as_deref(), quota::TRIGGER_PAGE)?;
    let (found, count) = service.core.store.run(move |store| triggers::page(store, page.offset, page.limit)).await?;
    let next_marker = page.next(found.len());
    let with_urn = |Listed { function: _, package, name, trigger }: Listed| {
        let func_urn = service.urn(&package, &name, Some(&trigger.qualifier));
        TriggerRecord { func_urn, ..record(trigger) }
    };
    let triggers = found.into_iter().map(with_urn).collect();
    Ok(Json(TriggerPage { triggers, next_marker, total_count: to_unsigned(count) }))
}

/// A bare array of the types that can be created here.
pub(super) async fn types() -> Json<Vec<&'static str>> {
    let known = TYPES.iter().map(|known| known.code).chain(OTHER_TYPES.iter().map(|other| other.code));
    Json(known.chain(BARE_TYPES).collect())
}

pub(super) async fn show(
    State(service): State<Arc<Service>>,
    target: Target,
    Path((_, _, code, id)): TriggerPath,
) -> Answer<TriggerRecord> {
    let read = move |store: &Connection| existing(store, &target, &key(&target, code, id)).map(|(_, found)| found);
    Ok(Json(record(service.core.store.run(read).await?)))
}

/// The new trigger has the status of its type: another one needs an update.
pub(super) async fn create(
    State(service): State<Arc<Service>>,
    target: Target,
    JsonBody(body): JsonBody<CreateTrigger>,
) -> Outcome<(StatusCode, Json<TriggerRecord>)> {
    let CreateTrigger { trigger_type_code: code, trigger_status, event_data } = body;
    let status = status_rule(&code)
        .ok_or_else(|| Failure::refused("FSS.1101", format!("the trigger type {code} does not exist")))?;
    trigger_status.as_deref().map(is_active).transpose()?;
    let known = trigger::by_code(&code);
    if let Some(known) = known {
        trigger_data::check(known, &event_data)?;
    }
    let (id, now, qualifier) = (service.new_id(), service.now(), target.qualifier());
    let urn = service.urn(&target.package, &target.name, None);
    let data = trigger_data::stored(
        event_data,
        &trigger_data::Owner { code: &code, id: &id, urn: &urn, qualifier: &qualifier },
    );
    let is_active = status.starts_active();
    let new = Trigger { id, qualifier, code, data, is_active, created: now, modified: now };
    watch(&service, &new).await?;
    let write = move |store: &Connection| -> Outcome<_> {
        let function = target.resolve(store)?;
        refuse_over_quota(store, function.id, &new)?;
        if let Some(known) = known {
            refuse_second(store, function.id, &Candidate { new: &new, known })?;
        }
        triggers::insert(store, function.id, &new)?;
        Ok(new)
    };
    let new = service.core.store.run(write).await?;
    service.sources.ring();
    Ok((StatusCode::CREATED, Json(record(new))))
}

/// Changes the status, and the members that can change. The body may have both or either.
pub(super) async fn update(
    State(service): State<Arc<Service>>,
    target: Target,
    Path((_, _, code, id)): TriggerPath,
    JsonBody(body): JsonBody<UpdateTrigger>,
) -> Answer<TriggerRecord> {
    let UpdateTrigger { trigger_status, event_data } = body;
    let wanted = trigger_status.as_deref().map(is_active).transpose()?;
    let now = service.now();
    let write = move |store: &Connection| -> Outcome<_> {
        let (_, mut found) = existing(store, &target, &key(&target, code, id))?;
        let is_active = wanted.unwrap_or(found.is_active);
        refuse_status(&found.code, is_active)?;
        found.data = trigger_data::changed(&found, event_data.as_ref())?;
        found.is_active = is_active;
        found.modified = now;
        triggers::update(store, &found)?;
        Ok(found)
    };
    let changed = service.core.store.run(write).await?;
    service.sources.ring();
    Ok(Json(record(changed)))
}

pub(super) async fn remove(
    State(service): State<Arc<Service>>,
    target: Target,
    Path((_, _, code, id)): TriggerPath,
) -> Outcome<StatusCode> {
    let delete = move |store: &Connection| -> Outcome<_> {
        let function = target.resolve(store)?;
        let key = key(&target, code, id);
        if triggers::delete(store, function.id, &key)? { Ok(()) } else { Err(missing(&key)) }
    };
    service.core.store.run(delete).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Like the service: without a version, and for `latest`, this deletes the triggers of every version and alias.
pub(super) async fn remove_all(State(service): State<Arc<Service>>, target: Target) -> Outcome<StatusCode> {
    let delete = move |store: &Connection| -> Outcome<_> {
        let function = target.resolve(store)?;
        let qualifier = Some(target.qualifier()).filter(|qualifier| qualifier != LATEST);
        Ok(triggers::delete_all(store, function.id, qualifier.as_deref())?)
    };
    service.core.store.run(delete).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Files that are put into a bucket's folder from now on are new.
async fn watch(service: &Service, new: &Trigger) -> Outcome<()> {
    if new.code != "OBS" {
        return Ok(());
    }
    let bucket = trigger::source(&new.code, &new.data).unwrap_or_default().to_owned();
    let folders = Arc::clone(&service.folders);
    tokio::task::spawn_blocking(move || folders.watch(&bucket)).await.map_err(Failure::internal)
}

fn key(target: &Target, code: String, id: String) -> Key {
    Key { qualifier: target.qualifier(), code, id }
}

/// The id of the function, and its trigger.
fn existing(store: &Connection, target: &Target, key: &Key) -> Outcome<(i64, Trigger)> {
    let function = target.resolve(store)?;
    let found = triggers::find(store, function.id, key)?;
    Ok((function.id, found.ok_or_else(|| missing(key))?))
}

fn missing(key: &Key) -> Failure {
    let Key { qualifier, code, id } = key;
    Failure::refused("FSS.1131", format!("can not find the {code} trigger {id} of {qualifier}"))
}

fn record(trigger: Trigger) -> TriggerRecord {
    let Trigger { id, qualifier: _, code, data, is_active, created, modified } = trigger;
    TriggerRecord {
        trigger_id: id,
        trigger_type_code: code,
        trigger_status: if is_active { ACTIVE } else { DISABLED }.to_owned(),
        event_data: data,
        created_time: timestamp(created),
        last_updated_time: timestamp(modified),
        func_urn: String::new(),
    }
}

fn is_active(status: &str) -> Outcome<bool> {
    match status {
        ACTIVE => Ok(true),
        DISABLED => Ok(false),
        other => Err(Failure::parameter(format!("trigger_status must be {ACTIVE} or {DISABLED}, not {other:?}"))),
    }
}

/// `None` for a type that the service does not have.
fn status_rule(code: &str) -> Option<StatusRule> {
    status_of(code).or_else(|| BARE_TYPES.contains(&code).then_some(StatusRule::AlwaysActive))
}

fn refuse_status(code: &str, is_active: bool) -> Outcome<()> {
    let can_be_disabled = status_rule(code).is_none_or(StatusRule::can_be_disabled);
    if is_active || can_be_disabled {
        return Ok(());
    }
    Err(Failure::parameter(format!("{code} triggers cannot be disabled")))
}

fn refuse_over_quota(store: &Connection, function: i64, new: &Trigger) -> Outcome<()> {
    let polling = triggers::list(store, function, &new.qualifier)?;
    if polls(&new.code) && polling.iter().filter(|one| polls(&one.code)).count() >= POLLING_TRIGGERS {
        let message = format!(
            "{} has {POLLING_TRIGGERS} triggers that poll for events, which is the limit of a version",
            new.qualifier
        );
        return Err(Failure::refused("FSS.1123", message));
    }
    if new.code == "CTS" && triggers::of_type(store, "CTS", None)?.len() >= CTS_TRIGGERS {
        let message = format!("the project has {CTS_TRIGGERS} CTS triggers, which is the limit");
        return Err(Failure::refused("FSS.1306", message));
    }
    Ok(())
}

/// A new trigger with its type.
struct Candidate<'a> {
    new: &'a Trigger,
    known: &'static TriggerType,
}

impl Candidate<'_> {
    fn is(&self, other: &Trigger) -> bool {
        let is_same = |wire: &&str| trigger::member(&self.new.data, wire) == trigger::member(&other.data, wire);
        self.known.identity.iter().all(is_same)
    }
}

/// The service has at most one such trigger on a version. Of some types, it has at most one in the project.
fn refuse_second(store: &Connection, function: i64, candidate: &Candidate<'_>) -> Outcome<()> {
    let Trigger { code, qualifier, data, .. } = candidate.new;
    let others = triggers::of_type(store, code, trigger::source(code, data))?;
    for Listed { function: owner, package, name, trigger } in others.iter().filter(|one| candidate.is(&one.trigger)) {
        if *owner == function && trigger.qualifier == *qualifier {
            let message = format!("{qualifier} already has this {code} trigger: {}", trigger.id);
            return Err(Failure::refused(trigger_data::second_code(code), message));
        }
        if candidate.known.uniqueness == Uniqueness::Project {
            let (qualifier, members) = (&trigger.qualifier, candidate.known.identity.join(", "));
            let message = format!("{package}/{name} ({qualifier}) already has this {code} trigger ({members})");
            return Err(Failure::refused(trigger_data::elsewhere_code(code), message));
        }
    }
    Ok(())
}
