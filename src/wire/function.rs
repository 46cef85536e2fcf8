//! Functions in requests and answers.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::lenient::{null_as_default, number, number_or_text};

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

/// One page of functions.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
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

/// The body of PUT code.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpdateFunctionCode {
    pub code_type: String,
    #[serde(default)]
    pub code_url: String,
    #[serde(default)]
    pub code_filename: String,
    #[serde(default)]
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
}
