//! The shape of the source: imports between modules, pure modules, lengths of files and parameter lists, types of
//! errors, and unused files and dependencies.

mod brackets;
mod dependencies;
mod errors;
mod forgotten;
mod imports;
mod length;
mod parameters;
mod purity;
mod server;

use std::path::{Path, PathBuf};

/// A Rust file, with its path in the repository.
struct Source {
    path: String,
    text: String,
}

impl Source {
    /// The lines with their numbers, without comments.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = self.text.lines().enumerate().map(|(index, line)| (index + 1, line));
        lines.filter(|(_, line)| !line.trim_start().starts_with("//"))
    }

    /// The module of `src` that the file belongs to; `None` for the roots of crates.
    fn module(&self) -> Option<&str> {
        let first = self.path.strip_prefix("src/")?.split('/').next()?;
        Some(first.trim_end_matches(".rs")).filter(|module| !matches!(*module, "lib" | "main"))
    }
}

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The Rust files in a folder of the repository, sorted by path.
fn sources(folder: &str) -> Vec<Source> {
    let rust = files(folder).into_iter().filter(|path| Path::new(path).extension().is_some_and(|end| end == "rs"));
    rust.map(|path| Source { text: read(&path), path }).collect()
}

fn files(folder: &str) -> Vec<String> {
    let mut files = Vec::new();
    collect(&repository().join(folder), &mut files);
    let path =
        |file: &PathBuf| file.strip_prefix(repository()).expect("a file of the repository").display().to_string();
    let mut paths: Vec<String> = files.iter().map(path).collect();
    paths.sort();
    paths
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder is readable") {
        let path = entry.expect("an entry").path();
        if path.is_dir() { collect(&path, files) } else { files.push(path) }
    }
}

fn read(path: &str) -> String {
    std::fs::read_to_string(repository().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}
