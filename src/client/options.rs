//! How a client goes about its requests.

use reqwest::Certificate;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::event::Event;

/// What a user may choose.
#[derive(Clone)]
pub struct Options {
    pub trust: Trust,
    /// For one try of a request, from the first byte that goes out to the last one that comes back.
    pub timeout: Duration,
    /// How often a request is repeated that failed; throttled ones are repeated for minutes.
    pub max_retries: u32,
    /// Requests under way at once, at most; at least 1.
    pub concurrency: usize,
    pub max_requests_per_second: Option<u32>,
    /// From 0 to 1, evenly: what part of the longest wait is taken.
    pub random: fn() -> f64,
    pub tell: Arc<dyn Fn(&Event) + Send + Sync>,
}

/// Which certificates are trusted.
#[derive(Debug, Clone)]
pub enum Trust {
    System,
    /// Also those that these authorities have signed.
    SystemAnd(Vec<Certificate>),
    /// Anybody's: the service is then whoever answers.
    Anyone,
}

/// An upload of 50 MB has to fit.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_mins(2);
/// As the vendor's Terraform provider has it.
pub const DEFAULT_MAX_RETRIES: u32 = 5;
/// As Terraform has it.
pub const DEFAULT_CONCURRENCY: u16 = 10;

impl Default for Options {
    /// Quiet, and with the longest waits.
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
