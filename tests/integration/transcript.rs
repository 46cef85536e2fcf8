//! The output and exit code of a command as one text to compare. Everything that differs between runs is replaced.

use regex::Regex;
use std::path::Path;
use std::sync::LazyLock;

use crate::world::Ran;

/// The patterns that differ, and their replacements. The order matters, because a time contains text that matches other
/// patterns.
static UNSTABLE: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
    [
        (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", "<time>"),
        (r"\b\d{8}T\d{6}Z\b", "<time>"),
        (r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "<id>"),
        (r"\b[0-9a-f]{32}\b", "<project>"),
        (r"(/[\w/.-]*/)?\.tmp\w{6}\b", "<temporary>"),
        (r"(127\.0\.0\.1|localhost):\d{5}\b", "$1:<port>"),
        (r"(after|attempt \d|waited|succeeded|failed)( +)\d+(\.\d+)? m?s\b", "$1$2<duration>"),
        (r"Trying again (at once|in \d+(\.\d+)? (ms|seconds?))\.", "Trying again in <wait>."),
        (r"\bprocess \d+", "process <pid>"),
        // A plan reads two lists at once, and either can fail first.
        (r"POST (/v2/[^/ ]+)/functions/resource-instances/filter\b", "GET $1/fgs/functions"),
        (r"access key \w{4}…", "access key <start>…"),
        (r"(billing )?(duration|memory used|cpu used): ?\d+(\.\d+)?( ?\w+)?", "$1$2: <measured>"),
    ]
    .map(|(pattern, stands_for)| (Regex::new(pattern).expect("a pattern"), stands_for))
    .into()
});

/// The same text for every run and place. `folder` is the command's working directory.
pub(crate) fn stable(text: &str, folder: &Path) -> String {
    let real = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    let mut text = text.to_owned();
    for path in [real.as_path(), folder] {
        text = text.replace(path.to_str().expect("a path is text"), "<folder>");
    }
    stable_everywhere(&text)
}

/// The same text for every run in one folder.
pub(crate) fn stable_everywhere(text: &str) -> String {
    let replaced = |text: String, (pattern, stands_for): &(Regex, &str)| pattern.replace_all(&text, *stands_for).into();
    UNSTABLE.iter().fold(text.to_owned(), replaced)
}

impl Ran {
    /// Command, output streams and exit code. An empty stream is left out.
    pub(crate) fn transcript(&self) -> String {
        let Self { arguments, folder, code, stdout, stderr } = self;
        let code = code.map_or_else(|| "none".to_owned(), |code| code.to_string());
        let streams = [("stdout", stdout), ("stderr", stderr)].into_iter().filter(|(_, stream)| !stream.is_empty());
        let streams: String =
            streams.map(|(name, stream)| ["--- ", name, "\n", stream.trim_end_matches('\n'), "\n"].concat()).collect();
        stable(&format!("$ fgctl {}\n{streams}--- exit {code}\n", arguments.join(" ")), folder)
    }
}
