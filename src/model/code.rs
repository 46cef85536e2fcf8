//! Code as a thing to compare: by what an archive contains, not by how it was packed.

use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::io::{Cursor, Read};
use zip::ZipArchive;

use super::limits;
use super::text::ObsUrl;

/// SHA-256, as hex, over the sorted entries of an archive: path, executable or not, content. Times, other mode bits and
/// compression do not count, so that packing the same files again gives the same hash.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CodeHash(String);

/// What a function's code should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Code {
    /// An archive that fgctl uploads.
    Archive(CodeHash),
    /// An object that the service fetches; what is inside is not compared.
    Obs(ObsUrl),
}

/// An archive that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    #[error("it is not a readable zip archive: {0}")]
    Zip(#[from] zip::result::ZipError),
    #[error("an entry cannot be unpacked: {0}")]
    Entry(#[from] std::io::Error),
    #[error("it unpacks to more than {} MB", limits::UNPACKED_BYTES / 1024 / 1024)]
    TooLarge,
}

impl CodeHash {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The hash of code that is an object, by its URL: what is inside is not compared.
    pub fn of_url(url: &str) -> Self {
        Self(hex::encode(Sha256::digest(url)))
    }

    /// The hash of files: path (with `/`) to (executable, SHA-256 of the content).
    pub fn of_entries(entries: &BTreeMap<String, (bool, [u8; 32])>) -> Self {
        let mut hasher = Sha256::new();
        for (path, (executable, content)) in entries {
            hasher.update((path.len() as u64).to_be_bytes());
            hasher.update(path);
            hasher.update([u8::from(*executable)]);
            hasher.update(content);
        }
        Self(hex::encode(hasher.finalize()))
    }

    /// The hash of what a zip archive contains; directories do not count. Unpacks piece by piece, and stops at the
    /// service's limit, so that a hostile archive costs neither memory nor much time.
    pub fn of_zip(bytes: &[u8]) -> Result<Self, ArchiveError> {
        let mut archive = ZipArchive::new(Cursor::new(bytes))?;
        let mut entries = BTreeMap::new();
        let mut left = limits::UNPACKED_BYTES;
        for index in 0..archive.len() {
            let mut file = archive.by_index(index)?;
            if file.is_dir() {
                continue;
            }
            let executable = file.unix_mode().is_some_and(|mode| mode & 0o100 != 0);
            let path = file.name()?.to_string();
            let mut hasher = Sha256::new();
            let mut buffer = [0; 16 * 1024];
            loop {
                let read = file.read(&mut buffer)?;
                if read == 0 {
                    break;
                }
                left = left.checked_sub(read as u64).ok_or(ArchiveError::TooLarge)?;
                hasher.update(&buffer[..read]);
            }
            entries.insert(path, (executable, hasher.finalize().into()));
        }
        Ok(Self::of_entries(&entries))
    }
}

impl Code {
    /// What `fgctl.code` remembers of this code.
    pub fn hash(&self) -> CodeHash {
        match self {
            Self::Archive(hash) => hash.clone(),
            Self::Obs(url) => CodeHash::of_url(url.as_str()),
        }
    }
}
