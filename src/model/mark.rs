//! The tags by which fgctl knows what it owns and what it applied last. There is no state file: this is it.
//!
//! A mark never holds a value of the manifest, only short hashes of them.

use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write;

use super::code::CodeHash;
use super::field::Fields;

/// All tags of fgctl start so; the manifest's own cannot.
pub const PREFIX: &str = "fgctl.";
pub const STACK: &str = "fgctl.stack";
pub const CONFIG: &str = "fgctl.config";
pub const CODE: &str = "fgctl.code";
pub const ASYNC: &str = "fgctl.async";
pub const PROTECT: &str = "fgctl.protect";
pub const SECRETS: &str = "fgctl.secrets";

/// The only value of [`PROTECT`]; without protection the tag is not there.
pub const PROTECTED: &str = "true";

/// In front of every hash, so that another way of hashing would be told from a change.
const VERSION: &str = "1";
/// Hex digits kept of a hash: 128 bits.
const DIGITS: usize = 32;

/// fgctl's tags of one function, by key.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Marks(BTreeMap<String, String>);

impl Marks {
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    pub fn set(&mut self, key: &str, value: impl Into<String>) {
        self.0.insert(key.to_owned(), value.into());
    }

    pub fn is_protected(&self) -> bool {
        self.0.contains_key(PROTECT)
    }
}

/// Splits a function's tags into fgctl's marks and everybody else's.
pub fn split(tags: BTreeMap<String, String>) -> (Marks, BTreeMap<String, String>) {
    let (marks, others) = tags.into_iter().partition(|(key, _)| key.starts_with(PREFIX));
    (Marks(marks), others)
}

/// The mark of a facet: a hash over its fields that differ from their default.
pub fn of_fields(fields: &Fields) -> String {
    let mut lines = String::new();
    for (path, value) in fields {
        // JSON text has no raw line breaks, so that lines cannot run into each other.
        let path = path.to_string().replace('\n', "\\n");
        let _ = write!(lines, "{path}\n{value}\n");
    }
    format!("{VERSION}-{}", short(&lines))
}

/// The mark of code: what we uploaded, and what the service called it afterwards. Its `digest` is opaque, so both are
/// kept: the first tells a change of the manifest, the second one of live.
pub fn of_code(uploaded: &CodeHash, digest: &str) -> String {
    format!("{}{}", uploaded_part(uploaded), digest_part(digest))
}

/// Whether a code mark says that these files were uploaded last.
pub fn is_uploaded(mark: &str, code: &CodeHash) -> bool {
    mark.starts_with(&uploaded_part(code))
}

/// Whether a code mark says that the service called the uploaded code this.
pub fn is_digest(mark: &str, digest: &str) -> bool {
    mark.ends_with(&digest_part(digest))
}

/// Whether a mark of configuration, code or policy has the form that fgctl gives it. Otherwise someone edited it, and it
/// says nothing.
pub fn is_whole(mark: &str) -> bool {
    let mut parts = mark.split('-');
    let is_hash = |part: &str| part.len() == DIGITS && part.bytes().all(|digit| digit.is_ascii_hexdigit());
    parts.next() == Some(VERSION) && parts.clone().count() > 0 && parts.all(is_hash)
}

fn uploaded_part(code: &CodeHash) -> String {
    format!("{VERSION}-{}", &code.as_str()[..DIGITS])
}

fn digest_part(digest: &str) -> String {
    format!("-{}", short(digest))
}

fn short(text: &str) -> String {
    hex::encode(&Sha256::digest(text)[..DIGITS / 2])
}
