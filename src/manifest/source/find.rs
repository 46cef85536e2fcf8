//! Finds files from paths. A directory stands for the manifests directly in it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::diagnostic::Diagnostic;

use super::super::nearest::nearest;

/// A file to read, and the directory that its code must stay in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::manifest) enum Found {
    StandardInput,
    File { path: PathBuf, root: PathBuf, role: Role },
}

/// The purpose of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::manifest) enum Role {
    Manifest,
    Variables,
}

impl Role {
    const fn noun(self) -> &'static str {
        match self {
            Self::Manifest => "manifest",
            Self::Variables => "variable file",
        }
    }
}

impl Found {
    /// A variable file. It has no code.
    pub(in crate::manifest) fn variables(path: &Path) -> Self {
        Self::File { path: path.to_owned(), root: PathBuf::new(), role: Role::Variables }
    }
}

/// The manifests for `paths`, each once. Subdirectories are not searched: they contain code, which can have its own
/// YAML files. `variable_files` in a directory are not manifests.
pub(in crate::manifest) fn find(
    paths: &[PathBuf],
    variable_files: &[PathBuf],
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<Found> {
    let mut found = Vec::new();
    let mut seen = BTreeSet::new();
    let variable_files: BTreeSet<PathBuf> = variable_files.iter().map(|path| identity(path)).collect();
    for path in paths {
        if path.as_os_str() == "-" {
            if !found.contains(&Found::StandardInput) {
                found.push(Found::StandardInput);
            }
        } else if path.is_dir() {
            let manifests = manifests_of(path).map(|mut files| {
                files.retain(|file| !variable_files.contains(&identity(file)));
                files
            });
            match manifests {
                Ok(files) if files.is_empty() => diagnostics.push(no_manifest(path)),
                Ok(files) => add(&mut found, &mut seen, files, path),
                Err(error) => diagnostics.push(unreadable(path, Role::Manifest, &error)),
            }
        } else {
            let root = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
            add(&mut found, &mut seen, vec![path.clone()], root);
        }
    }
    found
}

fn add(found: &mut Vec<Found>, seen: &mut BTreeSet<PathBuf>, files: Vec<PathBuf>, root: &Path) {
    for path in files {
        if seen.insert(identity(&path)) {
            found.push(Found::File { path, root: root.to_owned(), role: Role::Manifest });
        }
    }
}

/// The file itself, whatever path leads to it. A path that cannot be resolved cannot be read either; the reader reports
/// it.
fn identity(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

fn manifests_of(directory: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        let yaml = path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml");
        if yaml && !hidden && !path.is_dir() {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn no_manifest(directory: &Path) -> Diagnostic {
    let message = format!("the directory `{}` contains no manifest", directory.display());
    Diagnostic::error("no-manifest", message)
        .help("a manifest is a *.yaml or *.yml file directly in the directory; name another file or directory with -f")
}

pub(super) fn unreadable(path: &Path, role: Role, error: &std::io::Error) -> Diagnostic {
    let (noun, shown) = (role.noun(), path.display());
    if error.kind() != std::io::ErrorKind::NotFound {
        return Diagnostic::error("unreadable", format!("the {noun} `{shown}` cannot be read: {error}"));
    }
    let missing = Diagnostic::error("unreadable", format!("the {noun} `{shown}` does not exist"));
    match similar(path) {
        Some(similar) => missing.help(format!("did you mean `{}`?", similar.display())),
        None => missing.help("paths are relative to the current directory"),
    }
}

/// The path of an existing file with a similar name.
pub(in crate::manifest) fn similar(path: &Path) -> Option<PathBuf> {
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let names = fs::read_dir(folder.unwrap_or(Path::new("."))).ok()?;
    let names: BTreeSet<String> = names.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
    let nearest = nearest(path.file_name()?.to_str()?, names.iter().map(String::as_str))?;
    Some(folder.map_or_else(|| nearest.into(), |folder| folder.join(nearest)))
}
