//! The planned effect on a project: a model of the service.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

use super::values::orders;
use super::{live_function, nothing_live, scope, urn_of};
use crate::model::address::Address;
use crate::model::async_policy::{AsyncPolicy, LivePolicy, LiveTarget};
use crate::model::field::{Field, FieldSet};
use crate::model::mark;
use crate::model::row::Call;
use crate::model::state::{DesiredFunction, DesiredState, LiveFunction, LiveState};
use crate::model::table;
use crate::model::target::Target;
use crate::model::trigger::{LiveTrigger, Trigger, key};
use crate::plan::change::{Change, Plan, Step};
use crate::plan::existing::{ExistingStep, TagWrite};
use crate::plan::forget::ForgetStep;
use crate::plan::trigger_step::TriggerStep;
use crate::plan::{Permissions, plan};

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
pub(super) fn free(left: &[&Change<'_>]) -> Vec<usize> {
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
            let every = [Call::Create, Call::Configuration, Call::Code, Call::MaxInstances];
            for call in every {
                write(&mut made, &all, call, FieldSet::default());
            }
            made.secret_names = desired.function.secrets.keys().map(ToString::to_string).collect();
            upload(&mut made, desired);
            made.code.file_name = desired.file_name(Some(&orders()), &urn_of(address).to_string());
            set_tags(&mut made, tags);
            live.functions.insert(address.clone(), made);
        }
        Step::UpdateFunction { desired, writes, .. } => {
            let found = live.functions.get_mut(address).expect("it is live");
            if writes.configuration || writes.secrets {
                write(found, desired, Call::Configuration, writes.returned);
                found.secret_names = desired.function.secrets.keys().map(ToString::to_string).collect();
            }
            if writes.code {
                write(found, desired, Call::Code, writes.returned);
                upload(found, desired);
            }
            if writes.max_instances {
                write(found, desired, Call::MaxInstances, writes.returned);
            }
            if writes.reserved {
                write(found, desired, Call::Reserved, writes.returned);
            }
            for key in writes.remove_tags.keys() {
                remove_tag(found, key);
            }
            set_tags(found, &writes.set_tags);
        }
        Step::DeleteFunction { .. } => {
            live.functions.remove(address);
        }
        Step::Trigger(step) => change_trigger(step, live.functions.get_mut(address).expect("it is live")),
        Step::PutPolicy { desired, mark, .. } => {
            let found = live.functions.get_mut(address).expect("it is live");
            found.policy = Some(put(desired));
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
        Step::Existing(ExistingStep { policy, tags, .. }) => {
            let found = live.functions.get_mut(address).expect("it is live");
            if let Some(after) = policy.after() {
                found.policy = after.map(put);
            }
            apply_tags(found, tags);
        }
        Step::Forget(ForgetStep { removed, released, .. }) => {
            let found = live.functions.get_mut(address).expect("it is live");
            for key in removed.keys() {
                remove_tag(found, key);
            }
            if let Some(stack) = released {
                found.marks.set(mark::RELEASED, stack.to_string());
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

/// Models a write: unmanaged fields stay, and tags have their own calls.
fn write(live: &mut LiveFunction, desired: &DesiredFunction, call: Call, returned: FieldSet) {
    let function = &desired.function;
    let environment = function.environment_over(&live.configuration);
    for row in table::ROWS.iter().filter(|row| row.is_written_by(call)) {
        match row.field {
            field if !function.manages(field, returned) => {}
            Field::Environment => live.configuration.set_entries(Field::Environment, environment.clone()),
            field => live.configuration.set(field, function.configuration.value(field)),
        }
    }
    live.code.image = live.configuration.get(Field::ImageUrl).and_then(Value::as_str).map(str::to_owned);
}

fn upload(live: &mut LiveFunction, desired: &DesiredFunction) {
    live.code.digest = format!("digest of {}", desired.code.hash().as_str());
    live.code.file_name = "index.zip".into();
    live.marks
        .set(mark::CODE, mark::of_code(&desired.code.hash(), desired.code.version().unwrap_or(&live.code.digest)));
}

fn set_tags(live: &mut LiveFunction, tags: &BTreeMap<String, String>) {
    for (key, value) in tags {
        if key.starts_with(mark::PREFIX) {
            live.marks.set(key, value);
        } else {
            live.configuration.set_entry(Field::Tags, key, value);
        }
    }
}

pub(crate) fn remove_tag(live: &mut LiveFunction, key: &str) {
    let kept = live.marks.iter().filter(|(other, _)| *other != key).map(|(k, v)| (k.to_owned(), v.to_owned()));
    let (marks, _) = mark::split(&urn_of(&live.address), kept.collect());
    live.marks = marks;
    live.configuration.remove_entry(Field::Tags, key);
}

pub(crate) fn after_apply(desired: &DesiredState) -> LiveState {
    let empty = nothing_live();
    applied(&plan(desired, &empty, Permissions::default()).plan, &empty)
}

/// A policy as the service has it after a write.
fn put(desired: &AsyncPolicy) -> LivePolicy {
    let urn = |target: &Option<Target>| {
        let target = target.as_ref()?;
        let target = target.urn(&scope()).map_or_else(|| target.clone(), Target::Urn);
        Some(LiveTarget { target, param: String::new() })
    };
    LivePolicy {
        max_retries: desired.max_retries.get(),
        max_validity_period: desired.max_validity_period.get(),
        on_success: urn(&desired.on_success),
        on_failure: urn(&desired.on_failure),
        status_log: desired.status_log,
        others: serde_json::Map::new(),
    }
}

fn apply_tags(found: &mut LiveFunction, tags: &TagWrite) {
    match tags {
        TagWrite::Nothing => {}
        TagWrite::Set { owner, applied, hand_over } => {
            let removed = hand_over.iter().flat_map(|begin| &begin.removed_first);
            removed.for_each(|key| remove_tag(found, key));
            found.marks.set(mark::POLICY, owner.to_string());
            found.marks.set(mark::ASYNC, applied);
            assert!(found.tag_keys().count() <= crate::rules::quota::TAGS, "there is room for them");
        }
        TagWrite::Remove { released } => {
            for key in mark::OF_EXISTING {
                remove_tag(found, key);
            }
            if let Some(stack) = released {
                found.marks.set(mark::RELEASED, stack.to_string());
            }
        }
    }
}

fn change_trigger(step: &TriggerStep<'_>, found: &mut LiveFunction) {
    let triggers = found.triggers.get_or_insert_default();
    triggers.retain(|trigger| step.seen.is_none_or(|seen| seen.id != trigger.id));
    match step.write.sent() {
        Some(sent) => triggers.push(live_trigger(&sent.with(&step.carried))),
        None => triggers.extend(step.seen.filter(|_| !step.write.deletes()).cloned()),
    }
    let id = triggers.last().map(|last| last.id.clone());
    if let Some(edit) = &step.mark {
        let after = edit.after(found.marks.get(mark::TRIGGERS), id.as_deref());
        remove_tag(found, mark::TRIGGERS);
        if let Some(tag) = after {
            found.marks.set(mark::TRIGGERS, tag);
        }
    }
}

/// A trigger as the service has it after it was created.
pub(crate) fn live_trigger(trigger: &Trigger) -> LiveTrigger {
    LiveTrigger {
        key: key::of_live(trigger.code.as_str(), trigger.qualifier.as_ref(), &trigger.data),
        id: format!("{}-{}", trigger.code, trigger.identity()),
        code: trigger.code.to_string(),
        qualifier: trigger.qualifier.clone(),
        data: trigger.data.clone(),
        secrets: trigger.secrets.keys().cloned().collect(),
        is_active: Some(trigger.enabled != Some(false)),
        created: String::new(),
        modified: String::new(),
    }
}
