//! The addresses of resources in plans, reports and arguments: `function:default/intake`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

use crate::rules::urn as grammar;

use super::text::{AliasName, FunctionName, InvalidText, PackageName, TriggerKey, VersionName};

/// A function by its package and name in the service, which are unique in a project.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FunctionAddress {
    pub package: PackageName,
    pub name: FunctionName,
}

/// A published version or an alias of a function. Without one, `latest` is meant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Qualifier {
    Version(VersionName),
    Alias(AliasName),
}

/// The kind of resource that an address names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Function,
    AsyncPolicy,
    Trigger,
}

/// A resource that a plan can change: a function, its policy, the policy of one of its versions or aliases, or a trigger.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(with = "String")]
pub struct Address {
    pub function: FunctionAddress,
    /// `None` means `latest`.
    pub qualifier: Option<Qualifier>,
    pub kind: Kind,
    /// The key of a trigger; only triggers have one.
    pub trigger: Option<TriggerKey>,
}

/// Text that is not a valid address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "\"{0}\" is not a valid address: write function:<package>/<name>, async_policy:<package>/<name> or trigger:<package>/<name>/<key>"
)]
pub struct InvalidAddress(String);

impl Address {
    pub fn function(function: &FunctionAddress) -> Self {
        Self { function: function.clone(), qualifier: None, kind: Kind::Function, trigger: None }
    }

    pub fn async_policy(function: &FunctionAddress) -> Self {
        Self { function: function.clone(), qualifier: None, kind: Kind::AsyncPolicy, trigger: None }
    }

    pub fn trigger(function: &FunctionAddress, key: &TriggerKey) -> Self {
        Self { function: function.clone(), qualifier: None, kind: Kind::Trigger, trigger: Some(key.clone()) }
    }

    /// The policy of a version or an alias.
    pub fn published_policy(function: &FunctionAddress, qualifier: &Qualifier) -> Self {
        Self { qualifier: Some(qualifier.clone()), ..Self::async_policy(function) }
    }
}

impl Kind {
    const ALL: [Self; 3] = [Self::Function, Self::AsyncPolicy, Self::Trigger];
}

impl fmt::Display for FunctionAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.package, self.name)
    }
}

/// Parses `[package/]name`, as users write it.
impl FromStr for FunctionAddress {
    type Err = InvalidText;

    fn from_str(text: &str) -> Result<Self, InvalidText> {
        let (package, name) = match text.split_once('/') {
            Some((package, name)) => (PackageName::new(package)?, name),
            None => (PackageName::default(), text),
        };
        Ok(Self { package, name: FunctionName::new(name)? })
    }
}

impl Qualifier {
    pub(super) fn new(parts: grammar::Qualifier<impl Into<String>>) -> Result<Self, InvalidText> {
        Ok(match parts {
            grammar::Qualifier::Version(version) => Self::Version(VersionName::new(version)?),
            grammar::Qualifier::Alias(alias) => Self::Alias(AliasName::new(alias)?),
        })
    }

    /// The version or alias without the mark of an alias.
    pub fn name(&self) -> &str {
        match self {
            Self::Version(version) => version.as_str(),
            Self::Alias(alias) => alias.as_str(),
        }
    }

    /// `version` or `alias`, which is also the field of a trigger.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Version(_) => "version",
            Self::Alias(_) => "alias",
        }
    }

    pub(super) fn parts(&self) -> grammar::Qualifier<&str> {
        match self {
            Self::Version(version) => grammar::Qualifier::Version(version.as_str()),
            Self::Alias(alias) => grammar::Qualifier::Alias(alias.as_str()),
        }
    }
}

/// The form in a URN: `v1`, `!prod`.
impl fmt::Display for Qualifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.parts().fmt(f)
    }
}

impl FromStr for Qualifier {
    type Err = InvalidText;

    fn from_str(text: &str) -> Result<Self, InvalidText> {
        Self::new(grammar::Qualifier::of(text))
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Function => "function",
            Self::AsyncPolicy => "async_policy",
            Self::Trigger => "trigger",
        })
    }
}

impl FromStr for Address {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Self, InvalidAddress> {
        let parsed = || {
            let (kind, function) = text.split_once(':')?;
            let kind = Kind::ALL.into_iter().find(|known| known.to_string() == kind)?;
            let (function, trigger) = match function.rsplit_once('/') {
                Some((function, key)) if kind == Kind::Trigger => (function, Some(TriggerKey::new(key).ok()?)),
                _ => (function, None),
            };
            let (function, qualifier) = match function.split_once(':') {
                Some((function, qualifier)) if kind == Kind::AsyncPolicy => (function, Some(qualifier.parse().ok()?)),
                _ => (function, None),
            };
            // Plans always print the package, so it is required.
            let function = Some(function).filter(|function| function.contains('/'))?.parse().ok()?;
            Some(Self { function, qualifier, kind, trigger })
        };
        parsed().ok_or_else(|| InvalidAddress(text.to_owned()))
    }
}

impl TryFrom<String> for Address {
    type Error = InvalidAddress;

    fn try_from(text: String) -> Result<Self, InvalidAddress> {
        text.parse()
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { function, qualifier, kind, trigger } = self;
        write!(f, "{kind}:{function}")?;
        qualifier.iter().try_for_each(|qualifier| write!(f, ":{qualifier}"))?;
        trigger.iter().try_for_each(|key| write!(f, "/{key}"))
    }
}

impl Serialize for Address {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_they_are_written() {
        for text in ["function:default/a", "async_policy:p/a:v1", "async_policy:p/a:!prod", "trigger:default/a/nightly"]
        {
            assert_eq!(text.parse::<Address>().map(|address| address.to_string()), Ok(text.to_owned()));
        }
        for text in
            ["function:a", "trigger:default/a", "trigger:default/a/", "trigger:default/a:v1/b", "function:p/a/b"]
        {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
    }
}
