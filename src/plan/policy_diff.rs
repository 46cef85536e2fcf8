//! Compares the declared policy of a function with the live one.

use crate::model::address::Address;
use crate::model::async_policy::AsyncPolicy;
use crate::model::field::Field;
use crate::model::mark;
use crate::model::state::{DesiredFunction, LiveFunction, Ownership};
use crate::model::urn::Scope;

use super::change::{Action, Cause, Change, Facet, Reason, Step};
use super::diff::{cause, deletion_cause, field_changes, gone, made};

/// The change of the policy, if it needs one.
pub(super) fn change<'a>(
    ownership: Ownership,
    wanted: &'a DesiredFunction,
    live: Option<&'a LiveFunction>,
    scope: &Scope,
) -> Option<Change<'a>> {
    let function = &wanted.function;
    if function.ignore.contains(&Field::Async) {
        return None;
    }
    let address = Address::async_policy(&function.address);
    let marked = live.and_then(|live| live.marks.get(mark::ASYNC)).map(mark::fields_part);
    let before = live.and_then(|live| Some((live, live.policy.as_ref()?)));
    match (before, &function.policy) {
        (None, None) => {
            let step = Step::MarkPolicy { live: live.filter(|_| marked.is_some())?, mark: None };
            Some(Change::new(address, Action::Record, Reason::StaleMark, step))
        }
        (None, Some((policy, _))) => {
            let after = policy.fields(scope);
            let mark = mark::of_fields(&after);
            let reason = match marked {
                None => Reason::Missing,
                Some(marked) if marked == mark => Reason::Differs(vec![(Facet::Async, Cause::Drift)]),
                Some(marked) if !mark::is_whole(marked) => Reason::Differs(vec![(Facet::Async, Cause::Unmarked)]),
                Some(_) => Reason::Differs(vec![(Facet::Async, Cause::Conflict)]),
            };
            let step = Step::PutPolicy { desired: policy, live, mark: kept(ownership, mark) };
            let fields = made(&after);
            Some(Change::new(address, Action::Create, reason, step).with_fields(fields))
        }
        (Some(_), None) if ownership == Ownership::Unowned => None,
        (Some((live, policy)), None) => {
            let (cause, fields) = (deletion_cause(marked, policy, scope), gone(&policy.all_fields(scope)));
            let step = Step::DeletePolicy { live, policy };
            Some(Change::new(address, Action::Delete, Reason::PolicyNotDeclared(cause), step).with_fields(fields))
        }
        (Some((live, _)), Some((after, _))) => changed(ownership, live, after, scope),
    }
}

/// The change of a live policy.
fn changed<'a>(
    ownership: Ownership,
    live: &'a LiveFunction,
    desired: &'a AsyncPolicy,
    scope: &Scope,
) -> Option<Change<'a>> {
    let policy = live.policy.as_ref()?;
    let address = Address::async_policy(&live.address);
    let marked = live.marks.get(mark::ASYNC);
    let applied = marked.map(mark::fields_part);
    let after = desired.fields(scope);
    let mark = mark::of_fields(&after);
    let before = (!policy.says_the_same_as(desired)).then(|| policy.fields_managed_by(desired, scope));
    if let Some(before) = before.filter(|before| *before != after) {
        let reason =
            Reason::Differs(vec![(Facet::Async, cause(applied, &mark, |marked| policy.is_marked(marked, scope)))]);
        let step = Step::PutPolicy { desired, live: Some(live), mark: kept(ownership, mark) };
        return Some(Change::new(address, Action::Update, reason, step).with_fields(field_changes(&before, &after)));
    }
    let mark = kept(ownership, mark)?;
    (marked != Some(mark.as_str())).then(|| {
        let step = Step::MarkPolicy { live, mark: Some(mark) };
        Change::new(address, Action::Record, Reason::StaleMark, step)
    })
}

/// The mark, if this stack uses marks.
fn kept(ownership: Ownership, mark: String) -> Option<String> {
    (ownership == Ownership::Tags).then_some(mark)
}
