//! Compares a declared function with the live one: which fields differ, why, and which writes correct them.

use serde_json::{Value, json};
use std::collections::BTreeSet;

use crate::diagnostic::{Diagnostic, Spot};
use crate::model::address::Address;
use crate::model::async_policy::LivePolicy;
use crate::model::code::{Code, ObsObject};
use crate::model::field::{Field, FieldSet, Fields, Path};
use crate::model::function::Function;
use crate::model::mark;
use crate::model::row::Call;
use crate::model::state::{DesiredFunction, DesiredState, LiveCode, LiveFunction, Ownership};
use crate::model::urn::Scope;

use super::change::{Action, Cause, Change, Facet, FieldChange, OTHER_CODE, Reason, Shown, Step, Writes};
use super::declared::Declared;
use super::policy_diff;
use super::protection::{self, Protection};
use super::tag_diff::{self, entries, marks_to_set};

/// The changes that create a function.
pub(super) fn creation<'a>(
    desired: &'a DesiredState,
    wanted: &'a DesiredFunction,
    reason: Reason,
    scope: &Scope,
) -> Vec<Change<'a>> {
    let function = &wanted.function;
    let declared = Declared::new(wanted, scope);
    let mut tags = marks_to_set(desired, &declared, None);
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
    let policy = policy_diff::change(desired.ownership, wanted, None, scope).map(|policy| Change { reason, ..policy });
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
    let declared = Declared::new(wanted, scope);
    let applied = desired.applied(live);
    refuse_kept_log(function, live, applied)?;
    let config = config_facet(&declared, live, applied);
    let secrets = secrets_facet(wanted, live);
    let code = code_facet(wanted, live);
    let protection = protection::of(desired, function, live);
    let mut writes = tag_diff::writes(desired, &declared, live, protection);
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
    Ok(of_function.into_iter().chain(policy_diff::change(desired.ownership, wanted, Some(live), scope)).collect())
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

fn config_facet(declared: &Declared<'_>, live: &LiveFunction, applied: FieldSet) -> FacetDifference {
    let Declared { wanted, configuration, fields: after, mark } = declared;
    let function = &wanted.function;
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

/// Which side changed, if no policy is declared and there is a live one.
pub(super) fn deletion_cause(marked: Option<&str>, policy: &LivePolicy, scope: &Scope) -> Cause {
    match marked.map(mark::fields_part) {
        None => Cause::Drift,
        Some(marked) if policy.is_marked(marked, scope) => Cause::Pending,
        Some(marked) if !mark::is_whole(marked) => Cause::Unmarked,
        Some(_) => Cause::Conflict,
    }
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

/// While logs are on, the service keeps a group and a stream that a write leaves out.
fn refuse_kept_log(function: &Function, live: &LiveFunction, applied: FieldSet) -> Result<(), Box<Diagnostic>> {
    let stays_on = if function.manages(Field::LogsEnabled, applied) {
        function.configuration.has(Field::LogsEnabled)
    } else {
        live.configuration.has(Field::LogsEnabled)
    };
    let is_kept =
        |field: &Field| applied.contains(*field) && is_returned(function, *field) && live.configuration.has(*field);
    let kept = [Field::LogGroupId, Field::LogStreamId].into_iter().find(is_kept);
    let Some(field) = kept.filter(|_| stays_on) else { return Ok(()) };
    let message = format!(
        "`{}` of function {} cannot be removed while its logs are on: the service keeps the group and the stream",
        field.key(),
        function.address
    );
    let help = "declare both ids again, or add `logs.group_id` and `logs.stream_id` to `ignore`, which keeps them; or apply \
                `logs: { enabled: false }` first, and then `logs: { enabled: true }`, for which the service creates new ones";
    let spot = function.later.get(&Field::LogsEnabled).unwrap_or(&function.spot);
    Err(Box::new(Diagnostic::error("log-kept", message).at(spot.clone().of_key()).help(help)))
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
