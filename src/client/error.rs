//! Errors of requests: which request failed, the service's message, what it means and what to do.

use std::fmt;

use super::error_codes::{self, Again};
use super::operation::{self, Action};
use super::request::Request;
use super::retry::Failure;
use super::unreachable::NetworkError;
use crate::wire::error::ErrorBody;

/// A request that did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    // Not named `source`: the message already contains the root cause, and the causes in between add nothing.
    #[error("{request}: no answer from {endpoint}: {}", NetworkError::of(.cause).problem())]
    Unreachable { request: String, endpoint: String, cause: Cause },
    #[error("{request}: {0}", request = .0.request)]
    Refused(Box<Refusal>),
    #[error("{request}: the answer {status} cannot be read: {problem}{}", request_id_note(.request_id.as_deref()))]
    NotUnderstood { request: String, status: u16, problem: String, request_id: Option<String> },
    #[error("{request}: the request cannot be built: {problem}")]
    NotSent { request: String, problem: String },
}

/// Why there is no answer.
#[derive(Debug)]
pub enum Cause {
    Network(reqwest::Error),
    /// A server in this process took too long.
    TimedOut,
}

/// An error answer from the service.
#[derive(Debug)]
pub struct Refusal {
    request: String,
    status: u16,
    /// The service's error code, unchanged, because decisions depend on it.
    code: Option<String>,
    /// The same code, redacted for display.
    shown_code: Option<String>,
    message: String,
    request_id: Option<String>,
    /// The IAM action that the user needs.
    action: Option<Action>,
}

/// Characters that an error quotes of a body in another format.
const EXCERPT: usize = 200;
/// Bytes of such a body that are searched for secrets.
const SEARCHED: usize = 64 * 1024;
/// The service's message for a function that may not have instances. Waiting does not help.
const DISABLED: &str = "Function Disabled";

impl Error {
    /// Creates the error for an unsuccessful reply.
    pub(super) fn from_reply(request: &Request, status: u16, header_id: Option<String>, body: &[u8]) -> Self {
        let (code, message, body_id) = match parse(body) {
            Some(ErrorBody { error_code, error_msg, request_id }) => {
                (Some(error_code), said(request, &error_msg), request_id.map(|id| said(request, &id)))
            }
            None => (None, excerpt(request, body), None),
        };
        Self::Refused(Box::new(Refusal {
            request: request.name.clone(),
            status,
            shown_code: code.as_deref().map(|code| said(request, code)),
            code,
            message,
            request_id: body_id.or(header_id),
            action: operation::action(request.operation),
        }))
    }

    /// Whether the service says that the resource does not exist. An answer from the gateway or a proxy's page does not
    /// count, because they do not know.
    pub fn is_not_found(&self) -> bool {
        let Self::Refused(refusal) = self else { return false };
        let is_of_service = |code: &str| !error_codes::is_of_gateway(code);
        refusal.status == 404 && refusal.code.as_deref().is_some_and(is_of_service)
    }

    /// Whether the service answered with this code. Some gateways spell it differently.
    pub fn has_code(&self, code: &str) -> bool {
        let Self::Refused(refusal) = self else { return false };
        refusal.code.as_deref().is_some_and(|own| error_codes::canonical(own) == code)
    }

    /// Whether the answer has the status 404, no matter who sent it. A gateway also sends it for a call that the API does not
    /// have.
    pub fn is_missing_path(&self) -> bool {
        matches!(self, Self::Refused(refusal) if refusal.status == 404)
    }

    /// Whether the service says that the resource already exists.
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::Refused(refusal) if refusal.status == 409)
    }

    /// Whether the service forbids the request to this user.
    pub fn is_forbidden(&self) -> bool {
        matches!(self, Self::Refused(refusal) if refusal.status == 403)
    }

    /// Whether the request may have taken effect despite the error.
    pub fn is_unclear(&self) -> bool {
        let is_strange_answer = match self {
            Self::NotUnderstood { status, .. } => (200..300).contains(status),
            Self::Unreachable { cause, .. } => NetworkError::of(cause) == NetworkError::NotHttp,
            Self::Refused(_) | Self::NotSent { .. } => false,
        };
        is_strange_answer || self.failure() == Failure::Unclear
    }

    /// What the service answered, if it refused the request.
    pub fn refusal(&self) -> Option<String> {
        match self {
            Self::Refused(refusal) => Some(refusal.to_string()),
            Self::Unreachable { .. } | Self::NotUnderstood { .. } | Self::NotSent { .. } => None,
        }
    }

    /// How the error affects a retry.
    pub(super) fn failure(&self) -> Failure {
        match self {
            Self::Unreachable { cause, .. } => NetworkError::of(cause).failure(),
            Self::Refused(refusal) => refusal.failure(),
            Self::NotUnderstood { .. } | Self::NotSent { .. } => Failure::Final,
        }
    }

    /// Whether the endpoint does not have this path. Gateways use their own code for that.
    pub fn is_unknown_api(&self) -> bool {
        let Self::Refused(refusal) = self else { return false };
        refusal.status == 404 && refusal.code.as_deref().is_some_and(|code| code.ends_with(".0101"))
    }

    /// What the error means and what to do, if known.
    pub fn help(&self) -> Option<String> {
        match self {
            Self::Unreachable { cause, .. } => Some(NetworkError::of(cause).help().to_owned()),
            Self::Refused(refusal) => refusal.help(),
            Self::NotUnderstood { status: 300..400, .. } => {
                Some("check the endpoint, and whether a proxy asks for a login".to_owned())
            }
            Self::NotUnderstood { .. } => {
                Some("check the endpoint and HTTPS_PROXY: this answer is not in FunctionGraph's format".to_owned())
            }
            Self::NotSent { .. } => Some("remove the character from the keys or the token".to_owned()),
        }
    }

    /// The service's error code, or one of ours if the answer has none.
    pub fn code(&self) -> &str {
        match self {
            Self::Refused(refusal) => refusal.shown_code.as_deref().unwrap_or("no-code"),
            Self::Unreachable { .. } => "no-answer",
            Self::NotUnderstood { .. } => "answer-not-understood",
            Self::NotSent { .. } => "not-sent",
        }
    }

    /// Adds the number of tries, if there was more than one.
    pub(super) fn tried(mut self, times: u32) -> Self {
        let request = match &mut self {
            Self::Refused(refusal) => &mut refusal.request,
            Self::Unreachable { request, .. } | Self::NotUnderstood { request, .. } | Self::NotSent { request, .. } => {
                request
            }
        };
        if times > 1 {
            *request = format!("{request} (tried {times} times)");
        }
        self
    }

    /// The id by which the service's support can find the request.
    pub fn request_id(&self) -> Option<&str> {
        match self {
            Self::Refused(refusal) => refusal.request_id.as_deref(),
            Self::NotUnderstood { request_id, .. } => request_id.as_deref(),
            Self::Unreachable { .. } | Self::NotSent { .. } => None,
        }
    }
}

impl Refusal {
    fn failure(&self) -> Failure {
        let known = self.code.as_deref().and_then(error_codes::known);
        let may_help = known.is_none_or(|known| known.again == Again::Helps);
        match self.status {
            429 if !self.message.contains(DISABLED) => Failure::Throttled,
            408 | 500 | 502 | 503 | 504 if may_help => Failure::Unclear,
            _ => Failure::Final,
        }
    }

    /// What the error means and what to do, if known.
    fn help(&self) -> Option<String> {
        let code = self.code.as_deref().unwrap_or_default();
        if self.message.contains(DISABLED) {
            return Some("the function may not have any instances: raise its maximum".to_owned());
        }
        if error_codes::is_missing_permission(code) || (self.status == 403 && error_codes::known(code).is_none()) {
            let action = match self.action {
                Some(Action::Documented(action)) => format!("the IAM action {action}"),
                Some(Action::Likely(action)) => format!("the required IAM action, probably {action}"),
                None => "the required IAM action".to_owned(),
            };
            return Some(format!("the user lacks permission in this project: grant {action}"));
        }
        let Some(error_codes::Known { meaning, advice, again }) = error_codes::known(code) else {
            return self.help_by_status().map(str::to_owned);
        };
        let again = if again == Again::Helps { "; trying again may help" } else { "" };
        Some(format!("{meaning}: {advice}{again}"))
    }

    /// For answers without a known code, which may come from a gateway or a proxy.
    fn help_by_status(&self) -> Option<&'static str> {
        match (self.status, &self.code) {
            (401, _) => Some("the credentials were not accepted: `fgctl whoami` shows which ones are used"),
            (404, None) => Some("this answer does not come from FunctionGraph: check the endpoint"),
            (407, _) => {
                Some("the proxy requires a login: put it into HTTPS_PROXY, as in http://user:password@host:port")
            }
            (502..=504, None) => Some("a gateway or proxy answered, not the service: try again later"),
            _ => None,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { request: _, status, code: _, shown_code, message, request_id, action: _ } = self;
        write!(f, "the service answered {status}")?;
        if let Some(code) = shown_code {
            write!(f, " {code}")?;
        }
        write!(f, ": {message}{}", request_id_note(request_id.as_deref()))
    }
}

fn parse(body: &[u8]) -> Option<ErrorBody> {
    let value: serde_json::Value = serde_json::from_slice(body).ok()?;
    // Some gateways wrap the error in another object.
    let inner = value.as_object().and_then(|object| object.values().find(|inner| inner.is_object())).cloned();
    serde_json::from_value(value).ok().or_else(|| serde_json::from_value(inner?).ok())
}

/// The longest quotation of the service's text, in characters.
const LONGEST: usize = 10_000;

/// The service's text for messages: without secrets and on one line, because terminals act on control characters and
/// some pipelines read commands at the start of a line.
pub(super) fn said(request: &Request, text: &str) -> String {
    let shown = request.redaction.apply(text).replace(char::is_control, " ");
    match shown.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &shown[..end]),
        None => shown,
    }
}

/// The start of a reply's body on one line.
pub(super) fn excerpt(request: &Request, body: &[u8]) -> String {
    // If this cuts a secret, the cut is far beyond the part that is shown.
    let body = &body[..body.len().min(SEARCHED)];
    let text = said(request, &String::from_utf8_lossy(body));
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(EXCERPT) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None if line.is_empty() => "(empty body)".into(),
        None => line,
    }
}

fn request_id_note(id: Option<&str>) -> String {
    id.map(|id| format!(" (request id {id})")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::transport::Endpoint;
    use crate::wire::routes::Operation::{self, CreateFunction, ListFunctions};

    fn error(operation: Operation, status: u16, body: &str) -> Error {
        let url = "http://example.test".parse().expect("a URL");
        let endpoint = Endpoint { url, region: "eu-de".to_owned(), project_id: "p".to_owned() };
        let request = Request::new(&endpoint, operation, &[]);
        Error::from_reply(&request, status, Some("id-1".into()), body.as_bytes())
    }

    fn shown(status: u16, body: &str) -> String {
        let error = error(CreateFunction, status, body);
        format!("{error}\n{}", error.help().unwrap_or_default())
    }

    #[test]
    fn a_refusal_shows_the_request_the_services_message_and_advice() {
        assert_eq!(
            shown(403, r#"{"error_code":"FSS.1041","error_msg":"quota"}"#),
            "POST /v2/p/fgs/functions: the service answered 403 FSS.1041: quota (request id id-1)\nthe project has reached its \
             quota of functions: delete some, or request a higher quota"
        );
        assert_eq!(
            shown(429, r#"{"error_code":"APIG.0308","error_msg":"slow","request_id":"id-2"}"#),
            "POST /v2/p/fgs/functions: the service answered 429 APIG.0308: slow (request id id-2)\ntoo many requests: lower \
             --concurrency or --max-requests-per-second; trying again may help"
        );
        assert_eq!(
            shown(400, r#"{"error":{"code":"FSS.9999","message":"bad"}}"#),
            "POST /v2/p/fgs/functions: the service answered 400 FSS.9999: bad (request id id-1)\n"
        );
        assert_eq!(
            shown(502, "<html>\n<b>bad gateway</b>"),
            "POST /v2/p/fgs/functions: the service answered 502: <html> <b>bad gateway</b> (request id id-1)\na gateway or proxy \
             answered, not the service: try again later"
        );
    }

    #[test]
    fn the_services_message_is_on_one_line() {
        let said = shown(400, r#"{"error_code":"FSS.9999","error_msg":"bad\n::error::done\u001b[2J"}"#);
        assert!(said.contains("FSS.9999: bad ::error::done [2J (request"), "{said}");
        assert!(!shown(502, "\u{1b}[2Jgone").contains('\u{1b}'));
    }

    #[test]
    fn a_missing_permission_names_the_action() {
        let refusal =
            |operation, code| error(operation, 403, &format!(r#"{{"error_code":"{code}","error_msg":"no"}}"#));
        for code in ["FSS.0403", "APIGW.0302", "APIG.0302", "NEW.1"] {
            let shown = refusal(ListFunctions, code).help().expect("help");
            assert!(shown.ends_with("grant the IAM action functiongraph:function:list"), "{shown}");
        }
        let shown = refusal(CreateFunction, "FSS.0403").help().expect("help");
        assert!(
            shown.ends_with("grant the required IAM action, probably functiongraph:function:createFunction"),
            "{shown}"
        );
    }

    #[test]
    fn only_the_service_can_report_a_missing_resource() {
        for (status, body, expected) in [
            (404, r#"{"error_code":"FSS.1051"}"#, true),
            (404, r#"{"error_code":"FGS.0404"}"#, true),
            (404, r#"{"error_code":"APIGW.0101"}"#, false),
            (404, r#"{"error_code":"APIG.0101"}"#, false),
            (404, "<html>not found</html>", false),
            (401, r#"{"error_code":"FSS.0401","error_msg":"function not found"}"#, false),
            (500, r#"{"error_code":"FSS.0500","error_msg":"function not found"}"#, false),
        ] {
            assert_eq!(error(ListFunctions, status, body).is_not_found(), expected, "{status} {body}");
        }
    }

    #[test]
    fn failures_say_whether_a_retry_is_safe() {
        for (status, body, expected) in [
            (429, "", Failure::Throttled),
            (429, r#"{"error_code":"FSS.0429","error_msg":"api is busy now"}"#, Failure::Throttled),
            (429, r#"{"error_code":"FSS.0429","error_msg":"Function Disabled"}"#, Failure::Final),
            (500, r#"{"error_code":"FSS.0500"}"#, Failure::Unclear),
            (503, "<html>", Failure::Unclear),
            (504, r#"{"error_code":"APIGW.0201"}"#, Failure::Unclear),
            (413, r#"{"error_code":"APIGW.0201"}"#, Failure::Final),
            (501, "", Failure::Final),
            (401, r#"{"error_code":"APIGW.0301"}"#, Failure::Final),
            (409, r#"{"error_code":"FSS.1061"}"#, Failure::Final),
        ] {
            assert_eq!(error(ListFunctions, status, body).failure(), expected, "{status} {body}");
        }
    }
}
