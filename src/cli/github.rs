//! Where GitHub Actions runs a command, findings at their lines and the result in the job's summary; elsewhere nothing.

use std::fs::OpenOptions;
use std::io::Write;

use crate::diagnostic::Diagnostic;
use crate::render::{github, printable};

/// Shows findings at their lines of a pull request. On standard error, which GitHub reads too, so that a document on
/// standard output stays whole.
pub(super) fn annotate(diagnostics: &[Diagnostic]) {
    if runs_this() {
        err!("{}", github::annotations(diagnostics, &in_repository));
    }
}

pub(super) fn fail(message: &str) {
    if runs_this() {
        err!("{}", github::failure(message));
    }
}

/// Adds to the job's summary. A summary that cannot be written is no reason to fail.
pub(super) fn summarize(markdown: impl FnOnce() -> String) {
    let Some(path) = std::env::var_os("GITHUB_STEP_SUMMARY").filter(|path| runs_this() && !path.is_empty()) else {
        return;
    };
    let file = OpenOptions::new().append(true).create(true).open(&path);
    let written = file.and_then(|mut file| file.write_all(format!("{}\n", markdown()).as_bytes()));
    if let Err(error) = written {
        errln!("warning: the summary `{}` cannot be written: {error}", printable(&path.to_string_lossy()));
    }
}

fn runs_this() -> bool {
    std::env::var_os("GITHUB_ACTIONS").is_some_and(|value| value == "true")
}

/// A file as GitHub calls it: relative to where the repository is.
fn in_repository(file: &str) -> Option<String> {
    let path = std::path::absolute(file).ok().filter(|path| path.exists())?;
    let workspace = std::env::var_os("GITHUB_WORKSPACE");
    let inside = workspace.as_ref().and_then(|workspace| path.strip_prefix(workspace).ok());
    Some(inside.map_or_else(|| file.to_owned(), |inside| inside.display().to_string()))
}
