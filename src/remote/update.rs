//! Updates functions. An update of the configuration replaces it, so everything else that the function has is sent back.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use secrecy::ExposeSecret;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

use crate::model::code::{Archive, Code, ObsObject};
use crate::model::field::{Field, FieldSet};
use crate::model::function::Function;
use crate::model::secret::Secrets;
use crate::model::state::{DesiredFunction, LiveFunction};
use crate::wire::function::{FunctionCode, Sensitive, UpdateFunctionCode, UpdateFunctionConfig};
use crate::wire::log::LogDetail;

use super::field::dependencies;
use super::function::Current;
use super::record::seconds;
use super::{Error, Remote, configuration};

/// The file name of uploaded code. Only its extension matters.
const ARCHIVE_NAME: &str = "index";

pub(super) const DEPENDENCIES: &str = "depend_version_list";
const CODE_KEY: &str = "code_encrypt_kms_key_id";

/// How to update a configuration.
#[derive(Debug, Clone, Copy)]
pub struct ConfigurationUpdate<'a> {
    pub function: &'a Function,
    /// The function as the plan saw it.
    pub seen: &'a LiveFunction,
    pub with_new_secrets: bool,
    /// Fields that return to their defaults.
    pub returned: FieldSet,
}

/// What an update of a function sent.
#[derive(Debug, Default)]
pub struct Sent {
    pub configuration: Option<SentConfiguration>,
    pub code: Option<SentCode>,
    pub max_instances: bool,
    pub reserved: bool,
    /// Whether the function was just created.
    pub is_create: bool,
    /// Fields that keep their live values.
    pub left_alone: FieldSet,
    /// Fields that return to their defaults.
    pub returned: FieldSet,
}

/// What a configuration write sent.
#[derive(Debug)]
pub struct SentConfiguration {
    pub(super) fields: Map<String, Value>,
    /// The names of secrets, if any were sent.
    pub(super) secrets: Option<BTreeSet<String>>,
}

/// Code that was uploaded.
#[derive(Debug)]
pub struct SentCode {
    /// The service's digest of the code, if the answer contains one.
    pub(super) digest: Option<String>,
    /// The time of the upload, if the answer contains it.
    pub(super) modified: Option<i64>,
    pub(super) dependencies: Vec<String>,
}

impl Remote {
    /// Replaces the configuration with everything that the function has `now`, overlaid with the managed fields.
    /// Secrets are returned blank, so the declared ones are sent with their values each time: either all of them, or
    /// only those that the function already has.
    pub async fn update_configuration(
        &self,
        update: ConfigurationUpdate<'_>,
        now: &Current,
    ) -> Result<SentConfiguration, Error> {
        let ConfigurationUpdate { function, seen, with_new_secrets, returned: _ } = update;
        let urn = self.urn(&function.address);
        let log = if configuration::has_log(&now.shown) { Some(self.log_names(&urn).await?) } else { None };
        let mut fields = configuration::as_written(&now.shown, log.as_ref());
        if let Some(extension) = seen.extend_config.as_ref().filter(|text| !text.is_empty()) {
            fields.entry("extend_config").or_insert_with(|| extension.as_str().into());
        }
        configuration::overlay(&mut fields, &update, &now.live.configuration);
        let live_secrets = &now.live.secret_names;
        let mut secrets = function.secrets.clone();
        secrets.retain(|name, _| with_new_secrets || live_secrets.contains(name.as_str()));
        let are_sent = !function.ignore.contains(&Field::Secrets) && (!secrets.is_empty() || !live_secrets.is_empty());
        let encrypted_user_data = are_sent.then(|| Sensitive(exposed(&secrets)));
        let body = UpdateFunctionConfig { fields, encrypted_user_data };
        self.client.update_function_config(&urn, &body).await?;
        let secrets = are_sent.then(|| secrets.keys().map(ToString::to_string).collect());
        Ok(SentConfiguration { fields: body.fields, secrets })
    }

    /// The group and stream of a function's log; empty if the endpoint does not return them.
    pub(super) async fn log_names(&self, urn: &str) -> Result<LogDetail, Error> {
        match self.client.show_log_detail(urn).await {
            Err(error) if error.is_unknown_api() || error.is_not_found() => Ok(LogDetail::default()),
            detail => Ok(detail?),
        }
    }

    /// Uploads code, together with the dependencies and the key, which PUT code clears if they are left out. Code that is
    /// ignored or not declared stays as it is.
    pub async fn update_code(
        &self,
        desired: &DesiredFunction,
        archive: Option<Vec<u8>>,
        now: &Current,
        left_alone: FieldSet,
    ) -> Result<SentCode, Error> {
        let function = &desired.function;
        let shown = |name: &str| now.shown.get(name).and_then(Value::as_str).map(str::to_owned).unwrap_or_default();
        let is_declared = desired.code != Code::Undeclared && !function.ignore.contains(&Field::Code);
        let (code_type, code_url, func_code) = if is_declared {
            code_fields(&desired.code, archive)
        } else {
            (shown("code_type"), Some(shown("code_url")), None)
        };
        let is_archive = is_declared && matches!(desired.code, Code::Archive(_));
        let declared = |field: Field| (!left_alone.contains(field)).then(|| function.configuration.value(field));
        let dependencies = match declared(Field::Dependencies) {
            Some(ids) => {
                Some(ids.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect())
            }
            None => dependencies(&now.shown, DEPENDENCIES),
        };
        let key = declared(Field::CodeKey).map(|key| key.as_str().unwrap_or_default().to_owned());
        let key = key.unwrap_or_else(|| shown(CODE_KEY));
        let has_key = !shown(CODE_KEY).is_empty();
        let body = UpdateFunctionCode {
            code_type,
            code_url: code_url.unwrap_or_default(),
            code_filename: match (is_archive, is_declared) {
                (true, _) => format!("{ARCHIVE_NAME}{}", desired.code.extension()),
                (false, true) => String::new(),
                (false, false) => shown("code_filename"),
            },
            func_code: func_code.unwrap_or_default(),
            depend_version_list: dependencies.clone(),
            // Empty, the key is cleared. It is left out if there is none to clear, because some regions lack the field.
            code_encrypt_kms_key_id: Some(key).filter(|key| !key.is_empty() || has_key),
        };
        let record = self.client.update_function_code(&self.urn(&now.live.address), &body).await?;
        let modified = record.as_ref().and_then(|record| seconds(&record.last_modified));
        let digest = record.map(|record| record.digest);
        Ok(SentCode { digest, modified, dependencies: dependencies.unwrap_or_default() })
    }

    /// Sets how many instances there can be.
    pub async fn update_max_instances(&self, function: &Function, sent: &mut Sent) -> Result<(), Error> {
        let number = function.configuration.value(Field::MaxInstances).as_i64().unwrap_or_default();
        self.client.update_max_instances(&self.urn(&function.address), number).await?;
        sent.max_instances = true;
        if let Some(SentConfiguration { fields, .. }) = &mut sent.configuration
            && let Some(strategy) = fields.get_mut("strategy_config").and_then(Value::as_object_mut)
        {
            strategy.insert("concurrency".to_owned(), number.into());
        }
        Ok(())
    }
}

pub(super) fn code_fields(code: &Code, archive: Option<Vec<u8>>) -> (String, Option<String>, Option<FunctionCode>) {
    match code {
        Code::Obs(ObsObject { url, version: _ }) => ("obs".into(), Some(url.to_string()), None),
        Code::Image(_) => ("Custom-Image-Swr".into(), None, None),
        Code::Undeclared => (String::new(), None, None),
        Code::Archive(Archive { is_jar, .. }) => {
            let file = STANDARD.encode(archive.unwrap_or_default());
            (if *is_jar { "jar" } else { "zip" }.into(), None, Some(FunctionCode { file, link: None }))
        }
    }
}

/// Secret values are exposed only here, for the body of a request.
pub(super) fn exposed(secrets: &Secrets) -> String {
    let values: BTreeMap<&str, &str> = secrets
        .iter()
        .filter_map(|(name, secret)| Some((name.as_str(), secret.value.as_ref()?.expose_secret())))
        .collect();
    serde_json::json!(values).to_string()
}
