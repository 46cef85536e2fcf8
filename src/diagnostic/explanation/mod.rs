//! What the codes of findings mean: one explanation for each code, for `fgctl explain`.
//!
//! This is text alone. It decides nothing except which findings are lints, because only lints can be ignored.

mod code;
mod lint;
mod manifest;
mod plan;

use super::Severity;

pub use lint::LINTS;

/// All explanations by what they are about, each list sorted by code.
pub const GROUPS: &[(&str, &[Explanation])] = &[
    ("Lints, which comments in a manifest can ignore", LINTS),
    ("Comments that ignore lints", manifest::IGNORES),
    ("Files", manifest::FILES),
    ("Fields and names", manifest::FIELDS),
    ("Code", code::CODE),
    ("Plans", plan::PLAN),
    ("Failures", plan::CHANGES),
];

/// The meaning of a code.
#[derive(Debug, Clone, Copy)]
pub struct Explanation {
    pub code: &'static str,
    /// The severities that a finding with this code can have.
    pub severities: &'static [Severity],
    /// What is reported, in one line without a final period.
    pub summary: &'static str,
    /// Why it matters, and what to do.
    pub details: &'static str,
    pub example: Option<Example>,
}

/// Parts of two manifests: one with the finding, and one without it.
#[derive(Debug, Clone, Copy)]
pub struct Example {
    pub bad: &'static str,
    pub good: &'static str,
}

impl Explanation {
    const fn new(code: &'static str, severities: &'static [Severity], summary: &'static str) -> Self {
        Self { code, severities, summary, details: "", example: None }
    }

    const fn error(code: &'static str, summary: &'static str) -> Self {
        Self::new(code, &[Severity::Error], summary)
    }

    /// For findings that are errors or warnings, depending on the case.
    const fn either(code: &'static str, summary: &'static str) -> Self {
        Self::new(code, &[Severity::Error, Severity::Warning], summary)
    }

    const fn warning(code: &'static str, summary: &'static str) -> Self {
        Self::new(code, &[Severity::Warning], summary)
    }

    const fn because(self, details: &'static str) -> Self {
        Self { details, ..self }
    }

    const fn example(self, bad: &'static str, good: &'static str) -> Self {
        Self { example: Some(Example { bad, good }), ..self }
    }

    /// Whether a comment in the manifest can ignore it.
    pub fn is_lint(&self) -> bool {
        is_lint(self.code)
    }
}

/// Whether a comment in the manifest can ignore findings with this code.
pub fn is_lint(code: &str) -> bool {
    LINTS.iter().any(|lint| lint.code == code)
}

/// Whether only a plan can tell that there is no such finding, because live edges can cause it too.
pub fn needs_live(lint: &str) -> bool {
    lint == "possible-cycle"
}

/// The explanation of a code.
pub fn of(code: &str) -> Option<&'static Explanation> {
    all().find(|explanation| explanation.code == code)
}

/// All explanations, in the order of [`GROUPS`].
pub fn all() -> impl Iterator<Item = &'static Explanation> {
    GROUPS.iter().flat_map(|(_, explanations)| *explanations)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn explanations_are_sorted_unique_and_complete() {
        let mut seen = BTreeSet::new();
        for (title, explanations) in GROUPS {
            assert!(explanations.is_sorted_by_key(|explanation| explanation.code), "{title}");
            for Explanation { code, severities, summary, details, example } in *explanations {
                assert!(seen.insert(code), "{code}");
                assert!(!severities.is_empty() && details.ends_with('.') && !details.contains("  "), "{code}");
                assert!(!summary.is_empty() && !summary.ends_with('.'), "{code}");
                let ends = example.iter().flat_map(|example| [example.bad, example.good]);
                assert!(ends.into_iter().all(|text| text.ends_with('\n')), "{code}");
            }
        }
        assert!(LINTS.iter().all(|lint| lint.example.is_some() && lint.severities == [Severity::Warning]));
    }
}
