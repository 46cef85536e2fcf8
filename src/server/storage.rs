//! The data of a FunctionGraph: in a directory that this process owns, or in memory.

use std::path::{Path, PathBuf};

use rusqlite::Connection;
use tempfile::TempDir;

use super::clock::{Clock, timestamp};
use super::credentials::{self, Credentials, CredentialsError};
use super::directory::{DataDirectory, DirectoryError, Owner};
use super::store::{self, OpenError};

const DATABASE: &str = "store.db";

/// An open store with its credentials.
pub struct Storage {
    pub(crate) connection: Connection,
    pub(crate) credentials: Credentials,
    pub(crate) folder: Folder,
}

/// A folder for code that runs, and for notifications to OBS, DIS and SMN.
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
    #[error("the store cannot be created: {0}")]
    Memory(#[from] OpenError),
    #[error("a temporary folder cannot be created: {0}")]
    Folder(std::io::Error),
}

impl Storage {
    /// Takes a data directory, and creates it if necessary. `command` is shown to other commands that need the
    /// directory.
    ///
    /// If the directory is in use, returns [`DirectoryError::Taken`] with its owner and, if published, the address. If
    /// the last owner was killed, waits until its children release the lock.
    pub async fn directory(path: &Path, command: &str, clock: &Clock) -> Result<Self, StorageError> {
        let owner = Owner::this_process(command.to_owned(), timestamp(clock.now().as_second()));
        let claimed = DataDirectory::claim(path).await?;
        let opening = tokio::task::spawn_blocking(move || Self::open(claimed, owner));
        opening.await.map_err(|error| StorageError::Folder(error.into()))?
    }

    /// An empty store that ends with the process.
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

    /// Publishes the address of this server, and what it serves, to other commands on the directory.
    pub(crate) fn publish(&self, published: impl FnOnce(Owner) -> Owner) -> Result<(), DirectoryError> {
        match &self.folder {
            Folder::Claimed(claimed, owner) => claimed.announce(&published(owner.as_ref().clone())),
            Folder::Temporary(_) => Ok(()),
        }
    }
}

impl Folder {
    /// An absolute path without links and `..`, because errors and runtimes mention the files in it.
    pub(crate) fn path(&self) -> PathBuf {
        let path = match self {
            Self::Claimed(claimed, _) => claimed.path(),
            Self::Temporary(folder) => folder.path(),
        };
        std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
    }
}
