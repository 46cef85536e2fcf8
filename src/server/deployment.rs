//! The code and configuration of a function, in the form that the runtimes need.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::rules::urn::{FunctionUrn, Qualifier};
use crate::wire::function::{CustomImage, RunConfig, Sensitive};

use super::runtime::{Deployment, Identity, Image};
use super::store::Stored;
use super::store::function::Function;

/// The deployment of a function that was called by this URN.
pub(crate) fn deployment(function: &Function, urn: &FunctionUrn) -> Stored<Deployment> {
    let RunConfig {
        runtime,
        handler,
        timeout,
        memory_size,
        initializer_handler,
        initializer_timeout,
        user_data,
        encrypted_user_data: Sensitive(secrets),
        custom_image,
    } = function.run_config()?;
    let initializer = Some(initializer_handler).filter(|handler| !handler.is_empty());
    Ok(Deployment {
        identity: identity(function, urn),
        runtime,
        handler,
        initializer: initializer.map(|handler| (handler, seconds(initializer_timeout))),
        timeout: seconds(timeout),
        memory: memory_size.unwrap_or(128),
        environment: variables(&user_data),
        secrets: variables(&secrets).into_iter().map(|(key, value)| (key, value.into())).collect(),
        image: custom_image.and_then(image),
        digest: function.code.digest.clone(),
        dependencies: function.code.dependencies.clone(),
        revision: revision(function, urn),
    })
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

/// `None` if the function does not use its image.
fn image(custom: CustomImage) -> Option<Image> {
    let CustomImage { enabled, image, command, args, working_dir, uid, gid } = custom;
    // The service separates the parts with commas.
    let list = |text: &str| text.split(',').filter(|part| !part.is_empty()).map(str::to_owned).collect();
    let owner = |id: String| if id.is_empty() { CONTAINER_USER.to_owned() } else { id };
    let is_on = enabled != Some(false) && !image.is_empty();
    is_on.then(|| Image {
        address: image,
        command: list(&command),
        arguments: list(&args),
        directory: working_dir,
        user: format!("{}:{}", owner(uid), owner(gid)),
    })
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
fn seconds(given: Option<u32>) -> Duration {
    Duration::from_secs(given.map_or(3, u64::from))
}

/// The entries of a JSON object in a string. Values other than text are passed as their JSON.
fn variables(text: &str) -> BTreeMap<String, String> {
    let values: BTreeMap<String, Value> = serde_json::from_str(text).unwrap_or_default();
    let as_text = |value: Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    values.into_iter().map(|(key, value)| (key, as_text(value))).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn image_of(custom_image: Value) -> Option<Image> {
        serde_json::from_value::<Option<CustomImage>>(custom_image).expect("an image").and_then(image)
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
