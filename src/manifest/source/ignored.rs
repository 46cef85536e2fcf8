//! Comments that ignore lints: `# fgctl: ignore[id] reason`.

use std::collections::BTreeMap;

use crate::diagnostic::explanation::{self, LINTS};
use crate::diagnostic::{Diagnostic, Spot};

use super::super::nearest::{nearest, quoted};
use super::Sources;
use super::comment::{Comment, comments, mentions_fgctl};
use super::locate::{Index, Lines};
use super::tree::{Span, Tree};

/// The form of these comments.
const FORM: &str = "write `# fgctl: ignore[id] reason`";

/// The code of the finding that a comment has no effect.
pub const UNUSED_IGNORE: &str = "unused-ignore";

/// Whether all lints were looked for. Otherwise no comment is called unused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lints {
    Complete,
    Incomplete,
}

/// Removes the findings that comments ignore, and reports comments that are wrong or have no effect. A comment applies to
/// the entry that begins on its line or, if it stands alone, on the next line, and to everything below that entry, no
/// matter whether the manifest or an overlay wrote it. A comment that a later overlay may have made unnecessary is not called
/// unused: without that overlay, the comment may be needed.
pub(super) fn apply(sources: &Sources, diagnostics: &mut Vec<Diagnostic>, sought: Lints) {
    for (index, source) in sources.files.iter().enumerate() {
        if !mentions_fgctl(source) {
            continue;
        }
        let (lines, mut ignores) = (Lines::of(source), Vec::new());
        for comment in comments(source, &lines) {
            match read(&comment) {
                Ok(of_comment) => ignores.extend(of_comment),
                Err(wrong) => diagnostics.extend(wrong.into_iter().map(|wrong| wrong.diagnostic(&comment, &lines))),
            }
        }
        remove_ignored(sources, index, &mut ignores, diagnostics);
        if sought == Lints::Complete && !sources.origins.is_followed(index) {
            let unused = ignores.iter().filter(|ignore| !ignore.is_used && !explanation::needs_live(ignore.id));
            diagnostics.extend(unused.map(|ignore| unused_ignore(ignore, &lines)));
        }
    }
}

/// One id of one comment.
struct Ignore<'a> {
    id: &'a str,
    span: Span,
    about: Option<u32>,
    is_used: bool,
}

/// A mistake in a comment.
struct Wrong<'a> {
    code: &'static str,
    /// The part that is wrong.
    part: &'a str,
    message: String,
    help: String,
}

impl Wrong<'_> {
    fn diagnostic(self, comment: &Comment<'_>, lines: &Lines<'_>) -> Diagnostic {
        let Self { code, part, message, help } = self;
        Diagnostic::error(code, message).in_place(lines.place(comment.part(part))).help(help)
    }
}

/// Reads a comment. Text that only mentions fgctl says nothing.
fn read<'a>(comment: &Comment<'a>) -> Result<Vec<Ignore<'a>>, Vec<Wrong<'a>>> {
    let text = comment.text.trim();
    let malformed = |message: &str| {
        let (message, help) = (message.to_owned(), FORM.to_owned());
        Err(vec![Wrong { code: "invalid-ignore", part: text, message, help }])
    };
    let named = text.strip_prefix("fgctl").unwrap_or_default();
    let rest = named.trim_start().strip_prefix(':').map(str::trim_start);
    let words = rest.unwrap_or(named).trim_start();
    let (word, rest_of_words) = words.split_at(words.find(|c: char| !c.is_alphanumeric()).unwrap_or(words.len()));
    let in_brackets = rest_of_words.trim_start().strip_prefix('[').map(|rest| rest.split_once(']'));
    match (rest, word, in_brackets) {
        (Some(_), "ignore", Some(Some((ids, reason)))) => ids_and_reason(comment, text, ids, reason),
        (Some(_), "ignore", Some(None)) => malformed("the `]` of this comment is missing"),
        (Some(_), "ignore", None) => malformed("this comment names no lint to ignore"),
        (None, "ignore", Some(_)) => malformed("this comment lacks the `:` after `fgctl`"),
        (Some(_), other, Some(_)) => malformed(&format!("`{other}[…]` is not a comment that fgctl understands")),
        (_, _, _) => Ok(Vec::new()),
    }
}

fn ids_and_reason<'a>(
    comment: &Comment<'a>,
    text: &'a str,
    ids: &'a str,
    reason: &'a str,
) -> Result<Vec<Ignore<'a>>, Vec<Wrong<'a>>> {
    let ids: Vec<&str> = ids.split(',').map(str::trim).filter(|id| !id.is_empty()).collect();
    let malformed =
        |message: &str, help: String| Wrong { code: "invalid-ignore", part: text, message: message.into(), help };
    if ids.is_empty() {
        return Err(vec![malformed("this comment names no lint to ignore", FORM.to_owned())]);
    }
    let mut wrong: Vec<Wrong<'_>> = ids.iter().filter_map(|id| wrong_id(id)).collect();
    if !reason.contains(char::is_alphanumeric) {
        let help = format!("say why after the bracket: `# fgctl: ignore[{}] reason`", ids.join(", "));
        wrong.push(malformed("this comment gives no reason for ignoring the lint", help));
    }
    if !wrong.is_empty() {
        return Err(wrong);
    }
    let ignore = |id| Ignore { id, span: comment.part(id), about: comment.about, is_used: false };
    Ok(ids.into_iter().map(ignore).collect())
}

/// The mistake in an id, if any.
fn wrong_id(id: &str) -> Option<Wrong<'_>> {
    if explanation::is_lint(id) {
        return None;
    }
    let (message, help) = if explanation::of(id).is_some() {
        let help = format!("correct the manifest; `fgctl explain {id}` says how");
        (format!("`{id}` cannot be ignored: it is not a lint"), help)
    } else {
        let known: Vec<&str> = LINTS.iter().map(|lint| lint.code).collect();
        let help = match nearest(id, known.iter().copied()) {
            Some(nearest) => format!("did you mean `{nearest}`?"),
            None => format!("the lints are {}", quoted(&known)),
        };
        (format!("there is no lint `{id}`"), help)
    };
    Some(Wrong { code: "unknown-lint", part: id, message, help })
}

fn remove_ignored(sources: &Sources, index: usize, ignores: &mut [Ignore<'_>], diagnostics: &mut Vec<Diagnostic>) {
    let mut by_place: BTreeMap<(u32, &str), Vec<usize>> = BTreeMap::new();
    for (number, Ignore { id, about, .. }) in ignores.iter().enumerate() {
        if let Some(line) = about {
            by_place.entry((*line, id)).or_default().push(number);
        }
    }
    let changed = sources.origins.changed_by(index);
    let is_here = |spot: &&Spot| changed.contains(&spot.source);
    let concerns = |found: &Diagnostic| explanation::is_lint(found.code) && found.spots().any(|spot| is_here(&spot));
    if by_place.is_empty() || !diagnostics.iter().any(concerns) {
        return;
    }
    // The file was parsed before, because it has a spot.
    let source = sources.get(index);
    let Ok(tree) = Tree::parse(&source.text) else { return };
    let mut tree = Index::new(&tree, Lines::of(source));
    diagnostics.retain(|found| {
        if !concerns(found) {
            return true;
        }
        let lines = found.spots().filter(is_here).flat_map(|spot| tree.lines_above(spot)).collect::<Vec<_>>();
        let applying = lines.iter().filter_map(|line| by_place.get(&(*line, found.code))).flatten();
        let mut is_ignored = false;
        for number in applying {
            ignores[*number].is_used = true;
            is_ignored = true;
        }
        !is_ignored
    });
}

fn unused_ignore(ignore: &Ignore<'_>, lines: &Lines<'_>) -> Diagnostic {
    let message = format!("nothing here is reported as `{}`, so this comment has no effect", ignore.id);
    let help = match ignore.about {
        Some(_) => "remove the comment, or move it to the line of the entry that the lint reports",
        None => "remove the comment, or write it on the line of an entry or directly above it",
    };
    Diagnostic::warning(UNUSED_IGNORE, message).in_place(lines.place(ignore.span)).help(help)
}
