//! The effects of a plan on events, as text and JSON.

use serde_json::{Value, json};
use std::fmt::Write;

use crate::model::async_policy::Outcome;
use crate::plan::effect::{Effect, Notice, Reach, Start};

use super::group::{Detail, NAMED as GROUPED};
use super::style::printable;
use super::{alike, count};

/// The maximum number of functions that the text names.
const NAMED: usize = 20;

/// A paragraph about the functions whose events take another way than before; empty if there are none. A new function has no
/// events yet.
pub(super) fn human(effects: &[Effect], detail: Detail) -> String {
    let changed: Vec<&Effect> = effects.iter().filter(|effect| is_worth_a_line(effect)).collect();
    if changed.is_empty() {
        return String::new();
    }
    let mut text = String::from("Effects on events, in the worst case:\n");
    let (equal, different) = match detail {
        Detail::Grouped => alike::equal(changed, |effect| said_about(effect).join("\n")),
        Detail::Full => (Vec::new(), changed),
    };
    for effects in equal {
        let names = effects.iter().map(|effect| effect.function.clone());
        write_effect(&mut text, &count::named(names, GROUPED), effects[0]);
    }
    let named = detail.limit(NAMED);
    for effect in different.iter().take(named) {
        write_effect(&mut text, &effect.function, effect);
    }
    if different.len() > named {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "  and {} more functions", different.len() - named);
    }
    text
}

fn write_effect(text: &mut String, functions: &str, effect: &Effect) {
    for line in said_about(effect) {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "  {}: {}", printable(functions), printable(&line));
    }
}

fn said_about(effect: &Effect) -> Vec<String> {
    let reaches = (effect.before != effect.after).then(|| reaches(effect));
    let starts = effect.starts.iter().map(started);
    reaches.into_iter().chain(effect.notices.iter().map(said)).chain(starts).collect()
}

fn is_worth_a_line(effect: &Effect) -> bool {
    let Effect { function: _, before, after, notices, starts } = effect;
    before.is_some() && after.is_some() && (before != after || !notices.is_empty() || !starts.is_empty())
}

fn executions(count: u64) -> String {
    if count == 1 { "1 execution".to_owned() } else { format!("up to {count} executions") }
}

/// "an event causes up to 8 executions (2 before), done within 3h (1h before)".
fn reaches(effect: &Effect) -> String {
    match (effect.before, effect.after) {
        (_, Some(Reach::Endless)) => "an event causes executions without end".to_owned(),
        (Some(Reach::Ends { executions: were, seconds: took }), Some(Reach::Ends { executions: are, seconds })) => {
            let before =
                |differs: bool, text: String| if differs { format!(" ({text} before)") } else { String::new() };
            let (count, within) = (executions(are), duration(seconds));
            let (were, took) = (before(were != are, were.to_string()), before(took != seconds, duration(took)));
            format!("an event causes {count}{were}, done within {within}{took}")
        }
        (_, Some(Reach::Ends { executions: are, seconds })) => {
            let (count, within) = (executions(are), duration(seconds));
            format!("an event causes {count}, done within {within} (without end before)")
        }
        (_, None) => String::new(),
    }
}

const fn plural(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Success => "results",
        Outcome::Failure => "failures",
    }
}

fn started(Start { outcome, through, function, is_new }: &Start) -> String {
    let (what, start) = (plural(*outcome), if *is_new { "now" } else { "no longer" });
    format!("{what} {start} start {function} through {through}")
}

fn said(Notice { outcome, before, after }: &Notice) -> String {
    let what = plural(*outcome);
    match (before, after) {
        (Some(before), Some(after)) => format!("{what} now reach {after} instead of {before}"),
        (None, Some(after)) => format!("{what} now reach {after}"),
        (Some(before), None) => format!("{what} no longer reach anyone (before: {before})"),
        (None, None) => String::new(),
    }
}

/// A duration in its two largest units, rounded up: `3h`, `1h 1m`, `1m 3s`.
fn duration(seconds: u64) -> String {
    const UNITS: [(u64, &str); 4] = [(86_400, "d"), (3_600, "h"), (60, "m"), (1, "s")];
    let largest = UNITS.iter().position(|(size, _)| seconds >= *size).unwrap_or(UNITS.len() - 1);
    let smaller = UNITS.get(largest + 1).map_or(1, |(size, _)| *size);
    let rounded = seconds.div_ceil(smaller) * smaller;
    let parts = UNITS[largest..].iter().take(2).scan(rounded, |left, (size, unit)| {
        let count = *left / size;
        *left %= size;
        Some((count, *unit))
    });
    let parts: Vec<String> =
        parts.filter(|(count, _)| *count > 0).map(|(count, unit)| format!("{count}{unit}")).collect();
    if parts.is_empty() { "0s".to_owned() } else { parts.join(" ") }
}

pub(super) fn json(effect: &Effect) -> Value {
    let reach = |reach: Option<Reach>| match reach {
        None => Value::Null,
        Some(Reach::Endless) => json!({ "endless": true }),
        Some(Reach::Ends { executions, seconds }) => json!({ "executions": executions, "seconds": seconds }),
    };
    let notice = |Notice { outcome, before, after }: &Notice| json!({ "outcome": outcome.name(), "before": before, "after": after });
    let start = |Start { outcome, through, function, is_new }: &Start| json!({ "outcome": outcome.name(), "through": through, "function": function, "is_new": is_new });
    let Effect { function, before, after, notices, starts } = effect;
    json!({
        "function": function,
        "before": reach(*before),
        "after": reach(*after),
        "notified": notices.iter().map(notice).collect::<Vec<_>>(),
        "starts": starts.iter().map(start).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_two_units_and_are_rounded_up() {
        let cases = [
            (0, "0s"),
            (3, "3s"),
            (60, "1m"),
            (3600, "1h"),
            (3603, "1h 1m"),
            (7_199, "2h"),
            (86_399, "24h"),
            (90_001, "1d 2h"),
        ];
        for (seconds, expected) in cases {
            assert_eq!(duration(seconds), expected, "{seconds}");
        }
    }
}
