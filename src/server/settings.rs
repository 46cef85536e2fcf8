//! The settings of a server.

use std::ffi::OsString;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use super::clock::Clock;
use super::credentials::Credentials;
use super::ids::Ids;
use super::journal::Journal;
use super::notify::{ObjectStore, Subscription};

/// How to start a server; [`Settings::new`] has the defaults.
pub struct Settings {
    /// The directory for all data. Created if necessary.
    pub directory: PathBuf,
    /// The command that other commands show if the directory is in use: `fgctl serve`.
    pub command: String,
    /// The address to listen on; port 0 selects a free port.
    pub listen: SocketAddr,
    /// Whether the address may be other than loopback.
    pub exposure: Exposure,
    /// Whether other commands on this directory may use this server.
    pub publish: Publish,
    pub clock: Clock,
    pub ids: Ids,
    pub options: Options,
}

/// How a FunctionGraph works, regardless of where its data is and whether it has a port.
pub struct Options {
    /// Replace the stored credentials for this run.
    pub overrides: Overrides,
    /// The maximum number of functions; more are refused. `None` means no limit.
    pub function_quota: Option<u32>,
    pub backlog: Backlog,
    pub concurrency: Concurrency,
    /// The wait before the first retry of an attempt or a delivery. Each further wait is twice as long, up to one
    /// minute for attempts and five minutes for deliveries.
    pub retry_wait: Duration,
    /// The `PATH` used to find interpreters, which functions get too.
    pub search_path: OsString,
    /// The variables with which podman and docker find their settings and their images.
    pub tool_environment: Vec<(OsString, OsString)>,
    /// The subscribers of topics.
    pub subscriptions: Vec<Subscription>,
    /// Where notifications for OBS are stored.
    pub object_store: ObjectStore,
    pub journal: Journal,
    /// How long a client may take for the head of a request and for the next part of its body, and how long a
    /// connection may stay unused.
    pub client_patience: Duration,
    /// A program whose `main` calls [`super::launch`]. It isolates functions from the server. Without it, functions
    /// only have their own process groups.
    pub launcher: Option<PathBuf>,
}

/// Who can reach the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exposure {
    /// This machine only.
    Loopback,
    /// Every machine that can reach the address. Anyone with the keys or the token can run code here.
    Network,
}

/// The number of concurrent runs, synchronous and asynchronous. The two kinds share them equally if both need more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Concurrency {
    /// In total.
    pub total: usize,
    /// Of one function, whatever its own limit is.
    pub per_function: usize,
}

/// The number of concurrent runs per processor; most functions mostly wait.
const PLACES_PER_PROCESSOR: usize = 4;
const LEAST_PLACES: usize = 16;
/// Similar to common servers: short enough to disconnect dead clients, long enough for slow ones.
const CLIENT_PATIENCE: Duration = Duration::from_secs(30);

/// Whether the address is written into the directory's owner file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Publish {
    /// `fgctl serve`: other commands use this server.
    Address,
    /// A server inside another command, which ends with it: others wait for it.
    Nothing,
}

/// What happens to waiting requests and pending notifications.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backlog {
    /// They are run and delivered.
    Worked,
    /// They wait for another server, because this one ends too soon.
    Left,
}

/// Values that replace those of the credentials file for one run. The file does not change.
#[derive(Default)]
pub struct Overrides {
    pub region: Option<String>,
    pub project_id: Option<String>,
    /// Set together with the secret key, or not at all.
    pub access_key: Option<String>,
    pub secret_key: Option<SecretString>,
}

/// An override that is not valid.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct OptionsError(&'static str);

impl Overrides {
    /// URNs are split at colons and paths at slashes, so their parts must not contain either.
    pub(crate) fn check(&self) -> Result<(), OptionsError> {
        let plain = |text: &Option<String>| {
            let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
            text.as_ref().is_none_or(|text| !text.is_empty() && text.bytes().all(is_plain))
        };
        let Self { region, project_id, access_key, secret_key } = self;
        if !plain(region) {
            return Err(OptionsError("a region may contain only letters, digits, - and _"));
        }
        if !plain(project_id) {
            return Err(OptionsError("a project id may contain only letters, digits, - and _"));
        }
        if access_key.is_some() != secret_key.is_some() {
            return Err(OptionsError("give an access key and a secret key together, or neither"));
        }
        let has_secret = secret_key.as_ref().is_none_or(|secret_key| !secret_key.expose_secret().is_empty());
        if !plain(access_key) || !has_secret {
            let message = "an access key may contain only letters, digits, - and _, and a secret key must not be empty";
            return Err(OptionsError(message));
        }
        Ok(())
    }

    pub(crate) fn applied_to(&self, kept: &Credentials) -> Credentials {
        let Self { region, project_id, access_key, secret_key } = self;
        Credentials {
            region: region.as_ref().unwrap_or(&kept.region).clone(),
            project_id: project_id.as_ref().unwrap_or(&kept.project_id).clone(),
            access_key: access_key.as_ref().unwrap_or(&kept.access_key).clone(),
            secret_key: secret_key.as_ref().unwrap_or(&kept.secret_key).clone(),
            token: kept.token.clone(),
        }
    }
}

impl Settings {
    /// An unpublished server on a free port of 127.0.0.1, with the credentials of the directory.
    pub fn new(directory: impl Into<PathBuf>, command: impl Into<String>) -> Self {
        Self {
            directory: directory.into(),
            command: command.into(),
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            exposure: Exposure::Loopback,
            publish: Publish::Nothing,
            clock: Clock::system(),
            ids: Ids::random(),
            options: Options::default(),
        }
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            overrides: Overrides::default(),
            function_quota: None,
            backlog: Backlog::Worked,
            concurrency: Concurrency::default(),
            retry_wait: Duration::from_secs(1),
            search_path: "/usr/local/bin:/usr/bin:/bin".into(),
            tool_environment: Vec::new(),
            subscriptions: Vec::new(),
            object_store: ObjectStore::Local,
            journal: Journal::default(),
            client_patience: CLIENT_PATIENCE,
            launcher: None,
        }
    }
}

impl Concurrency {
    /// Each function gets at most half, so that no function takes everything.
    pub fn of(total: usize) -> Self {
        Self { total, per_function: total.div_ceil(2) }
    }
}

impl Default for Concurrency {
    fn default() -> Self {
        let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self::of((processors * PLACES_PER_PROCESSOR).max(LEAST_PLACES))
    }
}
