//! Carries out runs: takes a slot and a warm or new worker, calls the handler, and returns the worker.

mod api;
mod channel;
mod code;
mod disk;
mod interpreter;
mod isolation;
mod leftover;
mod monitor;
mod output;
mod peer;
mod pool;
mod process;
#[cfg(test)]
mod tests;
mod worker;

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use serde::de::IgnoredAny;
use tokio::sync::{Notify, OnceCell};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::rules::runtime::BOOTSTRAP;

use super::super::clock::Clock;
use super::fault;
use super::isolation::Isolation;
use super::{Archive, Call, Deployment, Fault, Payload, Run, RuntimeOptions};
use code::{Code, CodeFolders};
use interpreter::{Interpreter, Runtime};
use isolation::Way;
use monitor::Monitor;
use pool::Pool;
use worker::{Invoked, Launch, NODE_PROGRAM, PYTHON_PROGRAM, Program, Worker};

/// The number of workers that are started for one run if the initializer fails, as in the service.
const INITIALIZER_ATTEMPTS: u32 = 3;
/// How long the end of a server or a worker waits until files are removed: a function may have written millions of them.
const REMOVAL_GRACE: Duration = Duration::from_secs(2);
const CODE: &str = "code";
const PROGRAMS: &str = "programs";
const SCRATCH: &str = "scratch";
/// A file that no function may read. Trials check this.
const PROBE: &str = "probe";
/// How the names of folders begin that are to be removed.
const RETIRED: &str = "retired-";

pub(super) struct Engine {
    settings: RuntimeOptions,
    /// Set once the files of an earlier server are removed.
    emptied: OnceCell<()>,
    way: OnceCell<Arc<Way>>,
    monitor: Arc<Monitor>,
    folders: CodeFolders,
    pool: Pool,
    /// By runtime name.
    interpreters: Mutex<HashMap<String, Interpreter>>,
    /// Each task waits for the end of a process, and returns its id if it could not be ended.
    keepers: Mutex<JoinSet<Option<u32>>>,
    /// Rings when something may become unused.
    used: Arc<Notify>,
}

impl Engine {
    pub(super) fn new(mut settings: RuntimeOptions) -> Arc<Self> {
        // Workers have another working directory.
        settings.directory = std::path::absolute(&settings.directory).unwrap_or(settings.directory);
        let folders = CodeFolders::new(settings.directory.join(CODE), settings.clock.clone(), settings.ids.clone());
        let pool = Pool::new(settings.workers, settings.clock.clone());
        let (emptied, way, interpreters, keepers, used) = Default::default();
        let monitor = Monitor::start(settings.directory.clone());
        let engine = Arc::new(Self { settings, emptied, way, monitor, folders, pool, interpreters, keepers, used });
        let RuntimeOptions { idle, clock, runs, .. } = &engine.settings;
        let (idle, clock, ended) = (*idle, clock.clone(), runs.clone());
        let upkeep = Upkeep { engine: Arc::downgrade(&engine), used: Arc::clone(&engine.used), idle, clock };
        tokio::spawn(upkeep.run(ended));
        engine
    }

    pub(super) async fn attempt<A, F>(
        self: &Arc<Self>,
        deployment: &Arc<Deployment>,
        call: &Call,
        archive: A,
        run: &mut Run,
    ) -> Result<Payload, Fault>
    where
        A: FnOnce() -> F + Send,
        F: Future<Output = Archive> + Send,
    {
        check_event(&call.event)?;
        let runtime = Runtime::of(&deployment.runtime)?;
        let _slot = self.pool.slot().await?;
        while let Some(mut worker) = self.pool.take(deployment) {
            match self.call(&mut worker, deployment, call, run).await {
                Invoked::Reusable(result) => return self.keep(worker, deployment, result),
                Invoked::Spent(result) => return result,
                // The worker ended after its last call, and this call has not started.
                Invoked::Unheard(_) => {}
            }
        }
        let interpreter = self.interpreter(runtime, deployment, run).await?;
        let code = self.code(runtime, deployment, archive).await?;
        let new = New { runtime, interpreter, code };
        let mut worker = self.start(deployment, &new, &call.request_id, run).await?;
        match self.call(&mut worker, deployment, call, run).await {
            Invoked::Reusable(result) => self.keep(worker, deployment, result),
            Invoked::Spent(result) => result,
            Invoked::Unheard(fault) => Err(fault),
        }
    }

    async fn call(&self, worker: &mut Worker, deployment: &Deployment, call: &Call, run: &mut Run) -> Invoked {
        run.began = Some(Instant::now());
        let invoked = worker.invoke(deployment, call, &mut run.log).await;
        run.memory_used = worker.peak_memory();
        if run.memory_used == 0.0 {
            // A function's own program does not report its memory, and the monitor has not measured it yet.
            let monitor = Arc::clone(&self.monitor);
            let _ = tokio::task::spawn_blocking(move || monitor.look()).await;
            run.memory_used = worker.peak_memory();
        }
        invoked
    }

    fn keep(&self, worker: Worker, deployment: &Deployment, result: Result<Payload, Fault>) -> Result<Payload, Fault> {
        self.pool.keep(worker, deployment);
        result
    }

    /// What isolates functions from this server.
    pub(super) async fn isolation(self: &Arc<Self>) -> Option<Isolation> {
        self.prepare().await.ok()?;
        Some(self.way().await.ok()?.isolation.clone())
    }

    /// How workers are started. The result is kept once found, but a shortage must not decide it.
    async fn way(&self) -> io::Result<&Arc<Way>> {
        let probe = self.settings.directory.join(PROBE);
        self.way.get_or_try_init(|| async move { Way::find(&self.settings, &probe).await.map(Arc::new) }).await
    }

    /// Ends all idle workers and prevents further runs.
    pub(super) fn close(&self) {
        self.pool.close();
    }

    /// Waits until every process is gone; those of running functions end with their runs. Returns the processes that
    /// could not be killed.
    pub(super) async fn gone(&self) -> Vec<u32> {
        let mut keepers = std::mem::take(&mut *lock(&self.keepers));
        let mut left = Vec::new();
        while let Some(kept) = keepers.join_next().await {
            left.extend(kept.ok().flatten());
        }
        if self.emptied.initialized() {
            let directory = self.settings.directory.clone();
            let removing = tokio::task::spawn_blocking(move || code::remove(&directory));
            // Files that remain are removed at the next start.
            let _ = tokio::time::timeout(REMOVAL_GRACE, removing).await;
        }
        left
    }

    async fn interpreter(
        &self,
        runtime: Runtime<'_>,
        deployment: &Deployment,
        run: &mut Run,
    ) -> Result<Option<Interpreter>, Fault> {
        let known = lock(&self.interpreters).get(&deployment.runtime).cloned();
        let known = on_disk(move || known.filter(|known| known.program.is_file())).await;
        let found = match known {
            Some(interpreter) => Some(interpreter),
            None => runtime.find(&self.settings.search_path).await?,
        };
        if let Some(interpreter) = &found {
            lock(&self.interpreters).insert(deployment.runtime.clone(), interpreter.clone());
            let now = self.settings.clock.now();
            run.log.line(&format!(
                "{now:.0} A worker starts: {} is version {} here",
                deployment.runtime, interpreter.version
            ));
        }
        Ok(found)
    }

    async fn code<A, F>(
        self: &Arc<Self>,
        runtime: Runtime<'_>,
        deployment: &Deployment,
        archive: A,
    ) -> Result<Code, Fault>
    where
        A: FnOnce() -> F + Send,
        F: Future<Output = Archive> + Send,
    {
        self.prepare().await?;
        let code = self.folders.ensure(&deployment.digest, archive).await?;
        self.used.notify_one();
        let bootstrap = code.path.join(BOOTSTRAP);
        if runtime == Runtime::Custom && !on_disk(move || bootstrap.is_file()).await {
            let message =
                "a custom runtime starts with a program named bootstrap at the root of its code, and there is none";
            return Err(Fault::new(fault::NOT_LOADED, "FunctionLoadError", message));
        }
        Ok(code)
    }

    /// Ensures that the folder is ready. This uses its own task, so that an abandoned run does not leave it
    /// half-prepared.
    async fn prepare(self: &Arc<Self>) -> Result<(), Fault> {
        let engine = Arc::clone(self);
        let preparing = tokio::spawn(async move {
            let directory = engine.settings.directory.clone();
            let empty = || async { tokio::task::spawn_blocking(move || empty(&directory)).await? };
            engine.emptied.get_or_try_init(empty).await?;
            let directory = engine.settings.directory.clone();
            tokio::task::spawn_blocking(move || lay_out(&directory)).await?
        });
        let prepared = preparing.await.map_err(io::Error::other).flatten();
        prepared.map_err(|error| Fault::prevented("the folder for runs cannot be used", &error))
    }

    /// Starts a worker that is ready for a call.
    async fn start(
        self: &Arc<Self>,
        deployment: &Arc<Deployment>,
        new: &New<'_>,
        request_id: &str,
        run: &mut Run,
    ) -> Result<Worker, Fault> {
        let mut attempt = 1;
        loop {
            let mut worker = self.launch(deployment, new).await?;
            match worker.prepare(deployment, request_id, self.settings.start, &mut run.log).await {
                Ok(()) => return Ok(worker),
                Err(fault) if fault.code == fault::INITIALIZER_FAILED && attempt < INITIALIZER_ATTEMPTS => attempt += 1,
                Err(fault) => return Err(fault),
            }
        }
    }

    async fn launch(self: &Arc<Self>, deployment: &Arc<Deployment>, new: &New<'_>) -> Result<Worker, Fault> {
        let New { runtime, interpreter, code } = new;
        let way = Arc::clone(self.way().await.map_err(|error| Fault::cannot_start(&error))?);
        let programs = self.settings.directory.join(PROGRAMS);
        let program = Program::new(*runtime, interpreter.clone(), &programs, deployment.memory);
        let launch = Launch {
            opened: program.open().await.map_err(|error| Fault::cannot_start(&error))?,
            program,
            code: code.clone(),
            programs,
            folder: self.settings.directory.join(SCRATCH).join(self.settings.ids.new_id()),
            search_path: self.settings.search_path.clone(),
        };
        let (engine, deployment) = (Arc::clone(self), Arc::clone(deployment));
        let launching = tokio::task::spawn_blocking(move || engine.launch_now(&deployment, launch, &way));
        let launched = launching.await.map_err(io::Error::other).flatten();
        launched.map_err(|error| Fault::cannot_start(&error))
    }

    /// Starts a worker on a thread that may block. If the run no longer waits for the worker, it ends at once.
    fn launch_now(&self, deployment: &Deployment, launch: Launch, way: &Way) -> io::Result<Worker> {
        let folder = launch.folder.clone();
        let (worker, keeping) = Worker::launch(deployment, launch, way, &self.monitor).inspect_err(|_| {
            code::remove(&folder);
        })?;
        let mut keepers = lock(&self.keepers);
        while keepers.try_join_next().is_some() {}
        keepers.spawn(keeping);
        Ok(worker)
    }
}

/// The inputs for a new worker.
struct New<'a> {
    runtime: Runtime<'a>,
    interpreter: Option<Interpreter>,
    code: Code,
}

fn check_event(event: &[u8]) -> Result<(), Fault> {
    let text = std::str::from_utf8(event).map_err(Fault::not_json)?;
    serde_json::from_str::<IgnoredAny>(text).map(drop).map_err(Fault::not_json)
}

/// Empties the folder, so that nothing of an earlier server remains. What may be large is only moved out of the way, and is
/// removed while the server already works.
fn empty(directory: &Path) -> io::Result<()> {
    refuse_others(directory)?;
    leftover::end(&directory.join(SCRATCH));
    super::super::directory::create_private(directory)?;
    for folder in [CODE, SCRATCH] {
        let retired = directory.join(format!("{RETIRED}{}", uuid::Uuid::new_v4()));
        // Usually the folder is not there.
        let _ = fs::rename(directory.join(folder), retired);
    }
    let (retired, others): (Vec<PathBuf>, Vec<PathBuf>) =
        fs::read_dir(directory)?.filter_map(|entry| Some(entry.ok()?.path())).partition(|path| is_retired(path));
    for path in &others {
        remove_entry(path);
    }
    tokio::task::spawn_blocking(move || retired.iter().for_each(|folder| code::remove(folder)));
    Ok(())
}

fn is_retired(path: &Path) -> bool {
    path.file_name().and_then(OsStr::to_str).is_some_and(|name| name.starts_with(RETIRED))
}

/// Removes a file or a folder, as far as that is possible.
fn remove_entry(path: &Path) {
    if fs::remove_file(path).is_err() {
        code::remove(path);
    }
}

/// Someone else may have created a folder outside the server's own one.
fn refuse_others(directory: &Path) -> io::Result<()> {
    use std::os::unix::fs::MetadataExt;
    match fs::symlink_metadata(directory) {
        Ok(found) if !found.is_dir() || found.uid() != rustix::process::getuid().as_raw() => {
            Err(io::Error::other(format!("{} does not belong to this user", directory.display())))
        }
        Ok(_) | Err(_) => Ok(()),
    }
}

/// Ensures before each start that the folders of workers exist, because someone may have removed them.
fn lay_out(directory: &Path) -> io::Result<()> {
    super::super::directory::create_private(directory)?;
    for folder in [CODE, PROGRAMS, SCRATCH] {
        fs::create_dir_all(directory.join(folder))?;
    }
    let programs = [PYTHON_PROGRAM, NODE_PROGRAM].map(|(name, program)| (Path::new(PROGRAMS).join(name), program));
    for (path, content) in programs.into_iter().chain([(PROBE.into(), "")]) {
        let path = directory.join(path);
        if !path.exists() {
            fs::write(path, content)?;
        }
    }
    Ok(())
}

/// Ends idle workers and removes unused code.
struct Upkeep {
    engine: Weak<Engine>,
    used: Arc<Notify>,
    idle: Duration,
    clock: Clock,
}

impl Upkeep {
    async fn run(self, ended: CancellationToken) {
        ended.run_until_cancelled(self.go_on()).await;
    }

    async fn go_on(self) {
        let is_needed = |engine: &Arc<Engine>| !engine.pool.is_empty() || !engine.folders.is_empty();
        loop {
            if !self.engine.upgrade().as_ref().is_some_and(is_needed) {
                self.used.notified().await;
            }
            let _work = self.clock.sleep((self.idle / 2).max(Duration::from_millis(1))).await;
            let Some(engine) = self.engine.upgrade() else { return };
            let idle = self.idle;
            engine.pool.end_idle(idle);
            on_disk(move || engine.folders.remove_unused(idle)).await;
        }
    }
}

/// Accesses the disk on a thread that may block.
async fn on_disk<T: Default + Send + 'static>(ask: impl FnOnce() -> T + Send + 'static) -> T {
    // A panic counts as no answer.
    tokio::task::spawn_blocking(ask).await.unwrap_or_default()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
