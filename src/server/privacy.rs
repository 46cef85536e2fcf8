//! A data directory is private to its owner: it contains secrets, code and events.

use std::io;
use std::path::{Path, PathBuf};

/// Why a directory cannot be kept private.
#[derive(Debug, thiserror::Error)]
pub enum PrivacyError {
    #[error(
        "{path} belongs to another user (uid {owner}), who could read and replace the server's data: use your own \
         directory",
        path = path.display()
    )]
    Foreign { path: PathBuf, owner: u32 },
    #[error(
        "{path} is open to other users (mode {mode:04o}) and contains files that are not the server's: use a new directory, \
         or close this one with `chmod 700 {path}`",
        path = path.display()
    )]
    Shared { path: PathBuf, mode: u32 },
    #[error("{path} is open to other users and cannot be closed: {source}", path = path.display())]
    Open { path: PathBuf, source: io::Error },
    #[error("{path}: {source}", path = path.display())]
    Unknown { path: PathBuf, source: io::Error },
}

/// The files and folders of a data directory.
#[cfg(unix)]
const ENTRIES: &[&str] = &[
    "lock",
    "owner.json",
    "credentials.json",
    "credentials.new",
    "owner.new",
    "store.db",
    "store.db-wal",
    "store.db-shm",
    "store.db-journal",
    ".gitignore",
    "run",
    "obs",
    "dis",
    "smn",
];

/// Ensures that only this user can enter the directory and read its files.
///
/// Files that others may have put there while it was open are refused, because their owner could control a server that
/// uses their credentials.
#[cfg(unix)]
pub(crate) fn ensure(directory: &Path) -> Result<(), PrivacyError> {
    // The owner of a link decides where it leads.
    own(directory, std::fs::symlink_metadata(directory))?;
    let mode = own(directory, std::fs::metadata(directory))?;
    if is_open(mode) {
        if !is_of_a_server(directory) {
            return Err(PrivacyError::Shared { path: directory.to_owned(), mode });
        }
        close(directory, 0o700)?;
    }
    for name in ENTRIES {
        let path = directory.join(name);
        match std::fs::symlink_metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            found => {
                own(&path, found)?;
                ensure_entry(&path)?;
            }
        }
    }
    Ok(())
}

#[cfg(not(unix))]
pub(crate) fn ensure(_: &Path) -> Result<(), PrivacyError> {
    Ok(())
}

#[cfg(unix)]
fn ensure_entry(path: &Path) -> Result<(), PrivacyError> {
    let Ok(found) = std::fs::metadata(path) else { return Ok(()) };
    let is_folder = found.is_dir();
    let mode = own(path, Ok(found))?;
    if is_open(mode) { close(path, if is_folder { 0o700 } else { 0o600 }) } else { Ok(()) }
}

/// Whether users other than its owner have any access.
#[cfg(unix)]
fn is_open(mode: u32) -> bool {
    mode & 0o077 != 0
}

/// Checks that a file belongs to this user; returns its mode.
#[cfg(unix)]
fn own(path: &Path, found: io::Result<std::fs::Metadata>) -> Result<u32, PrivacyError> {
    use std::os::unix::fs::MetadataExt;
    let found = found.map_err(|source| PrivacyError::Unknown { path: path.to_owned(), source })?;
    if found.uid() != rustix::process::geteuid().as_raw() {
        return Err(PrivacyError::Foreign { path: path.to_owned(), owner: found.uid() });
    }
    Ok(found.mode() & 0o7777)
}

#[cfg(unix)]
fn close(path: &Path, mode: u32) -> Result<(), PrivacyError> {
    use std::os::unix::fs::PermissionsExt;
    let closed = std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode));
    closed.map_err(|source| PrivacyError::Open { path: path.to_owned(), source })
}

/// Whether it is empty or belongs to a server. A home directory or a project must not be closed to others by mistake.
#[cfg(unix)]
fn is_of_a_server(directory: &Path) -> bool {
    let is_empty = std::fs::read_dir(directory).is_ok_and(|mut entries| entries.next().is_none());
    is_empty || directory.join("store.db").is_file() || directory.join("credentials.json").is_file()
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn mode(path: &Path) -> u32 {
        path.metadata().unwrap().permissions().mode() & 0o777
    }

    fn open(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn files_of_an_open_server_are_closed() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["store.db", "store.db-wal", "store.db-shm", "credentials.json"] {
            fs::write(folder.path().join(name), "").unwrap();
            open(&folder.path().join(name), 0o666);
        }
        for name in ["run", "obs", "dis", "smn"] {
            fs::create_dir(folder.path().join(name)).unwrap();
            open(&folder.path().join(name), 0o777);
        }
        open(folder.path(), 0o777);
        ensure(folder.path()).unwrap();
        assert_eq!(mode(folder.path()), 0o700);
        for entry in fs::read_dir(folder.path()).unwrap().map(Result::unwrap) {
            let expected = if entry.path().is_dir() { 0o700 } else { 0o600 };
            assert_eq!(mode(&entry.path()), expected, "{}", entry.path().display());
        }
    }

    #[test]
    fn an_empty_directory_is_closed_and_a_project_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        open(folder.path(), 0o755);
        ensure(folder.path()).unwrap();
        assert_eq!(mode(folder.path()), 0o700);
        fs::write(folder.path().join("main.rs"), "").unwrap();
        open(folder.path(), 0o755);
        let refused = ensure(folder.path()).unwrap_err().to_string();
        assert!(refused.contains("mode 0755") && refused.contains("chmod 700"), "{refused}");
        assert_eq!(mode(folder.path()), 0o755);
    }

    #[test]
    fn a_link_is_followed_and_its_target_closed() {
        let folder = tempfile::tempdir().unwrap();
        let (data, link) = (folder.path().join("data"), folder.path().join("link"));
        fs::create_dir(&data).unwrap();
        open(&data, 0o755);
        symlink(&data, &link).unwrap();
        ensure(&link).unwrap();
        assert_eq!(mode(&data), 0o700);
    }

    #[test]
    fn files_of_another_user_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let planted = folder.path().join("credentials.json");
        fs::write(&planted, "").unwrap();
        let me = rustix::process::geteuid().as_raw();
        if me == 0 {
            std::os::unix::fs::chown(&planted, Some(12_345), None).unwrap();
            let refused = ensure(folder.path()).unwrap_err().to_string();
            assert!(refused.contains("credentials.json belongs to another user (uid 12345)"), "{refused}");
        } else {
            // The root directory belongs to root.
            assert!(matches!(ensure(Path::new("/")), Err(PrivacyError::Foreign { owner: 0, .. })));
        }
    }
}
