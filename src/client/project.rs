//! The project of a region, as IAM knows it.

use super::{Client, Error};
use crate::wire::project::{Project, ProjectList};
use crate::wire::routes;

impl Client {
    /// The projects of exactly this name; only for a client whose endpoint is IAM's.
    pub async fn find_projects(&self, name: &str) -> Result<Vec<Project>, Error> {
        let list: ProjectList = self.get(routes::PROJECTS, &[("name", name.to_owned())]).await?;
        Ok(list.projects.into_iter().filter(|project| project.name == name).collect())
    }
}
