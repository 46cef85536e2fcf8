//! The server's identity: one region and one project, which URNs contain.

use crate::rules::urn::{FunctionReference, FunctionUrn, LATEST, Qualifier};

use super::refusal::Refusal;
use super::target::Target;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ServiceIdentity {
    pub(crate) region: String,
    pub(crate) project_id: String,
}

impl ServiceIdentity {
    /// The URN of a function in the form of the request. Without a version, it means the latest one.
    pub(crate) fn urn(&self, target: &Target) -> FunctionUrn {
        let Target { package, name, qualifier } = target.clone();
        let qualifier = qualifier.unwrap_or_else(|| Qualifier::Version(LATEST.to_owned()));
        let Self { region, project_id } = self.clone();
        FunctionUrn { region, project_id, package, name, qualifier: Some(qualifier) }
    }

    /// The function with this URN or short form, if it belongs to this region and project.
    pub(crate) fn target(&self, text: &str) -> Result<Target, Refusal> {
        let invalid = |reason: &str| Refusal::new("FSS.1309", format!("invalid function URN {text}: {reason}"));
        let FunctionReference { region, project_id, package, name, qualifier } =
            FunctionReference::parse(text).ok_or_else(|| invalid("it is neither a URN nor a short form"))?;
        if region.is_some_and(|region| region != self.region) {
            return Err(invalid(&format!("this server's region is {}", self.region)));
        }
        if project_id.is_some_and(|project_id| project_id != self.project_id) {
            return Err(invalid(&format!("this server's project is {}", self.project_id)));
        }
        Ok(Target { package, name, qualifier })
    }
}
