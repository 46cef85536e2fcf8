//! Which triggers listen to a place.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::model::trigger::Source;
use crate::model::trigger::source::{Match, Queue, is_status_log, object_match};
use crate::rules::trigger::audit::{Audited, records};

use super::{End, Lifetime, Listening, Place, Trigger};

/// The triggers by what they listen to. A trigger whose source changes listens twice: before the plan and after it.
pub(super) struct Listeners<'t, 'a> {
    all: Vec<Listener<'t, 'a>>,
    buckets: HashMap<&'a str, Bucket<'a>>,
    /// By bucket; the filters of `EventGrid` are not known.
    event_grid: HashMap<&'a str, Vec<usize>>,
    queues: Vec<usize>,
    status_log: Vec<usize>,
    audits: BTreeMap<Audited, Vec<usize>>,
    others: HashMap<Place<'a>, Vec<usize>>,
}

struct Listener<'t, 'a> {
    trigger: &'t Trigger<'a>,
    listening: Listening<'a>,
    is_before: bool,
    is_after: bool,
}

/// The triggers of one bucket, by their prefixes.
#[derive(Default)]
struct Bucket<'a> {
    prefixes: BTreeMap<&'a str, Vec<usize>>,
    lengths: BTreeSet<usize>,
}

impl<'t, 'a> Listeners<'t, 'a> {
    pub(super) fn of(triggers: &'t [Trigger<'a>]) -> Self {
        let all: Vec<Listener<'t, 'a>> = triggers.iter().flat_map(listeners).collect();
        let (mut buckets, mut event_grid, mut others) = (HashMap::new(), HashMap::new(), HashMap::new());
        let (mut queues, mut status_log, mut audits) = (Vec::new(), Vec::new(), BTreeMap::new());
        for (index, listener) in all.iter().enumerate() {
            if let Source::Lts { stream_name, .. } = listener.listening.source
                && is_status_log(stream_name)
            {
                status_log.push(index);
            }
            match listener.listening.source {
                Source::Obs { sees_uploads: false, .. } | Source::EventGrid { sees_uploads: false, .. } => {}
                Source::Obs { bucket, prefix, .. } => {
                    let bucket: &mut Bucket<'_> = buckets.entry(bucket).or_default();
                    bucket.prefixes.entry(prefix).or_default().push(index);
                    bucket.lengths.insert(prefix.len());
                }
                Source::EventGrid { bucket, .. } => event_grid.entry(bucket).or_insert_with(Vec::new).push(index),
                Source::Queue { .. } => queues.push(index),
                Source::Cts { operations } => {
                    for audited in Audited::ALL.into_iter().filter(|audited| records(operations, *audited)) {
                        audits.entry(audited).or_insert_with(Vec::new).push(index);
                    }
                }
                source => {
                    if let Some(place) = Place::heard(source) {
                        others.entry(place).or_insert_with(Vec::new).push(index);
                    }
                }
            }
        }
        Self { all, buckets, event_grid, queues, status_log, audits, others }
    }

    pub(super) fn count(&self) -> usize {
        self.all.len()
    }

    pub(super) fn get(&self, listener: usize) -> (&'t Trigger<'a>, Listening<'a>) {
        (self.all[listener].trigger, self.all[listener].listening)
    }

    /// Whether a run of a function can start a trigger without a notification.
    pub(super) fn hear_runs(&self) -> bool {
        let hears_log = || self.others.keys().any(|place| matches!(place, Place::Log(_)));
        !self.status_log.is_empty() || self.audits.contains_key(&Audited::Run) || hears_log()
    }

    pub(super) fn hear(&self, place: Place<'a>) -> bool {
        !self.raised_by(place).is_empty()
    }

    /// The listeners that an event at this place starts.
    pub(super) fn raised_by(&self, place: Place<'a>) -> Vec<(usize, Match)> {
        let certain = match place {
            Place::Bucket { bucket, prefix } => self.of_objects(bucket, prefix),
            Place::Queue(queue) => self.of_queue(queue),
            Place::StatusLog => self.status_log.iter().map(|listener| (*listener, Match::Certain)).collect(),
            place => {
                let found = self.others.get(&place).into_iter().flatten();
                found.map(|listener| (*listener, Match::Certain)).collect()
            }
        };
        certain.into_iter().chain(self.possibly_raised_by(place).map(|listener| (listener, Match::Possible))).collect()
    }

    /// Those whose filters are not known, and those that Cloud Trace Service starts if it records this.
    fn possibly_raised_by(&self, place: Place<'a>) -> impl Iterator<Item = usize> {
        let (bucket, audited) = match place {
            Place::Bucket { bucket, .. } => (Some(bucket), Some(Audited::Object)),
            Place::Topic(_) => (None, Some(Audited::Message)),
            Place::Stream(_) => (None, Some(Audited::StreamRecord)),
            Place::Runs => (None, Some(Audited::Run)),
            Place::Queue(_) | Place::Log(_) | Place::StatusLog | Place::Source { .. } => (None, None),
        };
        let of_bucket = bucket.and_then(|bucket| self.event_grid.get(bucket)).into_iter().flatten();
        of_bucket.chain(audited.and_then(|audited| self.audits.get(&audited)).into_iter().flatten()).copied()
    }

    fn of_queue(&self, queue: Queue<'_>) -> Vec<(usize, Match)> {
        let found = self.queues.iter().filter_map(|listener| {
            Some((*listener, self.all[*listener].listening.source.is_raised_by_message(queue)?))
        });
        found.collect()
    }

    /// The triggers of a bucket that objects with names of this start can raise. Looks only at prefixes that can match, so
    /// many triggers on one bucket take little time.
    fn of_objects(&self, bucket: &str, start: &str) -> Vec<(usize, Match)> {
        let Some(bucket) = self.buckets.get(bucket) else { return Vec::new() };
        let mut found = BTreeMap::new();
        for start in [Some(start), start.strip_prefix('/')].into_iter().flatten() {
            let shorter = bucket.lengths.range(..=start.len()).filter_map(|length| start.get(..*length));
            let shorter = shorter.filter_map(|prefix| bucket.prefixes.get_key_value(prefix));
            let longer = bucket.prefixes.range(start..).take_while(|(prefix, _)| prefix.starts_with(start));
            for (prefix, listeners) in shorter.chain(longer) {
                found.extend(listeners.iter().map(|listener| (*listener, *prefix)));
            }
        }
        let certainty = |(listener, _): (usize, &str)| {
            let source = self.all[listener].listening.source;
            let Source::Obs { prefix, suffix, .. } = source else { return None };
            Some((listener, object_match(start, prefix, suffix)?))
        };
        found.into_iter().filter_map(certainty).collect()
    }

    /// The place of a listener that no notification reaches.
    pub(super) fn own_place(&self, listener: usize) -> Place<'a> {
        let Listener { trigger, listening, .. } = &self.all[listener];
        let schedule = if let Source::Timer { schedule } = listening.source { schedule } else { "" };
        Place::heard(listening.source).unwrap_or(Place::Source {
            code: trigger.code,
            function: trigger.function,
            key: trigger.key.as_str(),
            schedule,
        })
    }

    pub(super) fn lifetime(&self, listener: usize, end: End<'a>) -> Option<Lifetime<'a>> {
        let Listener { is_before, is_after, .. } = self.all[listener];
        Lifetime::of(is_before.then_some(end), is_after.then_some(end))
    }
}

fn listeners<'t, 'a>(trigger: &'t Trigger<'a>) -> Vec<Listener<'t, 'a>> {
    let listener = |listening: Option<Listening<'a>>, is_before, is_after| {
        listening.map(|listening| Listener { trigger, listening, is_before, is_after })
    };
    let found = match (trigger.before, trigger.after) {
        (before, after) if before == after => [listener(after, true, true), None],
        (before, after) => [listener(before, true, false), listener(after, false, true)],
    };
    found.into_iter().flatten().collect()
}
