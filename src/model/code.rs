//! Code for comparison: by what an archive contains, not by how it was packed.

use sha2::{Digest, Sha256};
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt;
use std::io::{Cursor, Read};
use zip::ZipArchive;
use zip::read::ZipFile;

use crate::rules::entry_name::{self, BadName};
use crate::rules::quota;

use super::text::{ImageAddress, ObsUrl};

/// SHA-256 in hex of the sorted entries of an archive: path, kind, permissions, content. Times, order and compression
/// are not included, so packing the same files again gives the same hash.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CodeHash {
    current: String,
    /// The hash of fgctl 0.1, which included only the owner's executable bit. Functions still carry its marks.
    first: String,
}

/// The desired code of a function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Code {
    /// An archive that fgctl uploads.
    Archive(Archive),
    /// An object that the service fetches; its content is not compared.
    Obs(ObsObject),
    /// Not declared, because of `ignore: [code]`. This is not enough to create a function.
    Undeclared,
    /// A container image, by its address; its content is not compared.
    Image(ImageAddress),
}

/// An object in OBS that the service fetches. Its content is not compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObsObject {
    pub url: ObsUrl,
    /// Any text. If it changes, the code is deployed again.
    pub version: Option<String>,
}

impl fmt::Display for ObsObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { url, version } = self;
        write!(f, "{url}")?;
        version.iter().try_for_each(|version| write!(f, " (version {version})"))
    }
}

/// The content of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Archive {
    pub hash: CodeHash,
    /// Whether it is a Java archive, which the service treats in its own way.
    pub is_jar: bool,
    pub files: usize,
    /// The total size of all unpacked files.
    pub bytes: u64,
    /// The paths and sizes of the largest files, the largest first.
    pub largest: Vec<(String, u64)>,
}

/// The extension of Java archives.
pub const JAR: &str = ".jar";

/// The number of files that a description of an archive names.
const NAMED: usize = 3;

/// One entry of an archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    pub kind: EntryKind,
    /// Unix permissions without the file type.
    pub permissions: u32,
    pub bytes: u64,
    /// SHA-256 of the content.
    pub content: [u8; 32],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryKind {
    File,
    /// The content is the target path.
    SymbolicLink,
    /// Included only if it is empty. Other folders appear in the paths of files.
    EmptyFolder,
}

/// Why an archive cannot be read or used.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    #[error("it is not a readable zip archive: {0}")]
    Zip(#[from] zip::result::ZipError),
    #[error("an entry cannot be unpacked: {0}")]
    Entry(#[from] std::io::Error),
    #[error("it unpacks to more than {} MB", quota::UNPACKED_BYTES / 1024 / 1024)]
    TooLarge,
    #[error(transparent)]
    Name(#[from] BadName),
    #[error("it has no files")]
    Empty,
}

impl CodeHash {
    /// The hash in current marks.
    pub fn as_str(&self) -> &str {
        &self.current
    }

    /// The hash in marks of fgctl 0.1.
    pub fn as_first(&self) -> &str {
        &self.first
    }

    fn of_entries(entries: &BTreeMap<String, Entry>) -> Self {
        let (mut current, mut first) = (Sha256::new(), Sha256::new());
        for (path, Entry { kind, permissions, bytes: _, content }) in entries {
            let length = (path.len() as u64).to_be_bytes();
            let kind = match kind {
                EntryKind::File => 0_u8,
                EntryKind::SymbolicLink => 1,
                EntryKind::EmptyFolder => 2,
            };
            for part in [&length[..], path.as_bytes(), &[kind], &permissions.to_be_bytes(), content] {
                current.update(part);
            }
            if kind != 2 {
                for part in [&length[..], path.as_bytes(), &[u8::from(permissions & 0o100 != 0)], content] {
                    first.update(part);
                }
            }
        }
        Self { current: hex::encode(current.finalize()), first: hex::encode(first.finalize()) }
    }

    /// The hash of an object, based on its URL, because its content is not compared.
    pub fn of_url(url: &str) -> Self {
        let hash = hex::encode(Sha256::digest(url));
        Self { current: hash.clone(), first: hash }
    }
}

impl Archive {
    /// An archive with these entries, by their paths with `/`.
    pub fn of_entries(entries: &BTreeMap<String, Entry>) -> Self {
        let hash = CodeHash::of_entries(entries);
        let files = || entries.iter().filter(|(_, entry)| entry.kind != EntryKind::EmptyFolder);
        let mut largest: Vec<_> = files().map(|(path, entry)| (path.clone(), entry.bytes)).collect();
        largest.sort_by_key(|(_, bytes)| Reverse(*bytes));
        largest.truncate(NAMED);
        let bytes = files().map(|(_, entry)| entry.bytes).sum();
        Self { hash, is_jar: false, files: files().count(), bytes, largest }
    }

    /// Reads the content of a zip archive. It unpacks in pieces and stops at the service's limit, so a malicious
    /// archive uses little memory and time.
    pub fn of_zip(bytes: &[u8]) -> Result<Self, ArchiveError> {
        let entries = read_zip(bytes)?;
        Ok(Self::of_entries(&entries))
    }
}

fn read_zip(bytes: &[u8]) -> Result<BTreeMap<String, Entry>, ArchiveError> {
    let mut archive = ZipArchive::new(Cursor::new(bytes))?;
    let mut entries = BTreeMap::new();
    let mut left = quota::UNPACKED_BYTES;
    for index in 0..archive.len() {
        let mut file = archive.by_index(index)?;
        let path = file.name()?.to_string();
        entries.insert(path, read_entry(&mut file, &mut left)?);
    }
    // Keys are sorted, so the content of a folder follows it.
    let is_empty_folder = |path: &String, entry: &Entry| {
        entry.kind != EntryKind::EmptyFolder
            || entries.range(format!("{path}\0")..).next().is_none_or(|(next, _)| !next.starts_with(path.as_str()))
    };
    Ok(entries
        .iter()
        .filter(|(path, entry)| is_empty_folder(path, entry))
        .map(|(path, entry)| (path.clone(), *entry))
        .collect())
}

fn read_entry<R: Read + ?Sized>(file: &mut ZipFile<'_, R>, left: &mut u64) -> Result<Entry, ArchiveError> {
    let mode = file.unix_mode().unwrap_or_default();
    let kind = match (file.is_dir(), file.is_symlink()) {
        (true, _) => EntryKind::EmptyFolder,
        (false, true) => EntryKind::SymbolicLink,
        (false, false) => EntryKind::File,
    };
    let (mut hasher, mut bytes) = (Sha256::new(), 0);
    let mut buffer = [0; 16 * 1024];
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            break;
        }
        *left = left.checked_sub(read as u64).ok_or(ArchiveError::TooLarge)?;
        bytes += read as u64;
        hasher.update(&buffer[..read]);
    }
    Ok(Entry { kind, permissions: mode & 0o7777, bytes, content: hasher.finalize().into() })
}

/// Refuses an archive without files, and one that different readers would unpack to different files.
pub fn check_zip(bytes: &[u8]) -> Result<(), ArchiveError> {
    let archive = ZipArchive::new(Cursor::new(bytes))?;
    if archive.is_empty() {
        return Err(ArchiveError::Empty);
    }
    let start = usize::try_from(archive.central_directory_start()).unwrap_or(usize::MAX);
    Ok(entry_name::check_zip(bytes, start)?)
}

impl fmt::Display for Archive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { hash: _, is_jar: _, files, bytes, largest } = self;
        let noun = if *files == 1 { "file" } else { "files" };
        write!(f, "{files} {noun}, {}", Size(*bytes))?;
        let named = largest.iter().map(|(path, bytes)| match files {
            1 => entry_name::shown(path),
            _ => format!("{} {}", entry_name::shown(path), Size(*bytes)),
        });
        let others = (*files > largest.len()).then(|| format!("{} more", files - largest.len()));
        write!(f, " ({})", named.chain(others).collect::<Vec<_>>().join(", "))
    }
}

/// A size in a readable unit.
struct Size(u64);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(bytes) = *self;
        match bytes {
            0..1_000 => write!(f, "{bytes} B"),
            1_000..1_000_000 => write!(f, "{} kB", bytes.div_ceil(1_000)),
            _ => write!(f, "{}.{} MB", bytes / 1_000_000, bytes % 1_000_000 / 100_000),
        }
    }
}

impl Code {
    /// The hash that `fgctl.code` stores for this code.
    pub fn hash(&self) -> CodeHash {
        match self {
            Self::Archive(archive) => archive.hash.clone(),
            Self::Obs(ObsObject { url, version: None }) => CodeHash::of_url(url.as_str()),
            Self::Obs(ObsObject { url, version: Some(version) }) => CodeHash::of_url(&format!("{url}\n{version}")),
            Self::Image(address) => CodeHash::of_url(address.as_str()),
            // Undeclared code has no mark and is never compared.
            Self::Undeclared => CodeHash::of_url(""),
        }
    }

    /// The hash as far as the live code shows it: without the version of an object in OBS.
    pub fn hash_of_live(&self) -> CodeHash {
        match self {
            Self::Obs(ObsObject { url, version: _ }) => CodeHash::of_url(url.as_str()),
            Self::Archive(_) | Self::Image(_) | Self::Undeclared => self.hash(),
        }
    }

    /// The extension of the file that is uploaded.
    pub fn extension(&self) -> &'static str {
        match self {
            Self::Archive(Archive { is_jar: true, .. }) => JAR,
            Self::Archive(_) | Self::Obs(_) | Self::Image(_) | Self::Undeclared => ".zip",
        }
    }

    /// What [`LiveCode::version`](super::state::LiveCode::version) will be, if that is known before a write.
    pub fn version(&self) -> Option<&str> {
        match self {
            Self::Image(address) => Some(address.as_str()),
            Self::Archive(_) | Self::Obs(_) | Self::Undeclared => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    fn archive(files: &[(&str, u32, &str)]) -> Vec<u8> {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, mode, content) in files {
            let options = SimpleFileOptions::default().unix_permissions(*mode);
            match name.strip_suffix('@') {
                Some(link) => writer.add_symlink(link, *content, options).expect("a link"),
                None if name.ends_with('/') => writer.add_directory(*name, options).expect("a folder"),
                None => {
                    writer.start_file(*name, options).expect("a file");
                    writer.write_all(content.as_bytes()).expect("content");
                }
            }
        }
        writer.finish().expect("an archive").into_inner()
    }

    fn hash(files: &[(&str, u32, &str)]) -> CodeHash {
        Archive::of_zip(&archive(files)).expect("a zip").hash
    }

    #[test]
    fn the_hash_covers_everything_that_the_service_receives() {
        let base = hash(&[("a.py", 0o644, "x"), ("b", 0o644, "y")]);
        for other in [
            &[("a.py", 0o600, "x"), ("b", 0o644, "y")][..],
            &[("a.py", 0o755, "x"), ("b", 0o644, "y")],
            &[("a.py", 0o644, "z"), ("b", 0o644, "y")],
            &[("A.py", 0o644, "x"), ("b", 0o644, "y")],
            &[("a.py", 0o644, "x"), ("b@", 0o644, "y")],
            &[("a.py", 0o644, "x"), ("b", 0o644, "y"), ("c/", 0o755, "")],
        ] {
            assert_ne!(hash(other).as_str(), base.as_str(), "{other:?}");
        }
        for same in [&[("b", 0o644, "y"), ("a.py", 0o644, "x")][..], &[("a.py", 0o644, "x"), ("b", 0o644, "y")]] {
            assert_eq!(hash(same), base, "{same:?}");
        }
        let within = [("lib/", 0o755, ""), ("lib/a", 0o644, "x")];
        assert_eq!(hash(&within), hash(&within[1..]), "a folder with files does not change the hash");
    }

    /// The hash that fgctl 0.1 computed for `a.py` with content `x` and an executable `b` with content `y`.
    #[test]
    fn marks_of_the_first_release_are_still_recognized() {
        let mut expected = Sha256::new();
        for (path, executable, content) in [("a.py", 0, "x"), ("b", 1, "y")] {
            expected.update((path.len() as u64).to_be_bytes());
            expected.update(path);
            expected.update([executable]);
            expected.update(Sha256::digest(content));
        }
        let expected = hex::encode(expected.finalize());
        assert_eq!(hash(&[("a.py", 0o600, "x"), ("b", 0o711, "y")]).as_first(), expected);
    }

    #[test]
    fn archives_that_readers_unpack_differently_are_refused() {
        assert!(matches!(check_zip(&archive(&[])), Err(ArchiveError::Empty)));
        assert!(check_zip(&archive(&[("a.py", 0o644, ""), ("ä.py", 0o644, "")])).is_ok());
        for name in ["z:index.py", "/a", "../a", "a\\b", "a.", "a\nb"] {
            let error = check_zip(&archive(&[("index.py", 0o644, ""), (name, 0o644, "")])).expect_err(name);
            assert!(error.to_string().contains(&entry_name::shown(name)), "{name:?}: {error}");
        }
        // The library cannot write equal names.
        let mut twice = archive(&[("index.py", 0o644, "1"), ("indey.py", 0o644, "2")]);
        let other = b"indey.py";
        for at in (0..twice.len() - other.len()).filter(|at| twice[*at..].starts_with(other)).collect::<Vec<_>>() {
            twice[at..at + other.len()].copy_from_slice(b"index.py");
        }
        assert!(check_zip(&twice).expect_err("a duplicate").to_string().contains("`index.py` occurs twice"));
    }

    #[test]
    fn an_archive_is_shown_with_its_size_and_largest_file() {
        let words = |files: &[(&str, u32, &str)]| Archive::of_zip(&archive(files)).expect("a zip").to_string();
        let (large, small) = ("x".repeat(2_500), "y");
        assert_eq!(words(&[("a", 0o644, "x")]), "1 file, 1 B (a)");
        assert_eq!(words(&[("a", 0o644, small), ("b", 0o644, &large)]), "2 files, 3 kB (b 3 kB, a 1 B)");
        let many = ["a", "b", "c", "d", "e"].map(|name| (name, 0o644, small));
        assert_eq!(words(&many), "5 files, 5 B (a 1 B, b 1 B, c 1 B, 2 more)");
        assert_eq!(Size(1_234_567).to_string(), "1.2 MB");
    }
}
