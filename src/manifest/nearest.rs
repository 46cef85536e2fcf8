//! "Did you mean": the known name closest to an unknown one.

use crate::rules::runtime::RUNTIMES;

/// The maximum number of names that a message lists.
pub(super) const MOST: usize = 30;

/// The closest of `known`, if it is close enough to be a typing error.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let length = name.chars().count();
    let (distance, nearest) = known
        .into_iter()
        // Skip names of very different lengths: the edit distance is at least the difference in length.
        .filter(|known| known.chars().count().abs_diff(length) <= tolerance(length))
        .map(|known| (strsim::damerau_levenshtein(&name.to_lowercase(), &known.to_lowercase()), known))
        .min()?;
    // If every letter differs, it is another name, even if it is short.
    (distance <= tolerance(length) && distance < length).then_some(nearest)
}

/// Up to a third of the letters may differ, and at least one.
fn tolerance(length: usize) -> usize {
    (length / 3).max(1)
}

/// "did you mean `x`?", or otherwise the available names; `what` is their plural.
pub fn suggestion<'a>(name: &str, what: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let all: Vec<&str> = known.into_iter().collect();
    match (nearest(name, all.iter().copied()), all.len()) {
        (Some(nearest), _) => format!("did you mean `{nearest}`?"),
        (None, 0) => format!("no {what} are declared"),
        (None, 1..=MOST) => format!("the {what} are {}", quoted(&all)),
        (None, count) => format!("none of the {count} {what} has a similar name"),
    }
}

/// Runtimes that an unknown one may mean, likeliest first: runtimes whose name starts the same, ignoring case and
/// punctuation; otherwise those of the same language, newest first; otherwise the nearest.
fn runtimes(runtime: &str) -> Vec<&'static str> {
    let plain = |text: &str| -> String { text.to_lowercase().chars().filter(char::is_ascii_alphanumeric).collect() };
    let language = |text: &str| -> String { plain(text).chars().take_while(char::is_ascii_alphabetic).collect() };
    let known = || RUNTIMES.into_iter().rev();
    let begin_alike: Vec<_> = known().filter(|known| plain(known).starts_with(&plain(runtime))).collect();
    let same_language: Vec<_> = known().filter(|known| language(known).starts_with(&language(runtime))).collect();
    let likeliest = [begin_alike, same_language].into_iter().find(|found| !found.is_empty());
    let found = likeliest.unwrap_or_else(|| nearest(runtime, known()).into_iter().collect());
    found.into_iter().take(MOST_RUNTIMES).collect()
}

/// The known runtimes that an unknown one may mean, in words.
pub(super) fn similar_runtimes(runtime: &str) -> Option<String> {
    match &runtimes(runtime)[..] {
        _ if RUNTIMES.contains(&runtime) => None,
        [] => None,
        [one] => Some(format!("did you mean `{one}`?")),
        several => Some(format!("similar known runtimes: {}", quoted(several))),
    }
}

/// The maximum number of runtimes that a message suggests.
const MOST_RUNTIMES: usize = 4;

/// Joins words as a sentence does: "a, b and c".
pub fn listed(words: &[String]) -> String {
    match words {
        [first @ .., last] if !first.is_empty() => format!("{} and {last}", first.join(", ")),
        _ => words.concat(),
    }
}

/// Lists names in a sentence.
pub(super) fn quoted(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn similar_names_are_suggested_and_others_are_not() {
        let known = ["max_retries", "max_validity_period", "on_success", "on_failure"];
        assert_eq!(nearest("max_retrys", known), Some("max_retries"));
        assert_eq!(nearest("onFailure", known), Some("on_failure"));
        assert_eq!(nearest("colour", known), None);
        assert_eq!(nearest("b", ["a"]), None);
        assert_eq!(nearest("", ["abc"]), None);
    }

    #[test]
    fn words_are_joined_as_in_a_sentence() {
        let words = ["a", "b", "c"].map(str::to_owned);
        let joined = [1, 2, 3].map(|count| listed(&words[..count]));
        assert_eq!(joined, ["a", "a and b", "a, b and c"]);
    }

    #[test]
    fn similar_runtimes_are_suggested() {
        for (runtime, expected) in [
            ("Python3.13", &["Python3.12", "Python3.10", "Python3.9", "Python3.6"][..]),
            ("python3.9", &["Python3.9"]),
            ("nodejs18", &["Node.js18.15"]),
            ("Node22", &["Node.js20.15", "Node.js18.15", "Node.js16.17", "Node.js14.18"]),
            ("Pyhton3.9", &["Python3.9"]),
            ("java", &["Java21", "Java17", "Java11", "Java8"]),
        ] {
            assert_eq!(runtimes(runtime), expected, "{runtime}");
        }
        assert_eq!(runtimes("Ruby3"), Vec::<&str>::new());
    }
}
