//! Resolves plain scalars by the core schema of YAML 1.2, in which `on` and `yes` are text.

use serde_json::{Number, Value};

/// Below this magnitude, each whole number has its own float.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Null, a boolean or a number if the text is one, otherwise the text.
pub(crate) fn resolve(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        _ => number(text).map_or_else(|| Value::String(text.to_owned()), Value::Number),
    }
}

fn number(text: &str) -> Option<Number> {
    // Most scalars are words, and the first byte is enough to tell.
    if !matches!(text.as_bytes().first()?, b'0'..=b'9' | b'+' | b'-' | b'.') {
        return None;
    }
    if let Some(digits) = text.strip_prefix("0x") {
        return radix(digits, 16);
    }
    if let Some(digits) = text.strip_prefix("0o") {
        return radix(digits, 8);
    }
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if unsigned.bytes().all(|byte| byte.is_ascii_digit()) && !unsigned.is_empty() {
        let signed = text.strip_prefix('+').unwrap_or(text);
        return signed
            .parse::<u64>()
            .map(Number::from)
            .or_else(|_| signed.parse::<i64>().map(Number::from))
            .ok()
            .or_else(
                // The number is too large for an integer. It exceeds every range here, so its exact value does not
                // matter.
                || Number::from_f64(signed.parse().ok()?),
            );
    }
    is_float(unsigned).then(|| float(text)).flatten()
}

fn radix(digits: &str, radix: u32) -> Option<Number> {
    let plain = !digits.is_empty() && digits.chars().all(|digit| digit.is_digit(radix));
    plain.then(|| u64::from_str_radix(digits, radix).ok().map(Number::from)).flatten()
}

/// `12.`, `.5`, `1.5e-3`; not `.`, `1e`, `inf`.
fn is_float(unsigned: &str) -> bool {
    let (mantissa, exponent) = unsigned.split_once(['e', 'E']).map_or((unsigned, None), |(m, e)| (m, Some(e)));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let exponent_fits = exponent.is_none_or(|exponent| {
        let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        !exponent.is_empty() && digits(exponent)
    });
    !(whole.is_empty() && fraction.is_empty()) && digits(whole) && digits(fraction) && exponent_fits
}

#[expect(clippy::cast_possible_truncation, reason = "whole and within the exact range, as just checked")]
fn float(text: &str) -> Option<Number> {
    let float: f64 = text.parse().ok()?;
    // JSON Schema treats 2.0 as a whole number, so this does too.
    if float.fract() == 0.0 && float.abs() < EXACT {
        return Some(Number::from(float as i64));
    }
    Number::from_f64(float)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn scalars_follow_the_core_schema() {
        for (text, value) in [
            ("", json!(null)),
            ("~", json!(null)),
            ("null", json!(null)),
            ("True", json!(true)),
            ("on", json!("on")),
            ("yes", json!("yes")),
            ("0", json!(0)),
            ("-1", json!(-1)),
            ("+7", json!(7)),
            ("0017", json!(17)),
            ("0x1F", json!(31)),
            ("0o17", json!(15)),
            ("0xZZ", json!("0xZZ")),
            ("2.0", json!(2)),
            ("1e3", json!(1000)),
            (".5", json!(0.5)),
            ("1.5e-1", json!(0.15)),
            ("-", json!("-")),
            (".", json!(".")),
            ("1e", json!("1e")),
            ("1.2.3", json!("1.2.3")),
            ("2026-01-01", json!("2026-01-01")),
            ("90s", json!("90s")),
            (".inf", json!(".inf")),
            ("18446744073709551615", json!(u64::MAX)),
            ("18446744073709551616", json!(18_446_744_073_709_551_616_f64)),
            ("1e999", json!("1e999")),
        ] {
            assert_eq!(resolve(text), value, "{text}");
        }
    }
}
