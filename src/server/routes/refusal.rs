//! Maps failures to HTTP answers. No other module chooses their status codes.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use crate::wire::error::ErrorBody;

use super::super::failure::Failure;
use super::super::refusal::Refusal;
use super::super::store::StoreFailure;

const INTERNAL: &str = "FSS.0500";
/// A row of this server's store is damaged. The service has no such error.
const UNREADABLE: &str = "FGCTL.0500";

/// A failure that is passed to [`super::finish`], which adds the request id.
impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let refusal = match self {
            Self::Refused(refusal) => refusal,
            Self::Store(failure @ StoreFailure::Unreadable(_)) => Refusal::new(UNREADABLE, failure.to_string()),
            failure @ (Self::Store(StoreFailure::Failed(_)) | Self::Internal(_)) => {
                Refusal::new(INTERNAL, failure.to_string())
            }
        };
        let mut response = status(refusal.code).into_response();
        response.extensions_mut().insert(refusal);
        response
    }
}

/// The answer to a refused request.
pub(super) fn answer(refusal: Refusal, request_id: &str) -> Response {
    let Refusal { code, message } = refusal;
    // Errors of the gateway contain the request id; errors of the service do not.
    let request_id = code.starts_with("APIGW.").then(|| request_id.to_owned());
    let body = ErrorBody { error_code: code.to_owned(), error_msg: message, request_id };
    (status(code), Json(body)).into_response()
}

/// The HTTP status of an error code. The number of a general code, such as `FSS.0404`, is the status.
fn status(code: &str) -> StatusCode {
    match code {
        "APIGW.0301" => StatusCode::UNAUTHORIZED,
        "FSS.1040" | "FSS.1041" | "FSS.1043" | "FSS.1094" | "FSS.1108" | "FSS.1123" | "FSS.1154" => {
            StatusCode::FORBIDDEN
        }
        "APIGW.0101" | "FSS.1051" | "FSS.1052" | "FSS.1053" | "FSS.1056" | "FSS.1131" => StatusCode::NOT_FOUND,
        "FSS.1061" | "FSS.1062" | "FSS.1063" | "FSS.1066" | "FSS.1141" | "FSS.1145" | "FSS.1147" | "FSS.1148"
        | "FSS.1150" => StatusCode::CONFLICT,
        "FSS.1033" => StatusCode::PRECONDITION_FAILED,
        "FSS.1071" | "FSS.1072" | "FSS.1201" => StatusCode::PAYLOAD_TOO_LARGE,
        _ => generic(code).unwrap_or(StatusCode::BAD_REQUEST),
    }
}

fn generic(code: &str) -> Option<StatusCode> {
    let (_, number) = code.split_once(".0")?;
    StatusCode::from_bytes(number.as_bytes()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_has_its_documented_status() {
        for (code, expected) in [
            ("FSS.0400", 400),
            ("FSS.0404", 404),
            ("FSS.0408", 408),
            ("FSS.0413", 413),
            ("FSS.0429", 429),
            ("FSS.0500", 500),
            ("FGCTL.0500", 500),
            ("FSS.1001", 400),
            ("FSS.1221", 400),
            ("FSS.1309", 400),
            ("FSS.1041", 403),
            ("FSS.1051", 404),
            ("FSS.1066", 409),
            ("FSS.1201", 413),
            ("APIGW.0301", 401),
            ("APIGW.0101", 404),
        ] {
            assert_eq!(status(code).as_u16(), expected, "{code}");
        }
    }
}
