//! The folder for runs: its parts, and what an earlier server left in it.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::worker::{NODE_PROGRAM, PYTHON_PROGRAM};
use super::{code, leftover};

pub(super) const CODE: &str = "code";
pub(super) const PROGRAMS: &str = "programs";
pub(super) const SCRATCH: &str = "scratch";
/// A file that no function may read. Trials check this.
pub(super) const PROBE: &str = "probe";
/// The start of the names of folders that have to be removed.
const RETIRED: &str = "retired-";

/// Empties the folder, so that nothing of an earlier server remains. What may be large is only moved out of the way, and is
/// removed while the server already works.
pub(super) fn empty(directory: &Path) -> io::Result<()> {
    refuse_others(directory)?;
    leftover::end(&directory.join(SCRATCH));
    super::super::super::directory::create_private(directory)?;
    for folder in [CODE, SCRATCH] {
        let retired = directory.join(format!("{RETIRED}{}", uuid::Uuid::new_v4()));
        // Usually the folder is not there.
        let _ = fs::rename(directory.join(folder), retired);
    }
    let (retired, others): (Vec<PathBuf>, Vec<PathBuf>) =
        fs::read_dir(directory)?.filter_map(|entry| Some(entry.ok()?.path())).partition(|path| is_retired(path));
    for path in &others {
        remove_entry(path);
    }
    tokio::task::spawn_blocking(move || retired.iter().for_each(|folder| code::remove(folder)));
    Ok(())
}

fn is_retired(path: &Path) -> bool {
    path.file_name().and_then(OsStr::to_str).is_some_and(|name| name.starts_with(RETIRED))
}

/// Removes a file or a folder, as far as that is possible.
fn remove_entry(path: &Path) {
    if fs::remove_file(path).is_err() {
        code::remove(path);
    }
}

/// Someone else may have created a folder outside the server's own one.
fn refuse_others(directory: &Path) -> io::Result<()> {
    use std::os::unix::fs::MetadataExt;
    match fs::symlink_metadata(directory) {
        Ok(found) if !found.is_dir() || found.uid() != rustix::process::getuid().as_raw() => {
            Err(io::Error::other(format!("{} does not belong to this user", directory.display())))
        }
        Ok(_) | Err(_) => Ok(()),
    }
}

/// Ensures before each start that the folders of workers exist, because someone may have removed them.
pub(super) fn lay_out(directory: &Path) -> io::Result<()> {
    super::super::super::directory::create_private(directory)?;
    for folder in [CODE, PROGRAMS, SCRATCH] {
        fs::create_dir_all(directory.join(folder))?;
    }
    let programs = [PYTHON_PROGRAM, NODE_PROGRAM].map(|(name, program)| (Path::new(PROGRAMS).join(name), program));
    for (path, content) in programs.into_iter().chain([(PROBE.into(), "")]) {
        let path = directory.join(path);
        if !path.exists() {
            fs::write(path, content)?;
        }
    }
    Ok(())
}
