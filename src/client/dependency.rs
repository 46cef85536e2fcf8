//! Calls for dependency packages.

use super::{Client, Error};
use crate::wire::dependency::{CreateDependencyVersion, DependencyList, DependencyVersion};
use crate::wire::routes::{DEPENDENCY_PAGE, Operation};

impl Client {
    /// One page of the dependencies for a runtime whose names contain this one, public ones included.
    pub async fn list_dependencies(&self, name: &str, runtime: &str, marker: u64) -> Result<DependencyList, Error> {
        let query = [("name", name.to_owned()), ("runtime", runtime.to_owned())].into_iter().chain(page(marker));
        self.get(Operation::ListDependencies, &[], &query.collect::<Vec<_>>()).await
    }

    /// One page of the versions of a dependency.
    pub async fn list_dependency_versions(&self, dependency: &str, marker: u64) -> Result<DependencyList, Error> {
        self.get(Operation::ListDependencyVersion, &[dependency], &page(marker)).await
    }

    /// Uploads a new version of a dependency. If a lost answer leaves the outcome unclear, `find` looks for it.
    pub async fn create_dependency_version<E>(
        &self,
        body: &CreateDependencyVersion,
        find: impl AsyncFn() -> Result<Option<DependencyVersion>, E>,
    ) -> Result<DependencyVersion, Error> {
        let request = self.request(Operation::CreateDependencyVersion, &[]).with_json(body)?;
        self.send_once(&request, find).await
    }
}

fn page(marker: u64) -> [(&'static str, String); 2] {
    [("marker", marker.to_string()), ("maxitems", DEPENDENCY_PAGE.to_string())]
}
