//! Functions in requests and answers.

use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Map, Value};

use super::lenient::{null_as_default, number, number_or_text, other_as_default, text_or_number};

/// A function from lists, from answers to writes, and from GET: what identifies it, and all its fields, including unknown
/// ones. The entries of a list lack some fields, but they always have those that say how the function runs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Map<String, Value>")]
pub struct FunctionRecord {
    pub func_urn: String,
    pub func_name: String,
    pub package: String,
    pub code_url: String,
    /// Returned as it was sent with the code.
    pub code_filename: String,
    /// The service's own change marker for the code; opaque.
    pub digest: String,
    pub version: String,
    /// When the configuration or the code last changed. Documented as RFC 3339.
    pub last_modified: Value,
    pub fields: Map<String, Value>,
}

/// `fields` may repeat the other members, whose values then apply.
impl Serialize for FunctionRecord {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { func_urn, func_name, package, code_url, code_filename, digest, version, last_modified, fields } =
            self;
        let texts = [
            ("func_urn", func_urn),
            ("func_name", func_name),
            ("package", package),
            ("code_url", code_url),
            ("code_filename", code_filename),
            ("digest", digest),
            ("version", version),
        ];
        let is_member = |name: &str| name == LAST_MODIFIED || texts.iter().any(|(member, _)| *member == name);
        let mut map = serializer.serialize_map(None)?;
        for (name, text) in texts {
            map.serialize_entry(name, text)?;
        }
        map.serialize_entry(LAST_MODIFIED, last_modified)?;
        for (name, value) in fields.iter().filter(|(name, _)| !is_member(name)) {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

const LAST_MODIFIED: &str = "last_modified";

/// The required fields of a record, and their types.
#[derive(Deserialize)]
struct Known {
    func_urn: String,
    func_name: String,
    package: String,
    #[serde(rename = "runtime")]
    _runtime: String,
    #[serde(rename = "timeout", deserialize_with = "number")]
    _timeout: u32,
    #[serde(rename = "handler", deserialize_with = "null_as_default")]
    _handler: String,
    #[serde(rename = "memory_size", deserialize_with = "number")]
    _memory_size: u32,
    #[serde(default, deserialize_with = "null_as_default")]
    code_url: String,
    #[serde(default, deserialize_with = "null_as_default")]
    code_filename: String,
    #[serde(deserialize_with = "null_as_default")]
    digest: String,
    #[serde(default, deserialize_with = "null_as_default")]
    version: String,
    #[serde(default)]
    last_modified: Value,
}

impl TryFrom<Map<String, Value>> for FunctionRecord {
    type Error = serde_json::Error;

    fn try_from(fields: Map<String, Value>) -> Result<Self, serde_json::Error> {
        let Known {
            func_urn,
            func_name,
            package,
            code_url,
            code_filename,
            digest,
            version,
            last_modified,
            _runtime: _,
            _timeout: _,
            _handler: _,
            _memory_size: _,
        } = Known::deserialize(&fields)?;
        Ok(Self { func_urn, func_name, package, code_url, code_filename, digest, version, last_modified, fields })
    }
}

/// The fields of a configuration that say how a function runs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct RunConfig {
    #[serde(deserialize_with = "null_as_default")]
    pub runtime: String,
    #[serde(deserialize_with = "null_as_default")]
    pub handler: String,
    /// Seconds.
    pub timeout: Option<u32>,
    /// MB.
    pub memory_size: Option<u32>,
    #[serde(deserialize_with = "null_as_default")]
    pub initializer_handler: String,
    /// Seconds.
    pub initializer_timeout: Option<u32>,
    /// A JSON object in a string.
    #[serde(deserialize_with = "null_as_default")]
    pub user_data: String,
    /// A JSON object in a string.
    #[serde(deserialize_with = "null_as_default")]
    pub encrypted_user_data: Sensitive,
    pub custom_image: Option<CustomImage>,
}

/// The container image that a function runs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct CustomImage {
    /// An image that is not enabled has no effect.
    #[serde(deserialize_with = "other_as_default")]
    pub enabled: Option<bool>,
    #[serde(deserialize_with = "other_as_default")]
    pub image: String,
    /// Parts separated by commas.
    #[serde(deserialize_with = "other_as_default")]
    pub command: String,
    /// Parts separated by commas.
    #[serde(deserialize_with = "other_as_default")]
    pub args: String,
    #[serde(deserialize_with = "other_as_default")]
    pub working_dir: String,
    #[serde(deserialize_with = "text_or_number")]
    pub uid: String,
    #[serde(deserialize_with = "text_or_number")]
    pub gid: String,
}

/// How many instances a function may have, and how many requests each runs at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StrategyConfig {
    /// -1 is unlimited, and 0 disables the function.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrent_num: Option<i64>,
    /// Unknown fields.
    #[serde(flatten)]
    pub others: Map<String, Value>,
}

/// One page of functions.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FunctionList {
    #[serde(deserialize_with = "null_as_default")]
    pub functions: Vec<FunctionRecord>,
    /// An offset. On the last page it is the number of records, or 0.
    #[serde(deserialize_with = "number_or_text")]
    pub next_marker: u64,
    /// The total number of records.
    #[serde(deserialize_with = "number")]
    pub count: u64,
}

/// Code in a body: base64 of a source file or of a zip archive.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FunctionCode {
    #[serde(default, deserialize_with = "null_as_default")]
    pub file: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
}

/// Text that must not be printed.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sensitive(pub String);

impl std::fmt::Debug for Sensitive {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sensitive(…)")
    }
}

/// The body of POST functions.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct CreateFunction {
    pub func_name: String,
    pub package: String,
    /// The configuration.
    #[serde(flatten)]
    pub fields: Map<String, Value>,
    pub code_type: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code_url: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code_filename: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub func_code: Option<FunctionCode>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encrypted_user_data: Option<Sensitive>,
}

/// The body of PUT config. PUT replaces: a field that is left out is cleared.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct UpdateFunctionConfig {
    #[serde(flatten)]
    pub fields: Map<String, Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encrypted_user_data: Option<Sensitive>,
}

/// The body of PUT config-max-instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct UpdateMaxInstances {
    pub max_instance_num: i64,
}

/// The body of PUT code. POST functions has the same fields. Empty text counts as missing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpdateFunctionCode {
    #[serde(default, deserialize_with = "null_as_default")]
    pub code_type: String,
    #[serde(default, deserialize_with = "null_as_default")]
    pub code_url: String,
    #[serde(default, deserialize_with = "null_as_default")]
    pub code_filename: String,
    #[serde(default, deserialize_with = "null_as_default")]
    pub func_code: FunctionCode,
    /// An empty list clears the dependencies. The effect of a missing list is not documented.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub depend_version_list: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code_encrypt_kms_key_id: Option<String>,
}

/// The answer to GET and PUT code.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FunctionCodeRecord {
    pub func_urn: String,
    #[serde(default, deserialize_with = "null_as_default")]
    pub func_name: String,
    #[serde(default, deserialize_with = "null_as_default")]
    pub domain_id: String,
    #[serde(default, deserialize_with = "null_as_default")]
    pub runtime: String,
    pub code_type: String,
    #[serde(default, deserialize_with = "null_as_default")]
    pub code_url: String,
    #[serde(default, deserialize_with = "null_as_default")]
    pub code_filename: String,
    #[serde(default, deserialize_with = "number_or_text")]
    pub code_size: u64,
    pub digest: String,
    #[serde(default)]
    pub func_code: Option<FunctionCode>,
    #[serde(default, deserialize_with = "null_as_default")]
    pub depend_version_list: Vec<String>,
    /// See [`FunctionRecord`].
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub last_modified: Value,
    /// A [`StrategyConfig`].
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub strategy_config: Value,
}
