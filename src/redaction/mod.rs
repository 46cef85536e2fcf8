//! Finds secrets in text and hides them, in plain form and as other programs write them (JSON, HTML, URLs, base64).
//!
//! Pure. A text is decoded step by step, in every order of encodings, and each result is searched. Each character of a
//! decoded text records its origin, so a match hides the right part of the original text.

mod decode;

use secrecy::{ExposeSecret, SecretString};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use decode::Decoded;

/// Shown instead of a secret.
pub const HIDDEN: &str = "(sensitive)";

/// The maximum number of nested encodings.
const DEPTH: usize = 6;
/// The maximum number of decoded forms of one text that are searched.
const FORMS: usize = 128;

/// Texts that are never shown.
#[derive(Debug, Clone, Default)]
pub struct Redaction {
    secrets: Arc<[SecretString]>,
    /// The length of the shortest secret in bytes.
    shortest: usize,
    /// The secrets by their first character. Built when the first text is searched.
    by_start: Arc<OnceLock<BTreeMap<char, Vec<usize>>>>,
}

impl Redaction {
    pub fn of(secrets: impl IntoIterator<Item = SecretString>) -> Self {
        let mut secrets: Vec<SecretString> =
            secrets.into_iter().filter(|secret| !secret.expose_secret().is_empty()).collect();
        // Several functions can share a secret; search for it once.
        secrets.sort_by(|one, other| one.expose_secret().cmp(other.expose_secret()));
        secrets.dedup_by(|one, other| one.expose_secret() == other.expose_secret());
        let shortest = secrets.iter().map(|secret| secret.expose_secret().len()).min().unwrap_or_default();
        Self { secrets: secrets.into(), shortest, by_start: Arc::default() }
    }

    /// Adds more secrets to hide.
    pub fn and(&self, secrets: impl IntoIterator<Item = SecretString>) -> Self {
        let is_known =
            |secret: &SecretString| self.secrets.iter().any(|known| known.expose_secret() == secret.expose_secret());
        let new: Vec<SecretString> = secrets.into_iter().filter(|secret| !is_known(secret)).collect();
        // Clones share one index.
        if new.is_empty() { self.clone() } else { Self::of(self.secrets.iter().cloned().chain(new)) }
    }

    /// Hides the secrets of both.
    pub fn with(&self, other: &Self) -> Self {
        Self::of(self.secrets.iter().chain(&*other.secrets).cloned())
    }

    /// Hides only the secrets with at least this many characters.
    pub fn at_least(&self, characters: usize) -> Self {
        let is_long = |secret: &&SecretString| secret.expose_secret().chars().count() >= characters;
        Self::of(self.secrets.iter().filter(is_long).cloned())
    }

    /// Returns the text without the secrets. Call this before you shorten or change the text: a part of a secret is not
    /// recognized.
    pub fn apply(&self, text: &str) -> String {
        let mut found = self.find(text);
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

    /// Whether the text contains a secret.
    pub fn is_in(&self, text: &str) -> bool {
        !self.find(text).is_empty()
    }

    /// The ranges of all secrets, in bytes of the text.
    fn find(&self, text: &str) -> Vec<Range<usize>> {
        if self.secrets.is_empty() {
            return Vec::new();
        }
        // Most texts contain no encoding, so one search is enough.
        if decode::is_plain(text, self.shortest) {
            return self.literal(text).collect();
        }
        let mut found = Vec::new();
        let mut seen = BTreeSet::from([text.to_owned()]);
        let mut front = vec![Decoded::of(text)];
        for _ in 0..=DEPTH {
            for decoded in &front {
                found.extend(self.literal(&decoded.text).map(|range| decoded.origin(range)));
            }
            let next: Vec<Decoded> = front.iter().flat_map(|text| decode::once(text, self.shortest)).collect();
            front = next.into_iter().filter(|next| seen.len() < FORMS && seen.insert(next.text.clone())).collect();
            if front.is_empty() {
                break;
            }
        }
        found
    }

    /// The ranges of secrets in plain form.
    fn literal<'a>(&'a self, text: &'a str) -> impl Iterator<Item = Range<usize>> + 'a {
        let by_start = self.by_start.get_or_init(|| self.index());
        text.char_indices().filter_map(move |(start, first)| {
            let candidates = by_start.get(&first).map(Vec::as_slice).unwrap_or_default();
            let secrets = candidates.iter().map(|index| self.secrets[*index].expose_secret());
            let longest = secrets.filter(|secret| text[start..].starts_with(secret)).map(str::len).max();
            longest.map(|length| start..start + length)
        })
    }

    fn index(&self) -> BTreeMap<char, Vec<usize>> {
        let mut index: BTreeMap<char, Vec<usize>> = BTreeMap::new();
        for (number, secret) in self.secrets.iter().enumerate() {
            if let Some(first) = secret.expose_secret().chars().next() {
                index.entry(first).or_default().push(number);
            }
        }
        index
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
    use proptest::prelude::*;

    fn redaction(secrets: &[&str]) -> Redaction {
        Redaction::of(secrets.iter().map(|secret| (*secret).into()))
    }

    #[test]
    fn a_secret_is_hidden_in_every_encoding() {
        let secret = "p<w\n\"ö\\😀/ &+%'";
        let json = |text: &str| serde_json::to_string(text).unwrap().trim_matches('"').to_owned();
        let html = "p&lt;w&#10;&quot;&ouml;\\&#x1F600;/ &amp;+%&#39;".replace("&ouml;", "&#246;");
        let url = "p%3Cw%0A%22%C3%B6%5C%F0%9F%98%80%2F%20%26%2B%25%27";
        for written in [
            secret.to_owned(),
            json(secret),
            json(&json(&json(secret))),
            r#"p\u003cw\n\"\u00f6\\\ud83d\ude00\/\u0020&+%\u0027"#.to_owned(),
            r#"p\\u003Cw\\n\\\"\\u00F6\\\\\\uD83D\\uDE00\\/ \\u0026+%'"#.to_owned(),
            html.clone(),
            html.replace('&', "&amp;"),
            json(&html),
            url.to_owned(),
            url.to_lowercase(),
            url.replace("%20", "+"),
            url.replace('%', "%25"),
            STANDARD.encode(secret),
            URL_SAFE_NO_PAD.encode(secret),
            STANDARD.encode(format!("{{\"password\":{}}}", serde_json::to_string(secret).unwrap())),
            hex::encode(secret),
            hex::encode_upper(secret),
            format!("{secret:?}").trim_matches('"').to_owned(),
        ] {
            assert_eq!(redaction(&[secret]).apply(&format!("a: {written} :b")), "a: (sensitive) :b", "{written}");
        }
    }

    #[test]
    fn a_secret_that_looks_encoded_is_hidden_too() {
        for secret in ["a%41b", "x&amp;y", r"c:\new\u0041", "100%25", "tail\\", "tail%", "a+b c", "&#38;"] {
            let json = serde_json::to_string(secret).unwrap();
            for written in [secret.to_owned(), json.clone(), serde_json::to_string(&json).unwrap()] {
                let shown = redaction(&[secret]).apply(&format!("<{written}>"));
                assert!(shown.contains(HIDDEN) && !shown.contains(secret), "{secret}: {shown}");
            }
        }
    }

    #[test]
    fn text_without_secrets_is_unchanged() {
        let text =
            r#"{"error_code":"FSS.0400","error_msg":"a \"b\" &amp; 100% of c+d/e4d909c290d0fb1ca068ffaddf22cbd0"}"#;
        assert_eq!(redaction(&["hunter2"]).apply(text), text);
        assert_eq!(Redaction::default().apply(text), text);
    }

    #[test]
    fn overlapping_secrets_are_hidden() {
        let hide = |secrets: &[&str], text: &str| redaction(secrets).apply(text);
        assert_eq!(hide(&["abc", "abcdefTAIL"], "x abcdefTAIL abc"), "x (sensitive) (sensitive)");
        assert_eq!(hide(&["abcd", "cdef"], "x abcdef y"), "x (sensitive) y");
        assert_eq!(hide(&["", "a.c"], "abc a.c"), "abc (sensitive)");
        assert_eq!(redaction(&["a"]).and(["b".into()]).apply("a-b-c"), "(sensitive)-(sensitive)-c");
    }

    proptest! {
        #[test]
        fn a_secret_is_hidden_at_any_depth_of_quoting(secret in "\\PC{4,20}", around in "[x ]{0,5}", depth in 0..4_usize) {
            let quoted = (0..depth).fold(secret.clone(), |text, _| {
                let quoted = serde_json::to_string(&text).unwrap();
                quoted[1..quoted.len() - 1].to_owned()
            });
            let shown = redaction(&[&secret]).apply(&format!("{around}{quoted}{around}"));
            prop_assert!(shown.contains(HIDDEN));
            prop_assert!(!shown.contains(&quoted) || HIDDEN.contains(&quoted) || around.contains(&quoted));
        }

        #[test]
        fn arbitrary_text_does_not_panic(secret in "\\PC{1,4}", text in "([%&+\\\\u0-9a-f#;x\"é]|\\PC){0,40}") {
            let _ = redaction(&[&secret]).apply(&text);
        }
    }
}
