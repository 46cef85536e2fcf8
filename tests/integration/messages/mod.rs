//! The program's messages about mistakes. Each test makes one page that shows all messages of a kind.

mod code;
mod command_line;
mod connection;
mod existing;
mod later_fields;
mod lint;
mod manifest;
mod overlay;
mod policy;
mod service;
mod stack;
mod trigger;
mod variables;

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::{Command, Output};
use tempfile::TempDir;

use crate::process::{finish, finished};
use crate::transcript::stable;
use crate::world::Ran;

/// The first lines of a manifest, which pages leave out.
const HEAD: &str = "version: 1\nstack: s\ndefaults: { runtime: Python3.9, handler: index.handler, agency: a }\n";

/// An account. Pages omit it unless they are about it.
const ACCOUNT: [(&str, &str); 4] = [
    ("FGCTL_ACCESS_KEY", "AK"),
    ("FGCTL_SECRET_KEY", "the-secret-key"),
    ("FGCTL_REGION", "eu-de"),
    ("FGCTL_PROJECT_ID", "p"),
];

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

    /// Adds a mistake in a manifest that starts with [`HEAD`], and the output of `validate`.
    fn manifest(&mut self, title: &str, rest: &str) {
        self.given(title, rest, &["validate"]);
    }

    /// Like [`Self::manifest`], for another command.
    fn given(&mut self, title: &str, rest: &str, arguments: &[&str]) {
        self.file("fgctl.yaml", format!("{HEAD}{rest}"));
        self.title(title);
        // Tabs would be invisible.
        let _ = writeln!(self.text, "{}", rest.trim_end().replace('\t', "→"));
        self.run(arguments, &[]);
    }

    /// Adds a command and its transcript. The command gets no variables of this process.
    pub(crate) fn run(&mut self, arguments: &[&str], variables: &[(&str, &str)]) {
        let output = finish(&mut self.command(arguments, variables));
        self.ran(arguments, variables, output);
    }

    /// Like [`Self::run`], while the test's own servers answer.
    pub(crate) async fn ask(&mut self, arguments: &[&str], variables: &[(&str, &str)]) {
        let output = finished(self.command(arguments, variables)).await;
        self.ran(arguments, variables, output);
    }

    /// Like [`Self::run`], in a subfolder and with the account.
    pub(crate) fn run_in(&mut self, folder: &str, arguments: &[&str]) {
        let mut command = self.command(arguments, &ACCOUNT);
        let output = finish(command.current_dir(self.folder.path().join(folder)));
        self.ran(arguments, &[], output);
    }

    /// Like [`Self::run`], with another home directory.
    pub(crate) fn run_at(&mut self, home: &str, arguments: &[&str]) {
        let mut command = self.command(arguments, &[]);
        let output = finish(command.env("HOME", self.folder.path().join(home)));
        self.ran(arguments, &[], output);
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn ran(&mut self, arguments: &[&str], variables: &[(&str, &str)], output: Output) {
        for (name, value) in variables.iter().filter(|variable| !ACCOUNT.contains(variable)) {
            let _ = writeln!(self.text, "{}", stable(&format!("{name}={value:?}"), self.folder.path()));
        }
        self.add(&Ran::of(arguments, self.folder.path(), output).transcript());
    }

    fn command(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fgctl"));
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env_clear()
            .env("HOME", self.folder.path().join("home"));
        command.envs(variables.iter().copied());
        command
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
