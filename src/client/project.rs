//! Projects of a region, from IAM.

use super::{Client, Error};
use crate::wire::project::{Project, ProjectList};
use crate::wire::routes::Operation;

impl Client {
    /// The projects with exactly this name. The client's endpoint must be IAM.
    pub async fn find_projects(&self, name: &str) -> Result<Vec<Project>, Error> {
        let list: ProjectList = self.get(Operation::KeystoneListProjects, &[], &[("name", name.to_owned())]).await?;
        Ok(list.projects.into_iter().filter(|project| project.name == name).collect())
    }
}
