//! `dependencies`: the packages that a function loads besides its code. The service knows each version of a package by an id.
//! A manifest can give that id, or a package by name: with its version, or with files to upload.
//!
//! In a configuration, each one is a text: an id; `name@3`, until it is looked up; or `name#hash`, until it is uploaded.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use std::borrow::Cow;
use std::collections::BTreeSet;

use crate::rules::field::ID;
use crate::rules::quota;

use super::code::CodeHash;
use super::row::{FieldType, Wrong};
use super::text::{DependencyName, Id};

/// Dependencies without an order.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(transparent)]
pub struct Dependencies(BTreeSet<String>);

/// A dependency that the manifest gives by name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Named {
    /// A version that exists.
    Version { name: String, version: u32 },
    /// Files to upload, by the hash of their content. Without a hash, they are not read yet.
    Package { name: String, hash: String },
}

/// A dependency in a manifest.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: DependencyName,
    version: Option<u32>,
    dir: Option<String>,
    zip: Option<String>,
}

const EXPECTATION: &str = "it must be the id of a version, or a package such as { name: pillow, version: 3 }, { name: shared, dir: libs/shared } \
                           or { name: shared, zip: shared.zip }";

/// The digits of a hash that tell contents apart, few enough for reports.
const SHOWN: usize = 16;

impl Named {
    /// The dependency that a text in a configuration names; `None` for an id.
    pub fn of(text: &str) -> Option<Self> {
        if let Some((name, version)) = text.split_once('@') {
            return Some(Self::Version { name: name.to_owned(), version: version.parse().ok()? });
        }
        let (name, hash) = text.split_once('#')?;
        Some(Self::Package { name: name.to_owned(), hash: hash.to_owned() })
    }

    /// The text of files whose content has this hash.
    pub fn package(name: &str, hash: &CodeHash) -> String {
        format!("{name}#{}", &hash.as_str()[..SHOWN])
    }
}

impl Dependencies {
    fn text<E: Error>(item: Value) -> Result<String, E> {
        if let Value::String(id) = item {
            return Id::new(id).map(|id| id.to_string()).map_err(E::custom);
        }
        let entry = serde_json::from_value::<Entry>(item).map_err(E::custom)?;
        match entry {
            Entry { name, version: Some(version), dir: None, zip: None } => Ok(format!("{name}@{version}")),
            Entry { name, version: None, dir: Some(_), zip: None }
            | Entry { name, version: None, dir: None, zip: Some(_) } => Ok(format!("{name}#")),
            _ => Err(E::custom(EXPECTATION)),
        }
    }
}

impl<'de> Deserialize<'de> for Dependencies {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut texts = BTreeSet::new();
        for item in Vec::<Value>::deserialize(deserializer)? {
            let text = Self::text::<D::Error>(item)?;
            let name = text.trim_end_matches('#').to_owned();
            if !texts.insert(text) {
                return Err(D::Error::custom(format!("has {name} twice")));
            }
        }
        Ok(Self(texts))
    }
}

impl FieldType for Dependencies {
    fn check(&self) -> Result<(), Wrong> {
        Wrong::unless_at_most(quota::DEPENDENCIES, self.0.len())
    }
}

impl JsonSchema for Dependencies {
    fn schema_name() -> Cow<'static, str> {
        "Dependencies".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let name = DependencyName::json_schema(generator);
        let path = |what: &str| json_schema!({ "type": "string", "minLength": 1, "description": what });
        let item = json_schema!({
            "type": ["string", "object"],
            "pattern": ID.rule.pattern,
            "maxLength": ID.rule.length.1,
            "properties": {
                "name": name,
                "version": { "type": "integer", "minimum": 1, "description": "The version of a package that exists, public ones included. Example: `3`." },
                "dir": path("A directory to pack and upload, relative to this file. Example: `libs/shared`."),
                "zip": path("A zip archive to upload, relative to this file. Example: `build/shared.zip`."),
            },
            "required": ["name"],
            "additionalProperties": false,
            "minProperties": 2,
            "maxProperties": 2,
            "errorMessage": EXPECTATION,
        });
        json_schema!({
            "type": "array", "items": item, "uniqueItems": true, "maxItems": quota::DEPENDENCIES,
            "errorMessage": format!("it must be a list of at most {} different dependencies", quota::DEPENDENCIES),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::text::DEPENDENCY_NAME;
    use serde_json::{from_value, json, to_value};

    #[test]
    fn each_form_has_its_own_text() {
        let list = json!(["b", { "name": "pillow", "version": 3 }, { "name": "shared", "dir": "libs" }]);
        let dependencies: Dependencies = from_value(list).expect("dependencies");
        assert_eq!(to_value(dependencies).expect("JSON"), json!(["b", "pillow@3", "shared#"]));
        assert_eq!(Named::of("b"), None);
        assert_eq!(Named::of("pillow@3"), Some(Named::Version { name: "pillow".into(), version: 3 }));
        assert_eq!(Named::of("shared#ab"), Some(Named::Package { name: "shared".into(), hash: "ab".into() }));
        for wrong in [
            json!([{ "name": "a" }]),
            json!([{ "name": "a", "version": 1, "dir": "x" }]),
            json!([{ "name": "a", "dir": "x" }, { "name": "a", "zip": "y" }]),
            json!(["a@1"]),
            json!(["a#"]),
            json!([1]),
        ] {
            assert!(from_value::<Dependencies>(wrong.clone()).is_err(), "{wrong}");
        }
        let checked = |count: usize| {
            let ids: Vec<String> = (0..count).map(|number| format!("d{number}")).collect();
            from_value::<Dependencies>(json!(ids)).expect("dependencies").check().map_err(|wrong| wrong.message)
        };
        assert_eq!(checked(20), Ok(()));
        assert_eq!(checked(21), Err("has 21 items; at most 20 are allowed".to_owned()));
        assert!(DEPENDENCY_NAME.accepts("huaweicloudsdk_ecs_core_py3.6") && !DEPENDENCY_NAME.accepts("a@1"));
    }
}
