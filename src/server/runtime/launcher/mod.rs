//! A small program between the server and a function's process. It confines the function, and ends everything that the
//! function started.
//!
//! It is this same program, started with [`COMMAND`]. Its standard input is the function's, its standard output
//! receives the function's output, and its standard error is a socket to the server. The server sends a [`Spec`] over
//! that socket and receives a [`Report`]. When the server's end closes, everything ends.

#[cfg(target_os = "linux")]
mod confine;
#[cfg(target_os = "linux")]
mod init;
#[cfg(target_os = "linux")]
mod namespaces;
#[cfg(target_os = "linux")]
mod start;

use std::ffi::OsString;
use std::io;

use serde::{Deserialize, Serialize};
#[cfg(target_os = "linux")]
pub(super) use start::main;

/// The argument that starts this program as a launcher. It is not for users, so the help does not show it.
pub(super) const COMMAND: &str = "__launch";

/// The mechanisms that keep a function's processes together, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Containment {
    /// Process and mount namespaces, which need root.
    Namespaces,
    /// The same inside a user namespace, which needs no rights.
    UserNamespaces,
    /// Orphans become children of the launcher, which kills them.
    Subreaper,
}

impl Containment {
    pub(super) const ALL: [Self; 3] = [Self::Namespaces, Self::UserNamespaces, Self::Subreaper];

    pub(super) fn argument(self) -> &'static str {
        match self {
            Self::Namespaces => "namespaces",
            Self::UserNamespaces => "user-namespaces",
            Self::Subreaper => "subreaper",
        }
    }

    pub(super) fn has_namespaces(self) -> bool {
        match self {
            Self::Namespaces | Self::UserNamespaces => true,
            Self::Subreaper => false,
        }
    }

    /// The number of the server's own processes between the server and the function's process.
    pub(super) fn own_processes(self) -> usize {
        if self.has_namespaces() { 2 } else { 1 }
    }
}

/// What to start. Paths are `OsString`, because JSON cannot contain paths that are not UTF-8 as text.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct Spec {
    pub(super) program: OsString,
    pub(super) arguments: Vec<OsString>,
    pub(super) environment: Vec<(OsString, OsString)>,
    pub(super) directory: OsString,
    pub(super) confinement: Confinement,
}

/// What the function can access.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(super) struct Confinement {
    /// Files and folders that it may read and execute.
    pub(super) read: Vec<OsString>,
    /// Files and folders that it may also change.
    pub(super) write: Vec<OsString>,
    /// With namespaces: covered folders, each with the folder that covers it.
    pub(super) covered: Vec<(OsString, OsString)>,
    /// Folders that stay visible inside covered ones.
    pub(super) visible: Vec<OsString>,
    /// The number of files that a process may open.
    pub(super) files: u64,
    /// Processes and threads that the function may have.
    pub(super) processes: u64,
}

/// The result.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Report {
    /// The raw exit status of the function's process.
    Ended(i32),
    /// Why the process could not be started, and the operating system's error code, if any.
    Failed(String, Option<i32>),
}

impl Report {
    /// Converts the reason into an error of this process.
    pub(super) fn error(reason: String, code: Option<i32>) -> io::Error {
        code.map_or_else(|| io::Error::other(reason), io::Error::from_raw_os_error)
    }
}

impl Spec {
    pub(super) fn frame(&self) -> io::Result<Vec<u8>> {
        let body = serde_json::to_vec(self)?;
        let length = u32::try_from(body.len()).map_err(io::Error::other)?;
        Ok([&length.to_be_bytes(), body.as_slice()].concat())
    }
}
