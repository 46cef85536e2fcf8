//! When the next request may be sent, from the limits and a record of past requests.
//!
//! No clock and no waiting here: the caller passes the time and does the waiting.

use regex::Regex;
use std::collections::VecDeque;
use std::sync::LazyLock;
use std::time::Duration;
use tokio::time::Instant;

/// At most this many requests in any span of this length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// At least 1.
    pub requests: u32,
    pub window: Duration,
}

/// Why requests have to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// More requests would exceed the limit of the service or the user.
    Limit(Limit),
    /// The service refused a request without giving its limit.
    Refused,
    /// The service cannot be reached.
    Unreachable,
}

/// How long the next request still waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wait {
    pub left: Duration,
    pub reason: Reason,
}

/// The limits, and the past requests that may still count towards them.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// The user's limit.
    chosen: Option<Limit>,
    /// The limit that the service stated.
    learned: Option<Limit>,
    /// When past requests were sent, oldest first.
    sent: VecDeque<Instant>,
    /// No request is sent before this time.
    held_until: Option<(Instant, Reason)>,
}

/// The maximum number of requests that are remembered. The largest known limit is 2,000 a minute.
const REMEMBERED: usize = 10_000;
/// A longer window is a quota, so the user has to see the error instead of waiting.
const LONGEST_WINDOW: Duration = Duration::from_mins(5);
/// The service counts requests when they arrive, and some take longer to arrive than others.
const MARGIN: Duration = Duration::from_secs(1);

impl Limit {
    /// Parses the text of a refusal: `… over ratelimit,limit:60,time:1 minute`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        static PATTERN: LazyLock<Regex> = LazyLock::new(|| {
            Regex::new(r"limit:\s*(\d+),\s*time:\s*(\d+)\s*(second|minute)").expect("a valid pattern")
        });
        let found = PATTERN.captures(text)?;
        let unit = if &found[3] == "minute" { 60 } else { 1 };
        let (requests, units) = (found[1].parse().ok()?, found[2].parse::<u32>().ok()?);
        let window = Duration::from_secs(u64::from(units) * unit);
        (requests > 0 && !window.is_zero() && window <= LONGEST_WINDOW).then_some(Self { requests, window })
    }

    /// The time that this many requests take.
    pub fn time_for(&self, requests: u64) -> Duration {
        let Self { requests: allowed, window } = *self;
        let seconds = u128::from(requests) * window.as_millis() / u128::from(allowed.max(1)) / 1_000;
        Duration::from_secs(u64::try_from(seconds).unwrap_or(u64::MAX))
    }

    fn is_stricter_than(&self, other: &Self) -> bool {
        let rate = |limit: &Self, window: Duration| u128::from(limit.requests) * window.as_millis();
        rate(self, other.window) < rate(other, self.window)
    }
}

impl Pace {
    pub(super) fn new(max_requests_per_second: Option<u32>) -> Self {
        let chosen = max_requests_per_second.map(|requests| Limit { requests, window: Duration::from_secs(1) });
        Self { chosen, ..Self::default() }
    }

    /// When the next request may be sent; `now` if nothing delays it.
    pub(super) fn due(&self, now: Instant) -> Instant {
        self.delays().map(|(due, _)| due).fold(now, Instant::max)
    }

    /// The wait of the next request, if there is one.
    pub(super) fn wait(&self, now: Instant) -> Option<Wait> {
        let (due, reason) = self.delays().max_by_key(|(due, _)| *due).filter(|(due, _)| *due > now)?;
        Some(Wait { left: due - now, reason })
    }

    /// The earliest times for the next request that the limits allow, and the time until which requests are held back.
    fn delays(&self) -> impl Iterator<Item = (Instant, Reason)> {
        let due = |limit: Limit, margin: Duration| {
            let index = self.sent.len().checked_sub(limit.requests as usize)?;
            Some((*self.sent.get(index)? + limit.window + margin, Reason::Limit(limit)))
        };
        let chosen = self.chosen.and_then(|limit| due(limit, Duration::ZERO));
        let learned = self.learned.and_then(|limit| due(limit, MARGIN));
        [self.held_until, chosen, learned].into_iter().flatten()
    }

    pub(super) fn record(&mut self, now: Instant) {
        if self.sent.len() == REMEMBERED {
            self.sent.pop_front();
        }
        self.sent.push_back(now);
    }

    /// Returns whether the limit is new. The strictest of several limits applies, whatever each one is for.
    pub(super) fn learn(&mut self, limit: Limit) -> bool {
        let is_news = self.learned.is_none_or(|known| limit.is_stricter_than(&known));
        if is_news {
            self.learned = Some(limit);
        }
        is_news
    }

    pub(super) fn learned(&self) -> Option<Limit> {
        self.learned
    }

    /// Holds back all requests until then. Returns whether none were held back before.
    pub(super) fn hold(&mut self, now: Instant, until: Instant, reason: Reason) -> bool {
        let held = self.held_until.map(|(held, _)| held);
        if held.is_none_or(|held| held < until) {
            self.held_until = Some((until, reason));
        }
        held.is_none_or(|held| held <= now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn per_minute(requests: u32) -> Limit {
        Limit { requests, window: 60 * SECOND }
    }

    #[test]
    fn the_limit_is_read_from_the_services_message() {
        let refusal = "The throttling threshold has been reached: policy user over ratelimit,limit:60,time:1 minute";
        assert_eq!(Limit::parse(refusal), Some(per_minute(60)));
        assert_eq!(Limit::parse("limit:5,time:5 second"), Some(Limit { requests: 5, window: 5 * SECOND }));
        assert_eq!(Limit::parse("limit: 2000, time: 2 minutes"), Some(Limit { requests: 2_000, window: 120 * SECOND }));
        for strange in ["", "limit:0,time:1 minute", "limit:5,time:0 minute", "limit:99999999999,time:1 second"] {
            assert_eq!(Limit::parse(strange), None, "{strange}");
        }
        for quota in ["limit:10,time:1 hour", "limit:10,time:1 day", "limit:10,time:6 minute"] {
            assert_eq!(Limit::parse(quota), None, "{quota}");
        }
    }

    #[test]
    fn a_burst_fills_the_window_and_the_next_request_waits_for_its_end() {
        let start = Instant::now();
        let mut pace = Pace::default();
        assert!(pace.learn(per_minute(3)));
        for second in 0..3 {
            let now = start + second * SECOND;
            assert_eq!(pace.due(now), now);
            pace.record(now);
        }
        assert_eq!(pace.due(start + 3 * SECOND), start + 61 * SECOND);
        pace.record(start + 61 * SECOND);
        assert_eq!(pace.due(start + 61 * SECOND), start + 62 * SECOND);
        assert_eq!(pace.due(start + 200 * SECOND), start + 200 * SECOND);
    }

    #[test]
    fn no_window_exceeds_its_limit() {
        let start = Instant::now();
        let mut pace = Pace::new(Some(2));
        pace.learn(per_minute(10));
        let mut now = start;
        let mut sent = Vec::new();
        for _ in 0..100 {
            now = pace.due(now);
            pace.record(now);
            sent.push(now);
        }
        assert!(sent.windows(3).all(|three| three[2] - three[0] >= SECOND));
        assert!(sent.windows(11).all(|eleven| eleven[10] - eleven[0] >= 60 * SECOND));
    }

    #[test]
    fn the_strictest_limit_applies_and_is_reported_once() {
        let mut pace = Pace::default();
        assert!(pace.learn(per_minute(100)));
        assert!(!pace.learn(per_minute(100)));
        assert!(!pace.learn(Limit { requests: 5, window: SECOND }));
        assert!(pace.learn(per_minute(60)));
        assert_eq!(pace.learned(), Some(per_minute(60)));
    }

    #[test]
    fn requests_stay_held_back_and_it_is_reported_once() {
        let now = Instant::now();
        let mut pace = Pace::default();
        assert!(pace.hold(now, now + 9 * SECOND, Reason::Refused));
        assert!(!pace.hold(now, now + 5 * SECOND, Reason::Unreachable));
        assert_eq!(pace.due(now), now + 9 * SECOND);
        assert!(pace.hold(now + 9 * SECOND, now + 10 * SECOND, Reason::Refused));
    }

    #[test]
    fn a_wait_has_the_reason_that_ends_last() {
        let now = Instant::now();
        let mut pace = Pace::default();
        assert_eq!(pace.wait(now), None);
        pace.hold(now, now + 5 * SECOND, Reason::Unreachable);
        assert_eq!(pace.wait(now), Some(Wait { left: 5 * SECOND, reason: Reason::Unreachable }));
        pace.learn(per_minute(1));
        pace.record(now);
        assert_eq!(pace.wait(now), Some(Wait { left: 61 * SECOND, reason: Reason::Limit(per_minute(1)) }));
        assert_eq!(pace.wait(now + 61 * SECOND), None);
    }

    #[test]
    fn the_remaining_time_follows_from_the_limit() {
        assert_eq!(per_minute(60).time_for(300), 300 * SECOND);
        assert_eq!(per_minute(100).time_for(0), Duration::ZERO);
        assert_eq!(per_minute(1).time_for(u64::MAX / 1_000), Duration::from_mins(u64::MAX / 1_000));
    }
}
