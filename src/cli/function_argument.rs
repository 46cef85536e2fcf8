//! NAME: the function that a command is about, and where it is.

use anyhow::Context;

use crate::model::address::{FunctionAddress, Qualifier};
use crate::model::text::{AliasName, VersionName};
use crate::model::urn::FunctionUrn;
use crate::remote::Remote;

use super::connection::{Connection, ConnectionArguments};
use super::manifest_arguments::ManifestArguments;

/// A function by name, the manifests that may have a short name for it, and the project that it is in.
#[derive(Debug, clap::Args)]
pub(super) struct FunctionArgument {
    /// The function: a manifest's key, or [package/]name; then :version or :!alias if one is meant
    name: String,
    #[command(flatten)]
    manifest: ManifestArguments,
    #[command(flatten)]
    connection: ConnectionArguments,
}

/// A function, and which version of it is meant.
type Function = (FunctionAddress, Option<Qualifier>);

/// A function that can be asked for.
pub(super) struct Opened {
    pub(super) connection: Connection,
    pub(super) remote: Remote,
    pub(super) urn: FunctionUrn,
}

impl FunctionArgument {
    pub(super) async fn open(&self) -> anyhow::Result<Opened> {
        // First, as a name that is wrong needs no connection.
        let function = self.function()?;
        opened(Connection::open(&self.connection).await?, function)
    }

    /// To run the function.
    pub(super) async fn open_running(&self) -> anyhow::Result<Opened> {
        let function = self.function()?;
        opened(Connection::open_running(&self.connection).await?, function)
    }

    /// A key of the manifests, where they have it, else what the service calls the function.
    fn function(&self) -> anyhow::Result<Function> {
        let (name, qualifier) = match self.name.split_once(':') {
            Some((name, qualifier)) => (name, parse_qualifier(qualifier)?),
            None => (self.name.as_str(), None),
        };
        let address = match self.declared(name) {
            Some(address) => address,
            None => name.parse()?,
        };
        Ok((address, qualifier))
    }

    fn declared(&self, key: &str) -> Option<FunctionAddress> {
        let functions = self.manifest.check().manifest?.functions;
        functions.into_iter().find(|function| function.key == key).map(|function| function.address)
    }
}

fn opened(connection: Connection, (address, qualifier): Function) -> anyhow::Result<Opened> {
    let remote = Remote::new(connection.client()?);
    let urn = FunctionUrn::new(remote.scope(), &address, qualifier);
    Ok(Opened { connection, remote, urn })
}

/// `latest` is what no qualifier means.
fn parse_qualifier(text: &str) -> anyhow::Result<Option<Qualifier>> {
    Ok(match text.strip_prefix('!') {
        Some(alias) => Some(Qualifier::Alias(AliasName::new(alias).context("the alias is wrong")?)),
        None if text == "latest" => None,
        None => Some(Qualifier::Version(VersionName::new(text).context("the version is wrong")?)),
    })
}
