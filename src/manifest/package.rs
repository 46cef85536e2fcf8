//! Dependency packages that a manifest gives as files: where they are, their content's hash, and their archive.

use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

use crate::diagnostic::{Diagnostic, Spot};
use crate::model::address::FunctionAddress;
use crate::model::code::{Code, CodeHash};
use crate::model::dependency::Named;
use crate::model::function::Function;

use super::bundle;
use super::bundle_error::BundleError;
use super::code::{CodePath, CodeSource, inside};
use super::listing;
use super::source::Sources;

/// The packages of each function, by their names.
#[derive(Debug, Clone, Default)]
pub struct Packages(BTreeMap<FunctionAddress, BTreeMap<String, CodeSource>>);

/// The packages in a list of dependencies. Problems of other items are reported elsewhere.
pub(super) fn declared(
    list: &Value,
    sources: &Sources,
    spot: &Spot,
    diagnostics: &mut Vec<Diagnostic>,
) -> BTreeMap<String, CodeSource> {
    let mut packages = BTreeMap::new();
    for (index, item) in list.as_array().into_iter().flatten().enumerate() {
        let Some(name) = item.get("name").and_then(Value::as_str) else { continue };
        for (key, source) in KINDS {
            let Some(path) = item.get(key).and_then(Value::as_str) else { continue };
            match inside(path, sources, spot.child(&index.to_string()).child(key)) {
                Ok(path) => drop(packages.insert(name.to_owned(), source(path))),
                Err(finding) => diagnostics.push(*finding),
            }
        }
    }
    packages
}

type Reader = fn(CodePath) -> CodeSource;

/// The keys of paths, and how each is read.
const KINDS: [(&str, Reader); 2] = [("dir", CodeSource::Directory), ("zip", CodeSource::Zip)];

impl Packages {
    pub(super) fn add(&mut self, function: FunctionAddress, packages: BTreeMap<String, CodeSource>) {
        if !packages.is_empty() {
            self.0.insert(function, packages);
        }
    }

    /// The function with a package whose directory has this file, or will have it once it exists.
    pub(super) fn packing(&self, file: &Path) -> Option<&FunctionAddress> {
        let packs = |packages: &BTreeMap<String, CodeSource>| packages.values().any(|it| listing::would_pack(it, file));
        self.0.iter().find(|(_, packages)| packs(packages)).map(|(function, _)| function)
    }

    /// Checks that the packages can be read.
    pub fn inspect(&self) -> Vec<Diagnostic> {
        let sources = self.0.values().flat_map(BTreeMap::values);
        sources.filter_map(|source| Some(unusable(source, &bundle::list(source).err()?))).collect()
    }

    /// Reads the packages, and puts the hashes of their contents into the functions. Returns whether that succeeded.
    pub fn read(&self, functions: &mut [Function], diagnostics: &mut Vec<Diagnostic>) -> bool {
        let mut known: BTreeMap<Spot, CodeHash> = BTreeMap::new();
        let before = diagnostics.len();
        for function in functions {
            let Some(packages) = self.0.get(&function.address) else { continue };
            let mut texts = BTreeMap::new();
            for (name, source) in packages {
                let Some(CodePath { spot, .. }) = source.path() else { continue };
                let hash = known.get(spot).cloned().map_or_else(|| hash(source), Ok);
                match hash {
                    Ok(hash) => {
                        texts.insert(format!("{name}#"), Named::package(name, &hash));
                        known.insert(spot.clone(), hash);
                    }
                    Err(error) => diagnostics.push(unusable(source, &error)),
                }
            }
            function.configuration.replace_dependencies(|text| texts.get(text).cloned());
        }
        diagnostics.len() == before
    }

    /// Packs a package to upload.
    pub fn archive(&self, function: &FunctionAddress, name: &str) -> Result<Vec<u8>, BundleError> {
        let source = self.0.get(function).and_then(|packages| packages.get(name));
        Ok(source.map_or(Ok(None), bundle::archive)?.unwrap_or_default())
    }
}

fn hash(source: &CodeSource) -> Result<CodeHash, BundleError> {
    bundle::read(source).map(|(code, _): (Code, _)| code.hash())
}

fn unusable(source: &CodeSource, error: &BundleError) -> Diagnostic {
    let found = Diagnostic { help: error.help(), ..Diagnostic::error("unusable-package", error.to_string()) };
    found.at_any(source.path().map(|path| &path.spot))
}
