//! Decides whether a failed request is sent again, and when. Pure.

use std::time::Duration;

/// The result of a try, as far as a retry depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failure {
    /// There were too many requests, so the service did not process this one.
    Throttled,
    /// The request was never sent.
    NotConnected,
    /// The request was sent, but its outcome is unknown: the reply was lost, or the service failed while processing it.
    Unclear,
    /// The request was answered, and a retry would get the same answer.
    Final,
}

/// A failed try.
#[derive(Debug, Clone, Copy)]
pub(super) struct Attempt {
    pub(super) failure: Failure,
    /// Whether sending the request twice has the same effect as sending it once.
    pub(super) is_repeatable: bool,
    /// The number of tries before this one.
    pub(super) retries: u32,
    /// Time since the first try started.
    pub(super) elapsed: Duration,
    /// The wait that the service requests.
    pub(super) retry_after: Option<Duration>,
}

/// The longest wait after the first try. It doubles with each try.
const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// The total time for one request, including waits. Quotas are per minute, so this spans several of them.
const PATIENCE: Duration = Duration::from_mins(5);

/// How long to wait before the next try; `None` to give up. `random` (from 0 to 1) selects a part of the longest wait,
/// so that clients that failed together do not retry together.
pub(super) fn wait(attempt: &Attempt, max_retries: u32, random: f64) -> Option<Duration> {
    let Attempt { failure, is_repeatable, retries, elapsed, retry_after } = *attempt;
    let may_repeat = match failure {
        Failure::Throttled => true,
        Failure::NotConnected => retries < max_retries,
        Failure::Unclear => is_repeatable && retries < max_retries,
        Failure::Final => false,
    };
    let longest = FIRST_WAIT.saturating_mul(2_u32.saturating_pow(retries)).min(LONGEST_WAIT);
    let wait = retry_after.unwrap_or_else(|| longest.mul_f64(random.clamp(0.0, 1.0)));
    (may_repeat && elapsed.saturating_add(wait) <= PATIENCE).then_some(wait)
}

/// The wait in a `Retry-After` header in seconds. Gateways do not use its other form, a date.
pub(super) fn retry_after(header: &str) -> Option<Duration> {
    header.trim().parse().ok().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt(failure: Failure, is_repeatable: bool, retries: u32) -> Attempt {
        Attempt { failure, is_repeatable, retries, elapsed: Duration::ZERO, retry_after: None }
    }

    fn repeats(failure: Failure, is_repeatable: bool, retries: u32) -> bool {
        wait(&attempt(failure, is_repeatable, retries), 5, 1.0).is_some()
    }

    #[test]
    fn a_request_that_may_have_been_carried_out_is_repeated_only_if_that_is_safe() {
        for (failure, repeatable, not_repeatable) in [
            (Failure::Throttled, true, true),
            (Failure::NotConnected, true, true),
            (Failure::Unclear, true, false),
            (Failure::Final, false, false),
        ] {
            assert_eq!(repeats(failure, true, 0), repeatable, "{failure:?}");
            assert_eq!(repeats(failure, false, 0), not_repeatable, "{failure:?}");
        }
    }

    #[test]
    fn tries_are_limited_except_after_throttling() {
        for (failure, again) in [(Failure::NotConnected, false), (Failure::Unclear, false), (Failure::Throttled, true)]
        {
            assert!(repeats(failure, true, 4));
            assert_eq!(repeats(failure, true, 5), again, "{failure:?}");
        }
        assert_eq!(wait(&attempt(Failure::Unclear, true, 0), 0, 1.0), None);
    }

    #[test]
    fn waits_double_up_to_a_limit_and_are_randomised() {
        let waits = |random| -> Vec<u128> {
            let wait = |retries| wait(&attempt(Failure::Throttled, true, retries), 5, random).expect("a wait");
            [0, 1, 2, 5, 6, 31, 99].map(|retries| wait(retries).as_millis()).to_vec()
        };
        assert_eq!(waits(1.0), [500, 1_000, 2_000, 16_000, 30_000, 30_000, 30_000]);
        assert_eq!(waits(0.5), [250, 500, 1_000, 8_000, 15_000, 15_000, 15_000]);
        assert_eq!(waits(0.0), [0; 7]);
    }

    #[test]
    fn the_services_wait_is_used_within_the_total_time() {
        let asked = |seconds, elapsed| {
            let retry_after = Some(Duration::from_secs(seconds));
            let elapsed = Duration::from_secs(elapsed);
            wait(&Attempt { elapsed, retry_after, ..attempt(Failure::Throttled, true, 3) }, 5, 0.1)
        };
        assert_eq!(asked(90, 0), Some(Duration::from_secs(90)));
        assert_eq!(asked(0, 0), Some(Duration::ZERO));
        assert_eq!(asked(301, 0), None);
        assert_eq!(asked(60, 241), None);
        assert_eq!(asked(u64::MAX, 1), None);
    }

    #[test]
    fn a_date_in_the_header_is_ignored() {
        assert_eq!(retry_after(" 7 "), Some(Duration::from_secs(7)));
        assert_eq!(retry_after("Wed, 21 Oct 2026 07:28:00 GMT"), None);
        assert_eq!(retry_after("-1"), None);
    }
}
