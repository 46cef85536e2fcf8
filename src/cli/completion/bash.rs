//! bash splits words at `:` and `=`. Here, they are joined again, because addresses and options contain these characters.

use clap_complete::engine;
use std::ffi::OsString;
use std::io;
use std::path::Path;

/// A line in whole words.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) words: Vec<OsString>,
    /// Which of the words to complete.
    index: usize,
    /// The start of that word, which bash does not replace.
    kept: OsString,
}

/// The candidates for the line, in the form that bash's script expects.
pub(super) fn answer(program: &mut clap::Command, words: Vec<OsString>, here: Option<&Path>) -> io::Result<String> {
    // The script sets these.
    let index = std::env::var("_CLAP_COMPLETE_INDEX").ok().and_then(|index| index.parse().ok());
    let separator = std::env::var("_CLAP_IFS").unwrap_or_else(|_| "\n".into());
    let Line { words, index, kept } = line(words, index.unwrap_or_default());
    let candidates = engine::complete(program, words, index, here)?;
    let kept = kept.to_string_lossy();
    let texts = candidates.iter().map(|candidate| candidate.get_value().to_string_lossy());
    let texts: Vec<String> = texts.filter_map(|text| Some(text.strip_prefix(&*kept)?.to_owned())).collect();
    Ok(texts.join(&separator))
}

/// Joins the words that bash has split.
pub(super) fn line(split: Vec<OsString>, index: usize) -> Line {
    let mut line = Line { words: Vec::new(), index: 0, kept: OsString::new() };
    let mut joins_next = false;
    for (at, word) in split.into_iter().enumerate() {
        let is_break = word == ":" || word == "=";
        let joined = line.words.last_mut().filter(|_| is_break || joins_next);
        let kept = joined.as_ref().map(|start| OsString::clone(start)).unwrap_or_default();
        match joined {
            Some(start) => start.push(word),
            None => line.words.push(word),
        }
        if at == index {
            line = Line { index: line.words.len() - 1, kept, ..line };
        }
        joins_next = is_break;
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_joined_at_colons_and_equal_signs() {
        for (split, index, words, whole, kept) in [
            (&["fgctl", "plan", ""][..], 2, &["fgctl", "plan", ""][..], 2, ""),
            (&["fgctl", "logs", "--local", "=", "dir", "in"], 5, &["fgctl", "logs", "--local=dir", "in"], 3, ""),
            (
                &["fgctl", "plan", "--target", "function", ":", "default/in"],
                5,
                &["fgctl", "plan", "--target", "function:default/in"],
                3,
                "function:",
            ),
            (&["fgctl", "plan", "--target", "=", "in"], 4, &["fgctl", "plan", "--target=in"], 2, "--target="),
            (&["fgctl", "logs", "intake", ":", "2"], 1, &["fgctl", "logs", "intake:2"], 1, ""),
        ] {
            let os = |words: &[&str]| words.iter().map(OsString::from).collect::<Vec<_>>();
            let expected = Line { words: os(words), index: whole, kept: kept.into() };
            assert_eq!(line(os(split), index), expected, "{split:?}");
        }
    }
}
