//! Why a request has no answer, and what to do about it: a name that does not resolve, a closed port, the wrong scheme.

use std::error::Error;
use std::io;

use super::error::Cause;
use super::retry::Failure;

/// What the network reported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum NetworkError {
    /// Contains the resolver's text.
    NoSuchHost(String),
    /// The resolver may work later.
    NoResolver(String),
    Refused,
    TimedOut,
    /// The proxy did not forward the request.
    Proxy(String),
    Certificate(String),
    /// The endpoint did not answer with TLS.
    NotTls,
    /// The endpoint did not answer with HTTP.
    NotHttp,
    /// The connection failed for another reason.
    NotConnected(String),
    /// The connection ended before the answer.
    Broken(String),
}

/// Facts about an error.
#[derive(Debug, Default)]
struct Facts {
    /// The texts of the causes. The last one is the network's own error.
    causes: Vec<String>,
    is_refused: bool,
    is_timeout: bool,
    is_connect: bool,
}

impl Facts {
    fn of(error: &reqwest::Error) -> Self {
        let (mut causes, mut is_refused) = (vec![error.to_string()], false);
        let mut next = error.source();
        while let Some(cause) = next {
            causes.push(cause.to_string());
            is_refused =
                cause.downcast_ref().is_some_and(|io: &io::Error| io.kind() == io::ErrorKind::ConnectionRefused);
            next = cause.source();
        }
        Self { causes, is_refused, is_timeout: error.is_timeout(), is_connect: error.is_connect() }
    }
}

impl From<Facts> for NetworkError {
    fn from(facts: Facts) -> Self {
        let Facts { causes, is_refused, is_timeout, is_connect } = facts;
        let passes_proxy = causes.iter().any(|cause| cause.contains("tunnel") || cause.contains("proxy"));
        let text = causes.into_iter().next_back().unwrap_or_default();
        match text.strip_prefix(RESOLVER) {
            _ if text.contains("certificate") => Self::Certificate(text),
            _ if passes_proxy => Self::Proxy(text),
            Some(problem) if problem.starts_with("Temporary") => Self::NoResolver(problem.to_owned()),
            Some(problem) => Self::NoSuchHost(problem.to_owned()),
            None if is_refused => Self::Refused,
            None if is_timeout => Self::TimedOut,
            None if text.contains("InvalidContentType") => Self::NotTls,
            None if text.contains("invalid HTTP") => Self::NotHttp,
            None if is_connect => Self::NotConnected(text),
            None => Self::Broken(text),
        }
    }
}

impl NetworkError {
    pub(super) fn of(cause: &Cause) -> Self {
        match cause {
            Cause::Network(error) => Facts::of(error).into(),
            Cause::TimedOut => Self::TimedOut,
        }
    }

    /// Whether a retry can help.
    pub(super) fn failure(&self) -> Failure {
        match self {
            Self::NoSuchHost(_) | Self::Certificate(_) | Self::NotTls | Self::NotHttp => Failure::Final,
            Self::NoResolver(_) | Self::Refused | Self::Proxy(_) | Self::NotConnected(_) => Failure::NotConnected,
            Self::TimedOut | Self::Broken(_) => Failure::Unclear,
        }
    }

    pub(super) fn problem(&self) -> String {
        match self {
            Self::NoSuchHost(text) | Self::NoResolver(text) => format!("its name cannot be resolved ({text})"),
            Self::Refused => "the connection was refused".to_owned(),
            Self::TimedOut => "timed out".to_owned(),
            Self::Proxy(text) => format!("the proxy did not connect to it ({text})"),
            Self::NotTls => "it does not use TLS".to_owned(),
            Self::NotHttp => "its answer is not HTTP".to_owned(),
            Self::Certificate(text) | Self::NotConnected(text) | Self::Broken(text) => text.clone(),
        }
    }

    pub(super) fn help(&self) -> &'static str {
        match self {
            Self::NoSuchHost(_) => {
                "check the endpoint and the region; if only a proxy resolves names here, set HTTPS_PROXY"
            }
            Self::NoResolver(_) => "check this machine's network and DNS",
            Self::Refused => {
                "check the host and the port; no server listens there, or a firewall rejects the connection"
            }
            Self::TimedOut => "check the network, firewalls and HTTPS_PROXY; to wait longer, raise --request-timeout",
            Self::NotConnected(_) => "check the network, firewalls and HTTPS_PROXY",
            Self::Proxy(_) => "check HTTPS_PROXY and the login in it; NO_PROXY lists hosts that need no proxy",
            Self::Certificate(_) => "to trust the authority of a private endpoint, use --ca-file",
            Self::NotTls => "for an endpoint without TLS, such as `fgctl serve`, write http:// instead of https://",
            Self::NotHttp => "if the endpoint uses TLS, write https:// instead of http://",
            Self::Broken(_) => "try again; if the error persists, check proxies and load balancers in between",
        }
    }
}

/// The standard library's prefix of resolver errors.
const RESOLVER: &str = "failed to lookup address information: ";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_network_error_decides_whether_to_retry() {
        let facts =
            |cause: &str| Facts { causes: vec!["error".into(), cause.into()], is_connect: true, ..Facts::default() };
        let tunnel =
            Facts { causes: vec!["tunnel error".into(), "refused".into()], is_refused: true, ..Facts::default() };
        for (facts, failure, problem) in [
            (
                facts("failed to lookup address information: Name or service not known"),
                Failure::Final,
                "its name cannot be resolved (Name or service not known)",
            ),
            (
                facts("failed to lookup address information: Temporary failure in name resolution"),
                Failure::NotConnected,
                "its name cannot be resolved (Temporary failure in name resolution)",
            ),
            (Facts { is_refused: true, ..facts("refused") }, Failure::NotConnected, "the connection was refused"),
            (Facts { is_timeout: true, ..facts("deadline") }, Failure::Unclear, "timed out"),
            (facts("received corrupt message of type InvalidContentType"), Failure::Final, "it does not use TLS"),
            (facts("invalid HTTP version parsed"), Failure::Final, "its answer is not HTTP"),
            (
                facts("invalid peer certificate: UnknownIssuer"),
                Failure::Final,
                "invalid peer certificate: UnknownIssuer",
            ),
            (tunnel, Failure::NotConnected, "the proxy did not connect to it (refused)"),
            (facts("No route to host"), Failure::NotConnected, "No route to host"),
            (Facts { is_connect: false, ..facts("connection reset") }, Failure::Unclear, "connection reset"),
        ] {
            let error = NetworkError::from(facts);
            assert_eq!((error.failure(), error.problem().as_str()), (failure, problem));
        }
    }
}
