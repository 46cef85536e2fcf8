//! Why code cannot be used, and what to do about it.

use std::fmt;
use std::io;
use std::path::PathBuf;

use crate::model::code::ArchiveError;
use crate::rules::entry_name::BadName;

use super::source::similar;

/// Why code cannot be read or packed.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    #[error("the code `{}` cannot be read: {error}", path.display())]
    Read { path: PathBuf, error: io::Error },
    #[error("the code directory `{}` does not exist", .0.display())]
    NoDirectory(PathBuf),
    #[error("the code archive `{}` does not exist", .0.display())]
    NoArchive(PathBuf),
    #[error("the symbolic link `{}` in the code leads to a file that does not exist", .0.display())]
    Dangling(PathBuf),
    #[error("the symbolic link `{}` in the code leads back to a directory that contains it", .0.display())]
    Loop(PathBuf),
    #[error("the code directory `{}` cannot be read: {error}", path.display())]
    Walk { path: PathBuf, error: walkdir::Error },
    #[error("the rules for excluded files cannot be read: {0}")]
    Ignore(#[from] ignore::Error),
    #[error("the code `{}` leads out of the directory `{}` through a symbolic link", path.display(), root.display())]
    Outside { path: PathBuf, root: PathBuf },
    #[error("the code directory `{}` has no files", .0.display())]
    Empty(PathBuf),
    #[error("the code path `{}` is not a {expected}", path.display())]
    WrongKind { path: PathBuf, expected: Expected },
    #[error("the path `{}` is not UTF-8 text", .0.display())]
    Name(PathBuf),
    #[error("the code cannot be packed: {0}; rename the file, or exclude it in .fgctlignore")]
    BadName(#[from] BadName),
    #[error("the code `{}` has more than {} MB, which is the limit for {reason}", path.display(), limit / 1024 / 1024)]
    TooLarge { path: PathBuf, limit: u64, reason: &'static str },
    #[error("the code archive `{}` cannot be used: {error}", path.display())]
    Archive { path: PathBuf, error: ArchiveError },
    #[error("the code cannot be packed: {0}")]
    Pack(#[from] zip::result::ZipError),
    #[error("the code cannot be packed: {0}")]
    Write(#[from] io::Error),
}

impl BundleError {
    /// What to do about the error, if known.
    pub(super) fn help(&self) -> Option<String> {
        match self {
            Self::NoDirectory(path) | Self::NoArchive(path) => Some(match similar(path) {
                Some(similar) => format!("did you mean `{}`?", similar.display()),
                None => "a code path is relative to its manifest".to_owned(),
            }),
            Self::WrongKind { path, expected: Expected::Directory } if path.is_file() => {
                Some("name the directory that contains the file, or an archive with `zip`".to_owned())
            }
            Self::WrongKind { path, expected: Expected::File } if path.is_dir() => {
                Some("to have the directory packed, use `dir`".to_owned())
            }
            Self::Empty(_) => Some("add the code; files that .fgctlignore lists do not count".to_owned()),
            Self::Dangling(_) | Self::Loop(_) => {
                Some("correct or remove the link, or exclude it in .fgctlignore".to_owned())
            }
            Self::Outside { .. } => Some("copy the files, or widen the directory with --root".to_owned()),
            Self::Archive { .. } => Some("build the archive again".to_owned()),
            Self::TooLarge { .. } => Some("leave files out with .fgctlignore, or put the code in OBS".to_owned()),
            Self::Read { .. }
            | Self::Walk { .. }
            | Self::Ignore(_)
            | Self::WrongKind { .. }
            | Self::Name(_)
            | Self::BadName(_)
            | Self::Pack(_)
            | Self::Write(_) => None,
        }
    }
}

/// The kind of file that is expected at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    Directory,
    File,
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Directory => "directory",
            Self::File => "regular file",
        })
    }
}
