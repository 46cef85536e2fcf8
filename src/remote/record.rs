//! The service's record of a function as a live function of the model.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

use crate::model::address::FunctionAddress;
use crate::model::field::{Field, FieldSet};
use crate::model::function::LiveConfiguration;
use crate::model::mark::{self, Marks};
use crate::model::state::{DesiredFunction, LiveCode, LiveFunction};
use crate::model::text::{FunctionName, PackageName};
use crate::model::urn::FunctionUrn;
use crate::wire::function::FunctionRecord;

use super::field::{self, entries};
use super::tag::Tags;

/// The names of secrets; their values come back blank.
pub(super) const SECRETS: &str = "encrypted_user_data";

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
    let mut live = untagged(record, urn);
    set_tags(&mut live, urn, tags);
    live
}

/// The same without tags.
pub(super) fn untagged(record: &FunctionRecord, urn: &FunctionUrn) -> LiveFunction {
    let mut live = LiveFunction {
        address: urn.function.clone(),
        configuration: LiveConfiguration::default(),
        secret_names: BTreeSet::new(),
        code: LiveCode::default(),
        policy: None,
        attached: BTreeMap::new(),
        published: BTreeMap::new(),
        triggers: None,
        marks: Marks::of(urn),
        unseen: FieldSet::default(),
        extend_config: None,
        is_of_v1: false,
        modified: None,
    };
    refresh(&mut live, record);
    live
}

pub(super) fn set_tags(live: &mut LiveFunction, urn: &FunctionUrn, tags: Tags) {
    let (marks, others) = mark::split(urn, tags);
    live.marks = marks;
    live.configuration.set_entries(Field::Tags, others);
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

/// Whether a plan needs one of the fields that a record lacks in whole or in part.
pub(super) fn needs_any(lacking: FieldSet, wanted: &DesiredFunction, applied: FieldSet) -> bool {
    lacking.iter().any(|field| !field.row().is_separate() && wanted.function.needs(field, applied))
}

/// A time of the service in seconds since 1970. Undocumented formats count as unknown.
pub(super) fn seconds(time: &Value) -> Option<i64> {
    Some(time.as_str()?.parse::<jiff::Timestamp>().ok()?.as_second())
}
