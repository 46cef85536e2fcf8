//! The places between functions: where notifications go, and what triggers listen to.

use std::fmt;

use crate::model::address::FunctionAddress;
use crate::model::target::Target;
use crate::model::trigger::Source;
use crate::model::trigger::source::Queue;

/// A bucket, topic, stream, queue or log, or the source of a trigger that no notification reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place<'a> {
    Bucket {
        bucket: &'a str,
        prefix: &'a str,
    },
    Topic(&'a str),
    Stream(&'a str),
    /// A topic of a message queue, which only a target in the service's own format can name.
    Queue(Queue<'a>),
    /// A log stream, by its id.
    Log(&'a str),
    /// The project's log for the statuses of asynchronous invocations.
    StatusLog,
    /// The runs of functions that Cloud Trace Service records.
    Runs,
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
            Target::Foreign { destination, param } => Some(Self::Queue(Queue::of(destination, param)?)),
            Target::Function { .. } | Target::Urn(_) => None,
        }
    }

    /// What a trigger listens to; `None` if it is something that only this trigger knows.
    pub(super) fn heard(source: Source<'a>) -> Option<Self> {
        match source {
            Source::Obs { bucket, prefix, .. } => Some(Self::Bucket { bucket, prefix }),
            Source::EventGrid { bucket, .. } => Some(Self::Bucket { bucket, prefix: "" }),
            Source::Smn { topic } => Some(Self::Topic(topic)),
            Source::Dis { stream } => Some(Self::Stream(stream)),
            Source::Lts { stream_id, .. } => Some(Self::Log(stream_id)),
            Source::Queue { .. } | Source::Cts { .. } | Source::Timer { .. } | Source::Outside => None,
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
            Self::Queue(Queue { destination, topic, .. }) => write!(f, "{} {topic}", destination.to_ascii_lowercase()),
            Self::Log(stream) => write!(f, "log stream {stream}"),
            Self::StatusLog => f.write_str("log of statuses"),
            Self::Runs => f.write_str("recorded runs"),
            Self::Source { code, key, .. } => write!(f, "{} {key}", code.to_ascii_lowercase()),
        }
    }
}
