//! The time. All dates that the server compares or waits for come from this clock.
//!
//! It does not limit how long processes and connections of this machine may take. Those limits use the timers of tokio.

mod simulated;

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::activity::{self, Activity, Work};
use simulated::Simulated;
pub use simulated::Simulation;

/// A wait reads the clock again after this time, because someone may set the system clock, or the computer may sleep.
const READ_AGAIN: Duration = Duration::from_secs(1);

/// The server's source of time.
#[derive(Clone)]
pub struct Clock {
    source: Source,
    /// The work in progress wherever this clock is used. Simulated time passes only if there is none.
    activity: Activity,
}

#[derive(Clone)]
enum Source {
    Read(Arc<dyn Fn() -> Timestamp + Send + Sync>),
    Simulated(Arc<Simulated>),
}

impl Clock {
    /// The system clock.
    pub fn system() -> Self {
        Self::new(Timestamp::now)
    }

    /// A clock that reads `now`. If `now` jumps, waits notice it within a second.
    pub fn new(now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self { source: Source::Read(Arc::new(now)), activity: Activity::default() }
    }

    pub fn now(&self) -> Timestamp {
        match &self.source {
            Source::Read(now) => now(),
            Source::Simulated(simulated) => simulated.now(),
        }
    }

    pub(crate) fn activity(&self) -> &Activity {
        &self.activity
    }

    /// Waits for a date. The caller has work in progress until it drops the result.
    pub(crate) async fn sleep_until(&self, date: Timestamp) -> Work {
        match &self.source {
            Source::Read(now) => loop {
                let Ok(wait) = Duration::try_from(date.duration_since(now())) else { return self.activity.begin() };
                if wait.is_zero() {
                    return self.activity.begin();
                }
                tokio::time::sleep(wait.min(READ_AGAIN)).await;
            },
            Source::Simulated(simulated) => simulated.sleep_until(date, &self.activity).await,
        }
    }

    /// Like [`Self::sleep`], but continues existing work afterwards.
    pub(crate) async fn pause(&self, work: Work, duration: Duration) -> Work {
        let mut work = vec![work];
        tokio::select! {
            biased;
            begun = self.sleep(duration) => begun,
            never = activity::end(&mut work) => match never {},
        }
    }

    /// Like [`Self::sleep_until`]; waits forever without a date.
    pub(crate) async fn sleep_until_next(&self, date: Option<Timestamp>) -> Work {
        match date {
            Some(date) => self.sleep_until(date).await,
            None => std::future::pending().await,
        }
    }

    /// Waits for a duration, whatever happens to the date meanwhile.
    pub(crate) async fn sleep(&self, duration: Duration) -> Work {
        match &self.source {
            Source::Read(_) => {
                tokio::time::sleep(duration).await;
                self.activity.begin()
            }
            Source::Simulated(simulated) => {
                simulated.sleep_until(after(simulated.now(), duration), &self.activity).await
            }
        }
    }
}

/// The date after a duration, or the last possible date.
pub(crate) fn after(date: Timestamp, duration: Duration) -> Timestamp {
    let duration = SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX);
    date.checked_add(duration).unwrap_or(Timestamp::MAX)
}

/// The date for milliseconds since 1970, within the possible range.
pub(crate) fn date(milliseconds: i64) -> Timestamp {
    let furthest = if milliseconds < 0 { Timestamp::MIN } else { Timestamp::MAX };
    Timestamp::from_millisecond(milliseconds).unwrap_or(furthest)
}

/// Formats seconds since 1970 as the service does: RFC 3339 with an offset.
pub(crate) fn timestamp(seconds: i64) -> String {
    let time = Timestamp::from_second(seconds).unwrap_or_default();
    time.strftime("%Y-%m-%dT%H:%M:%S+00:00").to_string()
}

/// Formats milliseconds since 1970 with nanoseconds, as in notifications.
pub(crate) fn precise(milliseconds: i64) -> String {
    let time = Timestamp::from_millisecond(milliseconds).unwrap_or_default();
    time.strftime("%Y-%m-%dT%H:%M:%S.%9f+00:00").to_string()
}

/// Formats milliseconds since 1970 as in records of invocations: UTC without a zone.
pub(crate) fn zoneless(milliseconds: i64) -> String {
    let time = Timestamp::from_millisecond(milliseconds).unwrap_or_default();
    time.strftime("%Y-%m-%dT%H:%M:%S").to_string()
}
