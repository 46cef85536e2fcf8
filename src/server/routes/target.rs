//! The function that a path names, by URN or short form.

use std::sync::Arc;

use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::request::Parts;
use rusqlite::Connection;

use crate::wire::urn::{FunctionReference, LATEST, Qualifier};

use super::super::failure::{Failure, Outcome};
use super::super::store::function::{self, Function};
use super::super::store::version;
use super::Service;

/// A function of this project that may or may not exist.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) package: String,
    pub(crate) name: String,
    pub(crate) qualifier: Option<Qualifier>,
}

impl Target {
    /// The function in the version that the path means: of an alias, its main one.
    pub(crate) fn resolve(&self, connection: &Connection) -> Outcome<Function> {
        version::resolve(connection, self.function(connection)?, self.qualifier.as_ref(), None)
    }

    /// As [`Self::resolve`], for a change: what is published stays as it is.
    pub(super) fn changeable(&self, connection: &Connection) -> Outcome<Function> {
        let function = self.resolve(connection)?;
        if function.version == LATEST {
            return Ok(function);
        }
        let Function { name, version, .. } = function;
        let message = format!("version {version} of function {name} is published and cannot be changed, only {LATEST}");
        Err(Failure::invalid("FSS.1015", message))
    }

    /// What comes after the function's name: `latest`, `v1`, `!prod`.
    pub(super) fn qualifier(&self) -> String {
        self.qualifier.as_ref().map_or(LATEST.to_owned(), Qualifier::to_string)
    }

    /// The function in its latest version, whichever one the path means.
    pub(crate) fn function(&self, connection: &Connection) -> Outcome<Function> {
        let Self { package, name, qualifier: _ } = self;
        function::find(connection, package, name)?.ok_or_else(|| self.missing())
    }

    /// The function's id, whether or not the rest of it can be read.
    pub(super) fn id(&self, connection: &Connection) -> Outcome<i64> {
        let Self { package, name, qualifier: _ } = self;
        function::id_of(connection, package, name)?.ok_or_else(|| self.missing())
    }

    fn missing(&self) -> Failure {
        Failure::missing("FSS.1051", format!("can not find function {}/{}", self.package, self.name))
    }

    /// Reads what a path or a query names, if it is of this region and project.
    pub(super) fn parse(service: &Service, text: &str) -> Outcome<Self> {
        Self::of_project(&service.region, &service.project_id, text)
    }

    /// Reads what a text names, if it is of that region and project.
    pub(crate) fn of_project(own_region: &str, own_project: &str, text: &str) -> Outcome<Self> {
        let invalid = |reason: &str| Failure::invalid("FSS.1309", format!("invalid function URN {text}: {reason}"));
        let FunctionReference { region, project_id, package, name, qualifier } = FunctionReference::parse(text)
            .ok_or_else(|| invalid("it has neither the form of a URN nor a short one"))?;
        if region.is_some_and(|region| region != own_region) {
            return Err(invalid(&format!("this server's region is {own_region}")));
        }
        if project_id.is_some_and(|project_id| project_id != own_project) {
            return Err(invalid(&format!("this server's project is {own_project}")));
        }
        Ok(Self { package, name, qualifier })
    }
}

impl FromRequestParts<Arc<Service>> for Target {
    type Rejection = Failure;

    /// The path arrives percent-decoded here, so that `:` and `%3A` are the same.
    async fn from_request_parts(parts: &mut Parts, service: &Arc<Service>) -> Outcome<Self> {
        let path = RawPathParams::from_request_parts(parts, service).await;
        let path = path.map_err(|_| Failure::invalid("FSS.1309", "the path is not UTF-8"))?;
        let urn = path.iter().find_map(|(name, value)| (name == "urn").then_some(value));
        Self::parse(service, urn.unwrap_or_default())
    }
}
