//! Changes that wait for each other.

use std::collections::BTreeMap;

use crate::diagnostic::Diagnostic;
use crate::model::address::Address;

use super::super::change::{Action, Change};

/// Changes that no order can carry out: a trigger is replaced, its old form would be started by a new policy, and its new form
/// has to wait for that policy; or two functions exchange triggers that can exist only once.
pub(in crate::plan) fn stuck(changes: &[Change<'_>]) -> Option<Diagnostic> {
    let stuck: Vec<&Change<'_>> = waiting_forever(changes).map(|index| &changes[index]).collect();
    let change = stuck.iter().find(|change| change.action == Action::Replace).or(stuck.first())?;
    let message = format!(
        "{} cannot be replaced in one apply: it and other changes would have to wait for each other",
        change.address
    );
    let help = "first apply without this trigger, then declare it again";
    let sent = change.step.trigger().and_then(|step| step.write.sent());
    Some(Diagnostic::error("trigger-order", message).help(help).at_any(sent.map(|sent| &sent.spot)))
}

/// The indices of changes that never start.
fn waiting_forever(changes: &[Change<'_>]) -> impl Iterator<Item = usize> {
    let indices: BTreeMap<&Address, usize> = changes.iter().map(|it| &it.address).zip(0..).collect();
    let waits = |change: &Change<'_>| change.waits_for.iter().filter_map(|wait| indices.get(wait).copied()).collect();
    let waits: Vec<Vec<usize>> = changes.iter().map(waits).collect();
    let mut left: Vec<usize> = waits.iter().map(Vec::len).collect();
    let mut waiting = vec![Vec::new(); changes.len()];
    for (index, waits) in waits.iter().enumerate() {
        for wait in waits {
            waiting[*wait].push(index);
        }
    }
    let mut ready: Vec<usize> = (0..changes.len()).filter(|index| left[*index] == 0).collect();
    while let Some(done) = ready.pop() {
        for index in &waiting[done] {
            left[*index] -= 1;
            if left[*index] == 0 {
                ready.push(*index);
            }
        }
    }
    left.into_iter().enumerate().filter(|(_, left)| *left > 0).map(|(index, _)| index)
}
