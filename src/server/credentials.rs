//! The credentials of a data directory: created once, stored in `credentials.json`, readable only by their owner.

use std::io;
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use super::directory::write_private;

const FILE: &str = "credentials.json";
const DEFAULT_REGION: &str = "local-1";

/// The server's region and project, and the secrets that it accepts.
#[derive(Debug, Clone)]
pub struct Credentials {
    pub region: String,
    pub project_id: String,
    pub access_key: String,
    pub secret_key: SecretString,
    /// Accepted in `X-Auth-Token` instead of a signature.
    pub token: SecretString,
}

/// The file's form of [`Credentials`].
#[derive(Serialize, Deserialize)]
struct Stored {
    region: String,
    project_id: String,
    access_key: String,
    secret_key: String,
    token: String,
}

#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
    #[error("{path} cannot be opened: {source}", path = path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("{path} does not contain credentials (line {line}); delete it to create new ones", path = path.display())]
    Content { path: PathBuf, line: usize },
    #[error("the system provides no random numbers: {0}")]
    Random(#[from] getrandom::Error),
}

/// The credentials of a data directory. A server of the directory accepts them in addition to those from its flags.
pub fn credentials(directory: &Path) -> Result<Credentials, CredentialsError> {
    read(&directory.join(FILE))
}

/// Ensures that the directory has credentials. The caller must hold the directory's lock.
pub(crate) fn ensure(directory: &Path) -> Result<Credentials, CredentialsError> {
    let path = directory.join(FILE);
    match read(&path) {
        Err(CredentialsError::File { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            let credentials = Credentials::generate()?;
            write(&path, &credentials)?;
            Ok(credentials)
        }
        read => read,
    }
}

fn read(path: &Path) -> Result<Credentials, CredentialsError> {
    let text = std::fs::read(path).map_err(|source| CredentialsError::File { path: path.to_owned(), source })?;
    // serde's message could quote a secret, so only the line is reported.
    let Stored { region, project_id, access_key, secret_key, token } = serde_json::from_slice(&text)
        .map_err(|error| CredentialsError::Content { path: path.to_owned(), line: error.line() })?;
    Ok(Credentials { region, project_id, access_key, secret_key: secret_key.into(), token: token.into() })
}

fn write(path: &Path, credentials: &Credentials) -> Result<(), CredentialsError> {
    let Credentials { region, project_id, access_key, secret_key, token } = credentials;
    let stored = Stored {
        region: region.clone(),
        project_id: project_id.clone(),
        access_key: access_key.clone(),
        secret_key: secret_key.expose_secret().to_owned(),
        token: token.expose_secret().to_owned(),
    };
    let written =
        serde_json::to_vec_pretty(&stored).map_err(io::Error::from).and_then(|text| write_private(path, &text));
    written.map_err(|source| CredentialsError::File { path: path.to_owned(), source })
}

impl Credentials {
    /// The same lengths as the service's: 20 characters of access key, 40 of secret key, 32 hexadecimal digits of
    /// project id.
    pub(crate) fn generate() -> Result<Self, CredentialsError> {
        Ok(Self {
            region: DEFAULT_REGION.to_owned(),
            project_id: hex::encode(random::<16>()?),
            access_key: hex::encode_upper(random::<10>()?),
            secret_key: hex::encode(random::<20>()?).into(),
            token: hex::encode(random::<32>()?).into(),
        })
    }
}

fn random<const LENGTH: usize>() -> Result<[u8; LENGTH], getrandom::Error> {
    let mut bytes = [0; LENGTH];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}
