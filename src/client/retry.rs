//! Whether a request that failed is sent again, and when: a pure decision.

use std::time::Duration;

/// What a try came to, as far as another one depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failure {
    /// Too many requests: this one was not looked at.
    Throttled,
    /// It was never sent.
    NotConnected,
    /// It was sent, and what came of it is not known: the reply was lost, or the service broke down over it.
    Unclear,
    /// It was answered, and would be answered the same again.
    Final,
}

/// A try that failed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Attempt {
    pub(super) failure: Failure,
    /// Whether sending the request twice does what sending it once does.
    pub(super) is_repeatable: bool,
    /// Tries before this one.
    pub(super) retries: u32,
    /// Since the first try began.
    pub(super) elapsed: Duration,
    /// What the service asks for.
    pub(super) retry_after: Option<Duration>,
}

/// The longest wait after a first try; it doubles from try to try.
const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// For one request, waits and all: quotas are by the minute, so that this outlasts a few of them.
const PATIENCE: Duration = Duration::from_mins(5);

/// How long to wait before the next try; `None` to give up. Of the time that the number of tries allows, `random` (from 0
/// to 1) takes a part, so that many clients that failed together do not come back together.
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

/// What a `Retry-After` header asks for: seconds; its other form, a date, is not used by gateways.
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
    fn what_may_have_been_done_is_repeated_only_where_that_does_no_harm() {
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
    fn tries_are_counted_and_only_throttling_outlasts_them() {
        for (failure, again) in [(Failure::NotConnected, false), (Failure::Unclear, false), (Failure::Throttled, true)]
        {
            assert!(repeats(failure, true, 4));
            assert_eq!(repeats(failure, true, 5), again, "{failure:?}");
        }
        assert_eq!(wait(&attempt(Failure::Unclear, true, 0), 0, 1.0), None);
    }

    #[test]
    fn waits_double_up_to_a_limit_and_any_part_of_them_may_be_taken() {
        let waits = |random| -> Vec<u128> {
            let wait = |retries| wait(&attempt(Failure::Throttled, true, retries), 5, random).expect("a wait");
            [0, 1, 2, 5, 6, 31, 99].map(|retries| wait(retries).as_millis()).to_vec()
        };
        assert_eq!(waits(1.0), [500, 1_000, 2_000, 16_000, 30_000, 30_000, 30_000]);
        assert_eq!(waits(0.5), [250, 500, 1_000, 8_000, 15_000, 15_000, 15_000]);
        assert_eq!(waits(0.0), [0; 7]);
    }

    #[test]
    fn the_service_may_say_how_long_and_patience_ends() {
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
    fn a_date_in_the_header_is_passed_over() {
        assert_eq!(retry_after(" 7 "), Some(Duration::from_secs(7)));
        assert_eq!(retry_after("Wed, 21 Oct 2026 07:28:00 GMT"), None);
        assert_eq!(retry_after("-1"), None);
    }
}
