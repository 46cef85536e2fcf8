//! Reads files into text, up to a size limit. If a file is not UTF-8, the finding shows the first wrong byte.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::diagnostic::{Diagnostic, Place};

use super::super::regular_file::open_regular;
use super::find::{Role, unreadable};
use super::locate::Lines;
use super::{FILE_BYTES, Found, Source};

/// The name of standard input in findings.
pub const STANDARD_INPUT: &str = "<stdin>";

/// Reads one file. `standard_input` returns at most the given number of bytes.
pub(in crate::manifest) fn read(
    found: &Found,
    standard_input: &dyn Fn(u64) -> io::Result<Vec<u8>>,
) -> Result<Source, Box<Diagnostic>> {
    let (path, root) = match found {
        Found::StandardInput => (Path::new(STANDARD_INPUT), PathBuf::from(".")),
        Found::File { path, root, role: _ } => (path.as_path(), root.clone()),
    };
    let role = match found {
        Found::StandardInput => Role::Manifest,
        Found::File { role, .. } => *role,
    };
    let limit = FILE_BYTES + 1;
    let bytes = match found {
        Found::StandardInput => standard_input(limit),
        Found::File { path, .. } => read_at_most(path, limit),
    };
    let bytes = bytes.map_err(|error| unreadable(path, role, &error))?;
    let name = as_written(path).display().to_string();
    let directory = match found {
        Found::StandardInput => PathBuf::new(),
        Found::File { path, .. } => path.parent().map(as_written).unwrap_or_default(),
    };
    if bytes.len() as u64 > FILE_BYTES {
        return Err(Box::new(too_large(name)));
    }
    match String::from_utf8(bytes) {
        Ok(text) => {
            let text = text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text);
            Ok(Source { name, directory, root, text })
        }
        Err(error) => Err(Box::new(no_utf8(Source { name, directory, root, text: String::new() }, &error))),
    }
}

/// The path without the `.` of the current directory.
fn as_written(path: &Path) -> PathBuf {
    path.strip_prefix(".").unwrap_or(path).to_owned()
}

fn read_at_most(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open_regular(path)?.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn too_large(file: String) -> Diagnostic {
    let message = format!("the file has more than {} MB", FILE_BYTES / 1024 / 1024);
    Diagnostic::error("too-large", message)
        .in_place(Place { file, line: 1, column: 1, length: 1, text: String::new() })
        .help("split it into several files in one directory")
}

fn no_utf8(source: Source, error: &std::string::FromUtf8Error) -> Diagnostic {
    let valid = error.utf8_error().valid_up_to();
    let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
    let place = Lines::of(&Source { text, ..source }).place_of_byte(valid);
    Diagnostic::error("not-utf8", "the file is not UTF-8 text: this byte is not valid")
        .in_place(place)
        .help("save the file in the encoding UTF-8")
}
