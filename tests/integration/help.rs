//! Help texts: one page for each command, examples that work, and man pages that say the same.

use regex::Regex;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

use crate::explain::program;
use crate::invoke::has_python;
use crate::process::{finish, shell, text};
use crate::world::Ran;

/// Every command, in the order of the help.
const COMMANDS: [&str; 18] = [
    "validate",
    "plan",
    "apply",
    "show",
    "destroy",
    "drift",
    "graph",
    "export",
    "import",
    "forget",
    "invoke",
    "logs",
    "invocations",
    "serve",
    "whoami",
    "explain",
    "schema",
    "completions",
];

/// The lines of a short help. More would not fit on a screen.
const SHORT: usize = 42;

fn ran(arguments: &[&str]) -> Ran {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fgctl"));
    let output = finish(command.args(arguments).env_clear());
    Ran::of(arguments, Path::new("/no/folder"), output)
}

/// The standard output of a command that must succeed.
fn help(arguments: &[&str]) -> String {
    let ran = ran(arguments);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{arguments:?}");
    ran.stdout
}

#[test]
fn every_command_has_a_short_and_a_complete_help() {
    for command in COMMANDS {
        let pages = ["-h", "--help"].map(|flag| ran(&[command, flag]).transcript());
        insta::assert_snapshot!(command, pages.join("\n"));
    }
    insta::assert_snapshot!("program", ["-h", "--help"].map(|flag| ran(&[flag]).transcript()).join("\n"));
}

#[test]
fn the_help_lists_every_command() {
    let help = help(&["-h"]);
    let (_, commands) = help.split_once("Commands:\n").expect("a list of commands");
    let names = commands.lines().take_while(|line| !line.is_empty()).filter(|line| !line.starts_with("   "));
    let names: Vec<&str> = names.filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(names, [&COMMANDS[..], &["help"]].concat());
}

#[test]
fn short_help_fits_on_a_screen() {
    for command in COMMANDS {
        let short = help(&[command, "-h"]);
        assert!(short.lines().count() <= SHORT, "hide rare options from the short help of {command}:\n{short}");
        assert!(short.contains(&format!("`fgctl {command} --help`")), "{short}");
    }
}

/// Variables that the program reads, and those of other tools whose names it knows.
#[test]
fn every_variable_is_in_a_help_text() {
    let texts: String = COMMANDS.iter().map(|command| help(&[command, "--help"])).chain([help(&["--help"])]).collect();
    let pattern = Regex::new(r#""((?:FGCTL|GITHUB|HUAWEICLOUD|HW|OS)_[A-Z_]+)""#).expect("a pattern");
    let program = program();
    let found: BTreeSet<&str> =
        pattern.captures_iter(&program).filter_map(|found| Some(found.get(1)?.as_str())).collect();
    assert!(found.len() > 40, "the pattern still finds variables: {found:?}");
    let unnamed: Vec<&&str> = found.iter().filter(|variable| !texts.contains(**variable)).collect();
    assert!(unnamed.is_empty(), "no help text names {unnamed:?}");
}

/// The examples of a command. The empty name is the program.
fn examples(command: &str) -> Vec<String> {
    let arguments: Vec<&str> = [command, "--help"].into_iter().filter(|word| !word.is_empty()).collect();
    let help = help(&arguments);
    let (_, examples) = help.split_once("Examples:\n").unwrap_or_else(|| panic!("{command} has no examples"));
    let examples = examples.split("\nEnvironment variables:").next().expect("a first part");
    let lines = examples.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(str::to_owned).collect()
}

#[test]
fn every_command_has_two_or_three_examples() {
    for command in COMMANDS {
        let examples = examples(command);
        assert!((2..=4).contains(&examples.len()), "{command}: {examples:?}");
        assert!(examples.iter().all(|example| example.contains("fgctl")), "{command}: {examples:?}");
    }
}

const STACK: &str = "\
version: 1
stack: shop
defaults: { runtime: Python3.9, handler: index.handler, agency: fgs-notify }
functions:
  intake:
    code: { inline: 'def handler(event, context): return 1' }
    async: { on_success: { function: settle }, status_log: true }
  settle: { code: { inline: 'def handler(event, context): return 2' } }
  report:
    code: { inline: 'def handler(event, context): return 3' }
    async: {}
    triggers: { nightly: { timer: { rate: 1d } } }
  order-mail: { code: { inline: 'def handler(event, context): return 4' } }
";

const OTHER_STACK: &str = "\
version: 1
stack: orders
variables: { level: debug }
functions:
  orders-intake:
    runtime: Python3.9
    handler: index.handler
    code: { inline: 'def handler(event, context): return 1' }
    environment: { LEVEL: \"${var.level}\" }
";

/// A folder with the files that the examples name. All commands use an embedded server there.
struct Shell(TempDir);

impl Shell {
    fn new() -> Self {
        let shell = Self(tempfile::tempdir().expect("a folder"));
        for (path, text) in [
            ("fgctl.yaml", STACK),
            ("stacks/orders/fgctl.yaml", OTHER_STACK),
            ("vars/prod.yaml", "level: info\n"),
            ("event.json", "{\"order\": 7}\n"),
            (".local/share/bash-completion/completions/README", ""),
        ] {
            let path = shell.0.path().join(path);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("the folder is made");
            std::fs::write(path, text).expect("the file is written");
        }
        shell
    }

    /// Runs a line as a user types it.
    fn run(&self, line: &str) {
        let output = finish(shell(self.0.path(), line).env("HOME", self.0.path()).env("FGCTL_LOCAL", "1"));
        // With 2, a command reports changes.
        let is_done = output.status.code().is_some_and(|code| code == 0 || code == 2);
        assert!(is_done, "{line}: {:?}\n{}{}", output.status, text(&output.stdout), text(&output.stderr));
    }
}

/// A line that ends by itself. Questions are answered, and what would run until Ctrl-C is only parsed.
fn ending(line: &str) -> String {
    let asks = ["fgctl apply", "fgctl destroy", "fgctl import", "fgctl forget"];
    let is_open = line.starts_with("fgctl serve")
        || line.starts_with("fgctl logs") && line.contains("--follow")
        || line.starts_with("fgctl invoke") && !has_python();
    if is_open {
        format!("{line} --help")
    } else if asks.iter().any(|command| line.starts_with(command)) && !line.contains("--auto-approve") {
        format!("{line} --auto-approve")
    } else {
        line.to_owned()
    }
}

#[cfg(unix)]
#[test]
fn examples_work() {
    for command in COMMANDS.into_iter().chain([""]) {
        let shell = Shell::new();
        if !["plan", ""].contains(&command) {
            shell.run("fgctl apply --auto-approve");
        }
        if ["export", "import"].contains(&command) {
            shell.run("fgctl forget intake settle report order-mail --auto-approve");
        }
        for example in examples(command) {
            if example.contains("orders.plan") && !example.contains("--out") {
                shell.run("fgctl plan --out orders.plan");
            }
            shell.run(&ending(&example));
        }
    }
}

/// A page as people read it: without the commands of its format and without spaces.
fn page(roff: &str) -> Vec<String> {
    let fonts = Regex::new(r"\\f[BIRP]").expect("a pattern");
    let lines = roff.lines().filter(|line| !line.starts_with(".ie ") && !line.starts_with(".el "));
    let words = lines.filter_map(|line| match line.strip_prefix('.') {
        Some(control) => control.strip_prefix("SH ").map(|heading| heading.replace('"', "")),
        None => Some(line.to_owned()),
    });
    let plain = |line: String| {
        let line = fonts.replace_all(&line, "").replace("\\*(Aq", "'").replace("\\-", "-").replace("\\&", "");
        without_spaces(&line.replace("\\\\", "\\").replace("\\e", "\\"))
    };
    words.map(plain).filter(|line| !line.is_empty()).collect()
}

fn without_spaces(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).collect::<String>().to_lowercase()
}

/// The parts of a help text that a page contains in one piece: headings, options, paragraphs and possible values.
fn parts(help: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    for line in help.lines() {
        let text = line.trim_start();
        let is_option = text.starts_with(['-', '<', '[']) && line.len() - text.len() < 8;
        let is_new = text.is_empty() || is_option || text.starts_with("- ") || text.starts_with(['#', '[']);
        if is_new || line == text && text.ends_with(':') {
            parts.push(String::new());
        }
        let part = parts.last_mut().expect("a part");
        // The generator leaves out that an argument can be repeated.
        let text = text.strip_suffix("...").filter(|_| is_option).unwrap_or(text);
        part.push_str(text.strip_prefix("- ").unwrap_or(text));
        if is_option || text.ends_with(':') {
            parts.push(String::new());
        }
    }
    let parts = parts.iter().map(|part| without_spaces(part)).filter(|part| !part.is_empty());
    let as_listed = |part: String| match part.strip_prefix("[possible").and_then(|rest| rest.strip_suffix(']')) {
        Some(values) => format!("possible{}", values.replace(',', "")),
        None => part.strip_suffix(':').unwrap_or(&part).to_owned(),
    };
    parts.map(as_listed).collect()
}

#[test]
fn man_pages_say_what_the_help_says() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().to_str().expect("a path is text");
    assert_eq!(help(&["man", "--dir", path]), "");
    for command in COMMANDS {
        let roff = std::fs::read_to_string(folder.path().join(format!("fgctl-{command}.1"))).expect("a page");
        let page = page(&roff);
        let help = help(&[command, "--help"]);
        let joined = page.concat();
        for part in parts(&help).iter().filter(|part| !part.starts_with("usage:") && *part != "arguments") {
            assert!(joined.contains(part), "the man page of {command} does not say {part}:\n{joined}");
        }
        let all = without_spaces(&help);
        let rest = page.iter().skip_while(|line| *line != "description").skip(1);
        for line in rest.flat_map(|line| line.split("[default:")) {
            let line = line.trim_start_matches("\\(bu");
            assert!(all.contains(line), "the help of {command} does not say {line}:\n{help}");
        }
    }
    let program = std::fs::read_to_string(folder.path().join("fgctl.1")).expect("a page");
    assert!(COMMANDS.iter().all(|command| program.contains(&format!("fgctl\\-{command}(1)"))), "{program}");
}
