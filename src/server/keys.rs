//! The keys and the token that the server accepts.

use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

pub(crate) struct Keys {
    /// Access keys with their secret keys.
    pairs: [(String, SecretString); 2],
    token: [u8; 32],
}

impl Keys {
    /// The keys of this run and those of the directory, because anyone who can read the directory's file may use its
    /// server.
    pub(crate) fn new(pairs: [(String, SecretString); 2], token: &SecretString) -> Self {
        Self { pairs, token: hash(token.expose_secret()) }
    }

    pub(crate) fn secret_key(&self, access_key: &str) -> Option<&SecretString> {
        self.pairs.iter().find(|(key, _)| key == access_key).map(|(_, secret_key)| secret_key)
    }

    /// Hashes need no constant-time comparison: matching digits of hashes say nothing about the token.
    pub(crate) fn is_token(&self, token: &str) -> bool {
        hash(token) == self.token
    }
}

fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token).into()
}
