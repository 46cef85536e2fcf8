//! Standard output and standard error. Writing never panics: if standard output fails, for example because a disk is
//! full, the command finishes and then fails. A failure of standard error is ignored, because it cannot be reported.
//!
//! A reader that closes a pipe has read enough, so that is not a failure.

use std::fmt::Arguments;
use std::io::{self, ErrorKind, Write};
use std::sync::OnceLock;

/// The first error that prevented writing a part of the result.
static UNWRITTEN: OnceLock<io::Error> = OnceLock::new();

/// Prints a part of the result.
macro_rules! out {
    ($($text:tt)*) => { $crate::cli::streams::out(format_args!($($text)*)) };
}

/// Prints a line of the result.
macro_rules! outln {
    ($($text:tt)*) => { $crate::cli::streams::out(format_args!("{}\n", format_args!($($text)*))) };
}

/// Prints text that is not part of the result.
macro_rules! err {
    ($($text:tt)*) => { $crate::cli::streams::err(format_args!($($text)*)) };
}

/// Prints a line that is not part of the result.
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

/// Whether the reader has closed the stream, so output no longer arrives.
pub(super) fn are_over() -> bool {
    UNWRITTEN.get().is_some()
}

/// Why the result was not written, if so.
pub(super) fn unwritten() -> Option<&'static io::Error> {
    UNWRITTEN.get().filter(|error| error.kind() != ErrorKind::BrokenPipe)
}
