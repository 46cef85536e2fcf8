//! Secret environment variables: values that are never shown, and a slow hash that protects them against guessing.

use argon2::{Algorithm, Argon2, Params, Version};
use schemars::JsonSchema;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt;

use crate::diagnostic::Spot;

use super::text::VariableName;

/// One secret: the variable of the process environment that provides it, and its value if the variable is set.
#[derive(Debug, Clone)]
pub struct Secret {
    pub variable: String,
    pub value: Option<SecretString>,
    /// Where the manifest names the variable.
    pub spot: Spot,
}

impl Secret {
    /// The value in an environment. Pipelines often set unknown variables to the empty text, and an empty secret is never
    /// intended.
    pub fn value_in(environment: &dyn Fn(&str) -> Option<String>, variable: &str) -> Option<SecretString> {
        environment(variable).filter(|value| !value.is_empty()).map(SecretString::from)
    }
}

pub type Secrets = BTreeMap<VariableName, Secret>;

/// The least number of characters of a value that does not occur in other text by chance. A shorter value may be a number,
/// or a word that is also a name.
pub const RECOGNIZABLE: usize = 8;

/// Random bytes in hex with which the secrets of a stack are hashed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct Salt(String);

/// Text that is not a valid salt.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a salt has {SALT_DIGITS} hex digits")]
pub struct InvalidSalt;

/// Hex digits of a salt.
const SALT_DIGITS: usize = 32;
/// The number of hex digits kept of a hash: 128 bits.
const HASH_DIGITS: usize = 32;
/// KiB, passes and lanes of Argon2id: OWASP's setting with the least memory, so that a plan uses little.
const WORK: (u32, u32, u32) = (7 * 1024, 5, 1);
const PREFIX: &str = "1";

impl Salt {
    pub fn new(random: [u8; SALT_DIGITS / 2]) -> Self {
        Self(hex::encode(random))
    }

    /// The salt in a mark of the first format.
    pub fn of_mark(mark: &str) -> Option<Self> {
        let mut parts = mark.split('.');
        let (prefix, salt) = (parts.next()?, parts.next()?);
        Self::try_from(salt.to_owned()).ok().filter(|_| prefix == PREFIX)
    }
}

impl TryFrom<String> for Salt {
    type Error = InvalidSalt;

    fn try_from(text: String) -> Result<Self, InvalidSalt> {
        let is_whole = text.len() == SALT_DIGITS && text.bytes().all(|digit| digit.is_ascii_hexdigit());
        if is_whole { Ok(Self(text)) } else { Err(InvalidSalt) }
    }
}

impl From<Salt> for String {
    fn from(Salt(text): Salt) -> Self {
        text
    }
}

impl fmt::Display for Salt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Computes slow hashes: of each distinct value for marks of the first format, and of text that may be secret.
#[derive(Debug)]
pub struct SecretHasher {
    salt: Salt,
    known: BTreeMap<[u8; 32], [u8; 32]>,
}

impl SecretHasher {
    pub fn new(salt: Salt) -> Self {
        Self { salt, known: BTreeMap::new() }
    }

    /// A mark of the first format: salt and hash. `None` if a value is missing.
    pub fn mark(&mut self, secrets: &Secrets) -> Option<String> {
        let mut all = Sha256::new();
        for (name, Secret { value, .. }) in secrets {
            let slow = self.slow_hash(value.as_ref()?);
            all.update((name.as_str().len() as u64).to_be_bytes());
            all.update(name.as_str());
            all.update(slow);
        }
        let hash = hex::encode(all.finalize());
        Some(format!("{PREFIX}.{}.{}", self.salt.0, &hash[..HASH_DIGITS]))
    }

    /// The hash of a text that may be a secret.
    pub fn text(&mut self, text: &str) -> String {
        let hash = hex::encode(self.slow_hash(&text.into()));
        hash[..HASH_DIGITS].to_owned()
    }

    fn slow_hash(&mut self, value: &SecretString) -> [u8; 32] {
        // The memo is keyed by a keyed digest instead of the value, so that the value is stored in only one place.
        let key: [u8; 32] =
            Sha256::new().chain_update(&self.salt.0).chain_update(value.expose_secret()).finalize().into();
        let salt = self.salt.0.as_bytes();
        *self.known.entry(key).or_insert_with(|| slow(value.expose_secret().as_bytes(), salt))
    }
}

/// A digest over the names and values of a function's secrets. `None` if a value is missing.
pub(super) fn fingerprint(secrets: &Secrets) -> Option<[u8; 32]> {
    let mut all = Sha256::new();
    for (name, Secret { value, .. }) in secrets {
        for part in [name.as_str(), value.as_ref()?.expose_secret()] {
            all.update((part.len() as u64).to_be_bytes());
            all.update(part);
        }
    }
    Some(all.finalize().into())
}

/// Bytes from a slow derivation.
pub(super) fn derive<const N: usize>(value: &[u8; 32], salt: &Salt) -> [u8; N] {
    slow(value, salt.0.as_bytes())
}

#[expect(clippy::expect_used, reason = "the parameters and lengths are constants that Argon2 accepts, as a test shows")]
fn slow<const N: usize>(value: &[u8], salt: &[u8]) -> [u8; N] {
    let (memory, passes, lanes) = WORK;
    let params = Params::new(memory, passes, lanes, Some(N)).expect("constant parameters are valid");
    let mut out = [0; N];
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(value, salt, &mut out)
        .expect("salt and output have valid lengths");
    out
}

/// The secrets whose variables are not set in the process environment.
pub fn unset<'a>(secrets: impl IntoIterator<Item = &'a Secret>) -> impl Iterator<Item = &'a Secret> {
    secrets.into_iter().filter(|secret| secret.value.is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets(pairs: &[(&str, Option<&str>)]) -> Secrets {
        pairs
            .iter()
            .map(|(name, value)| {
                let value = value.map(SecretString::from);
                (
                    VariableName::new(*name).expect("a name"),
                    Secret { variable: (*name).to_owned(), value, spot: Spot::value(0, "") },
                )
            })
            .collect()
    }

    #[test]
    fn a_mark_is_reproducible_and_depends_on_values_and_names() {
        let mut hasher = SecretHasher::new(Salt::new([7; 16]));
        let one = hasher.mark(&secrets(&[("A", Some("x"))]));
        assert_eq!(one, SecretHasher::new(Salt::new([7; 16])).mark(&secrets(&[("A", Some("x"))])));
        assert_ne!(one, hasher.mark(&secrets(&[("A", Some("y"))])));
        assert_ne!(one, hasher.mark(&secrets(&[("B", Some("x"))])));
        assert_ne!(one, SecretHasher::new(Salt::new([8; 16])).mark(&secrets(&[("A", Some("x"))])));
        assert_eq!(hasher.mark(&secrets(&[("A", None)])), None);
    }

    #[test]
    fn a_mark_contains_the_salt_and_fits_into_a_tag() {
        let mark =
            SecretHasher::new(Salt::new([9; 16])).mark(&secrets(&[("A", Some("x"))])).expect("all values are set");
        assert_eq!(Salt::of_mark(&mark), Some(Salt::new([9; 16])));
        assert!(mark.len() <= 255);
        assert_eq!(Salt::of_mark("nonsense"), None);
        assert_eq!(Salt::of_mark("1.zz.00"), None);
    }

    #[test]
    fn debug_output_does_not_show_values() {
        assert!(!format!("{:?}", secrets(&[("A", Some("hunter2"))])).contains("hunter2"));
    }
}
