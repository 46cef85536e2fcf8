//! Unpacked code. Each archive is unpacked once, and removed when no worker has used it for a while.

use std::collections::HashMap;
use std::fs;
use std::io::{self, Cursor};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use sha2::{Digest, Sha256};
use tokio::sync::OnceCell;
use walkdir::WalkDir;
use zip::ZipArchive;
use zip::result::ZipError;

use crate::rules::entry_name::{self, BadName};
use crate::rules::quota::UNPACKED_BYTES;
use crate::rules::runtime::BOOTSTRAP;

use super::super::super::clock::{Clock, after};
use super::super::super::ids::Ids;
use super::super::fault;
use super::super::{Archive, Fault, Part};
use super::on_disk;

/// Folders of unpacked code and dependencies, by the digest of their archive or id.
pub(super) struct CodeFolders {
    directory: PathBuf,
    clock: Clock,
    ids: Ids,
    folders: Mutex<HashMap<String, Folder>>,
}

struct Folder {
    code: Arc<OnceCell<PathBuf>>,
    used: Timestamp,
}

/// A folder that is kept while this exists.
#[derive(Clone)]
pub(super) struct Code {
    pub(super) path: PathBuf,
    /// The packages of its dependencies.
    pub(super) packages: Vec<Self>,
    _held: Arc<OnceCell<PathBuf>>,
}

impl Code {
    /// Whether nobody has removed it.
    pub(super) fn is_there(&self) -> bool {
        self.path.is_dir() && self.packages.iter().all(Self::is_there)
    }
}

impl CodeFolders {
    pub(super) fn new(directory: PathBuf, clock: Clock, ids: Ids) -> Self {
        Self { directory, clock, ids, folders: Mutex::default() }
    }

    /// Ensures that the code with this digest is unpacked.
    pub(super) async fn ensure<A, F>(&self, digest: &str, archive: A) -> Result<Code, Fault>
    where
        A: FnOnce() -> F + Send,
        F: Future<Output = Archive> + Send,
    {
        if digest.is_empty() || !digest.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(Fault::disk(format!("'{digest}' is not the digest of an archive")));
        }
        let mut held = self.hold(digest);
        if let Some(path) = held.get().cloned()
            && !on_disk(move || path.is_dir()).await
        {
            held = self.hold_anew(digest, &held);
        }
        let unpacked = held.get_or_try_init(|| async {
            let archive = match archive().await {
                Archive::Zip(archive) => archive,
                Archive::Elsewhere(reason) => return Err(Fault::not_here(&reason)),
                Archive::Replaced => return Err(Fault::replaced()),
                Archive::Unreadable(error) => {
                    return Err(Fault::disk(format!("the code cannot be read: {error}")));
                }
                Archive::NotNow(error) => return Err(Fault::not_now(&format!("the code cannot be read: {error}"))),
            };
            let (unfinished, path) = (self.unfinished(), self.directory.join(digest));
            let unpacking = tokio::task::spawn_blocking(move || unpack(&archive, &unfinished, path));
            unpacking.await.map_err(|error| Fault::disk(error.to_string()))?
        });
        let path = unpacked.await?.clone();
        Ok(Code { path, packages: Vec::new(), _held: held })
    }

    /// Ensures that code and the packages of its dependencies are unpacked. A dependency version never changes, so its id
    /// stands for its content.
    pub(super) async fn ensure_all<A, F>(
        &self,
        digest: &str,
        dependencies: &[String],
        archive: &A,
    ) -> Result<Code, Fault>
    where
        A: Fn(Part) -> F + Send + Sync,
        F: Future<Output = Archive> + Send,
    {
        let mut code = self.ensure(digest, || archive(Part::Code)).await?;
        for id in dependencies {
            let digest = hex::encode(Sha256::digest(id));
            code.packages.push(self.ensure(&digest, || archive(Part::Dependency(id.clone()))).await?);
        }
        Ok(code)
    }

    fn hold(&self, digest: &str) -> Arc<OnceCell<PathBuf>> {
        let mut folders = self.folders.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.clock.now();
        let folder = folders.entry(digest.to_owned()).or_insert_with(|| Folder { code: Arc::default(), used: now });
        folder.used = now;
        Arc::clone(&folder.code)
    }

    /// Like [`Self::hold`], for code whose folder was removed by someone: it is unpacked again.
    fn hold_anew(&self, digest: &str, lost: &Arc<OnceCell<PathBuf>>) -> Arc<OnceCell<PathBuf>> {
        let mut folders = self.folders.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(folder) = folders.get_mut(digest).filter(|folder| Arc::ptr_eq(&folder.code, lost)) {
            folder.code = Arc::default();
        }
        drop(folders);
        self.hold(digest)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.folders.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// Removes code that is not in use and was last requested longer ago than `age`. Must not run on async threads.
    pub(super) fn remove_unused(&self, age: Duration) {
        // Folders that remain are removed at the next start.
        self.retire(age).iter().for_each(|folder| remove(folder));
    }

    /// Renames the folders first, so that the same code can be unpacked again while they are being removed.
    fn retire(&self, age: Duration) -> Vec<PathBuf> {
        let mut folders = self.folders.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.clock.now();
        let unused =
            folders.extract_if(|_, folder| Arc::strong_count(&folder.code) == 1 && after(folder.used, age) < now);
        let retired = unused.filter_map(|(_, folder)| {
            let path = folder.code.get()?;
            let retired = self.unfinished();
            fs::rename(path, &retired).ok().map(|()| retired)
        });
        retired.collect()
    }

    /// A path whose name cannot be a digest.
    fn unfinished(&self) -> PathBuf {
        self.directory.join(format!("unfinished-{}", self.ids.new_id()))
    }
}

/// Unpacks an archive into a temporary folder and renames it, so that the target is always complete.
fn unpack(archive: &[u8], unfinished: &Path, path: PathBuf) -> Result<PathBuf, Fault> {
    let unpacked = extract(archive, unfinished).and_then(|()| match fs::rename(unfinished, &path) {
        // A run that was abandoned has unpacked it in the meantime.
        Err(_) if path.is_dir() => Ok(()),
        renamed => Ok(renamed?),
    });
    remove(unfinished);
    unpacked.map(|()| path).map_err(|error| match error {
        ExtractError::Zip(ZipError::Io(error)) | ExtractError::Disk(error) => {
            Fault::prevented("the code cannot be unpacked", &error)
        }
        error => Fault::new(fault::NOT_LOADED, "FunctionLoadError", format!("the code cannot be unpacked: {error}")),
    })
}

/// Why an archive cannot be unpacked.
#[derive(Debug, thiserror::Error)]
enum ExtractError {
    #[error(transparent)]
    Zip(#[from] ZipError),
    #[error(transparent)]
    Name(#[from] BadName),
    #[error(transparent)]
    Disk(#[from] io::Error),
}

/// The library keeps entries and links inside the folder, and limits entries to their stated size. It also changes some
/// names. Those are refused before, because the file that runs must be the one that was packed.
fn extract(bytes: &[u8], folder: &Path) -> Result<(), ExtractError> {
    let mut archive = ZipArchive::new(Cursor::new(bytes))?;
    entry_name::check_zip(bytes, usize::try_from(archive.central_directory_start()).unwrap_or(usize::MAX))?;
    let mut size: u64 = 0;
    for index in 0..archive.len() {
        size = size.saturating_add(archive.by_index_raw(index)?.size());
    }
    if size > UNPACKED_BYTES {
        return Err(ZipError::DecompressedSizeLimitExceeded { size: size.into(), limit: UNPACKED_BYTES }.into());
    }
    archive.extract(folder)?;
    Ok(make_read_only(folder)?)
}

/// Functions share the code, and the service makes it read-only too.
fn make_read_only(folder: &Path) -> io::Result<()> {
    for entry in WalkDir::new(folder).contents_first(true) {
        let entry = entry?;
        if entry.file_type().is_symlink() {
            continue;
        }
        let executable = entry.file_type().is_dir()
            || entry.metadata()?.permissions().mode() & 0o111 != 0
            || entry.depth() == 1 && entry.file_name() == BOOTSTRAP;
        fs::set_permissions(entry.path(), fs::Permissions::from_mode(if executable { 0o555 } else { 0o444 }))?;
    }
    Ok(())
}

/// Ensures that a folder is gone, even if it is read-only, as far as possible.
pub(super) fn remove(folder: &Path) {
    for entry in WalkDir::new(folder).into_iter().filter_map(Result::ok).filter(|entry| entry.file_type().is_dir()) {
        let _ = fs::set_permissions(entry.path(), fs::Permissions::from_mode(0o700));
    }
    let _ = fs::remove_dir_all(folder);
}
