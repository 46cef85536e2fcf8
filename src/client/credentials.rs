//! What a request proves its sender with.

use secrecy::SecretString;

/// An access key pair that signs each request, or a ready token. Neither can be printed.
#[derive(Debug, Clone)]
pub enum Credentials {
    Keys { access_key: String, secret_key: SecretString },
    Token(SecretString),
}
