//! The files of local code, and which of them look like secrets.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Cursor, Read};
use std::path::{Path, PathBuf};
use walkdir::{DirEntry, WalkDir};
use zip::ZipArchive;

use crate::model::code::ArchiveError;
use crate::rules::entry_name::Names;
use crate::rules::quota;

use super::bundle_error::{BundleError, Expected};
use super::code::{CodePath, CodeSource, normal};
use super::left_out::{LeftOut, Verdict, is_saved_plan};
use super::secret_file::{BEGINNING, looks_secret};
use super::source::directory_of;

/// The files of one function's code.
#[derive(Debug, Default)]
pub(super) struct Listing {
    /// By path in the archive; this is also their order.
    pub(super) files: BTreeMap<String, Listed>,
    /// The size of the files of a directory.
    pub(super) bytes: u64,
    /// Files that look like secrets and that no rule includes explicitly.
    pub(super) secrets: Vec<String>,
}

/// One file.
#[derive(Debug)]
pub(super) struct Listed {
    /// The path of the file, or of the archive that contains it.
    pub(super) path: PathBuf,
    pub(super) executable: bool,
}

/// The files of a directory that are part of the code.
pub(super) fn of_directory(code: &CodePath) -> Result<Listing, BundleError> {
    if !code.path.exists() {
        return Err(BundleError::NoDirectory(code.path.clone()));
    }
    let root = checked(code, Expected::Directory)?;
    let mut left_out = LeftOut::new(normal(&code.path), normal(&code.root));
    let (mut listing, mut names) = (Listing::default(), Names::default());
    let mut walk = WalkDir::new(&code.path).min_depth(1).follow_links(true).sort_by_file_name().into_iter();
    while let Some(entry) = walk.next() {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => {
                skip_link(code, &mut left_out, error)?;
                continue;
            }
        };
        let is_directory = entry.file_type().is_dir();
        let relative = entry.path().strip_prefix(&code.path).unwrap_or(entry.path()).to_owned();
        let verdict = left_out.verdict(&relative, is_directory)?;
        if verdict == Verdict::LeftOut {
            if is_directory {
                walk.skip_current_dir();
            }
            continue;
        }
        if entry.path_is_symlink() {
            stay_inside(entry.path(), &root)?;
        }
        if is_directory {
            continue;
        }
        let (file, bytes) = regular(entry)?;
        let beginning = beginning_of(&file.path)?;
        if is_saved_plan(&beginning) {
            continue;
        }
        listing.bytes += bytes;
        if listing.bytes > quota::UNPACKED_BYTES {
            let (path, limit) = (code.path.clone(), quota::UNPACKED_BYTES);
            return Err(BundleError::TooLarge { path, limit, reason: "unpacked code" });
        }
        let name = archive_name(&relative).ok_or_else(|| BundleError::Name(file.path.clone()))?;
        names.add(&name)?;
        if verdict == Verdict::Code && looks_secret(&name, &beginning) {
            listing.secrets.push(name.clone());
        }
        listing.files.insert(name, file);
    }
    names.finish()?;
    if listing.files.is_empty() { Err(BundleError::Empty(code.path.clone())) } else { Ok(listing) }
}

/// Refuses a link that leads nowhere or to a directory above it, unless the link is not part of the code.
fn skip_link(code: &CodePath, left_out: &mut LeftOut, error: walkdir::Error) -> Result<(), BundleError> {
    let link = error.path().filter(|path| path.is_symlink()).map(Path::to_owned);
    let is_missing = error.io_error().is_some_and(|error| error.kind() == io::ErrorKind::NotFound);
    let Some(link) = link.filter(|_| is_missing || error.loop_ancestor().is_some()) else {
        return Err(BundleError::Walk { path: code.path.clone(), error });
    };
    let relative = link.strip_prefix(&code.path).unwrap_or(&link);
    // A loop leads to a directory.
    match left_out.verdict(relative, !is_missing)? {
        Verdict::LeftOut => Ok(()),
        Verdict::Code | Verdict::Wanted if is_missing => Err(BundleError::Dangling(link)),
        Verdict::Code | Verdict::Wanted => Err(BundleError::Loop(link)),
    }
}

/// A file that need not exist, in its real directory.
pub(super) fn resolved(file: &Path) -> PathBuf {
    let directory = directory_of(file);
    let directory = fs::canonicalize(directory).unwrap_or_else(|_| normal(directory));
    directory.join(file.file_name().unwrap_or_default())
}

/// Whether a [`resolved`] file is packed, or will be once it exists. What the file contains does not count.
pub(super) fn would_pack(source: &CodeSource, file: &Path) -> bool {
    let CodeSource::Directory(code) = source else { return false };
    let directory = fs::canonicalize(&code.path).unwrap_or_else(|_| normal(&code.path));
    let Ok(relative) = file.strip_prefix(&directory) else { return false };
    let mut rules = LeftOut::new(normal(&code.path), normal(&code.root));
    // Rules that cannot be read stop the command anyway.
    let mut is_code =
        |path: &Path, is_directory| rules.verdict(path, is_directory).is_ok_and(|it| it != Verdict::LeftOut);
    let mut folders = relative.ancestors().skip(1).filter(|folder| !folder.as_os_str().is_empty());
    folders.all(|folder| is_code(folder, true)) && is_code(relative, false)
}

/// The files of an archive. Ignore files next to it can permit secrets, but exclude nothing.
pub(super) fn of_zip(code: &CodePath, bytes: &[u8]) -> Result<Listing, BundleError> {
    let unusable = |error: ArchiveError| BundleError::Archive { path: code.path.clone(), error };
    let folder = code.path.parent().unwrap_or(Path::new(""));
    let mut rules = LeftOut::new(normal(folder), normal(&code.root));
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|error| unusable(error.into()))?;
    let mut listing = Listing::default();
    for index in 0..archive.len() {
        let file = archive.by_index(index).map_err(|error| unusable(error.into()))?;
        if file.is_dir() {
            continue;
        }
        listing.bytes = listing.bytes.saturating_add(file.size());
        if listing.bytes > quota::UNPACKED_BYTES {
            return Err(unusable(ArchiveError::TooLarge));
        }
        let name = file.name()?.to_string();
        let executable = file.unix_mode().is_some_and(|mode| mode & 0o100 != 0);
        let mut beginning = Vec::new();
        file.take(BEGINNING as u64).read_to_end(&mut beginning).map_err(|error| unusable(error.into()))?;
        if looks_secret(&name, &beginning) && rules.verdict(Path::new(&name), false)? != Verdict::Wanted {
            listing.secrets.push(name.clone());
        }
        listing.files.insert(name, Listed { path: code.path.clone(), executable });
    }
    if listing.files.is_empty() { Err(unusable(ArchiveError::Empty)) } else { Ok(listing) }
}

/// Checks that an entry is a regular file. Anything else, such as a named pipe, is refused before it is opened.
fn regular(entry: DirEntry) -> Result<(Listed, u64), BundleError> {
    let path = entry.into_path();
    let metadata = fs::metadata(&path).map_err(|error| BundleError::Read { path: path.clone(), error })?;
    if !metadata.is_file() {
        return Err(BundleError::WrongKind { path, expected: Expected::File });
    }
    Ok((Listed { executable: is_executable(&metadata), path }, metadata.len()))
}

fn beginning_of(path: &Path) -> Result<Vec<u8>, BundleError> {
    let read = || -> io::Result<Vec<u8>> {
        let mut beginning = Vec::new();
        File::open(path)?.take(BEGINNING as u64).read_to_end(&mut beginning)?;
        Ok(beginning)
    };
    read().map_err(|error| BundleError::Read { path: path.to_owned(), error })
}

/// The path inside the archive, with `/` on every system; `None` if it is not UTF-8.
fn archive_name(relative: &Path) -> Option<String> {
    let parts: Option<Vec<&str>> = relative.iter().map(std::ffi::OsStr::to_str).collect();
    Some(parts?.join("/"))
}

#[cfg(unix)]
fn is_executable(metadata: &fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    metadata.permissions().mode() & 0o100 != 0
}

#[cfg(not(unix))]
fn is_executable(_: &fs::Metadata) -> bool {
    false
}

/// Checks that the code is inside the root and of the expected kind. Returns the resolved root.
pub(super) fn checked(code: &CodePath, expected: Expected) -> Result<PathBuf, BundleError> {
    let failed = |path: &Path, error| BundleError::Read { path: path.to_owned(), error };
    let root = fs::canonicalize(&code.root).map_err(|error| failed(&code.root, error))?;
    stay_inside(&code.path, &root)?;
    let is_expected = match expected {
        Expected::Directory => code.path.is_dir(),
        Expected::File => code.path.is_file(),
    };
    if is_expected { Ok(root) } else { Err(BundleError::WrongKind { path: code.path.clone(), expected }) }
}

fn stay_inside(path: &Path, root: &Path) -> Result<(), BundleError> {
    let real = fs::canonicalize(path).map_err(|error| BundleError::Read { path: path.to_owned(), error })?;
    if real.starts_with(root) {
        return Ok(());
    }
    Err(BundleError::Outside { path: path.to_owned(), root: root.to_owned() })
}
