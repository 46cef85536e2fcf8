//! The credentials that a request is sent with.

use secrecy::SecretString;

/// An access key pair that signs each request, or a token. Secrets cannot be printed.
#[derive(Debug, Clone)]
pub enum Credentials {
    Keys {
        access_key: String,
        secret_key: SecretString,
        /// Part of temporary keys, which do not work without it.
        security_token: Option<SecretString>,
    },
    Token(SecretString),
}

impl Credentials {
    /// The values that must never be shown.
    pub(super) fn secrets(&self) -> impl Iterator<Item = &SecretString> {
        let secrets = match self {
            Self::Token(token) => [Some(token), None],
            Self::Keys { access_key: _, secret_key, security_token } => [Some(secret_key), security_token.as_ref()],
        };
        secrets.into_iter().flatten()
    }
}
