//! A data directory and its exclusive process: a lock that ends with the process, and a note about its holder.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::open_file::{self, Process};
use super::privacy::{self, PrivacyError};

const LOCK: &str = "lock";
const OWNER: &str = "owner.json";
/// How long to wait for a lock whose owner has ended. A process that starts another one shares its open files with it
/// until the new program begins, which takes far less time even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(10);
/// The wait between two tries to take the lock.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// The process that uses a data directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    pub pid: u32,
    /// A command such as `fgctl serve`.
    pub command: String,
    /// RFC 3339.
    pub started: String,
    /// The address of its server, if other commands may use it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<SocketAddr>,
    /// The region of that server. Flags can make it differ from the credentials file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project_id: Option<String>,
}

impl Owner {
    /// This process, without a server that other commands may use.
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
    #[error("the data directory {path} is in use by {owner}", path = path.display())]
    Taken { path: PathBuf, owner: Box<Owner> },
    /// The lock was not released in time, although no owner is running as far as known.
    #[error(
        "the data directory {path} is still locked after {waited:?}, by {}: end that process, or use another directory",
        holder.as_ref().map_or("a process that cannot be seen from here".to_owned(), ToString::to_string),
        path = path.display()
    )]
    Locked { path: PathBuf, holder: Option<Process>, waited: Duration },
    #[error("the data directory {path} cannot be used: {source}", path = path.display())]
    Unusable { path: PathBuf, source: io::Error },
    #[error(transparent)]
    NotPrivate(#[from] PrivacyError),
}

/// The last owner of a data directory, for commands that find it in use. A killed process leaves its note behind, so a
/// note does not prove that the directory is in use.
pub fn owner(directory: &Path) -> Option<Owner> {
    serde_json::from_slice(&fs::read(directory.join(OWNER)).ok()?).ok()
}

/// A data directory that only this process uses, until this is dropped.
#[derive(Debug)]
pub(crate) struct DataDirectory {
    path: PathBuf,
    _lock: File,
}

impl DataDirectory {
    /// Takes the directory, and creates it if necessary. Waits for a lock whose owner has ended.
    pub(crate) async fn claim(path: &Path) -> Result<Self, DirectoryError> {
        Self::claim_within(path, PATIENCE).await
    }

    async fn claim_within(path: &Path, patience: Duration) -> Result<Self, DirectoryError> {
        let owned = path.to_owned();
        let claiming = tokio::task::spawn_blocking(move || Self::claim_now(&owned, patience));
        let panicked = |error| DirectoryError::Unusable { path: path.to_owned(), source: io::Error::other(error) };
        claiming.await.map_err(panicked)?
    }

    /// There is no notification when a lock is released, so this tries repeatedly.
    fn claim_now(path: &Path, patience: Duration) -> Result<Self, DirectoryError> {
        let unusable = |source| DirectoryError::Unusable { path: path.to_owned(), source };
        create_private(path).map_err(|error| unusable(explained(path, error)))?;
        privacy::ensure(path)?;
        keep_out_of_version_control(path).map_err(unusable)?;
        let lock = private().create(true).truncate(false).open(path.join(LOCK)).map_err(unusable)?;
        let deadline = Instant::now() + patience;
        loop {
            match lock.try_lock() {
                Ok(()) => return Ok(Self { path: path.to_owned(), _lock: lock }),
                Err(TryLockError::Error(source)) => return Err(unusable(source)),
                Err(TryLockError::WouldBlock) => {}
            }
            let note = owner(path);
            if let Some(owner) = note.as_ref().filter(|owner| open_file::may_be_open_in(owner.pid, &lock)) {
                return Err(DirectoryError::Taken { path: path.to_owned(), owner: Box::new(owner.clone()) });
            }
            if Instant::now() >= deadline {
                return Err(locked(path, note, &lock, patience));
            }
            std::thread::sleep(LOOK_AGAIN);
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The path of a file in it, which other users cannot read.
    pub(crate) fn private_file(&self, name: &str) -> Result<PathBuf, DirectoryError> {
        let path = self.path.join(name);
        match private().create(true).truncate(false).open(&path) {
            Ok(_) => Ok(path),
            Err(source) => Err(DirectoryError::Unusable { path, source }),
        }
    }

    /// Writes the owner's note.
    pub(crate) fn announce(&self, owner: &Owner) -> Result<(), DirectoryError> {
        let written = serde_json::to_vec_pretty(owner).map_err(io::Error::from);
        let written = written.and_then(|text| write_private(&self.path.join(OWNER), &text));
        written.map_err(|source| DirectoryError::Unusable { path: self.path.clone(), source })
    }
}

/// Why the lock was not released. If no holder is visible, for example because it runs in another container, the note
/// is the best information.
fn locked(path: &Path, note: Option<Owner>, lock: &File, waited: Duration) -> DirectoryError {
    let path = path.to_owned();
    match (open_file::another_process_with(lock), note) {
        (None, Some(owner)) => DirectoryError::Taken { path, owner: Box::new(owner) },
        (holder, _) => DirectoryError::Locked { path, holder, waited },
    }
}

impl Drop for DataDirectory {
    fn drop(&mut self) {
        // A remaining note is harmless, because only the lock counts.
        let _ = fs::remove_file(self.path.join(OWNER));
    }
}

/// Writes a file atomically, readable only by its owner.
pub(crate) fn write_private(path: &Path, content: &[u8]) -> io::Result<()> {
    let unfinished = path.with_extension("new");
    // A killed process may have left this file, possibly with another mode.
    let _ = fs::remove_file(&unfinished);
    let mut file = private().create_new(true).open(&unfinished)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&unfinished, path)
}

/// Opens files for writing that only their owner can read.
pub(crate) fn private() -> fs::OpenOptions {
    let mut options = File::options();
    options.write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// The directory contains secrets and is inside a project by default.
fn keep_out_of_version_control(path: &Path) -> io::Result<()> {
    let path = path.join(".gitignore");
    if path.exists() { Ok(()) } else { private().create_new(true).open(path)?.write_all(b"*\n") }
}

/// The error about a directory that cannot be created. The system's own error does not say that a file is in its place.
fn explained(path: &Path, error: io::Error) -> io::Error {
    match path.ancestors().find(|ancestor| ancestor.is_file()) {
        None => error,
        Some(file) if file == path => io::Error::other("it is a file, not a directory"),
        Some(file) => io::Error::other(format!("{} is a file, not a directory", file.display())),
    }
}

/// Ensures that the directory exists and only its owner can enter it.
pub(crate) fn create_private(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::process::{Child, Command, Stdio};

    use super::*;

    /// Longer than any test should take.
    const AMPLE: Duration = Duration::from_mins(2);

    /// A process that has inherited a directory's lock, like one between fork and exec.
    struct Heir(Child);

    impl Heir {
        async fn of(directory: &Path) -> Self {
            let DataDirectory { _lock: lock, .. } =
                &DataDirectory::claim(directory).await.expect("the directory is free");
            let inherited = Stdio::from(lock.try_clone().expect("a handle"));
            Self(Command::new("sleep").arg("600").stdin(inherited).spawn().expect("it starts"))
        }
    }

    impl Drop for Heir {
        fn drop(&mut self) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }

    /// Leaves the note of a killed owner.
    fn leave_note(directory: &Path, pid: u32) {
        let owner = Owner { pid, ..Owner::this_process("fgctl serve".into(), "2026-01-01T00:00:00Z".into()) };
        write_private(&directory.join(OWNER), &serde_json::to_vec(&owner).expect("JSON")).expect("a note");
    }

    /// The id of a process that has ended.
    fn ended() -> u32 {
        let mut process = Command::new("true").spawn().expect("it starts");
        process.wait().expect("it ends");
        process.id()
    }

    #[tokio::test]
    async fn a_lock_whose_owner_has_ended_is_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        for note in [None, Some(ended())] {
            let heir = Heir::of(folder.path()).await;
            if let Some(pid) = note {
                leave_note(folder.path(), pid);
            }
            let (claimed, ()) = tokio::join!(DataDirectory::claim_within(folder.path(), AMPLE), async { drop(heir) });
            claimed.unwrap();
        }
    }

    #[tokio::test]
    async fn a_lock_that_is_not_released_names_its_holder() {
        let folder = tempfile::tempdir().unwrap();
        let heir = Heir::of(folder.path()).await;
        // That process is running, but does not hold the lock.
        let other = Heir(Command::new("sleep").arg("600").spawn().unwrap());
        for pid in [ended(), other.0.id()] {
            leave_note(folder.path(), pid);
            let error = DataDirectory::claim_within(folder.path(), Duration::ZERO).await.unwrap_err();
            let holder = format!("by `sleep` (process {}): end that process", heir.0.id());
            assert!(error.to_string().contains(&holder), "{error}");
        }
    }

    #[tokio::test]
    async fn a_running_owner_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let claimed = DataDirectory::claim(folder.path()).await.unwrap();
        claimed.announce(&Owner::this_process("the test".into(), String::new())).unwrap();
        let error = DataDirectory::claim_within(folder.path(), AMPLE).await.unwrap_err();
        assert!(matches!(error, DirectoryError::Taken { .. }), "{error}");
    }
}
