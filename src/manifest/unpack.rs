//! Writes the code of an archive as files that a manifest can declare: as a directory if packing it again gives the
//! same code, otherwise as the unchanged archive.

use std::fs::{self, OpenOptions};
use std::io::{self, Cursor, Write};
use std::path::{Path, PathBuf};
use zip::ZipArchive;

use crate::diagnostic::Spot;
use crate::model::code::{self, Archive, ArchiveError, CodeHash, JAR};
use crate::rules::quota;

use super::bundle;
use super::code::{CodePath, CodeSource};

/// What was written at the requested path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unpacked {
    Directory,
    /// The archive, with `.zip` added to the path.
    Zip,
}

/// Code that a manifest cannot declare.
#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    #[error("its code cannot be declared: {0}")]
    Archive(#[from] ArchiveError),
    #[error("its code cannot be declared: the archive has more than {} MB", quota::ARCHIVE_BYTES / 1024 / 1024)]
    TooLarge,
    #[error("`{}` cannot be written: {error}", path.display())]
    Write { path: PathBuf, error: io::Error },
}

/// Writes code to `path`. Neither `path` nor `path` with `.zip` may exist.
pub fn unpack(archive: &[u8], path: &Path) -> Result<Unpacked, UnpackError> {
    if archive.len() as u64 > quota::ARCHIVE_BYTES {
        return Err(UnpackError::TooLarge);
    }
    code::check_zip(archive)?;
    let hash = Archive::of_zip(archive)?.hash;
    let failed = |path: &Path, error| UnpackError::Write { path: path.to_owned(), error };
    if is_plain(archive)? {
        fs::create_dir(path).map_err(|error| failed(path, error))?;
        // If the files cannot represent the archive on this system, keep the archive.
        if extract(archive, path).is_ok() && packs_as(path, &hash) {
            return Ok(Unpacked::Directory);
        }
        fs::remove_dir_all(path).map_err(|error| failed(path, error))?;
    }
    keep(archive, path, ".zip")?;
    Ok(Unpacked::Zip)
}

/// Writes a Java archive to `path` with `.jar` added.
pub fn keep_jar(archive: &[u8], path: &Path) -> Result<(), UnpackError> {
    if archive.len() as u64 > quota::ARCHIVE_BYTES {
        return Err(UnpackError::TooLarge);
    }
    code::check_zip(archive)?;
    keep(archive, path, JAR)
}

fn keep(archive: &[u8], path: &Path, extension: &str) -> Result<(), UnpackError> {
    let mut name = path.as_os_str().to_owned();
    name.push(extension);
    let path = PathBuf::from(name);
    create(&path, archive).map_err(|error| UnpackError::Write { path, error })
}

/// Whether every system can store all files of an archive. Their names have already been checked.
fn is_plain(archive: &[u8]) -> Result<bool, ArchiveError> {
    let mut archive = ZipArchive::new(Cursor::new(archive))?;
    for index in 0..archive.len() {
        let file = archive.by_index(index)?;
        let name = file.name()?.to_string();
        // On systems with drive letters, a colon can lead to another drive.
        if name.contains(':') || file.is_symlink() {
            return Ok(false);
        }
    }
    Ok(true)
}

fn extract(archive: &[u8], directory: &Path) -> Result<(), ArchiveError> {
    let mut archive = ZipArchive::new(Cursor::new(archive))?;
    for index in 0..archive.len() {
        let mut file = archive.by_index(index)?;
        let path = directory.join(file.name()?.to_string());
        if file.is_dir() {
            fs::create_dir_all(&path)?;
            continue;
        }
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        let mut written = OpenOptions::new().write(true).create_new(true).open(&path)?;
        io::copy(&mut file, &mut written)?;
        if file.unix_mode().is_some_and(|mode| mode & 0o100 != 0) {
            make_executable(&path)?;
        }
    }
    Ok(())
}

fn packs_as(directory: &Path, hash: &CodeHash) -> bool {
    let code = CodePath { path: directory.to_owned(), root: directory.to_owned(), spot: Spot::value(0, "") };
    bundle::read(&CodeSource::Directory(code)).is_ok_and(|(code, _)| code.hash() == *hash)
}

fn create(path: &Path, bytes: &[u8]) -> io::Result<()> {
    OpenOptions::new().write(true).create_new(true).open(path)?.write_all(bytes)
}

#[cfg(unix)]
fn make_executable(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))
}

#[cfg(not(unix))]
fn make_executable(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    fn archive(files: &[(&str, u32)]) -> Vec<u8> {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, mode) in files {
            writer.start_file(*name, SimpleFileOptions::default().unix_permissions(*mode)).expect("a file");
            writer.write_all(name.as_bytes()).expect("content");
        }
        writer.finish().expect("an archive").into_inner()
    }

    #[test]
    fn a_directory_is_written_if_it_gives_the_same_code() {
        let cases: [(&[(&str, u32)], Unpacked); 4] = [
            (&[("index.py", 0o644), ("lib/run", 0o755)], Unpacked::Directory),
            (&[("index.py", 0o600)], Unpacked::Zip),
            (&[("ab:c.py", 0o644)], Unpacked::Zip),
            (&[("index.py", 0o644), ("__pycache__/index.pyc", 0o644)], Unpacked::Zip),
        ];
        for (files, expected) in cases {
            let folder = tempfile::tempdir().expect("a folder");
            let path = folder.path().join("code");
            assert_eq!(unpack(&archive(files), &path).expect("unpacks"), expected, "{files:?}");
            let written: Vec<_> = fs::read_dir(folder.path()).expect("the folder").collect();
            assert_eq!(written.len(), 1, "{files:?}");
        }
    }

    #[test]
    fn existing_files_are_not_overwritten() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("code");
        fs::create_dir(&path).expect("made");
        let unpacked = unpack(&archive(&[("index.py", 0o644)]), &path);
        assert!(matches!(unpacked, Err(UnpackError::Write { .. })));
    }

    #[test]
    fn an_unusable_archive_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let refused =
            |archive: &[u8]| matches!(unpack(archive, &folder.path().join("code")), Err(UnpackError::Archive(_)));
        assert!(refused(b"no zip") && refused(&archive(&[])) && refused(&archive(&[("a", 0o644), ("a/b", 0o644)])));
        for name in ["../evil.py", "/etc/evil.py", "a\\b.py", "./index.py"] {
            assert!(refused(&archive(&[(name, 0o644)])), "{name}");
        }
    }
}
