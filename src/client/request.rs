//! A request as it is sent: its address, its body, and the headers that identify the sender.

use bytes::Bytes;
use jiff::Timestamp;
use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;

use super::credentials::Credentials;
use super::error::Error;
use super::transport::Endpoint;
use crate::redaction::Redaction;
use crate::wire::routes::{self, Operation};
use crate::wire::signature;

const JSON: &str = "application/json";

/// The parts that are the same in each try.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) operation: Operation,
    /// The request's name in messages.
    pub(super) name: String,
    pub(super) url: Url,
    pub(super) body: Bytes,
    /// Added to the headers that every request has; not signed.
    pub(super) headers: &'static [(&'static str, &'static str)],
    /// Whether a failed function counts as an ordinary answer.
    pub(super) runs_function: bool,
    /// The secrets to hide in the answer.
    pub(super) redaction: Redaction,
}

/// The sender's identity and credentials.
#[derive(Clone, Copy)]
pub(super) struct Sender<'a> {
    pub(super) credentials: &'a Credentials,
    /// Empty if the service does not use projects.
    pub(super) project_id: &'a str,
}

impl Request {
    /// Keeps the endpoint's own path in front of the operation's.
    pub(super) fn new(endpoint: &Endpoint, operation: Operation, names: &[&str]) -> Self {
        let Endpoint { url, region: _, project_id } = endpoint;
        let path = format!("{}{}", url.path().trim_end_matches('/'), operation.path(project_id, names));
        let mut url = url.clone();
        url.set_path(&path);
        url.set_query(None);
        Self {
            operation,
            name: operation.request(project_id, names),
            url,
            body: Bytes::new(),
            headers: &[],
            runs_function: false,
            redaction: Redaction::default(),
        }
    }

    pub(super) fn with_query(mut self, query: &[(&str, String)]) -> Self {
        self.url.set_query(Some(routes::query(query).as_str()).filter(|query| !query.is_empty()));
        self
    }

    pub(super) fn with_body(self, body: Vec<u8>) -> Self {
        Self { body: body.into(), ..self }
    }

    pub(super) fn with_json<B: Serialize>(self, body: &B) -> Result<Self, Error> {
        match serde_json::to_vec(body) {
            Ok(body) => Ok(self.with_body(body)),
            Err(error) => Err(Error::NotSent { request: self.name, problem: error.to_string() }),
        }
    }

    /// Hides more secrets in the answer.
    pub(super) fn hiding(self, secrets: Vec<SecretString>) -> Self {
        Self { redaction: self.redaction.and(secrets), ..self }
    }

    /// Makes this a request that runs a function and waits until it ends.
    pub(super) fn running_function(self, headers: &'static [(&'static str, &'static str)]) -> Self {
        Self { headers, runs_function: true, ..self }
    }

    /// The headers for a request sent now. With keys, each try gets its own signature.
    pub(super) fn headers(&self, sender: Sender<'_>, now: Timestamp) -> Vec<(&'static str, String)> {
        let Sender { credentials, project_id } = sender;
        let mut headers = vec![("content-type", JSON.to_owned())];
        match credentials {
            Credentials::Token(token) => headers.push(("x-auth-token", token.expose_secret().to_owned())),
            Credentials::Keys { access_key, secret_key, security_token } => {
                headers.push(("host", host(&self.url)));
                headers.push((signature::DATE_HEADER, signature::date(now)));
                let project_id = Some(project_id).filter(|id| !id.is_empty());
                headers.extend(project_id.map(|id| ("x-project-id", id.to_owned())));
                let token = security_token.as_ref();
                headers.extend(token.map(|token| ("x-security-token", token.expose_secret().to_owned())));
                let method = self.operation.method();
                let request = signature::SignableRequest {
                    method: method.as_str(),
                    path: self.url.path(),
                    query: self.url.query().unwrap_or_default(),
                    headers: &headers.iter().map(|(name, value)| (*name, value.as_str())).collect::<Vec<_>>(),
                    body: &self.body,
                };
                let credentials = signature::Credentials { access_key, secret_key: secret_key.expose_secret() };
                let authorization = signature::authorization(&request, credentials);
                headers.push(("authorization", authorization));
            }
        }
        headers.extend(self.headers.iter().map(|(name, value)| (*name, (*value).to_owned())));
        headers
    }
}

/// The host as HTTP clients send it, with the port only if it is not the scheme's default.
fn host(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::signature::Authorization;

    fn keys(security_token: Option<&str>) -> Credentials {
        Credentials::Keys {
            access_key: "AK".to_owned(),
            secret_key: "SK".into(),
            security_token: security_token.map(Into::into),
        }
    }

    fn request() -> Request {
        let url = "https://functiongraph.eu-de.example.test:8443/front/".parse().expect("a URL");
        let endpoint = Endpoint { url, region: "eu-de".to_owned(), project_id: "p".to_owned() };
        let names = ["urn:fss:eu-de:p:function:default:f:!prod"];
        let query = [("name", "grüße & co".to_owned()), ("tag", String::new()), ("tag", "+".to_owned())];
        Request::new(&endpoint, Operation::DeleteFunction, &names).with_query(&query).with_body(b"{}".to_vec())
    }

    /// Verifies the signature from what a server sees of the request.
    fn is_accepted(request: &Request, headers: &[(&'static str, String)]) -> bool {
        let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let (_, authorization) = headers.iter().find(|(name, _)| *name == "authorization").expect("a signature");
        let method = request.operation.method();
        let seen = signature::SignableRequest {
            method: method.as_str(),
            path: request.url.path(),
            query: request.url.query().unwrap_or_default(),
            headers: &headers,
            body: &request.body,
        };
        signature::verify(&seen, &Authorization::parse(authorization).expect("well-formed"), "SK").is_ok()
    }

    #[test]
    fn the_signature_covers_exactly_what_is_sent() {
        let (request, credentials) = (request(), keys(None));
        assert_eq!(
            request.url.as_str(),
            "https://functiongraph.eu-de.example.test:8443/front/v2/p/fgs/functions/\
             urn%3Afss%3Aeu-de%3Ap%3Afunction%3Adefault%3Af%3A%21prod?name=gr%C3%BC%C3%9Fe%20%26%20co&tag=&tag=%2B"
        );
        let headers = request.headers(Sender { credentials: &credentials, project_id: "p" }, Timestamp::UNIX_EPOCH);
        assert!(is_accepted(&request, &headers));
        assert!(headers.contains(&("host", "functiongraph.eu-de.example.test:8443".to_owned())));
    }

    #[test]
    fn each_signature_depends_on_the_time() {
        let (request, credentials) = (request(), keys(None));
        let at = |seconds| {
            let now = Timestamp::from_second(seconds).expect("a time");
            request.headers(Sender { credentials: &credentials, project_id: "p" }, now)
        };
        assert_ne!(at(1).last(), at(2).last());
    }

    #[test]
    fn a_security_token_is_sent_and_signed() {
        let (request, credentials) = (request(), keys(Some("temporary")));
        let sender = Sender { credentials: &credentials, project_id: "" };
        let mut headers = request.headers(sender, Timestamp::UNIX_EPOCH);
        assert!(is_accepted(&request, &headers));
        assert!(headers.iter().all(|(name, _)| *name != "x-project-id"));
        let token = headers.iter_mut().find(|(name, _)| *name == "x-security-token").expect("it is sent");
        token.1 = "another".to_owned();
        assert!(!is_accepted(&request, &headers));
    }

    #[test]
    fn a_token_is_sent_instead_of_a_signature() {
        let credentials = Credentials::Token("ready".into());
        let sender = Sender { credentials: &credentials, project_id: "p" };
        let headers = request().headers(sender, Timestamp::UNIX_EPOCH);
        assert_eq!(headers[1..], [("x-auth-token", "ready".to_owned())]);
    }
}
