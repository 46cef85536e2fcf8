//! The warnings of a plan in its file, so that `show` tells a reviewer everything that `plan` said.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::diagnostic::{Diagnostic, Place, Related, Severity, explanation};

/// A finding that did not forbid the plan. Its position in the manifest's structure is left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Warning {
    pub code: String,
    pub message: String,
    pub help: Option<String>,
    pub place: Option<Excerpt>,
    pub related: Vec<Note>,
}

/// Another place of a finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Note {
    pub message: String,
    pub place: Option<Excerpt>,
}

/// A part of a line of a manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Excerpt {
    pub file: String,
    #[schemars(range(min = 1))]
    pub line: usize,
    #[schemars(range(min = 1))]
    pub column: usize,
    #[schemars(range(min = 1))]
    pub length: usize,
    /// The whole line; empty if it is too long or contains a secret.
    pub text: String,
}

impl From<&Diagnostic> for Warning {
    fn from(found: &Diagnostic) -> Self {
        let Diagnostic { severity: _, code, message, help, spot: _, place, related } = found;
        let note = |Related { message, spot: _, place }: &Related| Note {
            message: message.clone(),
            place: place.as_ref().map(Excerpt::from),
        };
        Self {
            code: (*code).to_owned(),
            message: message.clone(),
            help: help.clone(),
            place: place.as_ref().map(Excerpt::from),
            related: related.iter().map(note).collect(),
        }
    }
}

impl From<&Warning> for Diagnostic {
    fn from(Warning { code, message, help, place, related }: &Warning) -> Self {
        let other = |Note { message, place }: &Note| Related {
            message: message.clone(),
            spot: None,
            place: place.as_ref().map(Place::from),
        };
        Self {
            severity: Severity::Warning,
            // A newer fgctl may have codes that this one does not know.
            code: explanation::of(code).map_or("warning", |known| known.code),
            message: message.clone(),
            help: help.clone(),
            spot: None,
            place: place.as_ref().map(Place::from),
            related: related.iter().map(other).collect(),
        }
    }
}

impl From<&Place> for Excerpt {
    fn from(Place { file, line, column, length, text }: &Place) -> Self {
        Self { file: file.clone(), line: *line, column: *column, length: *length, text: text.clone() }
    }
}

/// Anyone can edit a file, so the numbers may be zero.
impl From<&Excerpt> for Place {
    fn from(Excerpt { file, line, column, length, text }: &Excerpt) -> Self {
        let [line, column, length] = [*line, *column, *length].map(|number| number.max(1));
        Self { file: file.clone(), line, column, length, text: text.clone() }
    }
}
