//! How a command reports that it failed: what happened with its causes, and what to do about it.

use std::future::Future;

use crate::diagnostic::Diagnostic;
use crate::remote;
use crate::render::json::Failure;
use crate::render::printable;

use super::Exit;
use super::output::ReportOutput;
use super::report;

/// An error, or the context of one, with an instruction.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(super) struct Advised {
    message: String,
    help: String,
}

impl Advised {
    pub(super) fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { message: message.into(), help: help.into() }
    }
}

/// An error with an instruction.
pub(super) fn advised(message: impl Into<String>, help: impl Into<String>) -> anyhow::Error {
    Advised::new(message, help).into()
}

/// An error that states its causes itself, as those of the server do.
pub(super) fn stated(error: impl std::error::Error) -> anyhow::Error {
    anyhow::Error::msg(error.to_string())
}

/// Findings because of which there is nothing to go on with; they have their places.
#[derive(Debug, thiserror::Error)]
#[error("the manifest is not valid")]
pub(super) struct Refused {
    pub(super) diagnostics: Vec<Diagnostic>,
}

/// An error and its causes, each of which says only what it adds.
pub(super) fn message(error: &anyhow::Error) -> String {
    error.chain().map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// What to do about an error: its own instruction comes before the one of its cause.
pub(super) fn help(error: &anyhow::Error) -> Option<String> {
    let own = error.downcast_ref::<Advised>().map(|advised| advised.help.clone());
    own.or_else(|| error.downcast_ref::<remote::Error>()?.help()).or_else(|| {
        let client = error.downcast_ref::<crate::client::Error>()?;
        client.help()
    })
}

/// Tells people.
pub(super) fn show(error: &anyhow::Error) {
    errln!("error: {}", printable(&message(error)));
    if let Some(help) = help(error) {
        errln!("  help: {}", printable(&help));
    }
}

/// Reports a failure in the document that was asked for, too. Findings are reported here and nowhere else.
pub(super) async fn reported(
    output: impl Into<ReportOutput>,
    work: impl Future<Output = anyhow::Result<Exit>>,
) -> anyhow::Result<Exit> {
    let output = output.into();
    let error = match work.await {
        Ok(exit) => return Ok(exit),
        Err(error) => error,
    };
    if let Some(Refused { diagnostics }) = error.downcast_ref() {
        report::refused(output, diagnostics);
        return Ok(Exit::Failed);
    }
    let known = error.downcast_ref::<remote::Error>();
    report::failed(
        output,
        &Failure {
            code: known.map(remote::Error::code),
            message: &message(&error),
            help: help(&error).as_deref(),
            request_id: known.and_then(remote::Error::request_id),
        },
    );
    Err(error)
}
