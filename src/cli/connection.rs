//! The connection of a command: to the service with an account, or to the embedded server.

use anyhow::Context;
use clap_complete::ArgValueCompleter;
use reqwest::Url;
use secrecy::SecretString;
use std::ffi::OsStr;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::client::{Client, Credentials, Endpoint, Options};
use crate::diagnostic::Diagnostic;
use crate::manifest::Location;
use crate::manifest::environments::Environment;
use crate::model::urn::Scope;
use crate::plan::saved::Project;
use crate::render::home::Known;
use crate::render::printable;
use crate::server::{self, Backlog};

use super::account::{Account, AccountArguments, Outline, ProjectSource};
use super::completion;
use super::failure::{advised, stated};
use super::http_arguments::HttpArguments;
use super::interruption;
use super::quoting::quoted;
use super::{help, here};

/// Flags for the endpoint, and for how requests are made.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = help::CONNECTION)]
pub(super) struct ConnectionArguments {
    /// Use the embedded server, which needs no account
    ///
    /// The server keeps its data in DIR; the default is `.fgctl`. The region, the endpoint and the credentials then have
    /// no effect. To use the server in all commands of a shell, set `FGCTL_LOCAL` to 1 or to DIR.
    #[arg(long, value_name = "DIR", num_args = 0..=1, require_equals = true, default_missing_value = DEFAULT_DIRECTORY, add = ArgValueCompleter::new(completion::data_directories))]
    local: Option<PathBuf>,
    #[command(flatten)]
    account: AccountArguments,
    #[command(flatten)]
    http: HttpArguments,
}

/// An open connection. It keeps an embedded server running.
pub(super) struct Connection {
    account: Account,
    options: Options,
    /// Whether `--local` is used.
    is_local: bool,
    embedded: Option<server::Server>,
}

/// The data directory of `--local` without a value.
const DEFAULT_DIRECTORY: &str = ".fgctl";
/// The variable that stands for `--local`.
const LOCAL_VARIABLE: &str = "FGCTL_LOCAL";

/// The endpoint of every embedded server in saved plans. Each data directory has its own project id.
const LOCAL: &str = "local";

/// What gives the endpoint, region and project of an embedded server.
const SERVER: &str = "the embedded server";

/// How long to wait for a server to stop before printing the reason.
pub(super) const PATIENCE: Duration = Duration::from_millis(500);
/// The wait between two tries to use a data directory that another command uses.
const RETRY: Duration = Duration::from_millis(100);

impl ConnectionArguments {
    /// The data directory of the embedded server, if the command uses one.
    fn directory(&self) -> Option<PathBuf> {
        let variable = || selected(&std::env::var_os(LOCAL_VARIABLE)?);
        self.local.clone().or_else(variable)
    }

    /// Whether a connection would first create a data directory for the embedded server.
    pub(super) fn would_create_data(&self) -> bool {
        self.directory().is_some_and(|directory| server::credentials(&directory).is_err())
    }

    /// What is known about the connection without a request. `None` for an embedded server.
    pub(super) fn outline(&self, environment: Option<&Environment>) -> Option<Outline> {
        if self.directory().is_some() { None } else { self.account.outline(environment).ok() }
    }

    /// Refuses a plan for an embedded server if this command does not use one, before it needs credentials.
    pub(super) fn refuse_local(&self, planned: &Project) -> anyhow::Result<()> {
        if planned.endpoint == LOCAL && self.directory().is_none() {
            return Err(advised("the plan was made with --local, but this command does not use it", "add --local"));
        }
        Ok(())
    }

    /// The flag that selects the same embedded server in another command. The variable needs no flag.
    pub(super) fn local_flag(&self) -> Option<String> {
        let directory = self.local.as_ref()?;
        let is_default = directory == Path::new(DEFAULT_DIRECTORY);
        Some(if is_default { "--local".to_owned() } else { quoted(&format!("--local={}", directory.display())) })
    }

    /// What to do with a plan that was made somewhere else.
    pub(super) fn help_elsewhere(&self) -> &'static str {
        match self.directory() {
            Some(_) => {
                "run the command in the directory where the plan was made, or give its data directory with --local=DIR"
            }
            None => "apply the plan where it was made, or plan again",
        }
    }
}

/// The data directory that the value of the variable selects. A directory whose name is one of these words can be written
/// as a path, such as `./no`.
fn selected(value: &OsStr) -> Option<PathBuf> {
    match value.to_str().map(str::to_ascii_lowercase).as_deref() {
        Some("" | "0" | "false" | "no" | "off" | "n" | "f") => None,
        Some("1" | "true" | "yes" | "on" | "y" | "t") => Some(DEFAULT_DIRECTORY.into()),
        _ => Some(value.into()),
    }
}

impl Connection {
    /// An embedded server opened this way only stores; waiting requests do not run.
    pub(super) async fn open(
        arguments: &ConnectionArguments,
        environment: Option<&Environment>,
    ) -> anyhow::Result<Self> {
        Self::open_with(arguments, environment, Backlog::Left).await
    }

    /// An embedded server opened this way runs functions.
    pub(super) async fn open_running(
        arguments: &ConnectionArguments,
        environment: Option<&Environment>,
    ) -> anyhow::Result<Self> {
        Self::open_with(arguments, environment, Backlog::Worked).await
    }

    async fn open_with(
        arguments: &ConnectionArguments,
        environment: Option<&Environment>,
        backlog: Backlog,
    ) -> anyhow::Result<Self> {
        let ConnectionArguments { local: _, account, http } = arguments;
        let options = http.options()?;
        let directory = arguments.directory();
        let (account, embedded) = match &directory {
            Some(directory) => Box::pin(local(directory, backlog)).await?,
            None => (account.resolve(&options, environment).await?, None),
        };
        let Endpoint { url: _, region, project_id } = &account.endpoint;
        here::learn(Known::from(&Scope { region: region.clone(), project_id: project_id.clone() }));
        Ok(Self { account, options, is_local: directory.is_some(), embedded })
    }

    pub(super) fn account(&self) -> &Account {
        &self.account
    }

    pub(super) fn client(&self) -> anyhow::Result<Client> {
        let Account { endpoint, credentials, .. } = &self.account;
        Client::new(endpoint.clone(), credentials.clone(), self.options.clone()).context("TLS cannot be set up")
    }

    /// Whether the server ends with this process.
    pub(super) fn is_embedded(&self) -> bool {
        self.embedded.is_some()
    }

    /// The project as saved plans contain it.
    pub(super) fn project(&self) -> Project {
        let Endpoint { url, region, project_id } = &self.account.endpoint;
        let endpoint = if self.is_local { LOCAL.to_owned() } else { url.to_string() };
        Project { endpoint, region: region.clone(), project_id: project_id.clone() }
    }

    /// Errors if the manifests name another project. The embedded server cannot be the wrong account.
    pub(super) fn mismatches(&self, location: &Location) -> Vec<Diagnostic> {
        let Endpoint { url: _, region, project_id } = &self.account.endpoint;
        let here = Scope { region: region.clone(), project_id: project_id.clone() };
        if self.is_local { Vec::new() } else { location.mismatches(&here) }
    }

    /// Stops the embedded server, if there is one, after everything is on disk. Waits for running functions until an
    /// interruption, which aborts them.
    pub(super) async fn close(self) {
        let Some(server) = self.embedded else { return };
        if tokio::time::timeout(PATIENCE, server.function_graph.finish()).await.is_err() {
            // Dropping the server stops it at once.
            if interruption::has_stopped() {
                errln!("Functions that still run are ended, and their runs count as failed.");
                return;
            }
            let interrupted = interruption::stoppable("runs in progress count as failed");
            errln!("Waiting for functions that still run. Ctrl-C ends them, and their runs count as failed.");
            tokio::select! {
                () = server.function_graph.finish() => {}
                () = interrupted => return,
            }
        }
        server.stop().await;
    }
}

/// The server of the data directory: one in this process, or the `fgctl serve` that published its address there. Waits
/// if another command uses the directory.
async fn local(directory: &Path, backlog: Backlog) -> anyhow::Result<(Account, Option<server::Server>)> {
    let mut said = false;
    let is_new = !directory.exists();
    loop {
        let settings = local_settings(directory, command_line());
        let settings = server::Settings { options: server::Options { backlog, ..settings.options }, ..settings };
        let owner = match server::start(settings).await {
            Ok(running) => {
                if is_new {
                    errln!("Created {}, which has no functions yet.", printable(&directory.to_string_lossy()));
                }
                return embedded(running, directory);
            }
            Err(server::StartError::Storage(server::StorageError::Directory(server::DirectoryError::Taken {
                owner,
                ..
            }))) => owner,
            Err(
                error @ server::StartError::Storage(server::StorageError::Directory(server::DirectoryError::Unusable {
                    ..
                })),
            ) => {
                return Err(advised(
                    error.to_string(),
                    "give --local or FGCTL_LOCAL a directory that you can write to",
                ));
            }
            Err(error) => return Err(stated(error)),
        };
        if let Some(account) = published(directory, &owner) {
            return Ok((account?, None));
        }
        if !said {
            errln!(
                "Waiting for the data directory {}, which {} is using.",
                printable(&directory.to_string_lossy()),
                printable(&owner.to_string())
            );
            said = true;
        }
        tokio::time::sleep(RETRY).await;
    }
}

/// The settings with which functions see the same directory and program as this command.
pub(super) fn local_settings(directory: impl Into<PathBuf>, command: impl Into<String>) -> server::Settings {
    // The link leads to this program even if a newer one replaced its file.
    let launcher = cfg!(target_os = "linux").then(|| "/proc/self/exe".into());
    let tool_environment = std::env::vars_os().filter(|(name, _)| configures_container_tools(&name.to_string_lossy()));
    let options =
        server::Options { launcher, tool_environment: tool_environment.collect(), ..server::Options::default() };
    let options = match std::env::var_os("PATH") {
        Some(search_path) => server::Options { search_path, ..options },
        None => options,
    };
    server::Settings { options, ..server::Settings::new(directory, command) }
}

/// Whether podman or docker takes its settings from this variable.
fn configures_container_tools(name: &str) -> bool {
    let names = ["HOME", "USER", "LOGNAME", "TMPDIR", "DBUS_SESSION_BUS_ADDRESS"];
    let prefixes = ["XDG_", "DOCKER_", "CONTAINER_", "CONTAINERS_", "STORAGE_"];
    names.contains(&name) || prefixes.iter().any(|prefix| name.starts_with(prefix))
}

fn embedded(running: server::Server, directory: &Path) -> anyhow::Result<(Account, Option<server::Server>)> {
    let server::Server { address, function_graph, .. } = &running;
    let server::Credentials { region, project_id, access_key, secret_key, token: _ } = &function_graph.credentials;
    let endpoint = endpoint_at(*address, region, project_id)?;
    let account = account_of(directory, endpoint, access_key.clone(), secret_key.clone());
    Ok((account, Some(running)))
}

/// Returns `None` if the owner does not serve other commands.
fn published(directory: &Path, owner: &server::Owner) -> Option<anyhow::Result<Account>> {
    let server::Owner { address, region, project_id, .. } = owner;
    let (address, region, project_id) = ((*address)?, region.as_ref()?, project_id.as_ref()?);
    let account = || {
        let server::Credentials { access_key, secret_key, .. } = server::credentials(directory).map_err(stated)?;
        Ok(account_of(directory, endpoint_at(address, region, project_id)?, access_key, secret_key))
    };
    Some(account())
}

fn account_of(directory: &Path, endpoint: Endpoint, access_key: String, secret_key: SecretString) -> Account {
    Account {
        endpoint,
        credentials: Credentials::Keys { access_key, secret_key, security_token: None },
        source: format!("--local: the embedded server of {}", directory.display()),
        url_source: SERVER.to_owned(),
        region_source: SERVER.to_owned(),
        project: ProjectSource::Given { source: SERVER.to_owned() },
    }
}

fn endpoint_at(address: SocketAddr, region: &str, project_id: &str) -> anyhow::Result<Endpoint> {
    let mut address = address;
    if address.ip().is_unspecified() {
        // It listens on all addresses, including this one.
        address.set_ip(if address.is_ipv4() { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() });
    }
    let url = Url::parse(&format!("http://{address}"))?;
    Ok(Endpoint { url, region: region.to_owned(), project_id: project_id.to_owned() })
}

/// The subcommand, for other commands that wait for this one. Flags are left out, because they may contain secrets.
fn command_line() -> String {
    format!("fgctl {}", std::env::args().nth(1).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variable_selects_a_directory_or_nothing() {
        for (value, expected) in [
            ("", None),
            ("0", None),
            ("false", None),
            ("no", None),
            ("OFF", None),
            ("n", None),
            ("./no", Some("./no")),
            ("Yes", Some(".fgctl")),
            ("on", Some(".fgctl")),
            ("1", Some(".fgctl")),
            ("true", Some(".fgctl")),
            ("data/local", Some("data/local")),
        ] {
            assert_eq!(selected(value.as_ref()), expected.map(PathBuf::from), "{value:?}");
        }
    }
}
