//! Messages about waiting requests.

use std::time::Duration;

use crate::client::{Event, Limit};

/// The message for one event.
pub(super) fn line(event: &Event) -> String {
    match event {
        Event::Paced { limit, expected } => {
            let pace = format!("The service accepts {}: continuing at that pace.", allowance(*limit));
            let time = limit.time_for(*expected);
            if time < limit.window {
                return pace;
            }
            format!("{pace} About {expected} requests are left, which will take {}.", duration(time))
        }
        Event::Throttled { wait } => {
            format!("The service accepts no more requests for now: trying again {}.", after(*wait))
        }
        Event::Retrying { problem, wait } => format!("{problem}. Trying again {}.", after(*wait)),
    }
}

pub(super) fn allowance(limit: Limit) -> String {
    let Limit { requests, window } = limit;
    match window.as_secs() {
        1 => format!("{requests} requests a second"),
        60 => format!("{requests} requests a minute"),
        seconds => format!("{requests} requests in {seconds} seconds"),
    }
}

/// A readable duration, rounded up to the last unit shown.
fn duration(duration: Duration) -> String {
    let milliseconds = duration.as_nanos().div_ceil(1_000_000);
    if milliseconds < 1_000 {
        return format!("{milliseconds} ms");
    }
    if milliseconds < 10_000 {
        let tenths = milliseconds.div_ceil(100);
        let fraction = if tenths.is_multiple_of(10) { String::new() } else { format!(".{}", tenths % 10) };
        return format!("{}{fraction} {}", tenths / 10, if tenths == 10 { "second" } else { "seconds" });
    }
    match milliseconds.div_ceil(1_000) {
        seconds if seconds < 120 => format!("{seconds} seconds"),
        seconds if seconds < 7_200 => in_sixties(seconds, "minutes", "second"),
        seconds => in_sixties(seconds / 60, "hours", "minute"),
    }
}

/// `4 minutes 50 seconds`, or `5 minutes`. `small_unit` is a sixtieth of the other unit.
fn in_sixties(number: u128, units: &str, small_unit: &str) -> String {
    let whole = number / 60;
    match number % 60 {
        0 => format!("{whole} {units}"),
        1 => format!("{whole} {units} 1 {small_unit}"),
        rest => format!("{whole} {units} {rest} {small_unit}s"),
    }
}

/// The end of a wait.
fn after(wait: Duration) -> String {
    if wait.is_zero() { "at once".to_owned() } else { format!("in {}", duration(wait)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pace_is_shown_with_the_remaining_time() {
        let limit = Limit { requests: 60, window: Duration::from_mins(1) };
        let said = |expected| line(&Event::Paced { limit, expected });
        for few in [0, 1, 59] {
            assert_eq!(said(few), "The service accepts 60 requests a minute: continuing at that pace.");
        }
        assert_eq!(
            said(340),
            "The service accepts 60 requests a minute: continuing at that pace. About 340 requests are left, which will take 5 \
             minutes 40 seconds."
        );
    }

    #[test]
    fn durations_are_rounded_up() {
        let milliseconds = Duration::from_millis;
        for (wait, said) in [
            (Duration::ZERO, "at once"),
            (Duration::from_micros(1), "in 1 ms"),
            (milliseconds(100), "in 100 ms"),
            (milliseconds(999), "in 999 ms"),
            (Duration::from_micros(999_001), "in 1 second"),
            (milliseconds(1_001), "in 1.1 seconds"),
            (milliseconds(2_300), "in 2.3 seconds"),
            (milliseconds(9_901), "in 10 seconds"),
            (milliseconds(30_001), "in 31 seconds"),
            (Duration::from_secs(119), "in 119 seconds"),
            (Duration::from_secs(121), "in 2 minutes 1 second"),
            (Duration::from_secs(290), "in 4 minutes 50 seconds"),
            (Duration::from_mins(5), "in 5 minutes"),
            (Duration::from_hours(25), "in 25 hours"),
        ] {
            assert_eq!(after(wait), said);
        }
    }

    #[test]
    fn a_wait_is_shown_with_its_reason() {
        let wait = Duration::from_millis(2_300);
        assert_eq!(
            line(&Event::Throttled { wait }),
            "The service accepts no more requests for now: trying again in 2.3 seconds."
        );
        let problem = "GET /x: no answer".to_owned();
        assert_eq!(line(&Event::Retrying { problem, wait }), "GET /x: no answer. Trying again in 2.3 seconds.");
    }
}
