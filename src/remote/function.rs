//! Functions between model and service.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use secrecy::ExposeSecret;
use std::collections::{BTreeMap, BTreeSet};

use crate::client;
use crate::model::address::FunctionAddress;
use crate::model::code::{Code, CodeHash};
use crate::model::field::{Field, Path, first_difference};
use crate::model::function::{Function, Initializer, LiveConfiguration};
use crate::model::limits;
use crate::model::mark;
use crate::model::secret::Secrets;
use crate::model::state::{DesiredFunction, LiveCode, LiveFunction};
use crate::model::text::{FunctionName, PackageName, StackName};
use crate::model::urn::FunctionUrn;
use crate::wire::function::{
    CreateFunction, FunctionCode, FunctionRecord, Sensitive, UpdateFunctionCode, UpdateFunctionConfig,
};

use super::tag::Tags;
use super::{Error, Remote};

/// What code is called that replaces other code; only the extension means something.
const ARCHIVE_NAME: &str = "index.zip";

impl Remote {
    /// Creates a function with its code, under the name that says who creates it.
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
        let unapplied = self.check(&format!("POST functions for {}", function.address), &record, function, None).err();
        Ok(Created { digest: record.digest, unapplied })
    }

    /// The function, if there is one and this create made it: its code has the name that was sent, and its tags are still
    /// to be set.
    async fn created(&self, address: &FunctionAddress, file_name: &str) -> Result<Option<FunctionRecord>, Error> {
        let record = match self.client.show_function(&self.urn(address)).await {
            Err(error) if error.is_not_found() => return Ok(None),
            shown => shown?,
        };
        let is_ours = record.code_filename == file_name && !self.read_tags(address).await?.contains_key(mark::STACK);
        Ok(is_ours.then_some(record))
    }

    /// Sends the managed configuration, and the secrets where they are to change. Fields that are left to others are
    /// sent as they are `now`, where they have to be sent. A field that the plan did not see, and that is not declared,
    /// is not touched.
    pub async fn update_function(
        &self,
        function: &Function,
        now: &LiveFunction,
        unseen: &BTreeSet<Field>,
        with_secrets: bool,
    ) -> Result<(), Error> {
        let body = update(function, &now.configuration, unseen, with_secrets);
        let record = self.client.update_function_config(&self.urn(&function.address), &body).await?;
        let besides = if with_secrets { None } else { Some(Field::Secrets) };
        self.check(&format!("PUT config of {}", function.address), &record, function, besides)
    }

    /// Uploads code, with the dependencies that the function has: without them the service would clear the list.
    /// Returns the service's digest of the code.
    pub async fn update_code(
        &self,
        function: &FunctionAddress,
        code: &Code,
        archive: Option<Vec<u8>>,
        dependencies: &[String],
    ) -> Result<String, Error> {
        let (code_type, code_url, func_code) = code_fields(code, archive);
        let body = UpdateFunctionCode {
            code_type,
            code_url: code_url.unwrap_or_default(),
            code_filename: if matches!(code, Code::Archive(_)) { ARCHIVE_NAME.into() } else { String::new() },
            func_code: func_code.unwrap_or_default(),
            depend_version_list: dependencies.to_vec(),
        };
        Ok(self.client.update_function_code(&self.urn(function), &body).await?.digest)
    }

    /// Ensures that the function is gone, with its versions, aliases and triggers.
    pub async fn delete_function(&self, function: &FunctionAddress) -> Result<(), Error> {
        match self.client.delete_function(&self.urn(function)).await {
            Err(error) if !error.is_not_found() => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// The function as it is now, without its policy; `None` where it is gone.
    pub async fn read_function(&self, address: &FunctionAddress) -> Result<Option<LiveFunction>, Error> {
        let urn = self.urn(address);
        let record = match self.client.show_function(&urn).await {
            Ok(record) => record,
            Err(error) if error.is_not_found() => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        Ok(Some(live(record, &self.function_urn(address), self.read_tags(address).await?)))
    }

    /// Whether the service's answer to a write is what was sent, as far as it says. Tags have calls of their own, and one
    /// more field may not have been sent.
    fn check(
        &self,
        what: &str,
        record: &FunctionRecord,
        function: &Function,
        besides: Option<Field>,
    ) -> Result<(), Error> {
        let live = live(record.clone(), &self.function_urn(&function.address), Tags::new());
        let unsent = besides.into_iter().chain([Field::Tags]).collect();
        match unapplied(function, &live, &unsent) {
            None => Ok(()),
            Some(path) => {
                Err(Error::NotApplied { what: what.to_owned(), problem: format!("{path} is not what was sent") })
            }
        }
    }

    /// What the archive of a function contains; `None` where the service does not show it.
    pub async fn read_contents(&self, address: &FunctionAddress) -> Result<Option<CodeHash>, Error> {
        Ok(self.contents(&self.urn(address)).await?)
    }

    async fn contents(&self, urn: &str) -> Result<Option<CodeHash>, client::Error> {
        let record = self.client.show_function_code(urn).await?;
        let file = record.func_code.map(|code| code.file).unwrap_or_default();
        Ok(STANDARD.decode(file).ok().and_then(|bytes| CodeHash::of_zip(&bytes).ok()))
    }
}

/// A function that is there now.
#[derive(Debug)]
pub struct Created {
    /// The service's digest of its code.
    pub digest: String,
    /// What the service accepted and did not apply, if that is so.
    pub unapplied: Option<Error>,
}

/// The address of a record; `None` for names that a manifest cannot have.
pub(super) fn address(record: &FunctionRecord) -> Option<FunctionAddress> {
    Some(FunctionAddress {
        package: PackageName::new(record.package.as_str()).ok()?,
        name: FunctionName::new(record.func_name.as_str()).ok()?,
    })
}

pub(super) fn address_of_urn(urn: &str) -> Option<FunctionAddress> {
    urn.parse::<FunctionUrn>().ok().map(|urn| urn.function)
}

/// A record in our words, without what other requests find.
pub(super) fn live(record: FunctionRecord, urn: &FunctionUrn, tags: Tags) -> LiveFunction {
    let (marks, tags) = mark::split(urn, tags);
    let mut live = LiveFunction {
        address: urn.function.clone(),
        configuration: LiveConfiguration { tags, ..LiveConfiguration::default() },
        secret_names: BTreeSet::new(),
        code: LiveCode::default(),
        policy: None,
        attached: BTreeMap::new(),
        marks,
        unseen: BTreeSet::new(),
    };
    refresh(&mut live, record);
    live
}

/// Takes over what a record says; tags are not in it.
pub(super) fn refresh(live: &mut LiveFunction, record: FunctionRecord) {
    live.unseen = left_out(&record);
    let initializer = present(record.initializer_handler)
        .map(|handler| (handler, record.initializer_timeout.unwrap_or(limits::DEFAULT_INITIALIZER_SECONDS)));
    live.configuration = LiveConfiguration {
        runtime: record.runtime,
        handler: record.handler,
        memory: record.memory_size,
        timeout: record.timeout,
        description: record.description.unwrap_or_default(),
        agency: present(record.xrole),
        initializer,
        environment: entries(record.user_data.as_deref()),
        tags: std::mem::take(&mut live.configuration.tags),
    };
    live.secret_names = entries(record.encrypted_user_data.as_deref()).into_keys().collect();
    live.code.digest = record.digest;
    live.code.file_name = record.code_filename;
    live.code.obs_url = present(Some(record.code_url));
    live.code.dependencies = record.depend_version_list.unwrap_or_default();
}

/// Whether a record leaves out a field that the manifest declares.
pub(super) fn lacks_declared(record: &FunctionRecord, wanted: &DesiredFunction) -> bool {
    let Function { configuration, secrets, ignore, .. } = &wanted.function;
    let is_declared = |field: &Field| match field {
        Field::Description => !configuration.description.as_str().is_empty(),
        Field::Agency => configuration.agency.is_some(),
        Field::Initializer => configuration.initializer.is_some(),
        Field::Environment => !configuration.environment.is_empty(),
        Field::Secrets => !secrets.is_empty(),
        _ => false,
    };
    left_out(record).iter().any(|field| is_declared(field) && !ignore.contains(field))
}

/// The optional fields that a record does not have, neither empty nor filled.
fn left_out(record: &FunctionRecord) -> BTreeSet<Field> {
    [
        (Field::Description, record.description.is_none()),
        (Field::Agency, record.xrole.is_none()),
        (Field::Initializer, initializer_is_left_out(record)),
        (Field::Environment, record.user_data.is_none()),
        (Field::Secrets, record.encrypted_user_data.is_none()),
    ]
    .into_iter()
    .filter_map(|(field, missing)| missing.then_some(field))
    .collect()
}

/// Also where there is half of it: a handler without its timeout.
fn initializer_is_left_out(record: &FunctionRecord) -> bool {
    match record.initializer_handler.as_deref() {
        None => true,
        Some("") => false,
        Some(_) => record.initializer_timeout.is_none(),
    }
}

fn present(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

/// A JSON object inside a string, values as text; whatever else is there counts as nothing.
fn entries(text: Option<&str>) -> BTreeMap<String, String> {
    let Some(Ok(serde_json::Value::Object(object))) = text.map(serde_json::from_str) else { return BTreeMap::new() };
    let as_text = |value: serde_json::Value| match value {
        serde_json::Value::String(text) => text,
        other => other.to_string(),
    };
    object.into_iter().map(|(key, value)| (key, as_text(value))).collect()
}

/// The first declared field that live does not have as it was sent, as far as live was seen.
pub fn unapplied(function: &Function, live: &LiveFunction, besides: &BTreeSet<Field>) -> Option<Path> {
    let unchecked: BTreeSet<Field> = live.unseen.iter().chain(&function.ignore).chain(besides).copied().collect();
    let checked = |configuration: &LiveConfiguration| {
        let mut fields = configuration.fields(&unchecked);
        fields.retain(|path, _| !function.ignored_entries.contains(path));
        fields
    };
    let sent = checked(&LiveConfiguration::from(&function.configuration));
    let found = checked(&live.configuration);
    let names: BTreeSet<String> = function.secrets.keys().map(ToString::to_string).collect();
    let has_other_secrets = names != live.secret_names && !unchecked.contains(&Field::Secrets);
    let of_secrets = has_other_secrets.then(|| Path::of(Field::Secrets));
    first_difference(&sent, &found).cloned().or(of_secrets)
}

fn creation(wanted: &DesiredFunction, file_name: String, archive: Option<Vec<u8>>) -> CreateFunction {
    let Function {
        address,
        configuration,
        secrets,
        key: _,
        spot: _,
        policy: _,
        protect: _,
        ignore: _,
        ignored_entries: _,
    } = &wanted.function;
    let (code_type, code_url, func_code) = code_fields(&wanted.code, archive);
    let environment = LiveConfiguration::from(configuration).environment;
    let description = configuration.description.as_str();
    CreateFunction {
        func_name: address.name.to_string(),
        package: address.package.to_string(),
        runtime: configuration.runtime.to_string(),
        timeout: configuration.timeout.get(),
        handler: configuration.handler.to_string(),
        memory_size: configuration.memory.get(),
        code_type,
        code_url,
        code_filename: Some(file_name),
        func_code,
        description: (!description.is_empty()).then(|| description.to_owned()),
        user_data: (!environment.is_empty()).then(|| object(&environment)),
        encrypted_user_data: (!secrets.is_empty()).then(|| Sensitive(exposed(secrets))),
        xrole: configuration.agency.as_ref().map(ToString::to_string),
        initializer_handler: configuration.initializer.as_ref().map(|initializer| initializer.handler.to_string()),
        initializer_timeout: configuration.initializer.as_ref().map(|initializer| initializer.timeout.get()),
    }
}

/// The required fields, and every managed one: an empty text clears. An ignored field is left out, or, where the
/// service requires it, sent as it is. A field that was not seen is left out where nothing is declared for it.
fn update(
    function: &Function,
    now: &LiveConfiguration,
    unseen: &BTreeSet<Field>,
    with_secrets: bool,
) -> UpdateFunctionConfig {
    let wanted = LiveConfiguration::from(&function.configuration);
    let declared: BTreeSet<Field> = wanted.fields(&function.ignore).into_keys().map(|path| path.field).collect();
    let is_managed = |field| !function.ignore.contains(&field);
    let is_sent = |field| is_managed(field) && (declared.contains(&field) || !unseen.contains(&field));
    let source = |field| if is_managed(field) { &wanted } else { now };
    let initializer = function.configuration.initializer.as_ref().filter(|_| is_sent(Field::Initializer));
    UpdateFunctionConfig {
        func_name: function.address.name.to_string(),
        package: function.address.package.to_string(),
        runtime: now.runtime.clone(),
        timeout: source(Field::Timeout).timeout,
        handler: source(Field::Handler).handler.clone(),
        memory_size: source(Field::Memory).memory,
        description: is_sent(Field::Description).then(|| wanted.description.clone()),
        user_data: is_sent(Field::Environment).then(|| object(&function.environment_over(&now.environment))),
        encrypted_user_data: with_secrets.then(|| Sensitive(exposed(&function.secrets))),
        xrole: is_sent(Field::Agency).then(|| wanted.agency.clone().unwrap_or_default()),
        initializer_handler: is_sent(Field::Initializer)
            .then(|| initializer.map(|Initializer { handler, .. }| handler.to_string()).unwrap_or_default()),
        initializer_timeout: initializer.map(|Initializer { timeout, .. }| timeout.get()),
    }
}

fn code_fields(code: &Code, archive: Option<Vec<u8>>) -> (String, Option<String>, Option<FunctionCode>) {
    match code {
        Code::Obs(url) => ("obs".into(), Some(url.to_string()), None),
        Code::Archive(_) => {
            let file = STANDARD.encode(archive.unwrap_or_default());
            ("zip".into(), None, Some(FunctionCode { file, link: None }))
        }
    }
}

fn object(entries: &BTreeMap<String, String>) -> String {
    serde_json::json!(entries).to_string()
}

/// Where secret values leave their wrapping: for the body of a request.
fn exposed(secrets: &Secrets) -> String {
    let values: BTreeMap<&str, &str> = secrets
        .iter()
        .filter_map(|(name, secret)| Some((name.as_str(), secret.value.as_ref()?.expose_secret())))
        .collect();
    serde_json::json!(values).to_string()
}
