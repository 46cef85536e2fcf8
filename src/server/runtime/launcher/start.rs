//! The launcher's `main`: selects the stage of this process, and opens the socket to the server.

use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;

use super::super::fault::os_error;
use super::{COMMAND, Containment, Report, Spec, init, namespaces};

/// The argument for the first process of new namespaces.
pub(super) const INIT: &str = "init";

/// Runs the launcher if these are its arguments; returns the exit code.
pub(in super::super) fn main(arguments: impl IntoIterator<Item = OsString>) -> Option<u8> {
    let mut arguments = arguments.into_iter().skip(1);
    arguments.next().filter(|argument| argument == COMMAND)?;
    let stage = arguments.next().unwrap_or_default();
    let Ok(mut control) = control() else { return Some(1) };
    let containment = Containment::ALL.into_iter().find(|containment| stage == containment.argument());
    let ran = match containment {
        Some(Containment::Namespaces) => namespaces::enter(namespaces::Rights::Own),
        Some(Containment::UserNamespaces) => namespaces::enter(namespaces::Rights::OfUserNamespace),
        Some(Containment::Subreaper) => init::run(&mut control, init::Role::Subreaper),
        None if stage == INIT => init::run(&mut control, init::Role::Init),
        None => Err(io::Error::other("this command is for fgctl itself")),
    };
    if let Err(error) = ran {
        // If the server is gone, the report is not needed.
        let _ = send(&Report::Failed(error.to_string(), os_error(&error)), &mut control);
        return Some(1);
    }
    Some(0)
}

/// The socket to the server.
fn control() -> io::Result<UnixStream> {
    Ok(io::stderr().as_fd().try_clone_to_owned()?.into())
}

/// Receives what to start.
pub(super) fn receive(control: &mut UnixStream) -> io::Result<Spec> {
    let mut length = [0; 4];
    control.read_exact(&mut length)?;
    let mut body = Vec::new();
    control.take(u32::from_be_bytes(length).into()).read_to_end(&mut body)?;
    Ok(serde_json::from_slice(&body)?)
}

pub(super) fn send(report: &Report, control: &mut UnixStream) -> io::Result<()> {
    control.write_all(&serde_json::to_vec(report)?)
}
