//! What the commands print on the way from a first apply to the end of a stack: standard output, standard error and exit
//! code.

use regex::Regex;
use std::path::Path;
use std::process::Command;

use crate::invoke::has_python;
use crate::messages::Page;
use crate::process::{Process, finish, text};
use crate::world::Ran;

const STACK: &str = "\
version: 1
stack: orders
defaults: { runtime: Python3.9, handler: index.handler, agency: fgs-notify, timeout: 60 }
functions:
  intake:
    code:
      inline: |
        def handler(event, context):
            if event.get('fail'):
                raise ValueError('no stock')
            print('order', event['order'])
            return {'accepted': True}
    async: { max_retries: 1, on_success: { function: settle }, on_failure: { function: report }, status_log: true }
  settle: { code: { inline: 'def handler(event, context): return 1' } }
  report: { code: { inline: 'def handler(event, context): return 2' } }
";

/// A folder with the stack, and the transcripts of commands there.
struct Shell {
    folder: tempfile::TempDir,
    text: String,
}

impl Shell {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("fgctl.yaml"), STACK).expect("the manifest is written");
        Self { folder, text: String::new() }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fgctl"));
        command.args(arguments).current_dir(self.folder.path());
        command
    }

    fn run(&mut self, arguments: &[&str]) {
        let output = finish(&mut self.command(arguments));
        let transcript = Ran::of(arguments, self.folder.path(), output).transcript();
        self.text.push_str(&transcript);
        self.text.push('\n');
    }

    /// The transcripts without what only a busy machine prints: waits before the first attempt, and what the command
    /// waits for. The installed version of Python is left out too.
    fn text(&self) -> String {
        let unstable = [
            (r"(?m)^[│ ]*├─ waited [^\n]*\n([│ ]*[├└]─ attempt 1 )", "$1"),
            (r"(?m)^Waiting for \S+ to [^\n]*\n", ""),
            (r"A worker starts[^\n]*", "A worker starts"),
        ];
        unstable.iter().fold(self.text.clone(), |text, (pattern, replacement)| {
            Regex::new(pattern).expect("a pattern").replace_all(&text, *replacement).into_owned()
        })
    }
}

#[test]
fn requests_are_made_followed_and_listed() {
    if !has_python() {
        return;
    }
    let mut shell = Shell::new();
    shell.run(&["apply", "--local", "--auto-approve", "--quiet"]);
    for arguments in [
        &["invoke", "intake", "--local", "--data", r#"{"order": 7}"#][..],
        &["invoke", "intake", "--local", "--data", r#"{"fail": true}"#],
        &["invoke", "intake", "--local", "--data", r#"{"order": 8}"#, "--async"],
        &["invoke", "intake", "--local", "--data", r#"{"order": 9}"#, "--follow"],
        &["invoke", "intake", "--local", "--data", r#"{"fail": true}"#, "--follow"],
        &["invocations", "intake", "--local", "--status", "fail"],
        &["invocations", "settle", "--local"],
        &["logs", "settle", "--local"],
    ] {
        shell.run(arguments);
    }
    insta::assert_snapshot!("requests", shell.text());
}

#[test]
fn a_stack_is_applied_saved_forgotten_imported_and_destroyed() {
    let mut page = Page::new();
    page.file("fgctl.yaml", STACK);
    for (title, arguments) in [
        ("a first apply", &["apply", "--local", "--auto-approve"][..]),
        ("no drift", &["drift", "--local"]),
        ("no changes", &["plan", "--local", "--detailed-exitcode"]),
        ("the account", &["whoami", "--local"]),
        ("a function is forgotten", &["forget", "settle", "--local", "--auto-approve"]),
        ("it is unowned", &["drift", "--local", "--unmanaged"]),
        ("it is imported", &["import", "settle", "--local", "--auto-approve"]),
        ("a plan is saved", &["plan", "--local", "--destroy", "--out", "saved"]),
        ("a plan is shown", &["show", "saved"]),
        ("a plan is applied", &["apply", "saved", "--local", "--destroy"]),
        ("nothing is left", &["destroy", "--local"]),
    ] {
        page.title(title);
        page.run(arguments, &[]);
    }
    insta::assert_snapshot!("stack", page.text());
}

#[test]
fn the_program_prints_the_schemas_of_the_repository() {
    let shell = Shell::new();
    for schema in ["manifest", "overlay", "environments", "plan", "report", "graph"] {
        let output = finish(&mut shell.command(&["schema", schema]));
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("schemas/{schema}.schema.json"));
        let json = |bytes: &[u8]| serde_json::from_slice::<serde_json::Value>(bytes).expect("JSON");
        assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), String::new()), "{schema}");
        assert_eq!(json(&output.stdout), json(&std::fs::read(file).expect("the schema")), "{schema}");
    }
}

/// Of one shell's script, only what completes the name of a command, without the descriptions. Another test checks that
/// every shell has a script.
#[test]
fn a_completion_script_offers_every_command() {
    let shell = Shell::new();
    let ran = |arguments: &[&str]| Ran::of(arguments, shell.folder.path(), finish(&mut shell.command(arguments)));
    let mut script = ran(&["completions", "fish"]);
    let names = |line: &str| {
        let is_for_commands = line.starts_with("complete -c fgctl -n \"__fish_fgctl_needs_command\"");
        let (name, _) = line.split_once(" -d ").filter(|_| is_for_commands)?;
        Some(name.to_owned())
    };
    script.stdout = script.stdout.lines().filter_map(names).collect::<Vec<_>>().join("\n");
    let unknown = ran(&["completions", "tcsh"]);
    insta::assert_snapshot!("completions", [script.transcript(), unknown.transcript()].join("\n"));
}

/// What the server says about isolation depends on the machine.
#[cfg(unix)]
#[test]
fn a_server_prints_its_address_and_ends_when_asked() {
    let shell = Shell::new();
    let arguments = ["serve", "--data", "data"];
    let process = Process::start(&mut shell.command(&arguments));
    let address = process.line();
    process.signal("-INT");
    let mut output = process.end();
    output.stdout.splice(0..0, format!("{address}\n").into_bytes());
    output.stderr.clear();
    insta::assert_snapshot!("server", Ran::of(&arguments, shell.folder.path(), output).transcript());
}
