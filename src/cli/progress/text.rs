//! The text about a command that is running. Pure.

use std::time::Duration;

use crate::client::{Reason, Wait};

use crate::cli::waiting;

/// A running command at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Moment {
    pub(super) activity: Activity,
    /// The requests or changes that have ended.
    pub(super) ended: u64,
    /// All of them, if known.
    pub(super) total: Option<u64>,
    pub(super) elapsed: Duration,
    /// The time that the rest takes at least, at the pace that the service allows.
    pub(super) paced: Duration,
    pub(super) wait: Option<Wait>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Activity {
    /// Reads live state; requests are counted.
    Reading,
    /// Makes changes, which are counted.
    Applying {
        failed: u64,
        skipped: u64,
        /// The changes in progress, as their symbols and addresses.
        running: Vec<String>,
        /// The last change that failed, and why.
        failure: Option<String>,
    },
}

/// The number of running changes that have a line of their own.
const SHOWN: usize = 5;
/// An estimate from less time than this would only be a guess.
const MEASURED: Duration = Duration::from_secs(2);
/// A shorter wait is over before anyone reads about it.
const WORTH_A_WORD: Duration = Duration::from_secs(1);
/// The longest time without a line.
const SILENCE: Duration = Duration::from_secs(30);

/// The lines of the live region, which a terminal shows while the command runs.
pub(super) fn region(moment: &Moment, width: usize) -> Vec<String> {
    let Moment { activity, ended, total, .. } = moment;
    let count = total.map(|total| format!("[{ended}/{total}] ")).unwrap_or_default();
    let counted = if total.is_none() { counted(moment) } else { None };
    let state = [Some(what(moment).to_owned()), counted, trouble(activity), estimate(moment)];
    let mut lines = vec![format!("{count}{}", listed(state))];
    if let Activity::Applying { running, failure, .. } = activity {
        lines.extend(failure.iter().map(|failure| format!("  {failure}")));
        lines.extend(running.iter().take(SHOWN).map(|change| format!("  {change}")));
        if running.len() > SHOWN {
            lines.push(format!("  … and {} more", running.len() - SHOWN));
        }
    }
    lines.extend(wait(moment).map(|wait| format!("  {wait}")));
    lines.into_iter().map(|line| line.chars().take(width).collect()).collect()
}

/// One line about the same, for logs.
pub(super) fn line(moment: &Moment) -> String {
    let activity = &moment.activity;
    let running = match activity {
        Activity::Applying { running, .. } if !running.is_empty() => Some(format!("{} running", running.len())),
        Activity::Applying { .. } | Activity::Reading => None,
    };
    let state = listed([counted(moment), trouble(activity), running, estimate(moment), wait(moment)]);
    let separator = if state.is_empty() { "" } else { ": " };
    let what = what(moment);
    format!("{}{}{separator}{state}", what[..1].to_uppercase(), &what[1..])
}

/// Whether a log needs another line, after one at the last moment: not before something has ended, except after a long
/// silence.
pub(super) fn is_due(last: Option<&Moment>, now: &Moment) -> bool {
    let Some(last) = last else { return true };
    now.ended != last.ended || now.elapsed.saturating_sub(last.elapsed) >= SILENCE
}

/// `137 of 400 changes done`
fn counted(Moment { activity, ended, total, .. }: &Moment) -> Option<String> {
    let (what, done) = match activity {
        Activity::Reading => ("requests", *ended),
        Activity::Applying { failed, skipped, .. } => ("changes", ended.saturating_sub(failed + skipped)),
    };
    match total {
        Some(total) => Some(format!("{done} of {total} {what} done")),
        None => (done > 0).then(|| format!("{done} {what} done")),
    }
}

fn what(Moment { activity, ended, total, .. }: &Moment) -> &'static str {
    match activity {
        Activity::Reading => "reading live state",
        // The apply reads live state again when all changes have ended.
        Activity::Applying { running, .. } if *total == Some(*ended) && running.is_empty() => "checking the result",
        Activity::Applying { .. } => "applying",
    }
}

fn trouble(activity: &Activity) -> Option<String> {
    let Activity::Applying { failed, skipped, .. } = activity else { return None };
    let some = |count: u64, what: &str| (count > 0).then(|| format!("{count} {what}"));
    Some(listed([some(*failed, "failed"), some(*skipped, "skipped")])).filter(|text| !text.is_empty())
}

/// What the rest probably takes, from the time so far and from the service's pace.
fn estimate(Moment { activity: _, ended, total, elapsed, paced, wait: _ }: &Moment) -> Option<String> {
    let rest = total.unwrap_or_default().saturating_sub(*ended);
    if rest == 0 || *elapsed < MEASURED {
        return None;
    }
    let average = elapsed.checked_div(u32::try_from(*ended).unwrap_or(u32::MAX))?;
    let left = average.saturating_mul(u32::try_from(rest).unwrap_or(u32::MAX)).max(*paced);
    Some(format!("about {} left", roughly(left)))
}

/// A duration in its largest unit, rounded up.
fn roughly(duration: Duration) -> String {
    let seconds = duration.as_millis().div_ceil(1_000);
    let (count, unit) = match seconds {
        ..100 => (seconds, "second"),
        100..6_000 => (seconds.div_ceil(60), "minute"),
        _ => (seconds.div_ceil(3_600), "hour"),
    };
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

fn wait(moment: &Moment) -> Option<String> {
    let Wait { left, reason } = moment.wait.filter(|wait| wait.left >= WORTH_A_WORD)?;
    let why = match reason {
        Reason::Limit(limit) => format!("the limit is {}", waiting::allowance(limit)),
        Reason::Refused => "the service accepts no more requests for now".to_owned(),
        Reason::Unreachable => "the service cannot be reached".to_owned(),
    };
    Some(format!("waiting {}, because {why}", roughly(left)))
}

fn listed(parts: impl IntoIterator<Item = Option<String>>) -> String {
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::Limit;

    fn reading(ended: u64, total: u64, seconds: u64) -> Moment {
        let elapsed = Duration::from_secs(seconds);
        Moment { activity: Activity::Reading, ended, total: Some(total), elapsed, paced: Duration::ZERO, wait: None }
    }

    fn exporting(ended: u64) -> Moment {
        Moment { total: None, ..reading(ended, 0, 9) }
    }

    fn applying(running: usize) -> Moment {
        let running = (0..running).map(|number| format!("~ function:default/f{number}")).collect();
        Moment {
            activity: Activity::Applying {
                failed: 2,
                skipped: 1,
                running,
                failure: Some("+ function:default/a failed: quota".into()),
            },
            ..reading(137, 400, 60)
        }
    }

    fn waiting(moment: Moment, seconds: u64, reason: Reason) -> Moment {
        Moment { wait: Some(Wait { left: Duration::from_secs(seconds), reason }), ..moment }
    }

    const LIMIT: Reason = Reason::Limit(Limit { requests: 60, window: Duration::from_mins(1) });

    #[test]
    fn a_region_shows_numbers_running_changes_and_waits() {
        insta::assert_snapshot!(region(&waiting(applying(7), 3, LIMIT), 80).join("\n"), @r"
        [137/400] applying, 2 failed, 1 skipped, about 2 minutes left
          + function:default/a failed: quota
          ~ function:default/f0
          ~ function:default/f1
          ~ function:default/f2
          ~ function:default/f3
          ~ function:default/f4
          … and 2 more
          waiting 3 seconds, because the limit is 60 requests a minute
        ");
        insta::assert_snapshot!(region(&applying(2), 21).join("\n"), @r"
        [137/400] applying, 2
          + function:default/
          ~ function:default/
          ~ function:default/
        ");
        insta::assert_snapshot!(region(&reading(300, 1_000, 3), 80).join("\n"), @"[300/1000] reading live state, about 7 seconds left");
        insta::assert_snapshot!(region(&waiting(exporting(0), 2, Reason::Unreachable), 80).join("\n"), @r"
        reading live state
          waiting 2 seconds, because the service cannot be reached
        ");
        insta::assert_snapshot!(region(&exporting(12), 80).join("\n"), @"reading live state, 12 requests done");
    }

    #[test]
    fn a_line_says_the_same() {
        insta::assert_snapshot!(line(&waiting(applying(7), 3, LIMIT)), @"Applying: 134 of 400 changes done, 2 failed, 1 skipped, 7 running, about 2 minutes left, waiting 3 seconds, because the limit is 60 requests a minute");
        insta::assert_snapshot!(line(&waiting(reading(300, 1_000, 3), 90, Reason::Refused)), @"Reading live state: 300 of 1000 requests done, about 7 seconds left, waiting 90 seconds, because the service accepts no more requests for now");
        insta::assert_snapshot!(line(&exporting(0)), @"Reading live state");
        insta::assert_snapshot!(line(&exporting(12)), @"Reading live state: 12 requests done");
        let activity = Activity::Applying { failed: 0, skipped: 0, running: Vec::new(), failure: None };
        insta::assert_snapshot!(line(&Moment { activity, ..reading(400, 400, 60) }), @"Checking the result: 400 of 400 changes done");
    }

    #[test]
    fn an_estimate_needs_time_and_keeps_to_the_pace_of_the_service() {
        assert_eq!(estimate(&reading(10, 100, 1)), None, "too early");
        assert_eq!(estimate(&reading(0, 100, 9)), None, "nothing has ended");
        assert_eq!(estimate(&reading(100, 100, 9)), None, "nothing is left");
        assert_eq!(estimate(&reading(50, 100, 9)).as_deref(), Some("about 9 seconds left"));
        assert_eq!(estimate(&reading(60, 1_000, 120)).as_deref(), Some("about 32 minutes left"));
        let paced = Moment { paced: Duration::from_mins(16), ..reading(60, 1_000, 2) };
        assert_eq!(estimate(&paced).as_deref(), Some("about 16 minutes left"));
        assert_eq!(
            estimate(&reading(1, u64::MAX, u64::MAX)).as_deref().map(|text| text.ends_with("hours left")),
            Some(true)
        );
    }

    #[test]
    fn short_waits_are_not_worth_a_word() {
        let moment = Moment { wait: Some(Wait { left: Duration::from_millis(900), reason: LIMIT }), ..applying(0) };
        assert_eq!(wait(&moment), None);
    }

    #[test]
    fn a_log_gets_a_line_when_something_has_ended_and_after_a_silence() {
        assert!(is_due(None, &reading(0, 10, 5)));
        assert!(is_due(Some(&reading(0, 10, 5)), &reading(1, 10, 10)));
        assert!(!is_due(Some(&reading(1, 10, 10)), &reading(1, 10, 35)));
        assert!(is_due(Some(&reading(1, 10, 10)), &reading(1, 10, 40)));
    }
}
