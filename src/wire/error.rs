//! Error bodies of the service (`FSS.`) and of the gateway in front of it (`APIGW.`, `APIG.`).

use serde::{Deserialize, Serialize};

/// `{"error_code":"FSS.1051","error_msg":"…"}`; the gateway adds `request_id`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorBody {
    #[serde(alias = "errorCode", alias = "code")]
    pub error_code: String,
    #[serde(alias = "errorMsg", alias = "message", default)]
    pub error_msg: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

/// The header in which a reply gives its request's id.
pub const REQUEST_ID_HEADER: &str = "x-request-id";
