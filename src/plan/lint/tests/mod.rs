//! Decision tables of the lints.

mod trigger;

use super::{Declared, findings};
use crate::diagnostic::{Diagnostic, Spot};
use crate::model::address::FunctionAddress;
use crate::model::async_policy::{AsyncPolicy, PolicySpots};
use crate::model::existing::DeclaredPolicy;
use crate::model::field::Field;
use crate::model::function::Function;
use crate::model::number::{Expires, MaxRetries, Validity};
use crate::model::target::Target;
use crate::model::text::{BucketName, ObsPrefix, StreamName};
use crate::plan::tests::{existing, target, wanted};

/// A function with an agency, no policy, and the default timeout of 3 seconds.
fn function(name: &str) -> Function {
    let mut function = wanted(name).function;
    function.configuration.declare(Field::Agency, "agency".into()).unwrap();
    function
}

/// The spots of a policy that is written at a pointer and sets everything.
fn spots(pointer: &str) -> PolicySpots {
    let spot = |field: &str| Some(Spot::value(0, format!("{pointer}/{field}")));
    PolicySpots {
        used: Spot::value(0, pointer),
        on_success: spot("on_success"),
        on_failure: spot("on_failure"),
        targets: [spot("on_success"), spot("on_failure")],
        max_retries: spot("max_retries"),
        max_validity_period: spot("max_validity_period"),
    }
}

/// A policy written at its function, which sets only targets: the numbers have their defaults.
fn policy(name: &str, on_success: Option<Target>, on_failure: Option<Target>) -> (AsyncPolicy, PolicySpots) {
    let policy = AsyncPolicy {
        max_retries: MaxRetries::new(1).unwrap(),
        max_validity_period: Validity::new(3600).unwrap(),
        on_success,
        on_failure,
        status_log: None,
    };
    let spots = spots(&format!("/functions/{name}/async"));
    (policy, PolicySpots { max_retries: None, max_validity_period: None, ..spots })
}

fn with(name: &str, policy: (AsyncPolicy, PolicySpots)) -> Function {
    Function { policy: Some(policy), ..function(name) }
}

fn stream() -> Target {
    Target::Dis { stream: StreamName::new("stream").unwrap() }
}

fn obs(bucket: &str, prefix: &str) -> Target {
    let (bucket, prefix) = (BucketName::new(bucket).unwrap(), ObsPrefix::new(prefix).unwrap());
    Target::Obs { bucket, prefix, expires: Expires::new(0).unwrap() }
}

fn found(functions: &[Function]) -> Vec<Diagnostic> {
    with_code(functions, |_, _| false)
}

fn with_code(
    functions: &[Function],
    share_code: impl Fn(&FunctionAddress, &FunctionAddress) -> bool,
) -> Vec<Diagnostic> {
    findings(&Declared { functions, existing: &[], share_code: &share_code })
}

/// `code at pointer` of each finding.
fn shown(found: &[Diagnostic]) -> Vec<String> {
    found.iter().map(|found| format!("{} at {}", found.code, found.spot.as_ref().unwrap().pointer)).collect()
}

#[test]
fn retries_need_a_failure_target_if_they_are_written() {
    let written = Some(Spot::value(0, "/functions/a/async/max_retries"));
    for (retries, max_retries, on_failure, is_found) in [
        (1, None, None, false),
        (0, written.clone(), None, false),
        (1, written.clone(), None, true),
        (3, written.clone(), None, true),
        (3, written, Some(stream()), false),
    ] {
        let (policy, spots) = policy("a", Some(stream()), on_failure);
        let policy = AsyncPolicy { max_retries: MaxRetries::new(retries).unwrap(), ..policy };
        let function = with("a", (policy, PolicySpots { max_retries, ..spots }));
        let expected: &[&str] =
            if is_found { &["retries-without-failure-target at /functions/a/async/max_retries"] } else { &[] };
        assert_eq!(shown(&found(&[function])), expected, "{retries}");
    }
}

#[test]
fn a_shared_policy_without_a_failure_target_is_one_finding() {
    let (one, _) = policy("a", None, None);
    let shared = || (AsyncPolicy { max_retries: MaxRetries::new(2).unwrap(), ..one.clone() }, spots("/policies/p"));
    let functions = [with("a", shared()), with("b", shared())];
    let entry = existing("c", DeclaredPolicy::Present(Box::new(shared())));
    let declared = Declared { functions: &functions, existing: &[entry], share_code: &|_, _| false };
    assert_eq!(shown(&findings(&declared)), ["retries-without-failure-target at /policies/p/max_retries"]);
}

#[test]
fn a_policy_that_is_left_to_others_is_not_judged() {
    let (one, _) = policy("a", None, None);
    let mut function =
        with("a", (AsyncPolicy { max_retries: MaxRetries::new(2).unwrap(), ..one }, spots("/policies/p")));
    function.ignore.insert(Field::Async);
    assert_eq!(shown(&found(&[function])), Vec::<String>::new());
}

#[test]
fn all_attempts_have_to_fit_into_the_validity_period() {
    for (timeout, retries, validity, expected) in [
        (3, 3, 12, ""),
        (3, 3, 11, "requests expire after 11s, but 4 attempts of `a` can take 12s (its timeout is 3s)"),
        (600, 1, 1199, "requests expire after 1199s, but 2 attempts of `a` can take 20m (its timeout is 10m)"),
        (600, 0, 10, ""),
        (259_200, 1, 86_400, "requests expire after 24h, but 2 attempts of `a` can take 144h (its timeout is 72h)"),
    ] {
        let (policy, spots) = policy("a", None, Some(stream()));
        let (max_retries, max_validity_period) = (MaxRetries::new(retries).unwrap(), Validity::new(validity).unwrap());
        let mut function = with("a", (AsyncPolicy { max_retries, max_validity_period, ..policy }, spots));
        function.configuration.declare(Field::Timeout, timeout.into()).unwrap();
        let messages: Vec<String> =
            found(std::slice::from_ref(&function)).into_iter().map(|found| found.message).collect();
        assert_eq!(messages.first().map_or("", String::as_str), expected);
        function.ignore.insert(Field::Timeout);
        assert_eq!(shown(&found(&[function])), Vec::<String>::new(), "the live timeout is not known");
    }
}

/// A finding about a named policy is at its validity period. Without one, it is at the retries, or where the policy is used.
#[test]
fn a_short_validity_period_has_a_place() {
    let places = |change: fn(PolicySpots) -> PolicySpots| {
        let (policy, _) = policy("a", None, Some(stream()));
        let policy = AsyncPolicy { max_validity_period: Validity::new(5).unwrap(), ..policy };
        let spots = PolicySpots { used: Spot::value(0, "/functions/a/async"), ..spots("/policies/p") };
        let found = found(&[with("a", (policy, change(spots)))]);
        let related = found[0].related.iter().map(|related| related.spot.clone().unwrap().pointer);
        std::iter::once(found[0].spot.clone().unwrap().pointer).chain(related).collect::<Vec<_>>()
    };
    assert_eq!(places(|spots| spots), ["/policies/p/max_validity_period", "/functions/a"]);
    let without = |spots| PolicySpots { max_validity_period: None, ..spots };
    assert_eq!(places(without), ["/policies/p/max_retries", "/functions/a"]);
    let without = |spots| PolicySpots { max_validity_period: None, max_retries: None, ..spots };
    assert_eq!(places(without), ["/functions/a/async"]);
}

#[test]
fn targets_need_an_agency() {
    let without_agency =
        |function: Function| Function { configuration: wanted("a").function.configuration, ..function };
    let own = without_agency(with("a", policy("a", Some(stream()), None)));
    assert_eq!(shown(&found(std::slice::from_ref(&own))), ["targets-without-agency at /functions/a/async"]);
    let mut defaults = own.clone();
    defaults.policy = Some((defaults.policy.unwrap().0, spots("/defaults/async")));
    let place = "targets-without-agency at /functions/a";
    assert!(shown(&found(&[defaults])).contains(&place.to_owned()), "another function may have an agency");
    let mut ignoring = own;
    ignoring.ignore.insert(Field::Agency);
    assert_eq!(shown(&found(&[ignoring])), Vec::<String>::new());
    assert_eq!(shown(&found(&[without_agency(with("a", policy("a", None, None)))])), Vec::<String>::new());
    assert_eq!(shown(&found(&[with("a", policy("a", Some(stream()), None))])), Vec::<String>::new());
}

#[test]
fn targets_in_one_place_are_found_unless_they_are_one_named_target() {
    let inline = |name: &str, on_failure| with(name, policy(name, None, Some(on_failure)));
    let named = |name: &str, target: &str| {
        let (policy, spots) = policy(name, None, Some(obs("bucket", "failed/")));
        with(
            name,
            (policy, PolicySpots { targets: [None, Some(Spot::value(0, format!("/targets/{target}")))], ..spots }),
        )
    };
    let (place, twice) = (obs("bucket", "failed/"), "same-target-twice at");
    for (functions, expected) in [
        (
            vec![inline("a", place.clone()), inline("b", place.clone())],
            vec![format!("{twice} /functions/a/async/on_failure")],
        ),
        (vec![inline("a", place.clone()), inline("b", obs("bucket", "failed"))], vec![]),
        (vec![inline("a", place.clone()), inline("b", obs("other", "failed/"))], vec![]),
        (vec![inline("a", stream()), inline("b", stream())], vec![]),
        (vec![named("a", "t"), named("b", "t")], vec![]),
        (vec![named("a", "t"), named("b", "u")], vec![format!("{twice} /targets/t")]),
        (vec![named("a", "t"), inline("b", place)], vec![format!("{twice} /functions/b/async/on_failure")]),
    ] {
        assert_eq!(shown(&found(&functions)), expected);
    }
}

#[test]
fn successes_and_failures_in_one_place_are_found_once() {
    let both = |target: &Target| policy("a", Some(target.clone()), Some(target.clone()));
    let place = obs("bucket", "");
    let found_at = |policy| shown(&found(&[with("a", policy)]));
    let expected = ["same-target-twice at /functions/a/async/on_failure"];
    assert_eq!(found_at(both(&place)), expected);
    let named = Some(Spot::value(0, "/targets/t"));
    let (policy, spots) = both(&place);
    assert_eq!(found_at((policy, PolicySpots { targets: [named.clone(), named], ..spots })), expected);
    assert_eq!(found_at(both(&stream())), Vec::<String>::new(), "the reader of a stream sees the outcome");
}

#[test]
fn a_failure_target_with_the_same_code_and_handler_is_found() {
    let failing = with("a", policy("a", None, Some(target("b"))));
    let code = |function: &Function, other: Function, same| shown(&with_code(&[function.clone(), other], |_, _| same));
    let expected = ["failure-target-runs-same-code at /functions/a/async/on_failure"];
    assert_eq!(code(&failing, function("b"), true), expected);
    assert_eq!(code(&failing, function("b"), false), Vec::<String>::new());
    let mut other = function("b");
    other.configuration.declare(Field::Handler, "rescue.handler".into()).unwrap();
    assert_eq!(code(&failing, other, true), Vec::<String>::new());
    assert_eq!(code(&failing, function("c"), true), Vec::<String>::new(), "`b` is not declared");
    let version = with("a", policy("a", None, Some(target("b:v1"))));
    assert_eq!(code(&version, function("b"), true), Vec::<String>::new(), "a version can have other code");
    let success = with("a", policy("a", Some(target("b")), None));
    assert_eq!(code(&success, function("b"), true), Vec::<String>::new());
}
