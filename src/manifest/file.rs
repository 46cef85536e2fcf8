//! One file of a manifest, and what several files make together.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry::{Occupied, Vacant};
use std::fmt::Display;

use crate::diagnostic::{Diagnostic, Spot};
use crate::model::text::{FunctionName, ProjectId, RegionName, StackName};

use super::form::Entries;
use super::function::{DefaultsEntry, FunctionEntry};
use super::location::Location;
use super::policy::PolicyEntry;
use super::target::TargetEntry;

/// A manifest of fgctl: functions of FunctionGraph, their asynchronous policies, and who is notified.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "fgctl manifest", rename = "Manifest")]
pub(super) struct File {
    /// The version of this format: 1.
    #[schemars(required)]
    #[expect(dead_code, reason = "the schema judges it: there is only one")]
    version: Option<FormatVersion>,
    /// Who owns these functions; the same in all files of a manifest. Functions of other stacks are left alone.
    /// Example: `orders`.
    #[schemars(required)]
    stack: Option<StackName>,
    /// The region that these functions are in. With another one, a command ends before it reads anything; `--local` does
    /// not compare it. Default: any. Example: `eu-de`.
    region: Option<RegionName>,
    /// The id of the project that these functions are in. With another one, a command ends before it reads anything;
    /// `--local` does not compare it. Default: any. Example: `0123456789abcdef0123456789abcdef`.
    project: Option<ProjectId>,
    /// Values for `${var.name}`: text, numbers or truth values; null where one must be given, by `--var name=value`,
    /// `FGCTL_VAR_name` or `--var-file`.
    #[serde(default)]
    #[expect(dead_code, reason = "they are read before there is a typed file; this is their schema")]
    variables: Option<Entries<String, Variable>>,
    /// What every function has unless it says otherwise: any field but name, code, async and protect. Maps are merged
    /// by key, all else is replaced; null in a function takes the default away.
    defaults: Option<DefaultsEntry>,
    /// Who can be notified, by name.
    targets: Option<Entries<String, TargetEntry>>,
    /// Asynchronous policies, by name.
    policies: Option<Entries<String, PolicyEntry>>,
    /// The functions, by a local name, which is also the name in the service unless `name` says otherwise.
    functions: Option<Entries<FunctionName, FunctionEntry>>,
}

/// The only version that there is.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
struct FormatVersion(#[expect(dead_code, reason = "see the field `version`")] u64);

impl JsonSchema for FormatVersion {
    fn schema_name() -> Cow<'static, str> {
        "FormatVersion".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer", "enum": [1], "errorMessage": "this fgctl reads version 1" })
    }
}

/// A variable's value.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
struct Variable(#[expect(dead_code, reason = "see the field `variables`")] serde_json::Value);

impl JsonSchema for Variable {
    fn schema_name() -> Cow<'static, str> {
        "Variable".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "integer", "number", "boolean", "null"] })
    }
}

/// Something declared, and where.
pub(super) type Declared<T> = BTreeMap<String, (T, Spot)>;

/// All files together.
#[derive(Debug, Default)]
pub(super) struct Files {
    pub(super) stack: Option<(StackName, Spot)>,
    pub(super) location: Location,
    pub(super) defaults: Option<(DefaultsEntry, Spot)>,
    pub(super) targets: Declared<TargetEntry>,
    pub(super) policies: Declared<PolicyEntry>,
    pub(super) functions: Declared<FunctionEntry>,
}

impl Files {
    /// Adds one file; what it and an earlier one both say is reported. The versions agree, since there is only one.
    pub(super) fn add(&mut self, source: usize, file: File, diagnostics: &mut Vec<Diagnostic>) {
        let File { version: _, stack, region, project, variables: _, defaults, targets, policies, functions } = file;
        let spot = |section: &str| Spot::value(source, format!("/{section}"));
        let Location { region: known_region, project: known_project } = &mut self.location;
        agree(&mut self.stack, stack, ("stack", "different-stack", spot("stack")), diagnostics);
        agree(known_region, region, ("region", "different-region", spot("region")), diagnostics);
        agree(known_project, project, ("project", "different-project", spot("project")), diagnostics);
        match (&self.defaults, defaults) {
            (Some((_, place)), Some(_)) => {
                let twice =
                    Diagnostic::error("duplicate-name", "`defaults` are in two files").at(spot("defaults").of_key());
                let help = "keep all defaults in one file; they hold for the functions of every file";
                diagnostics.push(twice.related("the other one", place.clone().of_key()).help(help));
            }
            (None, Some(defaults)) => self.defaults = Some((defaults, spot("defaults"))),
            (_, None) => {}
        }
        add_section(&mut self.targets, targets, &spot("targets"), diagnostics);
        add_section(&mut self.policies, policies, &spot("policies"), diagnostics);
        add_section(&mut self.functions, functions, &spot("functions"), diagnostics);
    }
}

/// Takes what one file says of the whole manifest. Files that say it say the same.
fn agree<T: PartialEq + Display>(
    known: &mut Option<(T, Spot)>,
    said: Option<T>,
    (what, code, spot): (&str, &'static str, Spot),
    diagnostics: &mut Vec<Diagnostic>,
) {
    match (&known, said) {
        (Some((known, place)), Some(said)) if *known != said => {
            let message = format!("the {what} is `{said}` here and `{known}` in another file of the same manifest");
            let difference = Diagnostic::error(code, message).at(spot);
            diagnostics.push(difference.related("the other one", place.clone()));
        }
        (None, Some(said)) => *known = Some((said, spot)),
        (_, _) => {}
    }
}

fn add_section<K: Into<String>, T>(
    declared: &mut Declared<T>,
    section: Option<Entries<K, T>>,
    spot: &Spot,
    diagnostics: &mut Vec<Diagnostic>,
) {
    for (name, entry) in section.into_iter().flat_map(|section| section.0) {
        let name = name.into();
        let spot = spot.child(&name);
        match declared.entry(name) {
            Occupied(first) => diagnostics.push(declared_twice(first.key(), spot, first.get().1.clone())),
            Vacant(place) => {
                place.insert((entry, spot));
            }
        }
    }
}

/// The same name in two files.
pub(super) fn declared_twice(name: &str, second: Spot, first: Spot) -> Diagnostic {
    Diagnostic::error("duplicate-name", format!("`{name}` is declared in two files"))
        .at(second.of_key())
        .related("the other one", first.of_key())
}
