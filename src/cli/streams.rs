//! Standard output and standard error. Writing never panics: a full disk behind standard output makes the command fail,
//! after it has done what it began, and nobody is there to be told of a failure of standard error.

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
    let written = stream.write_fmt(text).and_then(|()| stream.flush());
    // Whoever closes a pipe has read enough.
    if let Err(error) = written.or_else(|error| if error.kind() == ErrorKind::BrokenPipe { Ok(()) } else { Err(error) })
    {
        let _ = UNWRITTEN.set(error);
    }
}

pub(super) fn err(text: Arguments<'_>) {
    let _ = anstream::stderr().lock().write_fmt(text);
}

/// Why the result was not written, if it was not.
pub(super) fn unwritten() -> Option<&'static io::Error> {
    UNWRITTEN.get()
}
