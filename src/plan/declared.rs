//! A declared function in the form in which it is compared.

use crate::model::field::{FieldSet, Fields};
use crate::model::function::Configuration;
use crate::model::mark;
use crate::model::state::DesiredFunction;
use crate::model::urn::{FunctionUrn, Scope};

/// The desired configuration, in the form of the live one.
pub(super) struct Declared<'a> {
    pub(super) wanted: &'a DesiredFunction,
    pub(super) configuration: &'a Configuration,
    /// Without ignored fields.
    pub(super) fields: Fields,
    pub(super) mark: String,
}

impl<'a> Declared<'a> {
    pub(super) fn new(wanted: &'a DesiredFunction, scope: &Scope) -> Self {
        let function = &wanted.function;
        let configuration = &function.configuration;
        let fields = function.managed_configuration(configuration, FieldSet::default());
        let urn = FunctionUrn::new(scope, &function.address, None);
        let mark = mark::of_configuration(&fields, function.later_managed(), &urn, function.is_protected());
        Self { wanted, configuration, fields, mark }
    }
}
