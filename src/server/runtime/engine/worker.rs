//! A process that runs one version of a function, one call after the other.

use std::borrow::Cow;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use secrecy::ExposeSecret;

use crate::rules::quota::RESULT_BYTES;
use crate::rules::runtime::BOOTSTRAP;

use super::super::environment::{WorkerFolders, environment, millicores};
use super::super::fault;
use super::super::launcher::Spec;
use super::super::log::Log;
use super::super::{Call, Deployment, Fault, Identity, Payload, RunResult};
use super::api::Api;
use super::channel::{Channel, Header, Load, WorkerAnswer, WorkerRequest};
use super::code::Code;
use super::container::{Container, ContainerLink};
use super::interpreter::{Interpreter, Runtime};
use super::isolation::{self, Needs, Way};
use super::monitor::Monitor;
use super::process::{Exit, Interruption, Limits, Process, Start};

/// Moves the channel from stdin, which the function may use, to the descriptor that the worker's program expects.
const BEHIND_CHANNEL: &str = "exec \"$@\" 3<&0 0</dev/null";

/// How long to wait for output of a container after its answer. Its output takes longer than its answer, because it passes
/// through podman or docker.
const LATE_OUTPUT: Duration = Duration::from_millis(20);

/// The exit code with which podman, docker and shells tell that a process was killed.
const KILLED: i32 = 137;

/// The path of the code in the service.
const CODE_ROOT: &str = "/opt/function/code";

pub(super) const PYTHON_PROGRAM: (&str, &str) = ("worker.py", include_str!("../python/worker.py"));
pub(super) const NODE_PROGRAM: (&str, &str) = ("worker.js", include_str!("../nodejs/worker.js"));

pub(super) struct Worker {
    link: Link,
    process: Process,
    /// Containers have none.
    files: Option<Files>,
}

/// The files of a worker.
struct Files {
    code: Code,
    /// Its own folder.
    folder: PathBuf,
}

/// How the server communicates with the worker.
enum Link {
    Channel(Channel),
    Api(Api),
    Container(ContainerLink),
}

/// A link before its worker has started.
pub(super) struct Opened {
    link: Link,
    stdin: Stdio,
}

/// The parameters of a worker.
pub(super) struct Launch {
    pub(super) opened: Opened,
    pub(super) program: Program,
    pub(super) code: Code,
    /// The folder with the workers' programs.
    pub(super) programs: PathBuf,
    /// A folder for this worker only.
    pub(super) folder: PathBuf,
    pub(super) search_path: OsString,
}

/// The program of a worker.
pub(super) enum Program {
    Interpreter {
        interpreter: Interpreter,
        arguments: Vec<OsString>,
    },
    /// The function's own program.
    Bootstrap,
}

impl Program {
    pub(super) fn new(runtime: Runtime<'_>, interpreter: Option<Interpreter>, programs: &Path, memory: u32) -> Self {
        match interpreter {
            Some(interpreter) => Self::Interpreter { interpreter, arguments: arguments(runtime, programs, memory) },
            None => Self::Bootstrap,
        }
    }

    /// Opens the server's end of the link to a worker that runs this program.
    pub(super) async fn open(&self) -> io::Result<Opened> {
        match self {
            Self::Interpreter { .. } => {
                let (channel, theirs) = Channel::pair()?;
                Ok(Opened { link: Link::Channel(channel), stdin: std::os::fd::OwnedFd::from(theirs).into() })
            }
            Self::Bootstrap => Ok(Opened { link: Link::Api(Api::open().await?), stdin: Stdio::null() }),
        }
    }
}

/// A step of a worker. It determines the error for a failure.
#[derive(Clone, Copy)]
enum Phase {
    Start,
    Initialize,
    Invoke,
}

/// The result of a call.
pub(super) enum Invoked {
    /// There is a result, and the worker can be reused.
    Reusable(RunResult),
    /// There is a result, but the worker cannot be reused.
    Spent(RunResult),
    /// The worker ended before it read the call, so another worker may run it.
    Unheard(Fault),
}

impl Worker {
    /// Starts the process. The caller must run the returned future for the lifetime of the process.
    ///
    /// Must not run on async threads, because it waits for the disk and for the new process.
    pub(super) fn launch(
        deployment: &Deployment,
        launch: Launch,
        way: &Way,
        monitor: &Monitor,
    ) -> io::Result<(Self, impl Future<Output = Option<u32>> + Send + use<>)> {
        let Launch { opened: Opened { link, stdin }, program, code, programs, folder, search_path } = launch;
        isolation::make(&folder)?;
        let home = folder.join(isolation::HOME);
        let packages: Vec<&Path> = code.packages.iter().map(|package| package.path.as_path()).collect();
        let places =
            WorkerFolders { code: &code.path, dependencies: &packages, scratch: &home, search_path: &search_path };
        let mut environment = environment(deployment, &places);
        if let Link::Api(api) = &link {
            environment.insert("RUNTIME_API_ADDR".to_owned(), api.address.to_string().into());
        }
        let (program, arguments, roots) = match program {
            Program::Interpreter { interpreter: Interpreter { program, roots, .. }, arguments } => {
                let mut all: Vec<OsString> = ["-c", BEHIND_CHANNEL, "sh"].map(OsString::from).to_vec();
                all.push(program.into());
                all.extend(arguments);
                ("/bin/sh".into(), all, roots)
            }
            Program::Bootstrap => (code.path.join(BOOTSTRAP).into(), Vec::new(), Vec::new()),
        };
        let readable: Vec<&Path> = [code.path.as_path(), &programs].into_iter().chain(packages).collect();
        let needs = Needs { folder: &folder, code: &readable, interpreter: &roots };
        let spec = Spec {
            program,
            arguments,
            environment: environment.into_iter().map(|(name, value)| (name.into(), value)).collect(),
            directory: (&code.path).into(),
            confinement: way.confinement(needs),
        };
        let start = Start { spec, stdin, folder: folder.clone(), memory: deployment.memory };
        let (process, keeping) = Process::spawn(way, start, monitor)?;
        Ok((Self { link, process, files: Some(Files { code, folder }) }, keeping))
    }

    /// Starts a container that was created. The caller must run the returned future, as for [`Self::launch`].
    pub(super) fn contain(
        deployment: &Deployment,
        container: Container,
        monitor: &Monitor,
    ) -> io::Result<(Self, impl Future<Output = Option<u32>> + Send + use<>)> {
        let link = Link::Container(ContainerLink::new(container.clone(), deployment)?);
        let (process, keeping) = Process::attach(container, deployment.memory, monitor)?;
        Ok((Self { link, process, files: None }, keeping))
    }

    /// Loads the code and runs the initializer.
    pub(super) async fn prepare(
        &mut self,
        deployment: &Deployment,
        request_id: &str,
        limit: Duration,
        log: &mut Log,
    ) -> Result<(), Fault> {
        let limits = Limits { time: limit, memory: deployment.memory };
        let root = root(self.files.as_ref());
        let channel = match &mut self.link {
            Link::Channel(channel) => channel,
            Link::Api(api) => {
                let ready = self.process.supervise(api.ready(), limits.time, log).await;
                return ready.map_err(|interruption| Phase::Start.fault(interruption, limits));
            }
            Link::Container(link) => {
                let ready = self.process.supervise(link.ready(), limits.time, log).await;
                ready.map_err(|interruption| Phase::Start.fault(interruption, limits))?;
                let Some((_, time)) = &deployment.initializer else { return Ok(()) };
                let limits = Limits { time: *time, ..limits };
                let initialized = self.process.supervise(link.initialize(request_id), limits.time, log).await;
                let answer = initialized.map_err(|interruption| Phase::Initialize.fault(interruption, limits))?;
                return answer.result(fault::INITIALIZER_FAILED).map(drop);
            }
        };
        let loading = WorkerRequest::Load(load(deployment, &root));
        let loaded = self.process.supervise(channel.ask(&loading, &[]), limits.time, log).await;
        result(loaded.map_err(|interruption| Phase::Start.fault(interruption, limits))?, &root)?;
        if let Some((_, time)) = &deployment.initializer {
            let limits = Limits { time: *time, ..limits };
            let request = WorkerRequest::Initialize { request_id };
            let initialized = self.process.supervise(channel.ask(&request, &[]), limits.time, log).await;
            result(initialized.map_err(|interruption| Phase::Initialize.fault(interruption, limits))?, &root)?;
        }
        Ok(())
    }

    /// Calls the handler once.
    pub(super) async fn invoke(&mut self, deployment: &Deployment, call: &Call, log: &mut Log) -> Invoked {
        let limits = Limits { time: deployment.timeout, memory: deployment.memory };
        let root = root(self.files.as_ref());
        let interruption = match &mut self.link {
            Link::Channel(channel) => {
                let request = WorkerRequest::Invoke { request_id: &call.request_id };
                match self.process.supervise(channel.ask(&request, &call.event), limits.time, log).await {
                    Ok(answer) => {
                        self.process.usage().note_peak(answer.header.peak);
                        let spoiled = answer.header.spoiled;
                        let result = result(answer, &root);
                        return if spoiled { Invoked::Spent(result) } else { Invoked::Reusable(result) };
                    }
                    Err(interruption) => interruption,
                }
            }
            Link::Api(api) => match self.process.supervise(api.ask(call), limits.time, log).await {
                Ok(result) => return Invoked::Reusable(result),
                Err(Interruption::Exited(exit)) if !api.has_taken(&call.request_id) => Interruption::Unheard(exit),
                Err(interruption) => interruption,
            },
            Link::Container(link) => match self.process.supervise(link.invoke(call), limits.time, log).await {
                Ok(answer) => {
                    // It cannot fail, and it ends in time.
                    let _ = self.process.supervise(late_output(), LATE_OUTPUT * 2, log).await;
                    return Invoked::Reusable(answer.result(fault::FAILED));
                }
                Err(interruption) => interruption,
            },
        };
        let is_unheard = matches!(interruption, Interruption::Unheard(_));
        let fault = Phase::Invoke.fault(interruption, limits);
        if is_unheard { Invoked::Unheard(fault) } else { Invoked::Spent(Err(fault)) }
    }

    /// Whether the process has ended by itself.
    pub(super) fn has_exited(&mut self) -> bool {
        self.process.has_exited()
    }

    /// Whether the worker can be used for another call: its process is alive and its files exist. The two checks take
    /// about a microsecond, so it is faster to make them on the async thread than to use another thread.
    pub(super) fn is_usable(&mut self) -> bool {
        let are_there = |Files { code, folder }: &Files| code.is_there() && folder.is_dir();
        !self.process.has_exited() && self.files.as_ref().is_none_or(are_there)
    }

    /// The peak memory in MB; 0 if unknown.
    pub(super) fn peak_memory(&self) -> f64 {
        self.process.usage().peak()
    }
}

/// The folder of the code, which errors must not name.
fn root(files: Option<&Files>) -> Cow<'_, str> {
    files.map_or(Cow::Borrowed(CODE_ROOT), |files| files.code.path.to_string_lossy())
}

async fn late_output() -> io::Result<()> {
    tokio::time::sleep(LATE_OUTPUT).await;
    Ok(())
}

/// Node.js keeps garbage as long as there is memory, so limit it: three quarters are for long-lived objects, the rest
/// for Node.js itself, new objects and buffers.
fn arguments(runtime: Runtime<'_>, programs: &Path, memory: u32) -> Vec<OsString> {
    match runtime {
        Runtime::Node => vec![
            format!("--max-old-space-size={}", memory / 4 * 3).into(),
            format!("--max-semi-space-size={}", (memory / 64).clamp(1, 16)).into(),
            programs.join(NODE_PROGRAM.0).into(),
        ],
        Runtime::Python(_) | Runtime::Custom | Runtime::Image(_) => vec![programs.join(PYTHON_PROGRAM.0).into()],
    }
}

fn load<'a>(deployment: &'a Deployment, root: &'a str) -> Load<'a> {
    let Deployment { identity, runtime, handler, initializer, timeout, memory, environment, secrets, .. } = deployment;
    let Identity { project_id, package, name, version, alias, urn: _ } = identity;
    let plain = environment.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let secret = secrets.iter().map(|(name, value)| (name.as_str(), value.expose_secret()));
    Load {
        root,
        runtime,
        handler,
        initializer: initializer.as_ref().map(|(handler, _)| handler.as_str()),
        user_data: plain.chain(secret).collect(),
        timeout: timeout.as_secs(),
        memory: *memory,
        cpu: millicores(*memory),
        project_id,
        package,
        name,
        version,
        alias: alias.as_deref().unwrap_or_default(),
        largest: RESULT_BYTES,
    }
}

/// Replaces paths of this machine in a failure with the service's paths.
fn result(answer: WorkerAnswer, root: &str) -> RunResult {
    let WorkerAnswer { header: Header { ok, json, code, spoiled: _, peak: _ }, body } = answer;
    if ok {
        return Ok(Payload { body, is_json: json });
    }
    let failure = String::from_utf8_lossy(&body).replace(root, CODE_ROOT);
    Err(Fault::reported(code, failure.as_bytes()))
}

impl Phase {
    fn fault(self, interruption: Interruption, limits: Limits) -> Fault {
        let Limits { time, memory } = limits;
        match interruption {
            Interruption::TimedOut => match self {
                Self::Start => Fault::timed_out(fault::NOT_STARTED, "the start of the function", time),
                Self::Initialize => Fault::timed_out(fault::INITIALIZER_TIMED_OUT, "function initialization", time),
                Self::Invoke => Fault::timed_out(fault::TIMED_OUT, "function invocation", time),
            },
            Interruption::Exited(exit) | Interruption::Unheard(exit) => match exit {
                Exit::Exceeded(excess) => Fault::died(excess.message(memory)),
                Exit::NotStarted(error) => Fault::cannot_start(&error),
                Exit::Status(status) if status.code() == Some(KILLED) => self.exited(&format!(
                    "the function's process ended before {}: it was killed, for example because it used more than its \
                     memory of {memory} MB",
                    self.end()
                )),
                Exit::Status(status) => {
                    self.exited(&format!("the function's process ended before {}: {status}", self.end()))
                }
                Exit::Unknown => {
                    self.exited(&format!("the function's process ended before {}: it was killed", self.end()))
                }
            },
            Interruption::Broken(error) => {
                self.exited(&format!("the function's process disconnected before {}: {error}", self.end()))
            }
        }
    }

    fn end(self) -> &'static str {
        match self {
            Self::Start => "it was ready for a call",
            Self::Initialize => "its initializer ended",
            Self::Invoke => "its run ended",
        }
    }

    fn exited(self, message: &str) -> Fault {
        match self {
            Self::Start => Fault::not_started(message),
            Self::Initialize => {
                let message = format!("function initialization exception, error: {message}");
                Fault::new(fault::INITIALIZER_FAILED, "FunctionExitError", message)
            }
            Self::Invoke => Fault::died(message),
        }
    }
}
