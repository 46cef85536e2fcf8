//! Where the service is and who asks: flags and environment → endpoint and credentials, or the embedded server.

use anyhow::{Context, bail};
use reqwest::Url;
use secrecy::SecretString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::client::{Client, Credentials, Endpoint};
use crate::server;

/// Flags that say where the functions live.
#[derive(Debug, clap::Args)]
pub(super) struct ConnectionArguments {
    /// Use the embedded server, which needs no account; its data is in DIR. Endpoint and credentials then count for nothing
    #[arg(long, value_name = "DIR", num_args = 0..=1, require_equals = true, default_missing_value = ".fgctl")]
    local: Option<PathBuf>,
    /// The service's address, such as <https://functiongraph.eu-de.otc.t-systems.com>
    #[arg(long, value_name = "URL", env = "FGCTL_ENDPOINT")]
    endpoint: Option<String>,
    /// The region, as URNs name it
    #[arg(long, env = "FGCTL_REGION")]
    region: Option<String>,
    /// The project's id
    #[arg(long, value_name = "ID", env = "FGCTL_PROJECT_ID")]
    project_id: Option<String>,
    /// The access key that signs requests
    #[arg(long, value_name = "AK", env = "FGCTL_ACCESS_KEY")]
    access_key: Option<String>,
    /// Its secret key; the environment is the safer place, since other users can see flags
    #[arg(long, value_name = "SK", env = "FGCTL_SECRET_KEY", hide_env_values = true)]
    secret_key: Option<SecretString>,
    /// A ready token, instead of keys; the environment is the safer place
    #[arg(long, env = "FGCTL_TOKEN", hide_env_values = true)]
    token: Option<SecretString>,
    /// Requests, and changes, under way at once
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=200))]
    concurrency: u16,
}

/// A place to send requests to. While it is open, an embedded server keeps running.
pub(super) struct Connection {
    endpoint: Endpoint,
    credentials: Credentials,
    embedded: Option<server::Running>,
}

/// Between two tries to take a data directory that another command has.
const RETRY: Duration = Duration::from_millis(100);

impl ConnectionArguments {
    pub(super) fn concurrency(&self) -> usize {
        self.concurrency.into()
    }
}

impl Connection {
    pub(super) async fn open(arguments: &ConnectionArguments) -> anyhow::Result<Self> {
        match &arguments.local {
            Some(directory) => local(directory).await,
            None => configured(arguments),
        }
    }

    pub(super) fn client(&self) -> anyhow::Result<Client> {
        Client::new(self.endpoint.clone(), self.credentials.clone()).context("TLS cannot be set up")
    }

    /// Ends the embedded server, if there is one, after everything is on disk.
    pub(super) async fn close(self) {
        if let Some(server) = self.embedded {
            server.stop().await;
        }
    }
}

fn configured(arguments: &ConnectionArguments) -> anyhow::Result<Connection> {
    let ConnectionArguments { local: _, endpoint, region, project_id, access_key, secret_key, token, concurrency: _ } =
        arguments;
    let Some(endpoint) = endpoint else {
        bail!("no endpoint: give --local for the embedded server, or --endpoint URL with --region and --project-id");
    };
    let url = Url::parse(endpoint).context("--endpoint is no URL")?;
    if !url.username().is_empty() || url.password().is_some() {
        bail!("--endpoint has credentials in it, which would show up in messages; give keys or a token instead");
    }
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        bail!("--endpoint {endpoint} is no http or https URL");
    }
    let region = region.clone().context("no region: give --region or FGCTL_REGION, as in eu-de")?;
    let project_id = project_id.clone().context("no project: give --project-id or FGCTL_PROJECT_ID")?;
    let credentials = match (token, access_key, secret_key) {
        (Some(token), _, _) => Credentials::Token(token.clone()),
        (None, Some(access_key), Some(secret_key)) => {
            Credentials::Keys { access_key: access_key.clone(), secret_key: secret_key.clone() }
        }
        (None, Some(_), None) => bail!("an access key without its secret key: set FGCTL_SECRET_KEY"),
        (None, None, Some(_)) => bail!("a secret key without its access key: set FGCTL_ACCESS_KEY"),
        (None, None, None) => {
            bail!("no credentials: set FGCTL_ACCESS_KEY and FGCTL_SECRET_KEY, or FGCTL_TOKEN");
        }
    };
    Ok(Connection { endpoint: Endpoint { url, region, project_id }, credentials, embedded: None })
}

/// The directory's own server: one in this process, or the `fgctl serve` that has published itself there. Another
/// command that has the directory is waited for.
async fn local(directory: &Path) -> anyhow::Result<Connection> {
    let mut said = false;
    loop {
        let settings = local_settings(directory, command_line());
        let owner = match server::start(settings).await {
            Ok(running) => return embedded(running),
            Err(server::StartError::Directory(server::DirectoryError::Taken { owner, .. })) => owner,
            Err(error) => return Err(error.into()),
        };
        if let Some(connection) = owner.as_ref().and_then(|owner| published(directory, owner)) {
            return connection;
        }
        if let Some(owner) = owner.filter(|_| !said) {
            anstream::eprintln!("Waiting for {owner}, which uses {}.", directory.display());
            said = true;
        }
        tokio::time::sleep(RETRY).await;
    }
}

/// Functions find what this command would find.
pub(super) fn local_settings(directory: impl Into<PathBuf>, command: impl Into<String>) -> server::Settings {
    let settings = server::Settings::new(directory, command);
    match std::env::var_os("PATH") {
        Some(search_path) => server::Settings { search_path, ..settings },
        None => settings,
    }
}

fn embedded(running: server::Running) -> anyhow::Result<Connection> {
    let server::Running { address, region, project_id, access_key, secret_key, .. } = &running;
    let credentials = Credentials::Keys { access_key: access_key.clone(), secret_key: secret_key.clone() };
    let endpoint = endpoint_at(*address, region, project_id)?;
    Ok(Connection { endpoint, credentials, embedded: Some(running) })
}

/// `None` where the owner serves nobody else.
fn published(directory: &Path, owner: &server::Owner) -> Option<anyhow::Result<Connection>> {
    let server::Owner { address, region, project_id, .. } = owner;
    let (address, region, project_id) = ((*address)?, region.as_ref()?, project_id.as_ref()?);
    let connection = || {
        let server::Credentials { access_key, secret_key, .. } = server::credentials(directory)?;
        let credentials = Credentials::Keys { access_key, secret_key };
        Ok(Connection { endpoint: endpoint_at(address, region, project_id)?, credentials, embedded: None })
    };
    Some(connection())
}

fn endpoint_at(address: SocketAddr, region: &str, project_id: &str) -> anyhow::Result<Endpoint> {
    let url = Url::parse(&format!("http://{address}"))?;
    Ok(Endpoint { url, region: region.to_owned(), project_id: project_id.to_owned() })
}

/// What another command is told that waits for this one: the subcommand alone, since flags may hold secrets.
fn command_line() -> String {
    format!("fgctl {}", std::env::args().nth(1).unwrap_or_default())
}
