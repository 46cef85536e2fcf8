//! Carries out runs: takes a slot and a warm or new worker, calls the handler, and returns the worker.

mod api;
mod channel;
mod code;
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
use std::fs;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use serde::de::IgnoredAny;
use tokio::sync::OnceCell;
use tokio::task::JoinSet;

use crate::rules::runtime::BOOTSTRAP;

use super::super::clock::Clock;
use super::fault;
use super::isolation::Isolation;
use super::{Archive, Call, Deployment, Fault, Payload, Run, Settings};
use code::{Code, CodeFolders};
use interpreter::{Interpreter, Runtime};
use isolation::Way;
use monitor::Monitor;
use pool::Pool;
use worker::{Invoked, Launch, NODE_PROGRAM, PYTHON_PROGRAM, Worker};

/// The number of workers that are started for one run if the initializer fails, as in the service.
const INITIALIZER_ATTEMPTS: u32 = 3;
const CODE: &str = "code";
const PROGRAMS: &str = "programs";
const SCRATCH: &str = "scratch";
/// A file that no function may read. Trials check this.
const PROBE: &str = "probe";

pub(super) struct Engine {
    settings: Settings,
    /// Set once the files of an earlier server are removed.
    emptied: OnceCell<()>,
    way: OnceCell<Way>,
    monitor: Arc<Monitor>,
    folders: CodeFolders,
    pool: Pool,
    /// By runtime name.
    interpreters: Mutex<HashMap<String, Interpreter>>,
    /// Each task waits for the end of a process, and returns its id if it could not be ended.
    keepers: Mutex<JoinSet<Option<u32>>>,
}

impl Engine {
    pub(super) fn new(mut settings: Settings) -> Arc<Self> {
        // Workers have another working directory.
        settings.directory = std::path::absolute(&settings.directory).unwrap_or(settings.directory);
        let folders = CodeFolders::new(settings.directory.join(CODE), settings.clock.clone(), settings.ids.clone());
        let pool = Pool::new(settings.workers, settings.clock.clone());
        let (emptied, way, interpreters, keepers) = Default::default();
        let monitor = Monitor::start();
        let engine = Arc::new(Self { settings, emptied, way, monitor, folders, pool, interpreters, keepers });
        tokio::spawn(end_what_is_unused(Arc::downgrade(&engine), engine.settings.idle, engine.settings.clock.clone()));
        engine
    }

    pub(super) async fn attempt<A, F>(
        self: &Arc<Self>,
        deployment: &Deployment,
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
    async fn way(&self) -> io::Result<&Way> {
        let probe = self.settings.directory.join(PROBE);
        self.way.get_or_try_init(|| async move { Way::find(&self.settings, &probe).await }).await
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
            // Files that remain are removed at the next start.
            let _ = tokio::task::spawn_blocking(move || code::remove(&directory)).await;
        }
        left
    }

    async fn interpreter(
        &self,
        runtime: Runtime<'_>,
        deployment: &Deployment,
        run: &mut Run,
    ) -> Result<Option<Interpreter>, Fault> {
        let known = lock(&self.interpreters).get(&deployment.runtime).cloned().filter(|known| known.program.is_file());
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
        if runtime == Runtime::Custom && !code.path.join(BOOTSTRAP).is_file() {
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
        &self,
        deployment: &Deployment,
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

    async fn launch(&self, deployment: &Deployment, new: &New<'_>) -> Result<Worker, Fault> {
        let New { runtime, interpreter, code } = new;
        let directory = &self.settings.directory;
        let folder = directory.join(SCRATCH).join(self.settings.ids.new_id());
        let launch = Launch {
            runtime: *runtime,
            interpreter: interpreter.as_ref(),
            code: code.clone(),
            programs: &directory.join(PROGRAMS),
            folder: folder.clone(),
            search_path: self.settings.search_path.clone(),
        };
        let way = self.way().await.map_err(|error| Fault::cannot_start(&error))?;
        let held_by = (way, &*self.monitor);
        let (worker, keeping) = Worker::launch(deployment, launch, held_by).await.map_err(|error| {
            code::remove(&folder);
            Fault::cannot_start(&error)
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

/// Empties the folder, so that nothing of an earlier server remains.
fn empty(directory: &Path) -> io::Result<()> {
    refuse_others(directory)?;
    leftover::end(&directory.join(SCRATCH));
    code::remove(directory);
    Ok(())
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

async fn end_what_is_unused(engine: Weak<Engine>, idle: Duration, clock: Clock) {
    loop {
        let _work = clock.sleep((idle / 2).max(Duration::from_millis(1))).await;
        let Some(engine) = engine.upgrade() else { return };
        engine.pool.end_idle(idle);
        engine.folders.remove_unused(idle).await;
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
