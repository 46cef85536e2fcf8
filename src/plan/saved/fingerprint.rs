//! The inputs of a plan as short hashes: each declared or owned function and its policy, by field.

use secrecy::ExposeSecret;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

use crate::model::address::{Address, FunctionAddress, Qualifier};
use crate::model::async_policy::AsyncPolicy;
use crate::model::code::CodeHash;
use crate::model::existing::ExistingFunction;
use crate::model::field::{Field, FieldSet, Fields, Path};
use crate::model::function::Function;
use crate::model::mark;
use crate::model::seal;
use crate::model::secret::{Salt, Secret, SecretHasher};
use crate::model::state::{DesiredFunction, DesiredState, LiveFunction, LiveState};
use crate::model::target::Target;
use crate::model::text::VariableName;
use crate::model::trigger::{EventData, LiveTrigger, Trigger, value};
use crate::model::urn::Scope;
use crate::redaction::Redaction;

use super::super::trigger_diff::{self, Case};
use super::super::{Permissions, mask};

/// Hashes by address and field. Fields that have their default are not included, except for those that a declaration adds
/// to the comparison.
pub type Fingerprints = BTreeMap<Address, BTreeMap<Path, String>>;

pub(super) fn manifests(desired: &DesiredState, scope: &Scope, salt: &Salt) -> Fingerprints {
    let mut hasher = SecretHasher::new(salt.clone());
    let mut all = Fingerprints::new();
    for (address, wanted) in &desired.functions {
        all.insert(Address::function(address), declared(wanted, &mut hasher));
        if let Some((policy, _)) = wanted.function.policy.as_ref().filter(|_| manages(wanted, Field::Async)) {
            all.insert(Address::async_policy(address), of_policy(policy, scope));
        }
    }
    for (address, entry) in &desired.existing {
        all.insert(Address::function(address), BTreeMap::new());
        let fields = entry.policy().map(|(policy, _)| of_policy(policy, scope));
        all.extend(entry.manages_policy().then(|| (Address::async_policy(address), fields.unwrap_or_default())));
    }
    for holder in desired.holders() {
        all.extend(desired.written_triggers(holder.address).map(|trigger| {
            let Trigger { key, spot: _, code, qualifier, data, secrets, sealed, enabled } = trigger;
            let fields = of_trigger(code.as_str(), qualifier.as_ref(), *enabled, data);
            let mut sealed = |secret: &Secret| sealed.clone().or_else(|| known(secret, &mut hasher));
            let secrets = secrets.iter().map(|(wire, secret)| (member_path(wire), json!(["secret", sealed(secret)])));
            (Address::trigger(holder.address, key), hashes(fields.into_iter().chain(secrets).collect()))
        }));
    }
    all
}

/// A declared status log is compared, even if it has its default.
fn of_policy(policy: &AsyncPolicy, scope: &Scope) -> BTreeMap<Path, String> {
    let status_log = policy.status_log.map(|is_on| (Path::of(Field::StatusLog), json!(is_on)));
    hashes(policy.fields(scope).into_iter().chain(status_log).collect())
}

fn of_trigger(code: &str, qualifier: Option<&Qualifier>, enabled: Option<bool>, data: &EventData) -> Fields {
    let whole = json!([code, qualifier.map(ToString::to_string), enabled]);
    let members = value::members(data).into_iter().map(|(wire, value)| (member_path(&wire), value));
    members.chain([(Path::of(Field::Triggers), whole)]).collect()
}

fn member_path(wire: &str) -> Path {
    Path::entry(Field::Triggers, wire)
}

/// The live triggers that the plan compares or deletes.
fn triggers(desired: &DesiredState, live: &LiveState) -> Fingerprints {
    let mut all = Fingerprints::new();
    for found in live.functions.values().filter(|found| found.triggers.is_some()) {
        let case = Case::new(desired, live, &found.address, Permissions::default());
        all.extend(trigger_diff::compared(&case).into_iter().map(|(key, trigger)| {
            let LiveTrigger { key: _, id, code, qualifier, data, secrets, is_active, created: _, modified: _ } =
                trigger;
            let mut fields = of_trigger(code, qualifier.as_ref(), *is_active, data);
            fields.insert(member_path("trigger_id"), json!(id));
            fields.extend(secrets.iter().map(|wire| (member_path(wire), json!("secret"))));
            (Address::trigger(&found.address, &key), hashes(fields))
        }));
    }
    all
}

pub(super) fn live(desired: &DesiredState, live: &LiveState, salt: &Salt) -> Fingerprints {
    let mut hasher = SecretHasher::new(salt.clone());
    let mut all = Fingerprints::new();
    for found in live.functions.values() {
        let wanted = desired.functions.get(&found.address);
        if desired.existing.contains_key(&found.address) || desired.owns_policy(found) {
            all.extend(policy_alone(desired, found, &live.scope));
            continue;
        }
        if wanted.is_none() && !desired.owns(found) {
            continue;
        }
        all.insert(Address::function(&found.address), of_live(found, desired, &mut hasher));
        let policy = found.policy.as_ref().filter(|_| wanted.is_none_or(|wanted| manages(wanted, Field::Async)));
        if let Some(policy) = policy {
            let declared = wanted.and_then(|wanted| wanted.function.policy.as_ref());
            let mut fields = hashes(match declared {
                Some((declared, _)) => policy.fields_managed_by(declared, &live.scope),
                None => policy.all_fields(&live.scope),
            });
            fields.extend(marks(found, |key| key == mark::ASYNC));
            all.insert(Address::async_policy(&found.address), fields);
        }
    }
    all.extend(events(desired, live));
    all.extend(triggers(desired, live));
    all
}

/// The policy of a function that something else deploys, and fgctl's tags.
fn policy_alone(
    desired: &DesiredState,
    found: &LiveFunction,
    scope: &Scope,
) -> Option<(Address, BTreeMap<Path, String>)> {
    let entry = desired.existing.get(&found.address);
    let is_compared = desired.owns(found) || desired.owns_policy(found) || desired.reaches(&found.address);
    let policy = found.policy.as_ref().filter(|_| is_compared);
    let declared = entry.and_then(ExistingFunction::policy);
    let mut fields = policy.map_or_else(BTreeMap::new, |policy| {
        hashes(match declared {
            Some((declared, _)) => policy.fields_managed_by(declared, scope),
            None => policy.all_fields(scope),
        })
    });
    fields.extend(marks(found, |_| true));
    (policy.is_some() || !fields.is_empty()).then(|| (Address::async_policy(&found.address), fields))
}

/// The targets of policies that no plan changes: policies of versions and aliases, and policies of functions outside
/// the stack that the stack reaches or that notify a function to delete.
fn events(desired: &DesiredState, live: &LiveState) -> Fingerprints {
    let deleted: BTreeSet<&FunctionAddress> = live.undeclared(desired).map(|one| &one.live().address).collect();
    let mut all = Fingerprints::new();
    for found in live.functions.values() {
        let is_ours = desired.reaches(&found.address) || desired.owns(found) || desired.owns_policy(found);
        let is_reached = is_ours || live.outside.contains(&found.address);
        let counts = |target: &&Target| is_reached || target.function().is_some_and(|named| deleted.contains(named));
        let latest =
            found.policy.iter().filter(|_| !is_ours).map(|policy| (Address::async_policy(&found.address), policy));
        let published = found.published.iter();
        let published = published.map(|(of, policy)| (Address::published_policy(&found.address, of), policy));
        for (address, policy) in latest.chain(published) {
            let targets: Vec<Value> = policy.targets().filter(counts).map(|it| it.to_value(&live.scope)).collect();
            if is_reached || !targets.is_empty() {
                all.insert(address, hashes(Fields::from([(Path::of(Field::Async), json!(targets))])));
            }
        }
    }
    all
}

/// Removes secrets from the names of entries. Entries whose names are then equal share one value.
pub(super) fn hiding(all: Fingerprints, secrets: &Redaction) -> Fingerprints {
    let hidden = |fields: BTreeMap<Path, String>| {
        let mut hidden: BTreeMap<Path, String> = BTreeMap::new();
        for (mut path, hash) in fields {
            mask::hide_in_path(&mut path, secrets);
            hidden.entry(path).or_default().push_str(&hash);
        }
        hidden
    };
    all.into_iter().map(|(address, fields)| (address, hidden(fields))).collect()
}

fn manages(wanted: &DesiredFunction, field: Field) -> bool {
    !wanted.function.ignore.contains(&field)
}

fn declared(wanted: &DesiredFunction, hasher: &mut SecretHasher) -> BTreeMap<Path, String> {
    let function = &wanted.function;
    let mut fields = function.managed(&function.configuration, FieldSet::default());
    if manages(wanted, Field::Secrets) && !function.secrets.is_empty() {
        fields.extend(declared_secrets(wanted, hasher));
    }
    let mut set = |field: Field, value: Value| fields.insert(Path::of(field), value);
    if manages(wanted, Field::Code) {
        set(Field::Code, json!(wanted.code.hash().as_str()));
    }
    if function.is_protected() {
        set(Field::Protect, json!(true));
    }
    fields.extend(compared(function));
    hashes(fields)
}

/// What decides which fields are compared, apart from their values. Otherwise, a declaration that changes only this would
/// look like a change of live state.
fn compared(function: &Function) -> Fields {
    let has_default = |field: &Field| !function.configuration.has(*field);
    let later =
        function.later.keys().copied().filter(has_default).map(|field| (Path::of(field), field.default_value()));
    let ignored = function.ignore.iter().copied().map(Path::of).chain(function.ignored_entries.iter().cloned());
    later.chain(ignored.map(|path| (path, json!({ "ignored": true })))).collect()
}

/// The mark of the secrets is a slow hash of their values. Without it, each value that is set has its own.
fn declared_secrets(wanted: &DesiredFunction, hasher: &mut SecretHasher) -> Fields {
    let secrets = &wanted.function.secrets;
    let known = |(name, secret)| (name, known(secret, hasher));
    let values = match &wanted.secrets_mark {
        Some(mark) => json!([seal::comparable(mark), secrets.keys().collect::<Vec<_>>()]),
        None => json!(secrets.iter().map(known).collect::<BTreeMap<&VariableName, _>>()),
    };
    Fields::from([(Path::of(Field::Secrets), values)])
}

/// `None` if the value is not set.
fn known(secret: &Secret, hasher: &mut SecretHasher) -> Option<String> {
    secret.value.as_ref().map(|value| hasher.text(value.expose_secret()))
}

fn of_live(found: &LiveFunction, desired: &DesiredState, slow: &mut SecretHasher) -> BTreeMap<Path, String> {
    let (wanted, applied) = (desired.functions.get(&found.address), desired.applied(found));
    let LiveFunction {
        address: _,
        configuration,
        secret_names,
        code,
        policy: _,
        published: _,
        triggers: _,
        attached,
        marks: _,
        unseen: _,
        extend_config: _,
        is_of_v1: _,
        modified: _,
    } = found;
    let is_managed = |field: Field| wanted.is_none_or(|wanted| manages(wanted, field));
    let first = || configuration.first_fields();
    let mut fields = wanted.map_or_else(first, |wanted| wanted.function.managed(configuration, applied));
    if is_managed(Field::Secrets) && !secret_names.is_empty() {
        fields.insert(Path::of(Field::Secrets), json!(secret_names));
    }
    if is_managed(Field::Code) {
        let contents = code.contents.as_ref().map(CodeHash::as_str);
        fields.insert(Path::of(Field::Code), json!([code.version(), code.obs_url, contents]));
    }
    for (what, said) in attached {
        let under = fields.entry(Path::of(what.field())).or_default();
        *under = json!([under, what.to_string(), said]);
    }
    let environment = || configuration.entries(Field::Environment);
    let is_declared =
        wanted.is_some_and(|wanted| wanted.function.configuration.entries(Field::Environment).eq(environment()));
    let mut hashes = hashes(fields);
    // Values that only live has may be secrets. A slow hash prevents readers of the file from guessing them quickly.
    if let Some(hash) = hashes.get_mut(&Path::of(Field::Environment)).filter(|_| !is_declared) {
        *hash = slow.text(&json!(environment().collect::<BTreeMap<_, _>>()).to_string());
    }
    hashes.extend(marks(found, |key| key != mark::ASYNC));
    hashes
}

/// fgctl's own tags. They contain hashes, but someone may have written something else into them.
fn marks(found: &LiveFunction, wanted: fn(&str) -> bool) -> BTreeMap<Path, String> {
    let marks = found.marks.iter().filter(|(key, _)| wanted(key));
    hashes(marks.map(|(key, value)| (Path::entry(Field::Tags, key), json!(value))).collect())
}

/// One hash per field. The environment is one field.
fn hashes(fields: Fields) -> BTreeMap<Path, String> {
    let (environment, others): (Fields, Fields) =
        fields.into_iter().partition(|(path, _)| path.field == Field::Environment);
    let hash = |(path, value): (Path, Value)| (path.clone(), mark::of_fields(&Fields::from([(path, value)])));
    let mut hashes: BTreeMap<Path, String> = others.into_iter().map(hash).collect();
    if !environment.is_empty() {
        hashes.insert(Path::of(Field::Environment), mark::of_fields(&environment));
    }
    hashes
}
