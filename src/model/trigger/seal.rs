//! Hashes of the secrets of triggers. They show whether a value changed, although the service never returns values.
//!
//! Each distinct value takes one slow derivation, so values cannot be guessed quickly from a tag. The salt follows from the
//! stack and its project, so it is stored nowhere.

use secrecy::ExposeSecret;
use sha2::{Digest, Sha256};
use std::fmt::Write;

use crate::model::address::FunctionAddress;
use crate::model::secret::{Salt, SecretHasher};
use crate::model::text::StackName;
use crate::model::urn::{FunctionUrn, Scope};

use super::mark::short;
use super::{Trigger, Triggers};

/// Characters kept of a hash: 24 bits.
const DIGITS: usize = 4;

/// Hashes the secrets of a stack's triggers.
#[derive(Debug)]
pub struct TriggerSeals<'a> {
    scope: &'a Scope,
    hasher: SecretHasher,
}

impl<'a> TriggerSeals<'a> {
    pub fn new(stack: &StackName, scope: &'a Scope) -> Self {
        let Scope { region, project_id } = scope;
        let all = Sha256::digest(format!("triggers of {stack}\n{region}\n{project_id}"));
        let salt = Salt::new(std::array::from_fn(|index| all[index]));
        Self { scope, hasher: SecretHasher::new(salt) }
    }

    /// Sets the hashes of these triggers' secrets.
    pub fn seal(&mut self, function: &FunctionAddress, triggers: &mut Triggers) {
        for trigger in triggers.values_mut().filter(|trigger| !trigger.secrets.is_empty()) {
            trigger.sealed = self.sealed(function, trigger);
        }
    }

    /// `None` if a value is missing.
    fn sealed(&mut self, function: &FunctionAddress, trigger: &Trigger) -> Option<String> {
        let mut text = FunctionUrn::new(self.scope, function, None).to_string();
        for (wire, secret) in &trigger.secrets {
            let slow = self.hasher.text(secret.value.as_ref()?.expose_secret());
            let _ = write!(text, "\n{wire} {slow}");
        }
        Some(short(&text, DIGITS))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Spot;
    use crate::model::secret::Secret;
    use crate::model::trigger::compare::tests::trigger;
    use serde_json::json;

    fn scope(project: &str) -> Scope {
        Scope { region: "r".into(), project_id: project.into() }
    }

    fn sealed(stack: &str, project: &str, value: Option<&str>) -> Option<String> {
        let (stack, scope) = (StackName::new(stack).unwrap(), scope(project));
        let mut one = trigger("KAFKA", &json!({}));
        one.secrets.insert(
            "kafka_password".into(),
            Secret { variable: "V".into(), value: value.map(Into::into), spot: Spot::value(0, "") },
        );
        let mut all = Triggers::from([(one.key.clone(), one)]);
        TriggerSeals::new(&stack, &scope).seal(&"default/a".parse().unwrap(), &mut all);
        all.into_values().next().unwrap().sealed
    }

    #[test]
    fn a_hash_depends_on_value_stack_and_project_alone() {
        let one = sealed("orders", "p", Some("hunter2"));
        assert_eq!(one.as_ref().map(String::len), Some(DIGITS));
        assert_eq!(sealed("orders", "p", Some("hunter2")), one);
        assert_ne!(sealed("orders", "p", Some("hunter3")), one);
        assert_ne!(sealed("other", "p", Some("hunter2")), one);
        assert_ne!(sealed("orders", "q", Some("hunter2")), one);
        assert_eq!(sealed("orders", "p", None), None);
    }
}
