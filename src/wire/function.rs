//! Functions, as requests and answers have them.

use serde::{Deserialize, Serialize};

use super::lenient::{null_as_default, number_or_text};

/// What is read of a function that the service shows in lists, after writes and alone. A list's entries lack some
/// fields.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FunctionRecord {
    pub func_name: String,
    pub package: String,
    #[serde(default, deserialize_with = "null_as_default")]
    pub runtime: String,
    /// Seconds.
    #[serde(default, deserialize_with = "number_or_text")]
    pub timeout: u32,
    #[serde(default, deserialize_with = "null_as_default")]
    pub handler: String,
    /// MB.
    #[serde(default, deserialize_with = "number_or_text")]
    pub memory_size: u32,
    #[serde(default, deserialize_with = "null_as_default")]
    pub code_url: String,
    /// As it was sent with the code.
    #[serde(default, deserialize_with = "null_as_default")]
    pub code_filename: String,
    /// The service's own change marker of the code, opaque.
    #[serde(default, deserialize_with = "null_as_default")]
    pub digest: String,
    #[serde(default, deserialize_with = "null_as_default")]
    pub version: String,
    /// A JSON object inside a string.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_data: Option<String>,
    /// As `user_data`, with every value blanked.
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
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub depend_version_list: Option<Vec<String>>,
}

/// One page of functions.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FunctionList {
    #[serde(default, deserialize_with = "null_as_default")]
    pub functions: Vec<FunctionRecord>,
    /// An offset. On the last page it is the number of records, or 0.
    #[serde(default, deserialize_with = "number_or_text")]
    pub next_marker: u64,
    /// Records in all.
    #[serde(default, deserialize_with = "number_or_text")]
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

/// Text that is not printed.
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

/// The body of PUT config. What is left out stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpdateFunctionConfig {
    pub func_name: String,
    pub package: String,
    pub runtime: String,
    pub timeout: u32,
    pub handler: String,
    pub memory_size: u32,
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
    #[serde(default)]
    pub depend_version_list: Vec<String>,
}

/// The answer to GET and PUT code.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FunctionCodeRecord {
    #[serde(default, deserialize_with = "null_as_default")]
    pub func_urn: String,
    #[serde(default, deserialize_with = "null_as_default")]
    pub code_type: String,
    #[serde(default, deserialize_with = "null_as_default")]
    pub code_url: String,
    #[serde(default, deserialize_with = "null_as_default")]
    pub code_filename: String,
    #[serde(default, deserialize_with = "number_or_text")]
    pub code_size: u64,
    #[serde(default, deserialize_with = "null_as_default")]
    pub digest: String,
    #[serde(default)]
    pub func_code: Option<FunctionCode>,
    #[serde(default, deserialize_with = "null_as_default")]
    pub depend_version_list: Vec<String>,
}
