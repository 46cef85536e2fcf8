//! What is said while requests wait.

use std::time::Duration;

use crate::client::{Event, Limit};

/// One line.
pub(super) fn line(event: &Event) -> String {
    match event {
        Event::Paced { limit, expected } => {
            let pace = format!("The service takes {}: going on at that pace.", allowance(*limit));
            let time = limit.time_for(*expected);
            if time < limit.window {
                return pace;
            }
            format!("{pace} About {expected} requests are left, which takes {}.", duration(time))
        }
        Event::Throttled { wait } => {
            format!("The service takes no more requests for now: trying again in {}.", duration(*wait))
        }
        Event::Retrying { problem, wait } => format!("{problem}. Trying again in {}.", duration(*wait)),
    }
}

fn allowance(limit: Limit) -> String {
    let Limit { requests, window } = limit;
    match window.as_secs() {
        1 => format!("{requests} requests a second"),
        60 => format!("{requests} requests a minute"),
        seconds => format!("{requests} requests in {seconds} seconds"),
    }
}

/// Rounded up.
fn duration(duration: Duration) -> String {
    match duration.as_secs() + u64::from(duration.subsec_nanos() > 0) {
        0 | 1 => "a second".to_owned(),
        seconds if seconds < 120 => format!("{seconds} seconds"),
        seconds => format!("{} minutes", seconds.div_ceil(60)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pace_comes_with_the_time_that_remains() {
        let limit = Limit { requests: 60, window: Duration::from_mins(1) };
        let said = |expected| line(&Event::Paced { limit, expected });
        for few in [0, 1, 59] {
            assert_eq!(said(few), "The service takes 60 requests a minute: going on at that pace.");
        }
        assert_eq!(
            said(340),
            "The service takes 60 requests a minute: going on at that pace. About 340 requests are left, which takes 6 \
             minutes."
        );
    }

    #[test]
    fn a_wait_says_how_long() {
        assert_eq!(
            line(&Event::Throttled { wait: Duration::from_millis(2_300) }),
            "The service takes no more requests for now: trying again in 3 seconds."
        );
        let problem = "GET /x: no answer".to_owned();
        assert_eq!(
            line(&Event::Retrying { problem, wait: Duration::from_millis(20) }),
            "GET /x: no answer. Trying again in a second."
        );
    }
}
