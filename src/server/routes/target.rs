//! The function in a path.

use std::sync::Arc;

use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::request::Parts;

use super::super::failure::{Failure, Outcome};
pub(super) use super::super::target::{Target, existing_alias, existing_version, require_alias};
use super::Service;

impl FromRequestParts<Arc<Service>> for Target {
    type Rejection = Failure;

    /// The path is already percent-decoded, so `:` and `%3A` are the same.
    async fn from_request_parts(parts: &mut Parts, service: &Arc<Service>) -> Outcome<Self> {
        let path = RawPathParams::from_request_parts(parts, service).await;
        let path = path.map_err(|_| Failure::refused("FSS.1309", "the path is not UTF-8"))?;
        let urn = path.iter().find_map(|(name, value)| (name == "urn").then_some(value));
        Ok(service.identity().target(urn.unwrap_or_default())?)
    }
}
