//! The schema of triggers, which follows from the table of types.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value, json};
use std::borrow::Cow;

use crate::model::text::{AliasName, TriggerTypeCode, VersionName, schema_of};
use crate::model::trigger::value;
use crate::rules::number::Range;
use crate::rules::trigger::{Choice, Need, Shape, TYPES, TriggerField, TriggerType};

use super::super::function::SecretEntry;
use super::super::notation::nullable;
use super::{ENABLED, EVENT_DATA, TYPE, TriggerEntry};

/// One mapping, not a union: so editors describe every field, and messages name the field that is wrong.
impl JsonSchema for TriggerEntry {
    fn schema_name() -> Cow<'static, str> {
        "TriggerEntry".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut properties = Map::new();
        for known in TYPES {
            properties.insert(known.key.to_owned(), of_type(known, generator));
        }
        properties.extend(common(generator));
        let kinds = TYPES.iter().map(|known| known.key).chain([TYPE]);
        let kinds: Vec<Value> = kinds.map(|kind| json!({ "type": "object", "required": [kind] })).collect();
        json_schema!({
            "type": "object",
            "description": "What starts the function: exactly one type, such as `timer` or `obs`, and what applies to every type.",
            "properties": properties,
            "additionalProperties": false,
            "oneOf": kinds,
            "dependencies": { EVENT_DATA: [TYPE], TYPE: [EVENT_DATA] },
            "not": { "type": "object", "required": ["version", "alias"] },
        })
    }
}

/// The fields beside the types.
fn common(generator: &mut SchemaGenerator) -> Vec<(String, Value)> {
    let described = |schema: Schema, doc: &str| {
        let mut schema = nullable(schema);
        schema.insert("description".into(), doc.into());
        Value::from(schema)
    };
    let version = VersionName::json_schema(generator);
    let alias = AliasName::json_schema(generator);
    let mut code = TriggerTypeCode::json_schema(generator);
    code.insert(
        "description".into(),
        "The service's name of a type that has no field here, such as DDS or RABBITMQ. `event_data` contains its members."
            .into(),
    );
    vec![
        (TYPE.to_owned(), code.into()),
        (
            EVENT_DATA.to_owned(),
            json!({
                "type": "object",
                "description": "The members of the trigger by the service's names. `password: { env: VARIABLE }` takes the value from \
                                fgctl's own environment. Example: `{ queue_id: \"…\", consumer_group_id: \"…\" }`.",
            }),
        ),
        (
            ENABLED.to_owned(),
            described(
                json_schema!({ "type": "boolean" }),
                "Whether events start the function. Only types that the service can disable have it: `timer`, `lts`, `kafka` and \
                 some others. Default: true; for `kafka`, and for types that the service disables at first, the current setting \
                 is kept.",
            ),
        ),
        (
            "version".to_owned(),
            described(
                version,
                "A published version of the function, which must exist. Default: the latest code. Example: `v1.2`.",
            ),
        ),
        (
            "alias".to_owned(),
            described(alias, "An alias of the function, which must exist. Default: the latest code. Example: `prod`."),
        ),
    ]
}

fn of_type(known: &TriggerType, generator: &mut SchemaGenerator) -> Value {
    let fields = known.fields.iter().filter(|field| !matches!(field.need, Need::Fixed(_)));
    let (mut properties, mut required, mut one_of) = (Map::new(), Vec::new(), Vec::new());
    for field in fields {
        properties.insert(field.key.to_owned(), of_field(field, generator));
        match field.need {
            Need::Required => required.push(field.key),
            Need::OneOf => one_of.push(json!({ "type": "object", "required": [field.key] })),
            Need::Optional | Need::KeyOfTrigger | Need::Default(_) | Need::Fixed(_) => {}
        }
    }
    let mut schema = json!({
        "type": "object",
        "description": known.doc,
        "properties": properties,
        "additionalProperties": false,
    });
    if !required.is_empty() {
        schema["required"] = required.into();
    }
    if !one_of.is_empty() {
        schema["oneOf"] = one_of.into();
    }
    schema
}

fn of_field(field: &TriggerField, generator: &mut SchemaGenerator) -> Value {
    let schema = of_shape(&field.shape, generator);
    let is_needed = matches!(field.need, Need::Required | Need::OneOf);
    let mut schema = if is_needed { schema } else { nullable(schema) };
    schema.insert("description".into(), field.doc.into());
    if let Need::Default(text) = field.need {
        schema.insert("default".into(), value::default_value(&field.shape, text));
    }
    schema.into()
}

fn of_shape(shape: &Shape, generator: &mut SchemaGenerator) -> Schema {
    match shape {
        Shape::Text(rule) => schema_of(&rule.rule),
        Shape::Schedule(kind) => {
            let mut schema = schema_of(&kind.rule().rule);
            schema.insert("examples".into(), json!([kind.example()]));
            schema
        }
        Shape::Choice(choices) => chosen(choices),
        Shape::Choices(choices) => {
            json_schema!({ "type": "array", "items": chosen(choices), "minItems": 1, "uniqueItems": true })
        }
        Shape::Texts { item, most } => json_schema!({
            "type": "array",
            "items": schema_of(&item.rule),
            "minItems": 1,
            "maxItems": most,
            "uniqueItems": true,
        }),
        Shape::Number(Range { least, most }) => {
            json_schema!({ "type": "integer", "minimum": least, "maximum": most })
        }
        Shape::Flag | Shape::FlagText => json_schema!({ "type": "boolean" }),
        Shape::Milliseconds(_) => json_schema!({
            "type": "string",
            "pattern": "^[0-9]+(ms|s|m)$",
            "examples": ["30s"],
            "errorMessage": "a duration is a number with a unit, such as `500ms` or `30s`",
        }),
        Shape::Secret => SecretEntry::json_schema(generator),
    }
}

fn chosen(choices: &[Choice]) -> Schema {
    let keys: Vec<&str> = choices.iter().map(|choice| choice.key).collect();
    let quoted: Vec<String> = keys.iter().map(|key| format!("`{key}`")).collect();
    let message = format!("it must be one of {}", quoted.join(", "));
    json_schema!({ "type": "string", "enum": keys, "errorMessage": message })
}
