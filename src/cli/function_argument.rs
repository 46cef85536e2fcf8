//! NAME: the function that a command is about.

use anyhow::Context;

use crate::model::address::{FunctionAddress, Qualifier};
use crate::model::text::{AliasName, FunctionName, PackageName, VersionName};
use crate::model::urn::{FunctionUrn, Scope};

use super::manifest_arguments::ManifestArguments;

/// A function by name, and the manifests that may have a short name for it.
#[derive(Debug, clap::Args)]
pub(super) struct FunctionArgument {
    /// The function: a manifest's key, or [package/]name; then :version or :!alias if one is meant
    name: String,
    #[command(flatten)]
    manifest: ManifestArguments,
}

impl FunctionArgument {
    /// A key of the manifests, where they have it, else what the service calls the function.
    pub(super) fn urn(&self, scope: &Scope) -> anyhow::Result<FunctionUrn> {
        let (name, qualifier) = match self.name.split_once(':') {
            Some((name, qualifier)) => (name, parse_qualifier(qualifier)?),
            None => (self.name.as_str(), None),
        };
        let address = match self.declared(name) {
            Some(address) => address,
            None => parse_address(name)?,
        };
        Ok(FunctionUrn::new(scope, &address, qualifier))
    }

    fn declared(&self, key: &str) -> Option<FunctionAddress> {
        let functions = self.manifest.check().manifest?.functions;
        functions.into_iter().find(|function| function.key == key).map(|function| function.address)
    }
}

/// `latest` is what no qualifier means.
fn parse_qualifier(text: &str) -> anyhow::Result<Option<Qualifier>> {
    Ok(match text.strip_prefix('!') {
        Some(alias) => Some(Qualifier::Alias(AliasName::new(alias).context("the alias is wrong")?)),
        None if text == "latest" => None,
        None => Some(Qualifier::Version(VersionName::new(text).context("the version is wrong")?)),
    })
}

fn parse_address(text: &str) -> anyhow::Result<FunctionAddress> {
    let (package, name) = match text.split_once('/') {
        Some((package, name)) => (PackageName::new(package).context("the package is wrong")?, name),
        None => (PackageName::default(), text),
    };
    Ok(FunctionAddress { package, name: FunctionName::new(name).context("the function's name is wrong")? })
}
