//! The calls that an apply may make for functions that another tool deploys. They can change only policies and fgctl's
//! tags.

use std::collections::BTreeMap;

use crate::model::address::FunctionAddress;
use crate::model::async_policy::{AsyncPolicy, LivePolicy};
use crate::model::mark;

use super::tag::Tags;
use super::{Error, Remote};

/// Reads and writes policies and fgctl's tags.
#[derive(Debug, Clone, Copy)]
pub struct PolicyAccess<'a>(&'a Remote);

/// A tag that can be set on a function without owning it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PolicyTag {
    /// The stack that owns the policy.
    Owner,
    /// What was applied.
    Applied,
    /// The stack that created the function and gave it up.
    Released,
}

impl PolicyTag {
    pub const fn key(self) -> &'static str {
        match self {
            Self::Owner => mark::POLICY,
            Self::Applied => mark::ASYNC,
            Self::Released => mark::RELEASED,
        }
    }
}

impl Remote {
    pub fn policy_access(&self) -> PolicyAccess<'_> {
        PolicyAccess(self)
    }
}

impl PolicyAccess<'_> {
    pub async fn read(&self, function: &FunctionAddress) -> Result<Option<LivePolicy>, Error> {
        self.0.read_policy(function, None).await
    }

    pub async fn put(
        &self,
        function: &FunctionAddress,
        policy: &AsyncPolicy,
        live: Option<&LivePolicy>,
    ) -> Result<(), Error> {
        self.0.put_policy(function, policy, live).await
    }

    pub async fn delete(&self, function: &FunctionAddress) -> Result<(), Error> {
        self.0.delete_policy(function, None).await
    }

    /// All tags of the function, fgctl's and others'.
    pub async fn tags(&self, function: &FunctionAddress) -> Result<BTreeMap<String, String>, Error> {
        self.0.read_tags(function).await
    }

    /// Ensures that these tags have these values; `now` are the function's tags.
    pub async fn set_tags(
        &self,
        function: &FunctionAddress,
        tags: &BTreeMap<PolicyTag, String>,
        now: &Tags,
    ) -> Result<(), Error> {
        let is_new = tags.keys().all(|tag| !now.contains_key(tag.key()));
        let tags: Tags = tags.iter().map(|(tag, value)| (tag.key().to_owned(), value.clone())).collect();
        if is_new { self.0.add_tags(function, &tags).await } else { self.0.ensure_tags(function, &tags).await }
    }

    /// Ensures that these tags are gone, as far as they are fgctl's; `now` are the function's tags.
    pub async fn remove_tags<'k>(
        &self,
        function: &FunctionAddress,
        keys: impl IntoIterator<Item = &'k str>,
        now: &Tags,
    ) -> Result<(), Error> {
        let own = keys.into_iter().filter(|key| key.starts_with(mark::PREFIX));
        let tags = own.filter_map(|key| Some((key.to_owned(), now.get(key)?.clone()))).collect();
        self.0.remove_tags(function, &tags).await
    }
}
