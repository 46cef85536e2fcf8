//! Functions run here: in processes of this machine's Python and Node.js, or of their own `bootstrap`.
//!
//! A run is asked for and ends, always, with a result or a fault; what becomes of it is not decided here.

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

/// What is run: code and configuration of one version of a function.
pub(crate) struct Deployment {
    pub(crate) identity: Identity,
    /// As the service names it: `Python3.9`, `Node.js18.15`, `Custom`.
    pub(crate) runtime: String,
    pub(crate) handler: String,
    /// What runs once in each worker before its first call, and for how long it may.
    pub(crate) initializer: Option<(String, Duration)>,
    pub(crate) timeout: Duration,
    /// MB.
    pub(crate) memory: u32,
    pub(crate) environment: BTreeMap<String, String>,
    pub(crate) secrets: BTreeMap<String, SecretString>,
    /// Of the archive: SHA-512 in hex. It names the folder that the archive is unpacked to.
    pub(crate) digest: String,
    /// Differs whenever anything above does: warm workers of another revision are not used again.
    pub(crate) revision: String,
}

/// Which function it is, as it may ask.
pub(crate) struct Identity {
    pub(crate) project_id: String,
    pub(crate) package: String,
    pub(crate) name: String,
    /// `latest` or a published one.
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
    /// JSON, or the run is a fault.
    pub(crate) event: Bytes,
    pub(crate) kind: Kind,
    /// Ends the run by force: it ends with 4208. It is a child of [`Settings::runs`].
    pub(crate) canceled: CancellationToken,
}

/// Code that is asked for.
pub(crate) enum Archive {
    Zip(Vec<u8>),
    /// In OBS or in an image.
    Elsewhere,
    /// By other code, since the deployment was read.
    Replaced,
    Unreadable(String),
    /// The store does not answer for now.
    NotNow(String),
}

/// How a run ended; every run has one.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) result: Result<Payload, Fault>,
    /// Without the start of a worker and its initializer.
    pub(crate) duration: Duration,
    /// MB at most so far in its worker; 0 where not known.
    pub(crate) memory_used: f64,
    /// What it wrote, between a line of its start and one of its end; the middle is left out where it is long.
    pub(crate) log: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Payload {
    pub(crate) body: Vec<u8>,
    pub(crate) is_json: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    /// An engine's result code.
    pub(crate) code: i32,
    /// One line.
    pub(crate) message: String,
    /// The failure object as text: `errorMessage`, `errorType`, `stackTrace`.
    pub(crate) payload: String,
}

/// What the runtimes of one server work with; [`Settings::new`] has the defaults.
pub(crate) struct Settings {
    /// The server's folder, which functions must not see.
    pub(crate) data: PathBuf,
    /// Theirs alone, and emptied when they begin: unpacked code, and the files that functions write.
    pub(crate) directory: PathBuf,
    /// The server's `PATH`: where interpreters are looked for, and what functions get.
    pub(crate) search_path: OsString,
    /// The program whose `main` runs [`launch`], if there is one.
    pub(crate) launcher: Option<PathBuf>,
    /// Workers that live at one time, warm ones included.
    pub(crate) workers: usize,
    /// How long a worker waits for another call.
    pub(crate) idle: Duration,
    /// How long a worker may take until it is ready for its initializer or first call.
    pub(crate) start: Duration,
    pub(crate) clock: Clock,
    pub(crate) ids: Ids,
    /// Ends all runs by force.
    pub(crate) runs: CancellationToken,
}

/// In the server's folder, for the runtimes alone.
const DIRECTORY: &str = "run";

impl Settings {
    /// `data` is the server's folder.
    pub(crate) fn new(data: PathBuf, search_path: OsString) -> Self {
        let (workers, idle, start) = (32, Duration::from_mins(5), Duration::from_secs(30));
        let (directory, clock, ids) = (directory_for(&data), Clock::system(), Ids::random());
        let runs = CancellationToken::new();
        Self { data, directory, search_path, launcher: None, workers, idle, start, clock, ids, runs }
    }
}

/// The runtimes' folder. Node.js reads no path that is not UTF-8, so for the sake of that the folder may be elsewhere.
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

/// Runs the launcher of functions' processes, if these are its arguments; answers the exit code.
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
    /// Whether nothing ran because the code had been replaced: the deployment is to be read again.
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

/// A run under way.
#[derive(Default)]
struct Run {
    log: Log,
    /// When the handler was called.
    began: Option<Instant>,
    /// MB.
    memory_used: f64,
}

impl Runtimes {
    /// Needs an async runtime around it, on which it ends what is not used.
    pub(crate) fn new(settings: Settings) -> Self {
        let (runs, clock) = (settings.runs.clone(), settings.clock.clone());
        Self { engine: Engine::new(settings), runs, clock }
    }

    /// Runs a function once. Trouble of any kind is a fault; dropping the future ends the run by force.
    ///
    /// `archive` is asked for only where the code is not unpacked yet. Where that was replaced, nothing has run, and
    /// [`Ended::is_stale`] says so.
    pub(crate) async fn run<A, F>(&self, deployment: &Arc<Deployment>, call: Call, archive: A) -> Ended
    where
        A: FnOnce() -> F + Send,
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

    /// What keeps functions apart from this server; none where nothing can run.
    pub(crate) async fn isolation(&self) -> Option<Isolation> {
        self.engine.isolation().await
    }

    /// Ends every worker; runs that are under way end with 4208, and so do those that are asked for later. Answers the ids
    /// of processes that could not be killed.
    pub(crate) async fn stop(&self) -> Vec<u32> {
        self.engine.close();
        self.runs.cancel();
        self.engine.gone().await
    }
}
