//! Finds and uploads the dependency packages that manifests give by name.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::OnceCell;

use crate::model::dependency::Named;
use crate::model::field::Field;
use crate::model::function::Function;
use crate::model::state::DesiredState;
use crate::wire::dependency::{CreateDependencyVersion, DependencyList, DependencyVersion};
use crate::wire::routes::Operation;

use super::read_live::PAGES;
use super::{Error, Remote};

/// Packages that were uploaded, or are being uploaded, so that functions that share one upload it once.
#[derive(Debug, Clone, Default)]
pub(super) struct Uploads(Arc<Mutex<BTreeMap<Package, Arc<OnceCell<String>>>>>);

/// A package for a runtime.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Package {
    pub name: String,
    pub runtime: String,
    /// Of its content.
    pub hash: String,
}

/// The dependencies that were found: their ids, by runtime and text in the manifest.
pub type Found = BTreeMap<(String, String), String>;

/// Starts the description of an upload, before the hash of its content.
const MARK: &str = "fgctl ";

impl Remote {
    /// Looks up the dependencies that the manifests name, public ones included. Those that do not exist are left out.
    pub async fn find_dependencies(&self, desired: &DesiredState) -> Result<Found, Error> {
        let mut names: BTreeMap<(String, String), BTreeSet<String>> = BTreeMap::new();
        for wanted in desired.functions.values() {
            let runtime = wanted.function.configuration.text(Field::Runtime);
            for text in managed(&wanted.function) {
                let Some(Named::Version { name, .. } | Named::Package { name, .. }) = Named::of(text) else { continue };
                names.entry((name, runtime.to_owned())).or_default().insert(text.to_owned());
            }
        }
        let mut found = Found::new();
        for ((name, runtime), texts) in names {
            let versions = self.versions_of(&name, &runtime).await?;
            for text in texts {
                let id = versions.iter().find(|version| is_named(version, &text)).map(|version| version.id.clone());
                found.extend(id.map(|id| ((runtime.clone(), text), id)));
            }
        }
        Ok(found)
    }

    /// The id of the version with this content. Uploads the package if there is none.
    pub async fn upload_package<E: From<Error>>(
        &self,
        package: &Package,
        archive: impl Fn() -> Result<Vec<u8>, E>,
    ) -> Result<String, E> {
        let cell = {
            let mut uploads = self.uploads.0.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(uploads.entry(package.clone()).or_default())
        };
        let upload = async || -> Result<String, E> { Ok(self.create_version(package, &archive()?).await?) };
        Ok(cell.get_or_try_init(upload).await?.clone())
    }

    async fn create_version(&self, package: &Package, archive: &[u8]) -> Result<String, Error> {
        let Package { name, runtime, hash } = package;
        let body = CreateDependencyVersion {
            name: name.clone(),
            runtime: runtime.clone(),
            depend_type: "zip".to_owned(),
            depend_link: None,
            depend_file: Some(STANDARD.encode(archive)),
            description: Some(format!("{MARK}{hash}")),
        };
        let text = format!("{name}#{hash}");
        let find = async || {
            let versions = self.versions_of(name, runtime).await?;
            Ok::<_, Error>(versions.into_iter().find(|version| is_named(version, &text)))
        };
        Ok(self.client.create_dependency_version(&body, find).await?.id)
    }

    /// All versions of the packages with this name and runtime.
    async fn versions_of(&self, name: &str, runtime: &str) -> Result<Vec<DependencyVersion>, Error> {
        let dependencies = pages(self.request(Operation::ListDependencies, &[]), async |marker| {
            Ok::<_, Error>(self.client.list_dependencies(name, runtime, marker).await?)
        });
        let mut versions = Vec::new();
        // The service may filter by a part of the name.
        for one in dependencies.await?.into_iter().filter(|one| one.name == name && one.runtime == runtime) {
            let request = self.request(Operation::ListDependencyVersion, &[&one.id]);
            let found = pages(request, async |marker| {
                Ok::<_, Error>(self.client.list_dependency_versions(&one.id, marker).await?)
            });
            versions.extend(found.await?);
        }
        Ok(versions)
    }
}

/// The texts of a function's dependencies, if it manages them.
pub fn managed(function: &Function) -> Vec<&str> {
    let is_managed = !function.ignore.contains(&Field::Dependencies);
    if is_managed { function.configuration.texts(Field::Dependencies) } else { Vec::new() }
}

fn is_named(version: &DependencyVersion, text: &str) -> bool {
    match Named::of(text) {
        Some(Named::Version { name: _, version: number }) => version.version == i64::from(number),
        Some(Named::Package { name: _, hash }) => {
            version.description.as_deref().and_then(|text| text.strip_prefix(MARK)) == Some(&*hash)
        }
        None => false,
    }
}

/// All entries of a list.
async fn pages(
    request: String,
    read: impl AsyncFn(u64) -> Result<DependencyList, Error>,
) -> Result<Vec<DependencyVersion>, Error> {
    let (mut all, mut marker) = (Vec::new(), 0);
    for _ in 0..PAGES {
        let DependencyList { dependencies, next_marker, count } = read(marker).await?;
        let length = dependencies.len();
        all.extend(dependencies);
        if length == 0 || next_marker <= marker || next_marker >= count {
            return Ok(all);
        }
        marker = next_marker;
    }
    Err(Error::contradiction(request, "its pages do not end"))
}
