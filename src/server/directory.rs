//! A data directory and the one process that uses it: a lock that ends with the process, and a note of who holds it.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::privacy::{self, PrivacyError};

const LOCK: &str = "lock";
const OWNER: &str = "owner.json";

/// Who uses a data directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    pub pid: u32,
    /// Such as `fgctl serve`.
    pub command: String,
    /// RFC 3339.
    pub started: String,
    /// Where its server listens, if others may use it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<SocketAddr>,
    /// Where that server says that it is; flags may make this differ from the credentials file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project_id: Option<String>,
}

impl Owner {
    /// This process, without a server that others may use.
    pub(crate) fn this_process(command: String, started: String) -> Self {
        Self { pid: std::process::id(), command, started, address: None, region: None, project_id: None }
    }
}

impl std::fmt::Display for Owner {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { pid, command, started, address, region: _, project_id: _ } = self;
        write!(formatter, "`{command}` (process {pid}, since {started}")?;
        match address {
            Some(address) => write!(formatter, ", listening on http://{address})"),
            None => formatter.write_str(")"),
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    #[error("the data directory {path} is in use by {}", owner.as_ref().map_or("another process".to_owned(), ToString::to_string), path = path.display())]
    Taken { path: PathBuf, owner: Option<Box<Owner>> },
    #[error("the data directory {path} cannot be used: {source}", path = path.display())]
    Unusable { path: PathBuf, source: io::Error },
    #[error(transparent)]
    NotPrivate(#[from] PrivacyError),
}

/// Who took a data directory last, for whoever finds it taken: a process that was killed leaves its note behind, so this
/// alone does not say that it is taken now.
pub fn owner(directory: &Path) -> Option<Owner> {
    serde_json::from_slice(&fs::read(directory.join(OWNER)).ok()?).ok()
}

/// A data directory that this process has to itself, until this is dropped.
#[derive(Debug)]
pub(crate) struct DataDirectory {
    path: PathBuf,
    _lock: File,
}

impl DataDirectory {
    /// Takes the directory, and makes it if need be.
    pub(crate) fn claim(path: &Path) -> Result<Self, DirectoryError> {
        let unusable = |source| DirectoryError::Unusable { path: path.to_owned(), source };
        create_private(path).map_err(unusable)?;
        privacy::ensure(path)?;
        keep_out_of_version_control(path).map_err(unusable)?;
        let lock = private().create(true).truncate(false).open(path.join(LOCK)).map_err(unusable)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path: path.to_owned(), _lock: lock }),
            Err(TryLockError::WouldBlock) => {
                Err(DirectoryError::Taken { path: path.to_owned(), owner: owner(path).map(Box::new) })
            }
            Err(TryLockError::Error(source)) => Err(unusable(source)),
        }
    }

    /// The path of a file in it, which other users cannot read.
    pub(crate) fn private_file(&self, name: &str) -> Result<PathBuf, DirectoryError> {
        let path = self.path.join(name);
        match private().create(true).truncate(false).open(&path) {
            Ok(_) => Ok(path),
            Err(source) => Err(DirectoryError::Unusable { path, source }),
        }
    }

    /// Says who has it.
    pub(crate) fn announce(&self, owner: &Owner) -> Result<(), DirectoryError> {
        let written = serde_json::to_vec_pretty(owner).map_err(io::Error::from);
        let written = written.and_then(|text| write_private(&self.path.join(OWNER), &text));
        written.map_err(|source| DirectoryError::Unusable { path: self.path.clone(), source })
    }
}

impl Drop for DataDirectory {
    fn drop(&mut self) {
        // A note that stays is harmless: the lock decides.
        let _ = fs::remove_file(self.path.join(OWNER));
    }
}

/// Ensures that a file has this content and only its owner reads it, at no moment less than all of it.
pub(crate) fn write_private(path: &Path, content: &[u8]) -> io::Result<()> {
    let unfinished = path.with_extension("new");
    // What a process that was killed left, maybe with another mode.
    let _ = fs::remove_file(&unfinished);
    let mut file = private().create_new(true).open(&unfinished)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&unfinished, path)
}

/// Opens files for writing that only their owner reads.
pub(crate) fn private() -> fs::OpenOptions {
    let mut options = File::options();
    options.write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// The directory holds secrets, and by default it is inside a project.
fn keep_out_of_version_control(path: &Path) -> io::Result<()> {
    let path = path.join(".gitignore");
    if path.exists() { Ok(()) } else { private().create_new(true).open(path)?.write_all(b"*\n") }
}

/// Ensures that there is such a directory, which only its owner enters.
pub(crate) fn create_private(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}
