//! Finds files from paths. A directory stands for the manifests directly in it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::diagnostic::{Diagnostic, Spot};

use super::super::nearest::nearest;

/// A file to read, and the directory that its code must stay in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::manifest) enum Found {
    StandardInput,
    File { path: PathBuf, root: PathBuf, role: Role },
}

/// The name of the file that describes environments. It is not a manifest, even though it lies beside some.
pub const ENVIRONMENTS_FILE: &str = "fgctl.environments.yaml";

/// The purpose of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::manifest) enum Role {
    Manifest,
    /// A manifest that only its directory stands for. An overlay has to be named: beside it, there may be others that are
    /// for other environments.
    InDirectory,
    Variables,
    Environments,
}

impl Role {
    const fn noun(self) -> &'static str {
        match self {
            Self::Manifest | Self::InDirectory => "manifest",
            Self::Variables => "variable file",
            Self::Environments => "environments file",
        }
    }

    /// What to do if the file does not exist.
    const fn help(self) -> &'static str {
        match self {
            Self::Manifest | Self::InDirectory | Self::Variables => "paths are relative to the current directory",
            Self::Environments => "run fgctl in the directory of this file, or name the file with --environments",
        }
    }
}

impl Found {
    /// A file without code.
    pub(in crate::manifest) fn without_code(path: &Path, role: Role) -> Self {
        Self::File { path: path.to_owned(), root: PathBuf::new(), role }
    }

    /// The directory that stands for this file, if the file is not named itself.
    pub(in crate::manifest) fn directory(&self) -> Option<&Path> {
        match self {
            Self::File { root, role: Role::InDirectory, .. } => Some(root),
            _ => None,
        }
    }

    /// Whether the file is directly in this directory.
    pub(in crate::manifest) fn is_in(&self, directory: &Path) -> bool {
        matches!(self, Self::File { root, .. } if identity(root) == identity(directory))
    }
}

/// Files, each once, and the order in which they are named. A file that is named twice is twice in the order.
#[derive(Debug, Default)]
pub(in crate::manifest) struct Order {
    pub(in crate::manifest) files: Vec<Found>,
    pub(in crate::manifest) positions: Vec<usize>,
}

impl Order {
    fn of(found: Vec<Found>) -> Self {
        let (mut order, mut seen) = (Self::default(), BTreeMap::new());
        for one in found {
            let identity = match &one {
                Found::StandardInput => PathBuf::from("-"),
                Found::File { path, .. } => identity(path),
            };
            let position = *seen.entry(identity).or_insert(order.files.len());
            order.positions.push(position);
            if position == order.files.len() {
                order.files.push(one);
            }
        }
        order
    }
}

/// The manifests for `paths`, and at their own positions if they are named. Subdirectories are not searched: they
/// contain code, which can have its own YAML files. `others` in a directory are not manifests. `entry_of` is where an
/// environment names a directory.
pub(in crate::manifest) fn find(
    paths: &[PathBuf],
    others: &[PathBuf],
    entry_of: &dyn Fn(&Path) -> Option<Spot>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Order {
    let named = identities(paths);
    let mut found = Vec::new();
    for path in paths {
        if path.as_os_str() == "-" {
            found.push(Found::StandardInput);
        } else if path.is_dir() {
            let file = |file| Found::File { path: file, root: path.clone(), role: Role::InDirectory };
            match manifests_of(path, others) {
                Ok(files) if files.is_empty() => {
                    diagnostics.push(no_manifest(path, Lack::Files, entry_of(path).as_ref()));
                }
                Ok(files) => found.extend(files.into_iter().filter(|file| !named.contains(&identity(file))).map(file)),
                Err(error) => diagnostics.push(unreadable(path, Role::Manifest, &error)),
            }
        } else {
            found.push(Found::File { path: path.clone(), root: directory_of(path).to_owned(), role: Role::Manifest });
        }
    }
    Order::of(found)
}

/// The file itself, whatever path leads to it. A path that cannot be resolved cannot be read either; the reader reports
/// it.
fn identity(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

/// The directory that a file is in.
pub fn directory_of(file: &Path) -> &Path {
    file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Whether a file is YAML by its name.
pub fn is_yaml(file: &Path) -> bool {
    file.extension().is_some_and(|extension| extension == "yaml" || extension == "yml")
}

fn identities(paths: &[PathBuf]) -> BTreeSet<PathBuf> {
    paths.iter().map(|path| identity(path)).collect()
}

/// The files of a directory that are read as manifests. `others` are not.
pub fn manifests_of(directory: &Path, others: &[PathBuf]) -> std::io::Result<Vec<PathBuf>> {
    let (others, mut files) = (identities(others), Vec::new());
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        let is_other = path.file_name().is_some_and(|name| name == ENVIRONMENTS_FILE);
        if is_yaml(&path) && !hidden && !is_other && !path.is_dir() && !others.contains(&identity(&path)) {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Why a directory stands for no manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::manifest) enum Lack {
    Files,
    /// Overlays have to be named.
    OnlyOverlays,
}

/// The error about a directory that stands for no manifest. `entry` is where an environment names it.
pub(in crate::manifest) fn no_manifest(directory: &Path, lack: Lack, entry: Option<&Spot>) -> Diagnostic {
    let (named, example) = match entry {
        None => ("with -f", "-f fgctl.yaml -f overlays/prod.yaml"),
        Some(_) => ("under `files`", "files: [fgctl.yaml, overlays/prod.yaml]"),
    };
    let (what, help) = match lack {
        Lack::Files => {
            let manifest = "a manifest is a *.yaml or *.yml file directly in the directory";
            ("contains no manifest", format!("{manifest}; name another file or directory {named}"))
        }
        Lack::OnlyOverlays => {
            ("contains only overlays", format!("name the manifest {named}, and then each overlay: `{example}`"))
        }
    };
    let found = Diagnostic::error("no-manifest", format!("the directory `{}` {what}", directory.display())).help(help);
    found.at_any(entry)
}

pub(super) fn unreadable(path: &Path, role: Role, error: &std::io::Error) -> Diagnostic {
    if error.kind() == std::io::ErrorKind::NotFound {
        return missing(path, role, role.help());
    }
    let message = format!("the {} `{}` cannot be read: {error}", role.noun(), path.display());
    Diagnostic::error("unreadable", message)
}

/// `otherwise` is the help if no file has a similar name.
pub(in crate::manifest) fn missing(path: &Path, role: Role, otherwise: &str) -> Diagnostic {
    let missing = Diagnostic::error("unreadable", format!("the {} `{}` does not exist", role.noun(), path.display()));
    match similar(path) {
        Some(similar) => missing.help(format!("did you mean `{}`?", similar.display())),
        None => missing.help(otherwise),
    }
}

/// The path of an existing file with a similar name.
pub(in crate::manifest) fn similar(path: &Path) -> Option<PathBuf> {
    let names = fs::read_dir(directory_of(path)).ok()?;
    let names: BTreeSet<String> = names.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
    let nearest = nearest(path.file_name()?.to_str()?, names.iter().map(String::as_str))?;
    Some(path.with_file_name(nearest))
}
