//! Functions that something else deploys. A stack declares their policies; nothing here says what such a function is.

use crate::diagnostic::Spot;

use super::address::FunctionAddress;
use super::async_policy::{AsyncPolicy, PolicySpots};
use super::function::Function;
use super::trigger::Triggers;

/// A declared function that something else deploys.
#[derive(Debug, Clone)]
pub struct ExistingFunction {
    /// The local name in the manifest.
    pub key: String,
    /// The key under `functions`.
    pub spot: Spot,
    pub address: FunctionAddress,
    pub policy: DeclaredPolicy,
    pub triggers: Triggers,
    /// The triggers that the manifest declares, if the stack is destroyed. `triggers` is then empty.
    pub destroyed_triggers: Triggers,
}

/// What an entry says about the policy of its function.
#[derive(Debug, Clone)]
pub enum DeclaredPolicy {
    /// Nothing: a policy that this stack applied goes, and any other one stays.
    Unmanaged,
    /// The same, because the stack is destroyed. The manifest declares a policy.
    Destroyed,
    /// There should be none.
    Absent,
    Present(Box<(AsyncPolicy, PolicySpots)>),
}

/// A declared function as the holder of a policy, no matter who deploys it.
#[derive(Debug, Clone, Copy)]
pub struct Holder<'a> {
    pub key: &'a str,
    pub spot: &'a Spot,
    pub address: &'a FunctionAddress,
    /// `None` if no policy is declared, or if it is left to others.
    pub policy: Option<&'a (AsyncPolicy, PolicySpots)>,
    pub triggers: &'a Triggers,
    /// The id of the log stream that the manifest gives the function.
    pub log_stream: Option<&'a str>,
}

impl ExistingFunction {
    /// Whether the entry says anything about the policy.
    pub fn manages_policy(&self) -> bool {
        match self.policy {
            DeclaredPolicy::Absent | DeclaredPolicy::Present(_) => true,
            DeclaredPolicy::Unmanaged | DeclaredPolicy::Destroyed => false,
        }
    }

    pub fn policy(&self) -> Option<&(AsyncPolicy, PolicySpots)> {
        match &self.policy {
            DeclaredPolicy::Present(policy) => Some(policy),
            DeclaredPolicy::Unmanaged | DeclaredPolicy::Destroyed | DeclaredPolicy::Absent => None,
        }
    }
}

impl<'a> From<&'a ExistingFunction> for Holder<'a> {
    fn from(existing: &'a ExistingFunction) -> Self {
        let ExistingFunction { key, spot, address, policy: _, triggers, destroyed_triggers: _ } = existing;
        Self { key, spot, address, policy: existing.policy(), triggers, log_stream: None }
    }
}

impl<'a> From<&'a Function> for Holder<'a> {
    fn from(function: &'a Function) -> Self {
        let Function { key, spot, address, policy, triggers, .. } = function;
        let policy = policy.as_ref().filter(|_| function.manages_policy());
        Self { key, spot, address, policy, triggers, log_stream: function.configuration.log_stream() }
    }
}
