//! Opens files that can be read to their end. Opening a named pipe could wait for a writer forever.

use std::fs::{self, File};
use std::io;
use std::path::Path;

/// Opens a regular file, or a pipe that the shell has already opened for this process, as in `-f <(command)`.
pub fn open_regular(path: &Path) -> io::Result<File> {
    let kind = fs::metadata(path)?.file_type();
    if kind.is_file() || is_inherited(path) {
        return File::open(path);
    }
    let what = if kind.is_dir() { "a directory" } else { "a named pipe, a socket or a device" };
    Err(io::Error::new(io::ErrorKind::InvalidInput, format!("it is {what}, not a regular file")))
}

fn is_inherited(path: &Path) -> bool {
    path == Path::new("/dev/stdin") || path.starts_with("/dev/fd") || path.starts_with("/proc/self/fd")
}
