//! Completes the marks of secrets before they are written. Each one needs a slow derivation, so only marks that are
//! about to be applied are completed.

use std::collections::BTreeMap;

use crate::model::field::Field;
use crate::model::function::Function;
use crate::model::mark;
use crate::model::seal::Seal;
use crate::model::state::DesiredFunction;

use super::change::{Change, Step, Writes};

/// Completes the mark that a change sets. A mark of the first format is renewed if something else is written to its
/// function; on its own it is no reason for a change.
pub fn complete(change: &mut Change<'_>, seal: &Seal) {
    match &mut change.step {
        Step::CreateFunction { desired, tags } => complete_in(tags, desired, seal),
        Step::UpdateFunction { desired, live, writes } if *writes != Writes::default() => {
            let old = live.marks.get(mark::SECRETS).filter(|old| desired.secrets_mark.as_deref() == Some(*old));
            let Function { secrets, ignore, .. } = &desired.function;
            let renewed = old.filter(|_| !ignore.contains(&Field::Secrets)).and_then(|old| seal.renewed(old, secrets));
            writes.set_tags.extend(renewed.map(|renewed| (mark::SECRETS.to_owned(), renewed)));
            complete_in(&mut writes.set_tags, desired, seal);
        }
        Step::UpdateFunction { .. }
        | Step::DeleteFunction { .. }
        | Step::PutPolicy { .. }
        | Step::DeletePolicy { .. }
        | Step::MarkPolicy { .. }
        | Step::Existing(_)
        | Step::Trigger(_)
        | Step::Forget(_) => {}
    }
}

fn complete_in(tags: &mut BTreeMap<String, String>, desired: &DesiredFunction, seal: &Seal) {
    if let Some(mark) = tags.get_mut(mark::SECRETS) {
        *mark = seal.complete(mark, &desired.function.secrets);
    }
}
