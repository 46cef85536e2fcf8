//! Standard output and standard error. Writing never panics: a full disk behind standard output makes the command fail,
//! after it has done what it began, and nobody is there to be told of a failure of standard error.
//!
//! Whoever closes a pipe has read enough, which is no failure.

use std::fmt::Arguments;
use std::io::{self, ErrorKind, Write};
use std::sync::OnceLock;

/// Why something of the result could not be written, first of all.
static UNWRITTEN: OnceLock<io::Error> = OnceLock::new();

/// Part of the result.
macro_rules! out {
    ($($text:tt)*) => { $crate::cli::streams::out(format_args!($($text)*)) };
}

/// A line of the result.
macro_rules! outln {
    ($($text:tt)*) => { $crate::cli::streams::out(format_args!("{}\n", format_args!($($text)*))) };
}

/// Something that is said besides the result.
macro_rules! err {
    ($($text:tt)*) => { $crate::cli::streams::err(format_args!($($text)*)) };
}

/// A line that is said besides the result.
macro_rules! errln {
    ($($text:tt)*) => { $crate::cli::streams::err(format_args!("{}\n", format_args!($($text)*))) };
}

pub(super) fn out(text: Arguments<'_>) {
    let mut stream = anstream::stdout().lock();
    if let Err(error) = stream.write_fmt(text).and_then(|()| stream.flush()) {
        let _ = UNWRITTEN.set(error);
    }
}

pub(super) fn err(text: Arguments<'_>) {
    let _ = anstream::stderr().lock().write_fmt(text);
}

/// Whether nothing that is written any more arrives.
pub(super) fn are_over() -> bool {
    UNWRITTEN.get().is_some()
}

/// Why the result was not written, if it was not.
pub(super) fn unwritten() -> Option<&'static io::Error> {
    UNWRITTEN.get().filter(|error| error.kind() != ErrorKind::BrokenPipe)
}
