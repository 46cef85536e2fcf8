//! Values for tests: desired and live functions, policies, stacks.

use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

use crate::diagnostic::Spot;
use crate::model::address::{Address, FunctionAddress, Qualifier};
use crate::model::async_policy::{AsyncPolicy, LivePolicy, LiveTarget, PolicySpots};
use crate::model::code::{Archive, Code, Entry, EntryKind};
use crate::model::existing::{DeclaredPolicy, ExistingFunction};
use crate::model::field::{Field, FieldSet};
use crate::model::function::{Configuration, Function, LiveConfiguration};
use crate::model::mark::Marks;
use crate::model::number::{Expires, MaxRetries, Validity};
use crate::model::state::{DesiredFunction, DesiredState, LiveCode, LiveFunction, LiveState, Ownership};
use crate::model::target::Target;
use crate::model::text::{BucketName, FunctionName, ObsPrefix, PackageName, StackName, TriggerKey, TriggerTypeCode};
use crate::model::trigger::{Trigger, Triggers};
use crate::model::urn::{FunctionUrn, Scope};
use crate::plan::{Permissions, Planned};

pub(crate) fn scope() -> Scope {
    Scope { region: "r".into(), project_id: "p".into() }
}

pub(crate) fn address(name: &str) -> FunctionAddress {
    FunctionAddress { package: PackageName::default(), name: FunctionName::new(name).unwrap() }
}

pub(crate) fn urn_of(address: &FunctionAddress) -> FunctionUrn {
    FunctionUrn::new(&scope(), address, None)
}

/// Empty marks.
pub(crate) fn marks_of(address: &FunctionAddress) -> Marks {
    Marks::of(&urn_of(address))
}

pub(crate) fn code(text: &str) -> Code {
    let entry = Entry { kind: EntryKind::File, permissions: 0o644, bytes: 1, content: [0; 32] };
    Code::Archive(Archive::of_entries(&BTreeMap::from([(text.to_owned(), entry)])))
}

pub(crate) fn wanted(name: &str) -> DesiredFunction {
    let mut configuration = Configuration::default();
    for (field, value) in [(Field::Runtime, "Python3.9"), (Field::Handler, "index.handler")] {
        configuration.declare(field, value.into()).unwrap();
    }
    DesiredFunction {
        function: Function {
            key: name.into(),
            spot: Spot::key(0, format!("/functions/{name}")),
            address: address(name),
            configuration,
            later: BTreeMap::new(),
            secrets: BTreeMap::new(),
            policy: None,
            triggers: Triggers::new(),
            protect: None,
            ignore: BTreeSet::new(),
            ignored_entries: BTreeSet::new(),
        },
        code: code("one"),
        secrets_mark: None,
    }
}

pub(crate) fn policy(retries: u32, on_success: Option<&str>) -> (AsyncPolicy, PolicySpots) {
    let spot = Spot::value(0, "/policies/p");
    let target = |name: &str| Target::Function { function: address(name), qualifier: None };
    let policy = AsyncPolicy {
        max_retries: MaxRetries::new(retries).unwrap(),
        max_validity_period: Validity::new(3600).unwrap(),
        on_success: on_success.map(target),
        on_failure: None,
        status_log: None,
    };
    let spots = PolicySpots {
        used: spot.clone(),
        on_success: Some(spot.clone()),
        on_failure: Some(spot.clone()),
        targets: [Some(spot.clone()), Some(spot.clone())],
        max_retries: Some(spot),
        max_validity_period: None,
    };
    (policy, spots)
}

pub(super) fn orders() -> StackName {
    StackName::new("orders").unwrap()
}

/// A target in the short form of a URN: `two`, `two:v1`, `two:!prod`.
pub(crate) fn target(text: &str) -> Target {
    let (name, qualifier) = text.split_once(':').map_or((text, None), |(name, qualifier)| (name, Some(qualifier)));
    Target::Urn(FunctionUrn::new(&scope(), &address(name), qualifier.map(qualifier_named)))
}

pub(crate) fn qualifier_named(text: &str) -> Qualifier {
    text.parse().unwrap()
}

/// Objects in a bucket whose names begin with this prefix.
pub(crate) fn objects(prefix: &str) -> Target {
    let (bucket, prefix) = (BucketName::new("results").unwrap(), ObsPrefix::new(prefix).unwrap());
    Target::Obs { bucket, prefix, expires: Expires::constant::<0>() }
}

/// A declared trigger with these members.
pub(crate) fn trigger(key: &str, code: &str, data: &Value) -> Trigger {
    Trigger {
        key: TriggerKey::new(key).unwrap(),
        spot: Spot::key(0, format!("/functions/f/triggers/{key}")),
        code: TriggerTypeCode::new(code).unwrap(),
        qualifier: None,
        data: data.as_object().cloned().unwrap_or_default(),
        secrets: BTreeMap::new(),
        sealed: None,
        enabled: None,
    }
}

/// The function, started by this trigger alone.
pub(crate) fn started_by(trigger: Trigger, mut function: DesiredFunction) -> DesiredFunction {
    function.function.triggers = Triggers::from([(trigger.key.clone(), trigger)]);
    function
}

/// A trigger that new objects with this prefix raise.
pub(crate) fn on_objects(prefix: &str) -> Trigger {
    trigger("t", "OBS", &json!({ "bucket": "results", "prefix": prefix, "events": ["s3:ObjectCreated:*"] }))
}

/// A declared policy that notifies this target.
pub(crate) fn notifies(text: &str) -> (AsyncPolicy, PolicySpots) {
    let (policy, spots) = policy(1, None);
    (AsyncPolicy { on_success: Some(target(text)), ..policy }, spots)
}

/// A function that notifies this target.
pub(crate) fn notifying(name: &str, text: &str) -> DesiredFunction {
    let mut function = wanted(name);
    function.function.policy = Some(notifies(text));
    function
}

/// A live policy that notifies this target.
pub(crate) fn live_policy(text: &str) -> LivePolicy {
    let target = LiveTarget { target: target(text), param: String::new() };
    LivePolicy {
        max_retries: 1,
        max_validity_period: 3600,
        on_success: Some(target),
        on_failure: None,
        status_log: None,
        others: serde_json::Map::new(),
    }
}

/// Adds a function outside the stack that the stack's policies reach.
pub(crate) fn add_outside(live: &mut LiveState, name: &str, notified: Option<&str>) {
    let mut outside = live_function(&address(name));
    outside.policy = notified.map(live_policy);
    live.functions.insert(address(name), outside);
    live.outside.insert(address(name));
}

/// Gives a version or an alias of a live function its own policy.
pub(crate) fn publish(live: &mut LiveState, name: &str, qualifier: &str, notified: &str) {
    let qualifier = qualifier_named(qualifier);
    live.qualifiers.entry(address(name)).or_default().insert(qualifier.clone());
    live.functions.get_mut(&address(name)).unwrap().published.insert(qualifier, live_policy(notified));
}

pub(crate) fn stack(functions: impl IntoIterator<Item = DesiredFunction>) -> DesiredState {
    let functions = functions.into_iter().map(|wanted| (wanted.function.address.clone(), wanted)).collect();
    let (protected, existing) = (BTreeMap::new(), BTreeMap::new());
    DesiredState { protected, stack: orders(), ownership: Ownership::Tags, functions, existing }
}

/// An entry for a function that something else deploys.
pub(crate) fn existing(name: &str, policy: DeclaredPolicy) -> ExistingFunction {
    let spot = Spot::key(0, format!("/functions/{name}"));
    let (triggers, destroyed_triggers) = (Triggers::new(), Triggers::new());
    ExistingFunction { key: name.into(), spot, address: address(name), policy, triggers, destroyed_triggers }
}

/// The same stack with such entries.
pub(crate) fn with_existing(
    desired: DesiredState,
    entries: impl IntoIterator<Item = ExistingFunction>,
) -> DesiredState {
    let existing = entries.into_iter().map(|entry| (entry.address.clone(), entry)).collect();
    DesiredState { existing, ..desired }
}

pub(crate) fn nothing_live() -> LiveState {
    LiveState {
        scope: scope(),
        functions: BTreeMap::new(),
        outside: BTreeSet::new(),
        qualifiers: BTreeMap::new(),
        has_status_log: true,
        unreadable_tags: None,
    }
}

pub(crate) fn live_function(address: &FunctionAddress) -> LiveFunction {
    LiveFunction {
        address: address.clone(),
        configuration: LiveConfiguration::default(),
        secret_names: BTreeSet::new(),
        code: LiveCode::default(),
        policy: None,
        published: BTreeMap::new(),
        triggers: None,
        attached: BTreeMap::new(),
        marks: marks_of(address),
        unseen: FieldSet::default(),
        extend_config: None,
        is_of_v1: false,
        modified: None,
    }
}

pub(crate) fn everything_allowed() -> Permissions {
    Permissions { adopt: true, take_over: true, allow_deletes: Some(100), destroy: true, allow_secret_loss: true }
}

/// What each change waits for, as `change: waits`.
pub(crate) fn waits(planned: &Planned<'_>) -> Vec<String> {
    let texts = |addresses: &[Address]| addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
    planned.plan.changes.iter().map(|it| format!("{}: {}", it.address, texts(&it.waits_for))).collect()
}

pub(crate) fn errors(planned: &Planned<'_>) -> Vec<&'static str> {
    planned.diagnostics.iter().filter(|found| found.is_error()).map(|found| found.code).collect()
}

pub(crate) fn described(planned: &Planned<'_>) -> Vec<String> {
    let changes = planned.plan.changes.iter();
    changes.map(|change| format!("{} {}: {}", change.action.verb(), change.address, change.reason)).collect()
}
