//! The grammar of function URNs and their short forms. This module splits and joins the text; the rules for the names in it
//! are in [`super::text`].

use std::fmt;

/// Selects a version of a function. Without one, a request means `latest`, and a deletion means the whole function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Qualifier<Name = String> {
    Version(Name),
    Alias(Name),
}

/// The version that every function has.
pub const LATEST: &str = "latest";

/// `urn:fss:<region>:<project id>:function:<package>:<name>[:<version>|:!<alias>]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionUrn<Name = String> {
    pub region: Name,
    pub project_id: Name,
    pub package: Name,
    pub name: Name,
    pub qualifier: Option<Qualifier<Name>>,
}

/// A function in a path: a URN or one of the short forms, which leave out what the request already contains.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionReference {
    pub region: Option<String>,
    pub project_id: Option<String>,
    pub package: String,
    pub name: String,
    pub qualifier: Option<Qualifier>,
}

/// The package of a function whose reference does not name one.
const DEFAULT_PACKAGE: &str = "default";

impl<'a> Qualifier<&'a str> {
    /// Tells the last field of a URN apart: `v1` or `!prod`.
    pub fn of(text: &'a str) -> Self {
        text.strip_prefix('!').map_or(Self::Version(text), Self::Alias)
    }
}

impl Qualifier {
    /// Parses the last field of a URN; `None` for an empty name.
    pub fn parse(text: &str) -> Option<Self> {
        match Qualifier::of(text) {
            Qualifier::Version("") | Qualifier::Alias("") => None,
            Qualifier::Version(version) => Some(Self::Version(version.to_owned())),
            Qualifier::Alias(alias) => Some(Self::Alias(alias.to_owned())),
        }
    }
}

impl FunctionUrn {
    /// Parses a URN of seven fields, or eight with a qualifier.
    pub fn parse(text: &str) -> Option<Self> {
        let reference = FunctionReference::parse(text)?;
        let FunctionReference { region, project_id, package, name, qualifier } = reference;
        Some(Self { region: region?, project_id: project_id?, package, name, qualifier })
    }
}

impl FunctionReference {
    /// Parses `name`, `package:name`, `project:package:name`, `project:package:name:qualifier` or a URN.
    pub fn parse(text: &str) -> Option<Self> {
        let fields: Vec<&str> = text.split(':').collect();
        if fields.iter().any(|field| field.is_empty()) {
            return None;
        }
        match fields[..] {
            [name] => Self::assemble(None, None, [DEFAULT_PACKAGE, name], None),
            [package, name] => Self::assemble(None, None, [package, name], None),
            [project, package, name] => Self::assemble(None, Some(project), [package, name], None),
            [project, package, name, last] => Self::assemble(None, Some(project), [package, name], Some(last)),
            ["urn", "fss", region, project, "function", package, name] => {
                Self::assemble(Some(region), Some(project), [package, name], None)
            }
            ["urn", "fss", region, project, "function", package, name, last] => {
                Self::assemble(Some(region), Some(project), [package, name], Some(last))
            }
            _ => None,
        }
    }

    fn assemble(
        region: Option<&str>,
        project_id: Option<&str>,
        [package, name]: [&str; 2],
        qualifier: Option<&str>,
    ) -> Option<Self> {
        Some(Self {
            region: region.map(str::to_owned),
            project_id: project_id.map(str::to_owned),
            package: package.to_owned(),
            name: name.to_owned(),
            qualifier: match qualifier {
                Some(text) => Some(Qualifier::parse(text)?),
                None => None,
            },
        })
    }
}

impl<Name: fmt::Display> fmt::Display for Qualifier<Name> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version(version) => write!(formatter, "{version}"),
            Self::Alias(alias) => write!(formatter, "!{alias}"),
        }
    }
}

impl<Name: fmt::Display> fmt::Display for FunctionUrn<Name> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { region, project_id, package, name, qualifier } = self;
        write!(formatter, "urn:fss:{region}:{project_id}:function:{package}:{name}")?;
        match qualifier {
            Some(qualifier) => write!(formatter, ":{qualifier}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::text::FUNCTION_URN;

    #[test]
    fn urns_round_trip() {
        for text in [
            "urn:fss:eu-de:p:function:default:intake",
            "urn:fss:eu-de:p:function:default:intake:latest",
            "urn:fss:eu-de:p:function:default:intake:!prod",
        ] {
            assert_eq!(FunctionUrn::parse(text).unwrap().to_string(), text);
            assert!(FUNCTION_URN.accepts(text), "{text}");
        }
    }

    #[test]
    fn short_forms_leave_out_what_the_request_contains() {
        let named = |text: &str| {
            let reference = FunctionReference::parse(text).unwrap();
            (reference.project_id, reference.package, reference.name, reference.qualifier)
        };
        let version = Qualifier::Version("v1".to_owned());
        assert_eq!(named("f"), (None, "default".into(), "f".into(), None));
        assert_eq!(named("g:f"), (None, "g".into(), "f".into(), None));
        assert_eq!(named("p:g:f"), (Some("p".into()), "g".into(), "f".into(), None));
        assert_eq!(named("p:g:f:v1"), (Some("p".into()), "g".into(), "f".into(), Some(version)));
    }

    #[test]
    fn other_text_is_not_a_reference() {
        for text in ["", ":", "a::b", "urn:fss:r:p:function:g", "urn:fss:r:p:functions:g:f", "p:g:f:!", "1:2:3:4:5"] {
            assert_eq!(FunctionReference::parse(text), None, "{text}");
        }
        assert_eq!(FunctionUrn::parse("g:f"), None);
    }
}
