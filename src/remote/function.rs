//! Converts functions between model and wire, and reads and writes them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use secrecy::ExposeSecret;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

use crate::client;
use crate::model::address::FunctionAddress;
use crate::model::code::{Archive, Code, CodeHash, ObsObject};
use crate::model::field::{Field, FieldSet, Path, first_difference};
use crate::model::function::{Function, LiveConfiguration};
use crate::model::mark;
use crate::model::row::Call;
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
use super::field::{self, dependencies, entries};
use super::tag::Tags;
use super::{Error, Remote, settle};

/// The file name of uploaded code. Only its extension matters.
const ARCHIVE_NAME: &str = "index";

/// The names of secrets; their values come back blank.
const SECRETS: &str = "encrypted_user_data";
const DEPENDENCIES: &str = "depend_version_list";
const CODE_KEY: &str = "code_encrypt_kms_key_id";

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
        // The answer lacks fields that are newer than the first release; they are read afterwards.
        let besides = Field::all().filter(|field| *field == Field::Tags || !field.is_first()).collect();
        let what = format!("POST functions for {}", function.address);
        let expected = Expected { function, returned: FieldSet::default(), besides };
        let unapplied = self.check(&what, &record, &expected).err();
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

    /// Writes what a create did not apply, and compares the function with its declaration. Returns when the last write
    /// was.
    pub async fn complete_create(
        &self,
        wanted: &DesiredFunction,
        archive: Option<Vec<u8>>,
    ) -> Result<Option<i64>, Error> {
        // A create sends ignored fields too.
        let mut function = wanted.function.clone();
        function.ignore.clear();
        function.ignored_entries.clear();
        let address = &function.address;
        let gone = || {
            let request = self.request(Operation::ShowFunctionConfig, &[&self.urn(address)]);
            Error::contradiction(request, "the function that was just created is gone")
        };
        let now = self.read_function(address).await?.ok_or_else(gone)?;
        let is_unapplied = |call: Call| {
            let besides = Field::all().filter(|field| !field.row().is_written_by(call)).collect();
            let expected = Expected { function: &function, returned: FieldSet::default(), besides };
            unapplied(&expected, &now.live).is_some()
        };
        let mut sent = Sent::default();
        if is_unapplied(Call::Configuration) {
            let update = ConfigurationUpdate {
                function: &function,
                seen: &now.live,
                with_new_secrets: true,
                returned: FieldSet::default(),
            };
            sent.configuration = Some(self.update_configuration(update, &now).await?);
        }
        if is_unapplied(Call::Code) {
            sent.code = Some(
                self.update_code(
                    &DesiredFunction { function: function.clone(), ..wanted.clone() },
                    archive,
                    &now,
                    FieldSet::default(),
                )
                .await?,
            );
        }
        if is_unapplied(Call::MaxInstances) {
            self.update_max_instances(&function, &mut sent).await?;
        }
        if is_unapplied(Call::Reserved) {
            self.update_reservation(&function, &mut sent).await?;
        }
        sent.is_create = true;
        Ok(self.check_update(&function, &sent).await?.modified)
    }

    /// Compares a function with what was sent, including fields that should not have changed. Reads it again if the
    /// answers to the writes are incomplete.
    pub async fn check_update(&self, function: &Function, sent: &Sent) -> Result<Checked, Error> {
        let Sent { configuration, code, max_instances, reserved, returned, is_create: _, left_alone: _ } = sent;
        let digest = code.as_ref().and_then(|code| code.digest.clone());
        let tells_all = |code: &SentCode| code.digest.is_some() && code.dependencies.is_empty();
        let has_later = !function.later.is_empty() || !returned.is_empty();
        let is_told = configuration.is_none() && !max_instances && !reserved && !has_later;
        if is_told && code.as_ref().is_none_or(tells_all) {
            return Ok(Checked { digest, modified: code.as_ref().and_then(|code| code.modified) });
        }
        let urn = self.urn(&function.address);
        let look = async || {
            let mut shown = self.shown(function, *returned, &urn).await?;
            if *reserved {
                self.show_reservation(function, &mut shown.fields).await?;
            }
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

    /// The function as GET config returns it, with the names of its log if it declares them, or if they were `applied`.
    pub(super) async fn shown(
        &self,
        function: &Function,
        applied: FieldSet,
        urn: &str,
    ) -> Result<FunctionRecord, Error> {
        let mut record = self.client.show_function(urn).await?;
        let needs_names = [Field::LogGroupName, Field::LogStreamName].iter().any(|name| function.needs(*name, applied));
        if needs_names && configuration::has_log(&record.fields) {
            configuration::add_log_names(&mut record.fields, &self.log_names(urn).await?);
        }
        Ok(record)
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

    /// Compares the service's answer to a write with what was sent, as far as the answer is complete.
    fn check(&self, what: &str, record: &FunctionRecord, expected: &Expected<'_>) -> Result<(), Error> {
        let live = live(record, &self.function_urn(&expected.function.address), Tags::new());
        match unapplied(expected, &live) {
            None => Ok(()),
            Some(path) => {
                let problem = if live.unseen.contains(path.field) {
                    format!("the answer to a read has no {path}; this region may not offer it")
                } else {
                    format!("{path} differs from the value that was sent")
                };
                Err(Error::NotApplied { what: what.to_owned(), problem })
            }
        }
    }

    /// What is wrong with a function after an update.
    fn problem(&self, function: &Function, sent: &Sent, shown: &FunctionRecord) -> Option<Error> {
        let address = &function.address;
        let calls = [
            (Call::Configuration, sent.configuration.is_some(), "PUT config"),
            (Call::MaxInstances, sent.max_instances, "PUT config-max-instance"),
            (Call::Reserved, sent.reserved, "PUT reservedinstances"),
            (Call::Code, sent.code.is_some(), "PUT code"),
            (Call::Create, sent.is_create, "POST functions"),
        ];
        for (call, _, name) in calls.into_iter().filter(|(_, is_sent, _)| *is_sent) {
            let others = Field::all().filter(|field| !field.row().is_written_by(call)).collect();
            let besides = sent.left_alone.union(others);
            let expected = Expected { function, returned: sent.returned, besides };
            if let Err(error) = self.check(&format!("{name} of {address}"), shown, &expected) {
                return Some(error);
            }
        }
        if let Some(SentConfiguration { fields, secrets }) = &sent.configuration {
            let what = format!("PUT config of {address}");
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
        let found = dependencies(&shown.fields, DEPENDENCIES)?;
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
    fields: Map<String, Value>,
    /// The names of secrets, if any were sent.
    secrets: Option<BTreeSet<String>>,
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
        triggers: None,
        marks,
        unseen: FieldSet::default(),
        extend_config: None,
        is_of_v1: false,
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
    live.is_of_v1 = text("type").as_deref() == Some("v1");
    live.secret_names = entries(record.fields.get(SECRETS)).into_keys().collect();
    live.code.digest.clone_from(&record.digest);
    live.code.file_name.clone_from(&record.code_filename);
    live.code.obs_url = Some(record.code_url.clone()).filter(|url| !url.is_empty());
    live.code.image = live.configuration.get(Field::ImageUrl).and_then(Value::as_str).map(str::to_owned);
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
    lacking.iter().any(|field| !field.row().is_separate() && wanted.function.needs(field, applied))
}

/// A time of the service in seconds since 1970. Undocumented formats count as unknown.
fn seconds(time: &Value) -> Option<i64> {
    Some(time.as_str()?.parse::<jiff::Timestamp>().ok()?.as_second())
}

/// What a function is like if a write was applied.
pub struct Expected<'a> {
    pub function: &'a Function,
    /// Fields that were removed from the manifest and have their defaults again.
    pub returned: FieldSet,
    /// Fields that are not compared.
    pub besides: FieldSet,
}

/// The first field whose live value is not the expected one. Fields of the first release are compared as far as live was
/// seen. A declared later field must be present.
pub fn unapplied(expected: &Expected<'_>, live: &LiveFunction) -> Option<Path> {
    let Expected { function, returned, besides } = expected;
    let is_checked = |field: Field| {
        let is_unseen = field.is_first() && live.unseen.contains(field);
        !is_unseen && !besides.contains(field) && !function.ignore.contains(&field)
    };
    let checked = |configuration: &LiveConfiguration| {
        let mut fields = function.managed(configuration, *returned);
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
    let mut fields = field::created(configuration);
    // Some regions create functions of the old type otherwise.
    fields.insert("type".to_owned(), "v2".into());
    CreateFunction {
        func_name: address.name.to_string(),
        package: address.package.to_string(),
        fields,
        code_type,
        code_url,
        code_filename: Some(file_name),
        func_code,
        encrypted_user_data: (!secrets.is_empty()).then(|| Sensitive(exposed(secrets))),
    }
}

fn code_fields(code: &Code, archive: Option<Vec<u8>>) -> (String, Option<String>, Option<FunctionCode>) {
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
fn exposed(secrets: &Secrets) -> String {
    let values: BTreeMap<&str, &str> = secrets
        .iter()
        .filter_map(|(name, secret)| Some((name.as_str(), secret.value.as_ref()?.expose_secret())))
        .collect();
    serde_json::json!(values).to_string()
}
