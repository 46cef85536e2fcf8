//! Text that always follows the service's rules.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt;

use crate::rules::field;
use crate::rules::text::{self, TAG_KEY_RULE, Text, TextRule};
use crate::rules::trigger_text;

use super::row::FieldType;

/// Text that breaks the rule of its type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{value}\" is not a valid {noun}: {rule}")]
pub struct InvalidText {
    pub value: String,
    pub noun: &'static str,
    /// The rule in words.
    pub rule: String,
}

/// A rule of fgctl, not the service: the name becomes the value of a tag.
static STACK: Text = Text::of(TextRule {
    noun: "stack name",
    pattern: r"^[A-Za-z]([A-Za-z0-9_-]*[A-Za-z0-9])?$",
    length: (1, 64),
    bytes: None,
    except: None,
    expectation: "has 1 to 64 letters, digits, '_' or '-', starts with a letter and ends with a letter or digit",
});

/// A tag key that a manifest can declare, which excludes fgctl's own.
static DECLARED_TAG_KEY: Text = Text::of(TextRule {
    except: Some(r"^(_sys_|fgctl[.]| )| $"),
    expectation: "has 1 to 128 letters, digits, spaces or '_.:=+-@', no space at either end, and does not start with `_sys_` or `fgctl.`",
    ..TAG_KEY_RULE
});

fn check(rule: &Text, value: &str) -> Result<(), InvalidText> {
    let invalid = || InvalidText { value: value.to_owned(), noun: rule.rule.noun, rule: rule.rule.sentence() };
    if rule.accepts(value) { Ok(()) } else { Err(invalid()) }
}

/// The schema of text that follows a rule.
pub fn schema_of(rule: &TextRule) -> Schema {
    let (least, most) = rule.length;
    let mut schema = json_schema!({
        "type": "string",
        "pattern": rule.pattern,
        "minLength": least,
        "maxLength": most,
        "errorMessage": rule.sentence(),
    });
    if let Some(except) = rule.except {
        schema.insert("not".into(), serde_json::json!({ "type": "string", "pattern": except }));
    }
    if let Some(bytes) = rule.bytes {
        schema.insert(MAX_BYTES.into(), bytes.into());
    }
    schema
}

/// The schema keyword that limits bytes as `maxLength` limits characters. It is not part of JSON Schema, so other
/// validators ignore it.
pub const MAX_BYTES: &str = "maxBytes";

macro_rules! text {
    ($(#[$meta:meta])* $name:ident, $rule:expr) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            pub fn new(value: impl Into<String>) -> Result<Self, InvalidText> {
                let value = value.into();
                check(&$rule, &value)?;
                Ok(Self(value))
            }

            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidText;

            fn try_from(value: String) -> Result<Self, InvalidText> {
                Self::new(value)
            }
        }

        impl From<$name> for String {
            fn from(text: $name) -> String {
                text.0
            }
        }

        impl FieldType for $name {}

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn inline_schema() -> bool {
                true
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                schema_of(&$rule.rule)
            }
        }
    };
}

text!(StackName, STACK);
text!(RegionName, text::REGION);
text!(ProjectId, text::PROJECT_ID);
text!(FunctionName, text::FUNCTION_NAME);
text!(PackageName, text::PACKAGE_NAME);
text!(VersionName, text::VERSION_NAME);
text!(AliasName, text::ALIAS_NAME);
text!(Handler, text::HANDLER);
text!(Runtime, text::RUNTIME);
text!(
    #[derive(Default)]
    Description,
    text::DESCRIPTION
);
text!(AgencyName, text::AGENCY);
text!(
    /// The name of an environment variable or of a secret.
    VariableName,
    text::VARIABLE_NAME
);
text!(VariableValue, text::VARIABLE_VALUE);
text!(TagKey, DECLARED_TAG_KEY);
text!(TagValue, text::TAG_VALUE);
text!(BucketName, text::BUCKET);
text!(
    #[derive(Default)]
    ObsPrefix,
    text::OBS_PREFIX
);
text!(StreamName, text::STREAM);
text!(TopicUrn, text::TOPIC_URN);
text!(ObsUrl, text::OBS_URL);
text!(ImageAddress, field::IMAGE);
text!(
    /// A command or its arguments, separated by commas.
    Command,
    field::COMMAND
);
text!(AbsolutePath, field::ABSOLUTE_PATH);
text!(SharePath, field::SHARE_PATH);
text!(
    /// The id of something in another service.
    Id,
    field::ID
);
text!(DependencyName, text::DEPENDENCY_NAME);
text!(LogName, field::LOG_NAME);
text!(LogTag, field::LOG_TAG);
text!(GpuType, field::GPU_TYPE);
text!(Heartbeat, field::HEARTBEAT);
text!(PeeringCidr, field::PEERING_CIDR);
text!(DomainName, field::DOMAIN_NAME);
text!(ScalingName, field::SCALING_NAME);
text!(Cron, field::CRON);
text!(
    /// The name of a trigger in a manifest, which is its name in the service where a trigger has one.
    TriggerKey,
    trigger_text::NAME
);
text!(
    /// The service's name for a type of triggers: `TIMER`.
    TriggerTypeCode,
    trigger_text::TYPE_CODE
);
text!(
    /// A time in UTC, in whole seconds.
    Time,
    field::TIME
);

impl Default for PackageName {
    fn default() -> Self {
        Self("default".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_their_rules_at_the_limits() {
        for good in ["a", "a1", "A-b_c9", &"a".repeat(60)] {
            assert!(FunctionName::new(good).is_ok(), "{good}");
        }
        for bad in ["", "1a", "a-", "-a", "a b", "a.b", &"a".repeat(61)] {
            assert!(FunctionName::new(bad).is_err(), "{bad}");
        }
        assert!(VersionName::new("latest").is_err());
        assert!(VersionName::new("v1.2").is_ok());
    }

    #[test]
    fn bucket_names_follow_the_rules_of_obs() {
        for good in ["abc", "a-b.c-d", "1.2.3", &"a".repeat(63)] {
            assert!(BucketName::new(good).is_ok(), "{good}");
        }
        for bad in ["ab", "Abc", "a..b", "a.-b", "a-.b", "-ab", "ab-", "192.168.0.1", &"a".repeat(64)] {
            assert!(BucketName::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn every_pattern_compiles() {
        for (good, refused) in [
            (StackName::new("orders").is_ok(), StackName::new("").is_err()),
            (RegionName::new("eu-de").is_ok(), RegionName::new("eu de").is_err()),
            (ProjectId::new("0123abc").is_ok(), ProjectId::new("a.b").is_err()),
            (PackageName::new("default").is_ok(), PackageName::new("9").is_err()),
            (AliasName::new("prod").is_ok(), AliasName::new("!prod").is_err()),
            (Handler::new("index.handler").is_ok(), Handler::new("a b").is_err()),
            (Runtime::new("C#(.NET Core 2.0)").is_ok(), Runtime::new("").is_err()),
            (Description::new("line\nline").is_ok(), Description::new("x".repeat(513)).is_err()),
            (AgencyName::new("fgs-notify").is_ok(), AgencyName::new("a b").is_err()),
            (VariableName::new("LOG_LEVEL").is_ok(), VariableName::new("1X").is_err()),
            (TagKey::new("team").is_ok(), TagKey::new("fgctl.stack").is_err()),
            (TagValue::new("a/b ü").is_ok(), TagValue::new("a,b").is_err()),
            (ObsPrefix::new("/async/").is_ok(), ObsPrefix::new("x".repeat(1025)).is_err()),
            (StreamName::new("orders-audit").is_ok(), StreamName::new("a.b").is_err()),
            (TopicUrn::new("urn:smn:eu-de:0123:pager").is_ok(), TopicUrn::new("urn:smn:pager").is_err()),
            (ObsUrl::new("https://b.obs.eu-de.example/x.zip").is_ok(), ObsUrl::new("http://b/x").is_err()),
        ] {
            assert!(good && refused);
        }
    }
}
