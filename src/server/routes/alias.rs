//! Aliases of a function's versions: create, list, show, update, delete.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use rusqlite::Connection;

use crate::rules::quota;
use crate::rules::text::{ALIAS_NAME, DESCRIPTION};
use crate::rules::urn::Qualifier;
use crate::wire::alias::{AliasRecord, AliasRequest, Strategies, Strategy, Weights};

use super::super::body::JsonBody;
use super::super::clock::timestamp;
use super::super::failure::{Failure, Outcome};
use super::super::store::alias::{self, Alias};
use super::super::store::function::Function;
use super::super::store::{trigger, version};
use super::target::{Target, existing_alias, existing_version, require_alias};
use super::{Answer, Service};

/// The project, function and alias in a path.
type AliasPath = Path<(String, String, String)>;

/// A bare array, like the service's answer.
pub(super) async fn list(State(service): State<Arc<Service>>, target: Target) -> Answer<Vec<AliasRecord>> {
    let read = move |store: &Connection| -> Outcome<_> {
        let function = target.function(store)?;
        Ok((alias::list(store, function.id)?, function))
    };
    let (aliases, function) = service.core.store.run(read).await?;
    Ok(Json(aliases.into_iter().map(|alias| record(&service, &function, alias)).collect()))
}

pub(super) async fn show(
    State(service): State<Arc<Service>>,
    target: Target,
    Path((_, _, name)): AliasPath,
) -> Answer<AliasRecord> {
    let read = move |store: &Connection| -> Outcome<_> {
        let function = target.function(store)?;
        Ok((existing_alias(store, &function, &name)?, function))
    };
    let (alias, function) = service.core.store.run(read).await?;
    Ok(Json(record(&service, &function, alias)))
}

pub(super) async fn create(
    State(service): State<Arc<Service>>,
    target: Target,
    JsonBody(body): JsonBody<AliasRequest>,
) -> Answer<AliasRecord> {
    let name =
        body.name.clone().filter(|name| ALIAS_NAME.accepts(name)).ok_or_else(|| {
            Failure::refused("FSS.1014", format!("name is required: it {}", ALIAS_NAME.rule.expectation))
        })?;
    let alias = checked(name, body, service.now())?;
    let write = move |store: &Connection| -> Outcome<_> {
        let function = target.function(store)?;
        let others = alias::list(store, function.id)?;
        if others.iter().any(|other| other.name == alias.name) {
            return Err(conflict("FSS.1063", format!("the alias {} already exists", alias.name)));
        }
        if others.len() >= quota::ALIASES {
            let message = format!("the function has {} aliases, which is the limit", quota::ALIASES);
            return Err(Failure::refused("FSS.1043", message));
        }
        put(store, function, alias)
    };
    let (alias, function) = service.core.store.run(write).await?;
    // Requests that wait for the alias may now run another version, with another limit.
    service.dispatcher.look();
    Ok(Json(record(&service, &function, alias)))
}

/// Replaces everything except the name: fields that the body leaves out are cleared.
pub(super) async fn update(
    State(service): State<Arc<Service>>,
    target: Target,
    Path((_, _, name)): AliasPath,
    JsonBody(body): JsonBody<AliasRequest>,
) -> Answer<AliasRecord> {
    if body.name.as_ref().is_some_and(|other| *other != name) {
        return Err(Failure::refused("FSS.1014", format!("name cannot be changed; it is {name}")));
    }
    let alias = checked(name, body, service.now())?;
    let write = move |store: &Connection| -> Outcome<_> {
        let function = target.function(store)?;
        require_alias(store, &function, &alias.name)?;
        put(store, function, alias)
    };
    let (alias, function) = service.core.store.run(write).await?;
    // Requests that wait for the alias may now run another version, with another limit.
    service.dispatcher.look();
    Ok(Json(record(&service, &function, alias)))
}

/// The version that it names is kept. An alias with triggers cannot be deleted.
pub(super) async fn remove(
    State(service): State<Arc<Service>>,
    target: Target,
    Path((_, _, name)): AliasPath,
) -> Outcome<StatusCode> {
    let delete = move |store: &Connection| -> Outcome<_> {
        let function = target.function(store)?;
        require_alias(store, &function, &name)?;
        let qualifier = Qualifier::Alias(name.clone()).to_string();
        if !trigger::list(store, function.id, &qualifier)?.is_empty() {
            return Err(Failure::refused("FSS.1154", format!("the alias {name} has triggers: delete them first")));
        }
        Ok(alias::delete(store, function.id, &name)?)
    };
    service.core.store.run(delete).await?;
    service.dispatcher.look();
    Ok(StatusCode::NO_CONTENT)
}

fn record(service: &Service, function: &Function, alias: Alias) -> AliasRecord {
    let Alias { name, version, description, weights, strategies, modified } = alias;
    let qualifier = Qualifier::Alias(name.clone()).to_string();
    AliasRecord {
        alias_urn: service.urn(&function.package, &function.name, Some(&qualifier)),
        name,
        version,
        description,
        last_modified: timestamp(modified),
        additional_version_weights: Some(weights).filter(|weights| !weights.is_empty()),
        additional_version_strategy: Some(strategies).filter(|strategies| !strategies.is_empty()),
    }
}

/// Checks an alias as far as that is possible without the existing versions.
fn checked(name: String, body: AliasRequest, now: i64) -> Outcome<Alias> {
    let AliasRequest { name: _, version, description, additional_version_weights, additional_version_strategy } = body;
    let description = description.unwrap_or_default();
    let weights = additional_version_weights.unwrap_or_default();
    let strategies = additional_version_strategy.unwrap_or_default();
    if version.is_empty() {
        return Err(Failure::refused("FSS.1015", "version is required"));
    }
    if !DESCRIPTION.accepts(&description) {
        return Err(Failure::refused("FSS.1019", "description must be text of at most 512 characters"));
    }
    if !weights.is_empty() && !strategies.is_empty() {
        let message = "additional_version_weights and additional_version_strategy exclude each other";
        return Err(Failure::parameter(message));
    }
    check_weights(&weights)?;
    check_strategies(&strategies)?;
    Ok(Alias { name, version, description, weights, strategies, modified: now })
}

fn check_weights(weights: &Weights) -> Outcome<()> {
    let each = weights.values().all(|weight| (0..=100).contains(weight));
    if each && weights.values().sum::<i64>() <= 100 {
        return Ok(());
    }
    Err(Failure::refused("FSS.1092", "additional_version_weights must be from 0 to 100, and 100 at most together"))
}

fn check_strategies(strategies: &Strategies) -> Outcome<()> {
    let among = |text: &str, allowed: [&str; 2]| allowed.iter().any(|one| text.eq_ignore_ascii_case(one));
    let allowed = strategies.values().all(|Strategy { combine_type, rules }| {
        let rules =
            rules.iter().all(|rule| among(&rule.rule_type, ["header", "cookie"]) && among(&rule.op, ["in", "="]));
        rules && among(combine_type, ["and", "or"])
    });
    if allowed {
        return Ok(());
    }
    let message = "additional_version_strategy must combine (and, or) rules on a header or a cookie (in, =)";
    Err(Failure::parameter(message))
}

/// Writes an alias, if it is consistent with the versions and the other aliases.
fn put(store: &Connection, function: Function, alias: Alias) -> Outcome<(Alias, Function)> {
    existing_version(store, function.clone(), &alias.version)?;
    let others = alias::list(store, function.id)?;
    if let Some(other) = others.iter().find(|other| other.name != alias.name && other.version == alias.version) {
        let message = format!("version {} already has the alias {}", alias.version, other.name);
        return Err(conflict("FSS.1066", message));
    }
    let published = version::list(store, function.id)?;
    for additional in alias.weights.keys().chain(alias.strategies.keys()) {
        check_additional(&published, &alias.version, additional)?;
    }
    alias::put(store, function.id, &alias)?;
    Ok((alias, function))
}

fn check_additional(published: &[Function], main: &str, additional: &str) -> Outcome<()> {
    if additional == main {
        return Err(Failure::refused("FSS.1093", format!("{additional} is already the alias's main version")));
    }
    if published.iter().any(|function| function.version == additional) {
        return Ok(());
    }
    Err(Failure::refused(
        "FSS.1091",
        format!("{additional} is not a published version, so it cannot be an additional one"),
    ))
}

fn conflict(code: &'static str, message: String) -> Failure {
    Failure::refused(code, message)
}
