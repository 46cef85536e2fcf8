//! Advice about wrong usage that the parser of the command line does not give.

use clap::error::{ContextKind, ContextValue, ErrorKind};
use std::ffi::OsString;
use std::path::Path;

use crate::manifest::is_yaml;

/// Other tools' flags for an apply without confirmation.
const CONSENT: [&str; 4] = ["-y", "--yes", "--force", "--assume-yes"];
/// The commands that ask for confirmation.
const ASKING: [&str; 4] = ["apply", "destroy", "import", "forget"];

/// `fgctl help --help` as `fgctl help`.
pub(super) fn without_help_of_help(mut arguments: Vec<OsString>) -> Vec<OsString> {
    if arguments.get(1).is_some_and(|command| command == "help") {
        arguments.retain(|argument| argument != "--help" && argument != "-h");
    }
    arguments
}

/// Adds a tip to the parser's error if the cause is known.
pub(super) fn advise(error: &mut clap::Error, arguments: &[String]) {
    let Some(ContextValue::String(unknown)) = error.get(ContextKind::InvalidArg) else { return };
    if error.kind() != ErrorKind::UnknownArgument || error.get(ContextKind::SuggestedArg).is_some() {
        return;
    }
    if let Some(tip) = tip(arguments, unknown) {
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip.into()]));
    }
}

fn tip(arguments: &[String], unknown: &str) -> Option<String> {
    let command = arguments.first()?.as_str();
    let before = arguments.iter().position(|argument| argument == unknown)?.checked_sub(1)?;
    if CONSENT.contains(&unknown) {
        let tip = "to make the changes without confirmation, write '--auto-approve'";
        return ASKING.contains(&command).then(|| tip.to_owned());
    }
    if unknown.starts_with('-') {
        return None;
    }
    if arguments[before] == "--local" {
        return Some(format!("to name the server's data directory, write '--local={unknown}'"));
    }
    is_path(unknown).then(|| format!("to name a manifest or its directory, write '-f {unknown}'"))
}

fn is_path(text: &str) -> bool {
    text.contains(['/', '\\']) || is_yaml(Path::new(text)) || text == "."
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_mistakes_get_a_tip() {
        let some = |tip: &str| Some(tip.to_owned());
        for (arguments, unknown, expected) in [
            (&["plan", "a.yaml"][..], "a.yaml", some("to name a manifest or its directory, write '-f a.yaml'")),
            (&["drift", "stacks/a"], "stacks/a", some("to name a manifest or its directory, write '-f stacks/a'")),
            (&["plan", "--local", "d"], "d", some("to name the server's data directory, write '--local=d'")),
            (&["destroy", "-y"], "-y", some("to make the changes without confirmation, write '--auto-approve'")),
            (&["plan", "-y"], "-y", None),
            (&["plan", "orders"], "orders", None),
            (&["orders"], "orders", None),
        ] {
            let arguments: Vec<String> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
            assert_eq!(tip(&arguments, unknown), expected, "{arguments:?}");
        }
    }
}
