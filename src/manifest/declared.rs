//! The fields of the table that `defaults` and a function set: values of the fields' types, and where they are.

use serde_json::Value;
use std::collections::BTreeMap;

use crate::diagnostic::Spot;
use crate::model::field::Field;
use crate::model::function::Configuration;
use crate::model::row::Wrong;

use super::field::FieldSettings;
use super::notation::Setting;

/// The checked settings. Those of `defaults` are checked once for all functions.
#[derive(Debug, Clone, Default)]
pub(super) struct DeclaredFields {
    pub(super) configuration: Configuration,
    /// The fields that are newer than the first release, and their locations.
    pub(super) later: BTreeMap<Field, Spot>,
    /// What a field's type refuses, and where it is.
    pub(super) refused: BTreeMap<Field, (Spot, Wrong)>,
}

impl DeclaredFields {
    /// The same fields with the settings of the mapping at `holder`, which take precedence.
    pub(super) fn overlaid(mut self, settings: &FieldSettings, holder: &Spot) -> Self {
        settings.iter().for_each(|(field, setting)| self.set(field, setting, holder));
        self
    }

    pub(super) fn set(&mut self, field: Field, setting: &Setting<Value>, holder: &Spot) {
        self.configuration.clear(field);
        self.later.remove(&field);
        self.refused.remove(&field);
        let Setting::Set(value) = setting else { return };
        match self.configuration.declare(field, value.clone()) {
            Err(wrong) => drop(self.refused.insert(field, (spot_of(field, holder), wrong))),
            Ok(()) if field.is_first() => {}
            Ok(()) => drop(self.later.insert(field, spot_of(field, holder))),
        }
    }
}

/// The location of a field in the mapping at `holder`.
pub(super) fn spot_of(field: Field, holder: &Spot) -> Spot {
    field.key().split('.').fold(holder.clone(), |spot, segment| spot.child(segment))
}
