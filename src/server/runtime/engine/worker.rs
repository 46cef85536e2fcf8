//! A process that runs one version of a function, one call after the other.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use secrecy::ExposeSecret;
use tokio::process::Command;

use super::super::environment::{LARGEST_RESULT, Places, environment, millicores};
use super::super::fault;
use super::super::log::Log;
use super::super::{Call, Deployment, Fault, Identity, Payload};
use super::api::Api;
use super::channel::{Answer, Channel, Header, Load, Request};
use super::code::{BOOTSTRAP, Code};
use super::interpreter::{Interpreter, Runtime};
use super::process::{Interruption, Limits, Process};

/// Moves the channel from stdin, which belongs to the function, to where the worker's program looks for it.
const BEHIND_CHANNEL: &str = "exec \"$@\" 3<&0 0</dev/null";

/// Where the service has the code.
const CODE_ROOT: &str = "/opt/function/code";

pub(super) const PYTHON_PROGRAM: (&str, &str) = ("worker.py", include_str!("../python/worker.py"));
pub(super) const NODE_PROGRAM: (&str, &str) = ("worker.js", include_str!("../nodejs/worker.js"));

pub(super) struct Worker {
    link: Link,
    process: Process,
    code: Code,
}

/// How the server talks with it.
enum Link {
    Channel(Channel),
    Api(Api),
}

/// What a worker is started with.
pub(super) struct Launch<'a> {
    pub(super) runtime: Runtime<'a>,
    /// None where the function brings its own program.
    pub(super) interpreter: Option<&'a Interpreter>,
    pub(super) code: Code,
    /// The folder with the workers' programs.
    pub(super) programs: &'a Path,
    /// A folder for this worker alone.
    pub(super) scratch: PathBuf,
    pub(super) search_path: OsString,
}

/// What a worker does, and how a failure of it is told.
#[derive(Clone, Copy)]
enum Phase {
    Start,
    Initialize,
    Invoke,
}

/// What came of a call, and whether the worker may have another.
pub(super) struct Invoked {
    pub(super) result: Result<Payload, Fault>,
    pub(super) reusable: bool,
}

impl Worker {
    /// Starts the process. What is returned besides must be run for as long as it lives.
    pub(super) async fn launch(
        deployment: &Deployment,
        launch: Launch<'_>,
    ) -> io::Result<(Self, impl Future<Output = ()> + Send + use<>)> {
        let Launch { runtime, interpreter, code, programs, scratch, search_path } = launch;
        fs::create_dir(&scratch)?;
        let (mut command, link) = match interpreter {
            Some(Interpreter { program, .. }) => {
                let (channel, theirs) = Channel::pair()?;
                let mut command = Command::new("/bin/sh");
                command.args(["-c", BEHIND_CHANNEL, "sh"]).arg(program);
                command.args(arguments(runtime, programs, deployment.memory));
                command.stdin(std::os::fd::OwnedFd::from(theirs));
                (command, Link::Channel(channel))
            }
            None => {
                let mut command = Command::new(code.path.join(BOOTSTRAP));
                command.stdin(Stdio::null());
                (command, Link::Api(Api::open().await?))
            }
        };
        let places = Places { code: &code.path, scratch: &scratch, search_path: &search_path };
        command.env_clear().envs(environment(deployment, &places)).current_dir(&code.path);
        if let Link::Api(api) = &link {
            command.env("RUNTIME_API_ADDR", api.address.to_string());
        }
        let (process, keeping) = Process::spawn(command, scratch)?;
        Ok((Self { link, process, code }, keeping))
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
        let channel = match &mut self.link {
            Link::Channel(channel) => channel,
            Link::Api(api) => {
                let ready = self.process.supervise(api.ready(), limits, log).await;
                return ready.map_err(|interruption| Phase::Start.fault(interruption, limits));
            }
        };
        let root = self.code.path.to_string_lossy();
        let loading = Request::Load(load(deployment, &root));
        let loaded = self.process.supervise(channel.ask(&loading, &[]), limits, log).await;
        result(loaded.map_err(|interruption| Phase::Start.fault(interruption, limits))?, &root)?;
        if let Some((_, time)) = &deployment.initializer {
            let limits = Limits { time: *time, ..limits };
            let request = Request::Initialize { request_id };
            let initialized = self.process.supervise(channel.ask(&request, &[]), limits, log).await;
            result(initialized.map_err(|interruption| Phase::Initialize.fault(interruption, limits))?, &root)?;
        }
        Ok(())
    }

    /// Calls the handler once.
    pub(super) async fn invoke(&mut self, deployment: &Deployment, call: &Call, log: &mut Log) -> Invoked {
        let limits = Limits { time: deployment.timeout, memory: deployment.memory };
        let root = self.code.path.to_string_lossy();
        let answered = match &mut self.link {
            Link::Channel(channel) => {
                let request = Request::Invoke { request_id: &call.request_id };
                let answer = self.process.supervise(channel.ask(&request, &call.event), limits, log).await;
                answer.map(|answer| Invoked { reusable: !answer.header.spoiled, result: result(answer, &root) })
            }
            Link::Api(api) => {
                let result = self.process.supervise(api.ask(call), limits, log).await;
                result.map(|result| Invoked { result, reusable: true })
            }
        };
        answered.unwrap_or_else(|interruption| Invoked {
            result: Err(Phase::Invoke.fault(interruption, limits)),
            reusable: false,
        })
    }

    pub(super) fn has_exited(&mut self) -> bool {
        self.process.has_exited()
    }

    /// MB at most so far, 0 where not known.
    pub(super) fn peak_memory(&self) -> f64 {
        self.process.peak_memory()
    }
}

/// Node.js keeps garbage for as long as there is memory, so it is told how little there is: three quarters of it for
/// objects that live on, the rest for itself, for new objects and for buffers.
fn arguments(runtime: Runtime<'_>, programs: &Path, memory: u32) -> Vec<OsString> {
    match runtime {
        Runtime::Node => vec![
            format!("--max-old-space-size={}", memory / 4 * 3).into(),
            format!("--max-semi-space-size={}", (memory / 64).clamp(1, 16)).into(),
            programs.join(NODE_PROGRAM.0).into(),
        ],
        Runtime::Python(_) | Runtime::Custom => vec![programs.join(PYTHON_PROGRAM.0).into()],
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
        largest: LARGEST_RESULT,
    }
}

/// A failure names places in the code as the service does, and not by where the code happens to be here.
fn result(answer: Answer, root: &str) -> Result<Payload, Fault> {
    let Answer { header: Header { ok, json, code, spoiled: _ }, body } = answer;
    if ok {
        return Ok(Payload { body, is_json: json });
    }
    let failure = String::from_utf8_lossy(&body).replace(root, CODE_ROOT);
    Err(Fault::told(code, failure.as_bytes()))
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
            Interruption::OutOfMemory(used) => Fault::died(format!(
                "the function used {used:.0} MB, more than its memory of {memory} MB, and was ended"
            )),
            Interruption::Exited(status) => {
                let how = status.map_or("it was ended".to_owned(), |status| status.to_string());
                self.exited(&format!("the function's process ended before {}: {how}", self.end()))
            }
            Interruption::Broken(error) => {
                self.exited(&format!("the function's process broke off before {}: {error}", self.end()))
            }
        }
    }

    fn end(self) -> &'static str {
        match self {
            Self::Start => "it was ready for a call",
            Self::Initialize => "its initializer did",
            Self::Invoke => "its run did",
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
