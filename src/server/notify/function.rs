//! FunctionGraph: the notification becomes an asynchronous invocation, whose event it is.

use axum::http::StatusCode;
use rusqlite::Connection;

use crate::wire::async_policy::FunctionParam;

use super::super::failure::Outcome;
use super::super::routes::target::Target;
use super::super::store::notification::Receipt;
use super::super::transition::{self, Cause, Request, Terms};
use super::{Delivered, Trouble};

/// Keeps the request within the transaction at hand; fails only where the store does.
pub(super) fn deliver(
    connection: &Connection,
    terms: &Terms,
    (param, body, cause): (&str, &str, Cause),
    now: i64,
) -> Outcome<Delivered> {
    let Ok(FunctionParam { func_urn }) = serde_json::from_str(param) else {
        return Ok(Err(Trouble::Never("the target does not say which function".to_owned())));
    };
    let target = match Target::of_project(&terms.region, &terms.project_id, &func_urn) {
        Ok(target) => target,
        Err(elsewhere) => return Ok(Err(Trouble::Never(elsewhere.message))),
    };
    let request_id = transition::new_request_id();
    let request = Request { id: request_id.clone(), target, body: body.as_bytes().to_vec(), cause: Some(cause) };
    match transition::accept(connection, terms, &request, now) {
        Ok(()) => Ok(Ok(Receipt::Invocation { request_id })),
        Err(failure) if failure.status == StatusCode::PAYLOAD_TOO_LARGE => Ok(Err(Trouble::Never(failure.message))),
        Err(failure) if failure.status == StatusCode::INTERNAL_SERVER_ERROR && !failure.is_unreadable() => Err(failure),
        // It may be created, or enabled, before we give up.
        Err(failure) => Ok(Err(Trouble::NotNow(failure.message))),
    }
}
