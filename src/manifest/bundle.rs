//! Code from files to an archive: the same files give the same bytes, whenever and wherever they are packed.

use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Cursor, Read, Write};
use std::path::{Path, PathBuf};
use walkdir::{DirEntry, WalkDir};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use crate::model::code::{ArchiveError, Code, CodeHash};
use crate::model::limits;

use super::code::{CodePath, CodeSource};

/// What is never code. Nothing else is left out.
const SKIPPED: [&str; 6] = [".git", ".hg", ".svn", "__pycache__", ".DS_Store", "Thumbs.db"];

/// Code that cannot be read or packed.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    #[error("the code `{}` cannot be read: {error}", path.display())]
    Read { path: PathBuf, error: io::Error },
    #[error("the code directory `{}` cannot be read: {error}", path.display())]
    Walk { path: PathBuf, error: walkdir::Error },
    #[error("the code `{}` leads, through a symbolic link, out of the root `{}`", path.display(), root.display())]
    Outside { path: PathBuf, root: PathBuf },
    #[error("the code directory `{}` has no files", .0.display())]
    Empty(PathBuf),
    #[error("the code path `{}` is no {expected}", path.display())]
    WrongKind { path: PathBuf, expected: &'static str },
    #[error("the path `{}` is not UTF-8 text", .0.display())]
    Name(PathBuf),
    #[error("the code `{}` has more than {} MB, which is the most that {reason}", path.display(), limit / 1024 / 1024)]
    TooLarge { path: PathBuf, limit: u64, reason: &'static str },
    #[error("the archive `{}` cannot be used: {error}", path.display())]
    Archive { path: PathBuf, error: ArchiveError },
    #[error("the code cannot be packed: {0}")]
    Pack(#[from] zip::result::ZipError),
    #[error("the code cannot be packed: {0}")]
    Write(#[from] io::Error),
}

/// One file of an archive.
struct Entry {
    path: PathBuf,
    executable: bool,
    bytes: u64,
}

/// What the code is, by its hash. Packs only where the files are so large that packing decides whether they fit.
pub(super) fn read(source: &CodeSource) -> Result<Code, BundleError> {
    match source {
        CodeSource::Directory(code) => hash_directory(code).map(Code::Archive),
        CodeSource::Zip(code) => {
            let bytes = zip_bytes(code)?;
            let hash = CodeHash::of_zip(&bytes);
            hash.map(Code::Archive).map_err(|error| BundleError::Archive { path: code.path.clone(), error })
        }
        CodeSource::Inline { file, text } => {
            let content = Sha256::digest(text).into();
            Ok(Code::Archive(CodeHash::of_entries(&BTreeMap::from([(file.clone(), (false, content))]))))
        }
        CodeSource::Obs(url) => Ok(Code::Obs(url.clone())),
    }
}

/// The archive to upload; `None` for an object that the service fetches itself.
pub(super) fn archive(source: &CodeSource) -> Result<Option<Vec<u8>>, BundleError> {
    match source {
        CodeSource::Directory(code) => pack_directory(code).map(Some),
        CodeSource::Zip(code) => zip_bytes(code).map(Some),
        CodeSource::Inline { file, text } => {
            let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
            writer.start_file(file.as_str(), options(false))?;
            writer.write_all(text.as_bytes())?;
            Ok(Some(writer.finish()?.into_inner()))
        }
        CodeSource::Obs(_) => Ok(None),
    }
}

fn hash_directory(code: &CodePath) -> Result<CodeHash, BundleError> {
    let entries = entries(code)?;
    let mut contents = BTreeMap::new();
    for (name, Entry { path, executable, .. }) in &entries {
        let mut hasher = Sha256::new();
        let mut buffer = [0; 16 * 1024];
        let failed = |error| BundleError::Read { path: path.clone(), error };
        let mut file = File::open(path).map_err(failed)?;
        loop {
            let read = file.read(&mut buffer).map_err(failed)?;
            if read == 0 {
                break;
            }
            hasher.update(&buffer[..read]);
        }
        contents.insert(name.clone(), (*executable, hasher.finalize().into()));
    }
    if entries.values().map(|entry| entry.bytes).sum::<u64>() > limits::ARCHIVE_BYTES {
        pack_directory(code)?;
    }
    Ok(CodeHash::of_entries(&contents))
}

fn pack_directory(code: &CodePath) -> Result<Vec<u8>, BundleError> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, Entry { path, executable, .. }) in entries(code)? {
        let failed = |error| BundleError::Read { path: path.clone(), error };
        let content = fs::read(&path).map_err(failed)?;
        writer.start_file(name, options(executable))?;
        writer.write_all(&content)?;
    }
    let bytes = writer.finish()?.into_inner();
    if bytes.len() as u64 > limits::ARCHIVE_BYTES {
        return Err(too_large(&code.path, limits::ARCHIVE_BYTES, "the service takes packed"));
    }
    Ok(bytes)
}

/// The earliest time that the format has, so that no clock and no checkout shows.
fn options(executable: bool) -> SimpleFileOptions {
    SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .last_modified_time(DateTime::default())
        .unix_permissions(if executable { 0o755 } else { 0o644 })
}

/// The files of a directory by their path in the archive, which is also their order.
fn entries(code: &CodePath) -> Result<BTreeMap<String, Entry>, BundleError> {
    let root = checked(code, "directory", Path::is_dir)?;
    let mut entries = BTreeMap::new();
    let mut total = 0;
    for entry in WalkDir::new(&code.path).follow_links(true).into_iter().filter_entry(is_code) {
        let entry = entry.map_err(|error| BundleError::Walk { path: code.path.clone(), error })?;
        if entry.path_is_symlink() {
            stay_inside(entry.path(), &root)?;
        }
        if entry.file_type().is_dir() {
            continue;
        }
        let path = entry.into_path();
        let metadata = fs::metadata(&path).map_err(|error| BundleError::Read { path: path.clone(), error })?;
        if !metadata.is_file() {
            return Err(BundleError::WrongKind { path, expected: "regular file" });
        }
        total += metadata.len();
        if total > limits::UNPACKED_BYTES {
            return Err(too_large(&code.path, limits::UNPACKED_BYTES, "the service unpacks"));
        }
        let entry = Entry { executable: is_executable(&metadata), bytes: metadata.len(), path };
        entries.insert(archive_name(&entry.path, &code.path)?, entry);
    }
    if entries.is_empty() { Err(BundleError::Empty(code.path.clone())) } else { Ok(entries) }
}

fn is_code(entry: &DirEntry) -> bool {
    let name = entry.file_name();
    // The directory that the manifest names is code, whatever its name.
    entry.depth() == 0
        || !(SKIPPED.iter().any(|skipped| name == *skipped)
            || Path::new(name).extension().is_some_and(|extension| extension == "pyc"))
}

/// The path inside of the archive, with `/` on every system.
fn archive_name(path: &Path, directory: &Path) -> Result<String, BundleError> {
    let parts = path.strip_prefix(directory).unwrap_or(path).components();
    let parts: Option<Vec<&str>> = parts.map(|part| part.as_os_str().to_str()).collect();
    parts.map(|parts| parts.join("/")).ok_or_else(|| BundleError::Name(path.to_owned()))
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

fn zip_bytes(code: &CodePath) -> Result<Vec<u8>, BundleError> {
    checked(code, "file", Path::is_file)?;
    let failed = |error| BundleError::Read { path: code.path.clone(), error };
    let mut bytes = Vec::new();
    let file = File::open(&code.path).map_err(failed)?;
    file.take(limits::ARCHIVE_BYTES + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > limits::ARCHIVE_BYTES {
        return Err(too_large(&code.path, limits::ARCHIVE_BYTES, "the service takes packed"));
    }
    Ok(bytes)
}

/// The real root, once the code itself is known to be inside of it and of the expected kind.
fn checked(code: &CodePath, expected: &'static str, is: fn(&Path) -> bool) -> Result<PathBuf, BundleError> {
    let failed = |path: &Path, error| BundleError::Read { path: path.to_owned(), error };
    let root = fs::canonicalize(&code.root).map_err(|error| failed(&code.root, error))?;
    stay_inside(&code.path, &root)?;
    if is(&code.path) { Ok(root) } else { Err(BundleError::WrongKind { path: code.path.clone(), expected }) }
}

fn stay_inside(path: &Path, root: &Path) -> Result<(), BundleError> {
    let real = fs::canonicalize(path).map_err(|error| BundleError::Read { path: path.to_owned(), error })?;
    if real.starts_with(root) {
        return Ok(());
    }
    Err(BundleError::Outside { path: path.to_owned(), root: root.to_owned() })
}

fn too_large(path: &Path, limit: u64, reason: &'static str) -> BundleError {
    BundleError::TooLarge { path: path.to_owned(), limit, reason }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Spot;

    fn directory(path: &Path) -> CodeSource {
        CodeSource::Directory(CodePath { path: path.into(), root: path.into(), spot: Spot::value(0, "") })
    }

    fn write(path: &Path, text: &str) {
        fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
        fs::write(path, text).expect("a file");
    }

    #[test]
    fn packing_is_repeatable_and_hashes_as_reading_does() {
        let (one, two) = (tempfile::tempdir().expect("one"), tempfile::tempdir().expect("two"));
        let files = [("index.py", "a"), ("lib/x.py", "b")];
        for (name, text) in files {
            write(&one.path().join(name), text);
        }
        for (name, text) in files.into_iter().rev() {
            write(&two.path().join(name), text);
        }
        write(&two.path().join("__pycache__/index.pyc"), "noise");
        let archives = [&one, &two].map(|temp| archive(&directory(temp.path())).expect("packs").expect("an archive"));
        assert_eq!(archives[0], archives[1]);
        let hash = CodeHash::of_zip(&archives[0]).expect("a zip");
        assert_eq!(read(&directory(one.path())).expect("reads"), Code::Archive(hash));
    }

    #[test]
    fn inline_code_hashes_as_its_archive_does() {
        let source = CodeSource::Inline { file: "index.py".into(), text: "def handler(): pass".into() };
        let packed = archive(&source).expect("packs").expect("an archive");
        assert_eq!(read(&source).expect("reads"), Code::Archive(CodeHash::of_zip(&packed).expect("a zip")));
    }

    #[test]
    fn an_empty_directory_is_no_code() {
        let temp = tempfile::tempdir().expect("a directory");
        assert!(matches!(read(&directory(temp.path())), Err(BundleError::Empty(_))));
    }

    #[cfg(unix)]
    #[test]
    fn links_do_not_lead_out_and_do_not_loop() {
        use std::os::unix::fs::symlink;
        let (temp, other) = (tempfile::tempdir().expect("one"), tempfile::tempdir().expect("two"));
        write(&temp.path().join("index.py"), "a");
        write(&other.path().join("secret.txt"), "b");
        symlink(other.path().join("secret.txt"), temp.path().join("link")).expect("a link");
        assert!(matches!(read(&directory(temp.path())), Err(BundleError::Outside { .. })));
        fs::remove_file(temp.path().join("link")).expect("removed");
        symlink(temp.path(), temp.path().join("loop")).expect("a link");
        assert!(matches!(read(&directory(temp.path())), Err(BundleError::Walk { .. })));
    }

    #[cfg(unix)]
    #[test]
    fn an_executable_file_is_other_code() {
        use std::os::unix::fs::PermissionsExt;
        let temp = tempfile::tempdir().expect("a directory");
        let file = temp.path().join("bootstrap");
        write(&file, "#!/bin/sh");
        let before = read(&directory(temp.path())).expect("reads");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).expect("permissions");
        let after = read(&directory(temp.path())).expect("reads");
        let packed = archive(&directory(temp.path())).expect("packs").expect("an archive");
        assert_ne!(before, after);
        assert_eq!(after, Code::Archive(CodeHash::of_zip(&packed).expect("a zip")));
    }

    #[test]
    fn what_is_no_zip_is_refused() {
        let temp = tempfile::tempdir().expect("a directory");
        let path = temp.path().join("a.zip");
        write(&path, "no zip");
        let source = CodeSource::Zip(CodePath { path, root: temp.path().into(), spot: Spot::value(0, "") });
        assert!(matches!(read(&source), Err(BundleError::Archive { .. })));
    }
}
