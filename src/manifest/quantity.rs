//! Reads numbers, times, and words for true and false, in the ways that people write them.

use serde_json::Value;
use std::time::Duration;

use crate::model::number;

pub(super) fn truth(text: &str) -> Option<bool> {
    match text.to_lowercase().as_str() {
        "true" | "yes" | "on" | "y" => Some(true),
        "false" | "no" | "off" | "n" => Some(false),
        _ => None,
    }
}

/// The number in a text such as `128MB`, `v1`, or `128` in quotes.
pub(super) fn leading_number(text: &str) -> Option<u64> {
    let text = text.trim().trim_start_matches('v');
    let digits = text.find(|c: char| !c.is_ascii_digit()).map_or(text, |end| &text[..end]);
    let unit = text[digits.len()..].trim();
    unit.chars().all(char::is_alphabetic).then(|| digits.parse().ok()).flatten()
}

/// The number, or the nearest one that the schema accepts.
pub(super) fn allowed_number(number: u64, node: &Value) -> u64 {
    let only = match node.get("enum").and_then(Value::as_array).map(Vec::as_slice) {
        Some([only]) => Some(only),
        _ => node.get("const"),
    };
    let limit = |name: &str| node.get(name).and_then(Value::as_u64);
    match only.and_then(Value::as_u64) {
        Some(only) => only,
        None => number.max(limit("minimum").unwrap_or(number)).min(limit("maximum").unwrap_or(number)),
    }
}

pub(super) fn nearest_number(number: i64, node: &Value) -> Option<i64> {
    let known = node.get("enum")?.as_array().filter(|known| known.len() > 1)?.iter().filter_map(Value::as_i64);
    known.min_by_key(|known| known.abs_diff(number))
}

/// Converts `2 hours`, `1h30m`, `PT15M` or `90` to the manifest's form.
pub(super) fn period(text: &str) -> Option<String> {
    let lower = text.to_lowercase();
    let mut rest = lower.strip_prefix("pt").unwrap_or(&lower).trim();
    let mut total = 0.0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, behind) = rest.split_at(digits);
        let behind = behind.trim_start();
        let letters = behind.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(behind.len());
        let (unit, behind) = behind.split_at(letters);
        let unit = match unit {
            "" | "s" | "sec" | "secs" | "second" | "seconds" => 1.0,
            "m" | "min" | "mins" | "minute" | "minutes" => 60.0,
            "h" | "hr" | "hrs" | "hour" | "hours" => 3_600.0,
            "d" | "day" | "days" => 86_400.0,
            _ => return None,
        };
        total += number.parse::<f64>().ok()? * unit;
        rest = behind.trim_start();
    }
    let seconds = Duration::try_from_secs_f64(total).ok()?.as_secs();
    (1..1_000_000_000).contains(&seconds).then(|| number::period(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_allowed_number_is_suggested() {
        for (number, node, expected) in [
            (2, json!({ "const": 1 }), 1),
            (2, json!({ "enum": [1] }), 1),
            (9, json!({ "minimum": 0, "maximum": 3 }), 3),
            (2, json!({ "minimum": 0, "maximum": 3 }), 2),
            (2, json!({}), 2),
        ] {
            assert_eq!(allowed_number(number, &node), expected, "{number} {node}");
        }
    }

    #[test]
    fn common_spellings_of_durations_are_converted() {
        for (text, expected) in [
            ("2 hours", Some("2h")),
            ("1h30m", Some("90m")),
            ("1.5h", Some("90m")),
            ("PT15M", Some("15m")),
            ("90", Some("90s")),
            ("30 s", Some("30s")),
            ("5min", Some("5m")),
            ("1d", Some("24h")),
            ("soon", None),
            ("", None),
            ("-5s", None),
            ("1 fortnight", None),
            ("99999999999999999999h", None),
        ] {
            assert_eq!(period(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn numbers_with_a_unit_are_recognized() {
        for (text, expected) in
            [("128MB", Some(128)), (" 256 ", Some(256)), ("v1", Some(1)), ("two", None), ("1.5", None), ("1-2", None)]
        {
            assert_eq!(leading_number(text), expected, "{text}");
        }
    }
}
