//! The folders of buckets: a file that appears or changes there is an object that was uploaded.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use walkdir::WalkDir;

/// A file that is complete: two looks found it unchanged.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Uploaded {
    pub(crate) bucket: String,
    /// The path within the bucket.
    pub(crate) key: String,
    pub(crate) state: FileState,
}

/// What changes when a file is written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct FileState {
    pub(crate) size: u64,
    modified: Option<SystemTime>,
}

impl FileState {
    /// Text that differs if the file has changed.
    pub(crate) fn version(&self) -> String {
        format!("{} {:?}", self.size, self.modified)
    }
}

/// The files of the buckets that triggers watch.
pub(crate) struct Folders {
    /// The data directory.
    data: PathBuf,
    known: Mutex<BTreeMap<String, Folder>>,
}

/// The files of a bucket by key.
type Folder = BTreeMap<String, Known>;

#[derive(Debug, Clone)]
struct Known {
    state: FileState,
    /// Whether no event is due for this state.
    is_handled: bool,
}

impl Folders {
    pub(crate) fn new(data: PathBuf) -> Self {
        Self { data, known: Mutex::default() }
    }

    /// Starts to watch a bucket. The files that it already has are no uploads.
    pub(crate) fn watch(&self, bucket: &str) {
        let mut known = self.lock();
        if !known.contains_key(bucket) {
            let handled = |(key, state)| (key, Known { state, is_handled: true });
            let files = self.files(bucket).into_iter().map(handled).collect();
            known.insert(bucket.to_owned(), files);
        }
    }

    /// Looks at the folders of these buckets.
    pub(crate) fn scan(&self, buckets: &[String]) -> Vec<Uploaded> {
        let mut uploaded = Vec::new();
        let mut known = self.lock();
        for bucket in buckets {
            let folder = known.entry(bucket.clone()).or_default();
            let before = std::mem::take(folder);
            for (key, state) in self.files(bucket) {
                let is_unchanged = before.get(&key).is_some_and(|known| known.state == state);
                let is_handled = before.get(&key).is_some_and(|known| known.is_handled);
                if is_unchanged && !is_handled {
                    uploaded.push(Uploaded { bucket: bucket.clone(), key: key.clone(), state: state.clone() });
                }
                folder.insert(key, Known { state, is_handled: is_unchanged });
            }
        }
        uploaded
    }

    /// Makes the next look return these files again.
    pub(crate) fn put_back(&self, uploaded: &[Uploaded]) {
        let mut known = self.lock();
        for Uploaded { bucket, key, .. } in uploaded {
            if let Some(file) = known.get_mut(bucket).and_then(|folder| folder.get_mut(key)) {
                file.is_handled = false;
            }
        }
    }

    /// The files of a bucket. Hidden ones, as programs create them for a while, are left out, and so is what cannot be read.
    fn files(&self, bucket: &str) -> BTreeMap<String, FileState> {
        let root = self.data.join("obs").join(bucket);
        let entries = WalkDir::new(&root).min_depth(1).into_iter();
        let entries = entries.filter_entry(|entry| !entry.file_name().as_encoded_bytes().starts_with(b"."));
        let files = entries.filter_map(|entry| entry.ok().filter(|entry| entry.file_type().is_file()));
        files
            .filter_map(|entry| {
                let metadata = entry.metadata().ok()?;
                let state = FileState { size: metadata.len(), modified: metadata.modified().ok() };
                Some((key(entry.path().strip_prefix(&root).ok()?)?, state))
            })
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Folder>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The key of a file within its bucket.
fn key(path: &Path) -> Option<String> {
    let parts: Option<Vec<&str>> = path.iter().map(|part| part.to_str()).collect();
    parts.map(|parts| parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_an_upload_once_it_no_longer_changes() {
        let data = tempfile::tempdir().unwrap();
        let bucket = data.path().join("obs/incoming");
        std::fs::create_dir_all(bucket.join("in")).unwrap();
        std::fs::write(bucket.join("old"), "x").unwrap();
        let folders = Folders::new(data.path().to_owned());
        folders.watch("incoming");
        let scan = || {
            let uploaded = folders.scan(&["incoming".to_owned(), "missing".to_owned()]);
            uploaded.into_iter().map(|one| format!("{} {}", one.key, one.state.size)).collect::<Vec<_>>()
        };
        assert_eq!(scan(), [""; 0]);
        std::fs::write(bucket.join("in/a"), "1").unwrap();
        std::fs::write(bucket.join(".hidden"), "1").unwrap();
        assert_eq!(scan(), [""; 0]);
        std::fs::write(bucket.join("in/a"), "12").unwrap();
        assert_eq!(scan(), [""; 0]);
        let found = folders.scan(&["incoming".to_owned()]);
        assert_eq!((found.len(), found[0].key.as_str(), found[0].state.size), (1, "in/a", 2));
        assert_eq!(scan(), [""; 0]);
        folders.put_back(&found);
        assert_eq!(scan(), ["in/a 2"]);
        std::fs::write(bucket.join("old"), "changed").unwrap();
        assert_eq!((scan(), scan(), scan()), (Vec::new(), vec!["old 7".to_owned()], Vec::new()));
        std::fs::remove_file(bucket.join("old")).unwrap();
        assert_eq!(scan(), [""; 0]);
    }
}
