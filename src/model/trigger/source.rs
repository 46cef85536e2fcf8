//! What a trigger listens to, and which notifications raise its events.

use serde::Deserialize;
use serde_json::Value;

use crate::model::target::Target;
use crate::rules::trigger::audit::{Audited, records};
use crate::rules::trigger::{is_event_grid_put, is_raised_by_put};

use super::{EventData, member};

/// The source of a trigger's events, as far as a notification can raise them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source<'a> {
    Obs {
        bucket: &'a str,
        prefix: &'a str,
        suffix: &'a str,
        /// Whether an object that is uploaded raises an event.
        sees_uploads: bool,
    },
    /// `EventGrid`'s filters are not in the trigger, so the bucket alone decides.
    EventGrid {
        bucket: &'a str,
        sees_uploads: bool,
    },
    Smn {
        topic: &'a str,
    },
    Dis {
        stream: &'a str,
    },
    Lts {
        stream_id: &'a str,
        /// Empty if the service has not said it yet.
        stream_name: &'a str,
    },
    Cts {
        operations: &'a [Value],
    },
    /// Topics of a message queue. Only targets in the service's own format lead there.
    Queue {
        code: &'a str,
        instance: &'a str,
        /// One topic or a list of them.
        topics: Option<&'a Value>,
    },
    Timer {
        schedule: &'a str,
    },
    /// No notification raises its events: gateways, other queues and databases.
    Outside,
}

/// Whether a notification raises an event of a trigger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Match {
    Possible,
    Certain,
}

impl<'a> Source<'a> {
    pub fn of(code: &'a str, data: &'a EventData) -> Self {
        let text = |wire: &str| member(data, wire).and_then(Value::as_str).unwrap_or_default();
        let texts = |wire: &str| member(data, wire).and_then(Value::as_array).into_iter().flatten();
        let sees = |wire: &str, raises: fn(&str) -> bool| texts(wire).filter_map(Value::as_str).any(raises);
        match code {
            "OBS" => Self::Obs {
                bucket: text("bucket"),
                prefix: text("prefix"),
                suffix: text("suffix"),
                sees_uploads: sees("events", is_raised_by_put),
            },
            "EVENTGRID" if !text("bucket").is_empty() => {
                Self::EventGrid { bucket: text("bucket"), sees_uploads: sees("event_types", is_event_grid_put) }
            }
            "TIMER" => Self::Timer { schedule: text("schedule") },
            "SMN" => Self::Smn { topic: text("topic_urn").trim() },
            "DIS" => Self::Dis { stream: text("stream_name") },
            "LTS" => Self::Lts { stream_id: text("log_topic_id"), stream_name: text("log_topic_name") },
            "CTS" => {
                let operations = member(data, "operations").and_then(Value::as_array);
                Self::Cts { operations: operations.map_or(&[], Vec::as_slice) }
            }
            "KAFKA" | "OPENSOURCEKAFKA" => Self::queue(code, text("instance_id"), member(data, "topic_ids")),
            "ROCKETMQ" => Self::queue(code, text("instance_id"), member(data, "topic")),
            _ => Self::Outside,
        }
    }

    /// Whether a notification to this target raises an event of this source; `None` if it does not.
    pub fn is_raised_by(self, target: &Target) -> Option<Match> {
        let certain = |is_same: bool| is_same.then_some(Match::Certain);
        match (self, target) {
            (
                Self::Obs { bucket, prefix, suffix, sees_uploads: true },
                Target::Obs { bucket: written, prefix: start, .. },
            ) => object_match(start.as_str(), prefix, suffix).filter(|_| bucket == written.as_str()),
            (Self::EventGrid { bucket, sees_uploads: true }, Target::Obs { bucket: written, .. }) => {
                (bucket == written.as_str()).then_some(Match::Possible)
            }
            (Self::Smn { topic }, Target::Smn { topic: notified }) => certain(topic == notified.as_str()),
            (Self::Dis { stream }, Target::Dis { stream: notified }) => certain(stream == notified.as_str()),
            (Self::Queue { .. }, Target::Foreign { destination, param }) => {
                self.is_raised_by_message(Queue::of(destination, param)?)
            }
            (Self::Cts { operations }, target) => records(operations, audited(target)?).then_some(Match::Possible),
            _ => None,
        }
    }

    const fn queue(code: &'a str, instance: &'a str, topics: Option<&'a Value>) -> Self {
        Self::Queue { code, instance, topics }
    }

    /// Whether a message in a queue raises an event of this source. It is certain only if both name the instance.
    pub fn is_raised_by_message(self, queue: Queue<'_>) -> Option<Match> {
        let Self::Queue { code, instance, topics } = self else { return None };
        let is_topic = |value: &Value| value.as_str() == Some(queue.topic);
        let has_topic = topics.is_some_and(|topics| match topics {
            Value::Array(topics) => topics.iter().any(is_topic),
            topic => is_topic(topic),
        });
        // A trigger for an open-source Kafka takes the same messages.
        let is_queue = code.ends_with(&queue.destination.to_ascii_uppercase());
        let is_same = instance == queue.instance;
        let is_known = !instance.is_empty() && !queue.instance.is_empty();
        match is_queue && has_topic {
            true if is_same && is_known => Some(Match::Certain),
            true if !is_known => Some(Match::Possible),
            _ => None,
        }
    }
}

/// A topic of a message queue as a target names it. Two regions offer `RocketMQ` as a target, with members that are not
/// documented.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Queue<'a> {
    pub destination: &'a str,
    /// Empty if the target does not name it.
    pub instance: &'a str,
    pub topic: &'a str,
}

impl<'a> Queue<'a> {
    pub fn of(destination: &'a str, param: &'a str) -> Option<Self> {
        #[derive(Deserialize)]
        struct Param<'p> {
            #[serde(default, borrow, alias = "instanceId")]
            instance_id: &'p str,
            #[serde(borrow, alias = "topic_id", alias = "topic_name", alias = "topicName")]
            topic: &'p str,
        }
        let is_queue = ["RocketMQ", "Kafka"].iter().any(|queue| queue.eq_ignore_ascii_case(destination));
        let Param { instance_id, topic } = is_queue.then(|| serde_json::from_str(param).ok())??;
        Some(Self { destination, instance: instance_id, topic }).filter(|queue| !queue.topic.is_empty())
    }
}

/// What Cloud Trace Service can record of a notification to this target.
const fn audited(target: &Target) -> Option<Audited> {
    match target {
        Target::Function { .. } | Target::Urn(_) => Some(Audited::Run),
        Target::Obs { .. } => Some(Audited::Object),
        Target::Smn { .. } => Some(Audited::Message),
        Target::Dis { .. } => Some(Audited::StreamRecord),
        Target::Foreign { .. } => None,
    }
}

/// Whether a log stream contains the statuses of the project's asynchronous invocations.
pub fn is_status_log(stream_name: &str) -> bool {
    stream_name.starts_with("function-async-log-stream-")
}

/// Whether an object whose name is `start` and an unknown rest raises an event of a trigger with these filters. How the name
/// of an object ends is not documented.
pub fn object_match(start: &str, prefix: &str, suffix: &str) -> Option<Match> {
    let found = raises(start, prefix)?;
    Some(if suffix.is_empty() { found } else { Match::Possible })
}

/// Whether an object whose name is `start` and an unknown rest has a name that begins with `prefix`. It is not documented
/// whether the service removes a slash at the start of `start`, so both are tried.
fn raises(start: &str, prefix: &str) -> Option<Match> {
    let one = begins(start, prefix);
    let Some(stripped) = start.strip_prefix('/') else { return one };
    match (one, begins(stripped, prefix)) {
        (Some(Match::Certain), Some(Match::Certain)) => Some(Match::Certain),
        (None, None) => None,
        _ => Some(Match::Possible),
    }
}

fn begins(start: &str, prefix: &str) -> Option<Match> {
    if start.starts_with(prefix) { Some(Match::Certain) } else { prefix.starts_with(start).then_some(Match::Possible) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::number::Expires;
    use crate::model::text::{BucketName, ObsPrefix};
    use serde_json::json;

    fn found(prefix: &str, trigger: &Value) -> Option<Match> {
        let target = Target::Obs {
            bucket: BucketName::new("results").unwrap(),
            prefix: ObsPrefix::new(prefix).unwrap(),
            expires: Expires::constant::<0>(),
        };
        Source::of("OBS", trigger.as_object().unwrap()).is_raised_by(&target)
    }

    #[test]
    fn an_object_raises_an_event_by_its_bucket_name_and_kind() {
        let trigger = |prefix: &str, suffix: &str, event: &str| json!({ "bucket": "results", "prefix": prefix, "suffix": suffix, "events": [event] });
        let created = "s3:ObjectCreated:*";
        let cases = [
            ("in/", trigger("in/", "", created), Some(Match::Certain)),
            ("in/a", trigger("in/", "", created), Some(Match::Certain)),
            ("in/", trigger("", "", "s3:ObjectCreated:Put"), Some(Match::Certain)),
            ("in", trigger("in/", "", created), Some(Match::Possible)),
            ("", trigger("in/", "", created), Some(Match::Possible)),
            ("in/", trigger("in/", ".json", created), Some(Match::Possible)),
            ("out/", trigger("in/", "", created), None),
            ("IN/", trigger("in/", "", created), None),
            ("in/", trigger("in/", "", "s3:ObjectCreated:Post"), None),
            ("in/", trigger("in/", "", "s3:ObjectRemoved:*"), None),
            ("/in/", trigger("in/", "", created), Some(Match::Possible)),
            ("/in/", trigger("/in/", "", created), Some(Match::Possible)),
            ("/in/", trigger("", "", created), Some(Match::Certain)),
            ("in/", json!({ "bucket": "other", "events": [created] }), None),
        ];
        for (start, trigger, expected) in cases {
            assert_eq!(found(start, &trigger), expected, "{start} {trigger}");
        }
    }

    #[test]
    fn a_message_raises_an_event_by_its_queue_instance_and_topic() {
        let param = |instance: &str, topic: &str| json!({ "instance_id": instance, "topic": topic }).to_string();
        let rocket = json!({ "instance_id": "i", "topic": "failed" });
        let kafka = |instance: &str| json!({ "instance_id": instance, "topic_ids": ["done", "failed"] });
        let without_instance = json!({ "topic": "failed" }).to_string();
        let cases = [
            ("RocketMQ", param("i", "failed"), "ROCKETMQ", rocket.clone(), Some(Match::Certain)),
            ("ROCKETMQ", param("i", "failed"), "ROCKETMQ", rocket.clone(), Some(Match::Certain)),
            ("RocketMQ", param("j", "failed"), "ROCKETMQ", rocket.clone(), None),
            ("RocketMQ", param("i", "other"), "ROCKETMQ", rocket.clone(), None),
            ("RocketMQ", without_instance.clone(), "ROCKETMQ", rocket.clone(), Some(Match::Possible)),
            ("RocketMQ", param("i", "failed"), "KAFKA", kafka("i"), None),
            ("Kafka", param("i", "failed"), "KAFKA", kafka("i"), Some(Match::Certain)),
            ("Kafka", param("i", "failed"), "OPENSOURCEKAFKA", kafka(""), Some(Match::Possible)),
            ("Kafka", param("i", "more"), "KAFKA", kafka("i"), None),
            ("OBS", param("i", "failed"), "ROCKETMQ", rocket.clone(), None),
            ("RocketMQ", "{}".to_owned(), "ROCKETMQ", rocket.clone(), None),
            ("RocketMQ", "not JSON".to_owned(), "ROCKETMQ", rocket, None),
        ];
        for (destination, param, code, trigger, expected) in cases {
            let target = Target::Foreign { destination: destination.into(), param: param.clone() };
            let source = Source::of(code, trigger.as_object().unwrap());
            assert_eq!(source.is_raised_by(&target), expected, "{destination} {param} {code} {trigger}");
        }
    }
}
