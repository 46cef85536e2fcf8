//! Carries one request to the service and returns its answer: over HTTP, or by a call within this process.

use bytes::Bytes;
use futures_util::future::BoxFuture;
use reqwest::{Response, Url};
use std::sync::Arc;
use std::time::Duration;

use super::options::{Options, Trust};
use super::reply::Unread;
use super::request::Request;
use super::transport::{Endpoint, is_loopback};

/// Answers requests in this process, like a server. Needs none of the checks that TLS makes.
pub type InProcess = Arc<dyn Fn(http::Request<Bytes>) -> BoxFuture<'static, http::Response<Bytes>> + Send + Sync>;

#[derive(Clone)]
pub(super) enum Carrier {
    Http(reqwest::Client),
    InProcess { answer: InProcess, timeout: Duration },
}

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

impl Carrier {
    pub(super) fn http(endpoint: &Endpoint, options: &Options) -> Result<Self, reqwest::Error> {
        let builder = reqwest::Client::builder()
            .user_agent(concat!("fgctl/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(options.timeout)
            // A signature is valid for one host and path, so a redirected request would be unsigned.
            .redirect(reqwest::redirect::Policy::none());
        // A proxy cannot reach this machine's loopback.
        let builder = if is_loopback(&endpoint.url) { builder.no_proxy() } else { builder };
        let builder = match &options.trust {
            // Loading the machine's certificates takes a while, and is not needed without TLS.
            _ if endpoint.url.scheme() == "http" => builder.tls_certs_only([]),
            Trust::System => builder,
            Trust::SystemAnd(authorities) => builder.tls_certs_merge(authorities.clone()),
            Trust::Unverified => builder.tls_danger_accept_invalid_certs(true),
        };
        Ok(Self::Http(builder.build()?))
    }

    /// Sends the request with these headers, and waits for the head of the answer.
    pub(super) async fn send(
        &self,
        request: &Request,
        headers: Vec<(&'static str, String)>,
    ) -> Result<Response, Unread> {
        match self {
            Self::Http(client) => {
                let builder = client.request(request.operation.method(), request.url.clone());
                let builder = headers.into_iter().fold(builder, |builder, (name, value)| builder.header(name, value));
                builder.body(request.body.clone()).send().await.map_err(Unread::Broken)
            }
            Self::InProcess { answer, timeout } => {
                let builder = http::Request::builder().method(request.operation.method()).uri(address(&request.url));
                let builder = headers.into_iter().fold(builder, |builder, (name, value)| builder.header(name, value));
                let sent = builder.body(request.body.clone()).map_err(|_| Unread::NotBuilt)?;
                let answered = tokio::time::timeout(*timeout, answer(sent)).await;
                answered.map(Response::from).map_err(|_| Unread::TimedOut)
            }
        }
    }
}

/// The part of a URL that a request on a connection contains.
fn address(url: &Url) -> String {
    match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    }
}
