//! Converts functions between model and wire, and reads and writes them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use secrecy::ExposeSecret;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::collections::BTreeSet;

use crate::client;
use crate::model::address::FunctionAddress;
use crate::model::code::{Archive, Code, CodeHash};
use crate::model::field::{Field, FieldSet, Path, first_difference};
use crate::model::function::{Function, LiveConfiguration};
use crate::model::mark;
use crate::model::secret::Secrets;
use crate::model::state::{DesiredFunction, LiveCode, LiveFunction};
use crate::model::text::{FunctionName, PackageName, StackName};
use crate::model::urn::FunctionUrn;
use crate::wire::function::{
    CreateFunction, FunctionCode, FunctionRecord, Sensitive, UpdateFunctionCode, UpdateFunctionConfig,
};
use crate::wire::log::LogDetail;
use crate::wire::routes::Operation;

use super::configuration;
use super::field::{self, entries};
use super::tag::Tags;
use super::{Error, Remote, settle};

/// The file name of uploaded code. Only its extension matters.
const ARCHIVE_NAME: &str = "index.zip";

/// The names of secrets; their values come back blank.
const SECRETS: &str = "encrypted_user_data";

impl Remote {
    /// Creates a function with its code, under a file name that identifies the creator.
    pub async fn create_function(
        &self,
        wanted: &DesiredFunction,
        creator: Option<&StackName>,
        archive: Option<Vec<u8>>,
    ) -> Result<Created, Error> {
        let function = &wanted.function;
        let file_name = wanted.file_name(creator, &self.urn(&function.address));
        let body = creation(wanted, file_name.clone(), archive);
        let find = async || self.created(&function.address, &file_name).await;
        let record = self.client.create_function(&body, find).await?;
        let besides = [Field::Tags].into_iter().collect();
        let what = format!("POST functions for {}", function.address);
        let unapplied = self.check(&what, &record, (function, besides)).err();
        Ok(Created { modified: seconds(&record.last_modified), digest: record.digest, unapplied })
    }

    /// The function, if this create made it: its code has the name that was sent, and its tags are not set yet.
    async fn created(&self, address: &FunctionAddress, file_name: &str) -> Result<Option<FunctionRecord>, Error> {
        let record = match self.client.show_function(&self.urn(address)).await {
            Err(error) if error.is_not_found() => return Ok(None),
            shown => shown?,
        };
        let is_ours = record.code_filename == file_name && !self.read_tags(address).await?.contains_key(mark::STACK);
        Ok(is_ours.then_some(record))
    }

    /// Replaces the configuration with everything that the function has `now`, overlaid with the managed fields.
    /// Secrets are returned blank, so the declared ones are sent with their values each time: either all of them, or
    /// only those that the function already has.
    pub async fn update_configuration(
        &self,
        update: ConfigurationUpdate<'_>,
        now: &Current,
    ) -> Result<SentConfiguration, Error> {
        let ConfigurationUpdate { function, seen, with_new_secrets, returned } = update;
        let urn = self.urn(&function.address);
        let log = if configuration::has_log(&now.shown) { Some(self.log_names(&urn).await?) } else { None };
        let mut fields = configuration::as_written(&now.shown, log.as_ref());
        if let Some(extension) = seen.extend_config.as_ref().filter(|text| !text.is_empty()) {
            fields.entry("extend_config").or_insert_with(|| extension.as_str().into());
        }
        let left_alone = function.left_alone(seen.unseen, returned);
        configuration::overlay(&mut fields, function, &now.live.configuration, left_alone);
        let live_secrets = &now.live.secret_names;
        let mut secrets = function.secrets.clone();
        secrets.retain(|name, _| with_new_secrets || live_secrets.contains(name.as_str()));
        let are_sent = !function.ignore.contains(&Field::Secrets) && (!secrets.is_empty() || !live_secrets.is_empty());
        let encrypted_user_data = are_sent.then(|| Sensitive(exposed(&secrets)));
        let body = UpdateFunctionConfig { fields, encrypted_user_data };
        self.client.update_function_config(&urn, &body).await?;
        let secrets = are_sent.then(|| secrets.keys().map(ToString::to_string).collect());
        Ok(SentConfiguration { fields: body.fields, secrets, left_alone })
    }

    /// The group and stream of a function's log; empty if the endpoint does not return them.
    async fn log_names(&self, urn: &str) -> Result<LogDetail, Error> {
        match self.client.show_log_detail(urn).await {
            Err(error) if error.is_unknown_api() || error.is_not_found() => Ok(LogDetail::default()),
            detail => Ok(detail?),
        }
    }

    /// Uploads code, together with the dependencies and the key, which PUT code clears if they are left out.
    pub async fn update_code(&self, code: &Code, archive: Option<Vec<u8>>, now: &Current) -> Result<SentCode, Error> {
        let (code_type, code_url, func_code) = code_fields(code, archive);
        let dependencies = dependencies(&now.shown);
        let key = now.shown.get("code_encrypt_kms_key_id").and_then(Value::as_str);
        let body = UpdateFunctionCode {
            code_type,
            code_url: code_url.unwrap_or_default(),
            code_filename: if matches!(code, Code::Archive(_)) { ARCHIVE_NAME.into() } else { String::new() },
            func_code: func_code.unwrap_or_default(),
            depend_version_list: dependencies.clone(),
            code_encrypt_kms_key_id: key.filter(|key| !key.is_empty()).map(str::to_owned),
        };
        let record = self.client.update_function_code(&self.urn(&now.live.address), &body).await?;
        let modified = record.as_ref().and_then(|record| seconds(&record.last_modified));
        let digest = record.map(|record| record.digest);
        Ok(SentCode { digest, modified, dependencies: dependencies.unwrap_or_default() })
    }

    /// Compares a function with what was sent, including fields that should not have changed. Reads it again if the
    /// answers to the writes are incomplete.
    pub async fn check_update(&self, function: &Function, sent: &Sent) -> Result<Checked, Error> {
        let Sent { configuration, code } = sent;
        let digest = code.as_ref().and_then(|code| code.digest.clone());
        let tells_all = |code: &SentCode| code.digest.is_some() && code.dependencies.is_empty();
        if configuration.is_none() && code.as_ref().is_none_or(tells_all) {
            return Ok(Checked { digest, modified: code.as_ref().and_then(|code| code.modified) });
        }
        let urn = self.urn(&function.address);
        let look = async || {
            let shown = self.client.show_function(&urn).await?;
            Ok::<_, Error>((self.problem(function, sent, &shown), shown))
        };
        let (problem, shown) = settle(look, |(problem, _)| problem.is_none()).await?;
        let modified = seconds(&shown.last_modified);
        problem.map_or(Ok(Checked { digest: Some(digest.unwrap_or(shown.digest)), modified }), Err)
    }

    /// Ensures that the function is gone, with its versions, aliases and triggers.
    pub async fn delete_function(&self, function: &FunctionAddress) -> Result<(), Error> {
        match self.client.delete_function(&self.urn(function)).await {
            Err(error) if !error.is_not_found() => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// The current function without its policy; `None` if it is gone.
    pub async fn read_function(&self, address: &FunctionAddress) -> Result<Option<Current>, Error> {
        let urn = self.urn(address);
        let record = match self.client.show_function(&urn).await {
            Ok(shown) => shown,
            Err(error) if error.is_not_found() => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        if self::address(&record).as_ref() != Some(address) {
            let problem = format!("it is about function {}/{}", record.package, record.func_name);
            return Err(Error::contradiction(self.request(Operation::ShowFunctionConfig, &[&urn]), problem));
        }
        let shown = record.fields.clone();
        let live = live(&record, &self.function_urn(address), self.read_tags(address).await?);
        Ok(Some(Current { live, shown }))
    }

    /// Compares the service's answer to a write with what was sent, as far as the answer is complete. The fields in
    /// `besides` are not compared.
    fn check(
        &self,
        what: &str,
        record: &FunctionRecord,
        (function, besides): (&Function, FieldSet),
    ) -> Result<(), Error> {
        let live = live(record, &self.function_urn(&function.address), Tags::new());
        match unapplied(function, &live, besides) {
            None => Ok(()),
            Some(path) => Err(Error::NotApplied {
                what: what.to_owned(),
                problem: format!("{path} differs from the value that was sent"),
            }),
        }
    }

    /// What is wrong with a function after an update.
    fn problem(&self, function: &Function, sent: &Sent, shown: &FunctionRecord) -> Option<Error> {
        let address = &function.address;
        if let Some(SentConfiguration { fields, secrets, left_alone }) = &sent.configuration {
            let what = format!("PUT config of {address}");
            let besides = left_alone.union([Field::Tags, Field::Secrets].into_iter().collect());
            if let Err(error) = self.check(&what, shown, (function, besides)) {
                return Some(error);
            }
            let found = entries(shown.fields.get(SECRETS)).into_keys().collect();
            if secrets.as_ref().is_some_and(|sent| *sent != found) {
                let problem = format!("{} differ from what was sent", Path::of(Field::Secrets));
                return Some(Error::NotApplied { what, problem });
            }
            if let Some(name) = configuration::unapplied(fields, &shown.fields) {
                let problem = format!(
                    "{name} differs from the value that was sent, although it should not have changed: check the function"
                );
                return Some(Error::NotApplied { what, problem });
            }
        }
        let wanted: BTreeSet<&String> = sent.code.as_ref()?.dependencies.iter().collect();
        let found = dependencies(&shown.fields)?;
        (wanted != found.iter().collect()).then(|| {
            let problem = "its dependencies differ from what was sent".to_owned();
            Error::NotApplied { what: format!("PUT code of {address}"), problem }
        })
    }

    /// The hash of a function's archive; `None` if the service does not return the archive.
    pub async fn read_contents(&self, address: &FunctionAddress) -> Result<Option<CodeHash>, Error> {
        Ok(self.contents(&self.urn(address)).await?)
    }

    async fn contents(&self, urn: &str) -> Result<Option<CodeHash>, client::Error> {
        let record = self.client.show_function_code(urn).await?;
        let file = record.func_code.map(|code| code.file).unwrap_or_default();
        Ok(STANDARD.decode(file).ok().and_then(|bytes| Some(Archive::of_zip(&bytes).ok()?.hash)))
    }
}

/// The current function, with everything that a write must send back.
#[derive(Debug)]
pub struct Current {
    pub live: LiveFunction,
    /// All fields that GET config returns, including unmanaged ones.
    pub(super) shown: Map<String, Value>,
}

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
}

/// What a configuration write sent.
#[derive(Debug)]
pub struct SentConfiguration {
    fields: Map<String, Value>,
    /// The names of secrets, if any were sent.
    secrets: Option<BTreeSet<String>>,
    /// Fields that kept their live values.
    left_alone: FieldSet,
}

/// Code that was uploaded.
#[derive(Debug)]
pub struct SentCode {
    /// The service's digest of the code, if the answer contains one.
    digest: Option<String>,
    /// The time of the upload, if the answer contains it.
    modified: Option<i64>,
    dependencies: Vec<String>,
}

/// A function that was created.
#[derive(Debug)]
pub struct Created {
    /// The service's digest of the code.
    pub digest: String,
    /// The time of the create in seconds since 1970, if the service returned it.
    pub modified: Option<i64>,
    /// What the service accepted but did not apply, if anything.
    pub unapplied: Option<Error>,
}

/// The service's data about a function after a write.
#[derive(Debug)]
pub struct Checked {
    /// The service's digest of the code.
    pub digest: Option<String>,
    /// The time of the write in seconds since 1970, if the service returned it.
    pub modified: Option<i64>,
}

/// The address of a record; `None` if a manifest cannot declare such a name.
pub(super) fn address(record: &FunctionRecord) -> Option<FunctionAddress> {
    Some(FunctionAddress {
        package: PackageName::new(record.package.as_str()).ok()?,
        name: FunctionName::new(record.func_name.as_str()).ok()?,
    })
}

pub(super) fn address_of_urn(urn: &str) -> Option<FunctionAddress> {
    urn.parse::<FunctionUrn>().ok().map(|urn| urn.function)
}

/// A record as a live function, without the parts that need other requests.
pub(super) fn live(record: &FunctionRecord, urn: &FunctionUrn, tags: Tags) -> LiveFunction {
    let (marks, tags) = mark::split(urn, tags);
    let mut live = LiveFunction {
        address: urn.function.clone(),
        configuration: LiveConfiguration::default(),
        secret_names: BTreeSet::new(),
        code: LiveCode::default(),
        policy: None,
        attached: BTreeMap::new(),
        published: BTreeMap::new(),
        marks,
        unseen: FieldSet::default(),
        extend_config: None,
        modified: None,
    };
    live.configuration.set_entries(Field::Tags, tags);
    refresh(&mut live, record);
    live
}

/// Updates `live` from a record, except tags.
pub(super) fn refresh(live: &mut LiveFunction, record: &FunctionRecord) {
    let text = |name: &str| record.fields.get(name).and_then(Value::as_str).map(str::to_owned);
    let (mut configuration, unseen) = field::read(&record.fields);
    let tags = live.configuration.entries(Field::Tags).map(|(key, value)| (key.to_owned(), value.to_owned()));
    configuration.set_entries(Field::Tags, tags);
    (live.configuration, live.unseen) = (configuration, unseen);
    live.modified = seconds(&record.last_modified);
    live.secret_names = entries(record.fields.get(SECRETS)).into_keys().collect();
    live.code.digest.clone_from(&record.digest);
    live.code.file_name.clone_from(&record.code_filename);
    live.code.obs_url = Some(record.code_url.clone()).filter(|url| !url.is_empty());
    // Only lists contain this field.
    live.extend_config = text("extend_config").or(live.extend_config.take());
}

/// Whether the record lacks a field that a plan needs, or part of it.
pub(super) fn lacks_needed(
    record: &FunctionRecord,
    live: &LiveFunction,
    wanted: &DesiredFunction,
    applied: FieldSet,
) -> bool {
    let lacking = live.unseen.union(field::half_shown(&record.fields));
    lacking.iter().any(|field| wanted.function.needs(field, applied))
}

/// A time of the service in seconds since 1970. Undocumented formats count as unknown.
fn seconds(time: &Value) -> Option<i64> {
    Some(time.as_str()?.parse::<jiff::Timestamp>().ok()?.as_second())
}

/// The ids of a function's dependency versions; `None` if they are not returned.
fn dependencies(shown: &Map<String, Value>) -> Option<Vec<String>> {
    let list = |name: &str| shown.get(name).and_then(Value::as_array);
    let text = |id: &Value| id.as_str().map(str::to_owned);
    let ids = list("depend_version_list").map(|ids| ids.iter().filter_map(text).collect());
    // The service also returns each dependency's description under the same id.
    ids.or_else(|| Some(list("dependencies")?.iter().filter_map(|one| text(one.get("id")?)).collect()))
}

/// The first declared field whose live value differs from the value that was sent. Fields of the first release are compared
/// as far as live was seen. A declared later field must be present.
pub fn unapplied(function: &Function, live: &LiveFunction, besides: FieldSet) -> Option<Path> {
    let is_checked = |field: Field| {
        let is_unseen = field.is_first() && live.unseen.contains(field);
        !is_unseen && !besides.contains(field) && !function.ignore.contains(&field)
    };
    let checked = |configuration: &LiveConfiguration| {
        let mut fields = function.managed(configuration, FieldSet::default());
        fields.retain(|path, _| is_checked(path.field));
        fields
    };
    let (sent, found) = (checked(&function.configuration), checked(&live.configuration));
    let names: BTreeSet<String> = function.secrets.keys().map(ToString::to_string).collect();
    let has_other_secrets = names != live.secret_names && is_checked(Field::Secrets);
    let of_secrets = has_other_secrets.then(|| Path::of(Field::Secrets));
    first_difference(&sent, &found).cloned().or(of_secrets)
}

fn creation(wanted: &DesiredFunction, file_name: String, archive: Option<Vec<u8>>) -> CreateFunction {
    let Function { address, configuration, secrets, .. } = &wanted.function;
    let (code_type, code_url, func_code) = code_fields(&wanted.code, archive);
    CreateFunction {
        func_name: address.name.to_string(),
        package: address.package.to_string(),
        fields: field::created(configuration),
        code_type,
        code_url,
        code_filename: Some(file_name),
        func_code,
        encrypted_user_data: (!secrets.is_empty()).then(|| Sensitive(exposed(secrets))),
    }
}

fn code_fields(code: &Code, archive: Option<Vec<u8>>) -> (String, Option<String>, Option<FunctionCode>) {
    match code {
        Code::Obs(url) => ("obs".into(), Some(url.to_string()), None),
        Code::Undeclared => (String::new(), None, None),
        Code::Archive(_) => {
            let file = STANDARD.encode(archive.unwrap_or_default());
            ("zip".into(), None, Some(FunctionCode { file, link: None }))
        }
    }
}

/// Secret values are exposed only here, for the body of a request.
fn exposed(secrets: &Secrets) -> String {
    let values: BTreeMap<&str, &str> = secrets
        .iter()
        .filter_map(|(name, secret)| Some((name.as_str(), secret.value.as_ref()?.expose_secret())))
        .collect();
    serde_json::json!(values).to_string()
}
