//! Why a request is refused, as a value: an HTTP status, the service's code and a sentence.
//!
//! It becomes a body in one place, `routes::finish`, which alone knows the request's id.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) status: StatusCode,
    pub(crate) code: &'static str,
    pub(crate) message: String,
}

pub(crate) type Outcome<T> = Result<T, Failure>;

/// The code for a row of this server's own store that cannot be used; the service has no such failure.
const UNREADABLE: &str = "FGCTL.0500";

impl Failure {
    pub(crate) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into() }
    }

    /// 400 with the code of what is wrong.
    pub(crate) fn invalid(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }

    /// 400 for what has no code of its own.
    pub(crate) fn parameter(message: impl Into<String>) -> Self {
        Self::invalid("FSS.0400", message)
    }

    pub(crate) fn missing(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, code, message)
    }

    pub(crate) fn too_large(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, code, message)
    }

    pub(crate) fn internal(cause: impl std::fmt::Display) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "FSS.0500", format!("the local server failed: {cause}"))
    }

    /// One row of the store is damaged, or too large. The rest of the store is not affected.
    pub(crate) fn unreadable(cause: impl std::fmt::Display) -> Self {
        let message = format!("a row of the local server's store cannot be used: {cause}");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, UNREADABLE, message)
    }

    pub(crate) fn is_unreadable(&self) -> bool {
        self.code == UNREADABLE
    }

    /// Says which row it is about, if it is about one.
    pub(crate) fn about(self, row: impl std::fmt::Display) -> Self {
        if self.is_unreadable() { Self { message: format!("{row}: {}", self.message), ..self } } else { self }
    }

    /// 401 of the gateway; its texts all begin alike.
    pub(crate) fn unauthenticated(cause: impl std::fmt::Display) -> Self {
        let message = format!("Incorrect IAM authentication information: {cause}");
        Self::new(StatusCode::UNAUTHORIZED, "APIGW.0301", message)
    }

    /// 404 of the gateway, which knows methods and paths but no resources.
    pub(crate) fn unknown_api() -> Self {
        let message = "The API does not exist or has not been published in the environment";
        Self::missing("APIGW.0101", message)
    }

    /// The gateway names the request in its errors; the service does not.
    pub(crate) fn is_of_gateway(&self) -> bool {
        self.code.starts_with("APIGW.")
    }
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        if is_about_a_row(&error) { Self::unreadable(error) } else { Self::internal(error) }
    }
}

/// Whether the value of a column is the problem, and not the database or the disk.
fn is_about_a_row(error: &rusqlite::Error) -> bool {
    use rusqlite::{Error, ErrorCode};
    match error {
        Error::FromSqlConversionFailure(..)
        | Error::IntegralValueOutOfRange(..)
        | Error::Utf8Error(..)
        | Error::InvalidColumnType(..) => true,
        Error::SqliteFailure(cause, _) => matches!(cause.code, ErrorCode::TooBig | ErrorCode::TypeMismatch),
        _ => false,
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}
