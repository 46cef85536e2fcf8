//! The code and configuration of a function, in the form that the runtimes need.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::rules::urn::{FunctionUrn, Qualifier};

use super::runtime::{Deployment, Identity, Image};
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
        image: image(settings),
        digest: function.code.digest.clone(),
        dependencies: function.code.dependencies.clone(),
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

/// The user and group of containers that declare none, as in the service.
const CONTAINER_USER: &str = "1003";

/// `None` if the function has no image, or does not use it.
fn image(settings: &Settings) -> Option<Image> {
    let image = settings.get("custom_image")?;
    let text = |name: &str| image.get(name).and_then(Value::as_str).unwrap_or_default();
    let is_on = image.get("enabled") != Some(&Value::Bool(false)) && !text("image").is_empty();
    // The service separates the parts with commas.
    let list = |name: &str| text(name).split(',').filter(|part| !part.is_empty()).map(str::to_owned).collect();
    is_on.then(|| Image {
        address: text("image").to_owned(),
        command: list("command"),
        arguments: list("args"),
        directory: text("working_dir").to_owned(),
        user: format!("{}:{}", owner(image, "uid"), owner(image, "gid")),
    })
}

/// The id of a user or a group, which some clients send as a number.
fn owner(image: &Value, name: &str) -> String {
    match image.get(name) {
        Some(Value::Number(id)) => id.to_string(),
        Some(Value::String(id)) if !id.is_empty() => id.clone(),
        _ => CONTAINER_USER.to_owned(),
    }
}

/// Differs if anything differs that a run may depend on.
fn revision(function: &Function, urn: &FunctionUrn) -> String {
    let settings = serde_json::to_string(&function.settings).unwrap_or_default();
    let Function { id, version, code, .. } = function;
    let dependencies = code.dependencies.join(" ");
    let hash = Sha256::digest(format!("{id}\n{version}\n{}\n{dependencies}\n{urn}\n{settings}", code.digest));
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn image_of(custom_image: Value) -> Option<Image> {
        image(&Settings::from_iter([("custom_image".to_owned(), custom_image)]))
    }

    #[test]
    fn an_image_has_the_services_defaults() {
        let found = image_of(json!({ "enabled": true, "image": "swr.a/b:1", "command": "", "uid": "" }));
        let expected = Image {
            address: "swr.a/b:1".to_owned(),
            command: Vec::new(),
            arguments: Vec::new(),
            directory: String::new(),
            user: "1003:1003".to_owned(),
        };
        assert_eq!(found, Some(expected));
    }

    #[test]
    fn command_and_arguments_are_lists_with_commas() {
        let sent = json!({ "image": "swr.a/b:1", "command": "/bin/sh,-c", "args": "a,b c", "uid": "7", "gid": 8 });
        let found = image_of(sent).expect("an image");
        assert_eq!(found.command, ["/bin/sh", "-c"]);
        assert_eq!(found.arguments, ["a", "b c"]);
        assert_eq!(found.user, "7:8");
    }

    #[test]
    fn an_image_that_is_off_or_empty_does_not_count() {
        assert_eq!(image_of(json!({ "enabled": false, "image": "swr.a/b:1" })), None);
        assert_eq!(image_of(json!({ "image": "" })), None);
        assert_eq!(image_of(Value::Null), None);
    }
}
