//! Selects part of a plan: the changes that the user picks, and the changes that those need. Everything else stays live
//! as it is.
//!
//! A selected policy includes the policies that it waits for, so a partial plan leads to an intermediate state of the
//! whole plan. If no intermediate state of the whole plan has a cycle, the partial plan has none either.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

use crate::model::address::{Address, FunctionAddress};
use crate::model::mark;

use super::change::{Action, Cause, Change, Facet, Reason, Step, Writes};

/// The selected changes; the default selects everything.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Selection {
    /// Select these and what they need; if empty, everything.
    pub targets: BTreeSet<Address>,
    /// Exclude these and everything that needs them.
    pub excluded: BTreeSet<Address>,
    /// Select only changes from this side, as far as marks show it.
    pub only: Option<Only>,
}

/// The side that must have changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Only {
    /// Live.
    Drift,
    /// The manifest.
    Pending,
}

impl Selection {
    pub fn is_everything(&self) -> bool {
        *self == Self::default()
    }

    /// Whether an error in a function stops the selected part.
    pub(super) fn concerns(&self, function: &FunctionAddress) -> bool {
        let is_target = self.targets.is_empty() || self.targets.iter().any(|target| target.function == *function);
        is_target && !self.excluded.contains(&Address::function(function))
    }

    /// The selected changes, and the addresses of those that are left out, fully or in part. Both keep their order.
    pub(super) fn pick<'a>(&self, changes: Vec<Change<'a>>) -> (Vec<Change<'a>>, Vec<Address>) {
        if self.is_everything() {
            return (changes, Vec::new());
        }
        let needs = needs(&changes);
        let is_deletion = |change: &&Change<'_>| matches!(change.step, Step::DeleteFunction { .. });
        let deletions: BTreeSet<Address> = changes.iter().filter(is_deletion).map(|it| it.address.clone()).collect();
        let needed_by = |needed: &Address| {
            let needs_it = needs.iter().filter(|(_, needs)| needs.contains(needed)).map(|(address, _)| address.clone());
            // A function that is kept also keeps its policy, which would be deleted only together with the function.
            let own = changes.iter().map(|change| &change.address).filter(|own| own.function == needed.function);
            needs_it.chain(own.filter(|_| deletions.contains(needed)).cloned()).collect()
        };
        let excluded = closure(self.excluded.clone(), needed_by);
        let matching = changes.iter().filter(|change| self.matches(change)).map(|change| change.address.clone());
        let wanted = closure(matching.filter(|address| !excluded.contains(address)).collect(), |address| {
            needs.get(address).into_iter().flatten().cloned().collect()
        });
        let (mut kept, mut left_out) = (Vec::new(), Vec::new());
        for change in changes {
            if !wanted.contains(&change.address) {
                left_out.push(change.address);
                continue;
            }
            let facets = self.only.map_or_else(|| all_facets(&change), |only| facets(&change, only));
            if facets != all_facets(&change) {
                left_out.push(change.address.clone());
            }
            kept.push(narrowed(change, &facets));
        }
        // Waits for changes that are left out only set an order, so they are dropped.
        let there: BTreeSet<Address> = kept.iter().map(|change| change.address.clone()).collect();
        for change in &mut kept {
            change.waits_for.retain(|first| there.contains(first));
        }
        (kept, left_out)
    }

    /// Changes that both sides caused, if only one side is selected. They are in neither selection.
    pub(super) fn undecided<'a>(&self, changes: &'a [Change<'_>]) -> Vec<&'a Address> {
        let is_conflict = |reason: &Reason| match reason {
            Reason::Differs(causes) => causes.iter().any(|(_, cause)| *cause == Cause::Conflict),
            Reason::PolicyNotDeclared(cause) => *cause == Cause::Conflict,
            _ => false,
        };
        let asked = |change: &&Change<'_>| self.only.is_some() && self.concerns(&change.address.function);
        changes.iter().filter(asked).filter(|it| is_conflict(&it.reason)).map(|it| &it.address).collect()
    }

    fn matches(&self, change: &Change<'_>) -> bool {
        let is_target = self.targets.is_empty() || self.targets.contains(&change.address);
        is_target && self.only.is_none_or(|only| only.moved(&change.reason))
    }
}

impl Only {
    /// Whether this side alone is the cause.
    const fn is(self, cause: Cause) -> bool {
        match cause {
            Cause::Drift | Cause::Suspected => matches!(self, Self::Drift),
            Cause::Pending => matches!(self, Self::Pending),
            Cause::Conflict | Cause::Unmarked => false,
        }
    }

    /// Whether this side alone caused the change, or the change of one facet.
    fn moved(self, reason: &Reason) -> bool {
        match reason {
            Reason::Differs(causes) => causes.iter().any(|(_, cause)| self.is(*cause)),
            Reason::PolicyNotDeclared(cause) => self.is(*cause),
            Reason::Deleted => self == Self::Drift,
            // Nothing shows that live was changed.
            Reason::Missing
            | Reason::Undeclared
            | Reason::Unfinished
            | Reason::Destroyed
            | Reason::HandedOver
            | Reason::Forgotten => self == Self::Pending,
            Reason::AdoptEqual
            | Reason::AdoptUnfinished
            | Reason::AdoptDifferent
            | Reason::Imported
            | Reason::TakeOver { .. }
            | Reason::StaleMark => false,
        }
    }
}

/// The changes that each change needs. The other change of the same function is needed only if it creates the function
/// or makes it this stack's; otherwise it only sets the order.
fn needs(changes: &[Change<'_>]) -> BTreeMap<Address, BTreeSet<Address>> {
    let actions: BTreeMap<&Address, Action> = changes.iter().map(|change| (&change.address, change.action)).collect();
    let takes_turns = |change: &Change<'_>, first: &Address| {
        first.function == change.address.function && matches!(actions.get(first), Some(Action::Update | Action::Record))
    };
    let needs = |change: &Change<'_>| {
        let needed = change.waits_for.iter().filter(|first| !takes_turns(change, first)).cloned();
        (change.address.clone(), needed.collect())
    };
    changes.iter().map(needs).collect()
}

/// The addresses and everything that follows from them.
fn closure(from: BTreeSet<Address>, next: impl Fn(&Address) -> Vec<Address>) -> BTreeSet<Address> {
    let mut front: Vec<Address> = from.iter().cloned().collect();
    let mut all = from;
    while let Some(address) = front.pop() {
        front.extend(next(&address).into_iter().filter(|found| all.insert(found.clone())));
    }
    all
}

fn all_facets(change: &Change<'_>) -> BTreeSet<Facet> {
    match &change.reason {
        Reason::Differs(causes) => causes.iter().map(|(facet, _)| *facet).collect(),
        _ => BTreeSet::new(),
    }
}

/// The facets that one side changed. Configuration and secrets share one request: writing secrets includes the
/// configuration, and configuring a function with secrets sends them again. A change that is included only because
/// another one needs it keeps all its facets.
fn facets(change: &Change<'_>, only: Only) -> BTreeSet<Facet> {
    let all = all_facets(change);
    let Reason::Differs(causes) = &change.reason else { return all };
    let moved = causes.iter().filter(|(_, cause)| only.is(*cause)).map(|(facet, _)| *facet);
    let mut facets: BTreeSet<Facet> = moved.collect();
    if facets.contains(&Facet::Secrets) && all.contains(&Facet::Config) {
        facets.insert(Facet::Config);
    }
    let sends_secrets = match &change.step {
        Step::UpdateFunction { live, writes, .. } => writes.configuration && !live.secret_names.is_empty(),
        _ => false,
    };
    if facets.contains(&Facet::Config) && sends_secrets && all.contains(&Facet::Secrets) {
        facets.insert(Facet::Secrets);
    }
    if facets.is_empty() { all } else { facets }
}

/// An update without the facets that are not selected.
fn narrowed<'a>(mut change: Change<'a>, facets: &BTreeSet<Facet>) -> Change<'a> {
    if *facets == all_facets(&change) {
        return change;
    }
    if let Reason::Differs(causes) = &mut change.reason {
        causes.retain(|(facet, _)| facets.contains(facet));
    }
    change.fields.retain(|field| facets.contains(&field.path.field.row().facet));
    if let Step::UpdateFunction { writes, live, .. } = &mut change.step {
        let Writes {
            configuration,
            secrets,
            code,
            returned: _,
            set_tags,
            remove_tags,
            removal: _,
            may_lose_secrets: _,
        } = writes;
        let marked = set_tags.remove(mark::CONFIG);
        let marked = marked.and_then(|wanted| narrowed_mark(&wanted, live.marks.get(mark::CONFIG), facets));
        let is_wanted = |key: &String, _: &mut String| Facet::of_tag(key).is_none_or(|facet| facets.contains(&facet));
        *configuration &= facets.contains(&Facet::Config);
        *secrets &= facets.contains(&Facet::Secrets);
        *code &= facets.contains(&Facet::Code);
        set_tags.retain(is_wanted);
        remove_tags.retain(is_wanted);
        set_tags.extend(marked.map(|mark| (mark::CONFIG.to_owned(), mark)));
    }
    change
}

/// The configuration mark also covers protection. Each half is updated only together with its facet.
fn narrowed_mark(wanted: &str, live: Option<&str>, facets: &BTreeSet<Facet>) -> Option<String> {
    let pick = |facet| if facets.contains(&facet) { Some(wanted) } else { live };
    match (pick(Facet::Config), pick(Facet::Protection)) {
        (Some(fields), identity) => Some(mark::joined(fields, identity.unwrap_or(fields))),
        (None, _) => None,
    }
    .filter(|narrowed| Some(narrowed.as_str()) != live)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::field::Field;
    use crate::model::state::{DesiredState, LiveState};
    use crate::plan::tests::{
        NAMES, address, after_apply, any_two_stacks, applied, carry_out, code, described, errors, everything_allowed,
        live_policy, nothing_live, policy, stack, wanted,
    };
    use crate::plan::{Permissions, Planned, plan, plan_selected};

    fn of(function: &str) -> Address {
        Address::function(&address(function))
    }

    fn policy_of(function: &str) -> Address {
        Address::async_policy(&address(function))
    }

    fn targets(targets: impl IntoIterator<Item = Address>) -> Selection {
        Selection { targets: targets.into_iter().collect(), ..Selection::default() }
    }

    fn excluded(excluded: impl IntoIterator<Item = Address>) -> Selection {
        Selection { excluded: excluded.into_iter().collect(), ..Selection::default() }
    }

    fn only(only: Only) -> Selection {
        Selection { only: Some(only), ..Selection::default() }
    }

    fn addresses(planned: &Planned<'_>) -> Vec<String> {
        planned.plan.changes.iter().map(|change| change.address.to_string()).collect()
    }

    fn left_out(planned: &Planned<'_>) -> Vec<String> {
        planned.plan.left_out.iter().map(ToString::to_string).collect()
    }

    /// `one` notifies `two`; `three` is independent.
    fn three() -> DesiredState {
        let mut one = wanted("one");
        one.function.policy = Some(policy(1, Some("two")));
        stack([one, wanted("two"), wanted("three")])
    }

    #[test]
    fn a_target_includes_what_it_needs() {
        let (desired, live) = (three(), nothing_live());
        let pick = |selection: &Selection| {
            let planned = plan_selected(&desired, &live, Permissions::default(), selection);
            (addresses(&planned), left_out(&planned))
        };
        assert_eq!(pick(&targets([of("one")])).0, ["function:default/one"]);
        let (kept, left) = pick(&targets([policy_of("one")]));
        assert_eq!(kept, ["function:default/one", "async_policy:default/one", "function:default/two"]);
        assert_eq!(left, ["function:default/three"]);
        let (kept, left) = pick(&excluded([of("two")]));
        assert_eq!(kept, ["function:default/one", "function:default/three"]);
        assert_eq!(left, ["async_policy:default/one", "function:default/two"]);
        let both = Selection { excluded: [of("two")].into(), ..targets([of("one"), policy_of("one")]) };
        assert_eq!(pick(&both).0, ["function:default/one"]);
    }

    #[test]
    fn a_function_that_is_kept_keeps_its_policy() {
        let mut before = three();
        before.functions.get_mut(&address("two")).unwrap().function.policy = Some(policy(3, None));
        let live = after_apply(&before);
        let mut desired = three();
        desired.functions.remove(&address("two"));
        desired.functions.get_mut(&address("one")).unwrap().function.policy = None;
        let selection = excluded([of("one"), policy_of("one")]);
        let planned = plan_selected(&desired, &live, Permissions::default(), &selection);
        assert_eq!(addresses(&planned), Vec::<String>::new());
        assert_eq!(
            left_out(&planned),
            ["async_policy:default/one", "function:default/two", "async_policy:default/two"]
        );
    }

    /// The order between a function's update and its policy's is no dependency.
    #[test]
    fn a_policy_does_not_need_an_update_of_its_function() {
        let live = after_apply(&three());
        let mut desired = three();
        let one = &mut desired.functions.get_mut(&address("one")).unwrap().function;
        one.configuration.declare(Field::Memory, 256.into()).unwrap();
        one.policy = Some(policy(3, Some("two")));
        let planned = plan_selected(&desired, &live, Permissions::default(), &targets([policy_of("one")]));
        assert_eq!(addresses(&planned), ["async_policy:default/one"]);
        assert_eq!(planned.plan.changes[0].waits_for, []);
    }

    /// Configuration drifted and code is pending: each can be fixed alone.
    #[test]
    fn one_side_of_one_function_can_be_selected() {
        let desired = three();
        let mut live = after_apply(&desired);
        let mut desired = desired;
        live.functions.get_mut(&address("one")).unwrap().configuration.set(Field::Memory, 512);
        live.functions.get_mut(&address("one")).unwrap().policy.as_mut().unwrap().max_retries = 0;
        desired.functions.get_mut(&address("one")).unwrap().code = code("two");
        let after = |side: Only| -> (LiveState, Vec<String>) {
            let planned = plan_selected(&desired, &live, Permissions::default(), &only(side));
            assert_ne!(left_out(&planned), Vec::<String>::new());
            let after = applied(&planned.plan, &live);
            let left = described(&plan(&desired, &after, Permissions::default()));
            (after, left)
        };
        let (mended, left) = after(Only::Drift);
        assert_eq!(mended.functions[&address("one")].configuration.value(Field::Memory), 128);
        assert_eq!(left, ["update function:default/one: code: the manifest changed"]);
        let (made, left) = after(Only::Pending);
        assert_eq!(made.functions[&address("one")].configuration.value(Field::Memory), 512);
        assert_eq!(
            left,
            [
                "update function:default/one: configuration: live was changed by someone else",
                "update async_policy:default/one: policy: live was changed by someone else",
            ]
        );
    }

    /// If a policy of this stack still names the function, it existed, so someone deleted it. Otherwise this is
    /// unknown.
    #[test]
    fn a_deleted_function_is_drift_and_a_new_one_is_pending() {
        let mut live = after_apply(&three());
        live.functions.remove(&address("two"));
        live.functions.remove(&address("three"));
        let desired = three();
        let planned = |side| plan_selected(&desired, &live, Permissions::default(), &only(side));
        assert_eq!(addresses(&planned(Only::Drift)), ["function:default/two"]);
        assert_eq!(addresses(&planned(Only::Pending)), ["function:default/three"]);
    }

    #[test]
    fn fixing_drift_does_not_change_protection() {
        let mut desired = three();
        let mut live = after_apply(&desired);
        live.functions.get_mut(&address("one")).unwrap().configuration.set(Field::Memory, 512);
        desired.functions.get_mut(&address("one")).unwrap().function.protect = Some(true);
        let planned = plan_selected(&desired, &live, Permissions::default(), &only(Only::Drift));
        let fields: Vec<String> = planned.plan.changes[0].fields.iter().map(|field| field.path.to_string()).collect();
        assert_eq!(fields, ["/memory"]);
        assert_eq!(left_out(&planned), ["function:default/one"]);
        assert!(!applied(&planned.plan, &live).functions[&address("one")].marks.is_protected());
    }

    #[test]
    fn a_conflict_belongs_to_neither_side() {
        let mut live = after_apply(&three());
        live.functions.get_mut(&address("one")).unwrap().configuration.set(Field::Memory, 512);
        let mut desired = three();
        desired
            .functions
            .get_mut(&address("one"))
            .unwrap()
            .function
            .configuration
            .declare(Field::Memory, 256.into())
            .unwrap();
        for side in [Only::Drift, Only::Pending] {
            let planned = plan_selected(&desired, &live, Permissions::default(), &only(side));
            assert_eq!(left_out(&planned), ["function:default/one"]);
            let said: Vec<_> = planned.diagnostics.iter().map(|found| (found.code, found.is_error())).collect();
            assert_eq!(said, [("both-changed", false)]);
        }
        assert!(plan(&desired, &live, Permissions::default()).diagnostics.is_empty());
    }

    #[test]
    fn errors_elsewhere_do_not_stop_a_target() {
        let desired = three();
        let mut live = after_apply(&stack([wanted("two"), wanted("three")]));
        let foreign = live.functions.get_mut(&address("three")).unwrap();
        foreign.marks.set(mark::STACK, "other");
        let refused =
            |selection: &Selection| errors(&plan_selected(&desired, &live, Permissions::default(), selection));
        assert_eq!(refused(&Selection::default()), ["owned-by-another-stack"]);
        assert_eq!(refused(&targets([of("one"), policy_of("one")])), Vec::<&str>::new());
        assert_eq!(refused(&excluded([of("three")])), Vec::<&str>::new());
        assert_eq!(refused(&targets([of("three")])), ["owned-by-another-stack"]);
    }

    /// Guards count the selected deletions, not all of them.
    #[test]
    fn guards_check_only_the_selected_part() {
        let names: Vec<String> = (0..20).map(|index| format!("f{index}")).collect();
        let live = after_apply(&stack(names.iter().map(|name| wanted(name))));
        let desired = stack(names.iter().skip(10).map(|name| wanted(name)));
        let refused =
            |selection: &Selection| errors(&plan_selected(&desired, &live, Permissions::default(), selection));
        assert_eq!(refused(&Selection::default()), ["too-many-deletions"]);
        assert_eq!(refused(&targets([of("f1")])), Vec::<&str>::new());
        assert_eq!(refused(&targets(names.iter().take(6).map(|name| of(name)))), ["too-many-deletions"]);
    }

    /// A function that is left out keeps its policy, so a cycle through it counts.
    #[test]
    fn a_cycle_through_an_unselected_function_is_refused() {
        let mut three = wanted("three");
        three.function.policy = Some(policy(1, None));
        let mut live = after_apply(&stack([wanted("one"), three.clone()]));
        let foreign = live.functions.get_mut(&address("three")).unwrap();
        foreign.marks.set(mark::STACK, "other");
        foreign.policy = Some(live_policy("one"));
        let mut one = wanted("one");
        one.function.policy = Some(policy(1, Some("three")));
        let desired = stack([one, three]);
        let planned = plan_selected(&desired, &live, Permissions::default(), &targets([policy_of("one")]));
        assert_eq!(errors(&planned), ["cycle"]);
    }

    proptest! {
        /// Every part is safe at every moment, and together with the rest it makes the whole plan.
        #[test]
        fn a_partial_plan_leads_to_an_intermediate_state_of_the_whole(
            (before, after) in any_two_stacks(),
            picks in proptest::collection::vec((0..NAMES.len(), any::<bool>(), any::<bool>()), 1..4),
            seed in any::<u64>(),
        ) {
            let live = after_apply(&before);
            let mut selection = Selection::default();
            for (name, is_function, is_target) in picks {
                let address = if is_function { of(NAMES[name]) } else { policy_of(NAMES[name]) };
                let side = if is_target { &mut selection.targets } else { &mut selection.excluded };
                side.insert(address);
            }
            let part = plan_selected(&after, &live, everything_allowed(), &selection);
            prop_assert!(part.plan.changes.iter().all(|change| !selection.excluded.contains(&change.address)));
            let then = carry_out(&part.plan, &live, seed)?;
            let rest = plan(&after, &then, everything_allowed());
            let end = carry_out(&rest.plan, &then, seed)?;
            prop_assert_eq!(described(&plan(&after, &end, Permissions::default())), Vec::<String>::new());
        }
    }
}
