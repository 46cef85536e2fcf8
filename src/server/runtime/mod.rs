//! Runs functions in processes of this machine's Python and Node.js, of their own `bootstrap`, or in containers.
//!
//! Every run ends with a result or a fault. What happens next is decided elsewhere.

#[cfg(unix)]
mod engine;
#[cfg(not(unix))]
#[path = "elsewhere.rs"]
mod engine;
mod environment;
mod fault;
mod isolation;
#[cfg(unix)]
mod launcher;
mod log;
#[cfg(unix)]
mod processes;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use secrecy::SecretString;
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

use super::clock::Clock;
use super::ids::Ids;
use engine::Engine;
pub use isolation::{Gap, Isolation};
use log::{Log, Usage};

/// The code and configuration of one version of a function.
pub(crate) struct Deployment {
    pub(crate) identity: Identity,
    /// The service's name of the runtime: `Python3.9`, `Node.js18.15`, `Custom`.
    pub(crate) runtime: String,
    pub(crate) handler: String,
    /// The initializer, which runs once in each worker before its first call, and its timeout.
    pub(crate) initializer: Option<(String, Duration)>,
    pub(crate) timeout: Duration,
    /// MB.
    pub(crate) memory: u32,
    pub(crate) environment: BTreeMap<String, String>,
    pub(crate) secrets: BTreeMap<String, SecretString>,
    /// Runs instead of code.
    pub(crate) image: Option<Image>,
    /// The digest of the archive: SHA-512 in hex. It names the folder of the unpacked code.
    pub(crate) digest: String,
    /// The ids of dependency versions, whose packages the function can load.
    pub(crate) dependencies: Vec<String>,
    /// Differs if any of the above differs. Warm workers of other revisions are not reused.
    pub(crate) revision: String,
}

/// A container image, and how its program is started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Image {
    /// Such as `swr.eu-de.example.com/shop/intake:1`.
    pub(crate) address: String,
    /// Replaces the image's entry point, unless it is empty.
    pub(crate) command: Vec<String>,
    /// Replaces the image's arguments, unless it is empty.
    pub(crate) arguments: Vec<String>,
    /// Replaces the image's working directory, unless it is empty.
    pub(crate) directory: String,
    /// The ids of the user and the group, as `1003:1003`.
    pub(crate) user: String,
}

/// The identity of a function, which it can query.
pub(crate) struct Identity {
    pub(crate) project_id: String,
    pub(crate) package: String,
    pub(crate) name: String,
    /// `latest` or a published version.
    pub(crate) version: String,
    pub(crate) alias: Option<String>,
    /// With its version or alias.
    pub(crate) urn: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Sync,
    Async,
}

impl Kind {
    pub(crate) fn other(self) -> Self {
        match self {
            Self::Sync => Self::Async,
            Self::Async => Self::Sync,
        }
    }
}

#[derive(Clone)]
pub(crate) struct Call {
    pub(crate) request_id: String,
    /// If this is not JSON, the run fails.
    pub(crate) event: Bytes,
    pub(crate) kind: Kind,
    /// Ends the run by force, with the code 4208. It is a child of [`RuntimeOptions::runs`].
    pub(crate) canceled: CancellationToken,
}

/// A part of what a function runs.
pub(crate) enum Part {
    Code,
    /// The id of a dependency version.
    Dependency(String),
}

/// The result of a request for a part.
pub(crate) enum Archive {
    Zip(Vec<u8>),
    /// Not on this server, with the reason.
    Elsewhere(String),
    /// The code was replaced since the deployment was read.
    Replaced,
    Unreadable(String),
    /// The store is temporarily unavailable.
    NotNow(String),
}

/// What a run returned, or why it failed.
pub(crate) type RunResult = Result<Payload, Fault>;

/// The end of a run. Every run has one.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) result: RunResult,
    /// Does not include the start of a worker and its initializer.
    pub(crate) duration: Duration,
    /// The peak memory of its worker in MB; 0 if unknown.
    pub(crate) memory_used: f64,
    /// Its output, between a start line and an end line, without its middle if it is long.
    pub(crate) log: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Payload {
    pub(crate) body: Vec<u8>,
    pub(crate) is_json: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    /// The engine's result code.
    pub(crate) code: i32,
    /// One line.
    pub(crate) message: String,
    /// The failure object as text: `errorMessage`, `errorType`, `stackTrace`.
    pub(crate) payload: String,
}

/// The settings of the runtimes of one server; [`RuntimeOptions::new`] has the defaults.
pub(crate) struct RuntimeOptions {
    /// The server's folder, which functions must not see.
    pub(crate) data: PathBuf,
    /// A folder for the runtimes only, which is emptied at their start: unpacked code, and files that functions write.
    pub(crate) directory: PathBuf,
    /// The server's `PATH`, used to find interpreters and passed on to functions.
    pub(crate) search_path: OsString,
    /// The variables with which podman and docker find their settings and their images.
    pub(crate) tool_environment: Vec<(OsString, OsString)>,
    /// The program whose `main` calls [`launch`], if there is one.
    pub(crate) launcher: Option<PathBuf>,
    /// The number of workers that can exist at the same time, including warm ones.
    pub(crate) workers: usize,
    /// How long a worker stays idle before it is ended.
    pub(crate) idle: Duration,
    /// How long a worker may take until it is ready for its initializer or first call.
    pub(crate) start: Duration,
    pub(crate) clock: Clock,
    pub(crate) ids: Ids,
    /// Ends all runs by force.
    pub(crate) runs: CancellationToken,
}

/// The folder in the server's folder that only the runtimes use.
const DIRECTORY: &str = "run";

impl RuntimeOptions {
    /// `data` is the server's folder.
    pub(crate) fn new(data: PathBuf, search_path: OsString) -> Self {
        let (workers, idle, start) = (32, Duration::from_mins(5), Duration::from_secs(30));
        let (directory, clock, ids) = (directory_for(&data), Clock::system(), Ids::random());
        let (tool_environment, launcher, runs) = (Vec::new(), None, CancellationToken::new());
        Self { data, directory, search_path, tool_environment, launcher, workers, idle, start, clock, ids, runs }
    }
}

/// The runtimes' folder. It may be elsewhere, because Node.js cannot read paths that are not UTF-8.
fn directory_for(data: &Path) -> PathBuf {
    let directory = data.join(DIRECTORY);
    match directory.to_str() {
        Some(_) => directory,
        None => {
            let hash = Sha256::digest(directory.as_os_str().as_encoded_bytes());
            Path::new("/tmp").join(format!("fgctl-run-{}", &hex::encode(hash)[..32]))
        }
    }
}

/// Runs the launcher of functions' processes if these are its arguments; returns the exit code.
pub(crate) fn launch(arguments: impl IntoIterator<Item = OsString>) -> Option<u8> {
    #[cfg(target_os = "linux")]
    return launcher::main(arguments);
    #[cfg(not(target_os = "linux"))]
    {
        drop(arguments);
        None
    }
}

impl Ended {
    /// Whether nothing ran because the code had been replaced, so the deployment must be read again.
    pub(crate) fn is_stale(&self) -> bool {
        self.result.as_ref().is_err_and(|fault| *fault == Fault::replaced())
    }
}

/// All runtimes of one server.
#[derive(Clone)]
pub(crate) struct Runtimes {
    engine: Arc<Engine>,
    runs: CancellationToken,
    clock: Clock,
}

/// A run in progress.
#[derive(Default)]
struct Run {
    log: Log,
    /// When the handler was called.
    began: Option<Instant>,
    /// MB.
    memory_used: f64,
}

impl Runtimes {
    /// Must be called within an async runtime, on which it ends unused workers.
    pub(crate) fn new(settings: RuntimeOptions) -> Self {
        let (runs, clock) = (settings.runs.clone(), settings.clock.clone());
        Self { engine: Engine::new(settings), runs, clock }
    }

    /// Runs a function once. Every problem becomes a fault; dropping the future kills the run.
    ///
    /// `archive` is called only for parts that are not unpacked yet. If the code was replaced, nothing has run, and
    /// [`Ended::is_stale`] returns true.
    pub(crate) async fn run<A, F>(&self, deployment: &Arc<Deployment>, call: Call, archive: A) -> Ended
    where
        A: Fn(Part) -> F + Send + Sync,
        F: Future<Output = Archive> + Send,
    {
        let mut run = Run::default();
        run.log.start(self.clock.now(), &call.request_id, &deployment.identity.version);
        let result = tokio::select! {
            () = call.canceled.cancelled() => Err(Fault::canceled()),
            result = self.engine.attempt(deployment, &call, archive, &mut run) => result,
        };
        let Run { mut log, began, memory_used } = run;
        let duration = began.map(|began| began.elapsed()).unwrap_or_default();
        if let Err(fault) = &result {
            log.line(&fault.payload);
        }
        log.finish(self.clock.now(), &call.request_id, &Usage { deployment, duration, memory_used });
        Ended { result, duration, memory_used, log: log.into_text() }
    }

    /// What isolates functions from this server; `None` if nothing can run.
    pub(crate) async fn isolation(&self) -> Option<Isolation> {
        self.engine.isolation().await
    }

    /// Ends every worker. Runs in progress end with 4208, and so do later ones. Returns the ids of processes that could
    /// not be killed.
    pub(crate) async fn stop(&self) -> Vec<u32> {
        self.engine.close();
        self.runs.cancel();
        self.engine.gone().await
    }
}
