//! Diagnostics as text and as JSON.

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Origin, Renderer, Snippet};
use serde_json::{Value, json};

use crate::diagnostic::{Diagnostic, Part, Place, Related, Severity, Spot};

use super::style::printable;

/// Related places that are shown with their source. A cycle of fifty functions would otherwise fill the screen.
const SHOWN: usize = 4;

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
