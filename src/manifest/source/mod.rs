//! The files of a manifest: finds and reads them, and locates findings in them.

mod comment;
mod find;
mod ignored;
mod locate;
mod origins;
mod read;
pub(crate) mod scalar;
mod secret_variables;
mod syntax;
mod tree;
mod value;

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use crate::diagnostic::{Diagnostic, Place, Related, Spot, unescaped};

pub use find::{ENVIRONMENTS_FILE, directory_of, is_yaml, manifests_of};
pub(super) use find::{Found, Lack, Order, Role, find, missing, no_manifest, similar};
pub use ignored::{Lints, UNUSED_IGNORE};
pub(super) use locate::is_secret;
pub use read::STANDARD_INPUT;
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
    /// The variables that secrets name in all files that were read, even in those that are wrong or left out.
    secret_variables: BTreeSet<String>,
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
#[derive(Debug, Clone)]
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

    /// The variables that secrets name. `${var.x}` is not replaced in them.
    pub(super) fn secret_variables(&self) -> &BTreeSet<String> {
        &self.secret_variables
    }

    /// The file that contains a node: the file of its spot, or the overlay that wrote it there.
    pub(super) fn file_of(&self, spot: &Spot) -> &Source {
        self.get(self.origins.file_of(spot))
    }

    /// The place where an overlay removes a node that the manifest would otherwise have.
    pub(super) fn removed(&self, node: &Spot) -> Option<Related> {
        let name = unescaped(node.pointer.rsplit('/').next().unwrap_or_default()).into_owned();
        let related =
            || Related { message: format!("`{name}` is removed here"), spot: Some(node.clone()), place: None };
        self.origins.is_set(node).then(related)
    }

    /// The entries of sections, such as targets, that overlays wrote or removed as a whole.
    pub(super) fn changed_entries(&self) -> BTreeMap<String, Spot> {
        let entries = self.origins.nodes().filter(|spot| spot.pointer.matches('/').count() == 2);
        entries.map(|spot| (spot.pointer.clone(), spot)).collect()
    }

    /// Whether a node is in a later file than another one, as the value of an overlay is.
    pub(super) fn is_later(&self, node: &Spot, other: &Spot) -> bool {
        self.origins.is_later(self.origins.file_of(node), self.origins.file_of(other))
    }

    /// The node that is in the latest file: the one that an overlay changes. Among nodes of one file, it is the first.
    pub(super) fn latest(&self, first: Spot, others: impl IntoIterator<Item = Spot>) -> Spot {
        others.into_iter().fold(first, |latest, other| if self.is_later(&other, &latest) { other } else { latest })
    }

    /// Records when a file is applied, among the files that are named.
    pub(super) fn place(&mut self, file: usize, position: usize) {
        self.origins.place(file, position);
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
    pub(super) fn document(&mut self, index: usize, diagnostics: &mut Vec<Diagnostic>) -> Option<Document> {
        let Self { files, secret_variables, origins: _ } = self;
        let source = &files[index];
        let tree = match Tree::parse(&source.text) {
            Ok(tree) => tree,
            Err(broken) => {
                secret_variables.extend(secret_variables::of_text(&source.text));
                let place = Lines::of(source).place(broken.span);
                let finding = Diagnostic::error("yaml-syntax", broken.message).in_place(place);
                diagnostics.push(Diagnostic { help: broken.help, ..finding });
                return None;
            }
        };
        secret_variables.extend(secret_variables::of_tree(&tree));
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
