//! What a server is started with.

use std::ffi::OsString;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;

use super::clock::Clock;
use super::journal::Journal;
use super::notify::{ObjectStore, Subscription};

/// How to start a server; [`Settings::new`] has the defaults.
pub struct Settings {
    /// Where it keeps everything. Made if it is not there.
    pub directory: PathBuf,
    /// Where to listen; port 0 takes any free port.
    pub listen: SocketAddr,
    /// Whether that may be another address than a loopback one.
    pub exposure: Exposure,
    /// Instead of what the directory's credentials file says, for this run.
    pub overrides: Overrides,
    /// Functions that may exist; more are refused. Without it there is no limit.
    pub function_quota: Option<u32>,
    /// Whether other commands on this directory may use this server.
    pub publish: Publish,
    pub backlog: Backlog,
    /// What to tell another command that finds the directory taken: `fgctl serve`.
    pub command: String,
    pub clock: Clock,
    pub concurrency: Concurrency,
    /// Between a failed attempt and the next, and between two tries to deliver a notification; each further wait is
    /// twice as long, up to a minute or five.
    pub retry_wait: Duration,
    /// As `PATH`: where interpreters are looked for, and what functions get.
    pub search_path: OsString,
    /// Whom messages to topics are posted to.
    pub subscriptions: Vec<Subscription>,
    /// Where notifications to OBS go.
    pub object_store: ObjectStore,
    pub journal: Journal,
    /// How long a client may take for the head of a request and for the next part of its body, and how long a connection
    /// may stay unused.
    pub client_patience: Duration,
    /// A program whose `main` calls [`super::launch`]. Through it functions are isolated from the server; without it there
    /// are only process groups.
    pub launcher: Option<PathBuf>,
}

/// From where the server may be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exposure {
    /// From this machine only.
    Loopback,
    /// From any machine that reaches the address. Who has the keys or the token runs code here.
    Network,
}

/// How many functions run at once, synchronously and asynchronously. Both kinds share them evenly when both want more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Concurrency {
    /// In all.
    pub total: usize,
    /// Of one function, whatever its own limit says.
    pub per_function: usize,
}

/// Runs at once for each processor; most functions wait most of the time.
const PLACES_PER_PROCESSOR: usize = 4;
const LEAST_PLACES: usize = 16;
/// As common servers have it: short enough to get rid of clients that are gone, long enough for slow ones.
const CLIENT_PATIENCE: Duration = Duration::from_secs(30);

/// Whether the address goes into the directory's owner file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Publish {
    /// `fgctl serve`: other commands use this server.
    Address,
    /// A server inside another command, gone when that ends: others wait for it.
    Nothing,
}

/// What becomes of requests that were accepted, and of notifications that are owed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backlog {
    /// They are run and delivered.
    Worked,
    /// They wait for another server: this one is gone too soon.
    Left,
}

/// Values that replace those of the credentials file for one run; the file stays as it is.
#[derive(Default)]
pub struct Overrides {
    pub region: Option<String>,
    pub project_id: Option<String>,
    /// Together with the secret key, or not at all.
    pub access_key: Option<String>,
    pub secret_key: Option<SecretString>,
}

impl Settings {
    /// An unpublished server on a free port of 127.0.0.1, with the credentials of the directory.
    pub fn new(directory: impl Into<PathBuf>, command: impl Into<String>) -> Self {
        Self {
            directory: directory.into(),
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            exposure: Exposure::Loopback,
            overrides: Overrides::default(),
            function_quota: None,
            publish: Publish::Nothing,
            backlog: Backlog::Worked,
            command: command.into(),
            clock: Clock::system(),
            concurrency: Concurrency::default(),
            retry_wait: Duration::from_secs(1),
            search_path: "/usr/local/bin:/usr/bin:/bin".into(),
            subscriptions: Vec::new(),
            object_store: ObjectStore::Local,
            journal: Journal::default(),
            client_patience: CLIENT_PATIENCE,
            launcher: None,
        }
    }
}

impl Concurrency {
    /// Half of all for each function, so that no function takes all.
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
