//! The two sides of a plan: what the manifests want and what the project has.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

use super::address::{FunctionAddress, Qualifier};
use super::async_policy::LivePolicy;
use super::code::{Code, CodeHash};
use super::creation::{self, Created};
use super::field::Field;
use super::function::{Function, LiveConfiguration};
use super::mark::{self, Marks};
use super::seal;
use super::text::StackName;
use super::urn::Scope;

/// All that a stack wants.
#[derive(Debug, Clone)]
pub struct DesiredState {
    /// What the manifests protect, also where nothing is wanted: a tag can be lost.
    pub protected: BTreeSet<FunctionAddress>,
    pub stack: StackName,
    pub ownership: Ownership,
    pub functions: BTreeMap<FunctionAddress, DesiredFunction>,
}

/// Whether tags say whose a function is, and what was applied last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Ownership {
    #[default]
    Tags,
    /// Tags are neither read nor written: for where they are forbidden, or full. Two sides are compared, not three, and
    /// nothing is deleted.
    Nobody,
}

/// A declared function with its code, and the mark of its secrets.
#[derive(Debug, Clone)]
pub struct DesiredFunction {
    pub function: Function,
    pub code: Code,
    /// `None` while a secret's variable is not set; empty secrets have no mark either.
    pub secrets_mark: Option<String>,
}

/// What a project has, as far as a plan needs it.
#[derive(Debug, Clone)]
pub struct LiveState {
    pub scope: Scope,
    /// Every function of the project. Policies and code are read only where a plan needs them.
    pub functions: BTreeMap<FunctionAddress, LiveFunction>,
    /// Functions outside of the stack that its policies reach.
    pub outside: BTreeSet<FunctionAddress>,
    /// Versions and aliases of the functions that some target names with one.
    pub qualifiers: BTreeMap<FunctionAddress, BTreeSet<Qualifier>>,
    /// Whether the project is known to have a log for statuses of asynchronous invocations; asked where a policy will
    /// need one.
    pub has_status_log: bool,
}

/// One function as the service has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveFunction {
    pub address: FunctionAddress,
    pub configuration: LiveConfiguration,
    /// Names only: the service never shows the values.
    pub secret_names: BTreeSet<String>,
    pub code: LiveCode,
    /// The policy of `latest`.
    pub policy: Option<LivePolicy>,
    /// What a deletion takes along, by its name, such as `version v1`, and what it says. Read only of functions that a
    /// plan may delete.
    pub attached: BTreeMap<String, String>,
    /// The policies that versions and aliases have of their own.
    pub published: BTreeMap<Qualifier, LivePolicy>,
    pub marks: Marks,
    /// Fields that the service left out of what was read; they are taken to have their defaults.
    pub unseen: BTreeSet<Field>,
    /// A field that only lists show. It is not managed, and sent back with each configuration write.
    pub extend_config: Option<String>,
    /// When the service last changed the configuration or the code, in seconds since 1970; `None` where it does not say.
    pub modified: Option<i64>,
}

/// Code as the service has it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LiveCode {
    /// The service's own change marker, opaque.
    pub digest: String,
    /// The name that it was sent with: a create says there whose it is.
    pub file_name: String,
    /// The object that the code came from, where it is one of OBS.
    pub obs_url: Option<String>,
    /// What the archive contains, where no mark says it; read only then.
    pub contents: Option<CodeHash>,
}

impl DesiredState {
    /// The same without ownership: tags and what is kept in them, protection and the mark of secrets, count for nothing.
    pub fn without_ownership(mut self) -> Self {
        for wanted in self.functions.values_mut() {
            wanted.function.ignore.insert(Field::Tags);
            wanted.function.protect = None;
            wanted.secrets_mark = None;
        }
        Self { ownership: Ownership::Nobody, ..self }
    }

    /// Whether a function is this stack's, declared or not: its tags say so, or an interrupted create left it.
    pub fn owns(&self, live: &LiveFunction) -> bool {
        self.ownership == Ownership::Tags
            && (live.is_owned_by(&self.stack) || live.is_unfinished_create_of(&self.stack))
    }

    /// The stack that functions are created for, where anybody keeps that.
    pub fn creator(&self) -> Option<&StackName> {
        (self.ownership == Ownership::Tags).then_some(&self.stack)
    }
}

impl DesiredFunction {
    /// What the code is called when this function is created.
    pub fn file_name(&self, creator: Option<&StackName>, function: &str) -> String {
        let configuration = LiveConfiguration::from(&self.function.configuration);
        let secret_names = self.function.secrets.keys().map(ToString::to_string).collect();
        let created = Created { configuration: &configuration, secret_names: &secret_names, code: &self.code.hash() };
        creation::file_name(creator, function, &created)
    }
}

impl LiveCode {
    /// The hash of what it is, as far as that was read.
    pub fn hash(&self) -> Option<CodeHash> {
        self.obs_url.as_deref().map(CodeHash::of_url).or_else(|| self.contents.clone())
    }
}

impl LiveFunction {
    /// The stack that owns this function, if any does.
    pub fn stack(&self) -> Option<&str> {
        self.marks.get(mark::STACK)
    }

    /// The policies that an invocation of `latest`, a version or an alias may follow; see
    /// [`EventGraph`](super::event_graph::EventGraph).
    pub fn policies_behind(&self, qualifier: Option<&Qualifier>) -> impl Iterator<Item = &LivePolicy> {
        let is_behind = move |(own, _): &(&Qualifier, &LivePolicy)| match qualifier {
            None => false,
            Some(Qualifier::Version(_)) => qualifier == Some(*own),
            Some(Qualifier::Alias(_)) => true,
        };
        self.policy.iter().chain(self.published.iter().filter(is_behind).map(|(_, policy)| policy))
    }

    /// The keys of all its tags, fgctl's and everybody else's.
    pub fn tag_keys(&self) -> impl Iterator<Item = &str> {
        self.configuration.tags.keys().map(String::as_str).chain(self.marks.iter().map(|(key, _)| key))
    }

    pub fn is_owned_by(&self, stack: &StackName) -> bool {
        self.stack() == Some(stack.as_str())
    }

    /// Whether this stack created it, and its tags were never set, or are all gone. It may have been changed since.
    pub fn is_untagged_create_of(&self, stack: &StackName) -> bool {
        // A policy's mark is set after the tags of its function; where those did not take, it is there alone.
        let has_no_tags = self.configuration.tags.is_empty() && self.marks.iter().all(|(key, _)| key == mark::ASYNC);
        has_no_tags && creation::is_by(stack, self.marks.function(), &self.code.file_name)
    }

    /// Whether it is what a create of this stack leaves that was interrupted before its tags were set. That is certain:
    /// the create request itself said so, and nothing was changed since.
    pub fn is_unfinished_create_of(&self, stack: &StackName) -> bool {
        let has_nobodys_policy = self.policy.is_some() && self.marks.get(mark::ASYNC).is_none();
        !has_nobodys_policy
            && self.is_untagged_create_of(stack)
            && self.code.hash().is_some_and(|code| self.is_as_created(stack, &code))
    }

    fn is_as_created(&self, stack: &StackName, code: &CodeHash) -> bool {
        let created = Created { configuration: &self.configuration, secret_names: &self.secret_names, code };
        creation::file_name(Some(stack), self.marks.function(), &created) == self.code.file_name
    }

    /// Whether the configuration or the code changed since the secrets were applied; `None` where nobody knows.
    pub fn is_modified_since_secrets(&self) -> Option<bool> {
        let applied = seal::modified(self.marks.get(mark::SECRETS)?)?;
        // A list can be older than the write that the mark tells of.
        Some(self.modified? > applied)
    }
}

impl LiveState {
    /// The functions that a stack owns and no longer declares: a plan deletes them.
    pub fn undeclared(&self, desired: &DesiredState) -> impl Iterator<Item = &LiveFunction> {
        let is_undeclared = |live: &&LiveFunction| desired.owns(live) && !desired.functions.contains_key(&live.address);
        self.functions.values().filter(is_undeclared)
    }
}
