//! The text of a saved plan: JSON with a format version and a checksum, so that damaged files are refused.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::SavedPlan;

/// Raise this if a file could contain something that an older fgctl does not support.
pub const FORMAT_VERSION: u64 = 1;

/// A saved plan as a file contains it.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(title = "A saved plan of fgctl")]
#[serde(deny_unknown_fields)]
struct Document<T> {
    /// The version of this format; 1 is the first.
    format_version: u64,
    /// SHA-256, in hex, of `plan` as JSON without white space and with its keys in their order. It detects damage, not
    /// forgery: an apply decides everything again instead of trusting the file.
    checksum: String,
    plan: T,
}

/// Why a file cannot be used as a saved plan.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    #[error("it is not a saved plan, or only part of one: {0}")]
    Broken(serde_json::Error),
    #[error("it is not a saved plan: it has no format_version")]
    SomethingElse,
    #[error(
        "it has format {0}, but this fgctl reads format {FORMAT_VERSION}: use the fgctl that wrote it, or plan again"
    )]
    Newer(u64),
    #[error("it was changed after it was saved, as its checksum shows: plan again")]
    Edited,
}

/// The text of a plan's file.
pub fn text(plan: &SavedPlan) -> Result<String, serde_json::Error> {
    let plan = serde_json::to_value(plan)?;
    let document = Document { format_version: FORMAT_VERSION, checksum: checksum(&plan), plan };
    Ok(serde_json::to_string_pretty(&document)? + "\n")
}

/// Reads the plan from a file. Checks the version first, because a newer fgctl may use another format.
pub fn parse(text: &[u8]) -> Result<SavedPlan, Unreadable> {
    let document: Value = serde_json::from_slice(text).map_err(Unreadable::Broken)?;
    match document["format_version"].as_u64() {
        Some(FORMAT_VERSION) => {}
        Some(version) => return Err(Unreadable::Newer(version)),
        None => return Err(Unreadable::SomethingElse),
    }
    let Document { format_version: _, checksum: kept, plan } =
        serde_json::from_value::<Document<Value>>(document).map_err(Unreadable::Broken)?;
    if checksum(&plan) != kept {
        return Err(Unreadable::Edited);
    }
    serde_json::from_value(plan).map_err(Unreadable::Broken)
}

/// The JSON Schema of the file.
pub fn schema() -> Value {
    SchemaSettings::draft07().into_generator().into_root_schema_for::<Document<SavedPlan>>().into()
}

fn checksum(plan: &Value) -> String {
    hex::encode(Sha256::digest(plan.to_string()))
}
