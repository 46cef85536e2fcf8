//! The function that a path names, by URN or short form.

use std::sync::Arc;

use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::request::Parts;
use rusqlite::Connection;

use crate::wire::urn::{FunctionReference, LATEST, Qualifier};

use super::super::failure::{Failure, Outcome};
use super::super::store::function::{self, Function};
use super::Service;

/// A function of this project that may or may not exist.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) package: String,
    pub(crate) name: String,
    pub(crate) qualifier: Option<Qualifier>,
}

impl Target {
    /// The function, where the path means its latest version; there are no others yet.
    pub(crate) fn latest(&self, connection: &Connection) -> Outcome<Function> {
        let function = self.function(connection)?;
        match &self.qualifier {
            None => Ok(function),
            Some(Qualifier::Version(version)) if version == LATEST => Ok(function),
            Some(Qualifier::Version(version)) => {
                Err(Failure::missing("FSS.1052", format!("can not find version {version} of function {}", self.name)))
            }
            Some(Qualifier::Alias(alias)) => {
                Err(Failure::missing("FSS.1053", format!("can not find alias {alias} of function {}", self.name)))
            }
        }
    }

    /// The function, whatever version of it the path means.
    pub(crate) fn function(&self, connection: &Connection) -> Outcome<Function> {
        let Self { package, name, qualifier: _ } = self;
        function::find(connection, package, name)?
            .ok_or_else(|| Failure::missing("FSS.1051", format!("can not find function {package}/{name}")))
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
