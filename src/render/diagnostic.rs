//! Diagnostics as text and as JSON.

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Origin, Renderer, Snippet};
use serde_json::{Value, json};
use std::collections::BTreeMap;

use crate::diagnostic::{Diagnostic, Part, Place, Related, Severity, Spot};

use super::count;
use super::group::{Detail, NAMED};
use super::style::printable;

/// Related places, or warnings with the same code, that are shown with their source. A cycle of fifty functions would
/// otherwise fill the screen.
const SHOWN: usize = 4;
/// Up to this many warnings with the same code are all shown.
const MANY: usize = 10;

/// Source lines with markers, in color. The caller strips colors if they are not wanted.
pub fn human(diagnostics: &[Diagnostic]) -> String {
    let renderer = Renderer::styled().decor_style(DecorStyle::Ascii);
    let mut text = String::new();
    for diagnostic in diagnostics {
        text.push_str(&renderer.render(&[group(diagnostic)]));
        text.push_str("\n\n");
    }
    text
}

/// The findings about a plan of many functions: of many warnings with the same code, the first ones, and one that gives the
/// places of the others. Errors are never left out.
pub fn condensed(diagnostics: Vec<Diagnostic>, detail: Detail) -> Vec<Diagnostic> {
    let mut codes: BTreeMap<&str, usize> = BTreeMap::new();
    for found in diagnostics.iter().filter(|found| !found.is_error()) {
        *codes.entry(found.code).or_default() += 1;
    }
    codes.retain(|_, count| *count > MANY && detail == Detail::Grouped);
    let mut shown: Vec<Diagnostic> = Vec::new();
    let mut others: BTreeMap<&'static str, Vec<Diagnostic>> = BTreeMap::new();
    for found in diagnostics {
        let is_one_of_many = !found.is_error() && codes.contains_key(found.code);
        if is_one_of_many && shown.iter().filter(|other| other.code == found.code).count() == SHOWN {
            others.entry(found.code).or_default().push(found);
        } else {
            shown.push(found);
        }
    }
    for (code, others) in others {
        let last = shown.iter().rposition(|found| found.code == code).map_or(shown.len(), |last| last + 1);
        shown.insert(last, rest(code, &others));
    }
    shown
}

fn rest(code: &'static str, others: &[Diagnostic]) -> Diagnostic {
    let places: Vec<String> = others.iter().filter_map(|found| found.place.as_ref()).map(position).collect();
    let places = if places.is_empty() { String::new() } else { count::named(places.into_iter(), NAMED) };
    let separator = if places.is_empty() { "" } else { ": " };
    let message = format!("{} more of these warnings{separator}{places}", others.len());
    Diagnostic::warning(code, message).help("--full shows each of them")
}

/// `fgctl.yaml:12:3`
fn position(Place { file, line, column, length: _, text: _ }: &Place) -> String {
    format!("{file}:{line}:{column}")
}

fn group(diagnostic: &Diagnostic) -> Group<'_> {
    let Diagnostic { severity, code, message, help, spot: _, place, related } = diagnostic;
    let level = match severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let mut group = Group::with_title(level.primary_title(printable(message)).id(*code));
    if let Some(place) = place {
        group = source(group, place, AnnotationKind::Primary, None);
    }
    for Related { message, spot: _, place } in related.iter().take(SHOWN) {
        let message = printable(message);
        group = match place {
            Some(place) => source(group, place, AnnotationKind::Context, Some(message)),
            None => group.element(Level::NOTE.message(message)),
        };
    }
    if related.len() > SHOWN {
        group = group.element(Level::NOTE.message(format!("and {} more places", related.len() - SHOWN)));
    }
    match help {
        Some(help) => group.element(Level::HELP.message(printable(help))),
        None => group,
    }
}

fn source<'a>(group: Group<'a>, place: &'a Place, kind: AnnotationKind, label: Option<String>) -> Group<'a> {
    let Place { file, line, column, length, text } = place;
    let (file, text) = (printable(file), in_place(text));
    if text.is_empty() {
        return group.element(Origin::path(file).line(*line).char_column(*column));
    }
    let byte = |column: usize| text.char_indices().nth(column).map_or(text.len(), |(byte, _)| byte);
    let span = byte(column - 1)..byte((column - 1).saturating_add(*length));
    let annotation: Annotation = kind.span(span).label(label);
    group.element(Snippet::source(text).line_start(*line).path(file).annotation(annotation))
}

/// A source line whose characters stay in their columns. Each character that could act on a terminal is replaced by one
/// other.
fn in_place(text: &str) -> String {
    let shown =
        |c: char| if c != '\t' && printable(c.encode_utf8(&mut [0; 4])).len() != c.len_utf8() { '\u{fffd}' } else { c };
    text.chars().map(shown).collect()
}

/// A list of objects, each with severity, code, message, file, line, column, pointer, help and related places.
pub fn json(diagnostics: &[Diagnostic]) -> Value {
    diagnostics
        .iter()
        .map(|Diagnostic { severity, code, message, help, spot, place, related }| {
            let mut value = place_json(spot.as_ref(), place.as_ref());
            value["severity"] = json!(severity);
            value["code"] = json!(code);
            value["message"] = json!(message);
            value["help"] = json!(help);
            let related = related.iter().map(|Related { message, spot, place }| {
                let mut value = place_json(spot.as_ref(), place.as_ref());
                value["message"] = json!(message);
                value
            });
            value["related"] = related.collect();
            value
        })
        .collect()
}

fn place_json(spot: Option<&Spot>, place: Option<&Place>) -> Value {
    let (file, line, column) = place
        .map(|Place { file, line, column, length: _, text: _ }| (file, line, column))
        .map_or((None, None, None), |(file, line, column)| (Some(file), Some(line), Some(column)));
    let pointer = spot.map(|Spot { source: _, pointer, part: Part::Key | Part::Value }| pointer);
    json!({ "file": file, "line": line, "column": column, "pointer": pointer })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(code: &'static str, line: usize, is_error: bool) -> Diagnostic {
        let make = if is_error { Diagnostic::error } else { Diagnostic::warning };
        let place = Place { file: "fgctl.yaml".into(), line, column: 3, length: 1, text: String::new() };
        make(code, format!("on line {line}")).in_place(place)
    }

    fn messages(found: Vec<Diagnostic>, detail: Detail) -> Vec<String> {
        condensed(found, detail).into_iter().map(|found| found.message).collect()
    }

    #[test]
    fn many_warnings_with_the_same_code_are_condensed() {
        let lint = |line| finding("retries-without-failure-target", line, false);
        let mut found: Vec<Diagnostic> = (1..=20).map(lint).collect();
        found.insert(2, finding("cycle-live", 99, false));
        found.push(finding("cycle-outside", 100, false));
        assert_eq!(messages(found.clone(), Detail::Full).len(), 22);
        let others = (5..=13).map(|line| format!("fgctl.yaml:{line}:3")).collect::<Vec<_>>().join(", ");
        let rest = format!("16 more of these warnings: {others}, … and 7 more");
        let shown = ["on line 1", "on line 2", "on line 99", "on line 3", "on line 4", &rest, "on line 100"];
        assert_eq!(messages(found, Detail::Grouped), shown);
        assert_eq!(messages((1..=10).map(lint).collect(), Detail::Grouped).len(), 10);
    }

    #[test]
    fn errors_are_all_shown() {
        let found: Vec<Diagnostic> = (1..=20).map(|line| finding("out-of-range", line, true)).collect();
        assert_eq!(messages(found, Detail::Grouped).len(), 20);
    }
}
