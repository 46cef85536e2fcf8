//! Random triggers, and the places that policies write to and triggers listen to.

use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::BTreeSet;

use crate::model::mark;
use crate::model::state::LiveFunction;
use crate::model::target::Target;
use crate::model::text::{StackName, StreamName, TopicUrn};
use crate::model::trigger::{LiveTrigger, Trigger, TriggerMark, Triggers};
use crate::plan::tests::{live_trigger, objects, qualifier_named, trigger, urn_of};

use super::case::QUALIFIERS;

/// The number of places.
pub(super) const PLACES: usize = 4;
const BUCKET: &str = "results";
const TOPIC: &str = "urn:smn:r:p:done";
const STREAM: &str = "audit";

pub(super) fn place(number: usize) -> Target {
    match number % PLACES {
        0 => objects("in/"),
        1 => objects("out/"),
        2 => Target::Smn { topic: TopicUrn::new(TOPIC).unwrap() },
        _ => Target::Dis { stream: StreamName::new(STREAM).unwrap() },
    }
}

/// What a trigger listens to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Source {
    In,
    Out,
    /// Both.
    Bucket,
    /// Only some objects.
    SomeIn,
    Topic,
    Stream,
    Time,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Sketch {
    source: Source,
    /// Another form of the same trigger: it does not see uploads, it is disabled, or it has another schedule.
    is_other: bool,
    /// A qualifier if it is small.
    qualifier: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    Ours,
    /// Another form of it was applied.
    Changed,
    Others,
}

#[derive(Debug, Clone)]
pub(super) enum Declared {
    /// As live.
    Same,
    /// Those that are live, in their other forms.
    Changed,
    /// Those of the next function.
    Moved,
    New(Vec<Sketch>),
}

pub(super) type Live = Vec<(Sketch, Standing)>;

fn any_sketch() -> impl Strategy<Value = Sketch> {
    let source = prop_oneof![
        3 => Just(Source::In),
        3 => Just(Source::Out),
        1 => Just(Source::Bucket),
        1 => Just(Source::SomeIn),
        2 => Just(Source::Topic),
        3 => Just(Source::Stream),
        1 => Just(Source::Time),
    ];
    (source, proptest::bool::weighted(0.2), 0..12_usize).prop_map(|(source, is_other, qualifier)| Sketch {
        source,
        is_other,
        qualifier,
    })
}

pub(super) fn any_live() -> impl Strategy<Value = Live> {
    let standing = prop_oneof![4 => Just(Standing::Ours), 1 => Just(Standing::Changed), 1 => Just(Standing::Others)];
    proptest::collection::vec((any_sketch(), standing), 0..3)
}

pub(super) fn any_declared() -> impl Strategy<Value = Declared> {
    prop_oneof![
        3 => Just(Declared::Same),
        2 => Just(Declared::Changed),
        1 => Just(Declared::Moved),
        3 => proptest::collection::vec(any_sketch(), 0..3).prop_map(Declared::New),
    ]
}

/// The triggers that exist only once in the project so far.
pub(super) type Taken = BTreeSet<String>;

impl Sketch {
    fn trigger(self, key: &str) -> Trigger {
        let objects = |prefix: &str, suffix: &str| {
            let event = if self.is_other { "s3:ObjectRemoved:*" } else { "s3:ObjectCreated:*" };
            ("OBS", json!({ "bucket": BUCKET, "prefix": prefix, "suffix": suffix, "events": [event] }))
        };
        let rate = if self.is_other { "5m" } else { "1h" };
        let (code, data): (&str, Value) = match self.source {
            Source::In => objects("in/", ""),
            Source::Out => objects("out/", ""),
            Source::Bucket => objects("", ""),
            Source::SomeIn => objects("in/", ".json"),
            Source::Topic => ("SMN", json!({ "topic_urn": TOPIC })),
            Source::Stream => ("DIS", json!({ "stream_name": STREAM })),
            Source::Time => ("TIMER", json!({ "name": "tick", "schedule_type": "Rate", "schedule": rate })),
        };
        Trigger {
            qualifier: QUALIFIERS.get(self.qualifier).map(|qualifier| qualifier_named(qualifier)),
            enabled: (code == "DIS").then_some(!self.is_other),
            ..trigger(key, code, &data)
        }
    }
}

/// The service refuses a second trigger with the same identity on a function, and a second one for the same objects.
fn distinct(sketches: &[(Sketch, Standing)], taken: &mut Taken) -> Vec<(Trigger, Standing)> {
    let mut own = BTreeSet::new();
    let mut is_free = |trigger: &Trigger| {
        let objects = format!(
            "{} {}",
            trigger.data.get("prefix").unwrap_or_default(),
            trigger.data.get("suffix").unwrap_or_default()
        );
        own.insert(trigger.identity()) && (trigger.code.as_str() != "OBS" || taken.insert(objects))
    };
    let triggers = sketches
        .iter()
        .enumerate()
        .map(|(number, (sketch, standing))| (sketch.trigger(&format!("t{number}")), *standing));
    triggers.filter(|(trigger, _)| is_free(trigger)).collect()
}

/// Gives a live function its triggers, and the tag that records those that the stack applied.
pub(super) fn set_live(found: &mut LiveFunction, triggers: &Live, stack: &str, taken: &mut Taken) {
    let triggers = distinct(triggers, taken);
    let mut mark = TriggerMark::new(&StackName::new(stack).unwrap(), &urn_of(&found.address).to_string());
    for (trigger, standing) in &triggers {
        match standing {
            Standing::Ours => mark.set(&trigger.identity(), trigger.entry()),
            Standing::Changed => {
                let mut other = trigger.clone();
                other.data.insert("another_member".into(), json!(1));
                mark.set(&trigger.identity(), other.entry());
            }
            Standing::Others => {}
        }
    }
    if let Some(tag) = mark.tag() {
        found.marks.set(mark::TRIGGERS, tag);
    }
    found.triggers = Some(triggers.iter().map(|(trigger, _)| live_trigger(trigger)).collect());
}

/// The declared triggers of a function. `live` are its own, `next` those of the next function.
pub(super) fn declared(declared: &Declared, [live, next]: [&Live; 2], taken: &mut Taken) -> Triggers {
    let new: Live;
    let sketches = match declared {
        Declared::Same => live,
        Declared::Changed => {
            let other = |sketch: Sketch| Sketch { is_other: !sketch.is_other, ..sketch };
            new = live.iter().map(|(sketch, standing)| (other(*sketch), *standing)).collect();
            &new
        }
        Declared::Moved => next,
        Declared::New(sketches) => {
            new = sketches.iter().map(|sketch| (*sketch, Standing::Ours)).collect();
            &new
        }
    };
    distinct(sketches, taken).into_iter().map(|(trigger, _)| (trigger.key.clone(), trigger)).collect()
}

/// Whether a notification to this target certainly starts the function of a trigger.
pub(super) fn starts(target: &Target, trigger: &LiveTrigger) -> bool {
    let text = |wire: &str| trigger.data.get(wire).and_then(Value::as_str).unwrap_or_default();
    match (target, trigger.code.as_str()) {
        (Target::Obs { bucket, prefix, .. }, "OBS") => {
            let sees_uploads = trigger.data["events"] == json!(["s3:ObjectCreated:*"]);
            bucket.as_str() == text("bucket")
                && prefix.as_str().starts_with(text("prefix"))
                && text("suffix").is_empty()
                && sees_uploads
        }
        (Target::Smn { topic }, "SMN") => topic.as_str() == text("topic_urn"),
        (Target::Dis { stream }, "DIS") => stream.as_str() == text("stream_name") && trigger.is_active == Some(true),
        _ => false,
    }
}
