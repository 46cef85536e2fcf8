//! The places between functions: where notifications go, and what triggers listen to.

use std::fmt;

use crate::model::address::FunctionAddress;
use crate::model::target::Target;
use crate::model::trigger::Source;

/// A bucket, topic, stream or log, or the source of a trigger that no notification reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place<'a> {
    Bucket {
        bucket: &'a str,
        prefix: &'a str,
    },
    Topic(&'a str),
    Stream(&'a str),
    /// A log stream, by its id.
    Log(&'a str),
    /// What another trigger of this type listens to.
    Source {
        code: &'a str,
        function: &'a FunctionAddress,
        key: &'a str,
        /// When a timer starts its function; empty for other types.
        schedule: &'a str,
    },
}

impl<'a> Place<'a> {
    /// Where a notification goes, if it is not a function.
    pub(super) fn of(target: &'a Target) -> Option<Self> {
        match target {
            Target::Obs { bucket, prefix, .. } => {
                Some(Self::Bucket { bucket: bucket.as_str(), prefix: prefix.as_str() })
            }
            Target::Dis { stream } => Some(Self::Stream(stream.as_str())),
            Target::Smn { topic } => Some(Self::Topic(topic.as_str())),
            Target::Function { .. } | Target::Urn(_) | Target::Foreign { .. } => None,
        }
    }

    /// What a trigger listens to; `None` if it is something that only this trigger knows.
    pub(super) fn heard(source: Source<'a>) -> Option<Self> {
        match source {
            Source::Obs { bucket, prefix, .. } => Some(Self::Bucket { bucket, prefix }),
            Source::EventGrid { bucket, .. } => Some(Self::Bucket { bucket, prefix: "" }),
            Source::Smn { topic } => Some(Self::Topic(topic)),
            Source::Dis { stream } => Some(Self::Stream(stream)),
            Source::Lts { stream_id } => Some(Self::Log(stream_id)),
            Source::Cts { .. } | Source::Timer { .. } | Source::Outside => None,
        }
    }
}

/// The name in messages.
impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bucket { bucket, prefix } => write!(f, "obs://{bucket}/{prefix}"),
            Self::Topic(urn) => write!(f, "topic {}", urn.rsplit(':').next().unwrap_or(urn)),
            Self::Stream(stream) => write!(f, "stream {stream}"),
            Self::Log(stream) => write!(f, "log stream {stream}"),
            Self::Source { code, key, .. } => write!(f, "{} {key}", code.to_ascii_lowercase()),
        }
    }
}
