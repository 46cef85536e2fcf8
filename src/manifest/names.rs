//! What can be referred to: declared names, and what they stand for.

use std::collections::{BTreeMap, BTreeSet};

use crate::diagnostic::{Diagnostic, Spot};
use crate::model::address::FunctionAddress;
use crate::model::async_policy::{AsyncPolicy, PolicySpots};
use crate::model::target::Target;

use super::nearest::suggestion;

/// The declared functions, targets and policies. A name that is declared wrongly is there without a value: that has
/// been reported, and its uses are no further mistakes.
#[derive(Debug, Default)]
pub(super) struct Names {
    pub(super) functions: BTreeMap<String, Option<FunctionAddress>>,
    pub(super) targets: BTreeMap<String, Option<Target>>,
    pub(super) policies: BTreeMap<String, Option<NamedPolicy>>,
    /// Names whose declarations the schema refuses, as pointers.
    pub(super) refused: BTreeSet<String>,
}

/// What a policy's name stands for, and where its targets are named.
#[derive(Debug, Clone)]
pub(super) struct NamedPolicy {
    pub(super) policy: AsyncPolicy,
    pub(super) on_success: Option<Spot>,
    pub(super) on_failure: Option<Spot>,
}

impl NamedPolicy {
    /// The policy as one function uses it.
    pub(super) fn used_at(&self, used: Spot) -> (AsyncPolicy, PolicySpots) {
        let Self { policy, on_success, on_failure } = self.clone();
        (policy, PolicySpots { used, on_success, on_failure })
    }
}

impl Names {
    pub(super) fn function(
        &self,
        name: &str,
        spot: &Spot,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Option<FunctionAddress> {
        self.look_up(&self.functions, ("function", "functions"), name, spot, diagnostics).cloned()
    }

    pub(super) fn target(&self, name: &str, spot: &Spot, diagnostics: &mut Vec<Diagnostic>) -> Option<Target> {
        self.look_up(&self.targets, ("target", "targets"), name, spot, diagnostics).cloned()
    }

    pub(super) fn policy(&self, name: &str, spot: &Spot, diagnostics: &mut Vec<Diagnostic>) -> Option<&NamedPolicy> {
        self.look_up(&self.policies, ("policy", "policies"), name, spot, diagnostics)
    }

    fn look_up<'a, T>(
        &self,
        declared: &'a BTreeMap<String, Option<T>>,
        (what, section): (&str, &str),
        name: &str,
        spot: &Spot,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Option<&'a T> {
        if let Some(value) = declared.get(name) {
            return value.as_ref();
        }
        let above = format!("/{section}/");
        let escaped = name.replace('~', "~0").replace('/', "~1");
        if !self.refused.contains(&format!("{above}{escaped}")) {
            let refused = self.refused.iter().filter_map(|pointer| pointer.strip_prefix(&above));
            let refused: Vec<&str> = refused.filter(|rest| !rest.contains('/')).collect();
            let code = match what {
                "function" => "unknown-function",
                "target" => "unknown-target",
                _ => "unknown-policy",
            };
            let names = suggestion(name, what, declared.keys().map(String::as_str).chain(refused));
            let is_urn = what == "function" && name.starts_with("urn:");
            let help = if is_urn { "a function is named by `urn:` where this is its URN".to_owned() } else { names };
            let message = format!("there is no {what} `{name}` under `{section}`");
            diagnostics.push(Diagnostic::error(code, message).at(spot.clone()).help(help));
        }
        None
    }
}

/// Whether one of these pointers is this one, or leads on from it.
pub(super) fn has_at_or_below(pointers: &BTreeSet<String>, pointer: &str) -> bool {
    let below = format!("{pointer}/");
    let first_below = pointers.range(below.clone()..).next();
    pointers.contains(pointer) || first_below.is_some_and(|first| first.starts_with(&below))
}
