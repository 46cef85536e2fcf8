//! Shows long results in a pager, as git does.

use std::io::{self, Write};
use std::process::{Command, ExitStatus, Stdio};

use crate::render::printable;

use super::{help, interruption, streams};

/// The flag of commands that show long results.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(super) struct PagerArguments {
    /// Never show the result in a pager
    ///
    /// Without this option, a result that is longer than the terminal is shown in a pager. The variable `FGCTL_PAGER` or `PAGER`
    /// names its command; the default is `less`. If the variable is empty or `cat`, there is no pager.
    #[arg(long, help_heading = help::OUTPUT, hide_short_help = true)]
    no_pager: bool,
}

/// The command of a pager; `None` prints everything at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pager(Option<String>);

/// What shells return if Ctrl-C ended a command.
const LEFT: i32 = 130;

impl PagerArguments {
    pub(super) fn pager(self) -> Pager {
        if self.no_pager { Pager::OFF } else { Pager(chosen(|name| std::env::var(name).ok())) }
    }
}

impl Pager {
    /// For commands that ask a question or have nothing to read at leisure.
    pub(super) const OFF: Self = Self(None);

    /// Prints a part of the result, in the pager if it is longer than the terminal. Returns when the pager has ended.
    pub(super) fn print(&self, text: &str) {
        let is_long = || streams::size().is_some_and(|(width, height)| rows(text, width) >= height);
        let is_shown = self.0.as_ref().filter(|_| is_long()).is_some_and(|pager| is_paged(pager, text));
        if !is_shown {
            out!("{text}");
        }
    }
}

/// The pager that the environment names; `None` for one that does nothing.
fn chosen(variable: impl Fn(&str) -> Option<String>) -> Option<String> {
    let named = variable("FGCTL_PAGER").or_else(|| variable("PAGER")).unwrap_or_else(|| "less".to_owned());
    let is_dumb = variable("TERM").is_some_and(|terminal| terminal == "dumb");
    Some(named).filter(|pager| !is_dumb && !matches!(pager.trim(), "" | "cat"))
}

/// The rows that a text takes on a terminal.
fn rows(text: &str, width: usize) -> usize {
    let plain = anstream::adapter::strip_str(text).to_string();
    plain.lines().map(|line| line.chars().count().div_ceil(width.max(1)).max(1)).sum()
}

/// Shows a text in a pager, and returns whether it did so until the user left it.
fn is_paged(pager: &str, text: &str) -> bool {
    // If Ctrl-C ended only this process, the pager would lose its terminal.
    let (ended, was_left) = interruption::with_pager(|| run(pager, text));
    let problem = match ended {
        Ok(status) if status.success() || was_left || is_left(status) => return true,
        Ok(status) => status.to_string(),
        Err(error) => error.to_string(),
    };
    errln!("warning: the pager `{}` failed: {problem}", printable(pager));
    false
}

/// Whether Ctrl-C ended the pager.
fn is_left(status: ExitStatus) -> bool {
    #[cfg(unix)]
    let is_killed =
        std::os::unix::process::ExitStatusExt::signal(&status) == Some(rustix::process::Signal::INT.as_raw());
    #[cfg(not(unix))]
    let is_killed = false;
    is_killed || status.code() == Some(LEFT)
}

fn run(pager: &str, text: &str) -> io::Result<ExitStatus> {
    let mut command = shell(pager);
    if std::env::var_os("LESS").is_none() {
        // Quit if everything fits, keep colors, and leave the text on the screen.
        command.env("LESS", "FRX");
    }
    let mut child = command.stdin(Stdio::piped()).spawn()?;
    if let Some(mut pipe) = child.stdin.take() {
        // The write fails if the user has seen enough and leaves the pager.
        let _ = pipe.write_all(streams::as_shown(text).as_bytes());
    }
    child.wait()
}

#[cfg(unix)]
fn shell(pager: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", pager]);
    command
}

#[cfg(not(unix))]
fn shell(pager: &str) -> Command {
    let mut words = pager.split_whitespace();
    let mut command = Command::new(words.next().unwrap_or_default());
    command.args(words);
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The pager in an environment with these variables.
    fn pager(variables: &[(&str, &str)]) -> Option<String> {
        chosen(|name| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn the_environment_names_the_pager() {
        assert_eq!(pager(&[]).as_deref(), Some("less"));
        assert_eq!(pager(&[("PAGER", "more -s")]).as_deref(), Some("more -s"));
        assert_eq!(pager(&[("PAGER", "more"), ("FGCTL_PAGER", "most")]).as_deref(), Some("most"));
        for off in ["", " ", "cat"] {
            assert_eq!(pager(&[("PAGER", off)]), None, "{off:?}");
            assert_eq!(pager(&[("PAGER", "more"), ("FGCTL_PAGER", off)]), None, "{off:?}");
        }
        assert_eq!(pager(&[("TERM", "dumb")]), None);
    }

    #[test]
    fn long_lines_take_several_rows() {
        assert_eq!(rows("", 80), 0);
        assert_eq!(rows("a\n\nb\n", 80), 3);
        assert_eq!(rows(&"x".repeat(161), 80), 3);
        assert_eq!(rows("\u{1b}[1mbold\u{1b}[0m", 4), 1, "colors take no room");
        assert_eq!(rows("ab", 0), 2);
    }
}
