//! Standard output and standard error. Writing never panics: if standard output fails, for example because a disk is
//! full, the command finishes and then fails. A failure of standard error is ignored, because it cannot be reported.
//!
//! A reader that closes a pipe has read enough, so that is not a failure.

use std::borrow::Cow;
use std::fmt::Arguments;
use std::io::{self, ErrorKind, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{OnceLock, PoisonError, RwLock};

use crate::model::secret::RECOGNIZABLE;
use crate::redaction::Redaction;

use super::progress;

/// The first error that prevented writing a part of the result.
static UNWRITTEN: OnceLock<io::Error> = OnceLock::new();

/// The secrets that no output may contain.
static SECRETS: RwLock<Option<Redaction>> = RwLock::new(None);

/// Removes these secrets from all further output, too, because names, locations and causes can contain them. Short
/// secrets can also occur by chance, for example in counts, so they are hidden only in values.
pub(super) fn hide(secrets: &Redaction) {
    let mut hidden = SECRETS.write().unwrap_or_else(PoisonError::into_inner);
    let before = hidden.take().unwrap_or_default();
    *hidden = Some(before.with(&secrets.at_least(RECOGNIZABLE)));
}

/// Returns a text without the secrets.
pub(super) fn hidden(text: &str) -> Cow<'_, str> {
    match &*SECRETS.read().unwrap_or_else(PoisonError::into_inner) {
        // Works line by line, because a search needs several times the memory of its text.
        Some(secrets) => text.split_inclusive('\n').map(|line| secrets.apply(line)).collect::<String>().into(),
        None => text.into(),
    }
}

/// Whether standard error stays empty.
static IS_MUTED: AtomicBool = AtomicBool::new(false);

/// Prints nothing to standard error from now on.
pub(super) fn mute() {
    IS_MUTED.store(true, Ordering::Relaxed);
}

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

/// The width of the terminal, if standard output is one.
pub(super) fn width() -> Option<usize> {
    Some(size()?.0)
}

/// The columns and rows of the terminal, if standard output is one.
pub(super) fn size() -> Option<(usize, usize)> {
    let (terminal_size::Width(width), terminal_size::Height(height)) = terminal_size::terminal_size_of(io::stdout())?;
    Some((width.into(), height.into()))
}

/// The width of the terminal of standard error, or a usual one.
pub(super) fn error_width() -> usize {
    terminal_size::terminal_size_of(io::stderr()).map_or(80, |(terminal_size::Width(width), _)| width.into())
}

/// A text as standard output would show it: without secrets, and with colors only if it would show them.
pub(super) fn as_shown(text: &str) -> String {
    let text = hidden(text);
    match anstream::stdout().current_choice() {
        anstream::ColorChoice::Never => anstream::adapter::strip_str(&text).to_string(),
        _ => text.into_owned(),
    }
}

pub(super) fn out(text: Arguments<'_>) {
    let text = text.to_string();
    progress::without(|| {
        let mut stream = anstream::stdout().lock();
        if let Err(error) = stream.write_all(hidden(&text).as_bytes()).and_then(|()| stream.flush()) {
            let _ = UNWRITTEN.set(error);
        }
    });
}

pub(super) fn err(text: Arguments<'_>) {
    if IS_MUTED.load(Ordering::Relaxed) {
        return;
    }
    let text = text.to_string();
    progress::without(|| {
        let _ = anstream::stderr().lock().write_all(hidden(&text).as_bytes());
    });
}

/// Whether the reader has closed the stream, so output no longer arrives.
pub(super) fn are_over() -> bool {
    UNWRITTEN.get().is_some()
}

/// Why the result was not written, if so.
pub(super) fn unwritten() -> Option<&'static io::Error> {
    UNWRITTEN.get().filter(|error| error.kind() != ErrorKind::BrokenPipe)
}
