//! The disk that functions write to. The server writes to the same disk, so it ends a function that fills it while there
//! is still room for its own data.

use std::path::Path;

use walkdir::WalkDir;

/// Less free space than this is too little...
const LOW: u64 = 64 * 1024 * 1024;
/// ... or this part of the disk, if that is smaller.
const LOW_PART: u64 = 20;

/// How full a disk is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Space {
    /// Bytes, as far as this user may use them.
    free: u64,
    /// Bytes of the whole disk.
    total: u64,
}

impl Space {
    /// The usage of the disk that contains a folder; `None` if the system does not report it.
    pub(super) fn of(folder: &Path) -> Option<Self> {
        let disk = rustix::fs::statvfs(folder).ok()?;
        let bytes = |blocks: u64| blocks.saturating_mul(disk.f_frsize);
        Some(Self { free: bytes(disk.f_bavail), total: bytes(disk.f_blocks) })
    }

    pub(super) fn is_low(self) -> bool {
        self.free < self.threshold()
    }

    /// Whether it is worth freeing this many bytes when space is low.
    pub(super) fn needs(self, bytes: u64) -> bool {
        bytes > self.threshold()
    }

    fn threshold(self) -> u64 {
        LOW.min(self.total / LOW_PART)
    }
}

/// The bytes that a folder takes on its disk. It reads the whole folder.
pub(super) fn taken(folder: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt;
    let entries = WalkDir::new(folder).into_iter().filter_map(Result::ok);
    entries.filter_map(|entry| Some(entry.metadata().ok()?.blocks() * 512)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_disk_may_be_fuller_than_a_large_one() {
        let megabyte = 1024 * 1024;
        let small = |free| Space { free: free * megabyte, total: 100 * megabyte };
        assert_eq!((small(6).is_low(), small(4).is_low()), (false, true));
        assert_eq!((small(4).needs(4 * megabyte), small(4).needs(6 * megabyte)), (false, true));
        let large = |free| Space { free: free * megabyte, total: 1_000_000 * megabyte };
        assert_eq!((large(65).is_low(), large(63).is_low()), (false, true));
    }

    #[test]
    fn all_files_below_a_folder_count() {
        let folder = tempfile::tempdir().expect("a folder");
        let empty = taken(folder.path());
        std::fs::create_dir(folder.path().join("inner")).expect("a folder");
        std::fs::write(folder.path().join("inner/file"), vec![1; 1 << 20]).expect("a file");
        let taken = taken(folder.path()) - empty;
        assert!((1 << 20..3 << 20).contains(&taken), "{taken}");
        assert!(Space::of(folder.path()).is_some_and(|space| space.total > 0));
    }
}
