//! What a request proves its sender with.

use secrecy::SecretString;

/// An access key pair that signs each request, or a ready token. No secret of them can be printed.
#[derive(Debug, Clone)]
pub enum Credentials {
    Keys {
        access_key: String,
        secret_key: SecretString,
        /// What temporary keys come with, and are worth nothing without.
        security_token: Option<SecretString>,
    },
    Token(SecretString),
}
