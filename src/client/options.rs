//! Options of a client: timeouts, retries and limits.

use reqwest::Certificate;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::event::Event;

/// The settings that a user can choose.
#[derive(Clone)]
pub struct Options {
    pub trust: Trust,
    /// The limit for one try of a request, from the first byte sent to the last byte received.
    pub timeout: Duration,
    /// How often a failed request is repeated. Throttled requests are repeated for minutes.
    pub max_retries: u32,
    /// The maximum number of concurrent requests, at least 1.
    pub concurrency: usize,
    pub max_requests_per_second: Option<u32>,
    /// Returns a uniform value from 0 to 1, which decides how much of the longest wait is used.
    pub random: fn() -> f64,
    pub tell: Arc<dyn Fn(&Event) + Send + Sync>,
}

/// Which certificates are trusted.
#[derive(Debug, Clone)]
pub enum Trust {
    System,
    /// System certificates and those signed by these authorities.
    SystemAnd(Vec<Certificate>),
    /// Every certificate, so the server's identity is not verified.
    Unverified,
}

/// Long enough for an upload of 50 MB.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_mins(2);
/// The default of the vendor's Terraform provider.
pub const DEFAULT_MAX_RETRIES: u32 = 5;
/// Terraform's default.
pub const DEFAULT_CONCURRENCY: u16 = 10;

impl Default for Options {
    /// Reports no events and uses the longest waits.
    fn default() -> Self {
        Self {
            trust: Trust::System,
            timeout: DEFAULT_TIMEOUT,
            max_retries: DEFAULT_MAX_RETRIES,
            concurrency: DEFAULT_CONCURRENCY.into(),
            max_requests_per_second: None,
            random: || 1.0,
            tell: Arc::new(|_| {}),
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { trust, timeout, max_retries, concurrency, max_requests_per_second, random: _, tell: _ } = self;
        f.debug_struct("Options")
            .field("trust", trust)
            .field("timeout", timeout)
            .field("max_retries", max_retries)
            .field("concurrency", concurrency)
            .field("max_requests_per_second", max_requests_per_second)
            .finish_non_exhaustive()
    }
}
