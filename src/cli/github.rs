//! In GitHub Actions, shows findings at their lines and adds the result to the job's summary. Elsewhere it does
//! nothing.

use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io::Write;

use crate::diagnostic::Diagnostic;
use crate::render::findings::Trouble;
use crate::render::{github, printable};

use super::{repository, streams};

/// Shows findings at their lines of a pull request. Uses standard error, which GitHub reads too, so that a document on
/// standard output stays complete.
pub(super) fn annotate(diagnostics: &[Diagnostic]) {
    if runs_this() {
        err!("{}", github::annotations(diagnostics, &repository::path));
    }
}

/// Shows failures at the lines that they are about.
pub(super) fn fail(troubles: impl FnOnce() -> Vec<Trouble>) {
    if runs_this() {
        err!("{}", github::failures(&troubles(), &repository::path));
    }
}

/// Adds to the job's summary. The command does not fail if that is impossible.
pub(super) fn summarize(markdown: impl FnOnce() -> String) {
    let Some(path) = summary() else { return };
    let file = OpenOptions::new().append(true).create(true).open(&path);
    let written = file.and_then(|mut file| file.write_all(streams::hidden(&format!("{}\n", markdown())).as_bytes()));
    if let Err(error) = written {
        errln!("warning: the summary `{}` cannot be written: {error}", printable(&path.to_string_lossy()));
    }
}

/// Whether there is a summary to add to.
pub(super) fn has_summary() -> bool {
    summary().is_some()
}

fn summary() -> Option<OsString> {
    std::env::var_os("GITHUB_STEP_SUMMARY").filter(|path| runs_this() && !path.is_empty())
}

fn runs_this() -> bool {
    std::env::var_os("GITHUB_ACTIONS").is_some_and(|value| value == "true")
}
