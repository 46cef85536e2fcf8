//! `targets`, and targets written at `on_success` and `on_failure`.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use crate::diagnostic::{Diagnostic, Spot};
use crate::model::address::Qualifier;
use crate::model::number::Expires;
use crate::model::target::Target;
use crate::model::text::{AliasName, BucketName, ObsPrefix, StreamName, TopicUrn, VersionName};
use crate::model::urn::FunctionUrn;
use crate::rules::number;

use super::names::Names;

/// What to notify when an asynchronous invocation ends: exactly one of obs, dis, smn, function and urn.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend(
    "oneOf" = KINDS.map(|kind| json!({ "type": "object", "required": [kind] })),
    "dependencies" = json!({ "version": ["function"], "alias": ["function"] }),
    "not" = json!({ "type": "object", "required": ["version", "alias"] }),
))]
pub(super) struct TargetEntry {
    /// An OBS bucket. Each notification becomes an object.
    obs: Option<ObsEntry>,
    /// A DIS stream. Each notification becomes a record. Some regions have no DIS.
    dis: Option<DisEntry>,
    /// An SMN topic. Its subscribers receive each notification as a message.
    smn: Option<SmnEntry>,
    /// A function of the same manifest, by its key under `functions`. It is invoked asynchronously with the notification as
    /// its event. Example: `settle`.
    function: Option<String>,
    /// A published version of `function`, which must exist at the time of the apply. Default: the latest code. Example:
    /// `v1.2`.
    version: Option<VersionName>,
    /// An alias of `function`, which must exist at the time of the apply. Default: the latest code. Example: `prod`.
    alias: Option<AliasName>,
    /// Any other function, by its URN, optionally with a version or an alias. Example:
    /// `urn:fss:eu-de:0123456789abcdef0123456789abcdef:function:default:elsewhere`.
    urn: Option<FunctionUrn>,
}

/// A target has exactly one of these fields.
const KINDS: [&str; 5] = ["obs", "dis", "smn", "function", "urn"];

/// An OBS bucket as a target.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ObsEntry {
    /// The bucket's name: 3 to 63 lower-case letters, digits, '-' or '.'. Example: `orders-failures`.
    bucket: BucketName,
    /// The start of the objects' names, at most 1,024 characters. Default: empty. Example: `async/`.
    prefix: Option<ObsPrefix>,
    /// Days after which OBS deletes the object: 0 to 365. Default: 0 (never).
    #[schemars(extend("default" = number::DEFAULT_EXPIRES_DAYS))]
    expires: Option<Expires>,
}

/// A DIS stream as a target.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct DisEntry {
    /// The stream's name: 1 to 64 letters, digits, '_' or '-'. Example: `orders-audit`.
    stream: StreamName,
}

/// An SMN topic as a target.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SmnEntry {
    /// The topic's URN. Example: `urn:smn:eu-de:0123456789abcdef0123456789abcdef:pager`.
    topic: TopicUrn,
}

impl TargetEntry {
    /// The declared target; `None` if a diagnostic reports a problem.
    pub(super) fn target(&self, spot: &Spot, names: &Names, diagnostics: &mut Vec<Diagnostic>) -> Option<Target> {
        let Self { obs, dis, smn, function, version, alias, urn } = self;
        match (obs, dis, smn, function, urn) {
            (Some(ObsEntry { bucket, prefix, expires }), None, None, None, None) => Some(Target::Obs {
                bucket: bucket.clone(),
                prefix: prefix.clone().unwrap_or_default(),
                expires: expires.unwrap_or(Expires::constant::<{ number::DEFAULT_EXPIRES_DAYS }>()),
            }),
            (None, Some(DisEntry { stream }), None, None, None) => Some(Target::Dis { stream: stream.clone() }),
            (None, None, Some(SmnEntry { topic }), None, None) => Some(Target::Smn { topic: topic.clone() }),
            (None, None, None, Some(key), None) => {
                let function = names.function(key, &spot.child("function"), diagnostics)?;
                Some(Target::Function { function, qualifier: qualifier(version.as_ref(), alias.as_ref()) })
            }
            (None, None, None, None, Some(urn)) => Some(Target::Urn(urn.clone())),
            _ => {
                let message = "a target needs exactly one of `obs`, `dis`, `smn`, `function` and `urn`";
                diagnostics.push(Diagnostic::error("invalid-value", message).at(spot.clone()));
                None
            }
        }
    }
}

fn qualifier(version: Option<&VersionName>, alias: Option<&AliasName>) -> Option<Qualifier> {
    let version = version.cloned().map(Qualifier::Version);
    version.or_else(|| alias.cloned().map(Qualifier::Alias))
}
