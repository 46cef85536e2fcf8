//! When a timer starts its function.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::cron::Cron;
use crate::rules::text::{Text, TextRule};

/// The two kinds of schedules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Rate,
    Cron,
}

static RATE: Text = Text::of(TextRule {
    noun: "rate",
    pattern: "^([1-9]|[1-5][0-9]|60)m$|^([1-9]|1[0-9]|2[0-4])h$|^([1-9]|[12][0-9]|30)d$",
    length: (2, 3),
    bytes: None,
    except: None,
    expectation: "is 1m to 60m, 1h to 24h, or 1d to 30d",
});
static CRON: Text = Text::of(TextRule {
    noun: "cron expression",
    pattern: r"^(CRON_TZ=[A-Za-z0-9_+/-]+ )?(@every ([0-9]+(h|m|s))+|[0-9A-Za-z*/,?#-]+( [0-9A-Za-z*/,?#-]+){4,5})$",
    length: (9, 128),
    bytes: None,
    except: None,
    expectation: "has 5 or 6 fields, with the seconds first, as in `0 15 2 * * ?`, or is `@every` with a duration; a time zone can come first, as in `CRON_TZ=Europe/Berlin 0 0 8 * * MON-FRI`",
});

impl Kind {
    /// The service's name, as `schedule_type`.
    pub const fn wire(self) -> &'static str {
        match self {
            Self::Rate => "Rate",
            Self::Cron => "Cron",
        }
    }

    pub fn of_wire(name: &str) -> Option<Self> {
        [Self::Rate, Self::Cron].into_iter().find(|kind| kind.wire() == name)
    }

    /// A schedule of this kind.
    pub const fn example(self) -> &'static str {
        match self {
            Self::Rate => "5m",
            Self::Cron => "0 15 2 * * ?",
        }
    }

    pub fn rule(self) -> &'static Text {
        match self {
            Self::Rate => &RATE,
            Self::Cron => &CRON,
        }
    }
}

/// A schedule that was read.
#[derive(Debug, Clone, PartialEq)]
pub enum Schedule {
    /// At this interval, which is at least a second.
    Every(SignedDuration),
    Cron(Cron),
}

/// Why a text is not a schedule. Completes "the schedule …".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    #[error("does not have the form of its kind")]
    Form,
    #[error("names the time zone `{0}`, which this machine's time zone data does not contain")]
    Zone(String),
    #[error("has `{text}` for {name}, which takes {least} to {most}, as in `1`, `1-5`, `1,5` or `*/5`")]
    Field { text: String, name: &'static str, least: u32, most: u32 },
    #[error("has an interval of 0")]
    NoInterval,
    #[error("never occurs")]
    Never,
}

impl Schedule {
    pub fn parse(kind: Kind, text: &str) -> Result<Self, ScheduleError> {
        Self::read(kind, text, |zone| TimeZone::get(zone).map_err(|_| ScheduleError::Zone(zone.to_owned())))
    }

    /// The schedule in UTC, regardless of its zone. To look up a zone would read files.
    pub fn without_zone(kind: Kind, text: &str) -> Result<Self, ScheduleError> {
        Self::read(kind, text, |_| Ok(TimeZone::UTC))
    }

    fn read(
        kind: Kind,
        text: &str,
        zone_of: impl FnOnce(&str) -> Result<TimeZone, ScheduleError>,
    ) -> Result<Self, ScheduleError> {
        if !kind.rule().accepts(text) {
            return Err(ScheduleError::Form);
        }
        let (zone, text) = match zone_and_rest(text) {
            Some((zone, text)) => (zone_of(zone)?, text),
            None => (TimeZone::UTC, text),
        };
        match (kind, text.strip_prefix("@every ")) {
            (Kind::Rate, _) => every(text),
            (Kind::Cron, Some(interval)) => every(interval),
            (Kind::Cron, None) => Cron::parse(text, zone).map(Self::Cron),
        }
    }

    /// The first occurrence after a time. Intervals begin at `start`.
    pub fn next(&self, start: Timestamp, after: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Cron(cron) => cron.next(after),
            Self::Every(interval) => {
                let (interval, passed) = (interval.as_millis(), after.duration_since(start).as_millis());
                let number = passed.div_euclid(interval).max(0) + 1;
                let next = SignedDuration::from_millis(i64::try_from(number * interval).ok()?);
                start.checked_add(next).ok()
            }
        }
    }

    /// The shortest time between two occurrences.
    pub fn shortest_gap(&self) -> Option<SignedDuration> {
        match self {
            Self::Every(interval) => Some(*interval),
            Self::Cron(cron) => cron.shortest_gap(),
        }
    }

    /// The time zone in which events show the time.
    pub fn zone(&self) -> TimeZone {
        match self {
            Self::Every(_) => TimeZone::UTC,
            Self::Cron(cron) => cron.zone.clone(),
        }
    }
}

/// A time zone in front of a cron expression.
fn zone_and_rest(text: &str) -> Option<(&str, &str)> {
    text.strip_prefix("CRON_TZ=")?.split_once(' ')
}

/// Numbers with units, as in `1h30m`.
fn every(text: &str) -> Result<Schedule, ScheduleError> {
    let (mut seconds, mut number) = (0_i64, 0_i64);
    for character in text.chars() {
        let unit = match character {
            's' => 1,
            'm' => 60,
            'h' => 3600,
            'd' => 24 * 3600,
            _ => {
                let digit = character.to_digit(10).ok_or(ScheduleError::Form)?;
                number = number.saturating_mul(10).saturating_add(digit.into());
                continue;
            }
        };
        seconds = seconds.saturating_add(number.saturating_mul(unit));
        number = 0;
    }
    // Longer than jiff's range is as good as never.
    if seconds > 1000 * 365 * 24 * 3600 {
        return Err(ScheduleError::Never);
    }
    if seconds == 0 { Err(ScheduleError::NoInterval) } else { Ok(Schedule::Every(SignedDuration::from_secs(seconds))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    fn cron(text: &str) -> Schedule {
        Schedule::parse(Kind::Cron, text).unwrap_or_else(|error| panic!("{text}: the schedule {error}"))
    }

    /// 2026-01-15 is a Thursday.
    #[test]
    fn the_next_occurrence_is_the_first_one_after_a_time() {
        let after = "2026-01-15T08:00:00Z";
        for (text, expected) in [
            ("0 15 2 * * ?", "2026-01-16T02:15:00Z"),
            ("0 0 8 * *", "2026-01-16T08:00:00Z"),
            ("1 0 8 * * *", "2026-01-15T08:00:01Z"),
            ("*/20 * * * * *", "2026-01-15T08:00:20Z"),
            ("0 */10 * * * *", "2026-01-15T08:10:00Z"),
            ("0 5/10 * * * *", "2026-01-15T08:05:00Z"),
            ("0 30-40/5 7,9 * * *", "2026-01-15T09:30:00Z"),
            ("0 0 0 * * 0", "2026-01-18T00:00:00Z"),
            ("0 0 0 * * SUN", "2026-01-18T00:00:00Z"),
            ("0 0 0 * * mon-Fri", "2026-01-16T00:00:00Z"),
            ("0 0 0 * * 6", "2026-01-17T00:00:00Z"),
            ("0 0 0 1 Feb-Mar ?", "2026-02-01T00:00:00Z"),
            ("0 0 0 29 2 ?", "2028-02-29T00:00:00Z"),
            ("0 0 0 20 * 5", "2026-01-16T00:00:00Z"),
            ("0 0 0 16 * 6", "2026-01-16T00:00:00Z"),
            ("0 0 0 16-17 * ?", "2026-01-16T00:00:00Z"),
            ("CRON_TZ=Asia/Shanghai 0 0 8 * * *", "2026-01-16T00:00:00Z"),
        ] {
            assert_eq!(cron(text).next(time(after), time(after)), Some(time(expected)), "{text}");
        }
    }

    #[test]
    fn intervals_begin_at_the_start() {
        let start = time("2026-01-15T08:00:10Z");
        let rate = |text| Schedule::parse(Kind::Rate, text).expect("a rate");
        assert_eq!(rate("5m").next(start, start), Some(time("2026-01-15T08:05:10Z")));
        assert_eq!(rate("5m").next(start, time("2026-01-15T08:05:10Z")), Some(time("2026-01-15T08:10:10Z")));
        assert_eq!(rate("2h").next(start, time("2026-01-15T12:00:11Z")), Some(time("2026-01-15T14:00:10Z")));
        assert_eq!(rate("1d").next(start, time("2020-01-01T00:00:00Z")), Some(time("2026-01-16T08:00:10Z")));
        assert_eq!(cron("@every 1h30m").next(start, start), Some(time("2026-01-15T09:30:10Z")));
        assert_eq!(cron("CRON_TZ=Europe/Berlin @every 5s").next(start, start), Some(time("2026-01-15T08:00:15Z")));
    }

    #[test]
    fn a_day_with_another_clock_has_each_limited_hour_at_most_once() {
        let all = |text: &str, from: &str, to: &str| {
            let (schedule, to) = (cron(text), time(to));
            let mut found = Vec::new();
            let mut last = time(from);
            while let Some(next) = schedule.next(last, last).filter(|next| *next < to) {
                found.push(next.to_string());
                last = next;
            }
            found
        };
        // Berlin: 02:00 becomes 03:00 on March 29, and 03:00 becomes 02:00 on October 25.
        let daily = "CRON_TZ=Europe/Berlin 0 30 2 * * *";
        assert_eq!(all(daily, "2026-03-28T12:00:00Z", "2026-03-30T12:00:00Z"), ["2026-03-30T00:30:00Z"]);
        assert_eq!(all(daily, "2026-10-24T12:00:00Z", "2026-10-25T12:00:00Z"), ["2026-10-25T00:30:00Z"]);
        let hourly = "CRON_TZ=Europe/Berlin 0 30 * * * *";
        assert_eq!(all(hourly, "2026-10-25T00:00:00Z", "2026-10-25T03:00:00Z").len(), 3);
    }

    #[test]
    fn the_shortest_gap_is_that_of_two_neighbours() {
        for (text, seconds) in [
            ("* * * * * *", 1),
            ("0 * * * * *", 60),
            ("0,50 * * * * *", 10),
            ("0 0,58 * * * *", 120),
            ("0 0 * * * *", 3600),
            ("0 59 0,1 * * *", 3600),
            ("0 0 0,23 * * *", 3600),
            ("0 0 8 * * *", 24 * 3600),
            ("0 0 8 * * 1", 7 * 24 * 3600),
            ("0 0 8 * * 1,3", 2 * 24 * 3600),
            ("0 0 8 1 * *", 28 * 24 * 3600),
            ("0 0 8 1 1 *", 365 * 24 * 3600),
            ("0 0 0,20 1 * *", 20 * 3600),
            ("@every 90s", 90),
        ] {
            assert_eq!(cron(text).shortest_gap(), Some(SignedDuration::from_secs(seconds)), "{text}");
        }
    }

    #[test]
    fn what_is_not_a_schedule_is_refused_with_the_reason() {
        let refused = |text| Schedule::parse(Kind::Cron, text).expect_err(text).to_string();
        assert!(refused("0 60 * * * *").starts_with("has `60` for the minute, which takes 0 to 59"));
        assert!(refused("0 0 0 * * 7").contains("the weekday"));
        assert!(refused("0 0 0 0 * *").contains("the day"));
        assert!(refused("0 0 5-3 * * *").contains("the hour"));
        assert!(refused("*/0 * * * * *").contains("the second"));
        assert!(refused("0 0 0 L * ?").contains("the day"));
        assert!(refused("CRON_TZ=Nowhere/Town 0 0 8 * * *").contains("`Nowhere/Town`"));
        assert_eq!(refused("0 0 0 31 2 ?"), "never occurs");
        assert_eq!(refused("@every 0s"), "has an interval of 0");
        assert!(refused("@every 99999999999999999999h").contains("never"));
        assert!(Schedule::parse(Kind::Rate, "0 0 8 * * *").is_err() && Schedule::parse(Kind::Cron, "5m").is_err());
    }

    #[test]
    fn schedules_follow_their_rules() {
        for rate in ["1m", "60m", "24h", "30d"] {
            assert!(Kind::Rate.rule().accepts(rate), "{rate}");
        }
        for rate in ["0m", "61m", "25h", "31d", "5s", "5", "m", "1m\n", "01m"] {
            assert!(!Kind::Rate.rule().accepts(rate), "{rate}");
        }
        let accepted = [
            "0 15 2 * * ?",
            "0 0 * * *",
            "@every 1h30m",
            "CRON_TZ=Europe/Berlin 0 0 8 * * MON-FRI",
            "0 */10 * ? Jan-Mar 0,6",
        ];
        for cron in accepted {
            assert!(Kind::Cron.rule().accepts(cron), "{cron}");
        }
        for cron in ["", "* * * *", "@hourly", "0 0 8 * * ? 2026", "TZ=UTC 0 0 8 * * ?", "@every", "0  0 8 * * ?"] {
            assert!(!Kind::Cron.rule().accepts(cron), "{cron}");
        }
    }
}
