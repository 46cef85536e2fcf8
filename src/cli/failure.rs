//! Reports why a command failed: what happened, its causes, and what to do.

use std::future::Future;

use crate::diagnostic::Diagnostic;
use crate::remote;
use crate::render::json::Failure;
use crate::render::printable;

use super::Exit;
use super::interruption;
use super::report;
use super::report_file::Reporting;

/// An error, or the context of one, with an instruction.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(super) struct Advised {
    message: String,
    help: String,
    /// Whether the message replaces those of the causes.
    is_whole: bool,
}

impl Advised {
    pub(super) fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { message: message.into(), help: help.into(), is_whole: false }
    }

    /// Says everything that its causes say.
    pub(super) fn instead(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { is_whole: true, ..Self::new(message, help) }
    }
}

/// An error with an instruction.
pub(super) fn advised(message: impl Into<String>, help: impl Into<String>) -> anyhow::Error {
    Advised::new(message, help).into()
}

/// An error whose text already contains its causes, as errors of the server do.
pub(super) fn stated(error: impl std::error::Error) -> anyhow::Error {
    anyhow::Error::msg(error.to_string())
}

/// Findings that stop a command. They have their own locations.
#[derive(Debug, thiserror::Error)]
#[error("the manifest is not valid")]
pub(super) struct Refused {
    pub(super) diagnostics: Vec<Diagnostic>,
}

/// An interruption stopped a command that cleans up after itself.
#[derive(Debug, thiserror::Error)]
#[error("interrupted: {consequence}")]
pub(super) struct Interrupted {
    pub(super) consequence: String,
}

/// Why a saved plan cannot be made again: its stack, its environment or one of its files has changed.
#[derive(Debug, thiserror::Error)]
#[error("{reason}")]
pub(super) struct Outdated {
    pub(super) reason: String,
    pub(super) help: String,
}

/// The texts of an error and its causes.
pub(super) fn message(error: &anyhow::Error) -> String {
    if let Some(advised) = error.downcast_ref::<Advised>().filter(|advised| advised.is_whole) {
        let request = error.downcast_ref::<remote::Error>().and_then(remote::Error::request_id);
        let request = request.map(|id| format!(" (request id {id})")).unwrap_or_default();
        return format!("{advised}{request}");
    }
    error.chain().map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// What to do about an error. Its own instruction takes precedence over its cause's.
pub(super) fn help(error: &anyhow::Error) -> Option<String> {
    let own = error.downcast_ref::<Advised>().map(|advised| advised.help.clone());
    own.or_else(|| error.downcast_ref::<remote::Error>()?.help()).or_else(|| {
        let client = error.downcast_ref::<crate::client::Error>()?;
        client.help()
    })
}

/// Prints an error for people.
pub(super) fn show(error: &anyhow::Error) {
    errln!("error: {}", printable(&message(error)));
    if let Some(help) = help(error) {
        errln!("  help: {}", printable(&help));
    }
}

/// Also reports a failure or an interruption in the requested documents. Findings are reported only here.
pub(super) async fn reported(
    reporting: impl Into<Reporting>,
    work: impl Future<Output = anyhow::Result<Exit>>,
) -> anyhow::Result<Exit> {
    let reporting = reporting.into();
    interruption::report_to(&reporting);
    let error = match work.await {
        Ok(exit) => return Ok(exit),
        Err(error) => error,
    };
    let reporting = reporting.permitted_by(&error);
    if let Some(Refused { diagnostics }) = error.downcast_ref() {
        report::refused(&reporting, diagnostics);
        return Ok(Exit::Failed);
    }
    let known = error.downcast_ref::<remote::Error>();
    let is_interrupted = error.is::<Interrupted>();
    report::failed(
        &reporting,
        &Failure {
            code: known.map(remote::Error::code).or(is_interrupted.then_some("interrupted")),
            message: &message(&error),
            help: help(&error).as_deref(),
            request_id: known.and_then(remote::Error::request_id),
        },
    );
    if is_interrupted {
        show(&error);
        return Ok(Exit::Interrupted);
    }
    Err(error)
}
