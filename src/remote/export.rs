//! Reads functions for an export, with everything that they have, including what this format does not manage.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures_util::future::try_join_all;
use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

use crate::model::address::{FunctionAddress, Qualifier};
use crate::model::field::Field;
use crate::model::state::LiveFunction;
use crate::model::table::ROWS;
use crate::model::trigger::LiveTrigger;
use crate::wire::function::{FunctionCodeRecord, FunctionRecord};

use super::configuration;
use super::field;
use super::function::Current;
use super::read_live::Functions;
use super::read_policies::Policies;
use super::{Error, Remote, record};

/// A function with all its parts.
#[derive(Debug)]
pub struct Exported {
    pub live: LiveFunction,
    pub archive: LiveArchive,
    pub qualifiers: BTreeSet<Qualifier>,
    /// The parts that this format does not manage, as text without values.
    pub unmanaged: Vec<String>,
}

/// Code as the service returns it.
#[derive(Debug)]
pub enum LiveArchive {
    Zip(Vec<u8>),
    Jar(Vec<u8>),
    /// The URL of an object in OBS.
    Obs(String),
    /// A container image, which the configuration names.
    Image,
    /// Code that the service does not return, with the reason.
    Withheld(&'static str),
}

/// Fields of a record that identify the function and its code.
const IDENTITY: [&str; 6] = ["func_urn", "func_name", "package", "code_type", "code_url", "code_filename"];
/// Fields that only the service sets.
const OF_THE_SERVICE: [&str; 19] = [
    "domain_id",
    "namespace",
    "project_name",
    "cpu",
    "code_size",
    "digest",
    "version",
    "image_name",
    "last_modified",
    "last_modified_utc",
    "func_code",
    "type",
    "long_time",
    "log_group_id",
    "log_stream_id",
    "resource_id",
    "func_id",
    "fail_count",
    "dependencies",
];

/// What the lists of functions and tags say of a project.
#[derive(Debug)]
pub struct Everything {
    pub functions: Functions,
    /// Functions whose names this format cannot express.
    pub unnamed: BTreeSet<String>,
    /// The service forbids to read tags.
    pub unreadable_tags: Option<Error>,
}

impl Remote {
    /// The names of all functions of the project.
    pub async fn names(&self) -> Result<Vec<FunctionAddress>, Error> {
        let addresses = self.records(|record| record::address(&record)).await?;
        Ok(addresses.into_iter().flatten().collect())
    }

    /// All functions of the project with their tags.
    pub async fn everything(&self) -> Result<Everything, Error> {
        let tags = async {
            match self.tags().await {
                Err(error) if error.is_forbidden() => Ok((BTreeMap::new(), Some(error))),
                tags => tags.map(|tags| (tags, None)),
            }
        };
        let take = |record: FunctionRecord| {
            let live = |address| record::untagged(&record, &self.function_urn(&address));
            (record::address(&record).map(live), format!("{}/{}", record.package, record.func_name))
        };
        let (listed, (mut tags, unreadable_tags)) = tokio::try_join!(self.records(take), tags)?;
        let (mut functions, mut unnamed) = (Functions::new(), BTreeSet::new());
        for (live, name) in listed {
            let Some(mut live) = live else {
                unnamed.insert(name);
                continue;
            };
            let address = live.address.clone();
            record::set_tags(&mut live, &self.function_urn(&address), tags.remove(&address).unwrap_or_default());
            functions.insert(address, live);
        }
        Ok(Everything { functions, unnamed, unreadable_tags })
    }

    /// The same function with its policies.
    pub async fn with_policies(&self, live: &LiveFunction) -> Result<LiveFunction, Error> {
        let Policies { latest, published } = self.read_policies(&live.address).await?;
        Ok(LiveFunction { policy: latest, published, ..live.clone() })
    }

    /// The same functions with their triggers: from the project's list, or where the service lacks that, from one list for each
    /// version and alias.
    pub async fn with_triggers(&self, functions: Vec<LiveFunction>) -> Result<Vec<LiveFunction>, Error> {
        if functions.is_empty() {
            return Ok(functions);
        }
        let listed = self.read_project_triggers().await?;
        let reading = functions.into_iter().map(async |live| {
            let triggers = match &listed {
                Some(listed) => listed.get(&live.address).cloned().unwrap_or_default(),
                None => {
                    let (_, qualifiers) = self.qualifiers_of(live.address.clone()).await?;
                    self.all_triggers(&live.address, &qualifiers).await?
                }
            };
            Ok(LiveFunction { triggers: Some(triggers), ..live })
        });
        stream::iter(reading).buffered(self.concurrency()).try_collect().await
    }

    /// The triggers of a function with these versions and aliases.
    async fn all_triggers(
        &self,
        address: &FunctionAddress,
        qualifiers: &BTreeSet<Qualifier>,
    ) -> Result<Vec<LiveTrigger>, Error> {
        let all = std::iter::once(None).chain(qualifiers.iter().map(Some));
        let lists = all.map(|qualifier| self.list_triggers(address, qualifier));
        Ok(try_join_all(lists).await?.into_iter().flatten().collect())
    }

    /// Everything about one function; `None` if it is gone.
    pub async fn export(&self, address: &FunctionAddress) -> Result<Option<Exported>, Error> {
        let urn = self.urn(address);
        let Some(Current { mut live, shown: mut fields }) = self.read_function(address).await? else { return Ok(None) };
        if configuration::has_log(&fields) {
            configuration::add_log_names(&mut fields, &self.log_names(&urn).await?);
            let (with_names, _) = field::read(&fields);
            for field in [Field::LogGroupName, Field::LogStreamName] {
                live.configuration.set(field, with_names.value(field));
            }
        }
        if !live.is_of_v1 {
            live.see(Field::Reserved, self.read_reservation(address).await?);
        }
        let Policies { latest, published } = self.read_policies(address).await?;
        (live.policy, live.published) = (latest, published);
        let code = self.client.show_function_code(&urn).await?;
        let (_, qualifiers) = self.qualifiers_of(address.clone()).await?;
        let mut unmanaged = unmanaged_fields(&fields);
        unmanaged.extend(unmanaged_parts(&live, &qualifiers));
        live.triggers = Some(self.all_triggers(address, &qualifiers).await?);
        Ok(Some(Exported { live, archive: archive(code), qualifiers, unmanaged }))
    }
}

/// The published parts of a function.
fn unmanaged_parts(live: &LiveFunction, qualifiers: &BTreeSet<Qualifier>) -> Vec<String> {
    let published = qualifiers.iter().map(|qualifier| match qualifier {
        Qualifier::Version(version) => format!("version {version}"),
        Qualifier::Alias(alias) => format!("alias {alias}"),
    });
    let policies = live.published.keys().map(|qualifier| format!("an asynchronous policy of {qualifier}"));
    published.chain(policies).collect()
}

fn archive(code: FunctionCodeRecord) -> LiveArchive {
    match code.code_type.as_str() {
        "obs" => LiveArchive::Obs(code.code_url),
        "Custom-Image-Swr" => LiveArchive::Image,
        _ => match STANDARD.decode(code.func_code.unwrap_or_default().file) {
            Ok(bytes) if !bytes.is_empty() && code.code_type == "jar" => LiveArchive::Jar(bytes),
            Ok(bytes) if !bytes.is_empty() => LiveArchive::Zip(bytes),
            _ => LiveArchive::Withheld("the service does not return its code"),
        },
    }
}

/// The names of unmanaged fields with a value other than the default. A member of an object is named by its path.
fn unmanaged_fields(fields: &Map<String, Value>) -> Vec<String> {
    let is_known = |name: &str| IDENTITY.contains(&name) || OF_THE_SERVICE.contains(&name);
    let others = fields.iter().filter(|(name, _)| !is_known(name));
    others.flat_map(|(name, value)| unmanaged(name, value)).collect()
}

/// The parts of a field that the table does not describe.
fn unmanaged(path: &str, value: &Value) -> Vec<String> {
    let names = || ROWS.iter().filter_map(|row| row.wire).flat_map(|wire| wire.form.names());
    let has_managed_members = || names().any(|name| name.strip_prefix(path).is_some_and(|rest| rest.starts_with('.')));
    if names().any(|name| name == path) || configuration::is_derived(path) {
        return Vec::new();
    }
    match value {
        Value::Object(members) if has_managed_members() => {
            members.iter().flat_map(|(name, value)| unmanaged(&format!("{path}.{name}"), value)).collect()
        }
        value if is_not_default(value) => vec![path.to_owned()],
        _ => Vec::new(),
    }
}

fn is_not_default(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::Bool(true) => true,
        Value::Number(number) => number.as_i64() != Some(0),
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn unmanaged_members_of_objects_are_named() {
        let fields = json!({
            "func_vpc": { "vpc_id": "v", "subnet_id": "s", "cidr": "10.0.0.0/8", "is_safety": true },
            "custom_image": { "enabled": true, "image": "swr.a/b:1", "is_public": false },
            "mount_config": { "mount_user": { "user_id": 1 }, "func_mounts": [{ "status": "active" }] },
            "strategy_config": { "concurrency": 5, "concurrent_num": 2 }, "digest": "d", "new": "x", "empty": "",
        });
        let fields: Map<String, Value> = serde_json::from_value(fields).expect("an object");
        assert_eq!(unmanaged_fields(&fields), ["func_vpc.is_safety", "new"]);
    }
}
