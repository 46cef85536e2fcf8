//! Where the service sends the result of an asynchronous invocation.

use serde_json::{Value, json};

use super::address::{FunctionAddress, Qualifier};
use super::number::Expires;
use super::text::{BucketName, ObsPrefix, StreamName, TopicUrn};
use super::urn::{FunctionUrn, Scope};

/// One notification target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A function of the same manifests.
    Function {
        function: FunctionAddress,
        qualifier: Option<Qualifier>,
    },
    /// A function by its URN, declared here or not.
    Urn(FunctionUrn),
    Obs {
        bucket: BucketName,
        prefix: ObsPrefix,
        expires: Expires,
    },
    Dis {
        stream: StreamName,
    },
    Smn {
        topic: TopicUrn,
    },
    /// What live has and this format cannot say; it is shown and compared, and never declared.
    Foreign {
        destination: String,
        param: String,
    },
}

impl Target {
    /// The function that this target invokes. A URN counts whatever its region and project, since `validate` knows
    /// neither and the service notifies functions of its own project.
    pub fn function(&self) -> Option<&FunctionAddress> {
        match self {
            Self::Function { function, .. } => Some(function),
            Self::Urn(urn) => Some(&urn.function),
            Self::Obs { .. } | Self::Dis { .. } | Self::Smn { .. } | Self::Foreign { .. } => None,
        }
    }

    pub fn qualifier(&self) -> Option<&Qualifier> {
        match self {
            Self::Function { qualifier, .. } => qualifier.as_ref(),
            Self::Urn(urn) => urn.qualifier.as_ref(),
            Self::Obs { .. } | Self::Dis { .. } | Self::Smn { .. } | Self::Foreign { .. } => None,
        }
    }

    /// The URN that the service is told, for a function.
    pub fn urn(&self, scope: &Scope) -> Option<FunctionUrn> {
        match self {
            Self::Function { function, qualifier } => Some(FunctionUrn::new(scope, function, qualifier.clone())),
            Self::Urn(urn) => Some(urn.clone()),
            Self::Obs { .. } | Self::Dis { .. } | Self::Smn { .. } | Self::Foreign { .. } => None,
        }
    }

    /// The target as comparison and reports have it: one form for one target, however it was written or stored.
    pub fn to_value(&self, scope: &Scope) -> Value {
        match self {
            Self::Function { function, qualifier } => function_value(function, qualifier.as_ref()),
            Self::Urn(FunctionUrn { scope: there, function, qualifier }) if there == scope => {
                function_value(function, qualifier.as_ref())
            }
            Self::Urn(urn) => json!({ "urn": urn.to_string() }),
            Self::Obs { bucket, prefix, expires } => {
                json!({ "obs": { "bucket": bucket, "prefix": prefix, "expires": expires } })
            }
            Self::Dis { stream } => json!({ "dis": { "stream": stream } }),
            Self::Smn { topic } => json!({ "smn": { "topic": topic } }),
            Self::Foreign { destination, param } => {
                json!({ "unknown": { "destination": destination, "param": param } })
            }
        }
    }
}

fn function_value(function: &FunctionAddress, qualifier: Option<&Qualifier>) -> Value {
    let function = function.to_string();
    match qualifier {
        None => json!({ "function": function }),
        Some(Qualifier::Version(version)) => json!({ "function": function, "version": version }),
        Some(Qualifier::Alias(alias)) => json!({ "function": function, "alias": alias }),
    }
}
