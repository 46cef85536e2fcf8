//! Advice about the most common mistakes: what to write instead of a value that the schema refuses.

use serde_json::{Map, Value};
use std::collections::VecDeque;

use crate::diagnostic::{Diagnostic, Spot};
use crate::model::field::Field;
use crate::model::text::FunctionName;
use crate::rules::field::COMMAND;
use crate::rules::text::{BUCKET, FUNCTION_URN, OBS_URL, PROJECT_ID, TOPIC_URN, Text, VERSION_NAME};
use crate::rules::urn::LATEST;

use super::foreign::{self, snake_case};
use super::function::ignorable;
use super::json_schema;
use super::nearest::{MOST, nearest, quoted};
use super::quantity::{allowed_number, leading_number, nearest_number, period, truth};

/// The only field of a secret.
const SECRET_FIELD: &str = "env";
const SECRET: &str = "write `{ env: VARIABLE }`, and give the secret's value in that environment variable";

/// The number of levels below a mapping that are searched for a misplaced field.
const LEVELS: usize = 3;

/// Other formats allow fields such as `x-common` for anchors.
const ANCHOR: &str = "put shared values under `defaults`, or define the anchor where it is used first";

/// What to write if a function should have no policy.
pub(super) const NO_POLICY: &str = "for no policy, leave `async` out, or write `async: null` to remove a default";

/// The lines that every manifest needs.
pub(super) const BEGIN: &str = "begin the file with `version: 1` and `stack: NAME`, the stack that owns its functions";

/// The error if a file is not a manifest at all.
pub(super) fn no_manifest(value: &Value) -> Option<Diagnostic> {
    let other = "if it is not meant as a manifest, move it to another directory, or name the manifests with -f";
    match value {
        Value::Null => Some(Diagnostic::error("empty", "the manifest is empty").help(BEGIN)),
        Value::Object(fields) if fields.contains_key("environments") && !fields.contains_key("functions") => {
            let message = "this is an environments file, not a manifest";
            Some(
                Diagnostic::error("not-a-manifest", message)
                    .help("select one of its environments with --env, and name the file with --environments"),
            )
        }
        Value::Object(fields) => {
            let known = root_fields();
            let is_none = fields.keys().all(|field| meant_field(&known, field).is_none());
            let message = format!("this is not a manifest: it has none of the fields {}", quoted(&known));
            is_none.then(|| Diagnostic::error("not-a-manifest", message).help(other))
        }
        _ => Some(Diagnostic::error("not-a-manifest", "this is not a manifest: it is not a mapping").help(other)),
    }
}

/// The error about a secret with the value of a credential. Anyone who can call the function or read its memory could act as
/// the user who deploys it.
pub(super) fn credential_as_secret(secret: &str, spot: Spot) -> Diagnostic {
    let message = format!("{secret} takes its value from a variable for credentials of fgctl or a similar tool");
    let help = "pass the value in a variable whose name has no prefix such as FGCTL_, HW_, HUAWEICLOUD_ or OS_";
    Diagnostic::error("credential-as-secret", message).at(spot).help(help)
}

fn root_fields() -> Vec<&'static str> {
    properties(json_schema::strict()).into_iter().flat_map(|fields| fields.keys().map(String::as_str)).collect()
}

/// A valid name that is close to an invalid one.
pub(super) fn valid_name(name: &str) -> Option<String> {
    // Keys of fgctl's own tags have no valid form.
    if name.starts_with("fgctl.") {
        return None;
    }
    let with_dashes: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' }).collect();
    let trimmed = with_dashes.trim_matches(['-', '_']);
    FunctionName::new(trimmed)
        .ok()
        .filter(|valid| valid.as_str() != name)
        .map(|valid| format!("write `{valid}`, for example"))
}

/// The known field that an unknown one probably means: a typing error, the name in the service's API or in another tool,
/// a longer or shorter name, or the only field.
pub(super) fn meant_field<'a>(known: &[&'a str], name: &str) -> Option<&'a str> {
    let lower = snake_case(name);
    let find = |name: &str| known.iter().find(|field| **field == name).copied();
    let is_like = |field: &&&str| lower.len() >= 3 && (field.contains(&lower) || lower.contains(**field));
    let alike = || known.iter().filter(is_like).max_by_key(|field| (lower.starts_with(**field), field.len())).copied();
    let elsewhere = || find(foreign::field(&lower)?);
    let exact = find(&lower).or_else(elsewhere);
    exact.or_else(|| nearest(&lower, known.iter().copied())).or_else(alike).or(match known {
        [only] => Some(only),
        _ => None,
    })
}

/// What to do about an unknown field: where it belongs, or the available fields.
pub(super) fn unknown_field(schema_path: &str, place: &str, known: &[&str], name: &str) -> String {
    // The field's name may itself be the secret.
    if known == [SECRET_FIELD] {
        return SECRET.to_owned();
    }
    if let Some(help) = misindented(place).filter(|_| is_field_of(place, name)) {
        return help;
    }
    if place == "/defaults" && function_fields().any(|field| field == name) {
        return format!("`{name}` cannot be a default; write it in each function");
    }
    if let Some(path) = foreign::field(&snake_case(name)).filter(|path| is_below(known, path)) {
        return format!("did you mean `{path}`?");
    }
    if let Some(meant) = meant_field(known, name) {
        return format!("did you mean `{meant}`?");
    }
    let [success, failure] = [Field::OnSuccess, Field::OnFailure].map(Field::key);
    let written = snake_case(name);
    if known.contains(&success) && foreign::is_destination(&written) {
        return format!("write the target under `{success}` or `{failure}`");
    }
    if name.starts_with("x-") && known.contains(&"functions") {
        return ANCHOR.to_owned();
    }
    let name = foreign::field(&written).unwrap_or(&written);
    let node = schema_path.rsplit_once('/').map_or("", |(node, _)| node);
    let schema = json_schema::strict();
    if let Some(path) = schema.pointer(node).and_then(|node| below(node, name)) {
        return format!("write `{name}` under `{path}`");
    }
    if let Some(place) = above(schema, node, name) {
        return format!("write `{name}` {place}");
    }
    if known.len() > MOST {
        return format!("`fgctl schema` describes the {} fields that are possible here", known.len());
    }
    format!("the fields are {}", quoted(known))
}

/// Whether a path such as `logs.group_id` starts at one of the fields.
fn is_below(known: &[&str], path: &str) -> bool {
    path.split_once('.').is_some_and(|(group, _)| known.contains(&group))
}

/// The fields of a function.
fn function_fields() -> impl Iterator<Item = &'static str> {
    let entry = json_schema::strict().pointer("/properties/functions/additionalProperties");
    entry.and_then(properties).into_iter().flat_map(|fields| fields.keys().map(String::as_str))
}

/// What to do about a field of a function that is written like a function, because it is not indented enough.
pub(super) fn misindented(place: &str) -> Option<String> {
    let key = place.strip_prefix("/functions/")?;
    let is_field = function_fields().any(|field| field == key);
    is_field.then(|| format!("if `{key}` is the field of a function, indent it under that function"))
}

/// Whether a function has a field that is named like the function at this place, and that has the field itself.
fn is_field_of(place: &str, name: &str) -> bool {
    let key = place.rsplit('/').next().unwrap_or_default();
    let node = json_schema::strict().pointer("/properties/functions/additionalProperties").and_then(properties);
    node.and_then(|fields| properties(fields.get(key)?)).is_some_and(|fields| fields.contains_key(name))
}

fn properties(node: &Value) -> Option<&Map<String, Value>> {
    node.get("properties")?.as_object()
}

/// The path to the nearest node below this one that has the field: `async` for `max_retries`.
fn below(node: &Value, name: &str) -> Option<String> {
    let mut front = VecDeque::from([(node, Vec::new())]);
    while let Some((node, path)) = front.pop_front() {
        if !path.is_empty() && properties(node).is_some_and(|fields| fields.contains_key(name)) {
            return Some(path.join("."));
        }
        let entry = node.get("additionalProperties").filter(|entry| entry.is_object()).map(|entry| ("NAME", entry));
        let fields = properties(node).into_iter().flatten().map(|(field, node)| (field.as_str(), node));
        for (field, next) in fields.chain(entry).filter(|_| path.len() < LEVELS) {
            front.push_back((next, path.iter().copied().chain([field]).collect()));
        }
    }
    None
}

/// The nearest place above a node that has the field, in words.
fn above(schema: &Value, node: &str, name: &str) -> Option<String> {
    let mut path = node;
    while let Some((above, _)) = path.rsplit_once('/') {
        path = above;
        let has_field = schema.pointer(path).and_then(properties).is_some_and(|fields| fields.contains_key(name));
        if has_field && path.is_empty() {
            return Some("at the top level of the manifest".to_owned());
        }
        if has_field {
            let field = path.rsplit('/').find(|part| !matches!(*part, "additionalProperties" | "properties"));
            return field.map(|field| match field {
                "functions" => "in the function itself".to_owned(),
                field => format!("in `{field}` itself"),
            });
        }
    }
    None
}

/// What to write instead of a value that the schema's `node` refuses for `field`.
pub(super) fn value(field: &str, instance: &Value, node: &Value) -> Option<String> {
    let takes = |kind: &str| match node.get("type") {
        Some(Value::Array(kinds)) => kinds.iter().any(|known| known == kind),
        known => known.is_some_and(|known| known == kind),
    };
    let help = match instance {
        Value::Array(_) if [Field::OnSuccess, Field::OnFailure].iter().any(|outcome| outcome.key() == field) => {
            "each outcome has one target; to reach two, notify a function that notifies the other".to_owned()
        }
        Value::Array(items) if follows(node, &COMMAND) => {
            let parts: Option<Vec<&str>> = items.iter().map(Value::as_str).collect();
            format!("separate the parts with commas: `{field}: {}`", parts?.join(","))
        }
        Value::Object(_) if takes("array") => format!("`{field}` is a list: begin each of its items with `-`"),
        Value::Array(_) if node.get("additionalProperties").is_some_and(Value::is_object) => {
            format!("write `{field}: {{ NAME: … }}`: each entry under its name, without `-`")
        }
        Value::Bool(true) | Value::Null if field == Field::Async.key() => {
            "write `async: {}` for the default policy".to_owned()
        }
        Value::Bool(false) if field == Field::Async.key() => NO_POLICY.to_owned(),
        Value::Null if takes("string") && takes("boolean") => {
            format!(
                "for an empty value, write `{field}: \"\"`; one entry of a default cannot be removed, only all of them"
            )
        }
        Value::Number(number) if takes("object") => {
            let (only, _) =
                only_field(node).filter(|(_, node)| node.get("type").is_some_and(|kind| kind == "integer"))?;
            format!("write `{field}: {{ {only}: {number} }}`")
        }
        Value::String(text) if takes("object") => mapping(field, text, node)?,
        Value::String(text) if takes("array") => list(field, text),
        Value::String(text) if takes("boolean") && !takes("string") => format!("write `{field}: {}`", truth(text)?),
        Value::String(text) if takes("integer") && takes("string") && node.get("pattern").is_some() => {
            format!("write `{field}: {}`", period(text)?)
        }
        Value::String(text) if takes("integer") && !takes("string") => {
            format!("write `{field}: {}`", allowed_number(leading_number(text)?, node))
        }
        Value::String(text) => refused_text(field, text, node).or_else(|| example(field, text, node))?,
        Value::Number(number) if node.get("enum").is_some() => {
            format!("the nearest size is {}", nearest_number(number.as_i64()?, node)?)
        }
        Value::Number(_) | Value::Bool(_) if takes("string") && !takes("integer") => {
            // Quotes do not help if the text is not valid either.
            if json_schema::accepts(node, &instance.to_string().into()) {
                format!("write it in quotes: `{field}: \"{instance}\"`")
            } else {
                example(field, &instance.to_string(), node)?
            }
        }
        _ => return None,
    };
    Some(help)
}

/// Text where a list is needed. A `-` without a space does not start an item.
fn list(field: &str, text: &str) -> String {
    if !text.starts_with('-') {
        return format!("write `{field}: [{text}]`");
    }
    let items: Vec<&str> = text.split_whitespace().map(|item| item.trim_start_matches('-')).collect();
    format!("put a space after each `-`, or write `{field}: [{}]`", items.join(", "))
}

/// What to write if text stands for a mapping with this only or most important value.
fn mapping(field: &str, text: &str, node: &Value) -> Option<String> {
    let object = foreign::Address::read(text);
    if field == Field::Code.key() {
        let kind = match text {
            _ if let Some(object) = object => return Some(format!("write `code: {{ obs: {} }}`", object.url())),
            _ if text.contains('\n') => return Some("write `code: { inline: … }`".to_owned()),
            _ if text.starts_with("https://") => "obs",
            _ if text.to_lowercase().ends_with(".zip") => "zip",
            _ => "dir",
        };
        return Some(format!("write `code: {{ {kind}: {text} }}`"));
    }
    let (only, taken) = only_field(node)?;
    if only == SECRET_FIELD {
        return Some(SECRET.to_owned());
    }
    if let Some(object) = object.filter(|_| follows(taken, &BUCKET)) {
        return Some(format!("write `{field}: {{ {} }}`", object.fields()));
    }
    let beginning = if follows(taken, &TOPIC_URN) && !text.starts_with("urn:") { TOPIC } else { "" };
    let takes_text = match taken.get("type") {
        Some(Value::Array(kinds)) => kinds.iter().any(|kind| kind == "string"),
        kind => kind.is_some_and(|kind| kind == "string"),
    };
    takes_text.then(|| format!("write `{field}: {{ {only}: {beginning}{text} }}`"))
}

/// The field for which a single value stands: the only required one, or the address of an image.
fn only_field(node: &Value) -> Option<(&str, &Value)> {
    let only = match node.get("required").and_then(Value::as_array).map(Vec::as_slice) {
        Some([Value::String(only)]) => only,
        Some([_, _, ..]) => return None,
        _ => Field::ImageUrl.row().name(),
    };
    Some((only, properties(node)?.get(only)?))
}

/// The start of a topic's URN.
const TOPIC: &str = "urn:smn:<region>:<project id>:";

/// What to write instead of text with an invalid content.
fn refused_text(field: &str, text: &str, node: &Value) -> Option<String> {
    let (length, most) = (text.chars().count() as u64, node.get("maxLength").and_then(Value::as_u64));
    if let Some(most) = most.filter(|most| length > *most) {
        return Some(format!("shorten it: it has {length} characters, but only {most} are allowed"));
    }
    if let Some(known) = node.get("enum").and_then(Value::as_array) {
        let plain = |text: &str| text.to_lowercase().replace(['_', '-'], "");
        let mut known = known.iter().filter_map(Value::as_str);
        let meant = known.clone().find(|known| plain(known) == plain(text)).or_else(|| nearest(text, &mut known));
        return meant.map(|meant| format!("did you mean `{meant}`?"));
    }
    let (object, is_urn) = (|| foreign::Address::read(text), text.contains(':'));
    if follows(node, &BUCKET) {
        return object().map(|object| format!("write `{}`", object.fields()));
    }
    if follows(node, &OBS_URL) {
        return object().map(|object| format!("write `{field}: {}`", object.url()));
    }
    if follows(node, &PROJECT_ID) {
        return Some("write the project's id, which `fgctl whoami` shows".to_owned());
    }
    if follows(node, &VERSION_NAME) && text == LATEST {
        return Some(format!("leave `{field}` out to notify the latest code"));
    }
    if follows(node, &TOPIC_URN) && !is_urn {
        return Some(format!("write the topic's URN: `{TOPIC}{text}`"));
    }
    if follows(node, &FUNCTION_URN) && !is_urn {
        return Some(format!("to notify a function of this manifest, write `function: {text}`"));
    }
    // Only the pattern of `ignore` contains names of fields.
    let names_fields = node.get("pattern")?.as_str()?.contains(Field::Handler.key());
    let meant = nearest(text, ignorable().into_iter().map(|(name, _)| name)).filter(|_| names_fields);
    meant.map(|field| format!("did you mean `{field}`?"))
}

/// An example of the schema's node, one that contains the refused text if there is one.
fn example(field: &str, text: &str, node: &Value) -> Option<String> {
    let mut examples = node.get("examples")?.as_array()?.iter().filter_map(Value::as_str);
    let first = examples.clone().next()?;
    let example = examples.find(|example| example.contains(text)).unwrap_or(first);
    Some(format!("write `{field}: {example}`, for example"))
}

/// Whether this rule applies to the text of a node. Patterns of rules can be the same; their sentences are not.
fn follows(node: &Value, rule: &Text) -> bool {
    node.get("errorMessage").is_some_and(|sentence| *sentence == rule.rule.sentence())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_under_other_names() {
        let known = ["description", "environment", "memory", "name", "package", "timeout"];
        for (name, expected) in [
            ("memory_size", Some("memory")),
            ("env", Some("environment")),
            ("func_name", Some("name")),
            ("package_name", Some("package")),
            ("Timeout", Some("timeout")),
            ("max_retries", None),
            ("id", None),
            ("envVars", Some("environment")),
            ("user_data", Some("environment")),
        ] {
            assert_eq!(meant_field(&known, name), expected, "{name}");
        }
        assert_eq!(meant_field(&["env"], "value"), Some("env"));
    }
}
