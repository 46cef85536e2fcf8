//! NAME: the function that a command is about, and its endpoint.

use clap::builder::NonEmptyStringValueParser;
use clap_complete::ArgValueCompleter;

use crate::manifest::environments::Environment;
use crate::manifest::{Manifest, Sources, nearest};
use crate::model::address::{FunctionAddress, Qualifier};
use crate::model::urn::FunctionUrn;
use crate::remote::{self, Remote};
use crate::rules::urn::LATEST;

use super::completion;
use super::connection::{Connection, ConnectionArguments};
use super::failure::{Advised, Refused};
use super::manifest_arguments::{Checked, ManifestArguments};

/// A function by name, the manifests that may define a key for it, and its project.
#[derive(Debug, clap::Args)]
pub(super) struct FunctionArgument {
    /// The function: a key of the manifest, or [package/]name
    ///
    /// To select a version or an alias, add `:VERSION` or `:!ALIAS`.
    #[arg(add = ArgValueCompleter::new(completion::functions), value_parser = NonEmptyStringValueParser::new())]
    name: String,
    #[command(flatten)]
    manifest: ManifestArguments,
    #[command(flatten)]
    connection: ConnectionArguments,
}

/// A function and the selected version.
struct Function {
    address: FunctionAddress,
    qualifier: Option<Qualifier>,
    environment: Option<Environment>,
    /// The manifests, if they declare the function.
    manifest: Option<(Sources, Manifest)>,
    asked: Asked,
}

/// The name that was given, and a declared key that it may mean.
pub(super) struct Asked {
    name: String,
    similar: Option<String>,
}

impl Asked {
    /// Says that the function does not exist, if that is the error.
    pub(super) fn explained(&self, error: remote::Error) -> anyhow::Error {
        if !error.is_not_found() {
            return error.into();
        }
        let advice = self.missing(&error);
        anyhow::Error::from(error).context(advice)
    }

    /// What the service does not have, by its error code.
    fn missing(&self, error: &remote::Error) -> Advised {
        let Self { name, similar } = self;
        let (function, qualifier) = name.split_once(':').unwrap_or((name, LATEST));
        let part = if error.has_code(NO_VERSION) {
            Some(format!("version `{qualifier}`"))
        } else if error.has_code(NO_ALIAS) {
            Some(format!("alias `{}`", qualifier.trim_start_matches('!')))
        } else {
            None
        };
        if let Some(part) = part {
            let message = format!("the function `{function}` has no {part}");
            return Advised::instead(message, "check the name after the colon; without it, the latest code is used");
        }
        let help = match similar {
            Some(key) => format!("did you mean `{key}`?"),
            None => "check the name, the project and the region; `fgctl drift --unmanaged` lists functions".to_owned(),
        };
        Advised::instead(format!("there is no function `{function}` in this project"), help)
    }
}

/// The service's codes for a function that exists, but not in this version, or not under this alias.
const NO_VERSION: &str = "FSS.1052";
const NO_ALIAS: &str = "FSS.1053";

/// A function with an open connection.
pub(super) struct Opened {
    pub(super) connection: Connection,
    pub(super) remote: Remote,
    pub(super) urn: FunctionUrn,
    pub(super) asked: Asked,
}

impl FunctionArgument {
    pub(super) async fn open(&self) -> anyhow::Result<Opened> {
        // Comes first, because a wrong name needs no connection.
        let function = self.function()?;
        opened(Connection::open(&self.connection, function.environment.as_ref()).await?, function)
    }

    /// Opens a connection that can run the function.
    pub(super) async fn open_running(&self) -> anyhow::Result<Opened> {
        let function = self.function()?;
        opened(Connection::open_running(&self.connection, function.environment.as_ref()).await?, function)
    }

    /// The function with this key in the manifests, or otherwise the function with this name. Also returns the
    /// manifests if they declare the function, because then their place must match.
    fn function(&self) -> anyhow::Result<Function> {
        let (name, qualifier) = match self.name.split_once(':') {
            Some((name, qualifier)) => (name, parse_qualifier(qualifier)?),
            None => (self.name.as_str(), None),
        };
        let Checked { environment, sources, manifest, .. } = self.manifest.check_in(self.manifest.select()?);
        let declared = || manifest.iter().flat_map(Manifest::holders);
        let by_key = declared().find(|holder| holder.key == name).map(|holder| holder.address.clone());
        let address = by_key.map_or_else(|| name.parse(), Ok)?;
        let is_declared = declared().any(|holder| *holder.address == address);
        let keys = declared().map(|holder| holder.key).filter(|_| !is_declared);
        let asked = Asked { name: self.name.clone(), similar: nearest(name, keys).map(str::to_owned) };
        let manifest = manifest.filter(|_| is_declared).map(|manifest| (sources, manifest));
        Ok(Function { address, qualifier, environment, manifest, asked })
    }
}

fn opened(connection: Connection, function: Function) -> anyhow::Result<Opened> {
    let Function { address, qualifier, environment: _, manifest, asked } = function;
    if let Some((sources, Manifest { location, .. })) = manifest {
        let mut mismatches = connection.mismatches(&location);
        sources.locate(&mut mismatches);
        if !mismatches.is_empty() {
            return Err(Refused { diagnostics: mismatches }.into());
        }
    }
    let remote = Remote::new(connection.client()?);
    let urn = FunctionUrn::new(remote.scope(), &address, qualifier);
    Ok(Opened { connection, remote, urn, asked })
}

/// `latest` is the same as no qualifier.
fn parse_qualifier(text: &str) -> anyhow::Result<Option<Qualifier>> {
    Ok(if text == LATEST { None } else { Some(text.parse()?) })
}
