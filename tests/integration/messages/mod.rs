//! The program's messages about mistakes. Each test makes one page that shows all messages of a kind.

mod code;
mod command_line;
mod manifest;
mod policy;
mod variables;

use std::fmt::Write as _;
use std::process::Command;
use tempfile::TempDir;

use crate::process::finish;
use crate::transcript::transcript;
use crate::world::Ran;

/// The first lines of a manifest, which pages leave out.
const HEAD: &str = "version: 1\nstack: s\ndefaults: { runtime: Python3.9, handler: index.handler, agency: a }\n";

/// A folder with files, and the output of commands in it.
pub(crate) struct Page {
    folder: TempDir,
    text: String,
}

impl Page {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder"), text: String::new() }
    }

    pub(crate) fn file(&self, name: &str, text: impl AsRef<[u8]>) {
        let path = self.folder.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("the folder is made");
        std::fs::write(path, text).expect("the file is written");
    }

    /// One mistake in a manifest, whose first lines are [`HEAD`], and the output of `validate`.
    fn manifest(&mut self, title: &str, rest: &str) {
        self.given(title, rest, &["validate"]);
    }

    /// The same for another command.
    fn given(&mut self, title: &str, rest: &str, arguments: &[&str]) {
        self.file("fgctl.yaml", format!("{HEAD}{rest}"));
        self.title(title);
        // Tabs would be invisible.
        let _ = writeln!(self.text, "{}", rest.trim_end().replace('\t', "→"));
        self.run(arguments, &[]);
    }

    /// A command and its transcript. It gets no variables of this process.
    pub(crate) fn run(&mut self, arguments: &[&str], variables: &[(&str, &str)]) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fgctl"));
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env_clear()
            .env("HOME", self.folder.path().join("home"));
        command.envs(variables.iter().copied());
        let ran = Ran::from(finish(&mut command));
        for (name, value) in variables {
            let _ = writeln!(self.text, "{name}={value}");
        }
        self.add(&transcript(arguments, &ran, self.folder.path()));
    }

    pub(crate) fn title(&mut self, title: &str) {
        let _ = writeln!(self.text, "═══ {title}");
    }

    pub(crate) fn add(&mut self, text: &str) {
        let _ = writeln!(self.text, "{text}");
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }
}
