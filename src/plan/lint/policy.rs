//! Lints of one policy and the function that has it.

use std::collections::BTreeSet;

use crate::diagnostic::Diagnostic;
use crate::model::existing::Holder;
use crate::model::field::Field;
use crate::model::function::Function;
use crate::model::number::{Validity, period};

/// One finding for each policy, no matter how many functions use it. Only retries that are written are reported: every
/// policy has one by default.
pub(super) fn without_failure_target<'a>(holders: impl Iterator<Item = Holder<'a>>) -> Vec<Diagnostic> {
    let policies = holders.filter_map(|holder| holder.policy);
    let lacks_target = policies.filter(|(policy, _)| policy.max_retries.get() > 0 && policy.on_failure.is_none());
    let mut seen = BTreeSet::new();
    let written =
        lacks_target.filter_map(|(policy, spots)| Some((policy.max_retries.get(), spots.max_retries.as_ref()?)));
    let report = |(retries, spot)| {
        let message =
            format!("`max_retries` is {retries}, but the policy has no failure target: failed events are lost");
        let help = "add `on_failure`, so that failed events are kept or reported";
        Diagnostic::warning("retries-without-failure-target", message).at(Clone::clone(spot)).help(help)
    };
    written.filter(|(_, spot)| seen.insert(*spot)).map(report).collect()
}

pub(super) fn of_function(function: &Function) -> Vec<Diagnostic> {
    [short_validity(function), no_agency(function)].into_iter().flatten().collect()
}

fn short_validity(function: &Function) -> Option<Diagnostic> {
    let (policy, spots) = Holder::from(function).policy?;
    let timeout = function.configuration.value(Field::Timeout).as_u64()?;
    let (attempts, validity) = (u64::from(policy.max_retries.get()) + 1, u64::from(policy.max_validity_period.get()));
    let needed = attempts * timeout;
    if attempts == 1 || needed <= validity || function.ignore.contains(&Field::Timeout) {
        return None;
    }
    let [validity, needed_text, timeout] = [validity, needed, timeout].map(period);
    let message = format!(
        "requests expire after {validity}, but {attempts} attempts of `{}` can take {needed_text} (its timeout is {timeout})",
        function.key
    );
    let help = if needed <= u64::from(Validity::MAX) {
        format!("set `max_validity_period` to at least {needed_text}, or lower `timeout` or `max_retries`")
    } else {
        format!("lower `timeout` or `max_retries`: a validity period is at most {}", period(Validity::MAX.into()))
    };
    let used = spots.used.clone().of_key();
    let spot = spots.max_validity_period.as_ref().or(spots.max_retries.as_ref()).unwrap_or(&used);
    let found = Diagnostic::warning("validity-shorter-than-retries", message).at(spot.clone()).help(help);
    let is_shared = !spot.is_below(&function.spot);
    Some(if is_shared { found.related("this function uses the policy", function.spot.clone()) } else { found })
}

fn no_agency(function: &Function) -> Option<Diagnostic> {
    let (policy, spots) = Holder::from(function).policy?;
    policy.targets().next()?;
    if function.configuration.has(Field::Agency) || function.ignore.contains(&Field::Agency) {
        return None;
    }
    let message = "the policy has targets, but the function has no agency to reach them";
    let help = "set `agency` to an IAM agency that may use the targets' services";
    let is_own = spots.used.is_below(&function.spot);
    let spot = if is_own { spots.used.clone().of_key() } else { function.spot.clone() };
    Some(Diagnostic::warning("targets-without-agency", message).at(spot).help(help))
}
