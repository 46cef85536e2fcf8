//! Declared names, and what they refer to.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use crate::diagnostic::{Diagnostic, Spot, escaped, unescaped};
use crate::model::address::FunctionAddress;
use crate::model::async_policy::{AsyncPolicy, PolicySpots};
use crate::model::field::Field;
use crate::model::target::Target;

use super::file::Files;
use super::foreign;
use super::function::DefaultsEntry;
use super::hint;
use super::nearest::{nearest, suggestion};
use super::source::Sources;
use super::{policy, resolve, together};

/// The declared functions, targets and policies. A name with an invalid declaration has no value: the declaration has
/// been reported, so its uses are not reported again.
#[derive(Debug, Default)]
pub(super) struct Names {
    pub(super) functions: BTreeMap<String, Option<FunctionAddress>>,
    /// Each with the place where it is written.
    pub(super) targets: BTreeMap<String, Option<(Target, Spot)>>,
    pub(super) policies: BTreeMap<String, Option<NamedPolicy>>,
    /// The policy of `defaults`, and where it is.
    pub(super) default_policy: Option<(NamedPolicy, Spot)>,
    /// Pointers to declarations that the schema refuses.
    pub(super) refused: BTreeSet<String>,
    /// Declarations that overlays wrote or removed, by their pointers.
    pub(super) changed: BTreeMap<String, Spot>,
}

/// A policy, and where its parts are written. It is used where it is written, or by its name elsewhere.
#[derive(Debug, Clone)]
pub(super) struct NamedPolicy {
    pub(super) policy: AsyncPolicy,
    pub(super) spots: PolicySpots,
}

impl NamedPolicy {
    /// The policy for one function that uses it.
    pub(super) fn used_at(self, used: Spot) -> (AsyncPolicy, PolicySpots) {
        let Self { policy, spots } = self;
        (policy, PolicySpots { used, ..spots })
    }
}

/// The kinds of declarations that a name can refer to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Function,
    Target,
    Policy,
}

impl Kind {
    const fn noun(self) -> &'static str {
        match self {
            Self::Function => "function",
            Self::Target => "target",
            Self::Policy => "policy",
        }
    }

    /// The section of a manifest that declares them. It is also their plural.
    const fn section(self) -> &'static str {
        match self {
            Self::Function => "functions",
            Self::Target => "targets",
            Self::Policy => "policies",
        }
    }

    /// The code of the finding that a name is unknown.
    const fn unknown(self) -> &'static str {
        match self {
            Self::Function => "unknown-function",
            Self::Target => "unknown-target",
            Self::Policy => "unknown-policy",
        }
    }
}

impl Names {
    /// Takes the declarations: functions, then targets, which name functions, then policies, which name targets.
    pub(super) fn declare(&mut self, files: &Files, sources: &Sources, diagnostics: &mut Vec<Diagnostic>) {
        let none = DefaultsEntry::default();
        let defaults = files.defaults.as_ref().map_or(&none, |(defaults, _)| defaults);
        let address = |(key, (entry, _)): (&String, &(_, _))| (key.clone(), resolve::address(key, entry, defaults));
        self.functions = files.functions.iter().map(address).collect();
        let declared = self.functions.values().zip(files.functions.values());
        let declared = declared.filter_map(|(address, (entry, spot))| {
            let package = files.defaults.as_ref().filter(|_| entry.inherits_package()).map(|(_, defaults)| defaults);
            Some((address.as_ref()?, (spot, package)))
        });
        together::refuse_duplicates(declared, sources, diagnostics);
        let mut targets = BTreeMap::new();
        for (name, (entry, spot)) in &files.targets {
            let target = entry.target(spot, self, diagnostics);
            targets.insert(name.clone(), target.map(|target| (target, spot.clone())));
        }
        self.targets = targets;
        let mut policies = BTreeMap::new();
        for (name, (entry, spot)) in &files.policies {
            policies.insert(name.clone(), Some(entry.resolve(spot, self, diagnostics)));
        }
        self.policies = policies;
        let written = defaults.r#async.value().zip(files.defaults.as_ref());
        self.default_policy = written.and_then(|(reference, (_, spot))| {
            let spot = spot.child(Field::Async.key());
            Some((policy::of_reference(reference, &spot, self, diagnostics)?, spot))
        });
    }

    pub(super) fn function(
        &self,
        name: &str,
        spot: &Spot,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Option<FunctionAddress> {
        reported(self.look_up(&self.functions, Kind::Function, name), spot, diagnostics).cloned()
    }

    pub(super) fn target(&self, name: &str, spot: &Spot, diagnostics: &mut Vec<Diagnostic>) -> Option<(Target, Spot)> {
        reported(self.look_up(&self.targets, Kind::Target, name), spot, diagnostics).cloned()
    }

    pub(super) fn policy(&self, name: &str, spot: &Spot, diagnostics: &mut Vec<Diagnostic>) -> Option<&NamedPolicy> {
        reported(self.look_up(&self.policies, Kind::Policy, name), spot, diagnostics)
    }

    /// Looks up a name. The error is empty if the declaration has already been reported.
    fn look_up<'a, T>(
        &self,
        declared: &'a BTreeMap<String, Option<T>>,
        kind: Kind,
        name: &str,
    ) -> Result<&'a T, Option<Diagnostic>> {
        if let Some(value) = declared.get(name) {
            return value.as_ref().ok_or(None);
        }
        let above = format!("/{}/", kind.section());
        let refused = self.refused.iter().filter_map(|pointer| pointer.strip_prefix(&above));
        let refused: Vec<Cow<'_, str>> = refused.filter(|rest| !rest.contains('/')).map(unescaped).collect();
        if refused.iter().any(|refused| refused == name) {
            return Err(None);
        }
        let known: Vec<&str> = declared.keys().map(String::as_str).chain(refused.iter().map(Cow::as_ref)).collect();
        let message = format!("there is no {} `{name}` under `{}`", kind.noun(), kind.section());
        let unknown = Diagnostic::error(kind.unknown(), message);
        Err(Some(match self.changed.get(&format!("{above}{}", escaped(name))) {
            Some(removed) => {
                let help = format!("keep the {}, or change what refers to it", kind.noun());
                unknown.related(format!("`{name}` is removed here"), removed.clone()).help(help)
            }
            None => unknown.help(self.help(kind, name, &known)),
        }))
    }

    fn help(&self, kind: Kind, name: &str, known: &[&str]) -> String {
        match kind {
            Kind::Function => function_help(name, known),
            Kind::Target if self.functions.contains_key(name) => {
                format!("to notify the function, write `{{ function: {name} }}`")
            }
            Kind::Target if let Some(fields) = target_fields(name) => format!("write `{{ {fields} }}`"),
            Kind::Policy if NONE.contains(&name) => hint::NO_POLICY.to_owned(),
            Kind::Target | Kind::Policy if known.is_empty() => format!("declare `{name}` under `{}`", kind.section()),
            Kind::Target | Kind::Policy => suggestion(name, kind.section(), known.iter().copied()),
        }
    }
}

/// Words for no policy.
const NONE: [&str; 6] = ["off", "no", "none", "None", "false", "disabled"];

/// The fields of a target whose address is written as its name.
fn target_fields(name: &str) -> Option<String> {
    match name {
        _ if name.starts_with("urn:smn:") => Some(format!("smn: {{ topic: \"{name}\" }}")),
        _ if name.starts_with("urn:") => Some(format!("urn: \"{name}\"")),
        _ => foreign::Address::read(name).map(|object| format!("obs: {{ {} }}", object.fields())),
    }
}

fn reported<'a, T>(
    found: Result<&'a T, Option<Diagnostic>>,
    spot: &Spot,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<&'a T> {
    found.map_err(|unknown| diagnostics.extend(unknown.map(|unknown| unknown.at(spot.clone())))).ok()
}

/// What an undeclared function probably means: a URN, a version or an alias, a package, a typing error, or a function
/// of another stack.
fn function_help(name: &str, known: &[&str]) -> String {
    if name.starts_with("urn:") {
        return format!("write `urn: {name}`");
    }
    let declared = |name: &&str| known.contains(name);
    if let Some((function, qualifier)) = name.split_once(':').filter(|(function, _)| declared(function)) {
        let (kind, qualifier) = qualifier.strip_prefix('!').map_or(("version", qualifier), |alias| ("alias", alias));
        return format!("write `function: {function}` and `{kind}: {qualifier}`");
    }
    if let Some((_, key)) = name.split_once('/').filter(|(_, key)| declared(key)) {
        return format!("write `function: {key}`: functions are named by their key in the manifest");
    }
    if let Some(nearest) = nearest(name, known.iter().copied()) {
        return format!("did you mean `{nearest}`?");
    }
    "declare it here, or notify a function of another stack by its URN: \
     `urn: urn:fss:<region>:<project id>:function:<package>:<name>`"
        .to_owned()
}

/// Whether the set contains this pointer or one below it.
pub(super) fn has_at_or_below(pointers: &BTreeSet<String>, pointer: &str) -> bool {
    let below = format!("{pointer}/");
    let first_below = pointers.range(below.clone()..).next();
    pointers.contains(pointer) || first_below.is_some_and(|first| first.starts_with(&below))
}
