//! Secrets taken out of what the service says: some answers repeat the request.

use regex::Regex;
use secrecy::{ExposeSecret, SecretString};
use std::ops::Range;
use std::sync::{Arc, OnceLock};

/// What is shown instead.
const HIDDEN: &str = "(sensitive)";

/// Texts that are never shown.
#[derive(Debug, Clone, Default)]
pub(super) struct Redaction {
    secrets: Arc<[SecretString]>,
    /// How they are found; `None` where one is too long to be looked for. Made when a message is first looked through.
    patterns: Arc<OnceLock<Option<Vec<Regex>>>>,
}

impl Redaction {
    pub(super) fn of(secrets: impl IntoIterator<Item = SecretString>) -> Self {
        let secrets = secrets.into_iter().filter(|secret| !secret.expose_secret().is_empty()).collect();
        Self { secrets, patterns: Arc::default() }
    }

    /// Hides these too.
    pub(super) fn and(&self, secrets: Vec<SecretString>) -> Self {
        if secrets.is_empty() {
            // The patterns are made once for all that share them.
            return self.clone();
        }
        Self::of(self.secrets.iter().cloned().chain(secrets))
    }

    /// The text without the secrets. To be called before it is shortened or changed in any way: a part of a secret is
    /// not found.
    pub(super) fn apply(&self, text: &str) -> String {
        let compile = || self.secrets.iter().map(|secret| Regex::new(&pattern(secret.expose_secret())).ok()).collect();
        let Some(patterns) = self.patterns.get_or_init(compile) else { return HIDDEN.to_owned() };
        let found = patterns.iter().flat_map(|pattern| pattern.find_iter(text).map(|found| found.range()));
        let mut found: Vec<Range<usize>> = found.collect();
        found.sort_by_key(|range| range.start);
        let (mut shown, mut end) = (String::with_capacity(text.len()), 0);
        for range in found {
            // Secrets can overlap.
            if range.start >= end {
                shown.push_str(&text[end..range.start]);
                shown.push_str(HIDDEN);
            }
            end = end.max(range.end);
        }
        shown.push_str(&text[end..]);
        shown
    }
}

/// Matches a text however often JSON has quoted it, and whichever escapes that JSON uses: secrets are sent as JSON inside
/// of JSON, and an answer may quote that once more.
fn pattern(secret: &str) -> String {
    let one = |character: char| {
        let plain = regex::escape(&character.to_string());
        let units: Vec<String> =
            character.encode_utf16(&mut [0; 2]).iter().map(|unit| format!(r"\\+u{unit:04x}")).collect();
        let short = match character {
            '\n' => r"|\\+n",
            '\r' => r"|\\+r",
            '\t' => r"|\\+t",
            '\u{8}' => r"|\\+b",
            '\u{c}' => r"|\\+f",
            _ => "",
        };
        format!(r"(?:\\*{plain}|(?i:{}){short})", units.concat())
    };
    secret.chars().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn redaction(secrets: &[&str]) -> Redaction {
        Redaction::of(secrets.iter().map(|secret| (*secret).into()))
    }

    #[test]
    fn a_secret_is_hidden_as_others_write_it() {
        let secret = "p<w\n\"ö\\😀/";
        for written in [
            secret,
            r#"p<w\n\"ö\\😀/"#,
            r#"p<w\\n\\\"ö\\\\😀/"#,
            r#"p\u003cw\n\"\u00f6\\\ud83d\ude00\/"#,
            r#"p\\u003Cw\\n\\\"\\u00F6\\\\\\uD83D\\uDE00\\/"#,
        ] {
            assert_eq!(redaction(&[secret]).apply(&format!("a {written} b")), "a (sensitive) b", "{written}");
        }
    }

    #[test]
    fn secrets_may_overlap() {
        let hide = |secrets: &[&str], text: &str| redaction(secrets).apply(text);
        assert_eq!(hide(&["abc", "abcdefTAIL"], "x abcdefTAIL abc"), "x (sensitive) (sensitive)");
        assert_eq!(hide(&["abcd", "cdef"], "x abcdef y"), "x (sensitive) y");
        assert_eq!(hide(&["", "a.c"], "abc a.c"), "abc (sensitive)");
        assert_eq!(redaction(&["a"]).and(vec!["b".into()]).apply("a-b-c"), "(sensitive)-(sensitive)-c");
        assert_eq!(Redaction::default().apply("text"), "text");
    }

    proptest! {
        #[test]
        fn no_quoting_shows_a_secret(secret in "\\PC{4,20}", around in "[x ]{0,5}", depth in 0..4_usize) {
            let quoted = (0..depth).fold(secret.clone(), |text, _| {
                let quoted = serde_json::to_string(&text).unwrap();
                quoted[1..quoted.len() - 1].to_owned()
            });
            let shown = redaction(&[&secret]).apply(&format!("{around}{quoted}{around}"));
            prop_assert!(shown.contains(HIDDEN));
            prop_assert!(!shown.contains(&quoted) || HIDDEN.contains(&quoted) || around.contains(&quoted));
        }
    }
}
