//! What can go wrong with a request, with the request's name and the service's own words.

use crate::wire::error::ErrorBody;

/// A request that did not get the answer it was made for.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    // Not named `source`: the root cause is in the message, and the way to it says nothing more.
    #[error("{request}: no answer from {endpoint}: {}", root_cause(.cause))]
    Unreachable { request: String, endpoint: String, cause: reqwest::Error },
    #[error("{request}: the service answered {status}{}: {message}{}", code_note(.code.as_deref()), request_id_note(.request_id.as_deref()))]
    Refused { request: String, status: u16, code: Option<String>, message: String, request_id: Option<String> },
    #[error("{request}: the answer {status} cannot be read: {problem}{}", request_id_note(.request_id.as_deref()))]
    NotUnderstood { request: String, status: u16, problem: String, request_id: Option<String> },
    #[error("{request}: the request cannot be built: {problem}")]
    NotSent { request: String, problem: String },
}

/// Characters of a strange body that an error quotes.
const EXCERPT: usize = 200;

impl Error {
    /// From a reply that is no success.
    pub(super) fn from_reply(request: String, status: u16, header_id: Option<String>, body: &[u8]) -> Self {
        let (code, message, body_id) = match parse(body) {
            Some(ErrorBody { error_code, error_msg, request_id }) => (Some(error_code), error_msg, request_id),
            None => (None, excerpt(body), None),
        };
        Self::Refused { request, status, code, message, request_id: body_id.or(header_id) }
    }

    /// Whether the service says that the thing is not there.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Refused { status: 404, .. })
    }

    /// Whether the endpoint does not know the request's path at all: gateways have a code of their own for that.
    pub fn is_unknown_api(&self) -> bool {
        matches!(self, Self::Refused { status: 404, code: Some(code), .. } if code.ends_with(".0101"))
    }

    /// The service's error code, or a name of ours where it gave none.
    pub fn code(&self) -> &str {
        match self {
            Self::Refused { code, .. } => code.as_deref().unwrap_or("no-code"),
            Self::Unreachable { .. } => "no-answer",
            Self::NotUnderstood { .. } => "answer-not-understood",
            Self::NotSent { .. } => "not-sent",
        }
    }

    /// Takes texts out of what the service said: some repeat the request's body.
    pub fn without(mut self, texts: &[&str]) -> Self {
        if let Self::Refused { message, .. } | Self::NotUnderstood { problem: message, .. } = &mut self {
            for text in texts.iter().filter(|text| !text.is_empty()) {
                *message = message.replace(text, "(sensitive)");
            }
        }
        self
    }

    /// The id by which the service's support can find the request.
    pub fn request_id(&self) -> Option<&str> {
        match self {
            Self::Refused { request_id, .. } | Self::NotUnderstood { request_id, .. } => request_id.as_deref(),
            Self::Unreachable { .. } | Self::NotSent { .. } => None,
        }
    }
}

fn parse(body: &[u8]) -> Option<ErrorBody> {
    let value: serde_json::Value = serde_json::from_slice(body).ok()?;
    // Some gateways wrap the error in one more object.
    let inner = value.as_object().and_then(|object| object.values().find(|inner| inner.is_object())).cloned();
    serde_json::from_value(value).ok().or_else(|| serde_json::from_value(inner?).ok())
}

/// The start of a body, on one line.
pub(super) fn excerpt(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(EXCERPT) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None if line.is_empty() => "(empty body)".into(),
        None => line,
    }
}

fn code_note(code: Option<&str>) -> String {
    code.map(|code| format!(" {code}")).unwrap_or_default()
}

fn request_id_note(id: Option<&str>) -> String {
    id.map(|id| format!(" (request id {id})")).unwrap_or_default()
}

/// The innermost cause: what the network said, not who passed it on.
fn root_cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    if error.is_timeout() { "timed out".into() } else { cause.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(status: u16, body: &str) -> String {
        Error::from_reply("GET /x".into(), status, Some("id-1".into()), body.as_bytes()).to_string()
    }

    #[test]
    fn the_services_words_and_the_request_survive() {
        assert_eq!(
            shown(404, r#"{"error_code":"FSS.1051","error_msg":"Not found the function"}"#),
            "GET /x: the service answered 404 FSS.1051: Not found the function (request id id-1)"
        );
        assert_eq!(
            shown(401, r#"{"error_code":"APIGW.0301","error_msg":"no","request_id":"id-2"}"#),
            "GET /x: the service answered 401 APIGW.0301: no (request id id-2)"
        );
        assert_eq!(
            shown(400, r#"{"error":{"code":"FSS.0400","message":"bad"}}"#),
            "GET /x: the service answered 400 FSS.0400: bad (request id id-1)"
        );
        assert_eq!(
            shown(502, "<html>\n<b>bad gateway</b>"),
            "GET /x: the service answered 502: <html> <b>bad gateway</b> (request id id-1)"
        );
    }
}
