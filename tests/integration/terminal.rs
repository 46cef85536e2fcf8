//! What a person sees on a terminal: a live region while a command works, a pager for long results, and the question
//! after the plan.

use axum::http::Method;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use serde_json::{Value, json};
use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use tokio::sync::Notify;

use crate::patience::{until, within};
use crate::process::{Process, text};
use crate::recorder::Effect;
use crate::world::World;

/// The rows of every terminal here.
const ROWS: u16 = 20;

/// A program on a pseudo-terminal.
struct Terminal {
    program: Process,
    keyboard: File,
    screen: Arc<Mutex<Vec<u8>>>,
    /// Whether the program has closed the terminal.
    closed: Arc<Notify>,
}

impl Terminal {
    /// Runs a command of the program, with these variables.
    fn run(world: &World, arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        let controller = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a pseudo-terminal");
        grantpt(&controller).expect("granted");
        unlockpt(&controller).expect("unlocked");
        tcsetwinsize(&controller, Winsize { ws_row: ROWS, ws_col: 100, ws_xpixel: 0, ws_ypixel: 0 }).expect("a size");
        let name = ptsname(&controller, Vec::new()).expect("a name");
        let name = OsStr::from_bytes(name.as_bytes());
        let open = || OpenOptions::new().read(true).write(true).open(name).expect("the terminal");
        let mut command = world.command(arguments);
        for name in ["NO_COLOR", "FGCTL_PAGER", "PAGER", "LESS"] {
            command.env_remove(name);
        }
        command.env("TERM", "xterm").envs(variables.iter().copied());
        let program = Process::spawn(command.stdin(open()).stdout(open()).stderr(open()));
        // The program must be the only one that keeps the terminal open.
        drop(command);
        let keyboard = File::from(controller);
        let (screen, closed) = (Arc::default(), Arc::new(Notify::new()));
        let mut display = keyboard.try_clone().expect("a second handle");
        let (shown, over): (Arc<Mutex<Vec<u8>>>, Arc<Notify>) = (Arc::clone(&screen), Arc::clone(&closed));
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            // At the end there is an error, not an empty read.
            while let Ok(length @ 1..) = display.read(&mut bytes) {
                shown.lock().expect("no panic").extend(&bytes[..length]);
            }
            over.notify_one();
        });
        Self { program, keyboard, screen, closed }
    }

    /// Everything that was written so far, even if it was overwritten.
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.screen.lock().expect("no panic")).into_owned()
    }

    async fn shows(&self, text: &str) {
        until(format!("{text:?} on the terminal"), async || self.text().contains(text)).await;
    }

    fn type_line(&mut self, line: &str) {
        writeln!(self.keyboard, "{line}").expect("typed");
    }

    /// The exit code, and everything that was written.
    async fn ended(self) -> (Option<i32>, String) {
        let Self { program, keyboard: _keyboard, screen, closed } = self;
        let status = program.ended().await.status;
        within("the end of the terminal", closed.notified()).await;
        let text = String::from_utf8_lossy(&screen.lock().expect("no panic")).into_owned();
        (status.code(), text)
    }
}

/// A world with this many declared functions.
async fn world(functions: usize) -> World {
    let world = World::new().await;
    let function =
        |number: usize| format!("  f{number:03}: {{ code: {{ inline: pass }}, description: Number {number} }}\n");
    let head = "version: 1\nstack: many\ndefaults: { runtime: Python3.9, handler: index.handler }\nfunctions:\n";
    world.manifest(&(head.to_owned() + &(0..functions).map(function).collect::<String>()));
    world
}

#[tokio::test]
async fn a_region_shows_what_is_running_and_goes_away() {
    let world = world(2).await;
    let (_, list) = world.hold(Method::GET, "/fgs/functions");
    let (_, create) = world.hold(Method::POST, "/fgs/functions");
    let terminal = Terminal::run(&world, &["apply", "--auto-approve", "--concurrency", "1"], &[]);
    terminal.shows("reading live state").await;
    list.notify_one();
    terminal.shows("[0/2] applying").await;
    terminal.shows("  + function:default/f000").await;
    create.notify_one();
    let (code, text) = terminal.ended().await;
    assert_eq!(code, Some(0), "{text}");
    let rest = text.rsplit("applying").next().expect("a part");
    assert!(rest.contains("\u{1b}[2K") && rest.contains("Applied: 2 functions created."), "{text:?}");
    let (_, result) = text.rsplit_once("\u{1b}[2K").expect("the region is removed");
    assert!(result.contains("Applied: 2 functions created.") && !result.contains("/2] "), "{text:?}");
}

/// The region shows why a change failed, so that someone can stop the others. The result shows it once more, after the region
/// is gone.
#[tokio::test]
async fn a_failure_is_shown_while_the_others_run_and_once_at_the_end() {
    let world = world(2).await;
    world.disturb(Method::POST, "/fgs/functions", Effect::Answer(403, r#"{"error_code":"FSS.1041"}"#.into()));
    let (_, create) = world.hold(Method::POST, "/fgs/functions");
    let terminal = Terminal::run(&world, &["apply", "--auto-approve", "--concurrency", "1"], &[]);
    terminal.shows("  + function:default/f000 failed: the service answered 403 FSS.1041").await;
    create.notify_one();
    let (code, text) = terminal.ended().await;
    let (_, result) = text.rsplit_once("\u{1b}[2K").expect("the region is removed");
    assert_eq!((code, result.matches("function:default/f000").count()), (Some(1), 1), "{text:?}");
}

#[tokio::test]
async fn quiet_shows_no_region() {
    let world = world(2).await;
    let lists = [world.hold(Method::GET, "/fgs/functions"), world.hold(Method::GET, "/fgs/functions")];
    let quiet = Terminal::run(&world, &["plan", "--quiet"], &[]);
    // The quiet program waits at least as long as the other one needs to show its region.
    within("the list of the quiet program", lists[0].0.notified()).await;
    let loud = Terminal::run(&world, &["plan"], &[]);
    loud.shows("reading live state").await;
    for (_, go) in &lists {
        go.notify_one();
    }
    assert_eq!(loud.ended().await.0, Some(0));
    assert_eq!(quiet.ended().await, (Some(0), String::new()));
}

#[tokio::test]
async fn a_plan_that_is_longer_than_the_terminal_is_paged_and_its_summary_follows() {
    let world = world(30).await;
    let paged = || std::fs::read_to_string(world.folder.path().join("paged")).ok();
    let variables = [("FGCTL_PAGER", "cat > paged; echo LESS is $LESS"), ("PAGER", "false")];
    let (code, text) = Terminal::run(&world, &["plan"], &variables).ended().await;
    assert_eq!(code, Some(0), "{text}");
    assert!(!text.contains("f001") && text.contains("LESS is FRX"), "{text}");
    assert!(text.trim_end().ends_with("Plan: 30 functions to create."), "{text}");
    let shown = paged().expect("the pager got it");
    assert!(shown.contains("\u{1b}[1m30 functions\u{1b}[0m") && shown.contains("f029"), "{shown}");

    std::fs::remove_file(world.folder.path().join("paged")).expect("removed");
    for (arguments, variables) in
        [(&["plan", "--no-pager"][..], &variables[..]), (&["plan"], &[("FGCTL_PAGER", ""), ("PAGER", "cat > paged")])]
    {
        let (code, text) = Terminal::run(&world, arguments, variables).ended().await;
        assert_eq!(code, Some(0), "{text}");
        assert!(text.contains("function:default/f029") && !text.contains("warning"), "{text}");
        assert_eq!(paged(), None);
    }
}

#[tokio::test]
async fn a_pager_that_fails_hides_nothing() {
    let world = world(30).await;
    for pager in ["no-such-program-here", "\"unbalanced", "false", "cat > /dev/null; exit 3", "kill -KILL $$"] {
        let (code, text) = Terminal::run(&world, &["plan"], &[("FGCTL_PAGER", pager)]).ended().await;
        assert_eq!(code, Some(0), "{text}");
        assert!(text.contains("function:default/f029"), "{pager}: {text}");
        assert!(text.contains(&format!("warning: the pager `{pager}` failed")), "{text}");
    }
    // Ctrl-C ended it, so the user has seen enough.
    let (code, text) = Terminal::run(&world, &["plan"], &[("FGCTL_PAGER", "exit 130")]).ended().await;
    assert_eq!(code, Some(0), "{text}");
    assert!(!text.contains("function:default/f029") && text.contains("Plan: 30 functions to create."), "{text}");
}

#[tokio::test]
async fn a_signal_ends_a_command_whose_pager_is_open() {
    let world = world(30).await;
    // The pager ends when the test says so, or is over.
    let pager = "touch ready; while [ -e ready ] && [ ! -e go ]; do sleep 0.01; done";
    let arguments = ["plan", "--report", "json=report.json"];
    let exists = |name: &str| world.folder.path().join(name).exists();
    let terminal = Terminal::run(&world, &arguments, &[("FGCTL_PAGER", pager)]);
    until("the pager", async || exists("ready")).await;
    terminal.program.signal("-TERM");
    until("the report", async || exists("report.json")).await;
    world.file("go", "");
    let (code, text) = terminal.ended().await;
    assert_eq!(code, Some(130), "{text}");
    assert!(text.contains("Interrupted: nothing was changed.") && is_interrupted(&world.report()), "{text}");
}

/// Whether a report is about a command that was interrupted before it had a result.
fn is_interrupted(report: &Value) -> bool {
    (&report["outcome"], &report["error"]["code"]) == (&json!("failed"), &json!("interrupted"))
}

#[tokio::test]
async fn a_short_result_needs_no_pager() {
    let world = world(1).await;
    let (code, text) = Terminal::run(&world, &["plan"], &[("PAGER", "cat > paged")]).ended().await;
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("function:default/f000") && text.contains("Plan: 1 function to create."), "{text}");
    assert!(!world.folder.path().join("paged").exists());
}

/// The program is blocked, because nothing reads the pipe.
#[tokio::test]
async fn a_signal_ends_a_command_that_cannot_write() {
    let world = world(400).await;
    signalled_while_blocked(&world, &[], "Interrupted: nothing was changed.\n").await;
    assert!(is_interrupted(&world.report()));
    // The reports are written before the document is printed.
    let said = "Interrupted: the command had finished, but its output is incomplete.\n";
    signalled_while_blocked(&world, &["-o", "json"], said).await;
    assert!(!is_interrupted(&world.report()));
}

async fn signalled_while_blocked(world: &World, arguments: &[&str], said: &str) {
    let (mut output, input) = std::io::pipe().expect("a pipe");
    let plan = ["plan", "--full", "--report", "json=report.json"];
    let mut command = world.command(&[&plan, arguments].concat());
    let process = Process::spawn(command.stdin(Stdio::null()).stdout(input).stderr(Stdio::piped()));
    drop(command);
    let started = tokio::task::spawn_blocking(move || output.read_exact(&mut [0]).map(|()| output));
    let _unread = within("the start of the plan", started).await.expect("no panic").expect("it is written");
    process.signal("-TERM");
    let ended = process.ended().await;
    assert_eq!(ended.status.code(), Some(130));
    assert!(text(&ended.stderr).ends_with(said), "{}", text(&ended.stderr));
}

/// The plan is longer than the buffer of a pipe, so the program is still writing when the pager ends.
#[tokio::test]
async fn a_pager_can_end_early() {
    let world = world(400).await;
    let (code, text) =
        Terminal::run(&world, &["plan", "--full", "--detailed-exitcode"], &[("PAGER", "true")]).ended().await;
    assert_eq!(code, Some(2), "{text}");
    assert!(text.trim_end().ends_with("Plan: 400 functions to create."), "{text}");
    assert!(!text.contains("panicked") && !text.contains("error"), "{text}");
}

#[tokio::test]
async fn the_question_of_an_apply_comes_after_the_plan_and_no_pager_hides_it() {
    let world = world(30).await;
    let parts = ["function:default/f029", "Plan: 30 functions to create.", "Apply these changes to stack"];
    asked(&world, &["apply"], &[("PAGER", "cat > paged")], &parts).await;
    assert!(!world.folder.path().join("paged").exists());
}

/// A question without the changes that it is about could delete everything unseen.
#[tokio::test]
async fn every_question_comes_after_what_it_is_about_even_with_quiet() {
    let world = world(2).await;
    let change = "function:default/f001";
    asked(&world, &["apply", "-q"], &[], &[change, "2 functions to create", "Apply these changes to stack \"many\""])
        .await;
    world.apply().await;
    let deletion = [change, "2 functions to delete", "Delete these resources of stack \"many\""];
    asked(&world, &["destroy", "-q"], &[], &deletion).await;
    let forgotten = [change, "Remove these resources from stack \"many\"", "without deleting them?"];
    asked(&world, &["forget", "f001", "-q"], &[], &forgotten).await;
    assert_eq!(world.run(&["plan", "--destroy", "--out", "all.plan"]).await.code, Some(0));
    let permitted = [deletion[0], deletion[1], "--destroy: delete every function", deletion[2]];
    asked(&world, &["apply", "all.plan"], &[], &permitted).await;
    assert_eq!(world.run(&["forget", "f001", "--auto-approve"]).await.code, Some(0));
    let taken = [change, "Make these resources part of stack \"many\""];
    asked(&world, &["import", "f001", "-q"], &[], &taken).await;
}

/// Runs a command that asks after these texts, and declines.
async fn asked(world: &World, arguments: &[&str], variables: &[(&str, &str)], texts: &[&str]) {
    let mut terminal = Terminal::run(world, arguments, variables);
    terminal.shows("Type \"yes\" to confirm: ").await;
    let text = terminal.text();
    let places: Vec<usize> =
        texts.iter().map(|part| text.find(part).unwrap_or_else(|| panic!("{part}: {text}"))).collect();
    assert!(places.is_sorted(), "{text}");
    terminal.type_line("no");
    let (code, text) = terminal.ended().await;
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("Nothing was changed."), "{text}");
}

#[tokio::test]
async fn a_signal_at_the_question_changes_nothing_and_is_reported() {
    let world = world(1).await;
    for signal in ["-INT", "-TERM", "-HUP"] {
        let terminal = Terminal::run(&world, &["apply", "--report", "json=report.json"], &[]);
        terminal.shows("Type \"yes\" to confirm: ").await;
        terminal.program.signal(signal);
        let (code, text) = terminal.ended().await;
        assert_eq!(code, Some(130), "{text}");
        // The message begins a line of its own.
        assert!(text.contains("confirm: \r\nInterrupted: nothing was changed."), "{text:?}");
        assert!(is_interrupted(&world.report()));
    }
    assert_eq!(world.planned(&[]).await, ["create function:default/f000"]);
}
