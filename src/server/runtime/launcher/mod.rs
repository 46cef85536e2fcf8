//! A small program between the server and a function's process: it confines the function, and ends everything the
//! function started.
//!
//! It is this program itself, started with [`COMMAND`]. Its standard input is the function's, its standard output takes
//! what the function writes, and its standard error is a socket to the server. Over that socket comes a [`Spec`], and
//! back goes a [`Report`]; when the server's end closes, everything ends.

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

/// The argument that makes this program a launcher. It is not for users, so the command line does not show it.
pub(super) const COMMAND: &str = "__launch";

/// How a function's processes are kept together, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Containment {
    /// In process and mount namespaces, which takes root.
    Namespaces,
    /// The same inside a user namespace, which takes no rights.
    UserNamespaces,
    /// Orphans come back to the launcher, which finds and kills them.
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

    /// Processes of ours between the server and the function's.
    pub(super) fn own_processes(self) -> usize {
        if self.has_namespaces() { 2 } else { 1 }
    }
}

/// What to start. Paths are `OsString` because JSON has no other form for those that are not UTF-8.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct Spec {
    pub(super) program: OsString,
    pub(super) arguments: Vec<OsString>,
    pub(super) environment: Vec<(OsString, OsString)>,
    pub(super) directory: OsString,
    pub(super) confinement: Confinement,
}

/// What the function can reach.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(super) struct Confinement {
    /// Files and folders that it may read and run.
    pub(super) read: Vec<OsString>,
    /// Files and folders that it may change, too.
    pub(super) write: Vec<OsString>,
    /// With namespaces: folders that are covered, and what covers each of them.
    pub(super) covered: Vec<(OsString, OsString)>,
    /// Folders that stay visible below covered ones.
    pub(super) visible: Vec<OsString>,
    /// Files that a process may have open.
    pub(super) files: u64,
}

/// What came of it.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Report {
    /// The raw status with which the function's process ended.
    Ended(i32),
    /// Why it could not be started, and the system's code for that if there is one.
    Failed(String, Option<i32>),
}

impl Report {
    /// Why it could not be started, as an error of this process.
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
