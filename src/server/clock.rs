//! The time, as the server is told it.

use std::sync::Arc;

use jiff::Timestamp;

/// Where the server takes the time from, so that a test can move it.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Timestamp + Send + Sync>);

impl Clock {
    /// The computer's clock.
    pub fn system() -> Self {
        Self::new(Timestamp::now)
    }

    /// A clock that reads whatever `now` answers.
    pub fn new(now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    pub fn now(&self) -> Timestamp {
        (self.0)()
    }
}

/// A moment, given in seconds since 1970, as the service writes it: RFC 3339 with an offset.
pub(crate) fn timestamp(seconds: i64) -> String {
    let time = Timestamp::from_second(seconds).unwrap_or_default();
    time.strftime("%Y-%m-%dT%H:%M:%S+00:00").to_string()
}

/// A moment, given in milliseconds since 1970, to the nanosecond as notifications have it.
pub(crate) fn precise(milliseconds: i64) -> String {
    let time = Timestamp::from_millisecond(milliseconds).unwrap_or_default();
    time.strftime("%Y-%m-%dT%H:%M:%S.%9f+00:00").to_string()
}

/// A moment, given in milliseconds since 1970, as records of invocations have it: UTC, without saying so.
pub(crate) fn zoneless(milliseconds: i64) -> String {
    let time = Timestamp::from_millisecond(milliseconds).unwrap_or_default();
    time.strftime("%Y-%m-%dT%H:%M:%S").to_string()
}
