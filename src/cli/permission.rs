//! Checks the permissions of a saved plan against this command line. Anyone who can write the file can add permissions
//! to it, so a permission counts only if the command line gives it too.

use std::fmt;
use std::path::Path;

use crate::model::state::Ownership;
use crate::plan::Permissions;
use crate::plan::saved::{Options, SavedPlan};
use crate::render::printable;

use super::confirm::{Approval, can_ask};
use super::failure::advised;
use super::output::ReportOutput;
use super::quoting::{command_line, quoted};

/// One flag, and what it permits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Permission {
    flag: String,
    meaning: String,
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { flag, meaning } = self;
        write!(f, "{flag}: {meaning}")
    }
}

/// Fails unless the command line grants everything that the file needs, or the user can be asked to grant it.
pub(super) fn grant(file: &Path, saved: &SavedPlan, given: &Options, output: ReportOutput) -> anyhow::Result<Approval> {
    let missing = missing(&saved.origin.options, given);
    if missing.is_empty() {
        return Ok(Approval::Given);
    }
    let flags: Vec<&str> = missing.iter().map(|permission| permission.flag.as_str()).collect();
    if output != ReportOutput::Human || !can_ask() {
        let command = command_line(std::env::args(), flags.iter().flat_map(|flag| flag.split(' ')));
        let message =
            format!("the plan {} needs {}, but a plan file grants no permissions", file.display(), flags.join(" "));
        return Err(advised(message, format!("if you intend this, run `{command}`")));
    }
    Ok(Approval::AskedFor(missing))
}

/// Prints how to apply a saved plan that needs permissions.
pub(super) fn remind(file: &Path, needed: &Options) {
    let flags: Vec<String> =
        missing(needed, &Options::default()).into_iter().map(|permission| permission.flag).collect();
    if !flags.is_empty() {
        let file = printable(&quoted(&file.display().to_string()));
        errln!("To apply this plan, repeat its permissions: fgctl apply {file} {}", flags.join(" "));
    }
}

/// The permissions that a plan needs and the command line does not give.
fn missing(needed: &Options, given: &Options) -> Vec<Permission> {
    let Options { permissions, ownership, selection: _ } = needed;
    let Permissions { adopt, take_over, allow_deletes, destroy, allow_secret_loss } = *permissions;
    let allowed = given.permissions;
    let deletes = allow_deletes.filter(|needed| allowed.allow_deletes.is_none_or(|allowed| allowed < *needed));
    let without_ownership = *ownership == Ownership::Unowned && given.ownership != Ownership::Unowned;
    let permission = |flag: &str, meaning: &str| Permission { flag: flag.to_owned(), meaning: meaning.to_owned() };
    [
        (destroy && !allowed.destroy).then(|| permission("--destroy", "delete every function that the stack owns, and the stack's policies on functions that another tool deploys")),
        (adopt && !allowed.adopt)
            .then(|| permission("--adopt", "adopt unowned functions and policies, even if they differ from the manifest")),
        (take_over && !allowed.take_over).then(|| permission("--take-over", "take over functions and policies of other stacks")),
        deletes.map(|number| {
            permission(&format!("--allow-deletes {number}"), &format!("delete up to {number} functions and triggers"))
        }),
        (allow_secret_loss && !allowed.allow_secret_loss).then(|| {
            permission(
                "--allow-secret-loss",
                "change functions and triggers although that may lose secrets whose values fgctl does not have",
            )
        }),
        without_ownership
            .then(|| permission("--no-ownership", "change declared functions without checking which stack owns them")),
    ]
    .into_iter()
    .flatten()
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn everything() -> Options {
        let permissions = Permissions {
            adopt: true,
            take_over: true,
            allow_deletes: Some(7),
            destroy: true,
            allow_secret_loss: true,
        };
        Options { permissions, ownership: Ownership::Unowned, ..Options::default() }
    }

    fn flags(needed: &Options, given: &Options) -> Vec<String> {
        missing(needed, given).into_iter().map(|permission| permission.flag).collect()
    }

    #[test]
    fn each_permission_must_be_given_again() {
        let all = ["--destroy", "--adopt", "--take-over", "--allow-deletes 7", "--allow-secret-loss", "--no-ownership"];
        assert_eq!(flags(&everything(), &Options::default()), all);
        assert_eq!(flags(&everything(), &everything()), Vec::<String>::new());
        assert_eq!(flags(&Options::default(), &everything()), Vec::<String>::new());
    }

    #[test]
    fn a_smaller_number_of_deletions_is_not_enough() {
        let allowing = |number| Options {
            permissions: Permissions { allow_deletes: number, ..Permissions::default() },
            ..Options::default()
        };
        assert_eq!(flags(&allowing(Some(7)), &allowing(Some(6))), ["--allow-deletes 7"]);
        assert_eq!(flags(&allowing(Some(7)), &allowing(Some(8))), Vec::<String>::new());
        // Zero is a restriction.
        assert_eq!(flags(&allowing(Some(0)), &allowing(None)), ["--allow-deletes 0"]);
    }
}
