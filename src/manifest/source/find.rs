//! From paths to files: a directory stands for the manifests directly in it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::diagnostic::Diagnostic;

/// A file to read, and the directory that its code stays in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::manifest) enum Found {
    StandardInput,
    File { path: PathBuf, root: PathBuf },
}

/// The files that `paths` stand for, each once. Directories are not descended into: code lives below them, and brings
/// YAML of its own.
pub(in crate::manifest) fn find(paths: &[PathBuf], diagnostics: &mut Vec<Diagnostic>) -> Vec<Found> {
    let mut found = Vec::new();
    let mut seen = BTreeSet::new();
    for path in paths {
        if path.as_os_str() == "-" {
            if !found.contains(&Found::StandardInput) {
                found.push(Found::StandardInput);
            }
        } else if path.is_dir() {
            match manifests_of(path) {
                Ok(files) if files.is_empty() => diagnostics.push(no_manifest(path)),
                Ok(files) => add(&mut found, &mut seen, files, path),
                Err(error) => diagnostics.push(unreadable(path, &error)),
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
        // A path that cannot be resolved cannot be read either, which the reader reports.
        let identity = fs::canonicalize(&path).unwrap_or_else(|_| path.clone());
        if seen.insert(identity) {
            found.push(Found::File { path, root: root.to_owned() });
        }
    }
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
    let message = format!("the directory `{}` has no manifest", directory.display());
    Diagnostic::error("no-manifest", message)
        .help("manifests are the *.yaml and *.yml files directly in it; -f names another file or directory")
}

pub(super) fn unreadable(path: &Path, error: &std::io::Error) -> Diagnostic {
    Diagnostic::error("unreadable", format!("`{}` cannot be read: {error}", path.display()))
}
