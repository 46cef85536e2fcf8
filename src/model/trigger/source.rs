//! What a trigger listens to, and which notifications raise its events.

use serde_json::Value;

use crate::model::target::Target;
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
    },
    Cts {
        sees_functions: bool,
    },
    Timer {
        schedule: &'a str,
    },
    /// No notification raises its events: gateways, message queues and databases.
    Outside,
}

/// Whether a notification raises an event of a trigger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Match {
    Possible,
    Certain,
}

impl<'a> Source<'a> {
    pub fn of(code: &str, data: &'a EventData) -> Self {
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
            "LTS" => Self::Lts { stream_id: text("log_topic_id") },
            "CTS" => Self::Cts { sees_functions: sees("operations", |it| it.starts_with("FunctionGraph:")) },
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
            _ => None,
        }
    }
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
}
