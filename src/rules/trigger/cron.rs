//! Cron expressions that begin with seconds.
//!
//! As the service's library reads them: `?` is `*`, the weekday may be missing, Sunday is 0, and if both the day and the
//! weekday are limited, one of them suffices.

use jiff::civil::{Date, date};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};

use super::schedule::ScheduleError;

/// The days that a search for a date looks at: more than eight years, because of February 29.
const SEARCHED_DAYS: i64 = 3000;
const DAY: i64 = 24 * 3600;

/// The times that match: each set has a bit for each of its values.
#[derive(Debug, Clone, PartialEq)]
pub struct Cron {
    pub(super) zone: TimeZone,
    seconds: u64,
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    weekdays: u64,
    /// Whether the day and the weekday are both limited.
    is_either_day: bool,
}

struct Field {
    name: &'static str,
    least: u32,
    most: u32,
    /// The names of the values, from the least.
    names: &'static [&'static str],
}

const SECOND: Field = Field { name: "the second", least: 0, most: 59, names: &[] };
const MINUTE: Field = Field { name: "the minute", least: 0, most: 59, names: &[] };
const HOUR: Field = Field { name: "the hour", least: 0, most: 23, names: &[] };
const DAY_OF_MONTH: Field = Field { name: "the day", least: 1, most: 31, names: &[] };
const MONTHS: &[&str] = &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const MONTH: Field = Field { name: "the month", least: 1, most: 12, names: MONTHS };
const WEEKDAYS: &[&str] = &["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
const WEEKDAY: Field = Field { name: "the weekday", least: 0, most: 6, names: WEEKDAYS };

impl Cron {
    pub(super) fn parse(text: &str, zone: TimeZone) -> Result<Self, ScheduleError> {
        let fields: Vec<&str> = text.split(' ').collect();
        let (first, weekday) = match fields[..] {
            [second, minute, hour, day, month] => ([second, minute, hour, day, month], "*"),
            [second, minute, hour, day, month, weekday] => ([second, minute, hour, day, month], weekday),
            _ => return Err(ScheduleError::Form),
        };
        let [second, minute, hour, day, month] = first;
        let is_limited = |text: &str| !text.split(',').any(|part| ["*", "?", "*/1", "?/1"].contains(&part));
        let cron = Self {
            zone,
            seconds: SECOND.parse(second)?,
            minutes: MINUTE.parse(minute)?,
            hours: HOUR.parse(hour)?,
            days: DAY_OF_MONTH.parse(day)?,
            months: MONTH.parse(month)?,
            weekdays: WEEKDAY.parse(weekday)?,
            is_either_day: is_limited(day) && is_limited(weekday),
        };
        if cron.shortest_gap().is_none() { Err(ScheduleError::Never) } else { Ok(cron) }
    }

    /// The first time that matches after a time. When clocks are set back, a limited hour counts only once; when they
    /// are set forward, a time that is left out does not match.
    pub(super) fn next(&self, after: Timestamp) -> Option<Timestamp> {
        let mut seconds = after.as_second() + 1;
        let end = seconds + SEARCHED_DAYS * DAY;
        while seconds <= end {
            let time = Timestamp::from_second(seconds).ok()?;
            let now = self.zone.to_datetime(time);
            let (minute, second) = (i64::from(now.minute()), i64::from(now.second()));
            seconds = if !self.has_day(now.date()) {
                let midnight = now.date().tomorrow().ok()?.at(0, 0, 0, 0);
                self.zone.to_timestamp(midnight).ok()?.as_second().max(seconds + 1)
            } else if !has(self.hours, now.hour()) {
                seconds + 3600 - minute * 60 - second
            } else if !has(self.minutes, now.minute()) {
                seconds + 60 - second
            } else if !has(self.seconds, now.second()) || self.is_repeated(time) {
                seconds + 1
            } else {
                return Some(time);
            };
        }
        None
    }

    /// Whether the clocks showed this time before, and the schedule matches only some hours.
    fn is_repeated(&self, time: Timestamp) -> bool {
        let first = self.zone.to_timestamp(self.zone.to_datetime(time)).unwrap_or(time);
        first < time && values(self.hours).count() < 24
    }

    fn has_day(&self, date: Date) -> bool {
        let is_day = has(self.days, date.day());
        let is_weekday = has(self.weekdays, date.weekday().to_sunday_zero_offset());
        let is_of_both = if self.is_either_day { is_day || is_weekday } else { is_day && is_weekday };
        is_of_both && has(self.months, date.month())
    }

    /// The shortest time between two occurrences, without changes of the clocks; `None` if there are no two.
    pub(super) fn shortest_gap(&self) -> Option<SignedDuration> {
        let (second, last_second) = bounds(self.seconds)?;
        let (minute, last_minute) = bounds(self.minutes)?;
        let (hour, last_hour) = bounds(self.hours)?;
        let in_hour = |minute: i64, second: i64| minute * 60 + second;
        let gaps = [
            steps(self.seconds),
            steps(self.minutes).map(|step| step * 60 - last_second + second),
            steps(self.hours).map(|step| step * 3600 - in_hour(last_minute, last_second) + in_hour(minute, second)),
            self.day_step().map(|step| {
                let first = hour * 3600 + in_hour(minute, second);
                step * DAY - last_hour * 3600 - in_hour(last_minute, last_second) + first
            }),
        ];
        // Without days, there is no occurrence.
        let has_days = gaps[3].is_some();
        gaps.into_iter().flatten().min().filter(|_| has_days).map(SignedDuration::from_secs)
    }

    /// The fewest days between two days that match.
    fn day_step(&self) -> Option<i64> {
        let (mut date, mut last, mut fewest) = (date(2024, 1, 1), None, None::<i64>);
        for number in 0..SEARCHED_DAYS {
            if self.has_day(date) {
                let step = last.map(|last| number - last);
                fewest = fewest.into_iter().chain(step).min();
                last = Some(number);
            }
            if fewest == Some(1) {
                break;
            }
            date = date.checked_add(1.day()).ok()?;
        }
        fewest
    }
}

impl Field {
    fn parse(&self, text: &str) -> Result<u64, ScheduleError> {
        let mut parts = text.split(',').map(|part| self.part(part));
        parts.try_fold(0, |set, part| Some(set | part?)).ok_or_else(|| ScheduleError::Field {
            text: text.to_owned(),
            name: self.name,
            least: self.least,
            most: self.most,
        })
    }

    /// `*`, `5`, `1-5`, `*/10`, `3-20/5` or `3/5`.
    fn part(&self, text: &str) -> Option<u64> {
        let (range, step) = match text.split_once('/') {
            Some((range, step)) => (range, Some(step.parse::<usize>().ok().filter(|step| *step > 0)?)),
            None => (text, None),
        };
        let (least, most) = match range.split_once('-') {
            _ if ["*", "?"].contains(&range) => (self.least, self.most),
            Some((least, most)) => (self.value(least)?, self.value(most)?),
            None => (self.value(range)?, if step.is_some() { self.most } else { self.value(range)? }),
        };
        (least <= most).then(|| (least..=most).step_by(step.unwrap_or(1)).fold(0, |set, value| set | 1 << value))
    }

    fn value(&self, text: &str) -> Option<u32> {
        let named = self.names.iter().position(|name| name.eq_ignore_ascii_case(text));
        let named = named.and_then(|index| u32::try_from(index).ok()).map(|index| self.least + index);
        named.or_else(|| text.parse().ok()).filter(|value| (self.least..=self.most).contains(value))
    }
}

fn has(set: u64, value: i8) -> bool {
    set & (1 << value) != 0
}

fn values(set: u64) -> impl Iterator<Item = i64> {
    (0..64).filter(move |value| set & (1 << value) != 0)
}

fn bounds(set: u64) -> Option<(i64, i64)> {
    Some((values(set).next()?, values(set).last()?))
}

/// The smallest difference of two values.
fn steps(set: u64) -> Option<i64> {
    values(set).zip(values(set).skip(1)).map(|(one, next)| next - one).min()
}
