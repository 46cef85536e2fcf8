//! Checks addresses that the user gives. Errors say what to write instead.

use reqwest::Url;

use crate::cli::failure::advised;
use crate::client::is_loopback;

/// The setting that contains an address.
#[derive(Debug, Clone, Copy)]
pub(super) enum Address {
    Endpoint,
    IamEndpoint,
    Cloud,
}

impl Address {
    const fn noun(self) -> &'static str {
        match self {
            Self::Endpoint => "endpoint",
            Self::IamEndpoint => "IAM endpoint",
            Self::Cloud => "endpoint of this cloud and region",
        }
    }

    const fn source(self) -> &'static str {
        match self {
            Self::Endpoint => "--endpoint or FGCTL_ENDPOINT",
            Self::IamEndpoint => "--iam-endpoint, FGCTL_IAM_ENDPOINT, HW_AUTH_URL or OS_AUTH_URL",
            Self::Cloud => "--cloud, FGCTL_CLOUD or HW_CLOUD, which takes a domain such as otc.t-systems.com",
        }
    }
}

/// An http or https URL without credentials. Messages repeat the text only if it cannot contain any.
pub(super) fn parse(which: Address, text: &str) -> anyhow::Result<Url> {
    let (noun, source) = (which.noun(), which.source());
    let check = || format!("check {source}");
    if text.contains('@') {
        let help = format!("remove them from {source}, and give keys or a token instead");
        return Err(advised(format!("the {noun} contains credentials, which messages would show"), help));
    }
    if !text.contains("://") {
        let help = format!("write {} in {source}", with_scheme(text));
        return Err(advised(format!("the {noun} `{text}` has no scheme"), help));
    }
    let url =
        Url::parse(text).map_err(|error| advised(format!("the {noun} `{text}` is not valid: {error}"), check()))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        let help = format!("write an https:// URL in {source}");
        return Err(advised(format!("the {noun} `{text}` is not an http or https URL"), help));
    }
    Ok(url)
}

/// A host as a URL: without TLS on this machine, with TLS elsewhere.
fn with_scheme(host: &str) -> String {
    let is_here = Url::parse(&format!("http://{host}")).is_ok_and(|url| is_loopback(&url));
    format!("{}://{host}", if is_here { "http" } else { "https" })
}
