//! Values of flags whose types alone would not give helpful errors.

use jiff::SignedDuration;
use std::ops::RangeInclusive;
use std::time::Duration;

/// Why the value of a flag is refused: what to write instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum FlagError {
    #[error("write a whole number from {least} to {most}, without a unit")]
    NotWithin { least: u64, most: u64 },
    #[error("write a time with a unit, such as 30s, 15m, 2h or 7d")]
    Duration,
    #[error("write a time of at least 1ms, such as 500ms, 1s or 2m")]
    Wait,
    #[error("write an IP address and a port, such as 127.0.0.1:8080")]
    SocketAddress,
    #[error("write functions=N, such as functions=400; no other quota can be enforced")]
    Quota,
    #[error("write NAME=VALUE")]
    NoValue,
    #[error("write FORMAT=FILE, such as junit=report.xml; the formats are {formats}")]
    Report { formats: &'static str },
    #[error("a report needs a file; for standard output, use -o")]
    NoFile,
}

/// A whole number within a range.
pub(super) fn number<T: TryFrom<u64>>(text: &str, range: RangeInclusive<u64>) -> Result<T, FlagError> {
    let (least, most) = (*range.start(), *range.end());
    let number = text.parse().ok().filter(|number| range.contains(number));
    number.and_then(|number| T::try_from(number).ok()).ok_or(FlagError::NotWithin { least, most })
}

/// A duration with its unit. A day has 24 hours.
pub(super) fn duration(text: &str) -> Result<Duration, FlagError> {
    let days = text.strip_suffix('d').and_then(|days| days.parse().ok());
    let days = days.and_then(|days: u64| Some(Duration::from_hours(days.checked_mul(24)?)));
    let parsed = || Duration::try_from(text.parse::<SignedDuration>().ok()?).ok();
    days.or_else(parsed).ok_or(FlagError::Duration)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_in_every_unit() {
        for (text, seconds) in [
            ("30s", Some(30)),
            ("15m", Some(900)),
            ("2h", Some(7_200)),
            ("7d", Some(604_800)),
            ("1h 30m", Some(5_400)),
            ("30", None),
            ("-1s", None),
            ("99999999999999999999d", None),
            ("soon", None),
        ] {
            assert_eq!(duration(text).ok().map(|duration| duration.as_secs()), seconds, "{text}");
        }
    }

    #[test]
    fn numbers_are_accepted_up_to_their_limits() {
        let parse = |text| number::<u16>(text, 1..=200).map_err(|error| error.to_string());
        assert_eq!((parse("1"), parse("200")), (Ok(1), Ok(200)));
        for wrong in ["0", "201", "-1", "2s", ""] {
            assert_eq!(parse(wrong), Err("write a whole number from 1 to 200, without a unit".to_owned()), "{wrong}");
        }
    }
}
