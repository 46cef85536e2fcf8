//! The manifests' files: found, read, and asked again where something is once there is something to say about it.

mod find;
mod locate;
mod read;
pub(crate) mod scalar;
mod syntax;
mod tree;
mod value;

use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::diagnostic::Diagnostic;

pub(super) use find::{Found, find, similar};
pub(super) use locate::is_secret;
pub(super) use read::read;
pub(super) use value::Written;

use locate::Lines;
use tree::Tree;

/// Bytes of one file. A manifest of 10,000 functions has about 4 MB; what is larger is no manifest, and is not read.
pub(crate) const FILE_BYTES: u64 = 16 * 1024 * 1024;

/// All that was read, in the order of reading: [`crate::diagnostic::Spot::source`] counts here.
#[derive(Debug, Default)]
pub struct Sources(Vec<Source>);

/// One file, as far as it could be read.
#[derive(Debug, Clone)]
pub(super) struct Source {
    /// As messages show it.
    pub(super) name: String,
    /// Code paths are relative to this directory.
    pub(super) directory: PathBuf,
    /// Code paths stay inside of this directory.
    pub(super) root: PathBuf,
    pub(super) text: String,
}

/// A file's value, and how the scalars that can be variables' values are written.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) value: Value,
    /// Directly in the file: a variable file has its values there.
    pub(super) root: BTreeMap<String, Written>,
    /// Under `variables`.
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

    /// The text as a generic value; `None` where it is not YAML, or too large once expanded.
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

    /// Turns spots into places, and puts the findings in the order of the files. Parses the files again, since nothing
    /// was kept for this: most manifests have nothing to be said about.
    pub fn locate(&self, diagnostics: &mut Vec<Diagnostic>) {
        locate::locate(&self.0, diagnostics);
    }
}
