//! Where a connection leads, as far as this is known without a request, and the account that it becomes.

use anyhow::Context;
use reqwest::Url;

use crate::cli::failure::{Advised, Refused, advised};
use crate::client::region::{self, Service};
use crate::client::{Client, Credentials, Endpoint, Options};
use crate::manifest::environments::Environment;

use super::address::{self, Address};
use super::credential_chain::{AccountSettings, Setting};
use super::{Account, ProjectSource, region_address};

/// What is known about the connection without a request.
#[derive(Debug)]
pub(in crate::cli) struct Outline {
    pub(in crate::cli) credentials: Credentials,
    pub(in crate::cli) source: String,
    /// The URL of the service, and what gives it.
    pub(in crate::cli) url: (Url, String),
    pub(in crate::cli) region: Setting,
    pub(super) settings: AccountSettings,
}

impl Outline {
    /// Fails if the settings lead to another place than the environment's, or two of them to different places.
    pub(super) fn expect(&self, environment: &Environment) -> anyhow::Result<()> {
        let project = self.settings.project_id.as_ref().map(|id| id.value.as_str());
        expect(environment, Some(&self.region.value), project)?;
        expect(environment, region_of(&self.url.0), None)
    }

    /// Fails if the endpoint is in another region.
    pub(super) fn refuse_two_regions(&self) -> anyhow::Result<()> {
        let Self { url: (url, source), region, .. } = self;
        match region_of(url) {
            Some(other) if other != region.value => {
                let Setting { value, source: of_region } = region;
                let message = format!(
                    "the endpoint {url} ({source}) is in region {other}, but the region is {value} ({of_region})"
                );
                Err(advised(message, "leave out one of them, or set both to the same region"))
            }
            _ => Ok(()),
        }
    }

    /// The id of the project, or the name to look it up by.
    pub(in crate::cli) fn project(&self) -> Result<&Setting, &Setting> {
        let AccountSettings { project_id, project_name, .. } = &self.settings;
        project_id.as_ref().ok_or_else(|| project_name.as_ref().unwrap_or(&self.region))
    }

    pub(super) async fn account(self, options: &Options) -> anyhow::Result<Account> {
        let project = match self.project() {
            Ok(id) => (id.value.clone(), ProjectSource::Given { source: id.source.clone() }),
            Err(Setting { value: name, .. }) => {
                let region = self.region.value.clone();
                let iam =
                    Endpoint { url: iam(&self.settings, &region, &self.url.0)?, region, project_id: String::new() };
                (look_up(name, iam, &self.credentials, options).await?, ProjectSource::LookedUp { name: name.clone() })
            }
        };
        let Self { credentials, source, url: (url, url_source), region, settings: _ } = self;
        let endpoint = Endpoint { url, region: region.value, project_id: project.0 };
        Ok(Account { endpoint, credentials, source, url_source, region_source: region.source, project: project.1 })
    }
}

/// The region of an endpoint, if its host shows it.
pub(super) fn region_of(url: &Url) -> Option<&str> {
    region::of_host(url.host_str()?)
}

/// Fails if the connection would lead to another place than the environment's.
fn expect(environment: &Environment, region: Option<&str>, project: Option<&str>) -> anyhow::Result<()> {
    let diagnostics = environment.mismatches(region, project);
    if diagnostics.is_empty() { Ok(()) } else { Err(Refused { diagnostics }.into()) }
}

/// The IAM address that goes with the service's: credentials are sent only to a domain that the user named.
fn iam(settings: &AccountSettings, region: &str, endpoint: &Url) -> anyhow::Result<Url> {
    if let Some(given) = &settings.iam_endpoint {
        // Other tools include the version in this URL.
        return address::parse(Address::IamEndpoint, given.value.trim_end_matches('/').trim_end_matches("/v3"));
    }
    if settings.endpoint.is_none() {
        return region_address(Service::Iam, settings, region);
    }
    let mut url = endpoint.clone();
    let domain = endpoint.host_str().and_then(|host| host.strip_prefix("functiongraph."));
    let is_set = domain.is_some_and(|domain| url.set_host(Some(&format!("iam.{domain}"))).is_ok());
    if !is_set {
        let help = "set FGCTL_PROJECT_ID or give --project-id; to look it up in IAM, give --iam-endpoint";
        return Err(advised("no project is set, and the endpoint does not show where IAM is", help));
    }
    Ok(url)
}

async fn look_up(name: &str, iam: Endpoint, credentials: &Credentials, options: &Options) -> anyhow::Result<String> {
    let client = Client::new(iam, credentials.clone(), options.clone()).context("TLS cannot be set up")?;
    let help = "to skip this request, set FGCTL_PROJECT_ID or give --project-id";
    let found = client.find_projects(name).await.map_err(|error| {
        let help = error.help().map_or_else(|| help.to_owned(), |cause| format!("{cause}; {help}"));
        anyhow::Error::from(error).context(Advised::new(format!("cannot look up the project `{name}` in IAM"), help))
    })?;
    match &found[..] {
        [project] => Ok(project.id.clone()),
        [] => {
            let help = "give --project-id, or --project-name for a project that is not named like its region";
            Err(advised(format!("IAM shows no project named `{name}`"), help))
        }
        several => {
            let ids: Vec<&str> = several.iter().map(|project| project.id.as_str()).collect();
            let help = format!("give --project-id with one of {}", ids.join(", "));
            Err(advised(format!("IAM shows {} projects named `{name}`", ids.len()), help))
        }
    }
}
