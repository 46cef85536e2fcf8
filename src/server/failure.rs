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
        Self::internal(error)
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}
