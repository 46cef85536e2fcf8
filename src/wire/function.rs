//! Functions in requests and answers.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::lenient::{null_as_default, number, number_or_text};

/// The fields that are read of a function, from lists, from answers to writes, and from GET. The entries of a list lack
/// some fields, but they always have those that identify the function and say how it runs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FunctionRecord {
    pub func_urn: String,
    pub func_name: String,
    pub package: String,
    pub runtime: String,
    /// Seconds.
    #[serde(deserialize_with = "number")]
    pub timeout: u32,
    #[serde(deserialize_with = "null_as_default")]
    pub handler: String,
    /// MB.
    #[serde(deserialize_with = "number")]
    pub memory_size: u32,
    #[serde(default, deserialize_with = "null_as_default")]
    pub code_url: String,
    /// Returned as it was sent with the code.
    #[serde(default, deserialize_with = "null_as_default")]
    pub code_filename: String,
    /// The service's own change marker for the code; opaque.
    #[serde(deserialize_with = "null_as_default")]
    pub digest: String,
    #[serde(default, deserialize_with = "null_as_default")]
    pub version: String,
    /// A JSON object in a string.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_data: Option<String>,
    /// Like `user_data`, with every value blanked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encrypted_user_data: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub xrole: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initializer_handler: Option<String>,
    /// Seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initializer_timeout: Option<u32>,
    /// Only lists contain it, and only PUT config accepts it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extend_config: Option<String>,
    /// When the configuration or the code last changed. Documented as RFC 3339.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub last_modified: Value,
}

/// A function with every field that GET config returns, including unknown ones.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(try_from = "Map<String, Value>")]
pub struct ShownFunction {
    pub record: FunctionRecord,
    pub fields: Map<String, Value>,
}

impl TryFrom<Map<String, Value>> for ShownFunction {
    type Error = serde_json::Error;

    fn try_from(fields: Map<String, Value>) -> Result<Self, serde_json::Error> {
        Ok(Self { record: FunctionRecord::deserialize(&Value::Object(fields.clone()))?, fields })
    }
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
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreateFunction {
    pub func_name: String,
    pub package: String,
    pub runtime: String,
    pub timeout: u32,
    pub handler: String,
    pub memory_size: u32,
    pub code_type: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code_url: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code_filename: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub func_code: Option<FunctionCode>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_data: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encrypted_user_data: Option<Sensitive>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub xrole: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initializer_handler: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initializer_timeout: Option<u32>,
}

/// The body of PUT config. PUT replaces: a field that is left out is cleared.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct UpdateFunctionConfig {
    #[serde(flatten)]
    pub fields: Map<String, Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encrypted_user_data: Option<Sensitive>,
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
