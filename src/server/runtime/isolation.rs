//! Describes what isolates functions from the server on this system.

use std::fmt;

/// What isolates functions from the server and from each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Isolation {
    /// Such as `namespaces`.
    pub means: &'static str,
    /// What functions can do although they should not. Found by trying.
    pub gaps: Vec<Gap>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gap {
    /// They can read the server's environment variables.
    Variables,
    /// They can read the files in the server's data directory.
    Files,
    /// They can see other processes, and the arguments of the server.
    Processes,
    /// They can signal other processes of the same user, including the server.
    Signals,
    /// A well-hidden process can outlive its run, and its memory is not counted.
    Leftovers,
    /// The number of open files is not limited.
    OpenFiles,
}

impl Gap {
    pub(super) const ALL: [Self; 6] =
        [Self::Variables, Self::Files, Self::Processes, Self::Signals, Self::Leftovers, Self::OpenFiles];
}

impl fmt::Display for Isolation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { means, gaps } = self;
        if gaps.is_empty() {
            return write!(
                formatter,
                "Functions are isolated by {means}: they cannot access this server's variables, files or processes, \
                 and whatever they start ends with them."
            );
        }
        write!(formatter, "Warning: this system does not isolate functions fully ({means}).")?;
        gaps.iter().try_for_each(|gap| write!(formatter, " {gap}"))
    }
}

impl fmt::Display for Gap {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Variables => "Functions can read this server's environment variables.",
            Self::Files => "Functions can read the data directory, including credentials.json and store.db.",
            Self::Processes => "Functions can see other processes and their arguments, including this server's.",
            Self::Signals => "Functions can signal and kill other processes of this user, including this server.",
            Self::Leftovers => "A process that a function starts in its own session may outlive the run.",
            Self::OpenFiles => "The number of files that a function opens is not limited.",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_or_their_absence_are_shown() {
        let whole = Isolation { means: "namespaces and Landlock", gaps: Vec::new() };
        let expected = "Functions are isolated by namespaces and Landlock: they cannot access this server's variables, files or \
                        processes, and whatever they start ends with them.";
        assert_eq!(whole.to_string(), expected);
        let gaps = vec![Gap::Files, Gap::Processes];
        let expected = "Warning: this system does not isolate functions fully (a launcher). Functions can read the data \
                        directory, including credentials.json and store.db. Functions can see other processes and their \
                        arguments, including this server's.";
        assert_eq!(Isolation { means: "a launcher", gaps }.to_string(), expected);
    }
}
