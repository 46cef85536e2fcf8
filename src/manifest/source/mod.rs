//! The files of a manifest: finds and reads them, and locates findings in them.

mod comment;
mod find;
mod ignored;
mod locate;
mod origins;
mod read;
pub(crate) mod scalar;
mod syntax;
mod tree;
mod value;

use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::diagnostic::{Diagnostic, Place, Spot};

pub use find::{ENVIRONMENTS_FILE, directory_of, is_yaml, manifests_of};
pub(super) use find::{Found, Lack, Role, find, missing, no_manifest, similar};
pub use ignored::{Lints, UNUSED_IGNORE};
pub(super) use locate::is_secret;
pub(super) use read::read;
pub(super) use syntax::is_invisible;
pub(super) use value::Written;

use locate::Lines;
use origins::Origins;
use tree::Tree;

/// The largest file in bytes. A manifest with 10,000 functions has about 4 MB, so a larger file is not a manifest and
/// is not read.
pub(crate) const FILE_BYTES: u64 = 16 * 1024 * 1024;

/// All files in reading order; [`crate::diagnostic::Spot::source`] is an index into this list.
#[derive(Debug, Default)]
pub struct Sources {
    files: Vec<Source>,
    /// What overlays wrote into the manifests before them.
    origins: Origins,
}

/// One file, as far as it could be read.
#[derive(Debug, Clone)]
pub(super) struct Source {
    /// The name that messages show.
    pub(super) name: String,
    /// Code paths are relative to this directory.
    pub(super) directory: PathBuf,
    /// Code paths must stay inside this directory.
    pub(super) root: PathBuf,
    pub(super) text: String,
}

/// A file's value, and the spelling of scalars that can be values of variables.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) value: Value,
    /// Scalars at the root, where a variable file has its values.
    pub(super) root: BTreeMap<String, Written>,
    /// Scalars under `variables`.
    pub(super) variables: BTreeMap<String, Written>,
}

impl Sources {
    pub(super) fn add(&mut self, source: Source) -> usize {
        self.files.push(source);
        self.files.len() - 1
    }

    /// Removes the file that was added last.
    pub(super) fn remove_last(&mut self) {
        self.files.pop();
    }

    pub(super) fn get(&self, index: usize) -> &Source {
        &self.files[index]
    }

    /// The file that contains a node: the file of its spot, or the overlay that wrote it there.
    pub(super) fn file_of(&self, spot: &Spot) -> &Source {
        self.get(self.origins.file_of(spot))
    }

    /// Whether an overlay wrote or removed a node, but not the node above it.
    pub(super) fn is_changed(&self, node: &Spot, above: &Spot) -> bool {
        self.origins.file_of(node) != self.origins.file_of(above)
    }

    /// Records that an overlay wrote or removed a node of another file.
    pub(super) fn wrote(&mut self, overlay: usize, node: Spot) {
        self.origins.set(node, overlay);
    }

    /// Whether the text of a file, or of an overlay that changes it, contains this.
    pub(super) fn mention(&self, index: usize, text: &str) -> bool {
        self.origins.files_of(index).into_iter().any(|file| self.get(file).text.contains(text))
    }

    /// Parses the text into a generic value. `None` if it is not YAML, or too large once aliases are expanded.
    pub(super) fn document(&self, index: usize, diagnostics: &mut Vec<Diagnostic>) -> Option<Document> {
        let source = self.get(index);
        let tree = match Tree::parse(&source.text) {
            Ok(tree) => tree,
            Err(broken) => {
                let place = Lines::of(source).place(broken.span);
                let finding = Diagnostic::error("yaml-syntax", broken.message).in_place(place);
                diagnostics.push(Diagnostic { help: broken.help, ..finding });
                return None;
            }
        };
        let mut problems = Vec::new();
        let value = value::of_tree(&tree, &mut problems);
        let root = value::scalars(&tree, tree.root);
        let variables = value::scalars(&tree, value::entry(&tree, "variables"));
        let document = Document { value, root, variables };
        if problems.is_empty() {
            return Some(document);
        }
        let usable = problems.iter().all(|problem| problem.code != "too-large");
        let lines = Lines::of(source);
        diagnostics.extend(problems.into_iter().map(|problem| lines.diagnostic(problem)));
        usable.then_some(document)
    }

    /// Removes the findings that comments ignore, and reports comments that are wrong or have no effect.
    pub fn ignore(&self, diagnostics: &mut Vec<Diagnostic>, lints: Lints) {
        ignored::apply(self, diagnostics, lints);
    }

    /// Turns spots into places and sorts the findings by file. This parses the files again instead of keeping their
    /// positions, because most manifests have no findings.
    pub fn locate(&self, diagnostics: &mut Vec<Diagnostic>) {
        locate::locate(self, diagnostics);
    }

    /// The positions of spots in their files.
    pub fn places<'a>(&self, spots: impl IntoIterator<Item = &'a Spot>) -> BTreeMap<Spot, Place> {
        locate::places(self, &spots.into_iter().collect())
    }
}
