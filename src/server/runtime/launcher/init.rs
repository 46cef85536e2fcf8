//! The parent of a function's process: it starts the process, adopts its orphans, and leaves none of them behind.

use std::io::{self, Read};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};

use rustix::process::{DumpableBehavior, Pid, Signal, WaitOptions, kill_process};

use super::super::processes;
use super::start::{receive, send};
use super::{Report, Spec, confine, namespaces};

/// How all descendants of the function are ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// The first process of a namespace. When it ends, the kernel kills the others.
    Init,
    /// Orphans become its children, and it kills them itself.
    Subreaper,
}

/// Runs the function's process until it ends or the server closes the socket.
pub(super) fn run(control: &mut UnixStream, role: Role) -> io::Result<()> {
    // The function runs as the same user, and must not gain control of this process.
    rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    if role == Role::Subreaper {
        rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?;
    }
    let spec = receive(control)?;
    if role == Role::Init {
        namespaces::furnish(&spec.confinement)?;
    }
    confine::limit(&spec.confinement)?;
    if role == Role::Subreaper && !rustix::process::getuid().is_root() {
        confine::limit_processes(&spec.confinement)?;
    }
    end_with_server(control.try_clone()?, role)?;
    let status = start(spec).and_then(wait_for);
    if role == Role::Subreaper {
        end_descendants();
    }
    send(&Report::Ended(status?), control)
}

/// Starts the process on a separate thread, so that this process keeps the rights that the thread loses.
fn start(spec: Spec) -> io::Result<Pid> {
    let starting = std::thread::Builder::new().spawn(move || {
        let Spec { program, arguments, environment, directory, confinement } = spec;
        confine::restrict(&confinement)?;
        // It stays in this process's group. It therefore leads no group, and can start its own session.
        let mut command = Command::new(program);
        command.args(arguments).env_clear().envs(environment).current_dir(directory);
        // Both streams go into one pipe, so that the order of the output is kept.
        command.stdin(Stdio::inherit()).stdout(Stdio::inherit());
        command.stderr(io::stdout().as_fd().try_clone_to_owned()?);
        let child = command.spawn()?;
        Pid::from_raw(child.id().try_into().map_err(io::Error::other)?).ok_or(io::ErrorKind::NotFound.into())
    });
    starting?.join().map_err(|_| io::Error::other("the thread that starts it failed"))?
}

/// Reaps children until the function's process ends; returns its raw status.
fn wait_for(process: Pid) -> io::Result<i32> {
    loop {
        match rustix::process::wait(WaitOptions::empty()) {
            Ok(Some((ended, status))) if ended == process => return Ok(status.as_raw()),
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Ends everything as soon as the server closes its end, on purpose or because it is gone.
fn end_with_server(mut control: UnixStream, role: Role) -> io::Result<()> {
    let ending = std::thread::Builder::new().spawn(move || {
        // No more data is ever sent.
        let _ = control.read(&mut [0]);
        if role == Role::Subreaper {
            end_descendants();
        }
        std::process::exit(0)
    });
    ending.map(drop)
}

/// Kills every descendant until none is left. Processes that they start in the meantime become orphans and so children
/// of this process.
fn end_descendants() {
    let own = std::process::id();
    loop {
        for process in processes::Table::read().descendants(own) {
            if let Some(process) = process.try_into().ok().and_then(Pid::from_raw) {
                // It may have ended already.
                let _ = kill_process(process, Signal::KILL);
            }
        }
        match rustix::process::wait(WaitOptions::empty()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            // There are no children.
            Err(_) => return,
        }
        // Looking at all processes takes long, so all that have ended by now are taken in before the next look.
        while matches!(rustix::process::wait(WaitOptions::NOHANG), Ok(Some(_))) {}
    }
}
