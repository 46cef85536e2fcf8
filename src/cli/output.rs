//! `-o`: the form of results on standard output.

/// The form of results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub(super) enum Output {
    /// For people.
    #[default]
    Human,
    /// For programs.
    Json,
}
