//! Completes values for a shell, which runs `COMPLETE=SHELL fgctl -- WORDS`: keys and addresses that the manifests declare,
//! names of live functions, and others.
//!
//! It prints candidates and never an error. If something fails, it prints fewer candidates.

mod bash;

use clap::FromArgMatches;
use clap_complete::engine::{PathCompleter, ValueCompleter};
use clap_complete::env::Shells;
use clap_complete::{CompleteEnv, CompletionCandidate};
use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

use crate::client::region;
use crate::diagnostic::explanation::{self, Explanation};
use crate::model::address::{Address, FunctionAddress};
use crate::model::text::PackageName;
use crate::remote::Remote;

use super::connection::{Connection, ConnectionArguments};
use super::environment_arguments::EnvironmentArguments;
use super::manifest_arguments::ManifestArguments;
use super::{definition, report_file, streams};

/// How long a shell waits for names of live functions.
const DEADLINE: Duration = Duration::from_millis(300);

/// The variable with the name of the shell that asks.
const VARIABLE: &str = "COMPLETE";

/// Answers a shell that asks for candidates, or for the script that makes it ask. Returns false if no shell asks.
pub(super) fn answers() -> bool {
    let builtins = Shells::builtins();
    let Some(variable) = std::env::var_os(VARIABLE) else { return false };
    // The variable may have another meaning for other programs.
    let name = Path::new(&variable).file_stem().and_then(OsStr::to_str);
    let Some(shell) = name.and_then(|name| builtins.completer(name)) else { return false };
    streams::mute();
    let here = std::env::current_dir().ok();
    let line = words();
    // The shell shows no errors, and offers nothing instead.
    if shell.name() == "bash" && !line.is_empty() {
        let answer = bash::answer(&mut definition(), line, here.as_deref()).unwrap_or_default();
        // Directly, because `out!` removes the control character that separates candidates.
        let _ = std::io::stdout().write_all(answer.as_bytes());
    } else {
        let answer = CompleteEnv::with_factory(definition).var(VARIABLE);
        let _ = answer.try_complete(std::env::args_os(), here.as_deref());
    }
    true
}

/// The words of the line to complete. There are none if the shell asks for its script.
fn words() -> Vec<OsString> {
    std::env::args_os().skip_while(|word| word != "--").skip(1).collect()
}

/// Functions for commands that run or observe one: keys of the manifests, and names of live functions.
pub(super) fn functions(current: &OsStr) -> Vec<CompletionCandidate> {
    let keys = declared().into_iter().map(|declared| declared.key);
    starting_with(current, keys.chain(live()))
}

/// Functions for commands that look in the service.
pub(super) fn live_functions(current: &OsStr) -> Vec<CompletionCandidate> {
    starting_with(current, live())
}

/// Keys of the manifests and, after the first character, addresses.
pub(super) fn addresses(current: &OsStr) -> Vec<CompletionCandidate> {
    let is_empty = current.is_empty();
    let declared = declared().into_iter();
    let all = declared.flat_map(|Declared { key, addresses }| {
        addresses.into_iter().filter(|_| !is_empty).chain(std::iter::once(key)).collect::<Vec<_>>()
    });
    starting_with(current, all)
}

/// Directories for `--local`, whose value may be left out. After a space, the word may be another argument.
pub(super) fn data_directories(current: &OsStr) -> Vec<CompletionCandidate> {
    let is_value = || bash::line(words(), 0).words.iter().any(|word| word == "--local=");
    if current.is_empty() && !is_value() { Vec::new() } else { PathCompleter::dir().complete(current) }
}

/// `FORMAT=FILE`: first the formats, then the files.
pub(super) fn reports(current: &OsStr) -> Vec<CompletionCandidate> {
    match current.to_str().and_then(|current| current.split_once('=')) {
        Some((format, path)) => files(&format!("{format}="), path),
        None => starting_with(current, report_file::formats().map(|format| format!("{format}="))),
    }
}

/// `@FILE`; an event can also be written directly.
pub(super) fn events(current: &OsStr) -> Vec<CompletionCandidate> {
    let path = current.to_str().and_then(|current| current.strip_prefix('@'));
    path.map_or_else(Vec::new, |path| files("@", path))
}

fn files(prefix: &str, path: &str) -> Vec<CompletionCandidate> {
    let found = PathCompleter::file().complete(OsStr::new(path));
    found.into_iter().map(|candidate| candidate.add_prefix(prefix)).collect()
}

/// `NAME=VALUE`: the names of the variables that the manifests declare.
pub(super) fn variables(current: &OsStr) -> Vec<CompletionCandidate> {
    let loaded = typed::<ManifestArguments>().and_then(|arguments| arguments.load_for_shell());
    let names = loaded.into_iter().flat_map(|loaded| loaded.variables);
    starting_with(current, names.map(|name| format!("{name}=")))
}

/// Environments of the environments file.
pub(super) fn environments(current: &OsStr) -> Vec<CompletionCandidate> {
    starting_with(current, typed::<EnvironmentArguments>().iter().flat_map(EnvironmentArguments::names))
}

pub(super) fn codes() -> Vec<CompletionCandidate> {
    let candidate =
        |Explanation { code, summary, .. }: &Explanation| CompletionCandidate::new(*code).help(Some((*summary).into()));
    explanation::all().map(candidate).collect()
}

pub(super) fn regions() -> Vec<CompletionCandidate> {
    region::known().map(CompletionCandidate::new).collect()
}

fn starting_with(current: &OsStr, texts: impl IntoIterator<Item = String>) -> Vec<CompletionCandidate> {
    let current = current.to_string_lossy();
    // A key that contains a secret is an error, but not for the shell.
    let fits = |text: &String| text.starts_with(&*current) && streams::hidden(text) == text.as_str();
    texts.into_iter().filter(fits).collect::<BTreeSet<_>>().into_iter().map(CompletionCandidate::new).collect()
}

/// What an entry of the manifests can be called.
struct Declared {
    key: String,
    addresses: Vec<String>,
}

fn declared() -> Vec<Declared> {
    let Some(loaded) = typed::<ManifestArguments>().and_then(|arguments| arguments.load_for_shell()) else {
        return Vec::new();
    };
    let entries = loaded.holders().map(|holder| {
        let function = holder.address;
        let triggers = holder.triggers.keys().map(|key| Address::trigger(function, key));
        let all = [Address::function(function), Address::async_policy(function)].into_iter().chain(triggers);
        Declared { key: holder.key.to_owned(), addresses: all.map(|address| address.to_string()).collect() }
    });
    entries.collect()
}

/// The arguments of the command on the line to complete, as far as they are typed. The command must have them.
fn typed<A: FromArgMatches>() -> Option<A> {
    // An empty word is the one to complete. It is not a valid value.
    let words = bash::line(words(), 0).words.into_iter().filter(|word| !word.is_empty());
    let matches = definition().ignore_errors(true).try_get_matches_from(words).ok()?;
    let (_, matches) = matches.subcommand()?;
    A::from_arg_matches(matches).ok()
}

/// The names of the functions in the service or in the embedded server.
fn live() -> Vec<String> {
    let (sender, names) = mpsc::channel();
    let ask = move || {
        let arguments = typed::<ConnectionArguments>().zip(typed::<EnvironmentArguments>());
        let names = arguments.and_then(|(connection, environment)| listed(&connection, &environment));
        // After the deadline, the receiver is gone.
        let _ = sender.send(names.unwrap_or_default());
    };
    // The end of the process also ends a thread that still waits for an answer.
    let asked = std::thread::Builder::new().spawn(ask);
    asked.ok().and_then(|_| names.recv_timeout(DEADLINE).ok()).unwrap_or_default()
}

fn listed(arguments: &ConnectionArguments, environment: &EnvironmentArguments) -> Option<Vec<String>> {
    if arguments.would_create_data() {
        return None;
    }
    let environment = environment.select().ok()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
    runtime.block_on(async {
        let connection = Connection::open(arguments, environment.as_ref()).await.ok()?;
        let functions = Remote::new(connection.client().ok()?).names().await;
        connection.close().await;
        Some(functions.ok()?.iter().map(name).collect())
    })
}

/// A function's name as arguments accept it.
fn name(FunctionAddress { package, name }: &FunctionAddress) -> String {
    if *package == PackageName::default() { name.to_string() } else { format!("{package}/{name}") }
}
