//! The code and configuration of a function, in the form that the runtimes need.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::rules::urn::{FunctionUrn, Qualifier};

use super::runtime::{Deployment, Identity};
use super::store::function::{Function, Settings};

/// The deployment of a function that was called by this URN.
pub(crate) fn deployment(function: &Function, urn: &FunctionUrn) -> Deployment {
    let settings = &function.settings;
    let text = |name: &str| settings.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let initializer = Some(text("initializer_handler")).filter(|handler| !handler.is_empty());
    Deployment {
        identity: identity(function, urn),
        runtime: text("runtime"),
        handler: text("handler"),
        initializer: initializer.map(|handler| (handler, seconds(settings, "initializer_timeout"))),
        timeout: seconds(settings, "timeout"),
        memory: number(settings, "memory_size").unwrap_or(128),
        environment: variables(settings, "user_data"),
        secrets: variables(settings, "encrypted_user_data")
            .into_iter()
            .map(|(key, value)| (key, value.into()))
            .collect(),
        digest: function.code.digest.clone(),
        revision: revision(function, urn),
    }
}

fn identity(function: &Function, urn: &FunctionUrn) -> Identity {
    let FunctionUrn { region: _, project_id, package, name, qualifier } = urn.clone();
    let alias = match qualifier {
        Some(Qualifier::Alias(alias)) => Some(alias),
        Some(Qualifier::Version(_)) | None => None,
    };
    Identity { project_id, package, name, version: function.version.clone(), alias, urn: urn.to_string() }
}

/// Differs if anything differs that a run may depend on.
fn revision(function: &Function, urn: &FunctionUrn) -> String {
    let settings = serde_json::to_string(&function.settings).unwrap_or_default();
    let Function { id, version, code, .. } = function;
    let hash = Sha256::digest(format!("{id}\n{version}\n{}\n{urn}\n{settings}", code.digest));
    hex::encode(hash)
}

/// The default is 3 seconds, as in the service.
fn seconds(settings: &Settings, name: &str) -> Duration {
    Duration::from_secs(number(settings, name).map_or(3, u64::from))
}

fn number(settings: &Settings, name: &str) -> Option<u32> {
    settings.get(name)?.as_u64()?.try_into().ok()
}

/// Values other than text are passed as their JSON.
fn variables(settings: &Settings, name: &str) -> BTreeMap<String, String> {
    let text = settings.get(name).and_then(Value::as_str).unwrap_or_default();
    let values: BTreeMap<String, Value> = serde_json::from_str(text).unwrap_or_default();
    let as_text = |value: Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    values.into_iter().map(|(key, value)| (key, as_text(value))).collect()
}
