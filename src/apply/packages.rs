//! Uploads the dependency packages that did not exist when a plan was made.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::model::dependency::Named;
use crate::model::field::{Field, FieldSet};
use crate::model::function::Function;
use crate::model::mark;
use crate::model::state::DesiredFunction;
use crate::remote::{self, Package};

use super::error::Error;
use super::step::Effects;

/// A function whose dependency packages are uploaded.
pub(super) struct Uploaded<'a> {
    /// With the ids of the packages.
    pub(super) desired: Cow<'a, DesiredFunction>,
    /// The mark of its configuration, if the plan could not know it.
    pub(super) mark: Option<String>,
}

/// Uploads the packages that did not exist when the plan was made.
pub(super) async fn with_packages<'a>(
    desired: &'a DesiredFunction,
    planned: Option<&String>,
    effects: &Effects<'_>,
) -> Result<Uploaded<'a>, Error> {
    let function = &desired.function;
    let mut ids = BTreeMap::new();
    for text in remote::managed_dependencies(function) {
        let Some(Named::Package { name, hash }) = Named::of(text) else { continue };
        let pack = || (effects.package)(&function.address, &name).map_err(Error::Code);
        let runtime = function.configuration.text(Field::Runtime).to_owned();
        let package = Package { name: name.clone(), runtime, hash };
        ids.insert(text.to_owned(), effects.remote.upload_package(&package, pack).await?);
    }
    if ids.is_empty() {
        return Ok(Uploaded { desired: Cow::Borrowed(desired), mark: None });
    }
    let mut uploaded = desired.clone();
    uploaded.function.configuration.replace_dependencies(|text| ids.get(text).cloned());
    let hash = |function: &Function| {
        mark::of_fields(&function.managed_configuration(&function.configuration, FieldSet::default()))
    };
    let mark = planned.map(|planned| planned.replacen(&hash(function), &hash(&uploaded.function), 1));
    Ok(Uploaded { desired: Cow::Owned(uploaded), mark })
}
