//! The files of a manifest: finds and reads them, and locates findings in them.

mod comment;
mod find;
mod ignored;
mod locate;
mod read;
pub(crate) mod scalar;
mod syntax;
mod tree;
mod value;

use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::diagnostic::{Diagnostic, Place, Spot};

pub(super) use find::{Found, find, similar};
pub use ignored::{Lints, UNUSED_IGNORE};
pub(super) use locate::is_secret;
pub(super) use read::read;
pub(super) use syntax::is_invisible;
pub(super) use value::Written;

use locate::Lines;
use tree::Tree;

/// The largest file in bytes. A manifest with 10,000 functions has about 4 MB, so a larger file is not a manifest and
/// is not read.
pub(crate) const FILE_BYTES: u64 = 16 * 1024 * 1024;

/// All files in reading order; [`crate::diagnostic::Spot::source`] is an index into this list.
#[derive(Debug, Default)]
pub struct Sources(Vec<Source>);

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
        self.0.push(source);
        self.0.len() - 1
    }

    pub(super) fn get(&self, index: usize) -> &Source {
        &self.0[index]
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
        ignored::apply(&self.0, diagnostics, lints);
    }

    /// Turns spots into places and sorts the findings by file. This parses the files again instead of keeping their
    /// positions, because most manifests have no findings.
    pub fn locate(&self, diagnostics: &mut Vec<Diagnostic>) {
        locate::locate(&self.0, diagnostics);
    }

    /// The positions of spots in their files.
    pub fn places<'a>(&self, spots: impl IntoIterator<Item = &'a Spot>) -> BTreeMap<Spot, Place> {
        locate::places(&self.0, &spots.into_iter().collect())
    }
}
