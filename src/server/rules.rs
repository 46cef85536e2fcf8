//! The service's rules for text: names, descriptions, tags and the names of notification targets.
//!
//! Written out here once more, apart from what judges manifests, so that each can catch a mistake of the other.

use crate::wire::urn::{FunctionUrn, Qualifier};

/// Function and package names: 1-60 characters.
pub(crate) fn is_name(text: &str) -> bool {
    is_word(text, 60) && text.starts_with(|first: char| first.is_ascii_alphabetic())
}

/// Versions: 1-42 letters, digits, `_`, `-` and `.`, a letter or digit at both ends.
pub(crate) fn is_version(text: &str) -> bool {
    (1..=42).contains(&text.len())
        && text.chars().all(|c| is_word_character(c) || c == '.')
        && text.starts_with(|first: char| first.is_ascii_alphanumeric())
        && text.ends_with(|last: char| last.is_ascii_alphanumeric())
}

/// Aliases: 1-64 characters.
pub(crate) fn is_alias(text: &str) -> bool {
    is_word(text, 64) && text.starts_with(|first: char| first.is_ascii_alphabetic())
}

/// Of functions, versions and aliases: at most 512 characters.
pub(crate) fn is_description(text: &str) -> bool {
    text.chars().count() <= 512
}

/// 1-128 letters, digits, spaces and `_.:=+-@`, no space at either end, not of the system.
pub(crate) fn is_tag_key(text: &str) -> bool {
    let length = text.chars().count();
    let ends = !text.starts_with(' ') && !text.ends_with(' ');
    (1..=128).contains(&length)
        && ends
        && !text.starts_with("_sys_")
        && text.chars().all(|c| is_tag_character(c, "_.:=+-@"))
}

/// At most 255 characters, those of a key and `/`.
pub(crate) fn is_tag_value(text: &str) -> bool {
    text.chars().count() <= 255 && text.chars().all(|c| is_tag_character(c, "_.:=+-@/"))
}

/// OBS buckets: 3-63 lower-case letters, digits, `-` and `.`, and nothing that looks like an address.
pub(crate) fn is_bucket(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
    let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    (3..=63).contains(&text.len())
        && text.chars().all(allowed)
        && edge(text.chars().next())
        && edge(text.chars().next_back())
        && !["..", ".-", "-."].iter().any(|pair| text.contains(pair))
        && text.parse::<std::net::Ipv4Addr>().is_err()
}

/// DIS streams: 1-64 letters, digits, `_` and `-`.
pub(crate) fn is_stream(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.chars().all(is_word_character)
}

/// `urn:smn:<region>:<project id>:<topic>`, wherever it is.
pub(crate) fn is_topic_urn(text: &str) -> bool {
    let topic = |text: &str| {
        (1..=255).contains(&text.len())
            && text.chars().all(is_word_character)
            && text.starts_with(|first: char| first.is_ascii_alphanumeric())
    };
    match text.split(':').collect::<Vec<_>>()[..] {
        ["urn", "smn", region, project, name] => is_region(region) && is_project_id(project) && topic(name),
        _ => false,
    }
}

/// A whole function URN, wherever that function is and whether it exists or not.
pub(crate) fn is_function_urn(text: &str) -> bool {
    let Some(FunctionUrn { region, project_id, package, name, qualifier }) = FunctionUrn::parse(text) else {
        return false;
    };
    let qualified = match &qualifier {
        None => true,
        Some(Qualifier::Version(version)) => is_version(version),
        Some(Qualifier::Alias(alias)) => is_alias(alias),
    };
    text.len() <= 269
        && is_region(&region)
        && is_project_id(&project_id)
        && is_name(&package)
        && is_name(&name)
        && qualified
}

/// An object's URL, of whatever domain.
pub(crate) fn is_object_url(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let parts = rest.and_then(|rest| rest.split_once('/'));
    parts.is_some_and(|(host, key)| !host.is_empty() && !key.is_empty())
        && !text.contains(|c: char| c.is_control() || c == ' ')
}

fn is_region(text: &str) -> bool {
    !text.is_empty() && text.chars().all(is_word_character)
}

/// 32 letters and digits, or the `-` and `_` that a local server's project may have.
fn is_project_id(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.chars().all(is_word_character)
}

/// Letters, digits, `_` and `-`, the last one a letter or digit.
fn is_word(text: &str, longest: usize) -> bool {
    (1..=longest).contains(&text.len())
        && text.chars().all(is_word_character)
        && text.ends_with(|last: char| last.is_ascii_alphanumeric())
}

fn is_word_character(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '-'
}

fn is_tag_character(c: char, signs: &str) -> bool {
    c.is_alphanumeric() || c == ' ' || signs.contains(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        assert!(["a", "A-1", "in_take"].into_iter().all(is_name));
        assert!(!["", "1a", "a-", "ä", &"a".repeat(61)].into_iter().any(is_name));
    }

    #[test]
    fn tags() {
        assert!(["team", "a b", "größe:1", "_x"].into_iter().all(is_tag_key));
        assert!(!["", " a", "a ", "a/b", "_sys_x", "a\n", &"a".repeat(129)].into_iter().any(is_tag_key));
        assert!(["", "a/b", " "].into_iter().all(is_tag_value));
        assert!(!["a,b", &"a".repeat(256)].into_iter().any(is_tag_value));
    }

    #[test]
    fn targets() {
        assert!(["abc", "a.b-c", "1a1"].into_iter().all(is_bucket));
        assert!(!["ab", "Abc", "a..b", "a.-b", "-ab", "1.2.3.4", "a_b"].into_iter().any(is_bucket));
        assert!(is_stream("a_b-C") && !is_stream("") && !is_stream("a.b"));
        assert!(is_topic_urn("urn:smn:eu-de:p1:pager") && !is_topic_urn("urn:smn:eu-de:p1:-x"));
        assert!(!is_topic_urn("urn:smn:eu-de:p1"));
        let urn = "urn:fss:eu-de:p1:function:default:f";
        assert!(is_function_urn(urn) && is_function_urn(&format!("{urn}:!prod")));
        assert!(
            !is_function_urn("f")
                && !is_function_urn(&format!("{urn}:v1."))
                && !is_function_urn("urn:fss:eu-de:p1:function:d:1")
        );
    }
}
