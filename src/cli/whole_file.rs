//! Writes a file as a whole: a reader finds the old text or the new one, never a part of it.

use anyhow::{Context, bail};
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;

use crate::manifest::{directory_of, is_yaml};

use super::failure::advised;

/// Who can read a new file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    Owner,
    /// Everyone whom the umask of this process allows, as with a redirected stream.
    Umask,
}

/// Fails if a file cannot be at this path. `what` names it in messages, and `flag` the flag that gave the path.
pub(super) fn refuse(path: &Path, what: &str, flag: &str) -> anyhow::Result<()> {
    // Replacing a device or a pipe would leave a file in its place.
    if fs::metadata(path).is_ok_and(|found| !found.is_file()) {
        bail!("cannot write {what} to {}: it exists but is not a regular file", path.display());
    }
    // fgctl reads YAML, and writes none of its reports and plans as YAML.
    if is_yaml(path) && path.exists() {
        let message = format!("{what} would replace the YAML file {}", path.display());
        return Err(advised(message, format!("give {flag} another path")));
    }
    if is_binary(path) {
        let message = format!("{what} would replace {}, which is not a text file", path.display());
        return Err(advised(message, format!("give {flag} another path")));
    }
    let directory = directory_of(path);
    if !directory.is_dir() {
        let message =
            format!("cannot write {what} to {}: the directory {} does not exist", path.display(), directory.display());
        return Err(advised(message, format!("create it, or give {flag} another path")));
    }
    Ok(())
}

/// Whether a file starts with bytes that are not text, as a database or an archive does. fgctl writes plans and reports as
/// text.
fn is_binary(path: &Path) -> bool {
    let mut start = Vec::new();
    let is_read = File::open(path).and_then(|file| file.take(512).read_to_end(&mut start)).is_ok();
    is_read && start.contains(&0)
}

/// Creates a file, or replaces it at once. If anything fails, the old file stays.
pub(super) fn write(path: &Path, text: &str, access: Access) -> anyhow::Result<()> {
    let unwritable = || format!("cannot write {}", path.display());
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    if access == Access::Umask {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    #[cfg(not(unix))]
    let _ = access;
    let mut file = builder.tempfile_in(directory_of(path)).map_err(without_path).with_context(unwritable)?;
    file.write_all(text.as_bytes()).with_context(unwritable)?;
    file.as_file().sync_all().with_context(unwritable)?;
    file.persist(path).map_err(|error| error.error).with_context(unwritable)?;
    Ok(())
}

/// The system's error, without the name of the temporary file.
fn without_path(error: io::Error) -> io::Error {
    error.raw_os_error().map_or(error, io::Error::from_raw_os_error)
}
