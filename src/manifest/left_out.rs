//! Files in a code directory that are not packed: version control, caches, fgctl's own files, and those that
//! `.fgctlignore` excludes.

use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder};
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// A file of gitignore patterns. They apply to its own directory and to those below. A pattern that starts with `!`
/// includes a file again.
pub(super) const IGNORE_FILE: &str = ".fgctlignore";
/// Never packed, in any directory. `.fgctl` is the usual data directory of `--local`.
const NAMES: [&str; 8] = [".git", ".hg", ".svn", "__pycache__", ".DS_Store", "Thumbs.db", ".fgctl", IGNORE_FILE];
/// The files by which a data directory of `--local` is recognized if it has another name.
const DATA_MARKS: [&str; 3] = ["store.db", "credentials.json", "lock"];
/// Other files of a data directory. Their names count only if the files above are present too.
const DATA_NAMES: [&str; 6] = ["owner.json", ".gitignore", "run", "obs", "dis", "smn"];

/// What the rules say about a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Code,
    /// Code that a pattern with `!` includes explicitly, even if it looks like a secret.
    Wanted,
    LeftOut,
}

/// The rules for one code directory. Ignore files apply from the root down.
pub(super) struct LeftOut {
    /// Absolute, without `.` and `..`.
    directory: PathBuf,
    /// The topmost directory whose ignore file applies.
    top: PathBuf,
    files: BTreeMap<PathBuf, Gitignore>,
    /// Whether the code directory is itself a data directory, as with `--local=.`.
    is_data: bool,
}

impl LeftOut {
    pub(super) fn new(directory: PathBuf, root: PathBuf) -> Self {
        let top = if directory.starts_with(&root) { root } else { directory.clone() };
        let is_data = is_data_directory(&directory);
        Self { directory, top, files: BTreeMap::new(), is_data }
    }

    /// Applies the rules to a path relative to the directory.
    pub(super) fn verdict(&mut self, relative: &Path, is_directory: bool) -> Result<Verdict, ignore::Error> {
        let path = self.directory.join(relative);
        let name = path.file_name().unwrap_or_default();
        if is_never_code(name) || is_directory && is_data_directory(&path) || self.is_own_data(relative) {
            return Ok(Verdict::LeftOut);
        }
        for parent in path.ancestors().skip(1) {
            match self.ignore_file(parent)?.matched(&path, is_directory).map(|_| ()) {
                Match::Ignore(()) => return Ok(Verdict::LeftOut),
                Match::Whitelist(()) => return Ok(Verdict::Wanted),
                Match::None if parent == self.top => break,
                Match::None => {}
            }
        }
        Ok(Verdict::Code)
    }

    fn ignore_file(&mut self, directory: &Path) -> Result<&Gitignore, ignore::Error> {
        if !self.files.contains_key(directory) {
            let file = directory.join(IGNORE_FILE);
            let mut builder = GitignoreBuilder::new(directory);
            if let Some(error) = file.is_file().then(|| builder.add(&file)).flatten() {
                return Err(error);
            }
            self.files.insert(directory.to_owned(), builder.build()?);
        }
        Ok(&self.files[directory])
    }

    fn is_own_data(&self, relative: &Path) -> bool {
        let first = relative.iter().next().and_then(OsStr::to_str).unwrap_or_default();
        self.is_data && (DATA_MARKS.contains(&first) || DATA_NAMES.contains(&first) || first.starts_with("store.db-"))
    }
}

fn is_never_code(name: &OsStr) -> bool {
    NAMES.iter().any(|never| name == *never) || Path::new(name).extension().is_some_and(|extension| extension == "pyc")
}

fn is_data_directory(path: &Path) -> bool {
    DATA_MARKS.iter().all(|name| path.join(name).is_file())
}

/// Whether the start of a file shows that it is a saved plan of fgctl.
pub(super) fn is_saved_plan(beginning: &[u8]) -> bool {
    let text = String::from_utf8_lossy(&beginning[..beginning.len().min(512)]);
    let parts = ["\"format_version\"", "\"checksum\"", "\"plan\""];
    text.trim_start().starts_with('{') && parts.iter().all(|part| text.contains(part))
}
