//! Decision tables and properties of the planner, without a network: plans are applied to a model of a project.

use proptest::prelude::*;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};

use super::change::{Action, Cause, Change, Facet, Plan, Reason, Shown, Step};
use super::selection::{self, Selection};
use super::{Permissions, Planned, cycle, events, guard, plan, plan_selected};
use crate::diagnostic::Spot;
use crate::model::address::{Address, FunctionAddress, Kind, Qualifier};
use crate::model::async_policy::{AsyncPolicy, LivePolicy, LiveTarget, PolicySpots};
use crate::model::code::{Archive, Code, Entry, EntryKind};
use crate::model::field::{Field, Path};
use crate::model::function::{Configuration, Function, LiveConfiguration};
use crate::model::mark::{self, Marks};
use crate::model::number::{MaxRetries, Memory, Timeout, Validity};
use crate::model::secret::Secret;
use crate::model::state::{DesiredFunction, DesiredState, LiveCode, LiveFunction, LiveState, Ownership};
use crate::model::target::Target;
use crate::model::text::{
    Description, FunctionName, Handler, PackageName, Runtime, StackName, TagKey, TagValue, VariableName,
};
use crate::model::urn::{FunctionUrn, Scope};

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
    DesiredFunction {
        function: Function {
            key: name.into(),
            spot: Spot::key(0, format!("/functions/{name}")),
            address: address(name),
            configuration: Configuration {
                runtime: Runtime::new("Python3.9").unwrap(),
                handler: Handler::new("index.handler").unwrap(),
                memory: Memory::default(),
                timeout: Timeout::new(3).unwrap(),
                description: Description::default(),
                agency: None,
                initializer: None,
                environment: BTreeMap::new(),
                tags: BTreeMap::new(),
            },
            secrets: BTreeMap::new(),
            policy: None,
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
    (policy, PolicySpots { used: spot.clone(), on_success: Some(spot.clone()), on_failure: Some(spot) })
}

fn orders() -> StackName {
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

/// What each change waits for, as `change: waits`.
pub(crate) fn waits(planned: &Planned<'_>) -> Vec<String> {
    let texts = |addresses: &[Address]| addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
    planned.plan.changes.iter().map(|it| format!("{}: {}", it.address, texts(&it.waits_for))).collect()
}

pub(crate) fn stack(functions: impl IntoIterator<Item = DesiredFunction>) -> DesiredState {
    let functions = functions.into_iter().map(|wanted| (wanted.function.address.clone(), wanted)).collect();
    DesiredState { protected: BTreeSet::new(), stack: orders(), ownership: Ownership::Tags, functions }
}

pub(crate) fn nothing_live() -> LiveState {
    LiveState {
        scope: scope(),
        functions: BTreeMap::new(),
        outside: BTreeSet::new(),
        qualifiers: BTreeMap::new(),
        has_status_log: true,
    }
}

/// The live state after a plan, if the service carries out every request.
pub(crate) fn applied(plan: &Plan<'_>, live: &LiveState) -> LiveState {
    let mut after = live.clone();
    let mut left: Vec<&Change<'_>> = plan.changes.iter().collect();
    while !left.is_empty() {
        apply_step(left.remove(free(&left)[0]), &mut after);
    }
    after
}

/// The positions of changes that wait for none of the others.
fn free(left: &[&Change<'_>]) -> Vec<usize> {
    let open: BTreeSet<&Address> = left.iter().map(|change| &change.address).collect();
    let is_free = |index: &usize| left[*index].waits_for.iter().all(|first| !open.contains(first));
    (0..left.len()).filter(is_free).collect()
}

pub(crate) fn apply_step(change: &Change<'_>, live: &mut LiveState) {
    let address = &change.address.function;
    match &change.step {
        Step::CreateFunction { desired, tags } => {
            let mut made = live_function(address);
            // A create sends ignored fields too.
            let mut all = (*desired).clone();
            all.function.ignore.clear();
            all.function.ignored_entries.clear();
            write(&mut made, &all);
            upload(&mut made, desired);
            made.code.file_name = desired.file_name(Some(&orders()), &urn_of(address).to_string());
            set_tags(&mut made, tags);
            live.functions.insert(address.clone(), made);
        }
        Step::UpdateFunction { desired, writes, .. } => {
            let found = live.functions.get_mut(address).expect("it is live");
            if writes.configuration || writes.secrets {
                write(found, desired);
            }
            if writes.code {
                upload(found, desired);
            }
            for key in writes.remove_tags.keys() {
                remove_tag(found, key);
            }
            set_tags(found, &writes.set_tags);
        }
        Step::DeleteFunction { .. } => {
            live.functions.remove(address);
        }
        Step::PutPolicy { desired, mark, .. } => {
            let found = live.functions.get_mut(address).expect("it is live");
            let urn = |target: &Option<Target>| {
                let target = target.as_ref()?;
                let target = target.urn(&scope()).map_or_else(|| target.clone(), Target::Urn);
                Some(LiveTarget { target, param: String::new() })
            };
            found.policy = Some(LivePolicy {
                max_retries: desired.max_retries.get(),
                max_validity_period: desired.max_validity_period.get(),
                on_success: urn(&desired.on_success),
                on_failure: urn(&desired.on_failure),
                status_log: desired.status_log,
                others: serde_json::Map::new(),
            });
            if let Some(mark) = mark {
                found.marks.set(mark::ASYNC, mark);
            }
        }
        Step::DeletePolicy { .. } => {
            // It may already be deleted together with its function.
            let Some(found) = live.functions.get_mut(address) else { return };
            match &change.address.qualifier {
                Some(qualifier) => drop(found.published.remove(qualifier)),
                None => {
                    found.policy = None;
                    remove_tag(found, mark::ASYNC);
                }
            }
        }
        Step::MarkPolicy { mark, .. } => {
            let found = live.functions.get_mut(address).expect("it is live");
            match mark {
                Some(mark) => found.marks.set(mark::ASYNC, mark),
                None => remove_tag(found, mark::ASYNC),
            }
        }
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
        attached: BTreeMap::new(),
        marks: marks_of(address),
        unseen: BTreeSet::new(),
        extend_config: None,
        modified: None,
    }
}

/// Models PUT config: ignored fields stay, and tags have their own calls.
fn write(live: &mut LiveFunction, desired: &DesiredFunction) {
    let kept = std::mem::take(&mut live.configuration);
    let mut written = LiveConfiguration::from(&desired.function.configuration);
    written.environment = desired.function.environment_over(&kept.environment);
    for field in &desired.function.ignore {
        match field {
            Field::Handler => written.handler.clone_from(&kept.handler),
            Field::Memory => written.memory = kept.memory,
            Field::Timeout => written.timeout = kept.timeout,
            Field::Description => written.description.clone_from(&kept.description),
            Field::Agency => written.agency.clone_from(&kept.agency),
            Field::Initializer => written.initializer.clone_from(&kept.initializer),
            Field::Environment => written.environment.clone_from(&kept.environment),
            _ => {}
        }
    }
    live.configuration = LiveConfiguration { tags: kept.tags, ..written };
    live.secret_names = desired.function.secrets.keys().map(ToString::to_string).collect();
}

fn upload(live: &mut LiveFunction, desired: &DesiredFunction) {
    live.code.digest = format!("digest of {}", desired.code.hash().as_str());
    live.code.file_name = "index.zip".into();
    live.marks.set(mark::CODE, mark::of_code(&desired.code.hash(), &live.code.digest));
}

fn set_tags(live: &mut LiveFunction, tags: &BTreeMap<String, String>) {
    for (key, value) in tags {
        if key.starts_with(mark::PREFIX) {
            live.marks.set(key, value);
        } else {
            live.configuration.tags.insert(key.clone(), value.clone());
        }
    }
}

pub(crate) fn remove_tag(live: &mut LiveFunction, key: &str) {
    let kept = live.marks.iter().filter(|(other, _)| *other != key).map(|(k, v)| (k.to_owned(), v.to_owned()));
    let (marks, _) = mark::split(&urn_of(&live.address), kept.collect());
    live.marks = marks;
    live.configuration.tags.remove(key);
}

pub(crate) fn after_apply(desired: &DesiredState) -> LiveState {
    let empty = nothing_live();
    applied(&plan(desired, &empty, Permissions::default()).plan, &empty)
}

pub(crate) fn errors(planned: &Planned<'_>) -> Vec<&'static str> {
    planned.diagnostics.iter().filter(|found| found.is_error()).map(|found| found.code).collect()
}

pub(crate) fn described(planned: &Planned<'_>) -> Vec<String> {
    let changes = planned.plan.changes.iter();
    changes.map(|change| format!("{} {}: {}", change.action.verb(), change.address, change.reason)).collect()
}

#[test]
fn a_new_function_and_its_policy_are_created_in_that_order() {
    let mut one = wanted("one");
    one.function.policy = Some(policy(1, Some("two")));
    let desired = stack([one, wanted("two")]);
    let live = nothing_live();
    let planned = plan(&desired, &live, Permissions::default());
    assert_eq!(
        described(&planned),
        [
            "create function:default/one: declared but not live",
            "create async_policy:default/one: declared but not live",
            "create function:default/two: declared but not live",
        ]
    );
    let policy = &planned.plan.changes[1];
    assert_eq!(policy.waits_for, [Address::function(&address("one")), Address::function(&address("two"))]);
}

#[test]
fn nothing_is_planned_after_an_apply() {
    let mut one = wanted("one");
    one.function.policy = Some(policy(2, Some("two")));
    one.function.protect = Some(true);
    let desired = stack([one, wanted("two")]);
    let live = after_apply(&desired);
    assert_eq!(described(&plan(&desired, &live, Permissions::default())), Vec::<String>::new());
}

/// A change of the manifest, changes of live, and the expected cause.
type Moves<'a> = (Option<&'a dyn Fn(&mut DesiredState)>, Vec<&'a dyn Fn(&mut LiveState)>, Option<Cause>);

/// The mark alone shows which side changed.
#[test]
fn the_cause_follows_from_the_mark() {
    let changed_manifest = |desired: &mut DesiredState| {
        let wanted = desired.functions.get_mut(&address("one")).unwrap();
        wanted.function.configuration.memory = Memory::new(256).unwrap();
    };
    let changed_live = |live: &mut LiveState| {
        live.functions.get_mut(&address("one")).unwrap().configuration.memory = 512;
    };
    let lost_mark = |live: &mut LiveState| remove_tag(live.functions.get_mut(&address("one")).unwrap(), mark::CONFIG);
    let table: [Moves<'_>; 5] = [
        (None, vec![], None),
        (Some(&changed_manifest), vec![], Some(Cause::Pending)),
        (None, vec![&changed_live], Some(Cause::Drift)),
        (Some(&changed_manifest), vec![&changed_live], Some(Cause::Conflict)),
        (None, vec![&changed_live, &lost_mark], Some(Cause::Unmarked)),
    ];
    for (manifest, live_moves, expected) in table {
        let mut desired = stack([wanted("one")]);
        let mut live = after_apply(&desired);
        if let Some(change) = manifest {
            change(&mut desired);
        }
        for change in live_moves {
            change(&mut live);
        }
        let planned = plan(&desired, &live, Permissions::default());
        let reasons: Vec<_> = planned.plan.changes.iter().map(|change| change.reason.clone()).collect();
        let expected: Vec<_> =
            expected.into_iter().map(|cause| Reason::Differs(vec![(Facet::Config, cause)])).collect();
        assert_eq!(reasons, expected);
    }
}

#[test]
fn a_lost_mark_is_recorded_again() {
    let desired = stack([wanted("one")]);
    let mut live = after_apply(&desired);
    remove_tag(live.functions.get_mut(&address("one")).unwrap(), mark::CONFIG);
    let planned = plan(&desired, &live, Permissions::default());
    assert_eq!(planned.plan.count(Action::Record), 1);
    assert!(planned.plan.changes[0].fields.is_empty());
}

#[test]
fn code_drift_and_code_changes_are_distinguished() {
    let mut desired = stack([wanted("one")]);
    let mut live = after_apply(&desired);
    live.functions.get_mut(&address("one")).unwrap().code.digest = "another".into();
    let reason = |desired: &DesiredState, live: &LiveState| {
        plan(desired, live, Permissions::default()).plan.changes[0].reason.clone()
    };
    assert_eq!(reason(&desired, &live), Reason::Differs(vec![(Facet::Code, Cause::Drift)]));
    desired.functions.get_mut(&address("one")).unwrap().code = code("two");
    assert_eq!(reason(&desired, &live), Reason::Differs(vec![(Facet::Code, Cause::Conflict)]));
    let live = after_apply(&stack([wanted("one")]));
    assert_eq!(reason(&desired, &live), Reason::Differs(vec![(Facet::Code, Cause::Pending)]));
}

#[test]
fn ownership() {
    let desired = stack([wanted("one")]);
    let owned_by = |owner: Option<&str>, memory: u32| {
        let mut live = after_apply(&desired);
        let found = live.functions.get_mut(&address("one")).unwrap();
        found.marks = marks_of(&found.address);
        if let Some(owner) = owner {
            found.marks.set(mark::STACK, owner);
        }
        found.code.contents = Some(code("one").hash());
        found.configuration.memory = memory;
        live
    };
    let adopt = Permissions { adopt: true, ..Permissions::default() };
    let take_over = Permissions { take_over: true, ..Permissions::default() };
    let table = [
        (None, 128, Permissions::default(), Ok(Action::Adopt)),
        (None, 256, Permissions::default(), Err("not-owned")),
        (None, 256, take_over, Err("not-owned")),
        (None, 256, adopt, Ok(Action::Adopt)),
        (Some("other"), 128, Permissions::default(), Err("owned-by-another-stack")),
        (Some("other"), 128, adopt, Err("owned-by-another-stack")),
        (Some("other"), 128, take_over, Ok(Action::Adopt)),
    ];
    for (owner, memory, permissions, expected) in table {
        let live = owned_by(owner, memory);
        let planned = plan(&desired, &live, permissions);
        match expected {
            Ok(action) => {
                assert_eq!(errors(&planned), Vec::<&str>::new());
                assert_eq!(planned.plan.changes[0].action, action);
                let after = applied(&planned.plan, &live);
                assert_eq!(described(&plan(&desired, &after, Permissions::default())), Vec::<String>::new());
            }
            Err(code) => assert_eq!(errors(&planned), [code]),
        }
    }
}

/// A function with everything that a create sends, or sets after its first request.
fn whole() -> DesiredFunction {
    let secret = Secret { variable: "X".into(), value: None };
    let mut one = wanted("one");
    one.function.secrets = BTreeMap::from([(VariableName::new("PASSWORD").unwrap(), secret)]);
    one.secrets_mark = Some("1.salt.hash".into());
    one.function.configuration.tags =
        BTreeMap::from([(TagKey::new("team").unwrap(), TagValue::new("payments").unwrap())]);
    one.function.protect = Some(true);
    one.function.policy = Some(policy(2, None));
    one
}

/// What the create of these functions leaves if only its first request arrives.
fn cut_short(desired: &DesiredState) -> LiveState {
    let mut live = after_apply(desired);
    for found in live.functions.values_mut() {
        found.marks = marks_of(&found.address);
        found.configuration.tags.clear();
        found.policy = None;
        found.code.contents = Some(code("one").hash());
    }
    live
}

type Edit<'a> = &'a dyn Fn(&mut DesiredFunction);

/// The next run continues it, even if the manifest changed.
#[test]
fn an_interrupted_create_is_continued() {
    let edits: [Edit<'_>; 8] = [
        &|_| {},
        &|one| one.function.configuration.memory = Memory::new(256).unwrap(),
        &|one| one.secrets_mark = Some("1.salt.other".into()),
        &|one| {
            one.function.secrets.clear();
            one.secrets_mark = None;
        },
        &|one| one.code = code("two"),
        &|one| one.function.policy = None,
        &|one| one.function.configuration.tags.clear(),
        &|one| one.function.protect = Some(false),
    ];
    let live = cut_short(&stack([whole()]));
    for edit in edits {
        let mut one = whole();
        edit(&mut one);
        let desired = stack([one]);
        let planned = plan(&desired, &live, Permissions::default());
        assert_eq!(errors(&planned), Vec::<&str>::new());
        assert_eq!(planned.plan.changes[0].reason, Reason::AdoptUnfinished);
        let after = applied(&planned.plan, &live);
        assert_eq!(described(&plan(&desired, &after, Permissions::default())), Vec::<String>::new());
    }
}

/// The name of the code proves the origin; similarity does not.
#[test]
fn a_function_that_is_only_similar_is_unowned() {
    let desired = stack([whole()]);
    let edits: [&dyn Fn(&mut LiveFunction); 8] = [
        &|live| live.code.file_name = "index.zip".into(),
        &|live| live.code.file_name = whole().file_name(None, &urn_of(&address("one")).to_string()),
        &|live| live.code.file_name = whole().file_name(Some(&orders()), &urn_of(&address("two")).to_string()),
        &|live| live.code.contents = Some(code("two").hash()),
        &|live| drop(live.configuration.tags.insert("team".into(), "other".into())),
        &|live| live.secret_names = BTreeSet::from(["THEIRS".into()]),
        &|live| drop(live.configuration.environment.insert("THEIRS".into(), "1".into())),
        &|live| live.configuration.memory = 512,
    ];
    for (index, edit) in edits.into_iter().enumerate() {
        let mut live = cut_short(&desired);
        edit(live.functions.get_mut(&address("one")).unwrap());
        assert_eq!(errors(&plan(&desired, &live, Permissions::default())), ["not-owned"], "edit {index}");
        let gone = stack([wanted("two")]);
        let planned = plan(&gone, &live, Permissions::default());
        assert_eq!(described(&planned), ["create function:default/two: declared but not live"], "edit {index}");
    }
}

/// The entry was removed before the create was finished.
#[test]
fn an_undeclared_unfinished_create_is_deleted() {
    let live = cut_short(&stack([whole()]));
    let desired = stack([wanted("two")]);
    let planned = plan(&desired, &live, Permissions::default());
    assert_eq!(planned.plan.changes[0].reason, Reason::Unfinished);
    assert_eq!(planned.plan.count(Action::Delete), 1);
    let other = DesiredState { stack: StackName::new("other").unwrap(), ..stack([wanted("two")]) };
    assert_eq!(plan(&other, &live, Permissions::default()).plan.count(Action::Delete), 0);
    let unowned = stack([wanted("two")]).without_ownership();
    assert_eq!(plan(&unowned, &live, Permissions::default()).plan.count(Action::Delete), 0);
    // If someone changed it afterwards, people have to decide.
    let mut live = live;
    live.functions.get_mut(&address("one")).unwrap().configuration.memory = 512;
    let planned = plan(&desired, &live, Permissions::default());
    assert_eq!(planned.plan.count(Action::Delete), 0);
    assert_eq!(planned.diagnostics.iter().map(|found| found.code).collect::<Vec<_>>(), ["left-over"]);
}

/// Someone copied a function together with its tags.
#[test]
fn a_copy_with_its_tags_is_unowned() {
    let desired = stack([whole()]);
    let mut live = after_apply(&desired);
    let mut copy = live.functions[&address("one")].clone();
    copy.address = address("copy");
    let tags = copy.marks.iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
    copy.marks = mark::split(&urn_of(&copy.address), tags).0;
    live.functions.insert(address("copy"), copy);
    let planned = plan(&desired, &live, Permissions::default());
    assert_eq!(described(&planned), Vec::<String>::new());
    assert_eq!(planned.diagnostics.iter().map(|found| found.code).collect::<Vec<_>>(), ["copied-tags"]);
    // Declared, it is treated as unowned.
    let mut declared = wanted("copy");
    declared.function.configuration.memory = Memory::new(256).unwrap();
    let desired = stack([whole(), declared]);
    assert_eq!(errors(&plan(&desired, &live, Permissions::default())), ["not-owned"]);
    let adopt = Permissions { adopt: true, ..Permissions::default() };
    let after = applied(&plan(&desired, &live, adopt).plan, &live);
    let planned = plan(&desired, &after, Permissions::default());
    // Its protection was copied too, and the plan must not remove it.
    assert_eq!(described(&planned), Vec::<String>::new());
    assert_eq!(planned.diagnostics.iter().map(|found| found.code).collect::<Vec<_>>(), ["protected-by-hand"]);
}

/// Marks as the previous version wrote them.
fn with_old_marks(live: &LiveState) -> LiveState {
    let mut old = live.clone();
    for found in old.functions.values_mut() {
        let mark = found.marks.get(mark::CONFIG).map(mark::fields_part).map(str::to_owned);
        found.marks.set(mark::CONFIG, mark.unwrap());
    }
    old
}

#[test]
fn marks_of_earlier_versions_stay_valid() {
    let desired = stack([whole(), wanted("two")]);
    let live = with_old_marks(&after_apply(&desired));
    let planned = plan(&desired, &live, Permissions::default());
    assert_eq!((described(&planned), planned.diagnostics.len()), (Vec::new(), 0));
    // Undeclared, it is deleted, because the stack owns it.
    let planned = plan(&stack([whole()]), &live, Permissions::default()).plan.count(Action::Delete);
    assert_eq!(planned, 1);
}

/// The applied protection, a change by hand, the declared protection, and the expected cause or findings.
type Protected<'a> = (Option<bool>, &'a dyn Fn(&mut LiveFunction), Option<bool>, Result<Cause, &'a [&'a str]>);

/// Protection in the manifest, tags that someone set or removed by hand, and the resulting plan.
#[test]
fn protection_by_hand_is_kept() {
    let set = |found: &mut LiveFunction| found.marks.set(mark::PROTECT, "true");
    let clear = |found: &mut LiveFunction| remove_tag(found, mark::PROTECT);
    let nothing = |_: &mut LiveFunction| {};
    let table: [Protected<'_>; 8] = [
        (None, &set, None, Err(&["protected-by-hand"])),
        (None, &set, Some(false), Err(&["protected-by-hand"])),
        (Some(false), &set, Some(false), Err(&["protected-by-hand"])),
        (None, &nothing, Some(true), Ok(Cause::Pending)),
        (Some(true), &clear, Some(true), Ok(Cause::Drift)),
        (Some(true), &nothing, None, Ok(Cause::Pending)),
        (Some(true), &nothing, Some(false), Ok(Cause::Pending)),
        (Some(true), &nothing, Some(true), Err(&[])),
    ];
    for (index, (before, hand, after, expected)) in table.into_iter().enumerate() {
        let protecting = |protect| {
            let mut one = wanted("one");
            one.function.protect = protect;
            stack([one])
        };
        let mut live = after_apply(&protecting(before));
        hand(live.functions.get_mut(&address("one")).unwrap());
        let desired = protecting(after);
        let planned = plan(&desired, &live, Permissions::default());
        let said: Vec<_> = planned.diagnostics.iter().map(|found| found.code).collect();
        let reasons: Vec<_> = planned.plan.changes.iter().map(|change| change.reason.clone()).collect();
        let (cause, remarks) = (expected.ok(), expected.err().unwrap_or_default());
        let differs = |cause| Reason::Differs(vec![(Facet::Protection, cause)]);
        assert_eq!((reasons, said.as_slice()), (cause.map(differs).into_iter().collect(), remarks), "row {index}");
        let live = applied(&planned.plan, &live);
        assert_eq!(described(&plan(&desired, &live, Permissions::default())), Vec::<String>::new(), "row {index}");
        let stays = after == Some(true) || !remarks.is_empty();
        assert_eq!(live.functions[&address("one")].marks.is_protected(), stays, "row {index}");
        if stays {
            let without = stack([wanted("two")]);
            assert_eq!(errors(&plan(&without, &live, Permissions::default())), ["protected"], "row {index}");
        }
    }
}

/// Someone or an earlier version may have set the tag, so only an explicit `protect: false` removes it.
#[test]
fn an_old_protection_is_removed_only_explicitly() {
    let mut one = wanted("one");
    one.function.protect = Some(true);
    let live = with_old_marks(&after_apply(&stack([one.clone()])));
    for (protect, changes) in [(None, 0), (Some(false), 1), (Some(true), 0)] {
        one.function.protect = protect;
        let desired = stack([one.clone()]);
        let planned = plan(&desired, &live, Permissions::default());
        assert_eq!(planned.plan.changes.len(), changes, "{protect:?}");
        let after = applied(&planned.plan, &live);
        assert_eq!(after.functions[&address("one")].marks.is_protected(), changes == 0, "{protect:?}");
        assert_eq!(described(&plan(&desired, &after, Permissions::default())), Vec::<String>::new(), "{protect:?}");
    }
}

/// An adoption must not silently delete the function's policy.
#[test]
fn an_unowned_function_with_a_policy_that_is_not_declared_differs() {
    let desired = stack([wanted("one")]);
    let mut live = after_apply(&desired);
    let found = live.functions.get_mut(&address("one")).unwrap();
    found.marks = marks_of(&found.address);
    found.code.contents = Some(code("one").hash());
    found.policy = Some(LivePolicy {
        max_retries: 1,
        max_validity_period: 60,
        on_success: None,
        on_failure: None,
        status_log: None,
        others: serde_json::Map::new(),
    });
    assert_eq!(errors(&plan(&desired, &live, Permissions::default())), ["not-owned"]);
}

/// Without ownership the comparison is two-way: no cause is given, no tag is written, nothing is deleted.
#[test]
fn without_ownership_nothing_is_marked_or_deleted() {
    let mut one = wanted("one");
    one.function.policy = Some(policy(2, Some("two")));
    one.function.protect = Some(true);
    one.function.configuration.tags = BTreeMap::from([(TagKey::new("team").unwrap(), TagValue::new("x").unwrap())]);
    let desired = stack([one, wanted("two")]).without_ownership();
    let mut live = after_apply(&desired);
    for found in live.functions.values_mut() {
        assert!(found.configuration.tags.is_empty());
        // The model of an upload writes marks, which must not be read here.
        found.marks = marks_of(&found.address);
        found.code.contents = Some(code("one").hash());
    }
    assert_eq!(described(&plan(&desired, &live, Permissions::default())), Vec::<String>::new());
    live.functions.get_mut(&address("one")).unwrap().configuration.memory = 512;
    let planned = plan(&desired, &live, Permissions::default());
    let change = &planned.plan.changes[0];
    assert_eq!(change.reason, Reason::Differs(vec![(Facet::Config, Cause::Unmarked)]));
    let Step::UpdateFunction { writes, .. } = &change.step else { panic!("an update") };
    assert!(writes.configuration && writes.set_tags.is_empty() && writes.remove_tags.is_empty());
    // A function and a policy that are no longer declared are kept.
    let less = stack([wanted("two")]).without_ownership();
    live.functions.get_mut(&address("two")).unwrap().policy = Some(live_policy("three"));
    let planned = plan(&less, &live, Permissions::default());
    assert_eq!(described(&planned), Vec::<String>::new());
    assert_eq!(planned.diagnostics.iter().map(|found| found.code).collect::<Vec<_>>(), ["policy-kept"]);
}

#[test]
fn guards_stop_unexpected_deletions() {
    let names: Vec<String> = (0..20).map(|index| format!("f{index}")).collect();
    let all = stack(names.iter().map(|name| wanted(name)));
    let live = after_apply(&all);
    let keep = |count: usize| stack(names.iter().take(count).map(|name| wanted(name)));
    let allow = |count| Permissions { allow_deletes: Some(count), ..Permissions::default() };
    assert_eq!(errors(&plan(&keep(15), &live, Permissions::default())), Vec::<&str>::new());
    assert_eq!(errors(&plan(&keep(14), &live, Permissions::default())), ["too-many-deletions"]);
    assert_eq!(errors(&plan(&keep(14), &live, allow(5))), ["too-many-deletions"]);
    assert_eq!(errors(&plan(&keep(14), &live, allow(6))), Vec::<&str>::new());
    // An explicit number is a limit, even where no permission would be needed.
    assert_eq!(errors(&plan(&keep(18), &live, allow(1))), ["too-many-deletions"]);
    assert_eq!(errors(&plan(&keep(19), &live, allow(0))), ["too-many-deletions"]);
    assert_eq!(errors(&plan(&stack([]), &live, allow(20))), ["emptied-manifest"]);
    let destroy = Permissions { destroy: true, ..Permissions::default() };
    assert_eq!(errors(&plan(&stack([]), &live, destroy)), Vec::<&str>::new());
}

#[test]
fn deleting_a_third_of_ten_functions_is_refused() {
    let names: Vec<String> = (0..10).map(|index| format!("f{index}")).collect();
    let live = after_apply(&stack(names.iter().map(|name| wanted(name))));
    let keep = |count: usize| stack(names.iter().take(count).map(|name| wanted(name)));
    assert_eq!(errors(&plan(&keep(7), &live, Permissions::default())), Vec::<&str>::new());
    assert_eq!(errors(&plan(&keep(6), &live, Permissions::default())), ["too-many-deletions"]);
}

#[test]
fn protection_outlives_its_declaration_and_is_cleared_explicitly() {
    let mut protected = wanted("one");
    protected.function.protect = Some(true);
    let live = after_apply(&stack([protected, wanted("two")]));
    assert_eq!(errors(&plan(&stack([wanted("two")]), &live, Permissions::default())), ["protected"]);
    let destroy = Permissions { destroy: true, ..Permissions::default() };
    assert_eq!(errors(&plan(&stack([]), &live, destroy)), ["protected"]);
    // If the tag is lost, the manifest still protects the function.
    let live = after_apply(&stack([wanted("one"), wanted("two")]));
    let protecting = DesiredState { protected: BTreeSet::from([address("one")]), ..stack([]) };
    assert_eq!(errors(&plan(&protecting, &live, destroy)), ["protected"]);
    let cleared = stack([wanted("one"), wanted("two")]);
    let live = applied(&plan(&cleared, &live, Permissions::default()).plan, &live);
    assert_eq!(errors(&plan(&stack([wanted("two")]), &live, Permissions::default())), Vec::<&str>::new());
}

#[test]
fn a_changed_runtime_is_refused() {
    let live = after_apply(&stack([wanted("one")]));
    let mut changed = wanted("one");
    changed.function.configuration.runtime = Runtime::new("Node.js18.15").unwrap();
    assert_eq!(errors(&plan(&stack([changed]), &live, Permissions::default())), ["runtime-changed"]);
}

#[test]
fn an_ignored_field_is_neither_compared_nor_written() {
    let mut one = wanted("one");
    one.function.ignore = BTreeSet::from([Field::Description, Field::Async]);
    let desired = stack([one]);
    let mut live = after_apply(&desired);
    let found = live.functions.get_mut(&address("one")).unwrap();
    found.configuration.description = "by someone else".into();
    found.policy = Some(LivePolicy {
        max_retries: 0,
        max_validity_period: 1,
        on_success: None,
        on_failure: None,
        status_log: None,
        others: serde_json::Map::new(),
    });
    assert_eq!(described(&plan(&desired, &live, Permissions::default())), Vec::<String>::new());
}

/// Single entries of a map can be ignored.
#[test]
fn an_ignored_entry_is_neither_compared_nor_changed() {
    let name = |name: &str| VariableName::new(name).unwrap();
    let mut one = wanted("one");
    one.function.configuration.environment =
        BTreeMap::from([(name("LEVEL"), "info".to_owned()), (name("OURS"), "1".to_owned())]);
    one.function.ignored_entries =
        BTreeSet::from([Path::entry(Field::Environment, "LEVEL"), Path::entry(Field::Tags, "team")]);
    let mut live = after_apply(&stack([one.clone()]));
    let configuration = &mut live.functions.get_mut(&address("one")).unwrap().configuration;
    configuration.environment.insert("LEVEL".into(), "debug".into());
    configuration.tags.insert("team".into(), "theirs".into());
    assert_eq!(described(&plan(&stack([one.clone()]), &live, Permissions::default())), Vec::<String>::new());
    one.function.configuration.environment.insert(name("OURS"), "2".to_owned());
    let desired = stack([one]);
    let planned = plan(&desired, &live, Permissions::default());
    assert_eq!(planned.plan.changes[0].reason, Reason::Differs(vec![(Facet::Config, Cause::Pending)]));
    let after = applied(&planned.plan, &live);
    assert_eq!(described(&plan(&desired, &after, Permissions::default())), Vec::<String>::new());
    let LiveConfiguration { environment, tags, .. } = &after.functions[&address("one")].configuration;
    assert_eq!(
        (environment["LEVEL"].as_str(), environment["OURS"].as_str(), tags["team"].as_str()),
        ("debug", "2", "theirs")
    );
}

#[test]
fn each_ignored_field_is_left_alone_by_writes_of_others() {
    for field in Field::IGNORABLE.into_iter().filter(|field| !matches!(field, Field::Secrets | Field::Async)) {
        let mut one = wanted("one");
        one.function.ignore = BTreeSet::from([field]);
        let mut live = after_apply(&stack([one.clone()]));
        let found = live.functions.get_mut(&address("one")).unwrap();
        found.configuration = LiveConfiguration {
            runtime: "Python3.9".into(),
            handler: "theirs.handler".into(),
            memory: 1024,
            timeout: 99,
            description: "theirs".into(),
            agency: Some("theirs".into()),
            initializer: Some(("theirs.start".into(), 9)),
            environment: BTreeMap::from([("THEIRS".into(), "1".into())]),
            tags: BTreeMap::from([("theirs".into(), "1".into())]),
        };
        found.code.digest = "theirs".into();
        let before = found.clone();
        let desired = stack([one]);
        let planned = plan(&desired, &live, Permissions::default());
        let after = applied(&planned.plan, &live);
        assert_eq!(described(&plan(&desired, &after, Permissions::default())), Vec::<String>::new(), "{field:?}");
        let after = &after.functions[&address("one")];
        let of_field = |live: &LiveFunction| {
            let mut fields = live.configuration.fields(&BTreeSet::new());
            fields.retain(|path, _| path.field == field);
            (fields, (field == Field::Code).then(|| live.code.digest.clone()))
        };
        assert_eq!(of_field(after), of_field(&before), "{field:?}");
    }
}

#[test]
fn secrets_are_compared_by_name_and_mark_and_never_shown() {
    let secret = Secret { variable: "X".into(), value: None };
    let mut one = wanted("one");
    one.function.secrets = BTreeMap::from([(VariableName::new("PASSWORD").unwrap(), secret)]);
    one.secrets_mark = Some("1.salt.hash".into());
    let desired = stack([one]);
    let live = after_apply(&desired);
    assert_eq!(described(&plan(&desired, &live, Permissions::default())), Vec::<String>::new());
    let mut changed = desired.clone();
    changed.functions.get_mut(&address("one")).unwrap().secrets_mark = Some("1.salt.other".into());
    let planned = plan(&changed, &live, Permissions::default());
    let field = &planned.plan.changes[0].fields[0];
    assert_eq!((&field.before, &field.after), (&Shown::Sensitive, &Shown::Sensitive));
    assert_eq!(planned.plan.changes[0].reason, Reason::Differs(vec![(Facet::Secrets, Cause::Pending)]));
    // Removing all secrets from the manifest is a change of the manifest.
    let none = stack([wanted("one")]);
    let planned = plan(&none, &live, Permissions::default());
    assert_eq!(planned.plan.changes[0].reason, Reason::Differs(vec![(Facet::Secrets, Cause::Pending)]));
    // An apply with secrets would have left a mark, so someone else added this one.
    let mut given = after_apply(&none);
    given.functions.get_mut(&address("one")).unwrap().secret_names = BTreeSet::from(["OTHER".to_owned()]);
    let planned = plan(&none, &given, Permissions::default());
    assert_eq!(planned.plan.changes[0].reason, Reason::Differs(vec![(Facet::Secrets, Cause::Drift)]));
    // The names differ. Without the values, it is unknown whether the mark matches the declared secrets.
    let mut unset = desired.clone();
    unset.functions.get_mut(&address("one")).unwrap().secrets_mark = None;
    let mut renamed = live.clone();
    renamed.functions.get_mut(&address("one")).unwrap().secret_names = BTreeSet::from(["OTHER".to_owned()]);
    let planned = plan(&unset, &renamed, Permissions::default());
    assert_eq!(planned.plan.changes[0].reason, Reason::Differs(vec![(Facet::Secrets, Cause::Unmarked)]));
    // An unset variable proves nothing about the value.
    changed.functions.get_mut(&address("one")).unwrap().secrets_mark = None;
    assert_eq!(described(&plan(&changed, &live, Permissions::default())), Vec::<String>::new());
}

#[test]
fn a_live_environment_value_from_someone_else_is_not_shown() {
    let mut one = wanted("one");
    one.function.configuration.environment = BTreeMap::from([(VariableName::new("LEVEL").unwrap(), "info".into())]);
    let desired = stack([one]);
    let mut live = after_apply(&desired);
    let environment = &mut live.functions.get_mut(&address("one")).unwrap().configuration.environment;
    environment.insert("PASSWORD".into(), "hunter2".into());
    let planned = plan(&desired, &live, Permissions::default());
    assert!(!format!("{:?}", planned.plan.changes[0].fields).contains("hunter2"));
}

/// A function of another project may have the same name.
#[test]
fn a_target_in_another_project_does_not_prove_that_a_function_existed_here() {
    let mut one = wanted("one");
    let elsewhere = Scope { project_id: "0123456789abcdef0123456789abcdef".into(), ..scope() };
    one.function.policy = Some(policy(1, None));
    if let Some((policy, _)) = &mut one.function.policy {
        policy.on_success = Some(Target::Urn(FunctionUrn::new(&elsewhere, &address("two"), None)));
    }
    let live = after_apply(&stack([one.clone()]));
    let desired = stack([one, wanted("two")]);
    let planned = plan(&desired, &live, Permissions::default());
    assert_eq!(planned.plan.changes[0].reason, Reason::Missing);
}

/// A field that is no longer declared was managed at the time of the apply; live has not changed.
#[test]
fn fields_that_are_no_longer_managed_are_not_drift() {
    let mut one = wanted("one");
    one.function.policy = Some(policy(1, None));
    if let Some((policy, _)) = &mut one.function.policy {
        policy.status_log = Some(true);
    }
    one.function.configuration.memory = Memory::new(512).unwrap();
    let live = after_apply(&stack([one.clone()]));
    one.function.ignore = BTreeSet::from([Field::Memory]);
    one.function.configuration.timeout = Timeout::new(9).unwrap();
    one.function.policy = Some(policy(2, None));
    let desired = stack([one]);
    let planned = plan(&desired, &live, Permissions::default());
    let causes: Vec<_> = planned.plan.changes.iter().map(|change| change.reason.clone()).collect();
    let pending = |facet| Reason::Differs(vec![(facet, Cause::Pending)]);
    assert_eq!(causes, [pending(Facet::Config), pending(Facet::Async)]);
}

pub(crate) const NAMES: [&str; 6] = ["a", "b", "c", "d", "e", "f"];

/// A stack without cycles: in a random order, each function notifies only later ones.
fn any_stack() -> impl Strategy<Value = DesiredState> {
    let order = Just(NAMES.to_vec()).prop_shuffle();
    let choices = proptest::collection::vec((any::<bool>(), 0..3_u32, any::<Option<u8>>(), 0..2_usize), NAMES.len());
    (order, choices).prop_map(|(order, choices)| {
        let mut functions = Vec::new();
        for (position, (is_declared, memory, link, code_index)) in choices.iter().enumerate().rev() {
            if !is_declared {
                continue;
            }
            let mut one = wanted(order[position]);
            one.function.configuration.memory = Memory::new([128, 256, 512][*memory as usize]).unwrap();
            one.code = code(["one", "two"][*code_index]);
            let later: Vec<&str> = functions.iter().map(|f: &DesiredFunction| f.function.key.as_str()).collect();
            let target =
                link.filter(|_| !later.is_empty()).map(|link| later[usize::from(link) % later.len()].to_owned());
            one.function.policy = link.map(|link| policy(u32::from(link) % 4, target.as_deref()));
            functions.push(one);
        }
        stack(functions)
    })
}

/// Two stacks. The second keeps many policies of the first, so that changes lie on both sides of unchanged policies.
pub(crate) fn any_two_stacks() -> impl Strategy<Value = (DesiredState, DesiredState)> {
    let kept = proptest::collection::vec(any::<bool>(), NAMES.len());
    let two = (any_stack(), any_stack(), kept).prop_map(|(before, mut after, kept)| {
        let declared: BTreeSet<FunctionAddress> = after.functions.keys().cloned().collect();
        for ((address, wanted), _) in after.functions.iter_mut().zip(kept).filter(|(_, kept)| *kept) {
            let Some(old) = before.functions.get(address) else { continue };
            let policy = &old.function.policy;
            let mut named = policy.iter().flat_map(|(policy, _)| policy.targets()).filter_map(Target::function);
            if named.all(|named| declared.contains(named)) {
                wanted.function.policy.clone_from(policy);
            }
        }
        (before, after)
    });
    two.prop_filter("the second stack has a cycle", |(_, after)| {
        let functions: Vec<&Function> = after.functions.values().map(|wanted| &wanted.function).collect();
        cycle::cycles(&events::declared(&functions), |_| true).is_empty()
    })
}

pub(crate) fn everything_allowed() -> Permissions {
    Permissions { adopt: true, take_over: true, allow_deletes: Some(100), destroy: true, allow_secret_loss: true }
}

/// Whether following notifications from some live function leads back to it.
fn has_cycle(live: &LiveState) -> bool {
    let targets = |address: &FunctionAddress| -> Vec<FunctionAddress> {
        let policy = live.functions.get(address).and_then(|live| live.policy.as_ref());
        policy.into_iter().flat_map(LivePolicy::targets).filter_map(Target::function).cloned().collect()
    };
    live.functions.keys().any(|start| {
        let mut seen = BTreeSet::new();
        let mut front = targets(start);
        while let Some(next) = front.pop() {
            if next == *start {
                return true;
            }
            if seen.insert(next.clone()) {
                front.extend(targets(&next));
            }
        }
        false
    })
}

/// Applies a plan in any order that the waits permit. No intermediate state has a cycle or a missing target, and every
/// change is applied. Returns the final live state.
pub(crate) fn carry_out(plan: &Plan<'_>, live: &LiveState, seed: u64) -> Result<LiveState, TestCaseError> {
    let mut live = live.clone();
    let mut left: Vec<&Change<'_>> = plan.changes.iter().collect();
    let mut choice = seed;
    while !left.is_empty() {
        let free = free(&left);
        prop_assert!(!free.is_empty(), "the waits form a cycle");
        choice = choice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let change = left.remove(free[(choice >> 33) as usize % free.len()]);
        apply_step(change, &mut live);
        prop_assert!(!has_cycle(&live), "a cycle after {}", change.address);
        for found in live.functions.values() {
            let policy = found.policy.iter().flat_map(LivePolicy::targets);
            for named in policy.filter_map(Target::function) {
                prop_assert!(live.functions.contains_key(named), "{} names {named}, which is gone", found.address);
            }
        }
    }
    Ok(live)
}

proptest! {
    #[test]
    fn planning_again_after_applying_finds_nothing(before in any_stack(), after in any_stack()) {
        let live = after_apply(&before);
        let planned = plan(&after, &live, everything_allowed());
        let live = applied(&planned.plan, &live);
        prop_assert_eq!(described(&plan(&after, &live, Permissions::default())), Vec::<String>::new());
    }

    #[test]
    fn plans_are_deterministic(before in any_stack(), after in any_stack()) {
        let live = after_apply(&before);
        let one = format!("{:?}", plan(&after, &live, everything_allowed()));
        prop_assert_eq!(one, format!("{:?}", plan(&after, &live, everything_allowed())));
    }

    #[test]
    fn changes_are_sorted_by_address(before in any_stack(), after in any_stack()) {
        let live = after_apply(&before);
        let planned = plan(&after, &live, everything_allowed());
        let addresses: Vec<&Address> = planned.plan.changes.iter().map(|change| &change.address).collect();
        prop_assert!(addresses.is_sorted());
        prop_assert!(addresses.iter().all(|address| matches!(address.kind, Kind::Function | Kind::AsyncPolicy)));
    }
}

/// A configuration write cannot send back secrets whose values are not known here.
#[test]
fn a_configuration_write_puts_secrets_with_unknown_values_at_risk() {
    type Case<'a> = (&'a [&'a str], bool, &'a [&'a str], Option<(&'a str, &'a [&'a str])>, bool, bool);
    const FIRST_FORM: &str = "first form";
    let salt = "0".repeat(32);
    let short = |name: &&str| hex::encode(&Sha256::digest(name)[..2]);
    let mark_of = |(hash, applied): (&str, &[&str])| match hash {
        FIRST_FORM => format!("1.{salt}.{}", "0".repeat(32)),
        _ => {
            let applied: String = applied.iter().map(short).collect();
            format!("2.{salt}..{}..{applied}", hex::encode(&Sha256::digest(hash)[..16]))
        }
    };
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
    // Declared, ignored, live, the content of the live mark, whether the memory changes, whether secrets are at risk.
    let cases: [Case<'_>; 14] = [
        (&[], false, &[], None, true, false),
        (&["A"], false, &["A"], Some(("same", &["A"])), true, false),
        (&["A"], false, &["A"], Some(("other", &["A"])), false, false),
        (&["A"], false, &["A", "B"], Some(("same", &["A"])), false, true),
        (&["A"], false, &["A", "B"], Some(("other", &["A", "B"])), true, false),
        // Someone added a secret, and the manifest's own secret has a new value.
        (&["A"], false, &["A", "B"], Some(("other", &["A"])), true, true),
        (&["A"], false, &["A", "B"], Some((FIRST_FORM, &[])), true, true),
        (&["A"], false, &["A", "B"], None, true, true),
        (&[], false, &["B"], None, false, true),
        (&[], false, &["B"], Some(("other", &["B"])), false, false),
        (&[], true, &["B"], None, false, false),
        (&[], true, &["B"], None, true, true),
        (&["B"], true, &["B"], Some(("same", &["B"])), true, true),
        (&["B"], true, &[], None, true, false),
    ];
    for (declared, ignored, found, marked, writes, at_risk) in cases {
        let mut one = wanted("one");
        let secret = |name: &&str| {
            let secret = Secret { variable: "X".into(), value: Some("value".into()) };
            (VariableName::new(*name).unwrap(), secret)
        };
        one.function.secrets = declared.iter().map(secret).collect();
        one.secrets_mark = (!declared.is_empty()).then(|| mark_of(("same", declared)));
        if ignored {
            one.function.ignore.insert(Field::Secrets);
        }
        let desired = stack([one]);
        let mut live = after_apply(&desired);
        let function = live.functions.get_mut(&address("one")).unwrap();
        function.secret_names = names(found);
        remove_tag(function, mark::SECRETS);
        if let Some(marked) = marked {
            function.marks.set(mark::SECRETS, mark_of(marked));
        }
        if writes {
            function.configuration.memory = 1024;
        }
        let case = format!("{declared:?} {ignored} {found:?} {marked:?} {writes}");
        let expected = if at_risk { vec![guard::SECRETS_AT_RISK] } else { Vec::new() };
        assert_eq!(errors(&plan(&desired, &live, Permissions::default())), expected, "{case}");
        let allowed = plan(&desired, &live, Permissions { allow_secret_loss: true, ..Permissions::default() });
        assert_eq!(errors(&allowed), Vec::<&str>::new(), "{case}");
        assert_eq!(allowed.diagnostics.iter().any(|found| found.code == guard::SECRETS_AT_RISK), at_risk, "{case}");
    }
}

/// Configuration and secrets share one request, and a partial plan must say so.
#[test]
fn a_partial_plan_that_writes_the_configuration_also_lists_the_secrets() {
    let secret = Secret { variable: "X".into(), value: Some("value".into()) };
    let mut one = wanted("one");
    one.function.secrets = BTreeMap::from([(VariableName::new("PASSWORD").unwrap(), secret)]);
    one.secrets_mark = Some("1.salt.hash".into());
    let mut desired = stack([one]);
    let mut live = after_apply(&desired);
    live.functions.get_mut(&address("one")).unwrap().configuration.memory = 1024;
    desired.functions.get_mut(&address("one")).unwrap().secrets_mark = Some("1.salt.other".into());
    let selection = Selection { only: Some(selection::Only::Drift), ..Selection::default() };
    let planned = plan_selected(&desired, &live, Permissions::default(), &selection);
    let fields: Vec<Field> = planned.plan.changes[0].fields.iter().map(|change| change.path.field).collect();
    assert_eq!(fields, [Field::Memory, Field::Secrets]);
}
