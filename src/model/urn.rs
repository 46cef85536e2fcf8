//! Function URNs in full: `urn:fss:<region>:<project id>:function:<package>:<name>[:<version> | :!<alias>]`.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use crate::rules::text::{FUNCTION_URN, PROJECT_ID, REGION};
use crate::rules::urn as grammar;

use super::address::{FunctionAddress, Qualifier};
use super::text::{self, FunctionName, InvalidText, PackageName};

/// A region and a project, which all functions of an endpoint share.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scope {
    pub region: String,
    pub project_id: String,
}

/// A function, or one of its versions or aliases, in any project.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FunctionUrn {
    pub scope: Scope,
    pub function: FunctionAddress,
    /// `None` means `latest`, whether or not the text contains it.
    pub qualifier: Option<Qualifier>,
}

/// Text that is not a valid function URN.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{text}\" is not a valid function URN: {problem}")]
pub struct InvalidUrn {
    pub text: String,
    pub problem: String,
}

const SHAPE: &str = "a URN has the form urn:fss:<region>:<project id>:function:<package>:<name>, optionally followed by :<version> or :!<alias>";

impl FunctionUrn {
    pub fn new(scope: &Scope, function: &FunctionAddress, qualifier: Option<Qualifier>) -> Self {
        Self { scope: scope.clone(), function: function.clone(), qualifier }
    }
}

impl FromStr for FunctionUrn {
    type Err = InvalidUrn;

    fn from_str(text: &str) -> Result<Self, InvalidUrn> {
        let invalid = |problem: String| InvalidUrn { text: text.to_owned(), problem };
        let (_, longest) = FUNCTION_URN.rule.length;
        if text.len() > longest {
            return Err(invalid(format!("it has {} characters; the limit is {longest}", text.len())));
        }
        let parts = grammar::FunctionUrn::parse(text);
        let parts = parts.filter(|parts| REGION.accepts(&parts.region) && PROJECT_ID.accepts(&parts.project_id));
        let Some(grammar::FunctionUrn { region, project_id, package, name, qualifier }) = parts else {
            return Err(invalid(SHAPE.into()));
        };
        let named = |error: InvalidText| invalid(error.to_string());
        Ok(Self {
            scope: Scope { region, project_id },
            function: FunctionAddress {
                package: PackageName::new(package).map_err(named)?,
                name: FunctionName::new(name).map_err(named)?,
            },
            qualifier: match qualifier {
                None => None,
                Some(grammar::Qualifier::Version(version)) if version == grammar::LATEST => None,
                Some(qualifier) => Some(Qualifier::new(qualifier).map_err(named)?),
            },
        })
    }
}

impl fmt::Display for FunctionUrn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { scope: Scope { region, project_id }, function: FunctionAddress { package, name }, qualifier } = self;
        let (region, project_id, package, name) =
            (region.as_str(), project_id.as_str(), package.as_str(), name.as_str());
        let qualifier = qualifier.as_ref().map(Qualifier::parts);
        grammar::FunctionUrn { region, project_id, package, name, qualifier }.fmt(f)
    }
}

impl TryFrom<String> for FunctionUrn {
    type Error = InvalidUrn;

    fn try_from(text: String) -> Result<Self, InvalidUrn> {
        text.parse()
    }
}

impl From<FunctionUrn> for String {
    fn from(urn: FunctionUrn) -> String {
        urn.to_string()
    }
}

impl JsonSchema for FunctionUrn {
    fn schema_name() -> Cow<'static, str> {
        "FunctionUrn".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        text::schema_of(&FUNCTION_URN.rule)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: &str = "urn:fss:eu-de:0123456789abcdef0123456789abcdef:function:default:elsewhere";

    #[test]
    fn latest_and_no_qualifier_are_the_same_function() {
        let plain: FunctionUrn = PLAIN.parse().expect("parses");
        assert_eq!(plain, format!("{PLAIN}:latest").parse().expect("parses"));
        assert_eq!(plain.to_string(), PLAIN);
    }

    #[test]
    fn qualifiers_survive_a_round_trip() {
        for text in [format!("{PLAIN}:v1.0"), format!("{PLAIN}:!prod")] {
            assert_eq!(text.parse::<FunctionUrn>().expect("parses").to_string(), text);
        }
    }

    #[test]
    fn other_text_is_refused() {
        for text in [
            "",
            "urn:fss:eu-de",
            "urn:smn:a:b:function:c:d",
            &format!("{PLAIN}:a:b"),
            &format!("{PLAIN}:"),
            &PLAIN.replace("eu-de", ""),
        ] {
            assert!(text.parse::<FunctionUrn>().is_err(), "{text}");
        }
    }
}
