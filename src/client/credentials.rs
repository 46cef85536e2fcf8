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

impl Credentials {
    /// What nobody may see.
    pub(super) fn secrets(&self) -> impl Iterator<Item = &SecretString> {
        let secrets = match self {
            Self::Token(token) => [Some(token), None],
            Self::Keys { access_key: _, secret_key, security_token } => [Some(secret_key), security_token.as_ref()],
        };
        secrets.into_iter().flatten()
    }
}
