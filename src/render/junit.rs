//! Results as test cases in `JUnit`'s format. A finding, a change and a function's drift are one test case each; an error,
//! a failed change and drift are failures. The names stay the same from run to run, so that a dashboard can follow them.

use quick_junit::{NonSuccessKind, Report as Document, TestCase, TestCaseStatus, TestSuite};
use std::collections::BTreeMap;

use crate::apply::{Error, Report, Status};
use crate::diagnostic::{Diagnostic, Spot};
use crate::model::address::{Address, FunctionAddress};
use crate::plan::change::{Change, Plan};
use crate::plan::drift::{Finding, State};

use super::drift::{self, Drift};
use super::findings::Trouble;
use super::home::Known;
use super::{diagnostic, report, style};

/// One test case. Its file or kind is the "class" of the test.
pub struct Case {
    name: String,
    class: String,
    ended: Ended,
    /// What it says, in lines.
    text: String,
}

enum Ended {
    Passed,
    Failed(Why),
    /// It could not be tried.
    Skipped,
    /// Something other than the tested thing went wrong.
    Broken(Why),
}

struct Why {
    kind: String,
    message: String,
}

/// A document with one suite, which is named after the stack. Without cases, one case says that `nothing` is wrong, because many readers refuse a report
/// without tests.
pub fn document(known: &Known, cases: Vec<Case>, nothing: &str) -> String {
    let passed = || Case { name: nothing.into(), class: "fgctl".into(), ended: Ended::Passed, text: String::new() };
    let cases = if cases.is_empty() { vec![passed()] } else { cases };
    let mut suite = TestSuite::new(known.stack.as_deref().unwrap_or("manifests"));
    for (name, value) in known.fields() {
        suite.add_property((name, style::printable(value).as_str()));
    }
    suite.add_test_cases(cases.into_iter().map(test_case));
    let mut document = Document::new("fgctl");
    document.add_test_suite(suite);
    // Writing to a string cannot fail.
    document.to_string().unwrap_or_default()
}

fn test_case(Case { name, class, ended, text }: Case) -> TestCase {
    let text = style::plain(&text);
    let failed = |kind, Why { kind: ty, message }: Why| {
        let mut status = TestCaseStatus::non_success(kind);
        status.set_type(ty).set_message(message).set_description(text.as_str());
        status
    };
    let is_failed = matches!(ended, Ended::Failed(_) | Ended::Broken(_));
    let status = match ended {
        Ended::Passed => TestCaseStatus::success(),
        Ended::Failed(why) => failed(NonSuccessKind::Failure, why),
        Ended::Broken(why) => failed(NonSuccessKind::Error, why),
        Ended::Skipped => {
            let mut status = TestCaseStatus::skipped();
            status.set_message(text.trim_end());
            status
        }
    };
    let is_skipped = matches!(status, TestCaseStatus::Skipped { .. });
    let mut case = TestCase::new(name, status);
    case.set_classname(class);
    if !is_failed && !is_skipped && !text.is_empty() {
        case.set_system_out(text);
    }
    case
}

/// Errors fail; warnings only say something.
pub fn findings(diagnostics: &[Diagnostic]) -> Vec<Case> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let mut case = |found: &Diagnostic| {
        let Diagnostic { severity: _, code, message, help: _, spot, place, related: _ } = found;
        let what =
            spot.as_ref().map_or_else(|| style::printable(message), |Spot { pointer, .. }| style::printable(pointer));
        let name = format!("{code} {what}");
        let number = seen.entry(name.clone()).and_modify(|number| *number += 1).or_insert(1);
        let name = if *number > 1 { format!("{name} ({number})") } else { name };
        let why = || Why { kind: (*code).to_owned(), message: style::printable(message) };
        Case {
            name,
            class: place.as_ref().map_or_else(|| "fgctl".to_owned(), |place| style::printable(&place.file)),
            ended: if found.is_error() { Ended::Failed(why()) } else { Ended::Passed },
            text: diagnostic::human(std::slice::from_ref(found)),
        }
    };
    diagnostics.iter().map(&mut case).collect()
}

pub fn troubles(troubles: &[Trouble]) -> Vec<Case> {
    let case = |trouble: &Trouble| {
        let code = &trouble.code;
        let why = Why { kind: code.clone(), message: trouble.summary() };
        Case { name: code.clone(), class: "fgctl".into(), ended: Ended::Broken(why), text: trouble.advice() }
    };
    troubles.iter().map(case).collect()
}

/// One case for each change.
pub fn changes(plan: &Plan<'_>, report: &Report) -> Vec<Case> {
    plan.changes.iter().zip(&report.statuses).map(|(change, status)| case_of_change(change, status)).collect()
}

fn case_of_change(change: &Change<'_>, status: &Status) -> Case {
    let why = |error: &Error| Why { kind: error.code().to_owned(), message: style::printable(&error.to_string()) };
    let ended = match status {
        Status::Done => Ended::Passed,
        Status::Failed(error) => Ended::Failed(why(error)),
        Status::Skipped(_) => Ended::Skipped,
    };
    let name = format!("{} {}", change.action.verb(), change.address);
    Case { name, class: "fgctl.apply".into(), ended, text: report::line(change, status) }
}

/// One case for each function that is declared or has a finding, and one for each unmanaged function.
pub fn drift(drift: &Drift<'_>) -> Vec<Case> {
    let mut functions: BTreeMap<&FunctionAddress, Vec<&Finding>> = BTreeMap::new();
    functions.extend(drift.declared.iter().map(|function| (*function, Vec::new())));
    for finding in drift.findings {
        functions.entry(&finding.address.function).or_default().push(finding);
    }
    let function = |(function, findings): (&FunctionAddress, Vec<&Finding>)| {
        let is_wrong = |finding: &&&Finding| finding.state != State::Pending;
        let wrong: Vec<String> = findings.iter().filter(is_wrong).map(|finding| drift::title(finding)).collect();
        let why = || Why { kind: "drift".to_owned(), message: wrong.join(", ") };
        case(function, findings.iter().map(|finding| drift::one(finding)).collect(), (!wrong.is_empty()).then(why))
    };
    let unmanaged = drift.unmanaged.into_iter().flatten().map(|function| {
        let why = Why { kind: "unmanaged".to_owned(), message: "no stack owns it".to_owned() };
        case(function, String::new(), Some(why))
    });
    functions.into_iter().map(function).chain(unmanaged).collect()
}

fn case(function: &FunctionAddress, text: String, wrong: Option<Why>) -> Case {
    let name = Address::function(function).to_string();
    Case { name, class: "fgctl.drift".into(), ended: wrong.map_or(Ended::Passed, Ended::Failed), text }
}
