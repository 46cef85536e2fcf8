//! Lints of targets: what they have in common with each other and with the function that failed.

use std::collections::BTreeMap;

use crate::diagnostic::{Diagnostic, Spot};
use crate::model::address::FunctionAddress;
use crate::model::async_policy::{AsyncPolicy, Outcome, PolicySpots};
use crate::model::existing::Holder;
use crate::model::field::Field;
use crate::model::function::Function;
use crate::model::target::Target;
use crate::model::text::{BucketName, ObsPrefix};

use super::Declared;

/// Where objects are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Place<'a> {
    bucket: &'a BucketName,
    prefix: &'a ObsPrefix,
}

/// The targets that write to one place, by where they are written, with the function and the outcome that first use each.
type Writers<'a> = BTreeMap<&'a Spot, (&'a str, Outcome)>;

/// Targets in OBS with the same bucket and prefix. A named target is one target, no matter how many policies use it.
pub(super) fn same_place<'a>(holders: impl Iterator<Item = Holder<'a>>) -> Vec<Diagnostic> {
    let mut places: BTreeMap<Place<'a>, Writers<'a>> = BTreeMap::new();
    let mut both: BTreeMap<&Spot, Diagnostic> = BTreeMap::new();
    for Holder { key, policy, .. } in holders {
        let Some((policy, spots)) = policy else { continue };
        let [success, failure] = policy.by_outcome().map(|target| target.and_then(place));
        if let Some((spot, found)) = success.filter(|_| success == failure).and_then(|place| mixed(place, spots)) {
            both.entry(spot).or_insert(found);
        }
        let writers = [(Outcome::Success, success), (Outcome::Failure, failure.filter(|_| success != failure))];
        for ((outcome, place), written) in writers.into_iter().zip(&spots.targets) {
            let Some((place, written)) = place.zip(written.as_ref()) else { continue };
            places.entry(place).or_default().entry(written).or_insert((key, outcome));
        }
    }
    let shared = places.into_iter().filter(|(_, writers)| writers.len() > 1);
    both.into_values().chain(shared.filter_map(|(place, writers)| same(place, writers))).collect()
}

fn place(target: &Target) -> Option<Place<'_>> {
    match target {
        Target::Obs { bucket, prefix, expires: _ } => Some(Place { bucket, prefix }),
        Target::Function { .. } | Target::Urn(_) | Target::Dis { .. } | Target::Smn { .. } | Target::Foreign { .. } => {
            None
        }
    }
}

/// Both outcomes of one policy.
fn mixed<'a>(place: Place<'_>, spots: &'a PolicySpots) -> Option<(&'a Spot, Diagnostic)> {
    let (success, failure) = (spots.on_success.as_ref()?, spots.on_failure.as_ref()?);
    let message = format!("successes and failures are both written to {}", named(place));
    let found = Diagnostic::warning("same-target-twice", message).at(failure.clone());
    let found = found.related("successes go there too", success.clone());
    Some((failure, found.help("give each outcome a prefix of its own")))
}

fn same(place: Place<'_>, writers: Writers<'_>) -> Option<Diagnostic> {
    let count = writers.len();
    let mut writers = writers.into_iter();
    let (first, _) = writers.next()?;
    let message = format!("{count} targets write to {}", named(place));
    let found = Diagnostic::warning("same-target-twice", message).at(first.clone());
    let help =
        "give each target a prefix of its own; if they share the place on purpose, declare it once under `targets`";
    let add = |found: Diagnostic, (spot, (key, outcome)): (&Spot, (&str, Outcome))| {
        found.related(format!("so does `{key}`, on {}", outcome.name()), spot.clone())
    };
    Some(writers.fold(found.help(help), add))
}

fn named(place: Place<'_>) -> String {
    let Place { bucket, prefix } = place;
    match prefix.as_str() {
        "" => format!("the bucket `{bucket}` without a prefix"),
        prefix => format!("the prefix `{prefix}` of the bucket `{bucket}`"),
    }
}

/// Failure targets that run the code that failed. Versions and aliases can have other code.
pub(super) fn same_code(declared: &Declared<'_>) -> Vec<Diagnostic> {
    let notified = |function| {
        let (AsyncPolicy { on_failure, .. }, spots) = Holder::from(function).policy?;
        let target = on_failure.as_ref().filter(|target| target.qualifier().is_none())?.function()?;
        Some((function, target, spots))
    };
    let edges: Vec<(&Function, &FunctionAddress, &PolicySpots)> =
        declared.functions.iter().filter_map(notified).collect();
    if edges.is_empty() {
        return Vec::new();
    }
    let functions: BTreeMap<&FunctionAddress, &Function> =
        declared.functions.iter().map(|function| (&function.address, function)).collect();
    let runs_the_same = |one: &Function, other: &Function| {
        started(one) == started(other) && (declared.share_code)(&one.address, &other.address)
    };
    let report = |(function, target, spots): (&Function, &FunctionAddress, &PolicySpots)| {
        let target = functions.get(target).filter(|target| runs_the_same(function, target))?;
        let message =
            format!("the failure target `{}` runs the same code as `{}`, which failed", target.key, function.key);
        let help = "notify a function with code of its own, or a bucket, a topic or a stream";
        let spot = spots.on_failure.as_ref().unwrap_or(&spots.used).clone();
        let found = Diagnostic::warning("failure-target-runs-same-code", message).at(spot).help(help);
        Some(found.related("this function has the same code and handler", target.spot.clone()))
    };
    edges.into_iter().filter_map(report).collect()
}

/// What a function starts in its code.
fn started(function: &Function) -> [serde_json::Value; 3] {
    [Field::Handler, Field::ImageCommand, Field::ImageArguments].map(|field| function.configuration.value(field))
}
