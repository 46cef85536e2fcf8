//! The two inputs of a plan: the desired state from the manifests, and the live state of the project.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

use crate::diagnostic::Spot;

use super::address::{FunctionAddress, Qualifier};
use crate::diagnostic::Diagnostic;

use super::async_policy::LivePolicy;
use super::attached::Attached;
use super::code::{Code, CodeHash, JAR};
use super::creation::{self, Created};
use super::dependency::Named;
use super::existing::{ExistingFunction, Holder};
use super::field::{Field, FieldSet};
use super::function::{Function, LiveConfiguration};
use super::mark::{self, Marks};
use super::seal;
use super::text::StackName;
use super::trigger::{LiveTrigger, Trigger, TriggerMark, Triggers};
use super::urn::Scope;

/// The desired state of a stack.
#[derive(Debug, Clone)]
pub struct DesiredState {
    /// Functions that the manifests protect, and where they say so. Kept even if nothing else is desired, because a function can lose its
    /// protection tag.
    pub protected: BTreeMap<FunctionAddress, Spot>,
    pub stack: StackName,
    pub ownership: Ownership,
    pub functions: BTreeMap<FunctionAddress, DesiredFunction>,
    /// Functions that something else deploys. None of them is in `functions`.
    pub existing: BTreeMap<FunctionAddress, ExistingFunction>,
}

/// Whether tags record the owner of a function and what was applied last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Ownership {
    #[default]
    Tags,
    /// Tags are neither read nor written, for projects that forbid them or functions that have no room for more. The
    /// comparison is two-way, and nothing is deleted.
    #[serde(rename = "nobody")] // as saved plans of earlier versions have it
    Unowned,
    /// The service forbids to read tags. Nothing is known to be owned, and only policies are declared.
    #[serde(skip)]
    Unknown,
}

/// A declared function with its code and the mark of its secrets.
#[derive(Debug, Clone)]
pub struct DesiredFunction {
    pub function: Function,
    pub code: Code,
    /// `None` if a secret's variable is not set, or if there are no secrets.
    pub secrets_mark: Option<String>,
}

/// The live state of a project, as far as a plan needs it.
#[derive(Debug, Clone)]
pub struct LiveState {
    pub scope: Scope,
    /// All functions of the project. Policies and code are read only if a plan needs them.
    pub functions: BTreeMap<FunctionAddress, LiveFunction>,
    /// Functions outside the stack that its policies can reach.
    pub outside: BTreeSet<FunctionAddress>,
    /// The versions and aliases of functions that a target or a new trigger names with a qualifier.
    pub qualifiers: BTreeMap<FunctionAddress, BTreeSet<Qualifier>>,
    /// Whether the project is known to have a log for the statuses of asynchronous invocations. This is checked only if
    /// a policy needs one.
    pub has_status_log: bool,
    /// Why no tags could be read, if the service forbids it. A plan for policies alone goes on without them.
    pub unreadable_tags: Option<String>,
}

/// A live function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveFunction {
    pub address: FunctionAddress,
    pub configuration: LiveConfiguration,
    /// Only the names; the service never returns the values.
    pub secret_names: BTreeSet<String>,
    pub code: LiveCode,
    /// The policy of `latest`.
    pub policy: Option<LivePolicy>,
    /// What is deleted together with the function, with its content. Read only for functions that a plan may delete.
    pub attached: BTreeMap<Attached, String>,
    /// The policies of versions and aliases.
    pub published: BTreeMap<Qualifier, LivePolicy>,
    /// The triggers of `latest`, versions and aliases; `None` if the plan does not need them.
    pub triggers: Option<Vec<LiveTrigger>>,
    pub marks: Marks,
    /// Fields that the service's answers lacked. They are assumed to have their defaults.
    pub unseen: FieldSet,
    /// A field that only lists contain. It is not managed, but it is sent back with each configuration write.
    pub extend_config: Option<String>,
    /// Whether it is of the old type v1, which lacks some fields.
    pub is_of_v1: bool,
    /// When the service last changed the configuration or the code, in seconds since 1970; `None` if the service does
    /// not say.
    pub modified: Option<i64>,
}

/// A function that its stack owns and no longer declares. Only [`LiveState::undeclared`] finds one, and no other function can
/// be deleted.
#[derive(Debug, Clone, Copy)]
pub struct Undeclared<'a>(&'a LiveFunction);

/// Live code.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LiveCode {
    /// The service's own change marker; opaque.
    pub digest: String,
    /// The file name from the upload. For a create, it identifies the stack.
    pub file_name: String,
    /// The URL of the object that the code came from, if it came from OBS.
    pub obs_url: Option<String>,
    /// The address of the container image, if the code is one and that was read.
    pub image: Option<String>,
    /// The hash of the archive's content. Read only if no mark contains it.
    pub contents: Option<CodeHash>,
}

impl DesiredState {
    /// The same state without ownership: tags, and the protection and secrets marks that they hold, are ignored.
    pub fn without_ownership(mut self) -> Self {
        for wanted in self.functions.values_mut() {
            wanted.function.ignore.insert(Field::Tags);
            wanted.function.protect = None;
            wanted.secrets_mark = None;
        }
        Self { ownership: Ownership::Unowned, ..self }
    }

    /// Whether the stack owns a function, declared or not: its tags say so, or an interrupted create left it.
    pub fn owns(&self, live: &LiveFunction) -> bool {
        self.ownership == Ownership::Tags
            && (live.is_owned_by(&self.stack) || live.is_unfinished_create_of(&self.stack))
    }

    /// The later fields that this stack applied before.
    pub fn applied(&self, live: &LiveFunction) -> FieldSet {
        if live.is_owned_by(&self.stack) { live.marks.later_fields() } else { FieldSet::default() }
    }

    /// The same where the service forbids to read tags.
    pub fn with_unknown_ownership(self) -> Self {
        Self { ownership: Ownership::Unknown, ..self }
    }

    /// Whether a plan can do without tags: it then asks before it changes what may be someone else's. For whole functions,
    /// that is not enough, and neither is it to delete what the stack owns.
    pub fn can_do_without_tags(&self) -> bool {
        let declares = |entry: &ExistingFunction| entry.manages_policy() || !entry.triggers.is_empty();
        self.functions.is_empty() && self.existing.values().any(declares)
    }

    /// Whether the policy of a function that something else deploys is this stack's, declared or not.
    pub fn owns_policy(&self, live: &LiveFunction) -> bool {
        self.ownership == Ownership::Tags && live.policy_stack() == Some(self.stack.as_str())
    }

    /// Whether this stack's tag records triggers of a function, no matter who deploys it.
    pub fn owns_triggers(&self, live: &LiveFunction) -> bool {
        self.ownership == Ownership::Tags && live.records_triggers_of(&self.stack)
    }

    /// Whether a plan compares or deletes triggers of a live function: some are declared, or this stack's tag records some.
    pub fn needs_triggers(&self, live: &LiveFunction) -> bool {
        self.written_triggers(&live.address).next().is_some() || self.owns_triggers(live)
    }

    /// Whether the manifests declare a function, no matter who deploys it.
    pub fn declares(&self, function: &FunctionAddress) -> bool {
        self.functions.contains_key(function) || self.existing.contains_key(function)
    }

    /// Whether a plan compares the policy of a function because the manifests declare it.
    pub fn reaches(&self, function: &FunctionAddress) -> bool {
        self.functions.contains_key(function)
            || self.existing.get(function).is_some_and(ExistingFunction::manages_policy)
    }

    /// Every declared function, no matter who deploys it.
    pub fn holders(&self) -> impl Iterator<Item = Holder<'_>> {
        let whole = self.functions.values().map(|wanted| Holder::from(&wanted.function));
        whole.chain(self.existing.values().map(Holder::from))
    }

    /// A declared function, no matter who deploys it.
    pub fn holder(&self, function: &FunctionAddress) -> Option<Holder<'_>> {
        let whole = self.functions.get(function).map(|wanted| Holder::from(&wanted.function));
        whole.or_else(|| self.existing.get(function).map(Holder::from))
    }

    /// The triggers that the manifests declare for a function, even if the stack is destroyed.
    pub fn written_triggers(&self, function: &FunctionAddress) -> impl Iterator<Item = &Trigger> {
        let declared = self.holder(function).into_iter().flat_map(|holder| holder.triggers.values());
        let destroyed = self.existing.get(function).map(|entry| &entry.destroyed_triggers);
        declared.chain(destroyed.into_iter().flat_map(Triggers::values))
    }

    /// Replaces the dependencies that were found by their ids. Returns findings about versions that do not exist; packages
    /// that do not exist are uploaded by an apply.
    pub fn take_dependencies(&mut self, found: &BTreeMap<(String, String), String>) -> Vec<Diagnostic> {
        let mut missing = Vec::new();
        for DesiredFunction { function, .. } in self.functions.values_mut() {
            let runtime = function.configuration.text(Field::Runtime).to_owned();
            let id = |text: &str| found.get(&(runtime.clone(), text.to_owned())).cloned();
            function.configuration.replace_dependencies(id);
            if function.ignore.contains(&Field::Dependencies) {
                continue;
            }
            for text in function.configuration.texts(Field::Dependencies) {
                let Some(Named::Version { name, version }) = Named::of(text) else { continue };
                let message = format!("there is no version {version} of a dependency `{name}` for {runtime}");
                let spot = function.later.get(&Field::Dependencies).unwrap_or(&function.spot).clone();
                let help = "check the name, the version, the region, and that the package is for this runtime";
                missing.push(Diagnostic::error("no-such-dependency", message).at(spot).help(help));
            }
        }
        missing
    }

    /// The stack that creates functions; `None` without ownership.
    pub fn creator(&self) -> Option<&StackName> {
        (self.ownership == Ownership::Tags).then_some(&self.stack)
    }
}

impl DesiredFunction {
    /// The file name of the code when this function is created.
    pub fn file_name(&self, creator: Option<&StackName>, function: &str) -> String {
        let configuration = &self.function.configuration;
        let secret_names = self.function.secrets.keys().map(ToString::to_string).collect();
        let (code, extension) = (&self.code.hash_of_live(), self.code.extension());
        let created = Created { configuration, secret_names: &secret_names, code, extension };
        creation::file_name(creator, function, &created)
    }
}

impl<'a> Undeclared<'a> {
    pub const fn live(self) -> &'a LiveFunction {
        self.0
    }
}

impl LiveCode {
    /// The hash of the live code, as far as it was read.
    pub fn hash(&self) -> Option<CodeHash> {
        let url = self.obs_url.as_deref().or(self.image.as_deref());
        url.map(CodeHash::of_url).or_else(|| self.contents.clone())
    }

    /// What changes with the code: the service's digest. A container image has none, but its address is known.
    pub fn version(&self) -> &str {
        self.image.as_deref().unwrap_or(&self.digest)
    }
}

impl LiveFunction {
    /// Takes a field from a call of its own.
    pub fn see(&mut self, field: Field, value: Value) {
        self.configuration.set(field, value);
        self.unseen.remove(field);
    }

    /// The stack that owns this function, if any.
    pub fn stack(&self) -> Option<&str> {
        self.marks.get(mark::STACK)
    }

    /// The stack that owns only the policy of this function, if any does. The owner of a function owns its policy too.
    pub fn policy_stack(&self) -> Option<&str> {
        let owner = self.marks.get(mark::POLICY).filter(|_| self.marks.remember_policy());
        if self.stack().is_some() { None } else { owner }
    }

    /// The tag that records triggers, if a stack wrote it.
    pub fn trigger_mark(&self) -> Option<TriggerMark> {
        self.marks.get(mark::TRIGGERS).and_then(TriggerMark::parse)
    }

    /// The same, if that stack is this one.
    pub fn trigger_mark_of(&self, stack: &StackName) -> Option<TriggerMark> {
        let own = || TriggerMark::new(stack, self.marks.function());
        self.trigger_mark().filter(|mark| mark.has_owner_of(&own()))
    }

    /// Whether that tag is this stack's.
    pub fn records_triggers_of(&self, stack: &StackName) -> bool {
        self.trigger_mark_of(stack).is_some()
    }

    /// Whether a hand-over of this function to another tool has begun, or its owner has begun to take it over
    /// from there.
    pub fn is_being_handed_over(&self) -> bool {
        self.stack().is_some() && self.marks.get(mark::POLICY).is_some()
    }

    /// Whether this stack would take the function for its own interrupted create, if it had lost these tags: then a tag has
    /// to stay that says otherwise.
    pub fn looks_created_without(&self, tags: &BTreeSet<&str>, stack: &StackName) -> bool {
        let mut kept = self.tag_keys().filter(|key| !mark::OF_PARTS.contains(key) && !tags.contains(key));
        kept.next().is_none() && creation::is_by(stack, self.marks.function(), &self.code.file_name)
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

    /// The keys of all its tags, including fgctl's.
    pub fn tag_keys(&self) -> impl Iterator<Item = &str> {
        self.configuration.entries(Field::Tags).chain(self.marks.iter()).map(|(key, _)| key)
    }

    pub fn is_owned_by(&self, stack: &StackName) -> bool {
        self.stack() == Some(stack.as_str())
    }

    /// Whether this stack created it and it has no tags, because they were never set or were removed. It may have
    /// changed since.
    pub fn is_untagged_create_of(&self, stack: &StackName) -> bool {
        // A policy's mark is set after the function's tags. If setting those failed, the policy's mark is the only one.
        let has_no_tags =
            !self.configuration.has(Field::Tags) && self.marks.iter().all(|(key, _)| mark::OF_PARTS.contains(&key));
        has_no_tags && creation::is_by(stack, self.marks.function(), &self.code.file_name)
    }

    /// Whether it is the result of this stack's create that was interrupted before its tags were set. This is certain,
    /// because the create request recorded it and nothing changed since.
    pub fn is_unfinished_create_of(&self, stack: &StackName) -> bool {
        let has_nobodys_policy = self.policy.is_some() && self.marks.get(mark::ASYNC).is_none();
        !has_nobodys_policy
            && self.is_untagged_create_of(stack)
            && self.code.hash().is_some_and(|code| self.is_as_created(stack, &code))
    }

    fn is_as_created(&self, stack: &StackName, code: &CodeHash) -> bool {
        let extension = if self.code.file_name.ends_with(JAR) { JAR } else { ".zip" };
        let created = Created { configuration: &self.configuration, secret_names: &self.secret_names, code, extension };
        creation::file_name(Some(stack), self.marks.function(), &created) == self.code.file_name
    }

    /// Whether the configuration or the code changed since the secrets were applied; `None` if unknown.
    pub fn is_modified_since_secrets(&self) -> Option<bool> {
        let applied = seal::modified(self.marks.get(mark::SECRETS)?)?;
        // A list can be older than the write that the mark records.
        Some(self.modified? > applied)
    }
}

impl LiveState {
    /// Whether a function has a version or an alias, as far as it was read: see [`Self::qualifiers`].
    pub fn has_qualifier(&self, function: &FunctionAddress, qualifier: &Qualifier) -> bool {
        let triggers = self.functions.get(function).and_then(|live| live.triggers.as_deref()).unwrap_or_default();
        self.qualifiers.get(function).is_some_and(|known| known.contains(qualifier))
            || triggers.iter().any(|live| live.qualifier.as_ref() == Some(qualifier))
    }

    /// The functions that the stack owns but no longer declares. A plan deletes them. A function that something else deploys
    /// is never one of them, even if its hand-over was interrupted.
    pub fn undeclared(&self, desired: &DesiredState) -> impl Iterator<Item = Undeclared<'_>> {
        self.owned_and_undeclared(desired).filter(|live| !live.is_being_handed_over()).map(Undeclared)
    }

    /// The functions that the stack no longer declares and whose hand-over was interrupted: a plan completes it.
    pub fn half_handed_over(&self, desired: &DesiredState) -> impl Iterator<Item = &LiveFunction> {
        self.owned_and_undeclared(desired).filter(|live| live.is_being_handed_over())
    }

    fn owned_and_undeclared(&self, desired: &DesiredState) -> impl Iterator<Item = &LiveFunction> {
        let is_undeclared = |live: &&LiveFunction| desired.owns(live) && !desired.declares(&live.address);
        self.functions.values().filter(is_undeclared)
    }

    /// The functions of which a stack owns only the policy, and which it no longer declares: a plan deletes the policy.
    pub fn undeclared_policies(&self, desired: &DesiredState) -> impl Iterator<Item = &LiveFunction> {
        let is_undeclared = |live: &&LiveFunction| desired.owns_policy(live) && !desired.declares(&live.address);
        self.functions.values().filter(is_undeclared)
    }
}
