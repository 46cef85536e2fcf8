//! Drift as text and as JSON.

use serde_json::{Map, Value, json};
use std::fmt::Write;

use crate::diagnostic::Diagnostic;
use crate::model::address::{Address, FunctionAddress, Kind};
use crate::model::row::Facet;
use crate::model::text::StackName;
use crate::model::urn::Scope;
use crate::plan::change::FieldChange;
use crate::plan::drift::{Finding, SecretValues, State};

use super::change::label;
use super::comment::{Heading, Section, document};
use super::group::{self, Detail, LINE, NAMED, Names};
use super::json::{FORMAT_VERSION, Outcome, field};
use super::style::{BOLD, CYAN, DIM, RED, YELLOW, paint, plain, printable};
use super::{alike, count, home, markdown, value};

/// The findings about a stack.
#[derive(Debug, Clone, Copy)]
pub struct Drift<'a> {
    pub stack: &'a StackName,
    pub scope: &'a Scope,
    pub findings: &'a [Finding],
    pub secrets: &'a SecretValues<'a>,
    /// The functions that the manifests declare.
    pub declared: &'a [&'a FunctionAddress],
    /// Functions that no stack manages, if requested.
    pub unmanaged: Option<&'a [&'a FunctionAddress]>,
}

/// Everything but the summary: the stack and its place, each finding with its fields, and the unmanaged functions.
pub fn findings(drift: &Drift<'_>, detail: Detail) -> String {
    let mut text = home::line(drift.stack, drift.scope);
    let parts = parts(drift.findings, detail);
    for part in &parts {
        text.push_str(&part.text(Names::First));
        text.push('\n');
    }
    for function in drift.unmanaged.into_iter().flatten() {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{} {}", paint(CYAN, "unmanaged"), paint(BOLD, Address::function(function)));
    }
    text.push_str(&secret_values(drift));
    if parts.iter().any(|part| part.findings.len() > 1) {
        text.push_str("Findings that are alike are shown together; --full shows each of them.\n");
    }
    text
}

/// The service never shows values of secrets, so the summary cannot cover them.
fn secret_values(drift: &Drift<'_>) -> String {
    let SecretValues { unchanged, unknown } = drift.secrets;
    let is_suspected = drift.findings.iter().any(|finding| finding.state == State::PossiblyDrifted);
    if unchanged.is_empty() && unknown.is_empty() && !is_suspected {
        return String::new();
    }
    let mut text = "Values of secrets cannot be read back.".to_owned();
    if !unchanged.is_empty() {
        let count = count::resources(Kind::Function, unchanged.len());
        let _ = write!(text, " The configuration of {count} has not changed since their secrets were applied.");
    }
    if !unknown.is_empty() {
        let count = count::resources(Kind::Function, unknown.len());
        let _ = write!(text, " For {count}, it is not known whether the configuration changed.");
    }
    text.push('\n');
    text
}

/// The same as Markdown for a comment.
pub fn markdown(drift: &Drift<'_>, diagnostics: &[Diagnostic], detail: Detail) -> String {
    let found = parts(drift.findings, detail).into_iter().map(|part| Section {
        title: part.title(),
        text: part.text(Names::All),
        is_open: false,
        lines: part.findings.iter().map(|found| format!("{} {}", found.state.name(), found.address)).collect(),
    });
    let unmanaged = drift.unmanaged.into_iter().flatten().map(|function| {
        let title = format!("unmanaged {}", Address::function(function));
        let text = "no stack owns it, and the manifests do not declare it".into();
        Section { lines: vec![title.clone()], title, text, is_open: false }
    });
    let sections: Vec<Section> = markdown::findings(diagnostics).chain(found).chain(unmanaged).collect();
    let (text, home) = (summary(drift, diagnostics), home::markdown(drift.stack, drift.scope));
    document(&Heading { text, home, remarks: secret_values(drift), ..Heading::default() }, &sections)
}

/// One line: the number of findings of each kind.
pub fn summary(drift: &Drift<'_>, diagnostics: &[Diagnostic]) -> String {
    let Drift { stack: _, scope: _, findings, secrets: _, declared: _, unmanaged } = drift;
    let counts = State::ALL.into_iter().map(|state| (number(findings, state), state.name()));
    let counts = counts.chain([(unmanaged.map_or(0, <[_]>::len), "unmanaged")]);
    let counts: Vec<String> =
        counts.filter(|(count, _)| *count > 0).map(|(count, name)| format!("{count} {name}")).collect();
    if counts.is_empty() && diagnostics.iter().any(Diagnostic::is_error) {
        return "No drift was found, but there were errors.".into();
    }
    if counts.is_empty() {
        return "No drift: live matches the manifest and the last apply.".into();
    }
    format!("Drift: {}.", counts.join(", "))
}

/// One finding in a few words.
pub(super) fn title(finding: &Finding) -> String {
    plain(&Part::of(vec![finding]).title())
}

/// One finding with its fields.
pub(super) fn one(finding: &Finding) -> String {
    Part::of(vec![finding]).text(Names::All)
}

/// Findings that are shown together, at least one.
struct Part<'f> {
    findings: Vec<&'f Finding>,
    /// The fields that are the same in all of them.
    shared: Vec<&'f FieldChange>,
}

/// Divides findings into parts, in their order.
fn parts(findings: &[Finding], detail: Detail) -> Vec<Part<'_>> {
    if detail == Detail::Full {
        return findings.iter().map(|finding| Part::of(vec![finding])).collect();
    }
    let equal = |found: &&Finding| {
        let Finding { address, facet, state, reason, fields: _ } = found;
        json!([address.kind, facet, state, reason, shown_fields(found)]).to_string()
    };
    let alike = |found: &&Finding| {
        let Finding { address, facet, state, reason, fields } = found;
        let fits = line(found, fields).chars().count() <= LINE;
        fits.then(|| json!([address.kind, facet, state, reason]).to_string())
    };
    let mut parts: Vec<Part<'_>> = alike::together(findings, equal, alike).into_iter().map(Part::of).collect();
    parts.sort_by_key(|part| (&part.findings[0].address, part.findings[0].facet));
    parts
}

/// A finding with these fields on one line, however long that is.
fn line<'f>(finding: &Finding, fields: impl IntoIterator<Item = &'f FieldChange>) -> String {
    let fields = fields.into_iter().map(|field| format!("  {} {}", printable(&label(&field.path)), sides(field)));
    format!("{}{}", group::name(&finding.address), fields.collect::<String>())
}

fn sides(FieldChange { path, before, after }: &FieldChange) -> String {
    format!("live {}, declared {}", value::shown(path, before), value::shown(path, after))
}

/// All fields of a missing resource differ, so they are not listed.
fn shown_fields(finding: &Finding) -> &[FieldChange] {
    if finding.state == State::Missing { &[] } else { &finding.fields }
}

impl<'f> Part<'f> {
    fn of(findings: Vec<&'f Finding>) -> Self {
        let is_shared = |field: &&FieldChange| findings.iter().all(|found| shown_fields(found).contains(field));
        let shared = shown_fields(findings[0]).iter().filter(is_shared).collect();
        Self { findings, shared }
    }

    fn title(&self) -> String {
        let Finding { address, facet, state, .. } = self.findings[0];
        let style = match state {
            State::Pending | State::StaleMark => YELLOW,
            State::Drifted
            | State::PossiblyDrifted
            | State::Conflict
            | State::Missing
            | State::Unmarked
            | State::Unowned
            | State::Foreign => RED,
        };
        let (state, facet) = (paint(style, state.name()), facet.map(Facet::name));
        match (self.findings.len(), address.kind, facet) {
            (1, _, Some(facet)) => format!("{state} {} {facet}", paint(BOLD, address)),
            (1, _, None) => format!("{state} {}", paint(BOLD, address)),
            (count, kind @ Kind::Function, Some(facet)) => {
                format!("{state} {facet} of {}", paint(BOLD, count::resources(kind, count)))
            }
            // Other kinds have only one facet.
            (count, kind, _) => format!("{state} {}", paint(BOLD, count::resources(kind, count))),
        }
    }

    fn text(&self, names: Names) -> String {
        let Self { findings, shared } = self;
        let mut text = self.title();
        // Writing to a string cannot fail.
        let _ = writeln!(text, "\n    {}", paint(DIM, printable(&findings[0].reason)));
        let width = shared.iter().map(|field| label(&field.path).chars().count()).max().unwrap_or_default();
        for field in shared {
            let _ = writeln!(text, "    {:width$}  {}", printable(&label(&field.path)), sides(field));
        }
        let is_equal = findings.iter().all(|found| shown_fields(found).len() == shared.len());
        match (findings.len(), names) {
            (1, _) => {}
            (_, Names::First) if is_equal => {
                let names = findings.iter().map(|found| group::name(&found.address));
                text.extend(["    ", &count::named(names, NAMED), "\n"]);
            }
            _ => {
                for found in findings {
                    let own = shown_fields(found).iter().filter(|field| !shared.contains(field));
                    let _ = writeln!(text, "    {}", line(found, own));
                }
            }
        }
        text
    }
}

/// The versioned document of `fgctl drift`.
pub fn json(drift: &Drift<'_>, outcome: Outcome, diagnostics: &Value) -> Value {
    let Drift { stack, scope: Scope { region, project_id }, findings, secrets, declared: _, unmanaged } = *drift;
    let summary: Map<String, Value> =
        State::ALL.into_iter().map(|state| (state.name().replace(' ', "_"), json!(number(findings, state)))).collect();
    let addresses = unmanaged.map(|all| all.iter().map(|function| Address::function(function)).collect::<Vec<_>>());
    json!({
        "format_version": FORMAT_VERSION,
        "stack": stack,
        "region": region,
        "project_id": project_id,
        "outcome": outcome,
        "summary": summary,
        "findings": findings.iter().map(finding).collect::<Vec<_>>(),
        "secret_values": secret_values_json(secrets),
        "unmanaged": addresses,
        "diagnostics": diagnostics,
    })
}

fn secret_values_json(SecretValues { unchanged, unknown }: &SecretValues<'_>) -> Value {
    let addresses = |all: &[&FunctionAddress]| all.iter().map(|one| Address::function(one)).collect::<Vec<_>>();
    json!({ "unchanged": addresses(unchanged), "unknown": addresses(unknown) })
}

fn finding(finding: &Finding) -> Value {
    let Finding { address, facet, state, reason, fields } = finding;
    json!({
        "address": address,
        "kind": address.kind,
        "facet": facet,
        "state": state,
        "reason": reason,
        "fields": fields.iter().map(field).collect::<Vec<_>>(),
    })
}

fn number(findings: &[Finding], state: State) -> usize {
    findings.iter().filter(|finding| finding.state == state).count()
}
