//! The help texts of all commands: the groups of options, and the last line of the short help.
//!
//! In an `Arguments` struct, a command's own options come before the flattened groups, because a group's heading also applies
//! to the options that follow it.

/// What the manifest is, and the values of its variables.
pub(super) const MANIFEST: &str = "Manifest options";
/// What a plan may do beyond the usual.
pub(super) const PERMISSION: &str = "Permission options";
/// Which part of a plan counts.
pub(super) const SELECTION: &str = "Selection options";
/// What is printed, and how.
pub(super) const OUTPUT: &str = "Output options";
/// The account or the embedded server.
pub(super) const CONNECTION: &str = "Connection options";
/// How many requests are made, and how often.
pub(super) const SPEED: &str = "Speed and retry options";
/// Where the embedded server sends notifications.
pub(super) const NOTIFICATION: &str = "Notification options";

/// Ends a command's short help with a hint at the long one.
pub(super) fn with_hint(command: clap::Command) -> clap::Command {
    let hint = format!("`fgctl {} --help` describes all options and shows examples.", command.get_name());
    command.after_help(hint)
}
