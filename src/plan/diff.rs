//! Compares a declared function with the live one: which fields differ, why, and which writes correct them.

use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

use crate::diagnostic::{Diagnostic, Spot};
use crate::model::address::Address;
use crate::model::async_policy::{AsyncPolicy, LivePolicy};
use crate::model::code::{Code, ObsObject};
use crate::model::field::{Field, FieldSet, Fields, Path};
use crate::model::function::{Configuration, Function, LiveConfiguration};
use crate::model::mark;
use crate::model::row::Call;
use crate::model::state::{DesiredFunction, DesiredState, LiveCode, LiveFunction, Ownership};
use crate::model::urn::{FunctionUrn, Scope};

use super::change::{Action, Cause, Change, Facet, FieldChange, OTHER_CODE, Reason, Shown, Step, Writes};
use super::protection::{self, Protection};

/// The desired configuration, in the form of the live one.
struct Declared<'a> {
    configuration: &'a Configuration,
    /// Without ignored fields.
    fields: Fields,
    mark: String,
}

impl<'a> Declared<'a> {
    fn new(function: &'a Function, scope: &Scope) -> Self {
        let configuration = &function.configuration;
        let fields = function.managed_configuration(configuration, FieldSet::default());
        let urn = FunctionUrn::new(scope, &function.address, None);
        let mark = mark::of_configuration(&fields, function.later_managed(), &urn, function.is_protected());
        Self { configuration, fields, mark }
    }
}

/// The changes that create a function.
pub(super) fn creation<'a>(
    desired: &'a DesiredState,
    wanted: &'a DesiredFunction,
    reason: Reason,
    scope: &Scope,
) -> Vec<Change<'a>> {
    let function = &wanted.function;
    let declared = Declared::new(function, scope);
    let mut tags = marks_to_set(desired, wanted, &declared, None);
    if desired.ownership == Ownership::Tags {
        tags.extend(entries(declared.configuration, Field::Tags));
    }
    // A create writes ignored fields too.
    let mut fields: Vec<FieldChange> = declared
        .configuration
        .fields(&BTreeSet::new())
        .into_iter()
        .map(|(path, value)| changed(path, Value::Null, value))
        .collect();
    if code_field(&wanted.code) == Field::Code {
        fields.push(changed(Path::of(Field::Code), Value::Null, code_label(&wanted.code)));
    }
    fields.extend(function.secrets.keys().map(|name| FieldChange {
        path: Path::entry(Field::Secrets, name.as_str()),
        before: Shown::Value(Value::Null),
        after: Shown::Sensitive,
    }));
    fields.extend(function.is_protected().then(|| protect_change(true)));
    fields.sort_by(|one, other| one.path.cmp(&other.path));
    let step = Step::CreateFunction { desired: wanted, tags };
    let create = Change::new(Address::function(&function.address), Action::Create, reason.clone(), step);
    let policy = policy_change(desired.ownership, wanted, None, scope).map(|policy| Change { reason, ..policy });
    std::iter::once(create.with_fields(fields)).chain(policy).collect()
}

/// The changes that make live match the manifest; empty if it matches already.
pub(super) fn changes<'a>(
    desired: &'a DesiredState,
    wanted: &'a DesiredFunction,
    live: &'a LiveFunction,
    scope: &Scope,
) -> Result<Vec<Change<'a>>, Box<Diagnostic>> {
    let function = &wanted.function;
    if function.configuration.text(Field::Runtime) != live.configuration.text(Field::Runtime) {
        return Err(Box::new(changed_runtime(function, live)));
    }
    refuse_v1(function, live)?;
    let declared = Declared::new(function, scope);
    let applied = desired.applied(live);
    let config = config_facet(function, &declared, (live, applied));
    let secrets = secrets_facet(wanted, live);
    let code = code_facet(wanted, live);
    let protection = protection::of(desired, function, live);
    let mut writes = writes(desired, wanted, &declared, (live, protection));
    writes.secrets = !secrets.fields.is_empty();
    let is_returned = |field: &Field| is_returned(function, *field) && live.configuration.has(*field);
    writes.returned = applied.iter().filter(is_returned).collect();
    let changed = config.fields.iter().chain(&code.fields).map(|change| change.path.field);
    let written: FieldSet = changed.chain(writes.returned.iter()).collect();
    let is_written_by = |call: Call| written.iter().any(|field| field.row().is_written_by(call));
    writes.configuration = is_written_by(Call::Configuration);
    writes.max_instances = is_written_by(Call::MaxInstances);
    writes.reserved = is_written_by(Call::Reserved);
    writes.code = is_written_by(Call::Code) || written.contains(Field::Code);
    if writes.code {
        writes.set_tags.remove(mark::CODE);
    }
    let protection = protection_facet(function, protection);
    let facets =
        [(Facet::Config, config), (Facet::Secrets, secrets), (Facet::Code, code), (Facet::Protection, protection)];
    let causes: Vec<_> = facets.iter().filter_map(|(facet, found)| Some((*facet, found.cause?))).collect();
    let mut fields: Vec<FieldChange> = facets.into_iter().flat_map(|(_, found)| found.fields).collect();
    fields.sort_by(|one, other| one.path.cmp(&other.path));
    let of_function = (writes != Writes::default()).then(|| {
        let (action, reason) = if fields.is_empty() {
            (Action::Record, Reason::StaleMark)
        } else {
            (Action::Update, Reason::Differs(causes))
        };
        let step = Step::UpdateFunction { desired: wanted, live, writes };
        Change::new(Address::function(&function.address), action, reason, step).with_fields(fields)
    });
    Ok(of_function.into_iter().chain(policy_change(desired.ownership, wanted, Some(live), scope)).collect())
}

/// The differences of one facet, and which side changed.
#[derive(Default)]
struct FacetDifference {
    fields: Vec<FieldChange>,
    cause: Option<Cause>,
}

/// Whether a later field that was applied is no longer declared.
fn is_returned(function: &Function, field: Field) -> bool {
    !function.later.contains_key(&field) && !function.ignore.contains(&field)
}

fn config_facet(
    function: &Function,
    declared: &Declared<'_>,
    (live, applied): (&LiveFunction, FieldSet),
) -> FacetDifference {
    let Declared { configuration, fields: after, mark } = declared;
    if live.configuration == ***configuration {
        return FacetDifference::default();
    }
    let before = function.managed_configuration(&live.configuration, applied);
    if before == *after {
        return FacetDifference::default();
    }
    // Fields that are ignored now may have been managed at the last apply.
    let with_ignored = |ignore: &BTreeSet<Field>| {
        let mut fields = live.configuration.fields(ignore);
        fields.retain(|Path { field, .. }, _| {
            field.row().facet == Facet::Config && (field.is_first() || applied.contains(*field))
        });
        mark::of_fields(&fields)
    };
    let as_applied = |marked: &str| {
        mark::of_fields(&before) == marked
            || [&function.ignore, &BTreeSet::new()].into_iter().any(|ignore| with_ignored(ignore) == marked)
    };
    let marked = live.marks.get(mark::CONFIG).map(mark::fields_part);
    let cause = cause(marked, mark::fields_part(mark), as_applied);
    let mut fields = field_changes(&before, after);
    let environment = fields.iter_mut().filter(|change| change.path.field == Field::Environment);
    // A value that someone else set may be a secret. A variable that is no longer declared may have become a secret.
    let may_be_secret =
        |change: &&mut FieldChange| cause != Cause::Pending || change.after == Shown::Value(Value::Null);
    environment.filter(may_be_secret).for_each(hide_before);
    FacetDifference { fields, cause: Some(cause) }
}

fn hide_before(change: &mut FieldChange) {
    if change.before != Shown::Value(Value::Null) {
        change.before = Shown::Sensitive;
    }
}

fn secrets_facet(wanted: &DesiredFunction, live: &LiveFunction) -> FacetDifference {
    let function = &wanted.function;
    if function.ignore.contains(&Field::Secrets) {
        return FacetDifference::default();
    }
    let declared: BTreeSet<String> = function.secrets.keys().map(ToString::to_string).collect();
    let shown = |there: bool| if there { Shown::Sensitive } else { Shown::Value(Value::Null) };
    let mut fields: Vec<FieldChange> = declared
        .symmetric_difference(&live.secret_names)
        .map(|name| FieldChange {
            path: Path::entry(Field::Secrets, name),
            before: shown(live.secret_names.contains(name)),
            after: shown(declared.contains(name)),
        })
        .collect();
    let marked = live.marks.get(mark::SECRETS);
    // Without all values, the mark cannot be compared.
    let known = wanted.secrets_mark.as_deref().filter(|_| !declared.is_empty());
    let same_values = known.is_none() || known == marked;
    let was_applied = known.is_some() && known == marked;
    let is_suspected = !declared.is_empty() && live.is_modified_since_secrets() == Some(true);
    if fields.is_empty() && same_values && !is_suspected {
        return FacetDifference::default();
    }
    let is_unknown = !declared.is_empty() && wanted.secrets_mark.is_none();
    let cause = match (marked, fields.is_empty()) {
        // The function was applied. If it had secrets then, it would have the mark.
        (None, _) if declared.is_empty() && live.marks.get(mark::CONFIG).is_some() => Cause::Drift,
        (None, _) if !live.secret_names.is_empty() => Cause::Unmarked,
        // Without the values, it is unknown whether the mark matches the declared secrets.
        (Some(_), false) if is_unknown => Cause::Unmarked,
        (Some(_), false) if was_applied => Cause::Drift,
        (Some(_), true) if same_values => Cause::Suspected,
        _ => Cause::Pending,
    };
    if fields.is_empty() {
        let path = Path::of(Field::Secrets);
        fields.push(FieldChange { path, before: Shown::Sensitive, after: Shown::Sensitive });
    }
    FacetDifference { fields, cause: Some(cause) }
}

fn code_facet(wanted: &DesiredFunction, live: &LiveFunction) -> FacetDifference {
    if wanted.function.ignore.contains(&Field::Code) {
        return FacetDifference::default();
    }
    let LiveCode { digest: _, file_name: _, obs_url, image, contents } = &live.code;
    let version = live.code.version();
    let hash = wanted.code.hash();
    let is_same = match &wanted.code {
        Code::Archive(archive) => contents.as_ref() == Some(&archive.hash),
        // It is not known which version of the object is deployed.
        Code::Obs(ObsObject { url, version }) => version.is_none() && obs_url.as_deref() == Some(url.as_str()),
        Code::Image(address) => image.as_deref() == Some(address.as_str()),
        Code::Undeclared => true,
    };
    let cause = match live.marks.get(mark::CODE) {
        Some(marked) => match (mark::is_uploaded(marked, &hash), mark::is_digest(marked, version)) {
            (true, true) => None,
            // Someone else uploaded exactly the declared code. Only the mark is out of date.
            (_, false) if is_same => None,
            (true, false) => Some(Cause::Drift),
            (false, true) => Some(Cause::Pending),
            (false, false) if !mark::is_whole(marked) => Some(Cause::Unmarked),
            (false, false) => Some(Cause::Conflict),
        },
        None => (!is_same).then_some(Cause::Unmarked),
    };
    let fields = cause.map(|_| {
        let before = json!(obs_url.as_deref().or(image.as_deref()).unwrap_or(OTHER_CODE));
        changed(Path::of(code_field(&wanted.code)), before, code_label(&wanted.code))
    });
    FacetDifference { fields: fields.into_iter().collect(), cause }
}

/// The field that declares the code.
const fn code_field(code: &Code) -> Field {
    match code {
        Code::Image(_) => Field::ImageUrl,
        Code::Archive(_) | Code::Obs(_) | Code::Undeclared => Field::Code,
    }
}

/// How reports show code: an archive by its files, an object by its URL, an image by its address.
fn code_label(code: &Code) -> Value {
    match code {
        Code::Archive(archive) => json!(archive.to_string()),
        Code::Obs(object) => json!(object.to_string()),
        Code::Image(address) => json!(address),
        Code::Undeclared => Value::Null,
    }
}

/// The change of the policy, if it needs one.
fn policy_change<'a>(
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
        (Some((live, before)), Some((after, _))) => changed_policy(ownership, (live, before), after, scope),
    }
}

fn changed_policy<'a>(
    ownership: Ownership,
    (live, policy): (&'a LiveFunction, &LivePolicy),
    desired: &'a AsyncPolicy,
    scope: &Scope,
) -> Option<Change<'a>> {
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

/// Which side changed, if no policy is declared and there is a live one.
pub(super) fn deletion_cause(marked: Option<&str>, policy: &LivePolicy, scope: &Scope) -> Cause {
    match marked.map(mark::fields_part) {
        None => Cause::Drift,
        Some(marked) if policy.is_marked(marked, scope) => Cause::Pending,
        Some(marked) if !mark::is_whole(marked) => Cause::Unmarked,
        Some(_) => Cause::Conflict,
    }
}

/// The mark, if this stack uses marks.
fn kept(ownership: Ownership, mark: String) -> Option<String> {
    (ownership == Ownership::Tags).then_some(mark)
}

/// Which side changed. The mark shows whether the last apply wrote the desired or the live values.
pub(super) fn cause(marked: Option<&str>, desired: &str, is_live: impl Fn(&str) -> bool) -> Cause {
    match marked {
        None => Cause::Unmarked,
        Some(marked) if marked == desired => Cause::Drift,
        Some(marked) if is_live(marked) => Cause::Pending,
        Some(marked) if !mark::is_whole(marked) => Cause::Unmarked,
        Some(_) => Cause::Conflict,
    }
}

/// The tags to set and to remove. The mark of code that is not uploaded yet is still unknown.
fn writes(
    desired: &DesiredState,
    wanted: &DesiredFunction,
    declared: &Declared<'_>,
    (live, protection): (&LiveFunction, Protection),
) -> Writes {
    let function = &wanted.function;
    let mut set_tags = marks_to_set(desired, wanted, declared, Some((live, protection)));
    let are_copied = live.marks.are_copied();
    let mut remove_tags: BTreeMap<String, String> = live
        .marks
        .iter()
        .filter(|(key, _)| match *key {
            mark::PROTECT => matches!(protection, Protection::Clear(_)),
            // Those of a policy without its function, and of a function that was given up.
            mark::POLICY | mark::RELEASED => true,
            _ if are_copied => !set_tags.contains_key(*key),
            mark::SECRETS => function.secrets.is_empty() && !function.ignore.contains(&Field::Secrets),
            _ => false,
        })
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect();
    if !function.ignore.contains(&Field::Tags) {
        let (tags, there) = (entries(declared.configuration, Field::Tags), entries(&live.configuration, Field::Tags));
        let is_managed = |key: &String| !function.ignored_entries.contains(&Path::entry(Field::Tags, key.as_str()));
        let undeclared = there.iter().filter(|(key, _)| is_managed(key) && !tags.contains_key(*key));
        remove_tags.extend(undeclared.map(|(key, value)| (key.clone(), value.clone())));
        set_tags
            .extend(tags.clone().into_iter().filter(|(key, value)| is_managed(key) && there.get(key) != Some(value)));
    }
    Writes { set_tags, remove_tags, ..Writes::default() }
}

/// The marks of fgctl that have to change, as far as they are known before the writes.
fn marks_to_set(
    desired: &DesiredState,
    wanted: &DesiredFunction,
    declared: &Declared<'_>,
    found: Option<(&LiveFunction, Protection)>,
) -> BTreeMap<String, String> {
    if desired.ownership == Ownership::Unowned {
        return BTreeMap::new();
    }
    let function = &wanted.function;
    let live = found.map(|(live, _)| live);
    let protects = found.map_or(function.is_protected(), |(_, protection)| matches!(protection, Protection::Set(_)));
    let protection_stays = found.is_some_and(|(_, protection)| protection.cause().is_none());
    let code = live.filter(|_| !function.ignore.contains(&Field::Code));
    let code = code.map(|live| {
        let (hash, digest) = (wanted.code.hash(), wanted.code.version().unwrap_or(live.code.version()));
        let marked = live.marks.get(mark::CODE).filter(|marked| mark::is_code(marked, &hash, digest));
        marked.map_or_else(|| mark::of_code(&hash, digest), str::to_owned)
    });
    let secrets = wanted.secrets_mark.clone().filter(|_| !function.ignore.contains(&Field::Secrets));
    let marks = [
        (mark::STACK, Some(desired.stack.to_string())),
        (mark::CONFIG, Some(declared.mark.clone())),
        (mark::CODE, code),
        (mark::SECRETS, secrets),
        (mark::PROTECT, protects.then(|| mark::PROTECTED.to_owned())),
    ];
    let is_present = |key, value: &String| match live.and_then(|live| live.marks.get(key)) {
        // A mark of an earlier version is replaced only if the fields changed.
        Some(marked) if key == mark::CONFIG && protection_stays && mark::fields_part(marked) == marked => {
            marked == mark::fields_part(value)
        }
        marked => marked == Some(value),
    };
    let marks = marks.into_iter().filter_map(|(key, value)| Some((key, value?)));
    marks.filter(|(key, value)| !is_present(key, value)).map(|(key, value)| (key.to_owned(), value)).collect()
}

/// The entries of a field that is a map.
fn entries(configuration: &LiveConfiguration, field: Field) -> BTreeMap<String, String> {
    configuration.entries(field).map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

fn protection_facet(function: &Function, protection: Protection) -> FacetDifference {
    let cause = protection.cause();
    let fields = cause.map(|_| protect_change(function.is_protected()));
    FacetDifference { cause, fields: fields.into_iter().collect() }
}

fn protect_change(wanted: bool) -> FieldChange {
    changed(Path::of(Field::Protect), json!(!wanted), json!(wanted))
}

/// The fields of a new policy. Shows its numbers even if they are the defaults, because a function without a policy
/// behaves differently.
pub(super) fn made(after: &Fields) -> Vec<FieldChange> {
    let numbers = [Field::MaxRetries, Field::MaxValidityPeriod].map(Path::of);
    let paths: BTreeSet<&Path> = numbers.iter().chain(after.keys()).collect();
    let value = |path: &Path| after.get(path).cloned().unwrap_or_else(|| path.default_value());
    paths.into_iter().map(|path| changed(path.clone(), Value::Null, value(path))).collect()
}

/// The fields of a policy that is deleted.
pub(super) fn gone(before: &Fields) -> Vec<FieldChange> {
    let swapped = |FieldChange { path, before, after }: FieldChange| FieldChange { path, before: after, after: before };
    made(before).into_iter().map(swapped).collect()
}

/// The fields that differ, ordered by path.
pub(super) fn field_changes(before: &Fields, after: &Fields) -> Vec<FieldChange> {
    let paths: BTreeSet<&Path> = before.keys().chain(after.keys()).collect();
    paths
        .into_iter()
        .filter(|path| before.get(path) != after.get(path))
        .map(|path| {
            let value = |fields: &Fields| fields.get(path).cloned().unwrap_or_else(|| path.default_value());
            changed(path.clone(), value(before), value(after))
        })
        .collect()
}

fn changed(path: Path, before: Value, after: Value) -> FieldChange {
    FieldChange { path, before: Shown::Value(before), after: Shown::Value(after) }
}

/// Functions of the old type lack fields that the manifest may declare.
fn refuse_v1(function: &Function, live: &LiveFunction) -> Result<(), Box<Diagnostic>> {
    let is_lacking = |(field, _): &(&Field, &Spot)| field.row().is_of_v2 && !function.ignore.contains(*field);
    let Some((field, spot)) = function.later.iter().find(is_lacking).filter(|_| live.is_of_v1) else { return Ok(()) };
    let message =
        format!("function {} is of the old type v1, which does not support `{}`", function.address, field.key());
    let help = "remove the field, or give the function another name, which creates a new function of type v2";
    Err(Box::new(Diagnostic::error("old-function-type", message).at(spot.clone().of_key()).help(help)))
}

fn changed_runtime(function: &Function, live: &LiveFunction) -> Diagnostic {
    let (wanted, found) = (function.configuration.text(Field::Runtime), live.configuration.text(Field::Runtime));
    let Spot { source, pointer, .. } = &function.spot;
    let message =
        format!("function {} runs on {found}, and a function's runtime cannot become {wanted}", function.address);
    Diagnostic::error("runtime-changed", message)
        .at(Spot::value(*source, format!("{pointer}/runtime")))
        .help("give the function another name, which creates a new function; replacing it in place would destroy its versions, aliases and triggers")
}
