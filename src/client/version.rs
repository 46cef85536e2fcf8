//! Reads of published versions and aliases.

use super::{Client, Error};
use crate::wire::alias::AliasRecord;
use crate::wire::routes::Operation;
use crate::wire::version::VersionList;

impl Client {
    /// All versions; the service does not page them.
    pub async fn list_versions(&self, urn: &str) -> Result<VersionList, Error> {
        self.get(Operation::ListFunctionVersions, &[urn], &[]).await
    }

    pub async fn list_aliases(&self, urn: &str) -> Result<Vec<AliasRecord>, Error> {
        self.get_list(Operation::ListVersionAliases, &[urn]).await
    }
}
