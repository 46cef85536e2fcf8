//! Findings as GitHub workflow commands. GitHub shows them at the lines of a pull request.

use crate::diagnostic::{Diagnostic, Place, Severity};

use super::findings::{Trouble, advice};
use super::terminal;

/// One command per finding. `in_repository` maps a file to its path in the repository, if it is part of it.
pub fn annotations(diagnostics: &[Diagnostic], in_repository: &dyn Fn(&str) -> Option<String>) -> String {
    diagnostics.iter().map(|found| annotation(found, in_repository)).collect()
}

/// One command per failure, at its place if it has one.
pub fn failures(troubles: &[Trouble], in_repository: &dyn Fn(&str) -> Option<String>) -> String {
    let command = |trouble: &Trouble| {
        let place = trouble.place.as_ref().and_then(|place| placed(place, in_repository)).unwrap_or_default();
        format!("::error {place}title={}::{}\n", property(&trouble.code), data(&trouble.advice()))
    };
    troubles.iter().map(command).collect()
}

/// The properties of a place in the repository.
fn placed(place: &Place, in_repository: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    let Place { file, line, column, length: _, text: _ } = place;
    Some(format!("file={},line={line},col={column},", property(&in_repository(file)?)))
}

fn annotation(found: &Diagnostic, in_repository: &dyn Fn(&str) -> Option<String>) -> String {
    let Diagnostic { severity, code, message, help, spot: _, place, related: _ } = found;
    let command = match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let place = place.as_ref().and_then(|place| placed(place, in_repository));
    let text = data(&advice(message, help.as_deref()));
    format!("::{command} {}title={}::{text}\n", place.unwrap_or_default(), property(code))
}

/// Escapes the text of a command: first what could act on a terminal, then what GitHub requires.
fn data(text: &str) -> String {
    terminal::lines(text).replace('%', "%25").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_finding_takes_one_line() {
        let place = Place { file: "a,b:c.yaml".into(), line: 3, column: 5, length: 1, text: String::new() };
        let found = [
            Diagnostic::error("cycle", "100%\n::warning::forged").help("break it").in_place(place.clone()),
            Diagnostic::warning("left-over", "no place"),
            Diagnostic::error("unreadable", "not in the repository")
                .in_place(Place { file: "<stdin>".into(), ..place }),
        ];
        let in_repository = |file: &str| (file != "<stdin>").then(|| format!("stack/{file}"));
        insta::assert_snapshot!(annotations(&found, &in_repository), @r"
        ::error file=stack/a%2Cb%3Ac.yaml,line=3,col=5,title=cycle::100%25\n::warning::forged%0Abreak it
        ::warning title=left-over::no place
        ::error title=unreadable::not in the repository
        ");
        let code = "failed".to_owned();
        let trouble =
            |place| Trouble { code: code.clone(), message: "a\nb\r\u{1b}[2J".into(), help: Some("c\nd".into()), place };
        insta::assert_snapshot!(failures(&[trouble(None), trouble(found[0].place.clone())], &in_repository), @r"
        ::error title=failed::a%0Ab\r\u{1b}[2J%0Ac\nd
        ::error file=stack/a%2Cb%3Ac.yaml,line=3,col=5,title=failed::a%0Ab\r\u{1b}[2J%0Ac\nd
        ");
    }
}
