//! Carries out runs: takes a slot and a warm or new worker, calls the handler, and returns the worker.

mod api;
mod channel;
mod code;
mod container;
mod disk;
mod folder;
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
use std::io;
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
use super::{Archive, Call, Deployment, Fault, Image, Part, Run, RunResult, RuntimeOptions};
use code::{Code, CodeFolders};
use container::{Container, Found};
use folder::{CODE, PROBE, PROGRAMS, SCRATCH};
use interpreter::{Interpreter, Runtime};
use isolation::Way;
use monitor::Monitor;
use pool::Pool;
use worker::{Invoked, Launch, Program, Worker};

/// The number of workers that are started for one run if the initializer fails, as in the service.
const INITIALIZER_ATTEMPTS: u32 = 3;
/// How long the end of a server or a worker waits until files are removed: a function may have written millions of them.
const REMOVAL_GRACE: Duration = Duration::from_secs(2);
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
    ) -> RunResult
    where
        A: Fn(Part) -> F + Send + Sync,
        F: Future<Output = Archive> + Send,
    {
        check_event(&call.event)?;
        let runtime = Runtime::of_deployment(deployment)?;
        let _slot = self.pool.slot().await?;
        while let Some(mut worker) = self.pool.take(deployment) {
            match self.call(&mut worker, deployment, call, run).await {
                Invoked::Reusable(result) => return self.keep(worker, deployment, result),
                Invoked::Spent(result) => return result,
                // The worker ended after its last call, and this call has not started.
                Invoked::Unheard(_) => {}
            }
        }
        let new = match runtime {
            Runtime::Image(image) => New::Container(self.container(image, run).await?),
            Runtime::Python(_) | Runtime::Node | Runtime::Custom => {
                let interpreter = self.interpreter(runtime, deployment, run).await?;
                New::Program { runtime, interpreter, code: self.code(runtime, deployment, archive).await? }
            }
        };
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

    fn keep(&self, worker: Worker, deployment: &Deployment, result: RunResult) -> RunResult {
        self.pool.keep(worker, deployment);
        self.used.notify_one();
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
            container::remove_leftovers(&self.settings).await;
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

    /// The program that runs containers of this image.
    async fn container(self: &Arc<Self>, image: &Image, run: &mut Run) -> Result<Found, Fault> {
        self.prepare().await?;
        let found = Found::find(&self.settings, &image.address).await?;
        run.log.line(&format!("{:.0} A container starts: {found}", self.settings.clock.now()));
        Ok(found)
    }

    async fn code<A, F>(
        self: &Arc<Self>,
        runtime: Runtime<'_>,
        deployment: &Deployment,
        archive: A,
    ) -> Result<Code, Fault>
    where
        A: Fn(Part) -> F + Send + Sync,
        F: Future<Output = Archive> + Send,
    {
        self.prepare().await?;
        let code = self.folders.ensure_all(&deployment.digest, &deployment.dependencies, &archive).await?;
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
            let empty = || async {
                container::remove_leftovers(&engine.settings).await;
                tokio::task::spawn_blocking(move || folder::empty(&directory)).await?
            };
            engine.emptied.get_or_try_init(empty).await?;
            let directory = engine.settings.directory.clone();
            tokio::task::spawn_blocking(move || folder::lay_out(&directory)).await?
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
        let (runtime, interpreter, code) = match new {
            New::Program { runtime, interpreter, code } => (runtime, interpreter, code),
            New::Container(found) => return self.contain(deployment, found).await,
        };
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

    /// Creates and starts a container. This uses its own task, so that an abandoned run leaves no container: if the run no
    /// longer waits for the worker, it ends at once.
    async fn contain(self: &Arc<Self>, deployment: &Arc<Deployment>, found: &Found) -> Result<Worker, Fault> {
        let (engine, deployment, found) = (Arc::clone(self), Arc::clone(deployment), found.clone());
        let starting = tokio::spawn(async move {
            let container = Container::create(found, &deployment, &engine.settings).await?;
            let started = Worker::contain(&deployment, container, &engine.monitor);
            started.map(|started| engine.kept(started)).map_err(|error| Fault::cannot_start(&error))
        });
        starting.await.unwrap_or_else(|error| Err(Fault::cannot_start(&io::Error::other(error))))
    }

    /// Starts a worker on a thread that may block. If the run no longer waits for the worker, it ends at once.
    fn launch_now(&self, deployment: &Deployment, launch: Launch, way: &Way) -> io::Result<Worker> {
        let folder = launch.folder.clone();
        let launched = Worker::launch(deployment, launch, way, &self.monitor).inspect_err(|_| {
            code::remove(&folder);
        })?;
        Ok(self.kept(launched))
    }

    /// Ensures that the end of a worker's process is waited for.
    fn kept(&self, launched: (Worker, impl Future<Output = Option<u32>> + Send + 'static)) -> Worker {
        let (worker, keeping) = launched;
        let mut keepers = lock(&self.keepers);
        while keepers.try_join_next().is_some() {}
        keepers.spawn(keeping);
        worker
    }
}

/// The inputs for a new worker.
enum New<'a> {
    Program { runtime: Runtime<'a>, interpreter: Option<Interpreter>, code: Code },
    Container(Found),
}

fn check_event(event: &[u8]) -> Result<(), Fault> {
    let text = std::str::from_utf8(event).map_err(Fault::not_json)?;
    serde_json::from_str::<IgnoredAny>(text).map(drop).map_err(Fault::not_json)
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
