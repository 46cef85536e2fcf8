//! One request and its reply: signed, bounded, and never retried yet. The only place that speaks HTTP.

use jiff::Timestamp;
use reqwest::header::HeaderMap;
use reqwest::{Method, StatusCode, Url};
use secrecy::ExposeSecret;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt;
use std::time::Duration;

use super::credentials::Credentials;
use super::error::{Error, excerpt};
use crate::wire::error::REQUEST_ID_HEADER;
use crate::wire::signature;

/// Where the service is, and which part of it is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Scheme, host and port; a path is kept in front of the service's own.
    pub url: Url,
    pub region: String,
    pub project_id: String,
}

/// A connection pool with an endpoint and credentials.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    endpoint: Endpoint,
    credentials: Credentials,
}

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// For a whole request; an upload of 50 MB has to fit.
const TIMEOUT: Duration = Duration::from_mins(2);
/// Bytes of the largest reply that is read: 50 MB of code in base64, and room.
const REPLY_BYTES: usize = 80 * 1024 * 1024;
const JSON: &str = "application/json";

impl Client {
    /// Fails only where the machine's TLS configuration is unusable.
    pub fn new(endpoint: Endpoint, credentials: Credentials) -> Result<Self, reqwest::Error> {
        let builder = reqwest::Client::builder()
            .user_agent(concat!("fgctl/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(TIMEOUT)
            // A signature is for one host and path: following would send a request that nobody signed.
            .redirect(reqwest::redirect::Policy::none());
        // A proxy cannot reach this machine's loopback.
        let builder = if is_loopback(&endpoint.url) { builder.no_proxy() } else { builder };
        // Reading the machine's certificates takes a while, and without TLS nobody asks for them.
        let builder = if endpoint.url.scheme() == "http" { builder.tls_certs_only([]) } else { builder };
        Ok(Self { http: builder.build()?, endpoint, credentials })
    }

    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    pub(super) fn project_id(&self) -> &str {
        &self.endpoint.project_id
    }

    pub(super) async fn get<R: DeserializeOwned>(&self, path: &str, query: &[(&str, String)]) -> Result<R, Error> {
        let query: Vec<String> = query.iter().map(|(key, value)| format!("{key}={value}")).collect();
        let (request, reply) = self.send(Method::GET, path, &query.join("&"), Vec::new()).await?;
        reply.json(request)
    }

    /// A request with a body whose answer is wanted.
    pub(super) async fn call<B: Serialize, R: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: &B,
    ) -> Result<R, Error> {
        let (request, reply) = self.send(method, path, "", to_json(path, body)?).await?;
        reply.json(request)
    }

    /// A request whose answer says nothing more than that it worked.
    pub(super) async fn tell<B: Serialize>(&self, method: Method, path: &str, body: Option<&B>) -> Result<(), Error> {
        let body = body.map_or(Ok(Vec::new()), |body| to_json(path, body))?;
        self.send(method, path, "", body).await.map(|_| ())
    }

    async fn send(&self, method: Method, path: &str, query: &str, body: Vec<u8>) -> Result<(String, Reply), Error> {
        let request = format!("{method} {path}");
        let reply = self.exchange(Outgoing { method, path, query, headers: &[], body }).await?;
        Ok((request.clone(), reply.success(request)?))
    }

    /// Sends a request and reads the reply, whatever it says.
    pub(super) async fn exchange(&self, outgoing: Outgoing<'_>) -> Result<Reply, Error> {
        let Outgoing { method, path, query, headers, body } = outgoing;
        let request = format!("{method} {path}");
        let failed = |cause| Error::Unreachable { request: request.clone(), endpoint: self.origin(), cause };
        let mut url = self.endpoint.url.clone();
        url.set_path(&format!("{}{path}", self.endpoint.url.path().trim_end_matches('/')));
        url.set_query(Some(query).filter(|query| !query.is_empty()));
        let signed = self.headers(&method, &url, &body);
        let mut builder = self.http.request(method, url);
        for (name, value) in signed {
            builder = builder.header(name, value);
        }
        for (name, value) in headers {
            builder = builder.header(*name, *value);
        }
        let mut response = builder.body(body).send().await.map_err(failed)?;
        let status = response.status();
        let headers = response.headers().clone();
        let request_id = header(&headers, REQUEST_ID_HEADER);
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            if bytes.len() + chunk.len() > REPLY_BYTES {
                let problem = format!("it is larger than {} MB", REPLY_BYTES / 1024 / 1024);
                return Err(Error::NotUnderstood { request, status: status.as_u16(), problem, request_id });
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(Reply { status, headers, request_id, bytes })
    }

    fn headers(&self, method: &Method, url: &Url, body: &[u8]) -> Vec<(&'static str, String)> {
        let mut headers = vec![("content-type", JSON.to_owned())];
        match &self.credentials {
            Credentials::Token(token) => headers.push(("x-auth-token", token.expose_secret().to_owned())),
            Credentials::Keys { access_key, secret_key } => {
                headers.push(("host", host(url)));
                headers.push((signature::DATE_HEADER, signature::date(Timestamp::now())));
                headers.push(("x-project-id", self.endpoint.project_id.clone()));
                let request = signature::Request {
                    method: method.as_str(),
                    path: url.path(),
                    query: url.query().unwrap_or_default(),
                    headers: &headers.iter().map(|(name, value)| (*name, value.as_str())).collect::<Vec<_>>(),
                    body,
                };
                let credentials = signature::Credentials { access_key, secret_key: secret_key.expose_secret() };
                let authorization = signature::authorization(&request, credentials);
                headers.push(("authorization", authorization));
            }
        }
        headers
    }

    fn origin(&self) -> String {
        self.endpoint.url.as_str().trim_end_matches('/').to_owned()
    }
}

/// Without the credentials.
impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

/// A request as a caller makes it; signing adds more headers, and does not cover these.
pub(super) struct Outgoing<'a> {
    pub(super) method: Method,
    pub(super) path: &'a str,
    pub(super) query: &'a str,
    pub(super) headers: &'a [(&'a str, &'a str)],
    pub(super) body: Vec<u8>,
}

pub(super) struct Reply {
    status: StatusCode,
    headers: HeaderMap,
    request_id: Option<String>,
    bytes: Vec<u8>,
}

impl Reply {
    /// Anything but success is an error.
    pub(super) fn success(self, request: String) -> Result<Self, Error> {
        let Self { status, headers: _, request_id, bytes } = &self;
        if status.is_success() {
            return Ok(self);
        }
        Err(Error::from_reply(request, status.as_u16(), request_id.clone(), bytes))
    }

    pub(super) fn header(&self, name: &str) -> Option<String> {
        header(&self.headers, name)
    }

    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    pub(super) fn json<R: DeserializeOwned>(self, request: String) -> Result<R, Error> {
        serde_json::from_slice(&self.bytes).map_err(|error| Error::NotUnderstood {
            request,
            status: self.status.as_u16(),
            problem: format!("{error}; it begins: {}", excerpt(&self.bytes)),
            request_id: self.request_id,
        })
    }
}

fn to_json<B: Serialize>(path: &str, body: &B) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(body).map_err(|error| Error::NotSent { request: path.to_owned(), problem: error.to_string() })
}

fn header(headers: &HeaderMap, name: &str) -> Option<String> {
    Some(headers.get(name)?.to_str().ok()?.to_owned())
}

/// As HTTP clients send it: the port only where it is not the scheme's own.
fn host(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}
