//! Lints: declarations that are valid and probably a mistake.
//!
//! They judge what the manifests declare, and nothing that is live. They run only on manifests without errors, and take
//! time linear in functions. [`crate::diagnostic::explanation`] says what each one means.

mod overlap;
mod policy;
mod target;
mod trigger;

use crate::diagnostic::Diagnostic;
use crate::model::address::FunctionAddress;
use crate::model::existing::{ExistingFunction, Holder};
use crate::model::function::Function;

/// What the manifests of a stack declare.
pub struct Declared<'a> {
    pub functions: &'a [Function],
    pub existing: &'a [ExistingFunction],
    /// Whether two functions share their code.
    pub share_code: &'a dyn Fn(&FunctionAddress, &FunctionAddress) -> bool,
}

impl<'a> Declared<'a> {
    fn holders(&self) -> impl Iterator<Item = Holder<'a>> {
        self.functions.iter().map(Holder::from).chain(self.existing.iter().map(Holder::from))
    }
}

/// All lints of a stack.
pub fn findings(declared: &Declared<'_>) -> Vec<Diagnostic> {
    let mut found = policy::without_failure_target(declared.holders());
    found.extend(declared.functions.iter().flat_map(policy::of_function));
    found.extend(target::same_place(declared.holders()));
    found.extend(target::same_code(declared));
    found.extend(declared.functions.iter().flat_map(trigger::of_function));
    found.extend(trigger::kept_objects(declared));
    found.extend(overlap::overlapping(declared));
    found
}

#[cfg(test)]
mod tests;
