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
    /// A live target that this format cannot express. It is shown and compared, but cannot be declared.
    Foreign {
        destination: String,
        param: String,
    },
}

impl Target {
    /// The function that this target invokes. The region and project of a URN are ignored: `validate` does not have
    /// them, and the service notifies only functions of the same project.
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

    /// The URN to send to the service, if the target is a function.
    pub fn urn(&self, scope: &Scope) -> Option<FunctionUrn> {
        match self {
            Self::Function { function, qualifier } => Some(FunctionUrn::new(scope, function, qualifier.clone())),
            Self::Urn(urn) => Some(urn.clone()),
            Self::Obs { .. } | Self::Dis { .. } | Self::Smn { .. } | Self::Foreign { .. } => None,
        }
    }

    /// The normal form of the target for comparison and reports, regardless of how it was written or stored.
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
