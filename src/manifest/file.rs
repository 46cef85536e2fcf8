//! One file of a manifest, and all files together.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use std::borrow::Cow;
use std::collections::btree_map::Entry::{Occupied, Vacant};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;

use crate::diagnostic::{Diagnostic, Spot};
use crate::model::text::{FunctionName, ProjectId, RegionName, StackName};

use super::entry::Entry;
use super::environments::Environment;
use super::function::DefaultsEntry;
use super::location::Location;
use super::notation::Entries;
use super::policy::PolicyEntry;
use super::target::TargetEntry;

/// An fgctl manifest: FunctionGraph functions, their asynchronous policies, and the targets that these notify.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "fgctl manifest", rename = "Manifest")]
pub(super) struct File {
    /// The version of this format: 1.
    #[schemars(required)]
    #[expect(dead_code, reason = "only the schema checks it, because there is one version")]
    version: Option<FormatVersion>,
    /// The stack that owns these functions; the same in all files of a manifest. fgctl does not change functions of
    /// other stacks. Example: `orders`.
    #[schemars(required)]
    stack: Option<StackName>,
    /// The region of these functions. If you connect to a different region, every command that uses the manifest fails
    /// before it reads or changes a function. `--local` ignores this field. Default: any region. Example: `eu-de`.
    region: Option<RegionName>,
    /// The id of the project that contains these functions. If you connect to a different project, every command that
    /// uses the manifest fails before it reads or changes a function. `--local` ignores this field. Default: any project.
    /// Example: `0123456789abcdef0123456789abcdef`.
    project: Option<ProjectId>,
    /// Values for `${var.name}`: text, numbers, or true and false. A variable whose value is null must be set with
    /// `--var name=value`, `FGCTL_VAR_name` or `--var-file`.
    #[serde(default)]
    #[expect(dead_code, reason = "they are read before this type; it only provides their schema")]
    variables: Option<Entries<String, Variable>>,
    /// Default values for all functions: any field except name, code, existing and protect. Maps are merged by key; other
    /// values are replaced. A null in a function removes the default.
    defaults: Option<DefaultsEntry>,
    /// Targets that policies can notify, by name.
    targets: Option<Entries<String, TargetEntry>>,
    /// Asynchronous policies, by name.
    policies: Option<Entries<String, PolicyEntry>>,
    /// The functions by key. The key is also the name in the service, unless `name` is set.
    functions: Option<Entries<FunctionName, Entry>>,
}

/// The only version.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(super) struct FormatVersion(#[expect(dead_code, reason = "see the field `version`")] u64);

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

/// The value of a variable.
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

/// Declarations with their positions.
pub(super) type Declared<T> = BTreeMap<String, (T, Spot)>;

/// The declarations of all files.
#[derive(Debug, Default)]
pub(super) struct Files {
    pub(super) stack: Option<(StackName, Spot)>,
    pub(super) location: Location,
    pub(super) defaults: Option<(DefaultsEntry, Spot)>,
    pub(super) targets: Declared<TargetEntry>,
    pub(super) policies: Declared<PolicyEntry>,
    pub(super) functions: Declared<Entry>,
    /// What the schema refuses and where variables are missing, as pointers.
    pub(super) refused: BTreeSet<String>,
}

impl Files {
    /// Takes the stack and the place of the selected environment. The stack replaces the one of the manifests; the place must
    /// be the same.
    pub(super) fn select(&mut self, environment: &Environment, source: usize, diagnostics: &mut Vec<Diagnostic>) {
        if let Some(stack) = &environment.stack {
            self.stack = Some((stack.clone(), environment.spot(source, "stack")));
        }
        let Location { region, project } = environment.location(source);
        let name = &environment.name;
        diagnostics
            .extend(joined(&mut self.location.region, region).map(|it| it.with_environment("different-region", name)));
        diagnostics.extend(
            joined(&mut self.location.project, project).map(|it| it.with_environment("different-project", name)),
        );
    }

    /// Adds one file and reports what it declares again. Versions cannot differ, because only one exists.
    pub(super) fn add(&mut self, source: usize, file: File, diagnostics: &mut Vec<Diagnostic>) {
        let File { version: _, stack, region, project, variables: _, defaults, targets, policies, functions } = file;
        let spot = |section: &str| Spot::value(source, format!("/{section}"));
        let Location { region: known_region, project: known_project } = &mut self.location;
        let stack = joined(&mut self.stack, stack.map(|it| (it, spot("stack"))));
        let region = joined(known_region, region.map(|it| (it, spot("region"))));
        let project = joined(known_project, project.map(|it| (it, spot("project"))));
        diagnostics.extend(stack.map(|it| it.between_files("different-stack")));
        diagnostics.extend(region.map(|it| it.between_files("different-region")));
        diagnostics.extend(project.map(|it| it.between_files("different-project")));
        match (&self.defaults, defaults) {
            (Some((_, place)), Some(_)) => {
                let twice = Diagnostic::error("duplicate-name", "`defaults` appears in two files")
                    .at(spot("defaults").of_key());
                let help = "keep all defaults in one file; they apply to the functions of every file";
                diagnostics.push(twice.related("first declared here", place.clone().of_key()).help(help));
            }
            (None, Some(defaults)) => self.defaults = Some((defaults, spot("defaults"))),
            (_, None) => {}
        }
        add_section(&mut self.targets, targets, &spot("targets"), diagnostics);
        add_section(&mut self.policies, policies, &spot("policies"), diagnostics);
        add_section(&mut self.functions, functions, &spot("functions"), diagnostics);
    }
}

/// Two different values of something that has one value for the whole manifest.
struct Difference {
    known: (String, Spot),
    said: (String, Spot),
}

/// Combines a value that applies to the whole manifest. Everything that sets it must agree.
fn joined<T: PartialEq + Display>(known: &mut Option<(T, Spot)>, said: Option<(T, Spot)>) -> Option<Difference> {
    match (&known, said) {
        (Some((known, place)), Some((said, spot))) if *known != said => {
            Some(Difference { known: (known.to_string(), place.clone()), said: (said.to_string(), spot) })
        }
        (None, Some(said)) => {
            *known = Some(said);
            None
        }
        (_, _) => None,
    }
}

impl Difference {
    fn between_files(self, code: &'static str) -> Diagnostic {
        let what = code.trim_start_matches("different-");
        let Self { known: (known, place), said: (said, spot) } = self;
        let message = format!("the {what} is `{said}` here, but `{known}` in another file of the same manifest");
        let help = format!("set the same {what} in all files, or apply the files separately with -f");
        Diagnostic::error(code, message).at(spot).related("first set here", place).help(help)
    }

    fn with_environment(self, code: &'static str, environment: &str) -> Diagnostic {
        let what = code.trim_start_matches("different-");
        let Self { known: (known, place), said: (said, spot) } = self;
        let message =
            format!("the environment `{environment}` is for {what} {said}, but the manifest is for {what} {known}");
        let help = format!(
            "select the environment of this {what}; or set the same {what} in both, or only in the environment if the \
             manifest is for several"
        );
        Diagnostic::error(code, message).at(spot).related("the manifest sets it here", place).help(help)
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

/// Reports the same name in two files.
pub(super) fn declared_twice(name: &str, second: Spot, first: Spot) -> Diagnostic {
    Diagnostic::error("duplicate-name", format!("`{name}` is declared in two files"))
        .at(second.of_key())
        .related("first declared here", first.of_key())
        .help("remove one of them, or give it another name")
}
