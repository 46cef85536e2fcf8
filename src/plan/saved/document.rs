//! The text of a saved plan: JSON with a format version and a checksum, so that what is not whole is not read.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::SavedPlan;

/// Raised whenever a file could mean something that an older fgctl does not know.
pub const FORMAT_VERSION: u64 = 1;

/// A saved plan as it is in its file.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(title = "A saved plan of fgctl")]
#[serde(deny_unknown_fields)]
struct Document<T> {
    /// Of this file; 1 is the first.
    format_version: u64,
    /// SHA-256, as hex, of `plan` as JSON without white space, its keys in their order. It finds damage, not forgery: what
    /// a file says is decided anew before it is applied.
    checksum: String,
    plan: T,
}

/// Why a file is no saved plan that can be used.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    #[error("it is no saved plan, or only a part of one: {0}")]
    Broken(serde_json::Error),
    #[error("it is no saved plan of fgctl: it has no format_version")]
    SomethingElse,
    #[error("it has format {0}, and this fgctl knows {FORMAT_VERSION}: use the fgctl that wrote it, or plan again")]
    Newer(u64),
    #[error("it was changed after it had been saved: the checksum is another one; plan again")]
    Edited,
}

/// The file of a plan.
pub fn text(plan: &SavedPlan) -> Result<String, serde_json::Error> {
    let plan = serde_json::to_value(plan)?;
    let document = Document { format_version: FORMAT_VERSION, checksum: checksum(&plan), plan };
    Ok(serde_json::to_string_pretty(&document)? + "\n")
}

/// The plan of a file. The version comes first: what a newer fgctl wrote may have any form.
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
