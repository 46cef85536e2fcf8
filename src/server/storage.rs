//! Where a FunctionGraph keeps everything: a data directory that this process has to itself, or memory.

use std::path::{Path, PathBuf};

use rusqlite::Connection;
use tempfile::TempDir;

use super::clock::{Clock, timestamp};
use super::credentials::{self, Credentials, CredentialsError};
use super::directory::{DataDirectory, DirectoryError, Owner};
use super::store::{self, OpenError};

const DATABASE: &str = "store.db";

/// An open store, and the credentials that come with it.
pub struct Storage {
    pub(crate) connection: Connection,
    pub(crate) credentials: Credentials,
    pub(crate) folder: Folder,
}

/// A folder for the code of functions that run, and for notifications to OBS, DIS and SMN.
pub(crate) enum Folder {
    Claimed(DataDirectory, Box<Owner>),
    /// Removed when this is dropped.
    Temporary(TempDir),
}

#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    #[error("{path}: {source}", path = path.display())]
    Database { path: PathBuf, source: OpenError },
    #[error("the store cannot be made: {0}")]
    Memory(#[from] OpenError),
    #[error("a temporary folder cannot be made: {0}")]
    Folder(std::io::Error),
}

impl Storage {
    /// Takes a data directory, and makes it if it does not exist. `command` is shown to other commands that want it.
    ///
    /// A directory that is in use is [`DirectoryError::Taken`], which names its owner and, if it is published, the address.
    /// If the process that had it was killed, this waits until its children release the lock.
    pub async fn directory(path: &Path, command: &str, clock: &Clock) -> Result<Self, StorageError> {
        let owner = Owner::this_process(command.to_owned(), timestamp(clock.now().as_second()));
        let claimed = DataDirectory::claim(path).await?;
        let opening = tokio::task::spawn_blocking(move || Self::open(claimed, owner));
        opening.await.map_err(|error| StorageError::Folder(error.into()))?
    }

    /// An empty store that is gone with the process.
    pub fn memory() -> Result<Self, StorageError> {
        let folder = tempfile::tempdir().map_err(StorageError::Folder)?;
        Ok(Self {
            connection: store::open_in_memory()?,
            credentials: Credentials::generate()?,
            folder: Folder::Temporary(folder),
        })
    }

    fn open(claimed: DataDirectory, owner: Owner) -> Result<Self, StorageError> {
        claimed.announce(&owner)?;
        let credentials = credentials::ensure(claimed.path())?;
        let path = claimed.private_file(DATABASE)?;
        let connection = store::open(&path).map_err(|source| StorageError::Database { path, source })?;
        Ok(Self { connection, credentials, folder: Folder::Claimed(claimed, Box::new(owner)) })
    }

    /// Tells other commands on the directory what they can reach of it, and where.
    pub(crate) fn publish(&self, published: impl FnOnce(Owner) -> Owner) -> Result<(), DirectoryError> {
        match &self.folder {
            Folder::Claimed(claimed, owner) => claimed.announce(&published(owner.as_ref().clone())),
            Folder::Temporary(_) => Ok(()),
        }
    }
}

impl Folder {
    /// Failures name files below it, and runtimes say where those are without links and `..`.
    pub(crate) fn path(&self) -> PathBuf {
        let path = match self {
            Self::Claimed(claimed, _) => claimed.path(),
            Self::Temporary(folder) => folder.path(),
        };
        std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
    }
}
